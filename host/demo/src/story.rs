//! What happened between the two exports, and to whom.

use crate::names::{married_name, name};
use crate::organisation::{Organisation, Person};
use crate::structure::TEAM;
use crate::{DENIED_DOMAIN, DOMAIN};

/// The people whom the second export shows differently. No one is in two parts, nobody in it leads anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// In the first export only.
    pub leaver: Person,
    /// Goes to a team of another department.
    pub mover: Move,
    /// Takes a second family name: names, userName and e-mail change, the `id` stays.
    pub renamed: Move,
    /// In the second export only.
    pub newcomer: Person,
    /// In the second export only, with an address at [`DENIED_DOMAIN`].
    pub denied: Person,
    /// In both exports; the second one's row can't be read.
    pub bad_row: BadRow,
}

/// A person before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// In the first export.
    pub before: Person,
    /// In the second export.
    pub after: Person,
}

/// A row that can't be read: its `active` is neither yes nor no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// Whose row it is.
    pub person: Person,
    /// The line of `users.csv` in the second export, the header being line 1.
    pub line: u64,
    /// The column's header.
    pub column: &'static str,
    /// What stands there.
    pub value: &'static str,
}

/// One part of the story, for telling it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// The person's `id`.
    pub id: String,
    /// The person's userName, the later one if there are two.
    pub user_name: String,
    /// The person's name, the later one if there are two.
    pub display_name: String,
    /// What happens, to be read after the name: `moves from Sales to Finance`.
    pub what: String,
}

/// Places within a team, so that no two parts fall to one person. The first leads, the last may be on leave.
const LEAVER: u32 = 3;
const MOVER: u32 = 5;
const RENAMED: u32 = 7;
const BAD_ROW: u32 = 8;

impl Story {
    pub(crate) fn of(organisation: &Organisation) -> Self {
        let Organisation { chance, structure, .. } = *organisation;
        let full_teams = organisation.size() / TEAM;
        let team = |part: u32| u32::try_from(chance.of("story", part) % u64::from(full_teams)).unwrap_or(0);
        let number = |part: u32| team(part) * TEAM + part;
        let next = organisation.size();

        let moved = number(MOVER);
        let mover = Move {
            before: organisation.person(moved),
            after: organisation.placed(moved, name(chance, moved), structure.elsewhere(team(MOVER))),
        };
        let (renamed, new_name) = (0..full_teams)
            .map(|further| ((team(RENAMED) + further) % full_teams) * TEAM + RENAMED)
            .find_map(|number| Some((number, married_name(chance, number)?)))
            .unwrap_or((number(RENAMED), name(chance, next + 2)));
        let renamed = Move {
            before: organisation.person(renamed),
            after: organisation.placed(renamed, new_name, renamed / TEAM),
        };
        let newcomer = Person { active: true, ..organisation.placed(next, name(chance, next), team(LEAVER)) };
        let mut denied = organisation.placed(next + 1, name(chance, next + 1), team(MOVER));
        denied.email = denied.email.replace(DOMAIN, DENIED_DOMAIN);
        denied.title = "Contractor".to_owned();
        denied.active = true;
        // The header is a line, lines count from 1, and the leaver's is gone.
        let before = u64::from(number(BAD_ROW)) - u64::from(number(LEAVER) < number(BAD_ROW));
        Self {
            leaver: organisation.person(number(LEAVER)),
            mover,
            renamed,
            newcomer,
            denied,
            bad_row: BadRow {
                person: organisation.person(number(BAD_ROW)),
                line: before + 2,
                column: "active",
                value: "on leave",
            },
        }
    }

    /// Everybody of the second export, given everybody of the first.
    pub(crate) fn retold(&self, first: impl Iterator<Item = Person>) -> impl Iterator<Item = Person> {
        let stayed = first.filter(|person| person.id != self.leaver.id).map(|person| {
            let changed =
                [&self.mover, &self.renamed].into_iter().find(|change| change.before.id == person.id);
            changed.map_or(person, |change| change.after.clone())
        });
        stayed.chain([self.newcomer.clone(), self.denied.clone()])
    }

    /// The parts, one by one.
    pub fn acts(&self) -> [Act; 6] {
        let act = |person: &Person, what: String| Act {
            id: person.id.clone(),
            user_name: person.user_name.clone(),
            display_name: person.display_name.clone(),
            what,
        };
        let Self { leaver, mover, renamed, newcomer, denied, bad_row } = self;
        [
            act(leaver, "has left: the row is gone".to_owned()),
            act(
                &mover.after,
                format!("moves from {} to {}", mover.before.department, mover.after.department),
            ),
            act(
                &renamed.after,
                format!("was called {} and {} before", renamed.before.display_name, renamed.before.user_name),
            ),
            act(newcomer, format!("is new in {}", newcomer.department)),
            act(denied, format!("is a contractor with the address {}", denied.email)),
            act(
                &bad_row.person,
                format!(
                    "has a row that can't be read: line {} says “{}” under {}",
                    bad_row.line, bad_row.value, bad_row.column
                ),
            ),
        ]
    }
}
