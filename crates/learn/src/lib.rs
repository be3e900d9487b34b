//! Classical models on hand-crafted features of sequences.
//!
//! A [`Features`] is what every model here reads: one row an example, one named column a feature, dense or sparse. No file
//! is opened and no tensor framework is named.

pub mod baseline;
pub mod classical;
pub mod extract;
mod features;
pub mod linear;
pub mod tree;

pub use features::{Columns, Features, FeaturesError};
