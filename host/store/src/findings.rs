//! What a run passed over or wants looked at, one row a record.

use crate::database::{Store, rows, unsigned};
use crate::error::StoreError;
use serde::{Deserialize, Serialize};
use sqlx::Row;

/// How a note begins that names managers who aren't in; what follows, behind a colon, are their ids or userNames.
pub const NO_MANAGER: &str = "a manager who isn't in, with none until he is";

/// How a finding stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Left out by scope or a policy.
    Skipped,
    /// Stays as it is, by a policy or until somebody decides.
    Held,
    /// Could not be taken, and is tried again.
    Quarantined,
    /// Stays as it is, since it was changed after what is taken back.
    Kept,
    /// Stays as it is, although the connection that brought it gives way and the other one doesn't bring it.
    Orphaned,
    /// Worth knowing.
    Note,
}

impl Standing {
    /// As it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Held => "held",
            Self::Quarantined => "quarantined",
            Self::Kept => "kept",
            Self::Orphaned => "orphaned",
            Self::Note => "note",
        }
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How it stands.
    pub standing: Standing,
    /// user, group, membership or source.
    pub kind: String,
    /// The source's key, where it is known.
    pub id: Option<String>,
    /// What to call it.
    pub name: Option<String>,
    /// Why, as a sentence.
    pub reason: String,
    /// Where in the source.
    pub place: Option<String>,
}

impl Store {
    /// Adds findings to those that a run has.
    pub async fn add_findings(&self, tenant: i64, run: i64, findings: &[Finding]) -> Result<(), StoreError> {
        if findings.is_empty() {
            return Ok(());
        }
        self.query(
            "INSERT INTO findings (tenant, run, seq, standing, kind, source_id, name, reason, place)
             SELECT $1, $2, (SELECT COALESCE(MAX(seq), 0) FROM findings WHERE tenant = $1 AND run = $2) + ROW_NUMBER() OVER (),
                 value->>'standing', value->>'kind', value->>'id', value->>'name', value->>'reason', value->>'place'
             FROM json_each($3)",
        )
        .bind(tenant)
        .bind(run)
        .bind(rows(&findings)?)
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// How many findings of a standing a run has, by kind of record.
    pub async fn count_findings(
        &self,
        tenant: i64,
        run: i64,
        standing: Standing,
        kind: &str,
    ) -> Result<u64, StoreError> {
        let row = self.query(
            "SELECT COUNT(*) FROM findings WHERE tenant = $1 AND run = $2 AND standing = $3 AND kind = $4",
        )
        .bind(tenant)
        .bind(run)
        .bind(standing.name())
        .bind(kind)
        .fetch_one(self.pool())
        .await?;
        Ok(unsigned(row.try_get(0)?))
    }

    /// A run's findings in order, at most `limit`, beginning after `from` of them.
    pub async fn findings(
        &self,
        tenant: i64,
        run: i64,
        from: i64,
        limit: i64,
    ) -> Result<Vec<Finding>, StoreError> {
        let rows = self
            .query(
                "SELECT standing, kind, source_id, name, reason, place FROM findings
             WHERE tenant = $1 AND run = $2 AND seq >= $3 ORDER BY seq LIMIT $4",
            )
            .bind(tenant)
            .bind(run)
            .bind(from)
            .bind(limit)
            .fetch_all(self.pool())
            .await?;
        rows.iter()
            .map(|row| {
                let standing: String = row.try_get(0)?;
                Ok(Finding {
                    standing: crate::database::document(&format!("\"{standing}\""), "finding")?,
                    kind: row.try_get(1)?,
                    id: row.try_get(2)?,
                    name: row.try_get(3)?,
                    reason: row.try_get(4)?,
                    place: row.try_get(5)?,
                })
            })
            .collect()
    }
}
