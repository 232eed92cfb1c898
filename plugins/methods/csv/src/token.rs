//! Cursors and tokens: what a read was made of, and how far it is.

use crate::files::File;
use crate::settings::Settings;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The files of one read.
#[derive(Clone, Debug)]
pub struct Files {
    /// Always there.
    pub users: File,
    /// Where the setting is given.
    pub groups: Option<File>,
    /// Where the setting is given.
    pub memberships: Option<File>,
}

impl Files {
    /// The cursor: a hash (SHA-256, in hex) of the contents' hashes and of the settings that decide what is made of
    /// them. Equal cursors mean equal reads.
    pub fn cursor(&self, settings: &Settings) -> String {
        let hash = |file: &Option<File>| file.as_ref().map(|file| file.sha256.clone());
        let all = serde_json::json!({
            "users": self.users.sha256,
            "groups": hash(&self.groups),
            "memberships": hash(&self.memberships),
            "settings": settings.reading(),
        });
        let digest = Sha256::digest(all.to_string());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The stages of a read, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The groups file.
    Groups,
    /// Names of groups in the users file.
    UserGroups,
    /// Names of groups in the memberships file.
    MembershipGroups,
    /// The users file.
    Users,
    /// The memberships file.
    Memberships,
    /// Nothing left but the seal.
    End,
}

/// How far a read is: so many rows of this stage are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mark {
    /// The stage.
    pub stage: Stage,
    /// Rows of it.
    pub rows: u32,
}

/// What `more` gives to the host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Token {
    /// The cursor of the contents that are read.
    pub of: String,
    /// Where the next page begins.
    pub at: Mark,
    /// Where an instance that has to catch up was, so that its empty pages are told apart. Nothing depends on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed: Option<Mark>,
}
