//! Errors as people read them: what happened, where, and what to do.

use usher_store::{Engine, StoreError};
use usher_sync::{Class, Fault, PluginError};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Done.
    Done,
    /// Failed.
    Failed,
    /// Wrong usage or settings.
    Usage,
    /// A plan waits to be accepted.
    Held,
    /// Another run of the tenant is going on.
    Running,
}

impl Status {
    /// The exit status.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Held => 3,
            Self::Running => 4,
        }
    }
}

/// An error at the edge.
#[derive(Debug)]
pub struct CliError {
    /// The exit status.
    pub status: Status,
    /// A class for programs: a fault's class, or `usage`.
    pub class: String,
    /// What happened and where.
    pub message: String,
    /// What to do, where there is something to say.
    pub advice: Option<String>,
}

impl CliError {
    /// Something is wrong with what was asked for.
    pub fn usage(message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            status: Status::Usage,
            class: "usage".to_owned(),
            message: message.into(),
            advice: Some(advice.into()),
        }
    }

    /// Something could not be done.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { status: Status::Failed, class: "host".to_owned(), message: message.into(), advice: None }
    }
}

/// An error with all its causes, in one line.
pub fn words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

impl From<Fault> for CliError {
    fn from(fault: Fault) -> Self {
        let status = if fault.class == Class::Settings { Status::Usage } else { Status::Failed };
        Self { status, class: fault.class.to_string(), message: fault.message, advice: Some(fault.advice) }
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        let (status, class, advice) = match &error {
            StoreError::AlreadyRunning { run, until } => (
                Status::Running,
                "already_running",
                Some(format!(
                    "wait for it, or look at it with `usher runs show {run}`; if its host died, its lock ends at {}",
                    crate::show::time(*until)
                )),
            ),
            StoreError::Clock { here, database } => (
                Status::Failed,
                "host",
                Some(format!(
                    "nothing was changed: grace periods are counted by the clock. Here it is {}, there {}; set right the one that is wrong (`timedatectl`), then run it again",
                    crate::show::time(*here),
                    crate::show::time(*database)
                )),
            ),
            StoreError::NotFound { what, .. } => (
                Status::Usage,
                "usage",
                match *what {
                    "connection" => Some("`usher status` shows the connections; `usher connect` makes one".to_owned()),
                    "tenant" => Some("`usher tenant list` shows the tenants; `usher tenant add` makes one".to_owned()),
                    "tombstone" => Some("`usher users erase --list` shows the erasures".to_owned()),
                    "run" => Some("`usher runs list` shows the runs".to_owned()),
                    _ => None,
                },
            ),
            StoreError::Taken { .. } => (Status::Usage, "usage", Some("choose another name".to_owned())),
            StoreError::Owned { connection, .. } => (
                Status::Usage,
                "usage",
                Some(format!(
                    "remove it at the source of {connection}, leave it out with a policy, or `usher disconnect {connection}` first"
                )),
            ),
            StoreError::Protected { name } => (
                Status::Usage,
                "usage",
                Some(format!("if it is meant, `usher users unprotect {name}` first; `usher users protected` shows the list")),
            ),
            StoreError::Key { .. } | StoreError::Sealed => (
                Status::Usage,
                "settings",
                Some("give the key that the secrets were sealed with (USHER_KEY, or the file `key` in the data folder)".to_owned()),
            ),
            StoreError::Address { .. } => (
                Status::Usage,
                "usage",
                Some("give postgres://USER@HOST/NAME, or a folder with --data".to_owned()),
            ),
            StoreError::Open { place, .. } if Engine::of(place) == Some(Engine::Postgres) => (
                Status::Failed,
                "storage",
                Some("check the address, that the server runs, and that this user may use the database (the password as PGPASSWORD)".to_owned()),
            ),
            StoreError::Locked { engine, .. } => {
                (Status::Failed, "storage", Some(StoreError::about_locks(*engine).to_owned()))
            }
            StoreError::NotEmpty => (
                Status::Usage,
                "usage",
                Some("give an empty database: `createdb NAME` makes one".to_owned()),
            ),
            StoreError::Tombstones => (
                Status::Usage,
                "settings",
                Some("give the key that they were erased with (USHER_KEY, or the file `key` in the data folder)".to_owned()),
            ),
            StoreError::Forgotten { from, .. } => (
                Status::Usage,
                "usage",
                Some(match from {
                    Some(from) => format!("it is known from {} on", crate::show::time(*from)),
                    None => "it begins with the next change".to_owned(),
                }),
            ),
            StoreError::Differs { .. } => (
                Status::Failed,
                "storage",
                Some("the installation here is as it was; see `usher database check`".to_owned()),
            ),
            StoreError::Unreadable { .. } | StoreError::Damaged { .. } => (
                Status::Failed,
                "storage",
                Some("`usher database check` finds what is damaged, and heals what comes from a source".to_owned()),
            ),
            _ => (Status::Failed, "storage", Some("check the disks (that of the data folder, and that of temporary files: TMPDIR), and that the file is not in use by something else".to_owned())),
        };
        Self { status, class: class.to_owned(), message: words(&error), advice }
    }
}

impl From<PluginError> for CliError {
    fn from(error: PluginError) -> Self {
        match error {
            PluginError::Store(error) => error.into(),
            other => Self {
                status: Status::Usage,
                class: "plugin".to_owned(),
                message: words(&other),
                advice: None,
            },
        }
    }
}
