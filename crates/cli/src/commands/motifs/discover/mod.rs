//! `basewise motifs discover`: motifs that nobody named, from attributions or from sequences.

pub(crate) mod enriched;
pub(crate) mod outputs;
pub(crate) mod source;

use crate::commands::command_line;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::run_dir::make_room;
use crate::shared_args::AlphabetArg;
use crate::table::count;
use anyhow::Result;
use basewise_motif::discover::hits::HitPattern;
use basewise_motif::discover::{Config, Discovery, Pattern, Report, discover};
use clap::Args;
use outputs::{DiscoveryRecord, Kind, PatternRecord, Placed};
use source::Source;
use std::path::{Path, PathBuf};

/// Part of a pattern's own seqlets that are below what a hit must have.
const HIT_QUANTILE: f64 = 0.05;
/// What a folder of patterns may hold.
const PARTS: [&str; 7] =
    ["discovery.json", "motifs.meme", "patterns.tsv", "seqlets.tsv", "seqlets.bed", "modisco_results.h5", "logos"];

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise motifs discover --sequences quickstart/donor/data -o discovered --no-logos
  $ basewise explain quickstart/donor/run --method input-x-gradient --limit 300 -o explained-donor --logos 0
  $ basewise motifs discover explained-donor --min-seqlets 50 --no-logos -o discovered-donor

From attributions by TF-MoDISco (Shrikumar et al. 2018); without a model by words and matrices that the sequences have more
often than others (as in STREME, Bailey 2021), tested on sequences held out. DIR gets motifs.meme, patterns.tsv,
seqlets.tsv, discovery.json, logos/, and, from attributions, modisco_results.h5.
Exit code 1: nothing was found; the message says at which step, and why.")]
pub(crate) struct DiscoverArgs {
    /// Directory that `basewise explain` wrote, or its attributions.npz
    #[arg(required_unless_present_any = ["sequences", "attributions"], conflicts_with_all = ["sequences", "attributions"])]
    explained: Option<PathBuf>,
    /// Array [N, 4, L] of hypothetical contributions, as TF-MoDISco takes them (.npz)
    #[arg(long, value_name = "FILE", requires = "one_hot")]
    attributions: Option<PathBuf>,
    /// Array [N, 4, L] of the sequences (.npz)
    #[arg(long, value_name = "FILE", requires = "attributions")]
    one_hot: Option<PathBuf>,
    /// Without a model: a data set with a yes/no task, or a FASTA file
    #[arg(long, value_name = "DATA", conflicts_with = "attributions")]
    sequences: Option<PathBuf>,
    /// FASTA file to compare a FASTA file with [default: its sequences, shuffled with their dinucleotides]
    #[arg(long, value_name = "FILE", requires = "sequences")]
    background: Option<PathBuf>,
    /// The task whose positives share motifs [default: the first]
    #[arg(long, value_name = "NAME", requires = "sequences")]
    task: Option<String>,
    /// Directory to write
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Match what is found to the motifs of this file; `jaspar` is the built-in JASPAR CORE
    #[arg(short, long, value_name = "FILE")]
    database: Option<PathBuf>,
    /// Nucleic acid; a data set knows its own
    #[arg(long, value_enum, default_value = "dna")]
    alphabet: AlphabetArg,
    /// Leave out the pictures
    #[arg(long)]
    no_logos: bool,
    /// Where all randomness starts
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    attributed: AttributedArgs,
    #[command(flatten)]
    search: enriched::SearchArgs,
}

/// Steps of the search in attributions.
#[derive(Args)]
#[command(next_help_heading = "From attributions")]
struct AttributedArgs {
    /// Bases whose contributions are added up
    #[arg(long, default_value_t = 20, value_name = "BASES")]
    window: usize,
    /// Bases on either side that belong to a seqlet
    #[arg(long, default_value_t = 5, value_name = "BASES")]
    flank: usize,
    /// False discovery rate of windows
    #[arg(long, default_value_t = 0.2, value_name = "0..1")]
    fdr: f64,
    /// Seqlets of a sign below which none is clustered
    #[arg(long, default_value_t = 100, value_name = "N")]
    min_seqlets: usize,
    /// Seqlets of a sign that are clustered, evenly taken from all
    #[arg(long, default_value_t = 20_000, value_name = "N")]
    max_seqlets: usize,
    /// Seqlets that a pattern must have
    #[arg(long, default_value_t = 20, value_name = "N")]
    min_sites: usize,
}

impl DiscoverArgs {
    fn config(&self) -> Result<Config> {
        let args = &self.attributed;
        if !(0.0..=1.0).contains(&args.fdr) {
            return Err(user(format!("expected --fdr from 0 to 1, found {}", args.fdr), None));
        }
        for (name, value) in [("window", args.window), ("max-seqlets", args.max_seqlets), ("min-sites", args.min_sites)]
        {
            if value == 0 {
                return Err(user(format!("expected --{name} of at least 1, found 0"), None));
            }
        }
        let found = args.window.saturating_add(args.flank.saturating_mul(2));
        if found > 1000 {
            return Err(user(format!("expected seqlets of at most 1,000 bases, found {found}"), Some("lower --flank")));
        }
        Ok(Config {
            window: args.window,
            flank: args.flank,
            fdr: args.fdr,
            min_seqlets: args.min_seqlets,
            max_seqlets: args.max_seqlets,
            min_sites: args.min_sites,
            seed: self.seed,
            ..Config::default()
        })
    }
}

pub(crate) fn run(args: &DiscoverArgs, printer: &Printer) -> Result<Outcome> {
    let config = args.config()?;
    if let Some(sequences) = &args.sequences {
        let search = enriched::Search {
            sequences,
            background: args.background.as_deref(),
            task: args.task.as_deref(),
            alphabet: args.alphabet,
            output: &args.output,
            database: args.database.as_deref(),
            logos: !args.no_logos,
            config: args.search.config(args.seed)?,
        };
        return enriched::run(&search, printer);
    }
    let source = match (&args.explained, &args.attributions, &args.one_hot) {
        (Some(path), ..) => Source::explained(path, args.alphabet)?,
        (None, Some(attributions), Some(one_hot)) => Source::pair(attributions, one_hot, args.alphabet)?,
        _ => return Err(user("expected attributions or --sequences, found neither", None)),
    };
    if let Some(path) = args.explained.as_deref().filter(|path| path.is_dir()) {
        crate::run_dir::not_the_input(&args.output, path)?;
    }
    make_room(&args.output, "discovery.json", &PARTS)?;
    let attributions = source.attributions()?;
    let found = discover(&attributions, &config);
    let reasons = found.report.reasons(&config);
    let hits: Vec<HitPattern> = found.patterns.iter().map(|p| HitPattern::of(p, &attributions, HIT_QUANTILE)).collect();
    let records = found.patterns.iter().zip(&hits).map(|(pattern, hit)| record_of(pattern, hit, &source)).collect();
    let (database, matches) = outputs::matches(args.database.as_deref(), &motifs_of(&found.patterns))?;
    let record = DiscoveryRecord {
        format_version: 1,
        command: command_line(),
        kind: Kind::Attributions,
        source: source.name.clone(),
        method: source.method.clone(),
        alphabet: source.alphabet,
        length: source.length,
        sequences: source.ids.len(),
        database,
        config: Some(config),
        steps: Some(found.report.clone()),
        reasons: found.report.left_out().into_iter().chain(reasons.iter().map(|(found, _)| found.clone())).collect(),
        patterns: outputs::with_matches(records, matches),
    };
    write(args, &record, &found, &source)?;
    summarize(&record, &reasons, &args.output, printer)
}

fn motifs_of(patterns: &[Pattern]) -> Vec<basewise_motif::Motif> {
    patterns.iter().map(|pattern| pattern.motif.clone()).collect()
}

/// The files of a discovery.
fn write(args: &DiscoverArgs, record: &DiscoveryRecord, found: &Discovery, source: &Source) -> Result<()> {
    let dir = &args.output;
    let sites: Vec<Placed> = found
        .patterns
        .iter()
        .flat_map(|pattern| {
            let core = pattern.core.clone();
            pattern.sites.iter().map(move |site| Placed::core(&pattern.id, site, &core, pattern.ppm.len()))
        })
        .map(|placed| placed.with_importance(source))
        .collect();
    outputs::write_common(dir, record, &motifs_of(&found.patterns), &sites, &source.ids, &source.places)?;
    outputs::write_modisco(&dir.join("modisco_results.h5"), &found.patterns, source)?;
    if !args.no_logos {
        outputs::draw(&dir.join("logos"), &found.patterns, source.alphabet)?;
    }
    Ok(())
}

fn record_of(pattern: &Pattern, hit: &HitPattern, source: &Source) -> PatternRecord {
    let starts: Vec<f64> = pattern
        .sites
        .iter()
        .map(|site| {
            let place = Placed::core(&pattern.id, site, &pattern.core, pattern.ppm.len());
            (place.start + place.end) as f64 / 2.0
        })
        .collect();
    let examples = pattern.sites.iter().map(|s| s.example);
    let record = PatternRecord::new(&pattern.motif, &starts, source.length, examples);
    PatternRecord { composite: pattern.composite.clone(), ..record.with_contributions(hit.clone()) }
}

/// What was found, in a line for each pattern; why nothing was, otherwise.
fn summarize(
    record: &DiscoveryRecord,
    reasons: &[(String, String)],
    output: &Path,
    printer: &Printer,
) -> Result<Outcome> {
    if !record.patterns.is_empty() {
        printer.data(&outputs::table(record))?;
    }
    for pattern in &record.patterns {
        if let Some(composite) = &pattern.composite {
            printer.talk(&format!("{} is a composite: {}", pattern.id, outputs::arrangement(composite)));
        }
    }
    record.steps.iter().flat_map(Report::left_out).for_each(|line| printer.talk(&line));
    for (reason, hint) in reasons {
        printer.talk(&format!("{reason}\nhint: {hint}"));
    }
    let what = if record.patterns.len() == 1 { "pattern" } else { "patterns" };
    printer.talk(&format!(
        "found {} {what} in {} sequences; wrote {}",
        count(record.patterns.len()),
        count(record.sequences),
        output.display()
    ));
    Ok(if record.patterns.is_empty() { Outcome::No } else { Outcome::Done })
}
