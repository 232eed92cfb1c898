//! What the simulated tenant promises, asked over real connections.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod batch;
mod client;
mod delta;
mod documented;
mod faults;
mod generated;
mod lists;
mod merge;
mod queries;
mod rights;
mod sign_in;
mod writes;
