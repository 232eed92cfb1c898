//! Uniqueness and correlation, judged after the chain: who holds a userName keeps it, and who is the same as somebody known is
//! not made twice.

use crate::admission::Outcome;
use crate::connections::keep_addresses;
use crate::database::{Store, page, rows};
use crate::error::StoreError;
use crate::leases::Lease;
use crate::mirror::over;
use crate::reads::Read;
use crate::switch::Former;
use serde::Deserialize;
use sqlx::Row;
use usher_model::User;

/// Somebody who comes in and whom the connection doesn't know yet.
#[derive(Clone, Debug)]
pub struct Newcomer {
    /// The source id.
    pub id: String,
    /// As policies make him.
    pub user: User,
    /// Whether the source says that he is a guest, whatever policies make of him.
    pub guest: bool,
}

/// A newcomer who may be somebody known.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Match {
    /// The newcomer's source id.
    pub id: String,
    /// The address that both have, folded.
    pub address: String,
    /// The directory's id.
    pub record: String,
    /// The directory's userName.
    pub user_name: String,
    /// Whether it is his userName there, and not only an e-mail address.
    pub by_user_name: bool,
    /// The connection that owns the record; none: made by hand.
    pub owner: Option<i64>,
}

/// A user of a former connection whom a newcomer may be.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Heir {
    /// The newcomer's source id.
    pub id: String,
    /// The directory's id.
    pub record: String,
    /// The directory's userName.
    pub user_name: String,
    /// The address that both have, folded; none where both have the same key at their sources.
    pub address: Option<String>,
    /// The displayName that the directory has.
    pub display_name: Option<String>,
}

/// Who comes in and has no problem yet. Who could not be read and is looked at for another reason stays as he is.
macro_rules! claims {
    ($alias:literal) => {
        concat!(
            $alias,
            ".tenant = $1 AND ",
            $alias,
            ".read = $2 AND ",
            $alias,
            ".op IN (1, 4, 5) AND ",
            $alias,
            ".problem IS NULL AND (",
            $alias,
            ".outcome IS NULL OR ",
            $alias,
            ".outcome->>'decision' = 'keep') AND (",
            $alias,
            ".op = 1 OR NOT EXISTS (SELECT 1 FROM mirror_users p WHERE p.tenant = $1 AND p.connection = $3 AND p.source_id = ",
            $alias,
            ".source_id AND p.place IS NOT NULL))"
        )
    };
}

pub(crate) use claims;

impl Store {
    /// Quarantines who has no userName, and everybody whose userName somebody else holds or claims too. Repeats until nothing changes,
    /// since a quarantined user keeps the name that he wanted to give up.
    pub async fn judge_names(&self, lease: Lease, read: Read, former: &Former) -> Result<u64, StoreError> {
        let mut write = self.write().await?;
        Self::hold_lease(&mut write, lease).await?;
        let nameless = concat!(
            "UPDATE staged_users AS s SET problem = json_object('standing', 'quarantined', 'why', 'no userName')
             WHERE ", claims!("s"), " AND COALESCE(s.user_name_key, '') = ''
               AND (s.raw IS NOT NULL OR EXISTS (SELECT 1 FROM mirror_users m
                   WHERE m.tenant = $1 AND m.connection = $3 AND m.source_id = s.source_id AND m.raw IS NOT NULL))"
        );
        let mut judged = over(&mut write, read, nameless).await?;
        // A holder of the name who is not giving it up: only whom this connection owns, or takes over, can be renamed. One who has left or is
        // leaving may be the same person under a new key, which somebody must say.
        let held = concat!(
            "UPDATE staged_users AS s SET problem = json_object('standing', 'quarantined',
                 'why', 'userName ' || s.user_name_key || ' is held by ' || (
                    SELECT CASE WHEN h.source_id IS NULL AND u.origin IS NULL THEN 'a user made by hand'
                        WHEN h.source_id IS NULL THEN 'a user of another connection'
                        ELSE 'record ' || h.source_id || ' of the source' || CASE
                            WHEN h.left_at IS NOT NULL OR EXISTS (SELECT 1 FROM staged_users g WHERE g.tenant = $1
                                AND g.read = $2 AND g.source_id = h.source_id AND g.op = 2)
                            THEN ', which is gone from it; the same person under a new key: `usher users link '
                                || u.user_name || ' ' || s.source_id || '`'
                            ELSE '' END END
                    FROM users u LEFT JOIN user_links h ON h.tenant = $1 AND h.connection = $3 AND h.record = u.id
                    WHERE u.tenant = $1 AND u.user_name_key = s.user_name_key))
             WHERE ", claims!("s"), " AND EXISTS (
                 SELECT 1 FROM users u
                 LEFT JOIN user_links h ON h.tenant = $1 AND h.connection = $3 AND h.record = u.id
                 LEFT JOIN user_links own ON own.tenant = $1 AND own.connection = $3 AND own.source_id = s.source_id
                 WHERE u.tenant = $1 AND u.user_name_key = s.user_name_key
                   AND (own.record IS NULL OR own.record <> u.id)
                   AND (h.source_id IS NOT NULL OR own.record IS NOT NULL)
                   AND NOT ((COALESCE(u.origin, 0) = $3 OR FORMER) AND EXISTS (SELECT 1 FROM staged_users f WHERE ", claims!("f"),
            "        AND f.source_id = h.source_id AND f.user_name_key <> u.user_name_key)))"
        )
        .replace("FORMER", &former.has("u.origin"));
        // Several claim the name, and this one doesn't hold it already.
        let claimed = concat!(
            "UPDATE staged_users AS s SET problem = json_object('standing', 'quarantined',
                 'why', 'userName ' || s.user_name_key || ' is also claimed by record '
                     || CASE WHEN s.source_id = c.first THEN c.last ELSE c.first END || ' of the source')
             FROM (SELECT c.user_name_key, MIN(c.source_id) AS first, MAX(c.source_id) AS last FROM staged_users c
                 WHERE ", claims!("c"), " AND c.user_name_key IN (SELECT d.user_name_key FROM staged_users d INDEXED BY staged_users_by_name
                     WHERE d.tenant = $1 AND d.read = $2 AND d.user_name_key IS NOT NULL
                     GROUP BY d.user_name_key HAVING COUNT(*) > 1)
                 GROUP BY c.user_name_key HAVING COUNT(*) > 1) c
             WHERE ", claims!("s"), " AND s.user_name_key = c.user_name_key
               AND NOT EXISTS (SELECT 1 FROM user_links own JOIN users u ON u.tenant = $1 AND u.id = own.record
                 WHERE own.tenant = $1 AND own.connection = $3 AND own.source_id = s.source_id
                   AND u.user_name_key = s.user_name_key)"
        );
        loop {
            let round = over(&mut write, read, held.clone()).await? + over(&mut write, read, claimed).await?;
            judged += round;
            if round == 0 {
                break;
            }
        }
        write.commit().await?;
        Ok(judged)
    }

    /// Whether anybody is in the directory whom this connection doesn't know: without, there is nobody to match.
    pub async fn has_strangers(&self, read: Read) -> Result<bool, StoreError> {
        let row = self.query(
            "SELECT CAST(EXISTS (SELECT 1 FROM users INDEXED BY users_manual WHERE tenant = $1 AND origin IS NULL)
                 OR (EXISTS (SELECT 1 FROM connections WHERE tenant = $1 AND id <> $2)
                     AND EXISTS (SELECT 1 FROM users WHERE tenant = $1 AND origin <> $2)) AS INTEGER)",
        )
        .bind(read.tenant)
        .bind(read.connection)
        .fetch_one(self.pool())
        .await?;
        Ok(row.try_get::<i64, _>(0)? == 1)
    }

    /// The next newcomers without a link after an id, as the chain left them; `unmatched` only those who weren't found to be anybody so far.
    pub async fn newcomers(
        &self,
        read: Read,
        unmatched: bool,
        after: &str,
        limit: i64,
    ) -> Result<Vec<Newcomer>, StoreError> {
        let sql = concat!(
            "SELECT json_group_array(json_array(id, raw, outcome)) FROM (
             SELECT s.source_id AS id, COALESCE(s.raw, m.raw) AS raw, s.outcome FROM staged_users s
             LEFT JOIN mirror_users m ON m.tenant = $1 AND m.connection = $3 AND m.source_id = s.source_id
             WHERE ",
            claims!("s"),
            " AND s.source_id > $4 AND COALESCE(s.raw, m.raw) IS NOT NULL AND ($6 = 0 OR s.record IS NULL)
               AND NOT EXISTS (SELECT 1 FROM user_links l
                   WHERE l.tenant = $1 AND l.connection = $3 AND l.source_id = s.source_id)
             ORDER BY s.source_id LIMIT $5)"
        );
        let row = self
            .of_read(sql, read)
            .bind(after)
            .bind(limit)
            .bind(i64::from(unmatched))
            .fetch_one(self.pool())
            .await?;
        page::<(String, String, Option<String>)>(&row)?
            .into_iter()
            .map(|(id, raw, outcome)| {
                let mut user: User = crate::database::document(&raw, "user")?;
                let guest = user.is_guest();
                if let Some(outcome) = outcome {
                    let outcome: Outcome = crate::database::document(&outcome, "outcome")?;
                    outcome.edit_user(&mut user);
                }
                Ok(Newcomer { id, user, guest })
            })
            .collect()
    }

    /// Who in the directory has one of these folded addresses as userName, or by hand as e-mail: (newcomer, address).
    pub async fn matches(
        &self,
        read: Read,
        addresses: &[(String, String)],
    ) -> Result<Vec<Match>, StoreError> {
        // Crossed, which SQLite joins in the order that is written: each address is looked up.
        let sql = "SELECT json_group_array(json_object('id', id, 'address', address, 'record', record,
                 'user_name', user_name, 'by_user_name', json(CASE by_name WHEN 1 THEN 'true' ELSE 'false' END),
                 'owner', origin)) FROM (
             SELECT j.value->>0 AS id, j.value->>1 AS address, u.id AS record, u.user_name, 1 AS by_name, u.origin
             FROM json_each($3) j CROSS JOIN users u
             WHERE u.tenant = $1 AND u.user_name_key = j.value->>1 AND (u.origin IS NULL OR u.origin <> $2)
             UNION
             SELECT j.value->>0, j.value->>1, u.id, u.user_name, CASE WHEN u.user_name_key = j.value->>1 THEN 1 ELSE 0 END,
                 u.origin
             FROM json_each($3) j CROSS JOIN manual_addresses a CROSS JOIN users u
             WHERE a.tenant = $1 AND a.address = j.value->>1 AND u.tenant = $1 AND u.id = a.record
               AND u.origin IS NULL)";
        let row = self
            .query(sql)
            .bind(read.tenant)
            .bind(read.connection)
            .bind(rows(&addresses)?)
            .fetch_one(self.pool())
            .await?;
        page(&row)
    }

    /// Notes the e-mail addresses of former connections' users, for comparing newcomers with them.
    pub async fn note_former_addresses(
        &self,
        lease: Lease,
        read: Read,
        former: &Former,
    ) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        Self::hold_lease(&mut write, lease).await?;
        let theirs = former.has("u.origin");
        keep_addresses(&mut write, read.tenant, &theirs).await?;
        write.commit().await
    }

    /// Whom of former connections newcomers may be: by an address that is theirs or their userName (newcomer, folded address), or by their
    /// key. Whose userName somebody claims in this read, and whom the connection is linked to, is nobody else.
    pub async fn heirs(
        &self,
        read: Read,
        former: &Former,
        newcomers: &[(String, Option<String>)],
    ) -> Result<Vec<Heir>, StoreError> {
        let free = format!(
            "u.tenant = $1 AND {} AND NOT EXISTS (SELECT 1 FROM user_links l
                 WHERE l.tenant = $1 AND l.connection = $3 AND l.record = u.id)
             AND NOT EXISTS (SELECT 1 FROM staged_users s INDEXED BY staged_users_by_name
                 WHERE s.tenant = $1 AND s.read = $2 AND s.user_name_key = u.user_name_key AND s.op IN (1, 4, 5))",
            former.has("u.origin")
        );
        let sql = format!(
            "SELECT json_group_array(json_object('id', id, 'record', record, 'user_name', user_name, 'address', address,
                 'display_name', display_name)) FROM (
             SELECT j.value->>0 AS id, u.id AS record, u.user_name, j.value->>1 AS address, u.attributes->>'displayName' AS display_name
             FROM json_each($4) j CROSS JOIN manual_addresses a CROSS JOIN users u
             WHERE a.tenant = $1 AND a.address = j.value->>1 AND u.id = a.record AND {free}
             UNION
             SELECT j.value->>0, u.id, u.user_name, NULL, u.attributes->>'displayName'
             FROM json_each($4) j CROSS JOIN user_links f CROSS JOIN users u
             WHERE j.value->>1 IS NULL AND f.tenant = $1 AND {} AND f.source_id = j.value->>0 AND u.id = f.record
               AND u.origin = f.connection AND {free}
             UNION
             SELECT j.value->>0, u.id, u.user_name, j.value->>1, u.attributes->>'displayName'
             FROM json_each($4) j CROSS JOIN users u WHERE u.user_name_key = j.value->>1 AND {free}) x",
            former.has("f.connection")
        );
        let row = self.of_read(sql, read).bind(rows(&newcomers)?).fetch_one(self.pool()).await?;
        page(&row)
    }

    /// Holds those who would be linked to a record that another of the source's is linked to already, or would be too: which of them is the
    /// person, somebody must say.
    pub async fn hold_shared_matches(&self, lease: Lease, read: Read) -> Result<(), StoreError> {
        self.change(
            lease,
            read,
            &[
                "UPDATE staged_users AS s SET record = NULL, problem = json_object('standing', 'held', 'why',
                     'the same as ' || (SELECT u.user_name FROM users u WHERE u.tenant = $1 AND u.id = s.record)
                     || ', whom record ' || k.source_id || ' of the source is linked to; say so with `usher users link`')
                 FROM user_links k
                 WHERE s.tenant = $1 AND s.read = $2 AND s.record IS NOT NULL
                   AND k.tenant = $1 AND k.connection = $3 AND k.record = s.record AND k.source_id <> s.source_id",
                "UPDATE staged_users AS s SET record = NULL, problem = json_object('standing', 'held', 'why',
                     'the same as ' || (SELECT u.user_name FROM users u WHERE u.tenant = $1 AND u.id = s.record)
                     || ', as other records of the source are; say which with `usher users link`')
                 FROM (SELECT c.record FROM staged_users c WHERE c.tenant = $1 AND c.read = $2 AND c.record IS NOT NULL
                     AND $3 > 0 GROUP BY c.record HAVING COUNT(*) > 1) t
                 WHERE s.tenant = $1 AND s.read = $2 AND s.record = t.record",
            ],
        )
        .await
    }

    /// Stores what matching decided: links to be made (id, record), and problems (id, document).
    pub async fn settle_matches(
        &self,
        lease: Lease,
        read: Read,
        links: &[(String, String)],
        problems: &[(String, String)],
    ) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        Self::hold_lease(&mut write, lease).await?;
        for (sql, pairs) in [
            (
                "WITH j AS MATERIALIZED (SELECT value->>0 AS id, value->>1 AS record FROM json_each($3))
                 UPDATE staged_users SET record = j.record FROM j
                 WHERE tenant = $1 AND read = $2 AND source_id = j.id",
                links,
            ),
            (
                "WITH j AS MATERIALIZED (SELECT value->>0 AS id, value->>1 AS problem FROM json_each($3))
                 UPDATE staged_users SET problem = j.problem FROM j
                 WHERE tenant = $1 AND read = $2 AND source_id = j.id",
                problems,
            ),
        ] {
            if !pairs.is_empty() {
                self.query(sql)
                    .bind(read.tenant)
                    .bind(read.id)
                    .bind(rows(&pairs)?)
                    .execute(&mut *write)
                    .await?;
            }
        }
        write.commit().await?;
        Ok(())
    }
}
