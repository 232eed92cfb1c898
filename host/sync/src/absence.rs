//! Who is no longer at the source: only from a sealed read, and where the source lives while it is read, only by asking for each one.

use crate::admit::Admission;
use crate::fault::Fault;
use crate::host::Host;
use crate::progress::{Phase, Progress};
use crate::read::{Patience, Sealed};
use crate::stage::{Taking, WITHOUT_BASE, stage};
use usher_model::MemberKind;
use usher_runtime::contract::model::ObjectRef;
use usher_runtime::contract::source::{Change, Presence};
use usher_runtime::{Absence, Method};
use usher_store::{Lease, StagedGroup, StagedUser, Tombstones};

/// References asked for in one call: Graph's `$batch` holds 20, LDAP filters a few hundred.
const BATCH: i64 = 200;

/// Of a record that the source named and doesn't find. It is asked for again in the next run, and gone if that says so too.
const NOT_FOUND: &str = "the source named it, and didn't find it when it was asked for";

/// Whether it is stored already that nothing is known of a record.
#[derive(Clone, Copy)]
enum Doubt {
    New,
    Known,
    /// The source itself named the record in this read: that it isn't there may only mean that not all of the source has heard of it.
    Named,
}

/// Proves what is absent, and fetches what the read named without describing it.
pub struct Prover<'a> {
    pub host: &'a Host,
    pub plugin: &'a str,
    pub absence: Absence,
    pub method: &'a mut Method,
    pub lease: Lease,
    pub sealed: &'a mut Sealed,
    pub tombstones: &'a Tombstones,
    pub progress: &'a dyn Progress,
}

fn user_ref(id: &str) -> ObjectRef {
    ObjectRef::User(id.to_owned())
}

fn group_ref(id: &str) -> ObjectRef {
    ObjectRef::Group(id.to_owned())
}

impl Prover<'_> {
    /// Marks in the overlay what is gone. Gives notes on what could not be confirmed.
    pub async fn prove(&mut self) -> Result<Vec<String>, Fault> {
        let (store, read, lease) = (&self.host.store, self.sealed.read, self.lease);
        let mut notes = Vec::new();
        if self.sealed.is_complete() && self.sealed.removals() {
            match self.absence {
                Absence::Snapshot => {
                    store.mark_missing_gone(lease, read).await?;
                    store.mark_missing_members_gone(lease, read).await?;
                }
                // Nobody can be asked for a membership: of a source that lives, one ends by a group's whole list, or by its own end.
                Absence::Lookup => self.confirm(&mut notes).await?,
            }
        }
        if matches!(self.absence, Absence::Lookup) {
            self.describe(&mut notes).await?;
            self.sealed.recount(store).await?;
        }
        if self.sealed.removals() {
            store.settle_members(lease, read).await?;
        } else {
            // Nothing is removed beside a record that can't be told: what the source took away is read again next time.
            store.forget_gone(lease, read).await?;
        }
        Ok(notes)
    }

    /// Fetches who has been left out for so long that only his id is kept, where the scope holds him now and it may let him in: where the scope
    /// was what left him out, or where `surroundings` are what policies go by. Of a frozen source they were read anew already.
    pub async fn fetch_left_out(&mut self, admission: &Admission, surroundings: bool) -> Result<(), Fault> {
        if matches!(self.absence, Absence::Snapshot) {
            return Ok(());
        }
        let mut after = String::new();
        loop {
            let short = self.host.store.due_short(self.sealed.read, &after, BATCH).await?;
            let Some(last) = short.last() else { break };
            after.clone_from(&last.id);
            let wanted: Vec<_> = short
                .iter()
                .filter(|row| surroundings || row.by == "scope")
                .filter(|row| admission.scope.holds_user(admission.places(&row.groups)))
                .map(|row| user_ref(&row.id))
                .collect();
            if !wanted.is_empty() {
                self.ask(wanted, Doubt::New).await?;
            }
        }
        self.sealed.recount(&self.host.store).await
    }

    async fn confirm(&mut self, notes: &mut Vec<String>) -> Result<(), Fault> {
        let read = self.sealed.read;
        let mut asked = 0;
        let mut unknown = 0_u64;
        loop {
            let missing = self.host.store.missing_users(read, BATCH).await?;
            if missing.is_empty() {
                break;
            }
            asked += missing.len() as u64;
            unknown += self.ask(missing.iter().map(|id| user_ref(id)).collect(), Doubt::New).await?;
            self.progress.at(Phase::Confirm, asked, None);
        }
        loop {
            let missing = self.host.store.missing_groups(read, BATCH).await?;
            if missing.is_empty() {
                break;
            }
            asked += missing.len() as u64;
            unknown += self.ask(missing.iter().map(|id| group_ref(id)).collect(), Doubt::New).await?;
            self.progress.at(Phase::Confirm, asked, None);
        }
        if unknown > 0 {
            notes.push(format!(
                "{unknown} records were missing from the read and could not be confirmed gone: they stay"
            ));
        }
        Ok(())
    }

    /// Fetches members that nobody described, records of which only a change came, and what could not be read when it changed.
    async fn describe(&mut self, notes: &mut Vec<String>) -> Result<(), Fault> {
        let read = self.sealed.read;
        let mut unknown = 0_u64;
        loop {
            let without = self.host.store.without_base(read, WITHOUT_BASE, BATCH).await?;
            if without.is_empty() {
                break;
            }
            unknown += self.ask(references(without), Doubt::Named).await?;
        }
        loop {
            let members = self.host.store.undescribed_members(read, BATCH).await?;
            if members.is_empty() {
                break;
            }
            unknown += self.ask(references(members), Doubt::Named).await?;
        }
        // A full read speaks of everything; an incremental one passes over what it could not read before.
        if read.incremental {
            loop {
                let unread = self.host.store.unread_before(read, BATCH).await?;
                if unread.is_empty() {
                    break;
                }
                self.ask(references(unread), Doubt::Known).await?;
            }
        }
        if unknown > 0 {
            notes.push(format!(
                "{unknown} records that the source named could not be fetched; they are tried again"
            ));
        }
        Ok(())
    }

    /// Asks for records and stages the answers. Every reference has a row in the overlay afterwards, so that the next question is
    /// about others. Gives how many stay unknown.
    async fn ask(&mut self, refs: Vec<ObjectRef>, doubt: Doubt) -> Result<u64, Fault> {
        let mut patience = Patience::default();
        let answers = loop {
            match self.method.lookup(&refs).await {
                Ok(answers) => break answers,
                Err(error) if patience.wait(self.host, &error).await => {}
                Err(error) => return Err(Fault::of_call(self.plugin, error)),
            }
        };
        let mut staging = self.host.store.stage(self.lease, self.sealed.read).await?;
        let mut unknown = 0;
        let mut users = Vec::new();
        let mut groups = Vec::new();
        let mut here: Vec<Change> = Vec::new();
        let row = |id: &str, op: i64, why: Option<&str>| StagedUser {
            id: id.to_owned(),
            op,
            hash: None,
            raw: None,
            key: None,
            manager: None,
            problem: why.map(|why| crate::stage::problem("quarantined", why)),
            place: (op != 0).then(|| "lookup".to_owned()),
        };
        for (what, answer) in refs.iter().zip(answers) {
            // Of whom nothing is known, what is stored stays as it is: quarantined, so that he is asked for again.
            let (op, why) = match (&answer, doubt) {
                (Presence::Gone, Doubt::Named) => (3, Some(NOT_FOUND)),
                (Presence::Gone, _) => (2, None),
                (Presence::Unknown(why), Doubt::New | Doubt::Named) => (3, Some(why.as_str())),
                (Presence::Unknown(_), Doubt::Known) | (Presence::Here(_), _) => (0, None),
            };
            unknown += u64::from(matches!(answer, Presence::Unknown(_)));
            match what {
                ObjectRef::User(id) => users.push(row(id, op, why)),
                ObjectRef::Group(id) => {
                    let StagedUser { id, op, problem, place, .. } = row(id, op, why);
                    groups.push(StagedGroup { id, op, hash: None, raw: None, problem, place });
                }
            }
            if let Presence::Here(changes) = answer {
                here.extend(changes);
            }
        }
        staging.users(&users).await?;
        staging.groups(&groups).await?;
        let taking = Taking {
            plugin: self.plugin,
            incremental: self.sealed.read.incremental,
            anew: false,
            tombstones: self.tombstones,
        };
        stage(&mut staging, taking, here).await?;
        staging.commit(None, &self.sealed.storage).await?;
        Ok(unknown)
    }
}

fn references(rows: Vec<(String, String)>) -> Vec<ObjectRef> {
    rows.into_iter()
        .map(|(kind, id)| if kind == MemberKind::Group.name() { group_ref(&id) } else { user_ref(&id) })
        .collect()
}
