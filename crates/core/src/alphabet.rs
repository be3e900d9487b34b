//! Letters of nucleic acids and their one-byte codes.

use serde::{Deserialize, Serialize};

/// Which nucleic acid a sequence is written in. Both have four letters; `U` always reads as `T`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Alphabet {
    /// Double-stranded: a sequence and its reverse complement say the same.
    Dna,
    /// Single-stranded: only the given strand is meant.
    Rna,
}

impl Alphabet {
    /// The letters in channel order.
    pub fn letters(self) -> [u8; 4] {
        match self {
            Self::Dna => *b"ACGT",
            Self::Rna => *b"ACGU",
        }
    }
}

/// What upper and lower case mean in the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CasePolicy {
    /// Case carries no information (soft-masked repeats are ordinary bases).
    #[default]
    Ignore,
    /// Lower-case bases become `N`.
    MaskLower,
    /// A fifth channel is 1 where the letter is upper case.
    Channel,
}

/// How letters become channels: fixed by the data set, carried by the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Encoding {
    /// DNA or RNA.
    pub alphabet: Alphabet,
    /// The meaning of case.
    pub case: CasePolicy,
}

impl Encoding {
    /// Number of input channels: 4, or 5 with [`CasePolicy::Channel`].
    pub fn channels(self) -> usize {
        if self.case == CasePolicy::Channel { 5 } else { 4 }
    }

    /// Codes of `letters`, one byte a letter.
    ///
    /// # Errors
    /// The first byte that is not an IUPAC nucleotide letter, with its 0-based offset.
    pub fn encode(self, letters: &[u8]) -> Result<Vec<Code>, EncodeError> {
        letters
            .iter()
            .enumerate()
            .map(|(offset, &letter)| {
                Code::of_letter(letter, self.case).ok_or(EncodeError { offset, letter: letter as char })
            })
            .collect()
    }
}

/// A byte that is no nucleotide letter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a nucleotide letter (A C G T U N or another IUPAC code), found {letter:?} at offset {offset}")]
pub struct EncodeError {
    /// 0-based offset in the sequence.
    pub offset: usize,
    /// What stands there.
    pub letter: char,
}

/// One position of a sequence: base 0..3 in the order A C G T, or 4 for unknown, and a mark.
///
/// The mark is set where the letter is upper case and the encoding is [`CasePolicy::Channel`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Code(u8);

impl Code {
    /// An unknown base without a mark; also the padding.
    pub const N: Self = Self(4);
    const MARK: u8 = 8;

    /// The code of base 0..=3 (A C G T) or 4 (unknown), unmarked.
    ///
    /// # Panics
    /// If `base` is above 4.
    pub fn new(base: u8) -> Self {
        assert!(base <= 4, "a base code is 0..=4");
        Self(base)
    }

    fn of_letter(letter: u8, case: CasePolicy) -> Option<Self> {
        let base = match letter.to_ascii_uppercase() {
            b'A' => 0,
            b'C' => 1,
            b'G' => 2,
            b'T' | b'U' => 3,
            b'N' | b'R' | b'Y' | b'S' | b'W' | b'K' | b'M' | b'B' | b'D' | b'H' | b'V' => 4,
            _ => return None,
        };
        Some(match case {
            CasePolicy::Ignore => Self(base),
            CasePolicy::MaskLower if letter.is_ascii_lowercase() => Self::N,
            CasePolicy::MaskLower => Self(base),
            CasePolicy::Channel if letter.is_ascii_uppercase() => Self(base | Self::MARK),
            CasePolicy::Channel => Self(base),
        })
    }

    /// 0..=3 for A C G T, 4 for unknown.
    pub fn base(self) -> u8 {
        self.0 & 7
    }

    /// Whether the case channel is set.
    pub fn is_marked(self) -> bool {
        self.0 & Self::MARK != 0
    }

    /// The same mark over another base (0..=4).
    pub fn with_base(self, base: u8) -> Self {
        Self(Self::new(base).0 | (self.0 & Self::MARK))
    }

    /// The complementary base under the same mark.
    pub fn complement(self) -> Self {
        let base = self.base();
        self.with_base(if base < 4 { 3 - base } else { 4 })
    }
}

/// The complement of one letter: case and `U` against `T` are kept, IUPAC codes are complemented, others stay.
pub fn complement_letter(letter: u8, alphabet: Alphabet) -> u8 {
    let upper = match letter.to_ascii_uppercase() {
        b'A' if alphabet == Alphabet::Rna => b'U',
        b'A' => b'T',
        b'T' | b'U' => b'A',
        b'C' => b'G',
        b'G' => b'C',
        b'R' => b'Y',
        b'Y' => b'R',
        b'K' => b'M',
        b'M' => b'K',
        b'B' => b'V',
        b'V' => b'B',
        b'D' => b'H',
        b'H' => b'D',
        other => other,
    };
    if letter.is_ascii_lowercase() { upper.to_ascii_lowercase() } else { upper }
}

/// The reverse complement of a sequence of letters.
pub fn reverse_complement(letters: &[u8], alphabet: Alphabet) -> Vec<u8> {
    letters.iter().rev().map(|&letter| complement_letter(letter, alphabet)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Encoding = Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore };

    #[test]
    fn u_reads_as_t_and_iupac_as_unknown() {
        let codes = PLAIN.encode(b"ACGTUacgtuNRy").unwrap();
        let bases: Vec<u8> = codes.iter().map(|c| c.base()).collect();
        assert_eq!(bases, [0, 1, 2, 3, 3, 0, 1, 2, 3, 3, 4, 4, 4]);
        assert!(codes.iter().all(|c| !c.is_marked()));
    }

    #[test]
    fn a_foreign_letter_is_named_with_its_offset() {
        assert_eq!(PLAIN.encode(b"AC-G"), Err(EncodeError { offset: 2, letter: '-' }));
        assert_eq!(PLAIN.encode(b""), Ok(vec![]));
    }

    #[test]
    fn case_masks_or_marks() {
        let mask = Encoding { case: CasePolicy::MaskLower, ..PLAIN }.encode(b"aC").unwrap();
        assert_eq!((mask[0].base(), mask[1].base()), (4, 1));
        let mark = Encoding { case: CasePolicy::Channel, ..PLAIN }.encode(b"aC").unwrap();
        assert_eq!((mark[0].base(), mark[0].is_marked()), (0, false));
        assert_eq!((mark[1].base(), mark[1].is_marked()), (1, true));
        assert_eq!((mark[1].complement().base(), mark[1].complement().is_marked()), (2, true));
    }

    #[test]
    fn reverse_complement_keeps_case_and_is_an_involution() {
        assert_eq!(reverse_complement(b"AcgTNR", Alphabet::Dna), b"YNAcgT");
        assert_eq!(reverse_complement(b"ACGU", Alphabet::Rna), b"ACGU");
        let s = b"AACGtnryKMbdhv";
        assert_eq!(reverse_complement(&reverse_complement(s, Alphabet::Dna), Alphabet::Dna), s);
    }
}
