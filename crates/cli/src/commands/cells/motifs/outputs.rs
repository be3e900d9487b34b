//! What is written of the clusters' motifs.

use super::MotifsArgs;
use super::sets::{Sequence, Set};
use crate::commands::command_line;
use crate::commands::motifs::discover::outputs::PatternRecord;
use crate::commands::motifs::enrich::MotifRecord;
use crate::run_dir::{self, write_json, write_text};
use crate::table::{Table, count};
use anyhow::Result;
use basewise_io::output::write_file;
use serde::Serialize;
use std::path::Path;

/// The file that tells such a folder.
const MARKER: &str = "motifs.json";

/// `motifs.json`.
#[derive(Serialize)]
pub(super) struct Found {
    format_version: u32,
    version: &'static str,
    command: String,
    input: String,
    clusters: Vec<Cluster>,
}

/// One cluster.
#[derive(Serialize)]
pub(super) struct Cluster {
    name: String,
    folder: String,
    sequences: usize,
    /// Sequences of all other clusters.
    pub(super) others: usize,
    /// Motifs that nobody named, the most significant first.
    pub(super) motifs: Vec<PatternRecord>,
    /// Motifs of the database that more of its sequences have.
    pub(super) enriched: Vec<Enriched>,
    /// Why there is none, where there is none.
    pub(super) reasons: Vec<String>,
}

/// A known motif that more sequences of a cluster have than of the others.
#[derive(Serialize)]
pub(super) struct Enriched {
    motif: String,
    name: String,
    sequences: usize,
    others: usize,
    log10_q_value: f64,
}

impl From<MotifRecord> for Enriched {
    fn from(record: MotifRecord) -> Self {
        let MotifRecord { motif, name, foreground, background, log10_q_value, .. } = record;
        Self { motif, name, sequences: foreground, others: background, log10_q_value }
    }
}

impl Cluster {
    pub(super) fn new(set: &Set, others: usize) -> Self {
        let (motifs, enriched, reasons) = (Vec::new(), Vec::new(), Vec::new());
        let (name, folder, sequences) = (set.name.clone(), set.folder.clone(), set.sequences.len());
        Self { name, folder, sequences, others, motifs, enriched, reasons }
    }
}

impl Found {
    pub(super) fn new(args: &MotifsArgs, clusters: Vec<Cluster>) -> Self {
        Self {
            format_version: 1,
            version: env!("CARGO_PKG_VERSION"),
            command: command_line(),
            input: args.input.input.display().to_string(),
            clusters,
        }
    }
}

/// Removes what an earlier search has left, and refuses a folder of something else.
pub(super) fn make_room(output: &Path) -> Result<()> {
    let marker = output.join(MARKER);
    let mut parts = vec!["motifs.tsv".to_owned()];
    if marker.is_file() {
        let earlier: serde_json::Value = run_dir::read_json(&marker)?;
        let folders = earlier["clusters"].as_array().into_iter().flatten().filter_map(|own| own["folder"].as_str());
        // A folder beside ours is nobody's to remove.
        parts.extend(folders.filter(|name| !name.contains(['/', '\\']) && !name.starts_with('.')).map(str::to_owned));
    }
    run_dir::make_room(output, MARKER, &parts.iter().map(String::as_str).collect::<Vec<_>>())
}

pub(super) fn write_fasta<'a>(path: &Path, sequences: impl Iterator<Item = &'a Sequence>) -> Result<()> {
    Ok(write_file(path, |sink| {
        for sequence in sequences {
            writeln!(sink, ">{}", sequence.id)?;
            sink.write_all(&sequence.letters)?;
            sink.write_all(b"\n")?;
        }
        Ok(())
    })?)
}

/// The places of a set, if it has any: BED with the name of the feature and its score.
pub(super) fn write_bed(path: &Path, set: &Set) -> Result<()> {
    let line = |own: &Sequence| {
        let place = own.place.as_ref()?;
        Some(format!("{}\t{}\t{}\t{}\t{:.4}\t.\n", place.chrom, place.start, place.end, own.id, own.score))
    };
    let lines: String = set.sequences.iter().filter_map(line).collect();
    if lines.is_empty() { Ok(()) } else { write_text(path, &lines) }
}

/// `motifs.tsv` and `motifs.json`.
pub(super) fn write(args: &MotifsArgs, found: &Found) -> Result<()> {
    let mut table = "cluster\tmotif\tconsensus\tsequences\twith_motif\tothers\tothers_with_motif\tp_value\te_value\tmatch\tmatch_name\n"
        .to_owned();
    for cluster in &found.clusters {
        for motif in &cluster.motifs {
            let Some(own) = &motif.enrichment else { continue };
            let with =
                [own.training.foreground + own.held_out.foreground, own.training.background + own.held_out.background];
            let best = motif.matches.first();
            table += &format!(
                "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{:.3e}\t{:.3e}\t{}\t{}\n",
                cluster.name,
                motif.id,
                motif.consensus,
                cluster.sequences,
                with[0],
                cluster.others,
                with[1],
                own.p_value,
                own.e_value,
                best.map_or("", |own| own.target.as_str()),
                best.map_or("", |own| own.name.as_str())
            );
        }
    }
    write_text(&args.output.join("motifs.tsv"), &table)?;
    write_json(&args.output.join(MARKER), found)
}

/// A line a motif.
pub(super) fn text(found: &Found) -> String {
    let is_tested = found.clusters.iter().any(|cluster| !cluster.enriched.is_empty());
    let mut table = Table::new(&["cluster", "sequences", "others", "motif", "E-value", "looks like"]);
    for cluster in &found.clusters {
        let sizes = || [cluster.name.clone(), count(cluster.sequences), count(cluster.others)];
        if cluster.motifs.is_empty() {
            table.row(sizes().into_iter().chain(["–".to_owned(), String::new(), String::new()]));
        }
        for motif in &cluster.motifs {
            let e = motif.enrichment.as_ref().map_or_else(String::new, |own| format!("{:.1e}", own.e_value));
            let best = motif.matches.first().map_or_else(String::new, |own| own.name.clone());
            table.row(sizes().into_iter().chain([motif.consensus.clone(), e, best]));
        }
    }
    let mut text = table.render();
    if is_tested {
        let mut known = Table::new(&["cluster", "known motif", "name", "sequences", "others", "q-value"]);
        for cluster in &found.clusters {
            for motif in cluster.enriched.iter().take(3) {
                known.row([
                    cluster.name.clone(),
                    motif.motif.clone(),
                    motif.name.clone(),
                    count(motif.sequences),
                    count(motif.others),
                    format!("1e{:.1}", motif.log10_q_value),
                ]);
            }
        }
        text = format!("{text}\n{}", known.render());
    }
    text
}
