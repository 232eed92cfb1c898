//! What a plugin says of itself, checked word by word before anything believes it.

use crate::escape::one_line;
use crate::grant::{INTERFACES, LOG};
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use std::collections::BTreeSet;

/// The longest document: a schema of a hundred settings is 30 KiB.
const ABOUT_BYTES: usize = 256 << 10;
/// Ids name folders, tables and columns of a terminal.
const ID_BYTES: usize = 64;
/// One line in a list.
const SUMMARY_BYTES: usize = 200;
/// `1.2.3-beta.4+20261122`.
const VERSION_BYTES: usize = 64;
/// Interfaces behind which a source lives and changes while it is read.
const LIVE: [&str; 3] = ["graph", "http", "ldap"];

/// A plugin's identity and wishes.
#[derive(Clone, Debug, PartialEq)]
pub struct About {
    /// Lower case, digits and hyphens.
    pub id: String,
    /// The plugin's own version.
    pub version: String,
    /// What it is.
    pub kind: Kind,
    /// One line.
    pub summary: String,
    /// JSON Schema 2020-12 of the settings.
    pub settings: Json,
    /// Interface names to what is asked of them.
    pub capabilities: Map<String, Json>,
    /// For a policy: which surroundings its verdicts depend on.
    pub reads: Reads,
    /// For a method: how absence is proven.
    pub absence: Absence,
}

/// Which world a plugin was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Pulled.
    Method,
    /// Pushed to.
    Receiver,
    /// Reviews what comes in.
    Policy,
}

impl Kind {
    /// The interface that a plugin of this kind exports besides `about`.
    pub(crate) fn export(self) -> &'static str {
        match self {
            Self::Method => "source",
            Self::Receiver => "endpoint",
            Self::Policy => "hook",
        }
    }

    /// As in `about`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Receiver => "receiver",
            Self::Policy => "policy",
        }
    }
}

/// Surroundings of a user that a policy reads. Those it doesn't name are kept from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reads {
    /// The user's groups.
    pub groups: bool,
    /// The user's manager.
    pub manager: bool,
    /// The run's date.
    pub day: bool,
}

/// How a full read proves that a record is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Absence {
    /// Each missing record is asked for.
    #[default]
    Lookup,
    /// The read comes from one frozen content.
    Snapshot,
}

/// What is wrong with an `about` document.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error("{0}")]
pub struct BadAbout(String);

#[derive(Deserialize)]
struct Document {
    id: String,
    version: String,
    kind: Kind,
    summary: String,
    settings: Json,
    #[serde(default)]
    capabilities: Map<String, Json>,
    #[serde(default)]
    reads: Vec<String>,
    #[serde(default)]
    absence: Absence,
}

impl About {
    /// Reads and checks the document, all but the schema inside.
    pub(crate) fn parse(text: &str) -> Result<Self, BadAbout> {
        let bad = |why: String| Err(BadAbout(why));
        if text.len() > ABOUT_BYTES {
            return bad(format!("is longer than {ABOUT_BYTES} bytes"));
        }
        let document: Document = match serde_json::from_str(text) {
            Ok(document) => document,
            Err(error) => return bad(format!("isn't the document that the contract asks for: {error}")),
        };
        let Document { id, version, kind, summary, settings, capabilities, reads, absence } = document;
        if !is_id(&id) {
            return bad(format!(
                "has the id `{}`; an id is 1 to {ID_BYTES} small letters, digits and hyphens, beginning with a letter",
                one_line(&id, ID_BYTES)
            ));
        }
        for (name, text, most) in [("version", &version, VERSION_BYTES), ("summary", &summary, SUMMARY_BYTES)]
        {
            if text.is_empty() || one_line(text, most) != **text {
                return bad(format!("has a `{name}` that isn't one line of 1 to {most} bytes"));
            }
        }
        if !is_printable(&settings) {
            return bad("has control characters in the schema of its settings".to_owned());
        }
        for interface in capabilities.keys() {
            if !INTERFACES.contains(&interface.as_str()) {
                return bad(format!(
                    "asks for `{}`; this host knows {}",
                    one_line(interface, ID_BYTES),
                    INTERFACES.join(", ")
                ));
            }
            if kind == Kind::Policy && interface != LOG {
                return bad(format!("asks for `{interface}`; a policy has no I/O, so there is only `log`"));
            }
            if absence == Absence::Snapshot && LIVE.contains(&interface.as_str()) {
                return bad(format!(
                    "says that absence is proven by a snapshot and asks for `{interface}`; a source that lives while it is read must say `lookup`"
                ));
            }
        }
        let mut parsed = Reads::default();
        for name in &reads {
            match name.as_str() {
                "groups" => parsed.groups = true,
                "manager" => parsed.manager = true,
                "day" => parsed.day = true,
                other => {
                    return bad(format!(
                        "reads `{}`; there are groups, manager and day",
                        one_line(other, ID_BYTES)
                    ));
                }
            }
        }
        Ok(Self { id, version, kind, summary, settings, capabilities, reads: parsed, absence })
    }

    /// The interfaces it asks for.
    pub fn asks(&self) -> BTreeSet<String> {
        self.capabilities.keys().cloned().collect()
    }
}

/// Whether a schema can be shown on a terminal: its titles and descriptions are. Lines may break.
fn is_printable(schema: &Json) -> bool {
    let fits = |text: &str| text.lines().all(|line| one_line(line, ABOUT_BYTES) == line.trim_end());
    match schema {
        Json::String(text) => fits(text),
        Json::Array(parts) => parts.iter().all(is_printable),
        Json::Object(parts) => parts.iter().all(|(name, part)| fits(name) && is_printable(part)),
        _ => true,
    }
}

fn is_id(id: &str) -> bool {
    id.len() <= ID_BYTES
        && id.starts_with(|first: char| first.is_ascii_lowercase())
        && !id.ends_with('-')
        && id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document(change: Json) -> String {
        let mut document = json!({
            "id": "csv", "version": "0.1.0", "kind": "method", "summary": "Files", "settings": {},
            "capabilities": { "files": {} }, "reads": [], "absence": "snapshot",
        });
        document.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        document.to_string()
    }

    #[test]
    fn a_document_is_understood() {
        let about = About::parse(&document(json!({}))).unwrap();
        assert_eq!((about.kind, about.absence), (Kind::Method, Absence::Snapshot));
        assert_eq!(about.asks(), BTreeSet::from(["files".to_owned()]));
    }

    #[test]
    fn wrong_documents_are_refused_with_the_reason() {
        let live = json!({ "graph": {} });
        for (change, why) in [
            (json!({ "id": "../etc" }), "has the id `../etc`"),
            (json!({ "id": "" }), "has the id ``"),
            (json!({ "id": "a\u{1b}[2J" }), r"has the id `a\u{1b}[2J`"),
            (json!({ "kind": "connector" }), "unknown variant `connector`"),
            (json!({ "summary": "two\nlines" }), "has a `summary` that isn't one line"),
            (json!({ "capabilities": { "shell": {} } }), "asks for `shell`; this host knows files"),
            (json!({ "capabilities": live }), "a source that lives while it is read must say `lookup`"),
            (json!({ "kind": "policy" }), "asks for `files`; a policy has no I/O"),
            (json!({ "settings": { "title": "a\u{1b}[2J" } }), "has control characters in the schema"),
            (json!({ "reads": ["mood"] }), "reads `mood`; there are groups, manager and day"),
        ] {
            let error = About::parse(&document(change)).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        assert!(About::parse("{").unwrap_err().to_string().contains("isn't the document"));
    }
}
