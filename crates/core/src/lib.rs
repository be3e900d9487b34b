//! The vocabulary of basewise: letters, places, examples, splits, metrics and experiments.
//!
//! A genome is text over four letters. Everything here turns such text, with places and labels, into numbers and
//! back, and never opens a file, prints, or names a tensor framework.
//!
//! | convention | value |
//! |---|---|
//! | intervals | 0-based, half-open |
//! | base order | `A C G T`; `U` reads as `T` |
//! | unknown base | `N`: no channel is set |
//! | arrays | `[batch, channel, length]`, row-major |
//! | models | `f32`; statistics `f64` |
//! | randomness | a function of a seed and a purpose, see [`random`] |
//!
//! ```
//! use basewise_core::{Alphabet, CasePolicy, Encoding, SequenceBatch};
//!
//! let encoding = Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore };
//! let mut batch = SequenceBatch::new(encoding, 6);
//! batch.push(b"ACGTNA")?;
//! let x = batch.one_hot();
//! assert_eq!(x.len(), 4 * 6);
//! assert_eq!(x[0], 1.0); // channel A, position 0
//! # Ok::<(), basewise_core::EncodeError>(())
//! ```

mod alphabet;
pub mod average;
pub mod baseline;
mod batch;
pub mod check;
pub mod communities;
mod control;
mod covariate;
mod dataset;
pub mod design;
mod edit;
pub mod folds;
mod identity;
mod interval;
mod matrix;
pub mod metrics;
pub mod perturb;
mod predict;
pub mod profile;
pub mod random;
pub mod realism;
pub mod shuffle;
pub mod similarity;
pub mod source;
pub mod sparse;
pub mod split;
mod tracks;
pub mod tune;
pub mod variants;

pub use alphabet::{Alphabet, CasePolicy, Code, EncodeError, Encoding, complement_letter, reverse_complement};
pub use batch::SequenceBatch;
pub use control::{ControlSignal, check_control};
pub use covariate::{Covariate, Transform, check_covariates, covariates_fault};
pub use dataset::{Dataset, Example, Split, Task, TaskKind, label_ranges};
pub use edit::Edit;
pub use identity::{canonical, upper};
pub use interval::{Interval, Strand};
pub use matrix::Matrix;
pub use predict::{EDITS_AT_ONCE, Predict, PredictError, check_edits, predict_edits_plainly, probabilities};
pub use profile::Profile;
pub use tracks::reverse_tracks;
