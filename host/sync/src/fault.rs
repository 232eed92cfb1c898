//! What went wrong in a run, in a class that says what to do about it, and words for the operator.

use serde::{Deserialize, Serialize};
use std::fmt;
use usher_runtime::CallError;
use usher_runtime::contract::model::Fault as PluginAnswer;
use usher_store::{Connection, StoreError};

/// The class of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// The source can't be reached.
    Network,
    /// The source doesn't accept the credential.
    Auth,
    /// The credential lacks a right.
    Permission,
    /// The source asks to wait.
    Throttled,
    /// A setting is wrong.
    Settings,
    /// The source answered with something unusable.
    Source,
    /// A plugin misbehaved.
    Plugin,
    /// The database or the disk refused.
    Storage,
    /// The host itself was stopped or mistaken.
    Host,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Network => "network",
            Self::Auth => "auth",
            Self::Permission => "permission",
            Self::Throttled => "throttled",
            Self::Settings => "settings",
            Self::Source => "source",
            Self::Plugin => "plugin",
            Self::Storage => "storage",
            Self::Host => "host",
        })
    }
}

/// A failure of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What kind.
    pub class: Class,
    /// What happened and where.
    pub message: String,
    /// What to do.
    pub advice: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

impl Fault {
    /// A failure with its advice.
    pub fn new(class: Class, message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { class, message: message.into(), advice: advice.into() }
    }

    /// A plugin did what the contract forbids.
    pub fn plugin(plugin: &str, what: impl fmt::Display) -> Self {
        Self::new(
            Class::Plugin,
            format!("plugin {plugin}: {what}"),
            "nothing was changed; tell the plugin's author, or go back to its last version",
        )
    }

    /// The same, with the connection's own name in what to do.
    pub(crate) fn at(mut self, connection: &Connection) -> Self {
        if self.class == Class::Auth && connection.name != connection.method {
            let (method, name) = (&connection.method, &connection.name);
            let said = format!("`usher connect {method} ");
            self.advice = self.advice.replace(&said, &format!("`usher connect {method} --name {name} "));
        }
        self
    }

    /// What a plugin answered, or how it broke.
    pub fn of_call(plugin: &str, error: CallError) -> Self {
        match error {
            CallError::Fault(answer) => Self::of_answer(plugin, answer),
            CallError::Broken(broken) => Self::new(
                Class::Plugin,
                broken.to_string(),
                "nothing was changed; tell the plugin's author, or raise the limit if the work is honest",
            ),
        }
    }

    fn of_answer(plugin: &str, answer: PluginAnswer) -> Self {
        match answer {
            PluginAnswer::Throttled(seconds) => {
                let wait = seconds.map_or(String::new(), |seconds| format!(" for {seconds} seconds"));
                Self::new(
                    Class::Throttled,
                    format!("the source asks to wait{wait}"),
                    "run it again later: it goes on where it was",
                )
            }
            PluginAnswer::Auth(why) => Self::new(
                Class::Auth,
                why,
                format!(
                    "when it is mended there, run it again; else `usher connect {plugin} --reauthorise`, or a new secret or certificate. Nothing else is changed by it"
                ),
            ),
            PluginAnswer::Permission(why) => {
                Self::new(Class::Permission, why, "grant the right at the source, then run it again")
            }
            PluginAnswer::Settings(problem) => Self::new(
                Class::Settings,
                format!("{}: {}", problem.place, problem.why),
                format!("correct the setting `{}` with `usher connect`", problem.place),
            ),
            PluginAnswer::Network(why) => {
                Self::new(Class::Network, why, "check that the source can be reached, then run it again")
            }
            PluginAnswer::Source(why) => Self::new(
                Class::Source,
                why,
                "nothing was changed; correct the source, the next good read heals it",
            ),
            PluginAnswer::CursorExpired | PluginAnswer::ResumeLost => {
                Self::plugin(plugin, "lost its place in the source again and again")
            }
            PluginAnswer::Bug(why) => Self::plugin(plugin, why),
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        let mut message = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            message = format!("{message}: {cause}");
            source = cause.source();
        }
        let advice = match error {
            StoreError::Locked { engine, .. } => StoreError::about_locks(engine),
            StoreError::Tombstones => {
                "give the key that people were erased with (USHER_KEY, or the file `key` in the data folder): without it they would come in again"
            }
            StoreError::LeaseLost => "another host or run took over; nothing of this run was written",
            StoreError::Unreadable { .. } | StoreError::Damaged { .. } => {
                "nothing was changed; `usher database check` finds what is damaged, and heals what comes from a source"
            }
            _ => {
                "nothing was changed; check the disks (that of the data folder, and that of temporary files: TMPDIR) and the database, then run it again"
            }
        };
        Self::new(Class::Storage, message, advice)
    }
}
