//! The judges that run beside the tests: a real identity provider with Entra's addresses and errors (`provider.mjs`), and a browser without a
//! face to sign in with. `tests/judges/install` installs what they need.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

pub mod browser;
pub mod installed;
pub mod provider;
