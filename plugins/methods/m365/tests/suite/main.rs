//! The method outside its sandbox, before answers that a test writes down. How it does before a whole tenant is tested with the host.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod answers;
mod graph;
mod reading;
mod records;
