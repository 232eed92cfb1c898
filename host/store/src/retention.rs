//! How long a tenant keeps what it could do without: history, plans that nobody applied, and what the source says of people who are left out.
//!
//! What goes, goes in one transaction in which no run of the tenant can begin. The newest run stays, so that no number is given twice, and so
//! do those that others lean on: the last forgotten change, with which the history begins, and of each connection the last applied run.

use crate::database::{Store, Write, document, page, unsigned};
use crate::dialect::Dialect;
use crate::error::StoreError;
use crate::findings::NO_MANAGER;
use crate::reads::{Reads, drop_reads};
use crate::times::DOUBT_DAYS;
use serde_json::Value as Json;
use sqlx::{AnyConnection, Row};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// For how many days things are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Applied runs with their lines and findings, and the directory as it was.
    pub history: i64,
    /// Runs that were not applied, and overlays that nothing came of.
    pub plans: i64,
    /// What the source says of people who are left out.
    pub left_out: i64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { history: 400, plans: 30, left_out: 30 }
    }
}

/// How much is past its days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// Applied runs.
    pub runs: u64,
    /// Rows of the directory as it was.
    pub rows: u64,
    /// Runs that were not applied.
    pub plans: u64,
    /// Overlays of reads that nothing came of.
    pub reads: u64,
    /// People left out of whom more was kept than source id and hash.
    pub left_out: u64,
    /// Findings of applied runs about people left out.
    pub findings: u64,
}

impl Expired {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Runs of which the history is forgotten; `$2` is the last such change.
const FORGOTTEN: &str =
    "SELECT r.id FROM runs r WHERE r.tenant = $1 AND r.change IS NOT NULL AND r.change <= $2";
/// Runs that came to nothing, and ended at `$2` or before.
const PLANS: &str = "SELECT r.id FROM runs r WHERE r.tenant = $1 AND r.applied = 0 AND r.state <> 'running'
    AND COALESCE(r.finished_at, r.started_at) <= $2";
/// The number that the next run counts on.
const NEWEST: &str = "(SELECT MAX(n.id) FROM runs n WHERE n.tenant = $1)";
/// Linked people aren't left out: they are in, or leaving.
const LINKED: &str =
    "EXISTS (SELECT 1 FROM user_links l WHERE l.tenant = $1 AND l.connection = mirror_users.connection
    AND l.source_id = mirror_users.source_id)";

/// Who has been left out for long enough, since `$2` or before, and is still told of.
const LONG_OUT: &str = "tenant = $1 AND left_out_at IS NOT NULL AND left_out_at <= $2 AND raw IS NOT NULL
    AND outcome IS NOT NULL AND outcome->>'decision' = 'leave-out'";

async fn kept_for(
    dialect: &Dialect,
    connection: &mut AnyConnection,
    tenant: i64,
) -> Result<Retention, StoreError> {
    let row = dialect
        .query("SELECT history, plans, left_out FROM retention WHERE tenant = $1".into())
        .bind(tenant)
        .fetch_optional(&mut *connection)
        .await?;
    row.map_or(Ok(Retention::default()), |row| {
        Ok(Retention { history: row.try_get(0)?, plans: row.try_get(1)?, left_out: row.try_get(2)? })
    })
}

impl Store {
    /// For how many days the tenant keeps what.
    pub async fn retention(&self, tenant: i64) -> Result<Retention, StoreError> {
        let mut connection = self.pool().acquire().await?;
        kept_for(self.dialect(), &mut connection, tenant).await
    }

    /// Sets for how many days the tenant keeps what.
    pub async fn set_retention(&self, tenant: i64, days: Retention) -> Result<(), StoreError> {
        self.query(
            "INSERT INTO retention (tenant, history, plans, left_out) VALUES ($1, $2, $3, $4)
             ON CONFLICT (tenant) DO UPDATE SET history = EXCLUDED.history, plans = EXCLUDED.plans, left_out = EXCLUDED.left_out",
        )
        .bind(tenant)
        .bind(days.history)
        .bind(days.plans)
        .bind(days.left_out)
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// How much is past its days. Nothing is changed.
    pub async fn expired(&self, tenant: i64, now: i64) -> Result<Expired, StoreError> {
        let mut write = self.look().await?;
        Sweep { write: &mut write, tenant, acts: false }.go(now).await
    }

    /// Lets go of what is past its days. [`StoreError::AlreadyRunning`] while a run of the tenant is going on.
    pub async fn apply_retention(&self, tenant: i64, now: i64) -> Result<Expired, StoreError> {
        let mut write = self.write_alone(tenant).await?;
        Self::nobody_runs(&mut write, tenant).await?;
        let expired = Sweep { write: &mut write, tenant, acts: true }.go(now).await?;
        write.commit().await?;
        Ok(expired)
    }
}

/// What is past its days goes, or is counted.
struct Sweep<'a> {
    write: &'a mut Write,
    tenant: i64,
    /// Whether it goes.
    acts: bool,
}

impl Sweep<'_> {
    async fn go(&mut self, now: i64) -> Result<Expired, StoreError> {
        let dialect = self.write.dialect().clone();
        let days = kept_for(&dialect, self.write, self.tenant).await?;
        let before = |days: i64| now.saturating_sub(days.saturating_mul(DAY_MS));
        let mut expired = Expired::default();
        self.history(before(days.history), before(DOUBT_DAYS), &mut expired).await?;
        self.plans(before(days.plans), &mut expired).await?;
        self.left_out(now, before(days.left_out), &mut expired).await?;
        Ok(expired)
    }

    /// A statement with the tenant and a number; not where things are only counted.
    async fn act(&mut self, sql: String, number: i64) -> Result<u64, StoreError> {
        if !self.acts {
            return Ok(0);
        }
        let done = self.write.query(sql).bind(self.tenant).bind(number).execute(&mut **self.write).await?;
        Ok(done.rows_affected())
    }

    /// How many rows of a table there are by a condition with the tenant and a number.
    async fn count(&mut self, table: &str, which: &str, number: i64) -> Result<u64, StoreError> {
        let query = self.write.query(format!("SELECT COUNT(*) FROM {table} WHERE {which}"));
        let row = query.bind(self.tenant).bind(number).fetch_one(&mut **self.write).await?;
        Ok(unsigned(row.try_get(0)?))
    }

    /// Rows go, or are counted.
    async fn rows(&mut self, table: &str, which: &str, number: i64) -> Result<u64, StoreError> {
        match self.acts {
            true => self.act(format!("DELETE FROM {table} WHERE {which}"), number).await,
            false => self.count(table, which, number).await,
        }
    }

    /// Forgets what was applied at a moment or before, but not beyond anything younger. By the runs of the last days it is told whether the clock
    /// has leapt, and by those since somebody left whether it had; their rows stay.
    async fn history(&mut self, before: i64, lately: i64, expired: &mut Expired) -> Result<(), StoreError> {
        let row = self
            .write
            .query(
                "SELECT t.forgotten, COALESCE((SELECT MAX(r.change) FROM runs r WHERE r.tenant = $1 AND r.change IS NOT NULL
                     AND r.change < COALESCE((SELECT MIN(y.change) FROM runs y
                         WHERE y.tenant = $1 AND y.change IS NOT NULL AND y.finished_at > $2), r.change + 1)), 0),
                 COALESCE((SELECT MAX(o.change) FROM runs o WHERE o.tenant = $1 AND o.change IS NOT NULL AND o.finished_at <= $3), 0)
                 FROM tenants t WHERE t.id = $1",
            )
            .bind(self.tenant)
            .bind(before)
            .bind(lately)
            .fetch_one(&mut **self.write)
            .await?;
        let (forgotten, last, old): (i64, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        if last <= forgotten {
            return Ok(());
        }
        self.act("UPDATE tenants SET forgotten = $2 WHERE id = $1".to_owned(), last).await?;
        for table in ["users_was", "groups_was", "memberships_was", "user_links_was", "group_links_was"] {
            expired.rows += self.rows(table, "tenant = $1 AND until <= $2", last).await?;
        }
        for table in ["lines", "findings"] {
            self.act(format!("DELETE FROM {table} WHERE tenant = $1 AND run IN ({FORGOTTEN})"), last).await?;
        }
        let kept = "SELECT MAX(k.change) FROM runs k WHERE k.tenant = $1 AND k.change IS NOT NULL AND k.change <= $2 AND k.connection <> 0";
        let which = format!(
            "tenant = $1 AND id IN ({FORGOTTEN}) AND change < $2 AND id <> {NEWEST}
               AND change NOT IN ({kept} GROUP BY k.connection)
               AND change NOT IN ({kept} AND k.stood_on IS NOT NULL GROUP BY k.connection)
               AND NOT EXISTS (SELECT 1 FROM user_links l WHERE l.tenant = $1 AND l.connection = runs.connection
                   AND l.left_at IS NOT NULL AND l.left_at <= runs.finished_at)"
        );
        expired.runs = self.rows("runs", &which, last.min(old)).await?;
        Ok(())
    }

    async fn plans(&mut self, before: i64, expired: &mut Expired) -> Result<(), StoreError> {
        for table in ["lines", "findings"] {
            self.act(format!("DELETE FROM {table} WHERE tenant = $1 AND run IN ({PLANS})"), before).await?;
        }
        let which = format!("tenant = $1 AND id IN ({PLANS}) AND id <> {NEWEST}");
        expired.plans = self.rows("runs", &which, before).await?;
        expired.reads = match self.acts {
            true => drop_reads(self.write, self.tenant, Reads::BegunBy(before)).await?,
            false => self.count("reads", "tenant = $1 AND started_at <= $2", before).await?,
        };
        Ok(())
    }

    /// Notes who is left out from now on, and drops what is personal of who has been for long. The hash stays, so that who is read again as he was
    /// is known; the runs see to it that he is read anew where he might come in.
    async fn left_out(&mut self, now: i64, before: i64, expired: &mut Expired) -> Result<(), StoreError> {
        // Who was linked when only his hash was kept stays marked until he is read anew.
        let sql = format!(
            "UPDATE mirror_users INDEXED BY mirror_users_left_out SET left_out_at = NULL WHERE tenant = $1 AND left_out_at IS NOT NULL AND $2 > 0 AND raw IS NOT NULL
               AND (COALESCE(outcome->>'decision', 'keep') <> 'leave-out' OR {LINKED})"
        );
        self.act(sql, now).await?;
        let sql = format!(
            "UPDATE mirror_users INDEXED BY mirror_users_with_outcome SET left_out_at = $2 WHERE tenant = $1 AND left_out_at IS NULL AND outcome IS NOT NULL
               AND outcome->>'decision' = 'leave-out' AND NOT {LINKED}"
        );
        self.act(sql, now).await?;
        let long_out = format!("{LONG_OUT} AND NOT {LINKED}");
        let sql = format!(
            "UPDATE mirror_users INDEXED BY mirror_users_left_out SET raw = NULL, user_name_key = NULL, manager = NULL, digest = NULL,
                 problem = CASE WHEN place IS NULL THEN NULL ELSE problem END,
                 outcome = json_object('decision', 'leave-out', 'by', COALESCE(outcome->>'by', ''),
                     'reason', 'left out for so long that only the id is kept')
             WHERE {long_out}"
        );
        expired.left_out = match self.acts {
            true => self.act(sql, before).await?,
            false => self.count("mirror_users", &long_out, before).await?,
        };
        if expired.left_out > 0 {
            // The run that has just read him goes on saying that somebody was left out. Those before it are past their days soon.
            let sql = format!(
                "UPDATE findings SET name = NULL, reason = 'left out for so long that only the id is kept'
                 WHERE tenant = $1 AND run = {NEWEST} AND standing = 'skipped' AND kind = 'user' AND name IS NOT NULL AND EXISTS (
                     SELECT 1 FROM runs r JOIN mirror_users m ON m.tenant = $1 AND m.connection = r.connection
                     WHERE r.tenant = $1 AND r.id = findings.run AND m.source_id = findings.source_id
                       AND m.left_out_at IS NOT NULL AND m.left_out_at <= $2 AND m.raw IS NULL)"
            );
            self.act(sql, before).await?;
        }
        let which = "tenant = $1 AND standing = 'skipped' AND kind = 'user' AND run IN (
                 SELECT r.id FROM runs r WHERE r.tenant = $1 AND r.finished_at <= $2)";
        expired.findings = self.rows("findings", which, before).await?;
        if self.acts {
            self.notes(before).await?;
        }
        Ok(())
    }

    /// Takes the names of managers who weren't in, mostly people left out, from the notes of runs that ended at a moment or before.
    async fn notes(&mut self, before: i64) -> Result<(), StoreError> {
        let row = self
            .write
            .query(
                "SELECT json_group_array(json_array(id, report)) FROM runs
                 WHERE tenant = $1 AND finished_at <= $2 AND report IS NOT NULL AND instr(report, $3) > 0",
            )
            .bind(self.tenant)
            .bind(before)
            .bind(format!("{NO_MANAGER}: "))
            .fetch_one(&mut **self.write)
            .await?;
        for (run, report) in page::<(i64, String)>(&row)? {
            let mut report: Json = document(&report, "report")?;
            for note in report.get_mut("notes").and_then(Json::as_array_mut).into_iter().flatten() {
                let cut = note.as_str().and_then(|note| note.split_once(NO_MANAGER));
                if let Some((who, _)) = cut {
                    *note = format!("{who}{NO_MANAGER}").into();
                }
            }
            self.write
                .query("UPDATE runs SET report = $3 WHERE tenant = $1 AND id = $2")
                .bind(self.tenant)
                .bind(run)
                .bind(report.to_string())
                .execute(&mut **self.write)
                .await?;
        }
        Ok(())
    }
}
