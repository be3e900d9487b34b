//! `basewise motifs enrich`: which motifs occur in more sequences of one set than of another.

use super::enrich_sets::{Set, SetArgs, sets};
use super::scan_args::ScanSettings;
use crate::commands::command_line;
use crate::failure::user;
use crate::printer::Printer;
use crate::run_dir::{make_room, write_json, write_text};
use crate::table::{Table, count};
use anyhow::Result;
use basewise_motif::Motif;
use basewise_motif::enrich::{Enrichment, Pair, Spacing, enrichment, pairs, sequences_with, spacing};
use basewise_motif::scan::{Occurrence, Scanner};
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise motifs enrich quickstart/inputs/jaspar.meme quickstart/inputs/ctcf.fa --only MA0139.2,MA1929.2 -o ctcf-enriched
  $ basewise motifs enrich quickstart/donor/run/filters/filters.meme quickstart/donor/data --split test --pairs -o donor-enriched

A sequence has a motif if some place of it reaches --p-value. The test is Fisher's exact one, one-sided: more sequences of the
foreground have it. q-values are those of Benjamini and Hochberg (1995) over all motifs of the file.

The background is that of --background-sequences; or, of a data set, the examples of the other classes; or else the foreground
itself, each sequence shuffled so that its pairs of neighbours stay (--seed).

--pairs tests all pairs of motifs for sequences of the foreground that have both: Fisher's exact test, q-values over all pairs.
`apart` counts those in which the two do not overlap. --spacing A,B tests each gap up to --max-gap, side and strand of B as A
reads, over the best places of either in each sequence, against B standing anywhere beside A.

DIR gets enrichment.tsv, pairs.tsv, spacing.tsv and enrichment.json.")]
pub(crate) struct EnrichArgs {
    /// Motif file: MEME, JASPAR or TRANSFAC; `jaspar` is the built-in JASPAR CORE
    motifs: PathBuf,
    #[command(flatten)]
    sets: SetArgs,
    /// Directory to write
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Only motifs of these ids
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    only: Vec<String>,
    #[command(flatten)]
    settings: ScanSettings,
    /// Test pairs of motifs for occurring together
    #[arg(long)]
    pairs: bool,
    /// Test distances, sides and strands of the second motif around the first
    #[arg(long, value_name = "ID,ID", value_delimiter = ',')]
    spacing: Vec<String>,
    /// Largest gap of --spacing in bases
    #[arg(long, default_value_t = 50, value_name = "N")]
    max_gap: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Pairs of more motifs are refused: their number grows with the square.
const MOST_PAIRED: usize = 3000;
/// Larger gaps are refused: every one is tested.
const LARGEST_GAP: usize = 100_000;

/// `enrichment.json`.
#[derive(Serialize)]
pub(crate) struct Record {
    format_version: u32,
    command: String,
    foreground: usize,
    background: usize,
    background_is: String,
    /// The most enriched first.
    pub(crate) motifs: Vec<MotifRecord>,
}

#[derive(Serialize)]
pub(crate) struct MotifRecord {
    pub(crate) motif: String,
    pub(crate) name: String,
    pub(crate) foreground: usize,
    pub(crate) background: usize,
    odds_ratio: f64,
    log10_p_value: f64,
    pub(crate) log10_q_value: f64,
}

impl EnrichArgs {
    /// The motifs of a file in one FASTA file against another one, with the usual settings.
    pub(crate) fn of_files(motifs: &Path, foreground: &Path, background: &Path, output: &Path) -> Self {
        Self {
            motifs: motifs.to_owned(),
            sets: SetArgs::of_files(foreground, background),
            output: output.to_owned(),
            only: Vec::new(),
            settings: ScanSettings::default(),
            pairs: false,
            spacing: Vec::new(),
            max_gap: 50,
            json: false,
        }
    }
}

pub(crate) fn run(args: &EnrichArgs, printer: &Printer) -> Result<()> {
    let record = test(args, printer)?;
    if args.json { printer.json(&record) } else { printer.data(&table(&record)) }
}

/// Tests and writes the directory.
pub(crate) fn test(args: &EnrichArgs, printer: &Printer) -> Result<Record> {
    let (motifs, _) = super::database(&args.motifs)?;
    let motifs = super::chosen(motifs, &args.only, &args.motifs)?;
    let spaced = spaced(args, &motifs)?;
    if args.pairs && motifs.len() > MOST_PAIRED {
        return Err(user(
            format!("expected at most {} motifs beside --pairs, found {}", count(MOST_PAIRED), count(motifs.len())),
            Some("take one of each kind: basewise motifs cluster"),
        ));
    }
    if args.max_gap > LARGEST_GAP {
        let message = format!("expected --max-gap of at most {}, found {}", count(LARGEST_GAP), args.max_gap);
        return Err(user(message, None));
    }
    let (foreground, background, background_is) = sets(&args.sets, printer)?;
    let options = args.settings.options(&motifs, &args.sets.sequences())?;
    let scanner = Scanner::new(&motifs, &options)?;
    let (found, other) = (scanner.scan(&foreground.views()), scanner.scan(&background.views()));
    let number =
        |found: &[Occurrence]| -> Vec<usize> { sequences_with(found, motifs.len()).iter().map(Vec::len).collect() };
    let sizes = [foreground.len(), background.len()];
    let mut enriched = enrichment(&number(&found), &number(&other), sizes);
    enriched.sort_by(|a, b| a.ln_p_value.total_cmp(&b.ln_p_value).then(a.motif.cmp(&b.motif)));

    let parts = ["enrichment.tsv", "pairs.tsv", "spacing.tsv", "enrichment.json"];
    make_room(&args.output, "enrichment.json", &parts)?;
    write_text(&args.output.join("enrichment.tsv"), &tsv(&enriched, &motifs, sizes))?;
    let widths: Vec<usize> = motifs.iter().map(Motif::len).collect();
    if args.pairs {
        let tested = pairs(&found, &widths, foreground.len());
        write_text(&args.output.join("pairs.tsv"), &pairs_tsv(&tested, &motifs))?;
    }
    if let Some([a, b]) = spaced {
        let lengths = foreground.lengths();
        let tested = spacing(&found, [a, b], [widths[a], widths[b]], &lengths, options.both_strands, args.max_gap);
        write_text(&args.output.join("spacing.tsv"), &spacing_tsv(&tested))?;
        printer.talk(&spacing_text(&tested, [&motifs[a], &motifs[b]]));
    }
    let record = record(&enriched, &motifs, &foreground, &background, background_is);
    write_json(&args.output.join("enrichment.json"), &record)?;
    let significant = enriched.iter().filter(|e| e.ln_q_value <= 0.05_f64.ln()).count();
    printer.talk(&format!(
        "{} of {} motifs are enriched with q <= 0.05: {} sequences against {} ({}); wrote {}",
        count(significant),
        count(motifs.len()),
        count(sizes[0]),
        count(sizes[1]),
        record.background_is,
        args.output.display()
    ));
    Ok(record)
}

/// Indices of the two motifs of `--spacing`.
fn spaced(args: &EnrichArgs, motifs: &[Motif]) -> Result<Option<[usize; 2]>> {
    let [a, b] = match args.spacing.as_slice() {
        [] => return Ok(None),
        [a, b] => [a, b],
        other => return Err(user(format!("--spacing: expected two ids, found {}", other.join(",")), None)),
    };
    let index = |id: &str| {
        motifs
            .iter()
            .position(|motif| motif.id == id)
            .ok_or_else(|| user(format!("--spacing: expected the id of a motif that is tested, found {id:?}"), None))
    };
    Ok(Some([index(a)?, index(b)?]))
}

fn record(enriched: &[Enrichment], motifs: &[Motif], foreground: &Set, background: &Set, is: String) -> Record {
    let motif = |e: &Enrichment| MotifRecord {
        motif: motifs[e.motif].id.clone(),
        name: motifs[e.motif].name.clone(),
        foreground: e.foreground,
        background: e.background,
        odds_ratio: e.odds_ratio,
        log10_p_value: e.ln_p_value / std::f64::consts::LN_10,
        log10_q_value: e.ln_q_value / std::f64::consts::LN_10,
    };
    Record {
        format_version: 1,
        command: command_line(),
        foreground: foreground.len(),
        background: background.len(),
        background_is: is,
        motifs: enriched.iter().map(motif).collect(),
    }
}

/// A number given by its natural logarithm, also where it is too small for an f64.
fn scientific(ln: f64) -> String {
    let log10 = ln / std::f64::consts::LN_10;
    let mut exponent = log10.floor();
    let mut digits = 10_f64.powf(log10 - exponent);
    if digits >= 9.995 {
        digits = 1.0;
        exponent += 1.0;
    }
    if exponent == 0.0 { format!("{digits:.3}") } else { format!("{digits:.2}e{exponent}") }
}

fn tsv(enriched: &[Enrichment], motifs: &[Motif], [n, m]: [usize; 2]) -> String {
    let mut out = String::from(
        "motif\tname\tforeground\tforeground_share\tbackground\tbackground_share\todds_ratio\tp_value\tq_value\n",
    );
    for e in enriched {
        let share = |k: usize, n: usize| k as f64 / n.max(1) as f64;
        out += &format!(
            "{}\t{}\t{}\t{:.4}\t{}\t{:.4}\t{:.3}\t{}\t{}\n",
            motifs[e.motif].id,
            motifs[e.motif].name,
            e.foreground,
            share(e.foreground, n),
            e.background,
            share(e.background, m),
            e.odds_ratio,
            scientific(e.ln_p_value),
            scientific(e.ln_q_value)
        );
    }
    out
}

fn pairs_tsv(tested: &[Pair], motifs: &[Motif]) -> String {
    let mut out = String::from(
        "motif\tname\tother\tother_name\twith_motif\twith_other\twith_both\tapart\todds_ratio\tp_value\tq_value\n",
    );
    for pair in tested {
        let [a, b] = pair.motifs.map(|i| &motifs[i]);
        out += &format!(
            "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{:.3}\t{}\t{}\n",
            a.id,
            a.name,
            b.id,
            b.name,
            pair.with[0],
            pair.with[1],
            pair.both,
            pair.apart,
            pair.odds_ratio,
            scientific(pair.ln_p_value),
            scientific(pair.ln_q_value)
        );
    }
    out
}

fn spacing_tsv(tested: &Spacing) -> String {
    let mut out = String::from("gap\tside\tstrand\tobserved\texpected\tp_value\tq_value\n");
    for bin in &tested.bins {
        out += &format!(
            "{}\t{}\t{}\t{}\t{:.3}\t{:.3e}\t{:.3e}\n",
            bin.gap,
            if bin.is_downstream { "downstream" } else { "upstream" },
            if bin.same_strand { "same" } else { "opposite" },
            bin.observed,
            bin.expected,
            bin.p_value,
            bin.q_value
        );
    }
    out
}

fn spacing_text(tested: &Spacing, [a, b]: [&Motif; 2]) -> String {
    let start = format!("{} and {} stand side by side in {} sequences", a.id, b.id, count(tested.sequences));
    match tested.bins.iter().min_by(|x, y| x.p_value.total_cmp(&y.p_value)).filter(|bin| bin.q_value <= 0.05) {
        Some(bin) => format!(
            "{start}; most often {} bases apart, {}, on the {} strand: {} times where {:.1} are expected (q = {:.1e})",
            bin.gap,
            if bin.is_downstream { "the second downstream" } else { "the second upstream" },
            if bin.same_strand { "same" } else { "other" },
            bin.observed,
            bin.expected,
            bin.q_value
        ),
        None => format!("{start}; no distance is preferred (q <= 0.05)"),
    }
}

/// The most enriched motifs as a table.
fn table(record: &Record) -> String {
    let mut table = Table::new(&["motif", "name", "foreground", "background", "odds_ratio", "p_value", "q_value"]);
    for e in record.motifs.iter().take(20) {
        table.row([
            e.motif.clone(),
            e.name.clone(),
            e.foreground.to_string(),
            e.background.to_string(),
            format!("{:.2}", e.odds_ratio),
            scientific(e.log10_p_value * std::f64::consts::LN_10),
            scientific(e.log10_q_value * std::f64::consts::LN_10),
        ]);
    }
    table.render()
}

#[cfg(test)]
mod tests {
    use super::scientific;

    #[test]
    fn numbers_beyond_f64_are_written_by_their_logarithm() {
        assert_eq!(scientific(0.0), "1.000");
        assert_eq!(scientific(0.05_f64.ln()), "5.00e-2");
        assert_eq!(scientific(-1000.0 * std::f64::consts::LN_10), "1.00e-1000");
        assert_eq!(scientific(9.9999e-8_f64.ln()), "1.00e-7");
    }
}
