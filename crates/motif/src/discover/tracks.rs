//! Sequences with the contributions of their bases, and windows into them.

use super::Seqlet;
use basewise_core::{Alphabet, Code};
use rayon::prelude::*;

/// Attributions of `n` sequences of `length` bases, checked.
#[derive(Clone, Copy, Debug)]
pub struct Attributions<'a> {
    alphabet: Alphabet,
    length: usize,
    codes: &'a [Code],
    contributions: &'a [f32],
    hypothetical: Option<&'a [f32]>,
}

/// Why attributions are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttributionsError {
    /// An array does not fit the others.
    #[error("{array}: expected {expected} numbers, found {found}")]
    Shape {
        /// Which.
        array: &'static str,
        /// How many there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A number that is not finite.
    #[error("{array}: sequence {sequence}: expected finite numbers, found {found}")]
    NotFinite {
        /// Which array.
        array: &'static str,
        /// Which sequence, from 0.
        sequence: usize,
        /// The number.
        found: String,
    },
}

impl<'a> Attributions<'a> {
    /// Attributions from the bases `[n, length]`, the contribution of each base that is there `[n, length]`, and, where the
    /// method gives it, what each base would contribute in its place `[n, 4, length]`, in the order A C G T.
    ///
    /// Without hypothetical contributions seqlets are compared by the bases that are there alone. What stands at an
    /// unknown base is not looked at. The alphabet says whether both strands count.
    ///
    /// # Errors
    /// Arrays that do not fit each other, and numbers that are not finite.
    pub fn new(
        alphabet: Alphabet,
        length: usize,
        codes: &'a [Code],
        contributions: &'a [f32],
        hypothetical: Option<&'a [f32]>,
    ) -> Result<Self, AttributionsError> {
        let n = codes.len().checked_div(length).unwrap_or(0);
        let shape = |array, found, expected| {
            if found == expected { Ok(()) } else { Err(AttributionsError::Shape { array, expected, found }) }
        };
        shape("bases", codes.len(), n * length)?;
        shape("contributions", contributions.len(), n * length)?;
        finite("contributions", contributions, length)?;
        if let Some(values) = hypothetical {
            shape("hypothetical contributions", values.len(), 4 * n * length)?;
            finite("hypothetical contributions", values, 4 * length)?;
        }
        Ok(Self { alphabet, length, codes, contributions, hypothetical })
    }
}

fn finite(array: &'static str, values: &[f32], row: usize) -> Result<(), AttributionsError> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(at) => {
            Err(AttributionsError::NotFinite { array, sequence: at / row.max(1), found: values[at].to_string() })
        }
    }
}

/// One position of a seqlet, read in its direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Position {
    /// 0 to 3, and 4 where it is unknown.
    pub(super) base: u8,
    /// Contribution of that base; 0 where it is unknown.
    pub(super) contribution: f32,
    /// Contributions of all bases; those of `contribution` alone where the method gives no others.
    pub(super) hypothetical: [f32; 4],
}

const UNKNOWN: Position = Position { base: 4, contribution: 0.0, hypothetical: [0.0; 4] };

/// Attributions as the steps look at them.
pub(super) struct Tracks<'a> {
    data: Attributions<'a>,
}

impl<'a> Tracks<'a> {
    pub(super) fn new(data: &Attributions<'a>) -> Self {
        Self { data: *data }
    }

    /// Number of sequences.
    pub(super) fn len(&self) -> usize {
        self.data.codes.len().checked_div(self.data.length).unwrap_or(0)
    }

    pub(super) fn length(&self) -> usize {
        self.data.length
    }

    pub(super) fn alphabet(&self) -> Alphabet {
        self.data.alphabet
    }

    pub(super) fn both_strands(&self) -> bool {
        self.data.alphabet == Alphabet::Dna
    }

    pub(super) fn has_hypothetical(&self) -> bool {
        self.data.hypothetical.is_some()
    }

    /// Contributions of the bases of one sequence.
    pub(super) fn contribution(&self, example: usize, at: usize) -> f32 {
        let i = example * self.data.length + at;
        if self.data.codes[i].base() > 3 { 0.0 } else { self.data.contributions[i] }
    }

    fn forward(&self, example: usize, at: i64) -> Position {
        let length = self.data.length;
        let Some(at) = usize::try_from(at).ok().filter(|at| *at < length) else { return UNKNOWN };
        let base = self.data.codes[example * length + at].base();
        if base > 3 {
            return UNKNOWN;
        }
        let contribution = self.data.contributions[example * length + at];
        let hypothetical = match self.data.hypothetical {
            Some(values) => std::array::from_fn(|b| values[(example * 4 + b) * length + at]),
            None => std::array::from_fn(|b| if b == usize::from(base) { contribution } else { 0.0 }),
        };
        Position { base, contribution, hypothetical }
    }

    /// Position `i` of a seqlet, counted in its direction; it may lie beyond the seqlet or the sequence.
    pub(super) fn at(&self, seqlet: &Seqlet, i: i64) -> Position {
        if !seqlet.reverse {
            return self.forward(seqlet.example, seqlet.start + i);
        }
        let Position { base, contribution, hypothetical: [a, c, g, t] } =
            self.forward(seqlet.example, seqlet.end - 1 - i);
        let base = if base > 3 { base } else { 3 - base };
        Position { base, contribution, hypothetical: [t, g, c, a] }
    }

    /// All positions of a seqlet.
    pub(super) fn window(&self, seqlet: &Seqlet) -> Vec<Position> {
        (0..seqlet.end - seqlet.start).map(|i| self.at(seqlet, i)).collect()
    }

    /// The seqlets by the sum of the sizes of their contributions; ties by place.
    pub(super) fn strongest_first(&self, seqlets: Vec<Seqlet>) -> Vec<Seqlet> {
        let weight = |s: &Seqlet| self.window(s).iter().map(|p| f64::from(p.contribution.abs())).sum::<f64>();
        let mut weighed: Vec<(f64, Seqlet)> = seqlets.into_par_iter().map(|s| (weight(&s), s)).collect();
        weighed.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        weighed.into_iter().map(|(_, seqlet)| seqlet).collect()
    }

    /// Part of each base among those that are known; of both strands together where both count.
    pub(super) fn base_frequencies(&self) -> [f64; 4] {
        let mut counts = [1.0; 4];
        for code in self.data.codes.iter().filter(|code| code.base() < 4) {
            counts[usize::from(code.base())] += 1.0;
        }
        if self.both_strands() {
            let [a, c, g, t] = counts;
            counts = [a + t, c + g, c + g, a + t];
        }
        crate::motif::normalized(counts)
    }
}
