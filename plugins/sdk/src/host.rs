//! What the host offers to a plugin that asked for it and was granted it. Outside the sandbox these functions don't exist:
//! keep the code that needs testing free of them.

/// The files that the settings name.
pub mod files {
    pub use crate::contract::files::{File, open, read};
}

/// Microsoft Graph, as this connection's account sees it.
pub mod graph {
    pub use crate::contract::graph::{Failure, Link, Page, Place, Refusal, Request, batch, get};
}

/// What the host holds of this source.
pub mod mirror {
    pub use crate::contract::mirror::{handed_over, handed_over_members, known};
}

/// Small values of this connection, kept when the run is applied.
pub mod storage {
    pub use crate::contract::storage::{get, remove, set};
}

/// The run's clock.
pub mod schedule {
    pub use crate::contract::schedule::{now, wake_at};
}

/// Lines for the operator.
pub mod log {
    pub use crate::contract::log::{Level, line};

    /// Something worth knowing.
    pub fn info(message: &str) {
        line(Level::Info, message);
    }

    /// Something the operator should look at.
    pub fn warning(message: &str) {
        line(Level::Warning, message);
    }
}
