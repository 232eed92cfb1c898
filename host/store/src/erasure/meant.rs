//! Who is meant: which records of the directory, now and before, are one person.
//!
//! Somebody who left and came again has several. Two records are one person where a source gave both under one key and they share a userName or
//! an e-mail address, or where one came after the other had gone, under the userName that it left with. A userName that somebody gave up and that
//! went to another makes nobody the same. Somebody who is in the directory is never taken for another by his userName alone.

use crate::database::{Store, Write, document, page, rows};
use crate::dialect::Dialect;
use crate::error::StoreError;
use sqlx::AnyConnection;
use std::collections::{BTreeMap, BTreeSet};
use usher_model::{Attributes, EMAILS, User, Value, fold};

/// Connections and source ids.
pub(super) type Sources = BTreeSet<(i64, String)>;

/// A record of the directory that is somebody's, or was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The directory's id.
    pub id: String,
    /// What it is called, or was when it went.
    pub user_name: String,
    /// Whether it is in the directory.
    pub here: bool,
    /// When it went, milliseconds since 1970, where the run that took it away is still known.
    pub until: Option<i64>,
}

/// A record from its first change to its last.
#[derive(Clone, Debug)]
pub(super) struct Life {
    pub id: String,
    /// The userName at the end.
    pub user_name: String,
    /// userNames and e-mail addresses that it has had, folded.
    names: BTreeSet<String>,
    mails: BTreeSet<String>,
    /// What sources gave it under.
    pub keys: Sources,
    /// The changes that it came and went by.
    began: i64,
    ended: Option<i64>,
}

/// Somebody as one version of a record tells of him.
type Version = (String, i64, Option<i64>, String, String);

fn mails(attributes: &Attributes) -> impl Iterator<Item = String> {
    attributes.get(EMAILS).map_or(&[][..], Value::texts).iter().map(|mail| fold(mail))
}

fn meet<T: Ord>(some: &BTreeSet<T>, others: &BTreeSet<T>) -> bool {
    !some.is_disjoint(others)
}

impl Life {
    /// Whether another record is the same person as this one, who is meant.
    fn is(&self, other: &Self) -> bool {
        let mail = meet(&self.mails, &other.mails);
        if meet(&self.keys, &other.keys) && (mail || meet(&self.names, &other.names)) {
            return true;
        }
        let gone_by = |one: &Self, moment| one.ended.is_some_and(|ended| ended <= moment);
        let again = if gone_by(self, other.began) {
            other.names.contains(&fold(&self.user_name))
        } else {
            gone_by(other, self.began) && self.names.contains(&fold(&other.user_name))
        };
        again && (mail || other.ended.is_some())
    }

    /// Whether a record of a source under one of its keys is the same person.
    fn is_at_source(&self, user: &User) -> bool {
        let name = user.user_name.as_deref().map(fold);
        name.is_some_and(|name| self.names.contains(&name))
            || mails(&user.attributes).any(|mail| self.mails.contains(&mail))
    }
}

/// The tables of one tenant, within a transaction or without.
pub(super) struct Archive<'a> {
    pub dialect: Dialect,
    pub connection: &'a mut AnyConnection,
    pub tenant: i64,
}

impl<'a> Archive<'a> {
    pub fn of(write: &'a mut Write, tenant: i64) -> Self {
        Self { dialect: write.dialect().clone(), connection: write, tenant }
    }

    /// One page of rows by a statement with the tenant and a page of what is looked for.
    async fn page<T: serde::de::DeserializeOwned>(
        &mut self,
        sql: &'static str,
        wanted: &impl serde::Serialize,
    ) -> Result<Vec<T>, StoreError> {
        let query = self.dialect.query(sql.into()).bind(self.tenant).bind(rows(wanted)?);
        page(&query.fetch_one(&mut *self.connection).await?)
    }

    async fn lives(&mut self, ids: &BTreeSet<String>) -> Result<BTreeMap<String, Life>, StoreError> {
        let mut versions: Vec<Version> = self
            .page(
                "SELECT json_group_array(json_array(id, since, until, user_name, attributes)) FROM (
                 SELECT id, since, until, user_name, attributes FROM users_was
                 WHERE tenant = $1 AND id IN (SELECT value FROM json_each($2))
                 UNION ALL SELECT id, since, NULL, user_name, attributes FROM users
                 WHERE tenant = $1 AND id IN (SELECT value FROM json_each($2)))",
                ids,
            )
            .await?;
        versions.sort_by_key(|(_, _, until, ..)| until.unwrap_or(i64::MAX));
        let mut lives: BTreeMap<String, Life> = BTreeMap::new();
        for (id, since, until, user_name, attributes) in versions {
            let life = lives.entry(id.clone()).or_insert_with(|| Life {
                id,
                user_name: String::new(),
                names: BTreeSet::new(),
                mails: BTreeSet::new(),
                keys: Sources::new(),
                began: since,
                ended: None,
            });
            life.names.insert(fold(&user_name));
            life.mails.extend(mails(&document(&attributes, "user")?));
            life.user_name = user_name;
            life.ended = until;
        }
        let keys: Vec<(String, i64, String)> = self
            .page(
                "SELECT json_group_array(json_array(record, connection, source_id)) FROM (
                 SELECT record, connection, source_id FROM user_links
                 WHERE tenant = $1 AND record IN (SELECT value FROM json_each($2))
                 UNION SELECT record, connection, source_id FROM user_links_was
                 WHERE tenant = $1 AND record IN (SELECT value FROM json_each($2)))",
                ids,
            )
            .await?;
        for (record, connection, id) in keys {
            if let Some(life) = lives.get_mut(&record) {
                life.keys.insert((connection, id));
            }
        }
        Ok(lives)
    }

    /// Every record that has ever had one of these keys: connection, source id, record, and 1 where it has it now.
    pub async fn holders(&mut self, keys: &Sources) -> Result<Vec<(i64, String, String, i64)>, StoreError> {
        self.page(
            "SELECT json_group_array(json_array(connection, source_id, record, present)) FROM (
             SELECT l.connection, l.source_id, l.record, 1 AS present FROM user_links l
             WHERE l.tenant = $1 AND (l.connection, l.source_id) IN (
                 SELECT CAST(j.value->>0 AS BIGINT), j.value->>1 FROM json_each($2) j)
             UNION SELECT w.connection, w.source_id, w.record, 0 FROM user_links_was w
             WHERE w.tenant = $1 AND (w.connection, w.source_id) IN (
                 SELECT CAST(j.value->>0 AS BIGINT), j.value->>1 FROM json_each($2) j))",
            keys,
        )
        .await
    }

    /// All records of whoever has had these, and those of the person whom these records of sources tell of.
    pub async fn person(
        &mut self,
        seeds: &BTreeSet<String>,
        sources: &Sources,
    ) -> Result<BTreeMap<String, Life>, StoreError> {
        let mut found = self.lives(seeds).await?;
        let told: Vec<(i64, String, String)> = self
            .page(
                "SELECT json_group_array(json_array(connection, source_id, raw)) FROM mirror_users
                 WHERE tenant = $1 AND raw IS NOT NULL AND (connection, source_id) IN (
                     SELECT CAST(j.value->>0 AS BIGINT), j.value->>1 FROM json_each($2) j)",
                sources,
            )
            .await?;
        for (connection, id, raw) in told {
            let user: User = document(&raw, "user")?;
            let key = Sources::from([(connection, id)]);
            let records = self.holders(&key).await?.into_iter().map(|(_, _, record, _)| record).collect();
            let lives = self.lives(&records).await?;
            found.extend(lives.into_iter().filter(|(_, life)| life.is_at_source(&user)));
        }
        loop {
            let names: BTreeSet<_> = found.values().flat_map(|life| &life.names).collect();
            let mut near: BTreeSet<String> = self
                .page(
                    "SELECT json_group_array(id) FROM (
                     SELECT id FROM users WHERE tenant = $1 AND user_name_key IN (SELECT value FROM json_each($2))
                     UNION SELECT id FROM users_was WHERE tenant = $1 AND user_name_key IN (SELECT value FROM json_each($2)))",
                    &names,
                )
                .await?
                .into_iter()
                .collect();
            let keys = found.values().flat_map(|life| life.keys.iter().cloned()).collect();
            near.extend(self.holders(&keys).await?.into_iter().map(|(_, _, record, _)| record));
            near.retain(|id| !found.contains_key(id));
            let mut more = self.lives(&near).await?;
            more.retain(|_, life| found.values().any(|known| known.is(life)));
            if more.is_empty() {
                return Ok(found);
            }
            found.extend(more);
        }
    }

    /// What to show of these records, the newest last.
    pub async fn records(&mut self, lives: &BTreeMap<String, Life>) -> Result<Vec<Record>, StoreError> {
        let changes: BTreeSet<_> = lives.values().filter_map(|life| life.ended).collect();
        let times: Vec<(i64, Option<i64>)> = self
            .page(
                "SELECT json_group_array(json_array(change, finished_at)) FROM runs
                 WHERE tenant = $1 AND change IN (SELECT CAST(j.value->>0 AS BIGINT) FROM json_each($2) j)",
                &changes.iter().map(|change| [change]).collect::<Vec<_>>(),
            )
            .await?;
        let times: BTreeMap<_, _> = times.into_iter().collect();
        let mut lives: Vec<_> = lives.values().collect();
        lives.sort_by_key(|life| life.ended.unwrap_or(i64::MAX));
        let record = |life: &Life| Record {
            id: life.id.clone(),
            user_name: life.user_name.clone(),
            here: life.ended.is_none(),
            until: life.ended.and_then(|change| times.get(&change).copied().flatten()),
        };
        Ok(lives.into_iter().map(record).collect())
    }
}

impl Store {
    /// Who was in the directory under a userName, e-mail address, source id or id: the newest record of each person.
    pub async fn people_once(&self, tenant: i64, who: &str) -> Result<Vec<Record>, StoreError> {
        let row = self
            .query(
                "SELECT json_group_array(id) FROM (
                 SELECT w.id FROM users_was w WHERE w.tenant = $1 AND (w.id = $2 OR w.user_name_key = $3)
                 UNION SELECT a.id FROM users_was a, json_each(a.attributes, '$.emails') e WHERE a.tenant = $1 AND lower(e.value) = $3
                 UNION SELECT k.record FROM user_links_was k WHERE k.tenant = $1 AND k.source_id = $2)",
            )
            .bind(tenant)
            .bind(who.trim())
            .bind(fold(who))
            .fetch_one(self.pool())
            .await?;
        let mut left: BTreeSet<String> = page(&row)?.into_iter().collect();
        let mut connection = self.pool().acquire().await?;
        let mut archive = Archive { dialect: self.dialect().clone(), connection: &mut connection, tenant };
        let mut people = Vec::new();
        while let Some(id) = left.pop_last() {
            let lives = archive.person(&BTreeSet::from([id]), &Sources::new()).await?;
            left.retain(|id| !lives.contains_key(id));
            people.extend(archive.records(&lives).await?.pop());
        }
        Ok(people)
    }

    /// Records of a connection in what test runs read and nobody applied, by source id or userName.
    pub async fn staged_of(
        &self,
        tenant: i64,
        connection: i64,
        who: &str,
    ) -> Result<Vec<String>, StoreError> {
        let row = self
            .query(
                "SELECT json_group_array(json_array(source_id, called)) FROM (
                 SELECT DISTINCT s.source_id, CASE WHEN s.source_id = $3 OR s.user_name_key = $4 THEN $4
                     ELSE s.raw->>'userName' END AS called
                 FROM reads r JOIN staged_users s ON s.tenant = $1 AND s.read = r.id
                 WHERE r.tenant = $1 AND r.connection = $2 AND s.op <> 0 AND (s.source_id = $3 OR s.user_name_key = $4
                     OR COALESCE(s.user_name_key, '') <> lower(s.raw->>'userName')))",
            )
            .bind(tenant)
            .bind(connection)
            .bind(who.trim())
            .bind(fold(who))
            .fetch_one(self.pool())
            .await?;
        let found = page::<(String, Option<String>)>(&row)?.into_iter();
        let own =
            found.filter(|(_, called)| called.as_deref().map(fold).as_deref() == Some(fold(who).as_str()));
        Ok(own.map(|(id, _)| id).collect())
    }
}
