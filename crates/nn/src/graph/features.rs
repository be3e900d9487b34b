//! What is known of each node: numbers, dense or sparse, and their products with weights.

use super::propagation::{transposed, transposed_places};
use basewise_core::sparse::Csr;
use basewise_kernels::matrix::{Packed, multiply, multiply_transposed};
use basewise_kernels::{Level, random, sparse};
use rayon::prelude::*;

/// Rows that a task multiplies.
const ROWS: usize = 128;
/// Columns whose weight gradients a task computes.
const COLUMNS: usize = 240;

/// Features of nodes, `[nodes, features]`.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeFeatures(Form);

#[derive(Clone, Debug, PartialEq)]
enum Form {
    Dense { columns: usize, values: Vec<f32> },
    Sparse { matrix: Csr, turned: Csr, places: Vec<u32> },
}

impl NodeFeatures {
    /// From numbers row after row.
    ///
    /// # Panics
    /// If they do not fill rows.
    #[must_use]
    pub fn dense(rows: usize, columns: usize, values: Vec<f32>) -> Self {
        assert_eq!(rows.checked_mul(columns), Some(values.len()), "{rows} rows of {columns} features");
        Self(Form::Dense { columns, values })
    }

    /// From compressed rows.
    #[must_use]
    pub fn sparse(matrix: Csr) -> Self {
        let (turned, places) = transposed_places(&matrix);
        Self(Form::Sparse { turned, places, matrix })
    }

    /// One feature for each node, which is 1 for it alone: nothing is known but who is who.
    #[must_use]
    pub fn identity(nodes: usize) -> Self {
        Self::sparse(Csr {
            rows: nodes,
            columns: nodes,
            starts: (0..=nodes).collect(),
            indices: (0..nodes as u32).collect(),
            values: vec![1.0; nodes],
        })
    }

    /// Number of features.
    #[must_use]
    pub fn columns(&self) -> usize {
        match &self.0 {
            Form::Dense { columns, .. } => *columns,
            Form::Sparse { matrix, .. } => matrix.columns,
        }
    }

    /// Feature and value of each number of a node that is not 0.
    #[must_use]
    pub fn row(&self, node: usize) -> Vec<(u32, f32)> {
        match &self.0 {
            Form::Dense { columns, values } => {
                let own = values[node * columns..(node + 1) * columns].iter().enumerate();
                own.filter(|(_, value)| **value != 0.0).map(|(column, &value)| (column as u32, value)).collect()
            }
            Form::Sparse { matrix, .. } => super::data::row(matrix, node).filter(|(_, value)| *value != 0.0).collect(),
        }
    }

    /// The features of some nodes, in this order.
    #[must_use]
    pub fn select(&self, nodes: &[u32]) -> Self {
        match &self.0 {
            Form::Dense { columns, values } => {
                let row = |&node: &u32| &values[node as usize * columns..(node as usize + 1) * columns];
                Self::dense(nodes.len(), *columns, nodes.iter().flat_map(row).copied().collect())
            }
            Form::Sparse { matrix, .. } => {
                let mut chosen = Csr { rows: nodes.len(), columns: matrix.columns, starts: vec![0], ..Csr::default() };
                for &node in nodes {
                    let own = matrix.starts[node as usize]..matrix.starts[node as usize + 1];
                    chosen.indices.extend_from_slice(&matrix.indices[own.clone()]);
                    chosen.values.extend_from_slice(&matrix.values[own]);
                    chosen.starts.push(chosen.indices.len());
                }
                Self::sparse(chosen)
            }
        }
    }

    /// The features with dropout of `rate`: what is kept is a function of the key and the place of a number.
    pub(super) fn dropped(&self, key: u64, rate: f32) -> Input<'_> {
        let drop = |values: &[f32]| {
            let mut values = values.to_vec();
            if rate > 0.0 {
                random::dropout(Level::best(), key, 0, rate, &mut values);
            }
            values
        };
        match &self.0 {
            Form::Dense { columns, values } if rate > 0.0 => Input::Own { columns: *columns, values: drop(values) },
            Form::Dense { columns, values } => Input::Dense { columns: *columns, values },
            Form::Sparse { matrix, turned, places } => {
                let values = drop(&matrix.values);
                let back = places.iter().map(|&place| values[place as usize]).collect();
                Input::Sparse { matrix, values, turned, back }
            }
        }
    }
}

/// What a layer reads, `[nodes, columns]`.
pub(super) enum Input<'a> {
    Dense { columns: usize, values: &'a [f32] },
    Own { columns: usize, values: Vec<f32> },
    Sparse { matrix: &'a Csr, values: Vec<f32>, turned: &'a Csr, back: Vec<f32> },
}

impl Input<'_> {
    /// `x w`, `w` `[columns, width]`.
    pub(super) fn times(&self, w: &[f32], width: usize) -> Vec<f32> {
        match self {
            Self::Dense { columns, values } => dense_times(values, *columns, w, width),
            Self::Own { columns, values } => dense_times(values, *columns, w, width),
            Self::Sparse { matrix, values, .. } => {
                let mut y = vec![0.0; matrix.rows * width];
                let rows = sparse::Rows { values, ..rows_of_pattern(matrix) };
                sparse::multiply(Level::best(), rows, width, w, &mut y, false);
                y
            }
        }
    }

    /// The gradient of `w` in [`Input::times`]: `xᵀ dy`.
    pub(super) fn weight_gradient(&self, dy: &[f32], width: usize) -> Vec<f32> {
        match self {
            Self::Dense { columns, values } => dense_gradient(values, *columns, dy, width),
            Self::Own { columns, values } => dense_gradient(values, *columns, dy, width),
            Self::Sparse { turned, back, .. } => {
                let mut dw = vec![0.0; turned.rows * width];
                let rows = sparse::Rows { values: back, ..rows_of_pattern(turned) };
                sparse::multiply(Level::best(), rows, width, dy, &mut dw, false);
                dw
            }
        }
    }
}

/// Where values stand; their own are to come.
fn rows_of_pattern(matrix: &Csr) -> sparse::Rows<'_> {
    sparse::Rows { starts: &matrix.starts, indices: &matrix.indices, values: &[], columns: matrix.columns }
}

/// `x w`, `x` `[rows, columns]`, `w` `[columns, width]`.
pub(super) fn dense_times(x: &[f32], columns: usize, w: &[f32], width: usize) -> Vec<f32> {
    let rows = x.len().checked_div(columns).unwrap_or(0);
    let packed = Packed::new(Level::best(), columns, width, w);
    let mut y = vec![0.0; rows * width];
    if width > 0 && columns > 0 {
        y.par_chunks_mut(ROWS * width).zip(x.par_chunks(ROWS * columns)).for_each(|(y, x)| {
            multiply(x.len() / columns, x, columns, &packed, y, width, false);
        });
    }
    y
}

/// `xᵀ dy`, `x` `[rows, columns]`, `dy` `[rows, width]`.
fn dense_gradient(x: &[f32], columns: usize, dy: &[f32], width: usize) -> Vec<f32> {
    let rows = x.len().checked_div(columns).unwrap_or(0);
    let mut dw = vec![0.0; columns * width];
    if rows > 0 && width > 0 {
        dw.par_chunks_mut(COLUMNS * width).enumerate().for_each(|(task, dw)| {
            let count = dw.len() / width;
            let x = &x[task * COLUMNS..];
            multiply_transposed(Level::best(), (rows, count, width), x, columns, dy, width, dw, width, false);
        });
    }
    dw
}

/// `dy wᵀ`, `dy` `[rows, width]`, `w` `[columns, width]`: added to `dx` `[rows, columns]`.
pub(super) fn add_input_gradient(dy: &[f32], width: usize, w: &[f32], columns: usize, dx: &mut [f32]) {
    if width == 0 || columns == 0 {
        return;
    }
    let packed = Packed::transposed(Level::best(), width, columns, w);
    dx.par_chunks_mut(ROWS * columns).zip(dy.par_chunks(ROWS * width)).for_each(|(dx, dy)| {
        multiply(dy.len() / width, dy, width, &packed, dx, columns, true);
    });
}

/// How features are brought to one size before they reach a network.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// As they are.
    None,
    /// Each node's add up to 1 in absolute value; of a node without features they stay 0 (Kipf and Welling 2017).
    Rows,
    /// Each feature has mean 0 and variance 1 over the nodes of the fit; makes them dense.
    Standard {
        /// By feature.
        means: Vec<f32>,
        /// By feature; 1 for one that does not vary.
        deviations: Vec<f32>,
    },
}

impl Scale {
    /// Standardization over these features.
    #[must_use]
    pub fn standard(features: &Csr) -> Self {
        let (columns, rows) = (features.columns, features.rows.max(1) as f64);
        let turned = transposed(features);
        let (mut means, mut deviations) = (Vec::with_capacity(columns), Vec::with_capacity(columns));
        for column in 0..columns {
            let own = &turned.values[turned.starts[column]..turned.starts[column + 1]];
            let mean = own.iter().map(|&x| f64::from(x)).sum::<f64>() / rows;
            let stored = own.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>();
            let variance = (stored + (rows - own.len() as f64) * mean * mean) / rows;
            // Rounding leaves a little variance in a constant.
            let varies = variance > 1e-12 * mean * mean && variance > 0.0;
            means.push(mean as f32);
            deviations.push(if varies { variance.sqrt() as f32 } else { 1.0 });
        }
        Self::Standard { means, deviations }
    }

    /// The features, scaled. Where more than a quarter of the numbers are not 0, they are kept dense.
    ///
    /// # Panics
    /// If they are not those of the fit.
    #[must_use]
    pub fn apply(&self, features: &Csr) -> NodeFeatures {
        let (rows, columns) = (features.rows, features.columns);
        let mut scaled = features.clone();
        match self {
            Self::None => {}
            Self::Rows => {
                for node in 0..rows {
                    let own = &mut scaled.values[features.starts[node]..features.starts[node + 1]];
                    let sum: f64 = own.iter().map(|x| f64::from(x.abs())).sum();
                    if sum > 0.0 {
                        own.iter_mut().for_each(|x| *x = (f64::from(*x) / sum) as f32);
                    }
                }
            }
            Self::Standard { means, deviations } => {
                assert_eq!((means.len(), deviations.len()), (columns, columns), "features of the fit");
                let mut values = vec![0.0; rows * columns];
                for (node, values) in values.chunks_exact_mut(columns.max(1)).enumerate() {
                    super::data::row(features, node).for_each(|(column, value)| values[column as usize] = value);
                    for ((value, mean), deviation) in values.iter_mut().zip(means).zip(deviations) {
                        *value = (*value - mean) / deviation;
                    }
                }
                return NodeFeatures::dense(rows, columns, values);
            }
        }
        if scaled.values.len() * 4 <= rows.saturating_mul(columns) {
            return NodeFeatures::sparse(scaled);
        }
        let mut values = vec![0.0; rows * columns];
        for (node, values) in values.chunks_exact_mut(columns.max(1)).enumerate() {
            super::data::row(&scaled, node).for_each(|(column, value)| values[column as usize] = value);
        }
        NodeFeatures::dense(rows, columns, values)
    }
}
