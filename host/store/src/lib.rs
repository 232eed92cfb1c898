//! Everything that is kept: the directory, every connection's mirror and overlay, plans and journal, policies, plugins,
//! leases and sealed secrets.
//!
//! One run is one transaction here: [`Store::apply`] moves directory, mirror, journal and cursor together, and only for the holder
//! of the tenant's lease. Rows cross the border in pages: many rows go in as one JSON array and come out as one, which is both the fastest way
//! through sqlx and the same SQL for every engine.

mod admission;
mod apply;
mod bulk;
mod catalogue;
mod connections;
mod counts;
mod database;
mod dialect;
mod directory;
mod edits;
mod erasure;
mod error;
mod failpoint;
mod findings;
mod groups;
mod held;
mod history;
mod holders;
mod leases;
mod lines;
mod managers;
mod matching;
mod memberships;
mod mirror;
mod orphans;
mod planning;
mod policies;
mod protection;
mod reads;
mod retention;
mod runs;
mod switch;
mod tenants;
mod times;
mod tombstones;
mod undo;
mod upkeep;
mod users;
mod vault;

pub use admission::{GroupReview, Outcome, ReviewPage, UserReview, Verdict};
pub use apply::Applied;
pub use catalogue::AddedPlugin;
pub use connections::{Connection, Matching, NewConnection, Settings, State};
pub use counts::Counts;
pub use database::Store;
pub use dialect::Engine;
pub use directory::Mirror;
pub use edits::By;
pub use erasure::{Erased, Erasing, Record};
pub use error::StoreError;
pub use failpoint::failpoint;
pub use findings::{Finding, NO_MANAGER, Standing};
pub use groups::{GroupRow, MemberRow};
pub use held::Holding;
pub use history::View;
pub use holders::Holder;
pub use leases::Lease;
pub use lines::{AppliedChange, ChangeFilter, LineRow, Tally};
pub use managers::ManagerRow;
pub use matching::{Heir, Match, Newcomer};
pub use mirror::{EffectiveCounts, Sighting};
pub use orphans::{LetGo, Letting};
pub use planning::{DueGroup, DueStored, DueUser, ShortRow, UserLink};
pub use policies::{Asked, PolicyRow};
pub use protection::{IS_PROTECTED, ProtectedUser};
pub use reads::{Known, OpenRead, Read, StagedGroup, StagedMember, StagedUser, Staging, UnknownRecord};
pub use retention::{Expired, Retention};
pub use runs::{Intent, NewRun, Run, RunState, SCHEDULE};
pub use switch::{Former, FormerGroup, Orphans};
pub use tenants::Tenant;
pub use times::LEAP_DAYS;
pub use tombstones::{Tombstone, Tombstones};
pub use undo::Undone;
pub use upkeep::{Damage, Moved, TABLES};
pub use users::{NewUser, UserEdit, UserFilter, UserRow};
pub use usher_model::Secret;
pub use vault::VaultKey;

/// A new id for a record of the directory: a UUID that sorts by time (RFC 9562 section 5.7), which keeps the tables' pages full.
pub fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}
