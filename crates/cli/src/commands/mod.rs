//! One module a subcommand; `run` is the table of contents.

pub(crate) mod cells;
pub(crate) mod children;
pub(crate) mod compare;
pub(crate) mod curves;
pub(crate) mod dataset;
pub(crate) mod design;
pub(crate) mod doctor;
pub(crate) mod evaluate;
pub(crate) mod explain;
pub(crate) mod features;
pub(crate) mod generate;
pub(crate) mod graph;
pub(crate) mod model;
pub(crate) mod motifs;
pub(crate) mod predict;
mod predict_signal;
pub(crate) mod quickstart;
pub(crate) mod report;
mod report_classical;
pub(crate) mod train;
pub(crate) mod tune;
pub(crate) mod variants;

use crate::failure::Outcome;
use crate::printer::Printer;
use anyhow::Result;
use clap::Subcommand;
use std::sync::{Mutex, PoisonError};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run the whole path on embedded real data; the report is at the end
    Quickstart(quickstart::QuickstartArgs),
    /// Make, look at and check data sets
    #[command(subcommand)]
    Dataset(dataset::DatasetCommand),
    /// Hand-crafted features of sequences as a table
    Features(features::FeaturesArgs),
    /// Train a model on a data set
    Train(Box<train::TrainArgs>),
    /// Search for the settings and the network that do best on the validation split
    Tune(tune::TuneArgs),
    /// Set models against each other, classical ones and networks: does a network earn its keep?
    Compare(compare::CompareArgs),
    /// Judge a trained model, with confidence intervals and baselines
    Evaluate(evaluate::EvaluateArgs),
    /// Predict for a FASTA file, intervals of a genome, or a data set
    Predict(predict::PredictArgs),
    /// Attribute predictions to bases; experiments on a model: edits, pairs, spacing of motifs; a benchmark of methods
    Explain(Box<explain::ExplainCommand>),
    /// What variants do to predictions: VCF in, the same with scores out
    Variants(Box<variants::VariantsCommand>),
    /// Motifs: found, scanned for, matched, clustered, tested, drawn, converted
    #[command(subcommand)]
    Motifs(motifs::MotifsCommand),
    /// Matrices of cells by genes: what is in them, filtering, clusters
    #[command(subcommand)]
    Cells(cells::CellsCommand),
    /// Graph networks: classes of nodes and missing links of gene and protein networks
    #[command(subcommand)]
    Graph(graph::GraphCommand),
    /// New sequences like those of a data set: a generative model, samples, how real they look
    #[command(subcommand)]
    Generate(Box<generate::GenerateCommand>),
    /// Sequences edited until a model predicts what is wanted
    Design(Box<design::DesignArgs>),
    /// Look at architectures and trained models
    #[command(subcommand)]
    Model(model::ModelCommand),
    /// Write a run, or several, as one self-contained HTML page
    Report(report::ReportArgs),
    /// Print version, CPU, threads, memory and devices
    Doctor(doctor::DoctorArgs),
}

pub(crate) fn run(command: Command, printer: &Printer) -> Result<Outcome> {
    match command {
        Command::Quickstart(args) => quickstart::run(&args, printer),
        Command::Dataset(args) => dataset::run(args, printer),
        Command::Features(args) => features::run(&args, printer),
        Command::Train(args) => train::run(&args, printer),
        Command::Tune(args) => tune::run(&args, printer),
        Command::Compare(args) => compare::run(&args, printer),
        Command::Evaluate(args) => evaluate::run(&args, printer),
        Command::Predict(args) => predict::run(&args, printer),
        Command::Explain(args) => explain::run(&args, printer),
        Command::Variants(args) => variants::run(&args, printer),
        Command::Motifs(args) => motifs::run(args, printer),
        Command::Cells(args) => cells::run(args, printer),
        Command::Graph(args) => graph::run(&args, printer),
        Command::Generate(args) => generate::run(&args, printer),
        Command::Design(args) => design::run(&args, printer),
        Command::Model(args) => model::run(args, printer),
        Command::Report(args) => report::run(&args, printer),
        Command::Doctor(args) => doctor::run(&args, printer),
    }
}

/// The command of a step that another command runs.
static STEP: Mutex<Option<String>> = Mutex::new(None);

/// Records the command that is about to run as a step of another one.
fn set_command_line(line: &str) {
    *STEP.lock().unwrap_or_else(PoisonError::into_inner) = Some(line.to_owned());
}

/// The command line that made an output, for its record.
pub(crate) fn command_line() -> String {
    if let Some(line) = STEP.lock().unwrap_or_else(PoisonError::into_inner).clone() {
        return line;
    }
    let words: Vec<String> = std::env::args().skip(1).map(|word| quote(&word)).collect();
    format!("basewise {}", words.join(" "))
}

/// A path as a shell would need it.
pub(crate) fn quoted(path: &std::path::Path) -> String {
    quote(&path.to_string_lossy())
}

/// A word as a shell would need it.
pub(crate) fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
