//! Files and memory for a read, and what came of it.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use usher_method_csv::files::{File, Outside};
use usher_method_csv::read::Reading;
use usher_method_csv::settings::Settings;
use usher_plugin::{
    BadRecord, Change, Counts, Coverage, Fault, Group, Membership, Next, ObjectRef, Seal, User,
};

/// Stands in for the host.
#[derive(Clone)]
pub struct Memory {
    pub files: BTreeMap<String, (String, Vec<u8>)>,
    pub kept: BTreeMap<String, String>,
    pub warnings: Vec<String>,
    pub chunk: usize,
    pub chunks_read: u32,
}

impl Memory {
    pub fn of_users(bytes: impl AsRef<[u8]>) -> Self {
        let memory = Self {
            files: BTreeMap::new(),
            kept: BTreeMap::new(),
            warnings: Vec::new(),
            chunk: 256 * 1024,
            chunks_read: 0,
        };
        memory.with("users", bytes)
    }

    pub fn with(mut self, setting: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.files.insert(setting.to_owned(), (format!("{setting}.csv"), bytes.as_ref().to_vec()));
        self
    }

    pub fn in_chunks_of(mut self, bytes: usize) -> Self {
        self.chunk = bytes;
        self
    }

    /// The settings that go with the files.
    pub fn settings(&self) -> Settings {
        let path = |setting: &str| self.files.get(setting).map(|(name, _)| name.clone());
        Settings {
            groups: path("groups"),
            memberships: path("memberships"),
            ..Settings::of_users("users.csv")
        }
    }

    /// A whole read with default settings.
    pub fn read(&mut self) -> Result<Whole, Fault> {
        self.read_with(&self.settings())
    }

    pub fn read_with(&mut self, settings: &Settings) -> Result<Whole, Fault> {
        let mut reading = Reading::fresh(self, settings)?;
        Whole::of(&mut reading, self)
    }

    /// The sentence of a read that must fail.
    pub fn refusal(&mut self) -> String {
        self.refusal_with(&self.settings())
    }

    pub fn refusal_with(&mut self, settings: &Settings) -> String {
        match self.read_with(settings) {
            Err(Fault::Source(why)) => why,
            Err(Fault::Settings(problem)) => format!("{}: {}", problem.place, problem.why),
            other => panic!("not refused: {other:?}"),
        }
    }
}

impl Outside for Memory {
    fn open(&mut self, setting: &str) -> Result<Option<File>, Fault> {
        Ok(self.files.get(setting).map(|(name, bytes)| {
            let mut hasher = DefaultHasher::new();
            bytes.hash(&mut hasher);
            File {
                name: name.clone(),
                sha256: format!("{:064x}", hasher.finish()),
                size: bytes.len() as u64,
                chunks: bytes.len().div_ceil(self.chunk) as u32,
            }
        }))
    }

    fn read(&mut self, setting: &str, chunk: u32) -> Result<Vec<u8>, Fault> {
        self.chunks_read += 1;
        let (_, bytes) = &self.files[setting];
        Ok(bytes.chunks(self.chunk).nth(chunk as usize).expect("a chunk that is there").to_vec())
    }

    fn recall(&mut self, key: &str) -> Result<Option<String>, Fault> {
        Ok(self.kept.get(key).cloned())
    }

    fn remember(&mut self, key: &str, value: &str) -> Result<(), Fault> {
        self.kept.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    fn warn(&mut self, line: &str) {
        self.warnings.push(line.to_owned());
    }
}

/// What a whole read handed over.
#[derive(Clone, Debug, PartialEq)]
pub struct Whole {
    pub changes: Vec<Change>,
    pub seal: Seal,
}

impl Whole {
    pub fn of(reading: &mut Reading, memory: &mut Memory) -> Result<Self, Fault> {
        let mut changes = Vec::new();
        loop {
            let page = reading.page(memory)?;
            changes.extend(page.changes);
            if let Next::End(seal) = page.next {
                return Ok(Self { changes, seal });
            }
        }
    }

    pub fn users(&self) -> Vec<&User> {
        self.changes
            .iter()
            .filter_map(|c| if let Change::User(user) = c { Some(user) } else { None })
            .collect()
    }

    pub fn user(&self, id: &str) -> &User {
        self.users()
            .into_iter()
            .find(|user| user.id == id)
            .unwrap_or_else(|| panic!("no user {id}: {self:#?}"))
    }

    pub fn ids(&self) -> Vec<&str> {
        self.users().into_iter().map(|user| user.id.as_str()).collect()
    }

    pub fn groups(&self) -> Vec<&Group> {
        self.changes
            .iter()
            .filter_map(|c| if let Change::Group(group) = c { Some(group) } else { None })
            .collect()
    }

    pub fn members(&self) -> Vec<&Membership> {
        self.changes.iter().filter_map(|c| if let Change::Member(m) = c { Some(m) } else { None }).collect()
    }

    /// `group>member` for each.
    pub fn links(&self) -> Vec<String> {
        self.members().iter().map(|m| format!("{}>{}", m.group, m.member)).collect()
    }

    pub fn bad(&self) -> Vec<&BadRecord> {
        self.changes
            .iter()
            .filter_map(|c| if let Change::Unreadable(bad) = c { Some(bad) } else { None })
            .collect()
    }

    /// Place and key of every unreadable record.
    pub fn bad_places(&self) -> Vec<(&str, Option<&str>)> {
        self.bad()
            .into_iter()
            .map(|bad| {
                let id = bad.what.as_ref().map(|what| match what {
                    ObjectRef::User(id) | ObjectRef::Group(id) => id.as_str(),
                });
                (bad.place.as_str(), id)
            })
            .collect()
    }

    /// Whether the host may take an absent record for gone.
    pub fn may_remove(&self) -> bool {
        self.bad().iter().all(|bad| bad.what.is_some())
    }

    pub fn counts(&self) -> (u32, u32, u32) {
        let Coverage::Everything(Counts { users, groups, memberships }) = self.seal.covers else {
            panic!("not a snapshot")
        };
        (users, groups, memberships)
    }
}

/// An attribute's text, or its texts joined by `|`.
pub fn text(user: &User, name: &str) -> Option<String> {
    user.attribute(name).map(|value| match value {
        usher_plugin::Value::Text(text) => text.clone(),
        usher_plugin::Value::Many(many) => many.join("|"),
        other => panic!("{name} is {other:?}"),
    })
}
