//! Making data sets: from labelled sequences ([`sequences()`]), from places on a genome ([`intervals()`]; with a task a cell,
//! [`open_places()`]), or from signal along a genome ([`signal()`]).
//!
//! Every way in reads records, keeps or skips each of them for a stated reason, adds negatives if asked, assigns
//! splits and ends with an [`Account`] in which nothing is lost: `read = used + skipped`.

mod background;
mod columns;
mod draft;
mod intervals;
mod labels;
mod negatives;
mod related;
mod resplit;
mod sequences;
mod signal;
mod splits;
mod tracks;
mod windows;

pub use columns::{BedColumn, BedColumns};
pub use intervals::{IntervalsSpec, OpenPlaces, OutOfBounds, PeakFile, WindowPolicy, intervals, open_places};
pub use labels::LabelKind;
pub use negatives::Negatives;
pub use related::{related, split_threshold};
pub use resplit::resplit;
pub use sequences::{CovariateColumn, InputFile, LabelColumn, SequencesInput, SequencesSpec, TableColumns, sequences};
pub use signal::{Missing, SignalSpec, TrackFile, signal};
pub use splits::{RelatedGroups, SplitPolicy, VALID_OF_TRAIN};
pub use tracks::ControlFiles;

use crate::dataset::Provenance;
use crate::error::{Error, Result};
use basewise_core::Dataset;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A data set that was made, with where it came from and what became of every record.
#[derive(Clone, Debug)]
pub struct Built {
    /// The examples.
    pub dataset: Dataset,
    /// To be saved with them; its notes hold the account too.
    pub provenance: Provenance,
    /// What became of every record.
    pub account: Account,
    /// What the reader of the data set should know before it is used, a sentence each: a split that was asked for and
    /// stayed empty. The notes of the provenance hold them too, as `warnings`.
    pub warnings: Vec<String>,
}

/// Positions that a model may see: more is a slip of the pen, and would not fit any memory.
pub const LONGEST: usize = 100_000_000;

fn check_length(length: usize) -> Result<()> {
    if (1..=LONGEST).contains(&length) {
        return Ok(());
    }
    let error = Error::new(format!("expected a length from 1 to {LONGEST} bases, found {length}"));
    Err(error.with_hint(
        "choose the number of bases that the model is to see with --length (sequences) or --window (intervals)",
    ))
}

/// What became of the records that were read: `read = used + skipped`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Records in the input files.
    pub read: usize,
    /// Records that became examples.
    pub used: usize,
    /// Records that did not, by reason.
    pub skipped: BTreeMap<String, usize>,
    /// Examples that were made besides: shuffles and background.
    pub made: usize,
    /// Examples that should have been made and could not, by reason.
    pub not_made: BTreeMap<String, usize>,
}

impl Account {
    fn skip(&mut self, reason: &str) {
        *self.skipped.entry(reason.to_owned()).or_default() += 1;
    }

    fn fail(&mut self, reason: &str, times: usize) {
        if times > 0 {
            *self.not_made.entry(reason.to_owned()).or_default() += times;
        }
    }
}
