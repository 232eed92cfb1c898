//! Erasing a person: out of the directory, its past, every mirror, plan and report, and keeping him out by a tombstone.
//!
//! One transaction, in which no run of the tenant can begin, and a change of the directory like any other: a run stands for it that counts and
//! names nobody. What others' records say of him goes too: whose manager he is, and his name in sentences. What can't be told from somebody else's
//! words — settings of policies, what plugins keep, free attributes of others — is counted, and stays.

mod words;

use crate::database::{Store, Write, document, page, rows, text};
use crate::dialect::Engine;
use crate::edits::{By, Edit};
use crate::error::StoreError;
use crate::runs::Intent;
use crate::tombstones;
use crate::vault::VaultKey;
use serde::Serialize;
use serde_json::Value as Json;
use sqlx::{Executor, Row};
use std::collections::BTreeSet;
use usher_model::{Attributes, MANAGER, User, content_hash, fold};
use usher_planner::{Change, Changes};
use words::{ERASED, Words};

/// Who is to be erased.
#[derive(Clone, Debug)]
pub struct Erasing {
    /// The directory's id, if he is or was in it.
    pub record: Option<String>,
    /// Records of sources that are his besides those he is linked to: connection and source id.
    pub sources: Vec<(i64, String)>,
}

/// What was erased, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Erased {
    /// The run that stands for it.
    #[serde(skip)]
    pub run: i64,
    /// What he is called: nobody but the one who asks is told.
    #[serde(skip)]
    pub name: Option<String>,
    /// Records of sources that stay out: connection and source id.
    #[serde(skip)]
    pub sources: Vec<(String, String)>,
    /// 1 if he is in the directory.
    pub records: u64,
    /// His memberships.
    pub memberships: u64,
    /// His links.
    pub links: u64,
    /// Rows of the directory as it was.
    pub past: u64,
    /// Lines of runs and plans, and findings.
    pub lines: u64,
    /// Records of mirrors, with their memberships.
    pub mirrored: u64,
    /// Others' records, lines and sentences that named him.
    pub mentions: u64,
    /// Where his userName or e-mail address still stands, and how often.
    pub remains: Vec<(String, u64)>,
}

/// Where others may have written of him.
const OTHERS: [(&str, &str, &str); 8] = [
    ("settings of policies", "policies", "settings"),
    ("what plugins keep", "plugin_storage", "value"),
    ("settings of connections", "connections", "settings"),
    ("rules of connections", "connections", "rules"),
    ("attributes of other people", "users", "attributes"),
    ("attributes of groups", "groups", "attributes"),
    ("what sources say of other people", "mirror_users", "raw"),
    ("what sources say of groups", "mirror_groups", "raw"),
];

type Sources = BTreeSet<(i64, String)>;

struct Eraser<'a> {
    write: &'a mut Write,
    tenant: i64,
    /// Empty where there is none: no record has such an id.
    record: String,
    sources: Sources,
    words: Words,
    erased: Erased,
}

/// Sentences of reports: notes, and why a run failed.
fn of_report(report: &str, words: &Words) -> Option<String> {
    let mut report: Json = serde_json::from_str(report).ok()?;
    let mut changed = false;
    let mut take = |sentence: &mut Json| {
        if let Some(taken) = sentence.as_str().and_then(|text| words.taken_from(text)) {
            *sentence = taken.into();
            changed = true;
        }
    };
    report.get_mut("notes").and_then(Json::as_array_mut).into_iter().flatten().for_each(&mut take);
    for name in ["message", "advice"] {
        report.get_mut("fault").and_then(|fault| fault.get_mut(name)).into_iter().for_each(&mut take);
    }
    changed.then(|| report.to_string())
}

/// Sentences of problems and outcomes.
fn of_verdict(verdict: &str, words: &Words) -> Option<String> {
    let mut verdict: Json = serde_json::from_str(verdict).ok()?;
    let mut changed = false;
    for name in ["why", "reason"] {
        if let Some(sentence) = verdict.get_mut(name)
            && let Some(taken) = sentence.as_str().and_then(|text| words.taken_from(text))
        {
            *sentence = taken.into();
            changed = true;
        }
    }
    changed.then(|| verdict.to_string())
}

/// The manager in a line's changes.
fn of_changes(changes: &str, words: &Words) -> Option<String> {
    let mut changes: Changes = serde_json::from_str(changes).ok()?;
    let Change(before, after) = changes.get_mut(MANAGER)?;
    let mut changed = false;
    for side in [before, after] {
        if side.as_ref().and_then(Json::as_str).is_some_and(|name| words.is_user_name(name)) {
            *side = Some(ERASED.into());
            changed = true;
        }
    }
    changed.then(|| serde_json::to_string(&changes).unwrap_or_default())
}

fn of_sentence(sentence: &str, words: &Words) -> Option<String> {
    words.taken_from(sentence)
}

impl Eraser<'_> {
    /// A statement with the tenant and the record.
    async fn of_record(&mut self, sql: String) -> Result<u64, StoreError> {
        let query = self.write.query(sql).bind(self.tenant).bind(&self.record);
        Ok(query.execute(&mut **self.write).await?.rows_affected())
    }

    /// A statement with the tenant and, as pages of pairs, the records of sources.
    async fn of_sources(&mut self, sql: String) -> Result<u64, StoreError> {
        let query = self.write.query(sql).bind(self.tenant).bind(rows(&self.sources)?);
        Ok(query.execute(&mut **self.write).await?.rows_affected())
    }

    /// Which records of sources are his. One that belongs to another record by now isn't.
    async fn find_sources(&mut self) -> Result<(), StoreError> {
        let row = self
            .write
            .query(
                "SELECT json_group_array(json_array(connection, source_id)) FROM (
                 SELECT l.connection, l.source_id FROM user_links l WHERE l.tenant = $1 AND l.record = $2
                 UNION SELECT w.connection, w.source_id FROM user_links_was w WHERE w.tenant = $1 AND w.record = $2
                   AND NOT EXISTS (SELECT 1 FROM user_links o WHERE o.tenant = $1 AND o.connection = w.connection
                       AND o.source_id = w.source_id AND o.record <> $2))",
            )
            .bind(self.tenant)
            .bind(&self.record)
            .fetch_one(&mut **self.write)
            .await?;
        self.sources.extend(page::<(i64, String)>(&row)?);
        Ok(())
    }

    /// What he is and was called, in the directory, its past and its lines.
    async fn find_words(&mut self) -> Result<(), StoreError> {
        let row = self
            .write
            .query(
                "SELECT json_group_array(json_array(user_name, attributes)) FROM (
                 SELECT user_name, attributes FROM users WHERE tenant = $1 AND id = $2
                 UNION ALL SELECT user_name, attributes FROM users_was WHERE tenant = $1 AND id = $2)",
            )
            .bind(self.tenant)
            .bind(&self.record)
            .fetch_one(&mut **self.write)
            .await?;
        for (name, attributes) in page::<(String, String)>(&row)? {
            self.erased.name.get_or_insert_with(|| name.clone());
            self.words.user_name(&name);
            self.words.attributes(&document::<Attributes>(&attributes, "user")?);
        }
        let row = self
            .write
            // The first condition is said for an index.
            .query(
                "SELECT json_group_array(json_array(name, changes)) FROM lines
                 WHERE tenant = $1 AND record = $2 AND kind <> 'membership' AND kind = 'user'",
            )
            .bind(self.tenant)
            .bind(&self.record)
            .fetch_one(&mut **self.write)
            .await?;
        for (name, changes) in page::<(String, String)>(&row)? {
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

    /// Who has his userName at a source and is nobody else: a newcomer who waits.
    async fn find_namesakes(&mut self) -> Result<(), StoreError> {
        let names: Vec<_> = self.words.user_names.iter().map(|name| fold(name)).collect();
        let row = self
            .write
            .query(
                "SELECT json_group_array(json_array(connection, source_id)) FROM mirror_users m
                 WHERE m.tenant = $1 AND (m.user_name_key IN (SELECT value FROM json_each($2))
                       OR lower(m.raw->>'userName') IN (SELECT value FROM json_each($2)))
                   AND NOT EXISTS (SELECT 1 FROM user_links l WHERE l.tenant = $1 AND l.connection = m.connection
                       AND l.source_id = m.source_id AND l.record <> $3)",
            )
            .bind(self.tenant)
            .bind(rows(&names)?)
            .bind(&self.record)
            .fetch_one(&mut **self.write)
            .await?;
        self.sources.extend(page::<(i64, String)>(&row)?);
        Ok(())
    }

    /// What his sources call him.
    async fn find_mirrored(&mut self) -> Result<(), StoreError> {
        let row = self
            .write
            .query(
                "SELECT json_group_array(raw) FROM (
                 SELECT m.raw FROM json_each($2) j CROSS JOIN mirror_users m
                 WHERE m.tenant = $1 AND m.connection = CAST(j.value->>0 AS BIGINT) AND m.source_id = j.value->>1 AND m.raw IS NOT NULL
                 UNION ALL SELECT s.raw FROM json_each($2) j CROSS JOIN reads r CROSS JOIN staged_users s
                 WHERE r.tenant = $1 AND r.connection = CAST(j.value->>0 AS BIGINT) AND s.tenant = $1 AND s.read = r.id
                   AND s.source_id = j.value->>1 AND s.raw IS NOT NULL)",
            )
            .bind(self.tenant)
            .bind(rows(&self.sources)?)
            .fetch_one(&mut **self.write)
            .await?;
        for raw in page::<String>(&row)? {
            let user: User = document(&raw, "user")?;
            self.words.user(&user);
            if let Some(name) = user.user_name {
                self.erased.name.get_or_insert(name);
            }
        }
        self.words.ids = self.sources.iter().map(|(_, id)| id.clone()).collect();
        Ok(())
    }

    /// Out of the directory and its past. Triggers keep what a deletion replaces, so the past goes last.
    async fn directory(&mut self) -> Result<(), StoreError> {
        let go =
            |table: &str, column: &str| format!("DELETE FROM {table} WHERE tenant = $1 AND {column} = $2");
        self.erased.mentions += self
            .of_record("UPDATE users SET manager = NULL WHERE tenant = $1 AND manager = $2".to_owned())
            .await?;
        self.erased.memberships = self.of_record(go("memberships", "member_id")).await?;
        self.erased.links = self.of_record(go("user_links", "record")).await?;
        self.of_record(go("manual_addresses", "record")).await?;
        self.erased.records = self.of_record(go("users", "id")).await?;
        self.of_record("UPDATE users_was SET manager = NULL WHERE tenant = $1 AND manager = $2".to_owned())
            .await?;
        for (table, column) in
            [("memberships_was", "member_id"), ("user_links_was", "record"), ("users_was", "id")]
        {
            self.erased.past += self.of_record(go(table, column)).await?;
        }
        self.erased.past += self
            .of_sources(
                "DELETE FROM user_links_was WHERE tenant = $1 AND (connection, source_id) IN (
                     SELECT CAST(j.value->>0 AS BIGINT), j.value->>1 FROM json_each($2) j)"
                    .to_owned(),
            )
            .await?;
        Ok(())
    }

    /// Out of mirrors and overlays. Reads that were left open begin again.
    async fn sources(&mut self) -> Result<(), StoreError> {
        let pairs = "SELECT CAST(j.value->>0 AS BIGINT), j.value->>1 FROM json_each($2) j";
        for sql in [
            format!("DELETE FROM mirror_users WHERE tenant = $1 AND (connection, source_id) IN ({pairs})"),
            format!(
                "DELETE FROM mirror_members WHERE tenant = $1 AND kind = 'user' AND (connection, member_id) IN ({pairs})"
            ),
        ] {
            self.erased.mirrored += self.of_sources(sql).await?;
        }
        for table in
            ["staged_users", "staged_groups", "staged_members", "staged_slices", "staged_unknown", "reads"]
        {
            let sql = format!("DELETE FROM {table} WHERE tenant = $1");
            self.write.query(sql).bind(self.tenant).execute(&mut **self.write).await?;
        }
        let named: Vec<_> = self
            .words
            .ids
            .iter()
            .cloned()
            .chain(self.words.user_names.iter().flat_map(|name| [name.clone(), fold(name)]))
            .collect();
        let row = self
            .write
            .query(
                "SELECT json_group_array(json_array(connection, source_id, raw)) FROM mirror_users
                 WHERE tenant = $1 AND (raw->'attributes'->>'manager' IN (SELECT value FROM json_each($2))
                     OR lower(raw->'attributes'->>'manager') IN (SELECT value FROM json_each($2)))",
            )
            .bind(self.tenant)
            .bind(rows(&named)?)
            .fetch_one(&mut **self.write)
            .await?;
        for (connection, id, raw) in page::<(i64, String, String)>(&row)? {
            let mut user: User = document(&raw, "user")?;
            let Some(manager) = user.text(MANAGER).map(str::to_owned) else { continue };
            // The same id at another source is somebody else's.
            if !self.words.is_user_name(&manager) && !self.sources.contains(&(connection, manager)) {
                continue;
            }
            user.attributes.remove(MANAGER);
            let raw = user.canonical();
            self.write
                .query(
                    "UPDATE mirror_users SET raw = $1, hash = $2, manager = NULL, digest = NULL
                     WHERE tenant = $3 AND connection = $4 AND source_id = $5",
                )
                .bind(&raw)
                .bind(content_hash(&raw))
                .bind(self.tenant)
                .bind(connection)
                .bind(&id)
                .execute(&mut **self.write)
                .await?;
            self.erased.mentions += 1;
        }
        Ok(())
    }

    /// Out of plans and history.
    async fn lines(&mut self) -> Result<(), StoreError> {
        let run = |table: &str| {
            format!("(SELECT r.connection FROM runs r WHERE r.tenant = $1 AND r.id = {table}.run)")
        };
        let pairs = "SELECT CAST(j.value->>0 AS BIGINT), j.value->>1 FROM json_each($2) j";
        let member = pairs.replace("j.value->>1", "'u:' || (j.value->>1)");
        let of_record = [
            "DELETE FROM lines WHERE tenant = $1 AND kind = 'user' AND record = $2",
            "DELETE FROM lines WHERE tenant = $1 AND kind = 'membership' AND member = $2",
            "DELETE FROM findings WHERE tenant = $1 AND kind = 'user' AND source_id = $2",
        ];
        for sql in of_record {
            self.erased.lines += self.of_record(sql.to_owned()).await?;
        }
        for sql in [
            format!(
                "DELETE FROM lines WHERE tenant = $1 AND kind = 'user' AND ({}, source_id) IN ({pairs})",
                run("lines")
            ),
            format!(
                "DELETE FROM lines WHERE tenant = $1 AND kind = 'membership' AND ({}, member_id) IN ({member})",
                run("lines")
            ),
            format!(
                "DELETE FROM findings WHERE tenant = $1 AND kind = 'user' AND ({}, source_id) IN ({pairs})",
                run("findings")
            ),
        ] {
            self.erased.lines += self.of_sources(sql).await?;
        }
        let name = "DELETE FROM findings WHERE tenant = $1 AND kind = 'user' AND lower(name) IN (SELECT value FROM json_each($2))";
        let own: Vec<_> = self.words.own.iter().map(|name| fold(name)).collect();
        let query = self.write.query(name).bind(self.tenant).bind(rows(&own)?);
        self.erased.lines += query.execute(&mut **self.write).await?.rows_affected();
        Ok(())
    }

    /// Out of what is said of others.
    async fn mentions(&mut self) -> Result<(), StoreError> {
        type Taken = fn(&str, &Words) -> Option<String>;
        let places: [(&str, &str, Taken); 6] = [
            ("lines", "changes", of_changes),
            ("lines", "reason", of_sentence),
            ("findings", "reason", of_sentence),
            ("runs", "report", of_report),
            ("mirror_users", "problem", of_verdict),
            ("mirror_users", "outcome", of_verdict),
        ];
        for (table, column, taken) in places {
            for needle in self.words.needles().collect::<Vec<_>>() {
                let sql = format!(
                    "SELECT json_group_array(said) FROM (SELECT DISTINCT {column} AS said FROM {table}
                     WHERE tenant = $1 AND {column} IS NOT NULL AND (instr({column}, $2) > 0 OR instr(lower({column}), $3) > 0))"
                );
                let query = self.write.query(sql).bind(self.tenant).bind(&needle);
                let row = query.bind(needle.to_lowercase()).fetch_one(&mut **self.write).await?;
                for said in page::<String>(&row)? {
                    let Some(instead) = taken(&said, &self.words) else { continue };
                    let sql = format!("UPDATE {table} SET {column} = $2 WHERE tenant = $1 AND {column} = $3");
                    let query = self.write.query(sql).bind(self.tenant).bind(instead).bind(&said);
                    self.erased.mentions += query.execute(&mut **self.write).await?.rows_affected();
                }
            }
        }
        Ok(())
    }

    /// What stays, since it may be anybody's words.
    async fn remains(&mut self) -> Result<(), StoreError> {
        for (what, table, column) in OTHERS {
            let mut found = 0;
            for word in &self.words.own {
                let sql = format!(
                    "SELECT COUNT(*) FROM {table} WHERE tenant = $1 AND instr(lower({column}), $2) > 0"
                );
                let query = self.write.query(sql).bind(self.tenant).bind(fold(word));
                let row = query.fetch_one(&mut **self.write).await?;
                found = found.max(row.try_get::<i64, _>(0)?);
            }
            if found > 0 {
                self.erased.remains.push((what.to_owned(), u64::try_from(found).unwrap_or(0)));
            }
        }
        Ok(())
    }
}

impl Store {
    /// The record that somebody who left has had, by what he was called, a source id or the record's own id.
    pub async fn record_once(&self, tenant: i64, who: &str) -> Result<Option<String>, StoreError> {
        if let Some(record) = self.record_once_named(tenant, who.trim()).await? {
            return Ok(Some(record));
        }
        let row = self
            .query(
                "SELECT id FROM (
                 SELECT w.id FROM users_was w WHERE w.tenant = $1 AND (w.id = $2 OR lower(w.user_name) = $3)
                 UNION ALL SELECT k.record FROM user_links_was k WHERE k.tenant = $1 AND k.source_id = $2) LIMIT 1",
            )
            .bind(tenant)
            .bind(who.trim())
            .bind(fold(who))
            .fetch_optional(self.pool())
            .await?;
        row.map(|row| Ok(row.try_get(0)?)).transpose()
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
                "SELECT json_group_array(source_id) FROM (SELECT DISTINCT s.source_id FROM reads r JOIN staged_users s
                     ON s.tenant = $1 AND s.read = r.id
                 WHERE r.tenant = $1 AND r.connection = $2 AND s.op <> 0
                   AND (s.source_id = $3 OR s.user_name_key = $4 OR lower(s.raw->>'userName') = $4))",
            )
            .bind(tenant)
            .bind(connection)
            .bind(who.trim())
            .bind(fold(who))
            .fetch_one(self.pool())
            .await?;
        page(&row)
    }

    /// What erasing somebody would take. Nothing is changed.
    pub async fn would_erase(
        &self,
        by: By<'_>,
        key: &VaultKey,
        erasing: &Erasing,
    ) -> Result<Erased, StoreError> {
        // Done, counted, and not kept.
        Ok(self.begin_erasing(by, key, erasing).await?.1)
    }

    /// Erases somebody, and leaves tombstones for the records of sources that were his. [`StoreError::AlreadyRunning`] while a run of the tenant is
    /// going on. What the database keeps of deleted rows goes by [`Store::wipe`].
    pub async fn erase(&self, by: By<'_>, key: &VaultKey, erasing: &Erasing) -> Result<Erased, StoreError> {
        let (edit, erased) = self.begin_erasing(by, key, erasing).await?;
        edit.commit().await?;
        Ok(erased)
    }

    async fn begin_erasing(
        &self,
        by: By<'_>,
        key: &VaultKey,
        erasing: &Erasing,
    ) -> Result<(Edit, Erased), StoreError> {
        let tenant = by.tenant;
        let mut edit = self.edit_as(by, Intent::Erase, "").await?;
        Self::nobody_runs(&mut edit.write, tenant).await?;
        if self.engine() == Engine::Sqlite {
            edit.write.execute("PRAGMA secure_delete = ON").await?;
        }
        let mut eraser = Eraser {
            write: &mut edit.write,
            tenant,
            record: erasing.record.clone().unwrap_or_default(),
            sources: erasing.sources.iter().cloned().collect(),
            words: Words::default(),
            erased: Erased { run: edit.run, ..Erased::default() },
        };
        eraser.find_sources().await?;
        eraser.find_words().await?;
        eraser.find_mirrored().await?;
        eraser.find_namesakes().await?;
        eraser.find_mirrored().await?;
        eraser.directory().await?;
        eraser.sources().await?;
        eraser.lines().await?;
        eraser.mentions().await?;
        eraser.remains().await?;
        let Eraser { sources, words, mut erased, .. } = eraser;
        let marks = (tenant, edit.run, by.now);
        let found = edit
            .write
            .query("SELECT id, name FROM connections WHERE tenant = $1")
            .bind(tenant)
            .fetch_all(&mut *edit.write)
            .await?;
        let mut lasting = Sources::new();
        for row in &found {
            let (connection, name): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
            for source in sources.iter().filter(|(of, _)| *of == connection) {
                erased.sources.push((name.clone(), source.1.clone()));
                lasting.insert(source.clone());
            }
        }
        tombstones::leave(&mut edit.write, key, marks, &lasting, &words.user_names).await?;
        edit.write
            .query("UPDATE runs SET report = $3 WHERE tenant = $1 AND id = $2")
            .bind(tenant)
            .bind(edit.run)
            .bind(text(&serde_json::json!({ "erased": erased }), "report")?)
            .execute(&mut *edit.write)
            .await?;
        Ok((edit, erased))
    }

    /// Makes what was deleted unreadable in the database's own files: written anew, and without a log of what was there before. False where
    /// somebody else reads at this moment, so that the log stays until he is done. On Postgres that is for its operator.
    pub async fn wipe(&self) -> Result<bool, StoreError> {
        if self.engine() == Engine::Postgres {
            return Ok(true);
        }
        let mut connection = self.pool().acquire().await?;
        // The copy that it makes on the way may be larger than memory.
        connection.execute("PRAGMA temp_store = FILE").await?;
        connection.execute("VACUUM").await?;
        let row = self.query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut *connection).await?;
        connection.execute("PRAGMA temp_store = MEMORY").await?;
        Ok(row.try_get::<i64, _>(0)? == 0)
    }
}
