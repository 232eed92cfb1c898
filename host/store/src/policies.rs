//! The tenant's chain of policies.

use crate::database::{document, parsed, text};
use crate::{Store, StoreError};
use sqlx::Row;
use std::collections::BTreeMap;

/// One policy in its place.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyRow {
    /// Its name in the chain.
    pub name: String,
    /// The plugin's id.
    pub plugin: String,
    /// The plugin's settings.
    pub settings: serde_json::Value,
    /// Whose people it is asked about.
    pub asked: Asked,
}

/// The connections about whose people a policy is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Of which nothing else is said, those to come among them.
    pub others: bool,
    /// By the connection's id.
    pub said: BTreeMap<i64, bool>,
}

impl Default for Asked {
    fn default() -> Self {
        Self { others: true, said: BTreeMap::new() }
    }
}

impl Asked {
    /// Whether it is asked about the people of a connection.
    pub fn of(&self, connection: i64) -> bool {
        self.said.get(&connection).copied().unwrap_or(self.others)
    }

    /// From now on, about the people of one connection or of all.
    pub fn set(&mut self, connection: Option<i64>, asked: bool) {
        match connection {
            Some(connection) => {
                self.said.insert(connection, asked);
            }
            None => *self = Self { others: asked, said: BTreeMap::new() },
        }
    }
}

impl Store {
    /// The chain, in order.
    pub async fn policies(&self, tenant: i64) -> Result<Vec<PolicyRow>, StoreError> {
        let rows = self
            .query(
                "SELECT p.name, p.plugin, p.settings, p.asked,
                     (SELECT json_group_array(json_array(a.connection, a.asked)) FROM policies_asked a
                         WHERE a.tenant = $1 AND a.name = p.name)
                 FROM policies p WHERE p.tenant = $1 ORDER BY p.position, p.name",
            )
            .bind(tenant)
            .fetch_all(self.pool())
            .await?;
        rows.iter()
            .map(|row| {
                let settings: String = row.try_get(2)?;
                let others = row.try_get::<i64, _>(3)? == 1;
                let said: Vec<(i64, i64)> =
                    parsed(row.try_get(4)?, "list of connections")?.unwrap_or_default();
                let said = said.into_iter().map(|(connection, asked)| (connection, asked == 1)).collect();
                Ok(PolicyRow {
                    asked: Asked { others, said },
                    name: row.try_get(0)?,
                    plugin: row.try_get(1)?,
                    settings: document(&settings, "setting")?,
                })
            })
            .collect()
    }

    /// Replaces the whole chain.
    pub async fn set_policies(&self, tenant: i64, chain: &[PolicyRow]) -> Result<(), StoreError> {
        let mut write = self.write_alone(tenant).await?;
        self.query("DELETE FROM policies WHERE tenant = $1").bind(tenant).execute(&mut *write).await?;
        for (position, policy) in (0_i64..).zip(chain) {
            self.query(
                "INSERT INTO policies (tenant, name, position, plugin, settings, asked) VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(tenant)
            .bind(&policy.name)
            .bind(position)
            .bind(&policy.plugin)
            .bind(text(&policy.settings, "setting")?)
            .bind(i64::from(policy.asked.others))
            .execute(&mut *write)
            .await?;
            for (connection, asked) in &policy.asked.said {
                // Of one that was disconnected meanwhile nothing is said any more.
                self.query(
                    "INSERT INTO policies_asked (tenant, name, connection, asked)
                     SELECT $1, $2, id, $4 FROM connections WHERE tenant = $1 AND id = $3",
                )
                .bind(tenant)
                .bind(&policy.name)
                .bind(connection)
                .bind(i64::from(*asked))
                .execute(&mut *write)
                .await?;
            }
        }
        write.commit().await?;
        Ok(())
    }
}
