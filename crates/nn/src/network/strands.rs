//! A sequence and its reverse complement, one after the other in a batch.

use crate::architecture::Combine;
use burn_tensor::Tensor;

/// Bases of the alphabet, in whose order A C G T the reverse is the complement.
pub(crate) const BASES: usize = 4;

/// `x` `[n, channels, length]`, then the reverse complement of each: `[2 n, channels, length]`. A channel beyond the bases
/// is only reversed.
pub(super) fn both(x: Tensor<3>) -> Tensor<3> {
    let channels = x.dims()[1];
    let bases = x.clone().narrow(1, 0, BASES).flip([1, 2]);
    let mut parts = vec![bases];
    if channels > BASES {
        parts.push(x.clone().narrow(1, BASES, channels - BASES).flip([2]));
    }
    Tensor::cat(vec![x, Tensor::cat(parts, 1)], 0)
}

/// Outputs `[2 n, channels, length]` of [`both`] as one: those for the reverse complement are turned back.
pub(super) fn combined(y: Tensor<3>, combine: Combine) -> Tensor<3> {
    let n = y.dims()[0] / 2;
    let (forward, reverse) = (y.clone().narrow(0, 0, n), y.narrow(0, n, n).flip([2]));
    match combine {
        Combine::Mean => (forward + reverse) * 0.5,
        Combine::Sum => forward + reverse,
        Combine::Max => forward.max_pair(reverse),
    }
}
