//! Signing in at a real identity provider: `oidc-provider` with Entra's addresses and errors (`tests/judges/provider.mjs`).
//!
//! Microsoft's own library, MSAL for Python, judges the provider: what it takes from Entra, it has to take from this one. After that this
//! host signs in there. The provider decides by itself: it knows no test, keeps every rule of OAuth, and revokes a whole sign-in
//! when one of its refresh tokens comes twice.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod account;
mod application;
mod microsoft;
mod pauses;
mod renewal;

use usher_test_judges::{browser, installed, provider};
