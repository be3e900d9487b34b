//! Places on a genome.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The strand a place is read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Strand {
    /// As the genome file is written.
    #[default]
    #[serde(rename = "+")]
    Forward,
    /// The reverse complement of it.
    #[serde(rename = "-")]
    Reverse,
}

impl Strand {
    /// `+` or `-`.
    pub fn symbol(self) -> char {
        match self {
            Self::Forward => '+',
            Self::Reverse => '-',
        }
    }
}

/// A stretch of a chromosome, 0-based and half-open: `start..end`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Interval {
    /// Name of the contig, as the genome file writes it.
    pub chrom: String,
    /// First base, 0-based.
    pub start: u64,
    /// One past the last base.
    pub end: u64,
    /// The strand it is read from.
    pub strand: Strand,
}

impl Interval {
    /// Number of bases.
    pub fn len(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// Whether there is no base in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the two share a base, whatever their strands.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.chrom == other.chrom && self.start < other.end && other.start < self.end
    }
}

impl fmt::Display for Interval {
    /// `chrom:start-end(strand)` with the 0-based half-open numbers, as in BED.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}-{}({})", self.chrom, self.start, self.end, self.strand.symbol())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn touching_intervals_do_not_overlap() {
        let at = |start, end| Interval { chrom: "c".into(), start, end, strand: Strand::Forward };
        assert!(!at(0, 5).overlaps(&at(5, 9)));
        assert!(at(0, 5).overlaps(&at(4, 9)));
        assert!(!at(3, 3).overlaps(&at(0, 3)));
        assert_eq!(at(3, 9).to_string(), "c:3-9(+)");
    }
}
