//! The policy `deny-list`: leaves out the people on a list.
//!
//! A user's userName and every e-mail are compared, trimmed and without regard to case, with addresses (`cat@alt.example`), domains
//! (`@alt.example`, without their subdomains) and wildcards (`*` stands for anything, also for nothing). The reason names the entry and the
//! address it matched. [`parse_list`] reads such a list from a file; it needs no host.

mod entry;
mod index;
mod list;
#[cfg(test)]
mod tests;

pub use entry::{Entry, Junk};
pub use index::DenyIndex;
pub use list::{BadLine, Parsed, RepeatedLine, parse_list};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use usher_plugin::{About, Absence, Candidate, Capabilities, Policy, Problem, Reads, Verdict};

/// More problems than this are told as a number: a list that is wrong throughout has one cause.
const PROBLEMS_TOLD: usize = 100;

/// What the operator sets.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Who is left out: addresses (`cat@alt.example`), domains (`@alt.example`) and wildcards (`temp-*@acme.example`).
    #[serde(default)]
    pub entries: Entries,
}

/// The entries as a list, or as one text with an entry a line or between commas.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Entries {
    /// One string an entry.
    List(Vec<String>),
    /// Separated by new lines, commas or semicolons.
    Text(String),
}

/// Said by one keyword instead of two branches, so that a wrong type is told as "must be a list or text".
impl JsonSchema for Entries {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Entries".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["array", "string"], "items": { "type": "string" } })
    }
}

impl Default for Entries {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

impl Entries {
    /// The single entries. In a text, blank pieces are no entries; in a list they are, and junk.
    pub fn iter(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        match self {
            Self::List(list) => Box::new(list.iter().map(String::as_str)),
            Self::Text(text) => {
                Box::new(text.split(['\n', '\r', ',', ';']).map(str::trim).filter(|piece| !piece.is_empty()))
            }
        }
    }
}

/// The policy with its list checked and indexed.
#[derive(Clone, Debug)]
pub struct DenyList {
    index: DenyIndex,
}

impl Policy for DenyList {
    type Settings = Settings;

    fn about() -> About {
        About {
            id: "deny-list",
            version: env!("CARGO_PKG_VERSION"),
            summary: "Leaves out the addresses, domains and patterns on a list",
            capabilities: Capabilities::none(),
            reads: Reads::default(),
            absence: Absence::default(),
        }
    }

    fn configure(settings: Settings) -> Result<Self, Vec<Problem>> {
        let mut index = DenyIndex::default();
        let mut problems = Vec::new();
        let mut untold = 0_usize;
        for (position, text) in settings.entries.iter().enumerate() {
            match Entry::parse(text) {
                Ok(entry) => index.insert(entry),
                Err(_) if problems.len() == PROBLEMS_TOLD => untold += 1,
                Err(junk) => problems.push(Problem {
                    place: format!("entries[{position}]"),
                    why: format!("`{}` {junk}", shortened(text)),
                }),
            }
        }
        if untold > 0 {
            problems.push(Problem {
                place: "entries".into(),
                why: format!("{untold} more entries can't be used"),
            });
        }
        if problems.is_empty() { Ok(Self { index }) } else { Err(problems) }
    }

    fn review_user(&self, candidate: &Candidate, _day: Option<&str>) -> Verdict {
        let user = &candidate.user;
        for address in user.user_name.as_deref().into_iter().chain(user.emails()) {
            if let Some(entry) = self.index.matching(address) {
                return Verdict::leave_out(format!("{entry} matches {}", address.trim()));
            }
        }
        Verdict::keep()
    }
}

/// Text that is shown back: made printable, and cut where it is longer than a line.
fn shortened(text: &str) -> String {
    const SHOWN: usize = 80;
    let mut shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

usher_plugin::register_policy!(DenyList);
