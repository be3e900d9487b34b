//! `basewise features`: hand-crafted features of sequences as a table.

use crate::commands::dataset::check::history;
use crate::commands::evaluate::batch_of;
use crate::commands::{command_line, motifs};
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::run_dir::{RunDir, not_the_input};
use crate::table::count;
use anyhow::{Context, Result};
use basewise_core::{Alphabet, Covariate, Dataset, Encoding, Matrix, Predict, SequenceBatch, Split, Transform};
use basewise_io::arrays::{Array, write_npz};
use basewise_io::predictions::{self, Predictions};
use basewise_learn::Features;
use basewise_learn::extract::{Block, Extractor, FeatureSpec, Sources};
use clap::Args;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise features quickstart/donor/data --features gc,cpg,kmers=1-3 -o features.tsv
  $ basewise features quickstart/donor/data --features kmers=1-6:sublinear-tfidf -o features.npz
  $ basewise features quickstart/donor/data --features gc,cpg --as-covariates -o data-with-gc --overwrite

SPEC is words with commas between them:
  length, gc, cpg            positions, share of G and C, observed by expected CpG
  kmers=K or kmers=K-K       words of 1 to 8 bases; behind a colon what a column says: counts (the default), frequencies,
                             presence, tfidf, sublinear-tfidf; and canonical, which counts reverse complements together
  gapped=H.G or gapped=H.G-G two words of H bases around a gap of G; options as for kmers
  positional=1 or 2          which base, or pair of bases, stands at each position; @N calls position N 0
  motifs=FILE                best and summed score of each motif of a MEME, JASPAR or TRANSFAC file; :best or :sum for one
  covariates                 the covariates of the data set, as models see them
Words and their weights are those of the training split. A column is named kmer:ACGT, pos+3:A, motif:CTCF:best, ...

.npz holds a sparse matrix: scipy.sparse.load_npz('features.npz'), and numpy.load('features.npz')['features'] and ['ids'].
Tables (.tsv, .csv, .parquet) hold every number, with id, place, split and labels beside them.")]
pub(crate) struct FeaturesArgs {
    /// Data set directory, or a FASTA file
    input: PathBuf,
    /// What is wanted
    #[arg(long, value_name = "SPEC", required_unless_present = "like", value_parser = |text: &str| text.parse::<FeatureSpec>())]
    features: Option<FeatureSpec>,
    /// The features of this run's model, as it has learned them
    #[arg(long, value_name = "RUN", conflicts_with = "features")]
    like: Option<PathBuf>,
    /// .npz, .parquet, or .tsv, .txt, .csv (each also with .gz); - is stdout as TSV
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Write a copy of the data set, with these features as covariates, which any network then takes beside the sequence
    #[arg(long)]
    as_covariates: bool,
    /// With --as-covariates: replace a data set that is there already
    #[arg(long, requires = "as_covariates")]
    overwrite: bool,
    /// Sequences of a FASTA file are RNA: nothing but the letters in names
    #[arg(long)]
    rna: bool,
}

/// Numbers of a table, at most: 1 GiB in memory.
const MOST_NUMBERS: usize = 1 << 28;
/// Covariates of a data set, at most: they are held for every example.
const MOST_COVARIATES: usize = 1000;

pub(crate) fn run(args: &FeaturesArgs, printer: &Printer) -> Result<Outcome> {
    if args.as_covariates {
        return as_covariates(args, printer);
    }
    let sparse = args.output.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("npz"));
    if !sparse {
        predictions::check_name(&args.output).context("features are also written as .npz")?;
    }
    not_the_input(&args.output, &args.input)?;
    let given = match &args.like {
        Some(run) => Some(extractor_of(run)?),
        None => None,
    };
    let (features, table) = if args.input.is_dir() { of_dataset(args, given)? } else { of_fasta(args, given)? };
    if sparse {
        write_sparse(&args.output, &features, table.ids)?;
    } else {
        predictions::write(&args.output, &dense(args, &features, table)?)?;
    }
    printer.talk(&format!(
        "{} features of {} sequences; {} numbers are not 0",
        count(features.columns()),
        count(features.rows()),
        count((0..features.rows()).flat_map(|row| features.row(row)).filter(|(_, value)| *value != 0.0).count())
    ));
    Ok(Outcome::Done)
}

/// The features that a classical model has learned, and the covariates that it takes.
fn extractor_of(run: &Path) -> Result<(Extractor, Vec<Covariate>)> {
    let model = RunDir::open(run)?.single_classical("--like")?;
    Ok((model.extractor().clone(), model.covariates().to_vec()))
}

/// Fits what is asked for on a batch.
fn fit(args: &FeaturesArgs, batch: &SequenceBatch, covariates: &[Covariate]) -> Result<Extractor> {
    let Some(spec) = &args.features else { return Err(user("expected --features or --like, found neither", None)) };
    let motifs: Result<BTreeMap<_, _>> =
        spec.motif_sources().map(|source| Ok((source.to_owned(), motifs::read(Path::new(source))?))).collect();
    Ok(Extractor::fit(spec, batch, &Sources { motifs: motifs?, covariates: covariates.to_vec() })?)
}

fn of_dataset(args: &FeaturesArgs, given: Option<(Extractor, Vec<Covariate>)>) -> Result<(Features, Predictions)> {
    let (dataset, _) = basewise_io::dataset::load(&args.input)?;
    let asks = args.features.as_ref().is_some_and(|spec| spec.blocks.contains(&Block::Covariates));
    let wanted = match &given {
        Some((_, covariates)) => covariates.clone(),
        None if asks => dataset.covariates.clone(),
        None => Vec::new(),
    };
    let batch = |rows: &[usize]| rows_of(&dataset, rows, &wanted);
    let extractor = match given {
        Some((extractor, _)) => extractor,
        None => {
            let train = dataset.rows_of(Split::Train);
            if train.is_empty() {
                return Err(user(
                    format!("{}: the train split is empty, and features are learned on it", args.input.display()),
                    Some("give some examples that split, or take the features of a model with --like"),
                ));
            }
            fit(args, &batch(&train)?, &wanted)?
        }
    };
    let rows: Vec<usize> = (0..dataset.examples.len()).collect();
    let features = extractor.transform(&batch(&rows)?)?;
    Ok((features, Predictions::of_rows(&dataset, &rows, Vec::new(), Matrix::default())))
}

/// Copies the data set with features as covariates, which are standardized over the training split.
fn as_covariates(args: &FeaturesArgs, printer: &Printer) -> Result<Outcome> {
    if !args.input.is_dir() {
        return Err(user(format!("{}: expected a data set directory", args.input.display()), None));
    }
    let given = args.like.as_deref().map(extractor_of).transpose()?;
    let (features, _) = of_dataset(args, given)?;
    let (mut dataset, mut provenance) = basewise_io::dataset::load(&args.input)?;
    if features.columns() + dataset.covariates.len() > MOST_COVARIATES {
        return Err(user(
            format!(
                "expected at most {} covariates, found {} features",
                count(MOST_COVARIATES),
                count(features.columns())
            ),
            Some("ask for fewer, such as gc,cpg,kmers=1-3"),
        ));
    }
    for name in features.names() {
        if dataset.covariates.iter().any(|covariate| covariate.name == *name) {
            return Err(user(format!("{}: has a covariate {name:?} already", args.input.display()), None));
        }
        dataset.covariates.push(Covariate::fit(name, Transform::None, std::iter::empty()));
    }
    for (row, example) in dataset.examples.iter_mut().enumerate() {
        let first = example.covariates.len();
        example.covariates.resize(first + features.columns(), 0.0);
        features.row(row).for_each(|(column, value)| example.covariates[first + column] = f64::from(value));
    }
    dataset.fit_covariates();
    let mut earlier = history(&provenance);
    earlier.push(provenance.command.clone());
    provenance.notes.insert("earlier_commands".to_owned(), serde_json::to_value(&earlier)?);
    provenance.command = command_line();
    basewise_io::dataset::save(&args.output, &dataset, &provenance, &[], args.overwrite)?;
    printer.talk(&format!(
        "{} features are covariates now; next: basewise train {} -o RUN",
        count(features.columns()),
        crate::commands::quoted(&args.output)
    ));
    Ok(Outcome::Done)
}

/// Rows of a data set with covariates, which are found by name.
fn rows_of(dataset: &Dataset, rows: &[usize], covariates: &[Covariate]) -> Result<SequenceBatch> {
    let model = Shape { encoding: dataset.encoding, length: dataset.length, covariates };
    crate::commands::evaluate::batch_of_rows(&model, dataset, rows.iter().copied())
}

fn of_fasta(args: &FeaturesArgs, given: Option<(Extractor, Vec<Covariate>)>) -> Result<(Features, Predictions)> {
    let records: Vec<_> = basewise_io::fasta::read(&args.input)?.collect::<basewise_io::Result<_>>()?;
    if records.is_empty() {
        return Err(user(format!("{}: expected sequences, found none", args.input.display()), None));
    }
    let alphabet = if args.rna { Alphabet::Rna } else { Alphabet::Dna };
    let longest = records.iter().map(|record| record.sequence.len()).max().unwrap_or(0);
    let shape = match &given {
        Some((extractor, covariates)) => {
            Shape { encoding: extractor.encoding(), length: extractor.length(), covariates }
        }
        None => Shape {
            encoding: Encoding { alphabet, case: basewise_core::CasePolicy::Ignore },
            length: longest,
            covariates: &[],
        },
    };
    let batch = batch_of(&shape, records.iter().map(|record| record.sequence.as_slice()))?;
    let extractor = match &given {
        Some((extractor, _)) => extractor.clone(),
        None => fit(args, &batch, &[])?,
    };
    let features = extractor.transform(&batch)?;
    let ids = records.into_iter().map(|record| record.id).collect();
    Ok((features, Predictions::of_ids(ids, Vec::new(), Matrix::default())))
}

/// What rows are encoded for.
struct Shape<'a> {
    encoding: Encoding,
    length: usize,
    covariates: &'a [Covariate],
}

impl Predict for Shape<'_> {
    fn tasks(&self) -> &[basewise_core::Task] {
        &[]
    }

    fn encoding(&self) -> Encoding {
        self.encoding
    }

    fn length(&self) -> usize {
        self.length
    }

    fn covariates(&self) -> &[Covariate] {
        self.covariates
    }

    fn predict(&self, batch: &SequenceBatch) -> Result<Matrix, basewise_core::PredictError> {
        Ok(Matrix::new(batch.len(), 0, Vec::new()))
    }
}

/// The table with every number.
fn dense(args: &FeaturesArgs, features: &Features, table: Predictions) -> Result<Predictions> {
    let (rows, columns) = (features.rows(), features.columns());
    let numbers = rows.saturating_mul(columns);
    if numbers > MOST_NUMBERS {
        return Err(user(
            format!(
                "{}: a table of {} x {} numbers is more than the {} that are written",
                args.output.display(),
                count(rows),
                count(columns),
                count(MOST_NUMBERS)
            ),
            Some("write a sparse matrix: -o features.npz"),
        ));
    }
    let mut values = vec![0.0; numbers];
    if columns > 0 {
        for (row, values) in values.chunks_exact_mut(columns).enumerate() {
            features.row(row).for_each(|(column, value)| values[column] = value);
        }
    }
    let values = Matrix::new(rows, columns, values);
    Ok(Predictions { outputs: features.names().to_vec(), values, plain_names: true, ..table })
}

/// Compressed sparse rows as scipy reads them, with the names of rows and columns.
fn write_sparse(path: &Path, features: &Features, ids: Vec<String>) -> Result<()> {
    let (mut starts, mut columns, mut values) = (vec![0i64], Vec::new(), Vec::new());
    for row in 0..features.rows() {
        for (column, value) in features.row(row).filter(|&(_, value)| value != 0.0) {
            columns.push(column as i64);
            values.push(value);
        }
        starts.push(columns.len() as i64);
    }
    let shape = vec![features.rows() as i64, features.columns() as i64];
    let arrays = [
        ("format", Array::text(vec!["csr".to_owned()])),
        ("shape", Array::i64([2], shape)),
        ("indptr", Array::i64([starts.len()], starts)),
        ("indices", Array::i64([columns.len()], columns)),
        ("data", Array::f32([values.len()], values)),
        ("features", Array::text(features.names().to_vec())),
        ("ids", Array::text(ids)),
    ];
    Ok(write_npz(path, &arrays)?)
}
