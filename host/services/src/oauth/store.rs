//! Where a connection's tokens are kept between runs, and how several hosts share them.

use super::secret::Secret;
use std::sync::{Mutex, PoisonError};
use usher_runtime::BoxFuture;

/// One text of one connection, sealed by whoever keeps it. Implemented over the database.
///
/// `save` is a compare-and-swap, and that is all that two hosts need so that no refresh token is redeemed twice. Who wants to
/// redeem it first saves the text with a *claim* in it, under the version that was loaded. Only one save of a version succeeds, so only one
/// host holds the claim; the others load again until the winner's text is there, and use what he got. A host that dies with a claim is
/// outlived: who has seen the same claim for longer than any redemption may take ([`super::Tokens`]) puts its own in its place.
/// Where such a dead host had redeemed the token and not saved what it got for it, nobody can know that; Entra lets a refresh token
/// be used again, a stricter server says no, and somebody signs in.
///
/// An implementation must make `save` atomic with regard to every other host (one `UPDATE … WHERE version = …`, or an `INSERT` that does
/// nothing on conflict for version 0), and durable before it returns.
pub trait TokenStore: Send + Sync {
    /// What is kept, and its version. Nothing kept is version 0 and an absent text.
    fn load(&self) -> BoxFuture<'_, Result<(u64, Option<Secret>), StoreFailure>>;

    /// Keeps the text if the version is still `expected`, which makes it `expected + 1`; else nothing happens, and it answers `false`.
    fn save<'a>(&'a self, expected: u64, text: &'a Secret) -> BoxFuture<'a, Result<bool, StoreFailure>>;
}

/// A store that can't be read or written, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StoreFailure(pub String);

/// Keeps nothing beyond this process: for a connection that doesn't exist yet.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<(u64, Option<Secret>)>);

impl MemoryStore {
    /// One that has this already.
    pub fn of(text: Secret) -> Self {
        Self(Mutex::new((1, Some(text))))
    }
}

impl TokenStore for MemoryStore {
    fn load(&self) -> BoxFuture<'_, Result<(u64, Option<Secret>), StoreFailure>> {
        Box::pin(async { Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()) })
    }

    fn save<'a>(&'a self, expected: u64, text: &'a Secret) -> BoxFuture<'a, Result<bool, StoreFailure>> {
        Box::pin(async move {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.0 != expected {
                return Ok(false);
            }
            *kept = (expected + 1, Some(text.clone()));
            Ok(true)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_save_of_a_version_succeeds() {
        let store = MemoryStore::default();
        assert_eq!(store.load().await.unwrap(), (0, None));
        assert!(store.save(0, &Secret::new("a")).await.unwrap());
        assert!(!store.save(0, &Secret::new("b")).await.unwrap());
        assert_eq!(store.load().await.unwrap(), (1, Some(Secret::new("a"))));
    }
}
