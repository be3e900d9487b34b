//! `basewise motifs hits`: where discovered patterns stand in sequences with attributions.

use super::discover::outputs::{DiscoveryRecord, Placed, sites_bed, sites_tsv};
use super::discover::source::Source;
use crate::failure::user;
use crate::printer::Printer;
use crate::run_dir::{check_output, read_json, write_text};
use crate::shared_args::AlphabetArg;
use crate::table::{Table, count};
use anyhow::Result;
use basewise_core::Alphabet;
use basewise_motif::discover::hits::{HitPattern, PatternHit, find};
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise motifs hits discovered-donor explained-donor -o hits.tsv

The contributions of a pattern slide along those of a sequence. A hit has a similarity (continuous Jaccard) and an importance
(sum of contributions) that all but one in twenty of the pattern's own seqlets reach. Of hits that share more than half of
the shorter, the more similar stays.")]
pub(crate) struct HitsArgs {
    /// Directory that `basewise motifs discover` wrote from attributions
    discovered: PathBuf,
    /// Directory that `basewise explain` wrote, or its attributions.npz
    #[arg(required_unless_present = "attributions", conflicts_with = "attributions")]
    explained: Option<PathBuf>,
    /// Array [N, 4, L] of hypothetical contributions (.npz)
    #[arg(long, value_name = "FILE", requires = "one_hot")]
    attributions: Option<PathBuf>,
    /// Array [N, 4, L] of the sequences (.npz)
    #[arg(long, value_name = "FILE", requires = "attributions")]
    one_hot: Option<PathBuf>,
    /// Table to write (.tsv), or places on chromosomes (.bed) [default: a summary on stdout]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Least similarity, instead of each pattern's own
    #[arg(long, value_name = "0..1")]
    min_similarity: Option<f64>,
}

pub(crate) fn run(args: &HitsArgs, printer: &Printer) -> Result<()> {
    args.output.as_deref().map_or(Ok(()), |path| check_output(path, &["tsv", "bed"]))?;
    let file = args.discovered.join("discovery.json");
    let record: DiscoveryRecord = read_json(&file)?;
    let mut patterns: Vec<HitPattern> = record.patterns.iter().filter_map(|p| p.hit.clone()).collect();
    if patterns.is_empty() {
        return Err(user(
            format!("{}: expected patterns with contributions, found none", file.display()),
            Some("hits need patterns found in attributions: basewise motifs discover EXPLAINED -o DIR"),
        ));
    }
    if let Some(least) = args.min_similarity {
        if !(0.0..=1.0).contains(&least) {
            return Err(user(format!("expected --min-similarity from 0 to 1, found {least}"), None));
        }
        patterns.iter_mut().for_each(|pattern| pattern.min_similarity = least);
    }
    let alphabet = if record.alphabet == Alphabet::Rna { AlphabetArg::Rna } else { AlphabetArg::Dna };
    let source = match (&args.explained, &args.attributions, &args.one_hot) {
        (Some(path), ..) => Source::explained(path, alphabet)?,
        (None, Some(attributions), Some(one_hot)) => Source::pair(attributions, one_hot, alphabet)?,
        _ => return Err(user("expected attributions, found none", None)),
    };
    let hits = find(&source.attributions()?, &patterns);
    let placed = |hit: &PatternHit| Placed {
        pattern: patterns[hit.pattern].id.clone(),
        example: hit.place.example,
        start: hit.place.start,
        end: hit.place.end,
        reverse: hit.place.reverse,
        importance: Some(hit.importance),
        similarity: Some(hit.similarity),
    };
    let places: Vec<Placed> = hits.iter().map(placed).collect();
    if let Some(path) = &args.output {
        let is_bed = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("bed"));
        if is_bed && source.places.iter().all(Option::is_none) {
            return Err(user(
                format!("{}: expected sequences with places on chromosomes, found none", path.display()),
                Some("write a table: -o hits.tsv"),
            ));
        }
        let text = match is_bed {
            true => sites_bed(&places, &source.places, source.length),
            false => sites_tsv(&places, &source.ids, &source.places, source.length),
        };
        write_text(path, &text)?;
    }
    printer.data(&summary(&patterns, &hits))?;
    printer.talk(&format!("{} hits in {} sequences", count(hits.len()), count(source.ids.len())));
    Ok(())
}

/// Hits and the sequences that have them, by pattern.
fn summary(patterns: &[HitPattern], hits: &[PatternHit]) -> String {
    let mut table = Table::new(&["pattern", "hits", "sequences", "mean similarity", "mean importance"]);
    for (number, pattern) in patterns.iter().enumerate() {
        let own: Vec<&PatternHit> = hits.iter().filter(|hit| hit.pattern == number).collect();
        let mut examples: Vec<usize> = own.iter().map(|hit| hit.place.example).collect();
        examples.dedup();
        let mean = |of: &dyn Fn(&PatternHit) -> f64| {
            if own.is_empty() {
                return "–".to_owned();
            }
            format!("{:.3}", own.iter().map(|hit| of(hit)).sum::<f64>() / own.len() as f64)
        };
        let (similarity, importance) = (mean(&|h| h.similarity), mean(&|h| h.importance));
        table.row([pattern.id.clone(), count(own.len()), count(examples.len()), similarity, importance]);
    }
    table.render()
}
