//! The directory as it was: every change has a number, and what a change replaces is kept by triggers (see the migration `history`).
//!
//! A row of `users_was` and its like says how a record was before the change `until`; `since` is the change that put it there. As of a change
//! `n`, a record is its earliest row with `until > n`, or else what the directory has now, if that was there by then.

use crate::database::{Store, Write};
use crate::error::StoreError;
use sqlx::Row;

/// The directory now, or as of a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct View {
    change: Option<i64>,
}

impl View {
    /// As it is.
    pub const NOW: Self = Self { change: None };

    /// Whether it is how the directory was, not how it is.
    pub fn is_past(self) -> bool {
        self.change.is_some()
    }

    /// What to select users from.
    pub(crate) fn users(self) -> String {
        self.table(
            "users",
            "tenant, id, user_name, user_name_key, active, attributes, origin, manager, paths, created_at",
            &["id"],
        )
    }

    pub(crate) fn groups(self) -> String {
        self.table("groups", "tenant, id, display_name, attributes, origin, created_at", &["id"])
    }

    pub(crate) fn memberships(self) -> String {
        self.table(
            "memberships",
            "tenant, group_id, member_id, kind, owner",
            &["group_id", "member_id", "owner"],
        )
    }

    pub(crate) fn user_links(self) -> String {
        self.table(
            "user_links",
            "tenant, connection, source_id, record, left_at",
            &["connection", "source_id"],
        )
    }

    pub(crate) fn group_links(self) -> String {
        self.table("group_links", "tenant, connection, source_id, record", &["connection", "source_id"])
    }

    /// What a connection is called: one that was removed since is in its runs.
    pub(crate) fn connection_name(self, tenant: &str, id: &str) -> String {
        let now = format!("(SELECT c.name FROM connections c WHERE c.tenant = {tenant} AND c.id = {id})");
        if !self.is_past() {
            return now;
        }
        format!(
            "COALESCE({now}, (SELECT MAX(r.connection_name) FROM runs r WHERE r.tenant = {tenant} AND r.connection = {id} AND {id} <> 0))"
        )
    }

    fn table(self, name: &str, columns: &str, key: &[&str]) -> String {
        let Some(change) = self.change else { return name.to_owned() };
        let same = |one: &str, other: &str| {
            let mut same = format!("{one}.tenant = {other}.tenant");
            for column in key {
                same.push_str(&format!(" AND {one}.{column} = {other}.{column}"));
            }
            same
        };
        let of = |table: &str| {
            columns.split(", ").map(|column| format!("{table}.{column}")).collect::<Vec<_>>().join(", ")
        };
        format!(
            "(SELECT {} FROM {name} here WHERE here.since <= {change} AND NOT EXISTS (SELECT 1 FROM {name}_was later
                 WHERE {} AND later.until > {change})
             UNION ALL
             SELECT {} FROM {name}_was was WHERE was.since <= {change} AND was.until > {change}
                 AND NOT EXISTS (SELECT 1 FROM {name}_was sooner
                     WHERE {} AND sooner.until > {change} AND sooner.until < was.until))",
            of("here"),
            same("later", "here"),
            of("was"),
            same("sooner", "was"),
        )
    }
}

/// Takes the next number of a change of the tenant's directory. Others who want one wait for the end of the transaction.
pub(crate) async fn next_change(write: &mut Write, tenant: i64) -> Result<i64, StoreError> {
    let row = write
        .query("UPDATE tenants SET changes = changes + 1 WHERE id = $1 RETURNING changes")
        .bind(tenant)
        .fetch_one(&mut **write)
        .await?;
    Ok(row.try_get(0)?)
}

impl Store {
    /// The directory as of a moment, milliseconds since 1970: with everything that was applied by then. [`StoreError::Forgotten`] where that is
    /// no longer known.
    pub async fn as_of(&self, tenant: i64, moment: i64) -> Result<View, StoreError> {
        let row = self
            .query(
                "SELECT COALESCE((SELECT MAX(change) FROM runs WHERE tenant = $1 AND change IS NOT NULL AND finished_at <= $2), 0),
                     forgotten FROM tenants WHERE id = $1",
            )
            .bind(tenant)
            .bind(moment)
            .fetch_one(self.pool())
            .await?;
        let (change, forgotten): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        if change < forgotten {
            return Err(self.forgotten(tenant, "that time".to_owned()).await?);
        }
        Ok(View { change: Some(change) })
    }

    /// The error for what is past recall, with the time from which on the history is known: the last forgotten change is what it begins with.
    pub(crate) async fn forgotten(&self, tenant: i64, what: String) -> Result<StoreError, StoreError> {
        let row = self
            .query(
                "SELECT MIN(r.finished_at) FROM runs r JOIN tenants t ON t.id = r.tenant WHERE t.id = $1 AND r.change >= t.forgotten",
            )
            .bind(tenant)
            .fetch_one(self.pool())
            .await?;
        let days = self.retention(tenant).await?.history;
        Ok(StoreError::Forgotten { what, days, from: row.try_get(0)? })
    }
}
