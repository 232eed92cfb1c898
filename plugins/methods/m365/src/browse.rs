//! Looking at groups and their members, for choosing.

use crate::answer;
use crate::group::{self, Team};
use crate::outside::{Failure, Link, Outside, Place, Request};
use crate::paths;
use crate::refused::{fault, is_not_found};
use crate::user::Person;
use serde::Deserialize;
use usher_plugin::{Fault, GroupPage, GroupQuery, GroupSummary, MemberPage, Scope};

/// Groups and members at once.
const TOP: u32 = 200;

fn next(link: Link) -> Option<String> {
    match link {
        Link::Next(link) => Some(link),
        Link::Delta(_) | Link::None => None,
    }
}

/// Groups of the types that come in, those whose name has a word that begins like the search.
pub fn groups(outside: &mut impl Outside, query: GroupQuery, scope: &Scope) -> Result<GroupPage, Fault> {
    let search = query.search.as_deref().map(str::trim).filter(|search| !search.is_empty());
    let place = query.after.map_or_else(
        || {
            Place::First(Request {
                path: paths::groups(group::SELECT, search, TOP),
                eventual: search.is_some(),
            })
        },
        Place::At,
    );
    let page = outside.get(&place).map_err(fault)?;
    let teams = answer::teams(&page.body)?.into_iter().flatten();
    let admitted = teams.filter(|team: &Team| scope.admits(team.kind()));
    let groups = admitted.map(|team| GroupSummary { group: team.whole(), members: None }).collect();
    Ok(GroupPage { groups, next: next(page.link) })
}

/// Direct members of a group. A group that isn't there has none.
pub fn members(
    outside: &mut impl Outside,
    of: &str,
    after: Option<String>,
    select: &str,
) -> Result<MemberPage, Fault> {
    #[derive(Deserialize)]
    struct Kind {
        #[serde(rename = "@odata.type")]
        kind: Option<String>,
    }
    #[derive(Deserialize)]
    struct Members<'a> {
        #[serde(borrow)]
        value: Vec<&'a serde_json::value::RawValue>,
    }
    let path = paths::members(of, select, TOP);
    let place = after.map_or_else(|| Place::First(Request { path, eventual: false }), Place::At);
    let page = match outside.get(&place) {
        Ok(page) => page,
        Err(Failure::Refused(refusal)) if is_not_found(&refusal) => {
            return Ok(MemberPage { users: Vec::new(), groups: Vec::new(), next: None });
        }
        Err(failure) => return Err(fault(failure)),
    };
    let mut found = MemberPage { users: Vec::new(), groups: Vec::new(), next: next(page.link) };
    for raw in answer::object::<Members<'_>>(&page.body, "list of members")?.value {
        let Kind { kind } = answer::object(raw.get(), "member")?;
        match kind.as_deref() {
            Some("#microsoft.graph.user") => {
                let person: Person = answer::object(raw.get(), "user")?;
                found.users.push(person.whole());
            }
            Some("#microsoft.graph.group") => {
                let team: Team = answer::object(raw.get(), "group")?;
                found.groups.push(team.whole());
            }
            _ => {}
        }
    }
    Ok(found)
}
