//! What `basewise design` writes.

use super::Place;
use super::goal::Goal;
use crate::report::designed::{DesignLine, DesignPage, render_design};
use crate::run_dir::{write_bytes, write_json, write_text};
use crate::table::Table;
use anyhow::Result;
use basewise_core::Predict;
use basewise_core::design::Design;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

pub(super) const RECORD: &str = "design.json";
pub(super) const PARTS: [&str; 4] = [RECORD, "designed.fa", "steps.tsv", "report.html"];
/// Rows of the table on the terminal.
const ROWS: usize = 20;

/// `design.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct DesignRecord {
    pub(super) format_version: u32,
    pub(super) version: String,
    pub(super) command: String,
    pub(super) run: PathBuf,
    pub(super) sequences: PathBuf,
    pub(super) target: String,
    pub(super) method: String,
    /// At most.
    pub(super) edits: usize,
    pub(super) seed: u64,
    pub(super) designs: Vec<Designed>,
}

/// A designed sequence.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Designed {
    pub(super) id: String,
    pub(super) sequence: String,
    pub(super) start: Scored,
    pub(super) end: Scored,
    pub(super) steps: Vec<Substitution>,
    /// Sequences that the search scored.
    pub(super) scored: usize,
}

/// A raw score, and what it predicts if it does so alone.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Scored {
    pub(super) score: f32,
    pub(super) prediction: Option<f64>,
}

/// A substitution with the score after it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Substitution {
    /// 0-based on the sequence as it was given.
    pub(super) position: usize,
    pub(super) from: char,
    pub(super) to: char,
    #[serde(flatten)]
    pub(super) after: Scored,
}

impl Designed {
    /// The design as letters: those that were given, with the substitutions.
    pub(super) fn new(
        record: &basewise_io::fasta::Record,
        place: Place,
        design: Design,
        model: &dyn Predict,
        goal: &Goal,
    ) -> Self {
        let alphabet = model.encoding().alphabet.letters();
        let mut letters = record.sequence.clone();
        let scored = |score: f32| Scored { score, prediction: goal.prediction(score) };
        let mut steps = Vec::new();
        for step in &design.steps {
            let Some(position) = place.letter(step.position) else { continue };
            let base = alphabet.get(usize::from(step.to)).copied().unwrap_or(b'N');
            // Case may mean something to the model.
            let new = if letters[position].is_ascii_lowercase() { base.to_ascii_lowercase() } else { base };
            let (from, to) = (char::from(letters[position]), char::from(new));
            letters[position] = new;
            steps.push(Substitution { position, from, to, after: scored(step.score) });
        }
        Self {
            id: record.id.clone(),
            sequence: String::from_utf8_lossy(&letters).into_owned(),
            start: scored(design.start),
            end: scored(design.score),
            steps,
            scored: design.scored,
        }
    }
}

fn number(value: Option<f64>) -> String {
    value.map_or(String::new(), |value| format!("{value:.6}"))
}

/// The table for a terminal: the first sequences.
pub(super) fn table(record: &DesignRecord) -> String {
    let mut table =
        Table::new(&["sequence", "edits", "score before", "score after", "predicted before", "predicted after"]);
    for design in record.designs.iter().take(ROWS) {
        let predicted = |scored: Scored| scored.prediction.map_or("–".to_owned(), |value| format!("{value:.4}"));
        table.row([
            design.id.clone(),
            design.steps.len().to_string(),
            format!("{:.4}", design.start.score),
            format!("{:.4}", design.end.score),
            predicted(design.start),
            predicted(design.end),
        ]);
    }
    table.render()
}

pub(super) fn write(directory: &Path, record: &DesignRecord) -> Result<()> {
    fs_err::create_dir_all(directory)?;
    let mut fasta = Vec::new();
    let mut steps = String::from("id\tstep\tposition\tfrom\tto\tscore\tprediction\n");
    for design in &record.designs {
        fasta.extend(format!(">{}\n{}\n", design.id, design.sequence).into_bytes());
        let start = &design.start;
        steps += &format!("{}\t0\t\t\t\t{:.6}\t{}\n", design.id, start.score, number(start.prediction));
        for (i, step) in design.steps.iter().enumerate() {
            let Substitution { position, from, to, after } = step;
            let prediction = number(after.prediction);
            steps += &format!("{}\t{}\t{position}\t{from}\t{to}\t{:.6}\t{prediction}\n", design.id, i + 1, after.score);
        }
    }
    write_bytes(&directory.join("designed.fa"), &fasta)?;
    write_text(&directory.join("steps.tsv"), &steps)?;
    let line = |design: &Designed| {
        let shown = |scored: Scored| scored.prediction.unwrap_or(f64::from(scored.score));
        let scores = std::iter::once(design.start).chain(design.steps.iter().map(|step| step.after));
        DesignLine {
            id: design.id.clone(),
            scores: scores.map(shown).collect(),
            edits: design.steps.iter().map(|step| format!("{}{}{}", step.from, step.position, step.to)).collect(),
            positions: design.steps.iter().map(|step| step.position).collect(),
        }
    };
    let predicted = record.designs.iter().all(|design| design.start.prediction.is_some());
    let page = DesignPage {
        title: format!("Sequences designed for {}", record.target),
        command: &record.command,
        method: &record.method,
        most: record.edits,
        scale: if predicted { "prediction" } else { "raw score" },
        length: record.designs.iter().map(|design| design.sequence.len()).max().unwrap_or(0),
        lines: record.designs.iter().map(line).collect(),
    };
    write_text(&directory.join("report.html"), &render_design(&page))?;
    write_json(&directory.join(RECORD), record)
}
