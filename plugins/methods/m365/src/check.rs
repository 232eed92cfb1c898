//! What the account sees at the tenant.

use crate::answer::object;
use crate::outside::{Failure, Outside, Place, Request};
use crate::refused::{fault, words};
use serde::Deserialize;
use usher_plugin::{Estimate, Fault, Finding, Report, Scope, Standing};

#[derive(Deserialize)]
struct Organisations {
    value: Vec<Organisation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Organisation {
    display_name: Option<String>,
    #[serde(default)]
    verified_domains: Vec<Domain>,
}

#[derive(Deserialize)]
struct Domain {
    name: String,
}

#[derive(Deserialize)]
struct Counted {
    #[serde(rename = "@odata.count")]
    count: Option<u32>,
}

fn good(what: String) -> Finding {
    Finding { standing: Standing::Good, what, advice: None }
}

fn finding(standing: Standing, what: impl Into<String>, advice: &str) -> Finding {
    Finding { standing, what: what.into(), advice: Some(advice.to_owned()) }
}

fn get(outside: &mut impl Outside, path: &str, eventual: bool) -> Result<String, Failure> {
    let request = Request { path: path.to_owned(), eventual };
    outside.get(&Place::First(request)).map(|page| page.body)
}

/// How many there are, or why that can't be told; what keeps everything from being read is a fault.
fn count(outside: &mut impl Outside, path: &str, what: &str) -> Result<Result<u32, Finding>, Fault> {
    match get(outside, path, true) {
        Ok(body) => {
            let Counted { count } = object(&body, "count")?;
            Ok(count.ok_or_else(|| {
                finding(
                    Standing::Warning,
                    format!("Graph doesn't say how many {what} there are"),
                    "nothing is to be done",
                )
            }))
        }
        Err(Failure::Failed(Fault::Permission(why))) => {
            let advice = "grant it in the app registration, and have an administrator consent";
            Ok(Err(finding(Standing::Failed, format!("{what} can't be read: {why}"), advice)))
        }
        Err(failure) => Err(fault(failure)),
    }
}

/// Who we are there, and what can be seen.
pub fn report(outside: &mut impl Outside, scope: &Scope) -> Result<Report, Fault> {
    let mut report = Report { findings: Vec::new(), counts: None, verified_domains: Vec::new() };
    let domains = "grant Organization.Read.All, or say with --set authoritative=DOMAIN in which domains this tenant's word is proof of who somebody is";
    match get(outside, "/organization?$select=id,displayName,verifiedDomains", false) {
        Ok(body) => {
            let Organisations { value } = object(&body, "organisation")?;
            for organisation in value {
                let name = organisation.display_name.unwrap_or_default();
                let domains: Vec<_> = organisation
                    .verified_domains
                    .into_iter()
                    .map(|domain| domain.name.to_lowercase())
                    .collect();
                report
                    .findings
                    .push(good(format!("signed in to {name}; its domains are {}", domains.join(", "))));
                report.verified_domains.extend(domains);
            }
        }
        Err(Failure::Failed(Fault::Permission(why))) => {
            let what = format!("signed in, but the tenant's verified domains can't be seen: {why}");
            report.findings.push(finding(Standing::Warning, what, domains));
        }
        Err(Failure::Refused(refusal)) => {
            report.findings.push(finding(Standing::Warning, words(&refusal), domains));
        }
        Err(failure) => return Err(fault(failure)),
    }
    let mut seen = |path: &str, what: &str| {
        Ok::<_, Fault>(match count(outside, path, what)? {
            Ok(count) => Some(count),
            Err(finding) => {
                report.findings.push(finding);
                None
            }
        })
    };
    let users = seen("/users?$select=id&$top=1&$count=true", "users")?;
    let guests = seen("/users?$select=id&$top=1&$count=true&$filter=userType%20eq%20'Guest'", "guests")?;
    let groups = match scope.include_groups || scope.chosen.is_some() {
        true => seen("/groups?$select=id&$top=1&$count=true", "groups")?,
        false => Some(0),
    };
    if let (Some(users), Some(guests)) = (users, guests) {
        let come_in = if scope.guests { users } else { users.saturating_sub(guests) };
        match (users, come_in, guests) {
            (0, ..) => report.findings.push(finding(
                Standing::Warning,
                "the tenant has no users",
                "is it the right tenant? Nobody is removed for it without being shown first",
            )),
            (_, 0, _) => report.findings.push(finding(
                Standing::Warning,
                format!("all {users} users are guests, and guests stay out"),
                "let them in with --set guests=true",
            )),
            (_, _, 0) => report.findings.push(good(format!("{users} users can be read"))),
            (..) if scope.guests => {
                report.findings.push(good(format!("{users} users can be read, {guests} of them guests")));
            }
            _ => report
                .findings
                .push(good(format!("{users} users can be read; {guests} of them are guests, who stay out"))),
        }
        report.counts = groups.map(|groups| Estimate { users: come_in, groups, memberships: None });
    }
    if let Some(groups) = groups.filter(|groups| *groups > 0) {
        report.findings.push(good(format!("{groups} groups can be read")));
    }
    Ok(report)
}
