//! A place as people write it: `chr1`, `chr1:1000`, `chr1:1,000-2,000`.

use crate::error::{Error, Result};
use basewise_core::{Interval, Strand};

/// A contig or a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// The contig's name.
    pub chrom: String,
    /// First base, 0-based.
    pub start: u64,
    /// One past the last base; [`u64::MAX`] for the contig's end.
    pub end: u64,
}

impl Region {
    /// Reads a place; its numbers count from 1 and include both ends, as samtools has them, and may have commas.
    ///
    /// # Errors
    /// No name; numbers that are none, or of which the first is 0 or above the second.
    pub fn parse(text: &str) -> Result<Self> {
        let number = |text: &str| text.replace(',', "").parse::<u64>().ok();
        let whole = || Self { chrom: text.to_owned(), start: 0, end: u64::MAX };
        let Some((chrom, places)) = text.rsplit_once(':') else {
            return if text.is_empty() { Err(wrong(text)) } else { Ok(whole()) };
        };
        // Names such as HLA-A*01:01 have colons of their own, but do not end like a place with a dash.
        let (first, last) = match places.split_once('-') {
            Some((first, "")) => (number(first), Some(u64::MAX)),
            Some((first, last)) => (number(first), number(last)),
            None => (number(places), number(places)),
        };
        match (first, last) {
            (Some(first), Some(last)) if first >= 1 && first <= last && !chrom.is_empty() => {
                Ok(Self { chrom: chrom.to_owned(), start: first - 1, end: last })
            }
            _ => Err(wrong(text)),
        }
    }

    /// Whether a stretch of a contig, 0-based and half-open, shares a base with it.
    pub fn overlaps(&self, chrom: &str, start: u64, end: u64) -> bool {
        self.chrom == chrom && start < self.end && self.start < end
    }

    /// The region as an interval of a contig of `length` bases.
    pub fn interval(&self, length: u64) -> Interval {
        Interval { chrom: self.chrom.clone(), start: self.start, end: self.end.min(length), strand: Strand::Forward }
    }
}

fn wrong(text: &str) -> Error {
    Error::new(format!("expected a region such as chr1 or chr1:1000-2000, found {text:?}"))
        .with_hint("positions count from 1, and both ends are included")
}
