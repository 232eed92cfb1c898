//! All that a tenant is, behind its lock.

use super::application::Application;
use super::directory::Directory;
use super::error::EditError;
use super::fault::Script;
use super::guid::Guid;
use super::identity::Tokens;
use super::object::{Kind, Life, Place};
use super::organisation::{Domain, Organisation, Sku};
use super::requests::{Requests, Throttle};
use super::role::{ROLES, Role};
use super::settings::{ExpiredToken, Pages, Unruly};
use crate::chance::Chance;
use crate::graph::Rounds;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// A moment of the tenant's clock.
pub type Moment = Timestamp;

/// How long deleted items can be restored.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A tenant's insides.
#[derive(Debug)]
pub struct State {
    /// What everything random follows from.
    pub chance: Chance,
    /// The clock.
    pub now: Moment,
    /// Whose tenant it is.
    pub organisation: Organisation,
    /// Users and groups.
    pub directory: Directory,
    /// Roles that are activated.
    pub roles: Vec<Role>,
    /// Applications that are registered.
    pub applications: Vec<Application>,
    /// Access tokens that are taken.
    pub tokens: Tokens,
    /// How much a page holds.
    pub pages: Pages,
    /// Hard behaviour that is switched on.
    pub unruly: Unruly,
    /// What a delta token gets that isn't known.
    pub expired_delta: ExpiredToken,
    /// The error code that a skip token gets that isn't known.
    pub expired_page: String,
    /// Rounds of delta queries under way or over.
    pub rounds: Rounds,
    /// Faults on order.
    pub faults: Script,
    /// What was asked.
    pub requests: Requests,
    /// Throttling, if there is any.
    pub throttle: Option<Throttle>,
    /// Counts what else is random: secrets, access tokens.
    pub drawn: u32,
}

impl State {
    /// A tenant without users.
    pub fn new(seed: u64, name: &str, domains: Vec<Domain>, skus: Vec<Sku>, now: Moment) -> Self {
        let chance = Chance(seed);
        let roles = (0_u32..).zip(ROLES).map(|(number, (template, name, description))| Role {
            guid: Guid::of(chance, "role", number),
            template,
            name,
            description,
            members: BTreeSet::new(),
        });
        Self {
            chance,
            now,
            organisation: Organisation {
                id: Guid::of(chance, "tenant", 0),
                name: name.to_owned(),
                domains,
                skus,
            },
            directory: Directory::new(chance),
            roles: roles.collect(),
            applications: Vec::new(),
            tokens: Tokens::default(),
            pages: Pages::default(),
            unruly: Unruly::default(),
            expired_delta: ExpiredToken::default(),
            expired_page: "Directory_ExpiredPageToken".to_owned(),
            rounds: Rounds::default(),
            faults: Script::default(),
            requests: Requests::default(),
            throttle: None,
            drawn: 0,
        }
    }

    /// Moves the clock; what has been deleted for too long is gone for good.
    pub fn set_now(&mut self, now: Moment) {
        self.now = now;
        let old = |place: &Place| match self.directory.object(*place).map(|object| object.life) {
            Some(Life::Deleted(at)) => now.duration_since(at) >= KEPT,
            _ => false,
        };
        let old: Vec<Place> = self.directory.bin.iter().copied().filter(old).collect();
        for place in old {
            // What is in the bin can be taken out of it.
            self.directory.purge(place, now).ok();
        }
        self.tokens.prune(now);
        self.rounds.prune(now);
    }

    /// The next random GUID.
    pub fn draw(&mut self, matter: &str) -> Guid {
        self.drawn = self.drawn.wrapping_add(1);
        Guid::of(self.chance, matter, self.drawn)
    }

    /// Something that is there, by id, user principal name or a group's display name.
    pub fn live(&self, name: &str) -> Result<Place, EditError> {
        let directory = &self.directory;
        let group = || {
            let called = |name: &str| {
                directory
                    .live(Kind::Group)
                    .find(|(_, group)| group.properties.text("displayName") == Some(name))
            };
            called(name).map(|(place, _)| place)
        };
        let found = directory.find(name).filter(|place| directory.is_live(*place));
        found
            .or_else(|| directory.find_upn(name))
            .or_else(group)
            .ok_or_else(|| EditError::NotFound(name.to_owned()))
    }

    /// Something among the deleted items, by the same names.
    pub fn deleted(&self, name: &str) -> Result<Place, EditError> {
        let called = |place: &Place| {
            self.directory.object(*place).is_some_and(|object| {
                let is = |property| {
                    object.properties.text(property).is_some_and(|text| text.eq_ignore_ascii_case(name))
                };
                Guid::parse(name) == Some(object.guid) || is("userPrincipalName") || is("displayName")
            })
        };
        let found = self.directory.bin.iter().copied().find(called);
        found.ok_or_else(|| EditError::NotDeleted(name.to_owned()))
    }

    /// How many users have a licence.
    pub fn consumed(&self, sku: &str) -> usize {
        let has = |licences: &[serde_json::Value]| licences.iter().any(|licence| licence["skuId"] == sku);
        let licences =
            self.directory.live(Kind::User).map(|(_, user)| user.properties.get("assignedLicenses"));
        licences
            .filter(|licences| licences.and_then(|value| value.as_array()).is_some_and(|held| has(held)))
            .count()
    }
}
