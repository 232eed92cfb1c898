//! Signing in to Microsoft 365 as an application: what goes wrong is said, and nothing is lost by it.

use crate::m365::Cloud;
use crate::t1::EVERYBODY;
use jiff::SignedDuration;

#[tokio::test]
async fn f4_connecting_reads_and_imports_nothing() {
    let cloud = Cloud::connected(&[]).await;
    assert!(cloud.inst.users().await.is_empty());
    let text = cloud.inst.usher(&["check"]).await.ended(0).text();
    for said in ["signed in to Acme", "acme.example", "7 users can be read", "7 groups can be read"] {
        assert!(text.contains(said), "{said}: {text}");
    }
}

#[tokio::test]
async fn f14_the_full_scope_is_counted_before_anybody_agrees() {
    let cloud = Cloud::t1().await;
    let asked = cloud.connect_with(&[], &[]).await.ended(3);
    assert!(asked.text().contains("The full scope is 7 users and 7 groups."), "{}", asked.text());
    let list = cloud.inst.usher(&["status"]).await;
    assert!(!list.text().contains("m365"), "{}", list.text());
}

#[tokio::test]
async fn f7_a_wrong_secret_tenant_or_client_is_a_clear_sentence() {
    let cloud = Cloud::t1().await;
    let wrong = cloud.inst.file("wrong", "not the secret");
    let secret = format!("client_secret=@{wrong}");
    for (flags, settings, said) in [
        (vec!["--secret", &secret], vec![], "client_secret"),
        (vec![], vec!["tenant_id=nowhere.example".to_owned()], "tenant_id"),
        (vec![], vec!["client_id=00000000-0000-4000-8000-000000000000".to_owned()], "client_id"),
        (vec![], vec!["tenant_id=common".to_owned()], "stands for many tenants"),
    ] {
        let settings: Vec<_> = settings.iter().map(String::as_str).collect();
        let ran = cloud.connect_with(&flags, &settings).await.ended(3);
        assert!(ran.text().contains(said), "{said}: {}", ran.text());
        assert!(ran.text().contains('✗') && ran.text().contains("nothing was saved"), "{}", ran.text());
        assert!(!ran.text().contains("not the secret") && !ran.text().contains(cloud.secret()));
    }
}

#[tokio::test]
async fn f5_a_dead_secret_stops_the_run_visibly_and_touches_nothing() {
    let cloud = Cloud::synced(&[]).await;
    let before = cloud.inst.users().await;
    cloud.tenant.expire_secret(cloud.app, cloud.secret()).unwrap();
    cloud.tenant.revoke_tokens();
    cloud.tenant.delete("ann@acme.example").unwrap();
    let failed = cloud.inst.json(1, &["sync", "--yes"]).await;
    assert_eq!(failed["result"], "failed", "{failed:#}");
    assert_eq!(cloud.inst.users().await, before);
    let status = cloud.inst.json(0, &["status"]).await;
    assert!(status.to_string().contains("needs_reauthorisation"), "{status:#}");

    // F6: with a new secret everything goes on where it was.
    let secret = cloud.tenant.add_secret(cloud.app, SignedDuration::from_hours(24)).unwrap();
    let file = cloud.inst.file("client_secret", &secret);
    cloud
        .inst
        .usher(&["connect", "m365", "--yes", "--secret", &format!("client_secret=@{file}")])
        .await
        .ended(0);
    cloud.tenant.clear_requests();
    let report = cloud.sync().await;
    assert_eq!(
        (report["users"]["deactivated"].as_u64(), report["users"]["created"].as_u64()),
        (Some(1), Some(0))
    );
    assert!(cloud.requests() <= 4, "by delta");
}

#[tokio::test]
async fn a_missing_right_is_named() {
    let cloud = Cloud::synced(&[]).await;
    cloud.tenant.revoke(cloud.app, "Group.Read.All").unwrap();
    cloud.tenant.revoke_tokens();
    let failed = cloud.inst.json(1, &["sync", "--yes"]).await;
    assert_eq!(failed["fault"]["class"], "permission", "{failed:#}");
    assert!(failed["fault"]["message"].as_str().unwrap().contains("Group.Read.All"), "{failed:#}");
    assert_eq!(cloud.inst.users().await.len(), EVERYBODY.len());
    let check = cloud.inst.usher(&["check"]).await;
    assert!(check.text().contains("Group.Read.All"), "{}", check.text());
}

#[tokio::test]
async fn f10_secrets_and_tokens_are_nowhere_to_be_read() {
    let cloud = Cloud::synced(&[]).await;
    cloud.inst.usher(&["plan"]).await;
    let mut seen = 0;
    let mut waiting = vec![cloud.inst.path().join("data")];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                waiting.push(entry.path());
                continue;
            }
            seen += 1;
            let bytes = std::fs::read(entry.path()).unwrap();
            let found = bytes.windows(cloud.secret().len()).any(|part| part == cloud.secret().as_bytes());
            assert!(!found, "{:?} has the secret", entry.path());
        }
    }
    assert!(seen > 0);
    // What is in the database, wherever that is, is sealed.
    let kept = crate::database::dump(&cloud.inst).await;
    assert!(!kept["secrets"].is_empty());
    assert!(!format!("{kept:?}").contains(cloud.secret()), "the database has the secret");
    // A restart needs no new token.
    cloud.tenant.clear_requests();
    cloud.sync().await;
    let asked = cloud.asked();
    assert!(!asked.iter().any(|path| path.contains("/token")), "{asked:#?}");
}

#[tokio::test]
async fn f1_the_states_of_a_connection() {
    let cloud = Cloud::t1().await;
    let refused = cloud.inst.usher(&["sync", "--yes"]).await.ended(2);
    assert!(refused.text().contains("usher connect"), "{}", refused.text());
    cloud.connect(&[]).await.ended(0);
    let state = async || cloud.inst.json(0, &["status"]).await["connections"][0]["state"].clone();
    assert_eq!(state().await, "authorised");
    cloud.sync().await;
    assert_eq!(state().await, "active");
    let again = cloud.inst.usher(&["connect", "m365"]).await.ended(0);
    assert!(again.text().contains(&cloud.app.to_string()), "{}", again.text());
}

#[tokio::test]
async fn f8_a_verified_domain_belongs_to_one_live_connection() {
    let cloud = Cloud::connected(&[]).await;
    cloud.inst.usher(&["tenant", "add", "other"]).await.ended(0);
    let refused = cloud.connect_with(&["--yes", "--tenant", "other"], &[]).await.ended(2);
    for said in ["acme.example", "m365", "default", "--share-domain"] {
        assert!(refused.text().contains(said), "{said}: {}", refused.text());
    }
    let status = cloud.inst.json(0, &["--tenant", "other", "status"]).await;
    assert_eq!(status["connections"], serde_json::json!([]));
    cloud.connect_with(&["--yes", "--tenant", "other", "--share-domain"], &[]).await.ended(0);
    // Its own settings can be changed as before.
    cloud.connect(&["managers=false"]).await.ended(0);
}

#[tokio::test]
async fn f38_a_verified_domain_is_proof_of_who_somebody_is() {
    let cloud = Cloud::t1().await;
    for (name, address) in [("dan@acme.example", ""), ("man", "bob@acme.example")] {
        let emails = format!("emails={address}");
        let mut line = vec!["users", "add", name];
        if !address.is_empty() {
            line.push(&emails);
        }
        cloud.inst.usher(&line).await.ended(0);
    }
    let before = cloud.inst.user("dan@acme.example").await["id"].clone();
    cloud.connect(&[]).await.ended(0);
    let report = cloud.sync().await;
    assert_eq!(report["users"]["created"], 5, "dan and bob are here already: {report:#}");
    assert_eq!(cloud.inst.user("dan@acme.example").await["id"], before);
    // By hand he is and stays, and leaving the source only unlinks him.
    cloud.tenant.delete("dan@acme.example").unwrap();
    cloud.sync().await;
    assert_eq!(cloud.inst.user("dan@acme.example").await["active"], true);
}

#[tokio::test]
async fn f11_two_tenants_of_microsoft_365_and_two_connections_of_one() {
    let (one, two) = (
        Cloud::synced(&[]).await,
        usher_demo::Tenant::empty(
            2,
            "Beta",
            vec![usher_demo::Domain::verified("other.example").first()],
            vec![],
            "2026-03-02T08:00:00Z".parse().unwrap(),
        ),
    );
    two.create_user(serde_json::json!({ "displayName": "Zoe", "userPrincipalName": "zoe@other.example",
        "accountEnabled": true, "mailNickname": "zoe", "passwordProfile": { "password": "x" } }))
        .unwrap();
    let two = Cloud::of(two).await;
    // The second is connected to the first one's installation, in a tenant of its own.
    let secret = format!("client_secret=@{}", two.secret_file());
    let settings = [
        format!("tenant_id={}", two.tenant.id()),
        format!("client_id={}", two.app),
        "cloud=custom".to_owned(),
        format!("graph_url={}", two.url()),
        format!("login_url={}", two.url()),
    ];
    one.inst.usher(&["tenant", "add", "beta"]).await.ended(0);
    let mut line = vec!["--tenant", "beta", "connect", "m365", "--yes", "--secret", &secret];
    for setting in &settings {
        line.extend(["--set", setting]);
    }
    one.inst.usher(&line).await.ended(0);
    one.inst.usher(&["--tenant", "beta", "sync", "--yes"]).await.ended(0);
    let beta = one.inst.json(0, &["--tenant", "beta", "users", "list"]).await;
    assert_eq!(beta.as_array().unwrap().len(), 1);
    assert_eq!(one.inst.users().await.len(), EVERYBODY.len());
}

#[tokio::test]
async fn f9_disconnecting_forgets_every_secret_and_asks_microsoft_nothing() {
    let cloud = Cloud::synced(&[]).await;
    let before = cloud.inst.user("ann@acme.example").await;
    let secrets = async || {
        let beside = cloud.inst.beside().await;
        let secrets = beside.number("SELECT COUNT(*) FROM secrets").await;
        beside.close().await;
        secrets
    };
    assert!(secrets().await >= 2, "the client's, and the token that is kept");
    cloud.requests();
    cloud.inst.usher(&["disconnect", "m365", "--confirm", "m365"]).await.ended(0);
    assert_eq!(cloud.requests(), 0, "nothing is written to the tenant, nor read");
    assert_eq!(secrets().await, 0);
    let after = cloud.inst.user("ann@acme.example").await;
    for kept in ["id", "userName", "displayName", "emails", "active", "groups", "manager", "path"] {
        assert_eq!(after[kept], before[kept], "{kept}");
    }
    assert_eq!(after["origin"], "manual");

    // Connected again it is bound to nobody: those with a name in a domain of the tenant's own are found again, and nobody is doubled.
    cloud.connect(&[]).await.ended(0);
    let report = cloud.sync().await;
    let users = &report["users"];
    assert_eq!((&users["linked"], &users["created"], &users["held"]), (&7.into(), &0.into(), &0.into()));
    assert_eq!(cloud.inst.users().await.len(), EVERYBODY.len());
}
