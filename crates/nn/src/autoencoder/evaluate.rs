//! What a trained autoencoder says of cells: latent numbers, denoised expression, likelihoods.

use super::input::{Cells, Prepared};
use super::likelihood::{divergence, sigmoid};
use super::network::{Encoded, Network, deviation};
use super::{Autoencoder, AutoencoderError, Kind};
use basewise_core::Matrix;
use basewise_core::random::{normal, stream};

/// Cells that go through at once.
const CELLS: usize = 256;

/// How likely cells are, means over cells in nats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluation {
    /// How many cells.
    pub cells: usize,
    /// `-ln P(cell | latent mean)`; for squared errors half their sum.
    pub reconstruction: f64,
    /// Divergence of the latent distributions from the prior; `None` where there are none.
    pub divergence: Option<f64>,
    /// Minus the evidence lower bound, with draws of the latent numbers; `None` without latent distributions.
    pub bound: Option<f64>,
    /// `-ln P(cell)` by importance sampling (Burda et al. 2016), from as many draws; `None` without latent distributions.
    pub marginal: Option<f64>,
    /// Mean squared error of log(1 + normalized value), of a value.
    pub squared_error: f64,
}

impl Network<'_> {
    /// `-ln P(cell | latent mean)` and the divergence of each of some cells.
    pub(super) fn losses(&self, prepared: &Prepared<'_>, cells: &[usize]) -> (Vec<f64>, Vec<f64>) {
        let mut output = self.output();
        let (mut likelihood, mut divergences) = (Vec::new(), Vec::new());
        for cells in cells.chunks(CELLS) {
            let batch = prepared.take(cells, self.config, self.layout.batches, None);
            let encoded = self.encode(&batch, None);
            let decoded = self.decode(&encoded.mean, batch.codes.as_deref(), None);
            output.forward(self.layout, self.parameters, decoded.last(), &self.sizes(&batch.library));
            likelihood.extend(output.losses(self.layout, self.parameters, &batch));
            divergences.extend(divergence_of_cells(&encoded, self.config.latent));
        }
        (likelihood, divergences)
    }
}

fn divergence_of_cells(encoded: &Encoded, latent: usize) -> Vec<f64> {
    let pairs = encoded.mean.chunks_exact(latent).zip(encoded.spread.chunks_exact(latent));
    let one = |(m, l): (&[f32], &[f32])| -> f64 {
        m.iter().zip(l).map(|(&m, &l)| divergence(f64::from(m), f64::from(l)).0).sum()
    };
    pairs.map(one).collect()
}

impl Autoencoder {
    /// Checked and transformed cells. Batches may be unknown where the encoder is not told them and nothing is decoded.
    fn prepared<'a>(&self, cells: &'a Cells<'_>, decode: bool) -> Result<Prepared<'a>, AutoencoderError> {
        let size = |what, expected, found| {
            if expected == found { Ok(()) } else { Err(AutoencoderError::Size { what, expected, found }) }
        };
        size("genes", self.layout.genes, cells.values.columns)?;
        if cells.batches.is_some() || decode || self.config.encode_batch {
            size("batches", self.layout.batches, cells.number_of_batches())?;
        }
        cells.prepare(&self.config, self.target)
    }

    /// The latent means of cells, `[cells, latent]`. Batches of cells have to be given only if [`super::Config::encode_batch`] says so.
    ///
    /// # Errors
    /// Values that are no counts where counts are needed, and another number of genes or batches than in training.
    pub fn encode(&self, cells: Cells<'_>) -> Result<Matrix, AutoencoderError> {
        let prepared = self.prepared(&cells, false)?;
        let rows: Vec<usize> = (0..cells.values.rows).collect();
        let mut latent = Vec::with_capacity(rows.len() * self.config.latent);
        for rows in rows.chunks(CELLS) {
            let batch = prepared.take(rows, &self.config, self.layout.batches, None);
            latent.extend(self.network().encode(&batch, None).mean);
        }
        Ok(Matrix::new(rows.len(), self.config.latent, latent))
    }

    /// What each cell is expected to express, `[cells, genes]`: counts that a cell with the sum [`Autoencoder::target`] would
    /// have where none is 0 by inflation, or values as they were read. With `batch`, as if all cells were of that batch, and then
    /// their own ones may be unknown as for [`Autoencoder::encode`].
    ///
    /// # Errors
    /// As for [`Autoencoder::encode`]; a batch beyond those of training.
    pub fn denoised(&self, cells: Cells<'_>, batch: Option<u32>) -> Result<Matrix, AutoencoderError> {
        let prepared = self.prepared(&cells, batch.is_none())?;
        if let Some(code) = batch.filter(|&code| code as usize >= self.layout.batches) {
            let (expected, found) = (self.layout.batches, code as usize + 1);
            return Err(AutoencoderError::Size { what: "batches", expected, found });
        }
        let rows: Vec<usize> = (0..cells.values.rows).collect();
        let mut all = Matrix::new(rows.len(), self.layout.genes, vec![0.0; rows.len() * self.layout.genes]);
        for rows in rows.chunks(CELLS) {
            let mut own = prepared.take(rows, &self.config, self.layout.batches, None);
            own.library.fill(self.target.ln() as f32);
            let latent = self.network().encode(&own, None).mean;
            if let Some(code) = batch {
                own.codes = Some(vec![code; rows.len()]);
            }
            self.means(&latent, own.codes.as_deref(), &own.library, |i, row, _| {
                all.row_mut(rows[i]).copy_from_slice(row);
            });
        }
        Ok(all)
    }

    /// Calls `with` with the number of each cell, its means or values, and the share of each gene that is not 0 by inflation
    /// (nothing without).
    pub(super) fn means(
        &self,
        latent: &[f32],
        codes: Option<&[u32]>,
        library: &[f32],
        mut with: impl FnMut(usize, &[f32], &[f32]),
    ) {
        let network = self.network();
        let mut output = network.output();
        let decoded = network.decode(latent, codes, None);
        output.forward(&self.layout, &self.parameters, decoded.last(), &network.sizes(library));
        let mut all = vec![0.0_f32; library.len() * self.layout.genes];
        let logarithms = !self.config.counts() && !self.config.as_is;
        let mut shares = vec![1.0_f32; if self.layout.inflation.is_some() { all.len() } else { 0 }];
        output.each(|from, width, logits, inflation, offsets| {
            for (i, row) in inflation.chunks_exact(width).enumerate() {
                let out = &mut shares[i * self.layout.genes + from..][..width];
                out.iter_mut().zip(row).for_each(|(out, &l)| *out = sigmoid(-f64::from(l)) as f32);
            }
            for (i, row) in logits.chunks_exact(width).enumerate() {
                let out = &mut all[i * self.layout.genes + from..][..width];
                for (out, &logit) in out.iter_mut().zip(row) {
                    *out = if self.config.counts() {
                        (logit + offsets[i]).exp()
                    } else if logarithms {
                        logit.exp_m1().max(0.0)
                    } else {
                        logit
                    };
                }
            }
        });
        let genes = self.layout.genes;
        for (i, row) in all.chunks_exact(genes.max(1)).enumerate() {
            with(i, row, shares.get(i * genes..(i + 1) * genes).unwrap_or(&[]));
        }
    }

    /// How likely some of the cells are (rows of `cells`), with `draws` of the latent numbers of each.
    ///
    /// # Errors
    /// As for [`Autoencoder::encode`].
    pub fn evaluate(&self, cells: Cells<'_>, rows: &[usize], draws: usize) -> Result<Evaluation, AutoencoderError> {
        let prepared = self.prepared(&cells, true)?;
        let (likelihood, divergences) = self.network().losses(&prepared, rows);
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
        let variational = self.config.kind == Kind::Variational;
        let drawn = (variational && draws > 0).then(|| self.by_draws(&prepared, rows, draws));
        Ok(Evaluation {
            cells: rows.len(),
            reconstruction: mean(&likelihood),
            divergence: variational.then(|| mean(&divergences)),
            bound: drawn.as_ref().map(|(bound, _)| mean(bound)),
            marginal: drawn.as_ref().map(|(_, marginal)| mean(marginal)),
            squared_error: self.squared_error(&prepared, rows),
        })
    }

    /// Minus the evidence lower bound and minus the logarithm of the importance-weighted likelihood of each cell.
    fn by_draws(&self, prepared: &Prepared<'_>, rows: &[usize], draws: usize) -> (Vec<f64>, Vec<f64>) {
        let network = self.network();
        let mut output = network.output();
        let (mut bounds, mut marginals) = (Vec::new(), Vec::new());
        for (chunk, rows) in rows.chunks(CELLS).enumerate() {
            let batch = prepared.take(rows, &self.config, self.layout.batches, None);
            let encoded = network.encode(&batch, None);
            let sizes = network.sizes(&batch.library);
            // ln P(cell, latent) - ln Q(latent | cell) of each draw and cell.
            let mut weights: Vec<Vec<f64>> = Vec::new();
            for draw in 0..draws {
                let mut rng = stream(self.config.seed, "autoencoder importance", &[chunk as u64, draw as u64]);
                let noise: Vec<f32> = encoded.mean.iter().map(|_| normal(&mut rng) as f32).collect();
                let latent = Network::drawn(&encoded, Some(&noise));
                let decoded = network.decode(&latent, batch.codes.as_deref(), None);
                output.forward(&self.layout, &self.parameters, decoded.last(), &sizes);
                let losses = output.losses(&self.layout, &self.parameters, &batch);
                let ratio = |i: usize| -> f64 {
                    let own = i * self.config.latent..(i + 1) * self.config.latent;
                    own.map(|at| {
                        let (z, e) = (f64::from(latent[at]), f64::from(noise[at]));
                        0.5 * (e * e - z * z) + f64::from(deviation(encoded.spread[at])).ln()
                    })
                    .sum()
                };
                weights.push(losses.iter().enumerate().map(|(i, loss)| ratio(i) - loss).collect());
            }
            for i in 0..rows.len() {
                let own: Vec<f64> = weights.iter().map(|weights| weights[i]).collect();
                let most = own.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let mean = own.iter().map(|weight| (weight - most).exp()).sum::<f64>() / draws as f64;
                marginals.push(-most - mean.ln());
                bounds.push(-own.iter().sum::<f64>() / draws as f64);
            }
        }
        (bounds, marginals)
    }

    /// Mean squared error of log(1 + normalized value); of values as they are without logarithm.
    fn squared_error(&self, prepared: &Prepared<'_>, rows: &[usize]) -> f64 {
        let genes = self.layout.genes;
        let mut sum = 0.0;
        for rows in rows.chunks(CELLS) {
            let mut batch = prepared.take(rows, &self.config, self.layout.batches, None);
            let totals: Vec<f32> = batch.library.clone();
            batch.library.fill(self.target.ln() as f32);
            let latent = self.network().encode(&batch, None).mean;
            self.means(&latent, batch.codes.as_deref(), &batch.library, |i, row, shares| {
                let mut seen = vec![0.0_f64; genes];
                let (own, values) = batch.target.row(i);
                let factor = self.target / f64::from(totals[i]).exp();
                for (&gene, &value) in own.iter().zip(values) {
                    let value = f64::from(value);
                    // Targets of counts are counts, others are what is compared.
                    seen[gene as usize] = if self.config.counts() { (value * factor).ln_1p() } else { value };
                }
                let shown = |value: f32| if self.config.as_is { f64::from(value) } else { f64::from(value).ln_1p() };
                let expected = |gene: usize| row[gene] * shares.get(gene).copied().unwrap_or(1.0);
                sum += seen.iter().enumerate().map(|(gene, seen)| (shown(expected(gene)) - seen).powi(2)).sum::<f64>();
            });
        }
        sum / (rows.len() * genes).max(1) as f64
    }
}
