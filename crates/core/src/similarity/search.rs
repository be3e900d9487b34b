//! From words in common to alignments that were looked at.

use super::align::{self, Alignment, LONGEST};
use super::chance::{Composition, K, SIGNIFICANT};
use super::words::{Hit, Index, Shape};
use super::{DisjointSets, Limits, Relative, Threshold};
use crate::Alphabet;
use crate::identity::upper;
use rayon::prelude::*;

/// Alignments of one sequence that may fail before the rest of its candidates is left.
const FAILURES: usize = 32;

/// Candidates of one sequence that are kept, the best.
const CANDIDATES: usize = 1024;

/// Stretches as good as a candidate's that one sequence may meet by chance.
const CHANCE_CANDIDATES: f64 = 4.0;

/// A target that an alignment may join with the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Candidate {
    score: i64,
    row: usize,
    reversed: bool,
    diagonal: i64,
}

/// Scratch of one thread.
#[derive(Default)]
pub(super) struct Scratch {
    hits: Vec<Hit>,
    cells: Vec<i64>,
}

/// Codes of a sequence, cut where no alignment reaches.
pub(super) fn encoded(letters: &[u8]) -> Vec<u8> {
    let codes = upper(&letters[..letters.len().min(LONGEST)]);
    codes.into_iter().map(|letter| b"ACGT".iter().position(|&base| base == letter).unwrap_or(4) as u8).collect()
}

fn reverse_complement(codes: &[u8]) -> Vec<u8> {
    codes.iter().rev().map(|&code| if code < 4 { 3 - code } else { code }).collect()
}

fn known(codes: &[u8]) -> usize {
    codes.iter().filter(|&&code| code < 4).count()
}

/// Targets, ready to be asked for relatives.
pub(super) struct Search<'a> {
    targets: &'a [Vec<u8>],
    compositions: Vec<Composition>,
    index: Index,
    threshold: Threshold,
    both_strands: bool,
    /// Bases of all targets.
    bases: usize,
    every: u64,
}

impl<'a> Search<'a> {
    /// `queries` is the number of bases that will be asked for.
    pub(super) fn new(targets: &'a [Vec<u8>], queries: usize, alphabet: Alphabet, threshold: Threshold) -> Self {
        let both_strands = alphabet == Alphabet::Dna;
        let bases = targets.iter().map(Vec::len).sum();
        let shape = Shape::new(queries * (1 + usize::from(both_strands)), bases);
        let every = shape.every();
        let compositions = targets.iter().map(|codes| Composition::of(codes)).collect();
        Self { targets, compositions, index: Index::new(shape, targets), threshold, both_strands, bases, every }
    }

    /// What the search left out before it began.
    pub(super) fn limits(&self) -> Limits {
        Limits { common_words: self.index.common_words(), one_word_in: self.every, cut_short: 0 }
    }

    /// The nats from which a stretch without gaps is followed: fewer than [`CHANCE_CANDIDATES`] reach them by chance.
    fn least_nats(&self, query: &[u8]) -> f64 {
        let places = query.len() as f64 * self.bases as f64 * if self.both_strands { 2.0 } else { 1.0 };
        (K * places / CHANCE_CANDIDATES).max(1.0).ln()
    }

    /// Targets before the row `before` that share a good stretch with a strand of the query, the best first.
    fn candidates(&self, strands: &[(Vec<u8>, Composition)], before: usize, hits: &mut Vec<Hit>) -> Vec<Candidate> {
        let mut found = Vec::new();
        for (reversed, (query, composition)) in [false, true].into_iter().zip(strands) {
            let least = self.least_nats(query);
            // What equal shares of all bases would ask for, as a first sieve.
            let least_score = (least / 0.64) as i64;
            self.index.hits(query, before, hits);
            for of_target in hits.chunk_by(|one, other| one.row == other.row) {
                let row = of_target[0].row as usize;
                let (score, diagonal) = best_stretch(query, &self.targets[row], of_target);
                if score >= least_score && score as f64 * composition.nats(self.compositions[row]) >= least {
                    found.push(Candidate { score, row, reversed, diagonal });
                }
            }
        }
        found.sort_unstable_by_key(|c| (std::cmp::Reverse(c.score), c.row, c.reversed));
        found
    }

    /// What is known of a query before anything is aligned; candidates are targets before the row `before`.
    fn asked(&self, query: &[u8], before: usize, scratch: &mut Scratch) -> Asked {
        let composition = Composition::of(query);
        let mut strands = vec![(query.to_vec(), composition)];
        if self.both_strands {
            strands.push((reverse_complement(query), composition.reversed()));
        }
        let known = known(query);
        let mut candidates = self.candidates(&strands, before, &mut scratch.hits);
        let more = candidates.len() > CANDIDATES;
        candidates.truncate(CANDIDATES);
        Asked { strands, known, candidates, more, next: 0, failures: 0 }
    }

    /// Aligns the next candidate that `skip` does not say is not worth it. `None` when no candidate is left.
    fn next(&self, asked: &mut Asked, scratch: &mut Scratch, skip: impl Fn(usize) -> bool) -> Option<Found> {
        let candidate = loop {
            let candidate = *asked.candidates.get(asked.next)?;
            asked.next += 1;
            if !skip(candidate.row) {
                break candidate;
            }
        };
        if asked.failures == FAILURES {
            asked.next = asked.candidates.len();
            asked.more = true;
            return None;
        }
        let target = &self.targets[candidate.row];
        let (query, composition) = &asked.strands[usize::from(candidate.reversed)];
        let width = (query.len().min(target.len()) / 8).clamp(8, 64);
        let alignment = align::banded(query, target, candidate.diagonal, width, &mut scratch.cells);
        let nats = composition.nats(self.compositions[candidate.row]);
        let judged = self.threshold.judged(alignment, asked.known.min(known(target)), nats);
        asked.failures += usize::from(judged.is_none());
        Some(judged.map(|(identity, coverage)| Relative { row: candidate.row, identity, coverage }))
    }

    /// The first target to be found similar to the query; and whether there was none although candidates were left.
    pub(super) fn first(&self, query: &[u8], scratch: &mut Scratch) -> (Option<Relative>, bool) {
        let mut asked = self.asked(query, self.targets.len(), scratch);
        while let Some(found) = self.next(&mut asked, scratch, |_| false) {
            if found.is_some() {
                return (found, false);
            }
        }
        (None, asked.more)
    }
}

/// What became of a candidate.
type Found = Option<Relative>;

/// A query with the candidates that are not aligned yet.
struct Asked {
    /// Forward, and in DNA reverse, with the bases that they are made of.
    strands: Vec<(Vec<u8>, Composition)>,
    /// Known bases.
    known: usize,
    candidates: Vec<Candidate>,
    /// Whether there were more candidates than are kept or aligned.
    more: bool,
    next: usize,
    failures: usize,
}

/// The best stretch without gaps through any of the hits of one target, and its diagonal.
fn best_stretch(query: &[u8], target: &[u8], hits: &[Hit]) -> (i64, i64) {
    let mut best = (0, 0);
    for along in hits.chunk_by(|one, other| one.diagonal() == other.diagonal()) {
        let diagonal = along[0].diagonal();
        let mut reached = 0;
        for hit in along {
            if hit.at as usize >= reached {
                let (score, end) = align::extended(query, target, hit.at as usize, diagonal);
                reached = end;
                if score > best.0 {
                    best = (score, diagonal);
                }
            }
        }
    }
    best
}

impl Threshold {
    /// Identity and coverage of an alignment that reaches the threshold and is not due to chance; `shorter` is the number of
    /// known bases of the shorter sequence, `nats` what a point of its score is worth.
    pub(super) fn judged(&self, alignment: Alignment, shorter: usize, nats: f64) -> Option<(f64, f64)> {
        let (identity, coverage) = (alignment.identity(), alignment.pairs as f64 / shorter.max(1) as f64);
        let enough = identity >= self.identity - 1e-9 && coverage >= self.coverage - 1e-9;
        (enough && nats * alignment.score as f64 >= SIGNIFICANT).then_some((identity, coverage.min(1.0)))
    }
}

/// Rows whose candidates are sought at once.
const ROUND: usize = 256;

/// Pairs of similar targets that connect all that similar pairs connect, the later first; and what was left out.
pub(super) fn links(targets: &[Vec<u8>], alphabet: Alphabet, threshold: Threshold) -> (Vec<(usize, usize)>, Limits) {
    let bases = targets.iter().map(Vec::len).sum();
    let search = Search::new(targets, bases, alphabet, threshold);
    let mut limits = search.limits();
    let mut sets = DisjointSets::new(targets.len());
    let mut links = Vec::new();
    for first in (0..targets.len()).step_by(ROUND) {
        let rows = first..targets.len().min(first + ROUND);
        let asked = rows
            .into_par_iter()
            .map_init(Scratch::default, |scratch, row| (row, search.asked(&targets[row], row, scratch)));
        let mut open: Vec<(usize, Asked)> = asked.collect();
        // One alignment of each row at a time: what it joins need not be aligned with any other of that set.
        while !open.is_empty() {
            let roots = sets.roots();
            let step = |scratch: &mut Scratch, (row, asked): &mut (usize, Asked)| {
                search.next(asked, scratch, |other| roots[other] == roots[*row])
            };
            let found: Vec<Option<Found>> = open.par_iter_mut().map_init(Scratch::default, step).collect();
            for ((row, _), relative) in open.iter().zip(&found) {
                if let Some(Some(relative)) = relative {
                    sets.join(*row, relative.row);
                    links.push((*row, relative.row));
                }
            }
            let ended = open.iter().zip(&found).filter(|((_, asked), found)| found.is_none() && asked.more).count();
            limits.cut_short += ended;
            let mut found = found.iter();
            open.retain(|_| found.next().is_some_and(Option::is_some));
        }
    }
    (links, limits)
}
