//! The flags of `basewise train`. Each of them that decides the result is a setting of [`TrainConfig`] by the same name, and
//! stands above what a configuration file says.

use super::classical_args::ClassicalArgs;
use super::words::{kebab, loss_names, pairs};
use super::worker::WorkerArgs;
use crate::ensemble::EnsembleArgs;
use crate::failure::user;
use anyhow::Result;
use basewise_core::Alphabet;
use basewise_core::source::Header;
use basewise_nn::loss::ClassWeights;
use basewise_nn::{CheckpointEvery, DeviceChoice, Monitor, OptimizerKind, Schedule, TrainConfig, TrainOptions};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SwitchArg {
    /// On for DNA, off for RNA
    Auto,
    On,
    Off,
}

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise train quickstart/donor/data --model cnn --epochs 2 --reverse-complement off -o my-run
  $ basewise train quickstart/donor/data --model cnn --epochs 3 --reverse-complement off -o my-run --overwrite
  $ basewise train quickstart/donor/data --epochs 2 --accumulate 2 --checkpoint-every 10m -o my-run --overwrite
  $ basewise train quickstart/donor/data --config my-run/config.toml -o my-run-again --overwrite
  $ basewise train quickstart/donor/data --optimizer sgd --find-learning-rate
  $ basewise train quickstart/donor/data --model cnn-global --epochs 1 --folds 2 -o my-folds

Ctrl-C finishes the step and saves; the same command with --resume goes on exactly there.")]
pub(crate) struct TrainArgs {
    /// Data set directory
    pub(super) data: PathBuf,
    /// A preset or a classical model (see `basewise model list`), or an architecture file (.toml) [default: cnn]
    #[arg(short, long, value_name = "PRESET|FILE")]
    pub(super) model: Option<String>,
    /// Run directory to write
    #[arg(short, long, value_name = "RUN", required_unless_present = "find_learning_rate")]
    pub(super) output: Option<PathBuf>,
    /// Settings and network from a TOML file, such as RUN/config.toml; flags stand above it
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Most passes over the training examples [default: 30]
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Stop after this many epochs without a better one, 0 for never; the best weights are kept [default: 5]
    #[arg(long, value_name = "EPOCHS")]
    pub(super) patience: Option<usize>,
    /// What makes an epoch better: loss or metric of the validation split [default: loss]
    #[arg(long, value_parser = kebab::<Monitor>(&["loss", "metric"]))]
    monitor: Option<Monitor>,
    /// Seed of the first weights, the order of examples, dropout and augmentation; of what trees draw [default: 1]
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
    #[command(flatten)]
    optimization: OptimizationArgs,
    #[command(flatten)]
    rate: RateArgs,
    #[command(flatten)]
    loss: LossArgs,
    #[command(flatten)]
    augmentation: AugmentationArgs,
    #[command(flatten)]
    pub(super) classical: ClassicalArgs,
    #[command(flatten)]
    pub(super) ensemble: EnsembleArgs,
    #[command(flatten)]
    running: RunningArgs,
    #[command(flatten)]
    pub(super) worker: WorkerArgs,
    /// Go on with an interrupted run
    #[arg(long, conflicts_with = "find_learning_rate")]
    pub(super) resume: bool,
    /// Replace a run that is there already
    #[arg(long, conflicts_with = "resume")]
    pub(super) overwrite: bool,
}

#[derive(Args)]
#[command(next_help_heading = "Optimizer")]
struct OptimizationArgs {
    /// Examples that go through the network at once [default: 64]
    #[arg(long, value_name = "N")]
    batch_size: Option<usize>,
    /// Batches that make one step, as if they were one large batch [default: 1]
    #[arg(long, value_name = "N")]
    accumulate: Option<usize>,
    /// How gradients become steps [default: adamw]
    #[arg(long, value_parser = kebab::<OptimizerKind>(&["sgd", "adam", "adamw", "rmsprop", "muon"]))]
    optimizer: Option<OptimizerKind>,
    /// Momentum of sgd [default: 0.9], rmsprop [0] and muon [0.95]
    #[arg(long, allow_negative_numbers = true, value_name = "X")]
    momentum: Option<f64>,
    /// Whether momentum is Nesterov's [default: true for muon]
    #[arg(long, value_name = "true|false")]
    nesterov: Option<bool>,
    /// Decay of the mean of gradients of adam, adamw and muon [default: 0.9]
    #[arg(long, allow_negative_numbers = true, value_name = "X")]
    beta1: Option<f64>,
    /// Decay of the mean of squared gradients [default: 0.999; rmsprop 0.99]
    #[arg(long, allow_negative_numbers = true, value_name = "X")]
    beta2: Option<f64>,
    /// What keeps steps finite where gradients are tiny [default: 1e-8]
    #[arg(long, allow_negative_numbers = true, value_name = "X")]
    epsilon: Option<f64>,
    /// Decay of the weights: L2 penalty with sgd, adam and rmsprop, decoupled with adamw and muon [default: 0.01]
    #[arg(long, allow_negative_numbers = true, value_name = "X")]
    weight_decay: Option<f64>,
    /// Penalty X |w| on each weight [default: 0]
    #[arg(long, allow_negative_numbers = true, value_name = "X")]
    l1: Option<f64>,
    /// Penalty X w^2 on each weight [default: 0]
    #[arg(long, allow_negative_numbers = true, value_name = "X")]
    l2: Option<f64>,
    /// Scale gradients down to this norm over all weights, if theirs is larger
    #[arg(long, allow_negative_numbers = true, value_name = "X")]
    clip_gradient: Option<f64>,
    /// Validate and keep a moving average of the weights with this decay, such as 0.999
    #[arg(long, allow_negative_numbers = true, value_name = "X")]
    ema: Option<f64>,
}

#[derive(Args)]
#[command(next_help_heading = "Learning rate")]
struct RateArgs {
    /// Step size of the optimizer, at its largest [default: 0.002]
    #[arg(long, allow_negative_numbers = true, value_name = "X")]
    learning_rate: Option<f64>,
    /// How the learning rate changes [default: constant]
    #[arg(long, value_parser = kebab::<Schedule>(&["constant", "step", "cosine", "one-cycle", "plateau"]))]
    schedule: Option<Schedule>,
    /// Epochs over which the learning rate rises first [default: 0]
    #[arg(long, value_name = "EPOCHS")]
    warmup_epochs: Option<usize>,
    /// Epochs between two cuts of step [default: 10], or without a better one before a cut of plateau [2]
    #[arg(long, value_name = "EPOCHS")]
    decay_epochs: Option<usize>,
    /// What a cut of step or plateau multiplies the learning rate by [default: 0.1]
    #[arg(long, allow_negative_numbers = true, value_name = "X")]
    decay_factor: Option<f64>,
    /// The smallest learning rate of step, cosine and plateau [default: 0]
    #[arg(long, allow_negative_numbers = true, value_name = "X")]
    min_learning_rate: Option<f64>,
    /// Print the loss of up to 100 steps with growing learning rates and suggest one; no run is written
    #[arg(long)]
    find_learning_rate: bool,
    /// Print JSON, with --find-learning-rate
    #[arg(long, requires = "find_learning_rate")]
    json: bool,
}

#[derive(Args)]
#[command(next_help_heading = "Loss")]
struct LossArgs {
    /// The loss of the tasks that it fits [default: bce, cross-entropy, mse and poisson]
    #[arg(long, value_delimiter = ',', value_name = "NAMES", value_parser = loss_names())]
    loss: Vec<String>,
    /// Exponent of focal [default: 2]
    #[arg(long, allow_negative_numbers = true, value_name = "X")]
    focal_gamma: Option<f64>,
    /// Weight of label 1 in focal; label 0 has 1 - X
    #[arg(long, allow_negative_numbers = true, value_name = "X")]
    focal_alpha: Option<f64>,
    /// Where the square of huber ends, in label units [default: 1]
    #[arg(long, allow_negative_numbers = true, value_name = "X")]
    huber_delta: Option<f64>,
    /// Dispersion of negative-binomial [default: from the training labels]
    #[arg(long, allow_negative_numbers = true, value_name = "X")]
    dispersion: Option<f64>,
    /// Share of each class label that is spread over all classes [default: 0]
    #[arg(long, allow_negative_numbers = true, value_name = "X")]
    label_smoothing: Option<f64>,
    /// equal, balanced, or one number a class in their order [default: equal]
    #[arg(long, value_name = "RULE|X,X,..")]
    class_weights: Option<String>,
    /// Weights of tasks in the loss; 1 for those that are not named
    #[arg(long, value_delimiter = ',', value_name = "TASK=X,..")]
    task_weights: Vec<String>,
}

#[derive(Args)]
#[command(next_help_heading = "Augmentation")]
struct AugmentationArgs {
    /// Show each training example as its reverse complement half of the time [default: auto]
    #[arg(long, value_enum)]
    reverse_complement: Option<SwitchArg>,
    /// Probability of each base to be replaced by another one [default: 0]
    #[arg(long, allow_negative_numbers = true, value_name = "0..1")]
    mutation_rate: Option<f64>,
    /// Probability of each example to get a stretch of another one, and that part of its label [default: 0]
    #[arg(long, allow_negative_numbers = true, value_name = "0..1")]
    cutmix: Option<f64>,
}

#[derive(Args)]
#[command(next_help_heading = "Running")]
struct RunningArgs {
    /// Megabytes of examples that are held and shuffled at once; a larger data set is streamed [default: 256]
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u64).range(1..1 << 30))]
    shuffle_window: Option<u64>,
    /// Keep less for the gradients and compute it again: less memory for more time, the same result
    #[arg(long)]
    recompute: bool,
    /// Threads that prepare batches ahead; 0 prepares them between steps. The result is the same
    #[arg(long, default_value_t = 1, value_name = "N")]
    loader_workers: usize,
    /// Save within epochs too, after this many steps or this much time: 500, 30s, 10m, 2h
    #[arg(long, value_name = "STEPS|TIME")]
    checkpoint_every: Option<CheckpointEvery>,
    /// Checkpoints to keep
    #[arg(long, default_value_t = 2, value_name = "K")]
    keep_checkpoints: usize,
    /// Write each epoch for TensorBoard too, into RUN/tensorboard
    #[arg(long)]
    tensorboard: bool,
    /// auto, cpu, gpu or gpu:N
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
}

/// Puts what was given in the place of what was there.
macro_rules! replace {
    ($config:expr, $args:expr, $($name:ident),+) => {
        $(if let Some(value) = $args.$name { $config.$name = value.into(); })+
    };
}
pub(super) use replace;

impl TrainArgs {
    pub(super) fn device(&self) -> DeviceChoice {
        self.running.device
    }

    pub(super) fn finds_learning_rate(&self) -> bool {
        self.rate.find_learning_rate
    }

    pub(super) fn learning_rate(&self) -> Option<f64> {
        self.rate.learning_rate
    }

    pub(super) fn l2(&self) -> Option<f64> {
        self.optimization.l2
    }

    /// The first flag that is given, changes no setting, and means nothing without steps of a network.
    pub(super) fn network_only(&self) -> Option<&'static str> {
        let all = [
            ("--find-learning-rate", self.rate.find_learning_rate),
            ("--tensorboard", self.running.tensorboard),
            ("--checkpoint-every", self.running.checkpoint_every.is_some()),
        ];
        all.into_iter().find(|(_, given)| *given).map(|(name, _)| name)
    }

    pub(super) fn json(&self) -> bool {
        self.rate.json
    }

    pub(super) fn options(&self) -> TrainOptions {
        let RunningArgs { loader_workers, checkpoint_every, keep_checkpoints, tensorboard, .. } = self.running;
        TrainOptions { resume: self.resume, loader_workers, checkpoint_every, keep_checkpoints, tensorboard }
    }

    /// What is trained with where neither flags nor a file say anything.
    pub(crate) fn usual(header: &Header) -> TrainConfig {
        TrainConfig { reverse_complement: header.encoding.alphabet == Alphabet::Dna, ..TrainConfig::default() }
    }

    /// The settings with the flags in their place.
    pub(super) fn over(&self, mut config: TrainConfig, header: &Header) -> Result<TrainConfig> {
        let c = &mut config;
        replace!(c, self, epochs, patience, monitor, seed);
        let own = &self.optimization;
        replace!(c, own, batch_size, accumulate, optimizer, momentum, nesterov, beta1, beta2, epsilon);
        replace!(c, own, weight_decay, l1, l2, clip_gradient, ema);
        let own = &self.rate;
        replace!(c, own, learning_rate, schedule, warmup_epochs, decay_epochs, decay_factor, min_learning_rate);
        let own = &self.augmentation;
        replace!(c, own, mutation_rate, cutmix);
        c.reverse_complement = match own.reverse_complement {
            None => c.reverse_complement,
            Some(SwitchArg::Auto) => header.encoding.alphabet == Alphabet::Dna,
            Some(switch) => switch == SwitchArg::On,
        };
        c.shuffle_window = self.running.shuffle_window.map_or(c.shuffle_window, |megabytes| megabytes << 20);
        c.recompute |= self.running.recompute;
        self.loss.over(c, header)?;
        Ok(config)
    }
}

impl LossArgs {
    fn over(&self, config: &mut TrainConfig, header: &Header) -> Result<()> {
        let loss = &mut config.loss;
        replace!(loss, self, focal_gamma, focal_alpha, huber_delta, dispersion, label_smoothing);
        for name in &self.loss {
            super::words::set_loss(loss, name, &header.tasks)?;
        }
        if let Some(text) = &self.class_weights {
            loss.class_weights = class_weights(text)?;
        }
        loss.task_weights.extend(pairs("--task-weights", &self.task_weights)?);
        Ok(())
    }
}

/// `equal`, `balanced` or numbers with commas.
fn class_weights(text: &str) -> Result<ClassWeights> {
    if let Ok(rule) = super::words::parse(text) {
        return Ok(ClassWeights::Rule(rule));
    }
    let numbers = text.split(',').map(|number| number.trim().parse::<f64>()).collect::<Result<_, _>>();
    let found =
        || user(format!("expected --class-weights equal, balanced or numbers such as 1,2.5, found {text:?}"), None);
    Ok(ClassWeights::Given(numbers.map_err(|_| found())?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use basewise_core::{CasePolicy, Encoding, Task, TaskKind};
    use basewise_nn::loss::{BinaryLoss, RegressionLoss, WeightRule};
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: TrainArgs,
    }

    fn header(alphabet: Alphabet) -> Header {
        let task = |name: &str, kind| Task { name: name.into(), kind };
        let encoding = Encoding { alphabet, case: CasePolicy::Ignore };
        let tasks = vec![task("b", TaskKind::Binary), task("r", TaskKind::Regression)];
        Header { encoding, length: 9, jitter: 0, tasks, covariates: Vec::new(), control: None }
    }

    fn config(flags: &str) -> Result<TrainConfig> {
        let line = Line::try_parse_from(format!("train data -o run {flags}").split_whitespace())?;
        let header = header(Alphabet::Dna);
        line.args.over(TrainArgs::usual(&header), &header)
    }

    #[test]
    fn without_flags_all_is_as_usual_and_strands_follow_the_alphabet() {
        let usual = TrainConfig { reverse_complement: true, ..TrainConfig::default() };
        assert_eq!(config("").unwrap(), usual);
        assert!(!config("--reverse-complement off").unwrap().reverse_complement);
        assert!(!TrainArgs::usual(&header(Alphabet::Rna)).reverse_complement);
    }

    #[test]
    fn flags_reach_their_settings() {
        let found = config(
            "--optimizer muon --schedule one-cycle --monitor metric --ema 0.99 --momentum 0.5 --nesterov false \
             --l1 0.25 --decay-epochs 3 --shuffle-window 2 --loss focal,huber --huber-delta 2 --class-weights balanced \
             --task-weights b=2,r=0.5 --cutmix 0.5",
        );
        let found = found.unwrap();
        assert_eq!((found.optimizer, found.schedule), (OptimizerKind::Muon, Schedule::OneCycle));
        assert_eq!((found.monitor, found.ema, found.momentum), (Monitor::Metric, Some(0.99), Some(0.5)));
        assert_eq!((found.nesterov, found.l1, found.decay_epochs), (Some(false), 0.25, Some(3)));
        assert_eq!((found.shuffle_window, found.cutmix, found.loss.huber_delta), (2 << 20, 0.5, 2.0));
        assert_eq!((found.loss.binary, found.loss.regression), (BinaryLoss::Focal, RegressionLoss::Huber));
        assert_eq!(found.loss.class_weights, ClassWeights::Rule(WeightRule::Balanced));
        assert_eq!(found.loss.task_weights, [("b".to_owned(), 2.0), ("r".to_owned(), 0.5)].into());
        let given = config("--class-weights 1,2.5").unwrap().loss.class_weights;
        assert_eq!(given, ClassWeights::Given(vec![1.0, 2.5]));
    }

    #[test]
    fn what_fits_nothing_is_an_error() {
        let fails = |flags: &str, part: &str| {
            let error = config(flags).unwrap_err().to_string();
            assert!(error.contains(part), "{flags}: {error}");
        };
        fails("--loss poisson", "--loss poisson fits no task of the data set");
        fails("--loss possion", "possion");
        fails("--optimizer adma", "adam");
        fails("--class-weights heavy", "expected --class-weights equal, balanced or numbers");
        fails("--task-weights b", "expected --task-weights NAME=NUMBER, found \"b\"");
    }
}
