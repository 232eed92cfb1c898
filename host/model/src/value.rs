//! What an attribute can hold.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// One attribute's value. Nothing is not a value: an attribute without one isn't in the map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// Truth.
    Truth(bool),
    /// A whole number.
    Whole(i64),
    /// Text.
    Text(String),
    /// Several texts, the primary one first.
    Many(Vec<String>),
    /// An instant, RFC 3339 with an offset.
    Moment {
        /// The instant's text.
        moment: String,
    },
}

/// Attribute names (RFC 7643, flattened: `name.givenName`, `emails`, `department`, …) and their values.
pub type Attributes = BTreeMap<String, Value>;

impl Value {
    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Moment { moment: text } => Some(text),
            _ => None,
        }
    }

    /// All texts in it: one, several, or none.
    pub fn texts(&self) -> &[String] {
        match self {
            Self::Text(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
            _ => &[],
        }
    }

    /// The value as JSON.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Truth(truth) => (*truth).into(),
            Self::Whole(whole) => (*whole).into(),
            Self::Text(text) => text.as_str().into(),
            Self::Many(texts) => texts.clone().into(),
            Self::Moment { moment } => serde_json::json!({ "moment": moment }),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truth(truth) => write!(f, "{truth}"),
            Self::Whole(whole) => write!(f, "{whole}"),
            Self::Text(text) | Self::Moment { moment: text } => f.write_str(text),
            Self::Many(texts) => f.write_str(&texts.join(", ")),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
