//! Motifs that foreground sequences have more often than background sequences, without a model.
//!
//! The plan is that of STREME (Bailey 2021, Bioinformatics 37:2834): enriched words begin matrices, the best sites make the
//! next matrix, a motif's sites are erased before the next is sought, and its p-value comes from sequences that took no part
//! in finding it (Fisher's exact test on sequences with a site). A search ends after some motifs in a row that are not
//! significant, so that what is reported is.

mod fisher;
mod refine;
mod scan;
mod seeds;

use super::Seqlet;
use crate::Motif;
use basewise_core::metrics::SMALLEST_P;
use basewise_core::random::{shuffle, stream};
use basewise_core::shuffle::dinucleotide;
use basewise_core::{Alphabet, Code};
use fisher::Fisher;
use rayon::prelude::*;
use refine::{Candidate, Sets};
use scan::Text;
use serde::{Deserialize, Serialize};

/// Words of each shape that begin a matrix.
const SEEDS: usize = 4;
/// Matrices that are refined in full.
const FINALISTS: usize = 4;
/// Sequences of a kind on which seeds are tried.
const TRIED: usize = 1000;
/// Rounds of refinement.
const ROUNDS: usize = 20;

/// How motifs are sought.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SearchConfig {
    /// Positions that a motif has at most. 15.
    pub max_width: usize,
    /// E-value up to which a motif is significant. 0.05.
    pub max_e: f64,
    /// Motifs that are reported at most. 20.
    pub max_motifs: usize,
    /// Motifs in a row without significance that end the search. 3.
    pub patience: usize,
    /// Sequences of a kind that matrices are made from at most; p-values and sites use all. 5,000.
    pub max_sequences: usize,
    /// Where all randomness starts.
    pub seed: u64,
}

impl Default for SearchConfig {
    fn default() -> Self {
        Self { max_width: 15, max_e: 0.05, max_motifs: 20, patience: 3, max_sequences: 5000, seed: 0 }
    }
}

/// Sequences of both kinds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SequenceSets<'a> {
    /// Those that share motifs.
    pub foreground: Vec<&'a [Code]>,
    /// Those that they are compared with.
    pub background: Vec<&'a [Code]>,
}

/// A motif that was found, significant or not.
#[derive(Clone, Debug, PartialEq)]
pub struct EnrichedMotif {
    /// Its matrix, of as many sites as made it.
    pub motif: Motif,
    /// Log-odds in bits from which a sequence has a site.
    pub threshold: f64,
    /// Sequences with a site among those that the motif was made from, and among those held out.
    pub hits: [SetHits; 2],
    /// Fisher's exact test on the held out sequences, one-sided.
    pub p_value: f64,
    /// `p_value` times the number of motifs that were tested.
    pub e_value: f64,
    /// The best site of each foreground sequence that has one. Numbers go on from the first set to the held out one.
    pub sites: Vec<Seqlet>,
}

/// Sequences with a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetHits {
    /// Foreground sequences with a site.
    pub foreground: usize,
    /// Of how many.
    pub of_foreground: usize,
    /// Background sequences with a site.
    pub background: usize,
    /// Of how many.
    pub of_background: usize,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchResult {
    /// Significant motifs, in the order in which they were found.
    pub motifs: Vec<EnrichedMotif>,
    /// Motifs that were tested, the significant ones included.
    pub tested: usize,
    /// The lowest p-value among those that are not significant.
    pub best_rejected: Option<f64>,
    /// The lowest p-value that the held out sequences could give.
    pub lowest_possible: f64,
}

/// Shuffled sequences with the dinucleotides of `sequences`, one for each.
pub fn shuffled(sequences: &[&[Code]], seed: u64) -> Vec<Vec<Code>> {
    let one = |(i, codes): (usize, &&[Code])| {
        let bytes: Vec<u8> = codes.iter().map(|code| code.base()).collect();
        let mixed = dinucleotide(&bytes, &mut stream(seed, "discover shuffle", &[i as u64]));
        mixed.into_iter().map(|base| if base < 4 { Code::new(base) } else { Code::N }).collect()
    };
    sequences.par_iter().enumerate().map(one).collect()
}

/// Finds motifs in `training` and tests them on `held_out`.
///
/// DNA is read from both strands. Background sequences should be as long as foreground ones: a longer sequence has more
/// chances of a site. Unknown bases speak neither for nor against a motif. The result does not depend on the number of
/// threads. Memory: some bytes a base.
pub fn search(
    training: &SequenceSets<'_>,
    held_out: &SequenceSets<'_>,
    alphabet: Alphabet,
    config: &SearchConfig,
) -> SearchResult {
    let both_strands = alphabet == Alphabet::Dna;
    let width = config.max_width.max(4);
    let text = |sequences: &[&[Code]]| sequences.iter().map(|s| Text::new(s, width)).collect::<Vec<_>>();
    let mut texts =
        [&training.foreground, &training.background, &held_out.foreground, &held_out.background].map(|s| text(s));
    let frequencies = frequencies(&texts, both_strands);
    let fisher = Fisher::new(texts.iter().map(Vec::len).sum());
    let lowest = fisher.log_p(texts[2].len(), texts[2].len(), 0, texts[3].len()).exp();
    let mut result = SearchResult { motifs: Vec::new(), tested: 0, best_rejected: None, lowest_possible: lowest };
    let mut in_vain = 0;
    while result.motifs.len() < config.max_motifs && in_vain < config.patience.max(1) {
        let sets = |first: usize, second: usize| Sets {
            foreground: texts[first].iter().collect(),
            background: texts[second].iter().collect(),
            frequencies,
            both_strands,
        };
        let Some(candidate) = best_candidate(&sets(0, 1), config, &fisher) else { break };
        result.tested += 1;
        let (train, held) = (sets(0, 1), sets(2, 3));
        let matrix = candidate.matrix(&train);
        let hits = [&train, &held].map(|sets| set_hits(sets, &matrix, candidate.threshold));
        let h = hits[1];
        let log_p = fisher.log_p(h.foreground, h.of_foreground, h.background, h.of_background);
        let p_value = log_p.exp().max(SMALLEST_P);
        if p_value * result.tested as f64 <= config.max_e {
            in_vain = 0;
            let sites = sites(&texts, &matrix, candidate.threshold);
            let id = format!("motif_{}", result.motifs.len() + 1);
            let mut motif = Motif::from_counts(&id, "", alphabet, candidate.counts.clone());
            motif.background = frequencies;
            let threshold = f64::from(candidate.threshold);
            result.motifs.push(EnrichedMotif { motif, threshold, hits, p_value, e_value: p_value, sites });
        } else {
            in_vain += 1;
            result.best_rejected = Some(result.best_rejected.map_or(p_value, |best: f64| best.min(p_value)));
        }
        texts.iter_mut().for_each(|set| set.par_iter_mut().for_each(|t| t.erase(&matrix, candidate.threshold)));
    }
    let tested = result.tested as f64;
    result.motifs.iter_mut().for_each(|motif| motif.e_value = motif.p_value * tested);
    // A motif that was significant among few tests may not be so among all.
    result.motifs.retain(|motif| motif.e_value <= config.max_e);
    result.motifs.iter_mut().enumerate().for_each(|(i, motif)| motif.motif.id = format!("motif_{}", i + 1));
    result
}

/// The matrix of the lowest p-value on the sets, from the most enriched words.
fn best_candidate(sets: &Sets<'_>, config: &SearchConfig, fisher: &Fisher) -> Option<Candidate> {
    let width = config.max_width.max(4);
    let words = seeds::enriched(&sets.foreground, &sets.background, width, sets.both_strands, SEEDS, fisher);
    let few = part(sets, TRIED, config.seed);
    let mut tried: Vec<Candidate> = words
        .par_iter()
        .map(|word| Candidate::from_word(word, width, &sets.frequencies).refined(&few, fisher, 3))
        .collect();
    // A stable sort: equal ones stay in the order of their words.
    tried.sort_by(|a, b| a.log_p.total_cmp(&b.log_p));
    tried.truncate(FINALISTS);
    let many = part(sets, config.max_sequences, config.seed);
    let finish = |candidate: Candidate| {
        let wide = candidate.refined(&many, fisher, ROUNDS);
        Some(wide.trimmed()?.refined(&many, fisher, ROUNDS))
    };
    let mut finished: Vec<Candidate> = tried.into_iter().filter_map(finish).filter(|c| c.hits.0 > 0).collect();
    finished.sort_by(|a, b| a.log_p.total_cmp(&b.log_p));
    finished.into_iter().next()
}

/// At most `most` sequences of each kind, drawn once for a seed.
fn part<'t>(sets: &Sets<'t>, most: usize, seed: u64) -> Sets<'t> {
    let draw = |texts: &[&'t Text], which: u64| {
        let mut numbers: Vec<usize> = (0..texts.len()).collect();
        if numbers.len() > most {
            shuffle(&mut numbers, &mut stream(seed, "discover part", &[which]));
            numbers.truncate(most);
            numbers.sort_unstable();
        }
        numbers.into_iter().map(|i| texts[i]).collect()
    };
    Sets { foreground: draw(&sets.foreground, 0), background: draw(&sets.background, 1), ..*sets }
}

fn set_hits(sets: &Sets<'_>, matrix: &scan::Matrix, threshold: f32) -> SetHits {
    SetHits {
        foreground: refine::hits(&sets.foreground, matrix, threshold),
        of_foreground: sets.foreground.len(),
        background: refine::hits(&sets.background, matrix, threshold),
        of_background: sets.background.len(),
    }
}

/// The best sites of all foreground sequences.
fn sites(texts: &[Vec<Text>; 4], matrix: &scan::Matrix, threshold: f32) -> Vec<Seqlet> {
    let all = texts[0].iter().chain(&texts[2]).enumerate();
    all.filter_map(|(example, text)| {
        let site = text.best(matrix).filter(|site| site.score >= threshold)?;
        Some(Seqlet { example, start: site.start, end: site.start + matrix.len() as i64, reverse: site.reverse })
    })
    .collect()
}

/// Part of each base in all sequences, of both strands together where both are read.
fn frequencies(texts: &[Vec<Text>; 4], both_strands: bool) -> [f64; 4] {
    let mut counts = [1.0; 4];
    for &base in texts.iter().flatten().flat_map(|text| &text.bases) {
        if let Some(count) = counts.get_mut(usize::from(base)) {
            *count += 1.0;
        }
    }
    if both_strands {
        let [a, c, g, t] = counts;
        counts = [a + t, c + g, c + g, a + t];
    }
    crate::motif::normalized(counts)
}

#[cfg(test)]
mod tests;
