//! `storage`: small values of a connection. What a run writes is staged here; whoever runs it keeps the changes if it is applied.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use usher_runtime::contract::model::Fault;
use usher_runtime::{Functions, LinkError, Service};

/// Most keys of one connection (`wit/storage.wit`).
pub const KEYS: usize = 100;
/// Longest value (`wit/storage.wit`).
pub const VALUE_BYTES: usize = 64 << 10;
/// Longest key.
pub const KEY_BYTES: usize = 256;

/// A connection's values as one run sees them, shared by its instances.
#[derive(Clone, Debug, Default)]
pub struct Storage(Arc<Mutex<Values>>);

#[derive(Debug, Default)]
struct Values {
    kept: BTreeMap<String, String>,
    /// What became of a key in this run: its new value, or gone.
    staged: BTreeMap<String, Option<String>>,
}

impl Values {
    fn get(&self, key: &str) -> Option<&String> {
        match self.staged.get(key) {
            Some(staged) => staged.as_ref(),
            None => self.kept.get(key),
        }
    }

    fn keys(&self) -> usize {
        let kept = self.kept.keys().filter(|key| !self.staged.contains_key(*key)).count();
        kept + self.staged.values().flatten().count()
    }
}

impl Storage {
    pub(crate) fn new(kept: BTreeMap<String, String>) -> Self {
        Self(Arc::new(Mutex::new(Values { kept, staged: BTreeMap::new() })))
    }

    /// What the run changed: new values, and `None` for keys that were removed. Writing what was there already is no change.
    pub fn changes(&self) -> BTreeMap<String, Option<String>> {
        let values = self.values();
        values
            .staged
            .iter()
            .filter(|(key, value)| values.kept.get(*key) != value.as_ref())
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// Begins a read anew with what an earlier part of the same read staged, so that the plugin finds what it wrote in that one and
    /// nothing of an attempt that came to nothing.
    pub fn begin_again(&self, staged: &BTreeMap<String, Option<String>>) {
        self.values().staged = staged.clone();
    }

    fn values(&self) -> std::sync::MutexGuard<'_, Values> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, key: String, value: String) -> Result<(), Fault> {
        if key.is_empty() || key.len() > KEY_BYTES {
            return Err(Fault::Bug(format!(
                "stored under a key of {} bytes; 1 to {KEY_BYTES} fit",
                key.len()
            )));
        }
        if value.len() > VALUE_BYTES {
            return Err(Fault::Bug(format!("stored a value of {} bytes; {VALUE_BYTES} fit", value.len())));
        }
        let mut values = self.values();
        if values.get(&key).is_none() && values.keys() >= KEYS {
            return Err(Fault::Bug(format!("stored more than {KEYS} keys")));
        }
        values.staged.insert(key, Some(value));
        Ok(())
    }

    fn remove(&self, key: String) {
        let mut values = self.values();
        if values.kept.contains_key(&key) {
            values.staged.insert(key, None);
        } else {
            values.staged.remove(&key);
        }
    }
}

impl Service for Storage {
    const INTERFACE: &'static str = "storage";

    fn link(functions: &mut Functions<'_, Self>) -> Result<(), LinkError> {
        type Got = (Result<Option<String>, Fault>,);
        type Done = (Result<(), Fault>,);
        functions
            .quick::<_, Got>("get", |storage: &mut Storage, (key,): (String,)| {
                (Ok(storage.values().get(&key).cloned()),)
            })?
            .quick::<_, Done>("set", |storage: &mut Storage, (key, value): (String, String)| {
                (storage.set(key, value),)
            })?
            .quick::<_, Done>("remove", |storage: &mut Storage, (key,): (String,)| {
                storage.remove(key);
                (Ok(()),)
            })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn storage() -> Storage {
        Storage::new(BTreeMap::from([("kept".into(), "1".into()), ("old".into(), "2".into())]))
    }

    #[test]
    fn a_run_sees_what_it_wrote_and_tells_what_changed() {
        let storage = storage();
        let other_instance = storage.clone();
        storage.set("kept".into(), "1".into()).unwrap();
        storage.set("new".into(), "3".into()).unwrap();
        storage.remove("old".into());
        storage.set("fleeting".into(), "4".into()).unwrap();
        storage.remove("fleeting".into());
        assert_eq!(other_instance.values().get("new"), Some(&"3".to_owned()));
        assert_eq!(other_instance.values().get("old"), None);
        let changes = BTreeMap::from([("new".to_owned(), Some("3".to_owned())), ("old".to_owned(), None)]);
        assert_eq!(storage.changes(), changes);
    }

    #[test]
    fn there_is_room_for_a_hundred_keys_of_64_kib() {
        let storage = storage();
        for number in 0..98 {
            storage.set(format!("key {number}"), String::new()).unwrap();
        }
        assert!(matches!(storage.set("one more".into(), String::new()), Err(Fault::Bug(_))));
        storage.remove("old".into());
        storage.set("one more".into(), "x".repeat(VALUE_BYTES)).unwrap();
        assert!(matches!(storage.set("one more".into(), "x".repeat(VALUE_BYTES + 1)), Err(Fault::Bug(_))));
    }
}
