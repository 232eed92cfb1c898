//! Directory roles, and who has them.

use super::answer::Answer;
use super::error::{GraphError, not_found};
use super::json::{Fields, put_array, put_id};
use super::list::{Listing, list};
use super::request::Call;
use super::rights::Need;
use crate::tenant::{Guid, Kind, Place, Role, State};

/// Answers what is behind `/directoryRoles`; nothing if nothing is there.
pub fn read(state: &State, call: &Call<'_>, rest: &[&str]) -> Option<Result<Answer, GraphError>> {
    let may = Need::Roles.check(call.identity);
    match rest {
        [] => Some(may.and_then(|()| {
            let wanted = wanted(call)?;
            let roles =
                state.roles.iter().filter(|role| wanted.as_ref().is_none_or(|wanted| wanted.holds(role)));
            Ok(answer(call, "directoryRoles", roles.collect(), false))
        })),
        [id, rest @ ..] => {
            let role = state.roles.iter().find(|role| Guid::parse(id) == Some(role.guid));
            match (role, rest) {
                (None, _) => Some(may.and(Err(not_found(id)))),
                (Some(role), []) => Some(may.map(|()| {
                    let mut body = Vec::new();
                    put(&mut body, role, false, Some(&call.context("directoryRoles/$entity")));
                    Answer::json(200, body)
                })),
                (Some(role), ["members"] | ["members", "microsoft.graph.user"]) => Some(may.and_then(|()| {
                    let kinds: &[Kind] =
                        if rest.len() == 1 { &[Kind::User, Kind::Group] } else { &[Kind::User] };
                    let collection = if rest.len() == 1 { "directoryObjects" } else { "users" };
                    let listing = Listing { collection, kinds, typed: rest.len() == 1, tail: Vec::new() };
                    let members =
                        role.members.iter().copied().filter(|member| state.directory.is_live(*member));
                    list(state, call, &listing, members)
                })),
                _ => None,
            }
        }
    }
}

/// Answers the roles of a user, or how many they are.
pub fn of(state: &State, call: &Call<'_>, user: Place, then: Option<&str>) -> Result<Answer, GraphError> {
    let roles: Vec<&Role> = state.roles.iter().filter(|role| role.members.contains(&user)).collect();
    match then {
        None => Ok(answer(call, "directoryRoles", roles, false)),
        Some("$count") if call.request.eventual() => Ok(Answer::count(roles.len())),
        Some("$count") => Err(super::error::bad_request(
            "'$count' is not supported here without the header 'ConsistencyLevel: eventual'.",
        )),
        Some(other) => Err(super::error::no_segment(other)),
    }
}

/// The roles of a user, written as elements of a list of directory objects.
pub fn held(state: &State, user: Place) -> Vec<Vec<u8>> {
    let roles = state.roles.iter().filter(|role| role.members.contains(&user));
    let written = roles.map(|role| {
        let mut out = Vec::new();
        put(&mut out, role, true, None);
        out
    });
    written.collect()
}

/// The one filter that roles take: by template.
struct Template(String);

impl Template {
    fn holds(&self, role: &Role) -> bool {
        role.template.eq_ignore_ascii_case(&self.0)
    }
}

fn wanted(call: &Call<'_>) -> Result<Option<Template>, GraphError> {
    let Some(filter) = &call.query.filter else { return Ok(None) };
    match super::filter::Filter::read(filter)? {
        super::filter::Filter::Compare(
            path,
            super::filter::Operator::Equal,
            serde_json::Value::String(template),
        ) if path.eq_ignore_ascii_case("roleTemplateId") => Ok(Some(Template(template))),
        _ => {
            Err(super::error::unsupported("The filter clause is not supported on resource 'DirectoryRole'."))
        }
    }
}

fn answer(call: &Call<'_>, collection: &str, roles: Vec<&Role>, typed: bool) -> Answer {
    let mut body = Vec::new();
    let mut fields = Fields::open(&mut body);
    fields.field("@odata.context", &call.context(collection));
    if call.query.count && call.request.eventual() {
        fields.field("@odata.count", &roles.len());
    }
    put_array(fields.name("value"), roles, |out, role| put(out, role, typed, None));
    fields.close();
    Answer::json(200, body)
}

fn put(out: &mut Vec<u8>, role: &Role, typed: bool, context: Option<&str>) {
    let mut fields = Fields::open(out);
    if let Some(context) = context {
        fields.field("@odata.context", context);
    }
    if typed {
        fields.field("@odata.type", "#microsoft.graph.directoryRole");
    }
    put_id(fields.name("id"), role.guid, false);
    fields.field("deletedDateTime", &None::<&str>);
    fields.field("description", role.description);
    fields.field("displayName", role.name);
    fields.field("roleTemplateId", role.template);
    fields.close();
}
