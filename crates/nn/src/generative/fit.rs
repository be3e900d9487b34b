//! The training loop of both kinds of model: steps, a look at the validation sequences after each epoch, and an end.

use super::config::{GenerativeConfig, GenerativeKind};
use super::letters::position_logits;
use super::model::GenerativeModel;
use super::vae::{Vae, VaeSettings};
use super::wgan::{CriticLoss, Wgan, WganSettings};
use basewise_core::random::{shuffle, stream};
use basewise_core::realism::{Words, duplicates, jensen_shannon, mean_difference};
use basewise_core::{Alphabet, Code};
use basewise_kernels::Level;
use serde::{Deserialize, Serialize};

/// Sequences that are generated after each epoch to be looked at.
const LOOKED_AT: usize = 1000;
/// Words whose shares are compared.
const WORD: usize = 6;
/// Pairs of sequences whose differences are averaged.
const PAIRS: usize = 5000;
/// Nats of divergence from which on a latent number counts as used (Burda et al. 2016 look at variances).
const USED: f64 = 0.02;

/// An epoch in the history of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GenerativeEpoch {
    /// 1-based.
    pub epoch: usize,
    /// VAE: negative evidence lower bound of a training sequence, nats. WGAN: the critic's distance between training and
    /// generated sequences.
    pub train: f64,
    /// The same of validation sequences.
    pub valid: f64,
    /// Jensen-Shannon divergence of 6-mers between generated and validation sequences, bits.
    pub divergence: f64,
    /// Mean difference of two generated sequences over that of two training sequences: near 0 when all are alike.
    pub diversity: f64,
    /// Share of generated sequences that equal an earlier one.
    pub duplicates: f64,
    /// VAE: mean divergence of the encoder from the prior over validation sequences, nats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kl: Option<f64>,
    /// VAE: latent numbers that the encoder uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<usize>,
    /// WGAN: mean gradient penalty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub penalty: Option<f64>,
}

/// What came of a fit.
#[derive(Clone, Debug, PartialEq)]
pub struct GenerativeFit {
    /// With the weights of the best epoch.
    pub model: GenerativeModel,
    /// All epochs.
    pub history: Vec<GenerativeEpoch>,
    /// 1-based.
    pub best_epoch: usize,
    /// Whether training ended before the last epoch because nothing got better.
    pub stopped_early: bool,
}

/// Why there is no model.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GenerativeError {
    /// A setting is out of range.
    #[error("{0}")]
    Config(String),
    /// Too few sequences.
    #[error("expected at least {expected} {split} sequences of {length} bases, found {found}")]
    TooFew {
        /// `training` or `validation`.
        split: &'static str,
        /// At least so many.
        expected: usize,
        /// As given.
        found: usize,
        /// Bases.
        length: usize,
    },
    /// Weights became infinite or no numbers.
    #[error("weights are no longer finite after epoch {epoch}\nhint: lower --learning-rate")]
    Diverged {
        /// 1-based.
        epoch: usize,
    },
}

/// Shorter sequences are not learned from.
const SHORTEST: usize = 8;

/// Fits a model to `train`, all of one length, and keeps the weights of the epoch that is best on `valid`: by the evidence lower
/// bound (VAE) or by the divergence of 6-mers (WGAN). `tell` hears of each epoch and says whether to go on.
///
/// The same sequences and settings give the same model for any number of threads.
///
/// # Errors
/// If a setting is out of range, sequences are too few or too short, or weights do not stay finite.
pub fn fit(
    (train, valid): (&[&[Code]], &[&[Code]]),
    alphabet: Alphabet,
    config: &GenerativeConfig,
    tell: &mut dyn FnMut(&GenerativeEpoch) -> bool,
) -> Result<GenerativeFit, GenerativeError> {
    config.fault().map_or(Ok(()), |fault| Err(GenerativeError::Config(fault)))?;
    let length = train.first().map_or(0, |sequence| sequence.len());
    for (split, sequences, expected) in [("training", train, 2), ("validation", valid, 1)] {
        let found = sequences.iter().filter(|sequence| sequence.len() == length && length >= SHORTEST).count();
        if found < expected || found < sequences.len() {
            let length = length.max(SHORTEST);
            return Err(GenerativeError::TooFew { split, expected: expected.max(sequences.len()), found, length });
        }
    }
    let mut trainer = Trainer::new(train, config, length);
    let mut run = Run {
        model: GenerativeModel::empty(config, alphabet, length),
        words: Words::count(WORD, valid.iter().copied()),
        difference: mean_difference(train, PAIRS, config.seed).unwrap_or(0.0),
        valid,
        history: Vec::new(),
        best: None,
    };
    let warmup = config.kl_warmup.min(config.epochs / 2);
    let mut stopped_early = false;
    for epoch in 1..=config.epochs {
        let beta = if warmup == 0 { 1.0 } else { (epoch as f64 / warmup as f64).min(1.0) };
        let (loss, penalty) = trainer.epoch(epoch, beta);
        let counts = config.model == GenerativeKind::Wgan || epoch >= warmup;
        let record = run.look(&trainer, epoch, loss, penalty, counts)?;
        let go_on = tell(&record);
        run.history.push(record);
        let best = run.best.as_ref().map_or(epoch, |(best, ..)| *best);
        stopped_early = epoch < config.epochs && epoch - best >= config.patience;
        if stopped_early || !go_on {
            break;
        }
    }
    let Run { mut model, history, best, .. } = run;
    let mut best_epoch = history.len();
    if let Some((epoch, _, weights)) = best {
        model.weights = weights;
        best_epoch = epoch;
    }
    Ok(GenerativeFit { model, history, best_epoch, stopped_early })
}

/// What is known of a fit so far.
struct Run<'a> {
    model: GenerativeModel,
    valid: &'a [&'a [Code]],
    words: Words,
    difference: f64,
    history: Vec<GenerativeEpoch>,
    /// Epoch, measure and weights.
    best: Option<(usize, f64, Vec<f32>)>,
}

impl Run<'_> {
    /// Looks at the weights after an epoch and keeps them if they are the best that count.
    fn look(
        &mut self,
        trainer: &Trainer<'_>,
        epoch: usize,
        train: f64,
        penalty: Option<f64>,
        counts: bool,
    ) -> Result<GenerativeEpoch, GenerativeError> {
        trainer.weights().clone_into(&mut self.model.weights);
        if !self.model.weights.iter().all(|w| w.is_finite()) {
            return Err(GenerativeError::Diverged { epoch });
        }
        let generated = self.model.sample(LOOKED_AT, self.model.config.seed, 1.0);
        let generated: Vec<&[Code]> = generated.iter().map(Vec::as_slice).collect();
        let words = Words::count(WORD, generated.iter().copied());
        let divergence = jensen_shannon(words.counts(), self.words.counts()).unwrap_or(1.0);
        let (valid, kl, used) = trainer.look(self.valid, &generated);
        let difference = mean_difference(&generated, PAIRS, 0).unwrap_or(0.0);
        let measure = if kl.is_some() { valid } else { divergence };
        if counts && self.best.as_ref().is_none_or(|(_, best, _)| measure < *best) {
            self.best = Some((epoch, measure, self.model.weights.clone()));
        }
        Ok(GenerativeEpoch {
            epoch,
            train,
            valid,
            divergence,
            diversity: if self.difference > 0.0 { difference / self.difference } else { 1.0 },
            duplicates: duplicates(&generated) as f64 / generated.len() as f64,
            kl,
            used,
            penalty,
        })
    }
}

/// A model of either kind in training.
enum Player {
    Vae(Box<Vae>),
    Wgan(Box<Wgan>),
}

struct Trainer<'a> {
    player: Player,
    train: &'a [&'a [Code]],
    config: &'a GenerativeConfig,
    level: Level,
    critic_steps: usize,
}

impl<'a> Trainer<'a> {
    fn new(train: &'a [&'a [Code]], config: &'a GenerativeConfig, length: usize) -> Self {
        let (sizes, logits) = (config.sizes(length), position_logits(length, train.iter().copied()));
        let (seed, rate) = (config.seed, config.learning_rate);
        let player = match config.model {
            GenerativeKind::Vae => {
                let (free, before, dropout) = (config.free_bits, config.letters_before, config.letter_dropout);
                let settings = VaeSettings { seed, rate, free, before, dropout };
                Player::Vae(Box::new(Vae::new(sizes, settings, &logits)))
            }
            GenerativeKind::Wgan => {
                let settings = WganSettings { seed, rate, penalty: config.gradient_penalty as f32 };
                Player::Wgan(Box::new(Wgan::new(sizes, settings, &logits)))
            }
        };
        Self { player, train, config, level: Level::best(), critic_steps: 0 }
    }

    /// One pass over the training sequences: the mean loss, and the mean penalty of a WGAN.
    fn epoch(&mut self, epoch: usize, beta: f64) -> (f64, Option<f64>) {
        let mut order: Vec<usize> = (0..self.train.len()).collect();
        shuffle(&mut order, &mut stream(self.config.seed, "generative/order", &[epoch as u64]));
        let (mut total, mut penalty, mut batches) = (0.0, 0.0, 0);
        for rows in order.chunks(self.config.batch_size) {
            let batch: Vec<&[Code]> = rows.iter().map(|&row| self.train[row]).collect();
            match &mut self.player {
                Player::Vae(vae) => total += vae.step(self.level, &batch, beta).total() * batch.len() as f64,
                Player::Wgan(wgan) => {
                    let loss: CriticLoss = wgan.critic_step(self.level, &batch);
                    total += loss.distance * batch.len() as f64;
                    penalty += loss.penalty;
                    self.critic_steps += 1;
                    if self.critic_steps.is_multiple_of(self.config.critic_steps) {
                        wgan.generator_step(self.level, self.config.batch_size);
                    }
                }
            }
            batches += 1;
        }
        let penalty = matches!(self.player, Player::Wgan(_)).then(|| penalty / f64::from(batches));
        (total / order.len() as f64, penalty)
    }

    /// What is kept of the weights.
    fn weights(&self) -> &[f32] {
        match &self.player {
            Player::Vae(vae) => &vae.weights,
            Player::Wgan(wgan) => &wgan.average,
        }
    }

    /// The held-out loss, and for a VAE divergence and latent numbers in use.
    fn look(&self, valid: &[&[Code]], generated: &[&[Code]]) -> (f64, Option<f64>, Option<usize>) {
        match &self.player {
            Player::Vae(vae) => {
                let bound = vae.bound(self.level, valid);
                let used = bound.divergences.iter().filter(|&&d| d > USED).count();
                (bound.total(), Some(bound.divergences.iter().sum()), Some(used))
            }
            Player::Wgan(wgan) => {
                let [real, fake] = [valid, generated].map(|sequences| wgan.mean_score(self.level, sequences));
                (real - fake, None, None)
            }
        }
    }
}

impl GenerativeFit {
    /// The epoch whose weights were kept.
    pub fn best(&self) -> Option<&GenerativeEpoch> {
        self.history.get(self.best_epoch.wrapping_sub(1))
    }

    /// What tells of a collapse, each with a hint; empty if nothing does.
    pub fn warnings(&self) -> Vec<(String, &'static str)> {
        let Some(best) = self.best() else { return Vec::new() };
        let mut found = Vec::new();
        if best.used == Some(0) {
            found.push((
                "the decoder does without the latent numbers: the encoder's divergence is near 0 for each (posterior collapse)"
                    .to_owned(),
                "raise --free-bits or --letter-dropout, or lower --letters-before",
            ));
        }
        if best.diversity < 0.5 {
            found.push((
                format!(
                    "generated sequences are alike (mode collapse): two differ {:.0} % as much as two training sequences",
                    100.0 * best.diversity
                ),
                "train longer, raise --critic-steps, or try another --seed",
            ));
        }
        if best.duplicates > 0.05 {
            found.push((
                format!("{:.1} % of generated sequences equal an earlier one", 100.0 * best.duplicates),
                "train longer, raise --critic-steps, or try another --seed",
            ));
        }
        found
    }
}
