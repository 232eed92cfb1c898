//! The guard: how much a run may take away before somebody must have seen it.

use serde::{Deserialize, Serialize};

/// The limits of one connection. The defaults are those of the feature list: more than 10 % and more than 10, or more than half of
/// anything with at least 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GuardRules {
    /// Held when more than this share goes, in percent …
    pub percent: u32,
    /// … and more than this many.
    pub floor: u32,
    /// Held when more than half goes of anything that had at least this many.
    pub half_from: u32,
}

impl Default for GuardRules {
    fn default() -> Self {
        Self { percent: 10, floor: 10, half_from: 4 }
    }
}

/// How many go, and of how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// What is counted, in the plural: `users`, `groups`, `memberships`, `members of G-sales`.
    pub what: String,
    /// How many this plan and the last 24 hours take away.
    pub going: u64,
    /// How many there were at the beginning of the 24 hours.
    pub of: u64,
}

/// Why a plan waits to be accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "why")]
pub enum Hold {
    /// Too much would go.
    Guard {
        /// What would go.
        what: String,
        /// How many.
        going: u64,
        /// Of how many.
        of: u64,
    },
    /// Too much would go by taking back what was done.
    Undo {
        /// What would go.
        what: String,
        /// How many.
        going: u64,
        /// Of how many.
        of: u64,
    },
    /// The source is empty and wasn't before.
    EmptySource,
    /// Something about the read isn't as it was, and it takes something away.
    Changed {
        /// What: scope, settings, grant or plugin.
        what: String,
    },
    /// Chosen groups aren't at the source any more.
    ChosenGroupsMissing {
        /// Their ids.
        ids: Vec<String>,
    },
    /// Most of the source can't be read: the rest is no picture of it.
    Unreadable {
        /// How many users can't be read.
        users: u64,
        /// Of how many.
        of: u64,
    },
    /// The grace of somebody who would be deleted ended in a time without runs: the clock may have jumped.
    Leap {
        /// Its length.
        days: u64,
        /// How many users would be deleted.
        users: u64,
    },
    /// An accepted plan was given, but this one takes away more.
    BeyondAccepted {
        /// How many lines are new.
        lines: u64,
    },
    /// A run of the connection was undone.
    Paused {
        /// The connection.
        name: String,
    },
    /// Nobody has confirmed it yet.
    Unconfirmed,
}

impl std::fmt::Display for Hold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Guard { what, going, of } => {
                write!(f, "{going} of {of} {what} would go, counting the last 24 hours")
            }
            Self::Undo { what, going, of } => write!(f, "{going} of {of} {what} would go"),
            Self::EmptySource => f.write_str("the source is empty, and was not before"),
            Self::Changed { what } => {
                write!(f, "{what} changed since the last run, and this plan takes something away")
            }
            Self::ChosenGroupsMissing { ids } => {
                write!(f, "chosen groups are no longer at the source: {}", ids.join(", "))
            }
            Self::Unreadable { users, of } => {
                write!(f, "{users} of {of} users at the source can't be read")
            }
            Self::Leap { days, users } => {
                write!(
                    f,
                    "by this host's clock {days} days passed without a run, and {users} would be deleted whose grace ended in them: is the clock right?"
                )
            }
            Self::BeyondAccepted { lines } => {
                write!(f, "it takes away more than the accepted plan: {lines} more")
            }
            Self::Paused { name } => write!(f, "{name} is paused since a run was undone"),
            Self::Unconfirmed => f.write_str("nobody has confirmed it"),
        }
    }
}

/// Holds what goes over the limits.
pub fn judge(rules: GuardRules, counts: impl IntoIterator<Item = Count>) -> Vec<Hold> {
    counts
        .into_iter()
        .filter(|count| {
            let going = u128::from(count.going);
            let of = u128::from(count.of);
            let share = going * 100 > of * u128::from(rules.percent) && count.going > u64::from(rules.floor);
            let half = count.of >= u64::from(rules.half_from) && going * 2 > of;
            share || half
        })
        .map(|Count { what, going, of }| Hold::Guard { what, going, of })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(going: u64, of: u64) -> bool {
        !judge(GuardRules::default(), [Count { what: "users".into(), going, of }]).is_empty()
    }

    #[test]
    fn f41b_eleven_of_a_hundred_are_held_ten_are_not() {
        assert!(held(11, 100));
        assert!(!held(10, 100));
        assert!(!held(11, 110));
        assert!(held(12, 110));
    }

    #[test]
    fn f41b_more_than_half_of_four_is_held_of_three_is_not() {
        assert!(held(3, 4));
        assert!(!held(2, 4));
        assert!(!held(3, 3));
        assert!(!held(0, 0));
    }
}
