//! `basewise design`: sequences edited until a model predicts what is wanted.

mod constraints;
mod goal;
mod outputs;

use crate::commands::command_line;
use crate::commands::evaluate::batch_of;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::run_dir::{RunDir, make_room, not_the_input};
use crate::shared_args::refuse_unfit;
use crate::table::count;
use crate::trained::TrainedModel;
use anyhow::Result;
use basewise_core::average::Ensemble;
use basewise_core::design::{self, Design, Evolution, Problem};
use basewise_core::{Predict, SequenceBatch};
use basewise_nn::Model;
use basewise_nn::attribute::{AttributionError, saliency};
use clap::{Args, ValueEnum};
use constraints::{ConstraintArgs, Rules};
use goal::Goal;
use outputs::{DesignRecord, Designed};
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise generate train quickstart/donor/data --epochs 2 --channels 8 --latent 4 -o designs-vae
  $ basewise generate sample designs-vae -n 3 --seed 1 -o to-design.fa
  $ basewise design quickstart/donor/run --sequences to-design.fa --target label=high --edits 3 -o designed
  $ basewise design quickstart/donor/run --sequences to-design.fa --target label=0.5 --method gradient --protect 0-20 -o half

greedy     takes the best substitution, again and again, until none brings the score nearer
beam       the same with --beam-width sequences side by side, which may get worse before they get better
evolution  a population of sequences that are crossed and mutated
gradient   gradients of the score go straight through to letters (one network only)
A target is TASK=high, TASK=low or TASK=NUMBER, on the scale of predictions: a probability for yes/no tasks. Sequences are put
into the model's window as `basewise predict` puts them; positions are 0-based on the sequence as given. DIR gets designed.fa,
steps.tsv (the score after each substitution), design.json and report.html.
Exit code 1: no sequence came nearer to the target.")]
pub(crate) struct DesignArgs {
    /// Run directory
    run: PathBuf,
    /// FASTA file of the sequences to start from
    #[arg(long, value_name = "FILE")]
    sequences: PathBuf,
    /// Where which output is to go
    #[arg(long, value_name = "TASK=high|low|NUMBER")]
    target: String,
    /// How substitutions are found
    #[arg(long, value_enum, default_value = "greedy")]
    method: Method,
    /// Substitutions in a sequence, at most
    #[arg(long, default_value_t = 5, value_name = "N")]
    edits: usize,
    #[command(flatten)]
    constraints: ConstraintArgs,
    /// beam: sequences side by side [default: 8]
    #[arg(long, value_name = "N")]
    beam_width: Option<usize>,
    /// evolution: sequences that are kept [default: 100]
    #[arg(long, value_name = "N")]
    population: Option<usize>,
    /// evolution: rounds of as many children [default: 50]
    #[arg(long, value_name = "N")]
    generations: Option<usize>,
    /// gradient: steps [default: 100]
    #[arg(long, value_name = "N")]
    iterations: Option<usize>,
    /// At most this many sequences of the file
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: usize,
    /// Where all randomness starts (evolution)
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Directory to write
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
}

/// Searches, as they are spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Method {
    Greedy,
    Beam,
    Evolution,
    Gradient,
}

impl Method {
    fn name(self) -> &'static str {
        match self {
            Self::Greedy => "greedy",
            Self::Beam => "beam",
            Self::Evolution => "evolution",
            Self::Gradient => "gradient",
        }
    }
}

pub(crate) fn run(args: &DesignArgs, printer: &Printer) -> Result<Outcome> {
    refuse_unfit(
        "--method",
        args.method.name(),
        &[
            ("--beam-width", args.beam_width.is_some(), &["beam"]),
            ("--population", args.population.is_some(), &["evolution"]),
            ("--generations", args.generations.is_some(), &["evolution"]),
            ("--iterations", args.iterations.is_some(), &["gradient"]),
        ],
    )?;
    for (flag, value) in [
        ("--limit", Some(args.limit)),
        ("--beam-width", args.beam_width),
        ("--population", args.population),
        ("--generations", args.generations),
        ("--iterations", args.iterations),
    ] {
        if value == Some(0) {
            return Err(user(format!("expected {flag} of at least 1, found 0"), None));
        }
    }
    let run = RunDir::open(&args.run)?;
    let model = run.model()?;
    let network = if args.method == Method::Gradient { Some(run.single_model("--method gradient")?) } else { None };
    let goal = Goal::parse(&args.target, model.tasks())?;
    let rules = Rules::new(&args.constraints)?;
    not_the_input(&args.output, &args.run)?;
    let records: Vec<basewise_io::fasta::Record> =
        basewise_io::fasta::read(&args.sequences)?.take(args.limit).collect::<basewise_io::Result<_>>()?;
    if records.is_empty() {
        return Err(user(format!("{}: expected sequences, found none", args.sequences.display()), None));
    }
    make_room(&args.output, outputs::RECORD, &outputs::PARTS)?;
    let batch = batch_of(&model, records.iter().map(|record| record.sequence.as_slice()))?;
    let bar = printer.bar(records.len() as u64, "sequences {bar:24} {pos}/{len}, {eta} left");
    let mut designed = Vec::new();
    for (row, record) in records.iter().enumerate() {
        let place = Place { letters: record.sequence.len(), window: model.length() };
        let found = search(args, &model, network.as_ref(), &goal, (&batch, row), (&rules, place))?;
        designed.push(Designed::new(record, place, found, &model, &goal));
        bar.inc(1);
    }
    bar.finish_and_clear();
    let record = DesignRecord {
        format_version: 1,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        command: command_line(),
        run: args.run.clone(),
        sequences: args.sequences.clone(),
        target: args.target.clone(),
        method: args.method.name().to_owned(),
        edits: args.edits,
        seed: args.seed,
        designs: designed,
    };
    outputs::write(&args.output, &record)?;
    printer.data(&outputs::table(&record))?;
    let nearer = record.designs.iter().filter(|design| !design.steps.is_empty()).count();
    printer.talk(&format!(
        "{} of {} sequences came nearer to {}; wrote {}",
        count(nearer),
        count(record.designs.len()),
        args.target,
        args.output.display()
    ));
    Ok(if nearer == 0 { Outcome::No } else { Outcome::Done })
}

/// Where a sequence lies in the model's window: longer ones lose their ends, shorter ones are centred between unknown bases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    letters: usize,
    window: usize,
}

impl Place {
    /// The letter at a position of the window, if it is one of the sequence.
    fn letter(self, position: usize) -> Option<usize> {
        let at = match self.letters.checked_sub(self.window) {
            Some(spare) => position + spare / 2,
            None => position.checked_sub((self.window - self.letters) / 2)?,
        };
        (at < self.letters).then_some(at)
    }
}

fn search(
    args: &DesignArgs,
    model: &Ensemble<TrainedModel>,
    network: Option<&Model>,
    goal: &Goal,
    (batch, row): (&SequenceBatch, usize),
    (rules, place): (&Rules, Place),
) -> Result<Design> {
    let start = batch.sequence(row);
    let accepts = rules.accepts(start);
    let problem = Problem {
        model,
        batch,
        row,
        watched: goal.output.into(),
        aim: goal.aim,
        constraints: design::Constraints {
            edits: args.edits,
            protected: rules.protected(start, place)?,
            gc: rules.gc,
            accepts: &accepts,
        },
    };
    Ok(match (args.method, network) {
        (Method::Greedy, _) => design::greedy(&problem)?,
        (Method::Beam, _) => design::beam(&problem, args.beam_width.unwrap_or(8))?,
        (Method::Evolution, _) => {
            let (population, generations) = (args.population.unwrap_or(100), args.generations.unwrap_or(50));
            design::evolve(&problem, Evolution { population, generations, seed: args.seed })?
        }
        (Method::Gradient, Some(network)) => {
            let mut gradient = |batch: &SequenceBatch| saliency(network, batch, goal.output);
            design::ascend::<AttributionError>(&problem, args.iterations.unwrap_or(100), &mut gradient)?
        }
        (Method::Gradient, None) => return Err(user("expected a network for --method gradient", None)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_hold_the_middle_of_long_sequences_and_all_of_short_ones() {
        let long = Place { letters: 13, window: 10 };
        assert_eq!((long.letter(0), long.letter(9)), (Some(1), Some(10)));
        let short = Place { letters: 7, window: 10 };
        let expected = [None, Some(0), Some(1), Some(2), Some(3), Some(4), Some(5), Some(6), None, None];
        assert_eq!((0..10).map(|at| short.letter(at)).collect::<Vec<_>>(), expected);
    }
}
