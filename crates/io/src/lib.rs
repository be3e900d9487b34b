//! Genome file formats, tables and data sets on disk.

pub mod arrays;
pub mod bed;
pub mod build;
mod columnar;
pub mod dataset;
mod error;
pub mod fasta;
pub mod genome;
pub mod input;
pub mod output;
pub mod predictions;
pub mod table;

pub use error::{Error, Result};
pub use genome::Genome;
