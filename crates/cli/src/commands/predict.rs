//! `basewise predict`: scores for sequences that need no label.

use crate::commands::dataset::intervals::OutOfBoundsArg;
use crate::commands::evaluate::batch_of;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::run_dir::RunDir;
use crate::table::count;
use anyhow::{Context, Result};
use basewise_core::{Interval, Matrix, Predict, Strand, Task, probabilities};
use basewise_io::bed::BedRecord;
use basewise_io::genome::Genome;
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
    /// .tsv, .txt, .csv (each also with .gz) or .parquet; - is stdout as TSV
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// What to do with an interval whose window reaches beyond its chromosome
    #[arg(long, value_enum, default_value = "error")]
    out_of_bounds: OutOfBoundsArg,
    /// Write raw scores (logits) instead of probabilities
    #[arg(long)]
    raw: bool,
}

pub(crate) fn run(args: &PredictArgs, printer: &Printer) -> Result<Outcome> {
    predictions::check_name(&args.output)?;
    crate::run_dir::not_the_input(&args.output, &args.input)?;
    let model = RunDir::open(&args.run)?.model()?;
    let mut skipped = 0;
    let predictions = if args.input.is_dir() {
        of_dataset(args, &model)?
    } else if let Some(genome) = &args.genome {
        of_intervals(args, &model, genome, &mut skipped, printer)?
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
    let reason = if skipped > 0 { " (window beyond the chromosome)" } else { "" };
    printer.talk(&format!("{} in = {} scored + {} skipped{reason}", count(n + skipped), count(n), count(skipped)));
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

fn of_intervals(
    args: &PredictArgs,
    model: &Model,
    genome: &Path,
    skipped: &mut usize,
    printer: &Printer,
) -> Result<Predictions> {
    let genome = Genome::open(genome)?;
    genome.notes().iter().for_each(|note| printer.talk(note));
    let (mut ids, mut places, mut all) = (Vec::new(), Vec::new(), Matrix::default());
    let records = basewise_io::bed::read(&args.input)?;
    for piece in records.chunks(4096) {
        let mut sequences = Vec::with_capacity(piece.len());
        for record in piece {
            let window = window(&genome, record, model.length() as u64, args.out_of_bounds);
            match window.with_context(|| format!("{}: line {}", args.input.display(), record.line))? {
                Some((place, sequence)) => {
                    ids.push(record.name.clone().unwrap_or_else(|| record.interval.to_string()));
                    places.push(Some(place));
                    sequences.push(sequence);
                }
                None => *skipped += 1,
            }
        }
        if !sequences.is_empty() {
            all.append(scores(args, model, sequences.iter().map(Vec::as_slice))?);
        }
    }
    if ids.is_empty() {
        return Err(user(format!("{}: expected an interval to score, found none", args.input.display()), None));
    }
    let mut predictions = Predictions::of_ids(ids, output_names(model), all);
    predictions.places = Some(places);
    Ok(predictions)
}

/// The model's window around the summit or the middle of an interval; `None` if the policy leaves it out.
fn window(
    genome: &Genome,
    record: &BedRecord,
    length: u64,
    policy: OutOfBoundsArg,
) -> Result<Option<(Interval, Vec<u8>)>> {
    let interval = &record.interval;
    let centre = record.summit.map_or(interval.start + interval.len() / 2, |s| interval.start + s);
    let end_of_chromosome = genome.length(&interval.chrom)?;
    let before = (length / 2).saturating_sub(centre);
    let end = centre.saturating_sub(length / 2) + length - before;
    let after = end.saturating_sub(end_of_chromosome);
    if before + after > 0 {
        match policy {
            OutOfBoundsArg::Skip => return Ok(None),
            OutOfBoundsArg::Pad if before + after < length => {}
            OutOfBoundsArg::Error | OutOfBoundsArg::Pad => {
                return Err(user(
                    format!(
                        "the window of {length} bases around {interval} reaches beyond {} ({end_of_chromosome} bases)",
                        interval.chrom
                    ),
                    Some("--out-of-bounds skip leaves such intervals out and counts them, pad fills with N"),
                ));
            }
        }
    }
    let place = Interval { start: centre.saturating_sub(length / 2), end: end - after, ..interval.clone() };
    let mut sequence = genome.fetch(&place)?;
    // Read on the minus strand, what is missing before the chromosome's start is missing at the end.
    let (left, right) = if interval.strand == Strand::Forward { (before, after) } else { (after, before) };
    sequence.splice(0..0, std::iter::repeat_n(b'N', left as usize));
    sequence.extend(std::iter::repeat_n(b'N', right as usize));
    Ok(Some((place, sequence)))
}

fn output_names(model: &Model) -> Vec<String> {
    model.tasks().iter().flat_map(Task::output_names).collect()
}
