//! Motifs that a variant makes or breaks.

use crate::failure::user;
use anyhow::Result;
use basewise_core::variants::{Stretch, Variant, Window};
use basewise_core::{Alphabet, Code, Encoding};
use basewise_io::variants::Value;
use basewise_motif::Motif;
use basewise_motif::logo::Mark;
use basewise_motif::scan::{best_hit, reverse_complement, score_sequence};
use std::ops::Range;
use std::path::Path;

/// A site counts if its score is above 0, likelier than by chance, and lies at least so far between the worst and the best that
/// its motif can have.
const SITE: f64 = 0.8;

/// Motifs, ready to score both alleles.
pub(super) struct MotifChanges {
    motifs: Vec<Scored>,
    encoding: Encoding,
}

/// How far the best site of a motif near a variant rises or falls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Change {
    /// Its number.
    pub(super) motif: usize,
    bits: f64,
}

struct Scored {
    /// Its name, without what a field of VCF cannot hold.
    name: String,
    log_odds: Vec<[f64; 4]>,
    /// The least score of a site.
    least: f64,
}

impl MotifChanges {
    /// Reads a file of motifs.
    pub(super) fn read(path: &Path, encoding: Encoding) -> Result<Self> {
        let motifs: Vec<Scored> = crate::commands::motifs::read(path)?.iter().map(Scored::of).collect();
        if motifs.iter().all(|motif| motif.log_odds.is_empty()) {
            return Err(user(format!("{}: expected motifs with positions, found none", path.display()), None));
        }
        Ok(Self { motifs, encoding })
    }

    /// Bases beside a variant that a motif over it may reach.
    pub(super) fn reach(&self) -> u64 {
        self.motifs.iter().map(|motif| motif.log_odds.len()).max().unwrap_or(0).saturating_sub(1) as u64
    }

    /// The motif that is gained most and the one that is lost most, as `NAME:BITS`; none where no site comes or goes.
    pub(super) fn values(&self, around: &Stretch, variant: &Variant) -> [Value; 2] {
        self.changes(around, variant)
            .map(|change| change.map_or(Value::Missing, |change| Value::Text(self.text(change))))
    }

    fn text(&self, change: Change) -> String {
        format!("{}:{:+.2}", self.motifs[change.motif].name, change.bits)
    }

    /// The same in a sentence.
    pub(super) fn words(&self, changes: [Option<Change>; 2]) -> String {
        let words = changes.into_iter().zip(["gained", "lost"]);
        let words = words.filter_map(|(change, what)| Some(format!("{what} {} bits", self.text(change?))));
        words.collect::<Vec<_>>().join(", ")
    }

    /// The motif that is gained most and the one that is lost most; none where no site comes or goes.
    pub(super) fn changes(&self, around: &Stretch, variant: &Variant) -> [Option<Change>; 2] {
        let window = |length: usize| Window { start: around.start, length, reverse: false };
        let length = around.letters.len();
        let reference = window(length).codes(around, self.encoding);
        let altered = (length as i64 + variant.gain()).max(0) as usize;
        let edits = window(length.max(altered)).edits(around, variant, self.encoding);
        let (Ok(reference), Ok(edits)) = (reference, edits) else { return [None; 2] };
        let mut alternate = reference.clone();
        alternate.resize(length.max(altered), Code::N);
        if let Some(edit) = edits.first() {
            alternate[edit.start..edit.end()].copy_from_slice(&edit.codes);
        }
        alternate.truncate(altered);
        let mut largest: [Option<Change>; 2] = [None; 2];
        for (motif, scored) in self.motifs.iter().enumerate() {
            let own = &scored.reach_of(variant, around);
            let bits = scored.change(&reference[own.0.clone()], &alternate[own.1.clone()], self.encoding.alphabet);
            let slot = &mut largest[usize::from(bits < 0.0)];
            if bits.abs() > slot.map_or(0.0, |change| change.bits.abs()) {
                *slot = Some(Change { motif, bits });
            }
        }
        largest
    }

    /// Sites of motifs on a part of a sequence, each with its strand, at positions of the part; of sites that share a position
    /// the one with the highest score. Sites of the `named` motif over a stretch go first, even if the part holds only an end
    /// of them.
    pub(super) fn sites(&self, codes: &[Code], part: Range<usize>, named: Option<(usize, Range<usize>)>) -> Vec<Mark> {
        let is_over = |site: &Mark, range: &Range<usize>| site.start < range.end && range.start < site.end;
        let reach = self.reach() as usize;
        let from = part.start.saturating_sub(reach);
        let near = &codes[from..(part.end + reach).min(codes.len())];
        let is_named =
            |motif: usize, site: &Mark| named.as_ref().is_some_and(|(own, over)| *own == motif && is_over(site, over));
        let of = |(motif, scored): (usize, &Scored)| {
            let sites = scored.sites(near, self.encoding).into_iter().map(|(score, site)| {
                let site = Mark { start: site.start + from, end: site.end + from, ..site };
                (is_named(motif, &site), score, site)
            });
            sites.collect::<Vec<_>>()
        };
        let mut sites: Vec<(bool, f64, Mark)> = self.motifs.iter().enumerate().flat_map(of).collect();
        sites.retain(|(is_named, _, site)| {
            let is_inside = part.start <= site.start && site.end <= part.end;
            is_inside || *is_named && is_over(site, &part)
        });
        sites.sort_by(|a, b| b.0.cmp(&a.0).then(b.1.total_cmp(&a.1)).then(a.2.start.cmp(&b.2.start)));
        let mut chosen: Vec<Mark> = Vec::new();
        for (_, _, site) in sites {
            if chosen.iter().all(|other| site.end <= other.start || other.end <= site.start) {
                chosen.push(site);
            }
        }
        chosen.sort_by_key(|site| site.start);
        for site in &mut chosen {
            site.start = site.start.max(part.start) - part.start;
            site.end = site.end.min(part.end) - part.start;
        }
        chosen
    }
}

impl Scored {
    /// All sites, with their scores.
    fn sites(&self, codes: &[Code], encoding: Encoding) -> Vec<(f64, Mark)> {
        let turned = (encoding.alphabet == Alphabet::Dna).then(|| reverse_complement(&self.log_odds));
        let strands = std::iter::once((&self.log_odds, '+')).chain(turned.iter().map(|matrix| (matrix, '-')));
        let hits = strands.flat_map(|(matrix, strand)| {
            let label = match encoding.alphabet {
                Alphabet::Dna => format!("{} {strand}", self.name),
                Alphabet::Rna => self.name.clone(),
            };
            let scores = score_sequence(matrix, codes).into_iter().enumerate();
            let sites = scores.filter(|&(_, score)| self.is_site(score));
            sites
                .map(move |(start, score)| {
                    (score, Mark { start, end: start + self.log_odds.len(), label: label.clone() })
                })
                .collect::<Vec<_>>()
        });
        hits.collect()
    }

    fn is_site(&self, score: f64) -> bool {
        score > 0.0 && score >= self.least
    }

    fn of(motif: &Motif) -> Self {
        let log_odds = motif.log_odds(1.0, motif.background);
        let sum = |pick: fn(f64, f64) -> f64| {
            log_odds.iter().map(|row| row.iter().copied().reduce(pick).unwrap_or(0.0)).sum::<f64>()
        };
        let (worst, best) = (sum(f64::min), sum(f64::max));
        let legal = |c: char| if c.is_ascii_graphic() && !",;=:%".contains(c) { c } else { '_' };
        Self { name: motif.label().chars().map(legal).collect(), least: worst + SITE * (best - worst), log_odds }
    }

    /// The positions of the stretch, before and after the change, that sites of this motif over the variant can lie on.
    fn reach_of(&self, variant: &Variant, around: &Stretch) -> (Range<usize>, Range<usize>) {
        let beside = self.log_odds.len().saturating_sub(1);
        let start = (variant.start as i64 - around.start) as usize;
        let from = start.saturating_sub(beside);
        let upto = |allele: usize, length: usize| (start + allele + beside).min(length);
        let length = around.letters.len();
        let altered = (length as i64 + variant.gain()).max(0) as usize;
        (from..upto(variant.reference.len(), length), from..upto(variant.alternate.len(), altered))
    }

    /// Best score after minus best score before, if one of them is that of a site; else 0.
    fn change(&self, before: &[Code], after: &[Code], alphabet: Alphabet) -> f64 {
        let best = |codes: &[Code]| best_hit(&self.log_odds, codes, alphabet == Alphabet::Dna).map(|hit| hit.score);
        match (best(before), best(after)) {
            (Some(before), Some(after)) if self.is_site(before.max(after)) => after - before,
            _ => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use basewise_core::CasePolicy;

    fn changes() -> MotifChanges {
        let site = |name: &str, letters: &[u8]| {
            let row = |letter: &u8| std::array::from_fn(|base| if b"ACGT"[base] == *letter { 1.0 } else { 0.0 });
            Motif::from_probabilities(name, name, Alphabet::Dna, letters.iter().map(row).collect(), 20.0)
        };
        let motifs = [site("x;y", b"TATC"), site("g", b"GGGG")];
        let encoding = Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore };
        MotifChanges { motifs: motifs.iter().map(Scored::of).collect(), encoding }
    }

    fn values(letters: &str, at: u64, reference: &str, alternate: &str) -> [String; 2] {
        let around = Stretch { start: 100, letters: letters.into() };
        changes().values(&around, &Variant::new(100 + at, reference.as_bytes(), alternate.as_bytes())).map(|v| v.text())
    }

    #[test]
    fn sites_are_marked_once_at_both_ends_and_on_both_strands() {
        let changes = changes();
        let marks = |letters: &[u8]| {
            let marks = changes.sites(&changes.encoding.encode(letters).unwrap(), 0..letters.len(), None);
            marks.into_iter().map(|mark| (mark.start, mark.end, mark.label)).collect::<Vec<_>>()
        };
        let mark = |start: usize, label: &str| (start, start + 4, label.to_owned());
        assert_eq!(marks(b"TATCAGATA"), [mark(0, "x_y +"), mark(5, "x_y -")]);
        assert_eq!(marks(b"GGGGG"), [mark(0, "g +")]); // of the two that overlap the first
        assert_eq!(marks(b"NNNN"), []);
        assert_eq!(marks(b"TAT"), []);
    }

    #[test]
    fn the_named_motif_is_marked_even_if_others_score_higher_or_the_part_holds_its_end_only() {
        let mut changes = changes();
        // A longer motif around x;y, whose sites score higher.
        let long = Motif::from_probabilities(
            "long",
            "long",
            Alphabet::Dna,
            "CTATCC".bytes().map(|letter| std::array::from_fn(|base| f64::from(b"ACGT"[base] == letter))).collect(),
            20.0,
        );
        changes.motifs.push(Scored::of(&long));
        let codes = changes.encoding.encode(b"AACTATCCAATATCA").unwrap();
        let marks = |part: Range<usize>, named| {
            let marks = changes.sites(&codes, part, named);
            marks.into_iter().map(|mark| (mark.start, mark.end, mark.label)).collect::<Vec<_>>()
        };
        let mark = |start: usize, end: usize, label: &str| (start, end, label.to_owned());
        assert_eq!(marks(0..15, None), [mark(2, 8, "long +"), mark(10, 14, "x_y +")]);
        assert_eq!(marks(0..15, Some((0, 4..5))), [mark(3, 7, "x_y +"), mark(10, 14, "x_y +")]);
        // Elsewhere it goes after what scores higher; a site that a deletion makes lies over its seam.
        assert_eq!(marks(0..15, Some((0, 12..12))), [mark(2, 8, "long +"), mark(10, 14, "x_y +")]);
        assert_eq!(marks(4..6, Some((0, 4..5))), [mark(0, 2, "x_y +")]);
        assert_eq!(marks(4..6, None), []);
    }

    #[test]
    fn sites_come_and_go_on_both_strands() {
        assert_eq!(changes().reach(), 3);
        let [gain, loss] = values("AAATAACAAA", 5, "A", "T");
        assert!(gain.starts_with("x_y:+") && loss == ".", "{gain} {loss}");
        let [gain, loss] = values("AATATCAAAA", 4, "T", "G");
        assert!(loss.starts_with("x_y:-") && gain == ".", "{gain} {loss}");
        // GATA is TATC on the other strand; an insertion makes it, and a deletion takes it away.
        let [gain, _] = values("CCCGATTCCC", 6, "", "A");
        assert!(gain.starts_with("x_y:+"), "{gain}");
        let [gain, _] = values("CCCGAACCC", 5, "", "T");
        assert!(gain.starts_with("x_y:+"), "{gain}");
        let [_, loss] = values("CCGATACCC", 4, "TA", "");
        assert!(loss.starts_with("x_y:-"), "{loss}");
        // Nothing near is a site.
        assert_eq!(values("AAAAAAAAAA", 5, "A", "C"), [".", "."]);
        // Scores below 0 are less likely than by chance, whatever share of a wide range lies below them.
        let mut wide = changes();
        wide.motifs.iter_mut().for_each(|motif| motif.least = f64::MIN);
        let around = Stretch { start: 0, letters: b"AAAAAAAAAA".to_vec() };
        assert_eq!(wide.changes(&around, &Variant::new(5, b"A", b"C")), [None; 2]);
    }
}
