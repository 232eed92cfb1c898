//! The tenant's chain of policies.

use crate::database::{document, text};
use crate::{Store, StoreError};
use sqlx::Row;

/// One policy in its place.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyRow {
    /// Its name in the chain.
    pub name: String,
    /// The plugin's id.
    pub plugin: String,
    /// The plugin's settings.
    pub settings: serde_json::Value,
}

impl Store {
    /// The chain, in order.
    pub async fn policies(&self, tenant: i64) -> Result<Vec<PolicyRow>, StoreError> {
        let rows = self
            .query("SELECT name, plugin, settings FROM policies WHERE tenant = $1 ORDER BY position, name")
            .bind(tenant)
            .fetch_all(self.pool())
            .await?;
        rows.iter()
            .map(|row| {
                let settings: String = row.try_get(2)?;
                Ok(PolicyRow {
                    name: row.try_get(0)?,
                    plugin: row.try_get(1)?,
                    settings: document(&settings, "setting")?,
                })
            })
            .collect()
    }

    /// Replaces the whole chain.
    pub async fn set_policies(&self, tenant: i64, chain: &[PolicyRow]) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        self.query("DELETE FROM policies WHERE tenant = $1").bind(tenant).execute(&mut *write).await?;
        for (position, policy) in (0_i64..).zip(chain) {
            self.query(
                "INSERT INTO policies (tenant, name, position, plugin, settings) VALUES ($1, $2, $3, $4, $5)",
            )
            .bind(tenant)
            .bind(&policy.name)
            .bind(position)
            .bind(&policy.plugin)
            .bind(text(&policy.settings, "setting")?)
            .execute(&mut *write)
            .await?;
        }
        write.commit().await?;
        Ok(())
    }
}
