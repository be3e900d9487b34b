//! `basewise motifs cluster`: motifs that look alike, and one motif for each group.

use super::scan_args::alphabet;
use crate::commands::command_line;
use crate::failure::user;
use crate::printer::Printer;
use crate::run_dir::{make_room, write_bytes, write_json, write_text};
use crate::table::{Table, count};
use anyhow::Result;
use basewise_core::Alphabet;
use basewise_motif::Motif;
use basewise_motif::cluster::{Cluster, Similarities, by_average_linkage, by_matches, merged};
use basewise_motif::formats::Format;
use basewise_motif::matching::MatchOptions;
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise motifs cluster quickstart/donor/run/filters/filters.meme -o filter-clusters
  $ basewise motifs cluster quickstart/donor/run/filters/filters.meme --max-q 0.01 --min-overlap 3 -o filter-matches

Two motifs are as similar as their best alignment: the sum of Pearson's correlations of aligned columns over the columns that
both cover together, 1 for the same motif. Groups are joined while the mean similarity of their motifs is at least
--similarity (average linkage), or, with --max-q, wherever two motifs match with that q-value by Tomtom.

DIR gets clusters.tsv (a line a motif: how it lies on the representative of its cluster), clusters.meme (the members of each
cluster laid over each other and averaged), representatives.meme (the member most like the others) and clusters.json.")]
pub(crate) struct ClusterArgs {
    /// Motif file: MEME, JASPAR or TRANSFAC
    motifs: PathBuf,
    /// Directory to write
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Join groups of this mean similarity or more
    #[arg(long, default_value_t = 0.5, value_name = "0..1")]
    similarity: f32,
    /// Join what matches with this q-value or less by Tomtom instead
    #[arg(long, value_name = "Q", conflicts_with = "similarity")]
    max_q: Option<f64>,
    /// Columns that an alignment must have; a shorter motif must be aligned in full
    #[arg(long, default_value_t = 4, value_name = "N")]
    min_overlap: usize,
    /// Compare the given strands only; RNA motifs are always compared so
    #[arg(long)]
    one_strand: bool,
    /// Draw the merged motifs
    #[arg(long)]
    logos: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// `clusters.json`.
#[derive(Serialize)]
struct Record {
    format_version: u32,
    command: String,
    motifs: usize,
    clusters: Vec<ClusterRecord>,
}

#[derive(Serialize)]
struct ClusterRecord {
    id: String,
    consensus: String,
    representative: String,
    members: Vec<MemberRecord>,
}

#[derive(Serialize)]
struct MemberRecord {
    motif: String,
    name: String,
    /// Position in the representative at which the member begins.
    offset: i32,
    strand: char,
    similarity: f32,
}

pub(crate) fn run(args: &ClusterArgs, printer: &Printer) -> Result<()> {
    if !(0.0..=1.0).contains(&args.similarity) || args.max_q.is_some_and(|q| !(0.0..=1.0).contains(&q)) {
        return Err(user("expected --similarity and --max-q of 0 to 1", None));
    }
    let motifs = super::read(&args.motifs)?;
    let both = alphabet(&motifs)? == Alphabet::Dna && !args.one_strand;
    let Some(similarities) = Similarities::new(&motifs, args.min_overlap, both) else {
        return Err(user(
            format!("{}: expected at most 6,000 motifs, found {}", args.motifs.display(), count(motifs.len())),
            Some("cluster parts of the file first"),
        ));
    };
    let clusters = match args.max_q {
        Some(max_q) => {
            let options =
                MatchOptions { reverse_complement: both, min_overlap: args.min_overlap, ..MatchOptions::default() };
            by_matches(&motifs, &similarities, &options, max_q)
        }
        None => by_average_linkage(&similarities, args.similarity),
    };
    let together: Vec<Motif> = clusters
        .iter()
        .enumerate()
        .map(|(i, cluster)| merged(cluster, &motifs, &format!("cluster_{}", i + 1)))
        .collect();
    let record = Record {
        format_version: 1,
        command: command_line(),
        motifs: motifs.len(),
        clusters: clusters.iter().zip(&together).map(|(cluster, merged)| describe(cluster, merged, &motifs)).collect(),
    };
    write(args, &record, &clusters, &motifs, &together)?;
    let alone = clusters.iter().filter(|cluster| cluster.members.len() == 1).count();
    printer.talk(&format!(
        "{} motifs in {} clusters, {} of them alone; wrote {}",
        count(motifs.len()),
        count(clusters.len()),
        count(alone),
        args.output.display()
    ));
    if args.json { printer.json(&record) } else { printer.data(&largest(&record)) }
}

fn write(args: &ClusterArgs, record: &Record, clusters: &[Cluster], motifs: &[Motif], merged: &[Motif]) -> Result<()> {
    let dir = &args.output;
    make_room(
        dir,
        "clusters.json",
        &["clusters.tsv", "clusters.meme", "representatives.meme", "clusters.json", "logos"],
    )?;
    let representatives: Vec<Motif> = clusters.iter().map(|cluster| motifs[cluster.representative].clone()).collect();
    write_text(&dir.join("clusters.tsv"), &tsv(record))?;
    write_bytes(&dir.join("clusters.meme"), &super::text_of(merged, Format::Meme)?)?;
    write_bytes(&dir.join("representatives.meme"), &super::text_of(&representatives, Format::Meme)?)?;
    if args.logos {
        merged.iter().try_for_each(|motif| super::logo::write(&dir.join("logos"), motif, 2.0))?;
    }
    // The marker comes last: a directory that has it is complete.
    write_json(&dir.join("clusters.json"), record)
}

fn describe(cluster: &Cluster, merged: &Motif, motifs: &[Motif]) -> ClusterRecord {
    let member = |member: &basewise_motif::cluster::Member| MemberRecord {
        motif: motifs[member.motif].id.clone(),
        name: motifs[member.motif].name.clone(),
        offset: member.alignment.offset,
        strand: if member.alignment.reverse_complement { '-' } else { '+' },
        similarity: member.alignment.similarity,
    };
    ClusterRecord {
        id: merged.id.clone(),
        consensus: merged.consensus(),
        representative: motifs[cluster.representative].id.clone(),
        members: cluster.members.iter().map(member).collect(),
    }
}

fn tsv(record: &Record) -> String {
    let mut out = String::from("cluster\tmotif\tname\tis_representative\toffset\tstrand\tsimilarity\n");
    for cluster in &record.clusters {
        for member in &cluster.members {
            let MemberRecord { motif, name, offset, strand, similarity } = member;
            let is_representative = *motif == cluster.representative;
            out +=
                &format!("{}\t{motif}\t{name}\t{is_representative}\t{offset}\t{strand}\t{similarity:.4}\n", cluster.id);
        }
    }
    out
}

/// The largest clusters as a table.
fn largest(record: &Record) -> String {
    let mut table = Table::new(&["cluster", "motifs", "representative", "consensus"]);
    for cluster in record.clusters.iter().take(20) {
        table.row([
            cluster.id.clone(),
            cluster.members.len().to_string(),
            cluster.representative.clone(),
            cluster.consensus.clone(),
        ]);
    }
    table.render()
}
