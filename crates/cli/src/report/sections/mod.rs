//! The parts of the page, one file each, in the order of the page.

mod browser;
mod check;
pub(crate) mod classical;
mod data;
mod details;
mod discovery;
mod examples;
mod filters;
mod overview;
mod performance;
mod stretch;
mod training;

pub(super) use check::findings as check_findings;
pub(super) use data::section as data;
pub(super) use details::section as details;
pub(super) use discovery::section as discovery;
pub(super) use examples::section as examples;
pub(super) use filters::section as filters;
pub(super) use overview::{comparison, section as overview};
pub(super) use performance::{drawn, section as performance};
pub(super) use training::section as training;

use super::data::DataSummary;
use basewise_core::Alphabet;

/// The letters in which a run's sequences are shown.
fn alphabet(data: &DataSummary) -> Alphabet {
    if data.alphabet.eq_ignore_ascii_case("rna") { Alphabet::Rna } else { Alphabet::Dna }
}
