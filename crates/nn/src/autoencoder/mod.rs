//! Autoencoders of expression counts: cells by genes through a few numbers a cell, and back.
//!
//! | model | input | what it makes likely | source |
//! |---|---|---|---|
//! | [`Kind::Plain`] | log(1 + normalized count) | the input, by squared error | Hinton and Salakhutdinov 2006 |
//! | [`Kind::Denoising`] | the same, some values hidden | the whole input | Vincent et al. 2008 |
//! | [`Kind::Counts`] | log(1 + normalized count) | the counts, negative binomial or zero-inflated | DCA, Eraslan et al. 2019 |
//! | [`Kind::Variational`] | log(1 + count) | the counts, given a batch, with a normal prior | scVI, Lopez et al. 2018 |
//!
//! ```text
//! counts --input--> sparse rows --hidden layers--> latent --hidden layers--> output --likelihood--> nats a cell
//! ```
//!
//! Both passes are written by hand on the products of [`basewise_kernels`]: the first layer reads sparse rows, the last one goes
//! through the genes in blocks, with likelihood, its slopes and the weights' gradient side by side, and only counts that are not 0
//! meet a gamma function ([`special`]). Numbers are `f32`, losses and likelihoods of single counts `f64`; results are a function
//! of the data, the settings and the seed, the same bits for any number of threads.

mod config;
mod error;
mod evaluate;
mod file;
mod fit;
mod hidden;
mod input;
mod layout;
pub mod likelihood;
mod network;
mod output;
mod sample;
pub mod special;
#[cfg(test)]
mod tests;

pub use config::{Config, Kind, Likelihood, Normalization};
pub use error::AutoencoderError;
pub use evaluate::Evaluation;
pub use file::SavedAutoencoder;
pub use fit::{EpochLosses, History};
pub use input::Cells;

use basewise_kernels::Level;
use hidden::Running;
use layout::Layout;

/// A trained autoencoder.
#[derive(Clone, Debug)]
pub struct Autoencoder {
    config: Config,
    layout: Layout,
    /// All weights, as the layout says.
    parameters: Vec<f32>,
    /// What batch norms have seen, a hidden layer each.
    running: Vec<Running>,
    /// The sum that normalized counts of a cell have: the median of the training cells.
    target: f64,
    level: Level,
}

impl Autoencoder {
    /// The settings it was trained with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Numbers that were learned.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.parameters.len()
    }

    /// The sum of counts that normalized cells have: the median of the training cells.
    #[must_use]
    pub fn target(&self) -> f64 {
        self.target
    }
}
