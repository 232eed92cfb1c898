//! Whole-system tests live in `suite`.
