//! Edits of users and groups themselves.

use super::directory::Directory;
use super::error::EditError;
use super::object::{Kind, Life, Place};
use jiff::Timestamp;
use serde_json::{Map, Value};

/// What isn't kept: ids are given, passwords are nobody's to read, links have edits of their own.
const NOT_KEPT: [&str; 7] =
    ["id", "passwordProfile", "manager", "members", "owners", "deletedDateTime", "createdDateTime"];

impl Directory {
    /// Makes a user or a group of properties. Whether the domain of a name is verified has been asked before.
    pub fn create(
        &mut self,
        kind: Kind,
        properties: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<Place, EditError> {
        let needed: &[&'static str] = match kind {
            Kind::User => &["displayName", "userPrincipalName"],
            Kind::Group => &["displayName"],
        };
        if let Some(missing) = needed.iter().find(|name| properties.get(**name).is_none_or(Value::is_null)) {
            return Err(EditError::Missing(missing));
        }
        let upn = self.free_upn(properties, None)?;
        let change = self.next();
        let place = self.make(kind, change);
        self.write(place, "createdDateTime", Value::String(instant(now)), change);
        self.write_all(place, properties, change);
        if let Some(upn) = upn {
            self.bind_upn(&upn, Some(place));
        }
        Ok(place)
    }

    /// Sets and clears properties; what isn't named stays.
    pub fn update(&mut self, place: Place, properties: &Map<String, Value>) -> Result<(), EditError> {
        let before = self
            .object(place)
            .and_then(|object| object.properties.text("userPrincipalName"))
            .map(str::to_owned);
        let upn = self.free_upn(properties, Some(place))?;
        let change = self.next();
        if self.write_all(place, properties, change) {
            self.touch(place, change);
        }
        if let Some(upn) = upn {
            if let Some(before) = before {
                self.bind_upn(&before, None);
            }
            self.bind_upn(&upn, Some(place));
        }
        Ok(())
    }

    /// Sets or clears one property under a change that is going on.
    pub fn write(&mut self, place: Place, name: &str, value: Value, change: u64) -> bool {
        let name = self.names.shared(name);
        self.object_mut(place).is_some_and(|object| object.properties.set(name, value, change))
    }

    fn write_all(&mut self, place: Place, properties: &Map<String, Value>, change: u64) -> bool {
        let mut changed = false;
        for (name, value) in properties {
            if !NOT_KEPT.contains(&name.as_str()) && !name.contains('@') {
                changed |= self.write(place, name, value.clone(), change);
            }
        }
        changed
    }

    /// The user principal name among the properties, if nobody else has it.
    fn free_upn(
        &self,
        properties: &Map<String, Value>,
        of: Option<Place>,
    ) -> Result<Option<String>, EditError> {
        let Some(value) = properties.get("userPrincipalName") else { return Ok(None) };
        let property = "userPrincipalName";
        let invalid = || EditError::Invalid { property: property.to_owned(), value: value.to_string() };
        let upn = value.as_str().filter(|upn| upn.contains('@')).ok_or_else(invalid)?;
        match self.find_upn(upn) {
            Some(place) if Some(place) != of => Err(EditError::Taken { property, value: upn.to_owned() }),
            _ => Ok(Some(upn.to_owned())),
        }
    }

    /// Deletes: users and Microsoft 365 groups into the deleted items, other groups for good.
    pub fn delete(&mut self, place: Place, now: Timestamp) -> Result<(), EditError> {
        let object = self.object(place).filter(|object| object.is_live());
        let object = object.ok_or_else(|| EditError::NotFound(self.called(place)))?;
        let (restorable, kind) = (object.is_restorable(), object.kind);
        let upn = object.properties.text("userPrincipalName").map(str::to_owned);
        let change = self.next();
        self.pass(place, Life::Deleted(now), change);
        if let Some(upn) = upn.filter(|_| kind == Kind::User) {
            self.bind_upn(&upn, None);
        }
        if restorable {
            self.bin.insert(place);
        } else {
            self.end(place, now, change);
        }
        Ok(())
    }

    /// Brings back what was deleted, with its links.
    pub fn restore(&mut self, place: Place) -> Result<(), EditError> {
        let object = self.object(place).filter(|_| self.bin.contains(&place));
        let object = object.ok_or_else(|| EditError::NotDeleted(self.called(place)))?;
        let upn = object.properties.text("userPrincipalName").map(str::to_owned);
        if let Some(upn) = &upn {
            if self.find_upn(upn).is_some() {
                return Err(EditError::Taken { property: "userPrincipalName", value: upn.clone() });
            }
            self.bind_upn(upn, Some(place));
        }
        let change = self.next();
        self.bin.remove(&place);
        self.pass(place, Life::Live, change);
        if let Some(object) = self.object_mut(place) {
            object.born = change;
            object.restored = true;
        }
        Ok(())
    }

    /// Ends what is among the deleted items for good.
    pub fn purge(&mut self, place: Place, now: Timestamp) -> Result<(), EditError> {
        if !self.bin.remove(&place) {
            return Err(EditError::NotDeleted(self.called(place)));
        }
        let change = self.next();
        self.end(place, now, change);
        Ok(())
    }

    /// What to call an object in an error.
    pub fn called(&self, place: Place) -> String {
        let name = self.object(place).map(|object| {
            let properties = &object.properties;
            let name = properties.text("userPrincipalName").or_else(|| properties.text("displayName"));
            name.map_or_else(|| object.guid.to_string(), str::to_owned)
        });
        name.unwrap_or_default()
    }

    /// An object comes or goes: so do its memberships and it as a manager, in the eyes of the others.
    fn pass(&mut self, place: Place, life: Life, change: u64) {
        let Some(object) = self.object_mut(place) else { return };
        object.life = life;
        let groups = object.member_of.clone();
        self.touch(place, change);
        for group in groups {
            if let Some(link) = self.object_mut(group).and_then(|group| group.members.get_mut(&place)) {
                link.changed = change;
                self.touch(group, change);
            }
        }
        let led: Vec<Place> = self
            .places(Kind::User)
            .iter()
            .copied()
            .filter(|user| self.object(*user).and_then(|user| user.manager()) == Some(place))
            .collect();
        for user in led {
            if let Some(object) = self.object_mut(user) {
                object.manager_changed = change;
            }
            self.touch(user, change);
        }
    }

    /// Nothing of an object stays but its id and what it last was.
    fn end(&mut self, place: Place, now: Timestamp, change: u64) {
        let Some(object) = self.object_mut(place) else { return };
        object.life = Life::Purged(now);
        let groups = std::mem::take(&mut object.member_of);
        let members = std::mem::take(&mut object.members);
        self.touch(place, change);
        for group in groups {
            if let Some(link) = self.object_mut(group).and_then(|group| group.members.get_mut(&place)) {
                link.present = false;
            }
        }
        for member in members.into_keys() {
            if let Some(object) = self.object_mut(member) {
                object.member_of.retain(|group| *group != place);
            }
        }
        let led: Vec<Place> = self
            .places(Kind::User)
            .iter()
            .copied()
            .filter(|user| self.object(*user).and_then(|user| user.manager()) == Some(place))
            .collect();
        for user in led {
            if let Some(object) = self.object_mut(user) {
                object.managers.push((change, None));
            }
        }
    }
}

/// As Graph writes a moment.
pub fn instant(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
