//! Reading a network's TOML, with errors that name the file, the layer and the nearest valid word.

use super::{ARCHITECTURE_FORMAT, Architecture, Head, Layer, Positions};
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
    ("side-inputs", &[]),
    ("control-signal", &["form"]),
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
    ("crop", &["left", "right"]),
    ("lstm", &["units", "bidirectional", "last"]),
    ("gru", &["units", "bidirectional", "last"]),
    ("layer-norm", &[]),
    ("rms-norm", &[]),
    ("softmax", &[]),
    ("upsample", &["factor"]),
    ("attention-pool", &["width"]),
    ("self-attention", &["heads", "key_size", "positions", "clip"]),
    ("strands", &["layer", "combine"]),
    ("residual", &["layer"]),
    ("concat", &["branch"]),
];

/// Keys whose values are words, and these.
const WORDS: &[(&str, &[&str])] = &[
    ("padding", &["same", "valid"]),
    ("positions", &["none", "rotary", "relative"]),
    ("combine", &["mean", "max", "sum"]),
    ("form", &["bins", "log-bins", "log-totals"]),
];

const TOP_KEYS: &[&str] = &["format_version", "name", "head", "layer"];

/// More layers than anyone needs; a bound on what a hostile file can make us build.
const MAX_LAYERS: usize = 1000;

/// Layers around a layer, at most.
const MAX_DEPTH: usize = 8;

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
    #[error("{file}: unknown key {key:?}{}; valid keys are format_version, name, [head] and [[layer]]", hint(.nearest))]
    UnknownKey {
        /// Where the text came from.
        file: String,
        /// The key.
        key: String,
        /// The valid key most like it.
        nearest: Option<String>,
    },
    /// There is no such layer.
    #[error("{file}: layer {path}: unknown type {found:?}{}; valid types are {}", hint(.nearest), type_names().join(", "))]
    UnknownType {
        /// Where the text came from.
        file: String,
        /// 1-based position among the layers, such as `3`, or `3.2` for the second layer within the third.
        path: String,
        /// The type that was given.
        found: String,
        /// The valid type most like it.
        nearest: Option<String>,
    },
    /// The layer takes no such key.
    #[error("{file}: layer {path} ({layer}): unknown key {key:?}{}; valid keys are {}", hint(.nearest), key_list(.layer))]
    UnknownLayerKey {
        /// Where the text came from.
        file: String,
        /// 1-based position among the layers, such as `3`, or `3.2` for the second layer within the third.
        path: String,
        /// The layer's type.
        layer: &'static str,
        /// The key.
        key: String,
        /// The valid key most like it.
        nearest: Option<String>,
    },
    /// A value is missing, of the wrong kind or out of range.
    #[error("{file}: layer {path} ({layer}): {message}")]
    Layer {
        /// Where the text came from.
        file: String,
        /// 1-based position among the layers, such as `3`, or `3.2` for the second layer within the third.
        path: String,
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
        let layers = match table.get("layer") {
            Some(layers) => read_layers(layers, &Place { source, prefix: "", depth: 0 })?,
            None => {
                let message = "expected at least one [[layer]]; an empty list (layer = []) is a linear model".into();
                return Err(ArchitectureError::Form { file: file(), message });
            }
        };
        check_count(&layers, source)?;
        let head = table.get("head").map_or_else(|| Ok(Head::default()), |head| Head::read(head, source))?;
        Ok(Self { format_version: ARCHITECTURE_FORMAT, name, head, layers })
    }

    /// Checks the ranges of all values, as reading does.
    ///
    /// # Errors
    /// The first layer with a value out of range.
    pub fn check(&self, source: &str) -> Result<(), ArchitectureError> {
        if self.format_version == 0 || self.format_version > ARCHITECTURE_FORMAT {
            return Err(ArchitectureError::Version { file: source.to_owned(), found: self.format_version.into() });
        }
        if let Some(message) = self.head.fault() {
            return Err(ArchitectureError::Form { file: source.to_owned(), message });
        }
        check_layers(&self.layers, &Place { source, prefix: "", depth: 0 })?;
        check_count(&self.layers, source)
    }
}

/// Where a list of layers stands.
struct Place<'a> {
    /// The file's name.
    source: &'a str,
    /// The path of the layer around the list, with a dot; empty outside.
    prefix: &'a str,
    /// Layers around the list.
    depth: usize,
}

impl Place<'_> {
    fn path(&self, i: usize) -> String {
        format!("{}{}", self.prefix, i + 1)
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

/// Layers and branches in all.
fn count(layers: &[Layer]) -> usize {
    let inner = layers.iter().flat_map(|layer| layer.inner());
    layers.len() + inner.map(|layers| 1 + count(layers)).sum::<usize>()
}

fn check_count(layers: &[Layer], source: &str) -> Result<(), ArchitectureError> {
    let count = count(layers);
    if count > MAX_LAYERS {
        let message = format!("expected at most {MAX_LAYERS} layers, found {count}");
        return Err(ArchitectureError::Form { file: source.to_owned(), message });
    }
    Ok(())
}

/// All layer types.
pub(crate) fn type_names() -> Vec<&'static str> {
    TYPES.iter().map(|(name, _)| *name).collect()
}

/// The keys of a layer type, for a message.
fn key_list(layer: &str) -> String {
    let keys = TYPES.iter().find(|(name, _)| *name == layer).map_or(&[][..], |(_, keys)| *keys);
    if keys.is_empty() { "only type".to_owned() } else { keys.join(", ") }
}

/// Reads `[[layer]]` tables.
fn read_layers(value: &Value, place: &Place) -> Result<Vec<Layer>, ArchitectureError> {
    let Value::Array(values) = value else {
        let (prefix, found) = (place.prefix, value.type_str());
        let within =
            if prefix.is_empty() { String::new() } else { format!("layer {}: ", prefix.trim_end_matches('.')) };
        let message = format!("{within}layer: expected [[layer]] tables, found {found}");
        return Err(ArchitectureError::Form { file: place.source.to_owned(), message });
    };
    if values.len() > MAX_LAYERS {
        let message = format!("expected at most {MAX_LAYERS} layers, found {}", values.len());
        return Err(ArchitectureError::Form { file: place.source.to_owned(), message });
    }
    values.iter().enumerate().map(|(i, value)| read_layer(value, place.path(i), place)).collect()
}

fn read_layer(value: &Value, path: String, place: &Place) -> Result<Layer, ArchitectureError> {
    let file = || place.source.to_owned();
    let bad = |layer, message| ArchitectureError::Layer { file: file(), path: path.clone(), layer, message };
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
        return Err(ArchitectureError::UnknownType { file: file(), path, found: found.clone(), nearest });
    };
    if let Some(key) = table.keys().find(|key| *key != "type" && !keys.contains(&key.as_str())) {
        let (key, nearest) = (key.clone(), nearest(key, keys));
        return Err(ArchitectureError::UnknownLayerKey { file: file(), path, layer: name, key, nearest });
    }
    for (key, words) in WORDS {
        if let Some(Value::String(found)) = table.get(*key)
            && !words.contains(&found.as_str())
        {
            let (near, all) = (hint(&nearest(found, words)), words.join(", "));
            return Err(bad(name, format!("{key}: unknown value {found:?}{near}; valid values are {all}")));
        }
    }
    let layer = match name {
        "residual" | "concat" | "strands" => read_nested(name, table, &path, place)?,
        _ => value.clone().try_into().map_err(|error: toml::de::Error| bad(name, error.message().to_owned()))?,
    };
    check_layer(&layer, &path, place)?;
    Ok(layer)
}

/// A layer that holds others: they are read one by one, so that each error has its path.
fn read_nested(layer: &'static str, table: &Table, path: &str, place: &Place) -> Result<Layer, ArchitectureError> {
    let source = place.source;
    let bad =
        |message: String| ArchitectureError::Layer { file: source.to_owned(), path: path.to_owned(), layer, message };
    let depth = place.depth + 1;
    if depth > MAX_DEPTH {
        return Err(bad(too_deep()));
    }
    if layer != "concat" {
        let list = table.get("layer").ok_or_else(|| bad(NO_LAYERS.to_owned()))?;
        let layers = read_layers(list, &Place { source, prefix: &format!("{path}."), depth })?;
        if layer == "residual" {
            return Ok(Layer::Residual { layers });
        }
        let combine = table.get("combine").cloned().map(Value::try_into).transpose();
        let combine = combine.map_err(|error: toml::de::Error| bad(format!("combine: {}", error.message())))?;
        return Ok(Layer::Strands { layers, combine: combine.unwrap_or_default() });
    }
    let branches = match table.get("branch") {
        Some(Value::Array(branches)) => branches,
        Some(other) => {
            return Err(bad(format!("branch: expected [[layer.branch]] tables, found {}", other.type_str())));
        }
        None => return Err(bad(NO_BRANCHES.to_owned())),
    };
    let read = |(i, branch): (usize, &Value)| {
        let what = format!("branch {}", i + 1);
        let Value::Table(branch) = branch else {
            return Err(bad(format!("{what}: expected a [[layer.branch]] table, found {}", branch.type_str())));
        };
        if let Some(key) = branch.keys().find(|key| *key != "layer") {
            let near = hint(&nearest(key, &["layer"]));
            return Err(bad(format!("{what}: unknown key {key:?}{near}; the valid key is layer")));
        }
        let prefix = format!("{path}.b{}.", i + 1);
        branch.get("layer").map_or(Ok(Vec::new()), |list| read_layers(list, &Place { source, prefix: &prefix, depth }))
    };
    Ok(Layer::Concat { branches: branches.iter().enumerate().map(read).collect::<Result<_, _>>()? })
}

const NO_LAYERS: &str = "layer: expected at least one [[layer.layer]] table";
const NO_BRANCHES: &str = "branch: expected at least one [[layer.branch]] table";

fn too_deep() -> String {
    format!("expected at most {MAX_DEPTH} layers around a layer, found more")
}

/// Checks layers and those within them.
fn check_layers(layers: &[Layer], place: &Place) -> Result<(), ArchitectureError> {
    for (i, layer) in layers.iter().enumerate() {
        let path = place.path(i);
        check_layer(layer, &path, place)?;
        for (branch, inner) in layer.inner().iter().enumerate() {
            let prefix = match layer {
                Layer::Concat { .. } => format!("{path}.b{}.", branch + 1),
                _ => format!("{path}."),
            };
            check_layers(inner, &Place { source: place.source, prefix: &prefix, depth: place.depth + 1 })?;
        }
    }
    Ok(())
}

/// Checks the values of one layer, without those within it.
fn check_layer(layer: &Layer, path: &str, place: &Place) -> Result<(), ArchitectureError> {
    let bad = |message: String| ArchitectureError::Layer {
        file: place.source.to_owned(),
        path: path.to_owned(),
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
        Layer::Upsample { factor } => vec![("factor", factor)],
        Layer::AttentionPool { width } => vec![("width", width.unwrap_or(1))],
        Layer::SelfAttention { heads, key_size, clip, .. } => {
            vec![("heads", heads), ("key_size", key_size.unwrap_or(1)), ("clip", clip.unwrap_or(1))]
        }
        Layer::Dense { units } | Layer::Lstm { units, .. } | Layer::Gru { units, .. } => vec![("units", units)],
        _ => Vec::new(),
    };
    if let Some((key, _)) = positive.iter().find(|(_, value)| *value == 0) {
        return Err(bad(format!("{key}: expected 1 or more, found 0")));
    }
    match layer {
        Layer::Dropout { rate, .. } if !(0.0..1.0).contains(rate) => {
            Err(bad(format!("rate: expected 0 or more and below 1, found {rate}")))
        }
        Layer::SelfAttention { positions, clip: Some(_), .. } if *positions != Positions::Relative => {
            Err(bad("clip: expected only with positions = \"relative\"".to_owned()))
        }
        Layer::Residual { layers } | Layer::Strands { layers, .. } if layers.is_empty() => {
            Err(bad(NO_LAYERS.to_owned()))
        }
        Layer::Concat { branches } if branches.is_empty() => Err(bad(NO_BRANCHES.to_owned())),
        Layer::Residual { .. } | Layer::Concat { .. } | Layer::Strands { .. } if place.depth >= MAX_DEPTH => {
            Err(bad(too_deep()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
