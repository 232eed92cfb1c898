//! Opening the database, and the few things that differ between engines.

use crate::error::StoreError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Any, AnyConnection, AnyPool, Connection, Executor, Row, SqlSafeStr, Transaction};
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

/// How long a statement waits for another writer of the same SQLite file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(20);
/// One writer and a few readers: more gains nothing on SQLite.
const CONNECTIONS: u32 = 4;
/// Pages of cache for each connection, in KiB (negative, as SQLite wants it): the memory budget of a run leaves room for four of these.
const CACHE: &str = "PRAGMA cache_size = -16384";

/// Forward only; one that has landed is never edited.
const MIGRATIONS: [(i64, &str, &str); 2] = [
    (1, "start", include_str!("../migrations/sqlite/0001_start.sql")),
    (2, "one link each", include_str!("../migrations/sqlite/0002_one_link_each.sql")),
];

/// The database of one installation. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pool: AnyPool,
}

/// A write transaction: it begins by taking the write lock, so that it never has to be tried again half-way.
pub(crate) type Write = Transaction<'static, Any>;

impl Store {
    /// Opens the SQLite file, making it where there is none, and brings its tables up to date.
    pub async fn open(file: &Path) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let place = file.display().to_string();
        let url = format!("sqlite://{}?mode=rwc", encoded(&place));
        private(file)?;
        let failed = |source| StoreError::Open { place, source };
        // Once by itself: a pool would try again until its patience ends, and tell that instead of the reason.
        let tried = async {
            let mut connection = sqlx::AnyConnection::connect(&url).await?;
            prepare(&mut connection).await?;
            connection.close().await
        };
        if let Err(error) = tried.await {
            return Err(failed(error));
        }
        let pool = AnyPoolOptions::new()
            .max_connections(CONNECTIONS)
            .after_connect(|connection, _| Box::pin(prepare(connection)))
            .connect(&url)
            .await
            .map_err(failed)?;
        let migrations = MIGRATIONS.iter().map(|(version, name, sql)| {
            Migration::new(*version, (*name).into(), MigrationType::Simple, sql.into_sql_str(), false)
        });
        Migrator::with_migrations(migrations.collect()).run(&pool).await?;
        Ok(Self { pool })
    }

    pub(crate) fn pool(&self) -> &AnyPool {
        &self.pool
    }

    pub(crate) async fn write(&self) -> Result<Write, StoreError> {
        Ok(self.pool.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// The database's own clock, in milliseconds since 1970: leases go by it.
    pub(crate) async fn database_time(connection: &mut sqlx::AnyConnection) -> Result<i64, StoreError> {
        let row =
            sqlx::query("SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)").fetch_one(connection).await?;
        Ok(row.try_get(0)?)
    }

    /// Closes all connections, which folds the write-ahead log back into the file.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// What every connection to a SQLite file begins with.
async fn prepare(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    let busy = format!("PRAGMA busy_timeout = {}", BUSY_TIMEOUT.as_millis());
    connection.execute(sqlx::AssertSqlSafe(busy)).await?;
    for pragma in [
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = NORMAL",
        "PRAGMA foreign_keys = ON",
        "PRAGMA temp_store = MEMORY",
        CACHE,
    ] {
        connection.execute(pragma).await?;
    }
    Ok(())
}

/// Makes the file where there is none, for this user alone: it will hold everybody's personal data. SQLite gives the files beside it the
/// same rights. One that others can read is told of, and left as its owner wants it.
fn private(file: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::File { place: file.display().to_string(), source };
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let mode = file.metadata().map_err(failed)?.permissions().mode();
            if mode & 0o077 != 0 {
                tracing::warn!(file = %file.display(), "others may read the database: `chmod go= {}`", file.display());
            }
            Ok(())
        }
        Err(error) => Err(failed(error)),
    }
}

/// The few characters that end a path in a URL.
fn encoded(path: &str) -> String {
    path.replace('%', "%25").replace('?', "%3F").replace('#', "%23")
}

/// Rows as one JSON array, for `json_each`. An `UPDATE … FROM` takes them through a materialised table: SQLite would parse the array again
/// for every row that it might change.
pub(crate) fn rows(rows: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(rows).map_err(StoreError::unreadable("page"))
}

/// A page of rows that came as one `json_group_array`.
pub(crate) fn page<T: DeserializeOwned>(row: &AnyRow) -> Result<Vec<T>, StoreError> {
    let text: String = row.try_get(0)?;
    serde_json::from_str(&text).map_err(StoreError::unreadable("page"))
}

/// A document in a column.
pub(crate) fn document<T: DeserializeOwned>(text: &str, what: &'static str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(StoreError::unreadable(what))
}

/// A document for a column.
pub(crate) fn text(document: &impl Serialize, what: &'static str) -> Result<String, StoreError> {
    serde_json::to_string(document).map_err(StoreError::unreadable(what))
}
