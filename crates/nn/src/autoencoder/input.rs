//! Cells as a network reads them: checked once, and taken a few at a time.

use super::{AutoencoderError, Config, Kind};
use basewise_core::random::{stream, uniform};
use basewise_core::sparse::Csr;
use basewise_kernels::Level;
use basewise_kernels::sparse::{Rows, multiply};
use rayon::prelude::*;

/// Cells by genes, with the batch of each cell where batches are known.
#[derive(Clone, Copy, Debug)]
pub struct Cells<'a> {
    /// Counts, or other values where [`Config::as_is`] says so.
    pub values: &'a Csr,
    /// Batch of each cell, below the number that is given too; `None` where there are none.
    pub batches: Option<(&'a [u32], usize)>,
}

/// Cells that were checked and transformed.
pub(super) struct Prepared<'a> {
    /// What the encoder reads.
    pub(super) input: Csr,
    /// What has to be likely: counts, or the input.
    counts: Option<&'a Csr>,
    /// Sum of the counts of each cell; 1 for values that are none.
    pub(super) totals: Vec<f64>,
    codes: Option<&'a [u32]>,
}

impl Cells<'_> {
    pub(super) fn number_of_batches(&self) -> usize {
        self.batches.map_or(0, |(_, number)| number)
    }

    /// Refuses values, cells and batches that no likelihood has a place for; sums of counts.
    pub(super) fn totals(&self, config: &Config) -> Result<Vec<f64>, AutoencoderError> {
        let values = self.values;
        if let Some((codes, number)) = self.batches {
            if codes.len() != values.rows {
                return Err(AutoencoderError::Size {
                    what: "batches of cells",
                    expected: values.rows,
                    found: codes.len(),
                });
            }
            if let Some(&code) = codes.iter().find(|&&code| code as usize >= number) {
                return Err(AutoencoderError::Size { what: "batches", expected: number, found: code as usize + 1 });
            }
        }
        let expected = match (config.as_is, config.counts()) {
            (true, _) => "a finite number",
            (false, true) => "a count: a whole number from 0",
            (false, false) => "a number from 0",
        };
        let fits = |value: f32| {
            value.is_finite() && (config.as_is || (value >= 0.0 && (!config.counts() || value.fract() == 0.0)))
        };
        let mut totals = Vec::with_capacity(values.rows);
        for cell in 0..values.rows {
            let (genes, row) = values.row(cell);
            if let Some((&gene, &found)) = genes.iter().zip(row).find(|(_, value)| !fits(**value)) {
                return Err(AutoencoderError::Value { cell, gene: gene as usize, expected, found });
            }
            let total = if config.as_is { 1.0 } else { row.iter().map(|&value| f64::from(value)).sum() };
            if total <= 0.0 {
                return Err(AutoencoderError::Empty { cell });
            }
            totals.push(total);
        }
        Ok(totals)
    }

    /// The transformed cells; normalized counts have the sum `target`.
    pub(super) fn prepare(&self, config: &Config, target: f64) -> Result<Prepared<'_>, AutoencoderError> {
        let totals = self.totals(config)?;
        let mut input = self.values.clone();
        if !config.as_is {
            for (cell, &total) in totals.iter().enumerate() {
                let factor = if config.kind == Kind::Variational { 1.0 } else { target / total };
                let row = &mut input.values[self.values.starts[cell]..self.values.starts[cell + 1]];
                row.iter_mut().for_each(|value| *value = (f64::from(*value) * factor).ln_1p() as f32);
            }
        }
        let counts = config.counts().then_some(self.values);
        Ok(Prepared { input, counts, totals, codes: self.batches.map(|(codes, _)| codes) })
    }
}

/// Cells that go through a network together.
pub(super) struct Minibatch {
    pub(super) n: usize,
    /// What the encoder reads, batches behind genes if it is told them.
    pub(super) input: Csr,
    /// What has to be likely.
    pub(super) target: Csr,
    /// Logarithm of the sum of counts of each cell.
    pub(super) library: Vec<f32>,
    /// Batch of each cell.
    pub(super) codes: Option<Vec<u32>>,
}

impl Prepared<'_> {
    /// Some cells. With `hidden`, a share of the input is left out, by a seed and a step.
    pub(super) fn take(
        &self,
        cells: &[usize],
        config: &Config,
        batches: usize,
        hidden: Option<(u64, u64)>,
    ) -> Minibatch {
        let mut input = self.input.select_rows(cells);
        let target = self.counts.map_or_else(|| input.clone(), |counts| counts.select_rows(cells));
        if let Some((seed, step)) = hidden.filter(|_| config.hide > 0.0) {
            let mut rng = stream(seed, "autoencoder hidden values", &[step]);
            input
                .values
                .iter_mut()
                .for_each(|value| *value = if uniform(&mut rng) < config.hide { 0.0 } else { *value });
        }
        let codes: Option<Vec<u32>> = self.codes.map(|codes| cells.iter().map(|&cell| codes[cell]).collect());
        if let Some(codes) = codes.as_ref().filter(|_| config.encode_batch) {
            input = with_batches(&input, codes, batches);
        }
        let library = cells.iter().map(|&cell| self.totals[cell].ln() as f32).collect();
        Minibatch { n: cells.len(), input, target, library, codes }
    }
}

/// A column for each batch behind the others, 1 for the cells of it.
fn with_batches(input: &Csr, codes: &[u32], batches: usize) -> Csr {
    let (mut indices, mut values, mut starts) = (Vec::new(), Vec::new(), vec![0]);
    for (cell, &code) in codes.iter().enumerate() {
        let (own, row) = input.row(cell);
        indices.extend_from_slice(own);
        values.extend_from_slice(row);
        indices.push(input.columns as u32 + code);
        values.push(1.0);
        starts.push(indices.len());
    }
    Csr { rows: input.rows, columns: input.columns + batches, starts, indices, values }
}

/// Rows that a task multiplies.
const ROWS: usize = 16;

/// `y = x W + b` of sparse rows.
pub(super) fn sparse_product(level: Level, x: &Csr, weights: &[f32], bias: &[f32]) -> Vec<f32> {
    let units = bias.len();
    let mut y = vec![0.0; x.rows * units];
    y.chunks_exact_mut(units.max(1)).for_each(|y| y.copy_from_slice(bias));
    y.par_chunks_mut((ROWS * units).max(1)).enumerate().for_each(|(task, y)| {
        let from = task * ROWS;
        let to = from + y.len() / units;
        let (first, last) = (x.starts[from], x.starts[to]);
        let starts: Vec<usize> = x.starts[from..=to].iter().map(|start| start - first).collect();
        let own = Rows {
            starts: &starts,
            indices: &x.indices[first..last],
            values: &x.values[first..last],
            columns: x.columns,
        };
        multiply(level, own, units, weights, y, true);
    });
    y
}

/// The gradient of the weights of [`sparse_product`], `xᵀ dy`, overwritten.
pub(super) fn sparse_gradient(level: Level, x: &Csr, units: usize, dy: &[f32], gradient: &mut [f32]) {
    let turned = x.transposed();
    let rows =
        Rows { starts: &turned.starts, indices: &turned.indices, values: &turned.values, columns: turned.columns };
    multiply(level, rows, units, dy, gradient, false);
}
