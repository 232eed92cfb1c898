//! Mirror and overlay together: what the source has after this read, and what it no longer has.

use crate::database::{Store, Write, page, unsigned};
use crate::error::StoreError;
use crate::leases::Lease;
use crate::reads::{Read, UnknownRecord};
use sqlx::Row;
use std::collections::BTreeMap;
use usher_model::{User, content_hash};

/// How many distinct ids a read staged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sighting {
    /// Users.
    pub users: u64,
    /// Groups.
    pub groups: u64,
    /// Memberships.
    pub memberships: u64,
}

/// How many records the source has after this read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EffectiveCounts {
    /// Users.
    pub users: u64,
    /// Groups.
    pub groups: u64,
}

/// A mirrored text must carry its hash, if it has one: nothing is planned from a record that isn't what was read.
pub(crate) fn as_read(id: &str, raw: Option<&str>, hash: Option<&str>) -> Result<(), StoreError> {
    match (raw, hash) {
        (Some(raw), Some(hash)) if content_hash(raw) != hash => {
            Err(StoreError::Damaged { id: id.to_owned() })
        }
        _ => Ok(()),
    }
}

async fn count(store: &Store, sql: &'static str, read: Read) -> Result<u64, StoreError> {
    let row = store.of_read(sql, read).fetch_one(store.pool()).await?;
    Ok(unsigned(row.try_get(0)?))
}

async fn ids(store: &Store, sql: &'static str, read: Read, limit: i64) -> Result<Vec<String>, StoreError> {
    let row = store.of_read(sql, read).bind(limit).fetch_one(store.pool()).await?;
    page(&row)
}

impl Store {
    /// What the read handed over, for comparing with its seal.
    pub async fn sighted(&self, read: Read) -> Result<Sighting, StoreError> {
        Ok(Sighting {
            users: count(
                self,
                "SELECT COUNT(*) FROM staged_users WHERE tenant = $1 AND read = $2 AND op <> 2 AND $3 > 0",
                read,
            )
            .await?,
            groups: count(
                self,
                "SELECT COUNT(*) FROM staged_groups WHERE tenant = $1 AND read = $2 AND op <> 2 AND $3 > 0",
                read,
            )
            .await?,
            memberships: count(
                self,
                "SELECT COUNT(*) FROM staged_members WHERE tenant = $1 AND read = $2 AND op <> 2 AND $3 > 0",
                read,
            )
            .await?,
        })
    }

    /// How many records the mirror has.
    pub async fn mirrored(&self, tenant: i64, connection: i64) -> Result<EffectiveCounts, StoreError> {
        let read = Read { tenant, connection, id: 0, incremental: false };
        Ok(EffectiveCounts {
            users: count(
                self,
                "SELECT COUNT(*) FROM mirror_users WHERE tenant = $1 AND $2 = 0 AND connection = $3",
                read,
            )
            .await?,
            groups: count(
                self,
                "SELECT COUNT(*) FROM mirror_groups WHERE tenant = $1 AND $2 = 0 AND connection = $3",
                read,
            )
            .await?,
        })
    }

    /// How many records the source has, mirror and overlay together.
    pub async fn effective_counts(&self, read: Read) -> Result<EffectiveCounts, StoreError> {
        let users = "SELECT
            (SELECT COUNT(*) FROM mirror_users WHERE tenant = $1 AND connection = $3)
            + (SELECT COUNT(*) FROM staged_users s WHERE s.tenant = $1 AND s.read = $2 AND s.op IN (1, 3)
                AND NOT EXISTS (SELECT 1 FROM mirror_users m WHERE m.tenant = $1 AND m.connection = $3 AND m.source_id = s.source_id))
            - (SELECT COUNT(*) FROM staged_users s JOIN mirror_users m
                ON m.tenant = $1 AND m.connection = $3 AND m.source_id = s.source_id
                WHERE s.tenant = $1 AND s.read = $2 AND s.op = 2)";
        let groups = "SELECT
            (SELECT COUNT(*) FROM mirror_groups WHERE tenant = $1 AND connection = $3)
            + (SELECT COUNT(*) FROM staged_groups s WHERE s.tenant = $1 AND s.read = $2 AND s.op IN (1, 3)
                AND NOT EXISTS (SELECT 1 FROM mirror_groups m WHERE m.tenant = $1 AND m.connection = $3 AND m.source_id = s.source_id))
            - (SELECT COUNT(*) FROM staged_groups s JOIN mirror_groups m
                ON m.tenant = $1 AND m.connection = $3 AND m.source_id = s.source_id
                WHERE s.tenant = $1 AND s.read = $2 AND s.op = 2)";
        Ok(EffectiveCounts {
            users: count(self, users, read).await?,
            groups: count(self, groups, read).await?,
        })
    }

    /// How many of the source's users can't be read, mirror and overlay together.
    pub async fn unreadable_users(&self, read: Read) -> Result<u64, StoreError> {
        count(
            self,
            "SELECT (SELECT COUNT(*) FROM staged_users s WHERE s.tenant = $1 AND s.read = $2 AND s.op = 3)
             + (SELECT COUNT(*) FROM mirror_users m INDEXED BY mirror_users_with_problem
                 WHERE m.tenant = $1 AND m.connection = $3 AND m.problem IS NOT NULL AND m.place IS NOT NULL
                   AND NOT EXISTS (SELECT 1 FROM staged_users s WHERE s.tenant = $1 AND s.read = $2
                       AND s.source_id = m.source_id AND s.op IN (1, 2, 3)))",
            read,
        )
        .await
    }

    /// Users that the mirror has and a full read did not hand over, by id; those settled since are no longer among them.
    pub async fn missing_users(&self, read: Read, limit: i64) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT json_group_array(source_id) FROM (SELECT m.source_id FROM mirror_users m
             WHERE m.tenant = $1 AND m.connection = $3 AND NOT EXISTS (SELECT 1 FROM staged_users s
                 WHERE s.tenant = $1 AND s.read = $2 AND s.source_id = m.source_id)
             ORDER BY m.source_id LIMIT $4)";
        ids(self, sql, read, limit).await
    }

    /// The same for groups.
    pub async fn missing_groups(&self, read: Read, limit: i64) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT json_group_array(source_id) FROM (SELECT m.source_id FROM mirror_groups m
             WHERE m.tenant = $1 AND m.connection = $3 AND NOT EXISTS (SELECT 1 FROM staged_groups s
                 WHERE s.tenant = $1 AND s.read = $2 AND s.source_id = m.source_id)
             ORDER BY m.source_id LIMIT $4)";
        ids(self, sql, read, limit).await
    }

    /// Records that could not be read before and of which an incremental read doesn't speak: kind and id; those settled since are no longer
    /// among them.
    pub async fn unread_before(&self, read: Read, limit: i64) -> Result<Vec<(String, String)>, StoreError> {
        let row = self
            .query(
                "SELECT json_group_array(json_array(kind, source_id)) FROM (
             SELECT 'user' AS kind, m.source_id FROM mirror_users m INDEXED BY mirror_users_with_problem
             WHERE m.tenant = $1 AND m.connection = $3 AND m.problem IS NOT NULL AND m.place IS NOT NULL
               AND NOT EXISTS (SELECT 1 FROM staged_users s
                   WHERE s.tenant = $1 AND s.read = $2 AND s.source_id = m.source_id)
             UNION ALL
             SELECT 'group', m.source_id FROM mirror_groups m
             WHERE m.tenant = $1 AND m.connection = $3 AND m.problem IS NOT NULL AND m.place IS NOT NULL
               AND NOT EXISTS (SELECT 1 FROM staged_groups s
                   WHERE s.tenant = $1 AND s.read = $2 AND s.source_id = m.source_id)
             ORDER BY 1, 2 LIMIT $4)",
            )
            .bind(read.tenant)
            .bind(read.id)
            .bind(read.connection)
            .bind(limit)
            .fetch_one(self.pool())
            .await?;
        page(&row)
    }

    /// Members whom a read names and nobody has described yet.
    pub async fn undescribed_members(
        &self,
        read: Read,
        limit: i64,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let sql = "SELECT json_group_array(json_array(kind, member_id)) FROM (
             SELECT x.kind, x.member_id FROM (SELECT DISTINCT s.member_id, s.kind FROM staged_members s
                 WHERE s.tenant = $1 AND s.read = $2 AND s.op <> 0 AND s.op = 1) x
             WHERE ((x.kind = 'user'
                     AND NOT EXISTS (SELECT 1 FROM mirror_users m WHERE m.tenant = $1 AND m.connection = $3 AND m.source_id = x.member_id)
                     AND NOT EXISTS (SELECT 1 FROM staged_users s WHERE s.tenant = $1 AND s.read = $2 AND s.source_id = x.member_id))
                 OR (x.kind = 'group'
                     AND NOT EXISTS (SELECT 1 FROM mirror_groups m WHERE m.tenant = $1 AND m.connection = $3 AND m.source_id = x.member_id)
                     AND NOT EXISTS (SELECT 1 FROM staged_groups s WHERE s.tenant = $1 AND s.read = $2 AND s.source_id = x.member_id)))
             ORDER BY 1, 2 LIMIT $4)";
        let row = self.of_read(sql, read).bind(limit).fetch_one(self.pool()).await?;
        page(&row)
    }

    /// Groups whose list of members was begun and never ended.
    pub async fn unfinished_slices(&self, read: Read) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT json_group_array(group_id) FROM (SELECT group_id FROM staged_slices
             WHERE tenant = $1 AND read = $2 AND $3 > 0 AND done = 0 ORDER BY group_id LIMIT $4)";
        ids(self, sql, read, 100).await
    }

    /// Marks as gone what a sealed, complete read of a frozen content did not hand over.
    pub async fn mark_missing_gone(&self, lease: Lease, read: Read) -> Result<(), StoreError> {
        self.change(
            lease,
            read,
            &[
                "INSERT INTO staged_users (tenant, read, source_id, op)
             SELECT $1, $2, m.source_id, 2 FROM mirror_users m
             WHERE m.tenant = $1 AND m.connection = $3 AND NOT EXISTS (SELECT 1 FROM staged_users s
                 WHERE s.tenant = $1 AND s.read = $2 AND s.source_id = m.source_id)",
                "INSERT INTO staged_groups (tenant, read, source_id, op)
             SELECT $1, $2, m.source_id, 2 FROM mirror_groups m
             WHERE m.tenant = $1 AND m.connection = $3 AND NOT EXISTS (SELECT 1 FROM staged_groups s
                 WHERE s.tenant = $1 AND s.read = $2 AND s.source_id = m.source_id)",
            ],
        )
        .await
    }

    /// Marks as gone the memberships that a sealed, complete read did not hand over. Those of records that could not be read stay: they
    /// may have stood in what could not be read.
    pub async fn mark_missing_members_gone(&self, lease: Lease, read: Read) -> Result<(), StoreError> {
        self.change(
            lease,
            read,
            &["INSERT INTO staged_members (tenant, read, group_id, member_id, kind, op)
             SELECT $1, $2, m.group_id, m.member_id, m.kind, 2 FROM mirror_members m
             WHERE m.tenant = $1 AND m.connection = $3 AND NOT EXISTS (SELECT 1 FROM staged_members s
                 WHERE s.tenant = $1 AND s.read = $2 AND s.group_id = m.group_id AND s.member_id = m.member_id
                   AND s.kind = m.kind)
               AND NOT EXISTS (SELECT 1 FROM staged_groups g WHERE g.tenant = $1 AND g.read = $2 AND g.op = 3
                   AND g.source_id = m.group_id)
               AND NOT EXISTS (SELECT 1 FROM staged_groups h WHERE h.tenant = $1 AND h.read = $2 AND h.op = 3
                   AND h.source_id = m.member_id AND m.kind = 'group')
               AND NOT EXISTS (SELECT 1 FROM staged_users u WHERE u.tenant = $1 AND u.read = $2 AND u.op = 3
                   AND u.source_id = m.member_id AND m.kind = 'user')"],
        )
        .await
    }

    /// After the seal of any read: who isn't in a group's whole list has left it, and what is gone takes its memberships with it. Not so
    /// who was asked for (`place`) and was never described: groups list him all the same, and if he is described one day, no incremental read
    /// will say so again.
    pub async fn settle_members(&self, lease: Lease, read: Read) -> Result<(), StoreError> {
        self.change(lease, read, &[
            "INSERT INTO staged_members (tenant, read, group_id, member_id, kind, op)
             SELECT $1, $2, m.group_id, m.member_id, m.kind, 2
             FROM staged_slices l CROSS JOIN mirror_members m
             WHERE m.tenant = $1 AND m.connection = $3 AND m.group_id = l.group_id AND l.tenant = $1 AND l.read = $2 AND l.done = 1 AND NOT EXISTS (SELECT 1 FROM staged_members s
                 WHERE s.tenant = $1 AND s.read = $2 AND s.group_id = m.group_id AND s.member_id = m.member_id
                   AND s.kind = m.kind)",
            "INSERT INTO staged_members (tenant, read, group_id, member_id, kind, op)
             SELECT $1, $2, m.group_id, m.member_id, m.kind, 2
             FROM staged_users g CROSS JOIN mirror_members m
             WHERE m.tenant = $1 AND m.connection = $3 AND m.member_id = g.source_id AND m.kind = 'user' AND g.tenant = $1 AND g.read = $2 AND g.op = 2
               AND NOT (g.place IS NOT NULL AND EXISTS (SELECT 1 FROM mirror_users d
                       WHERE d.tenant = $1 AND d.connection = $3 AND d.source_id = g.source_id AND d.hash IS NULL)
                   AND NOT EXISTS (SELECT 1 FROM user_links d
                       WHERE d.tenant = $1 AND d.connection = $3 AND d.source_id = g.source_id))
             ON CONFLICT (tenant, read, group_id, member_id, kind) DO UPDATE SET op = 2",
            "INSERT INTO staged_members (tenant, read, group_id, member_id, kind, op)
             SELECT $1, $2, m.group_id, m.member_id, m.kind, 2
             FROM staged_groups g CROSS JOIN mirror_members m
             WHERE m.tenant = $1 AND m.connection = $3 AND m.member_id = g.source_id AND m.kind = 'group' AND g.tenant = $1 AND g.read = $2 AND g.op = 2
               AND NOT (g.place IS NOT NULL AND EXISTS (SELECT 1 FROM mirror_groups d
                       WHERE d.tenant = $1 AND d.connection = $3 AND d.source_id = g.source_id AND d.hash IS NULL)
                   AND NOT EXISTS (SELECT 1 FROM group_links d
                       WHERE d.tenant = $1 AND d.connection = $3 AND d.source_id = g.source_id))
             ON CONFLICT (tenant, read, group_id, member_id, kind) DO UPDATE SET op = 2",
            "INSERT INTO staged_members (tenant, read, group_id, member_id, kind, op)
             SELECT $1, $2, m.group_id, m.member_id, m.kind, 2
             FROM staged_groups g CROSS JOIN mirror_members m
             WHERE m.tenant = $1 AND m.connection = $3 AND m.group_id = g.source_id AND g.tenant = $1 AND g.read = $2 AND g.op = 2
             ON CONFLICT (tenant, read, group_id, member_id, kind) DO UPDATE SET op = 2",
        ])
        .await
    }

    /// Forgets what a read took away, in a run that may remove nothing.
    pub async fn forget_gone(&self, lease: Lease, read: Read) -> Result<(), StoreError> {
        self.change(
            lease,
            read,
            &[
                "DELETE FROM staged_users WHERE tenant = $1 AND read = $2 AND op = 2 AND $3 > 0",
                "DELETE FROM staged_groups WHERE tenant = $1 AND read = $2 AND op = 2 AND $3 > 0",
                "DELETE FROM staged_members WHERE tenant = $1 AND read = $2 AND op = 2 AND $3 > 0",
            ],
        )
        .await
    }

    /// Records that stand at a place in the overlay as unreadable: kind and id.
    pub async fn without_base(
        &self,
        read: Read,
        place: &str,
        limit: i64,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let row = self.query(
            "SELECT json_group_array(json_array(kind, source_id)) FROM (
             SELECT 'user' AS kind, source_id FROM staged_users WHERE tenant = $1 AND read = $2 AND op = 3 AND place = $3
             UNION ALL
             SELECT 'group', source_id FROM staged_groups WHERE tenant = $1 AND read = $2 AND op = 3 AND place = $3
             ORDER BY 1, 2 LIMIT $4)",
        )
        .bind(read.tenant)
        .bind(read.id)
        .bind(place)
        .bind(limit)
        .fetch_one(self.pool())
        .await?;
        page(&row)
    }

    /// The source ids of users by folded userName: of those whom this read gives the name, then of those who have it.
    pub async fn source_ids_by_name(
        &self,
        read: Read,
        names: &[String],
    ) -> Result<BTreeMap<String, String>, StoreError> {
        let row = self.query(
            "SELECT json_group_array(json_array(name, source_id)) FROM (
             SELECT texts.value AS name, l.source_id FROM json_each($4) texts CROSS JOIN users u CROSS JOIN user_links l
             WHERE u.tenant = $1 AND u.user_name_key = texts.value
               AND l.tenant = $1 AND l.record = u.id AND l.connection = $3
             UNION ALL
             SELECT texts.value, s.source_id FROM json_each($4) texts
             CROSS JOIN staged_users s INDEXED BY staged_users_by_name
             WHERE s.tenant = $1 AND s.read = $2 AND s.user_name_key = texts.value AND s.user_name_key IS NOT NULL)",
        )
        .bind(read.tenant)
        .bind(read.id)
        .bind(read.connection)
        .bind(crate::database::rows(&names)?)
        .fetch_one(self.pool())
        .await?;
        Ok(page::<(String, String)>(&row)?.into_iter().collect())
    }

    /// Users that the source has now, by source id.
    pub async fn source_users(
        &self,
        read: Read,
        source_ids: &[String],
    ) -> Result<BTreeMap<String, User>, StoreError> {
        let row = self
            .query(
                "SELECT json_group_array(json_array(id, raw)) FROM (
             SELECT texts.value AS id, CASE WHEN s.op = 2 THEN NULL ELSE COALESCE(s.raw, m.raw) END AS raw
             FROM json_each($4) texts
             LEFT JOIN mirror_users m ON m.tenant = $1 AND m.connection = $3 AND m.source_id = texts.value
             LEFT JOIN staged_users s ON s.tenant = $1 AND s.read = $2 AND s.source_id = texts.value)
             WHERE raw IS NOT NULL",
            )
            .bind(read.tenant)
            .bind(read.id)
            .bind(read.connection)
            .bind(crate::database::rows(&source_ids)?)
            .fetch_one(self.pool())
            .await?;
        page::<(String, String)>(&row)?
            .into_iter()
            .map(|(id, raw)| Ok((id, crate::database::document(&raw, "user")?)))
            .collect()
    }

    /// Runs statements over one read (tenant, read, connection) in a transaction under the lease.
    pub(crate) async fn change(
        &self,
        lease: Lease,
        read: Read,
        statements: &[&'static str],
    ) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        Self::hold_lease(&mut write, lease).await?;
        for sql in statements {
            over(&mut write, read, *sql).await?;
        }
        write.commit().await?;
        Ok(())
    }

    /// The records of which not even the id could be read.
    pub async fn unknown_records(&self, read: Read) -> Result<Vec<UnknownRecord>, StoreError> {
        let rows = self
            .query("SELECT place, why FROM staged_unknown WHERE tenant = $1 AND read = $2 ORDER BY seq")
            .bind(read.tenant)
            .bind(read.id)
            .fetch_all(self.pool())
            .await?;
        rows.iter().map(|row| Ok(UnknownRecord { place: row.try_get(0)?, why: row.try_get(1)? })).collect()
    }

    /// How groups nest at the source: (group, member group).
    pub async fn group_edges(&self, read: Read) -> Result<Vec<(String, String)>, StoreError> {
        let sql = "SELECT json_group_array(json_array(group_id, member_id)) FROM (
             SELECT m.group_id, m.member_id FROM mirror_members m
             WHERE m.tenant = $1 AND m.connection = $3 AND m.kind = 'group' AND NOT EXISTS (SELECT 1 FROM staged_members s
                 WHERE s.tenant = $1 AND s.read = $2 AND s.group_id = m.group_id AND s.member_id = m.member_id
                   AND s.kind = 'group')
             UNION ALL
             SELECT s.group_id, s.member_id FROM staged_members s
             WHERE s.tenant = $1 AND s.read = $2 AND s.kind = 'group' AND s.op <> 2)";
        let row = self.of_read(sql, read).fetch_one(self.pool()).await?;
        page(&row)
    }
}

pub(crate) async fn over(
    write: &mut Write,
    read: Read,
    sql: impl Into<std::borrow::Cow<'static, str>>,
) -> Result<u64, StoreError> {
    let done =
        write.query(sql).bind(read.tenant).bind(read.id).bind(read.connection).execute(&mut **write).await?;
    Ok(done.rows_affected())
}
