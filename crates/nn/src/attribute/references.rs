//! What a sequence is compared with.

use basewise_core::random::stream;
use basewise_core::shuffle::dinucleotide;
use basewise_core::{Code, SequenceBatch};

/// Bases that are told apart.
const BASES: usize = 4;

/// The sequences, or what stands in the place of a sequence, that attributions are the difference to. Unknown bases of an
/// example and marks of its case are in its references as they are in the example, and so are numbers beside the sequence.
#[derive(Clone, Debug)]
pub enum References {
    /// So many shuffles of each example that keep its dinucleotides, a function of the seed and of the example's place in
    /// the batch. Each stretch between unknown bases is shuffled on its own.
    Shuffled {
        /// Of each example, at least 1.
        count: usize,
        /// Of the shuffles.
        seed: u64,
    },
    /// A quarter of each base at each position.
    Uniform,
    /// Nothing at each position.
    Zeros,
    /// Given sequences of the examples' length, example by example.
    Given {
        /// Of each example, at least 1.
        count: usize,
        /// `examples * count` sequences.
        sequences: SequenceBatch,
    },
}

impl References {
    /// References of each example.
    pub fn count(&self) -> usize {
        match self {
            Self::Shuffled { count, .. } | Self::Given { count, .. } => *count,
            Self::Uniform | Self::Zeros => 1,
        }
    }

    /// What is wrong with them for `examples` sequences of `length` positions, in words.
    pub(super) fn fault(&self, examples: &SequenceBatch) -> Option<String> {
        if self.count() == 0 {
            return Some("expected at least 1 reference for each sequence, found 0".into());
        }
        let Self::Given { count, sequences } = self else { return None };
        let (rows, length) = (examples.len() * count, examples.length());
        let fits =
            sequences.len() == rows && sequences.length() == length && sequences.encoding() == examples.encoding();
        (!fits).then(|| {
            format!(
                "expected {rows} references of {length} positions, encoded as the sequences are, found {} of {}",
                sequences.len(),
                sequences.length()
            )
        })
    }

    /// Reference `r` of example `i`, if it is a sequence.
    pub(super) fn codes(&self, examples: &SequenceBatch, i: usize, r: usize) -> Option<Vec<Code>> {
        let own = examples.sequence(i);
        match self {
            Self::Shuffled { seed, .. } => Some(shuffled(own, *seed, [i as u64, r as u64])),
            Self::Given { count, sequences } => Some(sequences.sequence(i * count + r).to_vec()),
            Self::Zeros => Some(own.iter().map(|code| code.with_base(BASES as u8)).collect()),
            Self::Uniform => None,
        }
    }
}

/// A quarter of each base where the sequence has one: row-major `[channels, length]`, from the sequence itself.
pub(super) fn quarters(mut x: Vec<f32>, length: usize) -> Vec<f32> {
    for position in 0..length {
        let known = (0..BASES).any(|base| x[base * length + position] != 0.0);
        (0..BASES).for_each(|base| x[base * length + position] = if known { 0.25 } else { 0.0 });
    }
    x
}

/// Shuffled dinucleotides of each stretch of known bases; marks stay.
fn shuffled(codes: &[Code], seed: u64, indices: [u64; 2]) -> Vec<Code> {
    let mut rng = stream(seed, "references", &indices);
    let known = |code: &Code| usize::from(code.base()) < BASES;
    let mut all = Vec::with_capacity(codes.len());
    for stretch in codes.chunk_by(|a, b| known(a) == known(b)) {
        if stretch.first().is_some_and(known) {
            let bases: Vec<u8> = stretch.iter().map(|code| code.base()).collect();
            let moved = dinucleotide(&bases, &mut rng);
            all.extend(stretch.iter().zip(moved).map(|(code, base)| code.with_base(base)));
        } else {
            all.extend_from_slice(stretch);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use basewise_core::{Alphabet, CasePolicy, Encoding};

    const CASED: Encoding = Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Channel };

    fn batch() -> SequenceBatch {
        let mut batch = SequenceBatch::new(CASED, 16);
        batch.push(b"NACGTTGACANNgtAC").unwrap();
        batch.push(b"ACGTTGACAACCgtAC").unwrap();
        batch
    }

    fn bases(codes: &[Code]) -> Vec<u8> {
        codes.iter().map(|code| code.base()).collect()
    }

    #[test]
    fn unknown_bases_marks_and_dinucleotides_stay() {
        let batch = batch();
        let references = References::Shuffled { count: 3, seed: 1 };
        let draw = |i, r| references.codes(&batch, i, r).unwrap();
        let (own, first) = (batch.sequence(0), draw(0, 0));
        assert!(own.iter().zip(&first).all(|(a, b)| a.is_marked() == b.is_marked()));
        assert!(own.iter().zip(&first).all(|(a, b)| (a.base() == 4) == (b.base() == 4)));
        let pairs = |codes: &[Code]| {
            let mut pairs: Vec<Vec<u8>> = bases(codes).windows(2).map(<[u8]>::to_vec).collect();
            pairs.sort();
            pairs
        };
        assert_eq!(pairs(own), pairs(&first));
        assert_eq!(first, draw(0, 0));
        assert_ne!(bases(&first), bases(&draw(0, 1)));
        assert_ne!(bases(&draw(1, 0)), bases(batch.sequence(1)));
    }

    #[test]
    fn nothing_and_a_quarter_of_each() {
        let batch = batch();
        let zeros = References::Zeros.codes(&batch, 1, 0).unwrap();
        assert!(zeros.iter().zip(batch.sequence(1)).all(|(a, b)| a.base() == 4 && a.is_marked() == b.is_marked()));
        assert_eq!(References::Uniform.codes(&batch, 0, 0), None);
        let own = batch.one_hot()[..80].to_vec();
        let uniform = quarters(own.clone(), 16);
        assert_eq!((uniform[0], uniform[1], uniform[16 + 1]), (0.0, 0.25, 0.25));
        assert_eq!(uniform[64..], own[64..]);
    }

    #[test]
    fn faults_are_named() {
        let batch = batch();
        let fault = References::Shuffled { count: 0, seed: 1 }.fault(&batch).unwrap();
        assert_eq!(fault, "expected at least 1 reference for each sequence, found 0");
        let given = References::Given { count: 3, sequences: batch.clone() };
        assert!(given.fault(&batch).unwrap().starts_with("expected 6 references of 16 positions"));
        assert_eq!(References::Given { count: 1, sequences: batch.clone() }.fault(&batch), None);
    }
}
