//! Graph neural networks: classes of nodes and missing links of gene, protein and other networks.
//!
//! | module | question |
//! |---|---|
//! | [`data`] | which nodes are joined, by which kind of edge, how strongly? |
//! | [`features`] | what is known of each node? |
//! | [`propagation`] | what reaches a node from its neighbours: the sparse operators of GCN, GraphSAGE and R-GCN |
//! | [`network`] | layers, both passes |
//! | [`nodes`], [`links`] | training for classes of nodes, and for links |
//! | [`split`] | which nodes and links are held out |
//! | [`baseline`] | what a graph says without a network: label propagation, common neighbours |
//! | [`explain`] | which edges and features a prediction rests on |
//! | [`simulate`] | a graph whose truth is known |
//!
//! A layer is `y = x W_own + sum_k A_k (x W_k) + b` over operators `A_k`: GCN has one with self loops and no `W_own`,
//! GraphSAGE one without them, R-GCN one for each kind of edge, and a network without any is a multilayer perceptron.
//!
//! Both passes are written by hand on the sparse and dense products of `basewise-kernels`, and Burn has no part in them:
//! it has no sparse product, a graph is one example that never changes its shape, and epochs of milliseconds leave no room
//! for the bookkeeping of a tape. Sums have a fixed order, so that results do not depend on the number of threads.

pub mod baseline;
pub mod data;
pub mod explain;
pub mod features;
mod file;
pub mod links;
mod loss;
pub mod network;
pub mod nodes;
pub mod propagation;
pub mod simulate;
pub mod split;
#[cfg(test)]
mod tests;

pub use data::{Edge, EdgeCounts, Graph, GraphError};
pub use features::NodeFeatures;
pub use file::{GRAPH_FORMAT, SavedNetworks, load, save};
pub use network::{GraphModel, Network, NetworkShape};
pub use propagation::Operator;
