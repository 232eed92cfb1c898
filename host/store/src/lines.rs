//! Plan lines: written as the planner makes them, hashed as they lie, and the journal once their run is applied.

use crate::database::{Store, Write, page, rows, unsigned};
use crate::dialect::{Dialect, Statement};
use crate::error::StoreError;
use crate::failpoint::failpoint;
use crate::leases::Lease;
use crate::runs::{Run, word};
use crate::switch::Former;
use serde::{Deserialize, Serialize};
use sqlx::{AnyConnection, Row};
use usher_planner::{Action, Count, PlanHash, PlanHasher, RecordKind};

/// A line as it lies in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineRow {
    /// group, membership or user.
    pub kind: String,
    /// The source id of the record, or of a membership's group.
    pub source_id: String,
    /// A membership's member: `u:7`, `g:9`.
    pub member_id: String,
    /// What is done.
    pub action: String,
    /// The directory's id of the record, or of a membership's group.
    pub record: String,
    /// The directory's id of a membership's member.
    pub member: String,
    /// What to call it.
    pub name: String,
    /// Why.
    pub reason: String,
    /// Fields before and after, JSON.
    pub changes: String,
    /// The set of attributes that the source owns from now on; 0 where that stays.
    pub owns: i64,
    /// What the guard counts of it: 1 where somebody loses something, 2 where a value is cleared, 0 for nothing.
    pub away: i64,
}

/// A line as one document, as [`LineRow`] takes it.
pub(crate) const LINE: &str = "json_object('kind', kind, 'source_id', source_id, 'member_id', member_id, 'action', action, 'record', record, 'member', member,
    'name', name, 'reason', reason, 'changes', changes, 'owns', owns, 'away', away)";

/// Puts lines there. One about the same record replaces the one before.
const INSERT: &str =
    "INSERT INTO lines (tenant, run, kind, source_id, member_id, action, record, member, name, reason,
         changes, owns, away)
     SELECT $1, $2, value->>'kind', value->>'source_id', value->>'member_id', value->>'action',
         value->>'record', value->>'member', value->>'name', value->>'reason', value->>'changes',
         CAST(value->>'owns' AS BIGINT), CAST(value->>'away' AS BIGINT)
     FROM json_each($3) WHERE true
     ON CONFLICT (tenant, run, kind, source_id, member_id) DO UPDATE SET action = EXCLUDED.action,
         record = EXCLUDED.record, name = EXCLUDED.name, reason = EXCLUDED.reason,
         changes = EXCLUDED.changes, owns = EXCLUDED.owns, away = EXCLUDED.away";

/// Forgets the lines of a run that is planned anew, within a transaction.
pub(crate) async fn forget_lines(write: &mut Write, lease: Lease) -> Result<(), StoreError> {
    write
        .query("DELETE FROM lines WHERE tenant = $1 AND run = $2")
        .bind(lease.tenant)
        .bind(lease.run)
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// Writes lines, as a JSON array of rows, within a transaction.
pub(crate) async fn insert_lines(
    write: &mut Write,
    tenant: i64,
    run: i64,
    lines: String,
) -> Result<(), StoreError> {
    write.query(INSERT).bind(tenant).bind(run).bind(lines).execute(&mut **write).await?;
    Ok(())
}

/// How many lines a run's plan has.
pub(crate) const OF_THE_PLAN: &str = "SELECT COUNT(*) FROM lines WHERE tenant = $1 AND run = $2";

/// How many lines there are of a kind and action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// What they are about.
    pub kind: RecordKind,
    /// What they do.
    pub action: Action,
    /// How many.
    pub count: u64,
}

/// The runs that the guard looks at: this one, and what was applied lately and not taken back.
const WINDOW: &str = "l.run IN (SELECT r.id FROM runs r WHERE r.tenant = $1 AND r.connection = $3
    AND (r.id = $2 OR (r.applied = 1 AND r.accepted IS NULL AND r.finished_at > $4 AND r.intent <> 'undo'
        AND NOT EXISTS (SELECT 1 FROM runs u WHERE u.tenant = $1 AND u.undoes = r.id AND u.applied = 1))))";
/// Somebody loses something. That it isn't 0 is said as well, which is how SQLite finds the index of such lines.
const AWAY: &str = "l.away <> 0 AND l.away = 1";
/// Lines of this run.
const NOW: &str = "COALESCE(SUM(CASE WHEN l.run = $2 THEN 1 ELSE 0 END), 0)";
/// Lines of the runs before.
const BEFORE: &str = "COALESCE(SUM(CASE WHEN l.run <> $2 THEN 1 ELSE 0 END), 0)";
/// Those of them whose record isn't among what is counted now: who was disabled at the source still is.
const GONE_BEFORE: &str = "COALESCE(SUM(CASE WHEN l.run <> $2 AND (l.action <> 'deactivate'
    OR l.changes->'leaving' IS NOT NULL) THEN 1 ELSE 0 END), 0)";

/// Which changes are wanted; none of a kind means all.
#[derive(Clone, Debug, Default)]
pub struct ChangeFilter {
    /// Of this run.
    pub run: Option<i64>,
    /// From this moment, milliseconds since 1970.
    pub since: Option<i64>,
    /// Before this moment.
    pub until: Option<i64>,
    /// About this record of the directory, also as a member or as the group of a membership.
    pub record: Option<String>,
    /// group, membership or user.
    pub kind: Option<String>,
    /// With this action.
    pub action: Option<String>,
    /// Of this field.
    pub field: Option<String>,
}

/// A line of an applied run.
#[derive(Clone, Debug, Deserialize)]
pub struct AppliedChange {
    /// The number of the change: history is in this order.
    pub change: i64,
    /// The run.
    pub run: i64,
    /// When it was applied, milliseconds since 1970.
    pub at: i64,
    /// The connection's name at the time.
    pub connection: String,
    /// Who started it.
    pub by: String,
    /// The line.
    pub line: LineRow,
}

/// Where a page of lines ended.
pub type After<'a> = (&'a str, &'a str, &'a str);

/// Deletes the users and groups that lines of a run delete, with all that hangs on them, and the memberships that its lines remove.
pub(crate) async fn delete_by_lines(write: &mut Write, tenant: i64, run: i64) -> Result<(), StoreError> {
    let of = |kind: &str| {
        format!(
            "SELECT record FROM lines WHERE tenant = $1 AND run = $2 AND kind = '{kind}' AND action = 'delete'"
        )
    };
    let (users, groups) = (of("user"), of("group"));
    for sql in [
        format!("UPDATE users SET manager = NULL WHERE tenant = $1 AND manager IN ({users})"),
        format!("DELETE FROM memberships WHERE tenant = $1 AND member_id IN ({users})"),
        format!("DELETE FROM memberships WHERE tenant = $1 AND member_id IN ({groups})"),
        format!("DELETE FROM memberships WHERE tenant = $1 AND group_id IN ({groups})"),
        format!("DELETE FROM user_links WHERE tenant = $1 AND record IN ({users})"),
        format!("DELETE FROM group_links WHERE tenant = $1 AND record IN ({groups})"),
        format!("DELETE FROM manual_addresses WHERE tenant = $1 AND record IN ({users})"),
        format!("DELETE FROM users WHERE tenant = $1 AND id IN ({users})"),
        format!("DELETE FROM groups WHERE tenant = $1 AND id IN ({groups})"),
    ] {
        write.query(sql).bind(tenant).bind(run).execute(&mut **write).await?;
    }
    Ok(())
}

/// How many users or groups the connection has, `$2`, and those have that give way to it.
fn held_of(kind: &str, also: &str, former: &Former) -> String {
    let own = format!("SELECT COUNT(*) FROM {kind}_links l WHERE l.tenant = $1 AND l.connection = $2 {also}");
    if former.yielding().is_empty() {
        return own;
    }
    format!(
        "SELECT ({own}) + (SELECT COUNT(*) FROM {kind}s r WHERE r.tenant = $1 AND {}
             AND NOT EXISTS (SELECT 1 FROM {kind}_links k WHERE k.tenant = $1 AND k.connection = $2 AND k.record = r.id))",
        former.gives_way("r.origin")
    )
}

/// Hashes the plan of a run as it lies, within a transaction or without.
pub(crate) async fn hash_lines(
    dialect: &Dialect,
    connection: &mut AnyConnection,
    lease: Lease,
    basis: &str,
) -> Result<PlanHash, StoreError> {
    let mut hasher = PlanHasher::new(basis);
    let mut after = (String::new(), String::new(), String::new());
    loop {
        let row = dialect
            .query(
                "SELECT json_group_array(json_array(kind, action, source_id, member_id, changes)) FROM (
             SELECT kind, action, source_id, member_id, changes FROM lines
             WHERE tenant = $1 AND run = $2 AND (kind, source_id, member_id) > ($3, $4, $5)
             ORDER BY kind, source_id, member_id LIMIT 2000)"
                    .into(),
            )
            .bind(lease.tenant)
            .bind(lease.run)
            .bind(&after.0)
            .bind(&after.1)
            .bind(&after.2)
            .fetch_one(&mut *connection)
            .await?;
        let lines: Vec<(String, String, String, String, String)> = page(&row)?;
        let Some((kind, _, key, member, _)) = lines.last() else { break };
        after = (kind.clone(), key.clone(), member.clone());
        for (kind, action, key, member, changes) in &lines {
            hasher.stored(kind, action, key, member, changes);
        }
    }
    Ok(hasher.finish())
}

impl Store {
    /// Forgets the lines of a run that is planned anew.
    pub async fn clear_lines(&self, lease: Lease) -> Result<(), StoreError> {
        self.query("DELETE FROM lines WHERE tenant = $1 AND run = $2")
            .bind(lease.tenant)
            .bind(lease.run)
            .execute(self.pool())
            .await?;
        Ok(())
    }

    /// Writes lines. One about the same record replaces the one before.
    pub async fn write_lines(&self, lease: Lease, lines: &[LineRow]) -> Result<(), StoreError> {
        if lines.is_empty() {
            return Ok(());
        }
        self.query(INSERT)
            .bind(lease.tenant)
            .bind(lease.run)
            .bind(rows(&lines)?)
            .execute(self.pool())
            .await?;
        failpoint("plan.lines");
        Ok(())
    }

    /// The next lines of a run after a place, in the plan's order.
    pub async fn lines(
        &self,
        tenant: i64,
        run: i64,
        after: After<'_>,
        limit: i64,
    ) -> Result<Vec<LineRow>, StoreError> {
        let row = self.query(
            format!("SELECT json_group_array({LINE}) FROM (
             SELECT * FROM lines WHERE tenant = $1 AND run = $2 AND (kind, source_id, member_id) > ($3, $4, $5)
             ORDER BY kind, source_id, member_id LIMIT $6)"),
        )
        .bind(tenant)
        .bind(run)
        .bind(after.0)
        .bind(after.1)
        .bind(after.2)
        .bind(limit)
        .fetch_one(self.pool())
        .await?;
        page(&row)
    }

    /// The next changes that were applied, after a place, oldest first.
    pub async fn applied_changes(
        &self,
        tenant: i64,
        filter: &ChangeFilter,
        after: (i64, After<'_>),
        limit: i64,
    ) -> Result<Vec<AppliedChange>, StoreError> {
        let (change, after) = after;
        let row = self
            .query(
                format!("SELECT json_group_array(json_object('change', change, 'run', run, 'at', at, 'connection', connection, 'by', started_by,
                     'line', {LINE})) FROM (
                 SELECT l.*, r.change, r.finished_at AS at, r.connection_name AS connection, r.started_by
                 FROM runs r CROSS JOIN lines l
                 WHERE r.tenant = $1 AND r.change IS NOT NULL AND r.change >= $2 AND l.tenant = $1 AND l.run = r.id
                   AND (r.change, l.kind, l.source_id, l.member_id) > ($2, $3, $4, $5)
                   AND ($6 = 0 OR r.id = $6) AND r.finished_at >= $7 AND r.finished_at < $8
                   AND ($9 = '' OR l.record = $9 OR l.member = $9) AND ($10 = '' OR l.kind = $10)
                   AND ($11 = '' OR l.action = $11) AND ($12 = '' OR l.changes->$12 IS NOT NULL)
                 ORDER BY r.change, l.kind, l.source_id, l.member_id LIMIT $13)"),
            )
            .bind(tenant)
            .bind(change)
            .bind(after.0)
            .bind(after.1)
            .bind(after.2)
            .bind(filter.run.unwrap_or(0))
            .bind(filter.since.unwrap_or(0))
            .bind(filter.until.unwrap_or(i64::MAX))
            .bind(filter.record.clone().unwrap_or_default())
            .bind(filter.kind.clone().unwrap_or_default())
            .bind(filter.action.clone().unwrap_or_default())
            .bind(filter.field.clone().unwrap_or_default())
            .bind(limit)
            .fetch_one(self.pool())
            .await?;
        page(&row)
    }

    /// The id of the user whom the history last knew by this name, source id or id.
    pub async fn record_once_named(&self, tenant: i64, who: &str) -> Result<Option<String>, StoreError> {
        let row = self
            .query(
                "SELECT l.record FROM lines l JOIN runs r ON r.tenant = l.tenant AND r.id = l.run
                 WHERE l.tenant = $1 AND r.applied = 1 AND l.kind = 'user' AND (l.name = $2 OR l.source_id = $2 OR l.record = $2)
                 ORDER BY r.change DESC LIMIT 1",
            )
            .bind(tenant)
            .bind(who)
            .fetch_optional(self.pool())
            .await?;
        row.map(|row| Ok(row.try_get(0)?)).transpose()
    }

    /// All applied lines about one directory record, the newest first, with the run's number.
    pub async fn history(
        &self,
        tenant: i64,
        record: &str,
        limit: i64,
    ) -> Result<Vec<(i64, LineRow)>, StoreError> {
        let row = self
            .query(format!(
                "SELECT json_group_array(json_array(run, {LINE})) FROM (
             SELECT l.* FROM lines l JOIN runs r ON r.tenant = l.tenant AND r.id = l.run
             WHERE l.tenant = $1 AND l.record = $2 AND l.kind <> 'membership' AND r.applied = 1
             ORDER BY r.change DESC LIMIT $3)"
            ))
            .bind(tenant)
            .bind(record)
            .bind(limit)
            .fetch_one(self.pool())
            .await?;
        page(&row)
    }

    /// Hashes the plan as it lies.
    pub async fn hash_lines(&self, lease: Lease, basis: &str) -> Result<PlanHash, StoreError> {
        let mut connection = self.pool().acquire().await?;
        hash_lines(self.dialect(), &mut connection, lease, basis).await
    }

    /// How many lines a run has of each kind and action.
    pub async fn tally(&self, tenant: i64, run: i64) -> Result<Vec<Tally>, StoreError> {
        let rows = self.query(
            "SELECT kind, action, COUNT(*) FROM lines WHERE tenant = $1 AND run = $2 GROUP BY kind, action",
        )
        .bind(tenant)
        .bind(run)
        .fetch_all(self.pool())
        .await?;
        rows.iter()
            .map(|row| {
                let (kind, action): (String, String) = (row.try_get(0)?, row.try_get(1)?);
                Ok(Tally {
                    kind: word(&kind, "kind of line")?,
                    action: word(&action, "action")?,
                    count: unsigned(row.try_get(2)?),
                })
            })
            .collect()
    }

    /// How many linked users and groups this run's lines don't touch.
    pub async fn count_untouched(&self, lease: Lease) -> Result<(u64, u64), StoreError> {
        let row = self.query(
            "SELECT
             (SELECT COUNT(*) FROM user_links l JOIN runs r ON r.tenant = $1 AND r.id = $2 AND l.connection = r.connection
              WHERE l.tenant = $1 AND l.left_at IS NULL) -
             (SELECT COUNT(*) FROM lines n WHERE n.tenant = $1 AND n.run = $2 AND n.kind = 'user' AND (n.action IN ('update', 'unlink')
                  OR (n.action IN ('deactivate', 'delete') AND n.changes->>'leaving' IS NULL)
                  OR (n.action = 'deactivate' AND n.changes->'leaving'->>1 IS NOT NULL AND n.changes->'leaving'->>0 IS NULL)
                  OR (n.action = 'reactivate' AND n.changes->>'leaving' IS NULL)
                  OR (n.action = 'adopt' AND EXISTS (SELECT 1 FROM user_links k JOIN runs q ON q.tenant = $1 AND q.id = $2 AND k.connection = q.connection
                      WHERE k.tenant = $1 AND k.source_id = n.source_id AND k.left_at IS NULL)))),
             (SELECT COUNT(*) FROM group_links l JOIN runs r ON r.tenant = $1 AND r.id = $2 AND l.connection = r.connection
              WHERE l.tenant = $1) -
             (SELECT COUNT(*) FROM lines n WHERE n.tenant = $1 AND n.run = $2 AND n.kind = 'group'
                  AND (n.action IN ('update', 'delete', 'unlink')
                      OR (n.action = 'adopt' AND EXISTS (SELECT 1 FROM group_links k JOIN runs q ON q.tenant = $1 AND q.id = $2 AND k.connection = q.connection
                          WHERE k.tenant = $1 AND k.source_id = n.source_id))))",
        )
        .bind(lease.tenant)
        .bind(lease.run)
        .fetch_one(self.pool())
        .await?;
        Ok((unsigned(row.try_get(0)?), unsigned(row.try_get(1)?)))
    }

    /// A statement over [`WINDOW`]: tenant, run, connection and the moment are the first four parameters.
    fn within<'q>(&self, sql: String, lease: Lease, connection: i64, since: i64) -> Statement<'q> {
        self.query(sql).bind(lease.tenant).bind(lease.run).bind(connection).bind(since)
    }

    /// What the guard counts: going and of how many, over this run and what was applied since a moment without having been agreed to although
    /// it was held. What connections brought that give way is counted as this one's.
    pub async fn guard_counts(
        &self,
        lease: Lease,
        connection: i64,
        former: &Former,
        since: i64,
        at_least: u64,
    ) -> Result<Vec<Count>, StoreError> {
        let mut counts = Vec::new();
        for (what, kind, base) in [
            ("users", "user", held_of("user", "AND l.left_at IS NULL", former)),
            ("groups", "group", held_of("group", "", former)),
            (
                "memberships",
                "membership",
                format!(
                    "SELECT COUNT(*) FROM memberships WHERE tenant = $1 AND (owner = $2 OR {})",
                    former.gives_way("owner")
                ),
            ),
        ] {
            let sql = format!(
                "SELECT {NOW}, {BEFORE}, {GONE_BEFORE} FROM lines l INDEXED BY lines_away
                 WHERE l.tenant = $1 AND {WINDOW} AND l.kind = $5 AND {AWAY}"
            );
            let row = self.within(sql, lease, connection, since).bind(kind).fetch_one(self.pool()).await?;
            let (now, before) = (unsigned(row.try_get(0)?), unsigned(row.try_get(1)?));
            let gone = unsigned(row.try_get(2)?);
            if now == 0 {
                continue;
            }
            let row = self.query(base).bind(lease.tenant).bind(connection).fetch_one(self.pool()).await?;
            let of = unsigned(row.try_get(0)?);
            counts.push(Count { what: what.to_owned(), going: now + before, of: of + gone });
        }
        counts.extend(self.members_going(lease, connection, former, since, at_least).await?);
        counts.extend(self.values_going(lease, connection, former, since).await?);
        Ok(counts)
    }

    /// Each group's members, but not those of a group that goes itself: that is one group going.
    async fn members_going(
        &self,
        lease: Lease,
        connection: i64,
        former: &Former,
        since: i64,
        at_least: u64,
    ) -> Result<Vec<Count>, StoreError> {
        let theirs = former.gives_way("m.owner");
        let sql = format!(
            "SELECT json_group_array(json_array(name, now, before, has)) FROM (
             SELECT COALESCE((SELECT g.display_name FROM groups g WHERE g.tenant = $1 AND g.id = x.record), x.record) AS name,
                 x.now, x.before,
                 (SELECT COUNT(*) FROM memberships m WHERE m.tenant = $1 AND m.group_id = x.record AND (m.owner = $3 OR {theirs})) AS has
             FROM (SELECT l.record, {NOW} AS now, {BEFORE} AS before FROM lines l INDEXED BY lines_away
                   WHERE l.tenant = $1 AND {WINDOW} AND l.kind = 'membership' AND {AWAY}
                     AND NOT EXISTS (SELECT 1 FROM lines d WHERE d.tenant = $1 AND d.run = $2 AND d.kind = 'group'
                         AND d.source_id = l.source_id AND d.action = 'delete')
                   GROUP BY l.record) x
             WHERE x.now > 0 AND x.now + x.before >= $5 ORDER BY 1)"
        );
        let row = self
            .within(sql, lease, connection, since)
            .bind(i64::try_from(at_least).unwrap_or(i64::MAX))
            .fetch_one(self.pool())
            .await?;
        Ok(page::<(String, i64, i64, i64)>(&row)?
            .into_iter()
            .map(|(name, now, before, has)| Count {
                what: format!("members of {name}"),
                going: unsigned(now + before),
                of: unsigned(has + before),
            })
            .collect())
    }

    /// Values that records which stay lose: a source that lost a column clears everybody's.
    async fn values_going(
        &self,
        lease: Lease,
        connection: i64,
        former: &Former,
        since: i64,
    ) -> Result<Vec<Count>, StoreError> {
        let whose = format!("(origin = $2 OR {})", former.gives_way("origin"));
        let sql = format!(
            "SELECT json_group_array(json_array(kind, field, now, before)) FROM (
             SELECT l.kind, j.key AS field, {NOW} AS now, {BEFORE} AS before
             FROM lines l INDEXED BY lines_away CROSS JOIN json_each(l.changes) j
             WHERE l.tenant = $1 AND {WINDOW} AND l.kind IN ('user', 'group') AND l.away <> 0
               AND l.action IN ('update', 'reactivate', 'deactivate', 'adopt') AND j.key NOT IN ('leaving', 'path', 'linked')
               AND j.value->>0 IS NOT NULL AND j.value->>1 IS NULL
             GROUP BY 1, 2) WHERE now > 0"
        );
        let row = self.within(sql, lease, connection, since).fetch_one(self.pool()).await?;
        let mut counts = Vec::new();
        for (kind, field, now, before) in page::<(String, String, i64, i64)>(&row)? {
            let holders = match (kind.as_str(), field.as_str()) {
                ("user", usher_model::MANAGER) => {
                    format!(
                        "SELECT COUNT(*) FROM users WHERE tenant = $1 AND {whose} AND manager IS NOT NULL AND $3 <> ''"
                    )
                }
                ("user", _) => {
                    format!(
                        "SELECT COUNT(*) FROM users WHERE tenant = $1 AND {whose} AND attributes->>$3 IS NOT NULL"
                    )
                }
                _ => {
                    format!(
                        "SELECT COUNT(*) FROM groups WHERE tenant = $1 AND {whose} AND attributes->>$3 IS NOT NULL"
                    )
                }
            };
            let row = self
                .query(holders)
                .bind(lease.tenant)
                .bind(connection)
                .bind(&field)
                .fetch_one(self.pool())
                .await?;
            counts.push(Count {
                what: format!("values of {field} of {kind}s"),
                going: unsigned(now + before),
                of: unsigned(row.try_get::<i64, _>(0)? + before),
            });
        }
        Ok(counts)
    }

    /// How many lines of this run take something away that the accepted run's plan doesn't. A deletion that was seen covers a
    /// deactivation, and leaving covers being disabled, not the other way round: who leaves is deleted in the end.
    pub async fn beyond(&self, lease: Lease, accepted: &Run) -> Result<u64, StoreError> {
        let row = self.query(
            "SELECT COUNT(*) FROM lines n
             WHERE n.tenant = $1 AND n.run = $2 AND (n.action IN ('deactivate', 'delete', 'remove') OR n.away <> 0)
               AND NOT EXISTS (SELECT 1 FROM lines o WHERE o.tenant = $1 AND o.run = $3 AND o.kind = n.kind
                   AND o.source_id = n.source_id AND o.member_id = n.member_id
                   AND CASE WHEN n.away = 2 THEN o.changes = n.changes
                       WHEN o.action = 'delete' THEN n.action IN ('delete', 'deactivate')
                       WHEN n.action = 'adopt' THEN o.action = 'adopt' AND o.away = 1 AND o.changes = n.changes
                       ELSE o.action = n.action AND (n.changes->'leaving' IS NULL OR o.changes->'leaving' IS NOT NULL) END)",
        )
        .bind(lease.tenant)
        .bind(lease.run)
        .bind(accepted.id)
        .fetch_one(self.pool())
        .await?;
        Ok(unsigned(row.try_get(0)?))
    }
}
