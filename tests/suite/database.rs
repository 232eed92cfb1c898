//! Looking into an installation's database, and standing in for another host that holds a lease.

use crate::harness::Installation;
use sqlx::{AnyPool, Row};
use std::collections::BTreeMap;

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

async fn open(inst: &Installation) -> AnyPool {
    sqlx::any::install_default_drivers();
    AnyPool::connect(&format!("sqlite://{}", inst.database().display())).await.unwrap()
}

/// Every row of every table but those of a run, as text.
pub async fn dump(inst: &Installation) -> BTreeMap<String, Vec<String>> {
    let pool = open(inst).await;
    let tables = sqlx::query("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        .fetch_all(&pool)
        .await;
    let mut all = BTreeMap::new();
    for table in tables.unwrap() {
        let table: String = table.get(0);
        if OF_A_RUN.contains(&table.as_str()) || table.starts_with('_') {
            continue;
        }
        let sql = format!(
            "SELECT GROUP_CONCAT('quote(\"' || name || '\")', ' || '','' || ') FROM pragma_table_info('{table}')"
        );
        let columns: String = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_one(&pool).await.unwrap().get(0);
        let sql = format!("SELECT {columns} FROM \"{table}\" ORDER BY 1");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&pool).await.unwrap();
        all.insert(table, rows.iter().map(|row| row.get(0)).collect());
    }
    pool.close().await;
    assert!(all.contains_key("users") && all.contains_key("connections"));
    all
}

/// Changes the database behind the host's back.
pub async fn execute(inst: &Installation, sql: &'static str) {
    let pool = open(inst).await;
    sqlx::query(sql).execute(&pool).await.unwrap();
    pool.close().await;
}

/// Makes the newest run look as if another host were in the middle of it, until a moment that lies so many seconds ahead.
pub async fn seem_running(inst: &Installation, seconds: i64) {
    let pool = open(inst).await;
    sqlx::query(
        "UPDATE runs SET state = 'running', finished_at = NULL WHERE id = (SELECT MAX(id) FROM runs)",
    )
    .execute(&pool)
    .await
    .unwrap();
    sqlx::query(
        "UPDATE leases SET run = (SELECT MAX(id) FROM runs),
             expires_at = (CAST(strftime('%s', 'now') AS INTEGER) + $1) * 1000",
    )
    .bind(seconds)
    .execute(&pool)
    .await
    .unwrap();
    pool.close().await;
}
