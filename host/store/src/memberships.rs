//! Planning memberships, all in SQL: what the source has between records that are in, against what the connection added.

use crate::database::{Store, Write};
use crate::error::StoreError;
use crate::leases::Lease;
use crate::reads::Read;

/// A user's source id stands for somebody who is in after this run.
macro_rules! user_in {
    ($id:literal) => {
        concat!(
            "(EXISTS (SELECT 1 FROM user_links l WHERE l.tenant = $1 AND l.connection = $3 AND l.source_id = ", $id,
            " AND l.left_at IS NULL) AND NOT EXISTS (SELECT 1 FROM lines g WHERE g.tenant = $1 AND g.run = $4
               AND g.kind = 'user' AND g.source_id = ", $id, " AND g.member_id = '' AND (g.action IN ('delete', 'unlink')
               OR (g.action = 'deactivate' AND g.changes->>'leaving' IS NOT NULL)))
             OR EXISTS (SELECT 1 FROM lines c WHERE c.tenant = $1 AND c.run = $4 AND c.kind = 'user'
               AND c.source_id = ", $id, " AND c.member_id = '' AND c.action IN ('create', 'link', 'reactivate')))"
        )
    };
}

/// A group's source id stands for one that is in after this run.
macro_rules! group_in {
    ($id:literal) => {
        concat!(
            "(EXISTS (SELECT 1 FROM group_links l WHERE l.tenant = $1 AND l.connection = $3 AND l.source_id = ", $id,
            ") AND NOT EXISTS (SELECT 1 FROM lines g WHERE g.tenant = $1 AND g.run = $4 AND g.kind = 'group'
               AND g.source_id = ", $id, " AND g.member_id = '' AND g.action IN ('delete', 'unlink'))
             OR EXISTS (SELECT 1 FROM lines c WHERE c.tenant = $1 AND c.run = $4 AND c.kind = 'group'
               AND c.source_id = ", $id, " AND c.member_id = '' AND c.action IN ('create', 'link')))"
        )
    };
}

/// A pair of the overlay that the source has and whose both ends are in.
macro_rules! wanted {
    () => {
        concat!(
            "s.op <> 2 AND ",
            group_in!("s.group_id"),
            " AND ((s.kind = 'user' AND ",
            user_in!("s.member_id"),
            ") OR (s.kind = 'group' AND ",
            group_in!("s.member_id"),
            "))"
        )
    };
}

const GROUP_RECORD: &str = "COALESCE(
    (SELECT l.record FROM group_links l WHERE l.tenant = $1 AND l.connection = $3 AND l.source_id = s.group_id),
    (SELECT c.record FROM lines c WHERE c.tenant = $1 AND c.run = $4 AND c.kind = 'group' AND c.source_id = s.group_id
        AND c.member_id = ''))";

const MEMBER_RECORD: &str = "CASE WHEN s.kind = 'user' THEN COALESCE(
    (SELECT l.record FROM user_links l WHERE l.tenant = $1 AND l.connection = $3 AND l.source_id = s.member_id),
    (SELECT c.record FROM lines c WHERE c.tenant = $1 AND c.run = $4 AND c.kind = 'user' AND c.source_id = s.member_id
        AND c.member_id = ''))
    ELSE COALESCE(
    (SELECT l.record FROM group_links l WHERE l.tenant = $1 AND l.connection = $3 AND l.source_id = s.member_id),
    (SELECT c.record FROM lines c WHERE c.tenant = $1 AND c.run = $4 AND c.kind = 'group' AND c.source_id = s.member_id
        AND c.member_id = '')) END";

const NAMES: &str = "COALESCE((SELECT c.name FROM lines c WHERE c.tenant = $1 AND c.run = $4 AND c.kind = x.kind
        AND c.source_id = x.member_id AND c.member_id = ''),
    (SELECT u.user_name FROM users u WHERE u.tenant = $1 AND x.kind = 'user' AND u.id = x.member),
    (SELECT g.display_name FROM groups g WHERE g.tenant = $1 AND x.kind = 'group' AND g.id = x.member), x.member_id)
    || ' in ' ||
    COALESCE((SELECT c.name FROM lines c WHERE c.tenant = $1 AND c.run = $4 AND c.kind = 'group'
        AND c.source_id = x.group_id AND c.member_id = ''),
    (SELECT g.display_name FROM groups g WHERE g.tenant = $1 AND g.id = x.record), x.group_id)";

async fn run(write: &mut Write, lease: Lease, read: Read, sql: String) -> Result<(), StoreError> {
    write
        .query(sql)
        .bind(read.tenant)
        .bind(read.id)
        .bind(read.connection)
        .bind(lease.run)
        .execute(&mut **write)
        .await?;
    Ok(())
}

impl Store {
    /// Writes the lines of all memberships that come or go. `all` looks at every membership that the source has; else only
    /// those that changed, and those of users and groups who come in or go out by this plan's other lines.
    pub async fn plan_memberships(
        &self,
        lease: Lease,
        read: Read,
        all: bool,
        removals: bool,
    ) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        Self::hold_lease(&mut write, lease).await?;
        let sql = "SELECT COUNT(*) FROM lines WHERE tenant = $1 AND run = $2";
        let row = write.query(sql).bind(lease.tenant).bind(lease.run).fetch_one(&mut *write).await?;
        let lines = u64::try_from(sqlx::Row::try_get::<i64, _>(&row, 0)?).unwrap_or(0);
        Self::look_at(&mut write, &["lines"], lines).await?;
        let flips = "SELECT f.source_id FROM lines f WHERE f.tenant = $1 AND f.run = $4 AND f.member_id = ''
             AND (f.action IN ('create', 'link', 'reactivate', 'delete', 'unlink')
                 OR (f.action = 'deactivate' AND f.changes->>'leaving' IS NOT NULL))";
        let due = "INSERT INTO staged_members (tenant, read, group_id, member_id, kind, op)
             SELECT $1, $2, m.group_id, m.member_id, m.kind, 5 FROM mirror_members m
             WHERE m.tenant = $1 AND m.connection = $3 AND $4 > 0";
        let settle = "ON CONFLICT (tenant, read, group_id, member_id, kind) DO UPDATE SET op = 5
             WHERE staged_members.op = 0";
        if all {
            run(&mut write, lease, read, format!("{due} {settle}")).await?;
        } else {
            for (kind, column) in [("user", "member_id"), ("group", "member_id")] {
                let sql = format!(
                    "{due} AND m.kind = '{kind}' AND m.{column} IN ({flips} AND f.kind = '{kind}') {settle}"
                );
                run(&mut write, lease, read, sql).await?;
            }
            let sql = format!("{due} AND m.group_id IN ({flips} AND f.kind = 'group') {settle}");
            run(&mut write, lease, read, sql).await?;
            // Somebody linked by hand since the last run has no line, and memberships that never came.
            let sql = format!(
                "{due} AND m.kind = 'user' AND m.member_id IN (SELECT d.source_id FROM staged_users d
                     WHERE d.tenant = $1 AND d.read = $2 AND d.op IN (1, 4, 5)) {settle}"
            );
            run(&mut write, lease, read, sql).await?;
        }
        let insert = "INSERT INTO lines (tenant, run, kind, source_id, member_id, action, record, member, name, reason,
                 changes, owns, away)";
        let adds = format!(
            "{insert}
             SELECT $1, $4, 'membership', x.group_id, substr(x.kind, 1, 1) || ':' || x.member_id, 'add', x.record, x.member,
                 {NAMES}, 'the source has it', '{{}}', 0, 0
             FROM (SELECT s.group_id, s.member_id, s.kind, {GROUP_RECORD} AS record, {MEMBER_RECORD} AS member
                 FROM staged_members s
                 WHERE s.tenant = $1 AND s.read = $2 AND s.op <> 0 AND {wanted}) x
             WHERE x.record IS NOT NULL AND x.member IS NOT NULL AND NOT EXISTS (SELECT 1 FROM memberships h
                 WHERE h.tenant = $1 AND h.group_id = x.record AND h.member_id = x.member AND h.owner = $3)
             ON CONFLICT DO NOTHING",
            wanted = wanted!()
        );
        run(&mut write, lease, read, adds).await?;
        if removals {
            let removes = format!(
                "{insert}
                 SELECT $1, $4, 'membership', x.group_id, substr(x.kind, 1, 1) || ':' || x.member_id, 'remove', x.record,
                     x.member, {NAMES}, CASE WHEN x.op = 2 THEN 'the source no longer has it' ELSE 'one of the two goes out' END,
                     '{{}}', 0, 1
                 FROM (SELECT s.group_id, s.member_id, s.kind, s.op, {GROUP_RECORD} AS record, {MEMBER_RECORD} AS member
                     FROM staged_members s
                     WHERE s.tenant = $1 AND s.read = $2 AND s.op <> 0 AND NOT ({wanted})) x
                 WHERE EXISTS (SELECT 1 FROM memberships h
                     WHERE h.tenant = $1 AND h.group_id = x.record AND h.member_id = x.member AND h.owner = $3)
                 ON CONFLICT DO NOTHING",
                wanted = wanted!()
            );
            run(&mut write, lease, read, removes).await?;
            // What this connection added and the source doesn't know under the person's key: it is another one since he was linked anew.
            let strays = format!(
                "{insert}
                 SELECT $1, $4, 'membership', x.group_id, 'u:' || x.member_id, 'remove', x.record, x.member, {NAMES},
                     'the source has no such membership under this key', '{{}}', 0, 1
                 FROM (SELECT gl.source_id AS group_id, d.source_id AS member_id, 'user' AS kind, h.group_id AS record,
                         h.member_id AS member
                     FROM staged_users d CROSS JOIN user_links l CROSS JOIN memberships h CROSS JOIN group_links gl
                     WHERE d.tenant = $1 AND d.read = $2 AND d.op IN (1, 4, 5)
                       AND l.tenant = $1 AND l.connection = $3 AND l.source_id = d.source_id
                       AND h.tenant = $1 AND h.member_id = l.record AND h.owner = $3
                       AND gl.tenant = $1 AND gl.record = h.group_id AND gl.connection = $3) x
                 WHERE NOT EXISTS (SELECT 1 FROM staged_members s WHERE s.tenant = $1 AND s.read = $2
                         AND s.group_id = x.group_id AND s.member_id = x.member_id AND s.kind = x.kind)
                   AND NOT EXISTS (SELECT 1 FROM mirror_members m WHERE m.tenant = $1 AND m.connection = $3
                         AND m.group_id = x.group_id AND m.member_id = x.member_id AND m.kind = x.kind)
                 ON CONFLICT DO NOTHING"
            );
            run(&mut write, lease, read, strays).await?;
        }
        write.commit().await?;
        Ok(())
    }
}
