//! Managers: who is named may come in by this very run, so whoever is named is planned before those who name him.

use crate::database::{Store, page, rows};
use crate::error::StoreError;
use crate::lines::LineRow;
use crate::reads::Read;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A user whose manager is looked at.
#[derive(Clone, Debug, Deserialize)]
pub struct ManagerRow {
    /// The user's source id.
    pub id: String,
    /// The user's userName after this run.
    pub name: String,
    /// The user's record.
    pub record: String,
    /// Whom the source names, by source id or userName.
    pub named: Option<String>,
    /// The manager's record in the directory now.
    pub manager: Option<String>,
    /// The manager's userName now.
    pub now: Option<String>,
    /// The line that the plan has for the user already.
    pub line: Option<LineRow>,
}

/// `COALESCE` of who a user is after this run: in by a link that stays, or by a line. Whether a line takes somebody out is looked up for those who
/// are disabled: the others are found in an index without their changes.
const IN: &str = "((l.record IS NOT NULL AND l.left_at IS NULL AND (n.action IS NULL OR (n.action NOT IN ('delete', 'unlink')
        AND NOT (n.action = 'deactivate' AND EXISTS (SELECT 1 FROM lines d WHERE d.tenant = $1 AND d.run = $4 AND d.kind = 'user'
            AND d.source_id = n.source_id AND d.member_id = '' AND d.changes->>'leaving' IS NOT NULL)))))
     OR n.action IN ('create', 'link', 'adopt', 'reactivate'))";

impl Store {
    /// Whom the users that the run looks at name as their managers, by source id or userName, in order and each once.
    pub async fn named_managers(&self, read: Read) -> Result<Vec<String>, StoreError> {
        let row = self
            .query(
                "SELECT json_group_array(manager) FROM (SELECT DISTINCT manager FROM staged_users
                     WHERE tenant = $1 AND read = $2 AND op IN (1, 4, 5) AND manager IS NOT NULL ORDER BY manager)",
            )
            .bind(read.tenant)
            .bind(read.id)
            .fetch_one(self.pool())
            .await?;
        page(&row)
    }

    /// The source ids of everybody who has one of these folded userNames, or is given it by this read.
    pub async fn ids_by_name(&self, read: Read, names: &[String]) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT json_group_array(source_id) FROM (
             SELECT l.source_id FROM json_each($4) texts CROSS JOIN users u CROSS JOIN user_links l INDEXED BY user_links_by_record
             WHERE u.tenant = $1 AND u.user_name_key = texts.value
               AND l.tenant = $1 AND l.record = u.id AND l.connection = $3
             UNION
             SELECT s.source_id FROM json_each($4) texts CROSS JOIN staged_users s INDEXED BY staged_users_by_name
             WHERE s.tenant = $1 AND s.read = $2 AND s.user_name_key = texts.value AND s.user_name_key IS NOT NULL)";
        let row = self.of_read(sql, read).bind(rows(&names)?).fetch_one(self.pool()).await?;
        page(&row)
    }

    /// The next users after an id whose manager goes out by this plan, but for those whom the run looks at anyway, by source id. Passes over the
    /// plan's lines each time.
    pub async fn reports_of_leavers(
        &self,
        read: Read,
        run: i64,
        after: &str,
        limit: i64,
    ) -> Result<Vec<String>, StoreError> {
        let row = self
            .of_read(
                "SELECT json_group_array(source_id) FROM (
                 SELECT DISTINCT ol.source_id FROM lines g CROSS JOIN users o CROSS JOIN user_links ol
                 WHERE g.tenant = $1 AND g.run = $4 AND g.kind = 'user' AND g.action IN ('delete', 'unlink', 'deactivate')
                   AND o.tenant = $1 AND o.manager = g.record
                   AND ol.tenant = $1 AND ol.connection = $3 AND ol.record = o.id AND ol.source_id > $5
                   AND NOT EXISTS (SELECT 1 FROM staged_users s
                       WHERE s.tenant = $1 AND s.read = $2 AND s.source_id = ol.source_id AND s.op IN (1, 4, 5))
                 ORDER BY ol.source_id LIMIT $6)",
                read,
            )
            .bind(run)
            .bind(after)
            .bind(limit)
            .fetch_one(self.pool())
            .await?;
        page(&row)
    }

    /// Those of these users who are in after this run and who have, or should have, a manager.
    pub async fn manager_rows(
        &self,
        read: Read,
        run: i64,
        ids: &[String],
    ) -> Result<Vec<ManagerRow>, StoreError> {
        let sql = format!(
            "SELECT json_group_array(json_object('id', id, 'name', name, 'record', record, 'named', named, 'manager', manager, 'now', now,
                 'line', CASE WHEN action IS NULL THEN NULL ELSE json_object('kind', 'user', 'source_id', id,
                     'member_id', '', 'action', action, 'record', record, 'member', '', 'name', name,
                     'reason', reason, 'changes', changes, 'owns', owns, 'away', away) END)) FROM (
             SELECT texts.value AS id, COALESCE(n.name, u.user_name) AS name, COALESCE(l.record, n.record) AS record,
                 CASE WHEN s.op IN (1, 4, 5) THEN s.manager ELSE m.manager END AS named, u.manager, b.user_name AS now,
                 n.action, n.reason, n.changes, n.owns, n.away
             FROM json_each($5) texts
             LEFT JOIN staged_users s ON s.tenant = $1 AND s.read = $2 AND s.source_id = texts.value
             LEFT JOIN mirror_users m ON m.tenant = $1 AND m.connection = $3 AND m.source_id = texts.value
             LEFT JOIN user_links l ON l.tenant = $1 AND l.connection = $3 AND l.source_id = texts.value
             LEFT JOIN lines n ON n.tenant = $1 AND n.run = $4 AND n.kind = 'user' AND n.source_id = texts.value
                 AND n.member_id = ''
             LEFT JOIN users u ON u.tenant = $1 AND u.id = CASE WHEN n.action = 'adopt' THEN n.record ELSE l.record END
             LEFT JOIN users b ON b.tenant = $1 AND b.id = u.manager
             WHERE {IN} AND (u.id IS NULL OR u.origin = $3 OR n.action = 'adopt') AND s.problem IS NULL AND COALESCE(n.action, '') <> 'link')
             WHERE named IS NOT NULL OR manager IS NOT NULL"
        );
        let row = self.of_read(sql, read).bind(run).bind(rows(&ids)?).fetch_one(self.pool()).await?;
        page(&row)
    }

    /// Record and userName, after this run, of those who are in and are named so: by source id, or by folded userName.
    pub async fn resolve_managers(
        &self,
        read: Read,
        run: i64,
        named: &[(String, String)],
    ) -> Result<BTreeMap<String, (String, String)>, StoreError> {
        let by_id = format!(
            "SELECT j.value->>0 AS named, COALESCE(l.record, n.record) AS record, COALESCE(n.name, u.user_name) AS name
             FROM json_each($5) j
             LEFT JOIN user_links l ON l.tenant = $1 AND l.connection = $3 AND l.source_id = j.value->>0
             LEFT JOIN lines n INDEXED BY lines_ends ON n.tenant = $1 AND n.run = $4 AND n.kind = 'user' AND n.source_id = j.value->>0
                 AND n.member_id = ''
             LEFT JOIN users u ON u.tenant = $1 AND u.id = l.record
             WHERE {IN}"
        );
        // A name that this run gives to somebody, then one that somebody has and keeps. Crossed, which SQLite joins in the order that is
        // written, and with the indexes named, which it doesn't choose without statistics: each name is looked up, and not everybody compared
        // with the list.
        let by_name = format!(
            "SELECT j.value->>0 AS named, COALESCE(l.record, n.record) AS record, COALESCE(n.name, u.user_name) AS name
             FROM json_each($5) j
             CROSS JOIN staged_users s INDEXED BY staged_users_by_name
             LEFT JOIN user_links l ON l.tenant = $1 AND l.connection = $3 AND l.source_id = s.source_id
             LEFT JOIN lines n INDEXED BY lines_ends ON n.tenant = $1 AND n.run = $4 AND n.kind = 'user' AND n.source_id = s.source_id
                 AND n.member_id = ''
             LEFT JOIN users u ON u.tenant = $1 AND u.id = l.record
             WHERE s.tenant = $1 AND s.read = $2 AND s.user_name_key = j.value->>1
               AND s.user_name_key IS NOT NULL AND s.problem IS NULL AND {IN}
             UNION ALL
             SELECT j.value->>0, u.id, COALESCE(n.name, u.user_name)
             FROM json_each($5) j
             CROSS JOIN users u
             CROSS JOIN user_links l INDEXED BY user_links_by_record
             LEFT JOIN lines n INDEXED BY lines_ends ON n.tenant = $1 AND n.run = $4 AND n.kind = 'user' AND n.source_id = l.source_id
                 AND n.member_id = ''
             WHERE u.tenant = $1 AND u.user_name_key = j.value->>1
               AND l.tenant = $1 AND l.connection = $3 AND l.record = u.id AND {IN}"
        );
        let mut found = BTreeMap::new();
        for sql in [by_id, by_name] {
            let named: Vec<_> = named.iter().filter(|(name, _)| !found.contains_key(name)).collect();
            if named.is_empty() {
                break;
            }
            let sql = format!(
                "SELECT json_group_array(json_array(named, record, name)) FROM ({sql}) WHERE name IS NOT NULL"
            );
            let row = self.of_read(sql, read).bind(run).bind(rows(&named)?).fetch_one(self.pool()).await?;
            for (named, record, name) in page::<(String, String, String)>(&row)? {
                found.entry(named).or_insert((record, name));
            }
        }
        Ok(found)
    }
}
