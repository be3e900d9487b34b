//! A network in f64, written out from its definition.

use super::super::input::Minibatch;
use super::super::layout::{Dense, Genes};
use super::super::likelihood::{divergence, negative_binomial, zero_inflated};
use super::super::network::Step;
use super::super::*;
use basewise_kernels::random::dropout;

pub(super) struct Oracle<'a> {
    model: &'a Autoencoder,
    batch: &'a Minibatch,
    step: Step,
    noise: Vec<f32>,
}

type Rows = Vec<Vec<f64>>;

impl<'a> Oracle<'a> {
    pub(super) fn new(model: &'a Autoencoder, batch: &'a Minibatch, step: Step) -> Self {
        Self { model, batch, step, noise: step.noise(batch.n * model.config.latent) }
    }

    /// The mean loss of the batch's cells, with these parameters.
    pub(super) fn loss(&self, p: &[f64]) -> f64 {
        let (layout, config) = (&self.model.layout, &self.model.config);
        let dense = |matrix: &basewise_core::sparse::Csr, i: usize| -> Vec<f64> {
            let mut row = vec![0.0; matrix.columns];
            let (columns, values) = matrix.row(i);
            columns.iter().zip(values).for_each(|(&j, &x)| row[j as usize] = f64::from(x));
            row
        };
        let mut x: Rows = (0..self.batch.n).map(|i| dense(&self.batch.input, i)).collect();
        for (i, layer) in layout.encoder.iter().enumerate() {
            x = self.activate(layer, p, product(layer, p, &x), self.step.dropout(config, i));
        }
        let means = product(&layout.mean, p, &x);
        let mut z = means.clone();
        let mut total = 0.0;
        if let Some(head) = &layout.spread {
            for (i, row) in product(head, p, &x).iter().enumerate() {
                for (k, &l) in row.iter().enumerate() {
                    total += self.step.weight * divergence(means[i][k], l).0;
                    z[i][k] += (l.exp() + 1e-4).sqrt() * f64::from(self.noise[i * config.latent + k]);
                }
            }
        }
        for (i, row) in z.iter_mut().enumerate() {
            let codes = self.batch.codes.as_ref();
            row.extend(
                (0..layout.batches).map(|b| f64::from(u8::from(codes.is_some_and(|codes| codes[i] as usize == b)))),
            );
        }
        for layer in &layout.decoder {
            z = self.activate(layer, p, product(layer, p, &z), None);
        }
        let logits = to_genes(layout.output, layout.genes, p, &z);
        let inflation = layout.inflation.map(|genes| to_genes(genes, layout.genes, p, &z));
        for i in 0..self.batch.n {
            let target = dense(&self.batch.target, i);
            let sum: f64 = logits[i].iter().map(|logit| logit.exp()).sum();
            let library = f64::from(self.batch.library[i]);
            for (g, &count) in target.iter().enumerate() {
                let logit = logits[i][g];
                let s = match config.kind {
                    Kind::Plain | Kind::Denoising => {
                        total += 0.5 * (logit - count).powi(2);
                        continue;
                    }
                    Kind::Counts => logit + library - self.model.target.ln(),
                    Kind::Variational => logit - sum.ln() + library,
                };
                let r = p[layout.dispersion.unwrap() + g];
                total += match &inflation {
                    Some(l) => zero_inflated(count, s, r, l[i][g]).loss,
                    None => negative_binomial(count, s, r).loss,
                };
            }
        }
        total / self.batch.n as f64
    }

    fn activate(&self, layer: &Dense, p: &[f64], mut x: Rows, drop: Option<(f32, u64)>) -> Rows {
        if let Some(norm) = layer.norm {
            x = match self.model.config.normalization {
                Normalization::Batch => turned(&turned(&x).iter().map(|unit| standardized(unit)).collect()),
                Normalization::Layer => x.iter().map(|row| standardized(row)).collect(),
                Normalization::None => unreachable!("a layer without a norm has no weights for one"),
            };
            for row in &mut x {
                for (unit, x) in row.iter_mut().enumerate() {
                    *x = *x * p[norm + unit] + p[norm + layer.units + unit];
                }
            }
        }
        let mut mask = vec![1.0; x.len() * layer.units];
        if let Some((rate, key)) = drop {
            dropout(self.model.level, key, 0, rate, &mut mask);
        }
        for (row, mask) in x.iter_mut().zip(mask.chunks_exact(layer.units)) {
            row.iter_mut().zip(mask).for_each(|(x, &mask)| *x = x.max(0.0) * f64::from(mask));
        }
        x
    }
}

fn standardized(x: &[f64]) -> Vec<f64> {
    let mean = x.iter().sum::<f64>() / x.len() as f64;
    let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / x.len() as f64;
    x.iter().map(|x| (x - mean) / (variance + 1e-3).sqrt()).collect()
}

fn turned(x: &Rows) -> Rows {
    (0..x[0].len()).map(|j| x.iter().map(|row| row[j]).collect()).collect()
}

fn product(layer: &Dense, p: &[f64], x: &Rows) -> Rows {
    let weight = |f: usize, u: usize| p[layer.weights + f * layer.units + u];
    let one = |row: &Vec<f64>| -> Vec<f64> {
        let sum =
            |u: usize| row.iter().enumerate().filter(|(_, x)| **x != 0.0).map(|(f, x)| x * weight(f, u)).sum::<f64>();
        (0..layer.units).map(|u| p[layer.bias + u] + sum(u)).collect()
    };
    x.iter().map(one).collect()
}

fn to_genes(genes: Genes, count: usize, p: &[f64], x: &Rows) -> Rows {
    let weights = |g: usize| &p[genes.weights + g * genes.inputs..][..genes.inputs];
    let one = |row: &Vec<f64>| -> Vec<f64> {
        let sum = |g: usize| row.iter().zip(weights(g)).map(|(x, w)| x * w).sum::<f64>();
        (0..count).map(|g| p[genes.bias + g] + sum(g)).collect()
    };
    x.iter().map(one).collect()
}
