//! Motifs that a variant makes or breaks.

use crate::failure::user;
use anyhow::Result;
use basewise_core::variants::{Stretch, Variant, Window};
use basewise_core::{Alphabet, Code, Encoding};
use basewise_io::variants::Value;
use basewise_motif::Motif;
use basewise_motif::logo::Mark;
use basewise_motif::scan::{best_hit, reverse_complement, score_sequence};
use std::path::Path;

/// A site counts if its score lies at least so far between the worst and the best that its motif can have.
const SITE: f64 = 0.8;

/// Motifs, ready to score both alleles.
pub(super) struct MotifChanges {
    motifs: Vec<Scored>,
    encoding: Encoding,
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
        let window = |length: usize| Window { start: around.start, length, reverse: false };
        let length = around.letters.len();
        let reference = window(length).codes(around, self.encoding);
        let altered = (length as i64 + variant.gain()).max(0) as usize;
        let edits = window(length.max(altered)).edits(around, variant, self.encoding);
        let (Ok(reference), Ok(edits)) = (reference, edits) else { return [Value::Missing, Value::Missing] };
        let mut alternate = reference.clone();
        alternate.resize(length.max(altered), Code::N);
        if let Some(edit) = edits.first() {
            alternate[edit.start..edit.end()].copy_from_slice(&edit.codes);
        }
        alternate.truncate(altered);
        let (mut gain, mut loss) = ((0.0, None), (0.0, None));
        for motif in &self.motifs {
            let own = &motif.reach_of(variant, around);
            let change = motif.change(&reference[own.0.clone()], &alternate[own.1.clone()], self.encoding.alphabet);
            if change > gain.0 {
                gain = (change, Some(motif));
            }
            if change < loss.0 {
                loss = (change, Some(motif));
            }
        }
        [gain, loss].map(|(change, motif)| match motif {
            Some(motif) => Value::Text(format!("{}:{change:+.2}", motif.name)),
            None => Value::Missing,
        })
    }
}

impl MotifChanges {
    /// Sites of motifs in a sequence, each with its strand; of sites that share a position the one with the highest score.
    pub(super) fn sites(&self, codes: &[Code]) -> Vec<Mark> {
        let mut sites: Vec<(f64, Mark)> =
            self.motifs.iter().flat_map(|motif| motif.sites(codes, self.encoding)).collect();
        sites.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.start.cmp(&b.1.start)));
        let mut chosen: Vec<Mark> = Vec::new();
        for (_, site) in sites {
            if chosen.iter().all(|other| site.end <= other.start || other.end <= site.start) {
                chosen.push(site);
            }
        }
        chosen.sort_by_key(|site| site.start);
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
            let sites = scores.filter(|&(_, score)| score > 0.0 && score >= self.least);
            sites
                .map(move |(start, score)| {
                    (score, Mark { start, end: start + self.log_odds.len(), label: label.clone() })
                })
                .collect::<Vec<_>>()
        });
        hits.collect()
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
    fn reach_of(&self, variant: &Variant, around: &Stretch) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
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
            (Some(before), Some(after)) if before.max(after) >= self.least => after - before,
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
            let marks = changes.sites(&changes.encoding.encode(letters).unwrap());
            marks.into_iter().map(|mark| (mark.start, mark.end, mark.label)).collect::<Vec<_>>()
        };
        let mark = |start: usize, label: &str| (start, start + 4, label.to_owned());
        assert_eq!(marks(b"TATCAGATA"), [mark(0, "x_y +"), mark(5, "x_y -")]);
        assert_eq!(marks(b"GGGGG"), [mark(0, "g +")]); // of the two that overlap the first
        assert_eq!(marks(b"NNNN"), []);
        assert_eq!(marks(b"TAT"), []);
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
    }
}
