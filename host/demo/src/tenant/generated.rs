//! Tenants of any size, made of the sample organisation's people.

use super::Tenant;
use super::fixture::BEGINNING;
use super::object::{Kind, Place};
use super::organisation::{Domain, E3, F3, Sku};
use super::properties::Properties;
use super::state::State;
use crate::chance::{Chance, coprime};
use crate::{DOMAIN, Organisation, Person};
use jiff::Timestamp;
use serde_json::{Value, json};

/// How large a tenant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Users, guests among them.
    pub users: u32,
    /// Groups.
    pub groups: u32,
    /// Direct user members of every group, as far as there are users.
    pub members_a_group: u32,
    /// Groups that are inside another one, each in the one a quarter of its number: a tree.
    pub nested: u32,
    /// Guests in a hundred users.
    pub guests: u32,
}

impl Default for Size {
    /// Two hundred people in twenty groups.
    fn default() -> Self {
        Self { users: 200, groups: 20, members_a_group: 15, nested: 10, guests: 5 }
    }
}

impl Tenant {
    /// A tenant of a size. The same size and seed always give the same one.
    pub fn generated(size: Size, seed: u64) -> Self {
        let mut domains = vec![Domain::verified(DOMAIN).first()];
        domains.push(Domain::verified("beta.example"));
        domains.push(Domain::unverified("partner.example"));
        let skus = [E3, F3].map(|sku| Sku { units: size.users.saturating_add(100), ..sku }).to_vec();
        let now = Timestamp::from_second(BEGINNING).unwrap_or_default();
        let mut state = State::new(seed, "Acme", domains, skus, now);
        let change = state.directory.next();
        let people = people(&mut state, &size, change);
        let groups = groups(&mut state, &size, change);
        join(&mut state, &size, change, &people, &groups);
        Self::of(state)
    }
}

/// The users, with their managers.
fn people(state: &mut State, size: &Size, change: u64) -> Vec<Place> {
    let created = super::edit::instant(state.now);
    let sample = Organisation::sample(state.chance.0, size.users);
    let count = usize::try_from(size.users).unwrap_or(usize::MAX);
    let mut places = Vec::with_capacity(count);
    let mut led = Vec::with_capacity(count);
    for (number, person) in (0_u32..).zip(sample.people().take(count)) {
        let guest = state.chance.of("guest", number) % 100 < u64::from(size.guests);
        let place = state.directory.make(Kind::User, change);
        let upn = if guest {
            format!("{}_partner.example#EXT#@{DOMAIN}", person.user_name)
        } else {
            person.email.clone()
        };
        state.directory.bind_upn(&upn, Some(place));
        led.push(person.manager.as_deref().and_then(|id| id.strip_prefix('E')?.parse::<usize>().ok()));
        let properties = user(state, number, person, upn, guest, &created, change);
        if let Some(object) = state.directory.object_mut(place) {
            object.properties = properties;
        }
        places.push(place);
    }
    for (place, manager) in places.iter().zip(led) {
        // Employee numbers count from 100,000.
        let manager = manager.and_then(|number| places.get(number.checked_sub(100_000)?).copied());
        if let (Some(manager), Some(user)) = (manager, state.directory.object_mut(*place)) {
            user.managers.push((change, Some(manager)));
            user.manager_changed = change;
        }
    }
    places
}

fn user(
    state: &mut State,
    number: u32,
    person: Person,
    upn: String,
    guest: bool,
    created: &str,
    change: u64,
) -> Properties {
    let mail = if guest { format!("{}@partner.example", person.user_name) } else { person.email };
    let sku = if state.chance.of("licence", number).is_multiple_of(4) { F3.id } else { E3.id };
    let licences = if guest { json!([]) } else { json!([{ "disabledPlans": [], "skuId": sku }]) };
    let mut properties = Properties::default();
    let mut set = |name: &str, value: Value| {
        properties.set(state.directory.names.shared(name), value, change);
    };
    set("accountEnabled", Value::Bool(person.active));
    set("assignedLicenses", licences);
    set("createdDateTime", Value::String(created.to_owned()));
    set("department", Value::String(person.department));
    set("displayName", Value::String(person.display_name));
    set("employeeId", Value::String(person.id));
    set("givenName", Value::String(person.given_name));
    set("jobTitle", Value::String(person.title));
    set("mail", Value::String(mail));
    set("mailNickname", Value::String(person.user_name));
    set("surname", Value::String(person.family_name));
    set("usageLocation", Value::String("IE".to_owned()));
    set("userPrincipalName", Value::String(upn));
    set("userType", Value::String(if guest { "Guest" } else { "Member" }.to_owned()));
    properties
}

/// The groups: the sample's own first, then teams of projects.
fn groups(state: &mut State, size: &Size, change: u64) -> Vec<Place> {
    let created = super::edit::instant(state.now);
    let mut sample = Organisation::sample(state.chance.0, size.users).groups();
    let mut places = Vec::new();
    for number in 0..size.groups {
        let (name, kind) = match sample.next() {
            Some(group) => (group.display_name, group.kind),
            None => {
                (format!("Project {}", number + 1), if number % 3 == 0 { "microsoft365" } else { "security" })
            }
        };
        // What holds groups can't be a Microsoft 365 group.
        let kind =
            if kind == "microsoft365" && number.saturating_mul(4) < size.nested { "security" } else { kind };
        let (types, mail, security) = match kind {
            "microsoft365" => (json!(["Unified"]), true, false),
            "distribution" => (json!([]), true, false),
            "mail-enabled-security" => (json!([]), true, true),
            _ => (json!([]), false, true),
        };
        let place = state.directory.make(Kind::Group, change);
        let mut properties = Properties::default();
        let mut set = |name: &str, value: Value| {
            properties.set(state.directory.names.shared(name), value, change);
        };
        set("createdDateTime", json!(created));
        set("displayName", json!(name));
        set("groupTypes", types);
        set("mailEnabled", json!(mail));
        set("mailNickname", json!(format!("group-{number}")));
        set("securityEnabled", json!(security));
        if mail {
            set("mail", json!(format!("group-{number}@{DOMAIN}")));
        }
        if let Some(object) = state.directory.object_mut(place) {
            object.properties = properties;
        }
        places.push(place);
    }
    places
}

/// The memberships: a stride through the people for every group, and the tree of groups.
fn join(state: &mut State, size: &Size, change: u64, people: &[Place], groups: &[Place]) {
    let Chance(seed) = state.chance;
    let everybody = u32::try_from(people.len()).unwrap_or(u32::MAX);
    for (number, group) in (0_u32..).zip(groups) {
        let first = Chance(seed).of("first member", number);
        let step = u64::from(coprime(Chance(seed).of("step", number), everybody));
        let mut members: Vec<Place> = (0..u64::from(size.members_a_group.min(everybody)))
            .filter_map(|nth| {
                let at = (first % u64::from(everybody) + nth * step).checked_rem(u64::from(everybody))?;
                people.get(usize::try_from(at).ok()?).copied()
            })
            .collect();
        members.sort_unstable();
        for member in members {
            state.directory.link(*group, member, change);
        }
    }
    for (number, group) in groups.iter().enumerate().skip(1).take(usize::try_from(size.nested).unwrap_or(0)) {
        if let Some(parent) = groups.get((number - 1) / 4) {
            state.directory.link(*parent, *group, change);
        }
    }
}
