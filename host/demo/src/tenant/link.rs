//! Edits of what holds objects together: memberships, managers, licences.

use super::directory::Directory;
use super::error::EditError;
use super::object::{Kind, Link, Place};
use serde_json::{Value, json};

impl Directory {
    /// Puts a user or a group into a group.
    pub fn add_member(&mut self, group: Place, member: Place) -> Result<(), EditError> {
        let nested = self.object(member).is_some_and(|member| member.kind == Kind::Group);
        let holder = self.live_group(group)?;
        if nested && holder.is_unified() {
            return Err(EditError::NoNesting(self.called(group)));
        }
        if holder.members.get(&member).is_some_and(|link| link.present) {
            return Err(EditError::AlreadyMember { group: self.called(group), member: self.called(member) });
        }
        let change = self.next();
        self.link(group, member, change);
        self.touch(group, change);
        Ok(())
    }

    /// Makes the two ends of a membership, under a change that is going on.
    pub fn link(&mut self, group: Place, member: Place, change: u64) {
        if let Some(group) = self.object_mut(group) {
            group.members.insert(member, Link { present: true, changed: change });
        }
        if let Some(member) = self.object_mut(member) {
            member.member_of.push(group);
        }
    }

    /// Takes a direct member out of a group.
    pub fn remove_member(&mut self, group: Place, member: Place) -> Result<(), EditError> {
        if !self.live_group(group)?.members.get(&member).is_some_and(|link| link.present) {
            return Err(EditError::NotMember { group: self.called(group), member: self.called(member) });
        }
        let change = self.next();
        if let Some(group) = self.object_mut(group) {
            group.members.insert(member, Link { present: false, changed: change });
        }
        if let Some(member) = self.object_mut(member) {
            member.member_of.retain(|of| *of != group);
        }
        self.touch(group, change);
        Ok(())
    }

    fn live_group(&self, group: Place) -> Result<&super::object::Object, EditError> {
        let object = self.object(group).filter(|object| object.is_live() && object.kind == Kind::Group);
        object.ok_or_else(|| EditError::NotFound(self.called(group)))
    }

    /// Gives a user a manager, or none. The same one again is no change.
    pub fn set_manager(&mut self, user: Place, manager: Option<Place>) {
        if self.object(user).is_none_or(|object| object.manager() == manager) {
            return;
        }
        let change = self.next();
        if let Some(object) = self.object_mut(user) {
            object.managers.push((change, manager));
            object.manager_changed = change;
        }
        self.touch(user, change);
    }

    /// Gives a user licences and takes others; who has one already keeps it.
    pub fn set_licences(&mut self, user: Place, add: &[Value], remove: &[String]) {
        let held = self.object(user).and_then(|user| user.properties.get("assignedLicenses"));
        let mut held = held.and_then(Value::as_array).cloned().unwrap_or_default();
        let sku =
            |licence: &Value| licence.get("skuId").and_then(Value::as_str).unwrap_or_default().to_lowercase();
        held.retain(|licence| !remove.iter().any(|gone| gone.to_lowercase() == sku(licence)));
        for licence in add {
            held.retain(|had| sku(had) != sku(licence));
            let disabled = licence.get("disabledPlans").cloned().unwrap_or_else(|| json!([]));
            held.push(json!({ "disabledPlans": disabled, "skuId": sku(licence) }));
        }
        let change = self.next();
        if self.write(user, "assignedLicenses", Value::Array(held), change) {
            self.touch(user, change);
        }
    }
}
