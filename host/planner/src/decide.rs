//! One record at a time: what is stored and what came in make one line, or none.

use crate::line::{Action, Change, Changes, Line, RecordKind};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use usher_model::{ACTIVE, Attributes, DISPLAY_NAME, MANAGER, USER_NAME};

/// The field of a line that says that the grace period begins or ends: a user who is disabled at the source doesn't have it.
pub const LEAVING: &str = "leaving";

/// The field of a line with a user's paths.
pub const PATH: &str = "path";
/// The field of a line that links or adopts: the name of the record that somebody is found to be.
pub const LINKED: &str = "linked";

impl RecordKind {
    /// What a line says of such a record besides attributes. A source's attribute of such a name doesn't come in: it would be taken for
    /// these.
    pub fn fields(self) -> &'static [&'static str] {
        match self {
            Self::User => &[USER_NAME, ACTIVE, PATH, MANAGER, LEAVING, LINKED],
            Self::Group => &[DISPLAY_NAME, LINKED],
            Self::Membership => &[],
        }
    }
}

/// What a source's record comes to after scope and policies.
#[derive(Clone, Debug, PartialEq)]
pub enum Incoming<T> {
    /// It comes in like this.
    Present(T),
    /// It is there, but doesn't come in: out of scope, or left out by a policy.
    LeftOut(String),
    /// It is there and what is stored stays as it is: held, quarantined or unreadable.
    Untouched,
    /// It is proven not to be there.
    Absent,
}

/// How a user or group should be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Target {
    /// A user's userName, a group's displayName.
    pub name: String,
    /// Whether a user may act; none where the source doesn't say. Nothing comes of it for groups.
    pub active: Option<bool>,
    /// Everything else that comes from the source.
    pub attributes: Attributes,
    /// A user's paths, the primary one first.
    pub paths: Vec<String>,
}

/// Whose record it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Made by hand.
    Manual,
    /// Owned by the connection that is running.
    Ours,
    /// Owned by the connection of this name, which is idle or gives way to the one that is running.
    Former(String),
    /// Owned by another connection.
    Theirs,
}

/// A user as the directory has it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredUser {
    /// Whose it is.
    pub origin: Origin,
    /// Whether another live connection holds it too.
    pub held_elsewhere: bool,
    /// Whether its owner has begun to let it go.
    pub leaving: bool,
    /// Its userName.
    pub user_name: String,
    /// Whether it may act.
    pub active: bool,
    /// Everything else, local attributes among them.
    pub attributes: Attributes,
    /// Its paths.
    pub paths: Vec<String>,
}

/// A group as the directory has it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredGroup {
    /// Whose it is.
    pub origin: Origin,
    /// Its displayName.
    pub display_name: String,
    /// Everything else.
    pub attributes: Attributes,
}

/// What binds a record to the connection's source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bond {
    /// The attributes that come from the source; others are local and never touched.
    pub owns: BTreeSet<String>,
    /// Set while it is leaving.
    pub departure: Option<Departure>,
}

/// How far a leaving has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// Within the grace period.
    InGrace,
    /// The grace period is over.
    GraceOver,
}

/// What holds for the whole run.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How long a user who left stays, in days; 0 deletes at once.
    pub grace_days: u32,
    /// False when a record that can't be told stands in the way of every removal.
    pub removals: bool,
}

fn difference(
    stored: &Attributes,
    target: &Attributes,
    owns: &BTreeSet<String>,
    kind: RecordKind,
    changes: &mut Changes,
) {
    let fields = kind.fields();
    for name in target.keys().chain(owns.iter().filter(|name| !target.contains_key(*name))) {
        if fields.contains(&name.as_str()) {
            continue;
        }
        let (before, after) = (stored.get(name), target.get(name));
        if before != after {
            let json = |value: Option<&usher_model::Value>| value.map(usher_model::Value::to_json);
            changes.insert(name.clone(), Change(json(before), json(after)));
        }
    }
}

fn set(changes: &mut Changes, name: &str, before: Option<Json>, after: Option<Json>) {
    if before != after {
        changes.insert(name.to_owned(), Change(before, after));
    }
}

/// Which record a link is made to is part of what was seen, and so of the plan's hash.
fn linked(name: &str) -> Changes {
    Changes::from([(LINKED.to_owned(), Change(None, Some(name.into())))])
}

/// The reason of a line that takes a record over.
fn taken_over(from: &str) -> String {
    format!("taken over from {from}")
}

fn paths(paths: &[String]) -> Option<Json> {
    (!paths.is_empty()).then(|| paths.to_vec().into())
}

/// The reason of a line that changes fields: `department, title differ from the source`.
pub fn differs(changes: &Changes) -> String {
    let names: Vec<_> = changes.keys().map(String::as_str).collect();
    let verb = if names.len() == 1 { "differs" } else { "differ" };
    format!("{} {verb} from the source", names.join(", "))
}

/// The line for a user, if anything is to be done. `bond` is none for a newcomer, `stored` none where there is no record.
pub fn user(
    key: &str,
    incoming: &Incoming<Target>,
    stored: Option<&StoredUser>,
    bond: Option<&Bond>,
    rules: Rules,
) -> Option<Line> {
    let line = |action, name: &str, reason: String, changes| {
        Some(Line {
            kind: RecordKind::User,
            action,
            key: key.to_owned(),
            member: String::new(),
            name: name.to_owned(),
            reason,
            changes,
        })
    };
    match (incoming, stored, bond) {
        (Incoming::Untouched, _, _) => None,
        (Incoming::Present(target), None, _) => {
            let mut changes = Changes::new();
            set(&mut changes, USER_NAME, None, Some(target.name.as_str().into()));
            set(&mut changes, ACTIVE, None, Some(target.active.unwrap_or(true).into()));
            set(&mut changes, PATH, None, paths(&target.paths));
            let nothing = Attributes::new();
            difference(&nothing, &target.attributes, &BTreeSet::new(), RecordKind::User, &mut changes);
            line(Action::Create, &target.name, "new at the source".to_owned(), changes)
        }
        (Incoming::Present(target), Some(stored), bond) => {
            let former = match (&stored.origin, bond) {
                (Origin::Ours, Some(_)) => None,
                (Origin::Former(from), _) => Some(from),
                (Origin::Ours | Origin::Manual | Origin::Theirs, None) => {
                    let whose =
                        if stored.origin == Origin::Manual { "by hand" } else { "by another connection" };
                    let changes = linked(&stored.user_name);
                    return line(
                        Action::Link,
                        &stored.user_name,
                        format!("the same as a user made {whose}"),
                        changes,
                    );
                }
                (Origin::Manual | Origin::Theirs, Some(_)) => return None,
            };
            let left = bond.is_some_and(|bond| bond.departure.is_some());
            // What the source doesn't say stays as it is: a column that is lost enables nobody. Who comes back was inactive by leaving.
            let leaving = if former.is_some() { stored.leaving } else { left };
            let active = target.active.unwrap_or(stored.active || leaving);
            let mut changes = if former.is_some() { linked(&stored.user_name) } else { Changes::new() };
            set(
                &mut changes,
                USER_NAME,
                Some(stored.user_name.as_str().into()),
                Some(target.name.as_str().into()),
            );
            set(&mut changes, ACTIVE, Some(stored.active.into()), Some(active.into()));
            set(&mut changes, PATH, paths(&stored.paths), paths(&target.paths));
            let nothing = BTreeSet::new();
            let owns = bond.map_or(&nothing, |bond| &bond.owns);
            difference(&stored.attributes, &target.attributes, owns, RecordKind::User, &mut changes);
            if left {
                set(&mut changes, LEAVING, Some(true.into()), None);
            }
            if let Some(from) = former {
                line(Action::Adopt, &target.name, taken_over(from), changes)
            } else if left {
                line(Action::Reactivate, &target.name, "back at the source".to_owned(), changes)
            } else if changes.is_empty() {
                None
            } else if stored.active && !active {
                line(Action::Deactivate, &target.name, "disabled at the source".to_owned(), changes)
            } else if !stored.active && active {
                line(Action::Reactivate, &target.name, "enabled at the source".to_owned(), changes)
            } else {
                let reason = differs(&changes);
                line(Action::Update, &target.name, reason, changes)
            }
        }
        (Incoming::LeftOut(_) | Incoming::Absent, Some(stored), Some(bond)) => {
            if !rules.removals {
                return None;
            }
            let reason = match incoming {
                Incoming::LeftOut(reason) => reason.clone(),
                _ => "no longer at the source".to_owned(),
            };
            if stored.origin != Origin::Ours || stored.held_elsewhere {
                return line(Action::Unlink, &stored.user_name, reason, Changes::new());
            }
            match bond.departure {
                Some(Departure::InGrace) if !stored.active => None,
                // Enabled here meanwhile: who has left isn't active, and his grace goes on.
                Some(Departure::InGrace) => {
                    let mut changes = Changes::new();
                    set(&mut changes, ACTIVE, Some(true.into()), Some(false.into()));
                    changes.insert(LEAVING.to_owned(), Change(Some(true.into()), Some(true.into())));
                    line(Action::Deactivate, &stored.user_name, reason, changes)
                }
                Some(Departure::GraceOver) => {
                    let reason = format!("{reason}; the {} days of grace are over", rules.grace_days);
                    let mut changes = Changes::new();
                    set(&mut changes, LEAVING, Some(true.into()), None);
                    line(Action::Delete, &stored.user_name, reason, changes)
                }
                None if rules.grace_days == 0 => {
                    line(Action::Delete, &stored.user_name, reason, Changes::new())
                }
                None => {
                    let mut changes = Changes::new();
                    set(&mut changes, ACTIVE, Some(stored.active.into()), Some(false.into()));
                    set(&mut changes, LEAVING, None, Some(true.into()));
                    line(Action::Deactivate, &stored.user_name, reason, changes)
                }
            }
        }
        (Incoming::LeftOut(_) | Incoming::Absent, _, _) => None,
    }
}

/// The line for a group, if anything is to be done. Groups have no grace: what leaves goes.
pub fn group(
    key: &str,
    incoming: &Incoming<Target>,
    stored: Option<&StoredGroup>,
    bond: Option<&Bond>,
    rules: Rules,
) -> Option<Line> {
    let line = |action, name: &str, reason: String, changes| {
        Some(Line {
            kind: RecordKind::Group,
            action,
            key: key.to_owned(),
            member: String::new(),
            name: name.to_owned(),
            reason,
            changes,
        })
    };
    match (incoming, stored, bond) {
        (Incoming::Untouched, _, _) => None,
        (Incoming::Present(target), None, _) => {
            let mut changes = Changes::new();
            set(&mut changes, DISPLAY_NAME, None, Some(target.name.as_str().into()));
            let nothing = Attributes::new();
            difference(&nothing, &target.attributes, &BTreeSet::new(), RecordKind::Group, &mut changes);
            line(Action::Create, &target.name, "new at the source".to_owned(), changes)
        }
        (Incoming::Present(target), Some(stored), bond) => {
            let former = match (&stored.origin, bond) {
                (Origin::Ours, Some(_)) => None,
                (Origin::Former(from), _) => Some(from),
                (Origin::Ours | Origin::Manual | Origin::Theirs, None) => {
                    return line(
                        Action::Link,
                        &stored.display_name,
                        "the same as a group made by hand".to_owned(),
                        linked(&stored.display_name),
                    );
                }
                (Origin::Manual | Origin::Theirs, Some(_)) => return None,
            };
            let mut changes = if former.is_some() { linked(&stored.display_name) } else { Changes::new() };
            set(
                &mut changes,
                DISPLAY_NAME,
                Some(stored.display_name.as_str().into()),
                Some(target.name.as_str().into()),
            );
            let nothing = BTreeSet::new();
            let owns = bond.map_or(&nothing, |bond| &bond.owns);
            difference(&stored.attributes, &target.attributes, owns, RecordKind::Group, &mut changes);
            if let Some(from) = former {
                return line(Action::Adopt, &target.name, taken_over(from), changes);
            }
            if changes.is_empty() {
                return None;
            }
            let reason = differs(&changes);
            line(Action::Update, &target.name, reason, changes)
        }
        (Incoming::LeftOut(_) | Incoming::Absent, Some(stored), Some(_)) if rules.removals => {
            let reason = match incoming {
                Incoming::LeftOut(reason) => reason.clone(),
                _ => "no longer at the source".to_owned(),
            };
            let action = if stored.origin == Origin::Ours { Action::Delete } else { Action::Unlink };
            line(action, &stored.display_name, reason, Changes::new())
        }
        (Incoming::LeftOut(_) | Incoming::Absent, _, _) => None,
    }
}
