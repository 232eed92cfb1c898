//! What a full read has handed over, so that what comes again is counted once.
//!
//! Graph repeats itself: an object may come several times in one round of a delta query. The instance that begins a read remembers
//! 8 bytes of each; one that goes on with somebody else's read asks the host.

use crate::outside::Outside;
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};
use usher_plugin::{Counts, Fault, MemberKind, Membership, ObjectRef};

type Marks = HashSet<u64, BuildHasherDefault<DefaultHasher>>;

/// Handed over so far.
#[derive(Debug, Default)]
pub struct Seen {
    marks: Marks,
    /// Taken back in this instance: the host may not have heard of it yet.
    back: Marks,
    /// Whether another instance handed over what came before.
    resumed: bool,
}

fn mark(parts: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

fn mark_of(what: &ObjectRef) -> u64 {
    match what {
        ObjectRef::User(id) => mark(("user", id)),
        ObjectRef::Group(id) => mark(("group", id)),
    }
}

fn mark_of_member(member: &Membership) -> u64 {
    mark((&member.group, &member.member, member.kind == MemberKind::User))
}

fn count(counts: &mut Counts, what: &ObjectRef) -> impl FnOnce(bool) {
    let counted = match what {
        ObjectRef::User(_) => &mut counts.users,
        ObjectRef::Group(_) => &mut counts.groups,
    };
    move |more| *counted = if more { counted.saturating_add(1) } else { counted.saturating_sub(1) }
}

impl Seen {
    /// In an instance that goes on with a read.
    pub fn resumed() -> Self {
        Self { resumed: true, ..Self::default() }
    }

    /// Which of these are handed over for the first time; they are counted.
    pub fn records(
        &mut self,
        outside: &mut impl Outside,
        refs: &[ObjectRef],
        counts: &mut Counts,
    ) -> Result<Vec<bool>, Fault> {
        let marks: Vec<_> = refs.iter().map(mark_of).collect();
        let first = self.first(&marks, |unsure| {
            let asked: Vec<_> = unsure.iter().filter_map(|at| refs.get(*at).cloned()).collect();
            outside.handed_over(&asked)
        })?;
        for (what, _) in refs.iter().zip(&first).filter(|(_, first)| **first) {
            count(counts, what)(true);
        }
        Ok(first)
    }

    /// Which of these were handed over.
    pub fn has(&self, outside: &mut impl Outside, refs: &[ObjectRef]) -> Result<Vec<bool>, Fault> {
        let here: Vec<_> = refs.iter().map(|what| self.marks.contains(&mark_of(what))).collect();
        if !self.resumed || here.iter().all(|here| *here) {
            return Ok(here);
        }
        let earlier = outside.handed_over(refs)?;
        let unless_back =
            |(what, earlier): (&ObjectRef, bool)| earlier && !self.back.contains(&mark_of(what));
        let earlier = refs.iter().zip(earlier).map(unless_back);
        Ok(here.into_iter().zip(earlier).map(|(here, earlier)| here || earlier).collect())
    }

    /// Counts the memberships among these that are handed over for the first time.
    pub fn members(
        &mut self,
        outside: &mut impl Outside,
        members: &[Membership],
        counts: &mut Counts,
    ) -> Result<(), Fault> {
        let marks: Vec<_> = members.iter().map(mark_of_member).collect();
        let first = self.first(&marks, |unsure| {
            let asked: Vec<_> = unsure.iter().filter_map(|at| members.get(*at).cloned()).collect();
            outside.handed_over_members(&asked)
        })?;
        let new = first.iter().filter(|first| **first).count();
        counts.memberships = counts.memberships.saturating_add(u32::try_from(new).unwrap_or(u32::MAX));
        Ok(())
    }

    fn first(
        &mut self,
        marks: &[u64],
        ask: impl FnOnce(&[usize]) -> Result<Vec<bool>, Fault>,
    ) -> Result<Vec<bool>, Fault> {
        let mut first: Vec<_> = marks.iter().map(|mark| self.marks.insert(*mark)).collect();
        if self.resumed {
            let unsure: Vec<_> = (0..)
                .zip(marks)
                .zip(&first)
                .filter(|((_, mark), first)| **first && !self.back.contains(mark))
                .map(|((at, _), _)| at)
                .collect();
            if !unsure.is_empty() {
                for (at, known) in unsure.iter().zip(ask(&unsure)?) {
                    if let Some(first) = first.get_mut(*at).filter(|_| known) {
                        *first = false;
                    }
                }
            }
        }
        Ok(first)
    }

    /// Whether this was handed over and is now taken back; it is counted no more.
    pub fn takes_back(
        &mut self,
        outside: &mut impl Outside,
        what: &ObjectRef,
        counts: &mut Counts,
    ) -> Result<bool, Fault> {
        let was = self.was(mark_of(what), || outside.handed_over(std::slice::from_ref(what)))?;
        if was {
            count(counts, what)(false);
        }
        Ok(was)
    }

    /// The same for a membership.
    pub fn takes_back_member(
        &mut self,
        outside: &mut impl Outside,
        member: &Membership,
        counts: &mut Counts,
    ) -> Result<bool, Fault> {
        let ask = || outside.handed_over_members(std::slice::from_ref(member));
        let was = self.was(mark_of_member(member), ask)?;
        if was {
            counts.memberships = counts.memberships.saturating_sub(1);
        }
        Ok(was)
    }

    fn was(&mut self, mark: u64, ask: impl FnOnce() -> Result<Vec<bool>, Fault>) -> Result<bool, Fault> {
        let here = self.marks.remove(&mark);
        let was = here || (self.resumed && !self.back.contains(&mark) && ask()?.first() == Some(&true));
        self.back.insert(mark);
        Ok(was)
    }
}
