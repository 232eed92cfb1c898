//! How far a run has come, for those who wait for it.

/// The parts of a run that people wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Reading the source.
    Read,
    /// Asking after records that are missing.
    Confirm,
    /// Scope and policies.
    Admit,
    /// Deciding.
    Plan,
    /// Writing.
    Apply,
}

impl Phase {
    /// As people read it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Read => "reading",
            Self::Confirm => "confirming who is missing",
            Self::Admit => "reviewing",
            Self::Plan => "planning",
            Self::Apply => "applying",
        }
    }
}

/// Hears of progress. Called often: be quick.
pub trait Progress: Send + Sync {
    /// A phase has come this far; of how many, where that is known.
    fn at(&self, phase: Phase, done: u64, of: Option<u64>);
}

/// Hears nothing.
#[derive(Debug)]
pub struct Silent;

impl Progress for Silent {
    fn at(&self, _: Phase, _: u64, _: Option<u64>) {}
}
