//! k-means: as many centres as asked for, each the mean of the rows that are nearer to it than to any other.
//!
//! Lloyd's algorithm from greedy k-means++ starts (Arthur and Vassilvitskii 2007), the best of some restarts. Distances come
//! from products of blocks of rows with all centres.

mod seeding;
#[cfg(test)]
pub(super) mod tests;

use super::rows::{BLOCK, Rows, centred, pieces, squared_distance};
use super::{UnsupervisedError, scores};
use basewise_core::Matrix;
use basewise_kernels::Level;
use basewise_kernels::matrix::{Packed, multiply};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// What to look for.
#[derive(Clone, Debug, PartialEq)]
pub struct KMeansOptions {
    /// Number of centres, at least 1 and at most the number of rows.
    pub clusters: usize,
    /// Starts, of which the one with the smallest inertia is kept.
    pub restarts: usize,
    /// The most iterations of a start.
    pub iterations: usize,
    /// Centres that move less than this in all, as a part of the mean variance of columns (squared distances), end a start.
    pub tolerance: f64,
    /// Of the starts.
    pub seed: u64,
}

impl Default for KMeansOptions {
    fn default() -> Self {
        Self { clusters: 8, restarts: 10, iterations: 300, tolerance: 1e-4, seed: 0 }
    }
}

/// Centres, and which rows are near them.
#[derive(Clone, Debug, PartialEq)]
pub struct KMeans {
    /// `[clusters, columns]`.
    pub centres: Matrix,
    /// Nearest centre of each row of the fit.
    pub labels: Vec<u32>,
    /// Sum of squared distances of rows to their centres.
    pub inertia: f64,
    /// Iterations of the start that was kept.
    pub iterations: usize,
}

impl KMeansOptions {
    /// Centres of `rows`.
    ///
    /// # Errors
    /// If there are fewer rows than clusters, values are not finite, or a setting is out of its range.
    pub fn fit(&self, rows: &Matrix) -> Result<KMeans, UnsupervisedError> {
        UnsupervisedError::unless(self.clusters > 0, "clusters", "at least 1", self.clusters)?;
        UnsupervisedError::unless(self.restarts > 0, "restarts", "at least 1", self.restarts)?;
        UnsupervisedError::unless(self.iterations > 0, "iterations", "at least 1", self.iterations)?;
        UnsupervisedError::unless(self.tolerance >= 0.0, "tolerance", "a number from 0 on", self.tolerance)?;
        UnsupervisedError::at_least("rows", self.clusters, rows.rows())?;
        Rows::Dense(rows).check()?;
        let mean = Rows::Dense(rows).means();
        let data = Data::new(rows, &mean);
        let limit = self.tolerance * data.variance();
        let mut best: Option<Start> = None;
        for restart in 0..self.restarts {
            let centres = seeding::choose(&data, self.clusters, self.seed, restart);
            let start = self.lloyd(&data, centres, limit);
            if best.as_ref().is_none_or(|best| start.inertia < best.inertia) {
                best = Some(start);
            }
        }
        let Some(mut best) = best else {
            return Err(UnsupervisedError::TooFew { what: "rows", expected: 1, found: 0 });
        };
        let columns = rows.columns().max(1);
        for centre in best.centres.chunks_exact_mut(columns) {
            centre.iter_mut().zip(&mean).for_each(|(value, mean)| *value = (f64::from(*value) + mean) as f32);
        }
        let centres = Matrix::new(self.clusters, rows.columns(), best.centres);
        Ok(KMeans { centres, labels: best.labels, inertia: best.inertia, iterations: best.iterations })
    }

    /// Moves centres to the means of their rows until they rest.
    fn lloyd(&self, data: &Data, mut centres: Vec<f32>, limit: f64) -> Start {
        let mut labels = data.nearest(&centres, self.clusters);
        let mut iterations = 0;
        while iterations < self.iterations {
            iterations += 1;
            let next = data.means_of(&labels, &centres, self.clusters);
            let moved: f64 = next.iter().zip(&centres).map(|(a, b)| f64::from(a - b).powi(2)).sum();
            centres = next;
            let now = data.nearest(&centres, self.clusters);
            let same = now == labels;
            labels = now;
            if same || moved <= limit {
                break;
            }
        }
        let inertia = data.distances(&labels, &centres).iter().map(|&d| f64::from(d)).sum();
        Start { centres, labels, inertia, iterations }
    }
}

impl KMeans {
    /// The nearest centre of each row.
    ///
    /// # Errors
    /// If columns are not as many as in the fit, or values are not finite.
    pub fn assign(&self, rows: &Matrix) -> Result<Vec<u32>, UnsupervisedError> {
        Rows::Dense(rows).check_columns(self.centres.columns())?;
        let mean = Rows::Dense(&self.centres).means();
        let centres = centred(&self.centres, 0, self.centres.rows(), &mean);
        Ok(Data::new(rows, &mean).nearest(&centres, self.centres.rows()))
    }
}

/// One line of a table from which a number of clusters is chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ElbowRow {
    /// Number of clusters.
    pub clusters: usize,
    /// Sum of squared distances of rows to their centres.
    pub inertia: f64,
    /// Mean silhouette of up to 2,000 rows; none for one cluster.
    pub silhouette: Option<f64>,
}

/// Rows whose silhouettes are looked at for each number of clusters.
const ELBOW_SAMPLE: usize = 2000;

/// Inertia and silhouette for numbers of clusters, the other settings as in `options`.
///
/// # Errors
/// As [`KMeansOptions::fit`].
pub fn elbow(
    rows: &Matrix,
    clusters: std::ops::RangeInclusive<usize>,
    options: &KMeansOptions,
) -> Result<Vec<ElbowRow>, UnsupervisedError> {
    let one = |clusters: usize| {
        let fit = KMeansOptions { clusters, ..options.clone() }.fit(rows)?;
        let silhouette = scores::silhouette(rows, &fit.labels, Some(ELBOW_SAMPLE), options.seed)?.mean;
        Ok(ElbowRow { clusters, inertia: fit.inertia, silhouette })
    };
    clusters.map(one).collect()
}

struct Start {
    centres: Vec<f32>,
    labels: Vec<u32>,
    inertia: f64,
    iterations: usize,
}

/// Rows less the mean of all, so that products of them lose little.
pub(super) struct Data {
    rows: usize,
    columns: usize,
    values: Vec<f32>,
}

impl Data {
    pub(super) fn new(rows: &Matrix, mean: &[f64]) -> Self {
        Self { rows: rows.rows(), columns: rows.columns(), values: centred(rows, 0, rows.rows(), mean) }
    }

    fn row(&self, i: usize) -> &[f32] {
        &self.values[i * self.columns..(i + 1) * self.columns]
    }

    /// Mean of the variances of columns.
    fn variance(&self) -> f64 {
        let squares: f64 = self.values.iter().map(|&x| f64::from(x).powi(2)).sum();
        squares / (self.rows * self.columns).max(1) as f64
    }

    /// Calls `with` for blocks of rows with what is left of squared distances to `centres` when the square of the row
    /// itself, which is the same for all centres, is taken away: `|c|² - 2 x c`, `[rows of the block, k]`.
    fn by_block<T: Send>(
        &self,
        centres: &[f32],
        k: usize,
        with: impl Fn(std::ops::Range<usize>, &[f32]) -> T + Sync,
    ) -> Vec<T> {
        let twice: Vec<f32> = centres.iter().map(|x| -2.0 * x).collect();
        let packed = Packed::transposed(Level::best(), self.columns, k, &twice);
        let square = |centre: &[f32]| centre.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() as f32;
        let squares: Vec<f32> = (0..k).map(|c| square(&centres[c * self.columns..][..self.columns])).collect();
        let blocks = (0..self.rows.div_ceil(BLOCK)).into_par_iter();
        let one = |scores: &mut Vec<f32>, block: usize| {
            let range = block * BLOCK..((block + 1) * BLOCK).min(self.rows);
            scores.clear();
            range.clone().for_each(|_| scores.extend(&squares));
            let rows = &self.values[range.start * self.columns..range.end * self.columns];
            multiply(range.len(), rows, self.columns, &packed, scores, k, true);
            with(range, scores)
        };
        blocks.map_init(Vec::new, one).collect()
    }

    /// The nearest centre of each row; the first of equally near ones.
    pub(super) fn nearest(&self, centres: &[f32], k: usize) -> Vec<u32> {
        let labels = self.by_block(centres, k, |_, scores| scores.chunks_exact(k).map(smallest).collect::<Vec<u32>>());
        labels.concat()
    }

    /// Squared distance of each row to its centre.
    fn distances(&self, labels: &[u32], centres: &[f32]) -> Vec<f32> {
        let rows = labels.par_iter().enumerate().with_min_len(BLOCK);
        rows.map(|(i, &c)| squared_distance(self.row(i), &centres[c as usize * self.columns..][..self.columns]))
            .collect()
    }

    /// Means of clusters. A cluster without rows takes the row that is farthest from its own centre.
    fn means_of(&self, labels: &[u32], centres: &[f32], k: usize) -> Vec<f32> {
        let d = self.columns;
        let piece = |range: std::ops::Range<usize>| {
            let (mut sums, mut counts) = (vec![0.0_f64; k * d], vec![0_usize; k]);
            for i in range {
                let c = labels[i] as usize;
                counts[c] += 1;
                let sums = &mut sums[c * d..(c + 1) * d];
                sums.iter_mut().zip(self.row(i)).for_each(|(sum, &x)| *sum += f64::from(x));
            }
            (sums, counts)
        };
        let parts: Vec<(Vec<f64>, Vec<usize>)> = pieces(self.rows).into_par_iter().map(piece).collect();
        let (mut sums, mut counts) = (vec![0.0; k * d], vec![0; k]);
        for (part, more) in parts {
            sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
            counts.iter_mut().zip(more).for_each(|(count, more)| *count += more);
        }
        if counts.contains(&0) {
            self.fill_empty(labels, centres, &mut sums, &mut counts);
        }
        let mean = |(at, sum): (usize, f64)| (sum / counts[at / d].max(1) as f64) as f32;
        sums.into_iter().enumerate().map(mean).collect()
    }

    fn fill_empty(&self, labels: &[u32], centres: &[f32], sums: &mut [f64], counts: &mut [usize]) {
        let d = self.columns;
        let distances = self.distances(labels, centres);
        let mut farthest: Vec<usize> = (0..self.rows).collect();
        farthest.sort_by(|&a, &b| distances[b].total_cmp(&distances[a]).then(a.cmp(&b)));
        let mut farthest = farthest.into_iter();
        for empty in 0..counts.len() {
            if counts[empty] > 0 {
                continue;
            }
            let Some(i) = farthest.find(|&i| counts[labels[i] as usize] > 1) else { return };
            let old = labels[i] as usize;
            (counts[old], counts[empty]) = (counts[old] - 1, 1);
            for (j, &x) in self.row(i).iter().enumerate() {
                sums[old * d + j] -= f64::from(x);
                sums[empty * d + j] = f64::from(x);
            }
        }
    }
}

/// Place of the smallest number, the first of equal ones.
fn smallest(numbers: &[f32]) -> u32 {
    let mut best = (f32::INFINITY, 0);
    for (at, &number) in numbers.iter().enumerate() {
        if number < best.0 {
            best = (number, at);
        }
    }
    best.1 as u32
}
