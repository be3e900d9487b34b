//! A trained generative model.

use super::config::{GenerativeConfig, GenerativeKind};
use super::decoder::Decoder;
use super::net::Net;
use super::sample::Sampler;
use basewise_core::{Alphabet, Code};
use basewise_kernels::Level;

/// A model that makes sequences: weights with all that is needed to draw from it.
#[derive(Clone, Debug, PartialEq)]
pub struct GenerativeModel {
    pub(super) alphabet: Alphabet,
    pub(super) length: usize,
    pub(super) config: GenerativeConfig,
    /// Of a VAE.
    pub(super) encoder: Option<Net>,
    pub(super) decoder: Decoder,
    /// Parameters of the encoder, if there is one, then those of the decoder.
    pub(super) weights: Vec<f32>,
}

impl GenerativeModel {
    /// The networks of these settings, with weights of 0.
    pub(super) fn empty(config: &GenerativeConfig, alphabet: Alphabet, length: usize) -> Self {
        let sizes = config.sizes(length);
        let (encoder, decoder) = match config.model {
            GenerativeKind::Vae => (Some(sizes.reader(2 * sizes.latent)), sizes.autoregressive(config.letters_before)),
            GenerativeKind::Wgan => (None, sizes.generator()),
        };
        let count = encoder.as_ref().map_or(0, Net::parameters) + decoder.parameters();
        Self { alphabet, length, config: config.clone(), encoder, decoder, weights: vec![0.0; count] }
    }

    /// What kind of model it is.
    pub fn kind(&self) -> GenerativeKind {
        self.config.model
    }

    /// How it was fitted.
    pub fn config(&self) -> &GenerativeConfig {
        &self.config
    }

    /// The nucleic acid of its sequences.
    pub fn alphabet(&self) -> Alphabet {
        self.alphabet
    }

    /// Bases of its sequences.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Numbers that were learned.
    pub fn parameters(&self) -> usize {
        self.weights.len()
    }

    /// `n` new sequences, the same for a seed whatever `n` is. Below a `temperature` of 1 letters are nearer to the most likely
    /// ones, above it nearer to chance; it is kept above 0.
    pub fn sample(&self, n: usize, seed: u64, temperature: f64) -> Vec<Vec<Code>> {
        let first = self.encoder.as_ref().map_or(0, Net::parameters);
        let sampler = Sampler {
            kind: self.config.model,
            sizes: self.config.sizes(self.length),
            decoder: &self.decoder,
            weights: &self.weights[first..],
            letters_before: self.config.letters_before,
        };
        sampler.sample(Level::best(), n, seed, temperature.max(1e-6))
    }
}
