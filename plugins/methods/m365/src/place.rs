//! Where a read is: what its token says to a fresh instance.

use crate::outside::{Link, Place, Request};
use serde::{Deserialize, Serialize};
use usher_plugin::{Counts, Fault};

/// How far one delta query is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Chain {
    /// This scope doesn't want it.
    Off,
    /// From the beginning, by this path.
    First(String),
    /// At this link.
    At(String),
    /// The round is over; the next one begins at this link.
    Done(String),
}

impl Chain {
    /// Where to read next, if the round isn't over.
    pub fn place(&self) -> Option<Place> {
        match self {
            Self::First(path) => Some(Place::First(Request { path: path.clone(), eventual: false })),
            Self::At(link) => Some(Place::At(link.clone())),
            Self::Off | Self::Done(_) => None,
        }
    }

    /// After a page.
    pub fn after(link: Link) -> Result<Self, Fault> {
        match link {
            Link::Next(link) => Ok(Self::At(link)),
            Link::Delta(link) => Ok(Self::Done(link)),
            Link::None => Err(Fault::Source(
                "Graph ended a delta query without saying where the next one begins; nothing is proven by such a read".to_owned(),
            )),
        }
    }

    fn end(&self) -> Option<&str> {
        match self {
            Self::Done(link) => Some(link),
            _ => None,
        }
    }
}

/// The three ways to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// Everybody: the first rounds of both delta queries.
    Everyone,
    /// The chosen groups, with what is nested in them.
    Chosen,
    /// What changed since.
    Changes,
}

/// Groups whose members are listed one by one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walk {
    /// Not looked at yet.
    pub waiting: Vec<String>,
    /// Being looked at, 20 at a time: with them again, if this instance is lost.
    pub now: Vec<String>,
    /// With more members than one page has, listed page by page; the first one at this link.
    pub large: Vec<String>,
    /// Where the first of `large` is.
    pub at: Option<String>,
    /// Those of which something couldn't be read, and so perhaps some members.
    pub unlisted: Vec<String>,
}

impl Walk {
    /// Whether nothing is left to look at.
    pub fn is_done(&self) -> bool {
        self.waiting.is_empty() && self.now.is_empty() && self.large.is_empty()
    }
}

/// The counts of a seal, in a form that can be written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Counted(u32, u32, u32);

/// Everything that a fresh instance needs to go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// How it is read.
    pub way: Way,
    /// The delta query of users.
    pub users: Chain,
    /// The delta query of groups.
    pub groups: Chain,
    /// Whether the next page is one of groups, if there is one.
    pub groups_next: bool,
    /// Groups that are listed.
    pub walk: Walk,
    counted: Counted,
    /// Pages given so far: no two tokens are alike.
    pub pages: u32,
}

impl State {
    /// At the beginning.
    pub fn new(way: Way, users: Chain, groups: Chain) -> Self {
        Self {
            way,
            users,
            groups,
            groups_next: true,
            walk: Walk::default(),
            counted: Counted::default(),
            pages: 0,
        }
    }

    /// How many distinct ids were handed over so far.
    pub fn counts(&self) -> Counts {
        let Counted(users, groups, memberships) = self.counted;
        Counts { users, groups, memberships }
    }

    /// So many by now.
    pub fn count(&mut self, counts: Counts) {
        self.counted = Counted(counts.users, counts.groups, counts.memberships);
    }

    /// As a token.
    pub fn token(&self) -> Result<String, Fault> {
        serde_json::to_string(self).map_err(|error| Fault::Bug(error.to_string()))
    }

    /// From a token; of one that can't be read there is nothing to go on from.
    pub fn of(token: &str) -> Result<Self, Fault> {
        serde_json::from_str(token).map_err(|_| Fault::ResumeLost)
    }
}

/// Where the next read begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The next round of users.
    users: String,
    /// The next round of groups, where they are read.
    groups: Option<String>,
}

impl Cursor {
    /// After a read whose rounds are over.
    pub fn after(state: &State) -> Result<String, Fault> {
        let users = state.users.end().ok_or_else(|| Fault::Bug("sealed before its end".to_owned()))?;
        let cursor = Self { users: users.to_owned(), groups: state.groups.end().map(str::to_owned) };
        serde_json::to_string(&cursor).map_err(|error| Fault::Bug(error.to_string()))
    }

    /// The read that it begins.
    pub fn begins(cursor: &str) -> Result<State, Fault> {
        let Self { users, groups } = serde_json::from_str(cursor).map_err(|_| Fault::CursorExpired)?;
        Ok(State::new(Way::Changes, Chain::At(users), groups.map_or(Chain::Off, Chain::At)))
    }
}
