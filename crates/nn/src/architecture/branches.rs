//! The serde form of a concatenation's branches: each is a table of its own with a list `layer`.

use super::Layer;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize)]
struct Written<'a> {
    layer: &'a [Layer],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    #[serde(default)]
    layer: Vec<Layer>,
}

pub(super) fn serialize<S: Serializer>(branches: &[Vec<Layer>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(branches.iter().map(|layer| Written { layer }))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Vec<Layer>>, D::Error> {
    Ok(Vec::<Read>::deserialize(deserializer)?.into_iter().map(|branch| branch.layer).collect())
}
