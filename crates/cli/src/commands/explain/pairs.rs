//! `basewise explain pairs`: which pairs of substitutions do more or less than the sum of both.

use super::edits::write;
use super::watch::WatchArgs;
use super::{Select, choose};
use crate::commands::evaluate::batch_of_rows;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::run_dir::{RunDir, check_output};
use crate::shared_args::SplitArg;
use crate::table::count;
use anyhow::Result;
use basewise_core::Predict;
use basewise_core::perturb::{Pair, Plain, pairs};
use clap::Args;
use std::path::PathBuf;

/// Positions of a region at most: their pairs are 180,000 copies.
const MOST_POSITIONS: usize = 200;

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise explain pairs quickstart/donor/run --region 40-50 --limit 2 --strongest 5

For each two positions of the region, each of three other bases at both: the interaction is what both substitutions do
beyond the sum of what each does (epistasis). A row is a pair, those with the strongest interactions first; positions are
0-based.")]
pub(crate) struct PairsArgs {
    /// Run directory
    run: PathBuf,
    /// Another data set than the one it was trained on
    data: Option<PathBuf>,
    /// Which examples are edited
    #[arg(long, value_enum, default_value = "test")]
    split: SplitArg,
    /// At most this many examples
    #[arg(long, default_value_t = 5, value_name = "N")]
    limit: usize,
    /// Which of them come first
    #[arg(long, value_enum, default_value = "top")]
    select: Select,
    /// Pairs that are written for each example
    #[arg(long, default_value_t = 100, value_name = "N")]
    strongest: usize,
    /// The output to watch, as a raw score: a task, task:class, or a number [default: the first]
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    #[command(flatten)]
    watch: WatchArgs,
    /// Table to write, or - for stdout
    #[arg(short, long, default_value = "-", value_name = "FILE.tsv")]
    output: PathBuf,
}

pub(super) fn run(args: &PairsArgs, printer: &Printer) -> Result<Outcome> {
    if args.limit == 0 {
        return Err(user("expected --limit of at least 1, found 0", None));
    }
    check_output(&args.output, &["tsv"])?;
    let run = RunDir::open(&args.run)?;
    let models = run.model()?;
    let (dataset, _, path) = run.dataset(args.data.as_deref())?;
    let (watched, name) = args.watch.watched(models.tasks(), args.target.as_deref())?;
    let region = args.watch.region(models.length())?;
    if region.len() > MOST_POSITIONS {
        return Err(user(
            format!(
                "expected a region of at most {MOST_POSITIONS} positions for all pairs of them, found {}",
                region.len()
            ),
            Some("give the positions with --region START-END"),
        ));
    }
    let rows = args.split.rows(&dataset, &path)?;
    let (rows, _) = choose((args.select, args.limit), &models, &dataset, rows, watched)?;
    let batch = batch_of_rows(&models, &dataset, rows.iter().copied())?;
    let plain = Plain(&models);
    let model: &dyn Predict = if args.watch.plain { &plain } else { &models };
    let bar = printer.bar(batch.len() as u64, "pairs {bar:24} {pos}/{len} sequences, {eta} left");
    let mut table =
        String::from("id\tfirst\tfirst_base\tsecond\tsecond_base\tfirst_alone\tsecond_alone\ttogether\tinteraction\n");
    let mut tried = 0;
    for (i, &row) in rows.iter().enumerate() {
        let mut found = pairs(model, &batch, i, watched, region.clone())?;
        tried += found.len();
        // A stable sort: equals stay in the order of their positions.
        found.sort_by(|a, b| b.interaction().abs().total_cmp(&a.interaction().abs()));
        let letters = models.encoding().alphabet.letters();
        for pair in found.iter().take(args.strongest) {
            table += &line(&dataset.examples[row].id, pair, letters);
        }
        bar.set_position(i as u64 + 1);
    }
    bar.finish_and_clear();
    let wrote = write(&args.output, &table, printer)?;
    printer.talk(&format!(
        "watched {name} under {} pairs of substitutions of {} examples{wrote}",
        count(tried),
        count(rows.len())
    ));
    Ok(Outcome::Done)
}

fn line(id: &str, pair: &Pair, letters: [u8; 4]) -> String {
    let base = |i: usize| char::from(letters[usize::from(pair.bases[i])]);
    let ([first, second], [a, b]) = (pair.positions, pair.alone);
    let (together, interaction) = (pair.together, pair.interaction());
    format!("{id}\t{first}\t{}\t{second}\t{}\t{a:.6}\t{b:.6}\t{together:.6}\t{interaction:.6}\n", base(0), base(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_both_substitutions_and_their_interaction() {
        let pair = Pair { positions: [3, 7], bases: [0, 3], alone: [0.5, -1.0], together: 0.25 };
        let expected = "x\t3\tA\t7\tU\t0.500000\t-1.000000\t0.250000\t0.750000\n";
        assert_eq!(line("x", &pair, *b"ACGU"), expected);
    }
}
