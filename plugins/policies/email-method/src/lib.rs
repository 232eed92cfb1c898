//! The policy `email-method`: decides which of a person's addresses is their e-mail.
//!
//! A directory user has a user principal name, perhaps a mail address, and the addresses of a mailbox; one of them is to be the e-mail that
//! others know the person by. The chosen one becomes the first of `emails`, and the others that were there follow. Somebody who has no such address is
//! left out, with the reason. `mail` and `proxyAddresses` are attributes of a directory such as Microsoft 365; what a source hands over as `emails`
//! is its own choice already. That no two people have the same one isn't judged here, since a policy sees one person at a time.

#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use usher_plugin::{About, Absence, Candidate, Capabilities, Policy, Problem, Reads, User, Value, Verdict};

/// What the operator sets.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where the e-mail comes from: the user principal name, `mail`, `mail` or else the user principal name, or the mailbox's primary address.
    #[serde(default)]
    pub method: Method,
}

/// Where the e-mail comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
#[expect(missing_docs, reason = "with remarks of their own the schema would be no plain `enum`")]
pub enum Method {
    #[default]
    Upn,
    Mail,
    MailThenUpn,
    PrimarySmtp,
}

impl Method {
    /// The address as the source gave it, or what is missing.
    fn address(self, user: &User) -> Result<&str, &'static str> {
        match self {
            Self::Upn => upn(user).ok_or("has no user principal name (userName)"),
            Self::Mail => mail(user).ok_or("has no attribute `mail`"),
            Self::MailThenUpn => mail(user)
                .or_else(|| upn(user))
                .ok_or("has neither an attribute `mail` nor a user principal name (userName)"),
            Self::PrimarySmtp => {
                primary_smtp(user).ok_or("has no primary address (SMTP:) among the proxyAddresses")
            }
        }
    }
}

fn given(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

fn upn(user: &User) -> Option<&str> {
    user.user_name.as_deref().and_then(given)
}

fn mail(user: &User) -> Option<&str> {
    user.attribute("mail").and_then(Value::as_text).and_then(given)
}

/// The one that is written `SMTP:` in capitals (Microsoft Graph, "user resource type", proxyAddresses).
fn primary_smtp(user: &User) -> Option<&str> {
    let addresses = match user.attribute("proxyAddresses")? {
        Value::Many(addresses) => addresses.as_slice(),
        Value::Text(address) => std::slice::from_ref(address),
        _ => return None,
    };
    addresses.iter().find_map(|address| address.strip_prefix("SMTP:")).and_then(given)
}

/// The policy with its settings.
#[derive(Clone, Copy, Debug)]
pub struct EmailMethod(Method);

impl Policy for EmailMethod {
    type Settings = Settings;

    fn about() -> About {
        About {
            id: "email-method",
            version: env!("CARGO_PKG_VERSION"),
            summary: "Decides which of a person's addresses is their e-mail",
            capabilities: Capabilities::none(),
            reads: Reads::default(),
            absence: Absence::default(),
        }
    }

    fn configure(settings: Settings) -> Result<Self, Vec<Problem>> {
        Ok(Self(settings.method))
    }

    fn review_user(&self, candidate: &Candidate, _day: Option<&str>) -> Verdict {
        let user = &candidate.user;
        let address = match self.0.address(user) {
            Ok(address) if is_address(address) => address,
            Ok(address) => return Verdict::leave_out(format!("`{address}` is no e-mail address")),
            Err(missing) => return Verdict::leave_out(missing),
        };
        let others = user.emails().filter_map(given).filter(|other| !same(other, address));
        let emails: Vec<_> = std::iter::once(address).chain(others).map(str::to_owned).collect();
        if user.emails().eq(emails.iter().map(String::as_str)) {
            return Verdict::keep();
        }
        Verdict::keep().with("emails", Value::Many(emails))
    }
}

fn is_address(text: &str) -> bool {
    text.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
}

fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

usher_plugin::register_policy!(EmailMethod);
