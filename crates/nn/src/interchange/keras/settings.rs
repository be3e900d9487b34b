//! What the description within a file says of its layers.

use super::KerasError;
use serde_json::Value;
use std::collections::BTreeMap;

/// Settings of layers by name, as Keras writes them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Settings {
    layers: BTreeMap<String, BTreeMap<String, Value>>,
}

impl Settings {
    /// A number of the layer at the end of a path.
    pub(super) fn number(&self, path: &str, key: &str) -> Option<f64> {
        self.value(path, key)?.as_f64()
    }

    /// A text, such as `sigmoid`.
    pub(super) fn text(&self, path: &str, key: &str) -> Option<&str> {
        self.value(path, key)?.as_str()
    }

    /// A truth value.
    pub(super) fn flag(&self, path: &str, key: &str) -> Option<bool> {
        self.value(path, key)?.as_bool()
    }

    fn value(&self, path: &str, key: &str) -> Option<&Value> {
        let name = path.rsplit('/').next().unwrap_or(path);
        self.layers.get(name)?.get(key)
    }
}

/// Reads the description; none says nothing.
pub(super) fn read(config: Option<&str>) -> Result<Settings, KerasError> {
    let mut settings = Settings::default();
    if let Some(text) = config {
        let value: Value = serde_json::from_str(text).map_err(|error| KerasError::Config(error.to_string()))?;
        walk(&value, None, &mut settings);
    }
    Ok(settings)
}

/// Layers lie in lists; a bidirectional layer holds the one that it runs, whose settings are its own.
fn walk(value: &Value, outer: Option<&str>, settings: &mut Settings) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| walk(item, outer, settings)),
        Value::Object(object) => {
            let Some(Value::Object(config)) = object.get("config") else { return };
            let name = outer.or_else(|| config.get("name").and_then(Value::as_str));
            if let Some(name) = name {
                let own = settings.layers.entry(name.to_owned()).or_default();
                for (key, value) in config.iter().filter(|(_, value)| !value.is_object() && !value.is_array()) {
                    own.entry(key.clone()).or_insert_with(|| value.clone());
                }
            }
            if let Some(layers) = config.get("layers") {
                walk(layers, None, settings);
            }
            if let Some(layer) = config.get("layer") {
                walk(layer, name, settings);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_within_layers_are_found() {
        let text = r#"{"class_name": "Sequential", "config": {"name": "s", "layers": [
            {"class_name": "BatchNormalization", "config": {"name": "bn", "epsilon": 0.01, "axis": [2]}},
            {"class_name": "Bidirectional", "config": {"name": "bi", "merge_mode": "sum", "layer":
                {"class_name": "GRU", "config": {"name": "gru", "reset_after": false}}}},
            {"class_name": "Functional", "config": {"name": "m", "layers": [
                {"class_name": "Dense", "config": {"name": "d", "units": 3}}]}}]}}"#;
        let settings = read(Some(text)).unwrap();
        assert_eq!(settings.number("bn", "epsilon"), Some(0.01));
        assert_eq!(settings.number("s/bn", "epsilon"), Some(0.01));
        assert_eq!(settings.text("bi", "merge_mode"), Some("sum"));
        assert_eq!(settings.flag("bi", "reset_after"), Some(false));
        assert_eq!(settings.number("m/d", "units"), Some(3.0));
        assert_eq!((settings.number("x", "units"), settings.text("bn", "axis")), (None, None));
        assert_eq!(read(None).unwrap(), Settings::default());
        assert!(matches!(read(Some("{")), Err(KerasError::Config(_))));
    }
}
