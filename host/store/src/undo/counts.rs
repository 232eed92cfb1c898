//! What the guard counts of an undo: going and of how many, of the whole directory, since a change by hand is nobody's.

use super::{LINKED, ORIGIN};
use crate::database::{Store, page, unsigned};
use crate::error::StoreError;
use crate::leases::Lease;
use sqlx::Row;
use usher_model::MANAGER;
use usher_planner::Count;

impl Store {
    /// Users, groups and memberships that go by the lines of this run, the members of each group that stays, and the values of each field.
    pub async fn undo_counts(&self, lease: Lease) -> Result<Vec<Count>, StoreError> {
        let mut counts = Vec::new();
        for (what, kind, base) in [
            ("users", "user", "SELECT COUNT(*) FROM users WHERE tenant = $1"),
            ("groups", "group", "SELECT COUNT(*) FROM groups WHERE tenant = $1"),
            ("memberships", "membership", "SELECT COUNT(*) FROM memberships WHERE tenant = $1"),
        ] {
            let row = self
                .query("SELECT COUNT(*) FROM lines WHERE tenant = $1 AND run = $2 AND kind = $3 AND away = 1")
                .bind(lease.tenant)
                .bind(lease.run)
                .bind(kind)
                .fetch_one(self.pool())
                .await?;
            let going = unsigned(row.try_get(0)?);
            if going > 0 {
                let row = self.query(base).bind(lease.tenant).fetch_one(self.pool()).await?;
                counts.push(Count { what: what.to_owned(), going, of: unsigned(row.try_get(0)?) });
            }
        }
        let row = self
            .query(
                "SELECT json_group_array(json_array(name, going, has)) FROM (
                 SELECT g.display_name AS name, x.going,
                     (SELECT COUNT(*) FROM memberships m WHERE m.tenant = $1 AND m.group_id = x.record) AS has
                 FROM (SELECT l.record, COUNT(*) AS going FROM lines l
                       WHERE l.tenant = $1 AND l.run = $2 AND l.kind = 'membership' AND l.action = 'remove'
                         AND NOT EXISTS (SELECT 1 FROM lines d WHERE d.tenant = $1 AND d.run = $2 AND d.kind = 'group'
                             AND d.source_id = l.source_id AND d.action = 'delete')
                       GROUP BY l.record) x
                 JOIN groups g ON g.tenant = $1 AND g.id = x.record ORDER BY 1)",
            )
            .bind(lease.tenant)
            .bind(lease.run)
            .fetch_one(self.pool())
            .await?;
        counts.extend(page::<(String, i64, i64)>(&row)?.into_iter().map(|(name, going, has)| Count {
            what: format!("members of {name}"),
            going: unsigned(going),
            of: unsigned(has),
        }));
        let row = self
            .query(
                "SELECT json_group_array(json_array(kind, field, going)) FROM (
                 SELECT l.kind, j.key AS field, COUNT(*) AS going FROM lines l CROSS JOIN json_each(l.changes) j
                 WHERE l.tenant = $1 AND l.run = $2 AND l.kind IN ('user', 'group') AND l.away <> 0
                   AND l.action IN ('update', 'reactivate', 'deactivate') AND j.key NOT IN ('leaving', 'path', $3, $4)
                   AND j.value->>0 IS NOT NULL AND j.value->>1 IS NULL
                 GROUP BY 1, 2)",
            )
            .bind(lease.tenant)
            .bind(lease.run)
            .bind(ORIGIN)
            .bind(LINKED)
            .fetch_one(self.pool())
            .await?;
        for (kind, field, going) in page::<(String, String, i64)>(&row)? {
            let holders = match (kind.as_str(), field.as_str()) {
                ("user", MANAGER) => {
                    "SELECT COUNT(*) FROM users WHERE tenant = $1 AND manager IS NOT NULL AND $2 <> ''"
                }
                ("user", _) => "SELECT COUNT(*) FROM users WHERE tenant = $1 AND attributes->>$2 IS NOT NULL",
                _ => "SELECT COUNT(*) FROM groups WHERE tenant = $1 AND attributes->>$2 IS NOT NULL",
            };
            let row = self.query(holders).bind(lease.tenant).bind(&field).fetch_one(self.pool()).await?;
            counts.push(Count {
                what: format!("values of {field} of {kind}s"),
                going: unsigned(going),
                of: unsigned(row.try_get(0)?),
            });
        }
        Ok(counts)
    }
}
