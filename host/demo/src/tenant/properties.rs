//! An object's properties, each with the number of the change that set it.
//!
//! A property that was never set isn't there; one that was cleared is there and `null`. Nothing makes a property unset again.

use serde_json::Value;
use std::collections::HashSet;
use std::sync::Arc;

/// One property.
#[derive(Clone, Debug)]
pub struct Property {
    /// By Graph's name.
    pub name: Arc<str>,
    /// `null` is cleared.
    pub value: Value,
    /// What it was before its last change, if it was set.
    pub before: Option<Box<Value>>,
    /// The change that set it.
    pub changed: u64,
}

/// Properties in the order of their names.
#[derive(Clone, Debug, Default)]
pub struct Properties(Vec<Property>);

impl Properties {
    /// A property that was set once.
    pub fn property(&self, name: &str) -> Option<&Property> {
        let at = self.0.binary_search_by(|property| (*property.name).cmp(name)).ok()?;
        self.0.get(at)
    }

    /// The value of a property, unless it was never set.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.property(name).map(|property| &property.value)
    }

    /// The text of a property that is one.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// Sets or clears a property. A value that it has already is no change, and neither is clearing what was never set.
    pub fn set(&mut self, name: Arc<str>, value: Value, change: u64) -> bool {
        match self.0.binary_search_by(|property| (*property.name).cmp(&name)) {
            Ok(at) => {
                let Some(property) = self.0.get_mut(at).filter(|property| property.value != value) else {
                    return false;
                };
                property.before = Some(Box::new(std::mem::replace(&mut property.value, value)));
                property.changed = change;
                true
            }
            Err(_) if value.is_null() => false,
            Err(at) => {
                self.0.insert(at, Property { name, value, before: None, changed: change });
                true
            }
        }
    }
}

/// Every property name in use, once.
#[derive(Clone, Debug, Default)]
pub struct Names(HashSet<Arc<str>>);

impl Names {
    /// The shared copy of a name.
    pub fn shared(&mut self, name: &str) -> Arc<str> {
        if let Some(name) = self.0.get(name) {
            return Arc::clone(name);
        }
        let name: Arc<str> = Arc::from(name);
        self.0.insert(Arc::clone(&name));
        name
    }

    /// A name in use that is written like this, in whatever case.
    pub fn like(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .or_else(|| self.0.iter().find(|known| known.eq_ignore_ascii_case(name)))
            .map(|name| &**name)
    }
}
