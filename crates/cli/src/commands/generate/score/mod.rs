//! `basewise generate score`: sequences beside real ones, shuffled ones and a Markov model.

mod measures;
mod outputs;
mod spacing;

use super::examples::{Examples, ExamplesArgs, letters};
use super::record;
use crate::commands::command_line;
use crate::commands::motifs;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::run_dir::{RunDir, make_room};
use crate::table::count;
use anyhow::Result;
use basewise_core::random::{below, stream};
use basewise_core::realism::Markov;
use basewise_core::shuffle::dinucleotide;
use basewise_core::{Code, Split};
use clap::Args;
use measures::{Judge, Predictor};
use outputs::ScoreRecord;
use spacing::Spacing;
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise generate train quickstart/donor/data --epochs 2 --channels 8 --latent 4 -o scored-vae
  $ basewise generate sample scored-vae -n 100 --seed 1 -o new.fa
  $ basewise generate score new.fa --data quickstart/donor/data --run quickstart/donor/run -o new-scored

What is compared with the real sequences of the test split (of the valid split, if there is no test split):
  generated  the sequences of the FASTA file
  real       sequences of the training split: the best that can be hoped for
  shuffled   training sequences, shuffled with their dinucleotides
  markov     draws of a Markov model (--order) fitted on the training split
Columns: divergence of words of 1 to 6 bases (Jensen-Shannon, bits), earth mover's distance of the share of G and C, mean difference
of two sequences, duplicates, distances to the nearest training sequence (of `real`: those of the held-out sequences), AUROC of
logistic regressions that tell a set from the held-out sequences by its words or by the bases at each position (0.5: cannot be told).
DIR gets score.json, score.tsv and report.html.")]
pub(crate) struct ScoreArgs {
    /// FASTA file of sequences, such as `basewise generate sample` writes
    sequences: PathBuf,
    /// Data set with the real sequences
    #[arg(long, value_name = "DATA")]
    data: PathBuf,
    #[command(flatten)]
    examples: ExamplesArgs,
    /// The generative model, for its choice of examples
    #[arg(long, value_name = "DIR")]
    generator: Option<PathBuf>,
    /// A run whose predictions are compared too
    #[arg(long, value_name = "RUN")]
    run: Option<PathBuf>,
    /// Its output: a task, task:class, or a number [default: the first]
    #[arg(long, value_name = "NAME", requires = "run")]
    target: Option<String>,
    /// Motifs whose spacing is compared too: MEME, JASPAR or TRANSFAC
    #[arg(long, value_name = "FILE")]
    motifs: Option<PathBuf>,
    /// Bases that the next one follows from in the Markov model
    #[arg(long, default_value_t = 3, value_name = "N")]
    order: usize,
    /// At most this many sequences of each set
    #[arg(long, default_value_t = 2000, value_name = "N")]
    limit: usize,
    /// At most this many sequences of each set whose nearest training sequence is sought
    #[arg(long, default_value_t = 300, value_name = "N")]
    nearest: usize,
    /// Seed of shuffles, draws and folds
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Directory to write
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
}

/// Sequences under a name.
struct Set {
    name: &'static str,
    sequences: Vec<Vec<Code>>,
}

pub(super) fn run(args: &ScoreArgs, printer: &Printer) -> Result<Outcome> {
    check(args)?;
    let (dataset, _) = basewise_io::dataset::load(&args.data)?;
    let recorded = args.generator.as_deref().map(record::open).transpose()?;
    let examples =
        args.examples.read(&dataset, &args.data, recorded.as_ref().map(|record| record.examples.as_str()))?;
    let held = match (examples.of(Split::Test), examples.of(Split::Valid)) {
        (test, valid) if test.is_empty() => valid,
        (test, _) => test,
    };
    if held.is_empty() {
        return Err(user(
            format!(
                "{}: expected real sequences to compare with in the test or valid split, found none",
                args.data.display()
            ),
            Some("deal examples again with `basewise dataset split`"),
        ));
    }
    let train = examples.of(Split::Train);
    let sets = sets(args, &examples, &train)?;
    make_room(&args.output, outputs::RECORD, &outputs::PARTS)?;
    let predictor = match &args.run {
        Some(run) => Some(Predictor::new(RunDir::open(run)?.model()?, args.target.as_deref())?),
        None => None,
    };
    let spacing = match &args.motifs {
        Some(path) => Some(Spacing::new(&motifs::read(path)?)?),
        None => None,
    };
    let judge = Judge {
        encoding: examples.encoding,
        held: held.into_iter().take(args.limit).collect(),
        train,
        nearest: args.nearest,
        seed: args.seed,
        predictor,
        spacing,
    };
    let bar = printer.bar(sets.len() as u64, "sets {bar:24} {pos}/{len}");
    let mut rows = Vec::new();
    for set in &sets {
        rows.push(judge.measure(set)?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let record = ScoreRecord::new(command_line(), args, &examples, &judge, rows);
    outputs::write(&args.output, &record, &judge, &sets, &examples)?;
    printer.data(&outputs::table(&record))?;
    printer.talk(&format!(
        "{} generated sequences beside {} held out; the page is {}",
        count(sets[0].sequences.len()),
        count(judge.held.len()),
        args.output.join("report.html").display()
    ));
    Ok(Outcome::Done)
}

fn check(args: &ScoreArgs) -> Result<()> {
    if args.limit == 0 || args.nearest == 0 {
        return Err(user("expected --limit and --nearest of at least 1, found 0", None));
    }
    if args.order > Markov::LARGEST_ORDER {
        let most = Markov::LARGEST_ORDER;
        return Err(user(format!("expected --order of at most {most}, found {}", args.order), None));
    }
    Ok(())
}

/// The generated sequences first, then what they are set beside.
fn sets(args: &ScoreArgs, examples: &Examples, train: &[&[Code]]) -> Result<Vec<Set>> {
    let mut generated = Vec::new();
    for record in basewise_io::fasta::read(&args.sequences)?.take(args.limit) {
        let record = record?;
        generated.push(examples.encoding.encode(&record.sequence)?.iter().map(|c| Code::new(c.base())).collect());
    }
    if generated.is_empty() {
        return Err(user(format!("{}: expected sequences, found none", args.sequences.display()), None));
    }
    let number = generated.len();
    // Training sequences in an order of chance, each once before any comes twice.
    let drawn: Vec<&[Code]> = (0..number.div_ceil(train.len()))
        .flat_map(|round| {
            let mut order: Vec<usize> = (0..train.len()).collect();
            basewise_core::random::shuffle(&mut order, &mut stream(args.seed, "score/train", &[round as u64]));
            order
        })
        .take(number)
        .map(|row| train[row])
        .collect();
    let shuffled = |(i, sequence): (usize, &&[Code])| {
        let mut rng = stream(args.seed, "score/shuffle", &[i as u64]);
        let shuffled = dinucleotide(&letters(sequence, examples.encoding), &mut rng);
        Ok(examples.encoding.encode(&shuffled)?.iter().map(|c| Code::new(c.base())).collect())
    };
    let markov = Markov::fit(args.order, train.iter().copied());
    let lengths: Vec<usize> = generated.iter().map(Vec::len).collect();
    let draw = |i: usize| {
        let mut rng = stream(args.seed, "score/markov", &[i as u64]);
        let length = lengths[below(&mut rng, lengths.len())];
        markov.sample(length, &mut rng)
    };
    Ok(vec![
        Set { name: "generated", sequences: generated },
        Set { name: "real", sequences: drawn.iter().take(train.len()).map(|s| s.to_vec()).collect() },
        Set { name: "shuffled", sequences: drawn.iter().enumerate().map(shuffled).collect::<Result<_>>()? },
        Set { name: "markov", sequences: (0..number).map(draw).collect() },
    ])
}
