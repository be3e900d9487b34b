//! `basewise predict`: scores for sequences that need no label.

use crate::commands::dataset::places::OutOfBoundsArg;
use crate::commands::evaluate::{batch_of, batch_of_rows, batch_with_control};
use crate::commands::predict_signal::{self, Scored};
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::run_dir::RunDir;
use crate::shared_args::AverageArgs;
use crate::table::count;
use anyhow::{Context, Result};
use basewise_core::average::{self, Averaged, Ensemble};
use basewise_core::profile::without_bins;
use basewise_core::{Interval, Matrix, Predict, SequenceBatch, Strand, probabilities};
use basewise_io::bed::BedRecord;
use basewise_io::build::ControlFiles;
use basewise_io::genome::Genome;
use basewise_io::predictions::{self, Predictions};
use clap::Args;
use std::path::{Path, PathBuf};

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise predict quickstart/donor/run quickstart/donor/data -o predictions.tsv
  $ basewise predict quickstart/donor/run quickstart/inputs/ctcf.fa -o - | head -3
  $ basewise predict quickstart/donor/run quickstart/donor/data --average-shifts 1 -o shifted.tsv
  $ basewise predict quickstart/donor/run quickstart/inputs/ctcf.fa --embeddings -o embedded-ctcf.parquet

With --embeddings the table has what the network's head reads, columns embedding:1, embedding:2, ...: the last layer's units, or,
where that layer has positions, the mean of each channel over them. `cells cluster` and `graph train --embeddings` read it.

A model that takes a control needs --control with its files, in the order in which its tracks were named, or a data set that
has it.

A model of signal writes the logarithms of totals into tables, and into bigWig (-o NAME.bw, with --genome) the expected
signal of every base, one file a track; where windows overlap, their mean.

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
    /// A track of the control, for intervals and a model that takes one; once for each, in the model's order
    #[arg(long, value_name = "FILE", requires = "genome")]
    control: Vec<PathBuf>,
    /// Take values of the control without their sign
    #[arg(long, requires = "control")]
    absolute: bool,
    /// .tsv, .txt, .csv (each also with .gz), .parquet, or .bw for signal; - is stdout as TSV
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// What to do with an interval whose window reaches beyond its chromosome
    #[arg(long, value_enum, default_value = "error")]
    out_of_bounds: OutOfBoundsArg,
    /// Write raw scores (logits) instead of probabilities
    #[arg(long)]
    raw: bool,
    /// Write the numbers that the network's head reads (its embedding of a sequence) in the place of predictions
    #[arg(long, conflicts_with = "raw")]
    embeddings: bool,
    #[command(flatten)]
    average: AverageArgs,
}

pub(crate) fn run(args: &PredictArgs, printer: &Printer) -> Result<Outcome> {
    let signal = predict_signal::is_bigwig(&args.output);
    if !signal {
        predictions::check_name(&args.output)?;
    }
    crate::run_dir::not_the_input(&args.output, &args.input)?;
    let run = RunDir::open(&args.run)?;
    if args.embeddings {
        if signal {
            return Err(user(
                "expected a table for --embeddings, found bigWig",
                Some("choose another: -o FILE.parquet"),
            ));
        }
        let embedder = run.single_model("--embeddings")?.embedder()?;
        return write(args, &args.average.over(&Ensemble::new(vec![embedder])?)?, printer);
    }
    write(args, &args.average.over(&run.model()?)?, printer)
}

/// Predicts and writes.
fn write(args: &PredictArgs, model: &Models, printer: &Printer) -> Result<Outcome> {
    let signal = predict_signal::is_bigwig(&args.output);
    if signal {
        predict_signal::profile_of(model.tasks())?;
        if args.genome.is_none() {
            return Err(user("bigWig needs the lengths of the contigs", Some("add --genome GENOME.fa")));
        }
    }
    check_control(args, model)?;
    let mut skipped = 0;
    let predicted = if args.input.is_dir() {
        of_dataset(args, model)?
    } else if let Some(genome) = &args.genome {
        of_intervals(args, model, genome, &mut skipped, printer)?
    } else if is_bed(&args.input) {
        return Err(user(
            format!("{}: intervals need the genome that they point to", args.input.display()),
            Some("add --genome GENOME.fa"),
        ));
    } else {
        of_fasta(args, model)?
    };
    let n = predicted.table.ids.len();
    if signal {
        predicted.write_signal(args, model, printer)?;
    } else {
        let table = Predictions { plain_names: args.embeddings, ..predicted.table };
        predictions::write(&args.output, &table)?;
    }
    let reason = if skipped > 0 { " (window beyond the chromosome)" } else { "" };
    printer.talk(&format!("{} in = {} scored + {} skipped{reason}", count(n + skipped), count(n), count(skipped)));
    Ok(Outcome::Done)
}

/// Refuses a control that nothing would be done with.
fn check_control(args: &PredictArgs, model: &Models) -> Result<()> {
    let message = match model.control() {
        _ if args.control.is_empty() => return Ok(()),
        None => "--control: expected a model that takes control signal, found one without",
        Some(_) if args.input.is_dir() => "--control: expected intervals, found a data set, which has its own control",
        Some(_) => return Ok(()),
    };
    Err(user(message, Some("leave --control out")))
}

fn is_bed(path: &Path) -> bool {
    let name = path.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    [".bed", ".narrowpeak", ".broadpeak"].iter().any(|end| name.ends_with(end))
}

/// What goes into a table, and what it has no room for.
struct Predicted {
    table: Predictions,
    /// All outputs, `[n, outputs]`.
    outputs: Matrix,
    /// Letters of each sequence.
    lengths: Vec<usize>,
}

impl Predicted {
    fn write_signal(&self, args: &PredictArgs, model: &Models, printer: &Printer) -> Result<()> {
        let Some(places) = &self.table.places else {
            return Err(user(
                format!("{}: bigWig needs places on a genome, found sequences without", args.input.display()),
                Some("predict for a BED file or a data set that was cut from a genome"),
            ));
        };
        let genome = Genome::open(args.genome.as_deref().unwrap_or(Path::new("")))?;
        let scored = Scored { places, lengths: &self.lengths, outputs: &self.outputs };
        for file in predict_signal::write(&args.output, model.tasks(), &genome, &scored)? {
            printer.talk(&format!("wrote {}", file.display()));
        }
        Ok(())
    }
}

/// Models, each with the views of a sequence that its scores are averaged over.
type Models<'m> = Ensemble<Averaged<'m>>;

/// Predictions so far, and their spread over the members of an ensemble.
#[derive(Default)]
struct Scores {
    values: Matrix,
    spread: Option<Matrix>,
}

impl Scores {
    /// Scores more sequences.
    fn add(&mut self, args: &PredictArgs, model: &Models, batch: &SequenceBatch) -> Result<()> {
        let mut each = model.predict_each(batch)?;
        let mut mean = model.mean(&each)?;
        if !args.raw || predict_signal::is_bigwig(&args.output) {
            each.iter_mut().chain([&mut mean]).for_each(|scores| probabilities(model.tasks(), scores));
        }
        self.values.append(mean);
        if each.len() > 1 {
            self.spread.get_or_insert_default().append(average::spread(&each)?);
        }
        Ok(())
    }

    /// With the names of the sequences they become a table.
    fn of_ids(self, ids: Vec<String>, lengths: Vec<usize>, model: &Models) -> Predicted {
        let (names, values) = without_bins(model.tasks(), &self.values);
        let spread = self.spread.map(|spread| without_bins(model.tasks(), &spread).1);
        let table = Predictions { spread, ..Predictions::of_ids(ids, names, values) };
        Predicted { table, outputs: self.values, lengths }
    }
}

fn of_dataset(args: &PredictArgs, model: &Models) -> Result<Predicted> {
    let (dataset, _) = basewise_io::dataset::load(&args.input)?;
    let rows: Vec<usize> = (0..dataset.examples.len()).collect();
    let mut scores = Scores::default();
    for piece in rows.chunks(PIECE) {
        scores.add(args, model, &batch_of_rows(model, &dataset, piece.iter().copied())?)?;
    }
    let lengths = dataset.examples.iter().map(|e| e.sequence.len()).collect();
    let own = scores.of_ids(Vec::new(), lengths, model);
    // What the data set knows of its rows, with the model's outputs, which need not be those of the data set's tasks.
    let table = Predictions::of_rows(&dataset, &rows, own.table.outputs, own.table.values);
    Ok(Predicted {
        table: Predictions { spread: own.table.spread, ..table },
        outputs: own.outputs,
        lengths: own.lengths,
    })
}

/// Sequences that are scored at once, so that memory holds one piece of a long file.
const PIECE: usize = 4096;

fn of_fasta(args: &PredictArgs, model: &Models) -> Result<Predicted> {
    let (mut ids, mut lengths, mut scores) = (Vec::new(), Vec::new(), Scores::default());
    let mut records = basewise_io::fasta::read(&args.input)?;
    loop {
        let piece = records.by_ref().take(PIECE).collect::<basewise_io::Result<Vec<_>>>()?;
        if piece.is_empty() {
            break;
        }
        scores.add(args, model, &batch_of(model, piece.iter().map(|r| r.sequence.as_slice()))?)?;
        lengths.extend(piece.iter().map(|r| r.sequence.len()));
        ids.extend(piece.into_iter().map(|r| r.id));
    }
    Ok(scores.of_ids(ids, lengths, model))
}

fn of_intervals(
    args: &PredictArgs,
    model: &Models,
    genome: &Path,
    skipped: &mut usize,
    printer: &Printer,
) -> Result<Predicted> {
    let genome = Genome::open(genome)?;
    genome.notes().iter().for_each(|note| printer.talk(note));
    let (mut ids, mut places, mut scores) = (Vec::new(), Vec::new(), Scores::default());
    let length = (model.length() - 2 * model.margin()) as u64;
    let records = basewise_io::bed::read(&args.input)?;
    let control = model.control().filter(|_| !args.control.is_empty());
    let control =
        control.map(|control| ControlFiles::open(&genome, control, &args.control, args.absolute)).transpose()?;
    for piece in records.chunks(PIECE) {
        let (mut sequences, mut signal) = (Vec::with_capacity(piece.len()), Vec::new());
        for record in piece {
            let window = |length, policy| {
                let window = window(&genome, record, length, policy);
                window.with_context(|| format!("{}: line {}", args.input.display(), record.line))
            };
            match window(length, args.out_of_bounds)? {
                Some((place, mut sequence)) => {
                    // The policy is about the window itself; around it lies what there is.
                    if model.margin() > 0
                        && let Some((_, wide)) = window(model.length() as u64, OutOfBoundsArg::Pad)?
                    {
                        sequence = wide;
                    }
                    if let Some(control) = &control {
                        signal.push(control.bins(&place, length)?);
                    }
                    ids.push(record.name.clone().unwrap_or_else(|| record.interval.to_string()));
                    places.push(Some(place));
                    sequences.push(sequence);
                }
                None => *skipped += 1,
            }
        }
        if !sequences.is_empty() {
            scores.add(args, model, &batch_with_control(model, sequences.iter().map(Vec::as_slice), &signal)?)?;
        }
    }
    if ids.is_empty() {
        return Err(user(format!("{}: expected an interval to score, found none", args.input.display()), None));
    }
    let lengths = vec![length as usize; ids.len()];
    let mut predicted = scores.of_ids(ids, lengths, model);
    predicted.table.places = Some(places);
    Ok(predicted)
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
