//! What the operator sets, and what of it can't be done.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use usher_plugin::{Problem, Value};

/// The longest name of an attribute, in bytes (the contract's limit).
const NAME_BYTES: usize = 256;
/// What a plan says of somebody besides attributes: it comes from groups and grace.
const OF_PLANS: [&str; 3] = ["path", "leaving", "linked"];

/// What the operator sets.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Attributes that get the value of another, which stays: `{"title": "employeeType"}` gives title that of employeeType.
    #[serde(default)]
    pub map: BTreeMap<String, String>,
    /// Attributes that get another name, for who has them: `{"costCentre": "costCenter"}`.
    #[serde(default)]
    pub rename: BTreeMap<String, String>,
    /// What somebody gets who has no value: `{"department": "Staff"}`. Text, true or false, a whole number, or a list of texts.
    #[serde(default)]
    pub default: BTreeMap<String, Filling>,
    /// Attributes that are taken away.
    #[serde(default)]
    pub drop: Vec<String>,
}

/// A value as it is written in settings.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Filling {
    /// Text.
    Text(String),
    /// True or false.
    Truth(bool),
    /// A whole number.
    Whole(i64),
    /// Several texts.
    Many(Vec<String>),
}

/// Said by one keyword instead of four branches, so that a wrong type is told in one sentence.
impl JsonSchema for Filling {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Filling".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "boolean", "integer", "array"], "items": { "type": "string" } })
    }
}

impl From<Filling> for Value {
    fn from(filling: Filling) -> Self {
        match filling {
            Filling::Text(text) => Self::Text(text),
            Filling::Truth(truth) => Self::Truth(truth),
            Filling::Whole(whole) => Self::Whole(whole),
            Filling::Many(many) => Self::Many(many),
        }
    }
}

impl Filling {
    fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.trim().is_empty(),
            Self::Many(many) => many.is_empty(),
            Self::Truth(_) | Self::Whole(_) => false,
        }
    }
}

impl Settings {
    /// All that is wrong with them.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut wrong = |place: String, why: String| problems.push(Problem { place, why });
        let mut written: BTreeSet<&str> = BTreeSet::new();
        let targets = self.map.keys().map(|target| ("map", target, target));
        let renamed = self.rename.iter().map(|(from, to)| ("rename", from, to));
        for (setting, key, target) in targets.chain(renamed) {
            if let Err(why) = may_be_written(target) {
                wrong(format!("{setting}.{key}"), why);
            } else if !written.insert(target) {
                wrong(format!("{setting}.{key}"), format!("{target} gets two values"));
            }
        }
        let sources = self.map.iter().map(|(target, source)| ("map", target, source));
        let renamed = self.rename.keys().map(|from| ("rename", from, from));
        for (setting, key, source) in sources.chain(renamed) {
            if let Err(why) = is_a_name(source) {
                wrong(format!("{setting}.{key}"), why);
            }
        }
        for (from, to) in &self.rename {
            let place = format!("rename.{from}");
            if from == to {
                wrong(place, "has that name already".to_owned());
            } else if from == super::ID {
                wrong(place, "a record's id is its source's; `map` can copy it".to_owned());
            } else if (from == super::USER_NAME || from == super::ACTIVE) && !written.contains(from.as_str())
            {
                wrong(place, format!("nobody can be without {from}; `map` can copy it"));
            } else if self.default.contains_key(from) {
                wrong(place, format!("{from} goes, and gets a default"));
            }
        }
        for (name, filling) in &self.default {
            if let Err(why) = may_be_written(name) {
                wrong(format!("default.{name}"), why);
            } else if filling.is_empty() {
                wrong(format!("default.{name}"), "is empty; give a value".to_owned());
            } else if let Err(why) = super::fits(name, Some(&filling.clone().into())) {
                wrong(format!("default.{name}"), why);
            }
        }
        let mut dropped = BTreeSet::new();
        for (at, name) in self.drop.iter().enumerate() {
            let place = format!("drop[{at}]");
            if let Err(why) = may_be_written(name) {
                wrong(place, why);
            } else if name == super::USER_NAME || name == super::ACTIVE {
                wrong(place, format!("nobody can be without {name}"));
            } else if written.contains(name.as_str()) || self.default.contains_key(name) {
                wrong(place, format!("{name} gets a value by another setting"));
            } else if self.rename.contains_key(name) {
                wrong(place, format!("{name} is renamed"));
            } else if !dropped.insert(name) {
                wrong(place, format!("{name} stands here already"));
            }
        }
        problems
    }
}

fn is_a_name(name: &str) -> Result<(), String> {
    if name.is_empty() || name.len() > NAME_BYTES || name.trim() != name || name.chars().any(char::is_control)
    {
        return Err(format!("`{}` is no attribute's name", name.escape_debug()));
    }
    Ok(())
}

fn may_be_written(name: &str) -> Result<(), String> {
    is_a_name(name)?;
    if name == super::ID {
        return Err("a record's id is its source's; choose it there".to_owned());
    }
    if OF_PLANS.contains(&name) {
        return Err(format!("{name} is the host's own word, and no attribute"));
    }
    Ok(())
}
