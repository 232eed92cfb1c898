//! The method as the host meets it, but natively: files in memory, whole reads out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod browsing;
mod cut;
mod encodings;
mod groups;
mod memory;
mod messy;
mod plain;
mod presets;
mod reading;
