//! What becomes of one row at each stage of a read.
//!
//! A row that can't be read is named with its key only if the key is beyond doubt: what is stored under it then stays.
//! Without a key the host removes nobody in that run, so that a person whose row is damaged is never taken for gone.

use crate::broken::BadRow;
use crate::groups::{GroupColumns, named_group};
use crate::keys::{Keys, fingerprint};
use crate::memberships::{Link, MembershipColumns};
use crate::read::{Reading, Sink};
use crate::table::{Row, Table};
use crate::users::{People, is_key, lower};
use std::borrow::Cow;
use usher_plugin::{Change, MemberKind, ObjectRef};

/// At most so many groups in one row: a row's changes come on one page, and a host takes ten thousand.
const MOST_GROUPS: usize = 5_000;

fn bad(row: &Row<'_>, what: Option<ObjectRef>, why: &BadRow) -> Change {
    Change::Unreadable(why.record(what, row.place()))
}

/// Both rows of a repeated key: the first holds what is stored under it, the second keeps anybody from being removed.
fn repeated(row: &Row<'_>, file: &str, what: ObjectRef, first: u32, sink: &mut dyn Sink) {
    let again = BadRow::Repeated { other: row.line() };
    sink.take(Change::Unreadable(again.record(Some(what), format!("{file} line {first}"))));
    sink.take(bad(row, None, &BadRow::Repeated { other: first }));
}

/// The key of a damaged row, if it is beyond doubt.
fn sure_key<K>(flaw: &BadRow, key: Result<K, BadRow>, key_is_first: bool) -> Option<K> {
    match flaw {
        BadRow::Swallowed { .. }
        | BadRow::ShortAtEnd { .. }
        | BadRow::LostNewline
        | BadRow::Header { .. } => None,
        // With a field too many or too few, whatever stands behind it may have shifted.
        BadRow::Fields { .. } if !key_is_first => None,
        _ => key.ok(),
    }
}

fn link(links: &mut Keys<()>, group: &str, member: &str, kind: MemberKind, sink: &mut dyn Sink) {
    links.insert(fingerprint((group, member, kind as u8)), ());
    sink.member(group, member, kind);
}

impl Reading {
    pub(crate) fn group_row(&mut self, table: &Table, columns: &GroupColumns, sink: &mut dyn Sink) {
        let row = table.row();
        let key = columns.key(&row, &table.headers);
        let (id, flaw) = match (row.flaw(), key) {
            (Some(flaw), key) => match sure_key(&flaw, key, columns.key == 0) {
                Some(id) => (id, Some(flaw)),
                None => return sink.take(bad(&row, None, &flaw)),
            },
            (None, Ok(id)) => (id, None),
            (None, Err(why)) => return sink.take(bad(&row, None, &why)),
        };
        let id = id.into_owned();
        if let Some(first) = self.groups.insert(&id, row.line()) {
            return repeated(&row, &table.file.name, ObjectRef::Group(id), first, sink);
        }
        if let Some(flaw) = flaw {
            return sink.take(bad(&row, Some(ObjectRef::Group(id)), &flaw));
        }
        let group = columns.group(&row, id);
        if let Some(name) = group.display_name.as_deref().filter(|name| *name != group.id) {
            self.groups.name(name, &group.id);
        }
        sink.take(Change::Group(group));
    }

    /// Groups that exist by being named.
    fn name_group(&mut self, name: &str, sink: &mut dyn Sink) {
        if is_key(name) && self.groups.insert(name, 0).is_none() {
            sink.take(Change::Group(named_group(name)));
        }
    }

    pub(crate) fn user_groups(&mut self, table: &Table, people: &People, sink: &mut dyn Sink) {
        let row = table.row();
        let Some(cell) = people.columns.groups.and_then(|column| row.text(column)) else { return };
        // Damaged rows are named when it is the users' turn.
        if cell.is_empty() || row.flaw().is_some() || self.is_example(&row, people) || !people.admits(&row) {
            return;
        }
        for name in people.groups(&cell) {
            self.name_group(name, sink);
        }
    }

    pub(crate) fn membership_group(
        &mut self,
        table: &Table,
        columns: &MembershipColumns,
        sink: &mut dyn Sink,
    ) {
        let row = table.row();
        if row.flaw().is_none()
            && let Some(name) = row.text(columns.group)
        {
            self.name_group(&name, sink);
        }
    }

    fn is_example(&self, row: &Row<'_>, people: &People) -> bool {
        self.is_first_row() && people.is_example(row)
    }

    pub(crate) fn user_row(&mut self, table: &Table, people: &People, sink: &mut dyn Sink) {
        let row = table.row();
        let flaw = row.flaw();
        if flaw.is_none() && self.is_example(&row, people) {
            return;
        }
        self.user_rows += 1;
        if flaw.is_none() && !people.admits(&row) {
            self.filtered += 1;
            return;
        }
        let key = people.key(&row, &table.headers);
        let id = match (&flaw, key) {
            (Some(flaw), key) => match sure_key(flaw, key, people.columns.key == 0) {
                // Groups that only this row names would look gone.
                Some(_) if self.files.groups.is_none() && people.columns.groups.is_some() => None,
                id => id,
            },
            (None, Ok(id)) => Some(id),
            (None, Err(why)) => return sink.take(bad(&row, None, &why)),
        };
        let user = |id: &Cow<'_, str>| ObjectRef::User(id.clone().into_owned());
        if let Some(id) = &id
            && let Some(first) = self.user_lines.insert(fingerprint(id.as_ref()), row.line())
        {
            return repeated(&row, &table.file.name, user(id), first, sink);
        }
        let active = match flaw {
            Some(flaw) => Err(flaw),
            None => people.active(&row, &table.headers),
        };
        match (active, id) {
            (Ok(active), Some(id)) => {
                if sink.wants(&id) {
                    sink.take(Change::User(people.user(&row, id.clone().into_owned(), active)));
                }
                if let Some(names) = &mut self.names {
                    // A key is looked up before any name.
                    let is_key = |name: &str| self.folds_case && lower(Cow::Borrowed(name)) == id;
                    let own = people.names(&row);
                    names.insert(&id, own.iter().map(Cow::as_ref).filter(|name| !is_key(name)));
                }
                self.user_links(table, people, &id, sink);
            }
            (Ok(_), None) => {}
            (Err(why), id) => sink.take(bad(&row, id.as_ref().map(user), &why)),
        }
    }

    fn user_links(&mut self, table: &Table, people: &People, user: &str, sink: &mut dyn Sink) {
        let row = table.row();
        let Some(column) = people.columns.groups else { return };
        let Some(cell) = row.text(column) else { return };
        let named = if cell.len() > MOST_GROUPS { people.groups(&cell).count() } else { 0 };
        if named > MOST_GROUPS {
            return sink.take(bad(&row, None, &BadRow::TooManyGroups(named)));
        }
        for reference in people.groups(&cell) {
            if !is_key(reference) {
                let header = table.headers.get(column).cloned().unwrap_or_default();
                sink.take(bad(&row, None, &BadRow::BadKey(header)));
                continue;
            }
            let known = self.groups.id_of(reference);
            if known.is_none() {
                match self.groups.is_doubtful(reference) {
                    true => self.doubtful_groups.note(row.line(), reference),
                    false => self.strange_groups.note(row.line(), reference),
                }
            }
            link(&mut self.links, known.unwrap_or(reference), user, MemberKind::User, sink);
        }
    }

    pub(crate) fn membership_row(&mut self, table: &Table, columns: &MembershipColumns, sink: &mut dyn Sink) {
        let row = table.row();
        let read = match row.flaw() {
            Some(flaw) => Err(flaw),
            None => columns.link(&row, &table.headers),
        };
        // Whichever membership it was, it must not look gone.
        let Link { group, member, kind } = match read {
            Ok(link) => link,
            Err(why) => return sink.take(bad(&row, None, &why)),
        };
        let known = self.groups.id_of(&group);
        if known.is_none() {
            match self.groups.is_doubtful(&group) {
                true => self.doubtful_groups.note(row.line(), &group),
                false => self.strange_groups.note(row.line(), &group),
            }
        }
        let group = known.unwrap_or(&group);
        let user = if self.folds_case { lower(member.clone()) } else { member.clone() };
        let user = match (&self.names, kind) {
            _ if kind == Some(MemberKind::Group) => None,
            _ if self.user_lines.contains(fingerprint(user.as_ref())) => Some(user.as_ref()),
            (Some(names), _) => names.id_of(&member),
            (None, _) => None,
        };
        let subgroup = match (user, kind) {
            (None, None | Some(MemberKind::Group)) => self.groups.id_of(&member),
            _ => None,
        };
        let (member, kind) = match (user, subgroup) {
            (Some(user), _) => (user, MemberKind::User),
            (None, Some(group)) => (group, MemberKind::Group),
            (None, None) => {
                let may_be_user = kind != Some(MemberKind::Group);
                let is_doubtful = may_be_user
                    && self.names.as_ref().is_some_and(|names| names.is_doubtful(&member))
                    || kind != Some(MemberKind::User) && self.groups.is_doubtful(&member);
                match is_doubtful {
                    true => self.doubtful_members.note(row.line(), &member),
                    false => self.strange_members.note(row.line(), &member),
                }
                (member.as_ref(), kind.unwrap_or(MemberKind::User))
            }
        };
        link(&mut self.links, group, member, kind, sink);
    }
}
