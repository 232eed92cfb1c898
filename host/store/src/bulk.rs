//! Filling SQLite's tables by the hundred thousand.
//!
//! An index whose keys come in another order than its table's is written all over with every page of rows, which costs many times what the rows
//! themselves do. Where most of the rows are new, it is taken away first and built in one go afterwards, from sorted keys. Postgres keeps its
//! indexes: it would lock everybody else out meanwhile, and writes each page once.

use crate::database::Write;
use crate::dialect::Engine;
use crate::error::StoreError;
use crate::failpoint::{failpoint, many_rows};
use sqlx::{AssertSqlSafe, Executor, Row};

/// New rows from which on it is worth while.
const MANY: i64 = 20_000;

/// The overlay's memberships by member. Nobody looks for them before the read has ended.
const STAGED_BY_MEMBER: &str = "CREATE INDEX IF NOT EXISTS staged_members_by_member \
    ON staged_members (tenant, read, member_id, kind, op, group_id) WHERE op <> 0";

/// An index that was taken away.
#[must_use = "an index that was taken away must be built again"]
pub(crate) struct Lifted(Option<String>);

impl Lifted {
    /// Builds it again.
    pub(crate) async fn build(self, write: &mut Write) -> Result<(), StoreError> {
        if let Some(sql) = self.0 {
            write.execute(AssertSqlSafe(sql)).await?;
        }
        Ok(())
    }
}

/// Takes an index away for the rest of a transaction, if no more rows are in its table, of all tenants together, than are to come.
pub(crate) async fn lift(
    write: &mut Write,
    table: &str,
    index: &str,
    coming: i64,
) -> Result<Lifted, StoreError> {
    if write.engine() != Engine::Sqlite || coming < many_rows(MANY) {
        return Ok(Lifted(None));
    }
    let sql = format!("SELECT COUNT(*) FROM (SELECT 1 FROM {table} LIMIT $1)");
    let row = write.query(sql).bind(coming).fetch_one(&mut **write).await?;
    if row.try_get::<i64, _>(0)? >= coming {
        return Ok(Lifted(None));
    }
    let made = write.query("SELECT sql FROM sqlite_master WHERE type = 'index' AND name = $1");
    let made: Option<_> = made.bind(index).fetch_optional(&mut **write).await?;
    let Some(row) = made else { return Ok(Lifted(None)) };
    let lifted = Lifted(row.try_get(0)?);
    write.execute(AssertSqlSafe(format!("DROP INDEX {index}"))).await?;
    failpoint("apply.lifted");
    Ok(lifted)
}

/// Takes the overlay's index away until a connection's first read has ended, unless another tenant's read is under way. In later reads most
/// memberships are as they were, and those aren't in it.
pub(crate) async fn lift_staged(write: &mut Write, tenant: i64, connection: i64) -> Result<(), StoreError> {
    if write.engine() != Engine::Sqlite {
        return Ok(());
    }
    let sql = "SELECT 1 FROM tenants WHERE EXISTS (SELECT 1 FROM staged_members)
         OR EXISTS (SELECT 1 FROM connections WHERE tenant = $1 AND id = $2 AND admitted_by IS NOT NULL) LIMIT 1";
    let keeps = write.query(sql).bind(tenant).bind(connection).fetch_optional(&mut **write).await?;
    if keeps.is_none() {
        write.execute("DROP INDEX IF EXISTS staged_members_by_member").await?;
    }
    Ok(())
}

/// Builds it, where it isn't there, for what comes after a read.
pub(crate) async fn build_staged(write: &mut Write) -> Result<(), StoreError> {
    if write.engine() == Engine::Sqlite {
        write.execute(STAGED_BY_MEMBER).await?;
    }
    Ok(())
}
