//! One connection of a tenant is the active one. The others are idle: what they brought stays, orphaned, until a connection that brings the same
//! takes it over, or somebody agrees that it goes.

use crate::connections::{Connection, State};
use crate::database::{Store, Write, page, rows, text, unsigned};
use crate::error::StoreError;
use crate::leases::Lease;
use crate::reads::Read;
use crate::runs::Run;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use usher_model::Attributes;

impl State {
    /// Whether a connection in it is the tenant's active one.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Active | Self::Paused | Self::NeedsReauthorisation)
    }
}

/// The states of an active connection, as they are stored.
pub(crate) const LIVE: &str = "('active', 'paused', 'needs_reauthorisation')";
/// Another live connection `o` than `$2` that holds a user, with its link: `FROM` and `WHERE` of a statement on `users`.
pub(crate) const OTHER_HOLDER: &str = "FROM user_links o
    JOIN connections c ON c.tenant = $1 AND c.id = o.connection AND c.state <> 'disabled'
    WHERE o.tenant = $1 AND o.record = users.id AND o.connection <> $2 AND o.left_at IS NULL";
/// The connections of the tenant `$1` that are idle.
pub(crate) const IDLE: &str = "SELECT c.id FROM connections c WHERE c.tenant = $1 AND c.state = 'disabled'";

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
    pub async fn left_behind(
        &self,
        lease: Lease,
        read: Read,
        former: &Former,
    ) -> Result<Orphans, StoreError> {
        let mut orphans = Orphans::default();
        for (table, kind, name) in [("users", "user", "user_name"), ("groups", "group", "display_name")] {
            let owner = "(SELECT c.name FROM connections c WHERE c.tenant = $1 AND c.id = r.origin)";
            // Who is held or quarantined may be one of them: then nobody should let them go before that is settled.
            let why = if kind == "user" {
                format!(
                    "CASE WHEN r.user_name_key IN (SELECT s.user_name_key FROM staged_users s
                             WHERE s.tenant = $1 AND s.read = $3 AND s.problem IS NOT NULL)
                         OR r.id IN (SELECT j.value FROM staged_users s CROSS JOIN json_each(s.problem, '$.may_be') j
                             WHERE s.tenant = $1 AND s.read = $3 AND s.problem IS NOT NULL)
                     THEN {owner} || ' has it, and a record that waits for a decision may be the same'
                     ELSE 'only ' || {owner} || ' has it' END"
                )
            } else {
                format!("CASE WHEN $3 > 0 THEN 'only ' || {owner} || ' has it' END")
            };
            let sql = format!(
                "INSERT INTO findings (tenant, run, seq, standing, kind, source_id, name, reason, place)
                 SELECT $1, $2, (SELECT COALESCE(MAX(seq), 0) FROM findings WHERE tenant = $1 AND run = $2)
                         + ROW_NUMBER() OVER (ORDER BY r.{name}, r.id),
                     'orphaned', '{kind}', (SELECT l.source_id FROM {kind}_links l
                         WHERE l.tenant = $1 AND l.record = r.id AND l.connection = r.origin),
                     r.{name}, {why}, NULL
                 FROM {table} r WHERE r.tenant = $1 AND {} AND r.id NOT IN (SELECT n.record FROM lines n
                     WHERE n.tenant = $1 AND n.run = $2 AND n.kind = '{kind}' AND n.action = 'adopt')",
                former.gives_way("r.origin")
            );
            let done =
                self.query(sql).bind(lease.tenant).bind(lease.run).bind(read.id).execute(self.pool()).await?;
            let count = done.rows_affected();
            if kind == "user" { orphans.users = count } else { orphans.groups = count }
        }
        Ok(orphans)
    }

    /// The connections that an undo of this run makes active again, by name. None where it took nobody's turn, or another has it by now.
    pub async fn turned_back(&self, tenant: i64, of: &Run) -> Result<Vec<String>, StoreError> {
        let all = self.connections(tenant).await?;
        let states = all.iter().map(|one| (one.id, one.state)).collect();
        let back = turned_back(of.turn.as_deref(), &states)?;
        let comes = |id: i64| back.iter().any(|(one, _, then)| *one == id && then.is_live());
        Ok(all.iter().filter(|one| comes(one.id)).map(|one| one.name.clone()).collect())
    }

    /// Whether connections that give way have any users.
    pub async fn own_users(&self, tenant: i64, former: &Former) -> Result<bool, StoreError> {
        if former.yielding().is_empty() {
            return Ok(false);
        }
        let sql = format!("SELECT 1 FROM users WHERE tenant = $1 AND {} LIMIT 1", former.gives_way("origin"));
        Ok(self.query(sql).bind(tenant).fetch_optional(self.pool()).await?.is_some())
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

/// A connection whose state a run changes, with its state before and after.
type Turn = (i64, State, State);

/// Changes the states of connections as a run's turn says, and notes it in the run.
async fn turn(write: &mut Write, lease: Lease, turns: &[Turn]) -> Result<(), StoreError> {
    for (connection, _, after) in turns {
        write
            .query("UPDATE connections SET state = $3 WHERE tenant = $1 AND id = $2")
            .bind(lease.tenant)
            .bind(connection)
            .bind(stored(*after)?)
            .execute(&mut **write)
            .await?;
    }
    write
        .query("UPDATE runs SET turn = $3 WHERE tenant = $1 AND id = $2")
        .bind(lease.tenant)
        .bind(lease.run)
        .bind(rows(&turns)?)
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// A state as its column has it.
fn stored(state: State) -> Result<String, StoreError> {
    Ok(text(&state, "state")?.trim_matches('"').to_owned())
}

/// All connections of a tenant with their states.
async fn states(write: &mut Write, tenant: i64) -> Result<BTreeMap<i64, State>, StoreError> {
    let row = write
        .query("SELECT json_group_array(json_array(id, state)) FROM connections WHERE tenant = $1")
        .bind(tenant)
        .fetch_one(&mut **write)
        .await?;
    Ok(page::<(i64, State)>(&row)?.into_iter().collect())
}

/// Makes this connection the only active one. What gives way stays as it is, but for its state.
pub(crate) async fn take_turn(write: &mut Write, lease: Lease, connection: i64) -> Result<(), StoreError> {
    let turns: Vec<Turn> = states(write, lease.tenant)
        .await?
        .into_iter()
        .filter_map(|(id, state)| match (id == connection, state.is_live()) {
            (true, _) => Some((id, state, State::Active)),
            (false, true) => Some((id, state, State::Disabled)),
            (false, false) => None,
        })
        .collect();
    turn(write, lease, &turns).await
}

/// What an undo of a run makes of its turn: nothing where it took none, or where the active connections are no longer those that it left.
fn turned_back(of: Option<&str>, states: &BTreeMap<i64, State>) -> Result<Vec<Turn>, StoreError> {
    let Some(of) = of else { return Ok(Vec::new()) };
    let turns: Vec<Turn> = crate::database::document(of, "turn")?;
    let left: BTreeSet<_> =
        turns.iter().filter(|(_, _, after)| after.is_live()).map(|(id, _, _)| *id).collect();
    let now: BTreeSet<_> = states.iter().filter(|(_, state)| state.is_live()).map(|(id, _)| *id).collect();
    if left != now || turns.iter().any(|(id, _, _)| !states.contains_key(id)) {
        return Ok(Vec::new());
    }
    let back = turns.into_iter().filter_map(|(id, before, _)| {
        // Paused, as every connection whose run was undone; who never ran before has run by now.
        let then = match before {
            State::Active | State::NeedsReauthorisation => State::Paused,
            State::Configured | State::Authorised => State::Disabled,
            other => other,
        };
        Some((id, *states.get(&id)?, then))
    });
    Ok(back.collect())
}

/// Gives the connections that gave way by a run their turn back, and notes it, so that this can be undone too.
pub(crate) async fn return_turn(write: &mut Write, lease: Lease, of: &Run) -> Result<(), StoreError> {
    let states = states(write, lease.tenant).await?;
    let back = turned_back(of.turn.as_deref(), &states)?;
    if back.is_empty() {
        return Ok(());
    }
    turn(write, lease, &back).await?;
    let ids: Vec<_> = back.iter().map(|(id, _, _)| *id).collect();
    write
        .query(format!(
            "UPDATE connections SET admitted_by = 'undone' WHERE tenant = $1 AND admitted_by IS NOT NULL AND {}",
            among("id", ids.iter())
        ))
        .bind(lease.tenant)
        .execute(&mut **write)
        .await?;
    Ok(())
}
