//! The program as a user meets it: one test binary, so that it links once.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot read its own files should fail on the spot"
)]

mod bad_input;
mod data_in;
mod guide;
mod help;
mod reproducible;
mod soak;
mod support;
