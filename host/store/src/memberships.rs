//! Planning memberships, all in SQL: what the source has between records that are in, against what the connection added.

use crate::database::{Store, Write};
use crate::error::StoreError;
use crate::leases::Lease;
use crate::lines::OF_THE_PLAN;
use crate::reads::Read;
use crate::switch::Former;
use sqlx::Row;

/// Pairs looked at in one statement. What comes of them is held in memory before it is written, since they are judged by other lines.
const PAGE: i64 = 20_000;

/// The last of the next pairs of the overlay after one.
const END: &str = "SELECT group_id, member_id, kind FROM (
        SELECT group_id, member_id, kind FROM staged_members
        WHERE tenant = $1 AND read = $2 AND op <> 0 AND (group_id, member_id, kind) > ($3, $4, $5)
        ORDER BY group_id, member_id, kind LIMIT $6)
    ORDER BY group_id DESC, member_id DESC, kind DESC LIMIT 1";

/// A pair: group, member, kind.
type Pair = (String, String, String);

/// Pairs of the overlay, after one and up to one, with what both ends come to: the records that they are linked to or that this plan makes of
/// them, what to call them, and whether the source has the pair and both ends are in after this run.
const PAIRS: &str = "SELECT s.group_id, s.member_id, s.kind, s.op, COALESCE(gl.record, gn.record) AS record,
        COALESCE(ul.record, ml.record, mn.record) AS member,
        COALESCE(mn.name, mu.user_name, mg.display_name, s.member_id) || ' in '
            || COALESCE(gn.name, gg.display_name, s.group_id) AS name,
        CASE WHEN s.op <> 2
            AND (gl.record IS NOT NULL AND COALESCE(gn.action, '') NOT IN ('delete', 'unlink')
                OR COALESCE(gn.action, '') IN ('create', 'link', 'adopt'))
            AND (ul.record IS NOT NULL AND ul.left_at IS NULL AND COALESCE(mn.action, '') NOT IN ('delete', 'unlink')
                    AND NOT (COALESCE(mn.action, '') = 'deactivate' AND EXISTS (SELECT 1 FROM lines d WHERE d.tenant = $1 AND d.run = $4
                        AND d.kind = mn.kind AND d.source_id = mn.source_id AND d.member_id = '' AND d.changes->>'leaving' IS NOT NULL))
                OR ml.record IS NOT NULL AND COALESCE(mn.action, '') NOT IN ('delete', 'unlink')
                OR COALESCE(mn.action, '') IN ('create', 'link', 'adopt', 'reactivate'))
            THEN 1 ELSE 0 END AS wanted
    FROM staged_members s
    LEFT JOIN group_links gl ON gl.tenant = $1 AND gl.connection = $3 AND gl.source_id = s.group_id
    LEFT JOIN lines gn INDEXED BY lines_ends ON gn.tenant = $1 AND gn.run = $4 AND gn.kind = 'group' AND gn.source_id = s.group_id
        AND gn.member_id = ''
    LEFT JOIN groups gg ON gg.tenant = $1 AND gg.id = gl.record
    LEFT JOIN lines mn INDEXED BY lines_ends ON mn.tenant = $1 AND mn.run = $4 AND mn.kind = s.kind AND mn.source_id = s.member_id
        AND mn.member_id = ''
    LEFT JOIN user_links ul ON s.kind = 'user' AND ul.tenant = $1 AND ul.connection = $3 AND ul.source_id = s.member_id
    LEFT JOIN users mu ON mu.tenant = $1 AND mu.id = ul.record
    LEFT JOIN group_links ml ON s.kind = 'group' AND ml.tenant = $1 AND ml.connection = $3 AND ml.source_id = s.member_id
    LEFT JOIN groups mg ON mg.tenant = $1 AND mg.id = ml.record
    WHERE s.tenant = $1 AND s.read = $2 AND s.op <> 0
        AND (s.group_id, s.member_id, s.kind) > ($5, $6, $7) AND (s.group_id, s.member_id, s.kind) <= ($8, $9, $10)";

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

/// Whether a plan takes somebody or something over.
async fn adopts(write: &mut Write, lease: Lease) -> Result<bool, StoreError> {
    let row = write
        .query(
            "SELECT CAST(EXISTS (SELECT 1 FROM lines WHERE tenant = $1 AND run = $2 AND kind IN ('group', 'user') AND action = 'adopt')
                 AS INTEGER)",
        )
        .bind(lease.tenant)
        .bind(lease.run)
        .fetch_one(&mut **write)
        .await?;
    Ok(sqlx::Row::try_get::<i64, _>(&row, 0)? == 1)
}

/// What former connections brought between records that are this one's by now, or linked to it, and that its source doesn't have.
fn not_taken_over(insert: &str, former: &Former) -> String {
    // A group that is another's keeps what it has.
    let own = "AND EXISTS (SELECT 1 FROM groups o WHERE o.tenant = $1 AND o.id = l.record AND o.origin = $3)";
    let linked = |kind: &str, also: &str| {
        format!(
            "SELECT '{kind}' AS kind, l.record, l.source_id FROM {kind}_links l WHERE l.tenant = $1 AND l.connection = $3 {also}
                 AND NOT EXISTS (SELECT 1 FROM lines n WHERE n.tenant = $1 AND n.run = $4 AND n.kind = '{kind}'
                     AND n.source_id = l.source_id AND n.member_id = '' AND n.action IN ('delete', 'unlink'))"
        )
    };
    format!(
        "{insert}
         WITH known AS MATERIALIZED ({} UNION {}
             UNION SELECT n.kind, n.record, n.source_id FROM lines n
             WHERE n.tenant = $1 AND n.run = $4 AND n.kind IN ('group', 'user') AND n.action IN ('adopt', 'link'))
         SELECT $1, $4, 'membership', g.source_id, substr(h.kind, 1, 1) || ':' || m.source_id, 'remove', h.group_id, h.member_id,
             COALESCE((SELECT u.user_name FROM users u WHERE u.tenant = $1 AND u.id = h.member_id),
                 (SELECT o.display_name FROM groups o WHERE o.tenant = $1 AND o.id = h.member_id)) || ' in '
                 || (SELECT o.display_name FROM groups o WHERE o.tenant = $1 AND o.id = h.group_id),
             'the source has no such membership', '{{}}', 0, 1
         FROM memberships h CROSS JOIN known g CROSS JOIN known m
         WHERE h.tenant = $1 AND {} AND $2 > 0 AND g.kind = 'group' AND g.record = h.group_id
           AND m.kind = h.kind AND m.record = h.member_id
           AND NOT EXISTS (SELECT 1 FROM memberships o WHERE o.tenant = $1 AND o.group_id = h.group_id AND o.member_id = h.member_id
               AND o.owner = $3)
         ON CONFLICT DO NOTHING",
        linked("group", own),
        linked("user", ""),
        former.has("h.owner"),
    )
}

/// Runs a statement over [`PAIRS`].
async fn of_pairs(
    write: &mut Write,
    lease: Lease,
    read: Read,
    sql: &str,
    after: &Pair,
    end: &Pair,
) -> Result<(), StoreError> {
    write
        .query(sql.to_owned())
        .bind(read.tenant)
        .bind(read.id)
        .bind(read.connection)
        .bind(lease.run)
        .bind(&after.0)
        .bind(&after.1)
        .bind(&after.2)
        .bind(&end.0)
        .bind(&end.1)
        .bind(&end.2)
        .execute(&mut **write)
        .await?;
    Ok(())
}

async fn end_of_page(write: &mut Write, read: Read, after: &Pair) -> Result<Option<Pair>, StoreError> {
    let row = write
        .query(END)
        .bind(read.tenant)
        .bind(read.id)
        .bind(&after.0)
        .bind(&after.1)
        .bind(&after.2)
        .bind(PAGE)
        .fetch_optional(&mut **write)
        .await?;
    row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).transpose()
}

async fn owns_any(write: &mut Write, read: Read) -> Result<bool, StoreError> {
    let row = write
        .query("SELECT 1 FROM memberships WHERE tenant = $1 AND owner = $2 LIMIT 1")
        .bind(read.tenant)
        .bind(read.connection)
        .fetch_optional(&mut **write)
        .await?;
    Ok(row.is_some())
}

impl Store {
    /// Writes the lines of all memberships that come or go. `all` looks at every membership that the source has; else only
    /// those that changed, and those of users and groups who come in or go out by this plan's other lines.
    pub async fn plan_memberships(
        &self,
        lease: Lease,
        read: Read,
        former: &Former,
        all: bool,
        removals: bool,
    ) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        Self::hold_lease(&mut write, lease).await?;
        // Who was taken over is looked at with all that others brought him.
        let all = all || !former.is_empty() && adopts(&mut write, lease).await?;
        if Self::has_grown(&mut write, OF_THE_PLAN, lease.tenant, lease.run).await? {
            Self::analyze(&mut write, &["lines"]).await?;
        }
        let flips = "SELECT f.source_id FROM lines f WHERE f.tenant = $1 AND f.run = $4 AND f.member_id = ''
             AND (f.action IN ('create', 'link', 'adopt', 'reactivate', 'delete', 'unlink')
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
        let action = if former.is_empty() {
            "'add'".to_owned()
        } else {
            let theirs = format!(
                "EXISTS (SELECT 1 FROM memberships f WHERE f.tenant = $1 AND f.group_id = x.record AND f.member_id = x.member AND {})",
                former.has("f.owner")
            );
            format!("CASE WHEN {theirs} THEN 'adopt' ELSE 'add' END")
        };
        let adds = format!(
            "{insert}
             SELECT $1, $4, 'membership', x.group_id, substr(x.kind, 1, 1) || ':' || x.member_id, {action}, x.record, x.member,
                 x.name, 'the source has it', '{{}}', 0, 0
             FROM ({PAIRS}) x
             WHERE x.wanted = 1 AND NOT EXISTS (SELECT 1 FROM memberships h
                 WHERE h.tenant = $1 AND h.group_id = x.record AND h.member_id = x.member AND h.owner = $3)
             ON CONFLICT DO NOTHING"
        );
        let removes = format!(
            "{insert}
             SELECT $1, $4, 'membership', x.group_id, substr(x.kind, 1, 1) || ':' || x.member_id, 'remove', x.record,
                 x.member, x.name,
                 CASE WHEN x.op = 2 THEN 'the source no longer has it' ELSE 'one of the two goes out' END,
                 '{{}}', 0, 1
             FROM ({PAIRS}) x
             WHERE x.wanted = 0 AND EXISTS (SELECT 1 FROM memberships h
                 WHERE h.tenant = $1 AND h.group_id = x.record AND h.member_id = x.member AND h.owner = $3)
             ON CONFLICT DO NOTHING"
        );
        let removed = removals && owns_any(&mut write, read).await?;
        let mut after = Pair::default();
        while let Some(end) = end_of_page(&mut write, read, &after).await? {
            of_pairs(&mut write, lease, read, &adds, &after, &end).await?;
            if removed {
                of_pairs(&mut write, lease, read, &removes, &after, &end).await?;
            }
            after = end;
        }
        if removals && all && !former.is_empty() {
            run(&mut write, lease, read, not_taken_over(insert, former)).await?;
        }
        if removed {
            // What this connection added and the source doesn't know under the person's key: it is another one since he was linked anew.
            let strays = format!(
                "{insert}
                 SELECT $1, $4, 'membership', x.group_id, 'u:' || x.member_id, 'remove', x.record, x.member, x.name,
                     'the source has no such membership under this key', '{{}}', 0, 1
                 FROM (SELECT gl.source_id AS group_id, d.source_id AS member_id, 'user' AS kind, h.group_id AS record,
                         h.member_id AS member,
                         (SELECT u.user_name FROM users u WHERE u.tenant = $1 AND u.id = h.member_id) || ' in '
                             || (SELECT g.display_name FROM groups g WHERE g.tenant = $1 AND g.id = h.group_id) AS name
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
