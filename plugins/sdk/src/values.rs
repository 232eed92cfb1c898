//! Reading attributes without ceremony.

use crate::contract::model::{Group, User, Value};

impl Value {
    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) | Value::Moment(text) => Some(text),
            _ => None,
        }
    }
}

fn find<'a>(attributes: &'a [(String, Value)], name: &str) -> Option<&'a Value> {
    attributes.iter().find(|(given, _)| given == name).map(|(_, value)| value)
}

impl User {
    /// An attribute by its name.
    pub fn attribute(&self, name: &str) -> Option<&Value> {
        find(&self.attributes, name)
    }

    /// All e-mail addresses, the primary one first.
    pub fn emails(&self) -> impl Iterator<Item = &str> {
        let (one, many) = match self.attribute("emails") {
            Some(Value::Text(text)) => (Some(text.as_str()), &[][..]),
            Some(Value::Many(many)) => (None, many.as_slice()),
            _ => (None, &[][..]),
        };
        one.into_iter().chain(many.iter().map(String::as_str))
    }
}

impl Group {
    /// An attribute by its name.
    pub fn attribute(&self, name: &str) -> Option<&Value> {
        find(&self.attributes, name)
    }
}
