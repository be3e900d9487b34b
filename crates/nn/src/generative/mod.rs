//! Generative models of sequences of one length: a variational autoencoder and a Wasserstein GAN.
//!
//! | file | holds |
//! |---|---|
//! | `net` | small networks whose passes (states, slopes, tangents, weight gradients) are called one by one |
//! | `penalty` | the critic's gradient penalty and its exact gradient |
//! | `decoder` | from latent numbers to logits of letters; the networks that read sequences |
//! | `vae`, `wgan` | a step of each kind of model |
//! | `fit` | epochs, the held-out measure, early stopping, signs of a collapse |
//! | `model`, `file`, `sample` | what is kept, its form on disk, and sequences from it |
//!
//! They run on the kernels and not on Burn: a gradient penalty needs the gradient of a gradient, which Burn does not have and
//! which is one more forward pass here, and networks are small, so that most of the time would be overhead.
//! A batch is cut into pieces by its size only, and sums go in the order of the pieces.

mod config;
mod decoder;
mod file;
mod fit;
mod letters;
mod model;
mod net;
mod penalty;
mod pieces;
mod sample;
#[cfg(test)]
mod tests;
mod vae;
mod wgan;

pub use config::{GenerativeConfig, GenerativeKind};
pub use fit::{GenerativeEpoch, GenerativeError, GenerativeFit, fit};
pub use model::GenerativeModel;
