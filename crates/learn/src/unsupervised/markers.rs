//! Features that mark a cluster: higher in it than in the rest.

use super::{Rows, UnsupervisedError};
use basewise_core::metrics::{SMALLEST_P, benjamini_hochberg};
use basewise_core::sparse::Csr;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How a cluster is compared with the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MarkerTest {
    /// Wilcoxon's rank sum by its normal approximation, corrected for ties.
    #[default]
    RankSum,
    /// Welch's t with the variance of the rest overestimated: as if the rest had as few rows as the cluster.
    TTest,
}

/// One feature in one cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Marker {
    /// Column.
    pub feature: usize,
    /// z or t: positive if higher in the cluster.
    pub score: f64,
    /// Of the means before the logarithm: `log2((e^a - 1 + 1e-9) / (e^b - 1 + 1e-9))` of mean logarithms.
    pub log2_fold_change: f64,
    /// Two-sided.
    pub p: f64,
    /// After Benjamini and Hochberg over the features of the cluster.
    pub q: f64,
    /// Part of the cluster's rows whose value is not 0.
    pub fraction_in: f64,
    /// Part of the other rows whose value is not 0.
    pub fraction_out: f64,
}

/// Sums of one feature in one cluster.
#[derive(Clone, Copy, Default)]
struct Sums {
    rows: f64,
    stored: f64,
    sum: f64,
    ranks: f64,
}

/// All features for each cluster `0..`, the highest score first; of equal ones the first feature. Values are logarithms
/// (`log1p` of normalized counts). Scores are those of scanpy's `rank_genes_groups` with `wilcoxon` and `tie_correct`, or
/// `t-test_overestim_var`. Clusters of all rows or of none have an empty list.
///
/// # Errors
/// If labels do not go with the rows, or values are not finite.
pub fn markers(values: &Csr, labels: &[u32], test: MarkerTest) -> Result<Vec<Vec<Marker>>, UnsupervisedError> {
    let mut search = MarkerSearch::new(labels, test);
    search.add(&values.transposed())?;
    Ok(search.finish())
}

/// [`markers`] of features that come in groups, so that not all have to be in memory.
#[derive(Clone, Debug)]
pub struct MarkerSearch<'a> {
    labels: &'a [u32],
    sizes: Vec<f64>,
    test: MarkerTest,
    /// Of each feature so far: how it marks each cluster.
    features: Vec<Vec<Marker>>,
}

impl<'a> MarkerSearch<'a> {
    /// Of no features yet, in rows with these labels.
    #[must_use]
    pub fn new(labels: &'a [u32], test: MarkerTest) -> Self {
        let clusters = labels.iter().max().map_or(0, |&most| most as usize + 1);
        let mut sizes = vec![0.0; clusters];
        labels.iter().for_each(|&label| sizes[label as usize] += 1.0);
        Self { labels, sizes, test, features: Vec::new() }
    }

    /// Adds the next features: a row a feature, a column for each label.
    ///
    /// # Errors
    /// If labels do not go with the columns, or values are not finite.
    pub fn add(&mut self, by_feature: &Csr) -> Result<(), UnsupervisedError> {
        let (expected, found) = (by_feature.columns, self.labels.len());
        if found != expected {
            return Err(UnsupervisedError::Lengths { what: "labels", expected, found });
        }
        Rows::Sparse(by_feature).check().map_err(|error| match error {
            UnsupervisedError::NotFinite { row, column, found } => {
                UnsupervisedError::NotFinite { row: column, column: self.features.len() + row, found }
            }
            other => other,
        })?;
        let first = self.features.len();
        let feature = |j: usize| {
            let (rows, values) = by_feature.row(j);
            Column { rows, values, labels: self.labels, sizes: &self.sizes }.markers(first + j, self.test)
        };
        let found: Vec<Vec<Marker>> = (0..by_feature.rows).into_par_iter().map(feature).collect();
        self.features.extend(found);
        Ok(())
    }

    /// All features for each cluster.
    #[must_use]
    pub fn finish(self) -> Vec<Vec<Marker>> {
        let rows = self.labels.len() as f64;
        let fine = |cluster: usize| self.sizes[cluster] > 0.0 && self.sizes[cluster] < rows;
        let own = |cluster: usize| self.features.iter().map(|feature| feature[cluster].clone()).collect();
        (0..self.sizes.len()).map(|c| if fine(c) { ranked(own(c)) } else { Vec::new() }).collect()
    }
}

fn ranked(mut markers: Vec<Marker>) -> Vec<Marker> {
    let p: Vec<Option<f64>> = markers.iter().map(|marker| Some(marker.p)).collect();
    let q = benjamini_hochberg(&p);
    markers.iter_mut().zip(q).for_each(|(marker, q)| marker.q = q.unwrap_or(1.0));
    markers.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.feature.cmp(&b.feature)));
    markers
}

/// The stored values of one feature.
struct Column<'a> {
    rows: &'a [u32],
    values: &'a [f32],
    labels: &'a [u32],
    sizes: &'a [f64],
}

impl Column<'_> {
    fn markers(&self, feature: usize, test: MarkerTest) -> Vec<Marker> {
        let mut sums: Vec<Sums> = self.sizes.iter().map(|&rows| Sums { rows, ..Sums::default() }).collect();
        for (&row, &value) in self.rows.iter().zip(self.values).filter(|(_, value)| **value != 0.0) {
            let sums = &mut sums[self.labels[row as usize] as usize];
            sums.sum += f64::from(value);
            sums.stored += 1.0;
        }
        let ties = if test == MarkerTest::RankSum { self.rank(&mut sums) } else { 1.0 };
        let add = |a: Sums, b: &Sums| Sums {
            rows: a.rows + b.rows,
            stored: a.stored + b.stored,
            sum: a.sum + b.sum,
            ranks: 0.0,
        };
        let all = sums.iter().fold(Sums::default(), add);
        let squares = if test == MarkerTest::TTest { self.squares(&sums) } else { Vec::new() };
        let marker = |(cluster, own): (usize, &Sums)| {
            let rest =
                Sums { rows: all.rows - own.rows, stored: all.stored - own.stored, sum: all.sum - own.sum, ranks: 0.0 };
            let (score, p) = match test {
                MarkerTest::RankSum => rank_sum(own, &rest, ties),
                MarkerTest::TTest => {
                    let rest_squares = self.squares_of_rest(cluster, rest.sum / rest.rows, rest.rows);
                    welch(own, squares[cluster], &rest, rest_squares)
                }
            };
            let before = |sums: &Sums| (sums.sum / sums.rows.max(1.0)).exp_m1().max(0.0) + 1e-9;
            Marker {
                feature,
                score,
                log2_fold_change: (before(own) / before(&rest)).log2(),
                p,
                q: p,
                fraction_in: own.stored / own.rows.max(1.0),
                fraction_out: rest.stored / rest.rows.max(1.0),
            }
        };
        sums.iter().enumerate().map(marker).collect()
    }

    /// Adds up mean ranks by cluster. Gives 1 less the part of the variance of ranks that ties take.
    fn rank(&self, sums: &mut [Sums]) -> f64 {
        let n = self.labels.len() as f64;
        let stored = self.values.iter().zip(self.rows).filter(|(value, _)| **value != 0.0);
        let mut order: Vec<(f32, u32)> = stored.map(|(&value, &row)| (value, row)).collect();
        order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let zeros = n - order.len() as f64;
        let below = order.partition_point(|&(value, _)| value < 0.0);
        let mut ties = zeros.powi(3) - zeros;
        let mut from = 0;
        while from < order.len() {
            let same = order[from..].iter().take_while(|(value, _)| *value == order[from].0).count();
            let before = from as f64 + if from >= below { zeros } else { 0.0 };
            let rank = before + f64::midpoint(same as f64, 1.0);
            order[from..from + same]
                .iter()
                .for_each(|&(_, row)| sums[self.labels[row as usize] as usize].ranks += rank);
            ties += (same as f64).powi(3) - same as f64;
            from += same;
        }
        let rank = below as f64 + f64::midpoint(zeros, 1.0);
        sums.iter_mut().for_each(|sums| sums.ranks += (sums.rows - sums.stored) * rank);
        if n > 1.0 { 1.0 - ties / (n.powi(3) - n) } else { 0.0 }
    }

    /// Squared differences from the mean of the cluster.
    fn squares(&self, sums: &[Sums]) -> Vec<f64> {
        let mean = |sums: &Sums| sums.sum / sums.rows.max(1.0);
        let mut squares: Vec<f64> = sums.iter().map(|sums| (sums.rows - sums.stored) * mean(sums).powi(2)).collect();
        for (&row, &value) in self.rows.iter().zip(self.values).filter(|(_, value)| **value != 0.0) {
            let cluster = self.labels[row as usize] as usize;
            squares[cluster] += (f64::from(value) - mean(&sums[cluster])).powi(2);
        }
        squares
    }

    /// The same for all rows outside a cluster.
    fn squares_of_rest(&self, cluster: usize, mean: f64, rows: f64) -> f64 {
        let stored = self
            .rows
            .iter()
            .zip(self.values)
            .filter(|(row, value)| self.labels[**row as usize] as usize != cluster && **value != 0.0);
        let (count, squares) =
            stored.fold((0.0, 0.0), |(n, sum), (_, &value)| (n + 1.0, sum + (f64::from(value) - mean).powi(2)));
        squares + (rows - count) * mean * mean
    }
}

/// z of the rank sum, and its two-sided p.
fn rank_sum(own: &Sums, rest: &Sums, ties: f64) -> (f64, f64) {
    let n = own.rows + rest.rows;
    let deviation = (ties * own.rows * rest.rows * (n + 1.0) / 12.0).sqrt();
    if deviation.is_nan() || deviation <= 0.0 {
        return (0.0, 1.0);
    }
    let z = (own.ranks - own.rows * (n + 1.0) / 2.0) / deviation;
    (z, libm::erfc(z.abs() / std::f64::consts::SQRT_2).max(SMALLEST_P))
}

/// t of both means with the size of the cluster for both, and its two-sided p.
fn welch(own: &Sums, own_squares: f64, rest: &Sums, rest_squares: f64) -> (f64, f64) {
    let part = |squares: f64, rows: f64| squares / (rows - 1.0) / own.rows;
    let (a, b) = (part(own_squares, own.rows), part(rest_squares, rest.rows));
    let t = (own.sum / own.rows - rest.sum / rest.rows) / (a + b).sqrt();
    if !t.is_finite() {
        return (0.0, 1.0);
    }
    let freedom = (a + b).powi(2) / ((a * a + b * b) / (own.rows - 1.0));
    (t, student(t, freedom).max(SMALLEST_P))
}

/// Two-sided p of Student's t: the regularized incomplete beta function at `f / (f + t²)`.
fn student(t: f64, freedom: f64) -> f64 {
    let (a, b, x) = (freedom / 2.0, 0.5, freedom / (freedom + t * t));
    if x < (a + 1.0) / (a + b + 2.0) { beta_part(a, b, x) } else { 1.0 - beta_part(b, a, t * t / (freedom + t * t)) }
}

/// The regularized incomplete beta function by its continued fraction (Lentz's method), for `x < (a + 1) / (a + b + 2)`.
fn beta_part(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    let ln = libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b) + a * x.ln() + b * (-x).ln_1p();
    let away_from_0 = |v: f64| if v.abs() < 1e-300 { 1e-300 } else { v };
    let (mut c, mut d) = (1.0, 1.0 / away_from_0(1.0 - (a + b) * x / (a + 1.0)));
    let mut h = d;
    for m in 1..10_000 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        for step in [even, odd] {
            d = 1.0 / away_from_0(1.0 + step * d);
            c = away_from_0(1.0 + step / c);
            h *= d * c;
        }
        if (d * c - 1.0).abs() < 1e-15 {
            break;
        }
    }
    (ln.exp() * h / a).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use basewise_core::Matrix;

    #[test]
    fn p_values_of_t_are_those_of_tables() {
        // scipy 1.17.1, 2 * stats.t.sf(t, f).
        for (t, freedom, p) in [
            (2.0, 1.0, 0.295_167_235_300_866_5),
            (1.0, 10.0, 0.340_893_132_302_06),
            (5.0, 30.5, 2.235_847_083_113_304_5e-5),
        ] {
            assert!((student(t, freedom) / p - 1.0).abs() < 1e-9, "{} {p}", student(t, freedom));
        }
        assert_eq!(student(0.0, 5.0), 1.0);
        assert!(student(80.0, 400.0) < 1e-100);
    }

    #[test]
    fn ranks_by_hand() {
        // Values 0 0 | 0 2 -1 of one feature: ranks 3 3 | 3 5 1.
        let x = Csr::from_dense(&Matrix::new(5, 2, vec![0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 2.0, 0.0, -1.0, 0.0]));
        let found = markers(&x, &[0, 0, 1, 1, 1], MarkerTest::RankSum).unwrap();
        let first = found[0].iter().find(|marker| marker.feature == 0).unwrap();
        assert_eq!((first.score, first.p), (0.0, 1.0));
        // Ranks 4.5 4.5 | 2 2 2: z = 3 / sqrt(0.75 * 3), as ties take 30 of 120.
        let second = &found[0][0];
        assert!((second.score - 2.0).abs() < 1e-12 && (second.p - 0.045_500_263_896).abs() < 1e-9, "{second:?}");
        assert_eq!((second.feature, second.fraction_in, second.fraction_out), (1, 1.0, 0.0));
        assert!((second.q - 2.0 * second.p).abs() < 1e-12);
    }

    #[test]
    fn groups_of_features_give_what_all_give() {
        let data = (0..60).map(|i| if i % 4 == 0 { 0.0 } else { (i * 7 % 13) as f32 }).collect();
        let x = Csr::from_dense(&Matrix::new(6, 10, data));
        let labels = [0, 1, 0, 2, 1, 2];
        for test in [MarkerTest::RankSum, MarkerTest::TTest] {
            let mut search = MarkerSearch::new(&labels, test);
            let by_feature = x.transposed();
            for range in [0..3, 3..3, 3..10] {
                search.add(&by_feature.slice_rows(range)).unwrap();
            }
            assert_eq!(search.finish(), markers(&x, &labels, test).unwrap());
        }
    }

    #[test]
    fn welch_by_hand() {
        let x = Csr::from_dense(&Matrix::new(6, 1, vec![1.0, 2.0, 3.0, 0.0, 1.0, 2.0]));
        let found = markers(&x, &[0, 0, 0, 1, 1, 1], MarkerTest::TTest).unwrap();
        // Equal sizes: t = 1 / sqrt(1 / 3 + 1 / 3) with 4 degrees of freedom.
        assert!((found[0][0].score - 1.5f64.sqrt()).abs() < 1e-12);
        assert!((found[0][0].p - student(1.5f64.sqrt(), 4.0)).abs() < 1e-12);
        assert!((found[1][0].score + 1.5f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn clusters_of_all_or_no_rows_have_no_markers() {
        let x = Csr::from_dense(&Matrix::new(2, 1, vec![1.0, 2.0]));
        let found = markers(&x, &[1, 1], MarkerTest::RankSum).unwrap();
        assert!(found.iter().all(Vec::is_empty));
        // One row: no variance, and no score.
        assert_eq!(markers(&x, &[0, 1], MarkerTest::TTest).unwrap()[0][0].p, 1.0);
        assert!(markers(&x, &[0], MarkerTest::TTest).is_err());
    }
}
