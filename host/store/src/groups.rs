//! Groups of the directory and who is in them: listing, finding, and changing by hand.

use crate::database::{Store, page, text};
use crate::error::StoreError;
use serde::Deserialize;
use usher_model::{Attributes, MemberKind, Value};

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
    external_id: Option<String>,
    members: u64,
}

const SHOWN: &str = "json_object('id', g.id, 'display_name', g.display_name, 'attributes', g.attributes,
    'origin', (SELECT c.name FROM connections c WHERE c.tenant = g.tenant AND c.id = g.origin),
    'external_id', (SELECT l.source_id FROM group_links l WHERE l.tenant = g.tenant AND l.record = g.id ORDER BY l.connection LIMIT 1),
    'members', (SELECT COUNT(DISTINCT m.member_id) FROM memberships m WHERE m.tenant = g.tenant AND m.group_id = g.id))";

fn shown(json: Json) -> Result<GroupRow, StoreError> {
    Ok(GroupRow {
        id: json.id,
        display_name: json.display_name,
        attributes: crate::database::document(&json.attributes, "group")?,
        origin: json.origin,
        external_id: json.external_id,
        members: json.members,
    })
}

impl Store {
    /// All groups by name, at most `limit` after a name and id.
    pub async fn groups(
        &self,
        tenant: i64,
        after: (&str, &str),
        limit: i64,
    ) -> Result<Vec<GroupRow>, StoreError> {
        let sql = format!(
            "SELECT json_group_array({SHOWN}) FROM (SELECT * FROM groups WHERE tenant = $1
                 AND (display_name, id) > ($2, $3) ORDER BY display_name, id LIMIT $4) g"
        );
        let row = self
            .query(sql)
            .bind(tenant)
            .bind(after.0)
            .bind(after.1)
            .bind(limit)
            .fetch_one(self.pool())
            .await?;
        page::<Json>(&row)?.into_iter().map(shown).collect()
    }

    /// The groups that somebody may mean: by id, name or source id.
    pub async fn find_groups(&self, tenant: i64, which: &str) -> Result<Vec<GroupRow>, StoreError> {
        let sql = format!(
            "SELECT json_group_array({SHOWN}) FROM groups g WHERE g.tenant = $1 AND (g.id = $2 OR g.display_name = $2
                 OR EXISTS (SELECT 1 FROM group_links l WHERE l.tenant = $1 AND l.record = g.id AND l.source_id = $2))"
        );
        let row = self.query(sql).bind(tenant).bind(which).fetch_one(self.pool()).await?;
        page::<Json>(&row)?.into_iter().map(shown).collect()
    }

    /// Who is in a group: directly, or through nested groups too. Whoever is reached twice comes once, by the shortest way; cycles end.
    pub async fn group_members(
        &self,
        tenant: i64,
        group: &str,
        nested: bool,
    ) -> Result<Vec<MemberRow>, StoreError> {
        let row = self.query(
            "WITH RECURSIVE below (id, depth) AS (
                 SELECT top.id, 0 FROM groups top WHERE top.tenant = $1 AND top.id = $2
                 UNION
                 SELECT m.member_id, below.depth + 1 FROM below
                 JOIN memberships m ON m.tenant = $1 AND m.group_id = below.id AND m.kind = 'group'
                 WHERE $3 = 1 AND below.depth < 64)
             SELECT json_group_array(json_object('id', id, 'kind', kind, 'name', name, 'depth', depth, 'via', via,
                 'owner', (SELECT c.name FROM connections c WHERE c.tenant = $1 AND c.id = owner))) FROM (
             SELECT m.member_id AS id, m.kind, MIN(COALESCE(u.user_name, g.display_name, m.member_id)) AS name,
                 MIN(b.depth) AS depth, MIN(v.display_name) AS via,
                 MIN(m.owner) AS owner
             FROM below b JOIN memberships m ON m.tenant = $1 AND m.group_id = b.id
             JOIN groups v ON v.tenant = $1 AND v.id = b.id
             LEFT JOIN users u ON u.tenant = $1 AND m.kind = 'user' AND u.id = m.member_id
             LEFT JOIN groups g ON g.tenant = $1 AND m.kind = 'group' AND g.id = m.member_id
             WHERE m.member_id <> $2
             GROUP BY m.member_id, m.kind ORDER BY depth, m.kind, name)",
        )
        .bind(tenant)
        .bind(group)
        .bind(i64::from(nested))
        .fetch_one(self.pool())
        .await?;
        page(&row)
    }

    /// How many groups and memberships there are.
    pub async fn count_groups(&self, tenant: i64) -> Result<(u64, u64), StoreError> {
        let row = self.query(
            "SELECT (SELECT COUNT(*) FROM groups WHERE tenant = $1), (SELECT COUNT(*) FROM memberships WHERE tenant = $1)",
        )
        .bind(tenant)
        .fetch_one(self.pool())
        .await?;
        let unsigned = |number: i64| u64::try_from(number).unwrap_or(0);
        Ok((unsigned(sqlx::Row::try_get(&row, 0)?), unsigned(sqlx::Row::try_get(&row, 1)?)))
    }

    /// Makes a group by hand.
    pub async fn add_group(
        &self,
        tenant: i64,
        display_name: &str,
        attributes: &Attributes,
        now: i64,
    ) -> Result<String, StoreError> {
        let id = crate::new_id();
        self.query(
            "INSERT INTO groups (tenant, id, display_name, attributes, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $5)",
        )
        .bind(tenant)
        .bind(&id)
        .bind(display_name)
        .bind(text(attributes, "group")?)
        .bind(now)
        .execute(self.pool())
        .await?;
        Ok(id)
    }

    /// Sets or clears fields of a group by hand. An owned field of a synced group returns to the source's value at the next run.
    pub async fn set_group(
        &self,
        tenant: i64,
        group: &GroupRow,
        changes: &std::collections::BTreeMap<String, Option<Value>>,
        now: i64,
    ) -> Result<(), StoreError> {
        let mut attributes = group.attributes.clone();
        let mut display_name = group.display_name.clone();
        for (name, value) in changes {
            match (name.as_str(), value) {
                (usher_model::DISPLAY_NAME, Some(value)) => display_name = value.to_string(),
                (_, Some(value)) => {
                    attributes.insert(name.clone(), value.clone());
                }
                (_, None) => {
                    attributes.remove(name);
                }
            }
        }
        self.query(
            "UPDATE groups SET display_name = $1, attributes = $2, updated_at = $3,
                 edited = CASE WHEN origin IS NULL THEN 0 ELSE 1 END WHERE tenant = $4 AND id = $5",
        )
        .bind(display_name)
        .bind(text(&attributes, "group")?)
        .bind(now)
        .bind(tenant)
        .bind(&group.id)
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// Removes a group made by hand. One that a connection owns would come back: that is an error.
    pub async fn remove_group(&self, tenant: i64, group: &GroupRow) -> Result<(), StoreError> {
        if let Some(connection) = &group.origin {
            return Err(StoreError::Owned {
                name: group.display_name.clone(),
                connection: connection.clone(),
            });
        }
        let mut write = self.write().await?;
        for sql in [
            "DELETE FROM memberships WHERE tenant = $1 AND (group_id = $2 OR member_id = $2)",
            "DELETE FROM groups WHERE tenant = $1 AND id = $2",
        ] {
            self.query(sql).bind(tenant).bind(&group.id).execute(&mut *write).await?;
        }
        write.commit().await?;
        Ok(())
    }

    /// Adds a member by hand. False where it was there by hand already.
    pub async fn add_member(
        &self,
        tenant: i64,
        group: &str,
        member: &str,
        kind: MemberKind,
    ) -> Result<bool, StoreError> {
        let done = self.query(
            "INSERT INTO memberships (tenant, group_id, member_id, kind, owner) VALUES ($1, $2, $3, $4, 0)
             ON CONFLICT DO NOTHING",
        )
        .bind(tenant)
        .bind(group)
        .bind(member)
        .bind(kind.name())
        .execute(self.pool())
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Takes away a membership that was added by hand. False where there is none: a connection's own are its own.
    pub async fn remove_member(&self, tenant: i64, group: &str, member: &str) -> Result<bool, StoreError> {
        let done = self.query(
            "DELETE FROM memberships WHERE tenant = $1 AND group_id = $2 AND member_id = $3 AND owner = 0",
        )
        .bind(tenant)
        .bind(group)
        .bind(member)
        .execute(self.pool())
        .await?;
        Ok(done.rows_affected() == 1)
    }
}
