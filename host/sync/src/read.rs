//! Reading a source into the overlay, up to its seal.
//!
//! Absence can be read from nothing but a [`Sealed`] read, and only this module makes one.

use crate::catalogue::Entry;
use crate::fault::{Class, Fault};
use crate::host::Host;
use crate::offer::Offer;
use crate::progress::{Phase, Progress};
use crate::stage::{Taking, stage};
use std::collections::BTreeMap;
use std::time::Duration;
use usher_model::Digester;
use usher_runtime::contract::model::{Counts, Fault as Answer};
use usher_runtime::contract::source::{Coverage, Next, Position};
use usher_runtime::{CallError, Method};
use usher_store::{Connection, Lease, OpenRead, Read, Sighting, Store, Tombstones, UnknownRecord};

/// A throttled source is waited for in the host up to this long; longer waits end the run, which goes on by its token.
const WAIT: Duration = Duration::from_secs(30);
/// How often one page, or one answer, is waited for.
const WAITS: u32 = 10;
/// How often a read that lost its place is begun again before that is the plugin's fault.
const RESTARTS: u32 = 3;
/// Pages in a row that bring nothing. Graph sends some; endless ones are a plugin that doesn't end.
const EMPTY_PAGES: u32 = 1_000;

/// A read that reached its last page, with counts that agree.
#[derive(Debug)]
pub struct Sealed {
    /// The overlay.
    pub read: Read,
    /// Where the next read goes on from.
    pub cursor: Option<String>,
    /// What the plugin wants kept.
    pub storage: BTreeMap<String, Option<String>>,
    /// Records of which not even the id could be read: with any, nothing is removed.
    pub unknown: Vec<UnknownRecord>,
    complete: bool,
}

impl Sealed {
    /// Takes up what came after the seal: answers to `lookup` can hold records that can't be told, too.
    pub async fn recount(&mut self, store: &Store) -> Result<(), Fault> {
        self.unknown = store.unknown_records(self.read).await?;
        Ok(())
    }

    /// Whether the read covers everything, so that what it didn't hand over may be absent.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Whether this read may remove anything at all.
    pub fn removals(&self) -> bool {
        self.unknown.is_empty()
    }
}

/// One read of one connection.
pub struct Reader<'a> {
    pub host: &'a Host,
    pub connection: &'a Connection,
    pub entry: &'a Entry,
    pub offer: &'a Offer,
    pub lease: Lease,
    /// What the read rests on: an open read of another basis isn't gone on with.
    pub fingerprint: &'a str,
    /// The cursor to begin from, if the fingerprint is that of the last applied read.
    pub cursor: Option<&'a str>,
    /// Whether who has been left out for long is read anew, of whom only a hash is kept.
    pub anew: bool,
    /// Who was erased here.
    pub tombstones: &'a Tombstones,
    pub progress: &'a dyn Progress,
}

enum Ended {
    Sealed(Box<Sealed>),
    /// The source can't go on from the cursor.
    CursorExpired,
    /// The source lost this read.
    ResumeLost,
}

impl Reader<'_> {
    /// Reads until the seal.
    pub async fn read(&self) -> Result<Sealed, Fault> {
        // A full read that is open beside a cursor began when that cursor had expired: it is gone on with.
        let (tenant, connection) = (self.connection.tenant, self.connection.id);
        let full = self.host.store.has_open_read(tenant, connection, &self.basis(None)).await?;
        let mut cursor = self.cursor.filter(|_| !full);
        let mut fresh = false;
        for _ in 0..=RESTARTS {
            match self.attempt(cursor, fresh).await? {
                Ended::Sealed(sealed) => return Ok(*sealed),
                Ended::CursorExpired => cursor = None,
                Ended::ResumeLost => fresh = true,
            }
        }
        Err(Fault::plugin(&self.connection.method, "lost its place in the source again and again"))
    }

    fn basis(&self, cursor: Option<&str>) -> String {
        let mut digest = Digester::new();
        digest.part(self.fingerprint).part(cursor.unwrap_or_default());
        if self.anew {
            digest.part("anew");
        }
        digest.finish().short()
    }

    async fn attempt(&self, cursor: Option<&str>, fresh: bool) -> Result<Ended, Fault> {
        let basis = self.basis(cursor);
        let open = self
            .host
            .store
            .begin_read(self.lease, self.connection.id, &basis, cursor.is_some(), fresh, self.host.now())
            .await?;
        self.offer.services.begin_again(&open.storage);
        self.offer.mirror.reads(open.read);
        let mut pages = Pages {
            open,
            position: Position::Fresh,
            seen: 0,
            empty: 0,
            total: 0,
            patience: Patience::default(),
        };
        pages.position = match (&pages.open.position, cursor) {
            (Some(token), _) => Position::Resume(token.clone()),
            (None, Some(cursor)) => Position::Since(cursor.to_owned()),
            (None, None) => Position::Fresh,
        };
        let seed = u64::try_from(self.lease.run).unwrap_or(0);
        let mut method = self.host.method(self.connection, self.entry, self.offer, seed).await?;
        loop {
            if let Some(ended) = self.page(&mut method, &mut pages, cursor.is_some()).await? {
                return Ok(ended);
            }
        }
    }

    async fn page(
        &self,
        method: &mut Method,
        pages: &mut Pages,
        incremental: bool,
    ) -> Result<Option<Ended>, Fault> {
        let plugin = &self.connection.method;
        let page = match method.read(&pages.position).await {
            Ok(page) => page,
            Err(CallError::Fault(Answer::CursorExpired)) if incremental => {
                return Ok(Some(Ended::CursorExpired));
            }
            Err(CallError::Fault(Answer::ResumeLost)) => return Ok(Some(Ended::ResumeLost)),
            Err(error) => match pages.patience.wait(self.host, &error).await {
                true => return Ok(None),
                false => return Err(Fault::of_call(plugin, error)),
            },
        };
        pages.patience = Patience::default();
        pages.seen += 1;
        pages.total += page.changes.len() as u64;
        pages.empty = if page.changes.is_empty() { pages.empty + 1 } else { 0 };
        if pages.seen > self.host.options.pages || pages.empty > EMPTY_PAGES {
            return Err(Fault::plugin(
                plugin,
                format!("the read has no end: {} pages, the last {} of them empty", pages.seen, pages.empty),
            ));
        }
        let read = pages.open.read;
        let mut staging = self.host.store.stage(self.lease, read).await?;
        let taking = Taking { plugin, incremental, anew: self.anew, tombstones: self.tombstones };
        stage(&mut staging, taking, page.changes).await?;
        let mut storage = pages.open.storage.clone();
        storage.extend(self.offer.services.changes());
        match page.next {
            Next::More(token) => {
                let next = Position::Resume(token.clone());
                if pages.position == next {
                    return Err(Fault::plugin(plugin, "the read goes in a circle: a page leads to itself"));
                }
                staging.commit(Some(&token), &storage).await?;
                pages.position = next;
                self.progress.at(Phase::Read, pages.total, page.expected.map(u64::from));
                Ok(None)
            }
            Next::End(seal) => {
                // Kept without a position: a sealed read is never gone on with.
                staging.commit(None, &storage).await?;
                let unknown = self.host.store.unknown_records(read).await?;
                let complete = match seal.covers {
                    Coverage::Everything(_) if incremental => {
                        return Err(Fault::plugin(plugin, "a read from a cursor was sealed as everything"));
                    }
                    Coverage::Changes if !incremental => {
                        return Err(Fault::plugin(plugin, "a read from nothing was sealed as changes only"));
                    }
                    Coverage::Everything(counts) => {
                        self.compare(counts, self.host.store.sighted(read).await?, unknown.len() as u64)?;
                        true
                    }
                    Coverage::Changes => false,
                };
                let unfinished = self.host.store.unfinished_slices(read).await?;
                if let Some(group) = unfinished.first() {
                    return Err(Fault::plugin(
                        plugin,
                        format!("the list of members of group {group} was begun and never ended"),
                    ));
                }
                Ok(Some(Ended::Sealed(Box::new(Sealed {
                    read,
                    cursor: seal.cursor,
                    storage,
                    unknown,
                    complete,
                }))))
            }
        }
    }

    /// A seal must name as many distinct ids as lie in the overlay. A record whose id couldn't be used lies there without one, and
    /// keeps every removal away; the seal may have counted it.
    fn compare(&self, sealed: Counts, staged: Sighting, unknown: u64) -> Result<(), Fault> {
        for (what, sealed, staged) in [
            ("users", sealed.users, staged.users),
            ("groups", sealed.groups, staged.groups),
            ("memberships", sealed.memberships, staged.memberships),
        ] {
            if !(staged..=staged + unknown).contains(&u64::from(sealed)) {
                return Err(Fault::new(
                    Class::Plugin,
                    format!(
                        "plugin {}: the read is sealed with {sealed} {what}, but {staged} distinct ones were handed over",
                        self.connection.method
                    ),
                    "nothing was changed; tell the plugin's author",
                ));
            }
        }
        Ok(())
    }
}

struct Pages {
    open: OpenRead,
    position: Position,
    seen: u64,
    empty: u32,
    total: u64,
    patience: Patience,
}

/// How often a throttled source was waited for in a row.
#[derive(Default)]
pub struct Patience(u32);

impl Patience {
    /// Waits, if that is what the source asks for and it is worth it: then the call is made again.
    pub async fn wait(&mut self, host: &Host, error: &CallError) -> bool {
        let CallError::Fault(Answer::Throttled(Some(seconds))) = error else { return false };
        let wait = Duration::from_secs((*seconds).into());
        if wait > WAIT || self.0 >= WAITS {
            return false;
        }
        self.0 += 1;
        host.clock.pauses().pause(wait).await;
        true
    }
}
