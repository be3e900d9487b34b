//! The first convolution of a network, on symbols instead of one-hot vectors.
//!
//! A one-hot vector times a filter tap is one row of the weights, so the layer is a sum of `width` rows for each
//! output: a quarter of the dense product's work, no multiplication, and a byte a position to read. Two neighbouring taps
//! share a table of the sums of all pairs of rows, which halves the additions; the gradient is summed by pairs as well
//! and folded at the end. Sums therefore run over pairs of taps in order.

mod aligned;
mod forward;
mod gradient;
mod plan;

pub use forward::{forward, forward_max_pool};
pub use gradient::{table_gradient, table_gradient_max_pool};
pub use plan::PAIRED_OUTPUTS;

/// The sizes of a convolution on symbols.
///
/// Output `o` reads the positions `o * stride + tap * dilation - left` of the sequence; what lies outside adds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Symbols of the alphabet, at most 255. A code that is none of them adds nothing.
    pub symbols: usize,
    /// Filters, the channels of the output.
    pub filters: usize,
    /// Taps of a filter.
    pub width: usize,
    /// Positions between neighbouring outputs.
    pub stride: usize,
    /// Positions between neighbouring taps.
    pub dilation: usize,
    /// Zeros before the sequence.
    pub left: usize,
    /// Positions of a sequence.
    pub length: usize,
    /// Outputs of a sequence.
    pub outputs: usize,
}

impl Shape {
    /// Sequences in `codes`, after checks of all sizes.
    fn sequences(&self, codes: &[u8]) -> usize {
        let &Self { symbols, filters, width, stride, dilation, left, length, outputs } = self;
        let least = symbols.min(filters).min(width).min(stride).min(dilation).min(length);
        assert!(least > 0, "no size of a convolution may be 0: {self:?}");
        assert!(symbols <= 255, "codes are bytes, so there are at most 255 symbols, not {symbols}");
        let reach = outputs
            .checked_mul(stride)
            .and_then(|reach| width.checked_mul(dilation)?.checked_add(dilation)?.checked_add(reach))
            .and_then(|reach| reach.checked_add(left));
        assert!(reach.is_some_and(|reach| reach < isize::MAX as usize), "{self:?} reaches beyond all memory");
        assert!(self.table().is_some(), "{self:?} has more weights than memory holds");
        assert_eq!(codes.len() % length, 0, "{} codes are not sequences of {length}", codes.len());
        codes.len() / length
    }

    /// Numbers in the table of weights.
    fn table(&self) -> Option<usize> {
        self.width.checked_mul(self.symbols)?.checked_mul(self.filters)
    }
}

/// Checks the length of an array.
#[track_caller]
fn check(name: &str, found: usize, sizes: &[usize]) {
    let expected = sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
    assert!(expected == Some(found), "{name} {sizes:?} cannot have {found} values");
}

#[cfg(test)]
mod tests;
