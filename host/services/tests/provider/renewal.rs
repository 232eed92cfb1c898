//! Refresh tokens, where each is good once and a second use ends the whole sign-in.

use crate::account::signed_in;
use crate::browser::Says;
use crate::provider::*;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use std::sync::Arc;
use usher_services::clock::{Clock, FixedClock};
use usher_services::oauth::{
    AccessToken, Entra, Granted, MemoryStore, Permission, Secret, TokenError, TokenSource, TokenStore, Tokens,
};

const RENEWAL: &str = "refresh_token";

fn delegated(entra: Entra, store: &Arc<MemoryStore>) -> Tokens {
    Tokens::new(entra, Permission::Delegated, store.clone())
}

/// The connection that is kept in this store has these tokens from now on.
pub async fn keep(tokens: &Tokens, store: &MemoryStore, granted: &Granted) {
    let (version, _) = store.load().await.unwrap();
    assert!(store.save(version, &tokens.text_of(granted)).await.unwrap());
}

fn text(token: &AccessToken) -> String {
    token.secret().expose().to_owned()
}

/// Somebody signs in for a connection that is kept in this store.
async fn connected(
    provider: &Provider,
    clock: &Arc<FixedClock>,
    store: &Arc<MemoryStore>,
) -> (Tokens, Granted) {
    let entra = provider.application(clock);
    let granted = signed_in(&entra, "ann@contoso.example", Says::Accept).await.unwrap().granted;
    let tokens = delegated(entra, store);
    keep(&tokens, store, &granted).await;
    (tokens, granted)
}

#[tokio::test]
async fn f10_a_sign_in_is_renewed_for_as_long_as_it_is_used_and_outlives_restarts() {
    let (provider, clock, store) = (Provider::start().await, clock(), Arc::new(MemoryStore::default()));
    let (tokens, granted) = connected(&provider, &clock, &store).await;
    let mut got = BTreeSet::from([text(&granted.access)]);
    for _ in 0..3 {
        later(&clock, 56);
        got.insert(text(&tokens.token().await.unwrap()));
    }
    assert_eq!(got.len(), 4, "each renewal gave another token");
    drop(tokens);

    // A new process has what was kept and nothing else.
    let kept = store.load().await.unwrap().1.unwrap();
    let store = Arc::new(MemoryStore::default());
    assert!(store.save(0, &kept).await.unwrap());
    let tokens = delegated(provider.application(&clock), &store);
    assert!(got.contains(&text(&tokens.token().await.unwrap())), "what is good still is used");
    later(&clock, 56);
    assert!(!got.contains(&text(&tokens.token().await.unwrap())));
    assert_eq!(provider.seen_of(RENEWAL).await, [None; 4]);
}

#[tokio::test]
async fn f10_many_tasks_of_two_hosts_redeem_a_refresh_token_once() {
    let (provider, clock, store) = (Provider::start().await, clock(), Arc::new(MemoryStore::default()));
    let (first, granted) = connected(&provider, &clock, &store).await;
    let hosts = [first, delegated(provider.application(&clock), &store)];
    let mut before = text(&granted.access);
    for round in 1..=3 {
        later(&clock, 56);
        let tasks: Vec<_> = (0..20)
            .map(|task| {
                let tokens = hosts[task % hosts.len()].clone();
                tokio::spawn(async move { text(&tokens.token().await.unwrap()) })
            })
            .collect();
        let mut got = BTreeSet::new();
        for task in tasks {
            got.insert(task.await.unwrap());
        }
        assert_eq!(got.len(), 1, "round {round}: all of them have the same token");
        let now = got.pop_first().unwrap();
        assert_ne!(now, before, "round {round}");
        before = now;
        // A second use would have been refused, and would have ended the sign-in.
        assert_eq!(provider.seen_of(RENEWAL).await, vec![None; round]);
    }
}

#[tokio::test]
async fn f5_a_sign_in_that_was_stolen_ends_and_a_new_one_mends_it() {
    let (provider, clock, store) = (Provider::start().await, clock(), Arc::new(MemoryStore::default()));
    let (tokens, granted) = connected(&provider, &clock, &store).await;
    later(&clock, 56);
    tokens.token().await.unwrap();
    let kept = store.load().await.unwrap();

    // Somebody has a copy of the refresh token that was used up, and tries it.
    let expired = clock.now() - SignedDuration::from_hours(1);
    let stolen = Granted {
        access: AccessToken::new(Secret::new("worthless"), expired, expired),
        refresh: granted.refresh,
        id_token: None,
    };
    let copied = Arc::new(MemoryStore::default());
    let thief = delegated(provider.application(&clock), &copied);
    keep(&thief, &copied, &stolen).await;
    assert!(matches!(thief.token().await.unwrap_err(), TokenError::SignIn(why) if why.code == Some(70_000)));

    // That ended everything that came of the sign-in, so the connection needs another, and says so.
    later(&clock, 56);
    let error = tokens.token().await.unwrap_err();
    let TokenError::SignIn(why) = &error else { panic!("{error:?}") };
    assert_eq!((why.code, why.sentence.ends_with("sign in again")), (Some(50_173), true), "{error}");
    // What was kept is there still, and nobody's claim is on it.
    let (_, now) = store.load().await.unwrap();
    assert_eq!(now.unwrap().expose(), kept.1.unwrap().expose());

    // The provider's own time is needed to sign in again: what it says is looked at by the clock.
    clock.set(Timestamp::now());
    let granted =
        signed_in(&provider.application(&clock), "ann@contoso.example", Says::Accept).await.unwrap().granted;
    keep(&tokens, &store, &granted).await;
    later(&clock, 56);
    tokens.token().await.unwrap();
    assert_eq!(provider.seen_of(RENEWAL).await, [None, Some(70_000), Some(50_173), None]);
}
