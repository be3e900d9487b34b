//! Passes that keep less: of stretches of nodes only what comes out at their ends, and on the way back what lies within is
//! computed again, one stretch at a time (Chen et al. 2016, "Training deep nets with sublinear memory cost").

use super::{Array, Found, Kept, Node, Pass};
use std::ops::Range;

/// Cuts nodes into stretches of about the square root of their number, which makes the ends and one stretch the fewest
/// together.
pub(super) fn stretches(nodes: usize) -> Vec<Range<usize>> {
    let size = nodes.isqrt().max(1);
    // From the end, so that the last, which is not computed again, is a whole one.
    let mut ends: Vec<usize> = (0..=nodes / size).map(|i| nodes - i * size).filter(|&end| end > 0).collect();
    ends.reverse();
    let mut start = 0;
    let stretch = |end: usize| {
        let stretch = start..end;
        start = end;
        stretch
    };
    ends.into_iter().map(stretch).collect()
}

impl Pass<'_> {
    /// What comes out of each stretch but the last, and all that the last one keeps.
    pub(super) fn forward_stretches(
        &mut self,
        nodes: &[Node],
        stretches: &[Range<usize>],
        input: &[f32],
        codes: &[u8],
    ) -> (Vec<Array>, Vec<Kept>) {
        let mut ends: Vec<Array> = Vec::new();
        let Some((last, before)) = stretches.split_last() else { return (ends, Vec::new()) };
        for stretch in before {
            let x: &[f32] = ends.last().map_or(input, |end| end);
            let end = self.pass_through(&nodes[stretch.clone()], x, codes);
            ends.push(end);
        }
        let x: &[f32] = ends.last().map_or(input, |end| end);
        let kept = self.forward_nodes(&nodes[last.clone()], x, codes);
        (ends, kept)
    }

    /// Runs nodes and keeps nothing but what comes out.
    fn pass_through(&mut self, nodes: &[Node], input: &[f32], codes: &[u8]) -> Array {
        let keep = std::mem::replace(&mut self.keep, false);
        let mut end: Option<Array> = None;
        for node in nodes {
            let kept = self.node(node, end.as_deref().unwrap_or(input), codes);
            self.buffers.give_extra(kept.extra);
            end.into_iter().for_each(|before| self.buffers.give(before));
            end = Some(kept.output);
        }
        self.keep = keep;
        end.unwrap_or_default()
    }

    /// The way back through all stretches, from the last.
    pub(super) fn backward_stretches(
        &mut self,
        nodes: &[Node],
        stretches: &[Range<usize>],
        (input, codes): (&[f32], &[u8]),
        (mut ends, kept): (Vec<Array>, Vec<Kept>),
        mut dy: Array,
        found: &mut Found,
    ) -> Option<Array> {
        let mut kept = Some(kept);
        for (i, stretch) in stretches.iter().enumerate().rev() {
            let nodes = &nodes[stretch.clone()];
            let kept = match kept.take() {
                Some(kept) => kept,
                None => {
                    // It comes out again.
                    ends.pop().into_iter().for_each(|end| self.buffers.give(end));
                    let statistics = self.statistics.len();
                    let x: &[f32] = ends.last().map_or(input, |end| end);
                    let kept = self.forward_nodes(nodes, x, codes);
                    // They were taken the first time.
                    self.statistics.truncate(statistics);
                    kept
                }
            };
            let x: &[f32] = ends.last().map_or(input, |end| end);
            let mut inside = Found { parameters: found.parameters.as_deref_mut(), input: found.input || i > 0 };
            dy = self.backward(nodes, x, codes, kept, dy, &mut inside)?;
        }
        Some(dy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::Architecture;
    use crate::engine::{Engine, Input};
    use crate::network::{Mode, Plan, Weights};
    use crate::testing::{DNA, net};
    use basewise_core::SequenceBatch;

    #[test]
    fn stretches_follow_each_other_and_are_about_as_many_as_long() {
        assert!(stretches(0).is_empty());
        assert_eq!(stretches(2), [0..1, 1..2]);
        assert_eq!(stretches(9), [0..3, 3..6, 6..9]);
        assert_eq!(stretches(10), [0..1, 1..4, 4..7, 7..10]);
        for nodes in 1..60 {
            let found = stretches(nodes);
            assert!(found.windows(2).all(|pair| pair[0].end == pair[1].start));
            assert_eq!((found[0].start, found[found.len() - 1].end), (0, nodes));
            assert!(found.iter().all(|stretch| !stretch.is_empty()));
        }
    }

    type Result = (Vec<Vec<u32>>, Vec<u32>, Vec<super::super::Statistics>, u64);

    /// Gradients and scores in bits, statistics, and the numbers held at the end.
    fn step(architecture: &Architecture, recompute: bool) -> Result {
        let (n, length) = (3, 300);
        let mut plan = Plan::new(architecture, 4, length, 2).unwrap();
        plan.recompute = recompute;
        let mut batch = SequenceBatch::new(DNA, length);
        for i in 0..n {
            let letters: Vec<u8> = (0..length).map(|at| b"ACGTN"[(at * at + 3 * i * at + i) % 5]).collect();
            batch.push(&letters).unwrap();
        }
        let mut engine = Engine::new(&plan);
        let weights = Weights::initial(&plan, 3);
        let (mode, mut gradients) = (Mode::Train { seed: 7, step: 2 }, Vec::new());
        let slopes = |scores: &[f32]| (scores.to_vec(), scores.iter().map(|score| score.sin() + 0.1).collect());
        let (scores, statistics) = engine.gradients(&weights, Input::Codes(&batch), mode, &mut gradients, slopes);
        let bits = |values: &Vec<f32>| values.iter().map(|value| value.to_bits()).collect::<Vec<u32>>();
        (gradients.iter().map(bits).collect(), bits(&scores), statistics, engine.held())
    }

    #[test]
    fn gradients_are_the_same_to_the_bit() {
        for (name, _) in Architecture::presets() {
            let architecture = Architecture::preset(name).unwrap();
            let (plain, again) = (step(&architecture, false), step(&architecture, true));
            assert_eq!(plain.1, again.1, "{name}: scores");
            assert_eq!(plain.2, again.2, "{name}: statistics");
            assert!(plain.0 == again.0, "{name}: gradients");
        }
    }

    #[test]
    fn batch_norms_and_dropout_are_as_they_were_and_less_is_held() {
        let block = "[[layer]]\ntype='conv1d'\nfilters=16\nwidth=3\n[[layer]]\ntype='batch-norm'\n\
                     [[layer]]\ntype='dropout'\nrate=0.3\n[[layer]]\ntype='gelu'\n";
        let architecture = net(&(block.repeat(6) + "[[layer]]\ntype='global-avg-pool'"));
        let (plain, again) = (step(&architecture, false), step(&architecture, true));
        assert_eq!((plain.2.len(), &plain.2), (6, &again.2));
        assert!(plain.0 == again.0 && plain.1 == again.1);
        assert!(2 * again.3 < plain.3, "{} numbers held in place of {}", again.3, plain.3);
    }
}
