//! Maps from our layers to the modules of a file, as TOML.

use std::collections::BTreeMap;
use toml::{Table, Value};

/// Reads text such as `layer1 = "conv1"` or `layer3.b1.2.weight = "kernel"`; dots need no quotes.
///
/// # Errors
/// What is wrong with it, in words: no TOML, or a value that is no text.
pub fn parse_map(text: &str) -> Result<BTreeMap<String, String>, String> {
    let table: Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
    let mut map = BTreeMap::new();
    flatten(&table, "", &mut map)?;
    Ok(map)
}

/// TOML reads dots in names as tables within tables.
fn flatten(table: &Table, prefix: &str, map: &mut BTreeMap<String, String>) -> Result<(), String> {
    for (key, value) in table {
        let key = format!("{prefix}{key}");
        match value {
            Value::String(name) => {
                if map.insert(key.clone(), name.clone()).is_some() {
                    return Err(format!("{key:?} is there twice"));
                }
            }
            Value::Table(inner) => flatten(inner, &format!("{key}."), map)?,
            other => return Err(format!("{key}: expected text, found {}", other.type_str())),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_have_dots_with_or_without_quotes() {
        let map = parse_map("layer1 = 'conv1'\nlayer3.b1.2 = \"a.b\"\n'layer4.weight' = 'k'").unwrap();
        let pairs: Vec<(&str, &str)> = map.iter().map(|(ours, theirs)| (ours.as_str(), theirs.as_str())).collect();
        assert_eq!(pairs, [("layer1", "conv1"), ("layer3.b1.2", "a.b"), ("layer4.weight", "k")]);
        assert!(parse_map("layer1 = 3").unwrap_err().contains("layer1: expected text, found integer"));
        assert!(parse_map("layer1 'x'").is_err());
        assert!(parse_map("a.b = 'x'\n'a.b' = 'y'").unwrap_err().contains("twice"));
        assert_eq!(parse_map(""), Ok(BTreeMap::new()));
    }
}
