//! Users of the directory: listing, finding, and changing by hand.

use crate::database::{Store, Write, document, page, rows, text};
use crate::edits::{By, Edit, differences};
use crate::error::StoreError;
use crate::history::View;
use crate::protection;
use crate::switch::orphaned;
use serde::Deserialize;
use sqlx::Row;
use std::collections::{BTreeMap, BTreeSet};
use usher_model::{ACTIVE, Attributes, EMAILS, USER_NAME, Value, fold};
use usher_planner::{Action, Change, Changes, LINKED, RecordKind};

/// A user as the directory has it, with what hangs on it.
#[derive(Clone, Debug)]
pub struct UserRow {
    /// The directory's id.
    pub id: String,
    /// RFC 7643 section 4.1.1.
    pub user_name: String,
    /// Whether the user may act.
    pub active: bool,
    /// Everything else.
    pub attributes: Attributes,
    /// The name of the connection that owns it; none: manual.
    pub origin: Option<String>,
    /// Whether that connection is idle now: nobody brings the user any more.
    pub orphaned: bool,
    /// The source's key, where the owning connection knows one.
    pub external_id: Option<String>,
    /// The manager: id and userName.
    pub manager: Option<(String, String)>,
    /// Its paths, the primary one first.
    pub paths: Vec<String>,
    /// The groups it is directly in, by name: id and name.
    pub groups: Vec<(String, String)>,
    /// Its links: connection, source id, leaving since.
    pub links: Vec<(String, String, Option<i64>)>,
}

/// Which users to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// Part of a userName or displayName, whatever its case.
    pub search: Option<String>,
    /// Only those directly in this group (the directory's id).
    pub group: Option<String>,
    /// Only the active, or only the inactive.
    pub active: Option<bool>,
    /// Only manual ones.
    pub manual: bool,
    /// Only those of idle connections.
    pub orphaned: bool,
}

/// A user made by hand.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// RFC 7643 section 4.1.1.
    pub user_name: String,
    /// Whether the user may act.
    pub active: bool,
    /// Everything else.
    pub attributes: Attributes,
}

/// A change of one user by hand.
#[derive(Clone, Copy, Debug)]
pub enum UserEdit<'a> {
    /// A user is made.
    Add(&'a NewUser),
    /// Fields are set, or cleared.
    Set(&'a UserRow, &'a BTreeMap<String, Option<Value>>),
}

#[derive(Deserialize)]
struct Json {
    id: String,
    user_name: String,
    active: i64,
    attributes: String,
    origin: Option<String>,
    orphaned: i64,
    external_id: Option<String>,
    manager: Option<String>,
    manager_name: Option<String>,
    paths: Option<String>,
    groups: Vec<(String, String)>,
    links: Vec<(String, String, Option<i64>)>,
}

/// A user `u` of a view as one document.
fn document_of(view: View) -> String {
    let (users, groups, memberships, links) =
        (view.users(), view.groups(), view.memberships(), view.user_links());
    let origin = view.connection_name("u.tenant", "u.origin");
    let connection = view.connection_name("l.tenant", "l.connection");
    let orphaned = orphaned("u");
    format!(
        "json_object('id', u.id, 'user_name', u.user_name, 'active', u.active, 'attributes', u.attributes,
    'origin', CASE WHEN u.origin IS NULL THEN NULL ELSE {origin} END,
    'orphaned', CASE WHEN {orphaned} THEN 1 ELSE 0 END,
    'external_id', (SELECT MIN(l.source_id) FROM {links} l WHERE l.tenant = u.tenant AND l.record = u.id
        AND l.connection = COALESCE(u.origin, l.connection)),
    'manager', u.manager, 'manager_name', (SELECT b.user_name FROM {users} b WHERE b.tenant = u.tenant AND b.id = u.manager), 'paths', u.paths,
    'groups', (SELECT json(json_group_array(json_array(id, name))) FROM (SELECT DISTINCT g.id, g.display_name AS name FROM {memberships} m
        JOIN {groups} g ON g.tenant = m.tenant AND g.id = m.group_id
        WHERE m.tenant = u.tenant AND m.member_id = u.id ORDER BY 2, 1)),
    'links', (SELECT json(json_group_array(json_array({connection}, l.source_id, l.left_at))) FROM {links} l
        WHERE l.tenant = u.tenant AND l.record = u.id))"
    )
}

fn shown(json: Json) -> Result<UserRow, StoreError> {
    Ok(UserRow {
        id: json.id,
        user_name: json.user_name,
        active: json.active == 1,
        attributes: document(&json.attributes, "user")?,
        origin: json.origin,
        orphaned: json.orphaned == 1,
        external_id: json.external_id,
        manager: json.manager.map(|id| (id, json.manager_name.unwrap_or_default())),
        paths: json.paths.map(|paths| document(&paths, "list of paths")).transpose()?.unwrap_or_default(),
        groups: json.groups,
        links: json.links,
    })
}

impl Store {
    /// The next users after a place: those of now in the order of userNames, after a folded one; those of then in the order in which they came,
    /// after an id.
    pub async fn users(
        &self,
        tenant: i64,
        view: View,
        filter: &UserFilter,
        after: &str,
        limit: i64,
    ) -> Result<Vec<UserRow>, StoreError> {
        let (shown_user, users, memberships) = (document_of(view), view.users(), view.memberships());
        let orphaned = orphaned("u");
        let place = if view.is_past() { "u.id" } else { "u.user_name_key" };
        let sql = format!(
            "SELECT json_group_array({shown_user}) FROM (SELECT * FROM {users} u WHERE u.tenant = $1 AND {place} > $2
                 AND ($3 = '' OR instr(u.user_name_key, $3) > 0 OR instr(lower(COALESCE(u.attributes->>'displayName', '')), $3) > 0)
                 AND ($4 = '' OR EXISTS (SELECT 1 FROM {memberships} m WHERE m.tenant = $1 AND m.group_id = $4 AND m.member_id = u.id))
                 AND ($5 < 0 OR u.active = $5) AND ($6 = 0 OR u.origin IS NULL) AND ($8 = 0 OR {orphaned})
                 ORDER BY {place} LIMIT $7) u"
        );
        let row = self
            .query(sql)
            .bind(tenant)
            .bind(after)
            .bind(filter.search.as_deref().map(fold).unwrap_or_default())
            .bind(filter.group.clone().unwrap_or_default())
            .bind(filter.active.map_or(-1, i64::from))
            .bind(i64::from(filter.manual))
            .bind(limit)
            .bind(i64::from(filter.orphaned))
            .fetch_one(self.pool())
            .await?;
        page::<Json>(&row)?.into_iter().map(shown).collect()
    }

    /// The users that somebody may mean: by id, userName, source id, or e-mail address.
    pub async fn find_users(&self, tenant: i64, view: View, who: &str) -> Result<Vec<UserRow>, StoreError> {
        let (shown_user, users, links) = (document_of(view), view.users(), view.user_links());
        // Addresses are noted as they are now; as they were, they are in the users.
        let now = if view.is_past() { "1 = 0" } else { "1 = 1" };
        let sql = format!(
            "SELECT json_group_array({shown_user}) FROM {users} u WHERE u.tenant = $1 AND u.id IN (
                 SELECT a.id FROM {users} a WHERE a.tenant = $1 AND a.id = $2
                 UNION SELECT n.id FROM {users} n WHERE n.tenant = $1 AND n.user_name_key = $3
                 UNION SELECT l.record FROM {links} l WHERE l.tenant = $1 AND l.source_id = $2
                 UNION SELECT m.record FROM manual_addresses m JOIN users o ON o.tenant = $1 AND o.id = m.record AND o.origin IS NULL
                 WHERE m.tenant = $1 AND m.address = $3 AND {now})"
        );
        let found = self.find(&sql, tenant, who).await?;
        if !found.is_empty() {
            return Ok(found);
        }
        // Addresses of synced users have no index: only when nothing else fits.
        let sql = format!(
            "SELECT json_group_array({shown_user}) FROM {users} u WHERE u.tenant = $1 AND $2 <> '' AND EXISTS (
                 SELECT 1 FROM json_each(u.attributes, '$.emails') e WHERE lower(e.value) = $3)"
        );
        self.find(&sql, tenant, who).await
    }

    async fn find(&self, sql: &str, tenant: i64, who: &str) -> Result<Vec<UserRow>, StoreError> {
        let row = self
            .query(sql.to_owned())
            .bind(tenant)
            .bind(who.trim())
            .bind(fold(who))
            .fetch_one(self.pool())
            .await?;
        page::<Json>(&row)?.into_iter().map(shown).collect()
    }

    /// Makes a user by hand.
    pub async fn add_user(&self, by: By<'_>, new: &NewUser) -> Result<String, StoreError> {
        let mut edit = self.edit(by).await?;
        let made = edit.add_user(by, new).await?;
        let id = made.ok_or_else(|| StoreError::Taken { what: "user", name: new.user_name.clone() })?;
        edit.commit().await?;
        Ok(id)
    }

    /// Sets or clears fields of a user by hand. An owned field of a synced user returns to the source's value at the next run.
    pub async fn set_user(
        &self,
        by: By<'_>,
        user: &UserRow,
        changes: &BTreeMap<String, Option<Value>>,
    ) -> Result<(), StoreError> {
        let mut edit = self.edit(by).await?;
        match edit.set_user(by, &user.id, changes, false).await? {
            Set::Done => {}
            Set::Taken(name) => return Err(StoreError::Taken { what: "user", name }),
            Set::Gone => return Err(StoreError::NotFound { what: "user", name: user.user_name.clone() }),
            Set::Protected(name) => return Err(StoreError::Protected { name }),
        }
        if edit.is_empty() { Ok(()) } else { edit.commit().await }
    }

    /// Makes users by hand and changes those that are nobody's, all in one change. Gives which of them were passed over, by their place: somebody
    /// else has the name, or the user is gone or a connection's by now. `told` hears of each.
    pub async fn edit_users(
        &self,
        by: By<'_>,
        edits: &[UserEdit<'_>],
        mut told: impl FnMut(usize),
    ) -> Result<BTreeSet<usize>, StoreError> {
        let mut edit = self.edit(by).await?;
        let mut taken = BTreeSet::new();
        for (at, change) in edits.iter().enumerate() {
            told(at);
            let free = match change {
                UserEdit::Add(new) => edit.add_user(by, new).await?.is_some(),
                UserEdit::Set(user, changes) => {
                    matches!(edit.set_user(by, &user.id, changes, true).await?, Set::Done)
                }
            };
            if !free {
                taken.insert(at);
            }
        }
        if !edit.is_empty() {
            edit.commit().await?;
        }
        Ok(taken)
    }

    /// Removes a user made by hand. One that a connection owns would come back with the next run: that is an error.
    pub async fn remove_user(&self, by: By<'_>, user: &UserRow) -> Result<(), StoreError> {
        if let Some(connection) = &user.origin {
            return Err(StoreError::Owned { name: user.user_name.clone(), connection: connection.clone() });
        }
        let mut edit = self.edit(by).await?;
        if let Some(name) = protection::name_if_protected(&mut edit.write, by.tenant, &user.id).await? {
            return Err(StoreError::Protected { name });
        }
        for sql in [
            "DELETE FROM memberships WHERE tenant = $1 AND member_id = $2",
            // A record of a source that he was linked to is somebody new from the next run on.
            "UPDATE mirror_users SET problem = '{\"standing\":\"held\",\"why\":\"the user whom it was linked to was removed here\"}'
             WHERE tenant = $1 AND place IS NULL AND (connection, source_id) IN (
                 SELECT connection, source_id FROM user_links WHERE tenant = $1 AND record = $2)",
            "DELETE FROM user_links WHERE tenant = $1 AND record = $2",
            "DELETE FROM manual_addresses WHERE tenant = $1 AND record = $2",
            "UPDATE users SET manager = NULL WHERE tenant = $1 AND manager = $2",
            "DELETE FROM users WHERE tenant = $1 AND id = $2",
        ] {
            self.query(sql).bind(by.tenant).bind(&user.id).execute(&mut *edit.write).await?;
        }
        edit.note(RecordKind::User, Action::Delete, &user.id, &user.user_name, &Changes::new())?;
        edit.commit().await
    }

    /// Links a user to a record of a connection's source: the two are the same person. He stays whose he was. One who is linked to another
    /// record of that source is linked to this one instead.
    pub async fn link_user(
        &self,
        by: By<'_>,
        connection: i64,
        source_id: &str,
        user: &UserRow,
    ) -> Result<(), StoreError> {
        let tenant = by.tenant;
        let mut edit = self.edit(by).await?;
        let change = edit.change;
        let write = &mut edit.write;
        let owns = attribute_set(write, tenant, "[]").await?;
        let there = self
            .query("SELECT 1 FROM users WHERE tenant = $1 AND id = $2")
            .bind(tenant)
            .bind(&user.id)
            .fetch_optional(&mut **write)
            .await?;
        if there.is_none() {
            return Err(StoreError::NotFound { what: "user", name: user.user_name.clone() });
        }
        let known = self
            .query("SELECT 1 FROM mirror_users WHERE tenant = $1 AND connection = $2 AND source_id = $3")
            .bind(tenant)
            .bind(connection)
            .bind(source_id)
            .fetch_optional(&mut **write)
            .await?;
        if known.is_none() {
            return Err(StoreError::NotFound { what: "record at the source", name: source_id.to_owned() });
        }
        // A person has one record at a source: linked to another of this connection already, he has got a new key there. What the source
        // owns of him stays so; if he is leaving, the next run brings him back. Whether the old record still is anybody, it finds out too.
        let earlier = self.query(
            "DELETE FROM user_links WHERE tenant = $1 AND connection = $2 AND record = $3 AND source_id <> $4
                 AND NOT EXISTS (SELECT 1 FROM user_links t
                     WHERE t.tenant = $1 AND t.connection = $2 AND t.source_id = $4)
             RETURNING source_id, owns, left_at",
        )
        .bind(tenant)
        .bind(connection)
        .bind(&user.id)
        .bind(source_id)
        .fetch_optional(&mut **write)
        .await?;
        let (mut owns, mut left_at) = (owns, None);
        if let Some(earlier) = earlier {
            let before: String = earlier.try_get(0)?;
            (owns, left_at) = (earlier.try_get(1)?, earlier.try_get::<Option<i64>, _>(2)?);
            let problem = serde_json::json!({ "standing": "held",
                "why": format!("{} is linked to record {source_id} now", user.user_name) });
            self.query(
                "UPDATE mirror_users SET problem = $1
                 WHERE tenant = $2 AND connection = $3 AND source_id = $4 AND place IS NULL",
            )
            .bind(problem.to_string())
            .bind(tenant)
            .bind(connection)
            .bind(before)
            .execute(&mut **write)
            .await?;
        }
        let made = self.query(
            "INSERT INTO user_links (tenant, connection, source_id, record, owns, left_at, since) VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (tenant, connection, source_id) DO NOTHING",
        )
        .bind(tenant)
        .bind(connection)
        .bind(source_id)
        .bind(&user.id)
        .bind(owns)
        .bind(left_at)
        .bind(change)
        .execute(&mut **write)
        .await?;
        if made.rows_affected() == 0 {
            return Err(StoreError::Taken { what: "link", name: source_id.to_owned() });
        }
        // Of whom only the hash was kept, while he was left out, the source is to tell again.
        let told = self
            .query(
                "UPDATE mirror_users SET hash = NULL WHERE tenant = $1 AND connection = $2 AND source_id = $3 AND raw IS NULL",
            )
            .bind(tenant)
            .bind(connection)
            .bind(source_id)
            .execute(&mut **write)
            .await?;
        if told.rows_affected() > 0 {
            self.query("UPDATE connections SET cursor = NULL WHERE tenant = $1 AND id = $2")
                .bind(tenant)
                .bind(connection)
                .execute(&mut **write)
                .await?;
        }
        let changes = Changes::from([(LINKED.to_owned(), Change(None, Some(source_id.into())))]);
        edit.note(RecordKind::User, Action::Link, &user.id, &user.user_name, &changes)?;
        edit.commit().await
    }
}

/// What came of setting fields.
enum Set {
    /// They are set.
    Done,
    /// Somebody else has the name that would be set.
    Taken(String),
    /// There is no such user any more.
    Gone,
    /// He is protected from it.
    Protected(String),
}

impl Edit {
    /// Makes a user; gives its id, or none where somebody else has the name.
    async fn add_user(&mut self, by: By<'_>, new: &NewUser) -> Result<Option<String>, StoreError> {
        let id = crate::new_id();
        let name = new.user_name.trim();
        let change = self.change;
        let made = self
            .write
            .query(
                "INSERT INTO users (tenant, id, user_name, user_name_key, active, attributes, created_at, updated_at, since)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8) ON CONFLICT (tenant, user_name_key) DO NOTHING",
            )
            .bind(by.tenant)
            .bind(&id)
            .bind(name)
            .bind(fold(&new.user_name))
            .bind(i64::from(new.active))
            .bind(text(&new.attributes, "user")?)
            .bind(by.now)
            .bind(change)
            .execute(&mut *self.write)
            .await?;
        if made.rows_affected() == 0 {
            return Ok(None);
        }
        addresses(&mut self.write, by.tenant, &id, &new.attributes).await?;
        let nothing = Attributes::new();
        let changes = differences((USER_NAME, "", None, &nothing), (name, Some(new.active), &new.attributes));
        self.note(RecordKind::User, Action::Create, &id, name, &changes)?;
        Ok(Some(id))
    }

    /// Sets or clears fields of a user as it is now, whatever it was when somebody looked at it; with `manual`, only of one that is nobody's.
    async fn set_user(
        &mut self,
        by: By<'_>,
        id: &str,
        changes: &BTreeMap<String, Option<Value>>,
        manual: bool,
    ) -> Result<Set, StoreError> {
        let row = self
            .write
            .query("SELECT user_name, active, attributes, origin FROM users WHERE tenant = $1 AND id = $2")
            .bind(by.tenant)
            .bind(id)
            .fetch_optional(&mut *self.write)
            .await?;
        let Some(row) = row else { return Ok(Set::Gone) };
        let (was_named, was_active): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
        let was: Attributes = document(&row.try_get::<String, _>(2)?, "user")?;
        let owned = row.try_get::<Option<i64>, _>(3)?.is_some();
        if manual && owned {
            return Ok(Set::Gone);
        }
        let mut attributes = was.clone();
        let (mut user_name, mut active) = (was_named.clone(), was_active == 1);
        for (name, value) in changes {
            match (name.as_str(), value) {
                (USER_NAME, Some(value)) => user_name = value.to_string().trim().to_owned(),
                (ACTIVE, Some(Value::Truth(truth))) => active = *truth,
                (_, Some(value)) => {
                    attributes.insert(name.clone(), value.clone());
                }
                (_, None) => {
                    attributes.remove(name);
                }
            }
        }
        let changes = differences(
            (USER_NAME, &was_named, Some(was_active == 1), &was),
            (&user_name, Some(active), &attributes),
        );
        if changes.is_empty() {
            return Ok(Set::Done);
        }
        if (fold(&user_name) != fold(&was_named) || was_active == 1 && !active)
            && let Some(name) = protection::name_if_protected(&mut self.write, by.tenant, id).await?
        {
            return Ok(Set::Protected(name));
        }
        let taken = self
            .write
            .query("SELECT 1 FROM users WHERE tenant = $1 AND user_name_key = $2 AND id <> $3")
            .bind(by.tenant)
            .bind(fold(&user_name))
            .bind(id)
            .fetch_optional(&mut *self.write)
            .await?;
        if taken.is_some() {
            return Ok(Set::Taken(user_name));
        }
        self.write
            .query(
                "UPDATE users SET user_name = $1, user_name_key = $2, active = $3, attributes = $4, updated_at = $5,
                     edited = CASE WHEN origin IS NULL THEN 0 ELSE 1 END
                 WHERE tenant = $6 AND id = $7",
            )
            .bind(&user_name)
            .bind(fold(&user_name))
            .bind(i64::from(active))
            .bind(text(&attributes, "user")?)
            .bind(by.now)
            .bind(by.tenant)
            .bind(id)
            .execute(&mut *self.write)
            .await?;
        if !owned {
            addresses(&mut self.write, by.tenant, id, &attributes).await?;
        }
        let action = match (was_active == 1, active) {
            (true, false) => Action::Deactivate,
            (false, true) => Action::Reactivate,
            _ => Action::Update,
        };
        self.note(RecordKind::User, action, id, &user_name, &changes)?;
        Ok(Set::Done)
    }
}

/// Notes the e-mail addresses of a manual user.
pub(crate) async fn addresses(
    write: &mut Write,
    tenant: i64,
    id: &str,
    attributes: &Attributes,
) -> Result<(), StoreError> {
    write
        .query("DELETE FROM manual_addresses WHERE tenant = $1 AND record = $2")
        .bind(tenant)
        .bind(id)
        .execute(&mut **write)
        .await?;
    let folded: Vec<_> =
        attributes.get(EMAILS).map_or(&[][..], Value::texts).iter().map(|email| fold(email)).collect();
    write
        .query(
            "INSERT INTO manual_addresses (tenant, address, record)
         SELECT $1, texts.value, $2 FROM json_each($3) texts WHERE true ON CONFLICT DO NOTHING",
        )
        .bind(tenant)
        .bind(id)
        .bind(rows(&folded)?)
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// The number of a set of attribute names, making one where there is none.
pub(crate) async fn attribute_set(write: &mut Write, tenant: i64, names: &str) -> Result<i64, StoreError> {
    write
        .query(
            "INSERT INTO attribute_sets (tenant, id, names)
         SELECT $1, COALESCE(MAX(id), 0) + 1, $2 FROM attribute_sets WHERE tenant = $1
         ON CONFLICT (tenant, names) DO NOTHING",
        )
        .bind(tenant)
        .bind(names)
        .execute(&mut **write)
        .await?;
    let row = write
        .query("SELECT id FROM attribute_sets WHERE tenant = $1 AND names = $2")
        .bind(tenant)
        .bind(names)
        .fetch_one(&mut **write)
        .await?;
    Ok(row.try_get(0)?)
}
