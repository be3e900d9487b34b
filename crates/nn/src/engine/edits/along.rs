//! Sequences that were cut from one longer one, such as the windows around neighbouring variants: where they overlap, layers
//! say the same of both but near their ends, and a convolution sums it once.
//!
//! That two sequences overlap is said by their places ([`SequenceBatch::set_place`]) and checked base by base. So that a
//! sequence's numbers are the same bits whatever goes along with it, tiles of outputs lie where its place says, whether
//! there is anything to share or not.

use super::reach::{Windows, both};
use crate::engine::node::{Node, Op};
use basewise_core::SequenceBatch;
use basewise_kernels::conv::{self, Tiles, Weights};
use rayon::prelude::*;
use std::ops::Range;

/// Sequences in order, as one array of a network has them.
#[derive(Clone, Debug)]
pub(super) struct Along {
    /// Where each begins, 0 unless said.
    places: Vec<i64>,
    /// By how many bases each begins behind the sequence before it, if all that they have in common is the same.
    behind: Vec<Option<usize>>,
    /// Bases between two positions of the array.
    stride: usize,
    /// Positions that see nothing beyond the ends of a sequence.
    clean: Range<usize>,
}

impl Along {
    pub(super) fn new(batch: &SequenceBatch) -> Self {
        let behind = |i: usize| {
            let by = batch.place(i)?.checked_sub(batch.place(i.checked_sub(1)?)?)?;
            let by = usize::try_from(by).ok().filter(|&by| by < batch.length())?;
            let same = batch.sequence(i - 1)[by..] == batch.sequence(i)[..batch.length() - by];
            same.then_some(by)
        };
        let places = (0..batch.len()).map(|i| batch.place(i).unwrap_or(0)).collect();
        let behind = (0..batch.len()).map(behind).collect();
        Self { places, behind, stride: 1, clean: 0..batch.length() }
    }

    /// As what comes out of a node has them; nothing where positions no longer lie along the sequence.
    pub(super) fn after(&self, node: &Node) -> Option<Self> {
        match &node.op {
            Op::First(layer) => {
                let sums = self.through(Windows::from(layer));
                Some(layer.windows().map_or_else(|| sums.clone(), |pool| sums.through(Windows::from(&pool))))
            }
            Op::Conv(layer) => {
                let sums = match layer.shape.inference_tiles() {
                    Tiles::None => self.through(Windows::from(&layer.shape)),
                    Tiles::Free { outputs, seen } => self.through_tiles(&layer.shape, outputs, seen),
                    Tiles::Fixed => return None,
                };
                let y = layer.pool.map_or_else(|| sums.clone(), |pool| sums.through(Windows::from(&pool)));
                Some(if layer.residual { Self { clean: both(&y.clean, &self.clean), ..y } } else { y })
            }
            Op::MaxPool(windows) | Op::AveragePool(windows) => Some(self.through(Windows::from(windows))),
            Op::BatchNorm { .. } | Op::Activation(_) | Op::Dropout { .. } | Op::PositionNorm { .. } => {
                Some(self.clone())
            }
            _ => None,
        }
    }

    fn through(&self, windows: Windows) -> Self {
        let Windows { stride, left, outputs, .. } = windows;
        let span = (windows.width - 1) * windows.dilation;
        // The first window that sees no position before the clean ones, and the first that sees one behind them.
        let first = (self.clean.start + left).div_ceil(stride).min(outputs);
        let end = (self.clean.end + left).checked_sub(span).map_or(0, |end| end.div_ceil(stride)).min(outputs);
        Self { stride: self.stride * stride, clean: first..end.max(first), ..self.clone() }
    }

    /// Outputs whose tiles see only clean positions, wherever these begin.
    fn through_tiles(&self, s: &conv::Shape, outputs: usize, seen: usize) -> Self {
        let first = (self.clean.start + s.left + outputs - 1).min(s.outputs);
        let end = (self.clean.end + s.left + 1).saturating_sub(seen).min(s.outputs);
        Self { clean: first..end.max(first), ..self.clone() }
    }

    /// Which tiles of a convolution each sequence has, by the position of their first output, and from where in the
    /// sequence before it one may be copied.
    fn tiles(&self, i: usize, s: &conv::Shape, (outputs, seen): (usize, usize)) -> Vec<(isize, Option<usize>)> {
        let phase = self.places[i].div_euclid(self.stride as i64).rem_euclid(outputs as i64) as isize;
        let by = self.behind[i].filter(|by| by.is_multiple_of(self.stride)).map(|by| by / self.stride);
        let from = |first: isize| {
            let by = by?;
            let whole = first >= 0 && first as usize + outputs <= s.outputs;
            let start = usize::try_from(first - s.left as isize).ok().filter(|_| whole)?;
            (start >= self.clean.start && start + seen + by <= self.clean.end).then(|| first as usize + by)
        };
        (-phase..s.outputs as isize).step_by(outputs).map(|first| (first, from(first))).collect()
    }

    /// The sums of a convolution of all sequences.
    pub(super) fn sums(
        &self,
        s: &conv::Shape,
        x: &[f32],
        (weights, bias): (&Weights, &[f32]),
        tile: (usize, usize),
        sums: &mut [f32],
    ) {
        /// Sequences of a piece of work.
        const PIECE: usize = 16;
        let (input, output) = (s.length * s.channels, s.outputs * s.filters);
        let tiles: Vec<_> = (0..self.places.len()).map(|i| self.tiles(i, s, tile)).collect();
        let pieces = sums.par_chunks_mut(PIECE * output).zip(x.par_chunks(PIECE * input)).zip(tiles.par_chunks(PIECE));
        pieces.for_each(|((sums, x), tiles)| {
            let new = |(i, own): (usize, &Vec<(isize, Option<usize>)>)| -> Vec<(usize, isize)> {
                // The first of a piece has none before it here.
                own.iter().filter(|(_, from)| i == 0 || from.is_none()).map(|&(first, _)| (i, first)).collect()
            };
            let new: Vec<(usize, isize)> = tiles.iter().enumerate().flat_map(new).collect();
            conv::forward_tiles(s, tiles.len(), x, weights, bias, &new, sums);
            for (i, own) in tiles.iter().enumerate().skip(1) {
                for &(first, from) in own {
                    let Some(from) = from else { continue };
                    let from = ((i - 1) * s.outputs + from) * s.filters;
                    let to = (i * s.outputs + first as usize) * s.filters;
                    sums.copy_within(from..from + tile.0 * s.filters, to);
                }
            }
        });
    }
}

/// Bases apart at which sequences may share the sums of the costliest convolution that sums by tiles, 1 if there is none.
pub(super) fn step(nodes: &[Node], length: usize) -> usize {
    let mut along = Some(Along { places: Vec::new(), behind: Vec::new(), stride: 1, clean: 0..length });
    let (mut step, mut most) = (1, 0.0);
    for node in nodes {
        let Some(own) = along else { break };
        if let Op::Conv(layer) = &node.op
            && matches!(layer.shape.inference_tiles(), Tiles::Free { .. })
            && layer.shape.flops() > most
        {
            (step, most) = (own.stride, layer.shape.flops());
        }
        along = own.after(node);
    }
    step
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::DNA;

    /// Windows of 48 bases, of a sequence without repeats.
    fn windows(places: &[i64]) -> SequenceBatch {
        let letters: Vec<u8> = (0..300_usize).map(|i| b"ACGT"[(i * i + i / 7) % 4]).collect();
        let mut batch = SequenceBatch::new(DNA, 48);
        for (i, &place) in places.iter().enumerate() {
            batch.push(&letters[place as usize..place as usize + 48]).unwrap();
            batch.set_place(i, Some(place));
        }
        batch
    }

    #[test]
    fn what_overlaps_is_checked_base_by_base() {
        let mut batch = windows(&[10, 16, 16, 64, 111, 100]);
        assert_eq!(Along::new(&batch).behind, [None, Some(6), Some(0), None, Some(47), None]);
        let other = batch.sequence(1)[47].complement();
        batch.sequence_mut(1)[47] = other;
        // The last base of the second is beyond the first, but not beyond the third.
        assert_eq!(Along::new(&batch).behind[..3], [None, Some(6), None]);
    }

    #[test]
    fn tiles_are_copied_where_both_see_the_same() {
        // 16 positions, 3 bases apart, of which the first and the last two see the ends; tiles of 4 outputs that see 6.
        let shape = conv::Shape {
            channels: 8,
            filters: 8,
            width: 3,
            stride: 1,
            dilation: 1,
            groups: 1,
            left: 1,
            length: 16,
            outputs: 16,
        };
        let pooled = |places: &[i64]| Along { stride: 3, clean: 1..14, ..Along::new(&windows(places)) };
        let along = pooled(&[12, 15, 19]);
        assert_eq!(along.tiles(0, &shape, (4, 6)), [(0, None), (4, None), (8, None), (12, None)]);
        // One position on, tiles begin one earlier: the first lies before the sequence in part. The one at 7 sees 6 to 11,
        // which are 7 to 12 of the first; the one at 11 sees 10 to 15.
        let copied = [(-1, None), (3, Some(4)), (7, Some(8)), (11, None), (15, None)];
        assert_eq!(along.tiles(1, &shape, (4, 6)), copied);
        // 4 bases on, nothing lies at the same places of the pool.
        assert!(along.tiles(2, &shape, (4, 6)).iter().all(|(_, from)| from.is_none()));
        assert_eq!(along.through_tiles(&shape, 4, 6).clean, 5..10);
        let alone = pooled(&[15]);
        let firsts =
            |along: &Along, i: usize| along.tiles(i, &shape, (4, 6)).iter().map(|own| own.0).collect::<Vec<_>>();
        assert_eq!(firsts(&alone, 0), firsts(&along, 1));
    }
}
