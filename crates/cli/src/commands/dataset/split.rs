//! `basewise dataset split`: new splits for a data set that is there.

use super::check::history;
use super::{tell, tell_relatives};
use crate::commands::command_line;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::shared_args::{ChromosomeArgs, SimilarityArgs};
use crate::table::count;
use anyhow::Result;
use basewise_core::{Dataset, Split, TaskKind};
use basewise_io::build::{SplitPolicy, resplit};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// What stays together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SplitBy {
    /// Relatives: sequences that chains of similar ones connect, and overlapping places
    Similarity,
    /// Copies of a sequence, and overlapping places
    Random,
    /// Whole chromosomes, those of --valid-chroms and --test-chroms
    Chromosome,
}

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise dataset split quickstart/donor/data --by similarity -o donor-apart
  $ basewise dataset split quickstart/donor/data --by similarity --identity 0.9 --coverage 0.8 --test 0.2 -o donor-looser

Two sequences are similar if their local alignment (for DNA of either strand) has at least --identity equal bases and covers
at least --coverage of the shorter one; groups are what chains of similar sequences connect. Splits take whole groups, the
largest first, and keep the classes balanced as well as whole groups permit.")]
pub(crate) struct SplitArgs {
    /// Data set directory
    data: PathBuf,
    /// What stays together
    #[arg(long, value_enum, default_value = "similarity")]
    by: SplitBy,
    #[command(flatten)]
    similarity: SimilarityArgs,
    /// Share of the examples for validation [default: 0.1]
    #[arg(long, value_name = "0..1")]
    valid: Option<f64>,
    /// Share of the examples for the test [default: 0.1]
    #[arg(long, value_name = "0..1")]
    test: Option<f64>,
    #[command(flatten)]
    chromosomes: ChromosomeArgs,
    /// Seed of what is drawn
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Data set directory to write
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Replace a data set that is there already
    #[arg(long)]
    overwrite: bool,
}

pub(crate) fn run(args: &SplitArgs, printer: &Printer) -> Result<Outcome> {
    crate::run_dir::not_the_input(&args.output, &args.data)?;
    let policy = policy(args)?;
    let (mut dataset, mut provenance) = basewise_io::dataset::load(&args.data)?;
    let before: Vec<Split> = dataset.examples.iter().map(|example| example.split).collect();
    let warnings = resplit(&mut dataset, &mut provenance, &policy, args.seed)?;
    // The commands before this one stay on record, so that the data set can be made again.
    let mut earlier = history(&provenance);
    earlier.push(provenance.command.clone());
    provenance.notes.insert("earlier_commands".to_owned(), serde_json::to_value(&earlier)?);
    provenance.notes.insert("split_seed".to_owned(), serde_json::to_value(args.seed)?);
    provenance.command = command_line();
    basewise_io::dataset::save(&args.output, &dataset, &provenance, &[], args.overwrite)?;
    tell_relatives(&provenance, printer);
    warnings.iter().for_each(|warning| printer.warn(warning));
    tell(&dataset, &args.output, printer);
    tell_classes(&dataset, printer);
    let moved = dataset.examples.iter().zip(before).filter(|(example, before)| example.split != *before).count();
    printer.talk(&format!("{} of {} examples changed their split", count(moved), count(dataset.examples.len())));
    Ok(Outcome::Done)
}

fn policy(args: &SplitArgs) -> Result<SplitPolicy> {
    let chromosomes = args.chromosomes.policy();
    if chromosomes.is_some() != (args.by == SplitBy::Chromosome) {
        return Err(user(
            "expected --by chromosome with --valid-chroms or --test-chroms, found one without the other",
            None,
        ));
    }
    if args.by != SplitBy::Similarity {
        args.similarity.refuse("--by similarity")?;
    }
    if let Some(policy) = chromosomes {
        if args.valid.is_some() || args.test.is_some() {
            return Err(user("expected names of chromosomes or shares of the examples, found both", None));
        }
        return Ok(policy);
    }
    let name = if args.by == SplitBy::Similarity { "similarity" } else { "random" };
    let policy = super::split_policy(Some(name), None, args.valid, args.test, &args.similarity)?;
    Ok(policy.unwrap_or_else(SplitPolicy::random))
}

/// How the classes of the first task are spread.
fn tell_classes(dataset: &Dataset, printer: &Printer) {
    let Some(task) = dataset.tasks.first() else { return };
    let classes: Vec<String> = match &task.kind {
        TaskKind::Binary => vec!["0".to_owned(), "1".to_owned()],
        TaskKind::Classes { classes } => classes.clone(),
        TaskKind::Regression | TaskKind::Counts | TaskKind::Profile(_) => return,
    };
    for (label, class) in classes.iter().enumerate() {
        let rows = |split| {
            let rows = dataset.rows_of(split).into_iter();
            count(rows.filter(|&row| dataset.label(row, 0) == label as f64).count())
        };
        let [train, valid, test] = Split::ALL.map(rows);
        printer.talk(&format!("  {} {class}: {train} train, {valid} valid, {test} test", task.name));
    }
}
