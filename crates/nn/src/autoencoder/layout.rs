//! Where each layer's weights lie in the one array of parameters.

use super::{Config, Likelihood, Normalization};
use basewise_core::random::{stream, uniform};

/// A product `x W + b`; weights are `[inputs, units]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dense {
    pub(super) inputs: usize,
    pub(super) units: usize,
    pub(super) weights: usize,
    pub(super) bias: usize,
    /// Scale and then shift of a norm, one of each a unit.
    pub(super) norm: Option<usize>,
}

/// A layer to all genes; weights are `[genes, inputs]`, so that a block of genes lies together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Genes {
    pub(super) inputs: usize,
    pub(super) weights: usize,
    pub(super) bias: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layout {
    pub(super) genes: usize,
    pub(super) batches: usize,
    /// The first reads genes, and batches if the encoder is told.
    pub(super) encoder: Vec<Dense>,
    pub(super) mean: Dense,
    /// Logarithm of the latent variance.
    pub(super) spread: Option<Dense>,
    /// The first reads latent numbers and batches.
    pub(super) decoder: Vec<Dense>,
    pub(super) output: Genes,
    pub(super) inflation: Option<Genes>,
    /// Logarithm of the inverse dispersion of each gene.
    pub(super) dispersion: Option<usize>,
    pub(super) parameters: usize,
}

impl Layout {
    pub(super) fn hidden_layers(&self) -> impl Iterator<Item = &Dense> {
        self.encoder.iter().chain(&self.decoder)
    }

    pub(super) fn new(config: &Config, genes: usize, batches: usize) -> Self {
        let mut parameters = 0;
        let mut take = |count: usize| {
            parameters += count;
            parameters - count
        };
        let normed = config.normalization != Normalization::None;
        let mut dense = |inputs: usize, units: usize, normed: bool| Dense {
            inputs,
            units,
            weights: take(inputs * units),
            bias: take(units),
            norm: normed.then(|| take(2 * units)),
        };
        let mut stack = |mut inputs: usize, sizes: &mut dyn Iterator<Item = usize>| -> Vec<Dense> {
            sizes.map(|units| dense(std::mem::replace(&mut inputs, units), units, normed)).collect()
        };
        let encoder_inputs = genes + if config.encode_batch { batches } else { 0 };
        let encoder = stack(encoder_inputs, &mut config.hidden.iter().copied());
        let decoder = stack(config.latent + batches, &mut config.hidden.iter().rev().copied());
        let last = config.hidden[config.hidden.len() - 1];
        let mean = dense(last, config.latent, false);
        let spread = config.variational().then(|| dense(last, config.latent, false));
        let width = config.hidden[0];
        let mut to_genes = || Genes { inputs: width, weights: take(genes * width), bias: take(genes) };
        let output = to_genes();
        let inflation = (config.likelihood == Likelihood::ZeroInflated).then(&mut to_genes);
        let dispersion = config.counts().then(|| take(genes));
        Self { genes, batches, encoder, mean, spread, decoder, output, inflation, dispersion, parameters }
    }

    /// First values: weights and biases uniform within `1 / sqrt(inputs)`, scales 1, shifts 0, dispersions 1; `bias` is that
    /// of each gene.
    pub(super) fn initial(&self, seed: u64, bias: &[f32]) -> Vec<f32> {
        let mut values = vec![0.0; self.parameters];
        let mut layer = 0;
        let mut fill = |values: &mut [f32], inputs: usize| {
            let mut rng = stream(seed, "autoencoder weights", &[layer]);
            layer += 1;
            let bound = 1.0 / (inputs.max(1) as f64).sqrt();
            values.iter_mut().for_each(|value| *value = (bound * (2.0 * uniform(&mut rng) - 1.0)) as f32);
        };
        let heads = self.spread.iter().chain([&self.mean]);
        for dense in self.hidden_layers().chain(heads) {
            fill(&mut values[dense.weights..][..dense.inputs * dense.units], dense.inputs);
            fill(&mut values[dense.bias..][..dense.units], dense.inputs);
            if let Some(norm) = dense.norm {
                values[norm..norm + dense.units].fill(1.0);
            }
        }
        for genes in self.inflation.iter().chain([&self.output]) {
            fill(&mut values[genes.weights..][..self.genes * genes.inputs], genes.inputs);
        }
        values[self.output.bias..][..self.genes].copy_from_slice(bias);
        if let Some(inflation) = self.inflation {
            values[inflation.bias..][..self.genes].fill(FEW);
        }
        values
    }
}

/// The logit of zero inflation before anything is learned: zeros are explained by low means first.
const FEW: f32 = -2.0;
