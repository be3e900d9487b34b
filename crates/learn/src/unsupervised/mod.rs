//! Structure without labels: principal components, clusters, mixtures, maps of neighbours, communities, and how good they are.
//!
//! Rows are what is looked at (cells, sequences), columns what was measured of them (genes, k-mers, activations). Input is
//! dense ([`Matrix`](basewise_core::Matrix)) or sparse ([`Csr`](basewise_core::sparse::Csr)); [`Rows`] is either. Values are
//! `f32`, sums `f64`. Everything is a function of the input and a seed: the same bits for any number of threads, because work
//! is cut into blocks of fixed size and partial sums are added in order.
//!
//! | from | by | to |
//! |---|---|---|
//! | counts | [`counts::normalize`], [`counts::log1p`], [`counts::highly_variable`] | the genes and values to go on with |
//! | rows in blocks | [`counts::VariableSums`], [`PcaSums`], [`markers::MarkerSearch`] | the same of a matrix larger than memory |
//! | any rows | [`PcaOptions::fit`] to [`Pca`] | coordinates, loadings, variances; [`Pca::transform`] for new rows |
//! | coordinates | [`KMeansOptions::fit`] to [`KMeans`], [`kmeans::elbow`] | clusters, centres, inertia |
//! | coordinates | [`MixtureOptions::fit`] to [`Mixture`] | soft assignments, densities, BIC, samples |
//! | coordinates | [`TsneOptions::fit`] to [`Tsne`] | a map in two dimensions; [`Tsne::transform`] for new rows |
//! | coordinates | [`Neighbors::find`], [`Neighbors::connectivities`] | a weighted graph |
//! | a graph | [`leiden`] | communities |
//! | clusters | [`scores`], [`markers::markers`] | agreement with labels, silhouettes, features that mark a cluster |

pub mod counts;
mod eigen;
mod error;
pub mod kmeans;
mod leiden;
pub mod markers;
pub mod mixture;
pub mod neighbors;
pub mod pca;
mod rows;
pub mod scores;
pub mod tsne;

pub use error::UnsupervisedError;
pub use kmeans::{KMeans, KMeansOptions};
pub use leiden::{Communities, LeidenOptions, leiden};
pub use mixture::{Covariance, Mixture, MixtureOptions};
pub use neighbors::{Metric, Neighbors};
pub use pca::{Pca, PcaOptions, PcaSolver, PcaSums};
pub use rows::Rows;
pub use tsne::{Tsne, TsneOptions};
