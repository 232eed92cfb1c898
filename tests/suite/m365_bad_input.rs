//! Bad input of a tenant, of its administrators and of the operator: each ends in a clear sentence or just works, and nothing is lost.

use crate::harness::{Ran, compiled};
use crate::m365::{Cloud, RIGHTS};
use crate::t1::{EVERYBODY, reason};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use usher_demo::{Fault, Pages, Rule, Size, Tenant, Unruly};
use usher_runtime::contract::source::{Change, Coverage, Next, Position, Seal};
use usher_runtime::{Method, Runtime, RuntimeOptions};
use usher_services::FixedClock;
use usher_services::oauth::{Certificate, Secret};
use usher_store::{Store, VaultKey};
use usher_sync::{Catalogue, Host, HostOptions};

/// A user as an administrator makes one.
fn user(name: &str) -> Value {
    json!({ "displayName": name, "userPrincipalName": format!("{name}@acme.example"), "accountEnabled": true,
        "mailNickname": name, "passwordProfile": { "password": "x" } })
}

/// Takes rights away, or withholds them from the beginning.
fn without(cloud: &Cloud, rights: &[&str]) {
    for right in rights {
        cloud.tenant.revoke(cloud.app, right).unwrap();
    }
    cloud.tenant.revoke_tokens();
}

/// Connects to everybody, or to those in a group.
async fn connect_to(cloud: &Cloud, flags: &[&str], group: Option<&str>) -> Ran {
    let chosen = group.map(|group| format!("chosen={}", cloud.id(group)));
    let settings: Vec<_> = chosen.iter().flat_map(|chosen| ["scope=groups", chosen]).collect();
    cloud.connect_with(flags, &settings).await
}

/// Who is here: the id at the source, whether he is active, and his userName.
async fn people(cloud: &Cloud) -> BTreeMap<String, (bool, String)> {
    let users = cloud.inst.users().await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    users
        .iter()
        .map(|user| (text(&user["externalId"]), (user["active"] == true, text(&user["userName"]))))
        .collect()
}

#[tokio::test]
async fn f12_people_without_mail_come_in_and_are_found_by_the_name_they_sign_in_with() {
    let cloud = Cloud::t1().await;
    cloud.tenant.create_user(user("gus")).unwrap();
    cloud.tenant.update("ann@acme.example", json!({ "mail": null, "proxyAddresses": [] })).unwrap();
    cloud.tenant.update("bob@acme.example", json!({ "mail": "" })).unwrap();
    cloud.connect(&[]).await.ended(0);
    let report = cloud.sync().await;
    assert_eq!(report["users"]["created"], 8, "{report:#}");
    assert_eq!(report["users"]["quarantined"], 0, "{report:#}");
    for name in ["ann@acme.example", "bob@acme.example", "gus@acme.example"] {
        let shown = cloud.inst.json(0, &["users", "show", name]).await;
        assert_eq!(shown["emails"], json!([{ "primary": true, "value": name }]), "{shown:#}");
        assert_eq!(shown["attributes"]["mail"], Value::Null, "{shown:#}");
    }
    // A mail that is taken away later is taken away here, and nothing else is.
    cloud.tenant.update("dan@acme.example", json!({ "mail": null })).unwrap();
    let report = cloud.sync().await;
    assert_eq!((&report["users"]["updated"], &report["users"]["deactivated"]), (&json!(1), &json!(0)));
    let dan = cloud.inst.json(0, &["users", "show", "dan@acme.example"]).await;
    assert_eq!(dan["attributes"]["mail"], Value::Null, "{dan:#}");
    assert_eq!(dan["active"], true);
}

#[tokio::test]
async fn f25_a_name_that_another_one_takes_over_is_his_in_one_delta_and_in_two() {
    for between in [false, true] {
        let cloud = Cloud::synced(&[]).await;
        let (ann, bob) = (cloud.id("ann@acme.example"), cloud.id("bob@acme.example"));
        let before = people(&cloud).await;
        cloud.tenant.rename("ann@acme.example", "ann.married@acme.example").unwrap();
        if between {
            assert_eq!(cloud.sync().await["users"]["updated"], 1);
        }
        cloud.tenant.rename("bob@acme.example", "ann@acme.example").unwrap();
        let report = cloud.sync().await;
        assert_eq!(report["users"]["quarantined"], 0, "{report:#}");
        let mut right = before;
        right.get_mut(&ann).unwrap().1 = "ann.married@acme.example".to_owned();
        right.get_mut(&bob).unwrap().1 = "ann@acme.example".to_owned();
        assert_eq!(people(&cloud).await, right, "between: {between}");
        let bobs = cloud.inst.user("ann@acme.example").await;
        assert_eq!(bobs["displayName"], "Bob Brandt", "{bobs:#}");
        let anns = cloud.inst.user("ann.married@acme.example").await;
        assert_eq!(anns["manager"]["displayName"], "ann@acme.example", "he leads her still: {anns:#}");
        assert_eq!(cloud.sync().await["result"], "unchanged");
    }
}

#[tokio::test]
async fn f25_a_newcomer_with_the_name_of_one_who_was_renamed_in_the_same_delta_comes_in() {
    let cloud = Cloud::synced(&[]).await;
    let ann = cloud.inst.user("ann@acme.example").await["id"].clone();
    cloud.tenant.rename("ann@acme.example", "ann.married@acme.example").unwrap();
    cloud.tenant.create_user(user("ann")).unwrap();
    let report = cloud.sync().await;
    assert_eq!((&report["users"]["created"], &report["users"]["updated"]), (&json!(1), &json!(1)));
    assert_eq!(cloud.inst.user("ann.married@acme.example").await["id"], ann);
    assert_ne!(cloud.inst.user("ann@acme.example").await["id"], ann);
}

#[tokio::test]
async fn f25_swapped_names_are_swapped_here() {
    let cloud = Cloud::synced(&[]).await;
    let (ann, bob) = (cloud.id("ann@acme.example"), cloud.id("bob@acme.example"));
    let mut right = people(&cloud).await;
    cloud.tenant.rename("ann@acme.example", "away@acme.example").unwrap();
    cloud.tenant.rename("bob@acme.example", "ann@acme.example").unwrap();
    cloud.tenant.rename("away@acme.example", "bob@acme.example").unwrap();
    let report = cloud.sync().await;
    assert_eq!((&report["users"]["updated"], &report["users"]["quarantined"]), (&json!(2), &json!(0)));
    right.get_mut(&ann).unwrap().1 = "bob@acme.example".to_owned();
    right.get_mut(&bob).unwrap().1 = "ann@acme.example".to_owned();
    assert_eq!(people(&cloud).await, right);
    assert_eq!(cloud.sync().await["result"], "unchanged");
}

#[tokio::test]
async fn f25_a_name_that_changes_hands_while_it_is_read_is_settled_by_the_next_run() {
    let cloud = Cloud::t1().await;
    cloud.tenant.set_pages(Pages { users: 1, ..Pages::default() });
    cloud.connect(&[]).await.ended(0);
    // Ann is read under her name; then the line breaks, and dan takes the name over before his page is read.
    cloud.tenant.add_fault(Rule::nth_with(3, "/users/delta", Fault::Drop).for_ever());
    cloud.inst.usher(&["sync", "--yes"]).await.ended(1);
    cloud.tenant.clear_faults();
    cloud.tenant.rename("ann@acme.example", "ann.married@acme.example").unwrap();
    cloud.tenant.rename("dan@acme.example", "ann@acme.example").unwrap();
    let report = cloud.sync().await;
    assert_eq!(report["users"]["quarantined"], 2, "{report:#}");
    let said = report.to_string();
    assert!(said.contains(&cloud.id("ann@acme.example")), "each names the other: {said}");
    let report = cloud.sync().await;
    assert_eq!((&report["users"]["created"], &report["users"]["quarantined"]), (&json!(2), &json!(0)));
    assert_eq!(cloud.inst.user("ann@acme.example").await["displayName"], "Dan Doyle");
    assert_eq!(cloud.inst.user("ann.married@acme.example").await["displayName"], "Ann Abbot");
    assert_eq!(people(&cloud).await.len(), EVERYBODY.len());
}

/// Names as people have them, and as somebody typed them: given name, family name, the part of an address before the `@`.
const NAMES: [[&str; 3]; 24] = [
    ["Ann", "Abbot", "ann.abbot"],
    ["Zoë", "Brontë", "zoë.brontë"],
    // The same, typed with combining marks.
    ["Zoe\u{308}", "Bronte\u{308}", "zoe.bronte"],
    ["Łukasz", "Żółć", "łukasz.żółć"],
    ["Ираида", "Щеглова", "ираида.щеглова"],
    ["Ἀλκιβιάδης", "Παπαδόπουλος", "αλκιβιάδης"],
    ["أحمد", "الزهراني", "أحمد.الزهراني"],
    ["הדס", "אברהם", "הדס.אברהם"],
    ["\u{200f}משה\u{200e}", "כהן (Cohen)", "moshe.cohen"],
    ["सुनीता", "शर्मा", "सुनीता.शर्मा"],
    ["นภัสวรรณ", "ศรีสุข", "นภัสวรรณ"],
    ["ကျော်", "ဇော", "ကျော်.ဇော"],
    ["小明", "王", "王小明"],
    ["太郎", "ヤマダ", "山田.太郎"],
    // Half and full width.
    ["ﾀﾛｳ", "ヤマダ", "taro.half"],
    ["Ａｎｎａ", "Ｗｉｄｅ", "anna.wide"],
    ["지우", "김", "김지우"],
    // The same name in conjoining letters.
    ["\u{110c}\u{1175}\u{110b}\u{116e}", "\u{1100}\u{1175}\u{11b7}", "jiwoo.kim"],
    ["Işıl", "Yıldız", "ışıl.yıldız"],
    ["İsmail", "Iğdır", "ismail.ığdır"],
    ["Q\u{308}u\u{30a}x\u{31b}\u{323}", "Z\u{351}\u{36b}\u{343}algo", "zalgo"],
    ["👩‍🚀 Astro", "👨‍👩‍👧‍👦", "astro.🚀"],
    ["Straße", "ﬁligree ﬆ", "straße"],
    ["𝓕𝓪𝓷𝓬𝔂", "\u{1f1ee}\u{1f1ea}", "𝓯𝓪𝓷𝓬𝔂"],
];

#[tokio::test]
async fn f12_names_in_every_script_come_in_as_they_are_and_nobody_is_merged() {
    const PEOPLE: usize = 3_000;
    let domain = usher_demo::Domain::verified("acme.example").first();
    let now = "2026-03-02T08:00:00Z".parse().unwrap();
    let tenant = Tenant::empty(7, "Babel", vec![domain], vec![], now);
    let mut right = BTreeMap::new();
    for (number, [given, family, local]) in NAMES.iter().cycle().take(PEOPLE).enumerate() {
        let display = format!("{given} {family} {number}");
        let upn = format!("{local}{number}@acme.example");
        let id = tenant
            .create_user(json!({ "displayName": display, "givenName": given, "surname": family,
                "userPrincipalName": upn, "accountEnabled": true, "mailNickname": local }))
            .unwrap();
        let all = [upn, display, (*given).to_owned(), (*family).to_owned()];
        right.insert(id.to_string(), all);
    }
    let cloud = Cloud::of(tenant).await;
    cloud.connect(&[]).await.ended(0);
    let report = cloud.sync().await;
    assert_eq!(report["result"], "success", "{report:#}");
    assert_eq!(report["users"]["created"], PEOPLE, "{report:#}");
    assert_eq!(here(&cloud).await, right);
    assert_eq!(cloud.sync().await["result"], "unchanged");

    // Each one renamed into the next script, by delta.
    for (id, [upn, display, given, family]) in &mut right {
        let at = NAMES.iter().position(|name| name[0] == given && name[1] == family).unwrap();
        let [next_given, next_family, local] = NAMES[(at + 1) % NAMES.len()];
        let number = display.rsplit(' ').next().unwrap().to_owned();
        *upn = format!("{local}{number}@acme.example");
        *display = format!("{next_given} {next_family} {number}");
        (*given, *family) = (next_given.to_owned(), next_family.to_owned());
        let now = json!({ "userPrincipalName": *upn, "displayName": *display, "givenName": *given, "surname": *family });
        cloud.tenant.update(id, now).unwrap();
    }
    let report = cloud.sync().await;
    assert_eq!((&report["users"]["updated"], &report["users"]["quarantined"]), (&json!(PEOPLE), &json!(0)));
    assert_eq!(here(&cloud).await, right);
}

/// By the id at the source: userName, displayName, given and family name.
async fn here(cloud: &Cloud) -> BTreeMap<String, [String; 4]> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let of = |user: &Value| {
        let name = &user["name"];
        let all = [&user["userName"], &user["displayName"], &name["givenName"], &name["familyName"]];
        (text(&user["externalId"]), all.map(text))
    };
    cloud.inst.users().await.iter().map(of).collect()
}

#[tokio::test]
async fn f25_names_that_only_look_alike_to_a_machine_are_told_and_nobody_is_merged() {
    let cloud = Cloud::t1().await;
    // To Entra these are different names; folded (NFKC, lower case) the first two are one.
    for local in ["zoë", "zoe\u{308}", "zoe", "ıris", "iris", "иван", "ivan"] {
        cloud.tenant.create_user(user(local)).unwrap();
    }
    cloud.connect(&[]).await.ended(0);
    let report = cloud.sync().await;
    assert_eq!((&report["users"]["created"], &report["users"]["quarantined"]), (&json!(12), &json!(2)));
    for (one, other) in [("zoë", "zoe\u{308}"), ("zoe\u{308}", "zoë")] {
        let (one, other) =
            (cloud.id(&format!("{one}@acme.example")), cloud.id(&format!("{other}@acme.example")));
        assert!(reason(&report, "quarantined", &one).contains(&other), "{report:#}");
    }
    // When one of them is renamed, both come in.
    cloud.tenant.rename("zoe\u{308}@acme.example", "zoe2@acme.example").unwrap();
    let report = cloud.sync().await;
    assert_eq!((&report["users"]["created"], &report["users"]["quarantined"]), (&json!(2), &json!(0)));
}

#[tokio::test]
async fn f34_half_of_the_rights_end_in_a_sentence_that_names_the_other_half() {
    const USERS: &str = "User.Read.All";
    const GROUPS: &str = "Group.Read.All";
    const ORGANISATION: &str = "Organization.Read.All";
    for (granted, missing, group) in [
        (&[USERS][..], &[GROUPS][..], None),
        (&[GROUPS], &[USERS], None),
        (&[USERS, ORGANISATION], &[GROUPS], None),
        (&[GROUPS, ORGANISATION], &[USERS], None),
        (&[USERS, ORGANISATION], &[GROUPS], Some("G-eng")),
        (&[GROUPS, ORGANISATION], &[USERS], Some("G-eng")),
        (&[], &[GROUPS, USERS], None),
    ] {
        let cloud = Cloud::t1().await;
        let left: Vec<_> = RIGHTS.into_iter().filter(|right| !granted.contains(right)).collect();
        without(&cloud, &left);
        let place = format!("{granted:?} {group:?}");
        let refused = connect_to(&cloud, &[], group).await.ended(3);
        assert!(refused.text().contains('✗'), "{place}: {}", refused.text());
        connect_to(&cloud, &["--yes"], group).await.ended(0);
        let check = cloud.inst.usher(&["check"]).await.ended(1);
        for missing in missing {
            assert!(refused.text().contains(missing), "{place}: {}", refused.text());
            assert!(check.text().contains(missing), "{place}: {}", check.text());
        }
        let failed = cloud.inst.json(1, &["sync", "--yes"]).await;
        assert_eq!(failed["fault"]["class"], "permission", "{place}: {failed:#}");
        let said = failed["fault"]["message"].as_str().unwrap();
        assert!(missing.iter().any(|missing| said.contains(missing)), "{place}: {failed:#}");
        assert!(cloud.inst.users().await.is_empty());
        // With all of them granted it goes on.
        for right in RIGHTS {
            cloud.tenant.grant(cloud.app, right).unwrap();
        }
        cloud.tenant.revoke_tokens();
        assert_eq!(cloud.sync().await["result"], "success", "{place}");
    }
}

#[tokio::test]
async fn f34_without_the_organisation_the_run_works_and_the_check_says_what_is_missing() {
    let cloud = Cloud::t1().await;
    without(&cloud, &["Organization.Read.All"]);
    let connected = cloud.connect(&[]).await.ended(0);
    assert!(connected.text().contains("Organization.Read.All"), "{}", connected.text());
    assert_eq!(cloud.sync().await["users"]["created"], 7);
    let check = cloud.inst.usher(&["check"]).await.ended(0);
    assert!(check.text().contains("Organization.Read.All"), "{}", check.text());
}

#[tokio::test]
async fn f34_a_right_that_is_taken_away_later_removes_nobody() {
    for right in RIGHTS {
        for group in [None, Some("G-root")] {
            let cloud = Cloud::t1().await;
            connect_to(&cloud, &["--yes"], group).await.ended(0);
            cloud.sync().await;
            let before = cloud.inst.users().await;
            let members = cloud.inst.members("G-root").await;
            // Meanwhile somebody changes, comes and goes.
            cloud.tenant.update("bob@acme.example", json!({ "jobTitle": "Chief" })).unwrap();
            cloud.tenant.delete("cat@alt.example").unwrap();
            cloud.tenant.add_member("G-eng", "dan@acme.example").unwrap();
            without(&cloud, &[right]);
            let ran = cloud.inst.usher(&["--json", "sync", "--yes"]).await;
            if right == "Organization.Read.All" {
                ran.ended(0);
            } else {
                let failed = ran.ended(1).json();
                assert_eq!(failed["fault"]["class"], "permission", "{right} {group:?}: {failed:#}");
                assert!(failed["fault"]["message"].as_str().unwrap().contains(right), "{failed:#}");
                assert_eq!(cloud.inst.users().await, before, "{right} {group:?}");
                assert_eq!(cloud.inst.members("G-root").await, members);
                // A full read is no other.
                cloud.tenant.expire_state_tokens();
                cloud.inst.usher(&["sync", "--yes"]).await.ended(1);
                assert_eq!(cloud.inst.users().await, before, "{right} {group:?}");
                cloud.tenant.grant(cloud.app, right).unwrap();
                cloud.tenant.revoke_tokens();
                cloud.sync().await;
            }
            assert_eq!(cloud.inst.user("bob@acme.example").await["title"], "Chief");
            assert_eq!(cloud.inst.user("cat@alt.example").await["active"], false);
            assert!(cloud.inst.members("G-eng").await.contains(&"dan@acme.example".to_owned()));
        }
    }
}

/// A certificate that ends on a day, with its key; and its thumbprint.
fn certificate(year: i32, month: u8, day: u8) -> (String, String) {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    let mut made = CertificateParams::new(vec!["usher".to_owned()]).unwrap();
    made.not_before = rcgen::date_time_ymd(2024, 1, 1);
    made.not_after = rcgen::date_time_ymd(year, month, day);
    let pem = format!("{}{}", made.self_signed(&key).unwrap().pem(), key.serialize_pem());
    let thumbprint = Certificate::from_pem(&Secret::new(pem.clone())).unwrap().thumbprint().to_owned();
    (pem, thumbprint)
}

/// Connects with a certificate that the application has.
async fn connect_by(cloud: &Cloud, (pem, thumbprint): &(String, String), flags: &[&str]) -> Ran {
    cloud.tenant.add_certificate(cloud.app, thumbprint).unwrap();
    cloud.connect_by(&format!("certificate=@{}", cloud.inst.file("certificate.pem", pem)), flags, &[]).await
}

#[tokio::test]
async fn f7_a_certificate_that_has_ended_is_refused_before_entra_is_asked() {
    let cloud = Cloud::t1().await;
    let ended = certificate(2026, 3, 1);
    let refused = connect_by(&cloud, &ended, &[]).await.ended(3);
    for said in ["certificate", "ended on 2026-03-01", "--secret certificate=@FILE", "nothing was saved"] {
        assert!(refused.text().contains(said), "{said}: {}", refused.text());
    }
    assert!(cloud.tenant.requests().is_empty());
}

#[tokio::test]
async fn f5_a_certificate_that_ends_is_told_a_month_before_and_then_stops_the_run_visibly() {
    let cloud = Cloud::t1().await;
    // 2 March it is, and 30 days before the end of the certificate is 10 March.
    let connected = connect_by(&cloud, &certificate(2026, 4, 9), &["--yes"]).await.ended(0);
    assert!(!connected.text().contains("certificate"), "{}", connected.text());
    assert_eq!(cloud.sync().await["users"]["created"], 7);
    let at = async |days: i64| {
        cloud.inst.pass_days(days);
        cloud.tenant.set_now(jiff::Timestamp::from_millisecond(cloud.inst.now()).unwrap());
        cloud.inst.usher(&["check"]).await
    };
    assert!(!at(7).await.ended(0).text().contains("certificate"), "9 March");
    let soon = at(1).await.ended(0).text();
    for said in ["!", "the certificate ends on 2026-04-09, in 29 days", "Certificates & secrets"] {
        assert!(soon.contains(said), "{said}: {soon}");
    }
    let last = at(29).await.ended(0).text();
    assert!(last.contains("the certificate ends on 2026-04-09, within a day"), "{last}");
    let json = cloud.inst.json(0, &["check"]).await;
    let warned = json["findings"].as_array().unwrap().iter().find(|finding| finding["standing"] == "warning");
    assert!(warned.unwrap()["what"].as_str().unwrap().contains("2026-04-09"), "{json:#}");

    let before = cloud.inst.users().await;
    cloud.tenant.delete("ann@acme.example").unwrap();
    let ended = at(1).await.ended(1).text();
    assert!(ended.contains("it ended on 2026-04-09"), "{ended}");
    cloud.tenant.clear_requests();
    let failed = cloud.inst.json(1, &["sync", "--yes"]).await;
    assert_eq!(failed["fault"]["class"], "auth", "{failed:#}");
    assert!(failed["fault"]["message"].as_str().unwrap().contains("it ended on 2026-04-09"), "{failed:#}");
    assert!(cloud.tenant.requests().is_empty());
    assert_eq!(cloud.inst.users().await, before);
    let status = cloud.inst.json(0, &["status"]).await;
    assert!(status.to_string().contains("needs_reauthorisation"), "{status:#}");

    // F6: a new one, and all goes on where it was.
    let warned = connect_by(&cloud, &certificate(2026, 5, 1), &["--yes"]).await.ended(0);
    assert!(warned.text().contains("the certificate ends on 2026-05-01"), "{}", warned.text());
    let report = cloud.sync().await;
    assert_eq!((&report["users"]["deactivated"], &report["users"]["created"]), (&json!(1), &json!(0)));
}

#[tokio::test]
async fn f7_a_certificate_that_the_application_doesnt_have_is_a_clear_sentence() {
    let cloud = Cloud::t1().await;
    let (pem, _) = certificate(2027, 1, 1);
    let (_, other) = certificate(2027, 1, 1);
    let refused = connect_by(&cloud, &(pem, other), &[]).await.ended(3);
    for said in ["certificate", "upload this very certificate", "AADSTS700027"] {
        assert!(refused.text().contains(said), "{said}: {}", refused.text());
    }
}

#[tokio::test]
async fn f12_a_tenant_of_guests_alone_is_told_and_comes_in_when_guests_may() {
    const GUESTS: u32 = 30;
    let size = Size { users: GUESTS, groups: 2, members_a_group: 10, nested: 0, guests: 100 };
    let cloud = Cloud::of(Tenant::generated(size, 5)).await;
    let connected = cloud.connect(&[]).await.ended(0);
    for said in ["all 30 users are guests, and guests stay out", "guests=true"] {
        assert!(connected.text().contains(said), "{said}: {}", connected.text());
    }
    let report = cloud.sync().await;
    assert_eq!(report["users"]["created"], 0, "{report:#}");
    assert!(report["notes"].to_string().contains("guests=true"), "{report:#}");
    assert!(people(&cloud).await.is_empty());
    let told = cloud.inst.usher(&["sync", "--yes"]).await.ended(0).text();
    assert!(told.contains("guests=true"), "{told}");

    cloud.connect(&["guests=true"]).await.ended(0);
    let report = cloud.sync().await;
    assert_eq!(report["users"]["created"], GUESTS, "{report:#}");
    assert!(!report["notes"].to_string().contains("guests"), "{report:#}");
    assert!(people(&cloud).await.values().all(|(_, name)| name.contains("#EXT#")));
}

#[tokio::test]
async fn f12_ids_that_change_their_case_are_the_same_people() {
    for group in [None, Some("G-root")] {
        let cloud = Cloud::t1().await;
        // In lower case first, then in any.
        connect_to(&cloud, &["--yes"], group).await.ended(0);
        cloud.sync().await;
        let (before, members) = (people(&cloud).await, cloud.inst.members("G-root").await);
        cloud.tenant.set_unruly(Unruly { changing_case: true, ..Unruly::default() });
        let list = cloud.inst.json(0, &["groups", "list", "--source"]).await;
        let ids: BTreeSet<_> =
            list.as_array().unwrap().iter().map(|group| group["id"].as_str().unwrap()).collect();
        assert!(ids.contains(cloud.id("G-root").as_str()), "{ids:?}");
        assert_eq!(cloud.sync().await["result"], "unchanged");
        // Read as a whole anew.
        cloud.tenant.expire_state_tokens();
        assert_eq!(cloud.sync().await["result"], "unchanged", "{group:?}");
        assert_eq!((people(&cloud).await, cloud.inst.members("G-root").await), (before.clone(), members));
        // Delta, members, managers and what is looked up once more.
        cloud.tenant.set_manager("ann@acme.example", Some("cat@alt.example")).unwrap();
        cloud.tenant.remove_member("G-sales", "shared@acme.example").unwrap();
        cloud.tenant.add_member("G-eng", "dan@acme.example").unwrap();
        cloud.tenant.delete("bob@acme.example").unwrap();
        cloud.tenant.restore("bob@acme.example").unwrap();
        cloud.tenant.delete("fay@acme.example").unwrap();
        let report = cloud.sync().await;
        assert_eq!(report["result"], "success", "{report:#}");
        assert_eq!(report["users"]["quarantined"], 0, "{report:#}");
        let now = people(&cloud).await;
        let active =
            |name: &str| now.values().find(|(_, known)| known == name).is_some_and(|(active, _)| *active);
        for name in ["ann@acme.example", "bob@acme.example", "cat@alt.example", "dan@acme.example"] {
            assert!(active(name), "{name} {group:?}: {now:#?}");
        }
        assert_eq!(
            cloud.inst.members("G-root").await,
            [
                "G-eng",
                "G-eng-be",
                "G-sales",
                "ann@acme.example",
                "bob@acme.example",
                "cat@alt.example",
                "dan@acme.example"
            ]
        );
        assert_eq!(cloud.inst.user("ann@acme.example").await["manager"]["displayName"], "cat@alt.example");
        assert_eq!(cloud.sync().await["result"], "unchanged");
        assert!(now.keys().all(|id| *id == id.to_lowercase()));
    }
}

#[tokio::test]
async fn f4_consent_that_is_refused_is_a_clear_sentence_and_loses_nothing() {
    for (error, number, said, class) in [
        ("invalid_grant", 65_001, "nobody has consented to the application's permissions", "auth"),
        ("access_denied", 65_004, "consent was declined", "auth"),
        ("unauthorized_client", 7_000_229, "the application has no service principal in this tenant", "auth"),
    ] {
        let cloud = Cloud::t1().await;
        let refuses = || Rule::nth_with(1, "/oauth2/v2.0/token", Fault::Entra { error, number }).for_ever();
        cloud.tenant.add_fault(refuses());
        let refused = cloud.connect_with(&[], &[]).await.ended(3);
        for said in [said, &format!("AADSTS{number}"), "nothing was saved"] {
            assert!(refused.text().contains(said), "{said}: {}", refused.text());
        }
        cloud.tenant.clear_faults();
        cloud.connect(&[]).await.ended(0);
        cloud.sync().await;
        let before = cloud.inst.users().await;

        // Taken back later: the next token isn't given.
        cloud.tenant.delete("ann@acme.example").unwrap();
        cloud.tenant.add_fault(refuses());
        cloud.tenant.revoke_tokens();
        let failed = cloud.inst.json(1, &["sync", "--yes"]).await;
        assert_eq!(failed["fault"]["class"], class, "{number}: {failed:#}");
        assert!(failed["fault"]["message"].as_str().unwrap().contains(said), "{number}: {failed:#}");
        let check = cloud.inst.usher(&["check"]).await.ended(1);
        assert!(check.text().contains(said), "{number}: {}", check.text());
        assert_eq!(cloud.inst.users().await, before);

        // Consented again, everything goes on by itself.
        cloud.tenant.clear_faults();
        cloud.tenant.clear_requests();
        let report = cloud.sync().await;
        assert_eq!((&report["users"]["deactivated"], &report["users"]["created"]), (&json!(1), &json!(0)));
        assert!(cloud.requests() <= 4, "by delta");
    }
}

/// A tenant with one group that everybody is in, and the group's id.
async fn everybody_in_one(users: u32) -> (Cloud, String) {
    let size = Size { users, groups: 1, members_a_group: users, nested: 0, guests: 0 };
    let cloud = Cloud::of(Tenant::generated(size, 3)).await;
    cloud.connect(&[]).await.ended(0);
    let list = cloud.inst.json(0, &["groups", "list", "--source"]).await;
    let id = list[0]["id"].as_str().unwrap().to_owned();
    (cloud, id)
}

/// One leaves the group of everybody, and a newcomer joins it. Gives their ids.
fn leaves_and_joins(cloud: &Cloud, group: &str) -> (String, String) {
    let leaver = cloud.id("gus@acme.example");
    cloud.tenant.remove_member(group, &leaver).unwrap();
    let newcomer = cloud.tenant.create_user(user("hal")).unwrap().to_string();
    cloud.tenant.add_member(group, &newcomer).unwrap();
    (leaver, newcomer)
}

/// What a read of the method in its sandbox hands over: how many records and memberships of each kind of change, and the seal.
async fn handed_over(method: &mut Method, mut at: Position) -> (BTreeMap<&'static str, usize>, Seal) {
    let mut handed = BTreeMap::new();
    loop {
        let page = method.read(&at).await.unwrap();
        for change in page.changes {
            let (what, many) = match change {
                Change::User(_) => ("users", 1),
                Change::UserPatch(_) => ("users patched", 1),
                Change::Group(_) => ("groups", 1),
                Change::GroupPatch(_) => ("groups patched", 1),
                Change::Members(slice) => ("members", slice.members.len()),
                Change::Member(_) => ("members begun", 1),
                Change::MemberGone(_) => ("members gone", 1),
                Change::ListsEnd(_) => continue,
                other => panic!("{other:?}"),
            };
            *handed.entry(what).or_default() += many;
        }
        match page.next {
            Next::More(token) => at = Position::Resume(token),
            Next::End(seal) => return (handed, seal),
        }
    }
}

/// The method as it is shipped, in its sandbox with its fences, before all that such a tenant has. What the host makes of it is shown
/// with fewer people below: all of them take it minutes.
#[tokio::test]
async fn f12_a_group_of_300_000_is_read_within_the_methods_fences_and_its_delta_is_two_changes() {
    const MANY: u32 = 300_000;
    let (cloud, group) = everybody_in_one(MANY - 1).await;
    let gus = cloud.tenant.create_user(user("gus")).unwrap().to_string();
    cloud.tenant.add_member(&group, &gus).unwrap();
    let store = Store::connect(&cloud.inst.url().await).await.unwrap();
    let key = VaultKey::from_file(&cloud.inst.path().join("data/key")).unwrap();
    let runtime = Runtime::new(RuntimeOptions::new(compiled())).unwrap();
    let clock = FixedClock::new(jiff::Timestamp::from_millisecond(cloud.inst.now()).unwrap());
    let options = HostOptions { key: Some(key), ..HostOptions::default() };
    let host = Host::new(store.clone(), Catalogue::new(store.clone(), runtime), Arc::new(clock), options);
    let tenant = store.tenant("default").await.unwrap().unwrap();
    let connection = store.connection(tenant.id, "m365").await.unwrap();
    let mut method = host.look(&connection).await.unwrap();

    let (handed, seal) = handed_over(&mut method, Position::Fresh).await;
    let all = usize::try_from(MANY).unwrap();
    assert_eq!((handed["users"], handed["groups"], handed["members"]), (all, 1, all), "{handed:?}");
    let Coverage::Everything(counts) = seal.covers else { panic!("{:?}", seal.covers) };
    assert_eq!((counts.users, counts.groups, counts.memberships), (MANY, 1, MANY));

    leaves_and_joins(&cloud, &group);
    cloud.tenant.clear_requests();
    let (handed, _) = handed_over(&mut method, Position::Since(seal.cursor.unwrap())).await;
    assert_eq!((handed["members begun"], handed["members gone"]), (1, 1), "{handed:?}");
    assert_eq!(handed.get("members"), None, "its list isn't handed over again: {handed:?}");
    assert_eq!(cloud.requests(), 2);
}

async fn indexes(cloud: &Cloud) -> Vec<String> {
    let beside = cloud.inst.beside().await;
    let indexes = beside.indexes().await;
    beside.close().await;
    indexes
}

#[tokio::test]
async fn f12_a_group_beyond_what_a_lookup_lists_comes_in_and_is_kept_current() {
    const MANY: u32 = 21_000;
    let (cloud, group) = everybody_in_one(MANY).await;
    cloud.tenant.create_user(user("gus")).unwrap();
    cloud.tenant.add_member(&group, "gus@acme.example").unwrap();
    let shown = cloud.inst.json(0, &["groups", "members", "--source", &group]).await;
    assert_eq!(shown.as_array().unwrap().len(), 21_001, "before it is chosen");
    let before = indexes(&cloud).await;
    let report = cloud.sync().await;
    assert_eq!(
        (&report["users"]["created"], &report["memberships"]["added"]),
        (&json!(21_001), &json!(21_001))
    );
    assert_eq!(indexes(&cloud).await, before, "those that were taken away for so many are there again");

    leaves_and_joins(&cloud, &group);
    cloud.tenant.clear_requests();
    let report = cloud.sync().await;
    assert_eq!((&report["memberships"]["added"], &report["memberships"]["removed"]), (&json!(1), &json!(1)));
    assert_eq!(report["users"]["deactivated"], 0, "{report:#}");
    assert!(cloud.requests() <= 3);
    // Read as a whole anew, with the same people in it.
    cloud.tenant.expire_state_tokens();
    assert_eq!(cloud.sync().await["result"], "unchanged");
}

#[tokio::test]
async fn f15_a_chosen_group_beyond_what_a_lookup_lists_comes_in_and_is_kept_current() {
    const MANY: u32 = 11_000;
    let (cloud, group) = everybody_in_one(MANY).await;
    cloud.tenant.create_user(user("gus")).unwrap();
    cloud.tenant.add_member(&group, "gus@acme.example").unwrap();
    let over = json!({ "displayName": "Over", "mailNickname": "over", "mailEnabled": false, "securityEnabled": true,
        "groupTypes": [] });
    let over = cloud.tenant.create_group(over).unwrap().to_string();
    cloud.connect(&["scope=groups", &format!("chosen={over}")]).await.ended(0);
    assert_eq!(cloud.sync().await["users"]["created"], 0);
    // It comes to be nested in a chosen one.
    cloud.tenant.add_member(&over, &group).unwrap();
    let report = cloud.sync().await;
    assert_eq!(
        (&report["users"]["created"], &report["memberships"]["added"]),
        (&json!(11_001), &json!(11_002))
    );

    let (leaver, newcomer) = leaves_and_joins(&cloud, &group);
    cloud.tenant.clear_requests();
    let report = cloud.sync().await;
    assert_eq!((&report["users"]["created"], &report["users"]["deactivated"]), (&json!(1), &json!(1)));
    assert!(cloud.requests() <= 5);
    let now = people(&cloud).await;
    assert_eq!((now[&leaver].0, now[&newcomer].0), (false, true));
}
