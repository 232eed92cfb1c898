//! The database under a test: a SQLite file, or one of its own on the Postgres that `USHER_TEST_POSTGRES` names. Looking into it from beside
//! the host, and standing in for another host that holds a lease.

use crate::harness::Installation;
use sqlx::any::AnyRow;
use sqlx::pool::PoolConnection;
use sqlx::{AnyPool, AssertSqlSafe, Column, Row, ValueRef};
use std::collections::BTreeMap;
use std::path::Path;
use tokio::sync::OnceCell;

/// What a test run may add to: the run itself with its plan and overlay, and the lease that it held.
const OF_A_RUN: [&str; 11] = [
    "runs",
    "leases",
    "reads",
    "staged_users",
    "staged_groups",
    "staged_members",
    "staged_slices",
    "staged_unknown",
    "lines",
    "findings",
    "attribute_sets",
];

/// The server on which databases are made: `postgres://USER@HOST:PORT`. None: files.
pub fn server() -> Option<String> {
    std::env::var("USHER_TEST_POSTGRES").ok()
}

/// Whether this test runs on files.
pub fn on_files() -> bool {
    server().is_none()
}

/// One database, made when it is first needed.
#[derive(Default)]
pub struct Place(OnceCell<String>);

impl Place {
    /// Its address: of a file at this path, or of a new database on the server.
    pub async fn url(&self, file: &Path) -> String {
        let make = async || match server() {
            None => format!("sqlite://{}", file.display()),
            Some(server) => {
                let name = format!("t{}", uuid::Uuid::now_v7().simple());
                let beside = Beside::open(&format!("{server}/postgres")).await;
                beside.execute(&format!("CREATE DATABASE {name} TEMPLATE template0")).await;
                beside.close().await;
                format!("{server}/{name}")
            }
        };
        self.0.get_or_init(make).await.clone()
    }
}

/// A database seen from beside the host.
pub struct Beside {
    pool: AnyPool,
}

/// A lock on a database.
pub struct Lock(PoolConnection<sqlx::Any>);

impl Lock {
    /// Ends it.
    pub async fn release(mut self) {
        sqlx::query("ROLLBACK").execute(&mut *self.0).await.unwrap();
    }
}

/// A row as a JSON array.
fn text(row: &AnyRow) -> String {
    let cells: Vec<serde_json::Value> = (0..row.columns().len())
        .map(|at| {
            if row.try_get_raw(at).unwrap().is_null() {
                return serde_json::Value::Null;
            }
            row.try_get::<i64, _>(at)
                .map(Into::into)
                .or_else(|_| row.try_get::<bool, _>(at).map(|truth| i64::from(truth).into()))
                .or_else(|_| row.try_get::<String, _>(at).map(Into::into))
                .or_else(|_| row.try_get::<Vec<u8>, _>(at).map(|bytes| bytes.len().into()))
                .unwrap_or_else(|error| panic!("column {}: {error}", row.column(at).name()))
        })
        .collect();
    serde_json::Value::from(cells).to_string()
}

impl Beside {
    /// Opens it.
    pub async fn open(url: &str) -> Self {
        sqlx::any::install_default_drivers();
        Self { pool: AnyPool::connect(url).await.unwrap() }
    }

    /// Every row of a query as text.
    pub async fn rows(&self, sql: &str) -> Vec<String> {
        let rows = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_all(&self.pool).await.unwrap();
        rows.iter().map(text).collect()
    }

    /// One column of a query, in its order.
    pub async fn column(&self, sql: &str) -> Vec<String> {
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_all(&self.pool).await.unwrap()
    }

    /// The indexes of all tables, as they were made.
    pub async fn indexes(&self) -> Vec<String> {
        self.column(if on_files() {
            "SELECT name || ': ' || sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY name"
        } else {
            "SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema() ORDER BY indexname"
        })
        .await
    }

    /// A number.
    pub async fn number(&self, sql: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&self.pool).await.unwrap()
    }

    /// Changes it behind the host's back.
    pub async fn execute(&self, sql: &str) {
        sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&self.pool).await.unwrap();
    }

    /// Every row of some tables, of one tenant or of all.
    pub async fn dump(&self, tables: &[&str], tenant: Option<i64>) -> BTreeMap<String, Vec<String>> {
        let mut all = BTreeMap::new();
        for table in tables {
            let of = tenant.map(|tenant| format!(" WHERE tenant = {tenant}")).unwrap_or_default();
            let mut rows = self.rows(&format!("SELECT * FROM {table}{of}")).await;
            rows.sort();
            all.insert((*table).to_owned(), rows);
        }
        all
    }

    /// The directory without ids and times, and without who is leaving: what two installations fed alike have in common.
    pub async fn essence(&self, tenant: i64) -> Vec<String> {
        let mut rows = Vec::new();
        for sql in [
            "SELECT 'user', u.user_name, u.active, u.attributes, u.paths,
                 (SELECT b.user_name FROM users b WHERE b.tenant = u.tenant AND b.id = u.manager)
             FROM users u WHERE u.id NOT IN (SELECT l.record FROM user_links l
                 WHERE l.tenant = u.tenant AND l.left_at IS NOT NULL) AND u.tenant = ",
            "SELECT 'group', g.display_name, g.attributes FROM groups g WHERE g.tenant = ",
            "SELECT 'membership', g.display_name, m.kind,
                 COALESCE((SELECT u.user_name FROM users u WHERE u.tenant = m.tenant AND u.id = m.member_id),
                     (SELECT h.display_name FROM groups h WHERE h.tenant = m.tenant AND h.id = m.member_id))
             FROM memberships m JOIN groups g ON g.tenant = m.tenant AND g.id = m.group_id WHERE m.tenant = ",
        ] {
            let mut some = self.rows(&format!("{sql}{tenant}")).await;
            some.sort();
            rows.extend(some);
        }
        rows
    }

    /// Locks it as another program might, until [`Lock::release`]: all of it, or on a Postgres the tables that every run writes to.
    pub async fn lock(&self) -> Lock {
        let mut connection = self.pool.acquire().await.unwrap();
        let statements: &[&str] = match on_files() {
            true => &["BEGIN EXCLUSIVE"],
            false => &["BEGIN", "LOCK TABLE leases, runs IN ACCESS EXCLUSIVE MODE"],
        };
        for sql in statements {
            sqlx::query(*sql).execute(&mut *connection).await.unwrap();
        }
        Lock(connection)
    }

    /// Lets go of it.
    pub async fn close(self) {
        self.pool.close().await;
    }
}

/// Every row of every table but those of a run, as text.
pub async fn dump(inst: &Installation) -> BTreeMap<String, Vec<String>> {
    let beside = inst.beside().await;
    let tables = beside
        .column(if on_files() {
            "SELECT name FROM sqlite_master WHERE type = 'table'"
        } else {
            "SELECT CAST(table_name AS TEXT) FROM information_schema.tables WHERE table_schema = 'public'"
        })
        .await;
    let tables: Vec<_> = tables
        .iter()
        .map(String::as_str)
        .filter(|table| !OF_A_RUN.contains(table) && !table.starts_with('_'))
        .collect();
    let all = beside.dump(&tables, None).await;
    beside.close().await;
    assert!(all.contains_key("users") && all.contains_key("connections"));
    all
}

/// Changes the database behind the host's back.
pub async fn execute(inst: &Installation, sql: &str) {
    let beside = inst.beside().await;
    beside.execute(sql).await;
    beside.close().await;
}

/// Makes the newest run look as if another host were in the middle of it, until a moment that lies so many seconds ahead.
pub async fn seem_running(inst: &Installation, seconds: i64) {
    let now = jiff::Timestamp::now().as_millisecond() + seconds * 1000;
    execute(
        inst,
        "UPDATE runs SET state = 'running', finished_at = NULL WHERE id = (SELECT MAX(id) FROM runs)",
    )
    .await;
    execute(inst, &format!("UPDATE leases SET run = (SELECT MAX(id) FROM runs), expires_at = {now}")).await;
}
