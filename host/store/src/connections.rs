//! Connections: one tenant's configured methods.

use crate::database::{Write, document, page, rows, text};
use crate::edits::By;
use crate::reads::{Reads, drop_reads};
use crate::runs::Intent;
use crate::switch::OTHER_HOLDER;
use crate::{Store, StoreError};
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::any::AnyRow;
use usher_model::{Attributes, EMAILS, Value, fold};
use usher_planner::{GuardRules, Scope};

/// The states of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Settings are saved; it never ran.
    Configured,
    /// The source has accepted its credential; it never ran.
    Authorised,
    /// It ran, and is the tenant's active one.
    Active,
    /// A run of it was undone: it runs again when somebody says so.
    Paused,
    /// Idle since another one took its turn.
    Disabled,
    /// The source refuses the credential.
    NeedsReauthorisation,
}

/// What happens to a newcomer who matches a manual user in a way that isn't proof.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Matching {
    /// He is linked all the same.
    Link,
    /// He waits for `users link`.
    #[default]
    Ask,
    /// He is left out.
    Skip,
    /// The run fails.
    Fail,
}

/// The host's settings of a connection, the same for every method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Days between leaving and deletion; 0 deletes at once.
    pub grace_days: u32,
    /// What holds a run.
    pub guard: GuardRules,
    /// What a doubtful match does.
    pub matching: Matching,
    /// Mail domains in which this source's word is proof of identity.
    pub authoritative: Vec<String>,
    /// Folders below which its files may lie.
    pub folders: Vec<String>,
    /// Minutes between runs that nobody starts by hand; none: it is run by hand only.
    pub interval: Option<u32>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            grace_days: 30,
            guard: GuardRules::default(),
            matching: Matching::default(),
            authoritative: Vec::new(),
            folders: Vec::new(),
            interval: None,
        }
    }
}

/// A connection as it is stored.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Its tenant.
    pub tenant: i64,
    /// Its number within the tenant.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// The method plugin's id.
    pub method: String,
    /// The plugin's settings, without secrets.
    pub settings: serde_json::Value,
    /// Who comes in.
    pub scope: Scope,
    /// The host's settings.
    pub rules: Settings,
    /// Its state.
    pub state: State,
    /// Where the last applied read ended.
    pub cursor: Option<String>,
    /// What the last applied read rested on.
    pub fingerprint: Option<String>,
    /// Chain and scope of the last applied admission.
    pub admitted_by: Option<String>,
    /// Mail domains that the source has verified to be its own, in lower case, as the last test saw them.
    pub domains: Vec<String>,
}

impl Connection {
    /// What its runs stand on: settings, scope and rules.
    pub fn stands_on(&self) -> serde_json::Value {
        serde_json::json!({ "method": self.method, "settings": self.settings, "scope": self.scope, "rules": self.rules })
    }
}

/// A connection to be made or changed.
#[derive(Clone, Debug)]
pub struct NewConnection {
    /// Its name.
    pub name: String,
    /// The method plugin's id.
    pub method: String,
    /// The plugin's settings, without secrets.
    pub settings: serde_json::Value,
    /// Who comes in.
    pub scope: Scope,
    /// The host's settings.
    pub rules: Settings,
}

const COLUMNS: &str =
    "tenant, id, name, method, settings, scope, rules, state, cursor, fingerprint, admitted_by, domains";

fn connection(row: &AnyRow) -> Result<Connection, StoreError> {
    let (settings, scope, rules): (String, String, String) =
        (row.try_get(4)?, row.try_get(5)?, row.try_get(6)?);
    let state: String = row.try_get(7)?;
    Ok(Connection {
        tenant: row.try_get(0)?,
        id: row.try_get(1)?,
        name: row.try_get(2)?,
        method: row.try_get(3)?,
        settings: document(&settings, "setting")?,
        scope: document(&scope, "scope")?,
        rules: document(&rules, "rule")?,
        state: document(&format!("\"{state}\""), "state")?,
        cursor: row.try_get(8)?,
        fingerprint: row.try_get(9)?,
        admitted_by: row.try_get(10)?,
        domains: document(&row.try_get::<String, _>(11)?, "domain")?,
    })
}

impl Store {
    /// Saves a connection: a new one, or new settings of the one with this name. Cursor, links and mirror stay.
    pub async fn save_connection(
        &self,
        tenant: i64,
        new: &NewConnection,
        now: i64,
    ) -> Result<Connection, StoreError> {
        let mut write = self.write_alone(tenant).await?;
        self.query(
            "INSERT INTO connections (tenant, id, name, method, settings, scope, rules, state, created_at)
             SELECT $1, COALESCE(MAX(id), 0) + 1, $2, $3, $4, $5, $6, 'configured', $7
             FROM (SELECT id FROM connections WHERE tenant = $1 UNION ALL SELECT connection FROM runs WHERE tenant = $1)
             WHERE true
             ON CONFLICT (tenant, name) DO UPDATE SET method = EXCLUDED.method, settings = EXCLUDED.settings,
                 scope = EXCLUDED.scope, rules = EXCLUDED.rules",
        )
        .bind(tenant)
        .bind(&new.name)
        .bind(&new.method)
        .bind(text(&new.settings, "setting")?)
        .bind(text(&new.scope, "scope")?)
        .bind(text(&new.rules, "rule")?)
        .bind(now)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        self.connection(tenant, &new.name).await
    }

    /// All connections of a tenant, in the order they were made.
    pub async fn connections(&self, tenant: i64) -> Result<Vec<Connection>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM connections WHERE tenant = $1 ORDER BY id");
        let rows = self.query(sql).bind(tenant).fetch_all(self.pool()).await?;
        rows.iter().map(connection).collect()
    }

    /// The connection of this name.
    pub async fn connection(&self, tenant: i64, name: &str) -> Result<Connection, StoreError> {
        let all = self.connections(tenant).await?;
        all.into_iter()
            .find(|connection| connection.name == name)
            .ok_or_else(|| StoreError::NotFound { what: "connection", name: name.to_owned() })
    }

    /// Sets a connection's state.
    pub async fn set_connection_state(&self, of: &Connection, state: State) -> Result<(), StoreError> {
        let state = text(&state, "state")?;
        self.query("UPDATE connections SET state = $1 WHERE tenant = $2 AND id = $3")
            .bind(state.trim_matches('"'))
            .bind(of.tenant)
            .bind(of.id)
            .execute(self.pool())
            .await?;
        Ok(())
    }

    /// Keeps which domains the source has verified.
    pub async fn keep_domains(&self, of: &Connection, domains: &[String]) -> Result<(), StoreError> {
        self.query("UPDATE connections SET domains = $1 WHERE tenant = $2 AND id = $3")
            .bind(text(&domains, "domain")?)
            .bind(of.tenant)
            .bind(of.id)
            .execute(self.pool())
            .await?;
        Ok(())
    }

    /// The first other connection of this method, in any tenant, that is live or about to be and whose source has verified one of these
    /// domains: the domain, the tenant's name, and the connection's.
    pub async fn holder_of_domain(
        &self,
        method: &str,
        but: (i64, i64),
        domains: &[String],
    ) -> Result<Option<(String, String, String)>, StoreError> {
        let rows = self
            .query(
                "SELECT c.domains, t.name, c.name FROM connections c JOIN tenants t ON t.id = c.tenant
                 WHERE c.method = $1 AND c.state NOT IN ('configured', 'disabled') AND NOT (c.tenant = $2 AND c.id = $3)
                   AND c.domains <> '[]'
                 ORDER BY c.created_at, c.tenant, c.id",
            )
            .bind(method)
            .bind(but.0)
            .bind(but.1)
            .fetch_all(self.pool())
            .await?;
        for row in rows {
            let held: Vec<String> = document(&row.try_get::<String, _>(0)?, "domain")?;
            if let Some(domain) = held.into_iter().find(|domain| domains.contains(domain)) {
                return Ok(Some((domain, row.try_get(1)?, row.try_get(2)?)));
            }
        }
        Ok(None)
    }

    /// Moves a connection from one state to another, if it is in the one.
    pub async fn move_connection_state(
        &self,
        of: &Connection,
        from: State,
        to: State,
    ) -> Result<(), StoreError> {
        let (from, to) = (text(&from, "state")?, text(&to, "state")?);
        self.query("UPDATE connections SET state = $1 WHERE tenant = $2 AND id = $3 AND state = $4")
            .bind(to.trim_matches('"'))
            .bind(of.tenant)
            .bind(of.id)
            .bind(from.trim_matches('"'))
            .execute(self.pool())
            .await?;
        Ok(())
    }

    /// Removes a connection with its mirror, links and secrets. Its records stay and become manual, its memberships too, but for people whom
    /// another connection holds: they become that one's. Refused while a run of the tenant is going on.
    pub async fn remove_connection(&self, by: By<'_>, connection: &Connection) -> Result<(), StoreError> {
        let mut edit = self.edit_as(by, Intent::Disconnect, &connection.name).await?;
        let since = edit.change;
        let write = &mut edit.write;
        Self::nobody_runs(write, connection.tenant).await?;
        // Whom another connection holds too becomes its own, and is looked at in its next run.
        self.query(format!(
            "UPDATE users SET edited = 1, origin = (SELECT MIN(o.connection) {OTHER_HOLDER})
             WHERE tenant = $1 AND origin = $2 AND EXISTS (SELECT 1 {OTHER_HOLDER})",
        ))
        .bind(connection.tenant)
        .bind(connection.id)
        .execute(&mut **write)
        .await?;
        keep_addresses(write, connection.tenant, &format!("u.origin = {}", connection.id)).await?;
        write
            .query(
                "INSERT INTO memberships (tenant, group_id, member_id, kind, owner, since)
                 SELECT tenant, group_id, member_id, kind, 0, $3 FROM memberships WHERE tenant = $1 AND owner = $2
                 ON CONFLICT DO NOTHING",
            )
            .bind(connection.tenant)
            .bind(connection.id)
            .bind(since)
            .execute(&mut **write)
            .await?;
        drop_reads(write, connection.tenant, Reads::Of(connection.id)).await?;
        for sql in [
            "UPDATE users SET origin = NULL, edited = 0 WHERE tenant = $1 AND origin = $2",
            "UPDATE groups SET origin = NULL, edited = 0 WHERE tenant = $1 AND origin = $2",
            "DELETE FROM memberships WHERE tenant = $1 AND owner = $2",
            "DELETE FROM tombstones WHERE tenant = $1 AND connection = $2",
            "DELETE FROM connections WHERE tenant = $1 AND id = $2",
        ] {
            self.query(sql).bind(connection.tenant).bind(connection.id).execute(&mut **write).await?;
        }
        edit.commit().await
    }
}

/// Notes the e-mail addresses of users, by which newcomers are matched with them; `whose` is a condition on `u`.
pub(crate) async fn keep_addresses(write: &mut Write, tenant: i64, whose: &str) -> Result<(), StoreError> {
    write
        .query(format!(
            "DELETE FROM manual_addresses WHERE tenant = $1 AND record IN (SELECT u.id FROM users u WHERE u.tenant = $1 AND {whose})"
        ))
        .bind(tenant)
        .execute(&mut **write)
        .await?;
    let mut after = String::new();
    loop {
        let row = write
            .query(format!(
                "SELECT json_group_array(json_array(id, attributes)) FROM (SELECT u.id, u.attributes FROM users u
                 WHERE u.tenant = $1 AND {whose} AND u.id > $2 ORDER BY u.id LIMIT 1000)"
            ))
            .bind(tenant)
            .bind(&after)
            .fetch_one(&mut **write)
            .await?;
        let users: Vec<(String, String)> = page(&row)?;
        let Some((last, _)) = users.last() else { return Ok(()) };
        after.clone_from(last);
        let mut known = Vec::new();
        for (id, attributes) in users {
            let attributes: Attributes = document(&attributes, "user")?;
            let emails = attributes.get(EMAILS).map_or(&[][..], Value::texts);
            known.extend(emails.iter().map(|email| (id.clone(), fold(email))));
        }
        write
            .query(
                "INSERT INTO manual_addresses (tenant, address, record)
             SELECT $1, value->>1, value->>0 FROM json_each($2) WHERE true ON CONFLICT DO NOTHING",
            )
            .bind(tenant)
            .bind(rows(&known)?)
            .execute(&mut **write)
            .await?;
    }
}
