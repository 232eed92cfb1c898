//! `mirror`: what the host holds of a source, for the method that reads it.

use crate::convert::member_kind;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use usher_model::MemberKind;
use usher_runtime::contract::model::{Fault, Membership, ObjectRef};
use usher_runtime::{Functions, LinkError, Service};
use usher_store::{Connection, Holding, Read, Store, StoreError, Tombstones};

/// References in one question: as many as a page has changes.
const REFS: usize = 10_000;

/// The mirror of one connection and the overlay of its read. Clones are the same one.
#[derive(Clone)]
pub struct Mirror {
    store: Store,
    tenant: i64,
    connection: i64,
    read: Arc<AtomicI64>,
    tombstones: Arc<Tombstones>,
}

impl Mirror {
    /// Of a connection, before any read has begun.
    pub fn new(store: Store, connection: &Connection, tombstones: Arc<Tombstones>) -> Self {
        Self {
            store,
            tenant: connection.tenant,
            connection: connection.id,
            read: Arc::new(AtomicI64::new(0)),
            tombstones,
        }
    }

    /// This read has begun.
    pub fn reads(&self, read: Read) {
        self.read.store(read.id, Ordering::Relaxed);
    }

    fn holding(&self) -> Holding {
        Holding { tenant: self.tenant, connection: self.connection, read: self.read.load(Ordering::Relaxed) }
    }

    /// The id under which a user is staged: not his own, if he was erased here.
    fn staged_as(&self, id: String) -> String {
        self.tombstones.veil(&id).unwrap_or(id)
    }

    async fn known(&self, refs: Vec<ObjectRef>, only_read: bool) -> Result<Vec<bool>, Fault> {
        room(refs.len())?;
        let refs: Vec<_> = refs
            .into_iter()
            .map(|what| match what {
                ObjectRef::User(id) => (MemberKind::User, self.staged_as(id)),
                ObjectRef::Group(id) => (MemberKind::Group, id),
            })
            .collect();
        let found = async |kind: MemberKind| {
            let ids: BTreeSet<_> =
                refs.iter().filter(|(of, _)| *of == kind).map(|(_, id)| id.as_str()).collect();
            match (ids.is_empty(), only_read) {
                (true, _) => Ok(BTreeSet::new()),
                (false, true) => self.store.staged(self.holding(), kind, &ids).await.map_err(failed),
                (false, false) => self.store.held(self.holding(), kind, &ids).await.map_err(failed),
            }
        };
        let (users, groups) = (found(MemberKind::User).await?, found(MemberKind::Group).await?);
        let here = |(kind, id): &(MemberKind, String)| match kind {
            MemberKind::User => users.contains(id),
            MemberKind::Group => groups.contains(id),
        };
        Ok(refs.iter().map(here).collect())
    }

    async fn members(&self, members: Vec<Membership>) -> Result<Vec<bool>, Fault> {
        room(members.len())?;
        let members: Vec<_> = members
            .into_iter()
            .map(|one| match member_kind(one.kind) {
                MemberKind::User => (one.group, self.staged_as(one.member), MemberKind::User.name()),
                MemberKind::Group => (one.group, one.member, MemberKind::Group.name()),
            })
            .collect();
        let asked =
            members.iter().map(|(group, member, kind)| (group.as_str(), member.as_str(), *kind)).collect();
        let found = self.store.staged_members(self.holding(), &asked).await.map_err(failed)?;
        Ok(members
            .into_iter()
            .map(|(group, member, kind)| found.contains(&(group, member, kind.to_owned())))
            .collect())
    }
}

fn room(asked: usize) -> Result<(), Fault> {
    if asked > REFS {
        return Err(Fault::Bug(format!("asked the mirror about {asked} records at once; {REFS} fit")));
    }
    Ok(())
}

/// The run's next write says it better, with its own class.
fn failed(error: StoreError) -> Fault {
    Fault::Source(format!("the host's own mirror could not be asked: {error}"))
}

impl Service for Mirror {
    const INTERFACE: &'static str = "mirror";

    fn link(functions: &mut Functions<'_, Self>) -> Result<(), LinkError> {
        type Known = (Result<Vec<bool>, Fault>,);
        functions
            .waiting::<_, Known>("known", |mirror: &mut Mirror, (refs,): (Vec<ObjectRef>,)| {
                Box::pin(async move { (mirror.known(refs, false).await,) })
            })?
            .waiting::<_, Known>("handed-over", |mirror: &mut Mirror, (refs,): (Vec<ObjectRef>,)| {
                Box::pin(async move { (mirror.known(refs, true).await,) })
            })?
            .waiting::<_, Known>(
                "handed-over-members",
                |mirror: &mut Mirror, (members,): (Vec<Membership>,)| {
                    Box::pin(async move { (mirror.members(members).await,) })
                },
            )?;
        Ok(())
    }
}
