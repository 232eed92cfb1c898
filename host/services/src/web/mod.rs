//! HTTP to one server: an address that may be called, a client with limits, and how a call is tried again.
//!
//! What holds for every request: TLS is verified, plain http goes to this machine only and never through a proxy, a redirect is never
//! followed, an answer is read up to a limit that counts what it unfolds to, and no error text has a query, a header or a body in it.

mod address;
mod client;
mod pace;
mod retry_after;

#[cfg(test)]
pub(crate) mod server;

#[cfg(test)]
pub(crate) use pace::still;

pub use crate::clock::{Pauses, RealPauses};
pub use address::{Address, BadAddress};
pub use client::{Timeouts, WebError};
pub use pace::Pace;

pub(crate) use client::{Answer, Broken, Web};
pub(crate) use pace::GaveUp;
pub(crate) use retry_after::retry_after;
