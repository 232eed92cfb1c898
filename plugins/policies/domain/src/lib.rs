//! The policy `domain`: where a source knows people by a bare id, makes an address of the id and one domain.
//!
//! `gd.hong` with the domain `domain.com` becomes `gd.hong@domain.com`; what has an `@` already stays as it is. Somebody without any e-mail
//! gets the address made of the userName. An id that can't stand before an `@` is never bent into one: that record is held, with
//! the reason.

mod address;
#[cfg(test)]
mod tests;

use address::{domain_of, local_part_of};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use usher_plugin::{About, Absence, Candidate, Capabilities, Policy, Problem, Reads, User, Value, Verdict};

/// What the operator sets.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The domain that ids are completed with, such as `acme.example`.
    pub domain: String,
    /// Where bare ids are completed.
    #[serde(default = "everywhere")]
    #[schemars(length(min = 1))]
    pub attributes: Vec<Attribute>,
}

/// An attribute that may hold a bare id. Somebody without `emails` gets the address made of the userName.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
#[expect(
    missing_docs,
    reason = "RFC 7643's names; with remarks of their own the schema would be no plain `enum`"
)]
pub enum Attribute {
    UserName,
    Emails,
}

fn everywhere() -> Vec<Attribute> {
    vec![Attribute::UserName, Attribute::Emails]
}

/// The policy with its settings checked.
#[derive(Clone, Debug)]
pub struct Domain {
    domain: String,
    user_name: bool,
    emails: bool,
}

impl Policy for Domain {
    type Settings = Settings;

    fn about() -> About {
        About {
            id: "domain",
            version: env!("CARGO_PKG_VERSION"),
            summary: "Makes e-mail addresses of bare ids and a domain",
            capabilities: Capabilities::none(),
            reads: Reads::default(),
            absence: Absence::default(),
        }
    }

    fn configure(settings: Settings) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        if settings.attributes.is_empty() {
            problems.push(Problem {
                place: "attributes".into(),
                why: "names nothing to complete; leave it away for userName and emails".into(),
            });
        }
        match domain_of(&settings.domain) {
            Ok(domain) if problems.is_empty() => Ok(Self {
                domain,
                user_name: settings.attributes.contains(&Attribute::UserName),
                emails: settings.attributes.contains(&Attribute::Emails),
            }),
            Ok(_) => Err(problems),
            Err(why) => {
                problems.insert(0, Problem { place: "domain".into(), why });
                Err(problems)
            }
        }
    }

    fn review_user(&self, candidate: &Candidate, _day: Option<&str>) -> Verdict {
        self.complete(&candidate.user).unwrap_or_else(Verdict::hold)
    }
}

impl Domain {
    fn complete(&self, user: &User) -> Result<Verdict, String> {
        let mut verdict = Verdict::keep();
        let user_name = user.user_name.as_deref().filter(|name| !name.trim().is_empty());
        if let (true, Some(given)) = (self.user_name, user_name) {
            let address = self.address(given).map_err(|why| format!("userName {why}"))?;
            if address != given {
                verdict = verdict.with("userName", Value::Text(address));
            }
        }
        if self.emails {
            let given: Vec<&str> = user.emails().collect();
            let addresses = self.addresses(&given, user_name)?;
            if addresses != given {
                verdict = verdict.with("emails", Value::Many(addresses));
            }
        }
        Ok(verdict)
    }

    /// The e-mails completed, without blank ones and without those that completing made equal, the primary one first.
    fn addresses(&self, given: &[&str], user_name: Option<&str>) -> Result<Vec<String>, String> {
        let mut addresses: Vec<String> = Vec::with_capacity(given.len().max(1));
        for email in given.iter().filter(|email| !email.trim().is_empty()) {
            let address = self.address(email).map_err(|why| format!("e-mail {why}"))?;
            if !addresses.iter().any(|known| known.to_lowercase() == address.to_lowercase()) {
                addresses.push(address);
            }
        }
        if let (true, Some(name)) = (addresses.is_empty(), user_name) {
            addresses.push(self.address(name).map_err(|why| format!("userName {why}"))?);
        }
        Ok(addresses)
    }

    fn address(&self, given: &str) -> Result<String, String> {
        if given.contains('@') {
            return Ok(given.to_owned());
        }
        let local = local_part_of(given)?;
        Ok(format!("{local}@{}", self.domain))
    }
}

usher_plugin::register_policy!(Domain);
