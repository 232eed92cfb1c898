//! Writing what an undo came to: directory, links, the connection's settings and the journal in one transaction.

use super::{LINKED, MADE, ORIGIN, back, lines, of_kind, put_there, tables};
use crate::apply::{Changed, Stored, changed_rows};
use crate::database::{Store, Write, document, page, rows, text};
use crate::error::StoreError;
use crate::failpoint::failpoint;
use crate::history::next_change;
use crate::leases::Lease;
use crate::lines::{delete_by_lines, hash_lines};
use crate::runs::{Run, RunState, close};
use crate::switch::return_turn;
use crate::users::addresses;
use serde_json::Value as Json;
use sqlx::Row;
use std::collections::BTreeMap;
use usher_model::Attributes;
use usher_planner::{Changes, RecordKind};

/// What is kept of an undo besides its lines.
#[derive(Clone, Debug)]
pub struct Undone<'a> {
    /// The plan's hash, as it was agreed to.
    pub plan: &'a str,
    /// Whether somebody saw what the guard held and agreed.
    pub agreed: bool,
    /// What the hash rests on besides the lines.
    pub basis: &'a str,
    /// The settings, scope and rules that the connection has, and to which it returns; none where they stay.
    pub returns: Option<(&'a Json, &'a Json)>,
    /// The run's report.
    pub report: &'a Json,
    /// Milliseconds since 1970.
    pub now: i64,
}

impl Store {
    /// The number of what a run applied. [`StoreError::Forgotten`] where its history is no longer known.
    pub(crate) async fn change_of(&self, tenant: i64, of: &Run) -> Result<i64, StoreError> {
        let row = self
            .query("SELECT r.change, t.forgotten FROM runs r JOIN tenants t ON t.id = r.tenant WHERE r.tenant = $1 AND r.id = $2")
            .bind(tenant)
            .bind(of.id)
            .fetch_one(self.pool())
            .await?;
        match row.try_get::<Option<i64>, _>(0)? {
            Some(change) if change > row.try_get(1)? => Ok(change),
            _ => Err(self.forgotten(tenant, format!("run {}", of.id)).await?),
        }
    }

    /// Whether what a run did is still known, so that it can be taken back. [`StoreError::Forgotten`] where it isn't.
    pub async fn recalls(&self, tenant: i64, of: &Run) -> Result<(), StoreError> {
        self.change_of(tenant, of).await.map(drop)
    }

    /// What the run before this one of the same connection stood on, if there was one: settings, scope and rules.
    pub async fn stood_on_before(&self, tenant: i64, of: &Run) -> Result<Option<Json>, StoreError> {
        self.standing(tenant, of, "<").await
    }

    /// What a run stood on.
    pub async fn stood_on(&self, tenant: i64, of: &Run) -> Result<Option<Json>, StoreError> {
        self.standing(tenant, of, "=").await
    }

    async fn standing(&self, tenant: i64, of: &Run, which: &str) -> Result<Option<Json>, StoreError> {
        let change = self.change_of(tenant, of).await?;
        let sql = format!(
            "SELECT stood_on FROM runs WHERE tenant = $1 AND connection = $2 AND change {which} $3 AND stood_on IS NOT NULL
             ORDER BY change DESC LIMIT 1"
        );
        let row =
            self.query(sql).bind(tenant).bind(of.connection).bind(change).fetch_optional(self.pool()).await?;
        row.map(|row| document(&row.try_get::<String, _>(0)?, "setting")).transpose()
    }

    /// Takes back what a run did, if that still comes to the plan that was agreed to; gives false, and writes nothing, if it doesn't. The
    /// connection is paused.
    pub async fn apply_undo(&self, lease: Lease, of: &Run, undone: &Undone<'_>) -> Result<bool, StoreError> {
        let change = self.change_of(lease.tenant, of).await?;
        let mut write = self.write().await?;
        Self::hold_lease(&mut write, lease).await?;
        let number = next_change(&mut write, lease.tenant).await?;
        // Edits by hand may have come since the plan was seen.
        lines(&mut write, lease, of, change).await?;
        if let Some((then, _)) = undone.returns
            && &stands_on(&mut write, lease.tenant, of.connection).await? != then
        {
            return Ok(false);
        }
        let dialect = write.dialect().clone();
        if hash_lines(&dialect, &mut write, lease, undone.basis).await?.as_str() != undone.plan {
            return Ok(false);
        }
        let mut undo = Undo { write: &mut write, lease, change, number, now: undone.now };
        undo.groups().await?;
        undo.users().await?;
        failpoint("undo.records");
        undo.links().await?;
        undo.memberships().await?;
        failpoint("undo.memberships");
        delete_by_lines(undo.write, lease.tenant, lease.run).await?;
        undo.owners().await?;
        undo.addresses().await?;
        undo.settle(of, undone).await?;
        close(&mut write, lease, RunState::Success, Some(undone.plan), undone.report, undone.now).await?;
        failpoint("undo.before_commit");
        write.commit().await?;
        Ok(true)
    }
}

/// What a connection stands on now.
async fn stands_on(write: &mut Write, tenant: i64, connection: i64) -> Result<Json, StoreError> {
    let row = write
        .query("SELECT method, settings, scope, rules FROM connections WHERE tenant = $1 AND id = $2")
        .bind(tenant)
        .bind(connection)
        .fetch_optional(&mut **write)
        .await?;
    let Some(row) = row else { return Ok(Json::Null) };
    let part =
        |at: usize| -> Result<Json, StoreError> { document(&row.try_get::<String, _>(at)?, "setting") };
    Ok(
        serde_json::json!({ "method": row.try_get::<String, _>(0)?, "settings": part(1)?, "scope": part(2)?, "rules": part(3)? }),
    )
}

struct Undo<'a> {
    write: &'a mut Write,
    lease: Lease,
    /// The change that is taken back.
    change: i64,
    /// The change that this is.
    number: i64,
    now: i64,
}

/// Records of this run's lines; `$1` is the tenant, `$3` the run.
fn of_lines(kind: RecordKind, also: &str) -> String {
    format!(
        "SELECT n.record FROM lines n WHERE n.tenant = $1 AND n.run = $3 AND n.kind = '{}' {also}",
        kind.name()
    )
}

impl Undo<'_> {
    /// A statement with the tenant, the change that is taken back and this run.
    async fn run(&mut self, sql: String) -> Result<(), StoreError> {
        self.write
            .query(sql)
            .bind(self.lease.tenant)
            .bind(self.change)
            .bind(self.lease.run)
            .execute(&mut **self.write)
            .await?;
        Ok(())
    }

    /// The same with this change's number and the time.
    async fn put(&mut self, sql: String) -> Result<(), StoreError> {
        self.write
            .query(sql)
            .bind(self.lease.tenant)
            .bind(self.change)
            .bind(self.lease.run)
            .bind(self.number)
            .bind(self.now)
            .execute(&mut **self.write)
            .await?;
        Ok(())
    }

    async fn groups(&mut self) -> Result<(), StoreError> {
        self.put(
            "INSERT INTO groups (tenant, id, display_name, attributes, origin, created_at, updated_at, since)
             SELECT $1, w.id, w.display_name, w.attributes, NULL, w.created_at, $5, $4
             FROM lines n JOIN groups_was w ON w.tenant = $1 AND w.id = n.record AND w.until = $2
             WHERE n.tenant = $1 AND n.run = $3 AND n.kind = 'group' AND n.action = 'create'"
                .to_owned(),
        )
        .await?;
        self.fields(
            RecordKind::Group,
            "SELECT json_group_array(json_object('id', id, 'name', display_name, 'active', 1, 'attributes', attributes, 'paths', NULL))
             FROM groups WHERE tenant = $1 AND id IN (SELECT value FROM json_each($2))",
            "WITH j AS MATERIALIZED (SELECT value->>'id' AS id, value->>'name' AS name, value->>'attributes' AS attributes FROM json_each($3))
             UPDATE groups SET display_name = j.name, attributes = j.attributes, updated_at = $2 FROM j WHERE tenant = $1 AND groups.id = j.id",
        )
        .await
    }

    async fn users(&mut self) -> Result<(), StoreError> {
        let renamed = of_lines(
            RecordKind::User,
            "AND n.action <> 'create' AND (n.action = 'delete' OR n.changes->>'userName' IS NOT NULL)",
        );
        self.run(format!(
            "UPDATE users SET user_name_key = NULL WHERE tenant = $1 AND $2 > 0 AND id IN ({renamed})"
        ))
        .await?;
        self.put(
            "INSERT INTO users (tenant, id, user_name, user_name_key, active, attributes, origin, paths, created_at, updated_at, since)
             SELECT $1, w.id, w.user_name, w.user_name_key, w.active, w.attributes, NULL, w.paths, w.created_at, $5, $4
             FROM lines n JOIN users_was w ON w.tenant = $1 AND w.id = n.record AND w.until = $2
             WHERE n.tenant = $1 AND n.run = $3 AND n.kind = 'user' AND n.action = 'create'"
                .to_owned(),
        )
        .await?;
        self.fields(
            RecordKind::User,
            "SELECT json_group_array(json_object('id', id, 'name', user_name, 'active', active, 'attributes', attributes, 'paths', paths))
             FROM users WHERE tenant = $1 AND id IN (SELECT value FROM json_each($2))",
            "WITH j AS MATERIALIZED (SELECT value->>'id' AS id, value->>'name' AS name, value->>'key' AS key,
                 CAST(value->>'active' AS BIGINT) AS active, value->>'attributes' AS attributes, value->>'paths' AS paths FROM json_each($3))
             UPDATE users SET user_name = j.name, user_name_key = j.key, active = j.active, attributes = j.attributes, paths = j.paths,
                 updated_at = $2 FROM j WHERE tenant = $1 AND users.id = j.id",
        )
        .await?;
        // Managers and owners as they were, where they are still there; of those who came back too.
        self.run(
            "UPDATE users SET manager = (SELECT b.id FROM users b WHERE b.tenant = $1 AND b.id = w.manager)
             FROM lines n JOIN users_was w ON w.tenant = $1 AND w.id = n.record AND w.until = $2
             WHERE n.tenant = $1 AND n.run = $3 AND n.kind = 'user' AND n.action <> 'delete' AND n.changes->'manager' IS NOT NULL
               AND users.tenant = $1 AND users.id = n.record"
                .to_owned(),
        )
        .await
    }

    /// Fields of records that stay, page by page. `load` takes ids and gives them as they are stored, `store` takes them as they become.
    async fn fields(
        &mut self,
        kind: RecordKind,
        load: &'static str,
        store: &'static str,
    ) -> Result<(), StoreError> {
        let mut after = String::new();
        loop {
            let row = self
                .write
                .query(
                    "SELECT json_group_array(json_array(record, changes)) FROM (SELECT record, changes FROM lines
                     WHERE tenant = $1 AND run = $2 AND kind = $3 AND action NOT IN ('create', 'delete') AND source_id > $4
                     ORDER BY source_id LIMIT 1000)",
                )
                .bind(self.lease.tenant)
                .bind(self.lease.run)
                .bind(kind.name())
                .bind(&after)
                .fetch_one(&mut **self.write)
                .await?;
            let found: Vec<(String, String)> = page(&row)?;
            let Some((last, _)) = found.last() else { return Ok(()) };
            after.clone_from(last);
            let mut changed = BTreeMap::new();
            for (id, changes) in found {
                let mut changes: Changes = document(&changes, "line")?;
                changes.retain(|name, _| name != ORIGIN && name != LINKED);
                changed.insert(id, changes);
            }
            let ids: Vec<_> = changed.keys().collect();
            let query = self.write.query(load).bind(self.lease.tenant).bind(rows(&ids)?);
            let stored: Vec<Stored> = page(&query.fetch_one(&mut **self.write).await?)?;
            let written: Vec<Changed> = changed_rows(kind, stored, &changed)?;
            let query = self.write.query(store).bind(self.lease.tenant).bind(self.now).bind(rows(&written)?);
            query.execute(&mut **self.write).await?;
        }
    }

    async fn links(&mut self) -> Result<(), StoreError> {
        for kind in [RecordKind::User, RecordKind::Group] {
            let (made, back) = (of_kind(kind, MADE), of_kind(kind, &back()));
            let (_, links) = tables(kind);
            let (all, left) = (of_lines(kind, ""), if kind == RecordKind::User { ", left_at" } else { "" });
            self.run(format!(
                "DELETE FROM {links} WHERE tenant = $1 AND (connection, source_id) IN (SELECT l.connection, l.source_id FROM {links} l
                     WHERE l.tenant = $1 AND l.record IN ({all}) AND {made})"
            ))
            .await?;
            let leaving = if kind == RecordKind::User { ", left_at = w.left_at" } else { "" };
            self.run(format!(
                "UPDATE {links} SET owns = w.owns{leaving} FROM {links}_was w
                 WHERE w.tenant = $1 AND w.until = $2 AND w.record IN ({all})
                   AND NOT EXISTS (SELECT 1 FROM {links}_was x WHERE x.tenant = $1 AND x.connection = w.connection
                       AND x.source_id = w.source_id AND x.until > $2 AND x.until < (SELECT t.changes FROM tenants t WHERE t.id = $1))
                   AND {links}.tenant = $1 AND {links}.connection = w.connection AND {links}.source_id = w.source_id
                   AND {links}.record = w.record"
            ))
            .await?;
            // Taken from it by the deletion above, where the change linked another record.
            let back = back.replace("x.until > $2", "x.until > $2 AND x.until < $4");
            let wanted = of_lines(kind, "AND n.action <> 'delete'");
            self.put(format!(
                "INSERT INTO {links} (tenant, connection, source_id, record, owns{left}, since)
                 SELECT $1, w.connection, w.source_id, w.record, w.owns{}, $4 FROM {links}_was w
                 WHERE w.tenant = $1 AND w.record IN ({wanted}) AND {back} AND $5 > 0
                   AND NOT EXISTS (SELECT 1 FROM {links} s WHERE s.tenant = $1 AND s.connection = w.connection AND s.source_id = w.source_id)",
                left.replace("left_at", "w.left_at"),
            ))
            .await?;
        }
        Ok(())
    }

    async fn memberships(&mut self) -> Result<(), StoreError> {
        self.run(format!(
            "DELETE FROM memberships WHERE tenant = $1 AND {} AND (group_id, member_id) IN (
                 SELECT record, member FROM lines WHERE tenant = $1 AND run = $3 AND kind = 'membership' AND action IN ('remove', 'adopt'))",
            put_there("memberships")
        ))
        .await?;
        self.put(
            // A connection's own again only where it has both ends: else nobody could take it away.
            "INSERT INTO memberships (tenant, group_id, member_id, kind, owner, since)
             SELECT DISTINCT $1, w.group_id, w.member_id, w.kind, CASE
                 WHEN EXISTS (SELECT 1 FROM group_links l WHERE l.tenant = $1 AND l.connection = w.owner AND l.record = w.group_id)
                  AND (EXISTS (SELECT 1 FROM user_links l WHERE l.tenant = $1 AND l.connection = w.owner AND l.record = w.member_id)
                    OR EXISTS (SELECT 1 FROM group_links l WHERE l.tenant = $1 AND l.connection = w.owner AND l.record = w.member_id))
                 THEN w.owner ELSE 0 END, $4
             FROM lines n JOIN memberships_was w ON w.tenant = $1 AND w.group_id = n.record AND w.member_id = n.member AND w.until = $2
             WHERE n.tenant = $1 AND n.run = $3 AND n.kind = 'membership' AND n.action IN ('add', 'adopt') AND $5 > 0
             ON CONFLICT DO NOTHING"
                .to_owned(),
        )
        .await
    }

    /// Owners as they were, where their links are; and every touched record of a source is looked at by its next run.
    async fn owners(&mut self) -> Result<(), StoreError> {
        for kind in [RecordKind::User, RecordKind::Group] {
            let (table, _) = tables(kind);
            self.run(format!(
                "UPDATE {table} SET origin = CASE WHEN n.changes->'{ORIGIN}'->>1 IS NULL THEN NULL ELSE w.origin END
                 FROM {table}_was w JOIN lines n ON n.tenant = $1 AND n.run = $3 AND n.kind = '{}' AND n.record = w.id
                 WHERE w.tenant = $1 AND w.until = $2 AND n.changes->'{ORIGIN}' IS NOT NULL
                   AND {table}.tenant = $1 AND {table}.id = w.id",
                kind.name()
            ))
            .await?;
            self.run(format!(
                "UPDATE {table} SET edited = 1 WHERE tenant = $1 AND $2 > 0 AND origin IS NOT NULL AND id IN ({})",
                of_lines(kind, "")
            ))
            .await?;
        }
        Ok(())
    }

    /// Addresses of manual people who came back or changed.
    async fn addresses(&mut self) -> Result<(), StoreError> {
        let mut after = String::new();
        loop {
            let row = self
                .write
                .query(
                    "SELECT json_group_array(json_array(id, attributes)) FROM (SELECT u.id, u.attributes FROM lines n
                     JOIN users u ON u.tenant = $1 AND u.id = n.record AND u.origin IS NULL
                     WHERE n.tenant = $1 AND n.run = $2 AND n.kind = 'user' AND n.source_id > $3 ORDER BY n.source_id LIMIT 1000)",
                )
                .bind(self.lease.tenant)
                .bind(self.lease.run)
                .bind(&after)
                .fetch_one(&mut **self.write)
                .await?;
            let found: Vec<(String, String)> = page(&row)?;
            let Some((last, _)) = found.last() else { return Ok(()) };
            after.clone_from(last);
            for (id, attributes) in &found {
                let attributes: Attributes = document(attributes, "user")?;
                addresses(self.write, self.lease.tenant, id, &attributes).await?;
            }
        }
    }

    async fn settle(&mut self, of: &Run, undone: &Undone<'_>) -> Result<(), StoreError> {
        // What the next run would do again, it does for everybody: the mirror says more than the directory now.
        return_turn(self.write, self.lease, of).await?;
        // The connection itself, or where it is idle by now the active one, which goes on with its people.
        if of.connection != 0 {
            self.write
                .query(
                    "UPDATE connections SET state = 'paused' WHERE tenant = $1 AND state IN ('active', 'needs_reauthorisation') AND (id = $2
                         OR NOT EXISTS (SELECT 1 FROM connections c WHERE c.tenant = $1 AND c.id = $2 AND c.state IN ('active', 'paused', 'needs_reauthorisation')))",
                )
                .bind(self.lease.tenant)
                .bind(of.connection)
                .execute(&mut **self.write)
                .await?;
        }
        self.write
            .query(
                "UPDATE connections SET admitted_by = 'undone' WHERE tenant = $1 AND admitted_by IS NOT NULL AND (id = $2 OR id IN (
                     SELECT connection FROM user_links_was WHERE tenant = $1 AND until = $3
                     UNION SELECT connection FROM group_links_was WHERE tenant = $1 AND until = $3
                     UNION SELECT connection FROM user_links WHERE tenant = $1 AND since = $3
                     UNION SELECT connection FROM group_links WHERE tenant = $1 AND since = $3))",
            )
            .bind(self.lease.tenant)
            .bind(of.connection)
            .bind(self.number)
            .execute(&mut **self.write)
            .await?;
        if let Some((_, stands_on)) = undone.returns {
            let part = |name: &str| text(&stands_on.get(name), "setting");
            self.write
                .query("UPDATE connections SET settings = $1, scope = $2, rules = $3 WHERE tenant = $4 AND id = $5")
                .bind(part("settings")?)
                .bind(part("scope")?)
                .bind(part("rules")?)
                .bind(self.lease.tenant)
                .bind(of.connection)
                .execute(&mut **self.write)
                .await?;
        }
        self.write
            .query("UPDATE runs SET applied = 1, change = $3, undoes = $4, stood_on = $5, accepted = $6 WHERE tenant = $1 AND id = $2")
            .bind(self.lease.tenant)
            .bind(self.lease.run)
            .bind(self.number)
            .bind(of.id)
            .bind(undone.returns.map(|(_, stands_on)| text(stands_on, "setting")).transpose()?)
            .bind(undone.agreed.then_some(undone.plan))
            .execute(&mut **self.write)
            .await?;
        Ok(())
    }
}
