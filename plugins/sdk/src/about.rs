//! What a plugin says of itself: the document that `about.describe` returns.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value as Json, json};

/// Identity and wishes of a plugin.
#[derive(Clone, Debug)]
pub struct About {
    /// Short and unique, in lower case with hyphens: `csv`, `deny-list`.
    pub id: &'static str,
    /// The plugin's own version, usually `env!("CARGO_PKG_VERSION")`.
    pub version: &'static str,
    /// One line for lists.
    pub summary: &'static str,
    /// The host interfaces it asks for. What is neither asked for nor granted isn't there at run time.
    pub capabilities: Capabilities,
    /// For a policy: which surroundings of a user its verdicts depend on.
    pub reads: Reads,
    /// For a method: how the absence of a record is proven.
    pub absence: Absence,
}

/// The host interfaces a plugin asks for: name to what it asks of it (an empty object where there is nothing to say).
#[derive(Clone, Debug, Default)]
pub struct Capabilities(Map<String, Json>);

impl Capabilities {
    /// Asks for nothing but the log, which every plugin has.
    pub fn none() -> Self {
        Self::default()
    }

    /// Asks for one more interface of the contract, by its name.
    pub fn and(self, interface: &str) -> Self {
        self.and_for(interface, json!({}))
    }

    /// Asks for one more interface, and says what it asks of it.
    pub fn and_for(mut self, interface: &str, what: Json) -> Self {
        self.0.insert(interface.to_owned(), what);
        self
    }
}

/// Which surroundings a policy reads. Those it doesn't name are empty when it is called.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reads {
    /// The user's groups, direct and through others.
    pub groups: bool,
    /// The user's manager.
    pub manager: bool,
    /// The date of the run.
    pub day: bool,
}

/// How a method's full read proves that a record is absent.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Absence {
    /// The source lives while it is paged: each missing record is asked for by `lookup`.
    #[default]
    Lookup,
    /// The whole read comes from one frozen content, as the host's private copy of a file is.
    Snapshot,
}

impl About {
    /// The JSON document for the host.
    #[doc(hidden)]
    pub fn document<S: JsonSchema>(&self, kind: &str) -> String {
        let mut reads = Vec::new();
        for (name, read) in
            [("groups", self.reads.groups), ("manager", self.reads.manager), ("day", self.reads.day)]
        {
            if read {
                reads.push(name);
            }
        }
        json!({
            "id": self.id,
            "version": self.version,
            "kind": kind,
            "summary": self.summary,
            "settings": schemars::schema_for!(S),
            "capabilities": self.capabilities.0,
            "reads": reads,
            "absence": self.absence,
        })
        .to_string()
    }
}
