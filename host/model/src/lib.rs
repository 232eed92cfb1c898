//! Users, groups and memberships in the terms of RFC 7643: pure data, no I/O.
//!
//! Every type here serialises to one canonical JSON text (maps in key order, no spaces), so that equal values have equal
//! [`Digest`]s wherever they were made.

mod digest;
mod key;
mod records;
mod secret;
mod value;

pub use digest::{Digest, Digester};
pub use key::{domain_of, fold};
pub use records::{
    ACTIVE, DISPLAY_NAME, EMAILS, Group, GroupKind, GroupPatch, MANAGER, MemberKind, Membership, USER_NAME,
    User, UserPatch, content_hash,
};
pub use secret::Secret;
pub use value::{Attributes, Value};
