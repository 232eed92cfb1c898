//! Opening the database, and the few things that differ between engines.

use crate::dialect::{Dialect, Engine, Statement};
use crate::error::StoreError;
use crate::failpoint::lock_wait;
use crate::reads::Read;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Any, AnyConnection, AnyPool, AssertSqlSafe, Connection, Executor, Row, SqlSafeStr, Transaction};
use std::borrow::Cow;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long a statement waits for another writer of the same SQLite file. Less than a lease, whose renewals wait too.
const LOCK_WAIT: Duration = Duration::from_secs(20);
/// One writer and a few readers: more gains nothing on SQLite.
const CONNECTIONS: u32 = 4;
/// Pages of cache for each connection, in KiB (negative, as SQLite wants it): the memory budget of a run leaves room for four of these.
const CACHE: &str = "PRAGMA cache_size = -16384";

/// Where SQLite keeps what it sorts and doesn't fit in a cache: in a file that has no name any more once it is open, since memory would
/// have to hold all of it.
const SORTED: &str = "PRAGMA temp_store = FILE";

/// Pages of the write-ahead log between two checkpoints, 32 MiB: a run writes the same pages of its tables over and over, and each checkpoint
/// writes them once more.
const CHECKPOINT: &str = "PRAGMA wal_autocheckpoint = 8192";

/// Forward only; one that has landed is never edited.
const SQLITE: [(i64, &str, &str); 10] = [
    (1, "start", include_str!("../migrations/sqlite/0001_start.sql")),
    (2, "one link each", include_str!("../migrations/sqlite/0002_one_link_each.sql")),
    (3, "history", include_str!("../migrations/sqlite/0003_history.sql")),
    (4, "retention", include_str!("../migrations/sqlite/0004_retention.sql")),
    (5, "switch", include_str!("../migrations/sqlite/0005_switch.sql")),
    (6, "lighter", include_str!("../migrations/sqlite/0006_lighter.sql")),
    (7, "signed in", include_str!("../migrations/sqlite/0007_signed_in.sql")),
    (8, "by arrival", include_str!("../migrations/sqlite/0008_by_arrival.sql")),
    (9, "asked about", include_str!("../migrations/sqlite/0009_asked_about.sql")),
    (10, "protected", include_str!("../migrations/sqlite/0010_protected.sql")),
];
const POSTGRES: [(i64, &str, &str); 8] = [
    (1, "start", include_str!("../migrations/postgres/0001_start.sql")),
    (2, "history", include_str!("../migrations/postgres/0002_history.sql")),
    (3, "retention", include_str!("../migrations/postgres/0003_retention.sql")),
    (4, "switch", include_str!("../migrations/postgres/0004_switch.sql")),
    (5, "lighter", include_str!("../migrations/postgres/0005_lighter.sql")),
    (6, "signed in", include_str!("../migrations/postgres/0006_signed_in.sql")),
    (7, "asked about", include_str!("../migrations/postgres/0007_asked_about.sql")),
    (8, "protected", include_str!("../migrations/postgres/0008_protected.sql")),
];

/// Connections of one host to a Postgres: a run's own, one that renews its lease, and a few that read.
const POSTGRES_CONNECTIONS: u32 = 8;
/// How long a statement waits for a lock on a Postgres. A host stands behind the long apply of another one, on the tenant's row of `leases`; behind
/// anything that takes longer it would stand for good.
const POSTGRES_LOCK_WAIT: Duration = Duration::from_secs(60);
/// How long a host waits for its database at the beginning: longer than for another writer of the same file.
const PATIENCE: Duration = Duration::from_secs(30);
/// Rows from which on a wrong plan costs more than the tenth of a second that statistics of a table take.
const WORTH_ANALYZING: i64 = 1_000;
/// What tells Usher's locks on a Postgres from those of others on the same database.
const LOCKS: i32 = 0x7573_6872;

/// The database of one installation. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pool: AnyPool,
    dialect: Dialect,
    place: Arc<str>,
}

/// A write transaction. On SQLite it begins by taking the write lock, so that it never has to be tried again half-way.
pub(crate) struct Write {
    transaction: Transaction<'static, Any>,
    dialect: Dialect,
}

impl Write {
    /// A statement, as this engine wants it.
    pub(crate) fn query<'q>(&self, sql: impl Into<Cow<'static, str>>) -> Statement<'q> {
        self.dialect.query(sql.into())
    }

    /// How it is spoken to.
    pub(crate) fn dialect(&self) -> &Dialect {
        &self.dialect
    }

    /// What it is written to.
    pub(crate) fn engine(&self) -> Engine {
        self.dialect.engine()
    }

    /// Keeps all of it.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        Ok(self.transaction.commit().await?)
    }
}

impl Deref for Write {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.transaction
    }
}

impl DerefMut for Write {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.transaction
    }
}

impl Store {
    /// Opens the SQLite file, making it where there is none, and brings its tables up to date.
    pub async fn open(file: &Path) -> Result<Self, StoreError> {
        let place = file.display().to_string();
        private(file)?;
        Self::connect_to(Engine::Sqlite, &format!("sqlite://{}?mode=rwc", encoded(&place)), place).await
    }

    /// Opens a database by its address: `postgres://USER:PASSWORD@HOST/NAME`, or `sqlite://PATH`. Brings its tables up to date; of several
    /// hosts that begin at once, one does so while the others wait.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        match Engine::of(url) {
            Some(Engine::Postgres) => Self::connect_to(Engine::Postgres, url, without_credentials(url)).await,
            Some(Engine::Sqlite) => {
                let path = url.strip_prefix("sqlite:").unwrap_or(url);
                Self::open(Path::new(path.strip_prefix("//").unwrap_or(path))).await
            }
            None => Err(StoreError::Address { place: without_credentials(url) }),
        }
    }

    async fn connect_to(engine: Engine, url: &str, place: String) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let failed = |source| match StoreError::from(source) {
            StoreError::Database(source) => StoreError::Open { place: place.clone(), source },
            other => other,
        };
        // Once by itself: a pool would try again until its patience ends, and tell that instead of the reason.
        let tried = async {
            let mut connection = AnyConnection::connect(url).await?;
            prepare(engine, &mut connection).await?;
            connection.close().await
        };
        let silent = |_| {
            let why = format!("it doesn't answer within {} s", PATIENCE.as_secs());
            Err(sqlx::Error::Io(std::io::Error::new(ErrorKind::TimedOut, why)))
        };
        if let Err(error) = tokio::time::timeout(PATIENCE, tried).await.unwrap_or_else(silent) {
            return Err(failed(error));
        }
        let connections = if engine == Engine::Sqlite { CONNECTIONS } else { POSTGRES_CONNECTIONS };
        let pool = AnyPoolOptions::new()
            .max_connections(connections)
            .after_connect(move |connection, _| Box::pin(prepare(engine, connection)))
            .connect(url)
            .await
            .map_err(failed)?;
        let migrations: &[_] = if engine == Engine::Sqlite { &SQLITE } else { &POSTGRES };
        let migrations = migrations.iter().map(|(version, name, sql)| {
            Migration::new(*version, (*name).into(), MigrationType::Simple, sql.into_sql_str(), false)
        });
        Migrator::with_migrations(migrations.collect()).run(&pool).await?;
        Ok(Self { pool, dialect: Dialect::of(engine), place: place.into() })
    }

    /// Where it is: a path, or an address without credentials.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What the database runs on.
    pub fn engine(&self) -> Engine {
        self.dialect.engine()
    }

    /// A statement, as this engine wants it.
    pub(crate) fn query<'q>(&self, sql: impl Into<Cow<'static, str>>) -> Statement<'q> {
        self.dialect.query(sql.into())
    }

    /// A statement over one read: its tenant, number and connection are the first three parameters.
    pub(crate) fn of_read<'q>(&self, sql: impl Into<Cow<'static, str>>, read: Read) -> Statement<'q> {
        self.query(sql).bind(read.tenant).bind(read.id).bind(read.connection)
    }

    pub(crate) fn dialect(&self) -> &Dialect {
        &self.dialect
    }

    pub(crate) fn pool(&self) -> &AnyPool {
        &self.pool
    }

    pub(crate) async fn write(&self) -> Result<Write, StoreError> {
        let transaction = match self.dialect.engine() {
            Engine::Sqlite => self.pool.begin_with("BEGIN IMMEDIATE").await?,
            Engine::Postgres => self.pool.begin().await?,
        };
        Ok(Write { transaction, dialect: self.dialect.clone() })
    }

    /// A transaction that only looks: all that it sees is of one moment.
    pub(crate) async fn look(&self) -> Result<Write, StoreError> {
        Ok(Write { transaction: self.pool.begin().await?, dialect: self.dialect.clone() })
    }

    /// A write transaction that is the only one of its kind in the tenant, so that it can count on what it read: on SQLite every one is. 0 is
    /// for what belongs to no tenant.
    pub(crate) async fn write_alone(&self, tenant: i64) -> Result<Write, StoreError> {
        let mut write = self.write().await?;
        if self.dialect.engine() == Engine::Postgres {
            // What a tenant's number loses of its length makes two tenants wait for each other at worst.
            let lock = sqlx::query(
                "SELECT 1 FROM (SELECT pg_advisory_xact_lock($1::int, ($2 % 2147483647)::int)) AS locked",
            );
            lock.bind(LOCKS).bind(tenant).execute(&mut *write).await?;
        }
        Ok(write)
    }

    /// The database's own clock, in milliseconds since 1970: leases go by it.
    pub(crate) async fn database_time(write: &mut Write) -> Result<i64, StoreError> {
        let row = sqlx::query(Self::time_sql(write.engine())).fetch_one(&mut **write).await?;
        Ok(row.try_get(0)?)
    }

    pub(crate) fn time_sql(engine: Engine) -> &'static str {
        match engine {
            Engine::Sqlite => "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)",
            // Not `now()`, which stands still within a transaction.
            Engine::Postgres => "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
        }
    }

    /// Whether a read or a plan has just filled tables with so many rows that Postgres would plan the next statements by numbers that are no
    /// longer true. `sql` counts them. SQLite plans without numbers and is told its ways by the statements.
    pub(crate) async fn has_grown(
        write: &mut Write,
        sql: &'static str,
        tenant: i64,
        id: i64,
    ) -> Result<bool, StoreError> {
        if write.engine() == Engine::Sqlite {
            return Ok(false);
        }
        let row = write.query(sql).bind(tenant).bind(id).fetch_one(&mut **write).await?;
        Ok(row.try_get::<i64, _>(0)? >= WORTH_ANALYZING)
    }

    /// Has Postgres gather statistics of tables.
    pub(crate) async fn analyze(write: &mut Write, tables: &[&str]) -> Result<(), StoreError> {
        for table in tables {
            write.execute(AssertSqlSafe(format!("ANALYZE {table}"))).await?;
        }
        Ok(())
    }

    /// What was committed is on the disk when this returns: elsewhere a power failure may take the last commits with it, whole.
    pub(crate) async fn settle(&self) -> Result<(), StoreError> {
        if self.engine() == Engine::Sqlite {
            self.query("PRAGMA wal_checkpoint(PASSIVE)").fetch_optional(self.pool()).await?;
        }
        Ok(())
    }

    /// Closes all connections, which folds the write-ahead log back into the file.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// What every connection begins with.
async fn prepare(engine: Engine, connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    if engine == Engine::Postgres {
        // Compiling these statements takes longer than running them.
        connection.execute("SET jit = off").await?;
        // A host that was frozen in the middle of a transaction would keep its locks for good.
        connection.execute("SET idle_in_transaction_session_timeout = '60s'").await?;
        let wait = format!("SET lock_timeout = {}", lock_wait(POSTGRES_LOCK_WAIT).as_millis());
        connection.execute(AssertSqlSafe(wait)).await?;
        return Ok(());
    }
    let busy = format!("PRAGMA busy_timeout = {}", lock_wait(LOCK_WAIT).as_millis());
    connection.execute(AssertSqlSafe(busy)).await?;
    for pragma in [
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = NORMAL",
        "PRAGMA foreign_keys = ON",
        SORTED,
        CHECKPOINT,
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
    match new_file(file) {
        Ok(()) => Ok(()),
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

/// Makes an empty file for this user alone, where there is none.
pub(crate) fn new_file(file: &Path) -> std::io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map(|_| ())
}

/// An address as it may be shown.
fn without_credentials(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let rest = rest.split_once('?').map_or(rest, |(rest, _)| rest);
    let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
    format!("{scheme}://{place}")
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

/// A number of rows.
pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// A document of a column that may be empty.
pub(crate) fn parsed<T: DeserializeOwned>(
    text: Option<String>,
    what: &'static str,
) -> Result<Option<T>, StoreError> {
    text.map(|text| document(&text, what)).transpose()
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
