//! Two-sided grants: what a plugin asks for in `about`, what the operator granted, and what the component really imports.
//!
//! All three are compared before anything is linked, and what isn't granted isn't linked.

use std::collections::BTreeSet;
use std::fmt;

/// The contract's package; what a component imports from it begins so.
pub(crate) const PACKAGE: &str = "usher:plugin/";
/// The version of the contract that this host speaks.
pub(crate) const VERSION: &str = "0.1.0";
/// The one interface every plugin has without asking.
pub(crate) const LOG: &str = "log";
/// Types only: nothing to call.
const MODEL: &str = "model";

/// The interfaces of the contract a plugin can ask for.
pub const INTERFACES: [&str; 9] =
    ["files", "graph", "http", "ldap", "log", "mirror", "records", "schedule", "storage"];

/// What the operator granted when adding a plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// Names of the contract's interfaces, such as `files`.
    pub interfaces: BTreeSet<String>,
}

impl Grant {
    /// Nothing but the log.
    pub fn none() -> Self {
        Self::default()
    }

    /// These interfaces.
    pub fn of<S: Into<String>>(interfaces: impl IntoIterator<Item = S>) -> Self {
        Self { interfaces: interfaces.into_iter().map(Into::into).collect() }
    }
}

/// Why a plugin can't be run under a grant: what it imports without right to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The plugin's id.
    pub plugin: String,
    /// Imported but not asked for in `about`.
    pub unasked: BTreeSet<String>,
    /// Imported and asked for but not granted.
    pub ungranted: BTreeSet<String>,
    /// Imported from outside the contract, such as sockets: never given.
    pub foreign: BTreeSet<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "plugin {} ", self.plugin)?;
        out.write_str(&self.what())
    }
}

impl Refusal {
    /// What is wrong, to follow the plugin's name.
    pub(crate) fn what(&self) -> String {
        let mut parts = Vec::new();
        for (names, why) in [
            (&self.foreign, "no plugin is given"),
            (&self.unasked, "it doesn't ask for"),
            (&self.ungranted, "it wasn't granted"),
        ] {
            if !names.is_empty() {
                let names = names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
                parts.push(format!("imports {names}, which {why}"));
            }
        }
        parts.join("; ")
    }
}

impl std::error::Error for Refusal {}

/// What a component imports, sorted by where it comes from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Imports {
    /// Every import by its full name.
    pub(crate) all: BTreeSet<String>,
    /// Interfaces of the contract, by short name.
    interfaces: BTreeSet<String>,
    /// What is neither the contract nor the empty WASI.
    foreign: BTreeSet<String>,
}

impl Imports {
    pub(crate) fn new(names: impl IntoIterator<Item = String>) -> Self {
        let mut imports = Self::default();
        for name in names {
            let short = name.strip_prefix(PACKAGE).map(|rest| rest.split('@').next().unwrap_or(rest));
            match short {
                Some(MODEL) => {}
                Some(short) if INTERFACES.contains(&short) => {
                    imports.interfaces.insert(short.to_owned());
                }
                _ if crate::wasi::is_linked(&name) => {}
                _ => {
                    imports.foreign.insert(name.clone());
                }
            }
            imports.all.insert(name);
        }
        imports
    }

    /// The interfaces to link, or what stands against it.
    pub(crate) fn admit(
        &self,
        plugin: &str,
        asked: &BTreeSet<String>,
        grant: &Grant,
    ) -> Result<BTreeSet<String>, Refusal> {
        let free = |name: &String| name == LOG;
        let (asked_for, unasked): (BTreeSet<_>, BTreeSet<_>) =
            self.interfaces.iter().cloned().partition(|name| free(name) || asked.contains(name));
        let (granted, ungranted): (BTreeSet<_>, BTreeSet<_>) =
            asked_for.into_iter().partition(|name| free(name) || grant.interfaces.contains(name));
        if unasked.is_empty() && ungranted.is_empty() && self.foreign.is_empty() {
            return Ok(granted);
        }
        Err(Refusal { plugin: plugin.to_owned(), unasked, ungranted, foreign: self.foreign.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imports() -> Imports {
        Imports::new(
            [
                "usher:plugin/model@0.1.0",
                "usher:plugin/files@0.1.0",
                "usher:plugin/storage@0.1.0",
                "wasi:io/poll@0.2.6",
            ]
            .map(String::from),
        )
    }

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn only_what_is_asked_for_and_granted_is_linked() {
        let asked = names(&["files", "storage"]);
        let linked = imports().admit("p", &asked, &Grant::of(["files", "storage", "graph"])).unwrap();
        assert_eq!(linked, names(&["files", "storage"]));
    }

    #[test]
    fn the_log_needs_no_grant() {
        let imports = Imports::new(["usher:plugin/log@0.1.0".to_owned()]);
        assert_eq!(imports.admit("p", &names(&[]), &Grant::none()).unwrap(), names(&["log"]));
    }

    #[test]
    fn a_refusal_names_what_is_missing_on_which_side() {
        let refusal = imports().admit("p", &names(&["files"]), &Grant::none()).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "plugin p imports storage, which it doesn't ask for; imports files, which it wasn't granted"
        );
    }

    #[test]
    fn sockets_are_never_given() {
        let imports = Imports::new(["wasi:sockets/tcp@0.2.6".to_owned()]);
        let refusal = imports.admit("p", &names(&[]), &Grant::none()).unwrap_err();
        assert_eq!(refusal.to_string(), "plugin p imports wasi:sockets/tcp@0.2.6, which no plugin is given");
    }
}
