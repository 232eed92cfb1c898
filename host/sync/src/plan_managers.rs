//! Managers, who may come in by this very plan: whoever is named is planned before those who name him, and once more in his turn.

use crate::fault::Fault;
use crate::host::Host;
use crate::plan::{Planner, row};
use crate::plan_records::PlannedUser;
use std::collections::{BTreeMap, BTreeSet};
use usher_model::{MANAGER, fold};
use usher_planner::{Action, Change, Changes, LEAVING, Line, Loss, RecordKind, differs};
use usher_store::{LineRow, ManagerRow, NO_MANAGER};

const PAGE: i64 = 1000;
/// Names of missing managers that a note lists, the first of all in order.
const NAMED: usize = 5;

impl Planner<'_> {
    /// Everybody whom the users that the run looks at may mean by naming their managers, by source id, in order.
    pub async fn who_may_manage(&self, host: &Host) -> Result<Vec<String>, Fault> {
        let mut ids = host.store.named_managers(self.read).await?;
        let mut more = Vec::new();
        for named in ids.chunks(usize::try_from(PAGE).unwrap_or(1000)) {
            let names: Vec<_> = named.iter().map(|named| fold(named)).collect();
            more.extend(host.store.ids_by_name(self.read, &names).await?);
        }
        ids.extend(more);
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    /// Takes the manager away from those whose manager goes out by this plan, or gives them another.
    pub async fn reports_of_leavers(&self, host: &Host, without: &mut Without) -> Result<(), Fault> {
        let mut after = String::new();
        loop {
            let ids = host.store.reports_of_leavers(self.read, self.lease.run, &after, PAGE).await?;
            let Some(last) = ids.last() else { return Ok(()) };
            after.clone_from(last);
            self.managers_of(host, &ids, without).await?;
        }
    }

    async fn managers_of(&self, host: &Host, ids: &[String], without: &mut Without) -> Result<(), Fault> {
        let users = host.store.manager_rows(self.read, self.lease.run, ids).await?;
        let resolved = self.resolved(host, users.iter().filter_map(|user| user.named.as_deref())).await?;
        let mut rows = Vec::new();
        for user in users {
            let found = resolved.of(user.named.as_deref(), &user.name, without);
            if found.map(|(record, _)| record) != user.manager.as_ref() {
                rows.push(with_manager(user, found.map(|(_, name)| name.clone()))?);
            }
        }
        host.store.write_lines(self.lease, &rows).await?;
        Ok(())
    }

    /// The lines of planned users, with what changes about their managers.
    pub async fn with_managers(
        &self,
        host: &Host,
        planned: Vec<PlannedUser>,
        without: &mut Without,
    ) -> Result<Vec<LineRow>, Fault> {
        let named =
            planned.iter().filter(|user| user.due.managed).filter_map(|user| user.due.named.as_deref());
        let resolved = self.resolved(host, named).await?;
        let mut rows = Vec::new();
        for mut user in planned {
            if !self.is_managed(&user) {
                rows.extend(user.row());
                continue;
            }
            let named = user.due.named.take();
            let adopted = action(&user.line) == Some(Action::Adopt);
            let stored = user.due.stored.as_mut().filter(|_| user.due.link.is_some() || adopted);
            let (manager, now) = stored.and_then(|stored| stored.manager.take()).unzip();
            let name = user.line.as_ref().map(|line| &line.name);
            let name = name.or(user.due.stored.as_ref().map(|stored| &stored.name));
            let found = resolved.of(named.as_deref(), name.map_or("", String::as_str), without);
            // What a source that takes somebody over doesn't say of him stays.
            if adopted && named.is_none() {
                rows.extend(user.row());
                continue;
            }
            if found.map(|(record, _)| record) == manager.as_ref() {
                rows.extend(user.row());
                continue;
            }
            let change = Change(now.map(Into::into), found.map(|(_, name)| name.clone().into()));
            let line = user.line.get_or_insert_with(|| Line {
                kind: RecordKind::User,
                action: Action::Update,
                key: user.due.id.clone(),
                member: String::new(),
                name: user.due.stored.as_ref().map(|stored| stored.name.clone()).unwrap_or_default(),
                reason: String::new(),
                changes: Changes::new(),
            });
            line.changes.insert(MANAGER.to_owned(), change);
            if line.action == Action::Update {
                line.reason = differs(&line.changes);
            }
            // Of somebody who is taken over it is counted: whom he had was there.
            let stays = named.is_some() && (!adopted || found.is_some());
            rows.extend(user.row().map(|row| losing(row, stays)));
        }
        Ok(rows)
    }

    /// Whether it is judged who his manager is: he is in after this run, and this connection's.
    fn is_managed(&self, user: &PlannedUser) -> bool {
        let (due, action) = (&user.due, action(&user.line));
        let leaves = || user.line.as_ref().is_some_and(|line| line.changes.contains_key(LEAVING));
        let linked = due.link.as_ref().is_some_and(|link| link.left_at.is_none());
        let is_in = match action {
            Some(Action::Create | Action::Adopt | Action::Reactivate) => true,
            Some(Action::Link | Action::Delete | Action::Unlink) => false,
            Some(Action::Deactivate) => linked && !leaves(),
            _ => linked,
        };
        let ours = action == Some(Action::Adopt)
            || due.link.is_none()
            || due.stored.as_ref().is_none_or(|stored| stored.origin == Some(self.read.connection));
        due.managed && is_in && ours
    }

    /// Who is meant by these names, of those who are in after this run by what is planned so far.
    async fn resolved(&self, host: &Host, named: impl Iterator<Item = &str>) -> Result<Resolved, Fault> {
        let named: BTreeSet<_> = named.collect();
        let named: Vec<_> = named.into_iter().map(|named| (named.to_owned(), fold(named))).collect();
        if named.is_empty() {
            return Ok(Resolved::default());
        }
        Ok(Resolved(host.store.resolve_managers(self.read, self.lease.run, &named).await?))
    }
}

/// Managers by how they are named: record and userName.
#[derive(Default)]
struct Resolved(BTreeMap<String, (String, String)>);

impl Resolved {
    /// The manager of a user of this userName who names him so. Nobody is his own, and nobody else has his userName.
    fn of(&self, named: Option<&str>, user: &str, without: &mut Without) -> Option<&(String, String)> {
        let found = named.and_then(|named| self.0.get(named)).filter(|(_, name)| name != user);
        if let Some(named) = named.filter(|_| found.is_none()) {
            without.add(named);
        }
        found
    }
}

fn action(line: &Option<Line>) -> Option<Action> {
    line.as_ref().map(|line| line.action)
}

/// A line that says who the manager is, with what is lost by it. Whom the source names and who isn't in is no loss of the source's: only where
/// it names nobody any more, the guard counts it.
fn losing(mut line: LineRow, named: bool) -> LineRow {
    if line.away == Loss::None.number() && !named {
        line.away = Loss::Values.number();
    }
    line
}

/// Users whose manager isn't in.
#[derive(Default)]
pub struct Without {
    users: u64,
    managers: BTreeSet<String>,
}

impl Without {
    fn add(&mut self, manager: &str) {
        self.users += 1;
        self.managers.insert(manager.to_owned());
        if self.managers.len() > NAMED {
            self.managers.pop_last();
        }
    }

    /// What is said of them, if there are any.
    pub fn note(self) -> Option<String> {
        let who = match self.users {
            0 => return None,
            1 => "1 user names".to_owned(),
            users => format!("{users} users name"),
        };
        let more = if self.managers.len() < NAMED { "" } else { " …" };
        // As it is looked for when somebody is erased, and cut off when he is let go of.
        let names: Vec<_> = self.managers.into_iter().map(|name| format!("\"{name}\"")).collect();
        Some(format!("{who} {NO_MANAGER}: {}{more}", names.join(", ")))
    }
}

fn with_manager(user: ManagerRow, name: Option<String>) -> Result<LineRow, Fault> {
    let change = Change(user.now.map(Into::into), name.map(Into::into));
    let named = user.named.is_some();
    if let Some(mut line) = user.line {
        let mut changes: Changes = serde_json::from_str(&line.changes).unwrap_or_default();
        changes.insert(MANAGER.to_owned(), change);
        if line.action == Action::Update.name() {
            line.reason = differs(&changes);
        }
        line.changes = serde_json::to_string(&changes).unwrap_or_default();
        return Ok(losing(line, named));
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
    Ok(losing(row(&line, &user.record, 0), named))
}
