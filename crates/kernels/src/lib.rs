//! CPU kernels for networks on sequence, and for motifs. No tensor framework: plain slices in, plain slices out.
//!
//! Arrays are `[batch, length, channels]`, row-major, so that the channels of a position lie side by side. Then a
//! convolution is a matrix product over overlapping rows, the first layer on one-hot input is a sum of rows of a
//! table, pooling and normalization go element by element, and a recurrent layer finds its input as it wants it.
//!
//! Every kernel takes the [`Level`] that it runs at, gives the same bits for any number of threads, and has a naive
//! oracle in its tests.

pub mod activation;
pub mod attention;
pub mod bench;
pub mod columns;
pub mod conv;
pub mod counts;
pub mod dense;
pub mod difference;
pub mod jaccard;
pub mod matrix;
pub mod norm;
pub mod onehot;
pub mod optimizer;
pub mod pool;
pub mod random;
pub mod recurrent;
mod simd;
mod size;
pub mod softmax;
pub mod sparse;
pub mod windows;

pub use simd::Level;
