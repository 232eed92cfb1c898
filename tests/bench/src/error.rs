//! What can keep a measurement from being made. Slowness isn't among it.

use std::io;
use thiserror::Error as ThisError;

/// Why nothing could be measured.
#[derive(Debug, ThisError)]
pub enum Error {
    /// The system refused something.
    #[error("can't {what}")]
    System {
        /// What was tried, as it follows on "can't".
        what: String,
        /// Why.
        source: io::Error,
    },
    /// A program ended otherwise than it should.
    #[error("`{command}` ended with {status}:\n{said}")]
    Program {
        /// As it would be typed.
        command: String,
        /// How it ended.
        status: String,
        /// What it printed.
        said: String,
    },
    /// The files could not be generated.
    #[error("the export can't be written")]
    Export(#[from] usher_demo::Error),
    /// Something was measured that isn't what was to be measured.
    #[error("{0}")]
    Amiss(String),
}

/// For `map_err`: what was tried, as it follows on "can't".
pub fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
    let what = what.into();
    move |source| Error::System { what, source }
}

/// An error with what caused it.
pub fn words(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words.push_str(&format!(": {error}"));
        cause = error.source();
    }
    words
}
