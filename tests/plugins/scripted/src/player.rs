//! Plays a script: every answer of the method, without a host.

use crate::record::{MemberKind, Membership};
use crate::script::{Fault as Scripted, Read, Script, Seal};
use crate::world::{World, count};
use std::collections::HashSet;
use usher_plugin::{
    Counts, Coverage, Estimate, Fault, Finding, GroupPage, GroupQuery, GroupSummary, MemberPage, Next,
    ObjectRef, Page, Position, Presence, Report, Seal as Sealed, Standing, User,
};

/// Changes a page where neither script nor settings say.
const PAGE: u32 = 500;

/// One instance of the method.
#[derive(Debug)]
pub struct Player {
    script: Script,
    page: Option<u32>,
    world: World,
    /// The tokens this instance gave out.
    given: HashSet<String>,
}

/// Which read of the script.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    Fresh,
    Since(String),
}

impl Player {
    /// Plays a script, `page` going before the script's own.
    pub fn new(script: Script, page: Option<u32>) -> Self {
        let world = World::after(&script.fresh.changes);
        Self { script, page, world, given: HashSet::new() }
    }

    /// What the source says of itself.
    pub fn check(&self) -> Result<Report, Fault> {
        unless(&self.script.faults.check)?;
        let counted = count(&self.script.fresh.changes);
        Ok(match self.script.check.clone() {
            Some(check) => Report {
                findings: check.findings.into_iter().map(Into::into).collect(),
                counts: check.counts.map(|counts| estimate(counts.over(counted))),
                verified_domains: check.verified_domains,
            },
            None => Report {
                findings: vec![Finding {
                    standing: Standing::Good,
                    what: "the script was read".to_owned(),
                    advice: None,
                }],
                counts: Some(estimate(counted)),
                verified_domains: Vec::new(),
            },
        })
    }

    /// Groups whose name holds the search text, by id.
    pub fn groups(&self, query: &GroupQuery) -> Result<GroupPage, Fault> {
        unless(&self.script.faults.groups)?;
        let search = query.search.as_deref().unwrap_or_default().to_lowercase();
        let found = self.world.groups.values().filter(|group| {
            group.display_name.as_deref().unwrap_or_default().to_lowercase().contains(&search)
        });
        let (groups, next) = self.slice(found, query.after.as_deref())?;
        let summaries = groups.into_iter().map(|group| GroupSummary {
            members: u32::try_from(self.world.members_of(&group.id).count()).ok(),
            group: group.clone().into(),
        });
        Ok(GroupPage { groups: summaries.collect(), next })
    }

    /// Direct members of a group.
    pub fn members(&self, of: &str, after: Option<&str>) -> Result<MemberPage, Fault> {
        unless(&self.script.faults.members)?;
        if !self.world.groups.contains_key(of) {
            return Err(Fault::Source(format!("there is no group `{of}`")));
        }
        let (members, next) = self.slice(self.world.members_of(of), after)?;
        let mut page = MemberPage { users: Vec::new(), groups: Vec::new(), next };
        for Membership { member, kind, .. } in members {
            match kind {
                MemberKind::User => page.users.push(self.user(member)),
                MemberKind::Group => {
                    page.groups.extend(self.world.groups.get(member).cloned().map(Into::into))
                }
            }
        }
        Ok(page)
    }

    /// A member, even if there is no record of him.
    fn user(&self, id: &str) -> User {
        let user = self.world.users.get(id).cloned();
        user.unwrap_or_else(|| crate::User::new(id)).into()
    }

    /// One page of what is listed, after a token that is the number of those before.
    fn slice<T>(
        &self,
        all: impl Iterator<Item = T>,
        after: Option<&str>,
    ) -> Result<(Vec<T>, Option<String>), Fault> {
        let start: usize = match after {
            None => 0,
            Some(token) => token.parse().map_err(|_| Fault::ResumeLost)?,
        };
        let size = self.page_size(&self.script.fresh);
        let mut rest = all.skip(start);
        let page: Vec<T> = rest.by_ref().take(size).collect();
        let next = rest.next().map(|_| (start + size).to_string());
        Ok((page, next))
    }

    /// Answers about single records.
    pub fn lookup(&mut self, refs: &[ObjectRef]) -> Result<Vec<Presence>, Fault> {
        match &mut self.script.faults.lookup_times {
            Some(0) => {}
            Some(times) => {
                *times -= 1;
                unless(&self.script.faults.lookup)?;
            }
            None => unless(&self.script.faults.lookup)?,
        }
        Ok(refs.iter().map(|one| self.presence(one)).collect())
    }

    fn presence(&self, one: &ObjectRef) -> Presence {
        let (key, found, what) = match one {
            ObjectRef::User(id) => {
                (format!("user:{id}"), self.world.user(id), crate::ObjectRef::User(id.clone()))
            }
            ObjectRef::Group(id) => {
                (format!("group:{id}"), self.world.group(id), crate::ObjectRef::Group(id.clone()))
            }
        };
        match (self.script.lookup.get(&key), found, self.world.unreadable.get(&what)) {
            (Some(answer), ..) => answer.clone().into(),
            (None, _, Some(why)) => Presence::Unknown(why.clone()),
            (None, Some(changes), None) => Presence::Here(changes.into_iter().map(Into::into).collect()),
            (None, None, None) => Presence::Gone,
        }
    }

    /// One page.
    pub fn read(&mut self, at: &Position) -> Result<Page, Fault> {
        let (source, start) = match at {
            Position::Fresh => (Source::Fresh, 0),
            Position::Since(cursor) => (Source::Since(cursor.clone()), 0),
            Position::Resume(token) => self.resumed(token)?,
        };
        let read = match (&source, at) {
            (Source::Fresh, _) => &self.script.fresh,
            (Source::Since(cursor), at) => self.script.since.get(cursor).ok_or(match at {
                Position::Resume(_) => Fault::ResumeLost,
                Position::Fresh | Position::Since(_) => Fault::CursorExpired,
            })?,
        };
        let size = self.page_size(read);
        let number = u32::try_from(start / size + 1).unwrap_or(u32::MAX);
        unless(&read.faults.get(&number).cloned())?;
        let rest = read.changes.get(start..).ok_or(Fault::ResumeLost)?;
        let changes: Vec<_> = rest.iter().take(size).cloned().map(Into::into).collect();
        let expected = read.expected.or(u32::try_from(read.changes.len()).ok());
        let next = if rest.len() > size {
            let token = source.token(start + size);
            self.given.insert(token.clone());
            Next::More(token)
        } else {
            Next::End(sealed(read, &source))
        };
        Ok(Page { changes, next, expected })
    }

    fn resumed(&self, token: &str) -> Result<(Source, usize), Fault> {
        if self.script.resume_lost.has(token) && !self.given.contains(token) {
            return Err(Fault::ResumeLost);
        }
        Source::of_token(token).ok_or(Fault::ResumeLost)
    }

    fn page_size(&self, read: &Read) -> usize {
        let size = self.page.or(read.page).unwrap_or(PAGE).max(1);
        usize::try_from(size).unwrap_or(usize::MAX)
    }
}

impl Source {
    fn token(&self, start: usize) -> String {
        match self {
            Self::Fresh => format!("fresh@{start}"),
            Self::Since(cursor) => format!("since:{cursor}@{start}"),
        }
    }

    fn of_token(token: &str) -> Option<(Self, usize)> {
        let (source, start) = token.rsplit_once('@')?;
        let source = match source.strip_prefix("since:") {
            Some(cursor) => Self::Since(cursor.to_owned()),
            None if source == "fresh" => Self::Fresh,
            None => return None,
        };
        Some((source, start.parse().ok()?))
    }
}

fn sealed(read: &Read, source: &Source) -> Sealed {
    let everything = |counts: crate::Counts| Coverage::Everything(counts.over(count(&read.changes)));
    let covers = match (read.seal.clone(), source) {
        (Some(Seal::Everything(counts)), _) => everything(counts),
        (None, Source::Fresh) => everything(crate::Counts::default()),
        (Some(Seal::Changes), _) | (None, Source::Since(_)) => Coverage::Changes,
    };
    Sealed { covers, cursor: read.cursor.clone() }
}

fn unless(fault: &Option<Scripted>) -> Result<(), Fault> {
    fault.clone().map_or(Ok(()), |fault| Err(fault.into()))
}

fn estimate(counts: Counts) -> Estimate {
    Estimate { users: counts.users, groups: counts.groups, memberships: Some(counts.memberships) }
}
