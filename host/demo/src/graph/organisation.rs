//! `/organization`, `/domains` and `/subscribedSkus`.

use super::answer::Answer;
use super::error::{GraphError, no_segment, not_found};
use super::request::Call;
use super::rights::Need;
use crate::tenant::{Domain, Guid, Identity, Sku, State};
use serde_json::{Map, Value, json};

/// Answers the organisation, alone in its list. Who may read only themselves sees id, name and domains of it.
pub fn organisation(state: &State, call: &Call<'_>, rest: &[&str]) -> Result<Answer, GraphError> {
    Need::Organisation.check(call.identity)?;
    let organisation = &state.organisation;
    let all = Need::Organisation.reaches(call.identity);
    let verified = organisation.domains.iter().filter(|domain| domain.verified).map(|domain| {
        json!({
            "capabilities": "Email, OfficeCommunicationsOnline",
            "isDefault": domain.is_default,
            "isInitial": domain.is_initial,
            "name": domain.name,
            "type": "Managed",
        })
    });
    let open = |value: Value| if all { value } else { Value::Null };
    let value = json!({
        "id": organisation.id.to_string(),
        "deletedDateTime": null,
        "assignedPlans": [],
        "businessPhones": [],
        "city": null,
        "country": null,
        "countryLetterCode": open(json!("IE")),
        "createdDateTime": open(json!("2020-03-02T09:00:00Z")),
        "displayName": organisation.name,
        "onPremisesLastSyncDateTime": null,
        "onPremisesSyncEnabled": null,
        "postalCode": null,
        "preferredLanguage": open(json!("en")),
        "provisionedPlans": [],
        "technicalNotificationMails": [],
        "tenantType": open(json!("AAD")),
        "verifiedDomains": verified.collect::<Vec<_>>(),
    });
    among(call, "organization", vec![(organisation.id.to_string(), value)], rest)
}

/// Answers the domains, verified and not.
pub fn domains(state: &State, call: &Call<'_>, rest: &[&str]) -> Result<Answer, GraphError> {
    Need::Domains.check(call.identity)?;
    let domains = state.organisation.domains.iter().map(|domain| (domain.name.clone(), domain_value(domain)));
    among(call, "domains", domains.collect(), rest)
}

fn domain_value(domain: &Domain) -> Value {
    let services: &[&str] = if domain.verified { &["Email", "OfficeCommunicationsOnline"] } else { &[] };
    json!({
        "authenticationType": "Managed",
        "availabilityStatus": null,
        "id": domain.name,
        "isAdminManaged": true,
        "isDefault": domain.is_default,
        "isInitial": domain.is_initial,
        "isRoot": true,
        "isVerified": domain.verified,
        "passwordNotificationWindowInDays": 14,
        "passwordValidityPeriodInDays": 2_147_483_647,
        "supportedServices": services,
    })
}

/// Answers the subscriptions, with the units that are taken.
pub fn skus(state: &State, call: &Call<'_>, rest: &[&str]) -> Result<Answer, GraphError> {
    Need::Skus.check(call.identity)?;
    let tenant = state.organisation.id;
    let skus = state.organisation.skus.iter().map(|sku| {
        let id = format!("{tenant}_{}", sku.id);
        (id.clone(), sku_value(state, sku, &id))
    });
    among(call, "subscribedSkus", skus.collect(), rest)
}

fn sku_value(state: &State, sku: &Sku, id: &str) -> Value {
    let number = u32::try_from(sku.part.len()).unwrap_or(0);
    json!({
        "accountId": state.organisation.id.to_string(),
        "accountName": state.organisation.name,
        "appliesTo": "User",
        "capabilityStatus": "Enabled",
        "consumedUnits": state.consumed(sku.id),
        "id": id,
        "prepaidUnits": { "enabled": sku.units, "lockedOut": 0, "suspended": 0, "warning": 0 },
        "servicePlans": [{
            "appliesTo": "User",
            "provisioningStatus": "Success",
            "servicePlanId": sku.plan.0,
            "servicePlanName": sku.plan.1,
        }],
        "skuId": sku.id,
        "skuPartNumber": sku.part,
        "subscriptionIds": [Guid::of(state.chance, sku.part, number).to_string()],
    })
}

/// Answers a short list, or one of it by its id. `$select` is all that it takes.
pub fn among(
    call: &Call<'_>,
    collection: &str,
    values: Vec<(String, Value)>,
    rest: &[&str],
) -> Result<Answer, GraphError> {
    let select = |value: Value| match (&call.query.select, value) {
        (Some(names), Value::Object(fields)) => {
            let named = |field: &str| names.iter().any(|name| name.eq_ignore_ascii_case(field));
            Value::Object(fields.into_iter().filter(|(name, _)| named(name)).collect())
        }
        (_, value) => value,
    };
    let suffix =
        call.query.select.as_ref().map_or_else(String::new, |names| format!("({})", names.join(",")));
    let value = match rest {
        [] => json!({
            "@odata.context": call.context(&format!("{collection}{suffix}")),
            "value": values.into_iter().map(|(_, value)| select(value)).collect::<Vec<_>>(),
        }),
        [id] => {
            let found = values.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(id));
            let (_, value) = found.ok_or_else(|| not_found(id))?;
            let mut whole = Map::new();
            whole.insert(
                "@odata.context".to_owned(),
                json!(call.context(&format!("{collection}{suffix}/$entity"))),
            );
            if let Value::Object(fields) = select(value) {
                whole.extend(fields);
            }
            Value::Object(whole)
        }
        _ => return Err(no_segment(&rest.join("/"))),
    };
    let mut body = Vec::new();
    super::json::put(&mut body, &value);
    Ok(Answer::json(200, body))
}

impl Need {
    /// Whether a permission reaches all of the organisation, not only what its users may see.
    fn reaches(self, identity: &Identity) -> bool {
        match identity {
            Identity::Application { .. } => self.met_by(identity),
            Identity::Delegated { scopes, .. } => {
                self.met_by(&Identity::Application { permissions: scopes.clone() })
            }
        }
    }
}
