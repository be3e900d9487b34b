//! The passes of a whole network.

use super::hidden::{self, Active, Running, Way};
use super::input::{Minibatch, sparse_gradient, sparse_product};
use super::layout::{Dense, Layout};
use super::likelihood::{LEAST_VARIANCE, divergence};
use super::output::{Mean, Output};
use super::{Autoencoder, Config, Kind};
use basewise_core::random::{normal, stream};
use basewise_kernels::{Level, dense};
use rand::Rng;

/// A network in use.
pub(super) struct Network<'a> {
    pub(super) config: &'a Config,
    pub(super) layout: &'a Layout,
    pub(super) parameters: &'a [f32],
    pub(super) running: &'a [Running],
    pub(super) target: f64,
    pub(super) level: Level,
}

/// What the encoder says of `n` cells.
pub(super) struct Encoded {
    hidden: Vec<Active>,
    /// `[n, latent]`.
    pub(super) mean: Vec<f32>,
    /// Logarithm of the variance (before a little is added), `[n, latent]`; empty where there is none.
    pub(super) spread: Vec<f32>,
}

/// The decoder's way from latent numbers to its last hidden layer.
pub(super) struct Decoded {
    inputs: Vec<f32>,
    hidden: Vec<Active>,
}

impl Decoded {
    /// What the genes are computed from.
    pub(super) fn last(&self) -> &[f32] {
        self.hidden.last().map_or(&[], |active| &active.y)
    }
}

/// Losses of a step, means over its cells in nats.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct StepLosses {
    pub(super) likelihood: f64,
    pub(super) divergence: f64,
}

/// What of a step is random, and how much the divergence weighs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) seed: u64,
    pub(super) number: u64,
    pub(super) weight: f64,
}

impl Step {
    /// Standard normal numbers, one a latent number of each cell.
    pub(super) fn noise(self, count: usize) -> Vec<f32> {
        let mut rng = stream(self.seed, "autoencoder latent", &[self.number]);
        (0..count).map(|_| normal(&mut rng) as f32).collect()
    }

    /// Rate and key of the dropout of a layer of the encoder.
    pub(super) fn dropout(self, config: &Config, layer: usize) -> Option<(f32, u64)> {
        let key = stream(self.seed, "autoencoder dropout", &[self.number, layer as u64]).next_u64();
        (config.dropout > 0.0).then_some((config.dropout as f32, key))
    }
}

impl Autoencoder {
    pub(super) fn network(&self) -> Network<'_> {
        let Self { config, layout, parameters, running, target, level } = self;
        Network { config, layout, parameters, running, target: *target, level: *level }
    }
}

impl<'a> Network<'a> {
    pub(super) fn output(&self) -> Output {
        let mean = match self.config.kind {
            Kind::Plain | Kind::Denoising => Mean::Values,
            Kind::Counts => Mean::Exponential,
            Kind::Variational => Mean::Softmax,
        };
        Output::new(self.level, self.layout, mean)
    }

    /// Logarithms of what means are multiplied by, for cells with these logarithms of sums.
    pub(super) fn sizes(&self, library: &[f32]) -> Vec<f32> {
        match self.config.kind {
            Kind::Plain | Kind::Denoising => vec![0.0; library.len()],
            Kind::Counts => library.iter().map(|total| total - self.target.ln() as f32).collect(),
            Kind::Variational => library.to_vec(),
        }
    }

    fn product(&self, layer: &Dense, n: usize, x: &[f32]) -> Vec<f32> {
        let shape = dense::Shape { features: layer.inputs, units: layer.units };
        let weights = &self.parameters[layer.weights..][..layer.inputs * layer.units];
        let bias = &self.parameters[layer.bias..][..layer.units];
        let mut y = vec![0.0; n * layer.units];
        dense::forward(self.level, &shape, n, x, weights, bias, false, &mut y);
        y
    }

    /// How hidden layer `i` of encoder and decoder works, in training with a step.
    fn way(&self, i: usize, step: Option<Step>) -> Way<'a> {
        let encoder = i < self.layout.encoder.len();
        Way {
            level: self.level,
            normalization: self.config.normalization,
            running: if step.is_some() { None } else { self.running.get(i) },
            dropout: step.filter(|_| encoder).and_then(|step| step.dropout(self.config, i)),
        }
    }

    /// Latent numbers of cells; with a step as in training.
    pub(super) fn encode(&self, batch: &Minibatch, step: Option<Step>) -> Encoded {
        let mut all: Vec<Active> = Vec::new();
        for (i, layer) in self.layout.encoder.iter().enumerate() {
            let product = match all.last() {
                None => {
                    let weights = &self.parameters[layer.weights..][..layer.inputs * layer.units];
                    sparse_product(self.level, &batch.input, weights, &self.parameters[layer.bias..][..layer.units])
                }
                Some(last) => self.product(layer, batch.n, &last.y),
            };
            all.push(hidden::forward(layer, self.parameters, self.way(i, step), product));
        }
        let last = all.last().map_or(&[][..], |active| &active.y);
        let mean = self.product(&self.layout.mean, batch.n, last);
        let spread = self.layout.spread.as_ref().map_or_else(Vec::new, |head| self.product(head, batch.n, last));
        Encoded { hidden: all, mean, spread }
    }

    /// From latent numbers, `[n, latent]`, and batches to the last hidden layer.
    pub(super) fn decode(&self, latent: &[f32], codes: Option<&[u32]>, step: Option<Step>) -> Decoded {
        let n = latent.len() / self.config.latent;
        let width = self.config.latent + self.layout.batches;
        let mut inputs = vec![0.0; n * width];
        for (i, (row, own)) in inputs.chunks_exact_mut(width).zip(latent.chunks_exact(self.config.latent)).enumerate() {
            row[..own.len()].copy_from_slice(own);
            if let Some(codes) = codes.filter(|_| self.layout.batches > 0) {
                row[own.len() + codes[i] as usize] = 1.0;
            }
        }
        let mut all: Vec<Active> = Vec::new();
        for (i, layer) in self.layout.decoder.iter().enumerate() {
            let product = self.product(layer, n, all.last().map_or(&inputs, |last| &last.y));
            all.push(hidden::forward(layer, self.parameters, self.way(self.layout.encoder.len() + i, step), product));
        }
        Decoded { inputs, hidden: all }
    }

    /// Means, or with `noise` draws, of the latent distributions.
    pub(super) fn drawn(encoded: &Encoded, noise: Option<&[f32]>) -> Vec<f32> {
        match noise.filter(|_| !encoded.spread.is_empty()) {
            None => encoded.mean.clone(),
            Some(noise) => {
                let one = |((m, l), e): ((&f32, &f32), &f32)| m + deviation(*l) * e;
                encoded.mean.iter().zip(&encoded.spread).zip(noise).map(one).collect()
            }
        }
    }

    /// The gradient of a step's mean loss (overwritten), the loss, and what batch norms saw, a hidden layer each.
    pub(super) fn gradient(
        &self,
        batch: &Minibatch,
        step: Step,
        output: &mut Output,
        gradient: &mut [f32],
    ) -> (StepLosses, Vec<hidden::Statistics>) {
        let (layout, n) = (self.layout, batch.n);
        let mut encoded = self.encode(batch, Some(step));
        let noise = step.noise(n * self.config.latent);
        let latent = Self::drawn(&encoded, Some(&noise));
        let mut decoded = self.decode(&latent, batch.codes.as_deref(), Some(step));
        let last = decoded.last();
        output.forward(layout, self.parameters, last, &self.sizes(&batch.library));
        let likelihood = output.losses(layout, self.parameters, batch).iter().sum::<f64>() / n as f64;
        gradient[..layout.output.weights].fill(0.0);
        let mut slopes = output.backward(layout, self.parameters, last, gradient);

        for (i, layer) in layout.decoder.iter().enumerate().rev() {
            let way = self.way(layout.encoder.len() + i, Some(step));
            hidden::backward(layer, self.parameters, way, &decoded.hidden[i], &mut slopes, gradient);
            let x = if i == 0 { &decoded.inputs } else { &decoded.hidden[i - 1].y };
            slopes = self.way_back(layer, n, x, &slopes, gradient);
        }
        let width = layout.decoder[0].inputs;
        let by_latent: Vec<f32> =
            slopes.chunks_exact(width).flat_map(|row| &row[..self.config.latent]).copied().collect();
        let (by_mean, by_spread, divergence) = latent_slopes(&encoded, &noise, &by_latent, step.weight, n);

        let last = encoded.hidden.last().map_or(&[][..], |active| &active.y);
        let mut slopes = self.way_back(&layout.mean, n, last, &by_mean, gradient);
        if let Some(head) = &layout.spread {
            let more = self.way_back(head, n, last, &by_spread, gradient);
            slopes.iter_mut().zip(more).for_each(|(slope, more)| *slope += more);
        }
        for (i, layer) in layout.encoder.iter().enumerate().rev() {
            let way = self.way(i, Some(step));
            hidden::backward(layer, self.parameters, way, &encoded.hidden[i], &mut slopes, gradient);
            if i > 0 {
                slopes = self.way_back(layer, n, &encoded.hidden[i - 1].y, &slopes, gradient);
                continue;
            }
            let weights = &mut gradient[layer.weights..][..layer.inputs * layer.units];
            sparse_gradient(self.level, &batch.input, layer.units, &slopes, weights);
            let bias = &mut gradient[layer.bias..][..layer.units];
            slopes.chunks_exact(layer.units).for_each(|row| bias.iter_mut().zip(row).for_each(|(b, s)| *b += s));
        }
        let seen = encoded.hidden.iter_mut().chain(&mut decoded.hidden);
        let seen = seen.map(|active| std::mem::take(&mut active.statistics)).collect();
        (StepLosses { likelihood, divergence }, seen)
    }

    /// The way back through a product of dense rows: slopes of its input, and the gradient of its weights.
    fn way_back(&self, layer: &Dense, n: usize, x: &[f32], dy: &[f32], gradient: &mut [f32]) -> Vec<f32> {
        let shape = dense::Shape { features: layer.inputs, units: layer.units };
        let count = layer.inputs * layer.units;
        let (by_weights, by_bias) = gradient[layer.weights..layer.weights + count + layer.units].split_at_mut(count);
        dense::weight_gradient(self.level, &shape, n, x, dy, by_weights, by_bias);
        let mut dx = vec![0.0; n * layer.inputs];
        dense::input_gradient(self.level, &shape, n, dy, &self.parameters[layer.weights..][..count], &mut dx);
        dx
    }
}

/// Standard deviation of a latent number.
pub(super) fn deviation(l: f32) -> f32 {
    (f64::from(l).exp() + LEAST_VARIANCE).sqrt() as f32
}

/// Slopes of latent means and logarithms of variances, from those of what was drawn, and the mean divergence of the cells.
fn latent_slopes(encoded: &Encoded, noise: &[f32], slopes: &[f32], weight: f64, n: usize) -> (Vec<f32>, Vec<f32>, f64) {
    if encoded.spread.is_empty() {
        return (slopes.to_vec(), Vec::new(), 0.0);
    }
    let scale = weight / n as f64;
    let (mut by_mean, mut by_spread, mut total) = (slopes.to_vec(), vec![0.0; slopes.len()], 0.0);
    for (at, &l) in encoded.spread.iter().enumerate() {
        let (loss, m, own) = divergence(f64::from(encoded.mean[at]), f64::from(l));
        total += loss;
        by_mean[at] += (scale * m) as f32;
        let by_deviation = f64::from(slopes[at]) * f64::from(noise[at]);
        let turned = 0.5 * f64::from(l).exp() / f64::from(deviation(l));
        by_spread[at] = (by_deviation * turned + scale * own) as f32;
    }
    (by_mean, by_spread, total / n as f64)
}
