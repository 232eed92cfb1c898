//! T1, the tenant that the feature list speaks of.

use super::Tenant;
use super::organisation::{Domain, E3, F3};
use super::state::State;
use jiff::Timestamp;
use serde_json::{Value, json};

/// Monday, 5 January 2026, 08:00 UTC.
pub const BEGINNING: i64 = 1_767_600_000;

/// A user of T1.
struct Person {
    name: &'static str,
    domain: &'static str,
    family: Option<&'static str>,
    job: Option<&'static str>,
    department: &'static str,
    enabled: bool,
    licence: Option<&'static str>,
}

const fn person(
    name: &'static str,
    family: &'static str,
    job: &'static str,
    department: &'static str,
    licence: &'static str,
) -> Person {
    Person {
        name,
        domain: "acme.example",
        family: Some(family),
        job: Some(job),
        department,
        enabled: true,
        licence: Some(licence),
    }
}

const USERS: [Person; 7] = [
    person("ann", "Abbot", "Software Engineer", "Engineering", E3.id),
    person("bob", "Brandt", "Head of Engineering", "Engineering", E3.id),
    Person { domain: "alt.example", ..person("cat", "Castaño", "Account Manager", "Sales", E3.id) },
    person("dan", "Doyle", "Accountant", "Finance", E3.id),
    person("eve", "Esteves", "Designer", "Product", F3.id),
    Person { family: None, job: None, licence: None, ..person("shared", "", "", "Sales", "") },
    Person { enabled: false, ..person("fay", "Fletcher", "Sales Engineer", "Sales", E3.id) },
];

/// Groups: name, types, whether mail-enabled, whether security-enabled.
const GROUPS: [(&str, &[&str], bool, bool); 7] = [
    ("G-root", &[], false, true),
    ("G-eng", &[], false, true),
    ("G-eng-be", &[], false, true),
    ("G-sales", &[], false, true),
    ("M-all", &[], true, false),
    ("U-proj", &["Unified"], true, false),
    ("US-sec", &["Unified"], true, true),
];

const MEMBERS: [(&str, &str); 9] = [
    ("G-root", "G-eng"),
    ("G-root", "G-sales"),
    ("G-eng", "G-eng-be"),
    ("G-eng-be", "ann@acme.example"),
    ("G-eng", "bob@acme.example"),
    ("G-sales", "cat@alt.example"),
    ("U-proj", "eve@acme.example"),
    ("G-sales", "shared@acme.example"),
    ("G-sales", "fay@acme.example"),
];

impl Tenant {
    /// T1. Its verified domains are acme.example, beta.example and alt.example; partner.example isn't verified. Security groups `G-root`
    /// over `G-eng` over `G-eng-be`, and `G-root` over `G-sales`; the distribution list `M-all`; the Microsoft 365 groups `U-proj` and
    /// `US-sec`, the latter security-enabled. Users `ann` (in `G-eng-be`, led by bob), `bob` (`G-eng`), `cat` (`G-sales`), `dan`, `eve`
    /// (`U-proj`), `shared` (`G-sales`, without a licence) and `fay` (`G-sales`, disabled), all but cat at acme.example.
    pub fn t1() -> Self {
        let mut domains = ["acme.example", "beta.example", "alt.example"].map(Domain::verified).to_vec();
        if let Some(first) = domains.first_mut() {
            *first = first.clone().first();
        }
        domains.push(Domain::unverified("partner.example"));
        let now = Timestamp::from_second(BEGINNING).unwrap_or_default();
        let tenant = Self::of(State::new(1, "Acme", domains, vec![E3, F3], now));
        for (name, types, mail, security) in GROUPS {
            tenant.create_group(group(name, types, mail, security)).ok();
        }
        for user in &USERS {
            tenant.create_user(self::user(user)).ok();
        }
        for (group, member) in MEMBERS {
            tenant.add_member(group, member).ok();
        }
        tenant.set_manager("ann@acme.example", Some("bob@acme.example")).ok();
        tenant
    }
}

fn group(name: &str, types: &[&str], mail: bool, security: bool) -> Value {
    let nickname = name.to_lowercase();
    let address = mail.then(|| format!("{nickname}@acme.example"));
    json!({
        "displayName": name,
        "mailNickname": nickname,
        "groupTypes": types,
        "mailEnabled": mail,
        "securityEnabled": security,
        "mail": address,
        "proxyAddresses": address.as_ref().map(|address| [format!("SMTP:{address}")]),
    })
}

/// What is null is never set.
fn user(person: &Person) -> Value {
    let Person { name, domain, family, job, department, enabled, licence } = person;
    let mut given = (*name).to_owned();
    if let Some(initial) = given.get_mut(..1) {
        initial.make_ascii_uppercase();
    }
    let mail = format!("{name}@acme.example");
    let licences: Vec<Value> =
        licence.iter().map(|sku| json!({ "disabledPlans": [], "skuId": sku })).collect();
    json!({
        "accountEnabled": enabled,
        "displayName": family.map_or_else(|| given.clone(), |family| format!("{given} {family}")),
        "givenName": family.map(|_| &given),
        "surname": family,
        "jobTitle": job,
        "mailNickname": name,
        "userPrincipalName": format!("{name}@{domain}"),
        "mail": mail,
        "proxyAddresses": [format!("SMTP:{mail}")],
        "department": department,
        "userType": "Member",
        "usageLocation": "IE",
        "assignedLicenses": licences,
    })
}
