//! Erasing a person: out of the directory, its past, every mirror, plan and report, and keeping him out by a tombstone.
//!
//! One transaction, in which no run of the tenant can begin, and a change of the directory like any other: a run stands for it that counts and
//! names nobody. What others' records say of him goes too: whose manager he is, and his name in sentences. What can't be told from somebody else's
//! words — settings of policies, what plugins keep, free attributes of others — is counted, and stays.

mod finding;
mod meant;
mod words;

pub use meant::Record;

use crate::database::{Store, Write, document, page, rows, text};
use crate::dialect::{Engine, Statement};
use crate::edits::{By, Edit};
use crate::error::StoreError;
use crate::protection;
use crate::reads::{Reads, drop_reads};
use crate::runs::Intent;
use crate::tombstones;
use crate::vault::VaultKey;
use meant::Sources;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use sqlx::{Executor, Row};
use std::collections::BTreeSet;
use usher_model::{MANAGER, User, content_hash, fold};
use usher_planner::{Change, Changes};
use words::{ERASED, Needle, Words};

/// Who is to be erased.
#[derive(Clone, Debug)]
pub struct Erasing {
    /// The directory's id of one of his records, if he is or was in it. The others are found.
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
    /// The records that he has or had in the directory, the newest last.
    #[serde(skip)]
    pub people: Vec<Record>,
    /// His records in the directory: 1, if he is in it.
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
const OTHERS: [(&str, &str, &str); 12] = [
    ("settings of policies", "policies", "settings"),
    ("what plugins keep", "plugin_storage", "value"),
    ("settings of connections", "connections", "settings"),
    ("rules of connections", "connections", "rules"),
    ("settings that runs stood on", "runs", "stood_on"),
    ("attributes of other people", "users", "attributes"),
    ("attributes of other people as they were", "users_was", "attributes"),
    ("attributes of groups", "groups", "attributes"),
    ("attributes of groups as they were", "groups_was", "attributes"),
    ("changes of others", "lines", "changes"),
    ("what sources say of other people", "mirror_users", "raw"),
    ("what sources say of groups", "mirror_groups", "raw"),
];

/// Pairs of a connection and a source id, from a page.
const PAIRS: &str = "SELECT CAST(j.value->>0 AS BIGINT), j.value->>1 FROM json_each($2) j";

struct Eraser<'a> {
    write: &'a mut Write,
    tenant: i64,
    /// All of his in the directory, now and before.
    records: BTreeSet<String>,
    /// What sources have of him.
    sources: Sources,
    /// What sources gave him under, and nobody else ever.
    alone: Sources,
    /// What sources gave him under, and others before or after him.
    shared: Sources,
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

/// Where something may stand in a column.
fn stands_in(column: &str) -> String {
    format!(
        "{column} IS NOT NULL AND (instr({column}, $2) > 0 OR instr({column}, $3) > 0 OR instr(lower({column}), $4) > 0)"
    )
}

fn of_sentence(sentence: &str, words: &Words) -> Option<String> {
    words.taken_from(sentence)
}

impl Eraser<'_> {
    /// A statement with the tenant and, as a page of texts, what is looked for.
    async fn of_texts(&mut self, sql: String, texts: &impl Serialize) -> Result<u64, StoreError> {
        let query = self.write.query(sql).bind(self.tenant).bind(rows(texts)?);
        Ok(query.execute(&mut **self.write).await?.rows_affected())
    }

    /// A statement with the tenant and his records.
    async fn of_records(&mut self, sql: String) -> Result<u64, StoreError> {
        let query = self.write.query(sql).bind(self.tenant).bind(rows(&self.records)?);
        Ok(query.execute(&mut **self.write).await?.rows_affected())
    }

    /// One page of rows by a statement with the tenant and a page of what is looked for.
    async fn found<T: DeserializeOwned>(
        &mut self,
        sql: String,
        wanted: &impl Serialize,
    ) -> Result<Vec<T>, StoreError> {
        let query = self.write.query(sql).bind(self.tenant).bind(rows(wanted)?);
        page(&query.fetch_one(&mut **self.write).await?)
    }

    /// All texts that a statement with the tenant finds.
    async fn all(&mut self, sql: &'static str) -> Result<Vec<String>, StoreError> {
        page(&self.write.query(sql).bind(self.tenant).fetch_one(&mut **self.write).await?)
    }

    /// Out of the directory and its past. Triggers keep what a deletion replaces, so the past goes last.
    async fn directory(&mut self) -> Result<(), StoreError> {
        const HIS: &str = "IN (SELECT value FROM json_each($2))";
        let go =
            |table: &str, column: &str| format!("DELETE FROM {table} WHERE tenant = $1 AND {column} {HIS}");
        let unmanaged = |table: &str| {
            format!("UPDATE {table} SET manager = NULL WHERE tenant = $1 AND manager {HIS} AND id NOT {HIS}")
        };
        self.erased.mentions += self.of_records(unmanaged("users")).await?;
        self.erased.memberships = self.of_records(go("memberships", "member_id")).await?;
        self.erased.links = self.of_records(go("user_links", "record")).await?;
        self.of_records(go("manual_addresses", "record")).await?;
        self.erased.records = self.of_records(go("users", "id")).await?;
        self.of_records(unmanaged("users_was")).await?;
        for (table, column) in
            [("memberships_was", "member_id"), ("user_links_was", "record"), ("users_was", "id")]
        {
            self.erased.past += self.of_records(go(table, column)).await?;
        }
        Ok(())
    }

    /// Out of mirrors and overlays. Reads that were left open begin again.
    async fn sources(&mut self) -> Result<(), StoreError> {
        let sources = self.sources.clone();
        for sql in [
            format!("DELETE FROM mirror_users WHERE tenant = $1 AND (connection, source_id) IN ({PAIRS})"),
            format!(
                "DELETE FROM mirror_members WHERE tenant = $1 AND kind = 'user' AND (connection, member_id) IN ({PAIRS})"
            ),
        ] {
            self.erased.mirrored += self.of_texts(sql, &sources).await?;
        }
        drop_reads(self.write, self.tenant, Reads::All).await?;
        let managers: Vec<String> = self
            .all(
                "SELECT json_group_array(manager) FROM (SELECT DISTINCT raw->'attributes'->>'manager' AS manager
                 FROM mirror_users WHERE tenant = $1 AND raw->'attributes'->>'manager' IS NOT NULL)",
            )
            .await?;
        let named: Vec<_> = managers
            .into_iter()
            .filter(|manager| self.words.ids.contains(manager) || self.words.is_user_name(manager))
            .collect();
        let found: Vec<(i64, String, String)> = self
            .found(
                "SELECT json_group_array(json_array(connection, source_id, raw)) FROM mirror_users
                 WHERE tenant = $1 AND raw->'attributes'->>'manager' IN (SELECT value FROM json_each($2))"
                    .to_owned(),
                &named,
            )
            .await?;
        for (connection, id, raw) in found {
            let mut user: User = document(&raw, "user")?;
            let Some(manager) = user.text(MANAGER).map(str::to_owned) else { continue };
            // The same id at another source is somebody else's.
            if !self.words.is_user_name(&manager) && !sources.contains(&(connection, manager)) {
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
        for sql in [
            // The first condition is said for an index.
            "DELETE FROM lines WHERE tenant = $1 AND kind <> 'membership' AND kind = 'user' AND record IN (SELECT value FROM json_each($2))",
            "DELETE FROM lines WHERE tenant = $1 AND kind = 'membership' AND member IN (SELECT value FROM json_each($2))",
            "DELETE FROM findings WHERE tenant = $1 AND kind = 'user' AND source_id IN (SELECT value FROM json_each($2))",
        ] {
            self.erased.lines += self.of_records(sql.to_owned()).await?;
        }
        let (alone, shared) = (self.alone.clone(), self.shared.clone());
        let of = |table: &str| {
            format!("(SELECT r.connection FROM runs r WHERE r.tenant = $1 AND r.id = {table}.run)")
        };
        let member = PAIRS.replace("j.value->>1", "'u:' || (j.value->>1)");
        let users = format!("tenant = $1 AND kind = 'user' AND ({}, source_id) IN ({PAIRS})", of("lines"));
        let members =
            format!("tenant = $1 AND kind = 'membership' AND ({}, member_id) IN ({member})", of("lines"));
        let findings =
            format!("tenant = $1 AND kind = 'user' AND ({}, source_id) IN ({PAIRS})", of("findings"));
        for (table, which) in [("lines", &users), ("lines", &members), ("findings", &findings)] {
            let sql = format!("DELETE FROM {table} WHERE {which}");
            self.erased.lines += self.of_texts(sql, &alone).await?;
        }
        // Under a key that others had too, what was planned for him and never done is told by his name.
        for which in [&users, &members] {
            let sql = format!(
                "SELECT json_group_array(json_array(run, kind, source_id, member_id, name)) FROM lines WHERE {which}"
            );
            let lines: Vec<(i64, String, String, String, String)> = self.found(sql, &shared).await?;
            for (run, kind, source_id, member_id, name) in lines {
                let called = name.split(" in ").next().unwrap_or_default();
                let called = if kind == "user" { name.as_str() } else { called };
                if self.words.is_user_name(called) {
                    let gone = self.write.query(
                        "DELETE FROM lines WHERE tenant = $1 AND run = $2 AND kind = $3 AND source_id = $4 AND member_id = $5",
                    );
                    let gone = gone.bind(self.tenant).bind(run).bind(kind).bind(source_id).bind(member_id);
                    self.erased.lines += gone.execute(&mut **self.write).await?.rows_affected();
                }
            }
        }
        let names: Vec<String> = self
            .all(
                "SELECT json_group_array(name) FROM (SELECT DISTINCT name FROM findings
                 WHERE tenant = $1 AND kind = 'user' AND name IS NOT NULL)",
            )
            .await?;
        let own: BTreeSet<_> = self.words.own.iter().map(|name| fold(name)).collect();
        let names: Vec<_> = names.into_iter().filter(|name| own.contains(&fold(name))).collect();
        let sql = "DELETE FROM findings WHERE tenant = $1 AND kind = 'user' AND name IN (SELECT value FROM json_each($2))";
        self.erased.lines += self.of_texts(sql.to_owned(), &names).await?;
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
                    "SELECT json_group_array(said) FROM (SELECT DISTINCT {column} AS said FROM {table} WHERE tenant = $1 AND {})",
                    stands_in(column)
                );
                let row = self.looking_for(sql, &needle).fetch_one(&mut **self.write).await?;
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
        let needles: Vec<_> = self.words.own_needles().collect();
        for (what, table, column) in OTHERS {
            let mut most = 0;
            for needle in &needles {
                let sql = format!(
                    "SELECT json_group_array({column}) FROM {table} WHERE tenant = $1 AND {}",
                    stands_in(column)
                );
                let row = self.looking_for(sql, needle).fetch_one(&mut **self.write).await?;
                let found = page::<String>(&row)?;
                most = most.max(found.iter().filter(|text| self.words.own_stands_in(text)).count());
            }
            if most > 0 {
                self.erased.remains.push((what.to_owned(), u64::try_from(most).unwrap_or(0)));
            }
        }
        Ok(())
    }

    /// A statement with [`stands_in`].
    fn looking_for<'q>(&self, sql: String, needle: &Needle) -> Statement<'q> {
        let query = self.write.query(sql).bind(self.tenant);
        query.bind(needle.plain.clone()).bind(needle.escaped.clone()).bind(needle.part.clone())
    }
}

impl Store {
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
            records: BTreeSet::new(),
            sources: erasing.sources.iter().cloned().collect(),
            alone: Sources::new(),
            shared: Sources::new(),
            words: Words::default(),
            erased: Erased { run: edit.run, ..Erased::default() },
        };
        eraser.find_records(erasing.record.as_ref()).await?;
        eraser.find_words().await?;
        eraser.find_mirrored().await?;
        eraser.leave_others().await?;
        eraser.find_namesakes().await?;
        eraser.find_mirrored().await?;
        eraser.leave_others().await?;
        eraser.find_alone().await?;
        for record in &eraser.records {
            if let Some(name) = protection::name_if_protected(eraser.write, tenant, record).await? {
                return Err(StoreError::Protected { name });
            }
        }
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
        connection.execute("VACUUM").await?;
        let row = self.query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut *connection).await?;
        Ok(row.try_get::<i64, _>(0)? == 0)
    }
}
