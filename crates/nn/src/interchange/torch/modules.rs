//! The modules of a state dict, told by the names of its arrays.

use super::StateArray;
use std::collections::BTreeMap;

/// The arrays of a module of a file, or of one level of a recurrent module.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Group {
    /// Such as `encoder.conv1`, or `lstm.l1` for the second level of `lstm`.
    pub(super) name: String,
    /// Names within the module, those of recurrent modules as of their first level, and places among the arrays.
    pub(super) leaves: Vec<(String, usize)>,
}

impl Group {
    pub(super) fn leaf(&self, name: &str) -> Option<usize> {
        self.leaves.iter().find(|(leaf, _)| leaf == name).map(|(_, array)| *array)
    }

    /// `conv1: weight [8, 4, 9], bias [8]`.
    pub(super) fn describe(&self, arrays: &[StateArray]) -> String {
        let leaves = self.leaves.iter().map(|(leaf, array)| format!("{leaf} {:?}", arrays[*array].shape));
        let name = if self.name.is_empty() { "(no module)" } else { &self.name };
        format!("{name}: {}", leaves.collect::<Vec<_>>().join(", "))
    }
}

/// The modules in the order in which their first arrays come. What counts batches is no weight.
pub(super) fn groups(arrays: &[StateArray]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut places = BTreeMap::new();
    for (i, array) in arrays.iter().enumerate() {
        let (name, leaf) = module_of(&array.name);
        if leaf == "num_batches_tracked" {
            continue;
        }
        let place = *places.entry(name.clone()).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.leaves.push((leaf, i)),
            None => groups.push(Group { name, leaves: vec![(leaf, i)] }),
        }
    }
    groups
}

/// `lstm.weight_hh_l2_reverse` is `weight_hh_l0_reverse` of `lstm.l2`.
fn module_of(name: &str) -> (String, String) {
    let (module, leaf) = name.rsplit_once('.').unwrap_or(("", name));
    for kind in ["weight_ih", "weight_hh", "weight_hr", "bias_ih", "bias_hh"] {
        let Some(rest) = leaf.strip_prefix(kind).and_then(|rest| rest.strip_prefix("_l")) else { continue };
        let (level, reverse) = rest.strip_suffix("_reverse").map_or((rest, ""), |level| (level, "_reverse"));
        match level.parse::<usize>() {
            Ok(0) => break,
            Ok(level) => {
                let module = if module.is_empty() { format!("l{level}") } else { format!("{module}.l{level}") };
                return (module, format!("{kind}_l0{reverse}"));
            }
            Err(_) => continue,
        }
    }
    (module.to_owned(), leaf.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_at_their_last_dot_and_levels_are_modules() {
        let of = |name: &str| module_of(name);
        let pair = |module: &str, leaf: &str| (module.to_owned(), leaf.to_owned());
        assert_eq!(of("a.b.weight"), pair("a.b", "weight"));
        assert_eq!(of("weight"), pair("", "weight"));
        assert_eq!(of("rnn.weight_ih_l0_reverse"), pair("rnn", "weight_ih_l0_reverse"));
        assert_eq!(of("rnn.bias_hh_l12_reverse"), pair("rnn.l12", "bias_hh_l0_reverse"));
        assert_eq!(of("weight_hh_l1"), pair("l1", "weight_hh_l0"));
        assert_eq!(of("rnn.weight_ih_lx"), pair("rnn", "weight_ih_lx"));
    }
}
