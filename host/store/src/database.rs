//! Opening the database, and the few things that differ between engines.

use crate::error::StoreError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Any, AnyPool, Executor, Row, SqlSafeStr, Transaction};
use std::path::Path;
use std::time::Duration;

/// How long a statement waits for another writer of the same SQLite file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(20);
/// One writer and a few readers: more gains nothing on SQLite.
const CONNECTIONS: u32 = 4;
/// Pages of cache for each connection, in KiB (negative, as SQLite wants it): the memory budget of a run leaves room for four of these.
const CACHE: &str = "PRAGMA cache_size = -16384";

/// Forward only; one that has landed is never edited.
const MIGRATIONS: [(i64, &str, &str); 1] =
    [(1, "start", include_str!("../migrations/sqlite/0001_start.sql"))];

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
        let pool = AnyPoolOptions::new()
            .max_connections(CONNECTIONS)
            .after_connect(|connection, _| {
                Box::pin(async move {
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
                })
            })
            .connect(&url)
            .await
            .map_err(|source| StoreError::Open { place, source })?;
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
