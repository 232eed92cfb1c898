//! Runs: every execution of a connection, kept with its result.

use crate::connections::{Connection, State};
use crate::database::{Store, Write, document, text};
use crate::error::StoreError;
use crate::leases::Lease;
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::any::AnyRow;

/// Who starts runs that nobody starts by hand.
pub const SCHEDULE: &str = "schedule";

/// What a run was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Intent {
    /// To see what would change.
    Plan,
    /// To change it.
    Sync,
    /// To change it, and be the tenant's active connection from then on.
    Switch,
    /// A change by hand.
    Edit,
    /// A connection that was removed.
    Disconnect,
    /// What another one did is taken back.
    Undo,
    /// A person was erased.
    Erase,
    /// What idle connections had brought was let go.
    Orphans,
}

impl Intent {
    /// Whether its plan is to be applied, not only seen.
    pub fn changes(self) -> bool {
        self != Self::Plan
    }
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// It goes on, or died.
    Running,
    /// Its plan is written (or, for a test run, made).
    Success,
    /// There was nothing to do.
    Unchanged,
    /// Its plan waits to be accepted.
    Held,
    /// It failed, and changed nothing.
    Failed,
}

/// A run as it is stored.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its number within the tenant.
    pub id: i64,
    /// The connection's number.
    pub connection: i64,
    /// The connection's name at the time.
    pub connection_name: String,
    /// What it was for.
    pub intent: Intent,
    /// How far it came.
    pub state: RunState,
    /// Its plan's hash.
    pub plan: Option<String>,
    /// Whether its plan was applied.
    pub applied: bool,
    /// Milliseconds since 1970.
    pub started_at: i64,
    /// Milliseconds since 1970; none while it runs.
    pub finished_at: Option<i64>,
    /// Who started it.
    pub started_by: String,
    /// The run that it takes back.
    pub undoes: Option<i64>,
    /// Whose state it changed by a switch, as it is stored.
    pub(crate) turn: Option<String>,
    /// What it found; none while it runs, and of changes by hand.
    pub report: Option<serde_json::Value>,
}

/// A run to be started.
#[derive(Clone, Debug)]
pub struct NewRun<'a> {
    /// The tenant.
    pub tenant: i64,
    /// The connection's number.
    pub connection: i64,
    /// The connection's name.
    pub connection_name: &'a str,
    /// What it is for.
    pub intent: Intent,
    /// Who starts it.
    pub started_by: &'a str,
    /// Milliseconds since 1970.
    pub now: i64,
}

const COLUMNS: &str = "id, connection, connection_name, intent, state, plan, applied, started_at, finished_at, \
                       started_by, report, undoes, turn";

/// One word of a column as what it stands for.
pub(crate) fn word<T: serde::de::DeserializeOwned>(word: &str, what: &'static str) -> Result<T, StoreError> {
    document(&format!("\"{word}\""), what)
}

fn run(row: &AnyRow) -> Result<Run, StoreError> {
    let (intent, state): (String, String) = (row.try_get(3)?, row.try_get(4)?);
    let report: Option<String> = row.try_get(10)?;
    Ok(Run {
        id: row.try_get(0)?,
        connection: row.try_get(1)?,
        connection_name: row.try_get(2)?,
        intent: word(&intent, "intent")?,
        state: word(&state, "state")?,
        plan: row.try_get(5)?,
        applied: row.try_get::<i64, _>(6)? == 1,
        started_at: row.try_get(7)?,
        finished_at: row.try_get(8)?,
        started_by: row.try_get(9)?,
        undoes: row.try_get(11)?,
        turn: row.try_get(12)?,
        report: report.map(|report| document(&report, "report")).transpose()?,
    })
}

pub(crate) async fn close(
    write: &mut Write,
    lease: Lease,
    state: RunState,
    plan: Option<&str>,
    report: &serde_json::Value,
    now: i64,
) -> Result<(), StoreError> {
    let state = text(&state, "state")?;
    write.query(
        "UPDATE runs SET state = $1, plan = $2, report = $3, finished_at = $4 WHERE tenant = $5 AND id = $6",
    )
    .bind(state.trim_matches('"'))
    .bind(plan)
    .bind(text(report, "report")?)
    .bind(now)
    .bind(lease.tenant)
    .bind(lease.run)
    .execute(&mut **write)
    .await?;
    Store::free_lease(write, lease).await
}

impl Store {
    /// Starts a run and takes the tenant's lease with it. Runs that died before are marked failed.
    pub async fn start_run(&self, new: &NewRun<'_>) -> Result<Lease, StoreError> {
        let mut write = self.write_alone(new.tenant).await?;
        let row = self
            .query("SELECT COALESCE(MAX(id), 0) + 1 FROM runs WHERE tenant = $1")
            .bind(new.tenant)
            .fetch_one(&mut *write)
            .await?;
        let id: i64 = row.try_get(0)?;
        let lease = Self::take_lease(&mut write, new.tenant, id).await?;
        self.query(
            "UPDATE runs SET state = 'failed', finished_at = $1, report = $2
             WHERE tenant = $3 AND state = 'running'",
        )
        .bind(new.now)
        .bind(r#"{"fault":{"class":"host","message":"the run was interrupted; nothing was changed","advice":"run it again: it goes on where the source allows it"}}"#)
        .bind(new.tenant)
        .execute(&mut *write)
        .await?;
        let intent = text(&new.intent, "intent")?;
        self.query(
            "INSERT INTO runs (tenant, id, connection, connection_name, intent, state, started_at, started_by)
             VALUES ($1, $2, $3, $4, $5, 'running', $6, $7)",
        )
        .bind(new.tenant)
        .bind(id)
        .bind(new.connection)
        .bind(new.connection_name)
        .bind(intent.trim_matches('"'))
        .bind(new.now)
        .bind(new.started_by)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(lease)
    }

    /// Ends a run that applied nothing, and frees the lease.
    pub async fn end_run(
        &self,
        lease: Lease,
        state: RunState,
        plan: Option<&str>,
        report: &serde_json::Value,
        now: i64,
    ) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        Self::hold_lease(&mut write, lease).await?;
        close(&mut write, lease, state, plan, report, now).await?;
        write.commit().await?;
        Ok(())
    }

    /// The newest runs first, at most `limit`, of one connection or of all.
    pub async fn runs(
        &self,
        tenant: i64,
        connection: Option<i64>,
        limit: i64,
    ) -> Result<Vec<Run>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM runs WHERE tenant = $1 AND ($2 = 0 OR connection = $2) ORDER BY id DESC LIMIT $3"
        );
        let rows = self
            .query(sql)
            .bind(tenant)
            .bind(connection.unwrap_or(0))
            .bind(limit)
            .fetch_all(self.pool())
            .await?;
        rows.iter().map(run).collect()
    }

    /// When a connection is to run next by its interval, in milliseconds since 1970: so long after the last run that its schedule began, and at
    /// once if there was none. Runs by hand don't move it. Nothing where it is run by hand only, or can't run.
    pub async fn next_run(&self, connection: &Connection) -> Result<Option<i64>, StoreError> {
        // Whether a credential is taken again, a run finds out itself.
        let runs = !matches!(connection.state, State::Paused | State::Disabled);
        let Some(minutes) = connection.rules.interval.filter(|_| runs) else { return Ok(None) };
        let row = self
            .query(
                "SELECT started_at FROM runs WHERE tenant = $1 AND connection = $2 AND started_by = $3 ORDER BY id DESC LIMIT 1",
            )
            .bind(connection.tenant)
            .bind(connection.id)
            .bind(SCHEDULE)
            .fetch_optional(self.pool())
            .await?;
        let last: Option<i64> = row.map(|row| row.try_get(0)).transpose()?;
        Ok(Some(last.map_or(0, |last| last.saturating_add(i64::from(minutes) * 60_000))))
    }

    /// The newest run's number; 0 where there was none.
    pub async fn newest_run(&self, tenant: i64) -> Result<i64, StoreError> {
        let row = self
            .query("SELECT COALESCE(MAX(id), 0) FROM runs WHERE tenant = $1")
            .bind(tenant)
            .fetch_one(self.pool())
            .await?;
        Ok(row.try_get(0)?)
    }

    /// One run.
    pub async fn run(&self, tenant: i64, id: i64) -> Result<Run, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM runs WHERE tenant = $1 AND id = $2");
        let row = self.query(sql).bind(tenant).bind(id).fetch_optional(self.pool()).await?;
        row.as_ref()
            .map(run)
            .transpose()?
            .ok_or_else(|| StoreError::NotFound { what: "run", name: id.to_string() })
    }

    /// The newest run of this connection whose plan has a hash that begins so.
    pub async fn run_by_plan(
        &self,
        tenant: i64,
        connection: i64,
        prefix: &str,
    ) -> Result<Option<Run>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM runs WHERE tenant = $1 AND connection = $2 AND plan LIKE $3 || '%'
             ORDER BY id DESC LIMIT 1"
        );
        let row =
            self.query(sql).bind(tenant).bind(connection).bind(prefix).fetch_optional(self.pool()).await?;
        row.as_ref().map(run).transpose()
    }
}
