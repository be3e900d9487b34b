//! Variants of a genome and what a model says of them: alleles, windows, scores.
//!
//! A [`Variant`] replaces one stretch of a contig by other bases. It is compared with the genome ([`compare`]), brought into
//! its one normal form ([`Variant::normalized`]), put into a model's window ([`Window`]) as edits of the sequence that is
//! there, and scored by what changes ([`scores`]), of predictions or of what bases contribute to them
//! ([`attribution_change`]).

mod attribution;
mod neighbourhood;
mod normalize;
mod null;
pub mod scores;
mod window;

pub use attribution::{AttributionChange, attribution_change};
pub use neighbourhood::{Neighbourhood, predict};
pub use normalize::{Agreement, Variant, compare, is_sequence};
pub use null::{empirical_p, null_substitution};
pub use window::{Stretch, Window};
