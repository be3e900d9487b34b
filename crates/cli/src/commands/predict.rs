//! `basewise predict`: scores for sequences that need no label.

use crate::commands::evaluate::batch_of;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::run_dir::RunDir;
use crate::table::count;
use anyhow::{Context, Result};
use basewise_core::{Interval, Matrix, Predict, Task, probabilities};
use basewise_io::predictions::{self, Predictions};
use basewise_nn::Model;
use clap::Args;
use std::path::{Path, PathBuf};

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise predict quickstart/donor/run quickstart/donor/data -o predictions.tsv
  $ basewise predict quickstart/donor/run quickstart/inputs/ctcf.fa -o - | head -3

Sequences shorter than the model's input are centred between unknown bases, longer ones lose their ends.
Intervals are centred on the summit (narrowPeak) or the middle, and read on their strand.")]
pub(crate) struct PredictArgs {
    /// Run directory
    run: PathBuf,
    /// FASTA, BED or narrowPeak (with --genome), or a data set directory
    input: PathBuf,
    /// Genome FASTA, plain or bgzip, for intervals
    #[arg(short, long, value_name = "FASTA")]
    genome: Option<PathBuf>,
    /// .tsv, .tsv.gz or .parquet; - is stdout as TSV
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Write raw scores (logits) instead of probabilities
    #[arg(long)]
    raw: bool,
}

pub(crate) fn run(args: &PredictArgs, printer: &Printer) -> Result<Outcome> {
    let model = RunDir::open(&args.run)?.model()?;
    let predictions = if args.input.is_dir() {
        of_dataset(args, &model)?
    } else if let Some(genome) = &args.genome {
        of_intervals(args, &model, genome)?
    } else if is_bed(&args.input) {
        return Err(user(
            format!("{}: intervals need the genome that they point to", args.input.display()),
            Some("add --genome GENOME.fa"),
        ));
    } else {
        of_fasta(args, &model)?
    };
    let n = predictions.ids.len();
    predictions::write(&args.output, &predictions)?;
    printer.talk(&format!("{} in = {} scored + 0 skipped", count(n), count(n)));
    Ok(Outcome::Done)
}

fn is_bed(path: &Path) -> bool {
    let name = path.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    [".bed", ".narrowpeak", ".broadpeak"].iter().any(|end| name.ends_with(end))
}

fn scores<'a>(args: &PredictArgs, model: &Model, sequences: impl Iterator<Item = &'a [u8]>) -> Result<Matrix> {
    let mut scores = model.predict(&batch_of(model, sequences)?)?;
    if !args.raw {
        probabilities(model.tasks(), &mut scores);
    }
    Ok(scores)
}

fn of_dataset(args: &PredictArgs, model: &Model) -> Result<Predictions> {
    let (dataset, _) = basewise_io::dataset::load(&args.input)?;
    let rows: Vec<usize> = (0..dataset.examples.len()).collect();
    let scores = scores(args, model, dataset.examples.iter().map(|e| e.sequence.as_slice()))?;
    let mut predictions = Predictions::of_dataset(&dataset, &rows, scores);
    predictions.outputs = output_names(model);
    Ok(predictions)
}

fn of_fasta(args: &PredictArgs, model: &Model) -> Result<Predictions> {
    let (mut ids, mut all) = (Vec::new(), Matrix::default());
    let mut records = basewise_io::fasta::read(&args.input)?;
    loop {
        // Scored in pieces, so that memory holds one piece of a long file.
        let piece = records.by_ref().take(4096).collect::<basewise_io::Result<Vec<_>>>()?;
        if piece.is_empty() {
            break;
        }
        all.append(scores(args, model, piece.iter().map(|r| r.sequence.as_slice()))?);
        ids.extend(piece.into_iter().map(|r| r.id));
    }
    Ok(Predictions::of_ids(ids, output_names(model), all))
}

fn of_intervals(args: &PredictArgs, model: &Model, genome: &Path) -> Result<Predictions> {
    let genome = basewise_io::genome::Genome::open(genome)?;
    let (mut ids, mut places, mut all) = (Vec::new(), Vec::new(), Matrix::default());
    let records = basewise_io::bed::read(&args.input)?;
    for piece in records.chunks(4096) {
        let mut sequences = Vec::with_capacity(piece.len());
        for record in piece {
            let place = window(record, model.length() as u64);
            let sequence = place.and_then(|place| Ok((genome.fetch(&place)?, place)));
            let (sequence, place) = sequence.with_context(|| format!("{}: line {}", args.input.display(), record.line))?;
            ids.push(record.name.clone().unwrap_or_else(|| record.interval.to_string()));
            places.push(Some(place));
            sequences.push(sequence);
        }
        all.append(scores(args, model, sequences.iter().map(Vec::as_slice))?);
    }
    let mut predictions = Predictions::of_ids(ids, output_names(model), all);
    predictions.places = Some(places);
    Ok(predictions)
}

/// The model's window around the summit or the middle of an interval.
fn window(record: &basewise_io::bed::BedRecord, length: u64) -> Result<Interval> {
    let interval = &record.interval;
    let centre = record.summit.map_or(interval.start + interval.len() / 2, |s| interval.start + s);
    let start = centre.checked_sub(length / 2).ok_or_else(|| {
        user(
            format!("the window of {length} bases around {interval} would start before the chromosome"),
            Some("leave out intervals so close to an end"),
        )
    })?;
    Ok(Interval { chrom: interval.chrom.clone(), start, end: start + length, strand: interval.strand })
}

fn output_names(model: &Model) -> Vec<String> {
    model.tasks().iter().flat_map(Task::output_names).collect()
}
