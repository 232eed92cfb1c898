//! Every request of a full read and of a delta read, made to fail alone in every way: nobody is removed who wasn't, the directory is as
//! it was or as the tenant is, and the next run ends where the tenant is.

use crate::m365::Cloud;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use usher_demo::{Fault, Pages, Rule, Unruly};

fn status(code: u16, error: &str, retry_after: Option<&str>) -> Fault {
    Fault::Status { code, error: error.to_owned(), retry_after: retry_after.map(str::to_owned) }
}

/// Every way in which an answer can be wrong, by name.
fn ways() -> Vec<(&'static str, Fault)> {
    vec![
        ("400", status(400, "Request_BadRequest", None)),
        ("400 sync state", status(400, "syncStateNotFound", None)),
        ("400 resync", status(400, "resyncRequired", None)),
        ("400 page token", status(400, "Directory_ExpiredPageToken", None)),
        ("401", status(401, "InvalidAuthenticationToken", None)),
        ("403", status(403, "Authorization_RequestDenied", None)),
        ("404", status(404, "Request_ResourceNotFound", None)),
        ("410", status(410, "SyncStateNotFound", None)),
        ("429 short", status(429, "TooManyRequests", Some("0.5"))),
        ("429 long", status(429, "TooManyRequests", Some("3600"))),
        ("429 bare", status(429, "TooManyRequests", None)),
        ("500", status(500, "InternalServerError", None)),
        ("503", status(503, "ServiceUnavailable", Some("1"))),
        ("504", status(504, "GatewayTimeout", None)),
        ("cut early", Fault::CutBody(1)),
        ("cut late", Fault::CutBody(200)),
        ("dropped", Fault::Drop),
        ("no JSON", Fault::WrongJson),
        ("other JSON", Fault::WrongShape),
        ("foreign link", Fault::ForeignLink("https://graph.elsewhere.example".to_owned())),
        ("redirect", Fault::Redirect("https://graph.elsewhere.example/v1.0/users".to_owned())),
        ("huge", Fault::Huge(17 << 20)),
    ]
}

/// Who is here, whether he is active, his title, and which groups he is in.
type State = BTreeMap<String, (bool, Value, Vec<String>)>;

async fn state(cloud: &Cloud, tenant: &str) -> State {
    let users = cloud.inst.json(0, &["--tenant", tenant, "users", "list"]).await;
    users
        .as_array()
        .unwrap()
        .iter()
        .map(|user| {
            let groups = user["groups"].as_array().unwrap().iter();
            let groups = groups.map(|group| group["display"].as_str().unwrap().to_owned()).collect();
            let name = user["userName"].as_str().unwrap().to_owned();
            (name, (user["active"] == true, user["title"].clone(), groups))
        })
        .collect()
}

/// T1 in small pages, unruly in every way but for empty pages, so that a read is many requests.
async fn small() -> Cloud {
    let cloud = Cloud::t1().await;
    cloud.tenant.set_pages(Pages { users: 4, groups: 4, members_a_slice: 2, ..Pages::default() });
    cloud.tenant.set_unruly(Unruly { empty_pages: false, ..Unruly::all() });
    cloud
}

/// Runs with a request failing; gives how it ended.
async fn run_with(cloud: &Cloud, tenant: &str, rule: Rule) -> String {
    cloud.tenant.add_fault(rule);
    let ran = cloud.inst.usher(&["--tenant", tenant, "--json", "sync", "--yes"]).await;
    cloud.tenant.clear_faults();
    ran.json()["result"].as_str().unwrap().to_owned()
}

/// A run that is applied.
async fn sync(cloud: &Cloud, tenant: &str) {
    cloud.inst.usher(&["--tenant", tenant, "sync", "--yes"]).await.ended(0);
}

/// Another tenant of the same installation, connected to T1.
async fn connected(cloud: &Cloud, tenant: &str) {
    cloud.inst.usher(&["tenant", "add", tenant]).await.ended(0);
    cloud.connect_with(&["--yes", "--share-domain", "--tenant", tenant], &[]).await.ended(0);
}

/// A first read, in every way that it can fail.
async fn first(from: usize, to: usize) {
    let cloud = small().await;
    connected(&cloud, "whole").await;
    cloud.tenant.clear_requests();
    sync(&cloud, "whole").await;
    let requests = cloud.tenant.requests().len() as u64;
    assert!(requests >= 5, "{requests}");
    let truth = state(&cloud, "whole").await;
    for (name, fault) in &ways()[from..to] {
        for nth in 1..=requests {
            for times in [1, 1_000] {
                let tenant = format!("{name}, {nth}, {times} times");
                connected(&cloud, &tenant).await;
                let ended = run_with(&cloud, &tenant, Rule::nth(nth, fault.clone()).times(times)).await;
                let now = state(&cloud, &tenant).await;
                match ended.as_str() {
                    "success" => assert_eq!(now, truth, "{tenant}"),
                    "failed" => assert!(now.is_empty(), "{tenant}: {now:?}"),
                    other => panic!("{tenant}: {other}"),
                }
                sync(&cloud, &tenant).await;
                assert_eq!(state(&cloud, &tenant).await, truth, "after {tenant}: {ended}");
            }
        }
    }
}

/// A delta read, in every way that it can fail.
async fn delta(from: usize, to: usize) {
    let (cloud, tenant) = (small().await, "default");
    cloud.connect(&[]).await.ended(0);
    sync(&cloud, tenant).await;
    let mut requests = 1;
    for (name, fault) in &ways()[from..to] {
        let mut nth = 1;
        // As many as such a read has; the first one counts them.
        while nth <= requests {
            for times in [1, 1_000] {
                let old = state(&cloud, tenant).await;
                change(&cloud, true);
                let ended = run_with(&cloud, tenant, Rule::nth(nth, fault.clone()).times(times)).await;
                let place = format!("request {nth} of {requests} with {name}, {times} times: {ended}");
                let now = state(&cloud, tenant).await;
                cloud.tenant.clear_requests();
                sync(&cloud, tenant).await;
                if ended == "failed" {
                    requests = requests.max(cloud.tenant.requests().len() as u64);
                }
                let truth = state(&cloud, tenant).await;
                assert_ne!(old, truth, "after {place}");
                assert!(
                    !truth["eve@acme.example"].0 && truth["gus@acme.example"].0,
                    "after {place}: {truth:?}"
                );
                match ended.as_str() {
                    "success" => assert_eq!(now, truth, "{place}"),
                    "failed" => assert_eq!(now, old, "{place}"),
                    other => panic!("{place}: {other}"),
                }
                change(&cloud, false);
                // What left counts for a day in the guard.
                cloud.inst.pass_days(2);
                sync(&cloud, tenant).await;
                let back = state(&cloud, tenant).await;
                assert_eq!(back["eve@acme.example"], old["eve@acme.example"], "after {place}");
            }
            nth += 1;
        }
        assert!(requests >= 3, "{requests}");
    }
}

/// What happens at the tenant between two runs, there and back.
fn change(cloud: &Cloud, there: bool) {
    let tenant = &cloud.tenant;
    if there {
        tenant.delete("eve@acme.example").unwrap();
        tenant.update("bob@acme.example", json!({ "jobTitle": "Chief" })).unwrap();
        tenant.remove_member("G-sales", "cat@alt.example").unwrap();
        tenant.add_member("G-eng", "dan@acme.example").unwrap();
        let known = tenant.restore("gus@acme.example");
        if known.is_err() {
            tenant
                .create_user(json!({ "displayName": "Gus", "userPrincipalName": "gus@acme.example",
                    "accountEnabled": true, "mailNickname": "gus", "passwordProfile": { "password": "x" } }))
                .unwrap();
        }
    } else {
        tenant.restore("eve@acme.example").unwrap();
        tenant.update("bob@acme.example", json!({ "jobTitle": "Engineer" })).unwrap();
        tenant.add_member("G-sales", "cat@alt.example").unwrap();
        tenant.remove_member("G-eng", "dan@acme.example").unwrap();
        tenant.delete("gus@acme.example").unwrap();
    }
}

macro_rules! matrix {
    ($($name:ident: $run:ident $from:literal .. $to:literal;)*) => { $(
        #[tokio::test]
        async fn $name() {
            $run($from, $to).await;
        }
    )* };
}

matrix! {
    f34_a_first_read_of_which_any_request_is_refused_removes_nobody: first 0 .. 4;
    f34_a_first_read_of_which_any_request_is_forbidden_removes_nobody: first 4 .. 8;
    f34_a_first_read_of_which_any_request_is_throttled_removes_nobody: first 8 .. 11;
    f34_a_first_read_of_which_any_request_fails_removes_nobody: first 11 .. 14;
    f34_a_first_read_of_which_any_answer_is_cut_removes_nobody: first 14 .. 17;
    f34_a_first_read_of_which_any_answer_is_wrong_removes_nobody: first 17 .. 22;
    f34_a_delta_read_of_which_any_request_is_refused_removes_nobody: delta 0 .. 4;
    f34_a_delta_read_of_which_any_request_is_forbidden_removes_nobody: delta 4 .. 8;
    f34_a_delta_read_of_which_any_request_is_throttled_removes_nobody: delta 8 .. 11;
    f34_a_delta_read_of_which_any_request_fails_removes_nobody: delta 11 .. 14;
    f34_a_delta_read_of_which_any_answer_is_cut_removes_nobody: delta 14 .. 17;
    f34_a_delta_read_of_which_any_answer_is_wrong_removes_nobody: delta 17 .. 22;
}

#[test]
fn every_way_has_its_test() {
    assert_eq!(ways().len(), 22);
}
