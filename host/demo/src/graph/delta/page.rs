//! What a page of a round says.

use super::{Entry, Round};
use crate::chance::Chance;
use crate::graph::json::{Fields, put, put_array, put_id};
use crate::graph::schema;
use crate::tenant::{Directory, Guid, Kind, Life, Object, Place, Property};
use std::cell::Cell;

/// Tells what a round has on a page.
pub struct Teller<'a> {
    /// Where objects are read.
    pub directory: &'a Directory,
    /// The round.
    pub round: &'a Round,
    /// Whether only what changed is told of an object that the client knows.
    pub minimal: bool,
    /// What the case of ids follows from.
    pub chance: Chance,
    /// The page's number.
    pub page: usize,
}

/// An end of a link that is told.
struct End {
    place: Place,
    holds: bool,
}

impl Teller<'_> {
    /// The whole answer.
    pub fn body(&self, context: &str, link: &(&str, String), entries: &[Entry]) -> Vec<u8> {
        let mut body = Vec::with_capacity(entries.len() * 320 + 512);
        let ids = Cell::new(0_u32);
        let mut fields = Fields::open(&mut body);
        fields.field("@odata.context", context);
        fields.field(link.0, &link.1);
        put_array(fields.name("value"), entries, |out, entry| self.tell(out, entry, &ids));
        fields.close();
        body
    }

    fn tell(&self, out: &mut Vec<u8>, entry: &Entry, ids: &Cell<u32>) {
        let Some(object) = self.directory.object(entry.place) else { return };
        let since = self.round.since;
        let restored = object.restored && since.is_some_and(|since| object.born > since);
        match object.life {
            Life::Live if entry.stale && restored => self.tell_removed(out, object, "changed", ids),
            Life::Live => self.tell_object(out, object, entry, ids),
            _ if entry.stale => self.tell_object(out, object, entry, ids),
            // Gone since the first round began, or told anyway.
            _ if since.is_none() && !self.round.removed_first => {}
            Life::Deleted(_) => self.tell_removed(out, object, "changed", ids),
            Life::Purged(_) => self.tell_removed(out, object, "deleted", ids),
        }
    }

    fn tell_removed(&self, out: &mut Vec<u8>, object: &Object, reason: &str, ids: &Cell<u32>) {
        let mut fields = Fields::open(out);
        self.put_id(fields.name("id"), object.guid, ids);
        put_reason(fields.name("@removed"), reason);
        fields.close();
    }

    fn tell_object(&self, out: &mut Vec<u8>, object: &Object, entry: &Entry, ids: &Cell<u32>) {
        let scope = &self.round.scope;
        let since = self.round.since;
        let is_new = since.is_none_or(|since| object.born > since);
        let only_changed = self.minimal && !is_new;
        let mut fields = Fields::open(out);
        self.put_id(fields.name("id"), object.guid, ids);
        for name in scope.selection.of(scope.kind) {
            let property = object.properties.property(name);
            let property = property
                .filter(|property| !only_changed || since.is_none_or(|since| property.changed > since));
            if let Some(property) = property.filter(|_| !schema::is_link(name)) {
                put_value(&mut fields, property, entry.stale);
            }
        }
        if scope.follows_link() {
            let (name, ends) = match scope.kind {
                Kind::User => ("manager@delta", self.manager(object, entry.stale)),
                Kind::Group => ("members@delta", self.members(object, entry)),
            };
            if !ends.is_empty() {
                put_array(fields.name(name), ends, |out, end| self.put_end(out, &end, ids));
            }
        }
        fields.close();
    }

    /// Who led the user since, and who leads now, last.
    fn manager(&self, user: &Object, stale: bool) -> Vec<End> {
        let there = |place: &Place| self.directory.is_live(*place);
        let now = user.manager().filter(there);
        let held = now.map(|place| End { place, holds: true });
        let Some(since) = self.round.since else {
            return if stale { Vec::new() } else { held.into_iter().collect() };
        };
        if user.manager_changed <= since && user.born <= since {
            return Vec::new();
        }
        let known = user.managers.partition_point(|(change, _)| *change <= since);
        let mut before: Vec<Place> =
            user.managers.iter().skip(known.saturating_sub(1)).filter_map(|(_, manager)| *manager).collect();
        if stale {
            let older = before.into_iter().rfind(|place| Some(*place) != now);
            return older.map(|place| End { place, holds: true }).into_iter().collect();
        }
        before.retain(|place| Some(*place) != now);
        before.dedup();
        before.into_iter().map(|place| End { place, holds: false }).chain(held).collect()
    }

    /// The members in the entry's slice: all in the first round or of a new group, else those that came or went since.
    fn members(&self, group: &Object, entry: &Entry) -> Vec<End> {
        let is_new = self.round.since.is_none_or(|since| group.born > since);
        let slice = group
            .members
            .range(entry.from..)
            .take_while(|(member, _)| entry.to.is_none_or(|to| **member < to));
        let mut ends = Vec::new();
        for (member, link) in slice {
            let holds = link.present && self.directory.is_live(*member);
            let changed = self.round.since.is_some_and(|since| link.changed > since);
            let holds_told = if entry.stale && changed { !holds } else { holds };
            if (is_new && holds_told) || changed {
                ends.push(End { place: *member, holds: holds_told });
            }
        }
        ends
    }

    fn put_end(&self, out: &mut Vec<u8>, end: &End, ids: &Cell<u32>) {
        let Some(object) = self.directory.object(end.place) else { return };
        let mut fields = Fields::open(out);
        fields.field("@odata.type", object.kind.odata_type());
        self.put_id(fields.name("id"), object.guid, ids);
        if !end.holds {
            put_reason(fields.name("@removed"), "deleted");
        }
        fields.close();
    }

    fn put_id(&self, out: &mut Vec<u8>, id: Guid, ids: &Cell<u32>) {
        ids.set(ids.get().wrapping_add(1));
        let page = u32::try_from(self.page).unwrap_or(0);
        let upper =
            self.round.changing_case && Chance(self.chance.of("case", page)).of("id", ids.get()) & 1 == 0;
        put_id(out, id, upper);
    }
}

fn put_reason(out: &mut Vec<u8>, reason: &str) {
    let mut fields = Fields::open(out);
    fields.field("reason", reason);
    fields.close();
}

fn put_value(fields: &mut Fields<'_>, property: &Property, stale: bool) {
    let value = property.before.as_deref().filter(|_| stale).unwrap_or(&property.value);
    put(fields.name(&property.name), value);
}
