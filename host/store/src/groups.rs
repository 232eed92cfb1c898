//! Groups of the directory and who is in them: listing, finding, and changing by hand.

use crate::database::{Store, document, page, text};
use crate::edits::{By, differences};
use crate::error::StoreError;
use crate::history::View;
use crate::switch::orphaned;
use serde::Deserialize;
use sqlx::Row as _;
use usher_model::{Attributes, DISPLAY_NAME, MemberKind, Value};
use usher_planner::{Action, Changes, RecordKind};

/// A group as the directory has it.
#[derive(Clone, Debug)]
pub struct GroupRow {
    /// The directory's id.
    pub id: String,
    /// RFC 7643 section 4.2.
    pub display_name: String,
    /// Everything else.
    pub attributes: Attributes,
    /// The name of the connection that owns it; none: manual.
    pub origin: Option<String>,
    /// Whether that connection is idle now: nobody brings the group any more.
    pub orphaned: bool,
    /// The source id, where a connection knows it.
    pub external_id: Option<String>,
    /// How many are directly in it.
    pub members: u64,
}

/// A member of a group.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct MemberRow {
    /// The directory's id.
    pub id: String,
    /// user or group.
    pub kind: MemberKind,
    /// userName or displayName.
    pub name: String,
    /// How deep: 0 for direct members.
    pub depth: u32,
    /// The group it is directly in.
    pub via: String,
    /// The connection that added it; none: by hand.
    pub owner: Option<String>,
}

#[derive(Deserialize)]
struct Json {
    id: String,
    display_name: String,
    attributes: String,
    origin: Option<String>,
    orphaned: i64,
    external_id: Option<String>,
    members: u64,
}

/// A group `g` of a view as one document.
fn document_of(view: View) -> String {
    let (memberships, links) = (view.memberships(), view.group_links());
    let origin = view.connection_name("g.tenant", "g.origin");
    let orphaned = orphaned("g");
    format!(
        "json_object('id', g.id, 'display_name', g.display_name, 'attributes', g.attributes,
    'origin', {origin}, 'orphaned', CASE WHEN {orphaned} THEN 1 ELSE 0 END,
    'external_id', (SELECT MIN(l.source_id) FROM {links} l WHERE l.tenant = g.tenant AND l.record = g.id
        AND l.connection = COALESCE(g.origin, l.connection)),
    'members', (SELECT COUNT(DISTINCT m.member_id) FROM {memberships} m WHERE m.tenant = g.tenant AND m.group_id = g.id))"
    )
}

fn shown(json: Json) -> Result<GroupRow, StoreError> {
    Ok(GroupRow {
        id: json.id,
        display_name: json.display_name,
        attributes: document(&json.attributes, "group")?,
        origin: json.origin,
        orphaned: json.orphaned == 1,
        external_id: json.external_id,
        members: json.members,
    })
}

impl Store {
    /// All groups by name, at most `limit` after a name and id.
    pub async fn groups(
        &self,
        tenant: i64,
        view: View,
        only_orphaned: bool,
        after: (&str, &str),
        limit: i64,
    ) -> Result<Vec<GroupRow>, StoreError> {
        let (shown_group, groups, orphaned) = (document_of(view), view.groups(), orphaned("a"));
        let sql = format!(
            "SELECT json_group_array({shown_group}) FROM (SELECT * FROM {groups} a WHERE a.tenant = $1
                 AND (a.display_name, a.id) > ($2, $3) AND ($5 = 0 OR {orphaned}) ORDER BY a.display_name, a.id LIMIT $4) g"
        );
        let row = self
            .query(sql)
            .bind(tenant)
            .bind(after.0)
            .bind(after.1)
            .bind(limit)
            .bind(i64::from(only_orphaned))
            .fetch_one(self.pool())
            .await?;
        page::<Json>(&row)?.into_iter().map(shown).collect()
    }

    /// The groups that somebody may mean: by id, name or source id.
    pub async fn find_groups(
        &self,
        tenant: i64,
        view: View,
        which: &str,
    ) -> Result<Vec<GroupRow>, StoreError> {
        let (shown_group, groups, links) = (document_of(view), view.groups(), view.group_links());
        let sql = format!(
            "SELECT json_group_array({shown_group}) FROM {groups} g WHERE g.tenant = $1 AND (g.id = $2 OR g.display_name = $2
                 OR EXISTS (SELECT 1 FROM {links} l WHERE l.tenant = $1 AND l.record = g.id AND l.source_id = $2))"
        );
        let row = self.query(sql).bind(tenant).bind(which).fetch_one(self.pool()).await?;
        page::<Json>(&row)?.into_iter().map(shown).collect()
    }

    /// Who is in a group: directly, or through nested groups too. Whoever is reached twice comes once, by the shortest way; cycles end.
    pub async fn group_members(
        &self,
        tenant: i64,
        view: View,
        group: &str,
        nested: bool,
    ) -> Result<Vec<MemberRow>, StoreError> {
        let (users, groups, memberships) = (view.users(), view.groups(), view.memberships());
        let owner = view.connection_name("$1", "owner");
        let sql = format!(
            "WITH RECURSIVE below (id, depth) AS (
                 SELECT top.id, 0 FROM {groups} top WHERE top.tenant = $1 AND top.id = $2
                 UNION
                 SELECT m.member_id, below.depth + 1 FROM below
                 JOIN {memberships} m ON m.tenant = $1 AND m.group_id = below.id AND m.kind = 'group'
                 WHERE $3 = 1 AND below.depth < 64)
             SELECT json_group_array(json_object('id', id, 'kind', kind, 'name', name, 'depth', depth, 'via', via,
                 'owner', {owner})) FROM (
             SELECT m.member_id AS id, m.kind, MIN(COALESCE(u.user_name, g.display_name, m.member_id)) AS name,
                 MIN(b.depth) AS depth, MIN(v.display_name) AS via,
                 MIN(m.owner) AS owner
             FROM below b JOIN {memberships} m ON m.tenant = $1 AND m.group_id = b.id
             JOIN {groups} v ON v.tenant = $1 AND v.id = b.id
             LEFT JOIN {users} u ON u.tenant = $1 AND m.kind = 'user' AND u.id = m.member_id
             LEFT JOIN {groups} g ON g.tenant = $1 AND m.kind = 'group' AND g.id = m.member_id
             WHERE m.member_id <> $2
             GROUP BY m.member_id, m.kind ORDER BY depth, m.kind, name)",
        );
        let row =
            self.query(sql).bind(tenant).bind(group).bind(i64::from(nested)).fetch_one(self.pool()).await?;
        page(&row)
    }

    /// Makes a group by hand.
    pub async fn add_group(
        &self,
        by: By<'_>,
        display_name: &str,
        attributes: &Attributes,
    ) -> Result<String, StoreError> {
        let id = crate::new_id();
        let mut edit = self.edit(by).await?;
        self.query(
            "INSERT INTO groups (tenant, id, display_name, attributes, created_at, updated_at, since)
             VALUES ($1, $2, $3, $4, $5, $5, $6)",
        )
        .bind(by.tenant)
        .bind(&id)
        .bind(display_name)
        .bind(text(attributes, "group")?)
        .bind(by.now)
        .bind(edit.change)
        .execute(&mut *edit.write)
        .await?;
        let nothing = Attributes::new();
        let changes = differences((DISPLAY_NAME, "", None, &nothing), (display_name, None, attributes));
        edit.note(RecordKind::Group, Action::Create, &id, display_name, &changes)?;
        edit.commit().await?;
        Ok(id)
    }

    /// Sets or clears fields of a group by hand. An owned field of a synced group returns to the source's value at the next run.
    pub async fn set_group(
        &self,
        by: By<'_>,
        group: &GroupRow,
        changes: &std::collections::BTreeMap<String, Option<Value>>,
    ) -> Result<(), StoreError> {
        let mut edit = self.edit(by).await?;
        // As it is now, whatever it was when somebody looked at it.
        let row = edit
            .write
            .query("SELECT display_name, attributes FROM groups WHERE tenant = $1 AND id = $2")
            .bind(by.tenant)
            .bind(&group.id)
            .fetch_optional(&mut *edit.write)
            .await?
            .ok_or_else(|| StoreError::NotFound { what: "group", name: group.display_name.clone() })?;
        let was_named: String = row.try_get(0)?;
        let was: Attributes = document(&row.try_get::<String, _>(1)?, "group")?;
        let (mut display_name, mut attributes) = (was_named.clone(), was.clone());
        for (name, value) in changes {
            match (name.as_str(), value) {
                (DISPLAY_NAME, Some(value)) => display_name = value.to_string(),
                (_, Some(value)) => {
                    attributes.insert(name.clone(), value.clone());
                }
                (_, None) => {
                    attributes.remove(name);
                }
            }
        }
        let changes = differences((DISPLAY_NAME, &was_named, None, &was), (&display_name, None, &attributes));
        if changes.is_empty() {
            return Ok(());
        }
        self.query(
            "UPDATE groups SET display_name = $1, attributes = $2, updated_at = $3,
                 edited = CASE WHEN origin IS NULL THEN 0 ELSE 1 END WHERE tenant = $4 AND id = $5",
        )
        .bind(&display_name)
        .bind(text(&attributes, "group")?)
        .bind(by.now)
        .bind(by.tenant)
        .bind(&group.id)
        .execute(&mut *edit.write)
        .await?;
        edit.note(RecordKind::Group, Action::Update, &group.id, &display_name, &changes)?;
        edit.commit().await
    }

    /// Removes a group made by hand. One that a connection owns would come back: that is an error.
    pub async fn remove_group(&self, by: By<'_>, group: &GroupRow) -> Result<(), StoreError> {
        if let Some(connection) = &group.origin {
            return Err(StoreError::Owned {
                name: group.display_name.clone(),
                connection: connection.clone(),
            });
        }
        let mut edit = self.edit(by).await?;
        for sql in [
            "DELETE FROM memberships WHERE tenant = $1 AND (group_id = $2 OR member_id = $2)",
            "DELETE FROM group_links WHERE tenant = $1 AND record = $2",
            "DELETE FROM groups WHERE tenant = $1 AND id = $2",
        ] {
            self.query(sql).bind(by.tenant).bind(&group.id).execute(&mut *edit.write).await?;
        }
        edit.note(RecordKind::Group, Action::Delete, &group.id, &group.display_name, &Changes::new())?;
        edit.commit().await
    }

    /// Adds a member by hand, by id and name. False where it was there by hand already, or where one of the two is gone.
    pub async fn add_member(
        &self,
        by: By<'_>,
        group: &GroupRow,
        member: (&str, &str),
        kind: MemberKind,
    ) -> Result<bool, StoreError> {
        let mut edit = self.edit(by).await?;
        let done = self.query(
            "INSERT INTO memberships (tenant, group_id, member_id, kind, owner, since)
             SELECT $1, $2, $3, $4, 0, $5 WHERE EXISTS (SELECT 1 FROM groups g WHERE g.tenant = $1 AND g.id = $2)
                 AND (EXISTS (SELECT 1 FROM users u WHERE u.tenant = $1 AND u.id = $3)
                     OR EXISTS (SELECT 1 FROM groups g WHERE g.tenant = $1 AND g.id = $3))
             ON CONFLICT DO NOTHING",
        )
        .bind(by.tenant)
        .bind(&group.id)
        .bind(member.0)
        .bind(kind.name())
        .bind(edit.change)
        .execute(&mut *edit.write)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        edit.note_member(Action::Add, (&group.id, &group.display_name), member, kind);
        edit.commit().await?;
        Ok(true)
    }

    /// Takes away a membership that was added by hand. False where there is none: a connection's own are its own.
    pub async fn remove_member(
        &self,
        by: By<'_>,
        group: &GroupRow,
        member: (&str, &str),
        kind: MemberKind,
    ) -> Result<bool, StoreError> {
        let mut edit = self.edit(by).await?;
        let done = self.query(
            "DELETE FROM memberships WHERE tenant = $1 AND group_id = $2 AND member_id = $3 AND owner = 0",
        )
        .bind(by.tenant)
        .bind(&group.id)
        .bind(member.0)
        .execute(&mut *edit.write)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        edit.note_member(Action::Remove, (&group.id, &group.display_name), member, kind);
        edit.commit().await?;
        Ok(true)
    }
}
