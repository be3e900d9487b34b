//! Decision trees, random forests and gradient boosting.
//!
//! | | splits | read |
//! |---|---|---|
//! | decision tree | exact, at every value of a node, by histograms where a feature has few | [`TreeOptions::fit`] |
//! | random forest | binned, features drawn for each node | [`ForestOptions::fit`] |
//! | gradient boosting | binned, histograms by subtraction | [`BoostingOptions::fit`] |
//!
//! All give a [`TreeEnsemble`], which predicts, tells which features matter ([`TreeEnsemble::gain_importance`],
//! [`permutation_importance`]), how each prediction came about ([`TreeEnsemble::shap`]), and can be drawn
//! ([`TreeEnsemble::draw_svg`]).
//!
//! One core is below them: features become bins (`bins`), examples become whole numbers that are added up in bins
//! (`statistics`, `histogram`), a cut is sought in the sums (`split`), and a tree grows from cuts (`grow`). Because sums
//! are of whole numbers, no order of additions changes them: the same seed gives the same model for any number of
//! threads.
//!
//! Memory, beside the features: a byte a number, or two bytes for each that is not 0 and about 130 bytes a row if few
//! are; for boosting, 16 bytes a bin and open leaf; for a decision tree the same of at most 256 MB, and 8 bytes a number of
//! features with more than 255 values.
//!
//! ```
//! use basewise_learn::Features;
//! use basewise_learn::tree::{BoostingOptions, Examples, Loss};
//!
//! let names = vec!["gc".to_owned(), "length".to_owned()];
//! let values = (0..200).flat_map(|i| [(i % 10) as f32 / 10.0, 100.0]).collect();
//! let features = Features::dense(names, 200, values)?;
//! let labels: Vec<f64> = (0..200).map(|i| if i % 10 > 5 { 1.0 } else { 0.0 }).collect();
//! let examples = Examples { features: &features, labels: &labels, weights: None };
//! let boosted = BoostingOptions::new(Loss::Logistic).fit(&examples, None)?;
//! let probabilities = boosted.model.predict(&features)?;
//! assert!(probabilities.row(0)[0] < 0.1 && probabilities.row(9)[0] > 0.9);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bins;
mod boosting;
mod criterion;
mod decision;
mod draw;
mod ensemble;
mod error;
mod examples;
mod forest;
mod grow;
mod histogram;
mod importance;
mod nodes;
mod search;
mod shap;
mod split;
mod statistics;
mod walk;

pub use boosting::{Boosted, BoostingOptions, Loss};
pub use criterion::Criterion;
pub use decision::TreeOptions;
pub use draw::DrawOptions;
pub use ensemble::{Link, TreeEnsemble};
pub use error::TreeError;
pub use examples::Examples;
pub use forest::{FeaturesPerSplit, ForestOptions, OutOfBag};
pub use grow::Growth;
pub use importance::{PermutationImportance, permutation_importance};
pub use nodes::{Node, Tree};
pub use shap::ShapValues;

#[cfg(test)]
mod tests;
