//! Whole-system tests.

mod fenced;
