//! What a run must look at: staged records, and others that are due for a reason of their own.
//!
//! Every due user has a row in the overlay with all that planning needs beside the raw text: op 5 rows are filled from the mirror when they are made.

use crate::admission::Outcome;
use crate::database::{Store, page, parsed, rows, unsigned};
use crate::error::StoreError;
use crate::leases::Lease;
use crate::mirror::as_read;
use crate::reads::Read;
use crate::switch::Former;
use serde::Deserialize;
use sqlx::any::AnyRow;
use usher_model::{Attributes, Group, User};

/// A user that the planner looks at.
#[derive(Clone, Debug)]
pub struct DueUser {
    /// The source id.
    pub id: String,
    /// What the source has; none where it has nothing, or nothing readable.
    pub raw: Option<User>,
    /// Whether the source has him.
    pub present: bool,
    /// What scope and chain said.
    pub outcome: Option<Outcome>,
    /// Why he isn't taken now.
    pub problem: Option<String>,
    /// The record he is linked to.
    pub link: Option<UserLink>,
    /// The record he is to be linked to, where matching found one.
    pub matched: Option<String>,
    /// That record.
    pub stored: Option<DueStored>,
    /// The groups he is directly in.
    pub groups: Vec<String>,
    /// Whether this run judges who his manager is: it looks at him, and he has no problem.
    pub managed: bool,
    /// Whom the source names as his manager, by source id or userName.
    pub named: Option<String>,
}

/// A user's link.
#[derive(Clone, Debug)]
pub struct UserLink {
    /// The directory's id.
    pub record: String,
    /// The set of attributes that the source owns.
    pub owns: i64,
    /// When leaving began.
    pub left_at: Option<i64>,
}

/// A directory record beside its link.
#[derive(Clone, Debug)]
pub struct DueStored {
    /// Its userName or displayName.
    pub name: String,
    /// Whether it may act.
    pub active: bool,
    /// Everything else.
    pub attributes: Attributes,
    /// The connection that owns it; none: manual.
    pub origin: Option<i64>,
    /// Its paths.
    pub paths: Vec<String>,
    /// Whether another live connection holds it too.
    pub held_elsewhere: bool,
    /// Whether its owner, another connection, has begun to let it go.
    pub leaving: bool,
    /// A user's manager: record and userName.
    pub manager: Option<(String, String)>,
}

/// Somebody whom a run looks at and of whom only id and hash are kept, since he has been left out for long.
#[derive(Clone, Debug, Deserialize)]
pub struct ShortRow {
    /// The source id.
    pub id: String,
    /// Who left him out: `scope`, or a policy.
    pub by: String,
    /// The groups he is directly in.
    pub groups: Vec<String>,
}

/// A group that the planner looks at.
#[derive(Clone, Debug)]
pub struct DueGroup {
    /// The source id.
    pub id: String,
    /// What the source has.
    pub raw: Option<Group>,
    /// Whether the source has it.
    pub present: bool,
    /// What the chain said.
    pub outcome: Option<Outcome>,
    /// Why it isn't taken now.
    pub problem: Option<String>,
    /// Its link: record and owned set.
    pub link: Option<(String, i64)>,
    /// The record.
    pub stored: Option<DueStored>,
}

#[derive(Deserialize)]
struct Row {
    id: String,
    raw: Option<String>,
    /// Of a text that comes from the mirror.
    #[serde(default)]
    hash: Option<String>,
    present: i64,
    outcome: Option<String>,
    problem: Option<String>,
    record: Option<String>,
    owns: Option<i64>,
    left_at: Option<i64>,
    matched: Option<String>,
    name: Option<String>,
    active: Option<i64>,
    attributes: Option<String>,
    origin: Option<i64>,
    paths: Option<String>,
    held: Option<i64>,
    #[serde(default)]
    leaving: i64,
    groups: Option<String>,
    #[serde(default)]
    managed: i64,
    #[serde(default)]
    named: Option<String>,
    #[serde(default)]
    manager: Option<String>,
    #[serde(default)]
    manager_name: Option<String>,
}

impl Row {
    fn stored(&mut self) -> Result<Option<DueStored>, StoreError> {
        let Some(name) = self.name.take() else { return Ok(None) };
        Ok(Some(DueStored {
            name,
            active: self.active != Some(0),
            attributes: parsed(self.attributes.take(), "record")?.unwrap_or_default(),
            origin: self.origin,
            paths: parsed(self.paths.take(), "list of paths")?.unwrap_or_default(),
            held_elsewhere: self.held == Some(1),
            leaving: self.leaving == 1,
            manager: self.manager.take().map(|id| (id, self.manager_name.take().unwrap_or_default())),
        }))
    }
}

/// The groups that a user `s` of the overlay is directly in, as JSON: `$2` is the read, `$3` the connection.
pub(crate) const DIRECT_GROUPS: &str = "(SELECT json_group_array(e.group_id) FROM (
             SELECT x.group_id FROM staged_members x WHERE x.tenant = $1 AND x.read = $2
                 AND x.member_id = s.source_id AND x.kind = 'user' AND x.op <> 0 AND x.op <> 2
             UNION ALL
             SELECT y.group_id FROM mirror_members y WHERE y.tenant = $1 AND y.connection = $3
                 AND y.member_id = s.source_id AND y.kind = 'user' AND NOT EXISTS (SELECT 1 FROM staged_members z
                     WHERE z.tenant = $1 AND z.read = $2 AND z.group_id = y.group_id
                       AND z.member_id = y.member_id AND z.kind = 'user' AND z.op <> 0)) e)";

/// The statement for due users, from where and which: those of a page.
fn due_sql(former: &Former, from: &str, which: &str, with_groups: bool) -> String {
    let groups = if with_groups { DIRECT_GROUPS } else { "NULL" };
    let idle = former.has("o.connection");
    // SQLite is told the index by which another holder is found: without statistics it would pass over all links.
    format!(
    "SELECT json_group_array(json_object('id', id, 'raw', raw, 'hash', hash, 'present', present, 'outcome', outcome,
         'problem', problem, 'record', record, 'owns', owns, 'left_at', left_at, 'matched', matched,
         'name', name, 'active', active, 'attributes', attributes, 'origin', origin, 'paths', paths,
         'held', held, 'leaving', leaving, 'groups', groups, 'managed', managed, 'named', named,
         'manager', manager, 'manager_name', manager_name)) FROM (
     SELECT s.source_id AS id, COALESCE(s.raw, m.raw) AS raw, CASE WHEN s.raw IS NULL THEN m.hash END AS hash,
         CASE WHEN s.op = 2 OR (s.op = 5 AND m.source_id IS NULL) THEN 0 ELSE 1 END AS present,
         CASE WHEN s.op = 3 THEN m.outcome ELSE s.outcome END AS outcome,
         CASE WHEN s.op IN (1, 3) THEN s.problem
              ELSE COALESCE(s.problem, CASE WHEN m.place IS NOT NULL THEN m.problem END) END AS problem,
         l.record, l.owns, l.left_at, s.record AS matched,
         u.user_name AS name, u.active, u.attributes, u.origin, u.paths,
         CASE WHEN u.id IS NULL THEN 0 ELSE CAST(EXISTS (SELECT 1 FROM user_links o INDEXED BY user_links_by_record WHERE o.tenant = $1
             AND o.record = u.id AND o.connection <> $3 AND o.left_at IS NULL AND NOT ({idle})) AS INTEGER) END AS held,
         CASE WHEN COALESCE(u.origin, $3) = $3 THEN 0 ELSE CAST(EXISTS (SELECT 1 FROM user_links o INDEXED BY user_links_by_record
             WHERE o.tenant = $1 AND o.record = u.id AND o.connection = u.origin AND o.left_at IS NOT NULL) AS INTEGER) END AS leaving,
         {groups} AS groups, CASE WHEN s.op IN (1, 4, 5) AND s.problem IS NULL THEN 1 ELSE 0 END AS managed,
         s.manager AS named, u.manager, b.user_name AS manager_name
     FROM {from}
     LEFT JOIN mirror_users m ON m.tenant = $1 AND m.connection = $3 AND m.source_id = s.source_id
     LEFT JOIN user_links l ON l.tenant = $1 AND l.connection = $3 AND l.source_id = s.source_id
     LEFT JOIN users u ON u.tenant = $1 AND u.id = COALESCE(l.record, s.record)
     LEFT JOIN users b ON b.tenant = $1 AND b.id = u.manager
     WHERE s.tenant = $1 AND s.read = $2 AND s.op <> 0 AND {which}
     ORDER BY s.source_id LIMIT $5)"
)
}

fn due(row: &AnyRow) -> Result<Vec<DueUser>, StoreError> {
    page::<Row>(row)?
        .into_iter()
        .map(|mut row| {
            as_read(&row.id, row.raw.as_deref(), row.hash.as_deref())?;
            let stored = row.stored()?;
            Ok(DueUser {
                raw: if row.present == 1 { parsed(row.raw, "user")? } else { None },
                present: row.present == 1,
                outcome: parsed(row.outcome, "outcome")?,
                problem: row.problem,
                link: row.record.map(|record| UserLink {
                    record,
                    owns: row.owns.unwrap_or(0),
                    left_at: row.left_at,
                }),
                matched: row.matched,
                stored,
                managed: row.managed == 1,
                named: row.named,
                groups: parsed(row.groups, "list of groups")?.unwrap_or_default(),
                id: row.id,
            })
        })
        .collect()
}

const FROM_MIRROR: &str = "ON CONFLICT (tenant, read, source_id) DO UPDATE SET op = 5,
    user_name_key = EXCLUDED.user_name_key, manager = EXCLUDED.manager, digest = EXCLUDED.digest,
    outcome = EXCLUDED.outcome WHERE staged_users.op = 0";

impl Store {
    async fn due(
        &self,
        lease: Lease,
        read: Read,
        select: &'static str,
        extra: i64,
    ) -> Result<u64, StoreError> {
        let sql = format!(
            "INSERT INTO staged_users (tenant, read, source_id, op, user_name_key, manager, digest, outcome)
             {select} {FROM_MIRROR}"
        );
        let mut write = self.write().await?;
        Self::hold_lease(&mut write, lease).await?;
        let done = self.of_read(sql, read).bind(extra).execute(&mut *write).await?;
        write.commit().await?;
        Ok(done.rows_affected())
    }

    /// Everybody the source has.
    pub async fn all_due(&self, lease: Lease, read: Read) -> Result<u64, StoreError> {
        let sql = "SELECT $1, $2, m.source_id, 5, m.user_name_key, m.manager, m.digest, m.outcome FROM mirror_users m
             WHERE m.tenant = $1 AND m.connection = $3 AND $4 = 0";
        self.due(lease, read, sql, 0).await
    }

    /// Users whose memberships changed.
    pub async fn moved_due(&self, lease: Lease, read: Read) -> Result<u64, StoreError> {
        let sql = "SELECT DISTINCT $1, $2, m.source_id, 5, m.user_name_key, m.manager, m.digest, m.outcome
             FROM staged_members x JOIN mirror_users m
                 ON m.tenant = $1 AND m.connection = $3 AND m.source_id = x.member_id
             WHERE x.tenant = $1 AND x.read = $2 AND x.kind = 'user' AND x.op IN (1, 2) AND $4 = 0";
        self.due(lease, read, sql, 0).await
    }

    /// Users who could not be taken before for a reason that may have passed, and those whose manager was missing.
    pub async fn retries_due(&self, lease: Lease, read: Read) -> Result<u64, StoreError> {
        let sql = "SELECT $1, $2, m.source_id, 5, m.user_name_key, m.manager, m.digest, m.outcome
             FROM mirror_users m INDEXED BY mirror_users_with_problem
             WHERE m.tenant = $1 AND m.connection = $3 AND m.problem IS NOT NULL AND m.place IS NULL AND $4 = 0";
        let retried = self.due(lease, read, sql, 0).await?;
        let sql = "SELECT $1, $2, m.source_id, 5, m.user_name_key, m.manager, m.digest, m.outcome
             FROM user_links l INDEXED BY user_links_without_manager CROSS JOIN mirror_users m
             WHERE m.tenant = $1 AND m.connection = $3 AND m.source_id = l.source_id AND l.tenant = $1 AND l.connection = $3 AND l.manager_missing = 1 AND $4 = 0";
        Ok(retried + self.due(lease, read, sql, 0).await?)
    }

    /// Users who left at that moment or before and whose grace is over. Those whom the source has again are in the overlay or come with the mirror.
    pub async fn leavers_due(&self, lease: Lease, read: Read, left_by: i64) -> Result<u64, StoreError> {
        let sql = "SELECT $1, $2, l.source_id, 5, m.user_name_key, m.manager, m.digest, m.outcome
             FROM user_links l INDEXED BY user_links_leaving LEFT JOIN mirror_users m
                 ON m.tenant = $1 AND m.connection = $3 AND m.source_id = l.source_id
             WHERE l.tenant = $1 AND l.connection = $3 AND l.left_at IS NOT NULL AND l.left_at <= $4";
        self.due(lease, read, sql, left_by).await
    }

    /// Takes note of what was edited here: what this run looks at, as against what is edited while it runs.
    pub async fn take_edits(&self, lease: Lease, read: Read) -> Result<(), StoreError> {
        self.change(
            lease,
            read,
            &[
                "UPDATE users INDEXED BY users_edited SET edited = 2 WHERE tenant = $1 AND origin = $3 AND edited <> 0 AND $2 > 0",
                "UPDATE groups INDEXED BY groups_edited SET edited = 2 WHERE tenant = $1 AND origin = $3 AND edited <> 0 AND $2 > 0",
            ],
        )
        .await
    }

    /// Users of which an owned field was edited here, also those who left.
    pub async fn edited_due(&self, lease: Lease, read: Read) -> Result<u64, StoreError> {
        let sql = "SELECT $1, $2, l.source_id, 5, m.user_name_key, m.manager, m.digest, m.outcome
             FROM users u CROSS JOIN user_links l
             LEFT JOIN mirror_users m ON m.tenant = $1 AND m.connection = $3 AND m.source_id = l.source_id
             WHERE u.tenant = $1 AND u.edited <> 0 AND l.tenant = $1 AND l.record = u.id AND l.connection = $3 AND $4 = 0";
        self.due(lease, read, sql, 0).await
    }

    /// Whether any group or nesting is staged as changed.
    pub async fn graph_changed(&self, read: Read) -> Result<bool, StoreError> {
        let row = self.query(
            "SELECT CAST(EXISTS (SELECT 1 FROM staged_groups WHERE tenant = $1 AND read = $2 AND op IN (1, 2, 4))
                 OR EXISTS (SELECT 1 FROM staged_members WHERE tenant = $1 AND read = $2 AND kind = 'group'
                     AND op IN (1, 2)) AS INTEGER)",
        )
        .bind(read.tenant)
        .bind(read.id)
        .fetch_one(self.pool())
        .await?;
        Ok(sqlx::Row::try_get::<i64, _>(&row, 0)? == 1)
    }

    /// Whether the connection has anybody left out of whom only id and hash are kept.
    pub async fn has_short(&self, tenant: i64, connection: i64) -> Result<bool, StoreError> {
        let row = self
            .query(
                "SELECT 1 FROM mirror_users INDEXED BY mirror_users_left_out
                 WHERE tenant = $1 AND connection = $2 AND left_out_at IS NOT NULL AND raw IS NULL
                   AND hash IS NOT NULL LIMIT 1",
            )
            .bind(tenant)
            .bind(connection)
            .fetch_optional(self.pool())
            .await?;
        Ok(row.is_some())
    }

    /// The next due users after an id of whom only id and hash are kept.
    pub async fn due_short(&self, read: Read, after: &str, limit: i64) -> Result<Vec<ShortRow>, StoreError> {
        let sql = format!(
            "SELECT json_group_array(json_object('id', id, 'by', reviewer, 'groups', json(groups))) FROM (
             SELECT s.source_id AS id, COALESCE(m.outcome->>'by', '') AS reviewer,
                 {DIRECT_GROUPS} AS groups
             FROM staged_users s JOIN mirror_users m ON m.tenant = $1 AND m.connection = $3 AND m.source_id = s.source_id
             WHERE s.tenant = $1 AND s.read = $2 AND s.op = 5 AND s.raw IS NULL AND s.source_id > $4
               AND m.left_out_at IS NOT NULL AND m.raw IS NULL AND m.hash IS NOT NULL
             ORDER BY s.source_id LIMIT $5)"
        );
        let row = self.of_read(sql, read).bind(after).bind(limit).fetch_one(self.pool()).await?;
        page(&row)
    }

    /// The next due users after an id.
    pub async fn due_users(
        &self,
        read: Read,
        former: &Former,
        after: &str,
        with_groups: bool,
        limit: i64,
    ) -> Result<Vec<DueUser>, StoreError> {
        let sql = due_sql(former, "staged_users s", "s.source_id > $4", with_groups);
        let row = self.of_read(sql, read).bind(after).bind(limit).fetch_one(self.pool()).await?;
        due(&row)
    }

    /// Those of these users who are due.
    pub async fn due_among(
        &self,
        read: Read,
        former: &Former,
        ids: &[String],
        with_groups: bool,
    ) -> Result<Vec<DueUser>, StoreError> {
        // Crossed, which SQLite joins in the order that is written: each id is looked up.
        let from = "json_each($4) texts CROSS JOIN staged_users s";
        let sql = due_sql(former, from, "s.source_id = texts.value", with_groups);
        let limit = i64::try_from(ids.len()).unwrap_or(i64::MAX);
        let row = self.of_read(sql, read).bind(rows(&ids)?).bind(limit).fetch_one(self.pool()).await?;
        due(&row)
    }

    /// How many of the connection's users have no path, of those whom the run needn't look at.
    pub async fn pathless_users(&self, read: Read) -> Result<u64, StoreError> {
        let row = self.query(
            "SELECT COUNT(*) FROM user_links l JOIN users u ON u.tenant = $1 AND u.id = l.record AND u.origin = $3
             WHERE l.tenant = $1 AND l.connection = $3 AND l.left_at IS NULL AND u.paths IS NULL
               AND NOT EXISTS (SELECT 1 FROM staged_users s WHERE s.tenant = $1 AND s.read = $2
                   AND s.source_id = l.source_id AND s.op <> 0)",
        )
        .bind(read.tenant)
        .bind(read.id)
        .bind(read.connection)
        .fetch_one(self.pool())
        .await?;
        Ok(unsigned(sqlx::Row::try_get(&row, 0)?))
    }

    /// All groups that the source has or that are linked: groups are few.
    pub async fn due_groups(&self, read: Read) -> Result<Vec<DueGroup>, StoreError> {
        let sql = "SELECT json_group_array(json_object('id', e.id, 'raw', e.raw, 'present', e.present, 'outcome', e.outcome,
                 'problem', e.problem, 'record', l.record, 'owns', l.owns, 'left_at', NULL, 'matched', NULL,
                 'name', g.display_name, 'active', 1, 'attributes', g.attributes, 'origin', g.origin, 'paths', NULL,
                 'held', 0, 'groups', NULL)) FROM (
             SELECT m.source_id AS id, m.raw, 1 AS present, m.outcome, m.problem FROM mirror_groups m
             WHERE m.tenant = $1 AND m.connection = $3 AND NOT EXISTS (SELECT 1 FROM staged_groups s
                 WHERE s.tenant = $1 AND s.read = $2 AND s.source_id = m.source_id AND s.op <> 0)
             UNION ALL
             SELECT s.source_id, COALESCE(s.raw, m.raw), CASE WHEN s.op = 2 THEN 0 ELSE 1 END,
                 CASE WHEN s.op = 3 THEN m.outcome ELSE s.outcome END,
                 CASE WHEN s.op IN (1, 3) THEN s.problem ELSE m.problem END
             FROM staged_groups s
             LEFT JOIN mirror_groups m ON m.tenant = $1 AND m.connection = $3 AND m.source_id = s.source_id
             WHERE s.tenant = $1 AND s.read = $2 AND s.op <> 0) e
             LEFT JOIN group_links l ON l.tenant = $1 AND l.connection = $3 AND l.source_id = e.id
             LEFT JOIN groups g ON g.tenant = $1 AND g.id = l.record";
        let row = self.of_read(sql, read).fetch_one(self.pool()).await?;
        page::<Row>(&row)?
            .into_iter()
            .map(|mut row| {
                let stored = row.stored()?;
                Ok(DueGroup {
                    raw: if row.present == 1 { parsed(row.raw, "group")? } else { None },
                    present: row.present == 1,
                    outcome: parsed(row.outcome, "outcome")?,
                    problem: row.problem,
                    link: row.record.map(|record| (record, row.owns.unwrap_or(0))),
                    stored,
                    id: row.id,
                })
            })
            .collect()
    }
}
