//! Who there is: people, groups and memberships of the first export.

use crate::chance::Chance;
use crate::names::{Name, name};
use crate::structure::{Role, SITES, Structure, TEAM};
use crate::{DOMAIN, Story};

/// The fewest people that the second export's story can be told of.
const SMALLEST: u32 = 40;
/// More would not have distinct numbers in a CSV's `id`.
const LARGEST: u32 = 100_000_000;

/// An organisation of some size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Organisation {
    pub(crate) chance: Chance,
    pub(crate) structure: Structure,
    size: u32,
}

/// A row of `users.csv`, and the groups that the person is directly in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The employee number, which never changes: `E100007`.
    pub id: String,
    /// Given and family name in ASCII, without a domain: `gildong.hong`.
    pub user_name: String,
    /// As the person's culture writes it: `홍길동`.
    pub display_name: String,
    /// In the person's own script.
    pub given_name: String,
    /// In the person's own script.
    pub family_name: String,
    /// The user name at [`DOMAIN`].
    pub email: String,
    /// What the person does; now and then with a comma.
    pub title: String,
    /// The department's name.
    pub department: String,
    /// The `id` of who leads the person; only the chief has nobody.
    pub manager: Option<String>,
    /// Whether the person may sign in.
    pub active: bool,
    /// The `id` of the team's group.
    pub team: String,
    /// The `id` of the site's group.
    pub site: String,
}

/// A row of `groups.csv`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// `division-0`, `department-3`, `team-17`, `site-seoul`, `board`.
    pub id: String,
    /// Distinct among all groups.
    pub display_name: String,
    /// `security`, `mail-enabled-security`, `distribution` or `microsoft365`.
    pub kind: &'static str,
}

/// A row of `memberships.csv`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The group's `id`.
    pub group: String,
    /// The member's `id`.
    pub member: String,
    /// What the member is.
    pub kind: MemberKind,
}

/// What a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberKind {
    /// A person.
    User,
    /// A nested group.
    Group,
}

impl Organisation {
    /// So many people, at least 40 and at most 100 million. The same seed and size are always the same organisation.
    pub fn sample(seed: u64, size: u32) -> Self {
        let size = size.clamp(SMALLEST, LARGEST);
        Self { chance: Chance(seed), structure: Structure::of(size), size }
    }

    /// How many people there are.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// Everybody, in the order of the export.
    pub fn people(&self) -> impl Iterator<Item = Person> + use<> {
        let organisation = *self;
        (0..self.size).map(move |number| organisation.person(number))
    }

    /// What changes between the first and the second export.
    pub fn story(&self) -> Story {
        Story::of(self)
    }

    /// A person by number, from 0, in the team where the number puts them.
    pub(crate) fn person(&self, number: u32) -> Person {
        self.placed(number, name(self.chance, number), number / TEAM)
    }

    /// A person in a given team.
    pub(crate) fn placed(&self, number: u32, name: Name, team: u32) -> Person {
        let (role, manager) = self.structure.role(number, team);
        let department = self.structure.department_name(self.structure.department_of(team));
        let division =
            || self.structure.division_name(self.structure.division_of(self.structure.department_of(team)));
        let title = match role {
            Role::Chief => "Chief Executive".to_owned(),
            Role::Director => format!("Director, {}", division()),
            Role::Head => format!("Head of {department}"),
            Role::Lead => "Team Lead".to_owned(),
            Role::Member => self
                .chance
                .pick("title", number, self.structure.titles(team))
                .copied()
                .unwrap_or_default()
                .to_owned(),
        };
        let site = self.chance.pick("site", number, &SITES).map_or("", |(id, _)| id);
        Person {
            id: id_of(number),
            email: format!("{}@{DOMAIN}", name.user_name),
            user_name: name.user_name,
            display_name: name.display,
            given_name: name.given,
            family_name: name.family,
            title,
            department,
            manager: manager.map(id_of),
            active: !self.on_long_leave(number),
            team: team_id(team),
            site: site.to_owned(),
        }
    }

    /// One in fifty, nobody who leads and nobody in the story.
    fn on_long_leave(&self, number: u32) -> bool {
        number % TEAM == TEAM - 1 && self.chance.of("leave", number).is_multiple_of(5)
    }

    /// All groups, the outer ones first.
    pub fn groups(&self) -> impl Iterator<Item = Group> + use<> {
        let structure = self.structure;
        let group = |id: String, display_name: String, kind: &'static str| Group { id, display_name, kind };
        let board = group("board".to_owned(), "Board".to_owned(), "distribution");
        let divisions = (0..structure.divisions).map(move |division| {
            group(
                division_id(division),
                structure.division_name(division).to_owned(),
                "mail-enabled-security",
            )
        });
        let departments = (0..structure.departments).map(move |department| {
            group(department_id(department), structure.department_name(department), "security")
        });
        let teams =
            (0..structure.teams).map(move |team| group(team_id(team), structure.team_name(team), "security"));
        let sites =
            SITES.iter().map(move |(id, name)| group((*id).to_owned(), (*name).to_owned(), "microsoft365"));
        std::iter::once(board).chain(divisions).chain(departments).chain(teams).chain(sites)
    }

    /// Teams in departments, departments in divisions, and who leads a division on the board. The people's own memberships are
    /// [`Person::memberships`].
    pub fn nested(&self) -> impl Iterator<Item = Membership> + use<> {
        let structure = self.structure;
        let membership = |group: String, member: String, kind: MemberKind| Membership { group, member, kind };
        let board = (0..structure.divisions).map(move |division| {
            membership("board".to_owned(), id_of(structure.lead_of_division(division)), MemberKind::User)
        });
        let departments = (0..structure.departments).map(move |department| {
            let division = division_id(structure.division_of(department));
            membership(division, department_id(department), MemberKind::Group)
        });
        let teams = (0..structure.teams).map(move |team| {
            membership(department_id(structure.department_of(team)), team_id(team), MemberKind::Group)
        });
        departments.chain(teams).chain(board)
    }
}

impl Person {
    /// The two groups that everybody is directly in: team and site.
    pub fn memberships(&self) -> [Membership; 2] {
        [&self.team, &self.site].map(|group| Membership {
            group: group.clone(),
            member: self.id.clone(),
            kind: MemberKind::User,
        })
    }
}

fn id_of(number: u32) -> String {
    format!("E{}", 100_000 + number)
}

fn division_id(division: u32) -> String {
    format!("division-{division}")
}

fn department_id(department: u32) -> String {
    format!("department-{department}")
}

fn team_id(team: u32) -> String {
    format!("team-{team}")
}
