//! The policy `licence`: leaves out who has no product licence.
//!
//! A shared mailbox, a room and somebody who was given a licence look alike but for the licence, so that is what is looked at, and never what kind of
//! mailbox it is. `assignedLicenses` holds the SKU ids of somebody's product licences (Microsoft Graph, "user resource type"); a source
//! that knows of no licences has nobody with one, so the policy belongs into the chain of one that does.

#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeSet;
use usher_plugin::{About, Absence, Candidate, Capabilities, Policy, Problem, Reads, User, Value, Verdict};

/// What the operator sets.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The SKU ids of the licences that count, such as `05e9a617-0261-4cee-bb44-138d3ef5d965`; any counts where none is named.
    #[serde(default)]
    pub skus: Vec<String>,
}

/// The policy with its settings checked.
#[derive(Clone, Debug)]
pub struct Licence {
    /// In lower case; empty: any.
    skus: BTreeSet<String>,
}

fn licences(user: &User) -> impl Iterator<Item = &str> {
    let (one, many) = match user.attribute("assignedLicenses") {
        Some(Value::Text(one)) => (Some(one.as_str()), &[][..]),
        Some(Value::Many(many)) => (None, many.as_slice()),
        _ => (None, &[][..]),
    };
    one.into_iter().chain(many.iter().map(String::as_str)).map(str::trim).filter(|sku| !sku.is_empty())
}

impl Policy for Licence {
    type Settings = Settings;

    fn about() -> About {
        About {
            id: "licence",
            version: env!("CARGO_PKG_VERSION"),
            summary: "Leaves out who has no product licence",
            capabilities: Capabilities::none(),
            reads: Reads::default(),
            absence: Absence::default(),
        }
    }

    fn configure(settings: Settings) -> Result<Self, Vec<Problem>> {
        let blank = settings.skus.iter().enumerate().filter(|(_, sku)| sku.trim().is_empty());
        let problems: Vec<_> = blank
            .map(|(at, _)| Problem {
                place: format!("skus[{at}]"),
                why: "is empty; give the id of a licence".into(),
            })
            .collect();
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self { skus: settings.skus.iter().map(|sku| sku.trim().to_lowercase()).collect() })
    }

    fn review_user(&self, candidate: &Candidate, _day: Option<&str>) -> Verdict {
        let mut any = false;
        for sku in licences(&candidate.user) {
            any = true;
            if self.skus.is_empty() || self.skus.contains(&sku.to_lowercase()) {
                return Verdict::keep();
            }
        }
        Verdict::leave_out(if any {
            "none of the licences is in `skus`"
        } else {
            "has no product licence (`assignedLicenses`)"
        })
    }
}

usher_plugin::register_policy!(Licence);
