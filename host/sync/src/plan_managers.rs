//! The second pass over users: managers, who may have come in by this very plan.

use crate::fault::Fault;
use crate::host::Host;
use crate::plan::{Planner, row};
use std::collections::BTreeSet;
use usher_model::{MANAGER, fold};
use usher_planner::{Action, Change, Changes, Line, Loss, RecordKind, differs};
use usher_store::ManagerRow;

const PAGE: i64 = 1000;
/// Names of missing managers that a note lists before it only counts them.
const NAMED: usize = 5;

impl Planner<'_> {
    /// Adds managers to the lines of users, or makes lines for them.
    pub async fn managers(&self, host: &Host, notes: &mut Vec<String>) -> Result<(), Fault> {
        let (read, run) = (self.read, self.lease.run);
        let mut after = String::new();
        let mut missing = BTreeSet::new();
        let mut without = 0_u64;
        loop {
            let candidates = host.store.manager_candidates(read, run, &after, PAGE).await?;
            let Some(last) = candidates.last() else { break };
            after.clone_from(last);
            let page = host.store.manager_rows(read, run, &candidates).await?;
            let named: Vec<_> = page
                .iter()
                .filter_map(|row| row.named.as_deref())
                .collect::<BTreeSet<_>>()
                .into_iter()
                .map(|named| (named.to_owned(), fold(named)))
                .collect();
            let resolved = if named.is_empty() {
                std::collections::BTreeMap::new()
            } else {
                host.store.resolve_managers(read, run, &named).await?
            };
            let mut rows = Vec::new();
            for user in page {
                let found = user
                    .named
                    .as_ref()
                    .and_then(|named| resolved.get(named))
                    .filter(|(record, _)| *record != user.record);
                if let Some(named) = user.named.as_ref().filter(|_| found.is_none()) {
                    without += 1;
                    if missing.len() < NAMED {
                        missing.insert(named.clone());
                    }
                }
                if found.map(|(record, _)| record) != user.manager.as_ref() {
                    rows.push(with_manager(user, found.map(|(_, name)| name.clone()))?);
                }
            }
            host.store.write_lines(self.lease, &rows).await?;
        }
        if without > 0 {
            let names: Vec<_> = missing.into_iter().collect();
            let who = if without == 1 { "1 user names".to_owned() } else { format!("{without} users name") };
            notes.push(format!(
                "{who} a manager who isn't in, with none until he is: {}{}",
                names.join(", "),
                if names.len() < NAMED { "" } else { " …" }
            ));
        }
        Ok(())
    }
}

fn with_manager(user: ManagerRow, name: Option<String>) -> Result<usher_store::LineRow, Fault> {
    let change = Change(user.now.map(Into::into), name.map(Into::into));
    // Whom the source names and who isn't in is no loss of the source's: only where it names nobody any more, the guard counts it.
    let loss = if user.named.is_none() { Loss::Values } else { Loss::None }.number();
    if let Some(mut line) = user.line {
        let mut changes: Changes = serde_json::from_str(&line.changes).unwrap_or_default();
        changes.insert(MANAGER.to_owned(), change);
        if line.action == Action::Update.name() {
            line.reason = differs(&changes);
        }
        line.changes = serde_json::to_string(&changes).unwrap_or_default();
        if line.away == Loss::None.number() {
            line.away = loss;
        }
        return Ok(line);
    }
    let changes = Changes::from([(MANAGER.to_owned(), change)]);
    let line = Line {
        kind: RecordKind::User,
        action: Action::Update,
        key: user.id,
        member: String::new(),
        name: user.name,
        reason: differs(&changes),
        changes,
    };
    Ok(usher_store::LineRow { away: loss, ..row(&line, &user.record, 0) })
}
