//! `basewise cells motifs`: what the places, or the sequences, of each cluster have more often than those of the others.

mod outputs;
mod sets;

use super::input::InputArgs;
use crate::commands::motifs::discover::enriched::{Search, find};
use crate::commands::motifs::enrich::{self, EnrichArgs};
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::shared_args::AlphabetArg;
use crate::table::count;
use anyhow::Result;
use basewise_motif::discover::sequences::SearchConfig;
use clap::Args;
use outputs::{Cluster, Enriched, Found};
use sets::Set;
use std::path::PathBuf;

/// Sequences that a cluster must have to be searched.
const FEWEST: usize = 10;
/// Known motifs that are reported of a cluster, and the q-value that they may have.
const KNOWN: usize = 10;
const MAX_KNOWN_Q: f64 = 0.05;

#[derive(Args)]
#[command(after_help = "Examples:
  $ awk '/^>/ { n++; print \">s\" n } !/^>/ { print (n % 2 ? \"TGACTCAGCA\" : \"CCGGAAGTGG\") substr($0, 11, 90) }' quickstart/inputs/ctcf.fa > cells-motifs-help.fa
  $ awk 'BEGIN { print \"name\\tcluster\" } /^>/ { n++; print substr($1, 2) \"\\t\" (n % 2) }' cells-motifs-help.fa > cells-motifs-help.tsv
  $ basewise cells motifs cells-motifs-help.fa --clusters cells-motifs-help.tsv --no-logos -o cells-motifs-help

From a matrix whose features are places (chr1:1000-1500, as 10x ATAC has them) with --genome: the places that mark each cluster by
Wilcoxon's rank sum, each in the cluster where it scores highest, and a window around the middle of each. From a FASTA file: the
sequences of each cluster, as the table of --clusters says.

Motifs are sought in the sequences of a cluster against those of all others, as `motifs discover --sequences --background`
does, and tested on a fifth held out. With --database they are matched to it, and all of its motifs are tested for being in more
sequences of the cluster than of the others, as by `motifs enrich`.

DIR holds motifs.tsv, motifs.json, and a folder a cluster: sequences.fa, others.fa, places.bed, discovered/ and enriched/.")]
pub(crate) struct MotifsArgs {
    #[command(flatten)]
    input: InputArgs,
    /// Genome FASTA, plain or bgzip, for a matrix of places
    #[arg(short, long, value_name = "FASTA")]
    genome: Option<PathBuf>,
    /// Clusters: a column of the cells, or a table FILE[:COLUMN] with names in its first column
    #[arg(long, value_name = "COLUMN|FILE", default_value = "leiden")]
    clusters: String,
    /// Directory to write
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Places that mark a cluster, at most
    #[arg(long, value_name = "N", default_value_t = 1000)]
    places: usize,
    /// q-value up to which a place marks a cluster
    #[arg(long, value_name = "Q", default_value_t = 0.05)]
    max_q: f64,
    /// Bases around the middle of each place
    #[arg(short, long, value_name = "N", default_value_t = 300)]
    window: usize,
    /// Motifs that are reported of a cluster at most
    #[arg(long, value_name = "N", default_value_t = 10)]
    max_motifs: usize,
    /// Match and test the motifs of this file; `jaspar` is the built-in JASPAR CORE
    #[arg(short, long, value_name = "FILE")]
    database: Option<PathBuf>,
    /// Leave out the pictures
    #[arg(long)]
    no_logos: bool,
    /// Where all randomness starts
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &MotifsArgs, printer: &Printer) -> Result<Outcome> {
    if args.max_motifs == 0 || args.window == 0 || args.places == 0 {
        return Err(user("expected --max-motifs, --window and --places of at least 1, found 0", None));
    }
    let sets = if sets::is_fasta(&args.input.input) { sets::of_fasta(args)? } else { sets::of_matrix(args, printer)? };
    let large = sets.iter().filter(|set| set.sequences.len() >= FEWEST).count();
    if large == 0 || sets.iter().filter(|set| !set.sequences.is_empty()).count() < 2 {
        let sizes: Vec<String> = sets.iter().map(|set| format!("{} in {}", set.sequences.len(), set.name)).collect();
        return Err(user(
            format!("expected {FEWEST} sequences in a cluster and some in another, found {}", sizes.join(", ")),
            Some("--max-q and --places take more places that mark a cluster"),
        ));
    }
    outputs::make_room(&args.output)?;
    let clusters = (0..sets.len()).map(|own| of_cluster(args, &sets, own, printer)).collect::<Result<Vec<_>>>()?;
    let found = Found::new(args, clusters);
    outputs::write(args, &found)?;
    if args.json {
        printer.json(&found)?
    } else {
        printer.data(&outputs::text(&found))?
    }
    printer.talk(&format!("wrote {}", args.output.display()));
    Ok(Outcome::Done)
}

/// Writes and searches the sequences of one cluster against those of all others.
fn of_cluster(args: &MotifsArgs, sets: &[Set], own: usize, printer: &Printer) -> Result<Cluster> {
    let set = &sets[own];
    let others = || sets.iter().enumerate().filter(|(other, _)| *other != own).flat_map(|(_, set)| &set.sequences);
    let mut cluster = Cluster::new(set, others().count());
    if set.sequences.len() < FEWEST {
        printer.warn(&format!("cluster {}: {} sequences are too few to search", set.name, set.sequences.len()));
        return Ok(cluster);
    }
    let folder = args.output.join(&set.folder);
    let (foreground, background) = (folder.join("sequences.fa"), folder.join("others.fa"));
    outputs::write_fasta(&foreground, set.sequences.iter())?;
    outputs::write_fasta(&background, others())?;
    outputs::write_bed(&folder.join("places.bed"), set)?;
    let search = Search {
        sequences: &foreground,
        background: Some(&background),
        task: None,
        alphabet: AlphabetArg::Dna,
        output: &folder.join("discovered"),
        database: args.database.as_deref(),
        logos: !args.no_logos,
        config: SearchConfig { max_motifs: args.max_motifs, seed: args.seed, ..SearchConfig::default() },
    };
    let (record, reasons) = find(&search, printer)?;
    printer.talk(&format!(
        "cluster {}: {} motifs in {} sequences against {}",
        set.name,
        count(record.patterns.len()),
        count(set.sequences.len()),
        count(cluster.others)
    ));
    cluster.reasons = reasons.into_iter().map(|(reason, _)| reason).collect();
    cluster.motifs = record.patterns;
    if let Some(database) = &args.database {
        let enrich = EnrichArgs::of_files(database, &foreground, &background, &folder.join("enriched"));
        let tested = enrich::test(&enrich, printer)?.motifs;
        let known = tested.into_iter().filter(|motif| motif.log10_q_value <= MAX_KNOWN_Q.log10()).take(KNOWN);
        cluster.enriched = known.map(Enriched::from).collect();
    }
    Ok(cluster)
}
