//! `basewise cells dataset`: a matrix of places by cells becomes a data set with a task a cell.

use super::filter::{self, FilterArgs};
use super::input::InputArgs;
use super::places;
use super::quality::Quality;
use crate::commands::command_line;
use crate::commands::dataset::save;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::shared_args::ChromosomeArgs;
use crate::table::count;
use anyhow::Result;
use basewise_core::{Alphabet, CasePolicy, Encoding};
use basewise_io::bed::BedRecord;
use basewise_io::build::{IntervalsSpec, OpenPlaces, OutOfBounds, WindowPolicy};
use basewise_io::genome::Genome;
use clap::Args;
use std::path::PathBuf;

/// Labels of a data set, at most: 2 GiB in memory.
const MOST_LABELS: usize = 1 << 28;

#[derive(Args)]
#[command(after_help = "Examples:
  $ awk 'BEGIN { srand(3); print \">chr1\"; for (i = 1; i <= 4000; i++) printf \"%s\", substr(\"ACGT\", int(4 * rand()) + 1, 1); print \"\" }' > cells-dataset-help.fa
  $ awk 'BEGIN { srand(5); printf \"cell\"; for (p = 0; p < 40; p++) printf \"\\tchr1:%d-%d\", 90 * p, 90 * p + 60; print \"\"; for (c = 0; c < 12; c++) { printf \"cell%d\", c; \
for (p = 0; p < 40; p++) printf \"\\t%d\", rand() < 0.4; print \"\" } }' > cells-dataset-help.tsv
  $ basewise cells dataset cells-dataset-help.tsv --genome cells-dataset-help.fa --window 60 -o cells-dataset-help
  $ basewise train cells-dataset-help --model deepbind --epochs 2 --reverse-complement off -o cells-dataset-help-run
  $ basewise cells cluster cells-dataset-help.tsv --network cells-dataset-help-run --no-map -o cells-dataset-help.h5ad

Features are places on a genome, chr1:1000-1500, as 10x ATAC has them. Each becomes a window around its middle, and each cell a task:
is the place open (a value above 0)? A network trained on it has learned a vector of each cell, its weights in the last layer, which
`cells cluster --network RUN` clusters (scBasset, Yuan and Kelley 2022). Its size is that of the network's last hidden layer: 32 in
the presets deepbind and cnn-global, as in scBasset.

Filter first: places that are open in few cells teach little. scBasset keeps those open in 5 % of the cells (--min-cells).")]
pub(crate) struct DatasetArgs {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    limits: FilterArgs,
    /// Genome FASTA, plain or bgzip
    #[arg(short, long, value_name = "FASTA")]
    genome: PathBuf,
    /// Bases of the window around the middle of each place
    #[arg(short, long, value_name = "N", default_value_t = 1344)]
    window: usize,
    #[command(flatten)]
    chromosomes: ChromosomeArgs,
    /// Seed of a random split
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Data set directory to write
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Replace a data set that is there already
    #[arg(long)]
    overwrite: bool,
}

pub(crate) fn run(args: &DatasetArgs, printer: &Printer) -> Result<Outcome> {
    let matrix = args.input.load(&[], printer)?;
    let kept = filter::choose(&matrix, &Quality::of(&matrix)?, &args.limits)?;
    printer.talk(&filter::account(&matrix, &kept));
    let used = filter::select(&matrix, &kept);
    let genome = Genome::open(&args.genome)?;
    let (mut records, mut columns) = (Vec::new(), Vec::new());
    for (column, place) in places::on_genome(&used.genes, &genome, printer)?.into_iter().enumerate() {
        let Some(interval) = place else { continue };
        let (name, line, more) = (Some(used.genes.ids[column].clone()), column + 1, Vec::new());
        records.push(BedRecord { interval, name, score: None, summit: None, line, more });
        columns.push(column);
    }
    let cells = used.counts.rows;
    if records.len().saturating_mul(cells) > MOST_LABELS {
        return Err(user(
            format!(
                "expected at most {} labels, found {} places x {} cells",
                count(MOST_LABELS),
                count(records.len()),
                count(cells)
            ),
            Some("leave out places and cells that say little: --min-cells, --min-counts"),
        ));
    }
    let by_place = used.counts.read()?.transposed();
    let labels = |place: usize| {
        let mut labels = vec![0.0; cells];
        let (open, values) = by_place.row(columns[place]);
        open.iter().zip(values).filter(|(_, value)| **value > 0.0).for_each(|(&cell, _)| labels[cell as usize] = 1.0);
        labels
    };
    let open = OpenPlaces { path: &args.input.input, places: records, tasks: used.cells.ids.clone(), labels: &labels };
    save(&basewise_io::build::open_places(&args.spec(), &open)?, &args.output, args.overwrite, printer)?;
    Ok(Outcome::Done)
}

impl DatasetArgs {
    fn spec(&self) -> IntervalsSpec {
        let encoding = Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore };
        IntervalsSpec {
            out_of_bounds: OutOfBounds::Pad,
            split: self.chromosomes.policy(),
            seed: self.seed,
            command: command_line(),
            ..IntervalsSpec::new(&self.genome, Vec::new(), WindowPolicy::Centred(self.window), encoding)
        }
    }
}
