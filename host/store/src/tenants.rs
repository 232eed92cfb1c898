//! Tenants.

use crate::reads::{Reads, drop_reads};
use crate::{Store, StoreError};
use sqlx::Row;

/// One organisation. Everything else belongs to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Its number in this installation.
    pub id: i64,
    /// Its name.
    pub name: String,
}

impl Store {
    /// Makes a tenant.
    pub async fn add_tenant(&self, name: &str, now: i64) -> Result<Tenant, StoreError> {
        let mut write = self.write_alone(0).await?;
        let row = self
            .query(
                "INSERT INTO tenants (id, name, created_at)
             SELECT COALESCE(MAX(id), 0) + 1, $1, $2 FROM tenants WHERE true
             ON CONFLICT (name) DO NOTHING RETURNING id",
            )
            .bind(name)
            .bind(now)
            .fetch_optional(&mut *write)
            .await?
            .ok_or_else(|| StoreError::Taken { what: "tenant", name: name.to_owned() })?;
        let id = row.try_get(0)?;
        write.commit().await?;
        Ok(Tenant { id, name: name.to_owned() })
    }

    /// All tenants, by name.
    pub async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        let rows = self.query("SELECT id, name FROM tenants ORDER BY name").fetch_all(self.pool()).await?;
        rows.iter().map(|row| Ok(Tenant { id: row.try_get(0)?, name: row.try_get(1)? })).collect()
    }

    /// The tenant of this name.
    pub async fn tenant(&self, name: &str) -> Result<Option<Tenant>, StoreError> {
        Ok(self.tenants().await?.into_iter().find(|tenant| tenant.name == name))
    }

    /// Removes a tenant with everything that belongs to it.
    pub async fn remove_tenant(&self, tenant: &Tenant) -> Result<(), StoreError> {
        let mut write = self.write_alone(tenant.id).await?;
        Self::nobody_runs(&mut write, tenant.id).await?;
        drop_reads(&mut write, tenant.id, Reads::All).await?;
        for sql in ["DELETE FROM manual_addresses WHERE tenant = $1", "DELETE FROM tenants WHERE id = $1"] {
            self.query(sql).bind(tenant.id).execute(&mut *write).await?;
        }
        write.commit().await?;
        Ok(())
    }
}
