//! Contributions of explained examples as Parquet, a row a position.

use super::bigwig::start_of;
use super::{Explanation, contribution};
use anyhow::Result;
use basewise_core::{Dataset, Interval, SequenceBatch, Strand};
use basewise_io::contributions::{Contribution, ContributionWriter, Place};
use std::path::Path;

pub(super) const FILE: &str = "contributions.parquet";

/// Writes what the base that is there contributes, example by example; memory holds one row group of the file.
pub(super) fn write(
    dir: &Path,
    dataset: &Dataset,
    explanation: &Explanation,
    values: &[f32],
    batch: &SequenceBatch,
) -> Result<()> {
    let mut writer = ContributionWriter::create(&dir.join(FILE), &explanation.target)?;
    let letters = batch.encoding().alphabet.letters();
    for (i, explained) in explanation.examples.iter().enumerate() {
        let example = &dataset.examples[explained.row];
        let place =
            example.place.as_ref().map(|place| (place, start_of(place, example.sequence.len(), batch.length())));
        let heights = contribution(&explanation.method, values, batch, i);
        for (position, (code, bases)) in batch.sequence(i).iter().zip(heights).enumerate() {
            writer.write(&Contribution {
                id: &explained.id,
                position,
                place: place.and_then(|(place, start)| base_at(place, start, batch.length(), position)),
                base: letters.get(usize::from(code.base())).copied().unwrap_or(b'N'),
                value: bases.iter().sum::<f64>() as f32,
            })?;
        }
    }
    Ok(writer.finish()?)
}

/// Where a position of a window of `length` lies that begins at `start`; nowhere if it was filled or lies beside the place.
fn base_at(place: &Interval, start: i64, length: usize, position: usize) -> Option<Place<'_>> {
    let from_left = if place.strand == Strand::Reverse { length - 1 - position } else { position };
    let at = u64::try_from(start + from_left as i64).ok().filter(|at| (place.start..place.end).contains(at))?;
    Some(Place { chrom: &place.chrom, start: at, strand: place.strand })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_lie_where_they_were_cut_out() {
        let place = |strand| Interval { chrom: "c".into(), start: 10, end: 13, strand };
        let at = |place: &Interval, start| -> Vec<Option<u64>> {
            (0..5).map(|position| base_at(place, start, 5, position).map(|base| base.start)).collect()
        };
        // One unknown base on each side of the three.
        assert_eq!(at(&place(Strand::Forward), 9), [None, Some(10), Some(11), Some(12), None]);
        assert_eq!(at(&place(Strand::Reverse), 9), [None, Some(12), Some(11), Some(10), None]);
        // Before the contig's first base.
        let first = Interval { chrom: "c".into(), start: 0, end: 3, strand: Strand::Forward };
        assert_eq!(at(&first, -2), [None, None, Some(0), Some(1), Some(2)]);
    }
}
