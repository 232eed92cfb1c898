//! Planning groups and users: page by page, each record against what is stored.

use crate::admit::Admission;
use crate::fault::Fault;
use crate::host::Host;
use crate::plan::{Planner, row};
use crate::plan_managers::Without;
use crate::progress::Phase;
use crate::stage::problem;
use std::collections::{BTreeMap, BTreeSet};
use usher_model::{Attributes, MANAGER, USER_NAME, Value, fold};
use usher_planner::{
    Action, Bond, Departure, Incoming, Line, Origin, Paths, StoredGroup, StoredUser, Target,
};
use usher_store::{DueGroup, DueUser, Finding, FormerGroup, IS_PROTECTED, LineRow, Standing, Store, Verdict};

const PAGE: i64 = 1000;

/// Sets of attribute names and their numbers: as many as there are shapes of records.
pub struct Shapes {
    tenant: i64,
    names: BTreeMap<i64, BTreeSet<String>>,
    numbers: BTreeMap<BTreeSet<String>, i64>,
}

impl Shapes {
    /// All that the tenant has.
    pub async fn load(store: &Store, tenant: i64) -> Result<Self, Fault> {
        let names = store.attribute_sets(tenant).await?;
        let numbers = names.iter().map(|(number, names)| (names.clone(), *number)).collect();
        Ok(Self { tenant, names, numbers })
    }

    fn names(&self, number: i64) -> BTreeSet<String> {
        self.names.get(&number).cloned().unwrap_or_default()
    }

    async fn number(&mut self, store: &Store, attributes: &Attributes) -> Result<i64, Fault> {
        let names: BTreeSet<String> = attributes.keys().cloned().collect();
        if let Some(number) = self.numbers.get(&names) {
            return Ok(*number);
        }
        let number = store.attribute_set(self.tenant, &names).await?;
        self.numbers.insert(names.clone(), number);
        self.names.insert(number, names);
        Ok(number)
    }
}

impl Planner<'_> {
    fn origin(&self, owner: Option<i64>) -> Origin {
        match owner {
            None => Origin::Manual,
            Some(connection) if connection == self.read.connection => Origin::Ours,
            Some(connection) => {
                self.former.name(connection).map_or(Origin::Theirs, |name| Origin::Former(name.to_owned()))
            }
        }
    }

    fn incoming_group(&self, due: &DueGroup, admission: &Admission) -> Incoming<Target> {
        if !due.present {
            return Incoming::Absent;
        }
        let Some(mut group) = due.raw.clone().filter(|_| due.problem.is_none()) else {
            return Incoming::Untouched;
        };
        if let Some(outcome) = &due.outcome {
            if outcome.decision == Verdict::Hold {
                return Incoming::Untouched;
            }
            outcome.edit_group(&mut group);
        }
        if !self.connection.scope.include_groups {
            return Incoming::LeftOut("groups are switched off".to_owned());
        }
        let Some(at) = admission.graph.at(&due.id) else { return Incoming::Untouched };
        if !admission.scope.holds(at) {
            let reason = admission.scope.reason(at).unwrap_or("out of scope");
            return Incoming::LeftOut(reason.to_owned());
        }
        let name = group.label().to_owned();
        let mut attributes = group.attributes;
        if let Some(kind) = group.kind {
            attributes.insert("kind".to_owned(), Value::Text(kind.name().to_owned()));
        }
        Incoming::Present(Target { name, active: None, attributes, paths: Vec::new() })
    }

    /// Plans all groups.
    pub async fn groups(&mut self, host: &Host, admission: &Admission) -> Result<(), Fault> {
        let mut rows = Vec::new();
        let mut out = Vec::new();
        let due: Vec<_> = host
            .store
            .due_groups(self.read)
            .await?
            .into_iter()
            .map(|due| (self.incoming_group(&due, admission), due))
            .collect();
        let mut heirs = heirs(&due, host.store.former_groups(self.read, self.former).await?);
        for (incoming, due) in due {
            if let Incoming::LeftOut(reason) = &incoming
                && due.outcome.as_ref().is_none_or(|outcome| outcome.decision != Verdict::LeaveOut)
            {
                out.push(Finding {
                    standing: Standing::Skipped,
                    kind: "group".to_owned(),
                    id: Some(due.id.clone()),
                    name: due.raw.as_ref().map(|group| group.label().to_owned()),
                    reason: reason.clone(),
                    place: None,
                });
            }
            let heir = heirs.remove(&due.id);
            let stored = match (&due.stored, &heir) {
                (Some(stored), _) => Some(StoredGroup {
                    origin: self.origin(stored.origin),
                    display_name: stored.name.clone(),
                    attributes: stored.attributes.clone(),
                }),
                (None, Some(former)) => Some(StoredGroup {
                    origin: self.origin(Some(former.owner)),
                    display_name: former.name.clone(),
                    attributes: former.attributes.clone(),
                }),
                (None, None) => None,
            };
            let bond =
                due.link.as_ref().map(|(_, owns)| Bond { owns: self.shapes.names(*owns), departure: None });
            let line = usher_planner::group(&due.id, &incoming, stored.as_ref(), bond.as_ref(), self.rules);
            let Some(line) = line else { continue };
            let owns = match &incoming {
                Incoming::Present(target) => self.shapes.number(&host.store, &target.attributes).await?,
                _ => 0,
            };
            let known = due.link.map(|(record, _)| record).or(heir.map(|former| former.id));
            let record = known.unwrap_or_else(new_id);
            rows.push(row(&line, &record, owns));
        }
        rows.sort_by(|a, b| a.source_id.cmp(&b.source_id));
        for page in rows.chunks(usize::try_from(PAGE).unwrap_or(1000)) {
            host.store.write_lines(self.lease, page).await?;
        }
        host.store.add_findings(self.lease.tenant, self.lease.run, &out).await?;
        Ok(())
    }

    fn incoming_user(&self, due: &DueUser, admission: &Admission, paths: &Paths) -> Incoming<Target> {
        if !due.present {
            return Incoming::Absent;
        }
        let Some(mut user) = due.raw.clone().filter(|_| due.problem.is_none()) else {
            return Incoming::Untouched;
        };
        if let Some(outcome) = &due.outcome {
            match outcome.decision {
                Verdict::Hold => return Incoming::Untouched,
                Verdict::LeaveOut => return Incoming::LeftOut(outcome.words()),
                Verdict::Keep => outcome.edit_user(&mut user),
            }
        }
        let active = user.active;
        let Some(name) = user.user_name.take() else { return Incoming::Untouched };
        let mut attributes = user.attributes;
        attributes.remove(MANAGER);
        let paths = if self.connection.scope.include_groups {
            paths.of_user(admission.places(&due.groups))
        } else {
            Vec::new()
        };
        Incoming::Present(Target { name: name.trim().to_owned(), active, attributes, paths })
    }

    fn departure(&self, left_at: i64) -> Departure {
        if left_at <= self.leaves_by { Departure::GraceOver } else { Departure::InGrace }
    }

    /// Plans the due users. Whom others name as their manager is planned before them, so that their lines are written once, with the manager.
    /// He himself is planned again in his turn, when his own manager is known.
    pub async fn users(
        &mut self,
        host: &Host,
        admission: &Admission,
        paths: &Paths,
        without: &mut Without,
    ) -> Result<(), Fault> {
        let with_groups = self.connection.scope.include_groups && !admission.graph.is_empty();
        let managers = self.connection.scope.managers;
        let (read, former) = (self.read, self.former);
        if managers {
            let outside_root = self.outside_root;
            for ids in self.who_may_manage(host).await?.chunks(usize::try_from(PAGE).unwrap_or(1000)) {
                let page = host.store.due_among(read, former, ids, with_groups).await?;
                self.page_of_users(host, admission, paths, page, None).await?;
            }
            self.outside_root = outside_root;
        }
        let mut done = 0;
        let mut page = host.store.due_users(read, former, "", with_groups, PAGE).await?;
        while let Some(last) = page.last() {
            let after = last.id.clone();
            done += page.len() as u64;
            // The database looks for the next page while this one is planned.
            let next = host.store.due_users(read, former, &after, with_groups, PAGE);
            let without = managers.then_some(&mut *without);
            let (next, planned) =
                tokio::join!(next, self.page_of_users(host, admission, paths, page, without));
            planned?;
            page = next?;
            self.progress.at(Phase::Plan, done, None);
        }
        Ok(())
    }

    /// Plans a page of users, with their managers where those who have none are to be noted.
    async fn page_of_users(
        &mut self,
        host: &Host,
        admission: &Admission,
        paths: &Paths,
        page: Vec<DueUser>,
        without: Option<&mut Without>,
    ) -> Result<(), Fault> {
        let mut planned = Vec::new();
        let (mut waiting, mut out) = (Vec::new(), Vec::new());
        for due in page {
            let incoming = self.incoming_user(&due, admission, paths);
            if let Incoming::Present(target) = &incoming
                && self.rooted
                && target.paths.is_empty()
            {
                self.outside_root += 1;
            }
            let stored = due.stored.as_ref().map(|stored| StoredUser {
                origin: self.origin(stored.origin),
                held_elsewhere: stored.held_elsewhere,
                leaving: stored.leaving,
                user_name: stored.name.clone(),
                active: stored.active,
                attributes: stored.attributes.clone(),
                paths: stored.paths.clone(),
            });
            let bond = due.link.as_ref().map(|link| Bond {
                owns: self.shapes.names(link.owns),
                departure: link.left_at.map(|left_at| self.departure(left_at)),
            });
            let line = usher_planner::user(&due.id, &incoming, stored.as_ref(), bond.as_ref(), self.rules);
            // Who would leave but may not in this run is looked at again in the next.
            let would_leave = line.is_none()
                && !self.rules.removals
                && matches!(incoming, Incoming::LeftOut(_))
                && due.link.as_ref().is_some_and(|link| link.left_at.is_none());
            if would_leave {
                let why = "is to leave, but not in a run with a record that can't be told";
                waiting.push((due.id, problem("held", why)));
                continue;
            }
            if let Some(why) = line.as_ref().and_then(|line| self.spared(&due, line)) {
                if due.present {
                    waiting.push((due.id, problem("held", &why)));
                } else {
                    out.push(held(due, why));
                }
                continue;
            }
            let owns = match (&incoming, &line) {
                (Incoming::Present(target), Some(line)) if line.action != Action::Link => {
                    self.shapes.number(&host.store, &target.attributes).await?
                }
                _ => 0,
            };
            planned.push(PlannedUser { due, line, owns });
        }
        let last = without.is_some() || !self.connection.scope.managers;
        let rows = match without {
            Some(without) => self.with_managers(host, planned, without).await?,
            None => planned.into_iter().filter_map(PlannedUser::row).collect(),
        };
        host.store.write_lines(self.lease, &rows).await?;
        if !waiting.is_empty() {
            host.store.settle_matches(self.lease, self.read, &[], &waiting).await?;
        }
        // Whom others name as their manager comes by twice, and is told of once.
        if last && !out.is_empty() {
            host.store.add_findings(self.lease.tenant, self.lease.run, &out).await?;
        }
        Ok(())
    }

    /// Why a line isn't written about somebody who is protected from it.
    fn spared(&self, due: &DueUser, line: &Line) -> Option<String> {
        let record = due.link.as_ref().map(|link| &link.record).or(due.matched.as_ref())?;
        if !self.protected.contains(record) {
            return None;
        }
        let what = match line.action {
            Action::Delete => "isn't deleted",
            Action::Deactivate => "isn't deactivated",
            _ if line.changes.contains_key(USER_NAME) => "isn't renamed",
            _ => return None,
        };
        Some(format!("{IS_PROTECTED}: {what}, although {}", line.reason))
    }
}

/// What is said of somebody whom the source no longer has.
fn held(due: DueUser, reason: String) -> Finding {
    Finding {
        standing: Standing::Held,
        kind: "user".to_owned(),
        name: due.stored.map(|stored| stored.name),
        id: Some(due.id),
        reason,
        place: None,
    }
}

/// A user who was looked at, and what is to be done.
pub struct PlannedUser {
    pub due: DueUser,
    pub line: Option<Line>,
    /// The set of attributes that the source owns from now on.
    pub owns: i64,
}

impl PlannedUser {
    /// The line as it is stored, if there is one.
    pub fn row(self) -> Option<LineRow> {
        let Self { due, line, owns } = self;
        let record = || due.link.map(|link| link.record).or(due.matched).unwrap_or_else(new_id);
        line.map(|line| row(&line, &record(), owns))
    }
}

/// The groups that newcomers take over, by the newcomers' ids: those with the same name. Where several have it, the key must be the same too.
fn heirs(due: &[(Incoming<Target>, DueGroup)], former: Vec<FormerGroup>) -> BTreeMap<String, FormerGroup> {
    let mut by_name: BTreeMap<String, Vec<FormerGroup>> = BTreeMap::new();
    for group in former {
        by_name.entry(fold(&group.name)).or_default().push(group);
    }
    let newcomers = due.iter().filter_map(|(incoming, due)| match incoming {
        Incoming::Present(target) if due.link.is_none() => Some((fold(&target.name), due.id.as_str())),
        _ => None,
    });
    let mut claims: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (name, id) in newcomers {
        claims.entry(name).or_default().push(id);
    }
    let mut heirs = BTreeMap::new();
    for (name, ids) in claims {
        let Some(mut groups) = by_name.remove(&name) else { continue };
        if let ([id], [_]) = (ids.as_slice(), groups.as_slice()) {
            heirs.extend(groups.pop().map(|group| ((*id).to_owned(), group)));
            continue;
        }
        for id in ids {
            let mut same =
                groups.iter().enumerate().filter(|(_, group)| group.source_id.as_deref() == Some(id));
            if let (Some((at, _)), None) = (same.next(), same.next()) {
                heirs.insert(id.to_owned(), groups.swap_remove(at));
            }
        }
    }
    heirs
}

fn new_id() -> String {
    usher_store::new_id()
}
