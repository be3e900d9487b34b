//! Configuration files: a network and how it is trained, as TOML.

use super::{LayerPenalty, TrainConfig, TrainError};
use crate::architecture::Architecture;
use crate::suggest::{hint, nearest};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use toml::{Table, Value};

/// What a configuration file says: the settings of [`TrainConfig`] by their names at the top and in tables, `model` for a
/// preset or an architecture file, or the network itself as `[architecture]` with the layers as `[[architecture.layer]]`.
///
/// ```
/// use basewise_nn::{ConfigFile, TrainConfig};
///
/// let text = "
/// model = 'cnn'
/// epochs = 5
/// [loss]
/// label_smoothing = 0.1
/// ";
/// let file = ConfigFile::from_toml(text, "my.toml", &TrainConfig::default())?;
/// assert_eq!((file.model.as_deref(), file.train.epochs), (Some("cnn"), 5));
/// # Ok::<(), basewise_nn::TrainError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigFile {
    /// The preset or the architecture file; only a name if there is an architecture.
    pub model: Option<String>,
    /// The network.
    pub architecture: Option<Architecture>,
    /// How it is trained.
    pub train: TrainConfig,
}

const MODEL: &str = "model";
const ARCHITECTURE: &str = "architecture";

impl ConfigFile {
    /// Reads a file; `source` (usually its path) opens every error. What the file does not say is as in `usual`.
    ///
    /// # Errors
    /// Not TOML, an unknown key, a value of the wrong kind or out of range; nothing is ignored.
    pub fn from_toml(text: &str, source: &str, usual: &TrainConfig) -> Result<Self, TrainError> {
        let wrong = |message: String| TrainError::Config(format!("{source}: {message}"));
        let mut table: Table =
            toml::from_str(text).map_err(|error| wrong(format!("expected TOML: {}", error.to_string().trim_end())))?;
        let model = match table.remove(MODEL) {
            None => None,
            Some(Value::String(model)) => Some(model),
            Some(other) => return Err(wrong(format!("{MODEL}: expected text, found {}", other.type_str()))),
        };
        let architecture = match table.remove(ARCHITECTURE) {
            None => None,
            Some(Value::Table(inner)) => {
                Some(Architecture::from_toml(&inner.to_string(), &format!("{source}: {ARCHITECTURE}"))?)
            }
            Some(other) => return Err(wrong(format!("{ARCHITECTURE}: expected a table, found {}", other.type_str()))),
        };
        let train = overridden(usual, table, &[MODEL, ARCHITECTURE]).map_err(wrong)?;
        train.fault().map_or(Ok(Self { model, architecture, train }), |fault| Err(wrong(fault)))
    }

    /// The file that [`ConfigFile::from_toml`] reads to the same, with every setting in it.
    ///
    /// # Errors
    /// A number that TOML cannot hold.
    pub fn to_toml(&self) -> Result<String, TrainError> {
        let Self { model, architecture, train } = self;
        let written = toml::to_string(&Written { model: model.as_deref(), train, architecture: architecture.as_ref() });
        written.map_err(|error| TrainError::Config(format!("the settings cannot be written: {error}")))
    }
}

/// A file in the order of its writing.
#[derive(Serialize)]
struct Written<'a> {
    model: Option<&'a str>,
    #[serde(flatten)]
    train: &'a TrainConfig,
    architecture: Option<&'a Architecture>,
}

/// Settings with those of a table in their place, one after the other, so that an error names its key. An unknown key is an
/// error that lists the known ones, with `more` before them.
///
/// # Errors
/// The key and what is wrong with it.
pub fn overridden<T: Serialize + DeserializeOwned + Clone>(
    usual: &T,
    table: Table,
    more: &[&str],
) -> Result<T, String> {
    let mut all = Table::try_from(usual).map_err(|error| error.to_string())?;
    let mut train = usual.clone();
    let known = keys(usual);
    for (key, value) in table {
        check_key(&known, "", &key, more)?;
        let parts = match (value, known.get(&key)) {
            (Value::Table(inner), Some(Json::Object(_))) => {
                inner.into_iter().map(|(inner, value)| (Some(inner), value)).collect()
            }
            (value, _) => vec![(None, value)],
        };
        for (inner, value) in parts {
            let name = inner.as_ref().map_or(key.clone(), |inner| format!("{key}.{inner}"));
            check_inner(&known[key.as_str()], &key, inner.as_deref(), &value)?;
            match (inner, all.entry(key.clone()).or_insert(Value::Table(Table::new()))) {
                (Some(inner), Value::Table(own)) => drop(own.insert(inner, value)),
                (_, own) => *own = value,
            }
            let settings = Value::Table(all.clone()).try_into();
            train = settings.map_err(|error: toml::de::Error| format!("{name}: {}", error.message()))?;
        }
    }
    Ok(train)
}

/// All settings, those without a value too.
fn keys(config: &impl Serialize) -> Json {
    serde_json::to_value(config).unwrap_or_default()
}

/// Checks the key of a table within, and those of each of its `[[penalty]]` tables.
fn check_inner(known: &Json, key: &str, inner: Option<&str>, value: &Value) -> Result<(), String> {
    if let Some(inner) = inner {
        return check_key(known, &format!("{key}: "), inner, &[]);
    }
    let (Json::Array(_), Value::Array(tables)) = (known, value) else { return Ok(()) };
    let keys = serde_json::to_value(LayerPenalty::default()).unwrap_or_default();
    let mut keys_of = tables.iter().filter_map(Value::as_table).flat_map(Table::keys);
    keys_of.try_for_each(|found| check_key(&keys, &format!("{key}: "), found, &[]))
}

fn check_key(known: &Json, place: &str, key: &str, more: &[&str]) -> Result<(), String> {
    let names = known.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
    let names: Vec<&str> = more.iter().copied().chain(names).collect();
    if names.contains(&key) {
        return Ok(());
    }
    let (near, all) = (hint(&nearest(key, &names)), names.join(", "));
    Err(format!("{place}unknown key {key:?}{near}; valid keys are {all}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::{ClassWeights, WeightRule};
    use crate::{OptimizerKind, Schedule};

    fn read(text: &str) -> Result<ConfigFile, String> {
        ConfigFile::from_toml(text, "c.toml", &TrainConfig::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_written_reads_the_same() {
        let train = TrainConfig {
            schedule: Schedule::OneCycle,
            optimizer: OptimizerKind::RmsProp,
            ema: Some(0.99),
            clip_gradient: Some(1.0),
            penalty: vec![LayerPenalty { layer: "head".into(), l1: 0.0, l2: 0.25 }],
            ..TrainConfig::default()
        };
        let mut train = train.resolved();
        train.loss.class_weights = ClassWeights::Given(vec![1.0, 2.5]);
        train.loss.task_weights.insert("a task".into(), 2.0);
        let architecture = Architecture::preset("dilated").unwrap();
        let file = ConfigFile { model: Some("dilated".into()), architecture: Some(architecture), train };
        let text = file.to_toml().unwrap();
        assert_eq!(read(&text).unwrap(), file, "{text}");
        assert!(text.contains("momentum = 0.0") && text.contains("[[architecture.layer]]"), "{text}");
        let bare = ConfigFile { model: None, architecture: None, train: TrainConfig::default() };
        assert_eq!(read(&bare.to_toml().unwrap()).unwrap(), bare);
        assert_eq!(read("").unwrap(), bare);
    }

    #[test]
    fn a_file_overrides_what_is_usual() {
        let usual = TrainConfig { reverse_complement: true, epochs: 3, ..TrainConfig::default() };
        let text = "epochs = 9\nlearning_rate = 1\noptimizer = 'sgd'\n[loss]\nclass_weights = 'balanced'\n\
                    [loss.task_weights]\nx = 2\n";
        let found = ConfigFile::from_toml(text, "c.toml", &usual).unwrap().train;
        assert_eq!((found.epochs, found.learning_rate, found.optimizer), (9, 1.0, OptimizerKind::Sgd));
        assert!(found.reverse_complement);
        assert_eq!(found.loss.class_weights, ClassWeights::Rule(WeightRule::Balanced));
        assert_eq!(found.loss.task_weights["x"], 2.0);
    }

    #[test]
    fn errors_name_file_key_and_the_nearest_word() {
        let fails = |text: &str, parts: &[&str]| {
            let error = read(text).unwrap_err();
            assert!(error.starts_with("c.toml: "), "{error}");
            parts.iter().for_each(|part| assert!(error.contains(part), "{part:?} in {error}"));
        };
        fails("epoch = 3", &["unknown key \"epoch\"; did you mean \"epochs\"?", "model, architecture"]);
        fails("[loss]\nsmoothing = 1", &["loss: unknown key \"smoothing\"", "label_smoothing"]);
        fails("[[penalty]]\nlayers = '1'", &["penalty: unknown key \"layers\"; did you mean \"layer\"?"]);
        fails("epochs = 'many'", &["epochs: ", "expected"]);
        fails("optimizer = 'adma'", &["optimizer: ", "adma", "adamw"]);
        fails("[loss]\nbinary = 'mse'", &["loss.binary: ", "mse", "focal"]);
        fails("loss = 3", &["loss: "]);
        fails("ema = 1.5", &["ema: expected a number above 0 and below 1, found 1.5"]);
        fails("model = 3", &["model: expected text, found integer"]);
        fails("= 3", &["expected TOML"]);
        fails("[architecture]\n[[architecture.layer]]\ntype = 'cov1d'", &["did you mean \"conv1d\"?"]);
        fails("[architecture]\nlayer = 1", &["architecture: "]);
    }
}
