//! What is known of one person at one source: for `why`.

use crate::admission::Outcome;
use crate::database::{Store, document};
use crate::error::StoreError;
use sqlx::Row;
use std::collections::BTreeMap;
use usher_model::User;

/// A record of the mirror, with what became of it.
#[derive(Clone, Debug)]
pub struct Mirror {
    /// The source id.
    pub id: String,
    /// What the source gave; none if it was never readable.
    pub raw: Option<User>,
    /// What scope and chain said.
    pub outcome: Option<Outcome>,
    /// Why it isn't taken, as a document.
    pub problem: Option<String>,
    /// Where in the source it was unreadable.
    pub place: Option<String>,
    /// The directory's id, if it is linked.
    pub record: Option<String>,
    /// Leaving since.
    pub left_at: Option<i64>,
    /// The groups it is directly in at the source, by source id.
    pub groups: Vec<String>,
}

impl Store {
    /// The records of a connection's mirror that somebody may mean: by source id, userName or e-mail address. With the directory's id of a
    /// linked user, his.
    pub async fn mirror_of(
        &self,
        tenant: i64,
        connection: i64,
        who: &str,
        record: Option<&str>,
    ) -> Result<Vec<Mirror>, StoreError> {
        let folded = usher_model::fold(who);
        let rows = self.query(
            "SELECT m.source_id, m.raw, m.outcome, m.problem, m.place, l.record, l.left_at,
                 (SELECT json_group_array(x.group_id) FROM mirror_members x WHERE x.tenant = $1 AND x.connection = $2
                     AND x.member_id = m.source_id AND x.kind = 'user')
             FROM mirror_users m
             LEFT JOIN user_links l ON l.tenant = $1 AND l.connection = $2 AND l.source_id = m.source_id
             WHERE m.tenant = $1 AND m.connection = $2 AND (m.source_id = $3 OR m.user_name_key = $4 OR l.record = $5
                 OR lower(m.raw->>'userName') = $4
                 OR EXISTS (SELECT 1 FROM json_each(m.raw, '$.attributes.emails') e WHERE lower(e.value) = $4))
             ORDER BY m.source_id",
        )
        .bind(tenant)
        .bind(connection)
        .bind(who.trim())
        .bind(&folded)
        .bind(record.unwrap_or_default())
        .fetch_all(self.pool())
        .await?;
        rows.iter()
            .map(|row| {
                let (raw, outcome): (Option<String>, Option<String>) = (row.try_get(1)?, row.try_get(2)?);
                let groups: String = row.try_get(7)?;
                Ok(Mirror {
                    id: row.try_get(0)?,
                    raw: raw.map(|raw| document(&raw, "user")).transpose()?,
                    outcome: outcome.map(|outcome| document(&outcome, "outcome")).transpose()?,
                    problem: row.try_get(3)?,
                    place: row.try_get(4)?,
                    record: row.try_get(5)?,
                    left_at: row.try_get(6)?,
                    groups: document(&groups, "list of groups")?,
                })
            })
            .collect()
    }

    /// What a method kept for itself in the last applied run.
    pub async fn plugin_storage(
        &self,
        tenant: i64,
        connection: i64,
    ) -> Result<BTreeMap<String, String>, StoreError> {
        let rows = self
            .query("SELECT name, value FROM plugin_storage WHERE tenant = $1 AND connection = $2")
            .bind(tenant)
            .bind(connection)
            .fetch_all(self.pool())
            .await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    /// Everything that scope, policies or problems keep from coming in or changing, as one finding each, straight into a run.
    pub async fn collect_findings(
        &self,
        lease: crate::leases::Lease,
        read: crate::reads::Read,
    ) -> Result<u64, StoreError> {
        let sql = "INSERT INTO findings (tenant, run, seq, standing, kind, source_id, name, reason, place)
             SELECT $1, $4, (SELECT COALESCE(MAX(seq), 0) FROM findings WHERE tenant = $1 AND run = $4)
                     + ROW_NUMBER() OVER (ORDER BY kind, id),
                 standing, kind, id, name, reason, place FROM (
             SELECT e.kind, e.id, e.name, e.place,
                 CASE WHEN e.problem IS NOT NULL THEN e.problem->>'standing'
                      WHEN e.outcome->>'decision' = 'hold' THEN 'held' ELSE 'skipped' END AS standing,
                 CASE WHEN e.problem IS NOT NULL THEN e.problem->>'why'
                      ELSE (e.outcome->>'by') || ': ' || (e.outcome->>'reason') END AS reason
             FROM (
                 SELECT 'user' AS kind, s.source_id AS id,
                     COALESCE(COALESCE(s.raw, m.raw)->>'userName', COALESCE(s.raw, m.raw)->'attributes'->>'displayName') AS name,
                     CASE WHEN s.op = 3 THEN m.outcome ELSE s.outcome END AS outcome,
                     CASE WHEN s.op IN (1, 3) THEN s.problem
                          ELSE COALESCE(s.problem, CASE WHEN m.place IS NOT NULL THEN m.problem END) END AS problem,
                     CASE WHEN s.op IN (1, 3) THEN s.place ELSE m.place END AS place
                 FROM staged_users s
                 LEFT JOIN mirror_users m ON m.tenant = $1 AND m.connection = $3 AND m.source_id = s.source_id
                 WHERE s.tenant = $1 AND s.read = $2 AND s.op NOT IN (0, 2)
                   AND (s.op <> 5 OR m.source_id IS NOT NULL)
                 UNION ALL
                 SELECT 'user', m.source_id, COALESCE(m.raw->>'userName', m.raw->'attributes'->>'displayName'), m.outcome,
                     m.problem, m.place
                 FROM mirror_users m
                 WHERE m.tenant = $1 AND m.connection = $3 AND (m.outcome IS NOT NULL OR m.problem IS NOT NULL)
                   AND NOT EXISTS (SELECT 1 FROM staged_users s WHERE s.tenant = $1 AND s.read = $2
                       AND s.source_id = m.source_id AND s.op <> 0)
                 UNION ALL
                 SELECT 'group', s.source_id, COALESCE(s.raw, m.raw)->>'displayName',
                     CASE WHEN s.op = 3 THEN m.outcome ELSE s.outcome END,
                     CASE WHEN s.op IN (1, 3) THEN s.problem ELSE m.problem END,
                     CASE WHEN s.op IN (1, 3) THEN s.place ELSE m.place END
                 FROM staged_groups s
                 LEFT JOIN mirror_groups m ON m.tenant = $1 AND m.connection = $3 AND m.source_id = s.source_id
                 WHERE s.tenant = $1 AND s.read = $2 AND s.op NOT IN (0, 2)
                 UNION ALL
                 SELECT 'group', m.source_id, m.raw->>'displayName', m.outcome, m.problem, m.place
                 FROM mirror_groups m
                 WHERE m.tenant = $1 AND m.connection = $3 AND NOT EXISTS (SELECT 1 FROM staged_groups s
                     WHERE s.tenant = $1 AND s.read = $2 AND s.source_id = m.source_id AND s.op <> 0)) e
             WHERE e.problem IS NOT NULL OR COALESCE(e.outcome->>'decision', 'keep') <> 'keep')";
        let done = self.of_read(sql, read).bind(lease.run).execute(self.pool()).await?;
        Ok(done.rows_affected())
    }
}
