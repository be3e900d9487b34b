//! Encoded sequences of one length, ready for a model.

use crate::{Code, EncodeError, Encoding};

/// `n` encoded sequences of the same length, one byte a position.
///
/// Floats are made only where a layer needs them: see [`SequenceBatch::one_hot`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SequenceBatch {
    encoding: Encoding,
    length: usize,
    codes: Vec<Code>,
}

impl SequenceBatch {
    /// An empty batch of sequences of `length` positions.
    pub fn new(encoding: Encoding, length: usize) -> Self {
        Self { encoding, length, codes: Vec::new() }
    }

    /// Encodes and appends a sequence. A shorter one is centred between unknown bases (the extra one goes right), a
    /// longer one loses its ends (the extra one is lost right).
    ///
    /// # Errors
    /// A byte that is no nucleotide letter.
    pub fn push(&mut self, letters: &[u8]) -> Result<(), EncodeError> {
        let codes = self.encoding.encode(letters)?;
        self.push_codes(&codes);
        Ok(())
    }

    /// Appends codes, centred as in [`SequenceBatch::push`].
    pub fn push_codes(&mut self, codes: &[Code]) {
        if codes.len() >= self.length {
            let start = (codes.len() - self.length) / 2;
            self.codes.extend_from_slice(&codes[start..start + self.length]);
        } else {
            let left = (self.length - codes.len()) / 2;
            self.codes.extend(std::iter::repeat_n(Code::N, left));
            self.codes.extend_from_slice(codes);
            self.codes.extend(std::iter::repeat_n(Code::N, self.length - codes.len() - left));
        }
    }

    /// Number of sequences.
    pub fn len(&self) -> usize {
        self.codes.len().checked_div(self.length).unwrap_or(0)
    }

    /// Whether there is no sequence.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Positions in each sequence.
    pub fn length(&self) -> usize {
        self.length
    }

    /// How letters became codes.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The codes of sequence `i`.
    pub fn sequence(&self, i: usize) -> &[Code] {
        &self.codes[i * self.length..(i + 1) * self.length]
    }

    /// The codes of sequence `i`, to edit.
    pub fn sequence_mut(&mut self, i: usize) -> &mut [Code] {
        &mut self.codes[i * self.length..(i + 1) * self.length]
    }

    /// Replaces sequence `i` by its reverse complement; marks travel with their positions.
    pub fn reverse_complement(&mut self, i: usize) {
        let sequence = self.sequence_mut(i);
        sequence.reverse();
        for code in sequence {
            *code = code.complement();
        }
    }

    /// Dense channels, row-major `[n, channels, length]`; an unknown base sets none of the first four.
    pub fn one_hot(&self) -> Vec<f32> {
        let (channels, length) = (self.encoding.channels(), self.length);
        let mut x = vec![0.0; self.len() * channels * length];
        for (i, codes) in self.codes.chunks_exact(length.max(1)).enumerate() {
            let x = &mut x[i * channels * length..(i + 1) * channels * length];
            for (position, code) in codes.iter().enumerate() {
                if code.base() < 4 {
                    x[code.base() as usize * length + position] = 1.0;
                }
                if channels == 5 && code.is_marked() {
                    x[4 * length + position] = 1.0;
                }
            }
        }
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Alphabet, CasePolicy};

    fn batch(case: CasePolicy, length: usize, letters: &[u8]) -> SequenceBatch {
        let mut batch = SequenceBatch::new(Encoding { alphabet: Alphabet::Dna, case }, length);
        batch.push(letters).unwrap();
        batch
    }

    fn bases(batch: &SequenceBatch) -> Vec<u8> {
        batch.sequence(0).iter().map(|c| c.base()).collect()
    }

    #[test]
    fn short_sequences_are_centred_and_long_ones_cropped() {
        assert_eq!(bases(&batch(CasePolicy::Ignore, 5, b"AC")), [4, 0, 1, 4, 4]);
        assert_eq!(bases(&batch(CasePolicy::Ignore, 2, b"ACGTT")), [1, 2]);
        assert_eq!(bases(&batch(CasePolicy::Ignore, 3, b"")), [4, 4, 4]);
    }

    #[test]
    fn one_hot_by_channel_then_position() {
        let x = batch(CasePolicy::Channel, 3, b"Atn").one_hot();
        assert_eq!(x, [1., 0., 0., 0., 0., 0., 0., 0., 0., 0., 1., 0., 1., 0., 0.]);
    }

    #[test]
    fn reverse_complement_carries_the_marks() {
        let mut b = batch(CasePolicy::Channel, 3, b"Atg");
        b.reverse_complement(0);
        assert_eq!(bases(&b), [1, 0, 3]);
        assert!(b.sequence(0)[2].is_marked() && !b.sequence(0)[0].is_marked());
    }

    #[test]
    fn empty_batches_have_no_rows() {
        let b = SequenceBatch::new(Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore }, 0);
        assert!(b.is_empty() && b.one_hot().is_empty());
    }
}
