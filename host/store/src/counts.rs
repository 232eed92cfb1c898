//! How many there are of what the directory holds. Counted once for each change of it, since counting goes through all of it.

use crate::database::{Store, document, text};
use crate::error::StoreError;
use serde::{Deserialize, Serialize};
use sqlx::Row;

/// What a tenant's directory holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Users.
    pub users: i64,
    /// Those of them who may act.
    pub active: i64,
    /// Groups.
    pub groups: i64,
    /// Memberships.
    pub memberships: i64,
}

impl Store {
    /// What the directory holds: as it was counted last, if nothing has changed since.
    pub async fn counts(&self, tenant: i64) -> Result<Counts, StoreError> {
        match self.counted(tenant).await? {
            Some(counts) => Ok(counts),
            None => Ok(self.count(tenant).await?.1),
        }
    }

    /// Counts what the directory holds and keeps it, unless that is known.
    pub async fn keep_counts(&self, tenant: i64) -> Result<(), StoreError> {
        if self.counted(tenant).await?.is_some() {
            return Ok(());
        }
        // Numbers and change are of one statement, so that they stay true of that change, whatever comes in between.
        let (change, counts) = self.count(tenant).await?;
        self.query("UPDATE tenants SET counted_at = $2, counted = $3 WHERE id = $1")
            .bind(tenant)
            .bind(change)
            .bind(text(&counts, "number of records")?)
            .execute(self.pool())
            .await?;
        Ok(())
    }

    async fn counted(&self, tenant: i64) -> Result<Option<Counts>, StoreError> {
        let row = self
            .query(
                "SELECT counted FROM tenants WHERE id = $1 AND counted_at = changes AND counted IS NOT NULL",
            )
            .bind(tenant)
            .fetch_optional(self.pool())
            .await?;
        let counted: Option<String> = row.map(|row| row.try_get(0)).transpose()?;
        counted.map(|counted| document(&counted, "number of records")).transpose()
    }

    async fn count(&self, tenant: i64) -> Result<(i64, Counts), StoreError> {
        let row = self
            .query(
                "SELECT t.changes, u.users, u.active, (SELECT COUNT(*) FROM groups WHERE tenant = $1),
                     (SELECT COUNT(*) FROM memberships WHERE tenant = $1)
                 FROM tenants t CROSS JOIN (SELECT COUNT(*) AS users, CAST(COALESCE(SUM(active), 0) AS BIGINT) AS active
                     FROM users WHERE tenant = $1) u
                 WHERE t.id = $1",
            )
            .bind(tenant)
            .fetch_one(self.pool())
            .await?;
        let counts = Counts {
            users: row.try_get(1)?,
            active: row.try_get(2)?,
            groups: row.try_get(3)?,
            memberships: row.try_get(4)?,
        };
        Ok((row.try_get(0)?, counts))
    }
}
