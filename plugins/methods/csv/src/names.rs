//! Users by their names and addresses, for memberships files that name people that way instead of by key.
//!
//! Made only where it is needed: it takes some 40 bytes a user.

use crate::keys::{Keys, fingerprint};

/// Stands for a name that several users have.
const DOUBTFUL: u32 = u32::MAX;

/// Keys by name. Case doesn't count.
#[derive(Debug, Default)]
pub struct Names {
    /// Where a name's key begins in `ids`.
    index: Keys<u32>,
    /// One behind the other, each with a line break, which no key has.
    ids: String,
}

impl Names {
    /// With room for a name of so many users each: growing step by step takes twice the memory.
    pub fn of_users(users: u64) -> Self {
        let mut names = Self::default();
        names.index.reserve(users);
        names
    }

    /// Adds a user under these names; empty ones don't count.
    pub fn insert<'n>(&mut self, id: &str, names: impl Iterator<Item = &'n str>) {
        // Beyond 4 GiB of keys there are no more names.
        let Ok(at) = u32::try_from(self.ids.len()) else { return };
        let mut own: [u64; 2] = [0; 2];
        let mut added = false;
        for (name, seen) in names.zip(0..).filter(|(name, _): &(&str, usize)| !name.is_empty()) {
            let hash = fingerprint(name.to_lowercase());
            if own.contains(&hash) {
                continue;
            }
            if let Some(slot) = own.get_mut(seen) {
                *slot = hash;
            }
            added = true;
            if self.index.insert(hash, at).is_some() {
                self.index.replace(hash, DOUBTFUL);
            }
        }
        if added {
            self.ids.push_str(id);
            self.ids.push('\n');
        }
    }

    /// Whether several users have this name.
    pub fn is_doubtful(&self, name: &str) -> bool {
        self.index.get(fingerprint(name.to_lowercase())) == Some(DOUBTFUL)
    }

    /// The one user of this name.
    pub fn id_of(&self, name: &str) -> Option<&str> {
        let at = self.index.get(fingerprint(name.to_lowercase())).filter(|at| *at != DOUBTFUL)?;
        self.ids.get(at as usize..)?.split('\n').next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f85_users_are_found_by_names_that_are_theirs_alone() {
        let mut names = Names::default();
        names.insert("1", ["Ann", "ann@x"].into_iter());
        names.insert("2", ["bob", "BOB"].into_iter());
        names.insert("3", ["", "ann@x"].into_iter());
        assert_eq!(names.id_of("ANN"), Some("1"));
        assert_eq!(names.id_of("bob"), Some("2"));
        assert_eq!(names.id_of("ann@x"), None);
        assert_eq!(names.id_of(""), None);
    }
}
