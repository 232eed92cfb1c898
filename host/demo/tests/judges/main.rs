//! The simulated tenant before its judge: Microsoft's own library for Python (`msgraph-sdk`), which knows nothing of simulations.
//!
//! What the library made of an answer is held against what the tenant has, or against what the library did itself. Where the two
//! differ, the tenant is wrong.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod changes;
mod library;
mod reading;
mod refusals;
