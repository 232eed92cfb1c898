//! Review: what scope and policies make of records. Outcomes stand beside the raw record, with the digest of what they rest on.

use crate::database::{Store, page, parsed, rows};
use crate::error::StoreError;
use crate::leases::Lease;
use crate::mirror::as_read;
use crate::planning::DIRECT_GROUPS;
use crate::reads::Read;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use usher_model::{ACTIVE, Group, USER_NAME, User, Value};

/// What becomes of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It comes in.
    #[default]
    Keep,
    /// It doesn't.
    LeaveOut,
    /// What is stored stays as it is.
    Hold,
}

/// The outcome of scope and chain for one record. A record that comes in as it is has none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Outcome {
    /// What becomes of it.
    pub decision: Verdict,
    /// Who decided: `scope`, or the policy's name in the chain.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// Why, in the decider's own words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Attributes that policies set, or took away.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub edits: BTreeMap<String, Option<Value>>,
}

impl Outcome {
    /// Whether the record comes in as it is, which is stored as nothing at all.
    pub fn is_plain(&self) -> bool {
        self.decision == Verdict::Keep && self.edits.is_empty()
    }

    /// The reason with the one who gave it.
    pub fn words(&self) -> String {
        if self.by.is_empty() { self.reason.clone() } else { format!("{}: {}", self.by, self.reason) }
    }

    /// Makes the edits.
    pub fn edit_user(&self, user: &mut User) {
        for (name, value) in &self.edits {
            match (name.as_str(), value) {
                (USER_NAME, value) => {
                    user.user_name = value.as_ref().and_then(Value::as_text).map(str::to_owned)
                }
                (ACTIVE, Some(Value::Truth(active))) => user.active = Some(*active),
                (ACTIVE, _) => user.active = None,
                (_, Some(value)) => {
                    user.attributes.insert(name.clone(), value.clone());
                }
                (_, None) => {
                    user.attributes.remove(name);
                }
            }
        }
    }

    /// Makes the edits.
    pub fn edit_group(&self, group: &mut Group) {
        for (name, value) in &self.edits {
            match (name.as_str(), value) {
                (usher_model::DISPLAY_NAME, value) => {
                    group.display_name = value.as_ref().and_then(Value::as_text).map(str::to_owned);
                }
                (_, Some(value)) => {
                    group.attributes.insert(name.clone(), value.clone());
                }
                (_, None) => {
                    group.attributes.remove(name);
                }
            }
        }
    }
}

/// A group to be reviewed, with its last outcome.
#[derive(Clone, Debug, Deserialize)]
pub struct GroupReview {
    /// The source id.
    pub id: String,
    /// The raw record; none if it was never readable.
    pub raw: Option<Group>,
    /// What the last outcome rests on.
    pub digest: Option<String>,
    /// The last outcome.
    pub outcome: Option<Outcome>,
    /// Whether it is unreadable now.
    pub unreadable: bool,
}

/// A user to be reviewed, with his last outcome.
#[derive(Clone, Debug, Deserialize)]
pub struct UserReview {
    /// The source id.
    pub id: String,
    /// The raw record.
    pub raw: User,
    /// What the last outcome rests on.
    pub digest: Option<String>,
    /// The last outcome.
    pub outcome: Option<Outcome>,
    /// The groups he is directly in, by source id.
    pub groups: Vec<String>,
}

/// One reviewed record, ready to be stored.
#[derive(Clone, Debug, Serialize)]
pub struct ReviewPage {
    /// The source id.
    pub id: String,
    /// What the outcome rests on.
    pub digest: String,
    /// The outcome, if there is anything to say.
    pub outcome: Option<String>,
    /// A user's folded userName after the chain.
    pub key: Option<String>,
    /// A user's manager after the chain.
    pub manager: Option<String>,
}

#[derive(Deserialize)]
struct Row {
    id: String,
    raw: Option<String>,
    /// Of a text that comes from the mirror.
    #[serde(default)]
    hash: Option<String>,
    digest: Option<String>,
    outcome: Option<String>,
    #[serde(default)]
    unreadable: i64,
    #[serde(default)]
    groups: Option<String>,
}

impl Store {
    /// All groups that the source has now: the only records held in memory whole.
    pub async fn groups_for_review(&self, read: Read) -> Result<Vec<GroupReview>, StoreError> {
        let sql = "SELECT json_group_array(json_object('id', id, 'raw', raw, 'digest', digest, 'outcome', outcome,
                 'unreadable', unreadable)) FROM (
             SELECT m.source_id AS id, m.raw, m.digest, m.outcome, CASE WHEN m.place IS NULL THEN 0 ELSE 1 END AS unreadable FROM mirror_groups m
             WHERE m.tenant = $1 AND m.connection = $3 AND NOT EXISTS (SELECT 1 FROM staged_groups s
                 WHERE s.tenant = $1 AND s.read = $2 AND s.source_id = m.source_id AND s.op <> 0)
             UNION ALL
             SELECT s.source_id, COALESCE(s.raw, m.raw), CASE WHEN s.op = 3 THEN m.digest ELSE s.digest END,
                 CASE WHEN s.op = 3 THEN m.outcome ELSE s.outcome END,
                 CASE WHEN s.op = 3 OR (s.op <> 1 AND m.place IS NOT NULL) THEN 1 ELSE 0 END
             FROM staged_groups s
             LEFT JOIN mirror_groups m ON m.tenant = $1 AND m.connection = $3 AND m.source_id = s.source_id
             WHERE s.tenant = $1 AND s.read = $2 AND s.op NOT IN (0, 2))";
        let row = self.of_read(sql, read).fetch_one(self.pool()).await?;
        page::<Row>(&row)?
            .into_iter()
            .map(|row| {
                Ok(GroupReview {
                    id: row.id,
                    raw: parsed(row.raw, "group")?,
                    digest: row.digest,
                    outcome: parsed(row.outcome, "outcome")?,
                    unreadable: row.unreadable == 1,
                })
            })
            .collect()
    }

    /// The next due users after an id, with their direct groups if wanted.
    pub async fn users_for_review(
        &self,
        read: Read,
        after: &str,
        with_groups: bool,
        limit: i64,
    ) -> Result<Vec<UserReview>, StoreError> {
        let groups = if with_groups { DIRECT_GROUPS } else { "NULL" };
        let sql = format!(
            "SELECT json_group_array(json_object('id', id, 'raw', raw, 'hash', hash, 'digest', digest, 'outcome', outcome,
                 'groups', groups)) FROM (
             SELECT s.source_id AS id, COALESCE(s.raw, m.raw) AS raw, CASE WHEN s.raw IS NULL THEN m.hash END AS hash,
                 s.digest, s.outcome, {groups} AS groups
             FROM staged_users s
             LEFT JOIN mirror_users m ON m.tenant = $1 AND m.connection = $3 AND m.source_id = s.source_id
             WHERE s.tenant = $1 AND s.read = $2 AND s.op IN (1, 4, 5) AND s.source_id > $4
               AND COALESCE(s.raw, m.raw) IS NOT NULL
             ORDER BY s.source_id LIMIT $5)"
        );
        let row = self.of_read(sql, read).bind(after).bind(limit).fetch_one(self.pool()).await?;
        page::<Row>(&row)?
            .into_iter()
            .map(|row| {
                as_read(&row.id, row.raw.as_deref(), row.hash.as_deref())?;
                Ok(UserReview {
                    id: row.id,
                    raw: parsed(row.raw, "user")?.unwrap_or_default(),
                    digest: row.digest,
                    outcome: parsed(row.outcome, "outcome")?,
                    groups: parsed(row.groups, "list of groups")?.unwrap_or_default(),
                })
            })
            .collect()
    }

    /// Stores the outcomes of groups.
    pub async fn review_groups(
        &self,
        lease: Lease,
        read: Read,
        reviewed: &[ReviewPage],
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO staged_groups (tenant, read, source_id, op, digest, outcome)
             SELECT $1, $2, value->>'id', 4, value->>'digest', value->>'outcome' FROM json_each($3) WHERE true
             ON CONFLICT (tenant, read, source_id) DO UPDATE SET digest = EXCLUDED.digest, outcome = EXCLUDED.outcome,
                 op = CASE WHEN staged_groups.op = 1 THEN 1 ELSE 4 END";
        self.review(lease, read, sql, reviewed).await
    }

    /// Stores the outcomes of users.
    pub async fn review_users(
        &self,
        lease: Lease,
        read: Read,
        reviewed: &[ReviewPage],
    ) -> Result<(), StoreError> {
        let sql = "WITH j AS MATERIALIZED (SELECT value->>'id' AS id, value->>'digest' AS digest,
                 value->>'outcome' AS outcome, value->>'key' AS key, value->>'manager' AS manager FROM json_each($3))
             UPDATE staged_users SET digest = j.digest, outcome = j.outcome, user_name_key = j.key,
                 manager = j.manager, op = CASE WHEN op = 1 THEN 1 ELSE 4 END
             FROM j WHERE tenant = $1 AND read = $2 AND source_id = j.id";
        self.review(lease, read, sql, reviewed).await
    }

    async fn review(
        &self,
        lease: Lease,
        read: Read,
        sql: &'static str,
        reviewed: &[ReviewPage],
    ) -> Result<(), StoreError> {
        if reviewed.is_empty() {
            return Ok(());
        }
        let mut write = self.write().await?;
        Self::hold_lease(&mut write, lease).await?;
        self.query(sql).bind(read.tenant).bind(read.id).bind(rows(&reviewed)?).execute(&mut *write).await?;
        write.commit().await?;
        Ok(())
    }
}
