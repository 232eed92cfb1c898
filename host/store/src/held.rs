//! What the host holds of a source, for the method that asks: by source id, mirrored or staged.

use crate::StoreError;
use crate::database::{Store, page, rows};
use std::collections::BTreeSet;
use usher_model::MemberKind;

/// A read of a connection that may have begun, or not yet.
#[derive(Clone, Copy, Debug)]
pub struct Holding {
    /// The tenant.
    pub tenant: i64,
    /// The connection.
    pub connection: i64,
    /// The number of the read; 0 where none has begun.
    pub read: i64,
}

impl Store {
    /// Which of these source ids the mirror has or the read staged, those aside that the read found gone.
    pub async fn held(
        &self,
        of: Holding,
        kind: MemberKind,
        ids: &BTreeSet<&str>,
    ) -> Result<BTreeSet<String>, StoreError> {
        let sql = match kind {
            MemberKind::User => {
                "SELECT json_group_array(texts.value) FROM json_each($4) texts
                 LEFT JOIN staged_users s ON s.tenant = $1 AND s.read = $3 AND s.source_id = texts.value
                 LEFT JOIN mirror_users m ON m.tenant = $1 AND m.connection = $2 AND m.source_id = texts.value
                 WHERE COALESCE(s.op, 0) <> 2 AND (s.source_id IS NOT NULL OR m.source_id IS NOT NULL)"
            }
            MemberKind::Group => {
                "SELECT json_group_array(texts.value) FROM json_each($4) texts
                 LEFT JOIN staged_groups s ON s.tenant = $1 AND s.read = $3 AND s.source_id = texts.value
                 LEFT JOIN mirror_groups m ON m.tenant = $1 AND m.connection = $2 AND m.source_id = texts.value
                 WHERE COALESCE(s.op, 0) <> 2 AND (s.source_id IS NOT NULL OR m.source_id IS NOT NULL)"
            }
        };
        let row = self
            .query(sql)
            .bind(of.tenant)
            .bind(of.connection)
            .bind(of.read)
            .bind(rows(ids)?)
            .fetch_one(self.pool())
            .await?;
        Ok(page(&row)?.into_iter().collect())
    }

    /// Which of these source ids the read staged.
    pub async fn staged(
        &self,
        of: Holding,
        kind: MemberKind,
        ids: &BTreeSet<&str>,
    ) -> Result<BTreeSet<String>, StoreError> {
        let sql = match kind {
            MemberKind::User => {
                "SELECT json_group_array(source_id) FROM staged_users
                 WHERE tenant = $1 AND read = $2 AND op <> 2 AND source_id IN (SELECT value FROM json_each($3))"
            }
            MemberKind::Group => {
                "SELECT json_group_array(source_id) FROM staged_groups
                 WHERE tenant = $1 AND read = $2 AND op <> 2 AND source_id IN (SELECT value FROM json_each($3))"
            }
        };
        let row =
            self.query(sql).bind(of.tenant).bind(of.read).bind(rows(ids)?).fetch_one(self.pool()).await?;
        Ok(page(&row)?.into_iter().collect())
    }

    /// Which of these memberships (group, member, kind) the read staged.
    pub async fn staged_members(
        &self,
        of: Holding,
        members: &BTreeSet<(&str, &str, &str)>,
    ) -> Result<BTreeSet<(String, String, String)>, StoreError> {
        let row = self
            .query(
                "SELECT json_group_array(json_array(s.group_id, s.member_id, s.kind)) FROM json_each($3) j
                 CROSS JOIN staged_members s
                 WHERE s.tenant = $1 AND s.read = $2 AND s.group_id = j.value->>0
                     AND s.member_id = j.value->>1 AND s.kind = j.value->>2 AND s.op <> 2",
            )
            .bind(of.tenant)
            .bind(of.read)
            .bind(rows(members)?)
            .fetch_one(self.pool())
            .await?;
        Ok(page(&row)?.into_iter().collect())
    }
}
