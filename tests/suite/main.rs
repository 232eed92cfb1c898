//! Whole-system tests.

// A test fails by panicking, and so do the harness and the helpers around it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::type_complexity
)]

mod accepting;
mod changes;
mod clocks;
mod commands;
mod connections;
mod database;
mod directory;
mod erase;
mod faults;
mod fenced;
mod guard;
mod harness;
mod history;
mod hostile_runs;
mod import;
mod leaving;
mod lookups;
mod m365;
mod m365_any;
mod m365_bad_input;
mod m365_consent;
mod m365_faults;
mod m365_policies;
mod m365_scope;
mod m365_signs_in;
mod managers;
mod messy;
mod names;
mod outages;
mod ownership;
mod places;
mod policies;
mod properties;
mod protection;
mod reads;
mod retention;
mod runs;
mod scope;
mod switch;
mod t1;
mod terminal;
mod upkeep;
mod why;
