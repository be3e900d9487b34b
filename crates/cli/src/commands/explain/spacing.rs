//! `basewise explain spacing`: which distance of two motifs a model prefers.

use crate::commands::command_line;
use crate::commands::evaluate::batch_of_rows;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::run_dir::{RunDir, check_output, write_json, write_text};
use crate::shared_args::{SplitArg, output_index};
use crate::table::count;
use anyhow::Result;
use basewise_core::perturb::{SpacingEffect, room_for, spacing};
use basewise_core::random::stream;
use basewise_core::shuffle::dinucleotide;
use basewise_core::{Alphabet, Code, Dataset, Predict, SequenceBatch, TaskKind};
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise explain spacing quickstart/donor/run --motif CAG --motif GTAAG --most 4 --backgrounds 20

The first motif is put into the middle of backgrounds, the second at each distance after and before it. The interaction is
what both do beyond what each does alone: score(both) - score(first) - score(second) + score(neither). Backgrounds are
examples whose dinucleotides were shuffled. For a profile, the score is the expected total of all its tracks.")]
pub(crate) struct SpacingArgs {
    /// Run directory
    run: PathBuf,
    /// Another data set than the one it was trained on, for the backgrounds
    data: Option<PathBuf>,
    /// A motif, by its id or as bases; give two
    #[arg(long = "motif", value_name = "ID|BASES", required = true)]
    wanted: Vec<String>,
    /// Motif file: MEME, JASPAR or TRANSFAC [default: the built-in JASPAR CORE]
    #[arg(long, value_name = "FILE")]
    motifs: Option<PathBuf>,
    /// Fewest bases between the two
    #[arg(long, default_value_t = 0, value_name = "N")]
    least: usize,
    /// Most bases between the two
    #[arg(long, default_value_t = 40, value_name = "N")]
    most: usize,
    /// Backgrounds to average over, at least 2
    #[arg(long, default_value_t = 100, value_name = "N")]
    backgrounds: usize,
    /// Which examples are shuffled into backgrounds
    #[arg(long, value_enum, default_value = "test")]
    split: SplitArg,
    /// The output to ask for, as a raw score: a task, task:class, or a number [default: a profile's total, else the first]
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// Table to write: FILE.tsv, FILE.json, or - for stdout
    #[arg(short, long, default_value = "-", value_name = "FILE")]
    output: PathBuf,
    /// Seed of the shuffles
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What is written as JSON.
#[derive(Serialize)]
struct Report {
    format_version: u32,
    command: String,
    first: Motif,
    second: Motif,
    target: String,
    backgrounds: usize,
    rows: Vec<Row>,
    /// Where the interaction is farthest from that of motifs far apart (the median of the quarter with the largest spacings; of
    /// fewer than four spacings, from 0).
    peak: Row,
}

/// A motif and the bases that stand for it.
#[derive(Clone, Serialize)]
pub(super) struct Motif {
    id: String,
    pub(super) sequence: String,
}

/// One distance.
#[derive(Clone, Serialize)]
struct Row {
    /// Ids from left to right.
    order: String,
    /// Bases between the two.
    spacing: usize,
    /// Mean score with both.
    pair: f64,
    /// Mean over the backgrounds.
    interaction: f64,
    /// 95 % interval of the mean, by its standard error.
    low: f64,
    high: f64,
}

pub(super) fn run(args: &SpacingArgs, printer: &Printer) -> Result<Outcome> {
    if args.backgrounds < 2 {
        return Err(user(
            format!("expected --backgrounds of at least 2, found {}", args.backgrounds),
            Some("the interval of a mean rests on how far backgrounds differ"),
        ));
    }
    if args.least > args.most {
        return Err(user(format!("expected --least of at most {}, found {}", args.most, args.least), None));
    }
    check_output(&args.output, &["tsv", "json"])?;
    let run = RunDir::open(&args.run)?;
    let model = run.model()?;
    let motifs = motifs(args, model.encoding().alphabet)?;
    let codes = [&motifs[0], &motifs[1]].map(|motif| model.encoding().encode(motif.sequence.as_bytes()));
    let [first, second] = codes;
    let (first, second) = (first?, second?);
    check_room(args, model.length(), &first, &second)?;
    let (dataset, _, path) = run.dataset(args.data.as_deref())?;
    let rows = args.split.rows(&dataset, &path)?;
    let backgrounds = backgrounds(args, &model, dataset, &rows)?;
    let (quantity, target) = quantity(args, &model)?;
    let steps = 2 * (args.most - args.least + 1);
    let bar = printer.bar(steps as u64, "spacings {bar:24} {pos}/{len}, {eta} left");
    let tell = &mut |done| bar.set_position(done as u64);
    let effects = spacing(&model, &backgrounds, [&first, &second], (args.least, args.most), &*quantity, 64, tell)?;
    bar.finish_and_clear();
    let rows: Vec<Row> = effects.iter().map(|effect| row(effect, &motifs)).collect();
    let Some(peak) = peak(&rows) else { return Err(user("expected a spacing with room, found none", None)) };
    let [first, second] = motifs;
    let report = Report {
        format_version: 1,
        command: command_line(),
        first,
        second,
        target,
        backgrounds: backgrounds.len(),
        rows,
        peak,
    };
    write(args, &report, printer)?;
    let Row { order, spacing, interaction, low, high, .. } = &report.peak;
    let how = if is_far(&report.rows) { "stands out most" } else { "is largest" };
    printer.talk(&format!(
        "the interaction {how} {spacing} bases apart in the order {order}: {interaction:.3} ({low:.3} to {high:.3}) over {} backgrounds",
        count(report.backgrounds)
    ));
    Ok(Outcome::Done)
}

/// The two motifs.
fn motifs(args: &SpacingArgs, alphabet: Alphabet) -> Result<[Motif; 2]> {
    match &args.wanted[..] {
        [first, second] => {
            let known = known(args.motifs.as_deref())?;
            Ok([find(&known, first, alphabet)?, find(&known, second, alphabet)?])
        }
        other => Err(user(format!("expected two motifs, found {}", other.len()), Some("give --motif twice"))),
    }
}

/// The motifs of a file, or of JASPAR CORE.
pub(super) fn known(file: Option<&Path>) -> Result<Vec<basewise_motif::Motif>> {
    match file {
        Some(path) => crate::commands::motifs::read(path),
        None => crate::embedded::jaspar(),
    }
}

/// One of the known motifs, by its consensus, or a motif as it was spelled.
pub(super) fn find(known: &[basewise_motif::Motif], text: &str, alphabet: Alphabet) -> Result<Motif> {
    if let Some(motif) = known.iter().find(|motif| motif.id == *text || motif.name == *text) {
        return Ok(Motif { id: motif.id.clone(), sequence: motif.consensus() });
    }
    if !text.is_empty() && text.bytes().all(|letter| b"ACGTUacgtu".contains(&letter)) {
        let letters = alphabet.letters();
        let spelled = text.to_ascii_uppercase().replace(['T', 'U'], &char::from(letters[3]).to_string());
        return Ok(Motif { id: spelled.clone(), sequence: spelled });
    }
    let hint = "give an id or name of the motif file (--motifs FILE; else JASPAR CORE, such as MA0139.2), or bases";
    Err(user(format!("expected the id of a known motif or bases as a motif, found {text:?}"), Some(hint)))
}

/// All spacings that were asked for must fit.
fn check_room(args: &SpacingArgs, length: usize, first: &[Code], second: &[Code]) -> Result<()> {
    match room_for(length, first.len(), second.len()) {
        Some(room) if args.most <= room => Ok(()),
        Some(room) => Err(user(
            format!("expected --most of at most {room} in {length} positions, found {}", args.most),
            Some("the first motif stands in the middle"),
        )),
        None => Err(user(
            format!(
                "expected motifs that fit into {length} positions, found {} and {} bases",
                first.len(),
                second.len()
            ),
            Some("the first motif stands in the middle"),
        )),
    }
}

/// Examples with shuffled dinucleotides; each is used again when there are too few, with another shuffle.
fn backgrounds(args: &SpacingArgs, model: &dyn Predict, mut dataset: Dataset, rows: &[usize]) -> Result<SequenceBatch> {
    let shuffled = (0..args.backgrounds).map(|i| {
        let mut example = dataset.examples[rows[i % rows.len()]].clone();
        let mut rng = stream(args.seed, "spacing backgrounds", &[i as u64]);
        example.sequence = dinucleotide(&example.sequence, &mut rng);
        example
    });
    dataset.examples = shuffled.collect();
    batch_of_rows(model, &dataset, 0..args.backgrounds)
}

/// A number for a row of raw scores.
type Quantity = Box<dyn Fn(&[f32]) -> f64>;

/// What the motifs are to change, and its name.
fn quantity(args: &SpacingArgs, model: &dyn Predict) -> Result<(Quantity, String)> {
    if let (None, Some(task)) = (&args.target, model.tasks().first())
        && let TaskKind::Profile(profile) = &task.kind
    {
        let totals = profile.tracks.len() * profile.bins..profile.outputs();
        let total = move |row: &[f32]| row[totals.clone()].iter().map(|&log| f64::from(log).exp_m1().max(0.0)).sum();
        return Ok((Box::new(total), format!("{}:total", task.name)));
    }
    let (index, name) = output_index(model.tasks(), args.target.as_deref())?;
    Ok((Box::new(move |row: &[f32]| f64::from(row[index])), name))
}

fn row(effect: &SpacingEffect, motifs: &[Motif; 2]) -> Row {
    let [first, second] = [&motifs[0].id, &motifs[1].id];
    let order = if effect.first_before { format!("{first},{second}") } else { format!("{second},{first}") };
    let n = effect.interaction.len() as f64;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / n;
    let interaction = mean(&effect.interaction);
    let squares: f64 = effect.interaction.iter().map(|value| (value - interaction).powi(2)).sum();
    let half = 1.96 * (squares / (n - 1.0) / n).sqrt();
    Row {
        order,
        spacing: effect.spacing,
        pair: mean(&effect.pair),
        interaction,
        low: interaction - half,
        high: interaction + half,
    }
}

/// Spacings that are needed to say what motifs far apart do.
const FAR: usize = 4;

/// The row whose interaction is farthest from that of motifs far apart, the first of equals. Motifs that do nothing to each
/// other can still have an interaction, where effects multiply in the model. Where there are too few spacings for that, it is
/// the row with the largest interaction of either sign.
fn peak(rows: &[Row]) -> Option<Row> {
    let mut by_spacing: Vec<&Row> = rows.iter().collect();
    by_spacing.sort_by_key(|row| std::cmp::Reverse(row.spacing));
    let apart = if is_far(rows) {
        let mut far: Vec<f64> = by_spacing.iter().take(rows.len().div_ceil(4)).map(|row| row.interaction).collect();
        far.sort_by(f64::total_cmp);
        *far.get(far.len() / 2)?
    } else {
        0.0
    };
    let away = |row: &Row| (row.interaction - apart).abs();
    rows.iter().rev().max_by(|a, b| away(a).total_cmp(&away(b))).cloned()
}

/// Whether some of the spacings are far beside others.
fn is_far(rows: &[Row]) -> bool {
    let spacings = || rows.iter().map(|row| row.spacing);
    matches!((spacings().min(), spacings().max()), (Some(least), Some(most)) if most - least + 1 >= FAR)
}

fn write(args: &SpacingArgs, report: &Report, printer: &Printer) -> Result<()> {
    let mut table = String::from("order\tspacing\tpair\tinteraction\tlow\thigh\n");
    for Row { order, spacing, pair, interaction, low, high } in &report.rows {
        table += &format!("{order}\t{spacing}\t{pair:.6}\t{interaction:.6}\t{low:.6}\t{high:.6}\n");
    }
    if args.output.as_os_str() == "-" {
        return if args.json { printer.json(report) } else { printer.data(&table) };
    }
    if args.output.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
        write_json(&args.output, report)?;
    } else {
        write_text(&args.output, &table)?;
    }
    printer.talk(&format!("wrote {}", args.output.display()));
    if args.json { printer.json(report) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(values: &[f64]) -> Vec<Row> {
        let row = |(spacing, &interaction)| Row {
            order: "a,b".into(),
            spacing,
            pair: 0.0,
            interaction,
            low: interaction,
            high: interaction,
        };
        values.iter().enumerate().map(row).collect()
    }

    #[test]
    fn the_peak_is_what_stands_out_whichever_way() {
        assert_eq!(peak(&rows(&[1.0, 1.1, 5.0, 1.0])).unwrap().spacing, 2);
        assert_eq!(peak(&rows(&[9.0, 9.1, 2.0, 9.0])).unwrap().spacing, 2);
        // A broad hill above what motifs far apart have.
        assert_eq!(peak(&rows(&[6.0, 8.0, 9.0, 8.0, 6.0, 4.0, 3.0, 3.0])).unwrap().spacing, 2);
        assert_eq!(peak(&rows(&[0.0, 0.0])).unwrap().spacing, 0);
        // Too few spacings to know what motifs far apart do: the largest of either sign.
        assert_eq!(peak(&rows(&[0.1, -4.2, 4.0])).unwrap().spacing, 1);
        let mut both = rows(&[4.22]);
        both.push(Row { order: "b,a".into(), interaction: 0.085, ..both[0].clone() });
        assert_eq!(peak(&both).unwrap().order, "a,b");
        assert!(peak(&[]).is_none());
    }

    #[test]
    fn a_mean_has_an_interval() {
        let effect =
            SpacingEffect { first_before: false, spacing: 3, pair: vec![2.0, 4.0], interaction: vec![1.0, 3.0] };
        let motif = |id: &str| Motif { id: id.into(), sequence: "A".into() };
        let row = row(&effect, &[motif("a"), motif("b")]);
        assert_eq!((row.order.as_str(), row.pair, row.interaction), ("b,a", 3.0, 2.0));
        assert!((row.high - 2.0 - 1.96).abs() < 1e-12 && (2.0 - row.low - 1.96).abs() < 1e-12);
    }
}
