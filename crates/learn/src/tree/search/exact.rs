//! Every value of every feature. Features with few values have a bin for each, and children share histograms with their
//! parent; of the others, the values of each node are sorted.

use super::super::bins::{SAME, between};
use super::super::grow::{self, Part, Search};
use super::super::split::{Rules, Split};
use super::super::statistics::{Statistics, Units, add, subtract};
use super::drawn::is_pure;
use super::{SharedHistograms, better};
use crate::{Columns, Features};
use rayon::prelude::*;

const MIN_PARALLEL: usize = 1 << 12;
/// Of histograms that wait for children, at most.
const KEPT_BYTES: usize = 1 << 28;

/// The histograms that may be kept of `bins` bins of `lanes` numbers.
pub(in super::super) fn keepable(bins: usize, lanes: usize) -> usize {
    KEPT_BYTES / (bins * lanes * size_of::<i64>()).max(1)
}

/// The best of all splits of a node.
pub(in super::super) struct ExactSearch<'a> {
    pub(in super::super) binned: SharedHistograms<'a>,
    pub(in super::super) sorted: SortedValues<'a>,
    /// Rows of a node that is split, at least.
    pub(in super::super) min_split: usize,
    pub(in super::super) labels: &'a [f64],
}

type Found = Option<(Option<Vec<i64>>, Split)>;

impl ExactSearch<'_> {
    /// The part, the last of its branch if there is no reason to split it.
    fn judged<'p>(&self, part: Part<'p>) -> Part<'p> {
        let few = part.rows.len() < self.min_split;
        Part { last: part.last || few || is_pure(part.rows, self.labels), ..part }
    }

    /// With the best split of the sorted features; of equals that of the first feature.
    fn join(&self, found: Found, part: Part<'_>) -> Found {
        let Some(other) = self.sorted.find(part) else { return found };
        match found {
            Some((kept, own)) => {
                let [first, second] = if own.feature < other.feature { [own, other] } else { [other, own] };
                better(Some(first), Some(second)).map(|split| (kept, split))
            }
            None => Some((None, other)),
        }
    }
}

impl Search for ExactSearch<'_> {
    type Kept = Option<Vec<i64>>;

    fn root(&mut self, part: Part<'_>) -> Found {
        let part = self.judged(part);
        let found = self.binned.root(part);
        self.join(found, part)
    }

    fn pair(&mut self, parent: Self::Kept, parts: [Part<'_>; 2]) -> [Found; 2] {
        let parts = parts.map(|part| self.judged(part));
        let [left, right] = self.binned.pair(parent, parts);
        [self.join(left, parts[0]), self.join(right, parts[1])]
    }

    fn partition(&mut self, split: &Split, rows: &mut [u32], scratch: &mut Vec<u32>) -> usize {
        if self.binned.wanted[split.feature as usize] {
            return self.binned.partition(split, rows, scratch);
        }
        grow::partition(rows, scratch, |row| {
            let value = self.sorted.values.get(row, split.feature as usize);
            value <= split.threshold || (split.missing_left && value.is_nan())
        })
    }

    fn take_back(&mut self, kept: Self::Kept) {
        self.binned.take_back(kept);
    }
}

/// Numbers column by column of the features that are sorted.
pub(in super::super) struct Values {
    /// Features, ascending.
    features: Vec<usize>,
    store: Store,
}

enum Store {
    /// `[features, rows]` of the sorted features.
    Dense { rows: usize, values: Vec<f32> },
    /// All features.
    Sparse(Columns),
}

impl Values {
    /// Of all features that have no bins.
    pub(in super::super) fn new(features: &Features, has_bins: &[bool]) -> Self {
        let sorted: Vec<usize> = (0..features.columns()).filter(|&feature| !has_bins[feature]).collect();
        let rows = features.rows();
        let store = if sorted.is_empty() {
            Store::Dense { rows, values: Vec::new() }
        } else if features.is_sparse() {
            Store::Sparse(features.by_column())
        } else {
            let mut values = vec![0.0; rows * sorted.len()];
            for row in 0..rows {
                for (place, &feature) in sorted.iter().enumerate() {
                    values[place * rows + row] = features.get(row, feature);
                }
            }
            Store::Dense { rows, values }
        };
        Self { features: sorted, store }
    }

    fn get(&self, row: u32, feature: usize) -> f32 {
        match &self.store {
            Store::Dense { rows, values } => {
                let place = self.features.partition_point(|&other| other < feature);
                values[place * rows + row as usize]
            }
            Store::Sparse(columns) => {
                let stored = columns.column(feature);
                stored.binary_search_by_key(&row, |&(row, _)| row).map_or(0.0, |place| stored[place].1)
            }
        }
    }

    /// Value and place among `rows` (ascending) of each that is not 0.
    fn stored(&self, feature: usize, rows: &[u32], found: &mut Vec<(f32, u32)>) {
        found.clear();
        if let Store::Sparse(columns) = &self.store
            && columns.column(feature).len() < 8 * rows.len()
        {
            let mut place = 0;
            for &(row, value) in columns.column(feature) {
                while place < rows.len() && rows[place] < row {
                    place += 1;
                }
                if rows.get(place) == Some(&row) {
                    found.push((value, place as u32));
                }
            }
            return;
        }
        let own = rows.iter().enumerate().map(|(place, &row)| (self.get(row, feature), place as u32));
        found.extend(own.filter(|&(value, _)| value != 0.0));
    }
}

/// In each node, a histogram whose bins are the node's own values.
pub(in super::super) struct SortedValues<'a> {
    pub(in super::super) values: &'a Values,
    pub(in super::super) statistics: &'a Statistics,
    pub(in super::super) rules: Rules,
}

/// The distinct values of a node with their sums.
struct Runs {
    /// Smallest and largest value of each run; those of NaN are not among them.
    ends: Vec<(f32, f32)>,
    histogram: Vec<i64>,
    missing: bool,
}

impl Runs {
    fn new(units: &Units, found: &mut [(f32, u32)], ordered: &[i64], total: &[i64]) -> Self {
        let lanes = units.lanes;
        found.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut rest = total.to_vec();
        found.iter().for_each(|&(_, place)| subtract(&mut rest, &ordered[place as usize * lanes..][..lanes]));
        let mut runs = Self { ends: Vec::new(), histogram: Vec::new(), missing: false };
        let mut nan = vec![0; lanes];
        let mut zeros = units.count(&rest) > 0;
        for &(value, place) in found.iter() {
            let own = &ordered[place as usize * lanes..][..lanes];
            if value.is_nan() {
                add(&mut nan, own);
                runs.missing = true;
                continue;
            }
            if zeros && value > 0.0 {
                runs.push(0.0, &rest);
                zeros = false;
            }
            runs.push(value, own);
        }
        if zeros {
            runs.push(0.0, &rest);
        }
        if runs.missing {
            runs.histogram.extend(nan);
        }
        runs
    }

    /// Adds a value that is not below the last.
    fn push(&mut self, value: f32, own: &[i64]) {
        match self.ends.last_mut() {
            Some((_, last)) if value <= *last + SAME => {
                *last = value;
                let place = self.histogram.len() - own.len();
                add(&mut self.histogram[place..], own);
            }
            _ => {
                self.ends.push((value, value));
                self.histogram.extend_from_slice(own);
            }
        }
    }
}

impl SortedValues<'_> {
    fn find(&self, part: Part<'_>) -> Option<Split> {
        let features = &self.values.features;
        if part.last || features.is_empty() || part.rows.len() < 2 * self.rules.min_rows {
            return None;
        }
        let mut ordered = Vec::new();
        self.statistics.gather(part.rows, &mut ordered);
        let one = |found: &mut Vec<(f32, u32)>, &feature: &usize| self.best(feature, part, &ordered, found);
        if part.rows.len() * features.len() < MIN_PARALLEL {
            let mut found = Vec::new();
            features.iter().fold(None, |best, feature| better(best, one(&mut found, feature)))
        } else {
            let all: Vec<_> = features.par_iter().map_init(Vec::new, one).collect();
            all.into_iter().fold(None, better)
        }
    }

    fn best(&self, feature: usize, part: Part<'_>, ordered: &[i64], found: &mut Vec<(f32, u32)>) -> Option<Split> {
        let units = self.statistics.units();
        self.values.stored(feature, part.rows, found);
        let runs = Runs::new(&units, found, ordered, part.total);
        let cut = self.rules.cut(&units, &runs.histogram, runs.missing, part.total, None)?;
        let threshold = match runs.ends.get(cut.bin + 1) {
            Some(&(above, _)) => between(runs.ends[cut.bin].1, above),
            None => f32::MAX,
        };
        Some(Split {
            feature: feature as u32,
            bin: cut.bin,
            threshold,
            missing_left: cut.missing_left,
            saw_missing: runs.missing,
            gain: cut.gain,
            left: cut.left,
        })
    }
}
