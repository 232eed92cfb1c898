//! Protected people: whom no plan may deactivate, delete or rename, whatever a source or a policy says. Break-glass accounts above all.

use crate::database::{Store, Write, page};
use crate::error::StoreError;
use crate::leases::Lease;
use crate::matching::claims;
use crate::mirror::over;
use crate::reads::Read;
use crate::switch::Former;
use sqlx::Row;
use std::collections::BTreeSet;

/// The directory's ids of protected people: those who were meant when an entry was put down, and who has the address as his userName now.
pub(crate) const PROTECTED: &str =
    "SELECT p.record FROM protected_users p WHERE p.tenant = $1 AND p.record IS NOT NULL
     UNION SELECT u.id FROM protected_users p CROSS JOIN users u
     WHERE p.tenant = $1 AND u.tenant = $1 AND u.user_name_key = p.entry";

/// What is said of somebody who stays as he is.
pub const IS_PROTECTED: &str = "is protected";

/// One entry of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtectedUser {
    /// The address or id, folded.
    pub entry: String,
    /// The userNames of those whom it protects now; more than one where the address went to somebody else.
    pub users: Vec<String>,
    /// Since when, milliseconds since 1970.
    pub since: i64,
}

impl Store {
    /// The tenant's list, in order.
    pub async fn protected_users(&self, tenant: i64) -> Result<Vec<ProtectedUser>, StoreError> {
        let rows = self
            .query(
                "SELECT p.entry, p.since, (SELECT json_group_array(u.user_name) FROM users u
                     WHERE u.tenant = $1 AND (u.id = p.record OR u.user_name_key = p.entry))
                 FROM protected_users p WHERE p.tenant = $1 ORDER BY p.entry",
            )
            .bind(tenant)
            .fetch_all(self.pool())
            .await?;
        rows.iter()
            .map(|row| {
                let users: String = row.try_get(2)?;
                Ok(ProtectedUser {
                    entry: row.try_get(0)?,
                    users: crate::database::document(&users, "page")?,
                    since: row.try_get(1)?,
                })
            })
            .collect()
    }

    /// Protects whoever has an address or id, and the record that it means now. Gives false where the entry is there already.
    pub async fn protect(
        &self,
        tenant: i64,
        who: &str,
        record: Option<&str>,
        now: i64,
    ) -> Result<bool, StoreError> {
        let done = self
            .query(
                "INSERT INTO protected_users (tenant, entry, record, since) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (tenant, entry) DO NOTHING",
            )
            .bind(tenant)
            .bind(usher_model::fold(who))
            .bind(record)
            .bind(now)
            .execute(self.pool())
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Takes an entry off the list; whom it protected is looked at again by the next run. Gives false where there is none.
    pub async fn unprotect(&self, tenant: i64, who: &str) -> Result<bool, StoreError> {
        let entry = usher_model::fold(who);
        let mut write = self.write().await?;
        let seen =
            "UPDATE users SET edited = 1 WHERE tenant = $1 AND origin IS NOT NULL AND (user_name_key = $2
                 OR id IN (SELECT p.record FROM protected_users p WHERE p.tenant = $1 AND p.entry = $2))";
        self.query(seen).bind(tenant).bind(&entry).execute(&mut *write).await?;
        let gone = "DELETE FROM protected_users WHERE tenant = $1 AND entry = $2";
        let gone = self.query(gone).bind(tenant).bind(&entry).execute(&mut *write).await?.rows_affected();
        if gone > 0 {
            write.commit().await?;
        }
        Ok(gone > 0)
    }

    /// The directory's ids of everybody who is protected.
    pub async fn protected_records(&self, tenant: i64) -> Result<BTreeSet<String>, StoreError> {
        let sql = format!("SELECT json_group_array(record) FROM ({PROTECTED}) p");
        let row = self.query(sql).bind(tenant).fetch_one(self.pool()).await?;
        Ok(page(&row)?.into_iter().collect())
    }

    /// Holds the protected whom this run would rename: before names are judged, since they don't give theirs up.
    pub async fn hold_protected_names(
        &self,
        lease: Lease,
        read: Read,
        former: &Former,
    ) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        Self::hold_lease(&mut write, lease).await?;
        let sql = format!(
            "UPDATE staged_users AS s SET problem = json_object('standing', 'held',
                 'why', '{IS_PROTECTED}: the userName stays ' || c.user_name)
             FROM (SELECT l.source_id, u.user_name, u.user_name_key FROM ({PROTECTED}) p
                 CROSS JOIN users u CROSS JOIN user_links l INDEXED BY user_links_by_record
                 WHERE u.tenant = $1 AND u.id = p.record AND (u.origin = $3 OR {})
                   AND l.tenant = $1 AND l.record = u.id AND l.connection = $3) c
             WHERE {} AND s.source_id = c.source_id AND s.user_name_key <> c.user_name_key",
            former.has("u.origin"),
            claims!("s"),
        );
        over(&mut write, read, sql).await?;
        write.commit().await
    }
}

/// The userName of a user, if he is protected.
pub(crate) async fn name_if_protected(
    write: &mut Write,
    tenant: i64,
    record: &str,
) -> Result<Option<String>, StoreError> {
    let sql = format!(
        "SELECT u.user_name FROM ({PROTECTED}) p JOIN users u ON u.tenant = $1 AND u.id = p.record WHERE p.record = $2"
    );
    let row = write.query(sql).bind(tenant).bind(record).fetch_optional(&mut **write).await?;
    row.map(|row| Ok(row.try_get(0)?)).transpose()
}

/// Takes the lines of protected users that would deactivate, delete or rename them out of a plan that is no source's, whose lines stand under the
/// directory's ids. Gives id and name of each.
pub(crate) async fn spare(write: &mut Write, lease: Lease) -> Result<Vec<(String, String)>, StoreError> {
    let sql = format!(
        "DELETE FROM lines WHERE tenant = $1 AND run = $2 AND kind = 'user' AND record IN ({PROTECTED})
             AND (action IN ('deactivate', 'delete') OR (action <> 'create' AND changes->'userName' IS NOT NULL))
         RETURNING record, name"
    );
    let rows = write.query(sql).bind(lease.tenant).bind(lease.run).fetch_all(&mut **write).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}
