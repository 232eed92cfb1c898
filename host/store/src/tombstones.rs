//! Tombstones: keyed hashes by which an erased person is known again when a source still has him, and by which nobody else can tell who it was.
//!
//! HMAC-SHA-256 under a key of its own, derived from the one that seals secrets. Where that one is another, nobody could be known again: then
//! [`StoreError::Tombstones`], and nothing is read.

use crate::database::{Store, Write, rows, unsigned};
use crate::error::StoreError;
use crate::reads::{Reads, drop_reads};
use crate::vault::VaultKey;
use sqlx::Row;
use std::collections::BTreeSet;
use usher_model::fold;

/// How a mark looks in an overlay, in place of the source id.
const VEIL: &str = "erased:";

/// Who was erased, as far as one connection's runs meet them.
#[derive(Clone, Debug, Default)]
pub struct Tombstones {
    key: Option<VaultKey>,
    tenant: i64,
    connection: i64,
    ids: BTreeSet<String>,
    names: BTreeSet<String>,
}

/// An erasure that has left tombstones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tombstone {
    /// The run that erased.
    pub erasure: i64,
    /// When, milliseconds since 1970.
    pub erased_at: i64,
    /// The connections whose records stay out.
    pub connections: Vec<String>,
}

fn id_mark(key: &VaultKey, tenant: i64, connection: i64, id: &str) -> Result<String, StoreError> {
    key.mark(&["id", &tenant.to_string(), &connection.to_string(), id])
}

fn name_mark(key: &VaultKey, tenant: i64, name: &str) -> Result<String, StoreError> {
    key.mark(&["name", &tenant.to_string(), &fold(name)])
}

/// Tells this key from others, and nothing about it.
fn keyed(key: &VaultKey) -> Result<String, StoreError> {
    Ok(key.mark(&["key"])?.chars().take(16).collect())
}

impl Tombstones {
    /// What stands for a source id of somebody who was erased; none for everybody else.
    pub fn veil(&self, id: &str) -> Option<String> {
        let key = self.key.as_ref().filter(|_| !self.ids.is_empty())?;
        let mark = id_mark(key, self.tenant, self.connection, id).ok()?;
        self.ids.contains(&mark).then(|| format!("{VEIL}{mark}"))
    }

    /// Whether somebody who was erased was called so. Somebody else may be by now: [`Staging::held_names`](crate::Staging::held_names) tells.
    pub fn named(&self, who: &str) -> bool {
        let Some(key) = self.key.as_ref().filter(|_| !self.names.is_empty()) else { return false };
        name_mark(key, self.tenant, who).is_ok_and(|mark| self.names.contains(&mark))
    }
}

/// Leaves tombstones: of records of sources (connection, source id), and of userNames.
pub(crate) async fn leave(
    write: &mut Write,
    key: &VaultKey,
    (tenant, erasure, now): (i64, i64, i64),
    sources: &BTreeSet<(i64, String)>,
    names: &BTreeSet<String>,
) -> Result<(), StoreError> {
    let mut marks = Vec::new();
    for (connection, id) in sources {
        marks.push((*connection, id_mark(key, tenant, *connection, id)?));
    }
    for name in names {
        marks.push((0, name_mark(key, tenant, name)?));
    }
    write
        .query(
            "INSERT INTO tombstones (tenant, connection, mark, erasure, keyed, erased_at)
             SELECT $1, CAST(value->>0 AS BIGINT), value->>1, $2, $3, $4 FROM json_each($5) WHERE true ON CONFLICT DO NOTHING",
        )
        .bind(tenant)
        .bind(erasure)
        .bind(keyed(key)?)
        .bind(now)
        .bind(rows(&marks)?)
        .execute(&mut **write)
        .await?;
    Ok(())
}

impl Store {
    /// The tombstones that a connection's runs go by.
    pub async fn tombstones(
        &self,
        key: Option<&VaultKey>,
        tenant: i64,
        connection: i64,
    ) -> Result<Tombstones, StoreError> {
        let found = self
            .query(
                "SELECT connection, mark, keyed FROM tombstones WHERE tenant = $1 AND (connection = $2 OR connection = 0)",
            )
            .bind(tenant)
            .bind(connection)
            .fetch_all(self.pool())
            .await?;
        if found.is_empty() {
            return Ok(Tombstones::default());
        }
        let key = key.ok_or(StoreError::Tombstones)?;
        let own = keyed(key)?;
        let mut known = Tombstones { key: Some(key.clone()), tenant, connection, ..Tombstones::default() };
        for row in &found {
            if row.try_get::<String, _>(2)? != own {
                return Err(StoreError::Tombstones);
            }
            let marks = if row.try_get::<i64, _>(0)? == 0 { &mut known.names } else { &mut known.ids };
            marks.insert(row.try_get(1)?);
        }
        Ok(known)
    }

    /// All erasures of a tenant that have left tombstones.
    pub async fn erasures(&self, tenant: i64) -> Result<Vec<Tombstone>, StoreError> {
        let found = self
            .query(
                "SELECT DISTINCT t.erasure, t.erased_at, c.name FROM tombstones t
                 LEFT JOIN connections c ON c.tenant = $1 AND c.id = t.connection WHERE t.tenant = $1 ORDER BY 1, 3",
            )
            .bind(tenant)
            .fetch_all(self.pool())
            .await?;
        let mut all: Vec<Tombstone> = Vec::new();
        for row in &found {
            let erasure: i64 = row.try_get(0)?;
            let connection: Option<String> = row.try_get(2)?;
            match all.last_mut().filter(|last| last.erasure == erasure) {
                Some(last) => last.connections.extend(connection),
                None => all.push(Tombstone {
                    erasure,
                    erased_at: row.try_get(1)?,
                    connections: connection.into_iter().collect(),
                }),
            }
        }
        Ok(all)
    }

    /// Takes the tombstones of an erasure away: who it was may come in again. His sources are read from nothing.
    pub async fn forget_tombstones(&self, tenant: i64, erasure: i64) -> Result<(), StoreError> {
        let mut write = self.write_alone(tenant).await?;
        Self::nobody_runs(&mut write, tenant).await?;
        let known = write
            .query(
                "UPDATE connections SET cursor = NULL WHERE tenant = $1 AND id IN (
                     SELECT t.connection FROM tombstones t WHERE t.tenant = $1 AND t.erasure = $2) RETURNING id",
            )
            .bind(tenant)
            .bind(erasure)
            .fetch_all(&mut *write)
            .await?;
        // A read that was left open has passed him over already.
        for row in &known {
            drop_reads(&mut write, tenant, Reads::Of(row.try_get(0)?)).await?;
        }
        let gone = write
            .query("DELETE FROM tombstones WHERE tenant = $1 AND erasure = $2")
            .bind(tenant)
            .bind(erasure)
            .execute(&mut *write)
            .await?;
        if gone.rows_affected() == 0 {
            return Err(StoreError::NotFound { what: "tombstone", name: erasure.to_string() });
        }
        write.commit().await
    }

    /// How many records of this read are of people who were erased.
    pub async fn count_erased(&self, read: crate::reads::Read) -> Result<u64, StoreError> {
        let row = self
            .query(
                "SELECT COUNT(*) FROM staged_users WHERE tenant = $1 AND read = $2 AND op = 0 AND source_id IN (
                     SELECT $3 || t.mark FROM tombstones t WHERE t.tenant = $1 AND t.connection = $4)",
            )
            .bind(read.tenant)
            .bind(read.id)
            .bind(VEIL)
            .bind(read.connection)
            .fetch_one(self.pool())
            .await?;
        Ok(unsigned(row.try_get(0)?))
    }
}
