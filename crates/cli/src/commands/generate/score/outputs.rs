//! What `basewise generate score` writes.

use super::measures::{Judge, LONGEST_WORD};
use super::{ScoreArgs, Set};
use crate::commands::generate::examples::Examples;
use crate::report::generated::{Measured, ScorePage, render_score};
use crate::run_dir::{write_json, write_text};
use crate::table::Table;
use anyhow::Result;
use basewise_core::Code;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

pub(super) const RECORD: &str = "score.json";
pub(super) const PARTS: [&str; 3] = [RECORD, "score.tsv", "report.html"];

/// `score.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ScoreRecord {
    pub(super) format_version: u32,
    pub(super) version: String,
    pub(super) command: String,
    pub(super) sequences: PathBuf,
    pub(super) dataset: PathBuf,
    /// The label of the real examples.
    pub(super) examples: String,
    /// Held-out sequences that sets are compared with.
    pub(super) held_out: usize,
    pub(super) train: usize,
    /// Of the Markov model.
    pub(super) order: usize,
    pub(super) seed: u64,
    pub(super) sets: Vec<Measured>,
}

impl ScoreRecord {
    pub(super) fn new(
        command: String,
        args: &ScoreArgs,
        examples: &Examples,
        judge: &Judge<'_>,
        sets: Vec<Measured>,
    ) -> Self {
        Self {
            format_version: 1,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            command,
            sequences: args.sequences.clone(),
            dataset: args.data.clone(),
            examples: examples.label.clone(),
            held_out: judge.held.len(),
            train: judge.train.len(),
            order: args.order,
            seed: args.seed,
            sets,
        }
    }
}

/// A number, or a dash.
fn cell(value: Option<f64>, decimals: usize) -> String {
    value.map_or("–".to_owned(), |value| format!("{value:.decimals$}"))
}

/// The columns of the tables, and the cells of a row.
fn columns(row: &Measured) -> Vec<(String, String)> {
    let mut cells = vec![("set".to_owned(), row.set.clone()), ("sequences".to_owned(), row.sequences.to_string())];
    let mut push =
        |name: &str, value: Option<f64>, decimals: usize| cells.push((name.to_owned(), cell(value, decimals)));
    for (k, divergence) in row.word_divergence.iter().enumerate() {
        push(&format!("words_{}", k + 1), *divergence, 5);
    }
    push("gc", row.gc, 4);
    push("gc_distance", row.gc_distance, 4);
    push("difference", row.difference, 4);
    push("duplicates", Some(row.duplicates as f64), 0);
    for (name, near) in [("hamming", row.hamming), ("edit", row.edit)] {
        push(&format!("{name}_smallest"), near.map(|near| near.smallest as f64), 0);
        push(&format!("{name}_median"), near.map(|near| near.median as f64), 0);
    }
    push("auroc_words", row.auroc_words, 4);
    push("auroc_positions", row.auroc_positions, 4);
    if row.motifs.is_some() {
        push("spacing", row.spacing_divergence, 5);
        push("motifs", row.motifs, 3);
    }
    if let Some(prediction) = &row.prediction {
        push("prediction_mean", Some(prediction.mean), 4);
        push("prediction_median", Some(prediction.median), 4);
    }
    cells
}

/// The table for a terminal: what most readers look at.
pub(super) fn table(record: &ScoreRecord) -> String {
    let shown = |row: &Measured| {
        let keep = [
            "set",
            "words_1",
            "words_3",
            "words_6",
            "gc",
            "hamming_median",
            "edit_median",
            "auroc_words",
            "auroc_positions",
        ];
        let more = ["spacing", "prediction_mean"];
        let cells =
            columns(row).into_iter().filter(|(name, _)| keep.contains(&name.as_str()) || more.contains(&name.as_str()));
        cells.collect::<Vec<_>>()
    };
    let header: Vec<String> =
        record.sets.first().map(shown).unwrap_or_default().into_iter().map(|(name, _)| name).collect();
    let mut table = Table::new(&header.iter().map(String::as_str).collect::<Vec<_>>());
    record.sets.iter().for_each(|row| table.row(shown(row).into_iter().map(|(_, cell)| cell)));
    table.render()
}

pub(super) fn write(
    directory: &Path,
    record: &ScoreRecord,
    judge: &Judge<'_>,
    sets: &[Set],
    examples: &Examples,
) -> Result<()> {
    fs_err::create_dir_all(directory)?;
    let lines = |row: &Measured| columns(row).into_iter().map(|(_, cell)| cell).collect::<Vec<_>>().join("\t");
    let header = record.sets.first().map(columns).unwrap_or_default();
    let header: Vec<String> = header.into_iter().map(|(name, _)| name).collect();
    let mut text = header.join("\t") + "\n";
    record.sets.iter().for_each(|row| text += &(lines(row) + "\n"));
    write_text(&directory.join("score.tsv"), &text.replace('–', ""))?;
    let sequences: Vec<(&str, Vec<&[Code]>)> =
        sets.iter().map(|set| (set.name, set.sequences.iter().map(Vec::as_slice).collect())).collect();
    let page = ScorePage {
        title: format!("Generated sequences beside real ones ({})", record.examples),
        command: &record.command,
        alphabet: examples.encoding.alphabet,
        length: examples.length,
        word: LONGEST_WORD,
        rows: &record.sets,
        held: &judge.held,
        sets: &sequences,
        order: record.order,
    };
    write_text(&directory.join("report.html"), &render_score(&page))?;
    write_json(&directory.join(RECORD), record)
}
