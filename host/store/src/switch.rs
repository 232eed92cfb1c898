//! One connection of a tenant is the active one. The others are idle: what they brought stays, orphaned, until a connection that brings the same
//! takes it over, or somebody agrees that it goes.

use crate::connections::{Connection, State};
use crate::database::{Store, Write, page};
use crate::error::StoreError;
use crate::leases::Lease;
use crate::reads::Read;
use crate::runs::Run;
use serde::Deserialize;
use std::collections::BTreeMap;
use usher_model::Attributes;

impl State {
    /// Whether it is one of the tenant's active connection.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Active | Self::Paused | Self::NeedsReauthorisation)
    }
}

/// The states of an active connection, as they are stored.
pub(crate) const LIVE: &str = "('active', 'paused', 'needs_reauthorisation')";

/// Whether a user or group is an idle connection's, as a condition.
pub(crate) fn orphaned(alias: &str) -> String {
    format!(
        "EXISTS (SELECT 1 FROM connections idle WHERE idle.tenant = {alias}.tenant AND idle.id = {alias}.origin AND idle.state = 'disabled')"
    )
}

/// The connections whose records the one that runs may take over.
#[derive(Clone, Debug, Default)]
pub struct Former {
    names: BTreeMap<i64, String>,
    yielding: Vec<i64>,
}

impl Former {
    /// Those that are idle already, and those that give way by this run.
    pub fn new(idle: &[&Connection], yielding: &[&Connection]) -> Self {
        Self {
            names: idle.iter().chain(yielding).map(|one| (one.id, one.name.clone())).collect(),
            yielding: yielding.iter().map(|one| one.id).collect(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The name of one of them.
    pub fn name(&self, connection: i64) -> Option<&str> {
        self.names.get(&connection).map(String::as_str)
    }

    /// Those that give way by this run.
    pub fn yielding(&self) -> &[i64] {
        &self.yielding
    }

    /// The names of those that give way.
    pub fn yielding_names(&self) -> Vec<&str> {
        self.yielding.iter().filter_map(|id| self.name(*id)).collect()
    }

    /// Whether this column is one of them.
    pub(crate) fn has(&self, column: &str) -> String {
        among(column, self.names.keys())
    }

    /// Whether this column is one of those that give way.
    pub(crate) fn gives_way(&self, column: &str) -> String {
        among(column, self.yielding.iter())
    }
}

fn among<'a>(column: &str, ids: impl Iterator<Item = &'a i64>) -> String {
    let ids: Vec<_> = ids.map(ToString::to_string).collect();
    if ids.is_empty() { "1 = 0".to_owned() } else { format!("{column} IN ({})", ids.join(", ")) }
}

/// A group that may be taken over.
#[derive(Clone, Debug, Deserialize)]
pub struct FormerGroup {
    /// The directory's id.
    pub id: String,
    /// Its displayName.
    pub name: String,
    /// Everything else.
    pub attributes: Attributes,
    /// The connection that brought it.
    pub owner: i64,
    /// What it is called there.
    pub source_id: Option<String>,
}

#[derive(Deserialize)]
struct GroupJson {
    id: String,
    name: String,
    attributes: String,
    owner: i64,
    source_id: Option<String>,
}

/// Whom nobody brings any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Orphans {
    /// Users.
    pub users: u64,
    /// Groups.
    pub groups: u64,
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

impl Store {
    /// The groups of former connections that this one isn't linked to.
    pub async fn former_groups(&self, read: Read, former: &Former) -> Result<Vec<FormerGroup>, StoreError> {
        if former.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT json_group_array(json_object('id', g.id, 'name', g.display_name, 'attributes', g.attributes, 'owner', g.origin,
                 'source_id', (SELECT f.source_id FROM group_links f
                     WHERE f.tenant = $1 AND f.record = g.id AND f.connection = g.origin)))
             FROM groups g WHERE g.tenant = $1 AND {} AND NOT EXISTS (
                 SELECT 1 FROM group_links l WHERE l.tenant = $1 AND l.connection = $2 AND l.record = g.id)",
            former.has("g.origin")
        );
        let row = self.query(sql).bind(read.tenant).bind(read.connection).fetch_one(self.pool()).await?;
        page::<GroupJson>(&row)?
            .into_iter()
            .map(|group| {
                Ok(FormerGroup {
                    attributes: crate::database::document(&group.attributes, "group")?,
                    id: group.id,
                    name: group.name,
                    owner: group.owner,
                    source_id: group.source_id,
                })
            })
            .collect()
    }

    /// Notes and counts the users and groups of connections that give way, whom this plan doesn't take over: they are orphans once it is applied.
    pub async fn left_behind(&self, lease: Lease, former: &Former) -> Result<Orphans, StoreError> {
        let mut orphans = Orphans::default();
        for (table, kind, name) in [("users", "user", "user_name"), ("groups", "group", "display_name")] {
            let sql = format!(
                "INSERT INTO findings (tenant, run, seq, standing, kind, source_id, name, reason, place)
                 SELECT $1, $2, (SELECT COALESCE(MAX(seq), 0) FROM findings WHERE tenant = $1 AND run = $2)
                         + ROW_NUMBER() OVER (ORDER BY r.{name}, r.id),
                     'orphaned', '{kind}', (SELECT l.source_id FROM {kind}_links l
                         WHERE l.tenant = $1 AND l.record = r.id AND l.connection = r.origin),
                     r.{name}, 'only ' || (SELECT c.name FROM connections c WHERE c.tenant = $1 AND c.id = r.origin) || ' has it', NULL
                 FROM {table} r WHERE r.tenant = $1 AND {} AND NOT EXISTS (SELECT 1 FROM lines n
                     WHERE n.tenant = $1 AND n.run = $2 AND n.kind = '{kind}' AND n.kind <> 'membership' AND n.action = 'adopt'
                       AND n.record = r.id)",
                former.gives_way("r.origin")
            );
            let done = self.query(sql).bind(lease.tenant).bind(lease.run).execute(self.pool()).await?;
            let count = done.rows_affected();
            if kind == "user" { orphans.users = count } else { orphans.groups = count }
        }
        Ok(orphans)
    }

    /// The names of the connections that an undo of this run gives their turn back.
    pub async fn turned_back(&self, tenant: i64, of: &Run) -> Result<Vec<String>, StoreError> {
        let row = self
            .query(format!("SELECT json_group_array(name) FROM connections WHERE {TURNED}"))
            .bind(tenant)
            .bind(of.id)
            .fetch_one(self.pool())
            .await?;
        page(&row)
    }

    /// The users and groups of an idle connection.
    pub async fn orphans(&self, connection: &Connection) -> Result<Orphans, StoreError> {
        if connection.state != State::Disabled {
            return Ok(Orphans::default());
        }
        let row = self
            .query(
                "SELECT (SELECT COUNT(*) FROM users WHERE tenant = $1 AND origin = $2),
                     (SELECT COUNT(*) FROM groups WHERE tenant = $1 AND origin = $2)",
            )
            .bind(connection.tenant)
            .bind(connection.id)
            .fetch_one(self.pool())
            .await?;
        Ok(Orphans {
            users: unsigned(sqlx::Row::try_get(&row, 0)?),
            groups: unsigned(sqlx::Row::try_get(&row, 1)?),
        })
    }
}

/// Makes this connection the only active one. What gives way stays as it is, but for its state; the run is noted, so that an undo knows.
pub(crate) async fn take_turn(write: &mut Write, lease: Lease, connection: i64) -> Result<(), StoreError> {
    let sql = format!(
        "UPDATE connections SET state = 'disabled', gave_way = $3 WHERE tenant = $1 AND id <> $2 AND state IN {LIVE}"
    );
    write.query(sql).bind(lease.tenant).bind(connection).bind(lease.run).execute(&mut **write).await?;
    Ok(())
}

/// The connections that gave way by a run, `$2`, if nothing has given way since.
const TURNED: &str = "tenant = $1 AND gave_way = $2 AND NOT EXISTS (SELECT 1 FROM connections l WHERE l.tenant = $1 AND l.gave_way > $2)";

/// Gives the connections that gave way by a run their turn back, and notes it, so that this can be undone too.
pub(crate) async fn return_turn(write: &mut Write, lease: Lease, of: &Run) -> Result<(), StoreError> {
    let row = write
        .query(format!("SELECT json_group_array(id) FROM connections WHERE {TURNED}"))
        .bind(lease.tenant)
        .bind(of.id)
        .fetch_one(&mut **write)
        .await?;
    let back: Vec<i64> = page(&row)?;
    if back.is_empty() {
        return Ok(());
    }
    let back = among("id", back.iter());
    write
        .query(format!(
            "UPDATE connections SET state = 'disabled', gave_way = $2 WHERE tenant = $1 AND state IN {LIVE} AND NOT ({back})"
        ))
        .bind(lease.tenant)
        .bind(lease.run)
        .execute(&mut **write)
        .await?;
    write
        .query(format!(
            "UPDATE connections SET state = 'active', gave_way = NULL, admitted_by = CASE WHEN admitted_by IS NULL THEN NULL ELSE 'undone' END
             WHERE tenant = $1 AND {back}"
        ))
        .bind(lease.tenant)
        .execute(&mut **write)
        .await?;
    Ok(())
}
