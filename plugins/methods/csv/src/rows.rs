//! What becomes of one row at each stage of a read.
//!
//! A row that can't be read is named with its key only if the key is beyond doubt: what is stored under it then stays. Without a key the
//! host removes nobody in that run, so that a person whose row is damaged is never taken for gone.

use crate::broken::BadRow;
use crate::groups::{GroupColumns, named_group};
use crate::keys::fingerprint;
use crate::memberships::{Link, MembershipColumns};
use crate::read::{Reading, Sink};
use crate::table::{Row, Table};
use crate::users::{People, is_key, lower};
use usher_plugin::{BadRecord, Change, MemberKind, Membership, ObjectRef};

fn bad(row: &Row<'_>, what: Option<ObjectRef>, why: &BadRow) -> Change {
    Change::Unreadable(BadRecord { what, place: row.place(), why: why.sentence() })
}

/// Both rows of a repeated key: the first holds what is stored under it, the second keeps anybody from being removed.
fn repeated(row: &Row<'_>, file: &str, what: ObjectRef, first: u32, sink: &mut dyn Sink) {
    let why = BadRow::Repeated { other: row.line() }.sentence();
    sink.take(Change::Unreadable(BadRecord { what: Some(what), place: format!("{file} line {first}"), why }));
    sink.take(bad(row, None, &BadRow::Repeated { other: first }));
}

/// The key of a damaged row, if it is beyond doubt.
fn sure_key(flaw: &BadRow, key: Result<String, BadRow>, key_is_first: bool) -> Option<String> {
    match flaw {
        BadRow::Swallowed { .. } | BadRow::ShortAtEnd { .. } => None,
        // With a field too many or too few, whatever stands behind it may have shifted.
        BadRow::Fields { .. } if !key_is_first => None,
        _ => key.ok(),
    }
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
        if let Some(first) = self.group_lines.insert(fingerprint(&id), row.line()) {
            return repeated(&row, &table.file.name, ObjectRef::Group(id), first, sink);
        }
        self.group_count += 1;
        let group = match flaw {
            Some(flaw) => Err(flaw),
            None => columns.group(&row, &table.headers, id.clone()),
        };
        match group {
            Ok(group) => {
                self.groups.insert(&id, group.display_name.as_deref());
                sink.take(Change::Group(group));
            }
            Err(why) => {
                self.groups.insert(&id, None);
                sink.take(bad(&row, Some(ObjectRef::Group(id)), &why));
            }
        }
    }

    /// Groups that exist by being named.
    fn name_group(&mut self, name: &str, sink: &mut dyn Sink) {
        if is_key(name) && self.groups.insert(name, None) {
            self.group_count += 1;
            sink.take(Change::Group(named_group(name)));
        }
    }

    pub(crate) fn user_groups(&mut self, table: &Table, people: &People, sink: &mut dyn Sink) {
        let row = table.row();
        let Some(cell) = people.columns.groups.and_then(|column| row.text(column)) else { return };
        // Damaged rows are named when it is the users' turn.
        if cell.is_empty() || row.flaw().is_some() || self.is_kept_out(&row, people) {
            return;
        }
        for name in people.groups(&cell) {
            self.name_group(name, sink);
        }
    }

    pub(crate) fn membership_group(&mut self, table: &Table, columns: &MembershipColumns, sink: &mut dyn Sink) {
        let row = table.row();
        if row.flaw().is_none()
            && let Some(name) = row.text(columns.group)
        {
            self.name_group(&name, sink);
        }
    }

    fn is_kept_out(&self, row: &Row<'_>, people: &People) -> bool {
        (self.is_first_row() && people.is_example(row)) || !people.admits(row)
    }

    pub(crate) fn user_row(&mut self, table: &Table, people: &People, sink: &mut dyn Sink) {
        let row = table.row();
        let flaw = row.flaw();
        if flaw.is_none() && self.is_first_row() && people.is_example(&row) {
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
        if let Some(id) = &id
            && let Some(first) = self.user_lines.insert(fingerprint(id), row.line())
        {
            return repeated(&row, &table.file.name, ObjectRef::User(id.clone()), first, sink);
        }
        let active = match flaw {
            Some(flaw) => Err(flaw),
            None => people.active(&row, &table.headers),
        };
        match (active, id) {
            (Ok(active), Some(id)) => {
                let wanted = sink.wants(&id);
                let user = wanted.then(|| people.user(&row, id.clone(), active));
                if let Some(user) = user {
                    sink.take(Change::User(user));
                }
                if let Some(cell) = people.columns.groups.and_then(|column| row.text(column)) {
                    self.user_links(&row, people, &cell, &id, table, sink);
                }
            }
            (Ok(_), None) => {}
            (Err(why), id) => sink.take(bad(&row, id.map(ObjectRef::User), &why)),
        }
    }

    fn user_links(
        &mut self,
        row: &Row<'_>,
        people: &People,
        cell: &str,
        user: &str,
        table: &Table,
        sink: &mut dyn Sink,
    ) {
        for reference in people.groups(cell) {
            if !is_key(reference) {
                let header = people.columns.groups.and_then(|column| table.headers.get(column));
                sink.take(bad(row, None, &BadRow::BadKey(header.cloned().unwrap_or_default())));
                continue;
            }
            let group = self.group_id(reference, row.line());
            self.link(group, user.to_owned(), MemberKind::User, sink);
        }
    }

    fn group_id(&mut self, reference: &str, line: u32) -> String {
        match self.groups.id_of(reference) {
            Some(id) => id.to_owned(),
            None => {
                self.strange_groups.note(line);
                reference.to_owned()
            }
        }
    }

    fn link(&mut self, group: String, member: String, kind: MemberKind, sink: &mut dyn Sink) {
        self.links.insert(fingerprint((&group, &member, kind as u8)), ());
        sink.take(Change::Member(Membership { group, member, kind }));
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
        let group = self.group_id(&group, row.line());
        let user = if self.folds_case { lower(member.clone()) } else { member.clone() };
        let is_user = self.user_lines.contains(fingerprint(&user));
        let subgroup = self.groups.id_of(&member).map(str::to_owned);
        let (member, kind) = match (kind, subgroup) {
            (Some(MemberKind::Group), Some(id)) => (id, MemberKind::Group),
            (Some(MemberKind::Group), None) => {
                self.strange_members.note(row.line());
                (member, MemberKind::Group)
            }
            (None, Some(id)) if !is_user => (id, MemberKind::Group),
            _ => {
                if !is_user {
                    self.strange_members.note(row.line());
                }
                (user, MemberKind::User)
            }
        };
        self.link(group, member, kind, sink);
    }
}
