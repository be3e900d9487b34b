//! The files of a discovery.

use super::source::Source;
use crate::commands::motifs::{logo, matching, text_of};
use crate::run_dir::{write_bytes, write_json, write_text};
use crate::table::{Table, count};
use anyhow::Result;
use basewise_core::{Alphabet, Interval, Strand};
use basewise_io::modisco::{ModiscoPattern, ModiscoSeqlets};
use basewise_motif::Motif;
use basewise_motif::discover::hits::HitPattern;
use basewise_motif::discover::sequences::SetHits;
use basewise_motif::discover::{Composite, Config, Pattern, Report, Seqlet};
use basewise_motif::formats::Format;
use basewise_motif::matching::{MatchOptions, tomtom};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::path::Path;

/// Bins of the histogram of positions.
const BINS: usize = 40;
/// Matches that are kept for a motif, and the q-value that they may have.
const MATCHES: usize = 3;
const MAX_Q: f64 = 0.1;

/// `discovery.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DiscoveryRecord {
    pub(crate) format_version: u32,
    pub(crate) command: String,
    pub(crate) kind: Kind,
    /// File or data set that was searched.
    pub(crate) source: String,
    /// How the attributions were made, or what the sequences were compared with.
    pub(crate) method: String,
    pub(crate) alphabet: Alphabet,
    /// Bases of a sequence; the longest where they differ.
    pub(crate) length: usize,
    pub(crate) sequences: usize,
    /// What motifs were matched to; empty if nothing.
    pub(crate) database: String,
    /// Settings of a search in attributions.
    pub(crate) config: Option<Config>,
    /// What each of its steps let pass.
    pub(crate) steps: Option<Report>,
    /// What was found and is no pattern of its own, and why a search, or a sign of attributions, came to nothing.
    pub(crate) reasons: Vec<String>,
    pub(crate) patterns: Vec<PatternRecord>,
}

/// What was searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Attributions of a model.
    Attributions,
    /// Sequences without a model.
    Sequences,
}

/// One pattern of `discovery.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PatternRecord {
    pub(crate) id: String,
    pub(crate) consensus: String,
    /// Seqlets, or sequences with a site.
    pub(crate) sites: usize,
    /// Sequences with at least one of them.
    pub(crate) sequences: usize,
    /// Mean and standard deviation of the middle of its sites, from the first base, in bases.
    pub(crate) position: f64,
    pub(crate) spread: f64,
    /// Sites by position, in bins of equal width over the sequence.
    pub(crate) positions: Vec<usize>,
    /// Base probabilities of the motif.
    pub(crate) probabilities: Vec<[f64; 4]>,
    /// Contributions of the bases of the motif, and how good a place must be to be a hit.
    pub(crate) hit: Option<HitPattern>,
    /// How much more often the sequences have it than the background.
    pub(crate) enrichment: Option<Enrichment>,
    /// The two patterns that it is made of, where they stand so more often than chance has it.
    #[serde(default)]
    pub(crate) composite: Option<Composite>,
    pub(crate) matches: Vec<matching::Hit>,
}

/// A motif that was found without a model.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Enrichment {
    /// Log-odds in bits from which a sequence has a site.
    pub(crate) threshold: f64,
    /// Sequences with a site among those that it was made from.
    pub(crate) training: SetHits,
    /// And among those held out, on which it was tested.
    pub(crate) held_out: SetHits,
    pub(crate) p_value: f64,
    pub(crate) e_value: f64,
}

impl PatternRecord {
    /// From the middles of a motif's sites and the numbers of their sequences, in any order.
    pub(super) fn new(motif: &Motif, middles: &[f64], length: usize, examples: impl Iterator<Item = usize>) -> Self {
        let n = middles.len().max(1) as f64;
        let position = middles.iter().sum::<f64>() / n;
        let spread = (middles.iter().map(|m| (m - position).powi(2)).sum::<f64>() / n).sqrt();
        let mut positions = vec![0; BINS.min(length.max(1))];
        let bins = positions.len();
        for middle in middles {
            let bin = (middle.max(0.0) * bins as f64 / length.max(1) as f64) as usize;
            positions[bin.min(bins - 1)] += 1;
        }
        let mut own: Vec<usize> = examples.collect();
        own.sort_unstable();
        own.dedup();
        Self {
            id: motif.id.clone(),
            consensus: motif.consensus(),
            sites: middles.len(),
            sequences: own.len(),
            position,
            spread,
            positions,
            probabilities: motif.probabilities.clone(),
            hit: None,
            enrichment: None,
            composite: None,
            matches: Vec::new(),
        }
    }

    pub(super) fn with_contributions(self, hit: HitPattern) -> Self {
        Self { hit: Some(hit), ..self }
    }

    pub(super) fn with_enrichment(self, enrichment: Enrichment) -> Self {
        Self { enrichment: Some(enrichment), ..self }
    }
}

/// Where a pattern stands.
pub(crate) struct Placed {
    pub(crate) pattern: String,
    pub(crate) example: usize,
    /// First base of the motif in its sequence, 0-based.
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) reverse: bool,
    /// Sum of the contributions there.
    pub(crate) importance: Option<f64>,
    /// Likeness to the pattern, up to 1.
    pub(crate) similarity: Option<f64>,
}

impl Placed {
    /// The core of a seqlet as long as the whole pattern.
    pub(super) fn core(pattern: &str, site: &Seqlet, core: &Range<usize>, length: usize) -> Self {
        let (before, after) = (core.start as i64, (length - core.end) as i64);
        let (left, right) = if site.reverse { (after, before) } else { (before, after) };
        let (start, end) = (site.start + left, site.end - right);
        let (importance, similarity) = (None, None);
        Self {
            pattern: pattern.to_owned(),
            example: site.example,
            start,
            end,
            reverse: site.reverse,
            importance,
            similarity,
        }
    }

    pub(super) fn with_importance(self, source: &Source) -> Self {
        let row = &source.contributions[self.example * source.length..][..source.length];
        let clip = |at: i64| (at.max(0) as usize).min(source.length);
        let sum = row[clip(self.start)..clip(self.end)].iter().map(|&v| f64::from(v)).sum();
        Self { importance: Some(sum), ..self }
    }
}

/// The name of the database and the matches of each motif in it; nothing without a database.
pub(crate) fn matches(database: Option<&Path>, motifs: &[Motif]) -> Result<(String, Vec<Vec<matching::Hit>>)> {
    let Some(path) = database else { return Ok((String::new(), Vec::new())) };
    let (targets, name) = crate::commands::motifs::database(path)?;
    let found = tomtom(motifs, &targets, &MatchOptions::default());
    let kept = found.into_iter().map(|mut matches| {
        matches.retain(|m| m.q_value <= MAX_Q);
        matches.truncate(MATCHES);
        matches.iter().map(|m| matching::Hit::new(m, &targets)).collect()
    });
    Ok((name, kept.collect()))
}

pub(super) fn with_matches(records: Vec<PatternRecord>, matches: Vec<Vec<matching::Hit>>) -> Vec<PatternRecord> {
    let mut matches = matches.into_iter();
    records.into_iter().map(|record| PatternRecord { matches: matches.next().unwrap_or_default(), ..record }).collect()
}

/// Motifs, tables and the record.
pub(super) fn write_common(
    dir: &Path,
    record: &DiscoveryRecord,
    motifs: &[Motif],
    sites: &[Placed],
    ids: &[String],
    places: &[Option<Interval>],
) -> Result<()> {
    if !motifs.is_empty() {
        write_bytes(&dir.join("motifs.meme"), &text_of(motifs, Format::Meme)?)?;
    }
    write_text(&dir.join("patterns.tsv"), &patterns_tsv(record))?;
    write_text(&dir.join("seqlets.tsv"), &sites_tsv(sites, ids, places, record.length))?;
    if !sites.is_empty() && places.iter().any(Option::is_some) {
        write_text(&dir.join("seqlets.bed"), &sites_bed(sites, places, record.length))?;
    }
    write_json(&dir.join("discovery.json"), record)
}

/// A place on the chromosome of its example, where that is known. Places of examples reach beyond the `length` bases that are
/// read, by as much on either side, where a data set keeps room for moving them.
fn on_chromosome(site: &Placed, places: &[Option<Interval>], length: usize) -> Option<Interval> {
    let place = places.get(site.example)?.as_ref()?;
    let margin = place.len().saturating_sub(length as u64) / 2;
    let (start, end) = ((place.start + margin) as i64, (place.end - margin) as i64);
    let turned = place.strand == Strand::Reverse;
    let (from, to) = if turned { (end - site.end, end - site.start) } else { (start + site.start, start + site.end) };
    let strand = if turned == site.reverse { Strand::Forward } else { Strand::Reverse };
    Some(Interval { chrom: place.chrom.clone(), start: from.max(0) as u64, end: to.max(0) as u64, strand })
}

/// Sites in sequences of `length` bases as a table; the last three columns are empty where the place of a sequence is not
/// known.
pub(crate) fn sites_tsv(sites: &[Placed], ids: &[String], places: &[Option<Interval>], length: usize) -> String {
    let number = |value: Option<f64>| value.map_or_else(String::new, |v| format!("{v:.5}"));
    let mut out = "pattern\tid\tstart\tend\tstrand\timportance\tsimilarity\tchrom\tchrom_start\tchrom_end\n".to_owned();
    for site in sites {
        let strand = if site.reverse { '-' } else { '+' };
        let place = on_chromosome(site, places, length)
            .map_or_else(|| "\t\t".to_owned(), |place| format!("{}\t{}\t{}", place.chrom, place.start, place.end));
        let id = ids.get(site.example).map_or("", String::as_str);
        let (importance, similarity) = (number(site.importance), number(site.similarity));
        out += &format!(
            "{}\t{id}\t{}\t{}\t{strand}\t{importance}\t{similarity}\t{place}\n",
            site.pattern, site.start, site.end
        );
    }
    out
}

/// Sites on chromosomes as BED, the score 1000 times the similarity, where there is one.
pub(crate) fn sites_bed(sites: &[Placed], places: &[Option<Interval>], length: usize) -> String {
    let mut out = String::new();
    for site in sites {
        if let Some(place) = on_chromosome(site, places, length) {
            let score = (1000.0 * site.similarity.unwrap_or(0.0)).clamp(0.0, 1000.0).round();
            let strand = place.strand.symbol();
            out += &format!("{}\t{}\t{}\t{}\t{score}\t{strand}\n", place.chrom, place.start, place.end, site.pattern);
        }
    }
    out
}

/// How the two parts of a composite lie, in words.
pub(super) fn arrangement(composite: &Composite) -> String {
    let Composite { parts: [one, other], gap, is_downstream, same_strand, observed, expected, p_value } = composite;
    let side = if *is_downstream { "after" } else { "before" };
    let strand = if *same_strand { "the same strand" } else { "the other strand" };
    format!(
        "{other} {gap} bases {side} {one} on {strand}: in {observed} sequences, {expected:.1} expected, p = {p_value:.1e}"
    )
}

fn patterns_tsv(record: &DiscoveryRecord) -> String {
    let mut out =
        "pattern\tconsensus\tsites\tsequences\tposition\tspread\te_value\tmatch\tmatch_name\tmatch_q\tcomposite\n"
            .to_owned();
    for p in &record.patterns {
        let e_value = p.enrichment.as_ref().map_or_else(String::new, |e| format!("{:.3e}", e.e_value));
        let composite = p.composite.as_ref().map_or_else(String::new, arrangement);
        let best = p.matches.first();
        let best = best.map_or_else(|| "\t\t".to_owned(), |m| format!("{}\t{}\t{:.3e}", m.target, m.name, m.q_value));
        out += &format!(
            "{}\t{}\t{}\t{}\t{:.1}\t{:.1}\t{e_value}\t{best}\t{composite}\n",
            p.id, p.consensus, p.sites, p.sequences, p.position, p.spread
        );
    }
    out
}

/// The patterns for a terminal.
pub(super) fn table(record: &DiscoveryRecord) -> String {
    let mut header = vec!["pattern", "consensus", "sites", "sequences"];
    let is_enriched = record.kind == Kind::Sequences;
    if is_enriched {
        header.extend(["E-value"]);
    }
    if !record.database.is_empty() {
        header.extend(["match", "q"]);
    }
    let mut table = Table::new(&header);
    for p in &record.patterns {
        let mut row = vec![p.id.clone(), p.consensus.clone(), count(p.sites), count(p.sequences)];
        if is_enriched {
            row.push(p.enrichment.as_ref().map_or_else(String::new, |e| format!("{:.1e}", e.e_value)));
        }
        if !record.database.is_empty() {
            let best = p.matches.first();
            row.push(best.map_or_else(|| "none".to_owned(), |m| format!("{} {}", m.target, m.name)));
            row.push(best.map_or_else(String::new, |m| format!("{:.1e}", m.q_value)));
        }
        table.row(row);
    }
    table.render()
}

/// Logos of probabilities, in bits, and of contributions.
pub(super) fn draw(dir: &Path, patterns: &[Pattern], alphabet: Alphabet) -> Result<()> {
    for pattern in patterns {
        logo::write(dir, &pattern.motif, 2.0)?;
        let id = format!("{}.cwm", pattern.id);
        let svg = logo::track(&pattern.cwm[pattern.core.clone()], alphabet, &format!("{} contributions", pattern.id));
        write_text(&dir.join(format!("{id}.svg")), &svg)?;
        write_bytes(&dir.join(format!("{id}.png")), &basewise_motif::logo::png(&svg, 2.0)?)?;
    }
    Ok(())
}

/// The patterns in TF-MoDISco's layout.
pub(super) fn write_modisco(path: &Path, patterns: &[Pattern], source: &Source) -> Result<()> {
    let all: Vec<ModiscoPattern> = patterns.iter().map(|pattern| modisco(pattern, source)).collect();
    Ok(basewise_io::modisco::write_modisco(path, source.length, &all)?)
}

fn modisco(pattern: &Pattern, source: &Source) -> ModiscoPattern {
    let mut seqlets = ModiscoSeqlets::default();
    for site in &pattern.sites {
        seqlets.start.push(site.start);
        seqlets.end.push(site.end);
        seqlets.example.push(site.example as i64);
        seqlets.reverse.push(site.reverse);
        for i in 0..site.end - site.start {
            let at = if site.reverse { site.end - 1 - i } else { site.start + i };
            let (base, own, others) = numbers(source, site.example, at, site.reverse);
            seqlets.sequence.extend((0..4).map(|b| i8::from(Some(b) == base)));
            seqlets.contributions.extend((0..4).map(|b| if Some(b) == base { own } else { 0.0 }));
            seqlets.hypothetical.extend(others);
        }
    }
    ModiscoPattern {
        is_positive: pattern.id.starts_with("pos"),
        sequence: pattern.ppm.clone(),
        contributions: pattern.cwm.clone(),
        hypothetical: pattern.hypothetical_cwm.clone(),
        seqlets,
    }
}

/// Base, its contribution and those of all bases at a place, on the strand that is read; nothing beyond the ends.
fn numbers(source: &Source, example: usize, at: i64, reverse: bool) -> (Option<usize>, f32, [f32; 4]) {
    let nothing = (None, 0.0, [0.0; 4]);
    let Some(at) = usize::try_from(at).ok().filter(|at| *at < source.length) else { return nothing };
    let i = example * source.length + at;
    let base = usize::from(source.codes[i].base());
    if base > 3 {
        return nothing;
    }
    let own = source.contributions[i];
    let mut others: [f32; 4] = match &source.hypothetical {
        Some(values) => std::array::from_fn(|b| values[(example * 4 + b) * source.length + at]),
        None => std::array::from_fn(|b| if b == base { own } else { 0.0 }),
    };
    if reverse {
        others.reverse();
    }
    (Some(if reverse { 3 - base } else { base }), own, others)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites_lie_where_their_bases_were_read() {
        let found = |start: u64, end: u64, strand: Strand, reverse: bool| {
            let place = Interval { chrom: "c".into(), start, end, strand };
            let (importance, similarity) = (None, None);
            let site = Placed { pattern: "p".into(), example: 0, start: 2, end: 5, reverse, importance, similarity };
            let on = on_chromosome(&site, &[Some(place)], 10).unwrap();
            (on.start, on.end, on.strand)
        };
        use Strand::{Forward, Reverse};
        assert_eq!(found(100, 110, Forward, false), (102, 105, Forward));
        assert_eq!(found(100, 110, Reverse, false), (105, 108, Reverse));
        // Three bases on either side that are not read.
        assert_eq!(found(97, 113, Forward, true), (102, 105, Reverse));
        assert_eq!(found(97, 113, Reverse, true), (105, 108, Forward));
        // The extra one of an odd number is cut off at the end, as the example reads.
        assert_eq!(found(97, 114, Forward, false), (102, 105, Forward));
        assert_eq!(found(96, 113, Reverse, false), (105, 108, Reverse));
        // A shorter example is read from its first base.
        assert_eq!(found(100, 106, Forward, false), (102, 105, Forward));
    }
}
