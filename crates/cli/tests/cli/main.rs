//! The program as a user meets it: one test binary, so that it links once.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot read its own files should fail on the spot"
)]

mod bad_input;
mod bridges;
mod cells;
mod classical;
mod compare;
mod contribution_rows;
mod covariates;
mod data_in;
mod discover;
mod ensembles;
mod generate;
mod graph;
mod guide;
mod help;
mod interchange;
mod motif_tools;
mod reproducible;
mod signal;
mod soak;
mod splits;
mod support;
mod training;
mod tune;
mod variant_attribution;
mod variants;
mod weights;
