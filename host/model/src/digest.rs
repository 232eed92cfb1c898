//! Content hashes.

use sha2::{Digest as _, Sha256};
use std::fmt;

/// A SHA-256, shown in lower-case hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Of some bytes.
    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        Self(Sha256::digest(bytes.as_ref()).into())
    }

    /// The first half in hex: what is stored beside each record. 128 bits tell a billion records apart.
    pub fn short(&self) -> String {
        self.0.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Hashes a sequence of parts, each with its length, so that no two sequences run together.
#[derive(Clone, Default)]
pub struct Digester(Sha256);

impl Digester {
    /// Begins with nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one more part.
    pub fn part(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let bytes = bytes.as_ref();
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    /// The digest of all parts so far.
    pub fn finish(&self) -> Digest {
        Digest(self.0.clone().finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_together() {
        let two = Digester::new().part("ab").part("c").finish();
        assert_ne!(two, Digester::new().part("a").part("bc").finish());
        assert_eq!(two, Digester::new().part("ab").part("c").finish());
    }
}
