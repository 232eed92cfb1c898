//! The source: an export of a generated organisation, on disk.

use crate::error::Error;
use std::path::{Path, PathBuf};
use usher_demo::{GROUPS_FILE, MEMBERSHIPS_FILE, Organisation, USERS_FILE};

const SEED: u64 = 2026;
/// One person in so many has another title in the changed export.
const CHANGED_ONE_IN: u32 = 100;

/// People with names, addresses, titles, departments and managers; groups, nested; two memberships a person.
pub struct Export {
    organisation: Organisation,
    folder: PathBuf,
}

impl Export {
    /// Writes the export of so many people into a folder.
    pub fn write(folder: &Path, people: u32) -> Result<Self, Error> {
        let export = Self { organisation: Organisation::sample(SEED, people), folder: folder.to_owned() };
        export.organisation.write_first(folder)?;
        Ok(export)
    }

    /// Writes it as it was at first.
    pub fn restore(&self) -> Result<(), Error> {
        self.organisation.write_first(&self.folder)?;
        Ok(())
    }

    /// Changes one person in a hundred; says how many that are.
    pub fn change(&self) -> Result<u32, Error> {
        Ok(self.organisation.write_drifted(&self.folder, CHANGED_ONE_IN)?)
    }

    /// How many people there are.
    pub fn people(&self) -> u32 {
        self.organisation.size()
    }

    /// The settings that name a file, with the files.
    pub fn files(&self) -> [(&'static str, PathBuf); 3] {
        [("users", USERS_FILE), ("groups", GROUPS_FILE), ("memberships", MEMBERSHIPS_FILE)]
            .map(|(setting, name)| (setting, self.folder.join(name)))
    }

    /// The file of people.
    pub fn users(&self) -> PathBuf {
        self.folder.join(USERS_FILE)
    }

    /// Where the files lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
