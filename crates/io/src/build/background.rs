//! Windows of the genome that look like the positives in their base composition and overlap none of them.

use super::Account;
use super::draft::Draft;
use super::intervals::{Cutter, unknown};
use super::negatives::{Negatives, check_amount};
use crate::error::{Error, Result};
use basewise_core::random::{Stream, below, stream};
use basewise_core::{Interval, Strand};
use std::collections::{BTreeMap, BTreeSet};

/// Candidates that are looked at for each window wanted, at most.
const TRIES: usize = 200;
/// Largest fraction of `N` in a background window.
const MAX_UNKNOWN: f64 = 0.0;

/// Places that background must not touch, whatever their strand.
#[derive(Default)]
pub(super) struct Avoid {
    /// By chromosome, from start to end; disjoint.
    places: BTreeMap<String, BTreeMap<u64, u64>>,
}

impl Avoid {
    pub(super) fn add(&mut self, place: &Interval) {
        let line = self.places.entry(place.chrom.clone()).or_default();
        let (mut start, mut end) = (place.start, place.end);
        while let Some((&other, &other_end)) =
            line.range(..end).next_back().filter(|(_, other_end)| **other_end > start)
        {
            line.remove(&other);
            (start, end) = (start.min(other), end.max(other_end));
        }
        line.insert(start, end);
    }

    fn touches(&self, chrom: &str, start: u64, end: u64) -> bool {
        let last = self.places.get(chrom).and_then(|line| line.range(..end).next_back());
        last.is_some_and(|(_, &other_end)| other_end > start)
    }
}

/// A window that is wanted: as long as its positive, on its strand, with its fraction of G and C.
struct Want {
    row: usize,
    copy: usize,
    length: u64,
    strand: Strand,
    gc: f64,
}

fn gc(letters: &[u8]) -> f64 {
    let strong = letters.iter().filter(|letter| b"GCgcSs".contains(letter)).count();
    let known = letters.iter().filter(|letter| b"ACGTUacgtu".contains(letter)).count();
    strong as f64 / known.max(1) as f64
}

/// Background windows for the drafts that are positive for some task.
pub(super) fn windows(
    cut: &Cutter<'_>,
    drafts: &[Draft],
    mut avoid: Avoid,
    tasks: usize,
    account: &mut Account,
) -> Result<Vec<Draft>> {
    let Negatives::Background { per_positive, same_chromosome, gc_tolerance, .. } = cut.spec.negatives else {
        return Ok(Vec::new());
    };
    check_amount(drafts, per_positive)?;
    if !(gc_tolerance > 0.0 && gc_tolerance <= 1.0) {
        return Err(Error::new(format!("expected a GC tolerance above 0 and up to 1, found {gc_tolerance}")));
    }
    let wanted = wanted(cut, drafts, per_positive, same_chromosome, account);
    let mut made = Vec::new();
    for (contig, wants) in wanted {
        let mut search = Search::new(cut, contig, &mut avoid, gc_tolerance)?;
        let asked = wants.len();
        let found = search.all(wants);
        account.fail("no background of its GC found", asked - found.len());
        for (want, place, letters) in found {
            let positive = &drafts[want.row];
            let draft = Draft {
                id: format!("{}_background{}", positive.id, want.copy + 1),
                sequence: cut.read_from(&place, letters),
                chrom: Some(place.chrom.clone()),
                place: Some(place),
                labels: vec![0.0; tasks],
                covariates: Vec::new(),
                weight: positive.weight,
                split: None,
                group: None,
                parent: None,
            };
            made.push((want.row, want.copy, draft));
        }
    }
    // In the order of the positives, whatever contig they came from.
    made.sort_by_key(|(row, copy, _)| (*row, *copy));
    Ok(made.into_iter().map(|(_, _, draft)| draft).collect())
}

/// What each positive asks for, by the number of the contig that it is to come from.
fn wanted(
    cut: &Cutter<'_>,
    drafts: &[Draft],
    per_positive: usize,
    same_chromosome: bool,
    account: &mut Account,
) -> BTreeMap<usize, Vec<Want>> {
    let contigs = cut.genome.contigs();
    let numbers: BTreeMap<&str, usize> = contigs.iter().enumerate().map(|(i, (name, _))| (name.as_str(), i)).collect();
    let mut wanted: BTreeMap<usize, Vec<Want>> = BTreeMap::new();
    for (row, draft) in drafts.iter().enumerate() {
        let Some(place) = draft.place.as_ref().filter(|_| draft.labels.contains(&1.0)) else { continue };
        for copy in 0..per_positive {
            let length = draft.sequence.len() as u64;
            let contig = if same_chromosome {
                numbers.get(place.chrom.as_str()).copied()
            } else {
                let mut rng = stream(cut.spec.seed, "background contig", &[row as u64, copy as u64]);
                by_length(contigs, length, &mut rng)
            };
            let want = Want { row, copy, length, strand: place.strand, gc: gc(&draft.sequence) };
            match contig {
                Some(contig) => wanted.entry(contig).or_default().push(want),
                None => account.fail("no contig is long enough", 1),
            }
        }
    }
    wanted
}

/// A contig with a chance that goes with the number of windows it has room for.
fn by_length(contigs: &[(String, u64)], length: u64, rng: &mut Stream) -> Option<usize> {
    let room = |size: u64| (size + 1).saturating_sub(length) as usize;
    let total: usize = contigs.iter().map(|(_, size)| room(*size)).sum();
    let mut at = below(rng, total);
    contigs.iter().position(|(_, size)| {
        let inside = at < room(*size);
        at = at.saturating_sub(room(*size));
        inside
    })
}

/// The search for background on one contig, whose letters are in memory.
struct Search<'a> {
    cut: &'a Cutter<'a>,
    contig: usize,
    name: &'a str,
    letters: Vec<u8>,
    avoid: &'a mut Avoid,
    tolerance: u64,
}

type Found = (Want, Interval, Vec<u8>);

/// Fractions as whole numbers, which can be sorted and looked up exactly.
fn key(fraction: f64) -> u64 {
    (fraction.clamp(0.0, 1.0) * 1e9).round() as u64
}

impl<'a> Search<'a> {
    fn new(cut: &'a Cutter<'a>, contig: usize, avoid: &'a mut Avoid, tolerance: f64) -> Result<Self> {
        let (name, length) = &cut.genome.contigs()[contig];
        let whole = Interval { chrom: name.clone(), start: 0, end: *length, strand: Strand::Forward };
        let letters = cut.genome.fetch(&whole)?;
        Ok(Self { cut, contig, name, letters, avoid, tolerance: key(tolerance) })
    }

    fn all(&mut self, wants: Vec<Want>) -> Vec<Found> {
        let mut by_length: BTreeMap<u64, Vec<Want>> = BTreeMap::new();
        wants.into_iter().for_each(|want| by_length.entry(want.length).or_default().push(want));
        by_length.into_iter().flat_map(|(length, wants)| self.of_length(length, wants)).collect()
    }

    /// Draws places; each goes to the open want whose GC is nearest, if that is near enough.
    fn of_length(&mut self, length: u64, wants: Vec<Want>) -> Vec<Found> {
        let size = self.letters.len() as u64;
        if length > size {
            return Vec::new();
        }
        let mut open: BTreeSet<(u64, usize)> = wants.iter().enumerate().map(|(i, want)| (key(want.gc), i)).collect();
        let mut wants: Vec<Option<Want>> = wants.into_iter().map(Some).collect();
        let mut rng = stream(self.cut.spec.seed, "background", &[self.contig as u64, length]);
        let mut found = Vec::new();
        for _ in 0..wants.len() * TRIES {
            if open.is_empty() {
                break;
            }
            let start = below(&mut rng, (size - length + 1) as usize) as u64;
            if self.avoid.touches(self.name, start, start + length) {
                continue;
            }
            let letters = &self.letters[start as usize..(start + length) as usize];
            if unknown(letters) > MAX_UNKNOWN {
                continue;
            }
            let Some(nearest) = nearest(&open, key(gc(letters)), self.tolerance) else { continue };
            open.remove(&nearest);
            if let Some(want) = wants[nearest.1].take() {
                let end = start + length;
                let place = Interval { chrom: self.name.to_owned(), start, end, strand: want.strand };
                self.avoid.add(&place);
                found.push((want, place, letters.to_vec()));
            }
        }
        found
    }
}

fn nearest(open: &BTreeSet<(u64, usize)>, gc: u64, tolerance: u64) -> Option<(u64, usize)> {
    let below = open.range(..(gc, 0)).next_back();
    let above = open.range((gc, 0)..).next();
    let near = below.into_iter().chain(above).min_by_key(|(key, _)| key.abs_diff(gc));
    near.copied().filter(|(key, _)| key.abs_diff(gc) <= tolerance)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(start: u64, end: u64) -> Interval {
        Interval { chrom: "c".into(), start, end, strand: Strand::Forward }
    }

    #[test]
    fn avoided_places_merge_and_touch_only_what_they_share_a_base_with() {
        let mut avoid = Avoid::default();
        [at(10, 20), at(40, 50), at(15, 30), at(12, 13), at(0, 1)].iter().for_each(|place| avoid.add(place));
        assert_eq!(avoid.places["c"], BTreeMap::from([(0, 1), (10, 30), (40, 50)]));
        for (start, end, touches) in [(1, 10, false), (0, 10, true), (29, 30, true), (30, 40, false), (45, 46, true)] {
            assert_eq!(avoid.touches("c", start, end), touches, "{start}..{end}");
        }
        assert!(!avoid.touches("d", 10, 20));
        avoid.add(&at(0, 100));
        assert_eq!(avoid.places["c"], BTreeMap::from([(0, 100)]));
    }

    #[test]
    fn the_nearest_open_composition_is_taken_within_the_tolerance() {
        let open = BTreeSet::from([(100, 0), (200, 1), (200, 2)]);
        assert_eq!(nearest(&open, 140, 50), Some((100, 0)));
        assert_eq!(nearest(&open, 200, 0), Some((200, 1)));
        assert_eq!(nearest(&open, 300, 50), None);
    }

    #[test]
    fn gc_counts_known_letters_only() {
        assert_eq!(gc(b"GCatNN"), 0.5);
        assert_eq!(gc(b"NN"), 0.0);
    }
}
