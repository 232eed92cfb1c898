//! Everything in the directory, and the log of what changed.
//!
//! Changes are numbered. The log has every object once, under the number of its last change: what changed since a number is a range of
//! it, however large the directory is.

use super::guid::Guid;
use super::object::{Kind, Life, Object, Place};
use super::properties::{Names, Properties};
use crate::chance::Chance;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// The objects of a tenant.
#[derive(Clone, Debug)]
pub struct Directory {
    chance: Chance,
    objects: Vec<Object>,
    users: Vec<Place>,
    groups: Vec<Place>,
    by_guid: HashMap<Guid, Place>,
    by_upn: HashMap<String, Place>,
    /// Property names in use.
    pub names: Names,
    log: BTreeSet<(u64, Place)>,
    number: u64,
    /// What is deleted and not yet gone for good.
    pub bin: BTreeSet<Place>,
}

impl Directory {
    /// Nothing yet.
    pub fn new(chance: Chance) -> Self {
        Self {
            chance,
            objects: Vec::new(),
            users: Vec::new(),
            groups: Vec::new(),
            by_guid: HashMap::new(),
            by_upn: HashMap::new(),
            names: Names::default(),
            log: BTreeSet::new(),
            number: 0,
            bin: BTreeSet::new(),
        }
    }

    /// The number of the last change.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Begins a change.
    pub fn next(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    /// Notes an object under a change.
    pub fn touch(&mut self, place: Place, change: u64) {
        if let Some(object) = index(place).and_then(|at| self.objects.get_mut(at)) {
            self.log.remove(&(object.changed, place));
            object.changed = change;
            self.log.insert((change, place));
        }
    }

    /// What changed after a number, in the order of the changes.
    pub fn since(&self, number: u64) -> impl Iterator<Item = Place> {
        self.log.range((number.saturating_add(1), Place(0))..).map(|(_, place)| *place)
    }

    /// What lies at a place.
    pub fn object(&self, place: Place) -> Option<&Object> {
        index(place).and_then(|at| self.objects.get(at))
    }

    /// What lies at a place, to change it.
    pub fn object_mut(&mut self, place: Place) -> Option<&mut Object> {
        index(place).and_then(|at| self.objects.get_mut(at))
    }

    /// Whether what lies at a place is there.
    pub fn is_live(&self, place: Place) -> bool {
        self.object(place).is_some_and(Object::is_live)
    }

    /// All objects of a kind, live or not, in the order they were made.
    pub fn places(&self, kind: Kind) -> &[Place] {
        match kind {
            Kind::User => &self.users,
            Kind::Group => &self.groups,
        }
    }

    /// All objects of a kind that are there.
    pub fn live(&self, kind: Kind) -> impl Iterator<Item = (Place, &Object)> + Clone {
        self.places(kind)
            .iter()
            .filter_map(|place| Some((*place, self.object(*place)?)))
            .filter(|(_, object)| object.is_live())
    }

    /// An object by its id, live or not.
    pub fn find(&self, id: &str) -> Option<Place> {
        self.by_guid.get(&Guid::parse(id)?).copied()
    }

    /// A live user by user principal name, in any case.
    pub fn find_upn(&self, upn: &str) -> Option<Place> {
        self.by_upn.get(&upn.to_lowercase()).copied()
    }

    /// Makes an object. Whoever makes a user also gives the name that finds it.
    pub fn make(&mut self, kind: Kind, change: u64) -> Place {
        let number = u32::try_from(self.objects.len()).unwrap_or(u32::MAX);
        let place = Place(number);
        let guid = Guid::of(self.chance, kind.collection(), number);
        self.objects.push(Object {
            guid,
            kind,
            life: Life::Live,
            born: change,
            restored: false,
            changed: change,
            properties: Properties::default(),
            managers: Vec::new(),
            manager_changed: 0,
            member_of: Vec::new(),
            members: BTreeMap::new(),
        });
        match kind {
            Kind::User => self.users.push(place),
            Kind::Group => self.groups.push(place),
        }
        self.by_guid.insert(guid, place);
        self.log.insert((change, place));
        place
    }

    /// Gives a user principal name to a user, or takes it from whoever has it.
    pub fn bind_upn(&mut self, upn: &str, to: Option<Place>) {
        match to {
            Some(place) => self.by_upn.insert(upn.to_lowercase(), place),
            None => self.by_upn.remove(&upn.to_lowercase()),
        };
    }

    /// Visible direct members: the link holds and the member is there.
    pub fn members<'a>(&'a self, group: &'a Object) -> impl Iterator<Item = (Place, &'a Object)> {
        group
            .members
            .iter()
            .filter(|(_, link)| link.present)
            .filter_map(|(place, _)| Some((*place, self.object(*place)?)))
            .filter(|(_, member)| member.is_live())
    }

    /// The live groups that an object is directly in.
    pub fn groups_of<'a>(&'a self, object: &'a Object) -> impl Iterator<Item = Place> {
        object.member_of.iter().copied().filter(|place| self.is_live(*place))
    }

    /// Everything below a group, each once, in the order of places. A group inside itself ends the way there.
    pub fn members_below(&self, group: Place) -> BTreeSet<Place> {
        self.reach(group, |object, found| found.extend(self.members(object).map(|(place, _)| place)))
    }

    /// Every group above an object, each once.
    pub fn groups_above(&self, object: Place) -> BTreeSet<Place> {
        self.reach(object, |object, found| found.extend(self.groups_of(object)))
    }

    fn reach(&self, from: Place, step: impl Fn(&Object, &mut Vec<Place>)) -> BTreeSet<Place> {
        let (mut reached, mut open, mut found) = (BTreeSet::new(), vec![from], Vec::new());
        let mut seen = HashSet::from([from]);
        while let Some(place) = open.pop() {
            let Some(object) = self.object(place) else { continue };
            step(object, &mut found);
            for place in found.drain(..) {
                reached.insert(place);
                if seen.insert(place) {
                    open.push(place);
                }
            }
        }
        reached
    }

    /// The live manager of a user.
    pub fn manager(&self, user: &Object) -> Option<&Object> {
        user.manager().and_then(|place| self.object(place)).filter(|manager| manager.is_live())
    }
}

fn index(place: Place) -> Option<usize> {
    usize::try_from(place.0).ok()
}
