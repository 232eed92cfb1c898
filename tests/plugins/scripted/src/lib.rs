//! The method `scripted`: does what a JSON script says, so that a test can be any source there is.
//!
//! The setting `script` names the file, `page` how many changes a page has. Natively the crate is a library of the same types, for tests
//! that build scripts as values: `Script::full([User::new("1").named("ann@acme.example").into()]).to_json()`. Everything but
//! the file access in [`plugin`] works without a host.
//!
//! # The script
//!
//! Every part may be left away; `example.json` beside this crate has all of them, and a test reads it.
//!
//! - `fresh`: the read that position `fresh` gives. `since`: by cursor, the reads that position `since` gives; a cursor that isn't there
//!   is answered by the fault `cursor-expired`. A read has
//!   - `changes`, below, and `page`, how many of them make a page (500; the setting goes before it);
//!   - `seal`: `"everything"` counts the distinct ids of the changes by itself, `{"everything": {"users": 3}}` states some counts whatever
//!     is true, `"changes"` covers changes only. By default `fresh` ends with everything and `since` with changes;
//!   - `cursor`: what the seal hands over to go on from;
//!   - `faults`: by page, from 1, what that page answers instead: `{"2": {"throttled": 5}}`;
//!   - `expected`: what to tell the progress bar, by default the number of changes.
//! - a change is one of `{"user": U}`, `{"user-patch": U}`, `{"group": G}`, `{"group-patch": G}`, `{"member": M}`, `{"member-gone": M}`,
//!   `{"members": {"group": "g", "members": ["u", ["h", "group"]], "last": true}}`, `{"user-gone": "u"}`, `{"group-gone": "g"}`,
//!   `{"unreadable": {"what": {"user": "7"}, "place": "line 7", "why": "no name"}}`, where
//!   - U is `{"id", "userName", "active", "attributes"}` and G is `{"id", "displayName", "kind", "attributes"}`;
//!   - M is `["group", "member"]` for a user or `["group", "member", "group"]` for a nested group;
//!   - an attribute's value is a text, truth, whole number, list of texts, `{"moment": "…"}`, or `null` for cleared.
//! - `lookup`: answers by `user:ID` and `group:ID`: `"gone"`, `{"unknown": "why"}`, `{"here": [changes]}`. A record that isn't listed is
//!   gone if the changes of `fresh` don't leave it there; else it is here with its record and memberships, or unknown where it was unreadable.
//! - `resume_lost`: `true` or a list of tokens. They are answered by `resume-lost`, except by the very instance that gave them out: as an
//!   LDAP paging cookie is worth nothing on another connection. Tokens read `fresh@200` and `since:CURSOR@200`: the changes handed over.
//! - `check`: `findings` (`{"standing": "good" | "warning" | "failed", "what", "advice"}`), `counts`, `verified_domains`.
//! - `faults`: what `check`, `groups`, `members` and `lookup` answer instead.
//!
//! A fault is `{"throttled": seconds | null}`, `{"auth": "…"}`, `{"permission": "…"}`, `{"settings": {"place", "why"}}`, `"cursor-expired"`,
//! `"resume-lost"`, `{"network": "…"}`, `{"source": "…"}` or `{"bug": "…"}`.
//!
//! The groups and members shown for choosing are those that the changes of `fresh` leave.

mod contract;
mod player;
pub mod plugin;
mod record;
mod script;
pub mod t1;
#[cfg(test)]
mod tests;
mod world;

pub use player::Player;
pub use record::{
    Change, Group, GroupKind, Member, MemberKind, MemberSlice, Membership, ObjectRef, Unreadable, User, Value,
};
pub use script::{
    Answer, CallFaults, Check, Counts, Fault, Finding, Problem, Read, ResumeLost, Script, Seal, Standing,
};
