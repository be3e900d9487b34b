//! The nearest rows of each row, exactly, and graphs made of them.

mod graph;
#[cfg(test)]
mod tests;

pub(super) use graph::joined;

use super::UnsupervisedError;
use super::rows::{Rows, centred, squared_distance};
use basewise_core::Matrix;
use basewise_kernels::Level;
use basewise_kernels::matrix::{Packed, multiply};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Rows whose neighbours are looked for at once, and rows that they are compared with at once.
const BLOCK: usize = 64;
const AGAINST: usize = 512;
/// Candidates beyond the number of neighbours: their order is that of exact distances.
const MORE: usize = 8;

/// How far two rows are apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Length of the difference.
    #[default]
    Euclidean,
    /// 1 less the cosine of the angle, `0..=2`; a row of zeros is 1 from every other.
    Cosine,
}

/// The nearest rows of each row, itself left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbors {
    /// Neighbours of each row.
    pub count: usize,
    /// `[rows, count]`, the nearest first; of equally near ones the first.
    pub indices: Vec<u32>,
    /// Their distances.
    pub distances: Vec<f32>,
}

impl Neighbors {
    /// The `count` nearest of the other rows; all of them if there are fewer.
    ///
    /// # Errors
    /// If there are fewer than two rows, values are not finite, or `count` is 0.
    pub fn find(rows: &Matrix, count: usize, metric: Metric) -> Result<Self, UnsupervisedError> {
        UnsupervisedError::unless(count > 0, "neighbors", "at least 1", count)?;
        UnsupervisedError::at_least("rows", 2, rows.rows())?;
        Rows::Dense(rows).check()?;
        let points = Points::new(rows, metric, None);
        Ok(points.nearest_of(&points, count.min(rows.rows() - 1), true))
    }

    /// The `count` rows of `known` that are nearest to each row of `rows`.
    ///
    /// # Errors
    /// If columns differ, values are not finite, `known` has no rows, or `count` is 0.
    pub fn find_among(known: &Matrix, rows: &Matrix, count: usize, metric: Metric) -> Result<Self, UnsupervisedError> {
        UnsupervisedError::unless(count > 0, "neighbors", "at least 1", count)?;
        UnsupervisedError::at_least("rows", 1, known.rows())?;
        Rows::Dense(known).check()?;
        Rows::Dense(rows).check_columns(known.columns())?;
        let known = Points::new(known, metric, None);
        let points = Points::new(rows, metric, Some(&known.mean));
        Ok(known.nearest_of(&points, count.min(known.rows), false))
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.indices.len() / self.count.max(1)
    }

    /// Neighbours and distances of a row.
    pub fn of(&self, row: usize) -> (&[u32], &[f32]) {
        let range = row * self.count..(row + 1) * self.count;
        (&self.indices[range.clone()], &self.distances[range])
    }
}

/// Rows in which the squared Euclidean distance orders as the metric does.
struct Points {
    rows: usize,
    columns: usize,
    metric: Metric,
    /// What was taken from each row, so that products lose little.
    mean: Vec<f64>,
    values: Vec<f32>,
    squares: Vec<f32>,
}

impl Points {
    fn new(rows: &Matrix, metric: Metric, mean: Option<&[f64]>) -> Self {
        let columns = rows.columns();
        let (mean, values) = match metric {
            Metric::Euclidean => {
                let mean = mean.map_or_else(|| Rows::Dense(rows).means(), <[f64]>::to_vec);
                let values = centred(rows, 0, rows.rows(), &mean);
                (mean, values)
            }
            Metric::Cosine => (vec![0.0; columns], of_length_one(rows)),
        };
        let square =
            |i: usize| values[i * columns..(i + 1) * columns].iter().map(|&x| f64::from(x).powi(2)).sum::<f64>();
        let squares = (0..rows.rows()).map(|i| square(i) as f32).collect();
        Self { rows: rows.rows(), columns, metric, mean, values, squares }
    }

    fn row(&self, i: usize) -> &[f32] {
        &self.values[i * self.columns..(i + 1) * self.columns]
    }

    fn distance(&self, squared: f32) -> f32 {
        match self.metric {
            Metric::Euclidean => squared.sqrt(),
            Metric::Cosine => squared / 2.0,
        }
    }

    /// The nearest of these points to each of `others`, which are these points themselves if `same`.
    fn nearest_of(&self, others: &Self, count: usize, same: bool) -> Neighbors {
        let packed: Vec<Packed> = (0..self.rows)
            .into_par_iter()
            .step_by(AGAINST)
            .map(|from| {
                let end = (from + AGAINST).min(self.rows);
                let values = &self.values[from * self.columns..end * self.columns];
                Packed::transposed(Level::best(), self.columns, end - from, values)
            })
            .collect();
        let blocks = (0..others.rows.div_ceil(BLOCK)).into_par_iter();
        let found = blocks.map(|block| self.of_block(others, block, &packed, count, same));
        let found: Vec<(Vec<u32>, Vec<f32>)> = found.collect();
        let (mut indices, mut distances) = (Vec::new(), Vec::new());
        for (block_indices, block_distances) in found {
            indices.extend(block_indices);
            distances.extend(block_distances);
        }
        Neighbors { count, indices, distances }
    }

    fn of_block(
        &self,
        others: &Self,
        block: usize,
        packed: &[Packed],
        count: usize,
        same: bool,
    ) -> (Vec<u32>, Vec<f32>) {
        let range = block * BLOCK..((block + 1) * BLOCK).min(others.rows);
        let rows = &others.values[range.start * self.columns..range.end * self.columns];
        let mut nearest: Vec<Nearest> = range.clone().map(|_| Nearest::new(count + MORE)).collect();
        let mut products = vec![0.0; range.len() * AGAINST];
        for (part, packed) in packed.iter().enumerate() {
            let (from, width) = (part * AGAINST, packed.shape().1);
            multiply(range.len(), rows, self.columns, packed, &mut products, AGAINST, false);
            let squares = &self.squares[from..from + width];
            for ((i, nearest), products) in range.clone().zip(&mut nearest).zip(products.chunks_exact(AGAINST)) {
                let own = if same { i.wrapping_sub(from) } else { usize::MAX };
                nearest.offer(from, &products[..width], squares, own);
            }
        }
        let (mut indices, mut distances) = (Vec::new(), Vec::new());
        for (i, nearest) in range.zip(nearest) {
            let exact = |(_, j): (f32, u32)| (squared_distance(others.row(i), self.row(j as usize)), j);
            let mut exact: Vec<(f32, u32)> = nearest.found().into_iter().map(exact).collect();
            exact.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            indices.extend(exact[..count].iter().map(|&(_, j)| j));
            distances.extend(exact[..count].iter().map(|&(squared, _)| self.distance(squared)));
        }
        (indices, distances)
    }
}

fn of_length_one(rows: &Matrix) -> Vec<f32> {
    let mut values = rows.data().to_vec();
    for row in values.chunks_exact_mut(rows.columns().max(1)) {
        let length = row.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
        if length > 0.0 {
            row.iter_mut().for_each(|x| *x = (f64::from(*x) / length) as f32);
        }
    }
    values
}

/// The smallest of many numbers and their places. Numbers below the limit are put aside; when they are twice as many as
/// are wanted, half of them go.
struct Nearest {
    wanted: usize,
    limit: f32,
    aside: Vec<(f32, u32)>,
}

impl Nearest {
    fn new(wanted: usize) -> Self {
        Self { wanted, limit: f32::INFINITY, aside: Vec::with_capacity(2 * wanted) }
    }

    /// What is left of the squared distances of a row to rows `from..`, except `own`, less the square of the row itself.
    fn offer(&mut self, from: usize, products: &[f32], squares: &[f32], own: usize) {
        const LANES: usize = 16;
        let chunks = products.chunks(LANES).zip(squares.chunks(LANES)).enumerate();
        for (chunk, (products, squares)) in chunks {
            let mut scores = [f32::INFINITY; LANES];
            for (score, (product, square)) in scores.iter_mut().zip(products.iter().zip(squares)) {
                *score = square - 2.0 * product;
            }
            if !scores.iter().fold(false, |any, &score| any | (score < self.limit)) {
                continue;
            }
            for (lane, &score) in scores.iter().enumerate() {
                let at = chunk * LANES + lane;
                if score < self.limit && at != own {
                    self.aside.push((score, (from + at) as u32));
                    if self.aside.len() == 2 * self.wanted {
                        self.shrink();
                    }
                }
            }
        }
    }

    fn shrink(&mut self) {
        if self.aside.len() > self.wanted {
            let order = |a: &(f32, u32), b: &(f32, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
            let (_, last, _) = self.aside.select_nth_unstable_by(self.wanted - 1, order);
            self.limit = last.0;
            self.aside.truncate(self.wanted);
        }
    }

    fn found(mut self) -> Vec<(f32, u32)> {
        self.shrink();
        self.aside
    }
}
