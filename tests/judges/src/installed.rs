//! What `tests/judges/install` installs.

use std::path::PathBuf;

/// What a variable says that `tests/run` sets.
pub fn said(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!(
            "{variable} isn't set: `./tests/run` installs what it names, and so does `eval \"$(tests/judges/install)\"`"
        )
    })
}

/// A program in `tests/judges`.
pub fn program(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}
