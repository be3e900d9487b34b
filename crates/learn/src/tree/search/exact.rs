//! Every value of every feature: in each node, a histogram whose bins are the node's own values.

use super::super::bins::between;
use super::super::grow::{self, Part, Search};
use super::super::split::{Rules, Split};
use super::super::statistics::{Statistics, Units, add, subtract};
use super::better;
use super::drawn::is_pure;
use crate::{Columns, Features};
use rayon::prelude::*;

/// Values that differ by less are the same, as in scikit-learn.
const SAME: f32 = 1e-7;
const MIN_PARALLEL: usize = 1 << 12;

/// Numbers column by column.
pub(in super::super) enum Values {
    Dense { rows: usize, values: Vec<f32> },
    Sparse(Columns),
}

impl Values {
    pub(in super::super) fn new(features: &Features) -> Self {
        if features.is_sparse() {
            return Self::Sparse(features.by_column());
        }
        let rows = features.rows();
        let mut values = vec![0.0; rows * features.columns()];
        for row in 0..rows {
            features.row(row).for_each(|(column, value)| values[column * rows + row] = value);
        }
        Self::Dense { rows, values }
    }

    fn get(&self, row: u32, feature: usize) -> f32 {
        match self {
            Self::Dense { rows, values } => values[feature * rows + row as usize],
            Self::Sparse(columns) => {
                let stored = columns.column(feature);
                stored.binary_search_by_key(&row, |&(row, _)| row).map_or(0.0, |place| stored[place].1)
            }
        }
    }

    /// Value and place among `rows` (ascending) of each that is not 0.
    fn stored(&self, feature: usize, rows: &[u32], found: &mut Vec<(f32, u32)>) {
        found.clear();
        match self {
            Self::Dense { .. } => {
                let own = rows.iter().enumerate().map(|(place, &row)| (self.get(row, feature), place as u32));
                found.extend(own.filter(|&(value, _)| value != 0.0));
            }
            Self::Sparse(columns) => {
                let stored = columns.column(feature);
                if stored.len() < 8 * rows.len() {
                    let mut place = 0;
                    for &(row, value) in stored {
                        while place < rows.len() && rows[place] < row {
                            place += 1;
                        }
                        if rows.get(place) == Some(&row) {
                            found.push((value, place as u32));
                        }
                    }
                } else {
                    let own = rows.iter().enumerate().map(|(place, &row)| (self.get(row, feature), place as u32));
                    found.extend(own.filter(|&(value, _)| value != 0.0));
                }
            }
        }
    }
}

pub(in super::super) struct ExactValues<'a> {
    pub(in super::super) values: &'a Values,
    pub(in super::super) features: usize,
    pub(in super::super) statistics: &'a Statistics,
    pub(in super::super) rules: Rules,
    pub(in super::super) min_split: usize,
    pub(in super::super) labels: &'a [f64],
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

impl ExactValues<'_> {
    fn find(&self, part: Part<'_>) -> Option<((), Split)> {
        if part.last || part.rows.len() < self.min_split.max(2 * self.rules.min_rows) || is_pure(part.rows, self.labels)
        {
            return None;
        }
        let mut ordered = Vec::new();
        self.statistics.gather(part.rows, &mut ordered);
        let one = |found: &mut Vec<(f32, u32)>, feature| self.best(feature, part, &ordered, found);
        let best = if part.rows.len() * self.features < MIN_PARALLEL {
            let mut found = Vec::new();
            (0..self.features).fold(None, |best, feature| better(best, one(&mut found, feature)))
        } else {
            let all: Vec<_> = (0..self.features).into_par_iter().map_init(Vec::new, one).collect();
            all.into_iter().fold(None, better)
        };
        best.map(|split| ((), split))
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

impl Search for ExactValues<'_> {
    type Kept = ();

    fn root(&mut self, part: Part<'_>) -> Option<((), Split)> {
        self.find(part)
    }

    fn pair(&mut self, (): (), parts: [Part<'_>; 2]) -> [Option<((), Split)>; 2] {
        parts.map(|part| self.find(part))
    }

    fn partition(&mut self, split: &Split, rows: &mut [u32], scratch: &mut Vec<u32>) -> usize {
        grow::partition(rows, scratch, |row| {
            let value = self.values.get(row, split.feature as usize);
            value <= split.threshold || (split.missing_left && value.is_nan())
        })
    }

    fn take_back(&mut self, (): ()) {}
}
