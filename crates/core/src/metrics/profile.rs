//! Figures for signal in bins: how alike the shapes are, row by row, and how well totals are told.

use super::Ranking;
use super::binary::ratio;
use super::regression::{Regression, correlation};
use crate::Profile;
use crate::profile::total;

pub(super) const NAMES: [&str; 5] =
    ["profile_pearson", "profile_spearman", "profile_jensen_shannon", "count_pearson", "count_spearman"];

/// The figures of each row, and the totals of each track.
pub(super) struct Profiles {
    /// For each shape figure, its sum over the tracks of a row, and over how many it is defined.
    shapes: [Vec<(f64, f64)>; 3],
    /// For each track the rows with a known total, and these totals beside the predicted ones.
    totals: Vec<(Vec<usize>, Regression)>,
}

impl Profiles {
    /// `labels` are the bins of each row, track by track, NaN where unknown; `predicted` is row-major
    /// `[rows, outputs]` with shares of bins and logarithms of totals.
    pub(super) fn new(profile: &Profile, labels: &[&[f64]], predicted: &[f64]) -> Self {
        let (bins, tracks) = (profile.bins, profile.tracks.len());
        let mut shapes: [Vec<(f64, f64)>; 3] = [0; 3].map(|_| vec![(0.0, 0.0); labels.len()]);
        let mut totals = vec![(Vec::new(), Vec::new(), Vec::new()); tracks];
        for (row, (labels, predicted)) in labels.iter().zip(predicted.chunks(profile.outputs())).enumerate() {
            for track in 0..tracks {
                let range = track * bins..(track + 1) * bins;
                let Some(total) = total(&labels[range.clone()]) else { continue };
                let (rows, known, told) = &mut totals[track];
                rows.push(row);
                known.push(total.ln_1p());
                told.push(predicted[tracks * bins + track]);
                let figures = shape(&labels[range.clone()], &predicted[range]);
                for (sums, figure) in shapes.iter_mut().zip(figures) {
                    if let Some(figure) = figure {
                        sums[row] = (sums[row].0 + figure, sums[row].1 + 1.0);
                    }
                }
            }
        }
        let totals = totals.into_iter().map(|(rows, known, told)| (rows, Regression::new(known, told))).collect();
        Self { shapes, totals }
    }

    /// In the order of [`NAMES`]: means over rows and tracks where they are defined.
    pub(super) fn values(&self, weights: &[u32]) -> Vec<Option<f64>> {
        let mean = |sums: &Vec<(f64, f64)>| {
            let add = |(s, n): (f64, f64), (row, &w): (&(f64, f64), &u32)| {
                (s + f64::from(w) * row.0, n + f64::from(w) * row.1)
            };
            let (sum, count) = sums.iter().zip(weights).fold((0.0, 0.0), add);
            ratio(sum, count)
        };
        let over_tracks = |figure: fn(&Regression, &[u32]) -> Option<f64>| {
            let of_track = |(rows, totals): &(Vec<usize>, Regression)| {
                figure(totals, &rows.iter().map(|&row| weights[row]).collect::<Vec<_>>())
            };
            let values: Vec<f64> = self.totals.iter().filter_map(of_track).collect();
            ratio(values.iter().sum(), values.len() as f64)
        };
        let mut all: Vec<Option<f64>> = self.shapes.iter().map(mean).collect();
        all.extend([over_tracks(Regression::pearson), over_tracks(Regression::spearman)]);
        all
    }
}

/// Pearson and Spearman correlation and the Jensen-Shannon distance of a shape, over the bins that are known; undefined
/// where the signal is 0 everywhere, or does not vary (correlations).
fn shape(signal: &[f64], predicted: &[f64]) -> [Option<f64>; 3] {
    let known = signal.iter().zip(predicted).filter(|(signal, _)| !signal.is_nan());
    let (x, y): (Vec<f64>, Vec<f64>) = known.map(|(x, y)| (*x, *y)).unzip();
    let ones = vec![1; x.len()];
    let ranks = [&x, &y].map(|values| Ranking::new(values).ranks(&ones));
    [correlation(&x, &y, &ones), correlation(&ranks[0], &ranks[1], &ones), jensen_shannon(&x, &y)]
}

/// The Jensen-Shannon distance of two distributions (each is divided by its sum first): the square root of the mean of
/// their relative entropies, in nats, to their mean; 0 for equal ones, `sqrt(ln 2)` for disjoint ones. Undefined if a
/// sum is not positive.
pub fn jensen_shannon(p: &[f64], q: &[f64]) -> Option<f64> {
    let sums = [p, q].map(|values| values.iter().sum::<f64>());
    if !sums.iter().all(|sum| *sum > 0.0 && sum.is_finite()) {
        return None;
    }
    let entropy = |p: f64, mean: f64| if p > 0.0 { p * (p / mean).ln() } else { 0.0 };
    let divergence = p.iter().zip(q).map(|(p, q)| {
        let (p, q) = (p / sums[0], q / sums[1]);
        let mean = (p + q) / 2.0;
        (entropy(p, mean) + entropy(q, mean)) / 2.0
    });
    Some(divergence.sum::<f64>().max(0.0).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(tracks: usize, bins: usize) -> Profile {
        let tracks = (0..tracks).map(|i| format!("t{i}")).collect();
        Profile { tracks, bins, bin_size: 1, strand_pairs: vec![], count_weight: 1.0 }
    }

    /// scipy 1.17.1: `jensenshannon([1, 2, 3, 4], [4, 3, 2, 1])`, `pearsonr` and `spearmanr` of
    /// `[1, 2, 3, 5]` and `[0.1, 0.3, 0.2, 0.4]`.
    const GOLDEN: [f64; 3] = [0.326_251_644_112_674_43, 0.831_521_840_620_3, 0.8];

    #[test]
    fn shapes_are_compared_as_scipy_does() {
        let found = jensen_shannon(&[1., 2., 3., 4.], &[4., 3., 2., 1.]).unwrap();
        assert!((found - GOLDEN[0]).abs() < 1e-12, "{found}");
        let [pearson, spearman, _] = shape(&[1., 2., 3., f64::NAN, 5.], &[0.1, 0.3, 0.2, 0.9, 0.4]);
        assert!((pearson.unwrap() - GOLDEN[1]).abs() < 1e-12, "{pearson:?}");
        assert!((spearman.unwrap() - GOLDEN[2]).abs() < 1e-12, "{spearman:?}");
    }

    #[test]
    fn equal_shapes_are_at_no_distance_and_disjoint_ones_farthest() {
        assert_eq!(jensen_shannon(&[2., 6., 0.], &[0.25, 0.75, 0.]), Some(0.0));
        let far = jensen_shannon(&[1., 0.], &[0., 3.]).unwrap();
        assert!((far - 2f64.ln().sqrt()).abs() < 1e-15);
        assert_eq!(jensen_shannon(&[0., 0.], &[1., 1.]), None);
    }

    #[test]
    fn means_are_over_rows_and_tracks_with_a_shape() {
        let profile = profile(2, 3);
        // Row 0: one perfect track, one without signal; row 1: one opposite track, one unknown.
        let labels: [&[f64]; 2] = [&[1., 2., 3., 0., 0., 0.], &[1., 2., 3., f64::NAN, f64::NAN, f64::NAN]];
        let predicted = [0.1, 0.2, 0.3, 0.3, 0.3, 0.3, 5.0, 1.0, 0.3, 0.2, 0.1, 0.3, 0.3, 0.3, 6.0, 1.0];
        let figures = Profiles::new(&profile, &labels, &predicted);
        let all = figures.values(&[1, 1]);
        assert!(all[0].unwrap().abs() < 1e-12 && all[1].unwrap().abs() < 1e-12, "{all:?}");
        // Both rows have the same total in track 0, and track 1 has one row.
        assert_eq!(all[3], None);
        assert!((figures.values(&[2, 0])[1].unwrap() - 1.0).abs() < 1e-12);
        assert_eq!(figures.values(&[0, 0])[0], None);
    }
}
