//! What can go wrong with the store.

use crate::dialect::Engine;
use sqlx::migrate::MigrateError;
use thiserror::Error;

/// An error of the store, typed as far as anybody acts on the difference.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database can't be opened.
    #[error("the database {place} can't be opened")]
    Open {
        /// Its path or address, without credentials.
        place: String,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// The address is of no database that can be used.
    #[error("{place} is no address of a database")]
    Address {
        /// The address, without credentials.
        place: String,
    },
    /// Another tool does this better.
    #[error("a Postgres database is copied by its own tool, which is there for it")]
    OtherTool,
    /// Something is there already.
    #[error("the other database has tenants already")]
    NotEmpty,
    /// What arrived isn't what was sent.
    #[error("the table {table} did not arrive as it is: nothing was moved")]
    Differs {
        /// The table.
        table: String,
    },
    /// A statement failed.
    #[error("the database refused")]
    Database(#[source] sqlx::Error),
    /// Somebody else holds a lock for longer than anybody waits.
    #[error("something else has the database locked, and did not let go of it in time")]
    Locked {
        /// What the database runs on: it tells who holds its locks in its own way.
        engine: Engine,
        /// What it said.
        #[source]
        source: sqlx::Error,
    },
    /// The tables can't be brought to this version.
    #[error("the database can't be brought to this version")]
    Migrate(#[source] MigrateError),
    /// A stored document can't be read.
    #[error("a stored {what} can't be read")]
    Unreadable {
        /// What it is.
        what: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A mirrored record isn't what was read: it doesn't carry the hash of its text.
    #[error("the mirrored record {id} is not what was read from the source")]
    Damaged {
        /// Its source id.
        id: String,
    },
    /// So far back nothing is known.
    #[error("{what} is past recall: history is kept for {days} days")]
    Forgotten {
        /// A run, or a time.
        what: String,
        /// For how many days the tenant keeps its history.
        days: i64,
        /// From when on it is known, milliseconds since 1970; none where nothing is.
        from: Option<i64>,
    },
    /// Another run of this tenant is going on.
    #[error("run {run} of this tenant is going on")]
    AlreadyRunning {
        /// The run.
        run: i64,
        /// When its lease ends, milliseconds since 1970.
        until: i64,
    },
    /// The host's clock and the database's tell different days.
    #[error("this host's clock and the database's are {} days apart", here.abs_diff(*database) / 86_400_000)]
    Clock {
        /// The host's, milliseconds since 1970.
        here: i64,
        /// The database's, milliseconds since 1970.
        database: i64,
    },
    /// The lease was lost: another run may have begun.
    #[error("this run lost its lock, nothing was written")]
    LeaseLost,
    /// There is no such thing.
    #[error("there is no {what} named {name}")]
    NotFound {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// There is one already.
    #[error("there is already a {what} named {name}")]
    Taken {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A record belongs to a connection and can't be changed like this by hand.
    #[error("{name} comes from the connection {connection}")]
    Owned {
        /// The record.
        name: String,
        /// The connection.
        connection: String,
    },
    /// Somebody is protected from this.
    #[error("{name} is protected, and can't be deactivated, deleted or renamed")]
    Protected {
        /// The userName.
        name: String,
    },
    /// The key file can't be used.
    #[error("the key {place} can't be used: {why}")]
    Key {
        /// Where it was looked for.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// Tombstones were made with another key, or there is none.
    #[error("people were erased here with another key than the one that is given")]
    Tombstones,
    /// A secret can't be unsealed with this key.
    #[error("a secret can't be unsealed: it was sealed with another key")]
    Sealed,
    /// A file could not be written or read.
    #[error("{place}")]
    File {
        /// Which.
        place: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl StoreError {
    /// How to find out who holds a lock, and what to do then.
    pub fn about_locks(engine: Engine) -> &'static str {
        match engine {
            Engine::Sqlite => {
                "nothing is lost: see who has the file open (`fuser -v usher.db` in the data folder), wait for a long run or a backup, end any \
                 other program, then run it again"
            }
            Engine::Postgres => {
                "nothing is lost: see who holds it (`SELECT pid, state, query FROM pg_stat_activity WHERE pid IN (SELECT pid FROM pg_locks \
                 WHERE granted)`), wait for a long run, end any other transaction, then run it again"
            }
        }
    }

    pub(crate) fn unreadable(what: &'static str) -> impl FnOnce(serde_json::Error) -> Self {
        move |source| Self::Unreadable { what, source }
    }
}

/// Whose lock was waited for in vain, if that is what the error says.
fn locked(error: &sqlx::Error) -> Option<Engine> {
    let code = error.as_database_error()?.code()?;
    // `lock_not_available`: what `lock_timeout` ends.
    if code == "55P03" {
        return Some(Engine::Postgres);
    }
    // SQLITE_BUSY and SQLITE_LOCKED, whatever an extended code adds above them. A class of Postgres has five characters.
    let primary = code.parse::<u32>().ok().filter(|_| code.len() < 5)? & 0xff;
    matches!(primary, 5 | 6).then_some(Engine::Sqlite)
}

impl From<sqlx::Error> for StoreError {
    fn from(source: sqlx::Error) -> Self {
        match locked(&source) {
            Some(engine) => Self::Locked { engine, source },
            None => Self::Database(source),
        }
    }
}

impl From<MigrateError> for StoreError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _)
                if locked(&source).is_some() =>
            {
                source.into()
            }
            other => Self::Migrate(other),
        }
    }
}
