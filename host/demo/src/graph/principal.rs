//! Service principals: which permissions an application was granted.

use super::answer::Answer;
use super::error::{GraphError, not_found, unsupported};
use super::filter::{Filter, Operator};
use super::organisation::among;
use super::request::Call;
use super::rights::Need;
use crate::tenant::{Application, GRAPH_APP, Guid, PERMISSIONS, State, instant, role_of};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// Answers what is behind `/servicePrincipals`; nothing if nothing is there.
pub fn read(state: &State, call: &Call<'_>, rest: &[&str]) -> Option<Result<Answer, GraphError>> {
    let may = Need::Principals.check(call.identity);
    let all = || principals(state);
    match rest {
        [] => Some(may.and_then(|()| {
            let wanted = wanted(call)?;
            let found = all()
                .into_iter()
                .filter(|(_, value)| wanted.iter().all(|(name, text)| value[name.as_str()] == text.as_str()));
            among(call, "servicePrincipals", found.collect(), &[])
        })),
        [_] => Some(may.and_then(|()| among(call, "servicePrincipals", all(), rest))),
        [id, "appRoleAssignments"] => {
            let id = Guid::parse(id);
            let application = state.applications.iter().find(|application| Some(application.principal) == id);
            Some(may.and_then(|()| match application {
                Some(application) => among(call, "appRoleAssignments", assignments(state, application), &[]),
                None if id == Some(graph(state)) => among(call, "appRoleAssignments", Vec::new(), &[]),
                None => Err(not_found("servicePrincipal")),
            }))
        }
        _ => None,
    }
}

/// The service principal of Microsoft Graph in this tenant.
fn graph(state: &State) -> Guid {
    Guid::of(state.chance, "principal of Microsoft Graph", 0)
}

fn principals(state: &State) -> Vec<(String, Value)> {
    let value = |id: Guid, app: String, name: &str, roles: Value| {
        let value = json!({
            "accountEnabled": true,
            "appDisplayName": name,
            "appId": app,
            "appRoles": roles,
            "deletedDateTime": null,
            "displayName": name,
            "id": id.to_string(),
            "servicePrincipalType": "Application",
        });
        (id.to_string(), value)
    };
    let roles = PERMISSIONS.iter().map(|(name, id)| {
        json!({ "allowedMemberTypes": ["Application"], "displayName": name, "id": id, "isEnabled": true, "value": name })
    });
    let mut all = vec![value(graph(state), GRAPH_APP.to_owned(), "Microsoft Graph", roles.collect())];
    all.extend(state.applications.iter().map(|application| {
        value(application.principal, application.client_id.to_string(), &application.name, json!([]))
    }));
    all
}

fn assignments(state: &State, application: &Application) -> Vec<(String, Value)> {
    let granted = application.permissions.iter().zip(0_u32..).filter_map(|((permission, since), number)| {
        let role = role_of(permission)?;
        let id = URL_SAFE_NO_PAD.encode(Guid::of(state.chance, permission, number).to_string());
        let value = json!({
            "appRoleId": role,
            "createdDateTime": instant(*since),
            "deletedDateTime": null,
            "id": id,
            "principalDisplayName": application.name,
            "principalId": application.principal.to_string(),
            "principalType": "ServicePrincipal",
            "resourceDisplayName": "Microsoft Graph",
            "resourceId": graph(state).to_string(),
        });
        Some((id, value))
    });
    granted.collect()
}

/// The clauses of a filter, all of which have to hold: `appId`, `id` or `displayName` with `eq`.
fn wanted(call: &Call<'_>) -> Result<Vec<(String, String)>, GraphError> {
    fn clauses(filter: Filter) -> Option<Vec<(String, String)>> {
        match filter {
            Filter::Compare(path, Operator::Equal, Value::String(text)) => {
                let name = ["appId", "id", "displayName"]
                    .into_iter()
                    .find(|name| name.eq_ignore_ascii_case(&path))?;
                Some(vec![(name.to_owned(), if name == "displayName" { text } else { text.to_lowercase() })])
            }
            Filter::And(left, right) => {
                let mut all = clauses(*left)?;
                all.extend(clauses(*right)?);
                Some(all)
            }
            _ => None,
        }
    }
    let Some(filter) = &call.query.filter else { return Ok(Vec::new()) };
    clauses(Filter::read(filter)?)
        .ok_or_else(|| unsupported("The filter clause is not supported on resource 'ServicePrincipal'."))
}
