//! The policy `attributes`: maps, renames, fills and drops attributes of people, of any source.
//!
//! All that is read is read from the record as it came to the policy, so that two attributes can be swapped. `map` gives an attribute the value of
//! another, or takes it away where the other has none; `rename` does so only for who has the other, which goes; `default` fills what is empty after that;
//! `drop` takes away. No attribute may be written by two of them. What would leave somebody without a userName, or with an `active` that is neither yes nor no, is held.

mod settings;
#[cfg(test)]
mod tests;

pub use settings::{Filling, Settings};

use std::collections::BTreeMap;
use usher_plugin::{About, Absence, Candidate, Capabilities, Policy, Problem, Reads, User, Value, Verdict};

const ID: &str = "id";
const USER_NAME: &str = "userName";
const ACTIVE: &str = "active";

/// The policy with its settings checked.
#[derive(Clone, Debug)]
pub struct Attributes {
    /// What gets the value of what: target and source.
    mapped: Vec<(String, String)>,
    /// The same, where there is such a value.
    renamed: Vec<(String, String)>,
    /// What is given to whom it is missing.
    defaults: Vec<(String, Value)>,
    /// What goes, the former names of what is renamed among it.
    dropped: Vec<String>,
}

/// An attribute of a record, userName and `active` among them.
fn value(user: &User, name: &str) -> Option<Value> {
    let value = match name {
        ID => Some(Value::Text(user.id.clone())),
        USER_NAME => user.user_name.clone().map(Value::Text),
        ACTIVE => user.active.map(Value::Truth),
        _ => user.attribute(name).cloned(),
    };
    value.filter(|value| match value {
        Value::Text(text) | Value::Moment(text) => !text.trim().is_empty(),
        Value::Many(many) => !many.is_empty(),
        Value::Cleared => false,
        Value::Truth(_) | Value::Whole(_) => true,
    })
}

impl Policy for Attributes {
    type Settings = Settings;

    fn about() -> About {
        About {
            id: "attributes",
            version: env!("CARGO_PKG_VERSION"),
            summary: "Maps, renames, fills and drops attributes",
            capabilities: Capabilities::none(),
            reads: Reads::default(),
            absence: Absence::default(),
        }
    }

    fn configure(settings: Settings) -> Result<Self, Vec<Problem>> {
        let problems = settings.problems();
        if !problems.is_empty() {
            return Err(problems);
        }
        let renamed = settings.rename.iter().map(|(from, to)| (to.clone(), from.clone())).collect();
        let dropped = settings.rename.keys().chain(&settings.drop).cloned().collect();
        let defaults = settings.default.into_iter().map(|(name, value)| (name, value.into())).collect();
        Ok(Self { mapped: settings.map.into_iter().collect(), renamed, defaults, dropped })
    }

    fn review_user(&self, candidate: &Candidate, _day: Option<&str>) -> Verdict {
        let user = &candidate.user;
        let mut after: BTreeMap<&str, Option<Value>> = BTreeMap::new();
        for name in &self.dropped {
            after.insert(name, None);
        }
        for (target, source) in &self.mapped {
            after.insert(target, value(user, source));
        }
        for (target, source) in &self.renamed {
            if let Some(value) = value(user, source) {
                after.insert(target, Some(value));
            }
        }
        for (name, filling) in &self.defaults {
            let now = after.entry(name).or_insert_with(|| value(user, name));
            now.get_or_insert_with(|| filling.clone());
        }
        let mut verdict = Verdict::keep();
        for (name, then) in after {
            if then == value(user, name) {
                continue;
            }
            if let Err(why) = fits(name, then.as_ref()) {
                return Verdict::hold(format!("{}: {why}", self.setting_of(name)));
            }
            verdict = verdict.with(name, then.unwrap_or(Value::Cleared));
        }
        verdict
    }
}

impl Attributes {
    /// The setting by which an attribute gets its value, and where that comes from.
    fn setting_of(&self, name: &str) -> String {
        let find = |of: &[(String, String)]| {
            of.iter().find(|(target, _)| target == name).map(|(_, from)| from.clone())
        };
        match (find(&self.mapped), find(&self.renamed)) {
            (Some(from), _) => format!("map.{name} ({from})"),
            (None, Some(from)) => format!("rename.{from}"),
            (None, None) => format!("default.{name}"),
        }
    }
}

/// Whether an attribute may have this value.
fn fits(name: &str, value: Option<&Value>) -> Result<(), String> {
    match (name, value) {
        (USER_NAME, Some(Value::Text(_))) | (ACTIVE, Some(Value::Truth(_))) => Ok(()),
        (USER_NAME, None) => Err("would have no userName any more".to_owned()),
        (USER_NAME, Some(_)) => Err("would have a userName that is no text".to_owned()),
        (ACTIVE, None) => Err("would be neither active nor inactive".to_owned()),
        (ACTIVE, Some(_)) => Err("would have an `active` that is neither true nor false".to_owned()),
        _ => Ok(()),
    }
}

usher_plugin::register_policy!(Attributes);
