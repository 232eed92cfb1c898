//! Upkeep of a whole database: is it sound, a copy of it, and moving to another engine.

use crate::database::{Store, Write, new_file, page, rows};
use crate::dialect::Engine;
use crate::error::StoreError;
use crate::reads::{Reads, drop_reads};
use serde_json::Value;
use sha2::{Digest, Sha256};
use sqlx::Row;
use std::collections::BTreeMap;
use std::path::Path;
use usher_model::{content_hash, fold};

/// Rows taken at a time.
const PAGE: i64 = 1000;

/// Every table, those that others refer to first.
pub const TABLES: [&str; 36] = [
    "tenants",
    "retention",
    "tombstones",
    "connections",
    "plugin_storage",
    "secrets",
    "plugins",
    "plugin_limits",
    "policies",
    "policies_asked",
    "protected_users",
    "leases",
    "runs",
    "reads",
    "staged_users",
    "staged_groups",
    "staged_members",
    "staged_slices",
    "staged_unknown",
    "mirror_users",
    "mirror_groups",
    "mirror_members",
    "attribute_sets",
    "user_links",
    "group_links",
    "users",
    "manual_addresses",
    "groups",
    "memberships",
    "users_was",
    "groups_was",
    "memberships_was",
    "user_links_was",
    "group_links_was",
    "lines",
    "findings",
];

/// Something in a database that can't be as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Where: a table, and what is known of the row.
    pub place: String,
    /// What is wrong.
    pub what: String,
    /// Whether [`Store::heal`] mends it.
    pub heals: bool,
}

/// A table that was moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Its name.
    pub table: String,
    /// Its rows.
    pub rows: u64,
    /// Of all of them in order, the same on both sides.
    pub hash: String,
}

/// A mirrored record: tenant, connection, source id, hash and text.
type Mirrored = (i64, i64, String, Option<String>, Option<String>);

/// What must hold between tables, as statements that name what breaks it: the tenant, and what there is none of.
const INVARIANTS: [(&str, &str); 8] = [
    (
        "user_links",
        "SELECT l.tenant, 'record ' || l.source_id || ' of connection ' || CAST(l.connection AS TEXT) FROM user_links l
         WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.tenant = l.tenant AND u.id = l.record)",
    ),
    (
        "group_links",
        "SELECT l.tenant, 'record ' || l.source_id || ' of connection ' || CAST(l.connection AS TEXT) FROM group_links l
         WHERE NOT EXISTS (SELECT 1 FROM groups g WHERE g.tenant = l.tenant AND g.id = l.record)",
    ),
    (
        "memberships",
        "SELECT m.tenant, 'group ' || m.group_id FROM memberships m
         WHERE NOT EXISTS (SELECT 1 FROM groups g WHERE g.tenant = m.tenant AND g.id = m.group_id)",
    ),
    (
        "memberships",
        "SELECT m.tenant, 'member ' || m.member_id FROM memberships m
         WHERE NOT EXISTS (SELECT 1 FROM users u WHERE m.kind = 'user' AND u.tenant = m.tenant AND u.id = m.member_id)
           AND NOT EXISTS (SELECT 1 FROM groups g WHERE m.kind = 'group' AND g.tenant = m.tenant AND g.id = m.member_id)",
    ),
    (
        "memberships",
        "SELECT m.tenant, 'link of connection ' || CAST(m.owner AS TEXT) || ', which says that ' || m.member_id || ' is in ' || m.group_id
         FROM memberships m WHERE m.owner <> 0
           AND NOT EXISTS (SELECT 1 FROM group_links g
               WHERE g.tenant = m.tenant AND g.connection = m.owner AND g.record IN (m.group_id, m.member_id))
           AND NOT EXISTS (SELECT 1 FROM user_links u
               WHERE u.tenant = m.tenant AND u.connection = m.owner AND u.record = m.member_id)",
    ),
    (
        "users",
        "SELECT u.tenant, 'manager of ' || u.user_name FROM users u WHERE u.manager IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM users b WHERE b.tenant = u.tenant AND b.id = u.manager)",
    ),
    (
        "users",
        "SELECT u.tenant, 'owner of ' || u.user_name FROM users u WHERE u.origin IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM user_links l
               WHERE l.tenant = u.tenant AND l.record = u.id AND l.connection = u.origin)",
    ),
    (
        "groups",
        "SELECT g.tenant, 'owner of ' || g.display_name FROM groups g WHERE g.origin IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM group_links l
               WHERE l.tenant = g.tenant AND l.record = g.id AND l.connection = g.origin)",
    ),
];

impl Store {
    /// Looks for damage: what the engine itself finds, what refers to nothing, and mirrored records that aren't what was read.
    pub async fn check(&self) -> Result<Vec<Damage>, StoreError> {
        let mut found = Vec::new();
        if self.engine() == Engine::Sqlite {
            for (place, pragma) in
                [("the file", "PRAGMA integrity_check"), ("references", "PRAGMA foreign_key_check")]
            {
                for row in self.query(pragma).fetch_all(self.pool()).await? {
                    let what: String = row.try_get(0)?;
                    if what != "ok" {
                        found.push(Damage { place: place.to_owned(), what, heals: false });
                    }
                }
            }
        }
        let tenants: BTreeMap<_, _> =
            self.tenants().await?.into_iter().map(|tenant| (tenant.id, tenant.name)).collect();
        let of = |tenant: i64| match tenants.get(&tenant) {
            Some(name) => format!("tenant {name}: "),
            None => format!("tenant {tenant}, which isn't there: "),
        };
        for (table, sql) in INVARIANTS {
            for row in self.query(sql).fetch_all(self.pool()).await? {
                let (tenant, what): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
                let what = format!("{}{what}: there is none", of(tenant));
                found.push(Damage { place: table.to_owned(), what, heals: false });
            }
        }
        for (tenant, user_name) in self.unfolded().await? {
            let what =
                format!("{}{user_name} isn't kept under this name, so that it can't be found", of(tenant));
            found.push(Damage { place: "users".to_owned(), what, heals: false });
        }
        for table in ["mirror_users", "mirror_groups"] {
            for (tenant, connection, id) in self.damaged(table).await? {
                let what =
                    format!("{}record {id} of connection {connection} is not what was read", of(tenant));
                found.push(Damage { place: table.to_owned(), what, heals: true });
            }
        }
        Ok(found)
    }

    /// Forgets mirrored records that aren't what was read, so that the next run reads their source from nothing and takes them anew. Gives how
    /// many they were.
    pub async fn heal(&self) -> Result<u64, StoreError> {
        let mut healed = 0;
        for table in ["mirror_users", "mirror_groups"] {
            for (tenant, connection, id) in self.damaged(table).await? {
                let mut write = self.write_alone(tenant).await?;
                Self::nobody_runs(&mut write, tenant).await?;
                let sql = format!(
                    "UPDATE {table} SET hash = NULL, raw = NULL WHERE tenant = $1 AND connection = $2 AND source_id = $3"
                );
                write.query(sql).bind(tenant).bind(connection).bind(id).execute(&mut *write).await?;
                write
                    .query("UPDATE connections SET cursor = NULL WHERE tenant = $1 AND id = $2")
                    .bind(tenant)
                    .bind(connection)
                    .execute(&mut *write)
                    .await?;
                // A read that was left open took it for seen.
                drop_reads(&mut write, tenant, Reads::Of(connection)).await?;
                write.commit().await?;
                healed += 1;
            }
        }
        Ok(healed)
    }

    /// Users whose userName isn't the one that they are found by: tenant and userName.
    async fn unfolded(&self) -> Result<Vec<(i64, String)>, StoreError> {
        let mut unfolded = Vec::new();
        let mut after = (0_i64, String::new());
        loop {
            let row = self
                .query(
                    "SELECT json_group_array(json_array(tenant, id, user_name, user_name_key)) FROM (
                     SELECT tenant, id, user_name, user_name_key FROM users
                     WHERE (tenant, id) > ($1, $2) ORDER BY tenant, id LIMIT $3)",
                )
                .bind(after.0)
                .bind(&after.1)
                .bind(PAGE)
                .fetch_one(self.pool())
                .await?;
            let some: Vec<(i64, String, String, Option<String>)> = page(&row)?;
            let Some(last) = some.last() else { return Ok(unfolded) };
            after = (last.0, last.1.clone());
            for (tenant, _, user_name, key) in some {
                if key.as_deref() != Some(fold(&user_name).as_str()) {
                    unfolded.push((tenant, user_name));
                }
            }
        }
    }

    /// Mirrored records that don't carry the hash of their text: tenant, connection, source id.
    async fn damaged(&self, table: &str) -> Result<Vec<(i64, i64, String)>, StoreError> {
        // Of who has been left out for long only the hash is kept.
        let kept =
            if table == "mirror_users" { "AND NOT (raw IS NULL AND left_out_at IS NOT NULL)" } else { "" };
        let mut damaged = Vec::new();
        let mut after = (0_i64, 0_i64, String::new());
        loop {
            let sql = format!(
                "SELECT json_group_array(json_array(tenant, connection, source_id, hash, raw)) FROM (
                 SELECT tenant, connection, source_id, hash, raw FROM {table}
                 WHERE (tenant, connection, source_id) > ($1, $2, $3) {kept} ORDER BY tenant, connection, source_id LIMIT $4)"
            );
            let row = self
                .query(sql)
                .bind(after.0)
                .bind(after.1)
                .bind(&after.2)
                .bind(PAGE)
                .fetch_one(self.pool())
                .await?;
            let some: Vec<Mirrored> = page(&row)?;
            let Some(last) = some.last() else { return Ok(damaged) };
            after = (last.0, last.1, last.2.clone());
            for (tenant, connection, id, hash, raw) in some {
                if raw.as_deref().map(content_hash) != hash {
                    damaged.push((tenant, connection, id));
                }
            }
        }
    }

    /// A copy of the SQLite database as it is now, in a new file. Others go on reading and writing meanwhile.
    pub async fn backup(&self, file: &Path) -> Result<(), StoreError> {
        if self.engine() != Engine::Sqlite {
            return Err(StoreError::OtherTool);
        }
        let place = file.display().to_string();
        // Into an empty file: it was just made so that nobody else can read it. What was there before is somebody's, and stays.
        new_file(file).map_err(|source| StoreError::File { place: place.clone(), source })?;
        if let Err(error) = self.query("VACUUM INTO $1").bind(&place).execute(self.pool()).await {
            // Half a copy is none, and would stand in the way of the next one.
            if let Err(error) = std::fs::remove_file(file) {
                tracing::warn!(file = %place, %error, "half a copy is left");
            }
            return Err(error.into());
        }
        Ok(())
    }

    /// Copies everything into an empty database on another engine, and keeps it there only if every table has the same rows. Nobody writes
    /// here meanwhile. `told` hears of each table.
    pub async fn move_to(&self, other: &Self, mut told: impl FnMut(Moved)) -> Result<(), StoreError> {
        let mut here = self.write().await?;
        let mut there = other.write().await?;
        for tenant in ids(&mut here).await? {
            Self::nobody_runs(&mut here, tenant).await?;
        }
        if !ids(&mut there).await?.is_empty() {
            return Err(StoreError::NotEmpty);
        }
        for table in TABLES {
            let table = Table::of(&mut here, table).await?;
            let (count, hash) = table.copy(&mut here, &mut there).await?;
            let (arrived, same) = table.sum(&mut there).await?;
            if (count, &hash) != (arrived, &same) {
                return Err(StoreError::Differs { table: table.name });
            }
            told(Moved { table: table.name, rows: count, hash });
        }
        there.commit().await
    }
}

async fn ids(write: &mut Write) -> Result<Vec<i64>, StoreError> {
    let rows = write.query("SELECT id FROM tenants").fetch_all(&mut **write).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Text,
    Bytes,
}

struct Table {
    name: String,
    columns: Vec<(String, Kind)>,
    /// Places of the key's columns.
    key: Vec<usize>,
}

impl Table {
    /// As SQLite knows it.
    async fn of(here: &mut Write, name: &str) -> Result<Self, StoreError> {
        let found = here
            .query("SELECT name, type, CAST(pk AS BIGINT) FROM pragma_table_info($1) ORDER BY cid")
            .bind(name)
            .fetch_all(&mut **here)
            .await?;
        let mut columns = Vec::new();
        let mut key = Vec::new();
        for (at, row) in found.iter().enumerate() {
            let kind: String = row.try_get(1)?;
            let kind = match kind.as_str() {
                "BIGINT" => Kind::Number,
                "BLOB" => Kind::Bytes,
                _ => Kind::Text,
            };
            columns.push((row.try_get(0)?, kind));
            let place: i64 = row.try_get(2)?;
            if place > 0 {
                key.push((place, at));
            }
        }
        key.sort_unstable();
        Ok(Self { name: name.to_owned(), columns, key: key.into_iter().map(|(_, at)| at).collect() })
    }

    fn named(&self, at: &[usize]) -> Vec<&str> {
        at.iter().filter_map(|&at| self.columns.get(at)).map(|(name, _)| name.as_str()).collect()
    }

    /// The rows after a key, in its order; bytes as hex.
    async fn page(&self, write: &mut Write, after: Option<&[Value]>) -> Result<Vec<Vec<Value>>, StoreError> {
        let engine = write.engine();
        let shown: Vec<_> = self
            .columns
            .iter()
            .map(|(name, kind)| match (kind, engine) {
                (Kind::Bytes, Engine::Sqlite) => format!("lower(hex({name}))"),
                (Kind::Bytes, Engine::Postgres) => format!("encode({name}, 'hex')"),
                _ => name.clone(),
            })
            .collect();
        let key = self.named(&self.key).join(", ");
        let past: Vec<_> = (1..=self.key.len()).map(|n| format!("${n}")).collect();
        let past = match after {
            Some(_) => format!("WHERE ({key}) > ({})", past.join(", ")),
            None => String::new(),
        };
        // A plugin's bytes are megabytes.
        let limit = if self.columns.iter().any(|(_, kind)| *kind == Kind::Bytes) { 1 } else { PAGE };
        let sql = format!(
            "SELECT json_group_array(json_array({})) FROM (SELECT * FROM {} {past} ORDER BY {key} LIMIT {limit})",
            shown.join(", "),
            self.name
        );
        let mut query = write.query(sql);
        for value in after.unwrap_or_default() {
            query = match value {
                Value::Number(number) => query.bind(number.as_i64()),
                other => query.bind(other.as_str().map(str::to_owned)),
            };
        }
        let row = query.fetch_one(&mut **write).await?;
        page(&row)
    }

    fn key_of(&self, row: &[Value]) -> Vec<Value> {
        self.key.iter().filter_map(|&at| row.get(at)).cloned().collect()
    }

    async fn insert(&self, there: &mut Write, some: &[Vec<Value>]) -> Result<(), StoreError> {
        let names: Vec<_> = self.columns.iter().map(|(name, _)| name.as_str()).collect();
        let values: Vec<_> = self
            .columns
            .iter()
            .enumerate()
            .map(|(at, (_, kind))| match (kind, there.engine()) {
                (Kind::Number, _) => format!("CAST(value->>{at} AS BIGINT)"),
                (Kind::Text, _) => format!("value->>{at}"),
                (Kind::Bytes, Engine::Sqlite) => format!("unhex(value->>{at})"),
                (Kind::Bytes, Engine::Postgres) => format!("decode(value->>{at}, 'hex')"),
            })
            .collect();
        let sql = format!(
            "INSERT INTO {} ({}) SELECT {} FROM json_each($1)",
            self.name,
            names.join(", "),
            values.join(", ")
        );
        there.query(sql).bind(rows(&some)?).execute(&mut **there).await?;
        Ok(())
    }

    async fn copy(&self, here: &mut Write, there: &mut Write) -> Result<(u64, String), StoreError> {
        let mut sum = Sum::default();
        let mut after: Option<Vec<Value>> = None;
        loop {
            let some = self.page(here, after.as_deref()).await?;
            let Some(last) = some.last() else { return Ok(sum.finish()) };
            after = Some(self.key_of(last));
            self.insert(there, &some).await?;
            sum.take(&some);
        }
    }

    async fn sum(&self, write: &mut Write) -> Result<(u64, String), StoreError> {
        let mut sum = Sum::default();
        let mut after: Option<Vec<Value>> = None;
        loop {
            let some = self.page(write, after.as_deref()).await?;
            let Some(last) = some.last() else { return Ok(sum.finish()) };
            after = Some(self.key_of(last));
            sum.take(&some);
        }
    }
}

/// Counts and hashes rows as they pass.
#[derive(Default)]
struct Sum {
    rows: u64,
    state: Sha256,
}

impl Sum {
    fn take(&mut self, some: &[Vec<Value>]) {
        for row in some {
            self.rows += 1;
            self.state.update(Value::from(row.clone()).to_string());
            self.state.update(b"\n");
        }
    }

    fn finish(self) -> (u64, String) {
        let hash = self.state.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        (self.rows, hash)
    }
}
