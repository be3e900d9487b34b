//! t-SNE: a map in two dimensions on which rows that are neighbours lie together (van der Maaten and Hinton 2008).
//!
//! Attraction is between nearest neighbours alone, repulsion is that of cells of a quadtree (van der Maaten 2014), from a start
//! by principal components. Step sizes are those of openTSNE: as many as rows, over the exaggeration (Belkina et al. 2019).

mod affinity;
mod descent;
#[cfg(test)]
mod tests;
mod tree;

use super::{Metric, Neighbors, PcaOptions, UnsupervisedError};
use basewise_core::Matrix;
use basewise_core::random::{normal, stream};
use descent::{Descent, Phase};
use rayon::prelude::*;

/// How a map is made.
#[derive(Clone, Debug, PartialEq)]
pub struct TsneOptions {
    /// About how many neighbours attract a row; lowered to a third of the rows where those are few.
    pub perplexity: f64,
    /// What attraction is multiplied with at first.
    pub exaggeration: f64,
    /// Iterations with exaggeration.
    pub exaggerated_iterations: usize,
    /// Iterations after them.
    pub iterations: usize,
    /// Width over distance below which a cell of the tree repels as a whole; 0 is exact.
    pub theta: f64,
    /// Of the small differences from the start by principal components.
    pub seed: u64,
}

impl Default for TsneOptions {
    fn default() -> Self {
        let (exaggerated_iterations, iterations) = (250, 500);
        Self { perplexity: 30.0, exaggeration: 12.0, exaggerated_iterations, iterations, theta: 0.5, seed: 0 }
    }
}

/// A map of the rows of a fit.
#[derive(Clone, Debug, PartialEq)]
pub struct Tsne {
    /// `[rows, 2]`, with mean 0.
    pub map: Matrix,
    /// Kullback-Leibler divergence of the map from the neighbours, nats, with the repulsion of the tree.
    pub divergence: f64,
    /// The perplexity that was used.
    pub perplexity: f64,
    theta: f64,
}

/// Standard deviation of the first coordinate at the start, and that of what is added to it as a part of it.
const START: f64 = 1e-4;
const JITTER: f64 = 0.01;
/// New rows: perplexity, neighbours whose median is the start, exaggeration, iterations, step size and longest gradient, as
/// in openTSNE.
const NEW_PERPLEXITY: f64 = 5.0;
const NEW_NEIGHBORS: usize = 25;
const NEW_EXAGGERATION: f32 = 1.5;
const NEW_ITERATIONS: usize = 250;
const NEW_STEP: f32 = 0.1;
const NEW_GRADIENT: f32 = 0.25;

impl TsneOptions {
    /// A map of `rows`, by Euclidean distance.
    ///
    /// # Errors
    /// If there are fewer than four rows, values are not finite, or a setting is out of its range.
    pub fn fit(&self, rows: &Matrix) -> Result<Tsne, UnsupervisedError> {
        let n = rows.rows();
        UnsupervisedError::at_least("rows", 4, n)?;
        let perplexity = self.perplexity.min((n - 1) as f64 / 3.0);
        UnsupervisedError::unless(perplexity >= 1.0, "perplexity", "a number from 1 on", self.perplexity)?;
        let fine = self.exaggeration >= 1.0 && self.exaggeration.is_finite();
        UnsupervisedError::unless(fine, "exaggeration", "a number from 1 on", self.exaggeration)?;
        UnsupervisedError::unless((0.0..=1.0).contains(&self.theta), "theta", "a number from 0 to 1", self.theta)?;
        let neighbors = Neighbors::find(rows, (3.0 * perplexity) as usize, Metric::Euclidean)?;
        let affinities = affinity::joint(&neighbors, perplexity);
        let mut descent = Descent::new(affinities, self.start(rows)?, self.theta as f32);
        let step = |exaggeration: f64| (n as f64 / exaggeration) as f32;
        for (iterations, exaggeration) in [(self.exaggerated_iterations, self.exaggeration), (self.iterations, 1.0)] {
            descent.run(&Phase { iterations, exaggeration: exaggeration as f32, step: step(exaggeration) });
        }
        let divergence = descent.divergence();
        let map = Matrix::new(n, 2, descent.map.into_iter().flatten().collect());
        Ok(Tsne { map, divergence, perplexity, theta: self.theta })
    }

    /// Two principal components, small, and a little beside them so that rows on a line can leave it.
    fn start(&self, rows: &Matrix) -> Result<Vec<[f32; 2]>, UnsupervisedError> {
        let options = PcaOptions { components: 2, seed: self.seed, ..PcaOptions::default() };
        let at = options.fit(rows)?.transform(rows)?;
        let variance = at.column(0).map(|x| f64::from(x).powi(2)).sum::<f64>() / rows.rows() as f64;
        let scale = if variance > 0.0 { START / variance.sqrt() } else { 0.0 };
        let mut rng = stream(self.seed, "t-sne start", &[]);
        let mut place = |x: f32| (f64::from(x) * scale + START * JITTER * normal(&mut rng)) as f32;
        Ok((0..rows.rows()).map(|i| [place(at.row(i)[0]), place(*at.row(i).get(1).unwrap_or(&0.0))]).collect())
    }
}

impl Tsne {
    /// Places of new rows on the map, `[rows, 2]`: where their nearest neighbours among `known`, the rows of the fit, pull
    /// them. The map stays as it is, and new rows do not see each other.
    ///
    /// # Errors
    /// If `known` has another number of rows than the map, columns differ, or values are not finite.
    pub fn transform(&self, known: &Matrix, rows: &Matrix) -> Result<Matrix, UnsupervisedError> {
        let (expected, found) = (self.map.rows(), known.rows());
        if expected != found {
            return Err(UnsupervisedError::Lengths { what: "rows of the fit", expected, found });
        }
        let perplexity = NEW_PERPLEXITY.min(self.perplexity);
        let near = Neighbors::find_among(known, rows, NEW_NEIGHBORS, Metric::Euclidean)?;
        let count = ((3.0 * perplexity) as usize).clamp(1, near.count);
        let map: Vec<[f32; 2]> = self.map.data().as_chunks::<2>().0.to_vec();
        let tree = tree::Tree::new(&map);
        let place = |i: usize| {
            let (indices, distances) = near.of(i);
            let start = median(indices.iter().map(|&j| map[j as usize]));
            let weights = affinity::conditional(&distances[..count], perplexity);
            let pull: Vec<([f32; 2], f32)> =
                indices.iter().zip(weights).map(|(&j, weight)| (map[j as usize], weight as f32)).collect();
            descent::place(&tree, start, &pull, self.theta as f32)
        };
        let places: Vec<[f32; 2]> = (0..rows.rows()).into_par_iter().map(place).collect();
        Ok(Matrix::new(rows.rows(), 2, places.into_iter().flatten().collect()))
    }
}

/// Of each coordinate.
fn median(points: impl Iterator<Item = [f32; 2]>) -> [f32; 2] {
    let points: Vec<[f32; 2]> = points.collect();
    [0, 1].map(|axis| {
        let mut values: Vec<f32> = points.iter().map(|point| point[axis]).collect();
        values.sort_by(f32::total_cmp);
        let middle = values.len() / 2;
        if values.len() % 2 == 1 { values[middle] } else { f32::midpoint(values[middle - 1], values[middle]) }
    })
}
