//! Reading into the overlay: pages of a source land here, each in a transaction of its own, so that a read that died goes on.

use crate::bulk;
use crate::database::{Store, Write, document, rows, text};
use crate::dialect::Engine;
use crate::error::StoreError;
use crate::failpoint::failpoint;
use crate::leases::Lease;
use serde::Serialize;
use sqlx::Row;
use std::collections::{BTreeMap, BTreeSet};

/// A read in the making. Everything staged belongs to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// The tenant.
    pub tenant: i64,
    /// The connection.
    pub connection: i64,
    /// Its number within the tenant.
    pub id: i64,
    /// Whether it began from a cursor: then what isn't staged is as it was.
    pub incremental: bool,
}

/// A read that an earlier run left open.
#[derive(Clone, Debug)]
pub struct OpenRead {
    /// The read.
    pub read: Read,
    /// Where it was; none at the beginning.
    pub position: Option<String>,
    /// What the plugin wants kept so far.
    pub storage: BTreeMap<String, Option<String>>,
}

/// A user of a page.
#[derive(Clone, Debug, Serialize)]
pub struct StagedUser {
    /// The source id.
    pub id: String,
    /// 0 seen, 1 put, 2 gone, 3 unreadable.
    pub op: i64,
    /// Of the canonical text.
    pub hash: Option<String>,
    /// The canonical text.
    pub raw: Option<String>,
    /// The folded userName.
    pub key: Option<String>,
    /// What the source says who the manager is.
    pub manager: Option<String>,
    /// Why it can't be taken.
    pub problem: Option<String>,
    /// Where in the source.
    pub place: Option<String>,
}

/// A group of a page; fields as in [`StagedUser`].
#[derive(Clone, Debug, Serialize)]
pub struct StagedGroup {
    /// The source id.
    pub id: String,
    /// 0 seen, 1 put, 2 gone, 3 unreadable.
    pub op: i64,
    /// Of the canonical text.
    pub hash: Option<String>,
    /// The canonical text.
    pub raw: Option<String>,
    /// Why it can't be taken.
    pub problem: Option<String>,
    /// Where in the source.
    pub place: Option<String>,
}

/// A membership of a page.
#[derive(Clone, Debug, Serialize)]
pub struct StagedMember {
    /// The group's source id.
    pub group: String,
    /// The member's source id.
    pub member: String,
    /// user or group.
    pub kind: &'static str,
    /// 1 put, 2 gone. What the mirror has already becomes 0, seen.
    pub op: i64,
}

/// A record of which not even the id could be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct UnknownRecord {
    /// Where in the source.
    pub place: String,
    /// Why.
    pub why: String,
}

impl Store {
    /// Begins a read, or goes on with the one that an earlier run of the same basis left open. All other overlays of the
    /// connection are dropped.
    pub async fn begin_read(
        &self,
        lease: Lease,
        connection: i64,
        basis: &str,
        incremental: bool,
        fresh: bool,
        now: i64,
    ) -> Result<OpenRead, StoreError> {
        let mut write = self.write().await?;
        Self::hold_lease(&mut write, lease).await?;
        let tenant = lease.tenant;
        let open = self.query(
            "SELECT id, position, storage FROM reads
             WHERE tenant = $1 AND connection = $2 AND basis = $3 AND incremental = $4 AND position IS NOT NULL
             ORDER BY id DESC LIMIT 1",
        )
        .bind(tenant)
        .bind(connection)
        .bind(basis)
        .bind(i64::from(incremental))
        .fetch_optional(&mut *write)
        .await?;
        let open = match open {
            Some(row) if !fresh => {
                let storage: Option<String> = row.try_get(2)?;
                Some(OpenRead {
                    read: Read { tenant, connection, id: row.try_get(0)?, incremental },
                    position: row.try_get(1)?,
                    storage: storage.map(|text| document(&text, "storage")).transpose()?.unwrap_or_default(),
                })
            }
            _ => None,
        };
        let but = open.as_ref().map_or(0, |open| open.read.id);
        drop_reads(&mut write, tenant, Reads::But(connection, but)).await?;
        bulk::lift_staged(&mut write, tenant, connection).await?;
        let open = match open {
            Some(open) => open,
            None => {
                let row = self
                    .query(
                        "INSERT INTO reads (tenant, id, connection, basis, incremental, started_at)
                     SELECT $1, COALESCE(MAX(id), 0) + 1, $2, $3, $4, $5 FROM reads WHERE tenant = $1
                     RETURNING id",
                    )
                    .bind(tenant)
                    .bind(connection)
                    .bind(basis)
                    .bind(i64::from(incremental))
                    .bind(now)
                    .fetch_one(&mut *write)
                    .await?;
                let read = Read { tenant, connection, id: row.try_get(0)?, incremental };
                OpenRead { read, position: None, storage: BTreeMap::new() }
            }
        };
        write.commit().await?;
        Ok(open)
    }

    /// Whether an earlier run left a read of this basis open.
    pub async fn has_open_read(&self, tenant: i64, connection: i64, basis: &str) -> Result<bool, StoreError> {
        let row = self.query(
            "SELECT COUNT(*) FROM reads WHERE tenant = $1 AND connection = $2 AND basis = $3 AND position IS NOT NULL",
        )
        .bind(tenant)
        .bind(connection)
        .bind(basis)
        .fetch_one(self.pool())
        .await?;
        Ok(row.try_get::<i64, _>(0)? > 0)
    }

    /// The read is in the overlay; what comes next are statements over all of it.
    pub async fn prepare_read(&self, read: Read) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        bulk::build_staged(&mut write).await?;
        let sql = "SELECT (SELECT COUNT(*) FROM staged_users WHERE tenant = $1 AND read = $2)
             + (SELECT COUNT(*) FROM staged_members WHERE tenant = $1 AND read = $2)";
        if Self::has_grown(&mut write, sql, read.tenant, read.id).await? {
            Self::analyze(&mut write, &["staged_users", "staged_groups", "staged_members"]).await?;
        }
        write.commit().await
    }

    /// Opens a transaction in which one page is staged.
    pub async fn stage(&self, lease: Lease, read: Read) -> Result<Staging, StoreError> {
        let mut write = self.write().await?;
        Self::hold_lease(&mut write, lease).await?;
        Ok(Staging { write, read })
    }
}

/// Which reads are meant.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reads {
    /// All of the tenant's.
    All,
    /// Those of a connection.
    Of(i64),
    /// Those of a connection but one.
    But(i64, i64),
    /// Those that were begun at a moment or before.
    BegunBy(i64),
}

/// Drops reads with their overlays; gives how many there were.
pub(crate) async fn drop_reads(write: &mut Write, tenant: i64, reads: Reads) -> Result<u64, StoreError> {
    let (which, one, but) = match reads {
        Reads::All => ("connection <> $2", 0, 0),
        Reads::Of(connection) => ("connection = $2", connection, 0),
        Reads::But(connection, read) => ("connection = $2", connection, read),
        Reads::BegunBy(moment) => ("started_at <= $2", moment, 0),
    };
    let which = format!("tenant = $1 AND {which} AND id <> $3");
    let these = format!("SELECT id FROM reads WHERE {which}");
    for table in ["staged_users", "staged_groups", "staged_members", "staged_slices", "staged_unknown"] {
        // SQLite lets go of a whole table at once, of rows one by one. An overlay is mostly the only one that there is.
        let alone = write.engine() == Engine::Sqlite && {
            let ends = |order: &str| {
                format!("SELECT tenant, read FROM {table} ORDER BY tenant {order}, read {order} LIMIT 1")
            };
            let (first, last) = (ends("ASC"), ends("DESC"));
            let sql = format!(
                "SELECT 1 FROM ({first}) a JOIN ({last}) b ON b.tenant = a.tenant AND b.read = a.read
                 WHERE a.tenant = $1 AND a.read IN ({these})"
            );
            let row = write.query(sql).bind(tenant).bind(one).bind(but).fetch_optional(&mut **write);
            row.await?.is_some()
        };
        if alone {
            write.query(format!("DELETE FROM {table}")).execute(&mut **write).await?;
        } else {
            let sql = format!("DELETE FROM {table} WHERE tenant = $1 AND read IN ({these})");
            write.query(sql).bind(tenant).bind(one).bind(but).execute(&mut **write).await?;
        }
    }
    let gone = write.query(format!("DELETE FROM reads WHERE {which}"));
    Ok(gone.bind(tenant).bind(one).bind(but).execute(&mut **write).await?.rows_affected())
}

pub(crate) async fn drop_overlay(write: &mut Write, read: Read) -> Result<(), StoreError> {
    drop_reads(write, read.tenant, Reads::Of(read.connection)).await?;
    Ok(())
}

/// What is known of a record while its source is read.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The hash under which the mirror has it, unless this read has spoken of it already or it is quarantined:
    /// the same content under this hash is nothing new.
    pub hash: Option<String>,
    /// Its latest text: what a patch builds on. Of what couldn't be read when it changed there is none.
    pub raw: Option<String>,
}

/// One page on its way into the overlay.
pub struct Staging {
    write: Write,
    read: Read,
}

impl Staging {
    /// What is known by now of these users, staged or mirrored. `anew`: who has been left out for so long that only his hash is kept is not
    /// known by it.
    pub async fn known_users(
        &mut self,
        ids: &[&str],
        anew: bool,
    ) -> Result<BTreeMap<String, Known>, StoreError> {
        self.known(
            "SELECT json_group_array(json_array(id, hash, raw)) FROM (
                SELECT texts.value AS id,
                    CASE WHEN s.op IS NULL AND m.problem IS NULL AND (m.raw IS NOT NULL OR $5 = 0) THEN m.hash END AS hash,
                    CASE WHEN s.op = 1 THEN s.raw WHEN s.op IN (2, 3) THEN NULL
                        WHEN s.op IS NULL AND m.problem IS NOT NULL AND m.place IS NOT NULL THEN NULL ELSE m.raw END AS raw
                FROM json_each($4) texts
                LEFT JOIN mirror_users m ON m.tenant = $1 AND m.connection = $2 AND m.source_id = texts.value
                LEFT JOIN staged_users s ON s.tenant = $1 AND s.read = $3 AND s.source_id = texts.value)",
            ids,
            anew,
        )
        .await
    }

    /// The same for groups.
    pub async fn known_groups(&mut self, ids: &[&str]) -> Result<BTreeMap<String, Known>, StoreError> {
        self.known(
            "SELECT json_group_array(json_array(id, hash, raw)) FROM (
                SELECT texts.value AS id,
                    CASE WHEN s.op IS NULL AND m.problem IS NULL AND (m.raw IS NOT NULL OR $5 = 0) THEN m.hash END AS hash,
                    CASE WHEN s.op = 1 THEN s.raw WHEN s.op IN (2, 3) THEN NULL
                        WHEN s.op IS NULL AND m.problem IS NOT NULL AND m.place IS NOT NULL THEN NULL ELSE m.raw END AS raw
                FROM json_each($4) texts
                LEFT JOIN mirror_groups m ON m.tenant = $1 AND m.connection = $2 AND m.source_id = texts.value
                LEFT JOIN staged_groups s ON s.tenant = $1 AND s.read = $3 AND s.source_id = texts.value)",
            ids,
            false,
        )
        .await
    }

    async fn known(
        &mut self,
        sql: &'static str,
        ids: &[&str],
        anew: bool,
    ) -> Result<BTreeMap<String, Known>, StoreError> {
        let row = self
            .write
            .query(sql)
            .bind(self.read.tenant)
            .bind(self.read.connection)
            .bind(self.read.id)
            .bind(rows(&ids)?)
            .bind(i64::from(anew))
            .fetch_one(&mut *self.write)
            .await?;
        let page: Vec<(String, Option<String>, Option<String>)> = crate::database::page(&row)?;
        Ok(page.into_iter().map(|(id, hash, raw)| (id, Known { hash, raw })).collect())
    }

    /// Which of these folded userNames somebody in the directory has.
    pub async fn held_names(&mut self, keys: &BTreeSet<String>) -> Result<BTreeSet<String>, StoreError> {
        let row = self
            .write
            .query(
                "SELECT json_group_array(user_name_key) FROM users
                 WHERE tenant = $1 AND user_name_key IN (SELECT value FROM json_each($2))",
            )
            .bind(self.read.tenant)
            .bind(rows(keys)?)
            .fetch_one(&mut *self.write)
            .await?;
        Ok(crate::database::page(&row)?.into_iter().collect())
    }

    /// Stages users. What comes later about the same user replaces what came earlier.
    pub async fn users(&mut self, users: &[StagedUser]) -> Result<(), StoreError> {
        if users.is_empty() {
            return Ok(());
        }
        self.write.query(
            "INSERT INTO staged_users (tenant, read, source_id, op, hash, raw, user_name_key, manager, problem, place)
             SELECT $1, $2, value->>'id', CAST(value->>'op' AS BIGINT), value->>'hash', value->>'raw', value->>'key',
                 value->>'manager', value->>'problem', value->>'place'
             FROM json_each($3) WHERE true
             ON CONFLICT (tenant, read, source_id) DO UPDATE SET op = EXCLUDED.op, hash = EXCLUDED.hash,
                 raw = EXCLUDED.raw, user_name_key = EXCLUDED.user_name_key, manager = EXCLUDED.manager,
                 problem = EXCLUDED.problem, place = EXCLUDED.place",
        )
        .bind(self.read.tenant)
        .bind(self.read.id)
        .bind(rows(&users)?)
        .execute(&mut *self.write)
        .await?;
        Ok(())
    }

    /// Stages groups.
    pub async fn groups(&mut self, groups: &[StagedGroup]) -> Result<(), StoreError> {
        if groups.is_empty() {
            return Ok(());
        }
        self.write.query(
            "INSERT INTO staged_groups (tenant, read, source_id, op, hash, raw, problem, place)
             SELECT $1, $2, value->>'id', CAST(value->>'op' AS BIGINT), value->>'hash', value->>'raw', value->>'problem',
                 value->>'place'
             FROM json_each($3) WHERE true
             ON CONFLICT (tenant, read, source_id) DO UPDATE SET op = EXCLUDED.op, hash = EXCLUDED.hash,
                 raw = EXCLUDED.raw, problem = EXCLUDED.problem, place = EXCLUDED.place",
        )
        .bind(self.read.tenant)
        .bind(self.read.id)
        .bind(rows(&groups)?)
        .execute(&mut *self.write)
        .await?;
        Ok(())
    }

    /// Stages memberships.
    pub async fn members(&mut self, members: &[StagedMember]) -> Result<(), StoreError> {
        if members.is_empty() {
            return Ok(());
        }
        self.write.query(
            "INSERT INTO staged_members (tenant, read, group_id, member_id, kind, op)
             SELECT $1, $2, j.value->>'group', j.value->>'member', j.value->>'kind',
                 CASE WHEN CAST(j.value->>'op' AS BIGINT) = 1 AND m.group_id IS NOT NULL THEN 0 ELSE CAST(j.value->>'op' AS BIGINT) END
             FROM json_each($3) j
             LEFT JOIN mirror_members m ON m.tenant = $1 AND m.connection = $4 AND m.group_id = j.value->>'group'
                 AND m.member_id = j.value->>'member' AND m.kind = j.value->>'kind'
             WHERE true
             ON CONFLICT (tenant, read, group_id, member_id, kind) DO UPDATE SET op = EXCLUDED.op",
        )
        .bind(self.read.tenant)
        .bind(self.read.id)
        .bind(rows(&members)?)
        .bind(self.read.connection)
        .execute(&mut *self.write)
        .await?;
        Ok(())
    }

    /// Which of these groups have a list of members that was begun and hasn't ended yet.
    pub async fn open_lists(&mut self, groups: &[&str]) -> Result<BTreeSet<String>, StoreError> {
        let row = self.write.query(
            "SELECT json_group_array(group_id) FROM staged_slices WHERE tenant = $1 AND read = $2 AND done = 0
               AND group_id IN (SELECT value FROM json_each($3))",
        )
        .bind(self.read.tenant)
        .bind(self.read.id)
        .bind(rows(&groups)?)
        .fetch_one(&mut *self.write)
        .await?;
        Ok(crate::database::page(&row)?.into_iter().collect())
    }

    /// Forgets what this read said of the members of these groups: their lists begin anew.
    pub async fn forget_members(&mut self, groups: &BTreeSet<String>) -> Result<(), StoreError> {
        if groups.is_empty() {
            return Ok(());
        }
        self.write
            .query(
                "DELETE FROM staged_members WHERE tenant = $1 AND read = $2
               AND group_id IN (SELECT value FROM json_each($3))",
            )
            .bind(self.read.tenant)
            .bind(self.read.id)
            .bind(rows(groups)?)
            .execute(&mut *self.write)
            .await?;
        Ok(())
    }

    /// Notes that a group's whole list of members is being given, and whether its last slice has come.
    pub async fn slice(&mut self, group: &str, done: bool) -> Result<(), StoreError> {
        self.write
            .query(
                "INSERT INTO staged_slices (tenant, read, group_id, done) VALUES ($1, $2, $3, $4)
             ON CONFLICT (tenant, read, group_id) DO UPDATE SET done = EXCLUDED.done",
            )
            .bind(self.read.tenant)
            .bind(self.read.id)
            .bind(group)
            .bind(i64::from(done))
            .execute(&mut *self.write)
            .await?;
        Ok(())
    }

    /// The lists of members of all groups that this read has handed over are whole, but for those of some groups.
    pub async fn end_lists(&mut self, but: &BTreeSet<String>) -> Result<(), StoreError> {
        let but = rows(but)?;
        for sql in [
            "INSERT INTO staged_slices (tenant, read, group_id, done)
             SELECT tenant, read, source_id, 1 FROM staged_groups WHERE tenant = $1 AND read = $2 AND op IN (0, 1)
               AND source_id NOT IN (SELECT value FROM json_each($3))
             ON CONFLICT (tenant, read, group_id) DO UPDATE SET done = 1",
            "DELETE FROM staged_slices WHERE tenant = $1 AND read = $2
               AND (done = 0 OR group_id IN (SELECT value FROM json_each($3)))",
        ] {
            self.write
                .query(sql)
                .bind(self.read.tenant)
                .bind(self.read.id)
                .bind(&but)
                .execute(&mut *self.write)
                .await?;
        }
        Ok(())
    }

    /// Forgets what this read handed over of these users, groups and memberships (group, member, kind), as if it never had.
    pub async fn take_back(
        &mut self,
        users: &BTreeSet<String>,
        groups: &BTreeSet<String>,
        members: &BTreeSet<(String, String, &str)>,
    ) -> Result<(), StoreError> {
        let mut taken = Vec::new();
        if !users.is_empty() {
            taken.push((
                "DELETE FROM staged_users WHERE tenant = $1 AND read = $2
                   AND source_id IN (SELECT value FROM json_each($3))",
                rows(users)?,
            ));
        }
        if !groups.is_empty() {
            taken.push((
                "DELETE FROM staged_groups WHERE tenant = $1 AND read = $2
                   AND source_id IN (SELECT value FROM json_each($3))",
                rows(groups)?,
            ));
            taken.push((
                "DELETE FROM staged_slices WHERE tenant = $1 AND read = $2
                   AND group_id IN (SELECT value FROM json_each($3))",
                rows(groups)?,
            ));
        }
        if !members.is_empty() {
            taken.push((
                "DELETE FROM staged_members WHERE tenant = $1 AND read = $2 AND (group_id, member_id, kind) IN
                   (SELECT value->>0, value->>1, value->>2 FROM json_each($3))",
                rows(members)?,
            ));
        }
        for (sql, gone) in taken {
            self.write
                .query(sql)
                .bind(self.read.tenant)
                .bind(self.read.id)
                .bind(gone)
                .execute(&mut *self.write)
                .await?;
        }
        Ok(())
    }

    /// Stages a record without an id.
    pub async fn unknown(&mut self, record: &UnknownRecord) -> Result<(), StoreError> {
        self.write.query(
            "INSERT INTO staged_unknown (tenant, read, seq, place, why)
             SELECT $1, $2, COALESCE(MAX(seq), 0) + 1, $3, $4 FROM staged_unknown WHERE tenant = $1 AND read = $2",
        )
        .bind(self.read.tenant)
        .bind(self.read.id)
        .bind(&record.place)
        .bind(&record.why)
        .execute(&mut *self.write)
        .await?;
        Ok(())
    }

    /// Ends the page: all of it is kept, with where the read goes on (none when it has ended) and what the plugin wants kept.
    pub async fn commit(
        mut self,
        position: Option<&str>,
        storage: &BTreeMap<String, Option<String>>,
    ) -> Result<(), StoreError> {
        self.write
            .query("UPDATE reads SET position = $1, storage = $2 WHERE tenant = $3 AND id = $4")
            .bind(position)
            .bind(text(storage, "storage")?)
            .bind(self.read.tenant)
            .bind(self.read.id)
            .execute(&mut *self.write)
            .await?;
        failpoint("read.before_commit");
        self.write.commit().await?;
        failpoint("read.after_commit");
        Ok(())
    }
}
