//! Communities of a weighted graph by modularity: of rows that are neighbours, of sites that look alike.

mod graph;
mod leiden;
#[cfg(test)]
mod tests;

pub use graph::Graph;
pub use leiden::best_of;
