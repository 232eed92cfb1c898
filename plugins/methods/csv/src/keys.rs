//! Which keys came already, in little memory.
//!
//! A million keys must fit into a sandbox that shares 256 MB with everything else, so a key is kept as 64 bits of its hash: two of a
//! million differ with all but a chance of 1 in 30 million, and a clash only makes a run remove nobody. Open addressing in two flat
//! lists takes 12 to 18 bytes a key, half of what a map of the standard library needs.

use std::hash::{DefaultHasher, Hash, Hasher};

/// The hash under which a key is kept. Good for one instance only.
pub fn fingerprint(key: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    // Zero marks a free slot.
    hasher.finish().max(1)
}

/// A set of hashes, with a value for each.
#[derive(Debug, Default)]
pub struct Keys<V> {
    hashes: Vec<u64>,
    values: Vec<V>,
    count: u32,
}

/// Never fewer: with very few a table of three quarters would be full.
const FIRST_SLOTS: usize = 1024;

/// Room is made for at most so many: 8 million take 144 MB.
const MOST_RESERVED: u64 = 8_000_000;

impl<V: Copy + Default> Keys<V> {
    /// Makes room for so many, where that many are expected: growing step by step means moving everything often.
    pub fn reserve(&mut self, keys: u64) {
        let slots = (keys.min(MOST_RESERVED) as usize * 3 / 2).max(FIRST_SLOTS);
        if slots > self.hashes.len() {
            self.resize(slots);
        }
    }

    /// How many there are.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Adds one; where it was there already, its value.
    pub fn insert(&mut self, hash: u64, value: V) -> Option<V> {
        // At three quarters a search still takes few steps.
        if self.hashes.len() * 3 <= self.count as usize * 4 {
            self.resize((self.hashes.len() * 3 / 2).max(FIRST_SLOTS));
        }
        let at = self.slot(hash);
        if self.hashes.get(at) == Some(&hash) {
            return self.values.get(at).copied();
        }
        if let (Some(slot), Some(place)) = (self.hashes.get_mut(at), self.values.get_mut(at)) {
            *slot = hash;
            *place = value;
            self.count += 1;
        }
        None
    }

    /// The value of one that is there.
    pub fn get(&self, hash: u64) -> Option<V> {
        if self.contains(hash) { self.values.get(self.slot(hash)).copied() } else { None }
    }

    /// Gives one that is there another value.
    pub fn replace(&mut self, hash: u64, value: V) {
        if self.contains(hash) {
            let at = self.slot(hash);
            if let Some(place) = self.values.get_mut(at) {
                *place = value;
            }
        }
    }

    /// Whether it is there.
    pub fn contains(&self, hash: u64) -> bool {
        !self.hashes.is_empty() && self.hashes.get(self.slot(hash)) == Some(&hash)
    }

    /// Where it is, or would be. There is always a free slot.
    fn slot(&self, hash: u64) -> usize {
        let slots = self.hashes.len();
        let mut at = (((hash >> 32) * slots as u64) >> 32) as usize;
        loop {
            match self.hashes.get(at) {
                Some(found) if *found != 0 && *found != hash => at += 1,
                Some(_) => return at,
                None => at = 0,
            }
        }
    }

    fn resize(&mut self, slots: usize) {
        let hashes = std::mem::replace(&mut self.hashes, vec![0; slots]);
        let values = std::mem::replace(&mut self.values, vec![V::default(); slots]);
        for (hash, value) in hashes.into_iter().zip(values).filter(|(hash, _)| *hash != 0) {
            let at = self.slot(hash);
            if let (Some(slot), Some(place)) = (self.hashes.get_mut(at), self.values.get_mut(at)) {
                *slot = hash;
                *place = value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn f85_a_hundred_thousand_keys_are_told_apart() {
        let mut keys = Keys::default();
        for line in 0..100_000_u32 {
            assert_eq!(keys.insert(fingerprint(line), line), None);
        }
        for line in 0..100_000_u32 {
            assert_eq!(keys.insert(fingerprint(line), 0), Some(line));
        }
        assert_eq!(keys.count(), 100_000);
        assert!(!keys.contains(fingerprint(100_000_u32)));
    }

    proptest! {
        #[test]
        fn f85_keys_behave_as_a_map(
            hashes in prop::collection::vec(prop_oneof![1_u64..50, any::<u64>().prop_map(|n| n.max(1))], 0..2_000),
            reserved in prop::option::of(0_u64..3_000),
        ) {
            let (mut keys, mut map) = (Keys::default(), BTreeMap::new());
            if let Some(reserved) = reserved {
                keys.reserve(reserved);
            }
            prop_assert!(!keys.contains(7));
            for (line, hash) in hashes.into_iter().enumerate() {
                let before = map.get(&hash).copied();
                map.entry(hash).or_insert(line);
                prop_assert_eq!(keys.insert(hash, line), before);
            }
            prop_assert_eq!(keys.count() as usize, map.len());
        }
    }
}
