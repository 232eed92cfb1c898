//! The policies that come with the host, on T1.

use crate::m365::Cloud;
use crate::t1::{EVERYBODY, reason};
use serde_json::{Value, json};

/// Microsoft 365 E3.
const E3: &str = "05e9a617-0261-4cee-bb44-138d3ef5d965";

/// What a step of `why` says.
fn says(why: &Value, step: &str) -> String {
    let steps = why["steps"].as_array().unwrap();
    let found = steps.iter().find(|one| one["at"] == step);
    found.unwrap_or_else(|| panic!("no step {step}: {why:#}"))["says"].as_str().unwrap().to_owned()
}

async fn add(cloud: &Cloud, words: &[&str]) {
    cloud.inst.usher(&[&["policy", "add"], words].concat()).await.ended(0);
}

#[tokio::test]
async fn f21_a_shared_mailbox_stays_out_until_it_has_a_licence() {
    let cloud = Cloud::connected(&[]).await;
    add(&cloud, &["licence"]).await;
    let report = cloud.sync().await;
    assert_eq!(
        reason(&report, "skipped", "shared@acme.example"),
        "licence: has no product licence (`assignedLicenses`)"
    );
    assert_eq!(cloud.inst.users().await.len(), EVERYBODY.len() - 1);

    cloud.tenant.assign_licence("shared@acme.example", E3).unwrap();
    assert_eq!(cloud.sync().await["users"]["created"], 1);
    assert_eq!(cloud.inst.user("shared@acme.example").await["active"], true);
    cloud.tenant.remove_licence("shared@acme.example", E3).unwrap();
    assert_eq!(cloud.sync().await["users"]["deactivated"], 1);

    // Only one product counts: who has another one only is out, and the guard asks before that many go.
    let other = ["licence", "--set", "skus=f30db892-07e9-47e9-837c-80727f46fd3d"];
    cloud.inst.usher(&[&["policy", "set"], &other[..]].concat()).await.ended(0);
    let held = cloud.inst.json(3, &["sync", "--yes"]).await;
    assert_eq!(held["result"], "held");
    assert_eq!(
        reason(&held, "skipped", "ann@acme.example"),
        "licence: none of the licences is in `skus`",
        "{held:#}"
    );
    assert_eq!(cloud.active().await.len(), 5, "fay is disabled, shared is leaving");
}

#[tokio::test]
async fn f21_a_policy_is_switched_off_for_a_connection_and_why_says_so() {
    let cloud = Cloud::connected(&[]).await;
    add(&cloud, &["licence"]).await;
    cloud.sync().await;
    assert_eq!(cloud.inst.users().await.len(), 6);
    cloud.inst.usher(&["policy", "off", "licence", "--connection", "nobody"]).await.ended(2);
    let off = cloud.inst.usher(&["policy", "off", "licence", "--connection", "m365"]).await.ended(0);
    assert!(off.text().contains("licence isn't asked about those of m365"), "{}", off.text());
    let chain = cloud.inst.json(0, &["policy", "list"]).await;
    assert_eq!((&chain[0]["asked"], &chain[0]["asked_of_others"]), (&json!({ "m365": false }), &json!(true)));
    // It is previewed by the same plan as everything else.
    let plan = cloud.inst.json(0, &["plan"]).await;
    assert_eq!(plan["users"]["created"], 1, "{plan:#}");
    assert_eq!(cloud.sync().await["users"]["created"], 1);
    let why = cloud.inst.json(0, &["why", "shared@acme.example"]).await;
    assert_eq!(says(&why, "policy licence"), "isn't asked: it is switched off for m365");

    // A change of its settings is the order's own, and the switch stays as it is.
    cloud.inst.usher(&["policy", "set", "licence", "--set", &format!("skus={E3}")]).await.ended(0);
    assert_eq!(cloud.sync().await["result"], "unchanged");
    cloud.inst.usher(&["policy", "on", "licence"]).await.ended(0);
    let report = cloud.sync().await;
    assert_eq!(
        reason(&report, "skipped", "shared@acme.example"),
        "licence: has no product licence (`assignedLicenses`)"
    );
    assert_eq!(reason(&report, "skipped", "eve@acme.example"), "licence: none of the licences is in `skus`");

    // Off for everybody, on for one.
    cloud.inst.usher(&["policy", "off", "licence"]).await.ended(0);
    let list = cloud.inst.usher(&["policy", "list"]).await.ended(0);
    assert!(list.text().contains("nobody"), "{}", list.text());
    assert_eq!(cloud.sync().await["users"]["reactivated"], 2);
    cloud.inst.usher(&["policy", "on", "licence", "--connection", "m365"]).await.ended(0);
    let list = cloud.inst.usher(&["policy", "list"]).await.ended(0);
    assert!(list.text().contains("those of m365"), "{}", list.text());
    assert_eq!(cloud.sync().await["users"]["deactivated"], 2);

    // Who is connected anew is somebody else, of whom nothing was said.
    cloud.inst.usher(&["policy", "on", "licence"]).await.ended(0);
    cloud.inst.usher(&["policy", "off", "licence", "--connection", "m365"]).await.ended(0);
    cloud.inst.usher(&["disconnect", "m365", "--confirm", "m365"]).await.ended(0);
    cloud.connect(&[]).await.ended(0);
    assert_eq!(cloud.inst.json(0, &["policy", "list"]).await[0]["asked"], json!({ "m365": true }));
}

#[tokio::test]
async fn f25_cat_under_each_method_is_the_same_record() {
    let cloud = Cloud::connected(&[]).await;
    let addresses = json!(["smtp:cat@acme.example", "SMTP:cat.black@acme.example"]);
    cloud.tenant.update("cat@alt.example", json!({ "proxyAddresses": addresses })).unwrap();
    add(&cloud, &["email-method"]).await;
    cloud.sync().await;
    let cat = cloud.inst.user("cat@alt.example").await;
    assert_eq!(cat["emails"][0]["value"], "cat@alt.example");
    for (method, address) in [
        ("mail", "cat@acme.example"),
        ("upn", "cat@alt.example"),
        ("mail-then-upn", "cat@acme.example"),
        ("primary-smtp", "cat.black@acme.example"),
    ] {
        let method = format!("method={method}");
        cloud.inst.usher(&["policy", "set", "email-method", "--set", &method]).await.ended(0);
        let report = cloud.sync().await;
        assert_eq!((&report["users"]["created"], &report["users"]["deactivated"]), (&json!(0), &json!(0)));
        let now = cloud.inst.user("cat@alt.example").await;
        assert_eq!((&now["id"], &now["emails"][0]["value"]), (&cat["id"], &json!(address)), "{method}");
        assert_eq!(now["emails"][0]["primary"], true, "{now:#}");
    }
}

#[tokio::test]
async fn f25_who_has_no_such_address_is_skipped_with_the_reason() {
    let cloud = Cloud::connected(&[]).await;
    let user = json!({ "displayName": "Gus", "userPrincipalName": "gus@acme.example", "accountEnabled": true,
        "mailNickname": "gus", "passwordProfile": { "password": "x" } });
    cloud.tenant.create_user(user).unwrap();
    add(&cloud, &["email-method", "--set", "method=mail"]).await;
    let report = cloud.sync().await;
    assert_eq!(reason(&report, "skipped", "gus@acme.example"), "email-method: has no attribute `mail`");
    let why = cloud.inst.json(0, &["why", "gus@acme.example"]).await;
    assert_eq!(why["standing"], "out");
    assert!(says(&why, "policy email-method").contains("has no attribute `mail`"), "{why:#}");
}

#[tokio::test]
async fn attributes_of_any_source_are_mapped_filled_and_dropped() {
    let cloud = Cloud::connected(&[]).await;
    cloud
        .tenant
        .update("ann@acme.example", json!({ "jobTitle": "Engineer", "employeeType": "Staff" }))
        .unwrap();
    add(
        &cloud,
        &[
            "attributes",
            "--set",
            r#"map={"nickName": "title"}"#,
            "--set",
            r#"default={"department": "Everybody else", "costCenter": "0"}"#,
            "--set",
            r#"drop=["mailNickname"]"#,
        ],
    )
    .await;
    cloud.sync().await;
    let ann = cloud.inst.user("ann@acme.example").await;
    let others = &ann["attributes"];
    assert_eq!((&others["nickName"], &ann["title"]), (&json!("Engineer"), &json!("Engineer")), "{ann:#}");
    assert_eq!((&ann["department"], &others["costCenter"]), (&json!("Engineering"), &json!("0")));
    assert_eq!((&others["mailNickname"], &others["mail"]), (&Value::Null, &json!("ann@acme.example")));
    let refused = cloud
        .inst
        .usher(&["policy", "set", "attributes", "--set", r#"rename={"a": "nickName"}"#])
        .await
        .ended(2);
    assert!(
        refused.text().contains("rename.a") && refused.text().contains("two values"),
        "{}",
        refused.text()
    );
}

#[tokio::test]
async fn an_address_that_is_mapped_finds_its_user() {
    let cloud = Cloud::connected(&[]).await;
    add(&cloud, &["attributes", "--set", "map.emails=mail", "--set", "default.vip=false"]).await;
    cloud.sync().await;
    let cat = cloud.inst.user("cat@alt.example").await;
    assert_eq!(
        (&cat["emails"][0]["value"], &cat["attributes"]["vip"]),
        (&json!("cat@acme.example"), &json!(false))
    );
    let shown = cloud.inst.usher(&["users", "show", "cat@acme.example"]).await.ended(0);
    assert!(shown.text().contains("cat@alt.example"), "{}", shown.text());
    cloud.inst.usher(&["users", "erase", "cat@acme.example", "--yes"]).await.ended(0);
    cloud.inst.usher(&["users", "show", "cat@acme.example"]).await.ended(2);
}
