//! `basewise dataset sequences`: labelled sequences become a data set.

use super::{save, split_policy};
use crate::commands::command_line;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::shared_args::{EncodingArgs, SimilarityArgs};
use anyhow::Result;
use basewise_core::{Split, Transform};
use basewise_io::build::{
    CovariateColumn, InputFile, LabelColumn, LabelKind, Negatives, SequencesInput, SequencesSpec, TableColumns,
};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

/// What label columns hold.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LabelKindArg {
    /// Only 0 and 1: binary; other numbers: regression; names: classes
    Auto,
    Binary,
    Classes,
    Regression,
    Counts,
}

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise dataset sequences quickstart/inputs/donor.tsv -o donor
  $ basewise dataset sequences quickstart/inputs/ctcf.fa --negatives shuffle -o ctcf
  $ basewise dataset sequences --class donor=quickstart/inputs/ctcf.fa --class other=quickstart/inputs/ctcf.fa -o classes

A table has a header with `sequence` and `label`; `id` and `split` are used where they are. An empty label is
unknown. With --covariates tss_distance:log,gc a model is shown these columns beside the sequence: sign(x) ln(1 + |x|) of
the first, the second as it is, both brought to mean 0 and standard deviation 1. Identical sequences, and for DNA reverse complements, always fall into the same split.")]
pub(crate) struct SequencesArgs {
    /// A table (.tsv, .csv) or the positives (FASTA); .gz is read, - is FASTA from stdin
    #[arg(required_unless_present = "class")]
    inputs: Vec<PathBuf>,
    /// FASTA of negatives, or `shuffle` for dinucleotide-preserving shuffles of the positives
    #[arg(long, value_name = "FILE|shuffle")]
    negatives: Option<String>,
    /// More inputs of the same kind, all of them test examples; the others are then for training and validation
    #[arg(long, value_name = "FILE", conflicts_with_all = ["class", "split", "test"])]
    test_inputs: Vec<PathBuf>,
    /// FASTA of negatives that are test examples
    #[arg(long, value_name = "FILE", requires = "test_inputs")]
    test_negatives: Option<PathBuf>,
    /// Shuffles of each positive
    #[arg(long, default_value_t = 1, value_name = "N")]
    shuffles: usize,
    /// A class and its FASTA file; once for each class
    #[arg(long, value_name = "NAME=FILE", conflicts_with = "inputs")]
    class: Vec<String>,
    /// Label columns, each a task [default: label]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    label_columns: Vec<String>,
    /// Columns of numbers that a model is shown beside the sequence; NAME:log takes the logarithm, for distances
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    covariates: Vec<String>,
    /// Column of weights of 0 or more: how much each row counts in training
    #[arg(long, value_name = "NAME")]
    weight_column: Option<String>,
    /// What label columns hold
    #[arg(long, value_enum, default_value = "auto")]
    label_kind: LabelKindArg,
    /// Label columns that hold counts of 0 or more, each a task beside those of --label-columns
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    counts: Vec<String>,
    /// Column of letters [default: sequence]
    #[arg(long, value_name = "NAME")]
    sequence_column: Option<String>,
    /// Column of names [default: id]
    #[arg(long, value_name = "NAME")]
    id_column: Option<String>,
    /// Column of splits [default: split, if there is one]
    #[arg(long, value_name = "NAME")]
    split_column: Option<String>,
    /// column, random, similarity (relatives stay together), or group:COLUMN (rows that share a value do) [default: the
    /// split column, else random]
    #[arg(long, value_name = "POLICY")]
    split: Option<String>,
    #[command(flatten)]
    similarity: SimilarityArgs,
    /// Share of the examples for validation
    #[arg(long, value_name = "0..1")]
    valid: Option<f64>,
    /// Share of the examples for the test
    #[arg(long, value_name = "0..1")]
    test: Option<f64>,
    #[command(flatten)]
    encoding: EncodingArgs,
    /// Positions that a model sees; shorter sequences are centred, longer ones cropped [default: the longest]
    #[arg(long, value_name = "N")]
    length: Option<usize>,
    /// Name of the task that FASTA files label
    #[arg(long, default_value = "label", value_name = "NAME")]
    task: String,
    /// Seed of shuffles and random splits
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Data set directory to write
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Replace a data set that is there already
    #[arg(long)]
    overwrite: bool,
}

pub(crate) fn run(args: &SequencesArgs, printer: &Printer) -> Result<Outcome> {
    let (input, negatives) = input(args)?;
    let column = args.split_column.as_deref();
    let built = basewise_io::build::sequences(&SequencesSpec {
        input,
        encoding: args.encoding.encoding(),
        length: args.length,
        split: split_policy(args.split.as_deref(), column, args.valid, args.test, &args.similarity)?,
        negatives,
        seed: args.seed,
        command: command_line(),
    })?;
    save(&built, &args.output, args.overwrite, printer)?;
    Ok(Outcome::Done)
}

fn input(args: &SequencesArgs) -> Result<(SequencesInput, Negatives)> {
    if !args.class.is_empty() {
        no_columns(args)?;
        let pairs = args.class.iter().map(|pair| match pair.split_once('=') {
            Some((name, file)) if !name.is_empty() && !file.is_empty() => {
                Ok((name.to_owned(), PathBuf::from(file).into()))
            }
            _ => Err(user(format!("expected --class NAME=FILE, found {pair:?}"), None)),
        });
        let classes = pairs.collect::<Result<_>>()?;
        return Ok((SequencesInput::Classes { task: args.task.clone(), classes }, Negatives::None));
    }
    let fasta =
        args.inputs.iter().chain(&args.test_inputs).map(|path| is_fasta(path)).collect::<Result<Vec<bool>>>()?;
    if fasta.iter().all(|&f| f) {
        no_columns(args)?;
        return binary(args);
    }
    if fasta.iter().any(|&f| f) {
        return Err(user("expected FASTA files or tables, found both", Some("make one data set of each kind of file")));
    }
    let kind = match args.label_kind {
        LabelKindArg::Auto => LabelKind::Auto,
        LabelKindArg::Binary => LabelKind::Binary,
        LabelKindArg::Classes => LabelKind::Classes,
        LabelKindArg::Regression => LabelKind::Regression,
        LabelKindArg::Counts => LabelKind::Counts,
    };
    let names = if args.label_columns.is_empty() { default_label(args) } else { args.label_columns.clone() };
    let columns = TableColumns {
        sequence: args.sequence_column.clone(),
        labels: names
            .into_iter()
            .map(|name| LabelColumn { name, kind })
            .chain(args.counts.iter().map(|name| LabelColumn { name: name.clone(), kind: LabelKind::Counts }))
            .collect(),
        id: args.id_column.clone(),
        split: args.split_column.clone(),
        covariates: args.covariates.iter().map(|text| covariate(text)).collect(),
        weight: args.weight_column.clone(),
    };
    let files = files_of(args, &args.inputs, &args.test_inputs);
    Ok((SequencesInput::Table { files, columns }, shuffles(args)?.unwrap_or_default()))
}

/// A column of numbers: its name, with `:log` after it for the logarithm.
fn covariate(text: &str) -> CovariateColumn {
    match text.strip_suffix(":log") {
        Some(name) => CovariateColumn { name: name.to_owned(), transform: Transform::Log },
        None => CovariateColumn { name: text.to_owned(), transform: Transform::None },
    }
}

fn no_columns(args: &SequencesArgs) -> Result<()> {
    let flag = match (args.covariates.is_empty(), &args.weight_column) {
        (true, None) => return Ok(()),
        (false, _) => "--covariates",
        (true, Some(_)) => "--weight-column",
    };
    Err(user(
        format!("expected a table with the columns of {flag}, found FASTA files"),
        Some("put sequences, labels and the other columns into one table (.tsv, .csv)"),
    ))
}

/// With a kind asked for, the column must be named; otherwise the reader finds it.
fn default_label(args: &SequencesArgs) -> Vec<String> {
    let found_by_reader = matches!(args.label_kind, LabelKindArg::Auto) || !args.counts.is_empty();
    if found_by_reader { Vec::new() } else { vec!["label".to_owned()] }
}

fn shuffles(args: &SequencesArgs) -> Result<Option<Negatives>> {
    match args.negatives.as_deref() {
        Some("shuffle") if args.shuffles == 0 => Err(user("expected --shuffles of at least 1, found 0", None)),
        Some("shuffle") => Ok(Some(Negatives::Shuffle { per_positive: args.shuffles })),
        _ => Ok(None),
    }
}

fn binary(args: &SequencesArgs) -> Result<(SequencesInput, Negatives)> {
    let positives = files_of(args, &args.inputs, &args.test_inputs);
    let (files, negatives) = match (shuffles(args)?, args.negatives.as_deref()) {
        (Some(shuffles), _) => (Vec::new(), shuffles),
        (None, Some(file)) => {
            if args.test_inputs.is_empty() != args.test_negatives.is_none() {
                return Err(user("expected --test-negatives beside --test-inputs and --negatives FILE", None));
            }
            (files_of(args, &[file.into()], args.test_negatives.as_slice()), Negatives::None)
        }
        (None, None) => {
            return Err(user(
                "expected negatives beside the positives, found none",
                Some("--negatives FILE.fa reads them, --negatives shuffle makes them"),
            ));
        }
    };
    Ok((SequencesInput::Binary { task: args.task.clone(), positives, negatives: files }, negatives))
}

/// The files with the split that they decide: where there are test files, the others are for training.
fn files_of(args: &SequencesArgs, files: &[PathBuf], test: &[PathBuf]) -> Vec<InputFile> {
    let split = (!args.test_inputs.is_empty()).then_some(Split::Train);
    let first = files.iter().map(|path| InputFile { path: path.clone(), split });
    first.chain(test.iter().map(|path| InputFile { path: path.clone(), split: Some(Split::Test) })).collect()
}

/// By its name, or by its first letter where the name does not say.
fn is_fasta(path: &Path) -> Result<bool> {
    let name = path.to_string_lossy().to_lowercase();
    let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".bgz")).unwrap_or(&name);
    let ends = |endings: &[&str]| endings.iter().any(|e| name.ends_with(e));
    if ends(&[".fa", ".fasta", ".fna", ".fas", ".ffn"]) || path == Path::new("-") {
        return Ok(true);
    }
    if ends(&[".tsv", ".csv", ".txt", ".tab"]) {
        return Ok(false);
    }
    Ok(basewise_io::input::open(path)?.fill_buf()?.first() == Some(&b'>'))
}
