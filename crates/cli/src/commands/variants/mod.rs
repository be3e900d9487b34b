//! `basewise variants`: what variants do to predictions, VCF in and VCF out.

mod attribution;
mod columns;
mod heat_map;
mod motif_changes;
mod null;
mod page;
mod parts;
mod plot;
mod prepare;
mod regions;
mod saturate;
mod score;
mod scorer;
mod shard;
mod status;
mod top;

use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::shared_args::AverageArgs;
use anyhow::Result;
use attribution::AttributionArg;
use clap::{Args, Subcommand};
use null::NullArg;
use prepare::{MismatchArg, UnknownContigArg};
use regions::CentreArg;
use serde::Serialize;
use shard::Shard;
use std::path::PathBuf;

/// Scores of variants, or what belongs to them.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct VariantsCommand {
    #[command(subcommand)]
    other: Option<Other>,
    #[command(flatten)]
    score: ScoreArgs,
}

/// What belongs to scores of variants.
#[derive(Subcommand)]
pub(crate) enum Other {
    /// Join the parts of a run that was divided by --shard
    Merge(shard::MergeArgs),
    /// Every substitution of a region: a table, a heat map, a bigWig
    Saturate(saturate::SaturateArgs),
    /// Draw what the bases around a variant contribute, in the reference and in the alternate sequence
    Plot(plot::PlotArgs),
}

#[derive(Args)]
#[command(after_help = "Examples:
  $ printf 'chrom\\tpos\\tref\\talt\\nchr11:190037-190237\\t100\\tT\\tC\\n' > variants.tsv
  $ basewise variants quickstart/donor/run --vcf variants.tsv --genome quickstart/inputs/ctcf.fa -o scored.vcf.gz
  $ basewise variants quickstart/donor/run --vcf variants.tsv --genome quickstart/inputs/ctcf.fa -o - | tail -1
  $ basewise variants quickstart/donor/run --vcf variants.tsv --genome quickstart/inputs/ctcf.fa -o paged.tsv --page variants.html
  $ basewise variants quickstart/donor/run --vcf variants.tsv --genome quickstart/inputs/ctcf.fa -o changed.tsv --attribution

Every record is written as it came, with fields BW_... added to INFO; BW_STATUS says of each allele what became of it. Alleles
are normalized (left-aligned and trimmed) for scoring only. Windows are centred on the variant; of an insertion or a deletion
two windows are averaged, in which what is left of it stays, and what is right of it does.

--attribution adds for each output BW_ATTR_SUM, the sum of the absolute changes of what the bases around the variant contribute
to the raw score; BW_ATTR_MAX, the largest change (ALT minus REF); and BW_ATTR_POS, how far right of POS that base is. Of two
sequences an allele (three of an insertion or a deletion), deeplift (the default; others as --attribution=ism) takes two passes forward and one backward for each output,
input-x-gradient one forward and one backward, ism three substitutions of each base of the window.

A large file is divided by --shard 1/4 to 4/4, on any machines, and joined by `basewise variants merge`: the same bytes as
one run. A run that was killed goes on with --resume.")]
pub(crate) struct ScoreArgs {
    /// Run directory
    #[arg(required = true)]
    run: Option<PathBuf>,
    /// Variants: VCF (also gzip, bgzip), BCF, or a table with the columns chrom, pos, ref and alt; - is stdin
    #[arg(long, value_name = "FILE", required = true)]
    vcf: Option<PathBuf>,
    /// Genome FASTA, plain or bgzip
    #[arg(short, long, value_name = "FASTA", required = true)]
    genome: Option<PathBuf>,
    /// .vcf, .vcf.gz or .bcf; .tsv (also .gz) or .parquet with a row an allele; - is stdout as VCF
    #[arg(short, long, value_name = "FILE", required = true)]
    output: Option<PathBuf>,
    /// Only records in this part of a contig: chr1 or chr1:1000-2000, counted from 1, both ends included
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// What to do with a REF that is not the genome's
    #[arg(long, value_enum, default_value = "error")]
    on_ref_mismatch: MismatchArg,
    /// What to do with a record on a contig that the genome does not have
    #[arg(long, value_enum, default_value = "error")]
    on_unknown_contig: UnknownContigArg,
    /// Score only variants in these places, on their strand; others are written without scores. RNA models need it
    #[arg(long, value_name = "BED")]
    regions: Option<PathBuf>,
    /// Where windows lie when there are regions
    #[arg(long, value_enum, default_value = "variant", requires = "regions")]
    centre: CentreArg,
    /// Centre windows on multiples of N, so that variants nearby share one; 1 puts each variant into the middle
    #[arg(long, default_value_t = 1, value_name = "N", conflicts_with = "regions")]
    grid: u64,
    /// An output to score: a task, task:class or task:track; may be repeated [default: all]
    #[arg(long, value_name = "NAME")]
    target: Vec<String>,
    /// Put a name into the fields, BW_NAME_DIFF instead of BW_DIFF, so that several models can annotate one file
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Empirical p-values against this many null substitutions
    #[arg(long, default_value_t = 0, value_name = "N")]
    null: usize,
    /// Where null substitutions come from
    #[arg(long, value_enum, default_value = "shuffled")]
    null_kind: NullArg,
    /// Seed of null substitutions
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Tell which motifs of this file a variant makes or breaks: MEME, JASPAR or TRANSFAC
    #[arg(long, value_name = "FILE")]
    motifs: Option<PathBuf>,
    /// Tell how a variant changes what the bases around it contribute, and where most [METHOD if none is said: deeplift]
    #[arg(long, value_enum, value_name = "METHOD", num_args = 0..=1, require_equals = true, default_missing_value = "deeplift")]
    attribution: Option<AttributionArg>,
    /// Show the N alleles with the largest effects at the end
    #[arg(long, default_value_t = 0, value_name = "N")]
    top: usize,
    /// Write an HTML page with these alleles and a picture of each [default: of the first 10]
    #[arg(long, value_name = "FILE", conflicts_with = "shard")]
    page: Option<PathBuf>,
    /// Predict every sequence by a whole pass, instead of recomputing what an allele changes
    #[arg(long)]
    plain: bool,
    /// Score only part I of N
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Go on with a run that was interrupted
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    average: AverageArgs,
}

/// What changes the scores, for the identity of a run.
#[derive(Serialize)]
struct Settings<'a> {
    region: &'a Option<String>,
    on_ref_mismatch: MismatchArg,
    on_unknown_contig: UnknownContigArg,
    centre: CentreArg,
    grid: u64,
    target: &'a [String],
    name: &'a Option<String>,
    null: usize,
    null_kind: NullArg,
    seed: u64,
    plain: bool,
    attribution: Option<AttributionArg>,
    average_strands: bool,
    average_shifts: usize,
}

impl ScoreArgs {
    fn settings(&self) -> Settings<'_> {
        Settings {
            region: &self.region,
            on_ref_mismatch: self.on_ref_mismatch,
            on_unknown_contig: self.on_unknown_contig,
            centre: self.centre,
            grid: self.grid,
            target: &self.target,
            name: &self.name,
            null: self.null,
            null_kind: self.null_kind,
            seed: self.seed,
            plain: self.plain,
            attribution: self.attribution,
            average_strands: self.average.average_strands,
            average_shifts: self.average.average_shifts,
        }
    }
}

pub(crate) fn run(command: &VariantsCommand, printer: &Printer) -> Result<Outcome> {
    match (&command.other, &command.score.run) {
        (Some(Other::Merge(args)), _) => shard::merge(args, printer),
        (Some(Other::Saturate(args)), _) => saturate::run(args, printer),
        (Some(Other::Plot(args)), _) => plot::run(args, printer),
        (None, Some(run)) => score::run(&command.score, run, printer),
        (None, None) => Err(user("expected a run directory, found nothing", Some("see `basewise variants --help`"))),
    }
}
