//! Tokens as a connection gets them, against a server that stands for Entra.

mod application;
mod delegated;
mod provider;
mod refusals;
mod sign_in;

use super::*;
use crate::clock::{Clock, FixedClock};
use crate::web::server::{Reply, Seen, Server};
use crate::web::still::{StillPauses, still};
use crate::web::{Pace, Timeouts};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

const SECRET: &str = "s3cret~value";

pub(super) fn clock() -> Arc<FixedClock> {
    Arc::new(FixedClock::new("2026-11-22T08:00:00Z".parse().unwrap()))
}

pub(super) fn later(clock: &FixedClock, minutes: i64) {
    clock.set(clock.now() + SignedDuration::from_mins(minutes));
}

pub(super) fn entra(server: &Server, proof: Proof, clock: &Arc<FixedClock>) -> (Entra, Arc<StillPauses>) {
    let (pace, pauses) = still();
    (entra_at(server.address(), proof, clock, pace), pauses)
}

fn entra_at(address: &str, proof: Proof, clock: &Arc<FixedClock>, pace: Pace) -> Entra {
    let cloud = Cloud::custom("https://graph.microsoft.com", address).unwrap();
    let registration = Registration::new(cloud, "contoso.example", "app-1").unwrap();
    Entra::new(registration, proof, clock.clone(), pace).unwrap()
}

pub(super) fn by_secret() -> Proof {
    Proof::Secret(Secret::new(SECRET))
}

/// A good answer: the token is named after the request's number.
pub(super) fn given(number: usize) -> Reply {
    Reply::ok(json!({ "token_type": "Bearer", "expires_in": 3600, "ext_expires_in": 3600, "access_token": format!("access-{number}") }).to_string())
}

pub(super) fn given_with_refresh(number: usize) -> Reply {
    Reply::ok(
        json!({
            "token_type": "Bearer", "scope": "User.Read.All", "expires_in": 3600,
            "access_token": format!("access-{number}"), "refresh_token": format!("refresh-{number}"),
        })
        .to_string(),
    )
}

pub(super) fn refusal(error: &str, code: u32, words: &str) -> Reply {
    let description = format!(
        "AADSTS{code}: {words}\r\nTrace ID: t-1\r\nCorrelation ID: c-1\r\nTimestamp: 2026-11-22 08:00:00Z"
    );
    let body = json!({
        "error": error, "error_description": description, "error_codes": [code],
        "timestamp": "2026-11-22 08:00:00Z", "trace_id": "t-1", "correlation_id": "c-1",
    });
    Reply::new(if error == "invalid_client" { 401 } else { 400 }, body.to_string())
}

async fn numbered() -> Server {
    Server::answering(|number, _| async move { given(number + 1) }).await
}

fn text(token: &AccessToken) -> &str {
    token.secret().expose()
}

/// Somebody signed in: an access token for an hour, and `refresh-0`.
async fn signed_in(tokens: &Tokens, store: &dyn TokenStore, clock: &FixedClock) {
    let access =
        AccessToken::new(Secret::new("access-0"), clock.now(), clock.now() + SignedDuration::from_hours(1));
    let granted = Granted { access, refresh: Some(Secret::new("refresh-0")), id_token: None };
    let (version, _) = store.load().await.unwrap();
    assert!(store.save(version, &tokens.text_of(&granted)).await.unwrap());
}
