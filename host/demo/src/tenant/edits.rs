//! The edits of a tenant, as its administrator would make them. Each moves the change log.
//!
//! Whoever is meant is named by id, by user principal name or, for groups, by display name.

use super::Tenant;
use super::application::{Application, Secret};
use super::error::EditError;
use super::guid::Guid;
use super::object::{Kind, Place};
use super::state::State;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

impl Tenant {
    /// The id of a user who is there.
    pub fn user(&self, upn: &str) -> Option<Guid> {
        let state = self.state();
        state.directory.find_upn(upn).and_then(|place| state.directory.object(place)).map(|user| user.guid)
    }

    /// The id of the first group of a name that is there.
    pub fn group(&self, name: &str) -> Option<Guid> {
        let state = self.state();
        let mut groups = state.directory.live(Kind::Group);
        groups
            .find(|(_, group)| group.properties.text("displayName") == Some(name))
            .map(|(_, group)| group.guid)
    }

    /// Makes a user of an object of Graph's properties; `displayName` and `userPrincipalName` are needed.
    pub fn create_user(&self, properties: Value) -> Result<Guid, EditError> {
        self.state().create(Kind::User, &object(properties))
    }

    /// Makes a group of an object of Graph's properties; `displayName` is needed.
    pub fn create_group(&self, properties: Value) -> Result<Guid, EditError> {
        self.state().create(Kind::Group, &object(properties))
    }

    /// Sets and, with `null`, clears properties of a user or a group.
    pub fn update(&self, name: &str, properties: Value) -> Result<(), EditError> {
        let mut state = self.state();
        let place = state.live(name)?;
        state.update(place, &object(properties))
    }

    /// Gives a user another user principal name.
    pub fn rename(&self, user: &str, upn: &str) -> Result<(), EditError> {
        self.update(user, json!({ "userPrincipalName": upn }))
    }

    /// Deletes a user or a group: users and Microsoft 365 groups can be restored.
    pub fn delete(&self, name: &str) -> Result<(), EditError> {
        let mut state = self.state();
        let (place, now) = (state.live(name)?, state.now);
        state.directory.delete(place, now)
    }

    /// Brings a deleted user or Microsoft 365 group back.
    pub fn restore(&self, name: &str) -> Result<(), EditError> {
        let mut state = self.state();
        let place = state.deleted(name)?;
        state.directory.restore(place)
    }

    /// Ends a deleted user or Microsoft 365 group for good.
    pub fn purge(&self, name: &str) -> Result<(), EditError> {
        let mut state = self.state();
        let (place, now) = (state.deleted(name)?, state.now);
        state.directory.purge(place, now)
    }

    /// Puts a user or a group into a group.
    pub fn add_member(&self, group: &str, member: &str) -> Result<(), EditError> {
        let mut state = self.state();
        let (group, member) = (state.live(group)?, state.live(member)?);
        state.directory.add_member(group, member)
    }

    /// Takes a user or a group out of the group it is directly in.
    pub fn remove_member(&self, group: &str, member: &str) -> Result<(), EditError> {
        let mut state = self.state();
        let (group, member) = (state.live(group)?, state.live(member)?);
        state.directory.remove_member(group, member)
    }

    /// Gives a user a manager, or takes the one there is.
    pub fn set_manager(&self, user: &str, manager: Option<&str>) -> Result<(), EditError> {
        let mut state = self.state();
        let user = state.live(user)?;
        let manager = manager.map(|manager| state.live(manager)).transpose()?;
        state.directory.set_manager(user, manager);
        Ok(())
    }

    /// Gives a user a licence, by the id of its subscription.
    pub fn assign_licence(&self, user: &str, sku: &str) -> Result<(), EditError> {
        let mut state = self.state();
        let user = state.live(user)?;
        state.set_licences(user, &[json!({ "skuId": sku })], &[])
    }

    /// Takes a licence from a user.
    pub fn remove_licence(&self, user: &str, sku: &str) -> Result<(), EditError> {
        let mut state = self.state();
        let user = state.live(user)?;
        state.set_licences(user, &[], &[sku.to_owned()])
    }

    /// Gives a user a directory role by its display name.
    pub fn assign_role(&self, role: &str, user: &str) -> Result<(), EditError> {
        let mut state = self.state();
        let user = state.live(user)?;
        let found = state.roles.iter_mut().find(|known| known.name == role);
        found.ok_or_else(|| EditError::NotFound(role.to_owned()))?.members.insert(user);
        Ok(())
    }

    /// Takes a directory role from a user.
    pub fn remove_role(&self, role: &str, user: &str) -> Result<(), EditError> {
        let mut state = self.state();
        let user = state.live(user)?;
        let found = state.roles.iter_mut().find(|known| known.name == role);
        found.ok_or_else(|| EditError::NotFound(role.to_owned()))?.members.remove(&user);
        Ok(())
    }

    /// Registers an application without secrets and permissions; its client id.
    pub fn register_application(&self, name: &str) -> Guid {
        let mut state = self.state();
        let (client_id, principal) = (state.draw("application"), state.draw("principal"));
        let name = name.to_owned();
        state.applications.push(Application {
            client_id,
            principal,
            name,
            secrets: Vec::new(),
            certificates: Vec::new(),
            permissions: Vec::new(),
        });
        client_id
    }

    /// Gives an application a new secret that lasts for a time.
    pub fn add_secret(&self, client_id: Guid, lasts: SignedDuration) -> Result<String, EditError> {
        let mut state = self.state();
        let expires = state.now.checked_add(lasts).unwrap_or(Timestamp::MAX);
        let text = format!("{}~{:x}", state.draw("secret"), state.draw("secret").low());
        state.application(client_id)?.secrets.push(Secret { text: text.clone(), expires });
        Ok(text)
    }

    /// Uploads a certificate, of which only the thumbprint counts here: SHA-256, base64url.
    pub fn add_certificate(&self, client_id: Guid, thumbprint: &str) -> Result<(), EditError> {
        self.state().application(client_id)?.certificates.push(thumbprint.to_owned());
        Ok(())
    }

    /// Lets a secret expire now.
    pub fn expire_secret(&self, client_id: Guid, secret: &str) -> Result<(), EditError> {
        let mut state = self.state();
        let now = state.now;
        let secrets = &mut state.application(client_id)?.secrets;
        let known = secrets.iter_mut().find(|known| known.text == secret);
        known.ok_or_else(|| EditError::NotFound("secret".to_owned()))?.expires = now;
        Ok(())
    }

    /// Grants an application permission, as `User.Read.All`. Tokens issued from now on have it.
    pub fn grant(&self, client_id: Guid, permission: &str) -> Result<(), EditError> {
        let mut state = self.state();
        let now = state.now;
        let granted = &mut state.application(client_id)?.permissions;
        if !granted.iter().any(|(known, _)| known == permission) {
            granted.push((permission.to_owned(), now));
        }
        Ok(())
    }

    /// Takes an application permission back. Tokens issued before keep it until they expire.
    pub fn revoke(&self, client_id: Guid, permission: &str) -> Result<(), EditError> {
        self.state().application(client_id)?.permissions.retain(|(known, _)| known != permission);
        Ok(())
    }

    /// Verifies a domain that is there or a new one.
    pub fn verify_domain(&self, name: &str) {
        let domains = &mut self.state().organisation.domains;
        match domains.iter_mut().find(|domain| domain.name.eq_ignore_ascii_case(name)) {
            Some(domain) => domain.verified = true,
            None => domains.push(super::Domain::verified(name)),
        }
    }
}

impl State {
    /// Makes an object. A user principal name needs a verified domain.
    pub fn create(&mut self, kind: Kind, properties: &Map<String, Value>) -> Result<Guid, EditError> {
        self.verified(properties)?;
        let place = self.directory.create(kind, properties, self.now)?;
        let made = self.directory.object(place).map(|object| object.guid);
        made.ok_or_else(|| EditError::NotFound(kind.collection().to_owned()))
    }

    /// Sets and clears properties. A user principal name needs a verified domain.
    pub fn update(&mut self, place: Place, properties: &Map<String, Value>) -> Result<(), EditError> {
        self.verified(properties)?;
        self.directory.update(place, properties)
    }

    fn verified(&self, properties: &Map<String, Value>) -> Result<(), EditError> {
        match properties.get("userPrincipalName").and_then(Value::as_str) {
            Some(upn) if !self.organisation.has_verified(upn) => {
                Err(EditError::UnverifiedDomain(upn.to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// Gives and takes licences: of what the organisation has subscribed to, as long as units are left.
    pub fn set_licences(&mut self, user: Place, add: &[Value], remove: &[String]) -> Result<(), EditError> {
        for licence in add {
            let wanted = licence.get("skuId").and_then(Value::as_str).unwrap_or_default();
            let sku = self.organisation.skus.iter().find(|sku| sku.id.eq_ignore_ascii_case(wanted));
            let sku = sku.ok_or_else(|| EditError::NotFound(wanted.to_owned()))?;
            let held = self.directory.object(user).and_then(|user| user.properties.get("assignedLicenses"));
            let held = held
                .and_then(Value::as_array)
                .is_some_and(|held| held.iter().any(|had| had["skuId"] == sku.id));
            let units = usize::try_from(sku.units).unwrap_or(usize::MAX);
            if !held && self.consumed(sku.id) >= units {
                return Err(EditError::NoUnitLeft(sku.part.to_owned()));
            }
        }
        self.directory.set_licences(user, add, remove);
        Ok(())
    }

    fn application(&mut self, client_id: Guid) -> Result<&mut Application, EditError> {
        let found = self.applications.iter_mut().find(|application| application.client_id == client_id);
        found.ok_or_else(|| EditError::NotFound(client_id.to_string()))
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(properties) => properties,
        _ => Map::new(),
    }
}
