//! A read cut into pages, for the host.

use crate::broken::Note;
use crate::files::Outside;
use crate::read::{Reading, Sink, Strangers};
use crate::token::Token;
use usher_plugin::{Change, Coverage, Fault, MemberKind, Membership, Next, Page, Seal};

/// A page is full from here on. A row's changes stay together, so it may have a few more than the thousand that is customary.
pub const PAGE: usize = 950;

/// A page is full with so many bytes of rows, too: a host takes 16 MiB at once, and a million bytes may be in one row.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// At most so many chunks (16 MiB) are read for one page: going through a large file for its groups' names, or catching up after
/// a restart, then takes several calls, each well within its limits.
const CHUNKS_A_CALL: u32 = 64;

impl Reading {
    /// The next page.
    pub fn page(&mut self, outside: &mut dyn Outside) -> Result<Page, Fault> {
        let mut out = Pages { changes: Vec::with_capacity(self.page + 8), silent: self.target.is_some() };
        let (begun, mut bytes) = (self.work(), self.bytes);
        loop {
            if self.target.is_some_and(|target| self.at >= target) {
                self.target = None;
                bytes = self.bytes;
            }
            out.silent = self.target.is_some();
            let full = out.changes.len() >= self.page || self.bytes.wrapping_sub(bytes) >= PAGE_BYTES;
            if (full && !out.silent) || self.work() - begun >= CHUNKS_A_CALL {
                let token = self.next_token()?;
                self.token = Some(token.clone());
                return Ok(Page { changes: out.changes, next: Next::More(token), expected: self.expected() });
            }
            if !self.step(outside, &mut out)? {
                break;
            }
        }
        self.token = None;
        self.conclude(outside)?;
        let seal =
            Seal { covers: Coverage::Everything(self.counts()), cursor: Some(self.cursor().to_owned()) };
        Ok(Page { changes: out.changes, next: Next::End(seal), expected: self.expected() })
    }

    fn next_token(&self) -> Result<String, Fault> {
        let (at, passed) = match self.target {
            Some(target) => (target, Some(self.at)),
            None => (self.at, None),
        };
        let token = Token { of: self.cursor().to_owned(), at, passed };
        serde_json::to_string(&token).map_err(|error| Fault::Bug(error.to_string()))
    }

    fn expected(&self) -> Option<u32> {
        self.expected.and_then(|expected| u32::try_from(expected).ok())
    }

    /// Tells what belongs to no single record, and keeps what the next read has to know.
    fn conclude(&mut self, outside: &mut dyn Outside) -> Result<(), Fault> {
        for line in &self.gone {
            outside.warn(line);
        }
        for note in self.guesses() {
            outside.warn(&format!("{}; {}", note.what, note.advice));
        }
        for note in self.strangers() {
            outside.warn(&note.what);
        }
        for (key, value) in self.to_keep.drain(..) {
            if outside.recall(&key)?.as_deref() != Some(value.as_str()) {
                outside.remember(&key, &value)?;
            }
        }
        Ok(())
    }

    /// What the operator should know about memberships that name nobody, or no group, of the files, or several.
    pub fn strangers(&self) -> Vec<Note> {
        let mut notes = Vec::new();
        let mut tell = |what, advice: &str| notes.push(Note { what, advice: advice.to_owned() });
        let nowhere = "such memberships have no effect until both sides are there";
        let by_id = "such memberships have no effect until they name one by its id";
        let users = &self.files.users.name;
        if let Some(file) = self.files.memberships.as_ref().map(|file| &file.name) {
            let Strangers { count, first, .. } = &self.strange_members;
            if *count > 0 {
                tell(
                    format!(
                        "{count} rows of {file} name a member that is not in {users}; the first is line {first}"
                    ),
                    nowhere,
                );
            }
            let Strangers { count, first, name } = &self.doubtful_members;
            if *count > 0 {
                tell(
                    format!(
                        "{count} rows of {file} name a member by a name or address that several have: use ids there; \
                         the first is “{name}” on line {first}"
                    ),
                    by_id,
                );
            }
        }
        if let Some(groups) = self.files.groups.as_ref().map(|file| &file.name) {
            let Strangers { count, first, .. } = &self.strange_groups;
            if *count > 0 {
                tell(
                    format!(
                        "{count} memberships name a group that is not in {groups}; the first is on line {first}"
                    ),
                    nowhere,
                );
            }
            let Strangers { count, first, name } = &self.doubtful_groups;
            if *count > 0 {
                tell(
                    format!(
                        "{count} memberships name a group by a name that several groups in {groups} have: use ids \
                         there; the first is “{name}” on line {first}"
                    ),
                    by_id,
                );
            }
        }
        notes
    }
}

/// Gathers a page.
struct Pages {
    changes: Vec<Change>,
    silent: bool,
}

impl Sink for Pages {
    fn wants(&self, _: &str) -> bool {
        !self.silent
    }

    fn take(&mut self, change: Change) {
        if !self.silent {
            self.changes.push(change);
        }
    }

    fn member(&mut self, group: &str, member: &str, kind: MemberKind) {
        if !self.silent {
            let (group, member) = (group.to_owned(), member.to_owned());
            self.changes.push(Change::Member(Membership { group, member, kind }));
        }
    }
}
