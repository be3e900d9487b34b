//! Reading a network's TOML, with errors that name the file, the layer and the nearest valid word.

use super::{ARCHITECTURE_FORMAT, Architecture, Layer};
use crate::suggest::{hint, nearest};
use toml::{Table, Value};

/// Every layer type with the keys that it takes beside `type`.
const TYPES: &[(&str, &[&str])] = &[
    ("conv1d", &["filters", "width", "stride", "dilation", "groups", "padding"]),
    ("max-pool1d", &["width", "stride"]),
    ("avg-pool1d", &["width", "stride"]),
    ("global-max-pool", &[]),
    ("global-avg-pool", &[]),
    ("flatten", &[]),
    ("dense", &["units"]),
    ("dropout", &["rate", "channels"]),
    ("batch-norm", &[]),
    ("relu", &[]),
    ("gelu", &[]),
    ("silu", &[]),
    ("elu", &[]),
    ("tanh", &[]),
    ("sigmoid", &[]),
    ("softplus", &[]),
    ("exp", &[]),
];

/// The values of `padding`.
const PADDINGS: &[&str] = &["same", "valid"];

const TOP_KEYS: &[&str] = &["format_version", "name", "layer"];

/// More layers than anyone needs; a bound on what a hostile file can make us build.
const MAX_LAYERS: usize = 1000;

/// Why a description of a network could not be read or written.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ArchitectureError {
    /// Not TOML.
    #[error("{file}: expected TOML: {message}")]
    Toml {
        /// Where the text came from.
        file: String,
        /// The parser's words, with line and column.
        message: String,
    },
    /// Written by a newer program.
    #[error(
        "{file}: expected format_version {ARCHITECTURE_FORMAT} or lower, found {found}; a newer basewise may have written it"
    )]
    Version {
        /// Where the text came from.
        file: String,
        /// What it says.
        found: i64,
    },
    /// A key outside the layers that means nothing.
    #[error("{file}: unknown key {key:?}{}; valid keys are format_version, name and [[layer]]", hint(.nearest))]
    UnknownKey {
        /// Where the text came from.
        file: String,
        /// The key.
        key: String,
        /// The valid key most like it.
        nearest: Option<String>,
    },
    /// There is no such layer.
    #[error("{file}: layer {number}: unknown type {found:?}{}; valid types are {}", hint(.nearest), type_names().join(", "))]
    UnknownType {
        /// Where the text came from.
        file: String,
        /// 1-based position among the layers.
        number: usize,
        /// The type that was given.
        found: String,
        /// The valid type most like it.
        nearest: Option<String>,
    },
    /// The layer takes no such key.
    #[error("{file}: layer {number} ({layer}): unknown key {key:?}{}; valid keys are {}", hint(.nearest), key_list(.all))]
    UnknownLayerKey {
        /// Where the text came from.
        file: String,
        /// 1-based position among the layers.
        number: usize,
        /// The layer's type.
        layer: &'static str,
        /// The key.
        key: String,
        /// The valid key most like it.
        nearest: Option<String>,
        /// All keys of that layer.
        all: &'static [&'static str],
    },
    /// A value is missing, of the wrong kind or out of range.
    #[error("{file}: layer {number} ({layer}): {message}")]
    Layer {
        /// Where the text came from.
        file: String,
        /// 1-based position among the layers.
        number: usize,
        /// The layer's type.
        layer: &'static str,
        /// What is wrong.
        message: String,
    },
    /// Something else that is wrong with the file.
    #[error("{file}: {message}")]
    Form {
        /// Where the text came from.
        file: String,
        /// What is wrong.
        message: String,
    },
    /// There is no such preset.
    #[error("unknown model preset {name:?}{}; presets are {all}; a path to a TOML file works too", hint(.nearest))]
    UnknownPreset {
        /// The name that was given.
        name: String,
        /// The preset most like it.
        nearest: Option<String>,
        /// All presets.
        all: String,
    },
    /// A number that TOML cannot hold.
    #[error("the network cannot be written as TOML: {0}")]
    Write(String),
}

impl Architecture {
    /// Reads a network from TOML; `source` (usually the file's path) opens every error.
    ///
    /// # Errors
    /// Not TOML, an unknown key or layer type, a missing value or one out of range; nothing is ignored.
    pub fn from_toml(text: &str, source: &str) -> Result<Self, ArchitectureError> {
        let file = || source.to_owned();
        let table: Table = toml::from_str(text).map_err(|error| ArchitectureError::Toml {
            file: file(),
            message: error.to_string().trim_end().to_owned(),
        })?;
        if let Some(key) = table.keys().find(|key| !TOP_KEYS.contains(&key.as_str())) {
            return Err(ArchitectureError::UnknownKey {
                file: file(),
                key: key.clone(),
                nearest: nearest(key, TOP_KEYS),
            });
        }
        check_version(&table, source)?;
        let name = match table.get("name") {
            None => None,
            Some(Value::String(name)) => Some(name.clone()),
            Some(other) => {
                let message = format!("name: expected text, found {}", other.type_str());
                return Err(ArchitectureError::Form { file: file(), message });
            }
        };
        let layers = layer_tables(&table, source)?
            .iter()
            .enumerate()
            .map(|(i, value)| read_layer(value, i + 1, source))
            .collect::<Result<Vec<Layer>, _>>()?;
        Ok(Self { format_version: ARCHITECTURE_FORMAT, name, layers })
    }

    /// Checks the ranges of all values, as reading does.
    ///
    /// # Errors
    /// The first layer with a value out of range.
    pub fn check(&self, source: &str) -> Result<(), ArchitectureError> {
        if self.format_version == 0 || self.format_version > ARCHITECTURE_FORMAT {
            return Err(ArchitectureError::Version { file: source.to_owned(), found: self.format_version.into() });
        }
        check_count(self.layers.len(), source)?;
        self.layers.iter().enumerate().try_for_each(|(i, layer)| check_layer(layer, i + 1, source))
    }
}

fn check_version(table: &Table, source: &str) -> Result<(), ArchitectureError> {
    match table.get("format_version") {
        None => Ok(()),
        Some(Value::Integer(version)) if (1..=i64::from(ARCHITECTURE_FORMAT)).contains(version) => Ok(()),
        Some(Value::Integer(found)) => Err(ArchitectureError::Version { file: source.to_owned(), found: *found }),
        Some(other) => Err(ArchitectureError::Form {
            file: source.to_owned(),
            message: format!("format_version: expected a whole number, found {}", other.type_str()),
        }),
    }
}

fn layer_tables<'t>(table: &'t Table, source: &str) -> Result<&'t [Value], ArchitectureError> {
    let form = |message: String| ArchitectureError::Form { file: source.to_owned(), message };
    match table.get("layer") {
        Some(Value::Array(layers)) => check_count(layers.len(), source).map(|()| layers.as_slice()),
        Some(other) => Err(form(format!("layer: expected [[layer]] tables, found {}", other.type_str()))),
        None => Err(form("expected at least one [[layer]]; an empty list (layer = []) is a linear model".into())),
    }
}

fn check_count(count: usize, source: &str) -> Result<(), ArchitectureError> {
    if count > MAX_LAYERS {
        let message = format!("expected at most {MAX_LAYERS} layers, found {count}");
        return Err(ArchitectureError::Form { file: source.to_owned(), message });
    }
    Ok(())
}

/// All layer types, for a message.
fn type_names() -> Vec<&'static str> {
    TYPES.iter().map(|(name, _)| *name).collect()
}

fn key_list(keys: &[&str]) -> String {
    if keys.is_empty() { "only type".to_owned() } else { keys.join(", ") }
}

fn read_layer(value: &Value, number: usize, source: &str) -> Result<Layer, ArchitectureError> {
    let file = || source.to_owned();
    let bad = |layer, message| ArchitectureError::Layer { file: file(), number, layer, message };
    let Value::Table(table) = value else {
        return Err(bad("?", format!("expected a [[layer]] table, found {}", value.type_str())));
    };
    let found = match table.get("type") {
        Some(Value::String(name)) => name,
        Some(other) => return Err(bad("?", format!("type: expected text, found {}", other.type_str()))),
        None => return Err(bad("?", "expected a type, such as type = \"conv1d\"".into())),
    };
    let Some(&(name, keys)) = TYPES.iter().find(|(name, _)| name == found) else {
        let nearest = nearest(found, &type_names());
        return Err(ArchitectureError::UnknownType { file: file(), number, found: found.clone(), nearest });
    };
    if let Some(key) = table.keys().find(|key| *key != "type" && !keys.contains(&key.as_str())) {
        let (key, nearest) = (key.clone(), nearest(key, keys));
        return Err(ArchitectureError::UnknownLayerKey { file: file(), number, layer: name, key, nearest, all: keys });
    }
    if let Some(Value::String(found)) = table.get("padding")
        && !PADDINGS.contains(&found.as_str())
    {
        let (near, all) = (hint(&nearest(found, PADDINGS)), PADDINGS.join(", "));
        return Err(bad(name, format!("padding: unknown value {found:?}{near}; valid values are {all}")));
    }
    let layer: Layer =
        value.clone().try_into().map_err(|error: toml::de::Error| bad(name, error.message().to_owned()))?;
    check_layer(&layer, number, source)?;
    Ok(layer)
}

fn check_layer(layer: &Layer, number: usize, source: &str) -> Result<(), ArchitectureError> {
    let bad = |message: String| ArchitectureError::Layer {
        file: source.to_owned(),
        number,
        layer: layer.type_name(),
        message,
    };
    let positive: Vec<(&str, usize)> = match *layer {
        Layer::Conv1d { filters, width, stride, dilation, groups, .. } => {
            vec![("filters", filters), ("width", width), ("stride", stride), ("dilation", dilation), ("groups", groups)]
        }
        Layer::MaxPool1d { width, stride } | Layer::AvgPool1d { width, stride } => {
            vec![("width", width), ("stride", stride.unwrap_or(width))]
        }
        Layer::Dense { units } => vec![("units", units)],
        _ => Vec::new(),
    };
    if let Some((key, _)) = positive.iter().find(|(_, value)| *value == 0) {
        return Err(bad(format!("{key}: expected 1 or more, found 0")));
    }
    match layer {
        Layer::Dropout { rate, .. } if !(0.0..1.0).contains(rate) => {
            Err(bad(format!("rate: expected 0 or more and below 1, found {rate}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Architecture::from_toml(text, "net.toml").unwrap_err().to_string()
    }

    #[test]
    fn an_unknown_layer_is_named_with_the_nearest() {
        let text = error("[[layer]]\ntype = 'relu'\n[[layer]]\ntype = 'conv'\nwidth = 3");
        assert!(text.starts_with("net.toml: layer 2: unknown type \"conv\"; did you mean \"conv1d\"?"), "{text}");
    }

    #[test]
    fn an_unknown_key_is_named_with_the_nearest() {
        let text = error("[[layer]]\ntype = 'conv1d'\nfilter = 3\nwidth = 3");
        assert!(
            text.starts_with("net.toml: layer 1 (conv1d): unknown key \"filter\"; did you mean \"filters\"?"),
            "{text}"
        );
        let text = error("[[layer]]\ntype = 'relu'\nslope = 3");
        assert!(text.contains("valid keys are only type"), "{text}");
        assert!(error("[[layers]]\ntype = 'relu'").contains("did you mean \"layer\"?"));
    }

    #[test]
    fn an_unknown_padding_is_named_with_the_nearest() {
        assert_eq!(
            error("[[layer]]\ntype = 'conv1d'\nfilters = 3\nwidth = 3\npadding = 'sme'"),
            "net.toml: layer 1 (conv1d): padding: unknown value \"sme\"; did you mean \"same\"?; \
             valid values are same, valid"
        );
    }

    #[test]
    fn values_out_of_range_are_refused() {
        assert!(error("[[layer]]\ntype = 'conv1d'\nfilters = 0\nwidth = 3").contains("filters: expected 1 or more"));
        assert!(error("[[layer]]\ntype = 'conv1d'\nfilters = -1\nwidth = 3").contains("layer 1 (conv1d)"));
        assert!(error("[[layer]]\ntype = 'conv1d'\nfilters = 1").contains("width"));
        assert!(error("[[layer]]\ntype = 'dropout'\nrate = 1.0").contains("below 1, found 1"));
        assert!(error("[[layer]]\ntype = 'dropout'\nrate = nan").contains("below 1, found NaN"));
        assert!(error("[[layer]]\ntype = 'conv1d'\nfilters = 1\nwidth = 2\npadding = 'full'").contains("full"));
        assert!(error("[[layer]]\nwidth = 3").contains("expected a type"));
        assert!(error("layer = 3").contains("found integer"));
        assert!(error("").contains("at least one [[layer]]"));
        assert!(error("format_version = 2\n[[layer]]\ntype = 'relu'").contains("found 2"));
        assert!(error("[[layer").contains("expected TOML"));
    }

    #[test]
    fn every_type_has_its_keys_and_survives_a_round_trip() {
        for (name, keys) in TYPES {
            let mut text = format!("[[layer]]\ntype = '{name}'\n");
            for key in *keys {
                let value = match *key {
                    "padding" => "'valid'".to_owned(),
                    "rate" => "0.5".to_owned(),
                    "channels" => "true".to_owned(),
                    _ => "2".to_owned(),
                };
                text += &format!("{key} = {value}\n");
            }
            let architecture = Architecture::from_toml(&text, "t").unwrap();
            assert_eq!(architecture.layers[0].type_name(), *name);
            let back = Architecture::from_toml(&architecture.to_toml().unwrap(), "t").unwrap();
            assert_eq!(architecture, back);
        }
    }

    #[test]
    fn presets_are_listed_and_readable() {
        for (name, _) in Architecture::presets() {
            let preset = Architecture::preset(name).unwrap();
            assert_eq!(Architecture::from_toml(&preset.to_toml().unwrap(), "t").unwrap(), preset);
        }
        assert!(Architecture::preset("cn").unwrap_err().to_string().contains("did you mean \"cnn\"?"));
    }
}
