//! What is known of him: his records, the keys that sources gave him under, and what he is and was called.

use super::meant::{Archive, Sources};
use super::{Eraser, PAIRS};
use crate::database::{document, page, rows};
use crate::error::StoreError;
use std::collections::{BTreeMap, BTreeSet};
use usher_model::{Attributes, EMAILS, User, Value, fold};
use usher_planner::{Change, Changes};

/// Whether anybody but him has ever had a key.
fn others(
    holders: &[(i64, String, String, i64)],
    (connection, id): &(i64, String),
    his: &BTreeSet<String>,
) -> bool {
    holders.iter().any(|(of, key, record, _)| of == connection && key == id && !his.contains(record))
}

impl Eraser<'_> {
    /// Which records are his, and under which keys sources gave them. A key that he had once, and others too, may be theirs by now.
    pub(super) async fn find_records(&mut self, seed: Option<&String>) -> Result<(), StoreError> {
        let mut archive = Archive::of(self.write, self.tenant);
        let seeds = seed.into_iter().cloned().collect();
        let lives = archive.person(&seeds, &self.sources).await?;
        self.erased.people = archive.records(&lives).await?;
        let keys: Sources = lives.values().flat_map(|life| life.keys.iter().cloned()).collect();
        let holders = archive.holders(&keys).await?;
        self.records = lives.keys().cloned().collect();
        for (connection, id, record, present) in &holders {
            let key = (*connection, id.clone());
            if self.records.contains(record) && (*present == 1 || !others(&holders, &key, &self.records)) {
                self.sources.insert(key);
            }
        }
        self.words.last = lives.values().map(|life| fold(&life.user_name)).collect();
        self.erased.name = self.erased.people.last().map(|record| record.user_name.clone());
        self.shared = keys;
        Ok(())
    }

    /// Tells the keys that were his alone from the others, when all are known.
    pub(super) async fn find_alone(&mut self) -> Result<(), StoreError> {
        self.shared.extend(self.sources.iter().cloned());
        let holders = Archive::of(self.write, self.tenant).holders(&self.shared).await?;
        let shared = std::mem::take(&mut self.shared);
        (self.shared, self.alone) = shared.into_iter().partition(|key| others(&holders, key, &self.records));
        Ok(())
    }

    /// What he is and was called, in the directory, its past and its lines.
    pub(super) async fn find_words(&mut self) -> Result<(), StoreError> {
        let records = self.records.clone();
        let sql = "SELECT json_group_array(json_array(user_name, attributes)) FROM (
             SELECT user_name, attributes FROM users WHERE tenant = $1 AND id IN (SELECT value FROM json_each($2))
             UNION ALL SELECT user_name, attributes FROM users_was
             WHERE tenant = $1 AND id IN (SELECT value FROM json_each($2)))";
        for (name, attributes) in self.found::<(String, String)>(sql.to_owned(), &records).await? {
            self.words.user_name(&name);
            self.words.attributes(&document::<Attributes>(&attributes, "user")?);
        }
        // The first condition is said for an index.
        let sql = "SELECT json_group_array(json_array(name, changes)) FROM lines
             WHERE tenant = $1 AND record IN (SELECT value FROM json_each($2)) AND kind <> 'membership' AND kind = 'user'";
        for (name, changes) in self.found::<(String, String)>(sql.to_owned(), &records).await? {
            self.words.user_name(&name);
            for (field, Change(before, after)) in document::<Changes>(&changes, "line")? {
                for value in [before, after].into_iter().flatten() {
                    let Ok(value) = serde_json::from_value(value) else { continue };
                    self.words.attributes(&Attributes::from([(field.clone(), value)]));
                }
            }
        }
        Ok(())
    }

    /// Leaves away what names somebody else in the directory by now: it is used neither against him nor as a tombstone.
    pub(super) async fn leave_others(&mut self) -> Result<(), StoreError> {
        let records = rows(&self.records)?;
        let names: BTreeSet<_> = self.words.own.iter().map(|name| fold(name)).collect();
        let row = self
            .write
            .query(
                "SELECT json_group_array(user_name_key) FROM users WHERE tenant = $1
                   AND user_name_key IN (SELECT value FROM json_each($2)) AND id NOT IN (SELECT value FROM json_each($3))",
            )
            .bind(self.tenant)
            .bind(rows(&names)?)
            .bind(&records)
            .fetch_one(&mut **self.write)
            .await?;
        let names = page::<String>(&row)?.into_iter().collect();
        let mails: BTreeSet<_> = self.words.own.iter().chain(&self.words.mails).cloned().collect();
        let row = self
            .write
            .query(
                "SELECT json_group_array(mail) FROM (SELECT DISTINCT e.value AS mail
                 FROM users u, json_each(u.attributes, '$.emails') e WHERE u.tenant = $1
                   AND (e.value IN (SELECT value FROM json_each($2)) OR lower(e.value) IN (SELECT value FROM json_each($2)))
                   AND u.id NOT IN (SELECT value FROM json_each($3)))",
            )
            .bind(self.tenant)
            .bind(rows(&mails)?)
            .bind(&records)
            .fetch_one(&mut **self.write)
            .await?;
        let mails = page::<String>(&row)?.iter().map(|mail| fold(mail)).collect();
        self.words.leave(&names, &mails);
        Ok(())
    }

    /// Who has his userName at a source and is nobody else: a newcomer who waits. Under a userName that he gave up only who has an e-mail address
    /// of his too.
    pub(super) async fn find_namesakes(&mut self) -> Result<(), StoreError> {
        let names: BTreeSet<_> = self
            .words
            .user_names
            .iter()
            .map(|name| fold(name))
            .chain(self.words.last.iter().cloned())
            .collect();
        let row = self
            .write
            .query(
                // The key is of the name after the policies; the host's own folding is done here where it isn't the engine's.
                "SELECT json_group_array(json_array(connection, source_id, user_name_key, called)) FROM (
                 SELECT m.connection, m.source_id, m.user_name_key, m.raw->>'userName' AS called FROM mirror_users m
                 WHERE m.tenant = $1 AND (m.user_name_key IN (SELECT value FROM json_each($2))
                       OR COALESCE(m.user_name_key, '') <> lower(m.raw->>'userName'))
                   AND NOT EXISTS (SELECT 1 FROM user_links l WHERE l.tenant = $1 AND l.connection = m.connection
                       AND l.source_id = m.source_id AND l.record NOT IN (SELECT value FROM json_each($3))))",
            )
            .bind(self.tenant)
            .bind(rows(&names)?)
            .bind(rows(&self.records)?)
            .fetch_one(&mut **self.write)
            .await?;
        let mut called: BTreeMap<(i64, String), BTreeSet<String>> = BTreeMap::new();
        for (connection, id, key, name) in page::<(i64, String, Option<String>, Option<String>)>(&row)? {
            let both = key.into_iter().chain(name.as_deref().map(fold));
            let own: BTreeSet<_> = both.filter(|name| names.contains(name)).collect();
            if !own.is_empty() {
                called.insert((connection, id), own);
            }
        }
        for (key, user) in self.mirrored(&called.keys().cloned().collect()).await? {
            let has_his_mail = || {
                let mails = user.attributes.get(EMAILS).map_or(&[][..], Value::texts);
                mails.iter().any(|mail| self.words.mails.contains(&fold(mail)))
            };
            if called.get(&key).is_some_and(|own| !own.is_disjoint(&self.words.last)) || has_his_mail() {
                self.sources.insert(key);
            }
        }
        Ok(())
    }

    /// What mirrors say of records of sources.
    async fn mirrored(&mut self, sources: &Sources) -> Result<Vec<((i64, String), User)>, StoreError> {
        let sql = format!(
            "SELECT json_group_array(json_array(connection, source_id, raw)) FROM mirror_users
             WHERE tenant = $1 AND raw IS NOT NULL AND (connection, source_id) IN ({PAIRS})"
        );
        let found: Vec<(i64, String, String)> = self.found(sql, sources).await?;
        found.into_iter().map(|(of, id, raw)| Ok(((of, id), document(&raw, "user")?))).collect()
    }

    /// What his sources call him.
    pub(super) async fn find_mirrored(&mut self) -> Result<(), StoreError> {
        let sources = self.sources.clone();
        let mut users: Vec<User> = self.mirrored(&sources).await?.into_iter().map(|(_, user)| user).collect();
        let staged: Vec<String> = self
            .found(
                "SELECT json_group_array(s.raw) FROM json_each($2) j CROSS JOIN reads r CROSS JOIN staged_users s
                 WHERE r.tenant = $1 AND r.connection = CAST(j.value->>0 AS BIGINT) AND s.tenant = $1 AND s.read = r.id
                   AND s.source_id = j.value->>1 AND s.raw IS NOT NULL"
                    .to_owned(),
                &sources,
            )
            .await?;
        for raw in staged {
            users.push(document(&raw, "user")?);
        }
        for user in users {
            self.words.user(&user);
            if let Some(name) = user.user_name {
                self.erased.name.get_or_insert(name);
            }
        }
        self.words.ids = sources.into_iter().map(|(_, id)| id).collect();
        Ok(())
    }
}
