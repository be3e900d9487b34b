//! Weights of convolutions laid out for inference, once for all engines of a plan, since that takes as long as many a pass;
//! anew where weights have changed, as they do between the passes of training.

use basewise_kernels::conv::{Shape, Weights};
use std::sync::{Arc, Mutex, PoisonError};

/// What they are laid out for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Passes of whole sequences.
    Pass,
    /// Differences that edits make.
    Edits,
}

#[derive(Debug)]
struct Entry {
    key: (Use, usize, Shape),
    /// As they were, with a batch norm that they were joined with.
    weights: Vec<f32>,
    packed: Arc<Weights>,
}

/// All that was laid out.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    entries: Mutex<Vec<Arc<Entry>>>,
}

impl Prepared {
    /// The weights of the convolution whose first parameter is `parameter`, made by `make` unless they are there.
    pub(super) fn of(
        &self,
        wanted: Use,
        parameter: usize,
        shape: &Shape,
        weights: &[f32],
        make: impl FnOnce() -> Weights,
    ) -> Arc<Weights> {
        let key = (wanted, parameter, *shape);
        let entries = || self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let known = entries().iter().find(|entry| entry.key == key).cloned();
        // Compared and laid out while others may look.
        if let Some(known) = known.filter(|known| known.weights == weights) {
            return known.packed.clone();
        }
        let packed = Arc::new(make());
        let mut entries = entries();
        entries.retain(|entry| entry.key != key);
        entries.push(Arc::new(Entry { key, weights: weights.to_vec(), packed: packed.clone() }));
        packed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use basewise_kernels::Level;

    #[test]
    fn weights_are_laid_out_once_and_again_when_they_change() {
        let shape = Shape {
            channels: 2,
            filters: 3,
            width: 1,
            stride: 1,
            dilation: 1,
            groups: 1,
            left: 0,
            length: 4,
            outputs: 4,
        };
        let prepared = Prepared::default();
        let get = |wanted, parameter, weights: &[f32]| {
            let mut made = false;
            let packed = prepared.of(wanted, parameter, &shape, weights, || {
                made = true;
                Weights::inference(Level::best(), &shape, weights)
            });
            (packed, made)
        };
        let (first, made) = get(Use::Pass, 0, &[1.0; 6]);
        assert!(made);
        let (again, made) = get(Use::Pass, 0, &[1.0; 6]);
        assert!(!made && Arc::ptr_eq(&first, &again));
        assert!(get(Use::Pass, 0, &[2.0; 6]).1, "changed");
        assert!(!get(Use::Pass, 0, &[2.0; 6]).1);
        assert!(get(Use::Pass, 2, &[2.0; 6]).1, "another layer");
        assert!(get(Use::Edits, 0, &[2.0; 6]).1, "another use");
        assert_eq!(prepared.entries.lock().unwrap().len(), 3);
    }
}
