//! The file that says what may vary, and the settings of a trial that follow from it.

use crate::commands::train;
use crate::failure::user;
use crate::trained::AnyConfig;
use anyhow::Result;
use basewise_core::tune::{Domain, Parameter, Point, Range, Space, Value};
use basewise_learn::classical::Kind;
use basewise_nn::{Architecture, ConfigFile, TrainConfig};
use std::path::Path;
use toml::{Table, Value as Toml};

const MODEL: &str = "model";
/// What opens the name of a number in the architecture: `layer.1.filters`.
const LAYER: &str = "layer";

/// A space with what stays the same in all of it.
pub(super) struct SearchSpace {
    pub(super) space: Space,
    /// Settings that do not vary, by their dotted names.
    fixed: Vec<(String, Toml)>,
    /// What neither varies nor is fixed.
    usual: TrainConfig,
    file: String,
}

impl SearchSpace {
    /// Reads a file; what it does not name is as in `usual`.
    pub(super) fn read(path: &Path, usual: TrainConfig) -> Result<Self> {
        let file = path.display().to_string();
        Self::parse(&fs_err::read_to_string(path)?, file, usual)
    }

    fn parse(text: &str, file: String, usual: TrainConfig) -> Result<Self> {
        let table: Table = toml::from_str(text)
            .map_err(|error| user(format!("{file}: expected TOML: {}", error.to_string().trim_end()), None))?;
        let (mut parameters, mut fixed) = (Vec::new(), Vec::new());
        collect("", table, &mut parameters, &mut fixed)
            .map_err(|fault| user(format!("{file}: {fault}"), Some(HINT)))?;
        // The order decides what is drawn for each, so it must not be that of the file.
        parameters.sort_by(|a, b| a.name.cmp(&b.name));
        let space = Space::new(parameters).map_err(|error| user(format!("{file}: {error}"), Some(HINT)))?;
        Ok(Self { space, fixed, usual, file })
    }

    /// Whether a setting varies or is fixed by the file.
    pub(super) fn names(&self, name: &str) -> bool {
        let varies = |parameter: &Parameter| parameter.name == name;
        self.space.parameters().iter().any(varies) || self.fixed.iter().any(|(fixed, _)| fixed == name)
    }

    /// The first setting that varies and whose name begins so.
    pub(super) fn varying(&self, start: &str) -> Option<&str> {
        self.space.parameters().iter().map(|parameter| parameter.name.as_str()).find(|name| name.starts_with(start))
    }

    /// Network and settings of a point.
    pub(super) fn config(&self, point: &Point) -> Result<AnyConfig> {
        let (mut settings, mut layers, mut model) = (Table::new(), Vec::new(), "cnn".to_owned());
        let sampled = self.space.parameters().iter().zip(point).map(|(p, value)| (p.name.clone(), toml_of(value)));
        for (name, value) in self.fixed.iter().cloned().chain(sampled) {
            match (name.split_once('.'), &value) {
                (Some((LAYER, place)), _) => layers.push((place.to_owned(), value)),
                (None, Toml::String(text)) if name == MODEL => model.clone_from(text),
                (None, _) if name == MODEL => {
                    return Err(user(format!("{}: model: expected names, found {value}", self.file), None));
                }
                _ => set(&mut settings, &name, value).map_err(|fault| user(format!("{}: {fault}", self.file), None))?,
            }
        }
        if let Ok(kind) = model.parse::<Kind>() {
            if let Some((place, _)) = layers.first() {
                return Err(user(format!("{}: {LAYER}.{place}: {kind} has no layers", self.file), None));
            }
            let config = train::classical::from_table(kind, settings, &self.file, self.usual.seed)?.resolved();
            return match config.fault() {
                Some(fault) => Err(user(format!("{}: {fault}", self.file), None)),
                None => Ok(AnyConfig::Classical(config)),
            };
        }
        let mut architecture = train::architecture(&model)?;
        if !layers.is_empty() {
            architecture = changed(&architecture, &layers, &model).map_err(|fault| {
                user(format!("{}: {fault}", self.file), Some("`basewise model show cnn --toml` prints the layers"))
            })?;
        }
        let mut config = ConfigFile::from_toml(&settings.to_string(), &self.file, &self.usual)?;
        config.train = config.train.resolved();
        config.model = Some(model);
        config.architecture = Some(architecture);
        Ok(AnyConfig::Network(config))
    }
}

const HINT: &str = "a setting has values = [..], or low = .. and high = .. with scale = \"log\" or \"linear\" and integer = true or false; \
                    or it is a value and does not vary";

/// Sorts the entries of a table into what varies and what does not.
fn collect(
    prefix: &str,
    table: Table,
    parameters: &mut Vec<Parameter>,
    fixed: &mut Vec<(String, Toml)>,
) -> Result<(), String> {
    for (key, value) in table {
        let name = format!("{prefix}{key}");
        match value {
            Toml::Table(inner) if ["values", "low", "high"].iter().any(|key| inner.contains_key(*key)) => {
                parameters.push(Parameter { domain: domain(&name, &inner)?, name });
            }
            Toml::Table(inner) => collect(&format!("{name}."), inner, parameters, fixed)?,
            Toml::Array(values) if name == MODEL => {
                let values = values.iter().map(|value| value_of(&name, value)).collect::<Result<_, _>>()?;
                parameters.push(Parameter { name, domain: Domain::Values(values) });
            }
            other => fixed.push((name, other)),
        }
    }
    Ok(())
}

fn domain(name: &str, table: &Table) -> Result<Domain, String> {
    let known: &[&str] = if table.contains_key("values") { &["values"] } else { &["low", "high", "scale", "integer"] };
    if let Some(key) = table.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(format!("{name}: expected {}, found {key:?}", known.join(", ")));
    }
    if let Some(values) = table.get("values") {
        let values = values.as_array().ok_or_else(|| format!("{name}: values: expected a list, found {values}"))?;
        return Ok(Domain::Values(values.iter().map(|value| value_of(name, value)).collect::<Result<_, _>>()?));
    }
    let end = |key: &str| match table.get(key) {
        Some(Toml::Integer(value)) => Ok(*value as f64),
        Some(Toml::Float(value)) => Ok(*value),
        Some(other) => Err(format!("{name}: {key}: expected a number, found {other}")),
        None => Err(format!("{name}: expected {key}, found none")),
    };
    let log = match table.get("scale") {
        None => false,
        Some(Toml::String(scale)) if scale == "linear" || scale == "log" => scale == "log",
        Some(other) => return Err(format!("{name}: scale: expected \"linear\" or \"log\", found {other}")),
    };
    let integer = match table.get("integer") {
        None => false,
        Some(Toml::Boolean(integer)) => *integer,
        Some(other) => return Err(format!("{name}: integer: expected true or false, found {other}")),
    };
    Ok(Domain::Range(Range { low: end("low")?, high: end("high")?, log, integer }))
}

fn value_of(name: &str, value: &Toml) -> Result<Value, String> {
    match value {
        Toml::Boolean(value) => Ok(Value::Switch(*value)),
        Toml::Integer(value) => Ok(Value::Integer(*value)),
        Toml::Float(value) => Ok(Value::Number(*value)),
        Toml::String(value) => Ok(Value::Text(value.clone())),
        other => Err(format!("{name}: expected numbers, names, true or false, found {other}")),
    }
}

fn toml_of(value: &Value) -> Toml {
    match value {
        Value::Switch(value) => Toml::Boolean(*value),
        Value::Integer(value) => Toml::Integer(*value),
        Value::Number(value) => Toml::Float(*value),
        Value::Text(value) => Toml::String(value.clone()),
    }
}

/// Puts a value where its dotted name says.
fn set(table: &mut Table, name: &str, value: Toml) -> Result<(), String> {
    let Some((first, rest)) = name.split_once('.') else {
        table.insert(name.to_owned(), value);
        return Ok(());
    };
    match table.entry(first.to_owned()).or_insert_with(|| Toml::Table(Table::new())) {
        Toml::Table(inner) => set(inner, rest, value),
        other => Err(format!("{name}: expected a setting within {first}, which is {other}")),
    }
}

/// The architecture with other values; places are `1.filters`, `3.2.width` or `3.b1.2.width`, as summaries count layers.
fn changed(architecture: &Architecture, places: &[(String, Toml)], model: &str) -> Result<Architecture, String> {
    let text = architecture.to_toml().map_err(|error| error.to_string())?;
    let mut table: Table = toml::from_str(&text).map_err(|error| error.to_string())?;
    for (place, value) in places {
        let missing = || format!("{LAYER}.{place}: expected a layer of {model}, which has none there");
        let mut steps: Vec<&str> = place.split('.').collect();
        let key = steps.pop().filter(|_| !steps.is_empty()).ok_or_else(missing)?;
        let mut at = &mut table;
        for step in steps {
            let (list, number) = match step.strip_prefix('b') {
                Some(branch) => ("branch", branch),
                None => (LAYER, step),
            };
            let number = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1)).ok_or_else(missing)?;
            let inner = at.get_mut(list).and_then(Toml::as_array_mut).and_then(|layers| layers.get_mut(number));
            at = inner.and_then(Toml::as_table_mut).ok_or_else(missing)?;
        }
        at.insert(key.to_owned(), value.clone());
    }
    Architecture::from_toml(&table.to_string(), model).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use basewise_nn::Layer;

    fn parse(text: &str) -> Result<SearchSpace> {
        SearchSpace::parse(text, "space.toml".into(), TrainConfig::default())
    }

    fn fails(text: &str, part: &str) {
        let error = match parse(text) {
            Err(error) => error,
            Ok(space) => {
                let point = basewise_core::tune::random(&space.space, 1, 0, &[]).unwrap();
                space.config(&point).unwrap_err()
            }
        };
        assert!(error.to_string().contains(part), "{error}");
    }

    #[test]
    fn settings_layers_and_models_vary_or_stay() {
        let space = parse(
            "model = ['cnn']\nepochs = 7\n[learning_rate]\nlow = 1e-4\nhigh = 1e-2\nscale = 'log'\n\
             [layer.1.filters]\nvalues = [8]\n['layer.1.width']\nvalues = [5]\n[loss.label_smoothing]\nvalues = [0.1]\n",
        )
        .unwrap();
        let names: Vec<&str> = space.space.parameters().iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["layer.1.filters", "layer.1.width", "learning_rate", "loss.label_smoothing", "model"]);
        assert!(space.names("epochs") && space.names("model") && !space.names("seed"));
        assert_eq!((space.varying("loss"), space.varying("x")), (Some("loss.label_smoothing"), None));
        let point = basewise_core::tune::random(&space.space, 1, 0, &[]).unwrap();
        let AnyConfig::Network(config) = space.config(&point).unwrap() else { panic!("a network") };
        assert_eq!((config.train.epochs, config.train.loss.label_smoothing), (7, 0.1));
        assert!((1e-4..=1e-2).contains(&config.train.learning_rate));
        let first = &config.architecture.as_ref().unwrap().layers[0];
        assert!(matches!(first, Layer::Conv1d { filters: 8, width: 5, .. }), "{first:?}");
        // It can be written and read as the file of a single run.
        let text = config.to_toml().unwrap();
        assert_eq!(ConfigFile::from_toml(&text, "again", &TrainConfig::default()).unwrap(), config);
    }

    #[test]
    fn nested_layers_are_found_by_their_path() {
        let space = parse("model = 'dilated'\n['layer.4.1.filters']\nvalues = [24]\n").unwrap();
        let point = basewise_core::tune::random(&space.space, 1, 0, &[]).unwrap();
        let found = space.config(&point);
        let text = format!("{found:?}");
        assert!(text.contains("filters: 24") || text.contains("layer.4.1.filters"), "{text}");
    }

    #[test]
    fn classical_models_have_a_space_of_their_own() {
        let space = parse("model = 'gbdt'\nfeatures = 'gc,kmers=3'\n[leaves]\nvalues = [7]\n").unwrap();
        let point = basewise_core::tune::random(&space.space, 1, 0, &[]).unwrap();
        let AnyConfig::Classical(config) = space.config(&point).unwrap() else { panic!("a classical model") };
        assert_eq!(
            (config.leaves, config.rounds, config.features.to_string().as_str()),
            (Some(7), Some(1000), "gc,kmers=3")
        );
        fails("model = 'gbdt'\n['layer.1.filters']\nvalues = [7]", "gbdt has no layers");
        fails("model = 'forest'\n[leaves]\nvalues = [7]", "leaves is no setting of forest");
        fails("model = 'forest'\n[leavs]\nvalues = [7]", "did you mean \"leaves\"?");
        fails("model = 'tree'\nfeatures = 'kmer=3'\n[max_depth]\nvalues = [7]", "features: ");
    }

    #[test]
    fn files_that_make_no_sense_are_refused() {
        fails("epochs = 3", "expected at least one setting that varies");
        fails("= 3", "expected TOML");
        fails("[learning_rate]\nlow = 1", "learning_rate: expected high, found none");
        fails("[learning_rate]\nlow = 1\nhigh = 'x'", "learning_rate: high: expected a number");
        fails("[learning_rate]\nlow = 1\nhigh = 2\nscale = 'cube'", "scale: expected \"linear\" or \"log\"");
        fails("[learning_rate]\nlow = 1\nhigh = 2\nstep = 1", "found \"step\"");
        fails("[learning_rate]\nlow = 3\nhigh = 2", "learning_rate: expected low below high");
        fails("[learning_rate]\nvalues = 3", "values: expected a list");
        fails("[learning_rat]\nvalues = [1]", "did you mean \"learning_rate\"?");
        fails("['layer.99.filters']\nvalues = [1]", "layer.99.filters: expected a layer of cnn");
        fails("['layer.1.filter']\nvalues = [1]", "did you mean \"filters\"?");
        fails("model = [1, 2]", "model: expected names");
        fails("model = ['nonesuch']", "nonesuch");
    }
}
