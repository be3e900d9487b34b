//! Settings of generative models.

use super::decoder::Sizes;
use serde::{Deserialize, Serialize};

/// What kind of model is fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GenerativeKind {
    /// Variational autoencoder with a decoder that sees the letters before each position.
    Vae,
    /// Wasserstein GAN with gradient penalty.
    Wgan,
}

impl GenerativeKind {
    /// `vae` or `wgan`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vae => "vae",
            Self::Wgan => "wgan",
        }
    }
}

/// How a generative model is fitted; what belongs to the other kind is not looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GenerativeConfig {
    /// The kind of model.
    pub model: GenerativeKind,
    /// Latent numbers of a sequence.
    pub latent: usize,
    /// Channels between layers.
    pub channels: usize,
    /// Sequences in a step.
    pub batch_size: usize,
    /// Passes over the training sequences, at most. With a WGAN these are steps of the critic.
    pub epochs: usize,
    /// Epochs without a better held-out measure after which training ends.
    pub patience: usize,
    /// Step size of Adam.
    pub learning_rate: f64,
    /// Where all randomness starts.
    pub seed: u64,
    /// VAE: epochs over which the weight of the divergence grows to 1; half of all epochs at most.
    pub kl_warmup: usize,
    /// VAE: nats below which the divergence of a latent number costs nothing.
    pub free_bits: f64,
    /// VAE: letters before a position that the decoder sees.
    pub letters_before: usize,
    /// VAE: share of these letters that are hidden in training.
    pub letter_dropout: f64,
    /// WGAN: steps of the critic for one of the generator.
    pub critic_steps: usize,
    /// WGAN: weight of the gradient penalty.
    pub gradient_penalty: f64,
}

impl GenerativeConfig {
    /// The settings of a kind.
    pub fn new(model: GenerativeKind) -> Self {
        let (epochs, patience, learning_rate) = match model {
            GenerativeKind::Vae => (60, 10, 1e-3),
            GenerativeKind::Wgan => (150, 40, 5e-4),
        };
        Self {
            model,
            latent: 32,
            channels: 48,
            batch_size: 64,
            epochs,
            patience,
            learning_rate,
            seed: 0,
            kl_warmup: 10,
            free_bits: 0.05,
            letters_before: 8,
            letter_dropout: 0.1,
            critic_steps: 5,
            gradient_penalty: 10.0,
        }
    }

    /// What is wrong with it, if anything is.
    pub fn fault(&self) -> Option<String> {
        let counts = [
            ("latent", self.latent, 4096),
            ("channels", self.channels, 4096),
            ("batch-size", self.batch_size, 1 << 16),
            ("epochs", self.epochs, usize::MAX),
            ("patience", self.patience, usize::MAX),
            ("letters-before", self.letters_before, 64),
            ("critic-steps", self.critic_steps, 1000),
        ];
        let bounds = |most: usize| if most == usize::MAX { "1 or more".to_owned() } else { format!("1 to {most}") };
        if let Some((name, value, most)) = counts.into_iter().find(|&(_, value, most)| value == 0 || value > most) {
            return Some(format!("expected {name} of {}, found {value}", bounds(most)));
        }
        let numbers = [
            ("learning-rate", self.learning_rate, self.learning_rate > 0.0 && self.learning_rate.is_finite()),
            ("free-bits", self.free_bits, self.free_bits >= 0.0 && self.free_bits.is_finite()),
            ("letter-dropout", self.letter_dropout, (0.0..1.0).contains(&self.letter_dropout)),
            (
                "gradient-penalty",
                self.gradient_penalty,
                self.gradient_penalty >= 0.0 && self.gradient_penalty.is_finite(),
            ),
        ];
        let expected = |name| match name {
            "learning-rate" => "above 0",
            "letter-dropout" => "from 0 to below 1",
            _ => "of 0 or more",
        };
        let (name, value, _) = numbers.into_iter().find(|(.., fine)| !fine)?;
        Some(format!("expected {name} {}, found {value}", expected(name)))
    }

    pub(super) fn sizes(&self, length: usize) -> Sizes {
        Sizes { length, latent: self.latent, channels: self.channels }
    }
}
