//! Whatever happens at a Microsoft 365 tenant, however unruly its answers are, and wherever a read breaks off: after the next good run the
//! directory has who the tenant has.

use crate::m365::Cloud;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use usher_demo::{Fault, Pages, Rule, Tenant, Unruly};

/// What the tenant is to have: users with their names, whether they are enabled; groups with their members.
#[derive(Default)]
struct Truth {
    users: BTreeMap<String, (String, bool)>,
    gone: BTreeMap<String, (String, bool)>,
    groups: BTreeMap<String, BTreeSet<String>>,
}

struct World {
    cloud: Cloud,
    truth: Truth,
    chance: ChaCha8Rng,
    made: u32,
}

impl World {
    async fn new(seed: u64) -> Self {
        let domain = usher_demo::Domain::verified("acme.example").first();
        let now = "2026-03-02T08:00:00Z".parse().unwrap();
        let tenant = Tenant::empty(seed, "Any", vec![domain], vec![], now);
        tenant.set_pages(Pages { users: 5, groups: 3, members_a_slice: 3, ..Pages::default() });
        tenant.set_unruly(Unruly::all());
        let cloud = Cloud::of(tenant).await;
        let mut world =
            Self { cloud, truth: Truth::default(), chance: ChaCha8Rng::seed_from_u64(seed), made: 0 };
        for _ in 0..14 {
            world.hire();
        }
        for number in 0..6 {
            let group = json!({ "displayName": format!("G{number}"), "mailNickname": format!("g{number}"),
                "mailEnabled": false, "securityEnabled": true, "groupTypes": [] });
            let id = world.cloud.tenant.create_group(group).unwrap().to_string();
            world.truth.groups.insert(id, BTreeSet::new());
        }
        for _ in 0..25 {
            world.join();
        }
        world
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> Option<T> {
        (!of.is_empty()).then(|| of[self.chance.random_range(0..of.len())].clone())
    }

    fn user(&mut self) -> Option<String> {
        let ids: Vec<_> = self.truth.users.keys().cloned().collect();
        self.one(&ids)
    }

    fn group(&mut self) -> Option<String> {
        let ids: Vec<_> = self.truth.groups.keys().cloned().collect();
        self.one(&ids)
    }

    fn hire(&mut self) {
        self.made += 1;
        let name = format!("u{}@acme.example", self.made);
        let user = json!({ "displayName": name, "userPrincipalName": name, "accountEnabled": true,
            "mailNickname": format!("u{}", self.made), "passwordProfile": { "password": "x" } });
        let id = self.cloud.tenant.create_user(user).unwrap().to_string();
        self.truth.users.insert(id, (name, true));
    }

    fn join(&mut self) {
        let (Some(group), Some(user)) = (self.group(), self.user()) else { return };
        if self.truth.groups.get_mut(&group).unwrap().insert(user.clone()) {
            self.cloud.tenant.add_member(&group, &user).unwrap();
        }
    }

    fn leave(&mut self) {
        let Some(group) = self.group() else { return };
        // Of who was deleted the membership rests, and comes back with him.
        let live = self.truth.groups[&group].iter().filter(|id| self.truth.users.contains_key(*id));
        let members: Vec<_> = live.cloned().collect();
        let Some(user) = self.one(&members) else { return };
        self.truth.groups.get_mut(&group).unwrap().remove(&user);
        self.cloud.tenant.remove_member(&group, &user).unwrap();
    }

    /// Something that an administrator may do.
    fn act(&mut self) {
        match self.chance.random_range(0..10) {
            0 => self.hire(),
            1 => {
                if let Some(id) = self.user() {
                    self.cloud.tenant.delete(&id).unwrap();
                    let user = self.truth.users.remove(&id).unwrap();
                    self.truth.gone.insert(id, user);
                }
            }
            2 => {
                let gone: Vec<_> = self.truth.gone.keys().cloned().collect();
                if let Some(id) = self.one(&gone) {
                    self.cloud.tenant.restore(&id).unwrap();
                    let user = self.truth.gone.remove(&id).unwrap();
                    self.truth.users.insert(id, user);
                }
            }
            3 => {
                if let Some(id) = self.user() {
                    self.made += 1;
                    let name = format!("renamed{}@acme.example", self.made);
                    self.cloud.tenant.rename(&id, &name).unwrap();
                    self.truth.users.get_mut(&id).unwrap().0 = name;
                }
            }
            4 => {
                if let Some(id) = self.user() {
                    let enabled = !self.truth.users[&id].1;
                    self.cloud.tenant.update(&id, json!({ "accountEnabled": enabled })).unwrap();
                    self.truth.users.get_mut(&id).unwrap().1 = enabled;
                }
            }
            5 | 6 => self.leave(),
            7 => self.cloud.tenant.expire_state_tokens(),
            _ => self.join(),
        }
    }

    /// A run in which something fails somewhere, or nothing.
    async fn run(&mut self) {
        let fault = match self.chance.random_range(0..5) {
            0 => Fault::Drop,
            1 => Fault::CutBody(50),
            2 => Fault::Status {
                code: 503,
                error: "ServiceUnavailable".into(),
                retry_after: Some("600".into()),
            },
            3 => Fault::WrongShape,
            _ => {
                Fault::Status { code: 429, error: "TooManyRequests".into(), retry_after: Some("900".into()) }
            }
        };
        let nth = self.chance.random_range(1..20);
        self.cloud.tenant.add_fault(Rule::nth(nth, fault).for_ever());
        self.cloud.inst.usher(&["sync", "--yes"]).await;
        self.cloud.tenant.clear_faults();
    }

    /// Runs twice, and compares: a read that broke off is of the time when it began, and the one after it brings what came since.
    async fn settle(&mut self, place: &str) {
        self.good().await;
        self.good().await;
        self.compare(place).await;
        // What left counts for a day in the guard.
        self.cloud.inst.pass_days(2);
    }

    /// A run, agreed to where it is held.
    async fn good(&self) {
        let ran = self.cloud.inst.usher(&["--json", "sync", "--yes"]).await;
        if ran.status == 3 {
            let plan = ran.json()["plan"].as_str().unwrap().to_owned();
            self.cloud.inst.usher(&["sync", "--accept", &plan]).await.ended(0);
        } else {
            ran.ended(0);
        }
    }

    async fn compare(&self, place: &str) {
        let enabled: BTreeSet<_> =
            self.truth.users.values().filter(|(_, enabled)| *enabled).map(|(name, _)| name.clone()).collect();
        let active: BTreeSet<_> = self.cloud.active().await.into_iter().collect();
        assert_eq!(active, enabled, "{place}");
        for number in 0..6 {
            let group = self.cloud.id(&format!("G{number}"));
            let members = self.truth.groups[&group].iter().filter_map(|id| self.truth.users.get(id));
            let mut members: Vec<_> = members.map(|(name, _)| name.clone()).collect();
            members.sort();
            assert_eq!(self.cloud.inst.members(&format!("G{number}")).await, members, "{place}, G{number}");
        }
    }
}

#[tokio::test]
async fn f12_f34_whatever_happens_at_the_tenant_the_directory_has_who_it_has() {
    let seeds = match std::env::var("USHER_TEST_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => vec![0, 1, 2],
    };
    for seed in seeds {
        let mut world = World::new(seed).await;
        world.cloud.connect(&[]).await.ended(0);
        world.settle(&format!("seed {seed}, first")).await;
        for round in 0..12 {
            for _ in 0..world.chance.random_range(0..8) {
                world.act();
            }
            if world.chance.random_bool(0.5) {
                world.run().await;
                world.act();
            }
            world.settle(&format!("seed {seed}, round {round}")).await;
        }
    }
}
