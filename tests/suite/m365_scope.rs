//! Who and what comes in from Microsoft 365, on T1.

use crate::m365::Cloud;
use crate::t1::EVERYBODY;
use serde_json::{Value, json};

fn names(list: &Value, field: &str) -> Vec<String> {
    let mut names: Vec<_> =
        list.as_array().unwrap().iter().map(|one| one[field].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

const ACTIVE: [&str; 6] = [
    "ann@acme.example",
    "bob@acme.example",
    "cat@alt.example",
    "dan@acme.example",
    "eve@acme.example",
    "shared@acme.example",
];

#[tokio::test]
async fn f13_full_scope_brings_everybody_and_every_group() {
    let cloud = Cloud::connected(&[]).await;
    let report = cloud.sync().await;
    assert_eq!(report["result"], "success", "{report:#}");
    assert_eq!(
        (report["users"]["created"].as_u64(), report["groups"]["created"].as_u64()),
        (Some(7), Some(7))
    );
    let users = cloud.inst.json(0, &["users", "list"]).await;
    assert_eq!(names(&users, "userName"), EVERYBODY);
    assert_eq!(cloud.active().await, ACTIVE, "fay is disabled at the source");
    assert_eq!(
        cloud.inst.members("G-root").await,
        [
            "G-eng",
            "G-eng-be",
            "G-sales",
            "ann@acme.example",
            "bob@acme.example",
            "cat@alt.example",
            "fay@acme.example",
            "shared@acme.example",
        ]
    );
    let dan = cloud.inst.user("dan@acme.example").await;
    assert_eq!(dan["path"], "", "{dan:#}");
}

#[tokio::test]
async fn f12_what_graph_has_of_a_user_comes_in() {
    let cloud = Cloud::t1().await;
    cloud.tenant.update("ann@acme.example", json!({ "businessPhones": ["+353 1 1"], "employeeId": "7",
        "companyName": "Acme", "city": "Dublin", "otherMails": ["ann@home.example"], "onPremisesSyncEnabled": true })).unwrap();
    cloud.connect(&[]).await.ended(0);
    cloud.sync().await;
    let ann = cloud.inst.json(0, &["users", "show", "ann@acme.example"]).await;
    assert_eq!(ann["externalId"], cloud.id("ann@acme.example"));
    for (name, value) in [
        ("displayName", json!("Ann Abbot")),
        ("department", cloud_department()),
        ("emails", json!([{ "primary": true, "value": "ann@acme.example" }])),
        ("mail", json!("ann@acme.example")),
        ("phoneNumbers.work", json!("+353 1 1")),
        ("employeeNumber", json!("7")),
        ("organization", json!("Acme")),
        ("addresses.work.locality", json!("Dublin")),
        ("otherMails", json!(["ann@home.example"])),
        ("proxyAddresses", json!(["SMTP:ann@acme.example"])),
        ("onPremisesSyncEnabled", json!(true)),
        ("userType", json!("Member")),
    ] {
        let found = if ann[name].is_null() { &ann["attributes"][name] } else { &ann[name] };
        assert_eq!(*found, value, "{name}: {ann:#}");
    }
    assert!(ann.to_string().contains("assignedLicenses"), "{ann:#}");
}

fn cloud_department() -> Value {
    json!("Engineering")
}

#[tokio::test]
async fn f12_an_unchanged_tenant_is_two_requests_and_no_change() {
    let cloud = Cloud::synced(&[]).await;
    cloud.tenant.clear_requests();
    assert_eq!(cloud.sync().await["result"], "unchanged");
    let asked = cloud.asked();
    let graph: Vec<_> = asked.iter().filter(|path| path.starts_with("/v1.0")).collect();
    assert_eq!(graph.len(), 2, "{asked:#?}");
    assert!(graph.iter().all(|path| path.contains("deltatoken")), "{asked:#?}");
}

#[tokio::test]
async fn f12_what_changes_at_the_tenant_changes_here_by_a_handful_of_requests() {
    let cloud = Cloud::synced(&[]).await;
    let tenant = &cloud.tenant;
    tenant.rename("ann@acme.example", "anna@acme.example").unwrap();
    tenant.update("bob@acme.example", json!({ "jobTitle": "Chief" })).unwrap();
    tenant.update("dan@acme.example", json!({ "jobTitle": null })).unwrap();
    tenant
        .create_user(
            json!({ "displayName": "Gus", "userPrincipalName": "gus@acme.example", "accountEnabled": true,
        "mailNickname": "gus", "passwordProfile": { "password": "x" } }),
        )
        .unwrap();
    tenant.add_member("G-eng", "gus@acme.example").unwrap();
    tenant.remove_member("G-sales", "cat@alt.example").unwrap();
    tenant.delete("eve@acme.example").unwrap();
    tenant.clear_requests();
    let report = cloud.sync().await;
    assert_eq!(report["users"]["created"], 1, "{report:#}");
    assert_eq!(report["users"]["deactivated"], 1, "{report:#}");
    assert!(cloud.requests() <= 6);
    assert_eq!(cloud.inst.user("anna@acme.example").await["externalId"], cloud.id("anna@acme.example"));
    assert_eq!(cloud.inst.user("bob@acme.example").await["title"], "Chief");
    assert_eq!(cloud.inst.user("dan@acme.example").await["title"], Value::Null);
    assert_eq!(
        cloud.inst.members("G-eng").await,
        ["G-eng-be", "anna@acme.example", "bob@acme.example", "gus@acme.example"]
    );
    assert_eq!(cloud.inst.members("G-sales").await, ["fay@acme.example", "shared@acme.example"]);
    assert_eq!(
        cloud.active().await,
        [
            "anna@acme.example",
            "bob@acme.example",
            "cat@alt.example",
            "dan@acme.example",
            "gus@acme.example",
            "shared@acme.example",
        ]
    );
    assert_eq!(cloud.sync().await["result"], "unchanged");
}

#[tokio::test]
async fn f15_f17_chosen_groups_bring_what_is_nested_in_them() {
    let cloud = Cloud::t1().await;
    let chosen = format!("chosen={}", cloud.id("G-eng"));
    cloud.connect(&["scope=groups", &chosen]).await.ended(0);
    let report = cloud.sync().await;
    assert_eq!(report["result"], "success", "{report:#}");
    assert_eq!(cloud.active().await, ["ann@acme.example", "bob@acme.example"]);
    let groups = cloud.inst.json(0, &["groups", "list"]).await;
    assert_eq!(names(&groups, "displayName"), ["G-eng", "G-eng-be"]);
    let ann = cloud.inst.user("ann@acme.example").await;
    assert_eq!(ann["manager"]["displayName"], "bob@acme.example", "{ann:#}");
    let asked = cloud.asked();
    assert!(!asked.iter().any(|path| path.contains(&cloud.id("cat@alt.example"))), "{asked:#?}");

    // By delta from now on: nobody's group is listed again who didn't change.
    let tenant = &cloud.tenant;
    tenant.add_member("G-eng-be", "dan@acme.example").unwrap();
    tenant.update("cat@alt.example", json!({ "jobTitle": "unseen" })).unwrap();
    tenant.update("bob@acme.example", json!({ "jobTitle": "seen" })).unwrap();
    let report = cloud.sync().await;
    assert_eq!(report["users"]["created"], 1, "{report:#}");
    assert_eq!(cloud.active().await, ["ann@acme.example", "bob@acme.example", "dan@acme.example"]);
    assert_eq!(cloud.inst.user("bob@acme.example").await["title"], "seen");
    let asked = cloud.asked();
    assert!(!asked.iter().any(|path| path.contains("/members")), "{asked:#?}");

    // A group that is nested anew comes along, with who is in it; one that is taken out takes its people along.
    tenant.add_member("G-eng", "G-sales").unwrap();
    cloud.sync().await;
    assert_eq!(
        cloud.active().await,
        [
            "ann@acme.example",
            "bob@acme.example",
            "cat@alt.example",
            "dan@acme.example",
            "shared@acme.example",
        ]
    );
    tenant.remove_member("G-eng", "G-sales").unwrap();
    let report = cloud.sync().await;
    assert_eq!(report["users"]["deactivated"], 3, "fay was inactive already: {report:#}");
    assert_eq!(cloud.active().await, ["ann@acme.example", "bob@acme.example", "dan@acme.example"]);
}

#[tokio::test]
async fn f15_a_chosen_group_that_is_deleted_is_reported_and_nobody_removed() {
    let cloud = Cloud::t1().await;
    let chosen = format!("chosen={}", cloud.id("G-eng"));
    cloud.connect(&["scope=groups", &chosen]).await.ended(0);
    cloud.sync().await;
    // A rename keeps the choice.
    cloud.tenant.update("G-eng", json!({ "displayName": "Engineering" })).unwrap();
    cloud.sync().await;
    assert_eq!(cloud.active().await, ["ann@acme.example", "bob@acme.example"]);
    cloud.tenant.delete("Engineering").unwrap();
    let held = cloud.inst.usher(&["sync", "--yes"]).await.ended(3);
    assert!(held.text().contains("not at the source any more"), "{}", held.text());
    assert_eq!(cloud.active().await, ["ann@acme.example", "bob@acme.example"]);
}

#[tokio::test]
async fn f18_both_presets_of_group_types() {
    for (preset, groups) in [
        ("security365", vec!["G-eng", "G-eng-be", "G-root", "G-sales", "M-all"]),
        ("usecure", vec!["G-eng", "G-eng-be", "G-root", "G-sales", "U-proj", "US-sec"]),
    ] {
        let cloud = Cloud::synced(&[&format!("group_types={preset}")]).await;
        let listed = cloud.inst.json(0, &["groups", "list"]).await;
        assert_eq!(names(&listed, "displayName"), groups, "{preset}");
        let run = cloud.inst.json(0, &["runs", "show", "1"]).await;
        let text = run.to_string();
        let kind = if preset == "usecure" { "distribution" } else { "microsoft365" };
        assert!(text.contains(&format!("groups of type {kind} are not in scope")), "{run:#}");
    }
}

#[tokio::test]
async fn f19_without_groups_nobody_asks_for_any() {
    let cloud = Cloud::synced(&["include_groups=false"]).await;
    assert_eq!(cloud.active().await, ACTIVE);
    assert_eq!(cloud.inst.json(0, &["groups", "list"]).await, json!([]));
    let asked = cloud.asked();
    assert!(!asked.iter().any(|path| path.contains("/groups/delta")), "{asked:#?}");
}

#[tokio::test]
async fn f22_managers_follow_and_are_left_alone_when_switched_off() {
    let cloud = Cloud::synced(&[]).await;
    let manager = async || cloud.inst.user("ann@acme.example").await["manager"]["displayName"].clone();
    assert_eq!(manager().await, "bob@acme.example");
    cloud.tenant.set_manager("ann@acme.example", Some("cat@alt.example")).unwrap();
    cloud.sync().await;
    assert_eq!(manager().await, "cat@alt.example");
    cloud.tenant.set_manager("ann@acme.example", None).unwrap();
    cloud.sync().await;
    assert_eq!(manager().await, Value::Null);

    let off = Cloud::synced(&["managers=false"]).await;
    assert_eq!(off.inst.user("ann@acme.example").await["manager"], Value::Null);
    let asked = off.asked();
    assert!(!asked.iter().any(|path| path.contains("manager")), "{asked:#?}");
}

#[tokio::test]
async fn guests_stay_out_unless_they_are_let_in() {
    let cloud = Cloud::t1().await;
    cloud
        .tenant
        .create_user(json!({ "displayName": "Gil", "accountEnabled": true, "userType": "Guest",
        "mailNickname": "gil", "userPrincipalName": "gil_other.example#EXT#@acme.example",
        "passwordProfile": { "password": "x" } }))
        .unwrap();
    cloud.connect(&[]).await.ended(0);
    cloud.sync().await;
    assert_eq!(cloud.active().await, ACTIVE);
    let why = cloud.inst.usher(&["why", "gil_other.example#EXT#@acme.example"]).await;
    assert!(why.text().contains("guests stay out"), "{}", why.text());
    cloud.connect(&["guests=true"]).await.ended(0);
    cloud.sync().await;
    assert_eq!(cloud.active().await.len(), ACTIVE.len() + 1);
}

#[tokio::test]
async fn f41_disabled_deleted_and_back() {
    let cloud = Cloud::synced(&[]).await;
    let ann = cloud.inst.user("ann@acme.example").await["id"].clone();
    cloud.tenant.update("ann@acme.example", json!({ "accountEnabled": false })).unwrap();
    cloud.sync().await;
    assert_eq!(cloud.inst.user("ann@acme.example").await["active"], false);
    cloud.tenant.update("ann@acme.example", json!({ "accountEnabled": true })).unwrap();
    cloud.tenant.delete("cat@alt.example").unwrap();
    cloud.sync().await;
    assert_eq!(cloud.inst.user("ann@acme.example").await["active"], true);
    assert_eq!(cloud.inst.user("cat@alt.example").await["active"], false);
    // Restored at the source within the grace: the same record.
    let cat = cloud.inst.user("cat@alt.example").await["id"].clone();
    cloud.tenant.restore("cat@alt.example").unwrap();
    cloud.sync().await;
    let back = cloud.inst.user("cat@alt.example").await;
    assert_eq!((&back["id"], &back["active"]), (&cat, &json!(true)));
    assert_eq!(
        cloud.inst.members("G-sales").await,
        ["cat@alt.example", "fay@acme.example", "shared@acme.example"]
    );
    assert_eq!(cloud.inst.user("ann@acme.example").await["id"], ann);
}

#[tokio::test]
async fn f41b_an_emptied_tenant_is_held() {
    let cloud = Cloud::synced(&[]).await;
    for user in crate::t1::EVERYBODY {
        cloud.tenant.delete(user).unwrap();
    }
    cloud.inst.usher(&["sync", "--yes"]).await.ended(3);
    assert_eq!(cloud.active().await, ACTIVE);
}

#[tokio::test]
async fn f42_the_path_begins_at_the_root_group() {
    let cloud = Cloud::t1().await;
    cloud.connect(&[&format!("root={}", cloud.id("G-root"))]).await.ended(0);
    cloud.sync().await;
    assert_eq!(cloud.inst.user("ann@acme.example").await["path"], json!("G-root/G-eng/G-eng-be"));
}

#[tokio::test]
async fn f15_f16_groups_are_looked_at_before_they_are_chosen() {
    let cloud = Cloud::connected(&[]).await;
    let list = cloud.inst.json(0, &["groups", "list", "--source"]).await;
    assert_eq!(names(&list, "displayName").len(), 7, "{list:#}");
    let found = cloud.inst.json(0, &["groups", "list", "--source", "--search", "G-s"]).await;
    assert_eq!(names(&found, "displayName"), ["G-sales"]);
    let members = cloud.inst.json(0, &["groups", "members", "--source", &cloud.id("G-root")]).await;
    assert_eq!(
        names(&members, "display"),
        [
            "G-eng",
            "G-eng-be",
            "G-sales",
            "ann@acme.example",
            "bob@acme.example",
            "cat@alt.example",
            "fay@acme.example",
            "shared@acme.example",
        ]
    );
    let none =
        cloud.inst.usher(&["groups", "members", "--source", "00000000-0000-4000-8000-000000000000"]).await;
    assert!(none.ended(2).text().contains("the source has no group"));
    assert!(cloud.inst.users().await.is_empty(), "nothing is imported by looking");
}

#[tokio::test]
async fn f17_a_cycle_of_groups_ends() {
    let cloud = Cloud::t1().await;
    cloud.tenant.add_member("G-eng-be", "G-root").unwrap();
    let chosen = format!("chosen={}", cloud.id("G-eng"));
    cloud.connect(&["scope=groups", &chosen]).await.ended(0);
    cloud.sync().await;
    assert_eq!(
        cloud.active().await,
        ["ann@acme.example", "bob@acme.example", "cat@alt.example", "shared@acme.example",]
    );
}

#[tokio::test]
async fn f27_why_goes_through_scope_and_the_way_of_groups() {
    let cloud = Cloud::t1().await;
    let chosen = format!("chosen={}", cloud.id("G-root"));
    cloud.connect(&["scope=groups", &chosen]).await.ended(0);
    cloud.sync().await;
    let ann = cloud.inst.usher(&["why", "ann@acme.example"]).await.text();
    assert!(ann.contains("G-root/G-eng/G-eng-be"), "{ann}");
    let nobody = cloud.inst.usher(&["why", "dan@acme.example"]).await.text();
    assert!(nobody.contains("the source"), "{nobody}");
}

#[tokio::test]
async fn f33_the_card_of_a_connection() {
    let cloud = Cloud::synced(&[]).await;
    let card = cloud.inst.usher(&["status"]).await.ended(0).text();
    for said in ["m365", "active", "everybody", "success", "every 30 minutes, due now"] {
        assert!(card.contains(said), "{said}: {card}");
    }
}

#[tokio::test]
async fn f31_f33_a_tenant_is_asked_every_30_minutes_and_runs_by_hand_dont_move_that() {
    let cloud = Cloud::synced(&[]).await;
    let pass_minutes = |minutes: i64| cloud.inst.set_clock(cloud.inst.now() + minutes * 60_000);
    let due = async || cloud.inst.json(0, &["sync", "--due", "--yes"]).await;
    let card = async || cloud.inst.json(0, &["status"]).await["connections"][0].clone();
    assert_eq!(due().await["result"], "unchanged", "never run by its schedule");
    assert_eq!(card().await["schedule"], json!({ "every_minutes": 30 }));
    assert_eq!(card().await["next_run"], "2026-03-02T08:30:00Z");
    assert_eq!(card().await["last_run"]["started_by"], "schedule");
    cloud.tenant.clear_requests();
    pass_minutes(29);
    cloud.sync().await;
    cloud.tenant.clear_requests();
    assert_eq!(
        due().await,
        json!({ "connection": "m365", "due": false, "next_run": "2026-03-02T08:30:00Z" })
    );
    assert_eq!(cloud.requests(), 0);
    let said = cloud.inst.usher(&["sync", "--due"]).await.ended(0).text();
    assert!(said.contains("m365 is due at"), "{said}");
    pass_minutes(1);
    assert_eq!(due().await["result"], "unchanged");
    assert_eq!(card().await["next_run"], "2026-03-02T09:00:00Z");
    // Another interval, and none.
    cloud.connect(&["interval=5"]).await.ended(0);
    assert_eq!(card().await["next_run"], "2026-03-02T08:35:00Z");
    cloud.connect(&["interval=off"]).await.ended(0);
    assert_eq!(
        (card().await["schedule"].clone(), due().await["due"].clone()),
        (json!("manual"), json!(false))
    );
    let wrong = cloud.connect(&["interval=soon"]).await.ended(2).text();
    assert!(wrong.contains("interval: \"soon\" is not a number of minutes, or off"), "{wrong}");
}

#[tokio::test]
async fn f40_a_narrower_scope_shows_who_would_go_and_takes_no_more() {
    let cloud = Cloud::synced(&[]).await;
    let chosen = format!("chosen={}", cloud.id("G-eng"));
    cloud.connect(&["scope=groups", &chosen]).await.ended(0);
    let plan = cloud.inst.json(3, &["plan"]).await;
    assert_eq!(plan["users"]["deactivated"], 5, "{plan:#}");
    let seen = plan["plan"].as_str().unwrap().to_owned();
    // Meanwhile somebody else would go too: that was not seen.
    cloud.tenant.remove_member("G-eng", "bob@acme.example").unwrap();
    cloud.inst.usher(&["sync", "--accept", &seen]).await.ended(3);
    assert_eq!(cloud.active().await, ACTIVE);
    cloud.tenant.add_member("G-eng", "bob@acme.example").unwrap();
    cloud.inst.usher(&["sync", "--accept", &seen]).await.ended(0);
    assert_eq!(cloud.active().await, ["ann@acme.example", "bob@acme.example"]);
}

#[tokio::test]
async fn f43_who_is_outside_the_root_is_counted() {
    let cloud = Cloud::t1().await;
    cloud.connect(&[&format!("root={}", cloud.id("G-eng"))]).await.ended(0);
    let report = cloud.sync().await;
    assert!(report["notes"].to_string().contains("outside"), "{report:#}");
    assert_eq!(cloud.active().await, ACTIVE);
}
