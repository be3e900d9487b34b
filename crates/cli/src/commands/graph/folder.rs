//! The run directory of a graph network.

use super::record::{GraphRun, Judged, Question, SeedEpoch};
use crate::failure::user;
use crate::printer::Printer;
use crate::run_dir::{keep_trained, make_room, read_json, write_json, write_text};
use crate::table::duration;
use anyhow::{Context, Result};
use basewise_nn::graph::nodes::Epoch;
use basewise_nn::graph::{SavedNetworks, load, save};
use std::path::{Path, PathBuf};

/// The file that tells such a directory.
const MARKER: &str = "graph.json";
const MODEL: &str = "model.safetensors";
const PARTS: [&str; 7] =
    [MARKER, MODEL, "metrics.json", "history.jsonl", "predictions.parquet", "links.tsv", "report.html"];

/// Makes room for a run.
pub(super) fn room(directory: &Path, overwrite: bool) -> Result<()> {
    keep_trained(directory, MARKER, overwrite)?;
    make_room(directory, MARKER, &PARTS)
}

/// Refuses networks whose loss stopped being a number.
pub(super) fn converged<'a>(mut histories: impl Iterator<Item = &'a Vec<Epoch>>, learning_rate: f64) -> Result<()> {
    let last = histories.find_map(|history| history.last().filter(|epoch| !epoch.is_finite()));
    let Some(last) = last else { return Ok(()) };
    Err(user(
        format!("training diverged: expected a loss that is a number, found none in epoch {}", last.epoch),
        Some(&format!("a lower --learning-rate than {learning_rate} may help, and features without extreme values")),
    ))
}

/// Writes a run; the marker comes last.
pub(super) fn write(
    directory: &Path,
    run: &GraphRun,
    saved: &SavedNetworks,
    judged: &Judged,
    histories: &[Vec<Epoch>],
    printer: &Printer,
) -> Result<()> {
    let seeds = saved.seeds.iter().zip(histories);
    let history: Vec<SeedEpoch> =
        seeds.flat_map(|(&seed, epochs)| epochs.iter().map(move |&epoch| SeedEpoch { seed, epoch })).collect();
    let mut lines = String::new();
    for line in &history {
        lines += &serde_json::to_string(line)?;
        lines.push('\n');
    }
    write_text(&directory.join("history.jsonl"), &lines)?;
    save(&directory.join(MODEL), saved)?;
    write_json(&directory.join("metrics.json"), judged)?;
    let page = crate::report::graph::GraphReport {
        title: format!("Graph network: {}", directory.display()),
        run,
        judged,
        history: &history,
    };
    write_text(&directory.join("report.html"), &crate::report::graph::render(&page))?;
    write_json(&directory.join(MARKER), run)?;
    printer.talk(&format!("the page is {}", directory.join("report.html").display()));
    Ok(())
}

/// Says how long training took, and what was reached.
pub(super) fn tell(run: &GraphRun, judged: &Judged, json: bool, printer: &Printer) -> Result<()> {
    printer.talk(&format!("trained {} in {}", networks(run.seeds), duration(run.seconds)));
    if json { printer.json(judged) } else { printer.data(&judged.text()) }
}

/// So many networks, in words.
pub(super) fn networks(number: usize) -> String {
    if number == 1 { "one network".to_owned() } else { format!("{number} networks") }
}

/// A run that is there.
pub(super) fn open(directory: &Path, question: Option<Question>) -> Result<(GraphRun, SavedNetworks)> {
    let marker: PathBuf = directory.join(MARKER);
    if !marker.is_file() {
        return Err(user(
            format!("{}: expected a run of `basewise graph`, found no graph.json in it", directory.display()),
            Some("such a run is made by `basewise graph train` or `basewise graph links`"),
        ));
    }
    let run: GraphRun = read_json(&marker)?;
    if question.is_some_and(|question| question != run.question) {
        let (expected, found) = match run.question {
            Question::Links => ("classes of nodes", "one of links"),
            Question::Nodes => ("links", "one of classes of nodes"),
        };
        return Err(user(format!("{}: expected a run of {expected}, found {found}", directory.display()), None));
    }
    let saved = load(&directory.join(MODEL))?;
    Ok((run, saved))
}

/// Refuses files that have changed since training.
pub(super) fn same_files(run: &GraphRun) -> Result<()> {
    let now = run.input.sources().context("the graph that the network was trained on is read again")?;
    for (then, now) in run.sources.iter().zip(now) {
        if then.sha256 != now.sha256 {
            return Err(user(
                format!("{}: expected the file that the network was trained on, found another one", now.path),
                Some("train again, or name the graph with --edges and --features"),
            ));
        }
    }
    Ok(())
}
