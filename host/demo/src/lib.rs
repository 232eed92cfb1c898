//! The sample organisation, and a simulated Microsoft 365 tenant.
//!
//! The organisation: people in teams, departments and divisions, as the CSV exports of a personnel system, for the demo, tests
//! and benches.
//!
//! [`Organisation::sample`] makes one of any size from a seed. A person is a function of the seed and a number, so the same seed always
//! gives the same files byte for byte, and a million people take no more memory than forty. Exports are written as `users.csv`,
//! `groups.csv` and `memberships.csv`; the second one differs from the first by a [`Story`], which names who is concerned.
//!
//! The tenant: a [`Tenant`] answers over HTTP as Microsoft documents that Microsoft Graph answers: users and groups, delta queries with
//! everything that is hard about them, batches, throttling, and the faults that a test orders. **It is a simulation by documentation**,
//! not compared with the service itself; its answers say so in a header, `x-usher-simulated`.
//!
//! The crate knows nothing of Usher: what it writes is all that others see.

mod chance;
mod export;
mod graph;
mod login;
mod names;
mod organisation;
mod server;
mod story;
mod structure;
mod tenant;
#[cfg(test)]
mod tests;

pub use export::{Cut, Error, GROUPS_FILE, MEMBERSHIPS_FILE, USERS_FILE};
pub use organisation::{Group, MemberKind, Membership, Organisation, Person};
pub use server::Server;
pub use story::{Act, BadRow, Move, Story};
pub use tenant::{
    BatchItem, Budget, Domain, E3, EditError, ExpiredToken, F3, Fault, Guid, Identity, Logged, Pages,
    RetryAfter, Rule, Size, Sku, Tenant, Unruly,
};

/// The domain of everybody's address.
pub const DOMAIN: &str = "acme.example";
/// The domain of the address that the demo's deny list has.
pub const DENIED_DOMAIN: &str = "alt.example";
