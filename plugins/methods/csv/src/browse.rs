//! Groups and their members for choosing, before anything is saved (F15, F16).
//!
//! Both go through the files as a read does, without handing users over. A large file takes several calls: until it is gone through,
//! pages are empty and lead on.

use crate::files::Outside;
use crate::read::{Reading, Sink};
use crate::settings::Settings;
use std::collections::{BTreeMap, BTreeSet};
use usher_plugin::{Change, Fault, Group, GroupPage, GroupQuery, GroupSummary, MemberKind, MemberPage, User};

/// Groups or members on a page.
const PAGE: usize = 500;

/// At most so many chunks (128 MiB) are read for one page: about two seconds of work.
pub const CHUNKS_A_CALL: u32 = 512;

/// What of a user is shown: enough to know who it is.
const SHOWN: [&str; 4] = ["displayName", "name.givenName", "name.familyName", "emails"];

/// How many records were passed before a page, and which call for it this is.
fn passed(after: Option<&str>) -> (usize, u32) {
    let mut numbers = after.unwrap_or_default().split('.');
    let mut number = || numbers.next().and_then(|number| number.parse::<u32>().ok()).unwrap_or_default();
    (number() as usize, number())
}

/// The same page once more, when the files aren't gone through yet.
fn again(from: usize, call: u32) -> Option<String> {
    Some(format!("{from}.{}", call + 1))
}

/// All groups of the files, with the number of their direct members.
pub struct Listing {
    reading: Reading,
    done: bool,
    found: Found,
}

#[derive(Default)]
struct Found {
    groups: Vec<Group>,
    members: BTreeMap<String, u32>,
}

impl Sink for Found {
    fn wants(&self, _: &str) -> bool {
        false
    }

    fn take(&mut self, change: Change) {
        if let Change::Group(mut group) = change {
            group.attributes = Vec::new();
            self.groups.push(group);
        }
    }

    fn member(&mut self, group: &str, _: &str, _: MemberKind) {
        match self.members.get_mut(group) {
            Some(count) => *count += 1,
            None => {
                self.members.insert(group.to_owned(), 1);
            }
        }
    }
}

impl Listing {
    /// The one at hand if the files are still the same, else a new one.
    pub fn kept(kept: Option<Self>, outside: &mut dyn Outside, settings: &Settings) -> Result<Self, Fault> {
        let reading = Reading::fresh(outside, settings)?.only_looking();
        match kept {
            Some(kept) if kept.reading.cursor() == reading.cursor() => Ok(kept),
            _ => Ok(Self { reading, done: false, found: Found::default() }),
        }
    }

    /// One page, by name.
    pub fn groups(&mut self, outside: &mut dyn Outside, query: &GroupQuery) -> Result<GroupPage, Fault> {
        let (from, call) = passed(query.after.as_deref());
        if !self.done {
            self.done = self.reading.run(outside, &mut self.found, CHUNKS_A_CALL)?;
            if !self.done {
                return Ok(GroupPage { groups: Vec::new(), next: again(from, call) });
            }
            self.found.groups.sort_by(|a, b| (&a.display_name, &a.id).cmp(&(&b.display_name, &b.id)));
        }
        let search = query.search.as_deref().map(str::to_lowercase);
        let matches = |group: &&Group| {
            search.as_deref().is_none_or(|search| {
                group.id.to_lowercase().contains(search)
                    || group.display_name.as_deref().is_some_and(|name| name.to_lowercase().contains(search))
            })
        };
        let mut found = self.found.groups.iter().filter(matches).skip(from);
        let groups: Vec<GroupSummary> = found
            .by_ref()
            .take(PAGE)
            .map(|group| GroupSummary {
                members: Some(self.found.members.get(&group.id).copied().unwrap_or_default()),
                group: group.clone(),
            })
            .collect();
        let next = found.next().map(|_| (from + PAGE).to_string());
        Ok(GroupPage { groups, next })
    }
}

/// The direct members of one group.
pub struct Members {
    inside: Inside,
    reading: Reading,
    done: bool,
    /// The page that is being made: where it begins, and who is on it.
    page: Option<(usize, Reading, Wanted)>,
}

/// Who is in the group.
struct Inside {
    of: String,
    members: BTreeSet<String>,
    subgroups: BTreeSet<String>,
}

impl Sink for Inside {
    fn wants(&self, _: &str) -> bool {
        false
    }

    fn take(&mut self, _: Change) {}

    fn member(&mut self, group: &str, member: &str, kind: MemberKind) {
        if group == self.of {
            match kind {
                MemberKind::User => self.members.insert(member.to_owned()),
                MemberKind::Group => self.subgroups.insert(member.to_owned()),
            };
        }
    }
}

/// Those of them that are on a page.
struct Wanted {
    members: BTreeSet<String>,
    subgroups: BTreeSet<String>,
    users: Vec<User>,
    groups: Vec<Group>,
}

impl Sink for Wanted {
    fn wants(&self, user: &str) -> bool {
        self.members.contains(user)
    }

    fn take(&mut self, change: Change) {
        match change {
            Change::User(mut user) => {
                user.attributes.retain(|(name, _)| SHOWN.contains(&name.as_str()));
                self.users.push(user);
            }
            Change::Group(mut group) if self.subgroups.contains(&group.id) => {
                group.attributes = Vec::new();
                self.groups.push(group);
            }
            _ => {}
        }
    }

    fn member(&mut self, _: &str, _: &str, _: MemberKind) {}
}

impl Members {
    /// The one at hand if it is of this group and the files are still the same, else a new one.
    pub fn kept(
        kept: Option<Self>,
        outside: &mut dyn Outside,
        settings: &Settings,
        of: &str,
    ) -> Result<Self, Fault> {
        let reading = Reading::fresh(outside, settings)?.only_looking();
        match kept {
            Some(kept) if kept.inside.of == of && kept.reading.cursor() == reading.cursor() => Ok(kept),
            _ => {
                let inside =
                    Inside { of: of.to_owned(), members: BTreeSet::new(), subgroups: BTreeSet::new() };
                Ok(Self { inside, reading, done: false, page: None })
            }
        }
    }

    /// One page, subgroups first. Members that aren't in the files are left out.
    pub fn page(
        &mut self,
        outside: &mut dyn Outside,
        settings: &Settings,
        after: Option<&str>,
    ) -> Result<MemberPage, Fault> {
        let (from, call) = passed(after);
        let unfinished = MemberPage { users: Vec::new(), groups: Vec::new(), next: again(from, call) };
        if !self.done {
            self.done = self.reading.run(outside, &mut self.inside, CHUNKS_A_CALL)?;
            if !self.done {
                return Ok(unfinished);
            }
        }
        let (mut reading, mut wanted) = match self.page.take() {
            Some((begun, reading, wanted)) if begun == from => (reading, wanted),
            _ => (Reading::fresh(outside, settings)?.only_looking(), self.wanted(from)),
        };
        if !reading.run(outside, &mut wanted, CHUNKS_A_CALL)? {
            self.page = Some((from, reading, wanted));
            return Ok(unfinished);
        }
        let all = self.inside.subgroups.len() + self.inside.members.len();
        let next = (from + PAGE < all).then(|| (from + PAGE).to_string());
        Ok(MemberPage { users: wanted.users, groups: wanted.groups, next })
    }

    fn wanted(&self, from: usize) -> Wanted {
        let Inside { members, subgroups, .. } = &self.inside;
        let subgroups_before = from.min(subgroups.len());
        let on_page: BTreeSet<String> = subgroups.iter().skip(subgroups_before).take(PAGE).cloned().collect();
        Wanted {
            members: members
                .iter()
                .skip(from - subgroups_before)
                .take(PAGE - on_page.len())
                .cloned()
                .collect(),
            subgroups: on_page,
            users: Vec::new(),
            groups: Vec::new(),
        }
    }
}
