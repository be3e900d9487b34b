//! Copies of a sequence that differ from it in one stretch.

use crate::{Code, SequenceBatch};

/// A stretch of a sequence that is replaced by another of the same length.
///
/// A substitution replaces one position. An insertion or a deletion in a window of fixed length replaces all that moves: from
/// its place to the end of the window, or to the begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// First position that is replaced, 0-based.
    pub start: usize,
    /// What stands there instead; ends within the sequence.
    pub codes: Vec<Code>,
}

impl Edit {
    /// One base in the place of another; a mark of the case channel stays with the position of `old`.
    pub fn substitution(position: usize, old: Code, base: u8) -> Self {
        Self { start: position, codes: vec![old.with_base(base)] }
    }

    /// One past the last position that is replaced.
    pub fn end(&self) -> usize {
        self.start + self.codes.len()
    }

    /// The least edit that turns one sequence into another of the same length; nothing is replaced if they are equal.
    pub fn between(from: &[Code], to: &[Code]) -> Self {
        let same = |(a, b): (&Code, &Code)| a == b;
        let start = from.iter().zip(to).take_while(|&pair| same(pair)).count();
        let tail = from[start..].iter().rev().zip(to[start..].iter().rev()).take_while(|&pair| same(pair)).count();
        Self { start, codes: to[start..to.len() - tail].to_vec() }
    }

    /// What the edit does to the positions `window` of the sequence, as one of that window.
    pub fn within(&self, window: std::ops::Range<usize>) -> Self {
        let start = self.start.clamp(window.start, window.end);
        let end = self.end().clamp(start, window.end);
        let codes =
            self.codes.get(start.saturating_sub(self.start)..end.saturating_sub(self.start)).unwrap_or_default();
        Self { start: start - window.start, codes: codes.to_vec() }
    }

    /// The same edit of the reverse complement of a sequence of `length`.
    pub fn reverse_complement(&self, length: usize) -> Self {
        let codes = self.codes.iter().rev().map(|code| code.complement()).collect();
        Self { start: length - self.end(), codes }
    }

    /// Replaces the stretch in a sequence.
    pub fn apply(&self, sequence: &mut [Code]) {
        sequence[self.start..self.end()].copy_from_slice(&self.codes);
    }

    /// Row `i` of the batch with this edit, appended to `edited` with the row's side inputs.
    pub fn push(&self, batch: &SequenceBatch, i: usize, edited: &mut SequenceBatch) {
        edited.push_row(batch, i);
        let last = edited.len() - 1;
        self.apply(edited.sequence_mut(last));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Alphabet, CasePolicy, Encoding};

    const ENCODING: Encoding = Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Channel };

    #[test]
    fn the_least_edit_between_two_sequences_turns_one_into_the_other() {
        for (from, to, start, length) in [
            ("ACGT", "ACGT", 4, 0),
            ("ACGT", "TCGT", 0, 1),
            ("ACGT", "ACGA", 3, 1),
            ("AAAA", "CAAC", 0, 4),
            ("", "", 0, 0),
        ] {
            let [a, b] = [from, to].map(|letters| ENCODING.encode(letters.as_bytes()).unwrap());
            let edit = Edit::between(&a, &b);
            assert_eq!((edit.start, edit.codes.len()), (start, length), "{from} {to}");
            let mut batch = SequenceBatch::new(ENCODING, from.len());
            batch.push_codes(&a);
            let mut edited = batch.emptied();
            if !a.is_empty() {
                edit.push(&batch, 0, &mut edited);
                assert_eq!(edited.sequence(0), b);
            }
        }
    }

    #[test]
    fn a_window_has_the_part_of_an_edit_that_lies_within() {
        let codes = ENCODING.encode(b"ACGT").unwrap();
        let edit = Edit { start: 3, codes: codes.clone() };
        for (window, start, part) in [
            (0..10, 3, 0..4),
            (4..10, 0, 1..4),
            (0..5, 3, 0..2),
            (4..6, 0, 1..3),
            (0..3, 3, 0..0),
            (7..9, 0, 0..0),
            (8..9, 0, 0..0),
        ] {
            let expected = Edit { start, codes: codes[part].to_vec() };
            assert_eq!(edit.within(window.clone()), expected, "{window:?}");
        }
    }

    #[test]
    fn an_edit_of_the_other_strand_gives_the_reverse_complement_of_the_copy() {
        let sequence = ENCODING.encode(b"ACGTNacgt").unwrap();
        let mut batch = SequenceBatch::new(ENCODING, sequence.len());
        batch.push_codes(&sequence);
        for (start, letters) in [(0, "GG"), (3, "aN"), (8, "C"), (4, "")] {
            let edit = Edit { start, codes: ENCODING.encode(letters.as_bytes()).unwrap() };
            let (mut one, mut other) = (batch.emptied(), batch.emptied());
            edit.push(&batch, 0, &mut one);
            one.reverse_complement(0);
            let mut turned = batch.clone();
            turned.reverse_complement(0);
            edit.reverse_complement(sequence.len()).push(&turned, 0, &mut other);
            assert_eq!(one.sequence(0), other.sequence(0), "{start} {letters}");
        }
    }

    #[test]
    fn a_mark_stays_with_its_position() {
        let old = ENCODING.encode(b"A").unwrap()[0];
        let edit = Edit::substitution(3, old, 2);
        assert_eq!((edit.start, edit.end(), edit.codes[0].base()), (3, 4, 2));
        assert!(edit.codes[0].is_marked());
    }
}
