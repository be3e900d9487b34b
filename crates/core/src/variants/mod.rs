//! Variants of a genome and what a model says of them: alleles, windows, scores.
//!
//! A [`Variant`] replaces one stretch of a contig by other bases. It is compared with the genome ([`compare`]), brought into
//! its one normal form ([`Variant::normalized`]), put into a model's window ([`Window`]) as edits of the sequence that is
//! there, and scored by what changes ([`scores`]).

mod neighbourhood;
mod normalize;
mod null;
pub mod scores;
mod window;

pub use neighbourhood::{Neighbourhood, predict};
pub use normalize::{Agreement, Variant, compare};
pub use null::{empirical_p, null_substitution};
pub use window::{Stretch, Window};
