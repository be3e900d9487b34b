//! What a bootstrap draws of a data set: examples, or groups of them that are relatives.

use basewise_core::Dataset;
use basewise_core::metrics::BootstrapOptions;
use basewise_io::build::{related, split_threshold};
use basewise_io::dataset::Provenance;
use std::collections::HashSet;

/// What each resample of some rows draws.
///
/// A split by similarity puts whole groups of relatives into a split. Their labels and predictions go together, so that
/// resamples of single examples would give intervals that are too narrow.
#[derive(Clone, Debug, Default)]
pub(crate) struct Resampling {
    /// The group of each row; empty where examples are drawn.
    groups: Vec<usize>,
    number: usize,
}

impl Resampling {
    /// Of these rows: groups where the data set was split by similarity and some of them are relatives, else examples.
    pub(crate) fn of(dataset: &Dataset, provenance: &Provenance, rows: &[usize]) -> Self {
        let Some(threshold) = split_threshold(provenance) else { return Self::default() };
        let groups = related(dataset, rows, threshold);
        let number = groups.iter().collect::<HashSet<_>>().len();
        if number == rows.len() { Self::default() } else { Self { groups, number } }
    }

    pub(crate) fn is_by_group(&self) -> bool {
        !self.groups.is_empty()
    }

    pub(crate) fn options(&self, replicates: usize, seed: u64) -> BootstrapOptions<'_> {
        BootstrapOptions { replicates, seed, groups: &self.groups, ..BootstrapOptions::default() }
    }

    /// What is drawn, in words: `examples`, or `groups of similar sequences (12)`.
    pub(crate) fn text(&self) -> String {
        if self.is_by_group() { format!("groups of similar sequences ({})", self.number) } else { examples() }
    }
}

/// What is drawn where nothing else is said.
pub(crate) fn examples() -> String {
    "examples".to_owned()
}
