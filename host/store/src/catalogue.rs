//! Plugins that the operator added, with what was granted to them. The bundled ones need no row.

use crate::database::{document, text};
use crate::{Store, StoreError};
use sqlx::Row;
use std::collections::BTreeSet;

/// An added plugin.
#[derive(Clone, Debug)]
pub struct AddedPlugin {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: String,
    /// method or policy.
    pub kind: String,
    /// One line.
    pub summary: String,
    /// The component's SHA-256 in hex.
    pub hash: String,
    /// The interfaces granted.
    pub granted: BTreeSet<String>,
}

impl Store {
    /// Adds a plugin or replaces the one with this id.
    pub async fn add_plugin(
        &self,
        tenant: i64,
        plugin: &AddedPlugin,
        wasm: &[u8],
        now: i64,
    ) -> Result<(), StoreError> {
        self.query(
            "INSERT INTO plugins (tenant, id, version, kind, summary, hash, granted, wasm, added_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (tenant, id) DO UPDATE SET version = EXCLUDED.version, kind = EXCLUDED.kind,
                 summary = EXCLUDED.summary, hash = EXCLUDED.hash, granted = EXCLUDED.granted,
                 wasm = EXCLUDED.wasm, added_at = EXCLUDED.added_at",
        )
        .bind(tenant)
        .bind(&plugin.id)
        .bind(&plugin.version)
        .bind(&plugin.kind)
        .bind(&plugin.summary)
        .bind(&plugin.hash)
        .bind(text(&plugin.granted, "grant")?)
        .bind(wasm)
        .bind(now)
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// All added plugins, by id.
    pub async fn plugins(&self, tenant: i64) -> Result<Vec<AddedPlugin>, StoreError> {
        let rows = self
            .query(
                "SELECT id, version, kind, summary, hash, granted FROM plugins WHERE tenant = $1 ORDER BY id",
            )
            .bind(tenant)
            .fetch_all(self.pool())
            .await?;
        rows.iter()
            .map(|row| {
                let granted: String = row.try_get(5)?;
                Ok(AddedPlugin {
                    id: row.try_get(0)?,
                    version: row.try_get(1)?,
                    kind: row.try_get(2)?,
                    summary: row.try_get(3)?,
                    hash: row.try_get(4)?,
                    granted: document(&granted, "grant")?,
                })
            })
            .collect()
    }

    /// The component's bytes.
    pub async fn plugin_wasm(&self, tenant: i64, id: &str) -> Result<Vec<u8>, StoreError> {
        let row = self
            .query("SELECT wasm FROM plugins WHERE tenant = $1 AND id = $2")
            .bind(tenant)
            .bind(id)
            .fetch_optional(self.pool())
            .await?
            .ok_or_else(|| StoreError::NotFound { what: "plugin", name: id.to_owned() })?;
        Ok(row.try_get(0)?)
    }

    /// The limits that the operator set for a plugin: an object of names and numbers, empty where none is set.
    pub async fn plugin_limits(&self, tenant: i64, id: &str) -> Result<serde_json::Value, StoreError> {
        let row = self
            .query("SELECT limits FROM plugin_limits WHERE tenant = $1 AND plugin = $2")
            .bind(tenant)
            .bind(id)
            .fetch_optional(self.pool())
            .await?;
        match row {
            Some(row) => document(&row.try_get::<String, _>(0)?, "limits"),
            None => Ok(serde_json::json!({})),
        }
    }

    /// Sets the limits of a plugin, or takes them away where there are none.
    pub async fn set_plugin_limits(
        &self,
        tenant: i64,
        id: &str,
        limits: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<(), StoreError> {
        let sql = if limits.is_empty() {
            "DELETE FROM plugin_limits WHERE tenant = $1 AND plugin = $2 AND $3 <> ''"
        } else {
            "INSERT INTO plugin_limits (tenant, plugin, limits) VALUES ($1, $2, $3)
             ON CONFLICT (tenant, plugin) DO UPDATE SET limits = EXCLUDED.limits"
        };
        let limits = text(limits, "limits")?;
        self.query(sql).bind(tenant).bind(id).bind(limits).execute(self.pool()).await?;
        Ok(())
    }

    /// Forgets an added plugin.
    pub async fn remove_plugin(&self, tenant: i64, id: &str) -> Result<(), StoreError> {
        self.query("DELETE FROM plugins WHERE tenant = $1 AND id = $2")
            .bind(tenant)
            .bind(id)
            .execute(self.pool())
            .await?;
        Ok(())
    }
}
