//! What goes wrong, and whether the library knows what to do.

use crate::library::{READER, each, made_of};
use serde_json::{Value, json};
use usher_demo::{ExpiredToken, Fault, Rule, Tenant};

#[tokio::test]
async fn f34_microsofts_library_waits_as_it_is_told() {
    let tenant = Tenant::t1();
    let throttled = |code, error: &str, after: &str| Fault::Status {
        code,
        error: error.to_owned(),
        retry_after: Some(after.to_owned()),
    };
    tenant.add_fault(Rule::nth_with(1, "/v1.0/users", throttled(429, "TooManyRequests", "17")));
    tenant.add_fault(Rule::nth_with(2, "/v1.0/users", throttled(503, "serviceNotAvailable", "41")));
    let read = made_of(&tenant, "patient", &READER).await;
    assert_eq!(each(&read["users"], "id").len(), 7);
    let statuses: Vec<u16> = tenant.requests().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [429, 503, 200]);
    assert_eq!(read["waited"], json!([17, 41]));
}

#[tokio::test]
async fn f34_microsofts_library_knows_the_errors_by_their_codes() {
    let tenant = Tenant::t1();
    let said = made_of(&tenant, "errors", &READER).await;
    for (what, status, code) in [
        ("not_found", 404, "Request_ResourceNotFound"),
        ("bad_filter", 400, "Request_BadRequest"),
        ("unknown_property", 400, "BadRequest"),
        ("not_advanced", 400, "Request_UnsupportedQuery"),
        ("denied", 403, "Authorization_RequestDenied"),
        ("unauthenticated", 401, "InvalidAuthenticationToken"),
        ("page", 400, "Directory_ExpiredPageToken"),
        ("round", 400, "syncStateNotFound"),
    ] {
        let error = &said[what];
        assert_eq!(error["type"], "ODataError", "{what}: {error}");
        assert_eq!((&error["status"], &error["code"]), (&status.into(), &code.into()), "{what}");
        let said = |name: &str| error[name].as_str().is_some_and(|text| !text.is_empty());
        assert!(said("message") && said("request_id") && said("client_request_id"), "{error}");
        assert!(error["date"].as_str().unwrap().starts_with("2026-01-05T08:00:00"), "{error}");
    }
}

#[tokio::test]
async fn microsofts_library_is_told_where_to_begin_anew() {
    let tenant = Tenant::t1();
    tenant.set_expired_token(ExpiredToken::Gone("SyncStateNotFound".to_owned()));
    let said = made_of(&tenant, "errors", &READER).await;
    let gone: &Value = &said["round"];
    assert_eq!((&gone["status"], &gone["code"]), (&410.into(), &"SyncStateNotFound".into()), "{gone}");
    assert!(gone["location"].as_str().unwrap().ends_with("/v1.0/users/delta?$deltatoken="), "{gone}");
}
