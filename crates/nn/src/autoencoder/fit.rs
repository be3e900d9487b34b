//! Training: epochs, the optimizer, stopping by validation cells.

use super::hidden::Running;
use super::input::{Cells, Prepared};
use super::layout::Layout;
use super::network::{Network, Step};
use super::{Autoencoder, AutoencoderError, Config, Likelihood, Normalization};
use crate::optimizer::Adam;
use basewise_core::random::{shuffle, stream};
use basewise_core::sparse::Csr;
use basewise_kernels::Level;

/// Losses of one epoch, means over cells in nats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpochLosses {
    /// From 1.
    pub epoch: usize,
    /// `-ln P(cell | latent)` of training cells, over the epoch, with dropout and draws.
    pub likelihood: f64,
    /// Divergence of latent distributions from the prior; 0 where there are none.
    pub divergence: f64,
    /// Weight of the divergence in this epoch.
    pub weight: f64,
    /// `-ln P(cell | latent mean)` plus the divergence of validation cells after the epoch; `None` if there are none.
    pub validation: Option<f64>,
}

/// How training went.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// Each epoch.
    pub epochs: Vec<EpochLosses>,
    /// The epoch whose weights were kept, from 1.
    pub best: usize,
    /// Rows of the cells that chose the epoch, ascending.
    pub validation: Vec<usize>,
    /// Rows of the cells that were held out, ascending.
    pub held_out: Vec<usize>,
}

impl Autoencoder {
    /// Trains an autoencoder on cells, of which it holds some out; `watch` is told each epoch.
    ///
    /// With validation cells, the weights that are kept are those of the epoch in which these were most likely; without, the
    /// last ones.
    ///
    /// # Errors
    /// Settings that contradict each other, values that are no counts where counts are needed, cells without counts, fewer than
    /// four cells, and losses that leave the numbers.
    pub fn fit(
        cells: Cells<'_>,
        config: &Config,
        watch: &mut dyn FnMut(&EpochLosses),
    ) -> Result<(Self, History), AutoencoderError> {
        config.check()?;
        let count = cells.values.rows;
        if count < LEAST_CELLS {
            return Err(AutoencoderError::Few { expected: LEAST_CELLS, found: count });
        }
        let totals = cells.totals(config)?;
        let Parts { training, validation, held_out } = Parts::of(count, config);
        let target = median(training.iter().map(|&cell| totals[cell]).collect());
        let prepared = cells.prepare(config, target)?;
        let mut model = Self::untrained(&cells, config, &prepared, &training, target);
        let mut trainer = Trainer {
            config,
            prepared: &prepared,
            training,
            validation: &validation,
            gradient: vec![0.0; model.parameters.len()],
            adam: Adam::new([model.parameters.len()]).with_epsilon(config.epsilon),
        };
        let (epochs, best) = trainer.run(&mut model, watch)?;
        // As a file holds them, so that a model that was saved says the same.
        model.running.iter_mut().for_each(|running| *running = Running::of_values(&running.values()));
        Ok((model, History { epochs, best, validation, held_out }))
    }

    fn untrained(cells: &Cells<'_>, config: &Config, prepared: &Prepared<'_>, training: &[usize], target: f64) -> Self {
        let layout = Layout::new(config, cells.values.columns, cells.number_of_batches());
        let source = if config.likelihood == Likelihood::Normal { &prepared.input } else { cells.values };
        let bias = first_bias(config, source, training, target);
        let parameters = layout.initial(config.seed, &bias);
        let running = layout.hidden_layers().map(|layer| Running::new(layer.units)).collect();
        Self { config: config.clone(), layout, parameters, running, target, level: Level::best() }
    }
}

/// Cells that training needs at least.
const LEAST_CELLS: usize = 4;

/// Rows of cells by their purpose, each ascending.
struct Parts {
    training: Vec<usize>,
    validation: Vec<usize>,
    held_out: Vec<usize>,
}

impl Parts {
    /// At least two cells are left to train on.
    fn of(cells: usize, config: &Config) -> Self {
        let mut order: Vec<usize> = (0..cells).collect();
        shuffle(&mut order, &mut stream(config.seed, "autoencoder held out", &[]));
        let count = |share: f64, most: usize| ((share * cells as f64).round() as usize).min(most);
        let held_out = count(config.held_out, cells - 2);
        let validation = count(config.validation, cells - 2 - held_out);
        let ascending = |rows: &[usize]| {
            let mut rows = rows.to_vec();
            rows.sort_unstable();
            rows
        };
        let (own, rest) = order.split_at(held_out);
        let (validation, training) = rest.split_at(validation);
        Self { training: ascending(training), validation: ascending(validation), held_out: ascending(own) }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { 0.5 * (values[middle - 1] + values[middle]) }
}

/// What makes each gene its mean before anything is learned: a value, or the logarithm of its share or normalized mean.
fn first_bias(config: &Config, source: &Csr, training: &[usize], target: f64) -> Vec<f32> {
    let mut sums = vec![0.0_f64; source.columns];
    for &cell in training {
        let (genes, values) = source.row(cell);
        genes.iter().zip(values).for_each(|(&gene, &value)| sums[gene as usize] += f64::from(value));
    }
    if !config.counts() {
        return sums.iter().map(|sum| (sum / training.len() as f64) as f32).collect();
    }
    // Half a count stands for genes without any.
    let all: f64 = sums.iter().sum::<f64>() + 0.5 * sums.len() as f64;
    let scale = if config.variational() { 1.0 } else { target };
    sums.iter().map(|sum| (scale * (sum + 0.5) / all).ln() as f32).collect()
}

struct Trainer<'a> {
    config: &'a Config,
    prepared: &'a Prepared<'a>,
    training: Vec<usize>,
    validation: &'a [usize],
    gradient: Vec<f32>,
    adam: Adam,
}

/// The weights that suited the validation cells best.
struct Best {
    loss: f64,
    epoch: usize,
    parameters: Vec<f32>,
    running: Vec<Running>,
}

impl Best {
    /// After the first epoch.
    fn new(loss: f64, model: &Autoencoder) -> Self {
        Self { loss, epoch: 1, parameters: model.parameters.clone(), running: model.running.clone() }
    }

    fn offer(&mut self, loss: f64, epoch: usize, model: &Autoencoder) {
        if loss < self.loss {
            (self.loss, self.epoch) = (loss, epoch);
            self.parameters.copy_from_slice(&model.parameters);
            self.running.clone_from(&model.running);
        }
    }
}

impl Trainer<'_> {
    fn run(
        &mut self,
        model: &mut Autoencoder,
        watch: &mut dyn FnMut(&EpochLosses),
    ) -> Result<(Vec<EpochLosses>, usize), AutoencoderError> {
        let mut epochs: Vec<EpochLosses> = Vec::new();
        let mut best: Option<Best> = None;
        for epoch in 1..=self.config.epochs {
            let losses = self.epoch(model, epoch);
            let shown = losses.validation.unwrap_or(losses.likelihood) + losses.likelihood;
            if !shown.is_finite() {
                return Err(AutoencoderError::Diverged { epoch, loss: shown });
            }
            watch(&losses);
            epochs.push(losses);
            let Some(loss) = losses.validation else { continue };
            let best = best.get_or_insert_with(|| Best::new(loss, model));
            best.offer(loss, epoch, model);
            if self.config.patience > 0 && epoch - best.epoch >= self.config.patience {
                break;
            }
        }
        let kept = best.map_or(epochs.len(), |best| {
            (model.parameters, model.running) = (best.parameters, best.running);
            best.epoch
        });
        Ok((epochs, kept))
    }

    fn epoch(&mut self, model: &mut Autoencoder, epoch: usize) -> EpochLosses {
        let config = self.config;
        let weight = (epoch as f64 / config.warm_up.max(1) as f64).min(1.0);
        let mut order = self.training.clone();
        shuffle(&mut order, &mut stream(config.seed, "autoencoder order", &[epoch as u64]));
        // Steps of nearly one size, so that no batch norm sees a single cell.
        let steps = order.len().div_ceil(config.batch_size);
        let batches = model.layout.batches;
        let mut output = model.network().output();
        let mut losses = EpochLosses { epoch, likelihood: 0.0, divergence: 0.0, weight, validation: None };
        for i in 0..steps {
            let own = &order[order.len() * i / steps..order.len() * (i + 1) / steps];
            let number = ((epoch - 1) * steps + i) as u64;
            let batch = self.prepared.take(own, config, batches, Some((config.seed, number)));
            let step = Step { seed: config.seed, number, weight };
            let network = model.network();
            let (found, seen) = network.gradient(&batch, step, &mut output, &mut self.gradient);
            let share = own.len() as f64 / order.len() as f64;
            losses.likelihood += share * found.likelihood;
            losses.divergence += share * found.divergence;
            if config.normalization == Normalization::Batch {
                model.running.iter_mut().zip(&seen).for_each(|(running, seen)| running.update(seen, own.len()));
            }
            let moving = (&mut model.parameters[..], &self.gradient[..], config.decay);
            self.adam.step(model.level, config.rate, [moving]);
        }
        losses.validation = self.validation_loss(&model.network());
        losses
    }

    /// The mean loss of validation cells at their latent means, and their divergence.
    fn validation_loss(&self, network: &Network<'_>) -> Option<f64> {
        if self.validation.is_empty() {
            return None;
        }
        let (likelihood, divergence) = network.losses(self.prepared, self.validation);
        let all: f64 = likelihood.iter().chain(&divergence).sum();
        Some(all / self.validation.len() as f64)
    }
}
