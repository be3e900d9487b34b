//! `basewise quickstart`: the whole path on embedded real data, as commands that can be repeated by hand.

use crate::failure::Outcome;
use crate::printer::Printer;
use crate::run_dir::{read_json, write_bytes};
use crate::table::duration;
use crate::{Cli, embedded};
use anyhow::Result;
use clap::{Args, Parser};
use std::path::{Path, PathBuf};
use std::time::Instant;

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise quickstart -o quickstart --overwrite

Splice donors and acceptors of Drosophila (140 nt, split by gene) are written to DIR/inputs, beside CTCF peaks and
JASPAR matrices to play with; then every step of the path runs, and each command is printed before it runs.")]
pub(crate) struct QuickstartArgs {
    /// Directory to write
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Replace an earlier quickstart
    #[arg(long)]
    overwrite: bool,
    /// Seed of everything random
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What is learned, and what it is.
const SITES: [(&str, &str); 2] =
    [("donor", "splice donors (5' splice sites)"), ("acceptor", "splice acceptors (3' splice sites)")];

pub(crate) fn run(args: &QuickstartArgs, printer: &Printer) -> Result<Outcome> {
    let start = Instant::now();
    let dir = &args.output;
    prepare(args)?;
    for (name, bytes) in embedded::files()? {
        write_bytes(&dir.join("inputs").join(name), &bytes)?;
    }
    printer.talk(&format!("wrote the embedded inputs to {}", dir.join("inputs").display()));
    for (site, description) in SITES {
        printer.talk(&format!("\n# {description}"));
        for words in steps(dir, site, args.seed) {
            if !step(&words, printer)? {
                return Ok(Outcome::No);
            }
        }
    }
    printer.talk("\n# the report");
    let report = path(dir, "report.html");
    let runs = SITES.map(|(site, _)| path(dir, &format!("{site}/run")));
    step(
        &["report", &runs[0], &runs[1], "-o", &report, "--title", "Splice sites of Drosophila"].map(str::to_owned),
        printer,
    )?;
    summary(dir, &report, start.elapsed().as_secs_f64(), printer)?;
    Ok(Outcome::Done)
}

fn prepare(args: &QuickstartArgs) -> Result<()> {
    let dir = &args.output;
    let occupied = dir.is_dir() && fs_err::read_dir(dir)?.next().is_some();
    if !occupied {
        return Ok(());
    }
    let shown = dir.display();
    if !dir.join("inputs/donor.tsv").is_file() {
        return Err(crate::failure::user(
            format!("{shown}: expected a new or empty directory, found other files in it"),
            Some("choose another directory with -o"),
        ));
    }
    if !args.overwrite {
        return Err(crate::failure::user(
            format!("{shown}: an earlier quickstart is there"),
            Some("--overwrite replaces it"),
        ));
    }
    for part in ["inputs", "donor", "acceptor"] {
        if dir.join(part).exists() {
            fs_err::remove_dir_all(dir.join(part))?;
        }
    }
    Ok(())
}

fn path(dir: &Path, name: &str) -> String {
    dir.join(name).to_string_lossy().into_owned()
}

/// The commands for one kind of site. Both are read on the strand of their gene, so no reverse complements.
fn steps(dir: &Path, site: &str, seed: u64) -> Vec<Vec<String>> {
    let [raw, data, run] = ["raw", "data", "run"].map(|part| path(dir, &format!("{site}/{part}")));
    let (table, filters) = (path(dir, &format!("inputs/{site}.tsv")), format!("{run}/filters"));
    let seed = seed.to_string();
    let commands: [&[&str]; 9] = [
        &["dataset", "sequences", &table, "--seed", &seed, "-o", &raw],
        &["dataset", "check", &raw, "--fix", &data],
        &["train", &data, "--model", "cnn", "--reverse-complement", "off", "--seed", &seed, "-o", &run],
        &["dataset", "check", &data, "-o", &format!("{run}/check.json")],
        &["evaluate", &run],
        &["explain", &run, "--method", "ism", "--limit", "100"],
        &["motifs", "filters", &run],
        &["motifs", "match", &format!("{filters}/filters.meme"), "-o", &format!("{filters}/matches.json")],
        &["report", &run],
    ];
    commands.map(|words| words.iter().map(|&w| w.to_owned()).collect()).into()
}

/// Prints a command, then runs it in this process. False if it was interrupted.
fn step(words: &[String], printer: &Printer) -> Result<bool> {
    let line = words.iter().map(|w| super::quote(w)).collect::<Vec<_>>().join(" ");
    printer.talk(&format!("\n$ basewise {line}"));
    super::set_command_line(&format!("basewise {line}"));
    let cli = Cli::try_parse_from(std::iter::once("basewise").chain(words.iter().map(String::as_str)))?;
    let interrupted = words[0] == "train";
    Ok(super::run(cli.command, printer)? == Outcome::Done || !interrupted)
}

fn summary(dir: &Path, report: &str, seconds: f64, printer: &Printer) -> Result<()> {
    printer.talk("");
    for (site, description) in SITES {
        let metrics: super::evaluate::Evaluation = read_json(&dir.join(site).join("run/metrics.json"))?;
        if let Some(auroc) = metrics.model.first().and_then(|task| task.metrics.get("auroc"))
            && let (Some(value), Some(low), Some(high)) = (auroc.value, auroc.low, auroc.high)
        {
            printer.talk(&format!("{description}: test AUROC {value:.4} (95 % interval {low:.4} to {high:.4})"));
        }
    }
    printer.talk(&format!("done in {}; open this in a browser:", duration(seconds)));
    printer.data(report)
}
