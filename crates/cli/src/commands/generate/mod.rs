//! `basewise generate`: a model of sequences, sequences from it, and how real they look.

mod examples;
mod record;
mod sample;
mod score;
mod train;

use crate::failure::Outcome;
use crate::printer::Printer;
use anyhow::Result;
use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum GenerateCommand {
    /// Fit a variational autoencoder or a Wasserstein GAN to the sequences of a data set
    Train(train::TrainArgs),
    /// Write new sequences
    Sample(sample::SampleArgs),
    /// Set sequences beside real ones, shuffled ones and a Markov model
    Score(score::ScoreArgs),
}

pub(crate) fn run(command: &GenerateCommand, printer: &Printer) -> Result<Outcome> {
    match command {
        GenerateCommand::Train(args) => train::run(args, printer),
        GenerateCommand::Sample(args) => sample::run(args, printer),
        GenerateCommand::Score(args) => score::run(args, printer),
    }
}
