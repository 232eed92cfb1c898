//! Apply: directory, mirror, journal and cursor in one transaction, for the holder of the lease only.

use crate::bulk;
use crate::database::{Store, Write, document, page, rows, text};
use crate::error::StoreError;
use crate::failpoint::failpoint;
use crate::history::next_change;
use crate::leases::Lease;
use crate::lines::{LineRow, OF_THE_PLAN};
use crate::mirror::over;
use crate::reads::{Read, drop_overlay};
use crate::runs::{RunState, close};
use crate::switch::{Former, OTHER_HOLDER, take_turn};
use crate::users::attribute_set;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value as Json;
use sqlx::Row as _;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use usher_model::{ACTIVE, DISPLAY_NAME, USER_NAME, fold};
use usher_planner::{Change, Changes, PATH, RecordKind};

/// Lines handled at a time: what an apply holds in memory.
const PAGE: i64 = 1000;

/// What is kept of a run besides its lines.
#[derive(Clone, Debug)]
pub struct Applied<'a> {
    /// The plan's hash.
    pub plan: &'a str,
    /// Whether somebody saw what the guard held and agreed: then it doesn't count against later runs.
    pub agreed: bool,
    /// success, or unchanged where there were no lines.
    pub state: RunState,
    /// Where the source goes on from.
    pub cursor: Option<&'a str>,
    /// What the read rested on.
    pub fingerprint: &'a str,
    /// Chain and scope of the admission.
    pub admitted_by: &'a str,
    /// The connections whose records it may take over; those that give way are idle from now on.
    pub former: &'a Former,
    /// Whether managers are in scope.
    pub managers: bool,
    /// Whether the plan deletes or lets go of any record.
    pub deletions: bool,
    /// The connection's settings, scope and rules: undo returns to those of the run before.
    pub stood_on: &'a Json,
    /// What the plugin wants kept; none takes a key away.
    pub storage: &'a BTreeMap<String, Option<String>>,
    /// The run's report.
    pub report: &'a Json,
    /// Milliseconds since 1970.
    pub now: i64,
}

#[derive(Serialize)]
struct NewUser<'a> {
    id: &'a str,
    source: &'a str,
    name: &'a str,
    key: String,
    active: i64,
    attributes: String,
    paths: Option<String>,
    owns: i64,
}

#[derive(Serialize)]
struct NewGroup<'a> {
    id: &'a str,
    source: &'a str,
    name: &'a str,
    attributes: String,
    owns: i64,
}

/// A record as it is stored, whatever its kind.
#[derive(Deserialize)]
pub(crate) struct Stored {
    id: String,
    name: String,
    active: i64,
    attributes: String,
    paths: Option<String>,
}

/// A record as it becomes.
#[derive(Serialize)]
pub(crate) struct Changed {
    id: String,
    name: String,
    key: String,
    active: i64,
    attributes: String,
    paths: Option<String>,
}

fn after(changes: &Changes, name: &str) -> Option<Json> {
    changes.get(name).and_then(|Change(_, after)| after.clone())
}

fn paths(changes: &Changes) -> Option<String> {
    after(changes, PATH).map(|paths| paths.to_string())
}

/// The attributes that a new record begins with.
fn attributes(kind: RecordKind, changes: &Changes) -> Result<String, StoreError> {
    let map: BTreeMap<_, _> = changes
        .iter()
        .filter(|(name, _)| !kind.fields().contains(&name.as_str()))
        .filter_map(|(name, Change(_, after))| after.as_ref().map(|after| (name, after)))
        .collect();
    text(&map, "record")
}

impl Store {
    /// The number of a set of attribute names.
    pub async fn attribute_set(&self, tenant: i64, names: &BTreeSet<String>) -> Result<i64, StoreError> {
        let mut write = self.write_alone(tenant).await?;
        let id = attribute_set(&mut write, tenant, &text(names, "set of attributes")?).await?;
        write.commit().await?;
        Ok(id)
    }

    /// All sets of attribute names of a tenant, by number: there are as many as there are shapes of records.
    pub async fn attribute_sets(&self, tenant: i64) -> Result<BTreeMap<i64, BTreeSet<String>>, StoreError> {
        let rows = self
            .query("SELECT id, names FROM attribute_sets WHERE tenant = $1")
            .bind(tenant)
            .fetch_all(self.pool())
            .await?;
        rows.iter()
            .map(|row| {
                let names: String = sqlx::Row::try_get(row, 1)?;
                Ok((sqlx::Row::try_get(row, 0)?, document(&names, "set of attributes")?))
            })
            .collect()
    }

    /// Applies the lines of a run, moves the overlay into the mirror, and ends the run. Either all of it is there
    /// afterwards, or nothing.
    pub async fn apply(&self, lease: Lease, read: Read, applied: &Applied<'_>) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        Self::hold_lease(&mut write, lease).await?;
        let large = Self::has_grown(&mut write, OF_THE_PLAN, lease.tenant, lease.run).await?;
        let change = next_change(&mut write, lease.tenant).await?;
        if !applied.former.yielding().is_empty() {
            take_turn(&mut write, lease, read.connection).await?;
        }
        let mut apply = Apply { write: &mut write, lease, read, change, large, now: applied.now };
        apply.analyze(&["lines"]).await?;
        if !applied.former.is_empty() {
            apply.take_over(applied.former).await?;
            failpoint("apply.taken_over");
        }
        apply.groups().await?;
        failpoint("apply.groups");
        apply.free_names().await?;
        apply.users().await?;
        failpoint("apply.users");
        apply.analyze(&["users", "user_links"]).await?;
        apply.memberships(applied.former).await?;
        failpoint("apply.memberships");
        apply.managers(applied.managers).await?;
        failpoint("apply.managers");
        if applied.deletions {
            apply.deletions().await?;
        }
        apply.looked_at().await?;
        failpoint("apply.deletions");
        apply.mirror().await?;
        apply.analyze(&["mirror_users", "mirror_members", "mirror_groups", "group_links"]).await?;
        failpoint("apply.mirror");
        apply.settle(applied).await?;
        close(&mut write, lease, applied.state, Some(applied.plan), applied.report, applied.now).await?;
        failpoint("apply.before_commit");
        write.commit().await?;
        failpoint("apply.after_commit");
        // The overlay has done its work. Dropping it is housekeeping that the next read does too, so it can't make a failure of what is
        // applied.
        if let Err(error) = self.drop_applied(read).await {
            tracing::warn!(run = lease.run, %error, "overlay not dropped");
        }
        Ok(())
    }

    async fn drop_applied(&self, read: Read) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        drop_overlay(&mut write, read).await?;
        write.commit().await?;
        Ok(())
    }
}

struct Apply<'a> {
    write: &'a mut Write,
    lease: Lease,
    read: Read,
    /// The number of this change.
    change: i64,
    /// Whether the plan is so large that what it fills is analyzed.
    large: bool,
    now: i64,
}

impl Apply<'_> {
    async fn analyze(&mut self, tables: &[&str]) -> Result<(), StoreError> {
        if self.large { Store::analyze(self.write, tables).await } else { Ok(()) }
    }

    async fn page(&mut self, kind: &str, after: &str) -> Result<Vec<LineRow>, StoreError> {
        let row = self.write.query(
            "SELECT json_group_array(json_object('kind', kind, 'source_id', source_id, 'member_id', member_id,
                 'action', action, 'record', record, 'member', member, 'name', name, 'reason', '',
                 'changes', changes, 'owns', owns, 'away', away)) FROM (
             SELECT * FROM lines WHERE tenant = $1 AND run = $2 AND kind = $3 AND source_id > $4
             ORDER BY source_id LIMIT $5)",
        )
        .bind(self.lease.tenant)
        .bind(self.lease.run)
        .bind(kind)
        .bind(after)
        .bind(PAGE)
        .fetch_one(&mut **self.write)
        .await?;
        page(&row)
    }

    async fn with_rows(&mut self, sql: &'static str, json: String) -> Result<(), StoreError> {
        self.write
            .query(sql)
            .bind(self.read.tenant)
            .bind(self.read.connection)
            .bind(self.now)
            .bind(json)
            .execute(&mut **self.write)
            .await?;
        Ok(())
    }

    /// Puts rows there, which stand since this change: its number is the fifth parameter.
    async fn put_rows(&mut self, sql: &'static str, json: String) -> Result<(), StoreError> {
        self.write
            .query(sql)
            .bind(self.read.tenant)
            .bind(self.read.connection)
            .bind(self.now)
            .bind(json)
            .bind(self.change)
            .execute(&mut **self.write)
            .await?;
        Ok(())
    }

    /// Puts there what lines say, since this change: its number is the fourth parameter.
    async fn put_lines(&mut self, sql: impl Into<Cow<'static, str>>) -> Result<(), StoreError> {
        self.of_lines(sql, self.change).await
    }

    /// Does what lines say; the fourth parameter is the time.
    async fn lines(&mut self, sql: impl Into<Cow<'static, str>>) -> Result<(), StoreError> {
        self.of_lines(sql, self.now).await
    }

    async fn of_lines(&mut self, sql: impl Into<Cow<'static, str>>, last: i64) -> Result<(), StoreError> {
        self.write
            .query(sql)
            .bind(self.read.tenant)
            .bind(self.read.connection)
            .bind(self.lease.run)
            .bind(last)
            .execute(&mut **self.write)
            .await?;
        Ok(())
    }

    async fn groups(&mut self) -> Result<(), StoreError> {
        let mut last = String::new();
        loop {
            let lines = self.page("group", &last).await?;
            let Some(end) = lines.last() else { return Ok(()) };
            last.clone_from(&end.source_id);
            let mut new = Vec::new();
            let mut changed = BTreeMap::new();
            for line in &lines {
                let changes: Changes = document(&line.changes, "line")?;
                match line.action.as_str() {
                    "create" => new.push(NewGroup {
                        id: &line.record,
                        source: &line.source_id,
                        name: &line.name,
                        attributes: attributes(RecordKind::Group, &changes)?,
                        owns: line.owns,
                    }),
                    "update" | "adopt" => {
                        changed.insert(line.record.clone(), changes);
                    }
                    _ => {}
                }
            }
            if !new.is_empty() {
                let json = rows(&new)?;
                self.put_rows(
                    "INSERT INTO groups (tenant, id, display_name, attributes, origin, created_at, updated_at, since)
                     SELECT $1, value->>'id', value->>'name', value->>'attributes', $2, $3, $3, $5 FROM json_each($4)",
                    json.clone(),
                )
                .await?;
                self.put_rows(
                    "INSERT INTO group_links (tenant, connection, source_id, record, owns, since)
                     SELECT $1, $2, value->>'source', value->>'id', CAST(value->>'owns' AS BIGINT), $5 FROM json_each($4)
                     WHERE $3 > 0",
                    json,
                )
                .await?;
            }
            if !changed.is_empty() {
                let ids: Vec<_> = changed.keys().collect();
                let row = self
                    .write
                    .query(
                        "SELECT json_group_array(json_object('id', id, 'name', display_name, 'active', 1,
                         'attributes', attributes, 'paths', NULL)) FROM groups
                     WHERE tenant = $1 AND id IN (SELECT value FROM json_each($2))",
                    )
                    .bind(self.read.tenant)
                    .bind(rows(&ids)?)
                    .fetch_one(&mut **self.write)
                    .await?;
                let written = changed_rows(RecordKind::Group, page(&row)?, &changed)?;
                self.with_rows(
                    "WITH j AS MATERIALIZED (SELECT value->>'id' AS id, value->>'name' AS name,
                         value->>'attributes' AS attributes FROM json_each($4))
                     UPDATE groups SET display_name = j.name, attributes = j.attributes, updated_at = $3
                     FROM j WHERE tenant = $1 AND groups.id = j.id AND origin = $2",
                    rows(&written)?,
                )
                .await?;
            }
        }
    }

    /// Names that change hands are let go first, so that two users can swap theirs.
    async fn free_names(&mut self) -> Result<(), StoreError> {
        self.lines(
            "UPDATE users SET user_name_key = NULL WHERE tenant = $1 AND origin = $2 AND $4 > 0 AND id IN (
                 SELECT record FROM lines WHERE tenant = $1 AND run = $3 AND kind = 'user'
                   AND action NOT IN ('create', 'link') AND changes->>'userName' IS NOT NULL)",
        )
        .await
    }

    async fn users(&mut self) -> Result<(), StoreError> {
        let mut last = String::new();
        loop {
            let lines = self.page("user", &last).await?;
            let Some(end) = lines.last() else { return Ok(()) };
            last.clone_from(&end.source_id);
            let mut new = Vec::new();
            let mut changed = BTreeMap::new();
            for line in &lines {
                let changes: Changes = document(&line.changes, "line")?;
                match line.action.as_str() {
                    "create" => new.push(NewUser {
                        id: &line.record,
                        source: &line.source_id,
                        name: &line.name,
                        key: fold(&line.name),
                        active: i64::from(after(&changes, ACTIVE) != Some(Json::Bool(false))),
                        attributes: attributes(RecordKind::User, &changes)?,
                        paths: paths(&changes),
                        owns: line.owns,
                    }),
                    "update" | "adopt" | "reactivate" | "deactivate" => {
                        changed.insert(line.record.clone(), changes);
                    }
                    _ => {}
                }
            }
            if !new.is_empty() {
                let json = rows(&new)?;
                self.put_rows(
                    "INSERT INTO users (tenant, id, user_name, user_name_key, active, attributes, origin, paths,
                         created_at, updated_at, since)
                     SELECT $1, value->>'id', value->>'name', value->>'key', CAST(value->>'active' AS BIGINT), value->>'attributes', $2,
                         value->>'paths', $3, $3, $5 FROM json_each($4)",
                    json.clone(),
                )
                .await?;
                self.put_rows(
                    "INSERT INTO user_links (tenant, connection, source_id, record, owns, since)
                     SELECT $1, $2, value->>'source', value->>'id', CAST(value->>'owns' AS BIGINT), $5 FROM json_each($4) WHERE $3 > 0",
                    json,
                )
                .await?;
            }
            if !changed.is_empty() {
                let ids: Vec<_> = changed.keys().collect();
                let row = self
                    .write
                    .query(
                        "SELECT json_group_array(json_object('id', id, 'name', user_name, 'active', active,
                         'attributes', attributes, 'paths', paths)) FROM users
                     WHERE tenant = $1 AND id IN (SELECT value FROM json_each($2))",
                    )
                    .bind(self.read.tenant)
                    .bind(rows(&ids)?)
                    .fetch_one(&mut **self.write)
                    .await?;
                let written = changed_rows(RecordKind::User, page(&row)?, &changed)?;
                self.with_rows(
                    "WITH j AS MATERIALIZED (SELECT value->>'id' AS id, value->>'name' AS name, value->>'key' AS key,
                         CAST(value->>'active' AS BIGINT) AS active, value->>'attributes' AS attributes, value->>'paths' AS paths
                         FROM json_each($4))
                     UPDATE users SET user_name = j.name, user_name_key = j.key, active = j.active,
                         attributes = j.attributes, paths = j.paths, updated_at = $3
                     FROM j WHERE tenant = $1 AND users.id = j.id AND origin = $2",
                    rows(&written)?,
                )
                .await?;
            }
        }
    }

    /// What is taken over is this connection's from here on, so that all that follows treats it like its own. What an owner may be taken from
    /// is named.
    async fn take_over(&mut self, former: &Former) -> Result<(), StoreError> {
        for (kind, links) in [("user", "user_links"), ("group", "group_links")] {
            self.lines(format!(
                "UPDATE {kind}s SET origin = $2, updated_at = $4 WHERE tenant = $1 AND {} AND id IN (SELECT record FROM lines
                     WHERE tenant = $1 AND run = $3 AND kind = '{kind}' AND action = 'adopt')",
                former.has("origin")
            ))
            .await?;
            self.put_lines(format!(
                "INSERT INTO {links} (tenant, connection, source_id, record, owns, since)
                 SELECT $1, $2, source_id, record, owns, $4 FROM lines
                 WHERE tenant = $1 AND run = $3 AND kind = '{kind}' AND action = 'adopt'
                 ON CONFLICT (tenant, connection, source_id) DO NOTHING"
            ))
            .await?;
        }
        self.lines(
            "DELETE FROM manual_addresses WHERE tenant = $1 AND $2 > 0 AND $4 > 0 AND record IN (SELECT record FROM lines
                 WHERE tenant = $1 AND run = $3 AND kind = 'user' AND action = 'adopt')",
        )
        .await
    }

    async fn memberships(&mut self, former: &Former) -> Result<(), StoreError> {
        // Links come first: managers and memberships go by them.
        self.put_lines(
            "INSERT INTO user_links (tenant, connection, source_id, record, owns, since)
             SELECT $1, $2, source_id, record, owns, $4 FROM lines
             WHERE tenant = $1 AND run = $3 AND kind = 'user' AND action = 'link'",
        )
        .await?;
        self.lines(
            "UPDATE user_links SET left_at = CASE WHEN n.action = 'deactivate' THEN $4 ELSE NULL END
             FROM lines n WHERE n.tenant = $1 AND n.run = $3 AND n.kind = 'user'
               AND (n.action = 'deactivate' AND n.changes->'leaving' IS NOT NULL AND n.changes->'leaving'->>0 IS NULL
                 OR n.action IN ('reactivate', 'adopt') AND n.changes->'leaving' IS NOT NULL)
               AND user_links.tenant = $1 AND user_links.connection = $2 AND user_links.source_id = n.source_id",
        )
        .await?;
        self.lines(
            "UPDATE user_links SET owns = n.owns FROM lines n
             WHERE n.tenant = $1 AND n.run = $3 AND n.kind = 'user' AND n.owns <> 0 AND n.action <> 'create' AND $4 > 0
               AND user_links.tenant = $1 AND user_links.connection = $2 AND user_links.source_id = n.source_id",
        )
        .await?;
        self.lines(
            "UPDATE group_links SET owns = n.owns FROM lines n
             WHERE n.tenant = $1 AND n.run = $3 AND n.kind = 'group' AND n.owns <> 0 AND n.action <> 'create' AND $4 > 0
               AND group_links.tenant = $1 AND group_links.connection = $2 AND group_links.source_id = n.source_id",
        )
        .await?;
        let coming = "SELECT COUNT(*) FROM lines WHERE tenant = $1 AND run = $2 AND kind = 'membership' AND action IN ('add', 'adopt')";
        let coming = self.write.query(coming).bind(self.read.tenant).bind(self.lease.run);
        let coming = coming.fetch_one(&mut **self.write).await?.try_get(0)?;
        let lifted = bulk::lift(self.write, "memberships", "memberships_by_member", coming).await?;
        self.put_lines(
            "INSERT INTO memberships (tenant, group_id, member_id, kind, owner, since)
             SELECT $1, record, member, CASE substr(member_id, 1, 1) WHEN 'u' THEN 'user' ELSE 'group' END, $2, $4
             FROM lines WHERE tenant = $1 AND run = $3 AND kind = 'membership' AND action IN ('add', 'adopt')
             ON CONFLICT DO NOTHING",
        )
        .await?;
        lifted.build(self.write).await?;
        if !former.is_empty() {
            self.lines(format!(
                "DELETE FROM memberships WHERE tenant = $1 AND {} AND $2 > 0 AND $4 > 0 AND (group_id, member_id) IN (
                     SELECT record, member FROM lines WHERE tenant = $1 AND run = $3 AND kind = 'membership'
                       AND action IN ('adopt', 'remove'))",
                former.has("owner")
            ))
            .await?;
        }
        self.analyze(&["memberships", "user_links"]).await?;
        self.lines(
            "DELETE FROM memberships WHERE tenant = $1 AND owner = $2 AND $4 > 0 AND (group_id, member_id) IN (
                 SELECT record, member FROM lines WHERE tenant = $1 AND run = $3 AND kind = 'membership'
                   AND action = 'remove')",
        )
        .await
    }

    async fn managers(&mut self, managers: bool) -> Result<(), StoreError> {
        if !managers {
            return Ok(());
        }
        let mut last = String::new();
        loop {
            let row = self.write.query(
                "SELECT json_group_array(json_array(source_id, record, manager)) FROM (
                 SELECT source_id, record, changes->'manager'->>1 AS manager FROM lines
                 WHERE tenant = $1 AND run = $2 AND kind = 'user' AND source_id > $3 AND changes->'manager' IS NOT NULL
                   AND action IN ('create', 'adopt', 'update', 'reactivate', 'deactivate')
                 ORDER BY source_id LIMIT $4)",
            )
            .bind(self.lease.tenant)
            .bind(self.lease.run)
            .bind(&last)
            .bind(PAGE)
            .fetch_one(&mut **self.write)
            .await?;
            let lines: Vec<(String, String, Option<String>)> = page(&row)?;
            let Some((end, _, _)) = lines.last() else { break };
            last.clone_from(end);
            let pairs: Vec<_> =
                lines.iter().map(|(_, record, manager)| (record, manager.as_deref().map(fold))).collect();
            self.with_rows(
                "WITH j AS MATERIALIZED (SELECT value->>0 AS id, value->>1 AS manager FROM json_each($4))
                 UPDATE users SET manager = (SELECT b.id FROM users b WHERE b.tenant = $1 AND b.user_name_key = j.manager),
                     updated_at = $3
                 FROM j WHERE tenant = $1 AND users.id = j.id AND origin = $2",
                rows(&pairs)?,
            )
            .await?;
        }
        // Whose manager is named but isn't there is looked at again in every run: first those whose manager goes out by
        // this plan, then those whom the run looked at.
        self.lines(
            "UPDATE user_links SET manager_missing = 1
             FROM lines n JOIN mirror_users m ON m.tenant = $1 AND m.connection = $2 AND m.source_id = n.source_id
             WHERE n.tenant = $1 AND n.run = $3 AND n.kind = 'user' AND n.changes->'manager' IS NOT NULL
               AND n.changes->'manager'->>1 IS NULL AND m.manager IS NOT NULL AND $4 > 0
               AND user_links.tenant = $1 AND user_links.connection = $2 AND user_links.source_id = n.source_id",
        )
        .await?;
        over(
            self.write,
            self.read,
            "UPDATE user_links SET manager_missing = CASE WHEN s.manager IS NOT NULL AND EXISTS (SELECT 1 FROM users u
                 WHERE u.tenant = $1 AND u.id = user_links.record AND u.manager IS NULL AND u.origin = $3) THEN 1 ELSE 0 END
             FROM staged_users s WHERE s.tenant = $1 AND s.read = $2 AND s.op IN (1, 4, 5)
               AND user_links.tenant = $1 AND user_links.connection = $3 AND user_links.source_id = s.source_id
               AND (user_links.manager_missing = 1 OR s.manager IS NOT NULL)",
        )
        .await?;
        Ok(())
    }

    async fn deletions(&mut self) -> Result<(), StoreError> {
        // Another connection that still holds him becomes the owner, and looks at him in its next run.
        self.lines(format!(
            "UPDATE users SET updated_at = $4, edited = 1, origin = (SELECT MIN(o.connection) {OTHER_HOLDER})
             WHERE tenant = $1 AND origin = $2 AND id IN (SELECT record FROM lines
                 WHERE tenant = $1 AND run = $3 AND kind = 'user' AND action = 'unlink')"
        ))
        .await?;
        for sql in [
            "UPDATE users SET manager = NULL, updated_at = $4 WHERE tenant = $1 AND $2 > 0 AND manager IN (
                 SELECT record FROM lines WHERE tenant = $1 AND run = $3 AND kind = 'user' AND action = 'delete')",
            "DELETE FROM memberships WHERE tenant = $1 AND $2 > 0 AND $4 > 0 AND member_id IN (SELECT record FROM lines
                 WHERE tenant = $1 AND run = $3 AND kind IN ('user', 'group') AND action = 'delete')",
            "DELETE FROM memberships WHERE tenant = $1 AND $2 > 0 AND $4 > 0 AND group_id IN (SELECT record FROM lines
                 WHERE tenant = $1 AND run = $3 AND kind = 'group' AND action = 'delete')",
            "DELETE FROM users WHERE tenant = $1 AND origin = $2 AND $4 > 0 AND id IN (SELECT record FROM lines
                 WHERE tenant = $1 AND run = $3 AND kind = 'user' AND action = 'delete')",
            "DELETE FROM groups WHERE tenant = $1 AND origin = $2 AND $4 > 0 AND id IN (SELECT record FROM lines
                 WHERE tenant = $1 AND run = $3 AND kind = 'group' AND action = 'delete')",
            "DELETE FROM manual_addresses WHERE tenant = $1 AND $2 > 0 AND $4 > 0 AND record IN (SELECT record
                 FROM lines WHERE tenant = $1 AND run = $3 AND kind = 'user' AND action = 'delete')",
            "DELETE FROM user_links WHERE tenant = $1 AND connection = $2 AND $4 > 0 AND source_id IN (SELECT source_id
                 FROM lines WHERE tenant = $1 AND run = $3 AND kind = 'user' AND action IN ('delete', 'unlink'))",
            // Others who had let him go but not yet forgotten him.
            "DELETE FROM user_links WHERE tenant = $1 AND $2 > 0 AND $4 > 0 AND record IN (SELECT record
                 FROM lines WHERE tenant = $1 AND run = $3 AND kind = 'user' AND action = 'delete')",
            "DELETE FROM group_links WHERE tenant = $1 AND connection = $2 AND $4 > 0 AND source_id IN (SELECT source_id
                 FROM lines WHERE tenant = $1 AND run = $3 AND kind = 'group' AND action IN ('delete', 'unlink'))",
            "DELETE FROM group_links WHERE tenant = $1 AND $2 > 0 AND $4 > 0 AND record IN (SELECT record
                 FROM lines WHERE tenant = $1 AND run = $3 AND kind = 'group' AND action = 'delete')",
        ] {
            self.lines(sql).await?;
        }
        Ok(())
    }

    /// What was edited here has been looked at.
    async fn looked_at(&mut self) -> Result<(), StoreError> {
        for sql in [
            "UPDATE users INDEXED BY users_edited SET edited = 0 WHERE tenant = $1 AND origin = $2 AND edited <> 0 AND edited = 2 AND $3 > 0 AND $4 > 0",
            "UPDATE groups INDEXED BY groups_edited SET edited = 0 WHERE tenant = $1 AND origin = $2 AND edited <> 0 AND edited = 2 AND $3 > 0 AND $4 > 0",
        ] {
            self.lines(sql).await?;
        }
        Ok(())
    }

    async fn mirror(&mut self) -> Result<(), StoreError> {
        for sql in [
            "INSERT INTO mirror_users (tenant, connection, source_id, hash, raw, user_name_key, manager, digest, outcome,
                 problem, place)
             SELECT $1, $3, source_id, hash, raw, user_name_key, manager, digest, outcome, problem, place FROM staged_users
             WHERE tenant = $1 AND read = $2 AND op = 1
             ON CONFLICT (tenant, connection, source_id) DO UPDATE SET hash = EXCLUDED.hash, raw = EXCLUDED.raw,
                 user_name_key = EXCLUDED.user_name_key, manager = EXCLUDED.manager, digest = EXCLUDED.digest,
                 outcome = EXCLUDED.outcome, problem = EXCLUDED.problem, place = EXCLUDED.place",
            "INSERT INTO mirror_users (tenant, connection, source_id, problem, place)
             SELECT $1, $3, source_id, problem, place FROM staged_users WHERE tenant = $1 AND read = $2 AND op = 3
             ON CONFLICT (tenant, connection, source_id) DO UPDATE SET problem = EXCLUDED.problem, place = EXCLUDED.place",
            "UPDATE mirror_users SET user_name_key = s.user_name_key, manager = s.manager, digest = s.digest,
                 outcome = s.outcome, problem = CASE WHEN mirror_users.place IS NULL THEN s.problem ELSE mirror_users.problem END
             FROM staged_users s WHERE s.tenant = $1 AND s.read = $2 AND s.op IN (4, 5)
               AND mirror_users.tenant = $1 AND mirror_users.connection = $3 AND mirror_users.source_id = s.source_id",
            "DELETE FROM mirror_users WHERE tenant = $1 AND connection = $3 AND source_id IN (
                 SELECT source_id FROM staged_users WHERE tenant = $1 AND read = $2 AND op = 2)",
            "INSERT INTO mirror_groups (tenant, connection, source_id, hash, raw, digest, outcome, problem, place)
             SELECT $1, $3, source_id, hash, raw, digest, outcome, problem, place FROM staged_groups
             WHERE tenant = $1 AND read = $2 AND op = 1
             ON CONFLICT (tenant, connection, source_id) DO UPDATE SET hash = EXCLUDED.hash, raw = EXCLUDED.raw,
                 digest = EXCLUDED.digest, outcome = EXCLUDED.outcome, problem = EXCLUDED.problem, place = EXCLUDED.place",
            "INSERT INTO mirror_groups (tenant, connection, source_id, problem, place)
             SELECT $1, $3, source_id, problem, place FROM staged_groups WHERE tenant = $1 AND read = $2 AND op = 3
             ON CONFLICT (tenant, connection, source_id) DO UPDATE SET problem = EXCLUDED.problem, place = EXCLUDED.place",
            "UPDATE mirror_groups SET digest = s.digest, outcome = s.outcome
             FROM staged_groups s WHERE s.tenant = $1 AND s.read = $2 AND s.op = 4
               AND mirror_groups.tenant = $1 AND mirror_groups.connection = $3 AND mirror_groups.source_id = s.source_id",
            "DELETE FROM mirror_groups WHERE tenant = $1 AND connection = $3 AND source_id IN (
                 SELECT source_id FROM staged_groups WHERE tenant = $1 AND read = $2 AND op = 2)",
            "DELETE FROM mirror_members WHERE tenant = $1 AND connection = $3 AND (group_id, member_id, kind) IN (
                 SELECT group_id, member_id, kind FROM staged_members WHERE tenant = $1 AND read = $2 AND op = 2)",
        ] {
            over(self.write, self.read, sql).await?;
        }
        // That it isn't 0 is said as well, which is how SQLite finds the index of what is new.
        let coming =
            "SELECT COUNT(*) FROM staged_members WHERE tenant = $1 AND read = $2 AND op <> 0 AND op = 1";
        let coming = self.write.query(coming).bind(self.read.tenant).bind(self.read.id);
        let coming = coming.fetch_one(&mut **self.write).await?.try_get(0)?;
        let lifted = bulk::lift(self.write, "mirror_members", "mirror_members_by_member", coming).await?;
        let sql = "INSERT INTO mirror_members (tenant, connection, group_id, member_id, kind)
             SELECT $1, $3, group_id, member_id, kind FROM staged_members WHERE tenant = $1 AND read = $2 AND op = 1
             ON CONFLICT DO NOTHING";
        over(self.write, self.read, sql).await?;
        lifted.build(self.write).await
    }

    async fn settle(&mut self, applied: &Applied<'_>) -> Result<(), StoreError> {
        self.write
            .query(
                "UPDATE connections SET cursor = $1, fingerprint = $2, admitted_by = $3, state = 'active'
             WHERE tenant = $4 AND id = $5",
            )
            .bind(applied.cursor)
            .bind(applied.fingerprint)
            .bind(applied.admitted_by)
            .bind(self.read.tenant)
            .bind(self.read.connection)
            .execute(&mut **self.write)
            .await?;
        for (name, value) in applied.storage {
            let sql = match value {
                Some(_) => {
                    "INSERT INTO plugin_storage (tenant, connection, name, value) VALUES ($1, $2, $3, $4)
                     ON CONFLICT (tenant, connection, name) DO UPDATE SET value = EXCLUDED.value"
                }
                None => {
                    "DELETE FROM plugin_storage WHERE tenant = $1 AND connection = $2 AND name = $3 AND $4 IS NULL"
                }
            };
            self.write
                .query(sql)
                .bind(self.read.tenant)
                .bind(self.read.connection)
                .bind(name)
                .bind(value)
                .execute(&mut **self.write)
                .await?;
        }
        if applied.state == RunState::Unchanged {
            let sql = "UPDATE tenants SET counted_at = $2 WHERE id = $1 AND counted_at = $2 - 1";
            self.write.query(sql).bind(self.read.tenant).bind(self.change).execute(&mut **self.write).await?;
        }
        self.write
            .query("UPDATE runs SET applied = 1, accepted = $3, change = $4, stood_on = $5 WHERE tenant = $1 AND id = $2")
            .bind(self.lease.tenant)
            .bind(self.lease.run)
            .bind(applied.agreed.then_some(applied.plan))
            .bind(self.change)
            .bind(text(applied.stood_on, "setting")?)
            .execute(&mut **self.write)
            .await?;
        Ok(())
    }
}

/// Stored records with their lines' changes made.
pub(crate) fn changed_rows(
    kind: RecordKind,
    stored: Vec<Stored>,
    changed: &BTreeMap<String, Changes>,
) -> Result<Vec<Changed>, StoreError> {
    stored
        .into_iter()
        .filter_map(|record| changed.get(record.id.as_str()).map(|changes| (record, changes)))
        .map(|(record, changes)| {
            let mut map: BTreeMap<String, Json> = document(&record.attributes, "record")?;
            let mut row = Changed {
                id: record.id,
                key: String::new(),
                name: record.name,
                active: record.active,
                attributes: String::new(),
                paths: record.paths,
            };
            for (name, Change(_, after)) in changes {
                let field = kind.fields().iter().find(|field| *field == name);
                match (field, after) {
                    (Some(&(USER_NAME | DISPLAY_NAME)), Some(after)) => {
                        row.name = after.as_str().unwrap_or_default().to_owned();
                    }
                    (Some(&ACTIVE), after) => row.active = i64::from(*after != Some(Json::Bool(false))),
                    (Some(&PATH), after) => row.paths = after.as_ref().map(ToString::to_string),
                    // Managers have a pass of their own, leaving is the link's.
                    (Some(_), _) => {}
                    (None, Some(after)) => {
                        map.insert(name.clone(), after.clone());
                    }
                    (None, None) => {
                        map.remove(name);
                    }
                }
            }
            row.key = fold(&row.name);
            row.attributes = text(&map, "record")?;
            Ok(row)
        })
        .collect()
}
