//! Classical models on hand-crafted features of sequences, and what finds structure without labels.
//!
//! A [`Features`] is what every model here reads: one row an example, one named column a feature, dense or sparse. No file
//! is opened and no tensor framework is named.

pub mod baseline;
pub mod classical;
pub mod discriminate;
pub mod extract;
mod features;
pub mod linear;
pub mod tree;
pub mod unsupervised;

pub use features::{Columns, Features, FeaturesError};
