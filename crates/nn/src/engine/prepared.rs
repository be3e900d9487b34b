//! Weights of convolutions laid out for inference, once for all engines of a plan, since that takes as long as many a pass;
//! anew where weights have changed, as they do between the passes of training.

use super::layers::folded;
use super::node::Fold;
use crate::network::Weights as Network;
use basewise_kernels::conv::{Shape, Weights};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The weights of one convolution.
#[derive(Debug)]
pub(super) struct Laid {
    key: (usize, Option<Fold>, Shape),
    /// All that they are made of, as it was.
    arrays: Vec<Vec<f32>>,
    /// With a batch norm that they were joined with.
    pub(super) weights: Vec<f32>,
    pub(super) bias: Vec<f32>,
    passes: OnceLock<Weights>,
    edits: OnceLock<Weights>,
}

impl Laid {
    /// For passes of whole sequences, made by `make` of the weights unless they are there.
    pub(super) fn for_passes(&self, make: impl FnOnce(&[f32]) -> Weights) -> &Weights {
        self.passes.get_or_init(|| make(&self.weights))
    }

    /// For differences that edits make, likewise.
    pub(super) fn for_edits(&self, make: impl FnOnce(&[f32]) -> Weights) -> &Weights {
        self.edits.get_or_init(|| make(&self.weights))
    }
}

/// All that was laid out.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    entries: Mutex<Vec<Arc<Laid>>>,
}

impl Prepared {
    /// Those of the convolution whose first parameter is `parameter`, with the batch norm that it is joined with.
    pub(super) fn of(&self, all: &Network, parameter: usize, fold: Option<Fold>, shape: &Shape) -> Arc<Laid> {
        let arrays = arrays(all, parameter, fold);
        let key = (parameter, fold, *shape);
        let entries = || self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let known = entries().iter().find(|laid| laid.key == key).cloned();
        // Compared while others may look.
        let is_same = |known: &Arc<Laid>| known.arrays.iter().zip(&arrays).all(|(known, own)| same(known, own));
        if let Some(known) = known.filter(is_same) {
            return known;
        }
        let (weights, bias) = folded(all, parameter, fold);
        let laid = Arc::new(Laid {
            key,
            arrays: arrays.into_iter().map(<[f32]>::to_vec).collect(),
            weights: weights.into_owned(),
            bias: bias.into_owned(),
            passes: OnceLock::new(),
            edits: OnceLock::new(),
        });
        let mut entries = entries();
        entries.retain(|laid| laid.key != key);
        entries.push(laid.clone());
        laid
    }
}

/// Whether all bits are the same; without a way out at each number, vectors are compared.
fn same(a: &[f32], b: &[f32]) -> bool {
    const STRETCH: usize = 1 << 12;
    let differ = |(a, b): (&[f32], &[f32])| a.iter().zip(b).fold(0, |all, (a, b)| all | (a.to_bits() ^ b.to_bits()));
    a.len() == b.len() && a.chunks(STRETCH).zip(b.chunks(STRETCH)).all(|pair| differ(pair) == 0)
}

/// The convolution's arrays, and those of the batch norm.
fn arrays(all: &Network, parameter: usize, fold: Option<Fold>) -> Vec<&[f32]> {
    let own = all.parameters[parameter..parameter + 2].iter();
    let norm = fold.map(|Fold { parameter, buffer }| {
        all.parameters[parameter..parameter + 2].iter().chain(&all.buffers[buffer..buffer + 2])
    });
    own.chain(norm.into_iter().flatten()).map(|array| &array.values[..]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Array;
    use basewise_kernels::Level;

    const SHAPE: Shape =
        Shape { channels: 2, filters: 3, width: 1, stride: 1, dilation: 1, groups: 1, left: 0, length: 4, outputs: 4 };

    /// A convolution and a batch norm, and two more convolutions of the same shape.
    fn network() -> Network {
        let array = |values: Vec<f32>| Array { name: String::new(), shape: vec![values.len()], values };
        let norm = [array(vec![2.0; 3]), array(vec![0.5; 3])];
        let convolution = || [array(vec![1.0; 6]), array(vec![0.0; 3])];
        let parameters = convolution().into_iter().chain(norm).chain(convolution()).collect();
        Network { parameters, buffers: vec![array(vec![0.0; 3]), array(vec![1.0; 3])] }
    }

    #[test]
    fn weights_are_laid_out_once_and_again_when_they_change() {
        let (mut all, prepared) = (network(), Prepared::default());
        let fold = Some(Fold { parameter: 2, buffer: 0 });
        let plain = prepared.of(&all, 0, None, &SHAPE);
        let first = prepared.of(&all, 0, fold, &SHAPE);
        assert!(
            plain.weights == [1.0; 6] && Arc::ptr_eq(&plain, &prepared.of(&all, 0, None, &SHAPE)),
            "without the norm"
        );
        assert!((first.weights[0] - 2.0).abs() < 1e-4 && first.bias == [0.5; 3], "{first:?}");
        let made = first.for_passes(|weights| Weights::inference(Level::best(), &SHAPE, weights));
        assert!(std::ptr::eq(made, prepared.of(&all, 0, fold, &SHAPE).for_passes(|_| unreachable!("laid out twice"))));
        first.for_edits(|weights| Weights::forward(Level::best(), &SHAPE, weights));
        assert!(!Arc::ptr_eq(&first, &prepared.of(&all, 4, None, &SHAPE)), "another layer");
        all.buffers[1].values[2] = 4.0;
        let again = prepared.of(&all, 0, fold, &SHAPE);
        assert!(!Arc::ptr_eq(&first, &again) && (again.weights[4] - 1.0).abs() < 1e-4, "changed: {again:?}");
        assert!(Arc::ptr_eq(&again, &prepared.of(&all, 0, fold, &SHAPE)));
        assert_eq!(prepared.entries.lock().unwrap().len(), 3);
    }
}
