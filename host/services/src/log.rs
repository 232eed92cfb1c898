//! `log`: what a plugin says to the operator, kept with the run.

use std::sync::{Arc, Mutex, PoisonError};
use usher_runtime::contract::log::Level as Given;
use usher_runtime::{Functions, LinkError, Service, one_line};

/// Lines that are kept of one run; an operator won't read more. The last place is for the line that says so.
pub const LINES: usize = 1_000;
/// Longest line that is kept whole.
pub const LINE_BYTES: usize = 2_000;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For the plugin's author.
    Debug,
    /// Worth knowing.
    Info,
    /// The operator should look at it.
    Warning,
}

/// One line, without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// How much it matters.
    pub level: Level,
    /// What it says.
    pub text: String,
}

/// The lines of a run, shared by the instances that write them.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Vec<Line>>>);

impl Log {
    /// What was written so far.
    pub fn lines(&self) -> Vec<Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn write(&self, level: Level, text: &str) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match lines.len() + 1 {
            number if number < LINES => lines.push(Line { level, text: one_line(text, LINE_BYTES) }),
            LINES => lines.push(Line {
                level: Level::Warning,
                text: format!("wrote more than {LINES} lines; the rest was dropped"),
            }),
            _ => {}
        }
    }
}

impl Service for Log {
    const INTERFACE: &'static str = "log";

    fn link(functions: &mut Functions<'_, Self>) -> Result<(), LinkError> {
        functions.quick("line", |log: &mut Log, (level, message): (Given, String)| {
            let level = match level {
                Given::Debug => Level::Debug,
                Given::Info => Level::Info,
                Given::Warning => Level::Warning,
            };
            log.write(level, &message);
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_cant_be_forged() {
        let log = Log::default();
        log.write(Level::Info, "read 5 users\nERROR everything is lost");
        assert_eq!(
            log.lines(),
            [Line { level: Level::Info, text: r"read 5 users\nERROR everything is lost".into() }]
        );
    }

    #[test]
    fn a_flood_is_cut_and_says_so() {
        let log = Log::default();
        for number in 0..5_000 {
            log.write(Level::Debug, &number.to_string());
        }
        let lines = log.lines();
        assert_eq!(lines.len(), LINES);
        assert_eq!(lines.last().unwrap().text, "wrote more than 1000 lines; the rest was dropped");
    }
}
