//! Groups and their members for choosing, before anything is saved (F15, F16).

use crate::files::Outside;
use crate::read::{Reading, Sink};
use crate::settings::Settings;
use std::collections::{BTreeMap, BTreeSet};
use usher_plugin::{Change, Fault, Group, GroupPage, GroupQuery, GroupSummary, MemberKind, MemberPage, User};

/// Groups or members on a page.
const PAGE: usize = 500;

/// All groups of the files, with the number of their direct members.
pub struct Listing {
    cursor: String,
    groups: Vec<Group>,
    members: BTreeMap<String, u32>,
}

impl Sink for Listing {
    fn wants(&self, _: &str) -> bool {
        false
    }

    fn take(&mut self, change: Change) {
        match change {
            Change::Group(group) => self.groups.push(group),
            Change::Member(membership) => *self.members.entry(membership.group).or_default() += 1,
            _ => {}
        }
    }
}

impl Listing {
    /// The one at hand if the files are still the same, else a new one.
    pub fn kept(
        kept: Option<Self>,
        outside: &mut dyn Outside,
        settings: &Settings,
    ) -> Result<Self, Fault> {
        let mut reading = Reading::fresh(outside, settings)?.only_looking();
        if let Some(kept) = kept
            && kept.cursor == reading.cursor()
        {
            return Ok(kept);
        }
        let mut listing =
            Self { cursor: reading.cursor().to_owned(), groups: Vec::new(), members: BTreeMap::new() };
        reading.run(outside, &mut listing)?;
        listing.groups.sort_by(|a, b| (&a.display_name, &a.id).cmp(&(&b.display_name, &b.id)));
        Ok(listing)
    }

    /// One page, by name; `after` is a number of groups.
    pub fn groups(&self, query: &GroupQuery) -> GroupPage {
        let search = query.search.as_deref().map(str::to_lowercase);
        let matches = |group: &&Group| {
            search.as_deref().is_none_or(|search| {
                group.id.to_lowercase().contains(search)
                    || group.display_name.as_deref().is_some_and(|name| name.to_lowercase().contains(search))
            })
        };
        let from = passed(query.after.as_deref());
        let mut found = self.groups.iter().filter(matches).skip(from);
        let groups: Vec<GroupSummary> = found
            .by_ref()
            .take(PAGE)
            .map(|group| GroupSummary {
                members: Some(self.members.get(&group.id).copied().unwrap_or_default()),
                group: group.clone(),
            })
            .collect();
        let next = found.next().map(|_| (from + PAGE).to_string());
        GroupPage { groups, next }
    }
}

fn passed(after: Option<&str>) -> usize {
    after.and_then(|after| after.parse().ok()).unwrap_or_default()
}

/// Who is in one group.
struct Inside<'a> {
    of: &'a str,
    members: BTreeSet<String>,
    subgroups: BTreeSet<String>,
}

impl Sink for Inside<'_> {
    fn wants(&self, _: &str) -> bool {
        false
    }

    fn take(&mut self, change: Change) {
        if let Change::Member(membership) = change
            && membership.group == self.of
        {
            match membership.kind {
                MemberKind::User => self.members.insert(membership.member),
                MemberKind::Group => self.subgroups.insert(membership.member),
            };
        }
    }
}

/// Those of them that are on the page.
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
            Change::User(user) => self.users.push(user),
            Change::Group(group) if self.subgroups.contains(&group.id) => self.groups.push(group),
            _ => {}
        }
    }
}

/// Direct members of a group, its subgroups first; `after` is a number of members. Members that aren't in the files are left out.
pub fn members(
    outside: &mut dyn Outside,
    settings: &Settings,
    of: &str,
    after: Option<&str>,
) -> Result<MemberPage, Fault> {
    let mut inside = Inside { of, members: BTreeSet::new(), subgroups: BTreeSet::new() };
    Reading::fresh(outside, settings)?.only_looking().run(outside, &mut inside)?;
    let from = passed(after);
    let all = inside.subgroups.len() + inside.members.len();
    let before = inside.subgroups.len();
    let mut wanted = Wanted {
        members: inside
            .members
            .into_iter()
            .skip(from.saturating_sub(before))
            .take((from + PAGE).saturating_sub(before.max(from)).min(PAGE))
            .collect(),
        subgroups: inside.subgroups.into_iter().skip(from).take(PAGE).collect(),
        users: Vec::new(),
        groups: Vec::new(),
    };
    Reading::fresh(outside, settings)?.only_looking().run(outside, &mut wanted)?;
    let next = (from + PAGE < all).then(|| (from + PAGE).to_string());
    Ok(MemberPage { users: wanted.users, groups: wanted.groups, next })
}
