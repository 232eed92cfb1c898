//! A client of delta queries as it should be, and the promise that it ends with what the tenant has: after any edits, at any time, under any
//! hard behaviour, with any size of pages.

use crate::client::Client;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use usher_demo::{Pages, Tenant, Unruly};

const USERS: &str = "/v1.0/users/delta?$select=displayName,jobTitle,userPrincipalName,accountEnabled,manager";
const GROUPS: &str = "/v1.0/groups/delta?$select=displayName,description,members";

/// What a client knows of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    properties: BTreeMap<String, Value>,
    pub members: BTreeSet<String>,
    manager: Option<String>,
}

/// A follower of one delta query.
#[derive(Default)]
pub struct Follower {
    pub objects: BTreeMap<String, Known>,
    pub link: String,
    pub between_rounds: bool,
}

impl Follower {
    pub fn new(first: &str) -> Self {
        Self { link: first.to_owned(), ..Self::default() }
    }

    /// Takes one page.
    pub async fn page(&mut self, client: &mut Client) {
        let page = client.json(&self.link).await;
        for entry in page["value"].as_array().unwrap() {
            self.merge(entry);
        }
        let (next, done) = (page["@odata.nextLink"].as_str(), page["@odata.deltaLink"].as_str());
        assert!(next.is_some() != done.is_some(), "{page}");
        self.between_rounds = done.is_some();
        self.link = next.or(done).unwrap().to_owned();
    }

    /// Takes pages to the end of the round.
    pub async fn round(&mut self, client: &mut Client) {
        self.page(client).await;
        while !self.between_rounds {
            self.page(client).await;
        }
    }

    fn merge(&mut self, entry: &Value) {
        let id = id_of(entry);
        if entry.get("@removed").is_some() {
            assert!(["changed", "deleted"].contains(&entry["@removed"]["reason"].as_str().unwrap()));
            self.objects.remove(&id);
            return;
        }
        let known = self.objects.entry(id).or_default();
        for (name, value) in entry.as_object().unwrap() {
            match name.as_str() {
                "id" => {}
                "members@delta" => {
                    for member in value.as_array().unwrap() {
                        match member.get("@removed") {
                            Some(_) => known.members.remove(&id_of(member)),
                            None => known.members.insert(id_of(member)),
                        };
                    }
                }
                "manager@delta" => {
                    for manager in value.as_array().unwrap() {
                        match manager.get("@removed") {
                            Some(_) if known.manager.as_ref() == Some(&id_of(manager)) => {
                                known.manager = None
                            }
                            Some(_) => {}
                            None => known.manager = Some(id_of(manager)),
                        }
                    }
                }
                _ => {
                    known.properties.insert(name.clone(), value.clone());
                }
            }
        }
    }
}

fn id_of(value: &Value) -> String {
    value["id"].as_str().unwrap().to_lowercase()
}

/// What the tenant has, by its lists.
async fn truth(client: &mut Client) -> [BTreeMap<String, Known>; 2] {
    let mut users = BTreeMap::new();
    let select = "$select=id,displayName,jobTitle,userPrincipalName,accountEnabled";
    for user in client.all(&format!("/v1.0/users?{select}&$expand=manager($select=id)")).await {
        let mut known = Known { manager: user.get("manager").map(id_of), ..Known::default() };
        for name in ["displayName", "jobTitle", "userPrincipalName", "accountEnabled"] {
            known.properties.insert(name.to_owned(), user[name].clone());
        }
        users.insert(id_of(&user), known);
    }
    let mut groups = BTreeMap::new();
    for group in client.all("/v1.0/groups?$select=id,displayName,description").await {
        let mut known = Known::default();
        for name in ["displayName", "description"] {
            known.properties.insert(name.to_owned(), group[name].clone());
        }
        for member in client.all(&format!("/v1.0/groups/{}/members?$select=id", id_of(&group))).await {
            known.members.insert(id_of(&member));
        }
        groups.insert(id_of(&group), known);
    }
    [users, groups]
}

/// Never set and cleared are alike in a list.
fn without_nulls(mut objects: BTreeMap<String, Known>) -> BTreeMap<String, Known> {
    for known in objects.values_mut() {
        known.properties.retain(|_, value| !value.is_null());
    }
    objects
}

#[derive(Clone, Debug)]
enum Step {
    Edit(u8, u32, u32),
    Page(bool),
    Later,
}

/// An edit of somebody; whether it is taken doesn't matter.
fn edit(tenant: &Tenant, ids: &mut [Vec<String>; 2], what: u8, a: u32, b: u32) {
    let pick = |ids: &[String], at: u32| ids[at as usize % ids.len()].clone();
    let user = pick(&ids[0], a);
    let group = pick(&ids[1], a);
    let member = if b.is_multiple_of(3) { pick(&ids[1], b / 3) } else { pick(&ids[0], b / 3) };
    let either = if a.is_multiple_of(2) { user.clone() } else { group.clone() };
    match what {
        0 => {
            let upn = format!("new{a}x{b}@acme.example");
            let made =
                tenant.create_user(json!({ "displayName": format!("New {a}"), "userPrincipalName": upn }));
            ids[0].extend(made.ok().map(|id| id.to_string()));
        }
        1 => {
            let types: &[&str] = if b.is_multiple_of(2) { &["Unified"] } else { &[] };
            let made = tenant.create_group(json!({ "displayName": format!("New {a}"), "groupTypes": types }));
            ids[1].extend(made.ok().map(|id| id.to_string()));
        }
        2 => drop(tenant.update(&user, json!({ "jobTitle": format!("Job {b}") }))),
        3 => drop(tenant.update(&user, json!({ "jobTitle": null, "accountEnabled": b.is_multiple_of(2) }))),
        4 => drop(tenant.update(&group, json!({ "description": format!("About {b}") }))),
        5 => drop(tenant.update(&group, json!({ "description": null, "displayName": format!("Group {b}") }))),
        6 => drop(tenant.delete(&either)),
        7 => drop(tenant.restore(&either)),
        8 => drop(tenant.purge(&either)),
        9..=11 => drop(tenant.add_member(&group, &member)),
        12 => drop(tenant.remove_member(&group, &member)),
        13 => drop(tenant.set_manager(&user, Some(&pick(&ids[0], b)))),
        14 => drop(tenant.set_manager(&user, None)),
        _ => drop(tenant.rename(&user, &format!("renamed{b}@acme.example"))),
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0_u8..16, 0_u32..40, 0_u32..60).prop_map(|(what, a, b)| Step::Edit(what, a, b)),
        4 => any::<bool>().prop_map(Step::Page),
        1 => Just(Step::Later),
    ];
    prop::collection::vec(step, 0..60)
}

fn unruly() -> impl Strategy<Value = Unruly> {
    prop_oneof![
        1 => Just(Unruly::default()),
        2 => Just(Unruly::all()),
        4 => any::<[bool; 6]>().prop_map(|[empty_pages, replays, shuffled, interleaved, removed_first, changing_case]| {
            Unruly { empty_pages, replays, shuffled, interleaved, removed_first, changing_case }
        }),
    ]
}

fn pages() -> impl Strategy<Value = Pages> {
    (1_usize..12, 1_usize..8, 1_usize..5, 1_usize..999)
        .prop_map(|(users, groups, members_a_slice, list)| Pages { users, groups, members_a_slice, list })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn who_follows_and_merges_ends_with_what_the_tenant_has(
        steps in steps(), unruly in unruly(), pages in pages(), minimal in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let tenant = Tenant::t1();
            tenant.set_unruly(unruly);
            tenant.set_pages(pages);
            let mut client = Client::of(&tenant).await;
            let mut ids: [Vec<String>; 2] = Default::default();
            for (ids, of) in ids.iter_mut().zip(["users", "groups"]) {
                *ids = client.all(&format!("/v1.0/{of}?$select=id")).await.iter().map(id_of).collect();
            }
            if minimal {
                client = client.with("Prefer", "return=minimal");
            }
            let (mut users, mut groups) = (Follower::new(USERS), Follower::new(GROUPS));
            for step in steps {
                match step {
                    Step::Edit(what, a, b) => edit(&tenant, &mut ids, what, a, b),
                    Step::Page(true) => users.page(&mut client).await,
                    Step::Page(false) => groups.page(&mut client).await,
                    Step::Later => tenant.advance(std::time::Duration::from_secs(3_600)),
                }
            }
            // What is under way is followed to its end; what changed meanwhile comes in the round after.
            for follower in [&mut users, &mut groups] {
                if !follower.between_rounds {
                    follower.round(&mut client).await;
                }
                follower.round(&mut client).await;
            }
            let [all_users, all_groups] = truth(&mut client).await;
            assert_eq!(without_nulls(users.objects.clone()), without_nulls(all_users));
            assert_eq!(without_nulls(groups.objects.clone()), without_nulls(all_groups));
            // Nothing new: nothing told.
            for follower in [&mut users, &mut groups] {
                let page = client.json(&follower.link).await;
                assert!(unruly.empty_pages || page["@odata.deltaLink"].is_string());
                assert_eq!(page["value"], json!([]));
            }
        });
    }
}
