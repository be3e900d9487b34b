//! What an autoencoder is, and how it is trained.

use super::AutoencoderError;
use serde::{Deserialize, Serialize};

/// Which autoencoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Squared error of log(1 + normalized count).
    Plain,
    /// The same, with part of the input hidden in training.
    Denoising,
    /// Likelihood of the counts, with the mean `e^logit` times the size of the cell (DCA, Eraslan et al. 2019, with a
    /// dispersion a gene).
    Counts,
    /// The same, with means from a softmax over genes and a latent distribution (scVI, Lopez et al. 2018).
    Variational,
}

/// What the outputs are the parameters of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Likelihood {
    /// Normal with variance 1, less its constant: half the squared error.
    Normal,
    /// Negative binomial with a dispersion a gene.
    NegativeBinomial,
    /// The same with a further chance of 0 for each cell and gene.
    ZeroInflated,
}

/// What happens between the product of a hidden layer and its rectifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Normalization {
    /// Nothing.
    None,
    /// Each unit over the cells of a step (Ioffe and Szegedy 2015).
    Batch,
    /// Each cell over the units (Ba et al. 2016).
    Layer,
}

/// Settings. [`Config::of`] has what the papers and their programs use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Which autoencoder.
    pub kind: Kind,
    /// [`Likelihood::Normal`] for plain and denoising, another one for the others.
    pub likelihood: Likelihood,
    /// Numbers of the bottleneck.
    pub latent: usize,
    /// Units of the encoder's hidden layers; the decoder has them in reverse. At least one layer.
    pub hidden: Vec<usize>,
    /// What hidden layers normalize by.
    pub normalization: Normalization,
    /// Share of hidden units of the encoder that a training step leaves out, 0 to below 1.
    pub dropout: f64,
    /// Share of values that a denoising autoencoder does not see, 0 to below 1.
    pub hide: f64,
    /// Whether the encoder reads the batch too; the decoder always does.
    pub encode_batch: bool,
    /// Whether values are no counts and are read as they are, without normalizing and logarithm.
    pub as_is: bool,
    /// Passes over the training cells, at most.
    pub epochs: usize,
    /// Epochs without a better loss of the validation cells after which training stops; 0 for never.
    pub patience: usize,
    /// Epochs over which the weight of the Kullback-Leibler divergence grows from 0 to 1.
    pub warm_up: usize,
    /// Cells of a step.
    pub batch_size: usize,
    /// Learning rate of Adam.
    pub rate: f64,
    /// What keeps Adam's denominator from 0.
    pub epsilon: f64,
    /// Weight decay that enters the gradient.
    pub decay: f64,
    /// Share of cells by which the epoch is chosen whose weights are kept, 0 to below 1; with 0 the last one is.
    pub validation: f64,
    /// Share of cells held out to judge, of which training knows nothing, 0 to below 1.
    pub held_out: f64,
    /// All that is random is a function of it.
    pub seed: u64,
}

impl Config {
    /// Settings for a number of cells: those of scvi-tools for [`Kind::Variational`], with as many epochs (400, fewer for more than
    /// 20,000 cells), and the same with DCA's three hidden layers for the others.
    #[must_use]
    pub fn of(kind: Kind, cells: usize) -> Self {
        let normal = matches!(kind, Kind::Plain | Kind::Denoising);
        let epochs = (20_000.0 / cells.max(1) as f64 * 400.0).round().clamp(1.0, 400.0) as usize;
        Self {
            kind,
            likelihood: if normal { Likelihood::Normal } else { Likelihood::NegativeBinomial },
            latent: 10,
            hidden: if kind == Kind::Variational { vec![128] } else { vec![64] },
            normalization: Normalization::Batch,
            dropout: if kind == Kind::Variational { 0.1 } else { 0.0 },
            hide: if kind == Kind::Denoising { 0.2 } else { 0.0 },
            encode_batch: false,
            as_is: false,
            epochs,
            patience: 45,
            warm_up: 400,
            batch_size: 128,
            rate: 1e-3,
            epsilon: 0.01,
            decay: 1e-6,
            validation: 0.1,
            held_out: 0.1,
            seed: 1,
        }
    }

    /// Whether outputs are means of counts.
    pub(super) fn counts(&self) -> bool {
        self.likelihood != Likelihood::Normal
    }

    pub(super) fn variational(&self) -> bool {
        self.kind == Kind::Variational
    }

    /// Refuses settings that contradict each other.
    pub(super) fn check(&self) -> Result<(), AutoencoderError> {
        let wrong = |setting, expected, found: String| Err(AutoencoderError::Setting { setting, expected, found });
        let normal = matches!(self.kind, Kind::Plain | Kind::Denoising);
        if normal != (self.likelihood == Likelihood::Normal) {
            let expected = if normal { "squared error" } else { "a likelihood of counts" };
            return wrong("likelihood", expected, format!("{:?}", self.likelihood));
        }
        if self.as_is && !normal {
            return wrong("values", "counts for a likelihood of counts", "other values".to_owned());
        }
        if self.latent == 0 || self.hidden.is_empty() || self.hidden.contains(&0) {
            return wrong(
                "layers",
                "at least one hidden unit and one latent number",
                format!("{:?}, {}", self.hidden, self.latent),
            );
        }
        if self.batch_size < 2 {
            return wrong("batch size", "at least 2 cells", self.batch_size.to_string());
        }
        if self.epochs == 0 {
            return wrong("epochs", "at least 1", "0".to_owned());
        }
        let shares = [("dropout", self.dropout), ("hidden share", self.hide)];
        let shares =
            shares.into_iter().chain([("validation share", self.validation), ("held-out share", self.held_out)]);
        for (setting, share) in shares {
            if !(0.0..1.0).contains(&share) {
                return wrong(setting, "a number from 0 to below 1", share.to_string());
            }
        }
        if self.validation + self.held_out >= 1.0 {
            let found = format!("{} and {}", self.validation, self.held_out);
            return wrong("validation and held-out shares", "a sum below 1", found);
        }
        if !(self.rate > 0.0 && self.rate.is_finite()) {
            return wrong("learning rate", "a number above 0", self.rate.to_string());
        }
        Ok(())
    }
}
