//! Pairs of substitutions: do their effects add up?

use super::{Watched, effects};
use crate::{Code, Edit, Predict, PredictError, SequenceBatch};
use std::ops::Range;

/// Two substitutions and what they do alone and together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// Their positions, the first before the second.
    pub positions: [usize; 2],
    /// The bases that are put there (A C G T).
    pub bases: [u8; 2],
    /// What each does to the score alone.
    pub alone: [f32; 2],
    /// What both do.
    pub together: f32,
}

impl Pair {
    /// What both do beyond the sum of what each does: 0 where effects add up (epistasis otherwise).
    pub fn interaction(&self) -> f32 {
        self.together - (self.alone[0] + self.alone[1])
    }
}

/// All pairs of substitutions of row `row` at two positions within `region`: nine for each pair of known bases. By position,
/// then by base.
///
/// # Errors
/// An output that the model does not have, or what the model itself reports.
pub fn pairs(
    model: &dyn Predict,
    batch: &SequenceBatch,
    row: usize,
    watched: Watched,
    region: Range<usize>,
) -> Result<Vec<Pair>, PredictError> {
    let sequence = batch.sequence(row);
    let others = |position: usize| (0..4).filter(move |&base| base != sequence[position].base());
    let singles: Vec<(usize, u8)> = region.flat_map(|at| others(at).map(move |base| (at, base))).collect();
    let single = |&(at, base): &(usize, u8)| Edit::substitution(at, sequence[at], base);
    let alone = effects(model, batch, row, &singles.iter().map(single).collect::<Vec<_>>(), watched)?;
    let mut pairs = Vec::new();
    for (i, &(first, a)) in singles.iter().enumerate() {
        for (j, &(second, b)) in singles.iter().enumerate().skip(i + 1).filter(|(_, other)| other.0 > first) {
            pairs.push(Pair { positions: [first, second], bases: [a, b], alone: [alone[i], alone[j]], together: 0.0 });
        }
    }
    let edits: Vec<Edit> = pairs.iter().map(|pair| double(sequence, pair)).collect();
    let together = effects(model, batch, row, &edits, watched)?;
    pairs.iter_mut().zip(together).for_each(|(pair, together)| pair.together = together);
    Ok(pairs)
}

/// Both substitutions as one edit.
fn double(sequence: &[Code], pair: &Pair) -> Edit {
    let [first, second] = pair.positions;
    let mut codes = sequence[first..=second].to_vec();
    codes[0] = codes[0].with_base(pair.bases[0]);
    codes[second - first] = codes[second - first].with_base(pair.bases[1]);
    Edit { start: first, codes }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn effects_of_a_linear_model_add_up() {
        let (linear, batch) = (model(linear), batch());
        let pairs = pairs(&linear, &batch, 0, 0.into(), 0..LENGTH).unwrap();
        // Ten pairs of positions: six of known bases, four with the unknown one at the end, which four bases replace.
        assert_eq!(pairs.len(), 6 * 9 + 4 * 12);
        for pair in &pairs {
            let [first, second] = pair.positions;
            let effect = |i: usize| {
                let at = pair.positions[i];
                weight(Code::new(pair.bases[i]), at) - weight(batch.sequence(0)[at], at)
            };
            assert!(first < second);
            assert_eq!((pair.alone, pair.interaction()), ([effect(0), effect(1)], 0.0), "{pair:?}");
        }
    }

    #[test]
    fn a_product_of_two_bases_is_an_interaction() {
        // One where both the first and the fourth base are C.
        let both = model(|codes| f32::from(u8::from(codes[0].base() == 1 && codes[3].base() == 1)));
        let pairs = pairs(&both, &batch(), 0, 0.into(), 0..LENGTH - 1).unwrap();
        let strong: Vec<&Pair> = pairs.iter().filter(|pair| pair.interaction() != 0.0).collect();
        assert_eq!(strong.len(), 1);
        assert_eq!((strong[0].positions, strong[0].bases, strong[0].interaction()), ([0, 3], [1, 1], 1.0));
        let empty = super::pairs(&both, &batch(), 1, 0.into(), 2..2).unwrap();
        assert!(empty.is_empty());
    }
}
