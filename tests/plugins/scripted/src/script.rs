//! The script: what the source will answer, whole.

use crate::record::Change;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything that the method does in a test.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// The full read.
    pub fresh: Read,
    /// The reads since a cursor.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub since: BTreeMap<String, Read>,
    /// Answers by `user:ID` and `group:ID`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub lookup: BTreeMap<String, Answer>,
    /// Tokens that only the instance that gave them out can go on from.
    #[serde(skip_serializing_if = "ResumeLost::is_never")]
    pub resume_lost: ResumeLost,
    /// What `check` answers; by default one good finding and the counts of `fresh`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
    /// What the calls besides `read` answer instead.
    #[serde(skip_serializing_if = "CallFaults::is_empty")]
    pub faults: CallFaults,
}

impl Script {
    /// A source whose full read hands over these changes.
    pub fn full(changes: impl IntoIterator<Item = Change>) -> Self {
        Self { fresh: Read::of(changes), ..Self::default() }
    }

    /// With a read since a cursor.
    pub fn since(mut self, cursor: &str, read: Read) -> Self {
        self.since.insert(cursor.to_owned(), read);
        self
    }

    /// With an answer about a user.
    pub fn lookup_user(mut self, id: &str, answer: Answer) -> Self {
        self.lookup.insert(format!("user:{id}"), answer);
        self
    }

    /// With an answer about a group.
    pub fn lookup_group(mut self, id: &str, answer: Answer) -> Self {
        self.lookup.insert(format!("group:{id}"), answer);
        self
    }

    /// With what `check` answers.
    pub fn checked(mut self, check: Check) -> Self {
        self.check = Some(check);
        self
    }

    /// Reads a script; the error says the line and column.
    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// The script as the file's text.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self)
    }
}

/// One read, from its first page to its seal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Read {
    /// What it hands over, in this order.
    pub changes: Vec<Change>,
    /// How it ends; by default everything from `fresh` and changes from `since`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seal: Option<Seal>,
    /// Where the next incremental read may go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// By page, from 1, what that page answers instead.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub faults: BTreeMap<u32, Fault>,
    /// Changes a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// What is told to the progress bar; by default the number of changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<u32>,
}

impl Read {
    /// A read that hands over these changes.
    pub fn of(changes: impl IntoIterator<Item = Change>) -> Self {
        Self { changes: changes.into_iter().collect(), ..Self::default() }
    }

    /// Ending so.
    pub fn sealed(mut self, seal: Seal) -> Self {
        self.seal = Some(seal);
        self
    }

    /// Handing over this cursor.
    pub fn cursor(mut self, cursor: &str) -> Self {
        self.cursor = Some(cursor.to_owned());
        self
    }

    /// Failing at a page, from 1.
    pub fn fault(mut self, page: u32, fault: Fault) -> Self {
        self.faults.insert(page, fault);
        self
    }

    /// With so many changes a page.
    pub fn paged(mut self, page: u32) -> Self {
        self.page = Some(page);
        self
    }
}

/// How a read ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "SealText", into = "SealText")]
pub enum Seal {
    /// It handed over everything there is. Counts that aren't stated are counted.
    Everything(Counts),
    /// It handed over changes.
    Changes,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum SealText {
    Word(SealWord),
    Stated { everything: Counts },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum SealWord {
    Everything,
    Changes,
}

impl From<SealText> for Seal {
    fn from(text: SealText) -> Self {
        match text {
            SealText::Word(SealWord::Everything) => Self::Everything(Counts::default()),
            SealText::Word(SealWord::Changes) => Self::Changes,
            SealText::Stated { everything } => Self::Everything(everything),
        }
    }
}

impl From<Seal> for SealText {
    fn from(seal: Seal) -> Self {
        match seal {
            Seal::Everything(counts) if counts == Counts::default() => Self::Word(SealWord::Everything),
            Seal::Everything(everything) => Self::Stated { everything },
            Seal::Changes => Self::Word(SealWord::Changes),
        }
    }
}

/// Counts to state, true or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the contract's own words")]
pub struct Counts {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memberships: Option<u32>,
}

/// What `lookup` says of one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It is there, and this is it.
    Here(Vec<Change>),
    /// The source says that it isn't there.
    Gone,
    /// The source couldn't say, and why.
    Unknown(String),
}

/// Which tokens are worth nothing to another instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ResumeLost {
    /// All or none.
    Every(bool),
    /// These.
    Tokens(Vec<String>),
}

impl Default for ResumeLost {
    fn default() -> Self {
        Self::Every(false)
    }
}

impl ResumeLost {
    fn is_never(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a token is one of them.
    pub fn has(&self, token: &str) -> bool {
        match self {
            Self::Every(every) => *every,
            Self::Tokens(tokens) => tokens.iter().any(|lost| lost == token),
        }
    }
}

/// What `check` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Check {
    /// What it looked at.
    pub findings: Vec<Finding>,
    /// Counts to state; without them there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
    /// Mail domains that the source has verified.
    pub verified_domains: Vec<String>,
}

/// One thing that `check` looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// How it stands.
    pub standing: Standing,
    /// What was found.
    pub what: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// How a finding stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the contract's own words")]
pub enum Standing {
    Good,
    Warning,
    Failed,
}

/// What the calls besides `read` answer instead.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the contract's own words")]
pub struct CallFaults {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<Fault>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Fault>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<Fault>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lookup: Option<Fault>,
    /// How often `lookup` faults before it answers; none: always.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lookup_times: Option<u32>,
}

impl CallFaults {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Why a call can't be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the contract's own words")]
pub enum Fault {
    Throttled(Option<u32>),
    Auth(String),
    Permission(String),
    Settings(Problem),
    CursorExpired,
    ResumeLost,
    Network(String),
    Source(String),
    Bug(String),
}

/// What is wrong with a setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the contract's own words")]
pub struct Problem {
    pub place: String,
    pub why: String,
}
