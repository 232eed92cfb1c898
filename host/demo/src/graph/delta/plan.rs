//! What a round tells, in which order and on which pages.

use super::{Entry, Scope};
use crate::chance::Chance;
use crate::tenant::{Directory, Kind, Life, Object, Pages, Place, State, Unruly};
use jiff::SignedDuration;

/// How long ago a deletion may be that the first round tells.
const LATELY: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The pages of a round; at least one, the last of which has the delta link.
pub fn pages(state: &State, scope: &Scope, since: Option<u64>) -> Vec<Vec<Entry>> {
    let directory = &state.directory;
    let wanted = |object: &Object| {
        object.kind == scope.kind && scope.only.as_ref().is_none_or(|only| only.contains(&object.guid))
    };
    let lately = |object: &Object| match object.life {
        Life::Live => true,
        Life::Deleted(at) | Life::Purged(at) => {
            state.unruly.removed_first && state.now.duration_since(at) < LATELY
        }
    };
    let found = |place: &Place| directory.object(*place).filter(|object| wanted(object));
    let places: Vec<Place> = match since {
        None => {
            let all = directory.places(scope.kind).iter().copied();
            all.filter(|place| found(place).is_some_and(lately)).collect()
        }
        Some(since) => directory
            .since(since)
            .filter(|place| found(place).is_some_and(|object| has_news(object, scope, since)))
            .collect(),
    };
    // What a seed decides differs from round to round, and is the same for the same round of the same tenant.
    let chance =
        Chance(state.chance.of("round", u32::try_from(directory.number() & 0xffff_ffff).unwrap_or(0)));
    let mut slices: Vec<Vec<Entry>> =
        places.iter().map(|place| slices(directory, *place, scope, since, state.pages)).collect();
    if state.unruly.shuffled {
        shuffle(&mut slices, chance);
    }
    let mut entries: Vec<Entry> =
        if state.unruly.interleaved { interleave(&slices) } else { slices.concat() };
    if state.unruly.shuffled && state.unruly.interleaved {
        shuffle(&mut entries, chance);
    }
    if state.unruly.replays {
        entries = replay(&entries, chance);
    }
    cut(entries, scope.kind, state.pages, state.unruly, chance)
}

/// Whether anything that is followed has changed since, the object's own coming and going included.
fn has_news(object: &Object, scope: &Scope, since: u64) -> bool {
    if !object.is_live() || object.born > since {
        return true;
    }
    let property =
        |name: &String| object.properties.property(name).is_some_and(|property| property.changed > since);
    if scope.selection.of(scope.kind).iter().any(property) {
        return true;
    }
    scope.follows_link()
        && match scope.kind {
            Kind::User => object.manager_changed > since,
            Kind::Group => object.members.values().any(|link| link.changed > since),
        }
}

/// An object once or, if more of its members are to be told than fit, several times.
fn slices(
    directory: &Directory,
    place: Place,
    scope: &Scope,
    since: Option<u64>,
    pages: Pages,
) -> Vec<Entry> {
    let whole = Entry { place, from: Place(0), to: None, partial: false, stale: false };
    let Some(group) = directory.object(place).filter(|object| object.is_live() && scope.kind == Kind::Group)
    else {
        return vec![whole];
    };
    if !scope.follows_link() || group.members.len() <= pages.members_a_slice {
        return vec![whole];
    }
    let told = group
        .members
        .iter()
        .filter(|(_, link)| since.map_or(link.present, |since| link.changed > since || group.born > since));
    let told: Vec<Place> = told.map(|(member, _)| *member).collect();
    let starts: Vec<Place> = told.iter().step_by(pages.members_a_slice).skip(1).copied().collect();
    let mut slices = Vec::with_capacity(starts.len() + 1);
    let mut from = Place(0);
    for start in starts {
        slices.push(Entry { from, to: Some(start), partial: true, ..whole });
        from = start;
    }
    slices.push(Entry { from, ..whole });
    slices
}

/// The first slices of all, then the second ones, and so on.
fn interleave(slices: &[Vec<Entry>]) -> Vec<Entry> {
    let longest = slices.iter().map(Vec::len).max().unwrap_or(0);
    (0..longest).flat_map(|nth| slices.iter().filter_map(move |of| of.get(nth).copied())).collect()
}

/// Older states before and the same again after. The newest state of everything stays the last to be told, as a repetition is read as
/// late as it is told.
fn replay(entries: &[Entry], chance: Chance) -> Vec<Entry> {
    let mut keyed: Vec<(u64, Entry)> = Vec::new();
    let length = u64::try_from(entries.len()).unwrap_or(u64::MAX).max(1);
    for (number, entry) in (0_u32..).zip(entries) {
        let at = u64::from(number) * 2;
        keyed.push((at + 1, *entry));
        let luck = chance.of("replay", number);
        if luck.is_multiple_of(3) {
            // Somewhere before.
            let before = chance.of("stale", number).checked_rem(at + 1).unwrap_or(0);
            keyed.push((before & !1, Entry { stale: true, ..*entry }));
        }
        if luck.is_multiple_of(4) {
            let after = at + 2 + chance.of("again", number) % (2 * length);
            keyed.push((after & !1, *entry));
        }
    }
    keyed.sort_by_key(|(at, _)| *at);
    keyed.into_iter().map(|(_, entry)| entry).collect()
}

/// Cuts entries into pages. A group that goes on ends its page, unless slices lie apart anyway.
fn cut(entries: Vec<Entry>, kind: Kind, pages: Pages, unruly: Unruly, chance: Chance) -> Vec<Vec<Entry>> {
    let most = match kind {
        Kind::User => pages.users,
        Kind::Group => pages.groups,
    };
    let mut cut: Vec<Vec<Entry>> = vec![Vec::new()];
    let mut full = false;
    for entry in entries {
        if full {
            cut.push(Vec::new());
        }
        if let Some(page) = cut.last_mut() {
            page.push(entry);
            full = page.len() >= most || (entry.partial && !unruly.interleaved);
        }
    }
    if !unruly.empty_pages {
        return cut;
    }
    let mut spread = Vec::with_capacity(cut.len() * 2);
    for (number, page) in (0_u32..).zip(cut) {
        let empty = if number == 0 { 1 } else { chance.of("empty", number) % 3 };
        spread.extend((0..empty).map(|_| Vec::new()));
        spread.push(page);
    }
    spread
}

/// Fisher and Yates' shuffle.
fn shuffle<T>(things: &mut [T], chance: Chance) {
    for last in (1..things.len()).rev() {
        let number = u32::try_from(last).unwrap_or(u32::MAX);
        let other = chance.of("shuffle", number) % (u64::from(number) + 1);
        things.swap(last, usize::try_from(other).unwrap_or(last));
    }
}
