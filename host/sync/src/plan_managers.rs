//! The second pass over users: managers, who may have come in by this very plan.

use crate::fault::Fault;
use crate::host::Host;
use crate::plan::{Planner, row};
use std::collections::{BTreeMap, BTreeSet};
use usher_model::{MANAGER, fold};
use usher_planner::{Action, Change, Changes, Line, Loss, RecordKind, differs};
use usher_store::ManagerRow;

const PAGE: i64 = 1000;
/// Names of missing managers that a note lists before it only counts them.
const NAMED: usize = 5;

impl Planner<'_> {
    /// Adds managers to the lines of users, or makes lines for them.
    pub async fn managers(&self, host: &Host, notes: &mut Vec<String>) -> Result<(), Fault> {
        let mut without = Without::default();
        let mut after = String::new();
        loop {
            let ids = host.store.due_ids(self.read, &after, PAGE).await?;
            let Some(last) = ids.last() else { break };
            after.clone_from(last);
            self.managers_of(host, &ids, &mut without).await?;
        }
        after.clear();
        loop {
            let ids = host.store.reports_of_leavers(self.read, self.lease.run, &after, PAGE).await?;
            let Some(last) = ids.last() else { break };
            after.clone_from(last);
            self.managers_of(host, &ids, &mut without).await?;
        }
        notes.extend(without.note());
        Ok(())
    }

    async fn managers_of(&self, host: &Host, ids: &[String], without: &mut Without) -> Result<(), Fault> {
        let (read, run) = (self.read, self.lease.run);
        let page = host.store.manager_rows(read, run, ids).await?;
        let named: Vec<_> = page
            .iter()
            .filter_map(|row| row.named.as_deref())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .map(|named| (named.to_owned(), fold(named)))
            .collect();
        let resolved = match named.is_empty() {
            true => BTreeMap::new(),
            false => host.store.resolve_managers(read, run, &named).await?,
        };
        let mut rows = Vec::new();
        for user in page {
            let named = user.named.as_ref();
            let found =
                named.and_then(|named| resolved.get(named)).filter(|(record, _)| *record != user.record);
            if let Some(named) = named.filter(|_| found.is_none()) {
                without.add(named);
            }
            // What a source that takes somebody over doesn't say of him stays.
            let adopted = user.line.as_ref().is_some_and(|line| line.action == Action::Adopt.name());
            if adopted && named.is_none() {
                continue;
            }
            if found.map(|(record, _)| record) != user.manager.as_ref() {
                rows.push(with_manager(user, found.map(|(_, name)| name.clone()))?);
            }
        }
        host.store.write_lines(self.lease, &rows).await?;
        Ok(())
    }
}

/// Users whose manager isn't in.
#[derive(Default)]
struct Without {
    users: u64,
    managers: BTreeSet<String>,
}

impl Without {
    fn add(&mut self, manager: &str) {
        self.users += 1;
        if self.managers.len() < NAMED {
            self.managers.insert(manager.to_owned());
        }
    }

    fn note(self) -> Option<String> {
        let who = match self.users {
            0 => return None,
            1 => "1 user names".to_owned(),
            users => format!("{users} users name"),
        };
        let more = if self.managers.len() < NAMED { "" } else { " …" };
        let names: Vec<_> = self.managers.into_iter().collect();
        Some(format!("{who} a manager who isn't in, with none until he is: {}{more}", names.join(", ")))
    }
}

fn with_manager(user: ManagerRow, name: Option<String>) -> Result<usher_store::LineRow, Fault> {
    // Whom the source names and who isn't in is no loss of the source's: only where it names nobody any more, the guard counts it.
    // Of somebody who is taken over it is counted: whom he had was there.
    let adopted = user.line.as_ref().is_some_and(|line| line.action == Action::Adopt.name());
    let lost = user.named.is_none() || adopted && name.is_none();
    let loss = if lost { Loss::Values } else { Loss::None }.number();
    let change = Change(user.now.map(Into::into), name.map(Into::into));
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
