//! The program as a user meets it: one test binary, so that it links once.

mod bad_input;
mod data_in;
mod guide;
mod help;
mod reproducible;
mod support;
