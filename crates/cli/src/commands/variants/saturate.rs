//! `basewise variants saturate`: every substitution of a region.

use super::columns::Columns;
use super::heat_map::heat_map;
use super::prepare::{Group, Job, Prepared};
use super::regions::region;
use super::scorer::Scorer;
use super::status::Status;
use crate::commands::command_line;
use crate::commands::evaluate::batch_of;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::run_dir::{RunDir, make_room, write_json, write_text};
use crate::shared_args::AverageArgs;
use crate::table::count;
use crate::trained::TrainedModel;
use anyhow::Result;
use basewise_core::variants::{Neighbourhood, Stretch, Variant, Window};
use basewise_core::{Code, Edit, Interval, Predict, Strand};
use basewise_io::Genome;
use basewise_io::bigwig::{self, Window as Values};
use basewise_io::genome::Nearby;
use basewise_io::variants::{InfoField, Value};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

/// Bases of a region at most: three rows of scores each are held in memory.
const MOST: u64 = 1_000_000;
/// Bases of a region that a heat map has columns for.
const DRAWN: usize = 2_000;

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise variants saturate quickstart/donor/run --genome quickstart/inputs/ctcf.fa --region chr11:190037-190237:81-120 -o saturated

DIR gets effects.tsv (a row a substitution), effects.svg (a heat map of the main score: the change of the log odds, the log fold
change, or the difference), effects.bw (its mean over the three substitutions of each base) and variants.json.

A region that fits into the model's window lies in the middle of one window; a longer one is cut into pieces of half a window.
With --grid 1 every base is in the middle of a window of its own, as for `basewise variants`, at the cost of a window for each.")]
pub(crate) struct SaturateArgs {
    /// Run directory
    run: PathBuf,
    /// Genome FASTA, plain or bgzip
    #[arg(short, long, value_name = "FASTA")]
    genome: PathBuf,
    /// The region: chr1:1000-1200, counted from 1, both ends included
    #[arg(long, value_name = "REGION")]
    region: String,
    /// Directory to write
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Read the reverse strand
    #[arg(long)]
    reverse: bool,
    /// Centre windows on multiples of N
    #[arg(long, value_name = "N")]
    grid: Option<u64>,
    /// An output to score: a task, task:class or task:track; may be repeated [default: all]
    #[arg(long, value_name = "NAME")]
    target: Vec<String>,
    /// Predict every sequence by a whole pass
    #[arg(long)]
    plain: bool,
    #[command(flatten)]
    average: AverageArgs,
}

/// `variants.json`.
#[derive(Serialize)]
struct About {
    format_version: u32,
    command: String,
    region: Interval,
    substitutions: usize,
    /// The field that the heat map and the bigWig show.
    shown: String,
}

pub(super) fn run(args: &SaturateArgs, printer: &Printer) -> Result<Outcome> {
    let run = RunDir::open(&args.run)?;
    let models = run.model()?;
    batch_of(&models, std::iter::empty())?;
    let genome = Genome::open(&args.genome)?;
    genome.notes().iter().for_each(|note| printer.talk(note));
    let place = place(args, &genome)?;
    make_room(&args.output, "variants.json", &["variants.json", "effects.tsv", "effects.svg", "effects.bw"])?;
    let columns = Columns::new(models.tasks(), &args.target, models.members().len(), None)?;
    let plain = args.plain || models.members().iter().any(|model| matches!(model, TrainedModel::Classical(_)));
    let scorer = Scorer { models: &models, average: args.average, plain, columns, motifs: None, attribution: None };
    let margin = args.average.over(&models)?.margin();
    let prepared = prepare(args, &genome, &place, &models, margin)?;
    let values = scorer.values(&prepared)?;
    let effects = Effects { place, genome: &genome, fields: scorer.columns.fields(), prepared: &prepared, values };
    let shown = scorer.columns.main_field(0);
    effects.write(args, shown, printer)?;
    let about = About {
        format_version: 1,
        command: command_line(),
        substitutions: effects.values.iter().map(Vec::len).sum(),
        region: effects.place.clone(),
        shown: effects.fields[shown].id.clone(),
    };
    write_json(&args.output.join("variants.json"), &about)?;
    printer.talk(&format!("scored {} substitutions; wrote {}", count(about.substitutions), args.output.display()));
    Ok(Outcome::Done)
}

/// The region on the genome.
fn place(args: &SaturateArgs, genome: &Genome) -> Result<Interval> {
    let region = region(&args.region, genome)?;
    let length = genome.length(&region.chrom)?;
    let mut place = region.interval(length);
    if place.is_empty() || (region.end > length && region.end != u64::MAX) {
        return Err(user(
            format!(
                "expected a region within {:?} of {} bases, found {}",
                region.chrom,
                count(length as usize),
                args.region
            ),
            None,
        ));
    }
    if place.len() > MOST {
        return Err(user(
            format!(
                "expected a region of at most {} bases, found {}",
                count(MOST as usize),
                count(place.len() as usize)
            ),
            Some("`basewise variants` scores any number of variants"),
        ));
    }
    if args.grid == Some(0) {
        return Err(user("expected --grid of at least 1, found 0", None));
    }
    place.strand = if args.reverse { Strand::Reverse } else { Strand::Forward };
    Ok(place)
}

/// The base that the window of a position is centred on.
fn centre(position: u64, place: &Interval, length: u64, grid: Option<u64>) -> u64 {
    match grid {
        Some(grid) => (position + grid / 2) / grid * grid,
        None if place.len() <= length => place.start + place.len() / 2,
        None => {
            let piece = (length / 2).max(1);
            let first = (position - place.start) / piece * piece;
            place.start + first + piece.min(place.len() - first) / 2
        }
    }
}

/// Every substitution of a known base, position by position; records of the result are positions.
fn prepare(
    args: &SaturateArgs,
    genome: &Genome,
    place: &Interval,
    model: &dyn Predict,
    margin: usize,
) -> Result<Prepared> {
    let mut nearby = Nearby::new(genome);
    let mut prepared = Prepared::default();
    let mut last: Option<(Window, Vec<Code>)> = None;
    for (record, position) in (place.start..place.end).enumerate() {
        let centre = centre(position, place, model.length() as u64, args.grid);
        let inner = Window::centred(centre, model.length(), place.strand);
        let window = Window { start: inner.start - margin as i64, length: model.length() + 2 * margin, ..inner };
        if last.as_ref().is_none_or(|(own, _)| *own != window) {
            let stretch = nearby.stretch(&place.chrom, window.start, window.end())?;
            let reference = window.codes(&stretch, model.encoding())?;
            let place = Some(window.place());
            prepared.neighbourhoods.push(Neighbourhood { reference: reference.clone(), place, edits: Vec::new() });
            prepared.groups.push(Group { window, jobs: Vec::new() });
            last = Some((window, reference));
        }
        let (Some((_, reference)), Some(own), Some(group)) =
            (&last, prepared.neighbourhoods.last_mut(), prepared.groups.last_mut())
        else {
            continue;
        };
        let letter = nearby.base(&place.chrom, position)?.to_ascii_uppercase();
        let offset = (position as i64 - window.start) as usize;
        let offset = if window.reverse { window.length - 1 - offset } else { offset };
        let mut statuses = Vec::new();
        for (base, alternate) in (0u8..).zip(b"ACGT") {
            if *alternate == letter || !b"ACGT".contains(&letter) {
                continue;
            }
            let code = if window.reverse { 3 - base } else { base };
            own.edits.push(Edit::substitution(offset, reference[offset], code));
            let row = own.edits.len();
            let variant = Variant::new(position, &[letter], &[*alternate]);
            let around = Stretch { start: position as i64, letters: Vec::new() };
            group.jobs.push(Job {
                record,
                allele: statuses.len(),
                status: Status::Scored,
                rows: row..row + 1,
                position,
                variant,
                around,
            });
            statuses.push(Status::Scored);
        }
        prepared.statuses.push(statuses);
    }
    Ok(prepared)
}

/// Scores of all substitutions, on their way to files.
struct Effects<'a> {
    place: Interval,
    genome: &'a Genome,
    fields: Vec<InfoField>,
    prepared: &'a Prepared,
    /// By position, substitution and field.
    values: Vec<Vec<Vec<Value>>>,
}

impl Effects<'_> {
    fn write(&self, args: &SaturateArgs, shown: usize, printer: &Printer) -> Result<()> {
        self.write_table(args)?;
        let numbers = self.numbers(shown);
        let mean = |row: &[Option<f32>; 4]| {
            let known: Vec<f32> = row.iter().flatten().copied().collect();
            if known.is_empty() { f32::NAN } else { known.iter().sum::<f32>() / known.len() as f32 }
        };
        let mut contigs = self.genome.contigs().to_vec();
        contigs.sort();
        let Some(contig) = contigs.iter().position(|(name, _)| *name == self.place.chrom) else { return Ok(()) };
        let window = Values { contig, start: self.place.start as i64, values: numbers.iter().map(mean).collect() };
        bigwig::write_windows(&args.output.join("effects.bw"), &contigs, vec![window])?;
        if numbers.len() > DRAWN {
            printer.talk(&format!("no heat map is drawn of more than {} bases", count(DRAWN)));
            return Ok(());
        }
        write_text(&args.output.join("effects.svg"), &heat_map(&numbers, &self.place, &self.fields[shown].description))
    }

    fn write_table(&self, args: &SaturateArgs) -> Result<()> {
        let path = args.output.join("effects.tsv");
        let mut lines = String::from("chrom\tpos\tref\talt");
        self.fields.iter().skip(1).for_each(|field| {
            lines.push('\t');
            lines.push_str(&field.id);
        });
        lines.push('\n');
        for job in self.prepared.groups.iter().flat_map(|group| &group.jobs) {
            let text = |letters: &[u8]| String::from_utf8_lossy(letters).into_owned();
            let mut cells = vec![
                self.place.chrom.clone(),
                (job.variant.start + 1).to_string(),
                text(&job.variant.reference),
                text(&job.variant.alternate),
            ];
            cells.extend(self.values[job.record][job.allele].iter().skip(1).map(Value::text));
            lines.push_str(&cells.join("\t"));
            lines.push('\n');
        }
        write_text(&path, &lines)
    }

    /// The shown field of each base at each position; none for the base that is there.
    fn numbers(&self, shown: usize) -> Vec<[Option<f32>; 4]> {
        let mut numbers = vec![[None; 4]; self.values.len()];
        for job in self.prepared.groups.iter().flat_map(|group| &group.jobs) {
            let base = b"ACGT".iter().position(|letter| job.variant.alternate.first() == Some(letter));
            if let (Some(base), Value::Number(number)) = (base, &self.values[job.record][job.allele][shown]) {
                numbers[job.record][base] = Some(*number);
            }
        }
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_lies_in_the_middle_of_its_window_or_in_pieces() {
        let place = |start, end| Interval { chrom: "c".into(), start, end, strand: Strand::Forward };
        assert_eq!(centre(10, &place(10, 20), 10, None), 15);
        assert_eq!(centre(19, &place(10, 20), 10, None), 15);
        let long = place(10, 23);
        let centres: Vec<u64> = (10..23).map(|at| centre(at, &long, 10, None)).collect();
        assert_eq!(centres, [12, 12, 12, 12, 12, 17, 17, 17, 17, 17, 21, 21, 21]);
        assert_eq!(
            [centre(7, &long, 10, Some(1)), centre(7, &long, 10, Some(5)), centre(8, &long, 10, Some(5))],
            [7, 5, 10]
        );
    }
}
