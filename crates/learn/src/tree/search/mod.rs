//! The ways to find the best split of a node: all features from histograms that children share with their parent
//! (boosting), a few features drawn for each node (forests), or every value of every feature (decision trees).

mod drawn;
mod exact;
mod shared;

pub(super) use drawn::DrawnFeatures;
pub(super) use exact::{ExactSearch, SortedValues, Values, keepable};
pub(super) use shared::SharedHistograms;

use super::bins::{Binned, next_filled};
use super::split::{Cut, Split};
use super::statistics::Units;

/// A cut of a feature's histogram as a question.
fn question(binned: &Binned, units: &Units, feature: usize, histogram: &[i64], cut: Cut) -> Split {
    let missing = binned.has_missing(feature);
    let numbers = binned.bins(feature) - usize::from(missing);
    let after = next_filled(units, histogram, cut.bin, numbers);
    let (bin, threshold) = binned.settle(feature, cut.bin, after);
    let saw_missing = missing && units.count(&histogram[numbers * units.lanes..]) > 0;
    Split {
        feature: feature as u32,
        bin,
        threshold,
        missing_left: cut.missing_left,
        saw_missing,
        gain: cut.gain,
        left: cut.left,
    }
}

/// The better of two splits, of equals that of the first.
fn better(first: Option<Split>, second: Option<Split>) -> Option<Split> {
    match (&first, &second) {
        (Some(one), Some(other)) if other.gain > one.gain => second,
        (None, _) => second,
        _ => first,
    }
}
