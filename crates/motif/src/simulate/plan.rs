//! What is planted where.

use super::checks::{check_numbers, check_order, check_spacing, find, refuse};
use super::signal::{self, SignalSpec};
use super::{ATTEMPTS, SimulateError};
use crate::Motif;
use basewise_core::random::{Stream, below, shuffle, uniform};
use basewise_core::{Alphabet, Strand};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A simulation, as data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SimulateSpec {
    /// Number of sequences.
    pub examples: usize,
    /// Their length in bases.
    pub length: usize,
    /// What they are made of.
    pub background: Background,
    /// The motifs, in the order that [`Logic::Order`] asks for.
    pub plants: Vec<Plant>,
    /// When a sequence is positive.
    pub logic: Logic,
    /// Least and most bases between neighbouring motifs, both included. Without it each motif takes its own position
    /// rule. With it the motifs are one group: with an order, the first motif's rule says where the group lies and the
    /// others must have none; a span or the centre may also be the same for all, and holds the group.
    pub spacing: Option<(usize, usize)>,
    /// Part of the sequences that is positive, 0 to 1.
    pub positive_fraction: f64,
    /// Shares of train, valid and test; divided by their sum.
    pub splits: [f64; 3],
    /// Labels that are reads around the motifs instead of whether the sequence is positive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<SignalSpec>,
    /// Where all randomness starts.
    pub seed: u64,
}

impl Default for SimulateSpec {
    fn default() -> Self {
        Self {
            examples: 2000,
            length: 200,
            background: Background::Iid { gc: 0.5 },
            plants: Vec::new(),
            logic: Logic::And,
            spacing: None,
            positive_fraction: 0.5,
            splits: [0.8, 0.1, 0.1],
            signal: None,
            seed: 0,
        }
    }
}

/// A model of sequence without motifs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Background {
    /// Independent bases.
    Iid {
        /// Part of G and C, 0 to 1; A and T share the rest, and G and C this.
        gc: f64,
    },
    /// Each base depends on the one before (first-order Markov); the first is drawn from the long-run frequencies.
    Markov {
        /// `[from][to]` in the order A C G T; rows are divided by their sums.
        transitions: [[f64; 4]; 4],
    },
}

/// A motif and where it may stand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plant {
    /// Id of the motif.
    pub motif: String,
    /// Where it may stand.
    #[serde(default)]
    pub position: Position,
    /// On which strand it may read.
    #[serde(default)]
    pub strand: StrandRule,
}

/// Where a motif may stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Position {
    /// Anywhere inside the sequence.
    #[default]
    Anywhere,
    /// Always at this start.
    Fixed {
        /// First base, 0-based.
        start: usize,
    },
    /// Anywhere inside `start..end`.
    Uniform {
        /// First base that may be covered, 0-based.
        start: usize,
        /// One past the last base that may be covered.
        end: usize,
    },
    /// In the middle of the sequence; the extra base of an odd difference is on the right.
    Centred,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anywhere => f.write_str("anywhere"),
            Self::Fixed { start } => write!(f, "at {start}"),
            Self::Uniform { start, end } => write!(f, "in {start}..{end}"),
            Self::Centred => f.write_str("in the centre"),
        }
    }
}

/// On which strand a motif may read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StrandRule {
    /// As it is.
    #[default]
    Forward,
    /// Either way, with equal odds; for DNA only.
    Both,
}

/// What makes a sequence positive, and what its negatives hold instead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Logic {
    /// All motifs. Negatives hold some but not all, or nothing if there is one motif.
    #[default]
    And,
    /// At least one motif, every choice equally likely. Negatives hold none.
    Or,
    /// An odd number of motifs (one of two). Negatives hold an even number (both of two, or none).
    Xor,
    /// All motifs from left to right as listed. Negatives hold all in another order.
    Order,
}

/// A motif at its place.
pub(super) struct Place<'a> {
    /// Number of its plant in the specification.
    pub(super) plant: usize,
    pub(super) motif: &'a Motif,
    pub(super) start: usize,
    pub(super) strand: Strand,
}

/// A checked specification.
pub(super) struct Plan<'a> {
    spec: &'a SimulateSpec,
    motifs: Vec<&'a Motif>,
    pub(super) alphabet: Alphabet,
}

impl<'a> Plan<'a> {
    pub(super) fn new(spec: &'a SimulateSpec, motifs: &'a [Motif]) -> Result<Self, SimulateError> {
        check_numbers(spec)?;
        let motifs: Vec<&Motif> = spec.plants.iter().map(|plant| find(plant, motifs)).collect::<Result<_, _>>()?;
        let alphabet = motifs.first().map_or(Alphabet::Dna, |motif| motif.alphabet);
        for (plant, motif) in spec.plants.iter().zip(&motifs) {
            if motif.alphabet != alphabet {
                return refuse("motifs of one alphabet", format!("DNA and RNA ({})", motif.id));
            }
            if alphabet == Alphabet::Rna && plant.strand == StrandRule::Both {
                return refuse("forward RNA motifs", format!("both strands of {}", motif.id));
            }
            if spec.spacing.is_none() && range(plant.position, motif.len(), spec.length).is_none() {
                let expected = format!("a position where the {} bases of {} fit", motif.len(), motif.id);
                return refuse(expected, format!("{} in {} bases", plant.position, spec.length));
            }
        }
        check_spacing(spec)?;
        spec.signal.as_ref().map_or(Ok(()), |signal| signal::check(signal, spec))?;
        if spec.logic == Logic::Order {
            check_order(&motifs)?;
        }
        Ok(Self { spec, motifs, alphabet })
    }

    /// Motifs with their places for an example with this label, from left to right.
    pub(super) fn places(&self, label: bool, rng: &mut Stream) -> Result<Vec<Place<'a>>, SimulateError> {
        let order = self.order(label, rng);
        let mut starts = None;
        for _ in 0..ATTEMPTS {
            starts = match self.spec.spacing {
                Some(gaps) => self.spaced(&order, gaps, rng),
                None => self.free(&order, rng),
            };
            if starts.is_some() {
                break;
            }
        }
        let Some(starts) = starts else {
            let motifs = order.iter().map(|&i| self.motifs[i].id.as_str()).collect::<Vec<_>>().join(", ");
            return Err(SimulateError::NoRoom { motifs, length: self.spec.length });
        };
        let mut places: Vec<Place<'_>> = (order.iter().zip(starts))
            .map(|(&i, start)| {
                let is_reverse = self.spec.plants[i].strand == StrandRule::Both && uniform(rng) < 0.5;
                let strand = if is_reverse { Strand::Reverse } else { Strand::Forward };
                Place { plant: i, motif: self.motifs[i], start, strand }
            })
            .collect();
        places.sort_by_key(|place| place.start);
        Ok(places)
    }

    /// Which motifs are planted, from left to right where that matters.
    fn order(&self, label: bool, rng: &mut Stream) -> Vec<usize> {
        let n = self.motifs.len();
        let all: Vec<usize> = (0..n).collect();
        let mut chosen = match (self.spec.logic, label) {
            (Logic::Order, true) => return all,
            (Logic::Order, false) => return other_order(n, rng),
            (Logic::And, true) => all,
            (Logic::And, false) if n < 2 => Vec::new(),
            (Logic::And, false) => subset(n, |size| size > 0 && size < n, rng),
            (Logic::Or, true) => subset(n, |size| size > 0, rng),
            (Logic::Or, false) => Vec::new(),
            (Logic::Xor, is_odd) => subset(n, |size| (size % 2 == 1) == is_odd, rng),
        };
        shuffle(&mut chosen, rng);
        chosen
    }

    /// Starts by each motif's own rule; none if two overlap or the order is another.
    fn free(&self, order: &[usize], rng: &mut Stream) -> Option<Vec<usize>> {
        let is_ordered = self.spec.logic == Logic::Order;
        let mut starts = Vec::with_capacity(order.len());
        for (slot, &i) in order.iter().enumerate() {
            // With an order, rules belong to the slots from left to right, so that another order can use them too.
            let rule = self.spec.plants[if is_ordered { slot } else { i }].position;
            let (first, last) = range(rule, self.motifs[i].len(), self.spec.length)?;
            starts.push(first + below(rng, last - first + 1));
        }
        let end = |k: usize| starts[k] + self.motifs[order[k]].len();
        let is_clear = |j: usize, k: usize| end(j) <= starts[k] || (!is_ordered && end(k) <= starts[j]);
        (0..order.len()).all(|k| (0..k).all(|j| is_clear(j, k))).then_some(starts)
    }

    /// Starts by the leftmost motif's rule and drawn gaps; none if they run out of the sequence.
    fn spaced(&self, order: &[usize], (least, most): (usize, usize), rng: &mut Stream) -> Option<Vec<usize>> {
        let Some(&leftmost) = order.first() else { return Some(Vec::new()) };
        let mut shifts = vec![0];
        let mut total = self.motifs[leftmost].len();
        for &i in &order[1..] {
            let gap = least + below(rng, most - least + 1);
            shifts.push(total + gap);
            total += gap + self.motifs[i].len();
        }
        let rule = self.spec.plants[if self.spec.logic == Logic::Order { 0 } else { leftmost }].position;
        // A span holds the whole group; a fixed start is the leftmost motif's; a centred group is centred as one.
        let (first, last) = range(rule, total, self.spec.length)?;
        let start = first + below(rng, last - first + 1);
        Some(shifts.into_iter().map(|shift| start + shift).collect())
    }
}

/// First and last start that a rule leaves to something `width` bases wide; none if it does not fit.
fn range(position: Position, width: usize, length: usize) -> Option<(usize, usize)> {
    let (start, end) = match position {
        Position::Anywhere => (0, length),
        Position::Uniform { start, end } => (start, end.min(length)),
        Position::Fixed { start } => (start, start.checked_add(width)?),
        Position::Centred => {
            let start = length.checked_sub(width)? / 2;
            (start, start + width)
        }
    };
    let last = end.checked_sub(width)?;
    (start <= last && end <= length).then_some((start, last))
}

/// Members of `0..n` whose number is `allowed`, every such set equally likely.
fn subset(n: usize, allowed: impl Fn(usize) -> bool, rng: &mut Stream) -> Vec<usize> {
    loop {
        let chosen: Vec<usize> = (0..n).filter(|_| uniform(rng) < 0.5).collect();
        if allowed(chosen.len()) || n == 0 {
            return chosen;
        }
    }
}

/// An order of `0..n` other than ascending.
fn other_order(n: usize, rng: &mut Stream) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    while n >= 2 && order.is_sorted() {
        shuffle(&mut order, rng);
    }
    order
}
