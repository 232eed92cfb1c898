//! What idle connections brought and nobody brings now: it stays until somebody agrees that it goes, by a plan like any other.

use crate::database::{Store, Write, rows};
use crate::error::StoreError;
use crate::history::next_change;
use crate::leases::Lease;
use crate::lines::{delete_by_lines, forget_lines, hash_lines};
use crate::protection;
use crate::runs::{RunState, close};
use crate::switch::{IDLE, LIVE};
use serde_json::Value as Json;

/// Which orphans are to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Letting<'a> {
    /// Of this connection; none: of all that are idle.
    pub connection: Option<i64>,
    /// Only these users and groups, by the directory's id; none: all, with their memberships.
    pub records: Option<&'a [String]>,
}

/// What is kept of letting orphans go, besides its lines.
#[derive(Clone, Debug)]
pub struct LetGo<'a> {
    /// The plan's hash, as it was agreed to.
    pub plan: &'a str,
    /// Whether somebody saw what the guard held and agreed.
    pub agreed: bool,
    /// What the hash rests on besides the lines.
    pub basis: &'a str,
    /// The run's report.
    pub report: &'a Json,
    /// Milliseconds since 1970.
    pub now: i64,
}

/// Writes the lines of orphans who go, instead of those that the run has. Whom the active connection is linked to isn't one. Gives the names of
/// those who are protected.
async fn lines(write: &mut Write, lease: Lease, which: Letting<'_>) -> Result<Vec<String>, StoreError> {
    forget_lines(write, lease).await?;
    let idle = format!("{IDLE} AND ($3 = 0 OR c.id = $3)");
    let named = "'of ' || (SELECT c.name FROM connections c WHERE c.tenant = $1 AND c.id = r.origin) || ', which is idle'";
    let insert = "INSERT INTO lines (tenant, run, kind, source_id, member_id, action, record, member, name, reason, changes, owns, away)";
    let record = |kind: &str, name: &str, only: &str| {
        format!(
            "{insert}
             SELECT $1, $2, '{kind}', r.id, '', 'delete', r.id, '', r.{name}, {named}, '{{}}', 0, 1 FROM {kind}s r
             WHERE r.tenant = $1 AND r.origin IN ({idle}) AND {only} AND NOT EXISTS (SELECT 1 FROM {kind}_links l
                 JOIN connections c ON c.tenant = $1 AND c.id = l.connection AND c.state IN {LIVE}
                 WHERE l.tenant = $1 AND l.record = r.id)"
        )
    };
    let all = if which.records.is_some() { "1 = 0" } else { "1 = 1" };
    let records = rows(&which.records.unwrap_or_default())?;
    // Who waits for a decision at the active source may be one of them.
    let waiting = format!(
        "FROM mirror_users p JOIN connections c ON c.tenant = $1 AND c.id = p.connection AND c.state IN {LIVE}
         WHERE p.tenant = $1 AND p.problem IS NOT NULL"
    );
    let settled = format!(
        "AND r.user_name_key NOT IN (SELECT p.user_name_key {waiting} AND p.user_name_key IS NOT NULL)
         AND r.id NOT IN (SELECT j.value {} AND j.value IS NOT NULL)",
        waiting.replace("WHERE", "CROSS JOIN json_each(p.problem, '$.may_be') j WHERE")
    );
    let named_only = format!("({all} OR r.id IN (SELECT value FROM json_each($4)))");
    let mut spared = Vec::new();
    for sql in [
        record("user", "user_name", &format!("{named_only} {settled}")),
        record("group", "display_name", &named_only),
        format!(
            "{insert}
             SELECT DISTINCT $1, $2, 'membership', m.group_id, substr(m.kind, 1, 1) || ':' || m.member_id, 'remove', m.group_id, m.member_id,
                 COALESCE((SELECT u.user_name FROM users u WHERE u.tenant = $1 AND u.id = m.member_id),
                     (SELECT g.display_name FROM groups g WHERE g.tenant = $1 AND g.id = m.member_id), m.member_id) || ' in '
                     || COALESCE((SELECT g.display_name FROM groups g WHERE g.tenant = $1 AND g.id = m.group_id), m.group_id),
                 CASE WHEN {all} AND m.owner IN ({idle}) THEN 'nobody brings it any more' ELSE 'one of the two goes out' END, '{{}}', 0, 1
             FROM memberships m WHERE m.tenant = $1 AND $4 <> '' AND ({all} AND m.owner IN ({idle})
                 OR m.member_id IN (SELECT n.record FROM lines n WHERE n.tenant = $1 AND n.run = $2 AND n.kind = 'user')
                 OR m.member_id IN (SELECT n.record FROM lines n WHERE n.tenant = $1 AND n.run = $2 AND n.kind = 'group')
                 OR m.group_id IN (SELECT n.record FROM lines n WHERE n.tenant = $1 AND n.run = $2 AND n.kind = 'group'))
             ON CONFLICT DO NOTHING"
        ),
    ] {
        write
            .query(sql)
            .bind(lease.tenant)
            .bind(lease.run)
            .bind(which.connection.unwrap_or(0))
            .bind(&records)
            .execute(&mut **write)
            .await?;
        // Before the memberships of those who go.
        spared.extend(protection::spare(write, lease).await?.into_iter().map(|(_, name)| name));
    }
    Ok(spared)
}

impl Store {
    /// Plans letting orphans go: lines of the run that holds the lease. Who may be somebody of the active source that waits for a decision stays.
    /// Gives the names of those who stay because they are protected.
    pub async fn plan_letting_go(&self, lease: Lease, which: Letting<'_>) -> Result<Vec<String>, StoreError> {
        let mut write = self.write().await?;
        Self::hold_lease(&mut write, lease).await?;
        let spared = lines(&mut write, lease, which).await?;
        write.commit().await?;
        Ok(spared)
    }

    /// Lets orphans go, if that still comes to the plan that was agreed to; gives false, and writes nothing, if it doesn't.
    pub async fn let_go(
        &self,
        lease: Lease,
        which: Letting<'_>,
        agreed: &LetGo<'_>,
    ) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        Self::hold_lease(&mut write, lease).await?;
        let change = next_change(&mut write, lease.tenant).await?;
        lines(&mut write, lease, which).await?;
        let dialect = write.dialect().clone();
        if hash_lines(&dialect, &mut write, lease, agreed.basis).await?.as_str() != agreed.plan {
            return Ok(false);
        }
        let all = if which.records.is_some() { "1 = 0" } else { "1 = 1" };
        write
            .query(format!(
                "DELETE FROM memberships WHERE tenant = $1 AND {all} AND owner IN ({IDLE} AND ($3 = 0 OR c.id = $3))
                   AND (group_id, member_id) IN (SELECT record, member FROM lines
                     WHERE tenant = $1 AND run = $2 AND kind = 'membership' AND action = 'remove')"
            ))
            .bind(lease.tenant)
            .bind(lease.run)
            .bind(which.connection.unwrap_or(0))
            .execute(&mut *write)
            .await?;
        delete_by_lines(&mut write, lease.tenant, lease.run).await?;
        write
            .query("UPDATE runs SET applied = 1, change = $3, accepted = $4 WHERE tenant = $1 AND id = $2")
            .bind(lease.tenant)
            .bind(lease.run)
            .bind(change)
            .bind(agreed.agreed.then_some(agreed.plan))
            .execute(&mut *write)
            .await?;
        close(&mut write, lease, RunState::Success, Some(agreed.plan), agreed.report, agreed.now).await?;
        write.commit().await?;
        Ok(true)
    }
}
