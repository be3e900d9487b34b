//! The best place to cut the histogram of one feature.

use super::criterion::Measure;
use super::statistics::{Units, add};

/// What a split must keep to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) measure: Measure,
    /// Rows of a child, at least.
    pub(super) min_rows: usize,
    /// Weight of a child, at least: of examples, or of second derivatives.
    pub(super) min_weight: f64,
    /// A gain must be above it.
    pub(super) floor: f64,
}

/// A question for a node.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Split {
    pub(super) feature: u32,
    /// Last bin on the left, where there are bins.
    pub(super) bin: usize,
    pub(super) threshold: f32,
    pub(super) missing_left: bool,
    /// Whether the node has NaN.
    pub(super) saw_missing: bool,
    pub(super) gain: f64,
    /// Sums of the left child.
    pub(super) left: Vec<i64>,
}

/// A cut of one histogram.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cut {
    /// Last bin on the left.
    pub(super) bin: usize,
    pub(super) missing_left: bool,
    pub(super) gain: f64,
    pub(super) left: Vec<i64>,
}

/// Errors of a score, as a share of it.
const ROUNDING: f64 = 1e-12;

impl Rules {
    /// The cut of `histogram` (`[bins, lanes]`, the last bin that of NaN if there is `missing`) that gains most and more
    /// than `best`; of equals the first. `total` is the sum of the node. Where the node has NaN, they are tried on both
    /// sides, and alone.
    pub(super) fn cut(
        &self,
        units: &Units,
        histogram: &[i64],
        missing: bool,
        total: &[i64],
        best: Option<f64>,
    ) -> Option<Cut> {
        let floor = best.map_or(self.floor, |best| best.max(self.floor));
        match units.lanes {
            2 => self.scan::<2>(units, histogram, missing, total, floor),
            3..=4 => self.scan::<4>(units, histogram, missing, total, floor),
            5..=16 => self.scan::<16>(units, histogram, missing, total, floor),
            _ => self.scan::<256>(units, histogram, missing, total, floor),
        }
    }

    /// For at most `N` lanes.
    fn scan<const N: usize>(
        &self,
        units: &Units,
        histogram: &[i64],
        missing: bool,
        total: &[i64],
        mut floor: f64,
    ) -> Option<Cut> {
        let lanes = if N == 2 { 2 } else { units.lanes };
        let numbers = histogram.len() / lanes - usize::from(missing);
        let nan = &histogram[numbers * lanes..];
        let absent = missing && units.count(nan) > 0;
        let parent = self.score::<N>(units, total);
        if self.floor >= 0.0 {
            // Not what rounding alone would gain.
            floor = floor.max(ROUNDING * parent.abs());
        }
        let mut best = None;
        for missing_left in [false, true].into_iter().take(1 + usize::from(absent)) {
            let mut left = [0i64; N];
            if missing_left {
                left[..lanes].copy_from_slice(nan);
            }
            let ends = if absent && !missing_left { numbers } else { numbers.saturating_sub(1) };
            for (bin, own) in histogram.chunks_exact(lanes).take(ends).enumerate() {
                if units.count(own) == 0 {
                    continue;
                }
                add(&mut left[..lanes], own);
                let mut right = [0i64; N];
                for lane in 0..lanes {
                    right[lane] = total[lane] - left[lane];
                }
                if units.count(&left) < self.min_rows {
                    continue;
                }
                if units.count(&right) < self.min_rows {
                    break;
                }
                if units.weight(&left) < self.min_weight || units.weight(&right) < self.min_weight {
                    continue;
                }
                let gain = self.score::<N>(units, &left) + self.score::<N>(units, &right) - parent;
                if gain > floor {
                    floor = gain;
                    best = Some((bin, missing_left, left));
                }
            }
        }
        let (bin, missing_left, left) = best?;
        Some(Cut { bin, missing_left, gain: floor, left: left[..lanes].to_vec() })
    }

    #[inline(always)]
    fn score<const N: usize>(&self, units: &Units, sum: &[i64]) -> f64 {
        let values = if N == 2 { 1 } else { units.lanes - 1 };
        let mut decoded = [0.0; N];
        for (decoded, &value) in decoded[..values].iter_mut().zip(sum) {
            *decoded = units.value(value);
        }
        self.measure.score(&decoded[..values], units.weight(sum))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::statistics::Statistics;

    fn rules(min_rows: usize) -> Rules {
        Rules { measure: Measure::Squared, min_rows, min_weight: 0.0, floor: 0.0 }
    }

    /// One row a bin.
    fn histogram(labels: &[f64]) -> (Units, Vec<i64>, Vec<i64>) {
        let statistics = Statistics::new(2, labels, &vec![1.0; labels.len()]);
        let rows: Vec<u32> = (0..labels.len() as u32).collect();
        let mut all = Vec::new();
        statistics.gather(&rows, &mut all);
        (statistics.units(), all, statistics.total(&rows))
    }

    #[test]
    fn the_best_cut_is_found_within_the_rules() {
        let (units, all, total) = histogram(&[0.0, 0.0, 0.0, 5.0, 5.0]);
        let cut = rules(1).cut(&units, &all, false, &total, None).unwrap();
        assert_eq!((cut.bin, cut.missing_left, units.count(&cut.left)), (2, false, 3));
        assert!((cut.gain - (50.0 - 20.0)).abs() < 1e-9);
        assert_eq!(rules(3).cut(&units, &all, false, &total, None), None);
        assert_eq!(rules(1).cut(&units, &all, false, &total, Some(30.1)), None);
        let heavy = Rules { min_weight: 2.5, ..rules(1) };
        assert_eq!(heavy.cut(&units, &all, false, &total, None), None);
    }

    #[test]
    fn missing_values_go_where_they_gain_most_or_stand_alone() {
        let (units, all, total) = histogram(&[0.0, 0.0, 5.0, 5.0, 0.0]);
        let cut = rules(1).cut(&units, &all, true, &total, None).unwrap();
        assert_eq!((cut.bin, cut.missing_left, units.count(&cut.left)), (1, true, 3));
        let (units, all, total) = histogram(&[1.0, 1.0, 1.0, 7.0]);
        let cut = rules(1).cut(&units, &all, true, &total, None).unwrap();
        assert_eq!((cut.bin, cut.missing_left, units.count(&cut.left)), (2, false, 3));
    }

    #[test]
    fn one_bin_cannot_be_cut() {
        let (units, all, total) = histogram(&[1.0]);
        assert_eq!(rules(1).cut(&units, &all, false, &total, None), None);
        assert_eq!(rules(1).cut(&units, &all, true, &total, None), None);
    }
}
