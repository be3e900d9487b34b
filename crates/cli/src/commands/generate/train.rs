//! `basewise generate train`: fits a generative model.

use super::examples::{Examples, ExamplesArgs};
use super::record::{self, GeneratorRecord};
use crate::commands::{command_line, quoted};
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::report::generated::{TrainingPage, render_training};
use crate::run_dir::{keep_trained, make_room, write_json, write_text};
use crate::shared_args::refuse_unfit;
use crate::table::count;
use anyhow::Result;
use basewise_core::Split;
use basewise_nn::generative::{GenerativeConfig, GenerativeEpoch, GenerativeFit, GenerativeKind, fit};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};
use std::time::Instant;

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise generate train quickstart/donor/data --epochs 2 --channels 8 --latent 4 -o donor-vae
  $ basewise generate train quickstart/donor/data --model wgan --epochs 1 --channels 8 -o donor-wgan
  $ basewise generate sample donor-vae -n 100 --seed 1 -o new.fa

vae    Variational autoencoder (Kingma and Welling 2014). Its decoder draws letters one after the other, each from the latent
       numbers and the letters before it. The weights of the epoch with the best evidence lower bound on the validation split
       are kept.
wgan   Wasserstein GAN with gradient penalty (Gulrajani et al. 2017). The averaged weights of the epoch whose 6-mers are
       nearest to those of the validation split are kept.
Both begin at the shares of the letters at each position. The same seed gives the same model for any number of threads. DIR gets
generator.json, model.safetensors, history.jsonl and report.html. Signs of a collapse (sequences that are all alike, a decoder that
does without its latent numbers) are warned of and recorded.")]
pub(crate) struct TrainArgs {
    /// Data set directory
    data: PathBuf,
    /// Kind of model
    #[arg(long, value_enum, default_value = "vae")]
    model: KindArg,
    #[command(flatten)]
    examples: ExamplesArgs,
    /// Directory to write
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Replace a trained model that is there already
    #[arg(long)]
    overwrite: bool,
    /// Passes over the training sequences, at most [default: 60, with wgan 150]
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Epochs without a better held-out measure after which training ends [default: 10, with wgan 40]
    #[arg(long, value_name = "N")]
    patience: Option<usize>,
    /// Latent numbers of a sequence
    #[arg(long, value_name = "N")]
    latent: Option<usize>,
    /// Channels between layers
    #[arg(long, value_name = "N")]
    channels: Option<usize>,
    /// Sequences in a step
    #[arg(long, value_name = "N")]
    batch_size: Option<usize>,
    /// Step size of Adam [default: 0.001, with wgan 0.0005]
    #[arg(long, value_name = "RATE")]
    learning_rate: Option<f64>,
    /// vae: epochs over which the weight of the divergence grows to 1
    #[arg(long, value_name = "N")]
    kl_warmup: Option<usize>,
    /// vae: nats of divergence that cost nothing, for each latent number
    #[arg(long, value_name = "NATS")]
    free_bits: Option<f64>,
    /// vae: letters before a position that the decoder sees
    #[arg(long, value_name = "N")]
    letters_before: Option<usize>,
    /// vae: share of these letters that are hidden in training
    #[arg(long, value_name = "0..1")]
    letter_dropout: Option<f64>,
    /// wgan: steps of the critic for one of the generator
    #[arg(long, value_name = "N")]
    critic_steps: Option<usize>,
    /// wgan: weight of the gradient penalty
    #[arg(long, value_name = "WEIGHT")]
    gradient_penalty: Option<f64>,
    /// Where all randomness starts
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// Kinds of models, as they are spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum KindArg {
    Vae,
    Wgan,
}

impl TrainArgs {
    fn config(&self) -> Result<GenerativeConfig> {
        let usual = GenerativeConfig::new(match self.model {
            KindArg::Vae => GenerativeKind::Vae,
            KindArg::Wgan => GenerativeKind::Wgan,
        });
        self.other_kind()?;
        let config = GenerativeConfig {
            epochs: self.epochs.unwrap_or(usual.epochs),
            patience: self.patience.unwrap_or(usual.patience),
            latent: self.latent.unwrap_or(usual.latent),
            channels: self.channels.unwrap_or(usual.channels),
            batch_size: self.batch_size.unwrap_or(usual.batch_size),
            learning_rate: self.learning_rate.unwrap_or(usual.learning_rate),
            kl_warmup: self.kl_warmup.unwrap_or(usual.kl_warmup),
            free_bits: self.free_bits.unwrap_or(usual.free_bits),
            letters_before: self.letters_before.unwrap_or(usual.letters_before),
            letter_dropout: self.letter_dropout.unwrap_or(usual.letter_dropout),
            critic_steps: self.critic_steps.unwrap_or(usual.critic_steps),
            gradient_penalty: self.gradient_penalty.unwrap_or(usual.gradient_penalty),
            seed: self.seed,
            ..usual
        };
        config.fault().map_or(Ok(config), |fault| Err(user(fault, None)))
    }

    /// An error if a setting of the other kind of model was given.
    fn other_kind(&self) -> Result<()> {
        let found = match self.model {
            KindArg::Vae => "vae",
            KindArg::Wgan => "wgan",
        };
        let given: [(&str, bool, &[&str]); 6] = [
            ("--kl-warmup", self.kl_warmup.is_some(), &["vae"]),
            ("--free-bits", self.free_bits.is_some(), &["vae"]),
            ("--letters-before", self.letters_before.is_some(), &["vae"]),
            ("--letter-dropout", self.letter_dropout.is_some(), &["vae"]),
            ("--critic-steps", self.critic_steps.is_some(), &["wgan"]),
            ("--gradient-penalty", self.gradient_penalty.is_some(), &["wgan"]),
        ];
        refuse_unfit("--model", found, &given)
    }
}

pub(super) fn run(args: &TrainArgs, printer: &Printer) -> Result<Outcome> {
    let config = args.config()?;
    let (dataset, _) = basewise_io::dataset::load(&args.data)?;
    let examples = args.examples.read(&dataset, &args.data, None)?;
    crate::run_dir::not_the_input(&args.output, &args.data)?;
    let [train, valid] = [Split::Train, Split::Valid].map(|split| examples.of(split));
    if valid.is_empty() {
        return Err(user(
            format!("{}: the valid split has no example of {}", args.data.display(), examples.label),
            Some("the best epoch is chosen by it; deal examples again with `basewise dataset split`"),
        ));
    }
    keep_trained(&args.output, record::RECORD, args.overwrite)?;
    make_room(&args.output, record::RECORD, &record::PARTS)?;
    printer.talk(&format!(
        "{} training and {} validation sequences of {} bases ({})",
        count(train.len()),
        count(valid.len()),
        count(examples.length),
        examples.label
    ));
    let start = Instant::now();
    let bar = printer.bar(config.epochs as u64, "epoch {pos}/{len} {bar:24} {msg}, {eta} left");
    let fitted = fit((&train, &valid), examples.encoding.alphabet, &config, &mut |epoch| {
        bar.set_position(epoch.epoch as u64);
        bar.set_message(account(&config, epoch));
        true
    })?;
    bar.finish_and_clear();
    let record = GeneratorRecord {
        format_version: 1,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        command: command_line(),
        dataset: args.data.clone(),
        dataset_sha256: basewise_io::dataset::digest(&args.data)?,
        examples: examples.label.clone(),
        train: train.len(),
        valid: valid.len(),
        length: examples.length,
        parameters: fitted.model.parameters(),
        config: config.clone(),
        epochs: fitted.history.len(),
        best_epoch: fitted.best_epoch,
        stopped_early: fitted.stopped_early,
        warnings: fitted.warnings().into_iter().map(|(text, _)| text).collect(),
        seconds: start.elapsed().as_secs_f64(),
    };
    write(&args.output, &record, &fitted, &examples)?;
    for (text, hint) in fitted.warnings() {
        printer.warn(&format!("{text}\nhint: {hint}"));
    }
    if let Some(best) = fitted.best() {
        printer.talk(&format!("kept epoch {} of {}: {}", best.epoch, record.epochs, account(&config, best)));
    }
    printer.talk(&format!("next: basewise generate sample {} -n 1000 -o new.fa", quoted(&args.output)));
    Ok(Outcome::Done)
}

fn write(directory: &Path, record: &GeneratorRecord, fitted: &GenerativeFit, examples: &Examples) -> Result<()> {
    fs_err::create_dir_all(directory)?;
    fitted.model.save(&record::model_path(directory))?;
    let lines: Result<Vec<String>, _> = fitted.history.iter().map(serde_json::to_string).collect();
    write_text(&directory.join("history.jsonl"), &(lines?.join("\n") + "\n"))?;
    let page = TrainingPage {
        title: format!("Generative model of {} bases ({})", count(examples.length), examples.label),
        command: &record.command,
        config: &record.config,
        history: &fitted.history,
        best_epoch: fitted.best_epoch,
        sequences: [record.train, record.valid],
        warnings: &record.warnings,
    };
    write_text(&directory.join("report.html"), &render_training(&page))?;
    // The record tells that the model is whole.
    write_json(&directory.join(record::RECORD), record)
}

/// An epoch in a line.
fn account(config: &GenerativeConfig, epoch: &GenerativeEpoch) -> String {
    let loss = match config.model {
        GenerativeKind::Vae => format!(
            "negative evidence lower bound {:.2} nats on the validation split, {} latent numbers in use",
            epoch.valid,
            epoch.used.unwrap_or(0)
        ),
        GenerativeKind::Wgan => format!("critic's distance {:.3} on the validation split", epoch.valid),
    };
    format!("{loss}; 6-mers {:.4} bits apart", epoch.divergence)
}
