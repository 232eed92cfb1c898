//! Tokens of somebody who signed in: no refresh token is redeemed twice.

use super::*;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::mpsc;
use usher_runtime::BoxFuture;

/// A store that can't be used.
pub(super) struct Failing;

impl TokenStore for Failing {
    fn load(&self) -> BoxFuture<'_, Result<(u64, Option<Secret>), StoreFailure>> {
        Box::pin(async { Err(StoreFailure("no database".to_owned())) })
    }

    fn save<'a>(&'a self, _: u64, _: &'a Secret) -> BoxFuture<'a, Result<bool, StoreFailure>> {
        Box::pin(async { Err(StoreFailure("no database".to_owned())) })
    }
}

/// Rotates refresh tokens as a strict server does: each is good once.
async fn strict() -> (Server, Arc<Mutex<Vec<String>>>) {
    let redeemed = Arc::new(Mutex::new(Vec::new()));
    let noted = redeemed.clone();
    let server = Server::answering(move |_, seen: Seen| {
        let noted = noted.clone();
        async move {
            let token = seen.field("refresh_token").unwrap();
            let mut noted = noted.lock().unwrap();
            if token != format!("refresh-{}", noted.len()) {
                return refusal("invalid_grant", 70_000, "used");
            }
            noted.push(token);
            given_with_refresh(noted.len())
        }
    })
    .await;
    (server, redeemed)
}

fn tokens(server: &Server, clock: &Arc<FixedClock>, store: &Arc<MemoryStore>) -> Tokens {
    Tokens::new(entra(server, by_secret(), clock).0, Permission::Delegated, store.clone())
}

#[tokio::test]
async fn a_refresh_token_is_redeemed_and_replaced() {
    let ((server, redeemed), clock, store) = (strict().await, clock(), Arc::new(MemoryStore::default()));
    let first = tokens(&server, &clock, &store);
    signed_in(&first, &*store, &clock).await;
    assert_eq!(text(&first.token().await.unwrap()), "access-0");
    later(&clock, 56);
    assert_eq!(text(&first.token().await.unwrap()), "access-1");
    later(&clock, 56);
    assert_eq!(text(&tokens(&server, &clock, &store).token().await.unwrap()), "access-2", "after a restart");
    assert_eq!(*redeemed.lock().unwrap(), ["refresh-0", "refresh-1"]);
    let seen = &server.seen()[0];
    assert_eq!(seen.field("grant_type").unwrap(), "refresh_token");
    assert_eq!(seen.field("scope").unwrap(), "https://graph.microsoft.com/.default offline_access");
    assert_eq!(seen.field("client_secret").unwrap(), SECRET);
}

#[tokio::test]
async fn who_gives_no_new_refresh_token_means_the_old_one() {
    let (server, clock, store) = (numbered().await, clock(), Arc::new(MemoryStore::default()));
    let tokens = tokens(&server, &clock, &store);
    signed_in(&tokens, &*store, &clock).await;
    for _ in 0..2 {
        later(&clock, 56);
        tokens.token().await.unwrap();
    }
    assert_eq!(server.seen()[1].field("refresh_token").unwrap(), "refresh-0");
}

#[tokio::test]
async fn without_a_sign_in_somebody_is_asked_for_one() {
    let ((server, _), clock, store) = (strict().await, clock(), Arc::new(MemoryStore::default()));
    let error = tokens(&server, &clock, &store).token().await.unwrap_err();
    assert!(
        matches!(&error, TokenError::SignIn(why) if why.sentence.starts_with("nobody has signed in for this connection"))
    );
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn many_tasks_of_several_hosts_redeem_each_refresh_token_once() {
    let ((server, redeemed), clock, store) = (strict().await, clock(), Arc::new(MemoryStore::default()));
    // Pauses in real time, since a claim is outlived by waiting.
    let pace = || Pace { pauses: Arc::new(Short), ..Pace::default() };
    let hosts: Vec<Tokens> = (0..4)
        .map(|_| {
            Tokens::new(
                entra_at(server.address(), by_secret(), &clock, pace()),
                Permission::Delegated,
                store.clone(),
            )
        })
        .collect();
    signed_in(&hosts[0], &*store, &clock).await;
    for round in 1..=5 {
        later(&clock, 56);
        let all: Vec<_> = (0..32)
            .map(|task| {
                let tokens = hosts[task % hosts.len()].clone();
                tokio::spawn(async move { tokens.token().await.unwrap() })
            })
            .collect();
        let mut got = BTreeSet::new();
        for task in all {
            got.insert(text(&task.await.unwrap()).to_owned());
        }
        assert_eq!(got, BTreeSet::from([format!("access-{round}")]));
    }
    assert_eq!(redeemed.lock().unwrap().len(), 5);
    assert_eq!(server.count(), 5);
}

/// A hundredth of the time.
struct Short;

impl crate::web::Pauses for Short {
    fn pause(&self, time: Duration) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep(time / 100))
    }

    fn chance(&self) -> f64 {
        0.5
    }
}

#[tokio::test]
async fn who_waits_for_anothers_claim_uses_what_he_got() {
    let (arrived, mut arrivals) = mpsc::unbounded_channel();
    let (let_go, gate) = mpsc::unbounded_channel::<()>();
    let gate = Arc::new(tokio::sync::Mutex::new(gate));
    let server = Server::answering(move |_, _| {
        let (arrived, gate) = (arrived.clone(), gate.clone());
        async move {
            arrived.send(()).unwrap();
            gate.lock().await.recv().await;
            given_with_refresh(1)
        }
    })
    .await;
    let (clock, store) = (clock(), Arc::new(MemoryStore::default()));
    let first = tokens(&server, &clock, &store);
    signed_in(&first, &*store, &clock).await;
    later(&clock, 56);
    let redeeming = tokio::spawn({
        let first = first.clone();
        async move { first.token().await }
    });
    arrivals.recv().await;
    // The other host looks while the first one is waiting for Entra, and lets it go on when it has looked.
    struct Letting(mpsc::UnboundedSender<()>, AtomicUsize);
    impl crate::web::Pauses for Letting {
        fn pause(&self, _: Duration) -> BoxFuture<'_, ()> {
            if self.1.fetch_add(1, Ordering::SeqCst) == 2 {
                self.0.send(()).unwrap();
            }
            // From then on the first one needs real time to be done.
            Box::pin(tokio::time::sleep(Duration::from_millis(if self.1.load(Ordering::SeqCst) > 2 {
                50
            } else {
                0
            })))
        }
        fn chance(&self) -> f64 {
            0.0
        }
    }
    let pace = Pace { pauses: Arc::new(Letting(let_go, AtomicUsize::new(0))), ..Pace::default() };
    let second =
        Tokens::new(entra_at(server.address(), by_secret(), &clock, pace), Permission::Delegated, store);
    assert_eq!(text(&second.token().await.unwrap()), "access-1");
    assert_eq!(text(&redeeming.await.unwrap().unwrap()), "access-1");
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn a_claim_of_a_host_that_died_is_outlived() {
    let ((server, _), clock, store) = (strict().await, clock(), Arc::new(MemoryStore::default()));
    let first = tokens(&server, &clock, &store);
    signed_in(&first, &*store, &clock).await;
    let (version, text) = store.load().await.unwrap();
    let claimed = text.unwrap().expose().replace("\"claim\":null", "\"claim\":\"dead host\"");
    assert!(store.save(version, &Secret::new(claimed)).await.unwrap());
    later(&clock, 56);
    let (second, pauses) = entra(&server, by_secret(), &clock);
    let second = Tokens::new(second, Permission::Delegated, store);
    assert_eq!(super::text(&second.token().await.unwrap()), "access-1");
    assert_eq!(pauses.made().iter().sum::<Duration>(), Duration::from_secs(25));
}

#[tokio::test]
async fn a_dead_sign_in_wants_a_new_one_and_leaves_no_claim() {
    let server = Server::script([refusal("invalid_grant", 700_082, "inactive")]).await;
    let (clock, store) = (clock(), Arc::new(MemoryStore::default()));
    let tokens = tokens(&server, &clock, &store);
    signed_in(&tokens, &*store, &clock).await;
    later(&clock, 56);
    let error = tokens.token().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the sign-in has expired because it wasn't used for too long; sign in again (AADSTS700082, correlation id c-1, trace id t-1)"
    );
    let kept = store.load().await.unwrap().1.unwrap();
    assert!(kept.expose().contains("\"claim\":null") && kept.expose().contains("refresh-0"));
    // Signing in again mends it.
    signed_in(&tokens, &*store, &clock).await;
    assert_eq!(text(&tokens.token().await.unwrap()), "access-0");
}

#[tokio::test]
async fn a_refresh_token_whose_answer_got_lost_is_not_sent_again_in_the_same_breath() {
    let server = Server::script([Reply::ok("{\"access_token\":\"lost").cut(5)]).await;
    let (clock, store) = (clock(), Arc::new(MemoryStore::default()));
    let tokens = tokens(&server, &clock, &store);
    signed_in(&tokens, &*store, &clock).await;
    later(&clock, 61);
    assert!(matches!(tokens.token().await, Err(TokenError::Network(_))));
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn a_caller_that_gives_up_loses_no_refresh_token() {
    let (arrived, mut arrivals) = mpsc::unbounded_channel();
    let (let_go, gate) = mpsc::unbounded_channel::<()>();
    let gate = Arc::new(tokio::sync::Mutex::new(gate));
    let server = Server::answering(move |_, _| {
        let (arrived, gate) = (arrived.clone(), gate.clone());
        async move {
            arrived.send(()).unwrap();
            gate.lock().await.recv().await;
            given_with_refresh(1)
        }
    })
    .await;
    let (clock, store) = (clock(), Arc::new(MemoryStore::default()));
    let tokens = tokens(&server, &clock, &store);
    signed_in(&tokens, &*store, &clock).await;
    later(&clock, 56);
    let caller = tokio::spawn({
        let tokens = tokens.clone();
        async move { tokens.token().await }
    });
    arrivals.recv().await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    let_go.send(()).unwrap();
    assert_eq!(text(&tokens.token().await.unwrap()), "access-1");
    assert!(store.load().await.unwrap().1.unwrap().expose().contains("refresh-1"));
    assert_eq!(server.count(), 1);
}

/// Takes a claim, and then nothing until it is mended.
struct Stumbling {
    inner: MemoryStore,
    saves: AtomicUsize,
    is_mended: std::sync::atomic::AtomicBool,
}

impl TokenStore for Stumbling {
    fn load(&self) -> BoxFuture<'_, Result<(u64, Option<Secret>), StoreFailure>> {
        self.inner.load()
    }

    fn save<'a>(&'a self, expected: u64, text: &'a Secret) -> BoxFuture<'a, Result<bool, StoreFailure>> {
        // The sign-in is the first save, the claim the second.
        if self.saves.fetch_add(1, Ordering::SeqCst) < 2 || self.is_mended.load(Ordering::SeqCst) {
            return self.inner.save(expected, text);
        }
        Box::pin(async { Err(StoreFailure("no database".to_owned())) })
    }
}

#[tokio::test]
async fn what_was_redeemed_is_saved_when_the_store_is_back() {
    let ((server, redeemed), clock) = (strict().await, clock());
    let store = Arc::new(Stumbling {
        inner: MemoryStore::default(),
        saves: AtomicUsize::new(0),
        is_mended: false.into(),
    });
    let tokens = Tokens::new(entra(&server, by_secret(), &clock).0, Permission::Delegated, store.clone());
    signed_in(&tokens, &*store, &clock).await;
    later(&clock, 56);
    assert_eq!(
        text(&tokens.token().await.unwrap()),
        "access-1",
        "the token is good whether it was kept or not"
    );
    later(&clock, 61);
    assert_eq!(
        tokens.token().await.unwrap_err().to_string(),
        "the connection's sign-in can't be kept: no database"
    );
    store.is_mended.store(true, Ordering::SeqCst);
    assert_eq!(text(&tokens.token().await.unwrap()), "access-2");
    assert_eq!(*redeemed.lock().unwrap(), ["refresh-0", "refresh-1"]);
}

#[tokio::test]
async fn a_host_that_was_outlived_leaves_the_others_sign_in_alone() {
    let (clock, store) = (clock(), Arc::new(MemoryStore::default()));
    let meddling = store.clone();
    let server = Server::answering(move |_, _| {
        let store = meddling.clone();
        async move {
            // While Entra answers, somebody else takes the claim over and signs in anew.
            let (version, kept) = store.load().await.unwrap();
            let theirs = kept.unwrap().expose().replace("refresh-0", "theirs");
            assert!(store.save(version, &Secret::new(theirs)).await.unwrap());
            given_with_refresh(1)
        }
    })
    .await;
    let tokens = tokens(&server, &clock, &store);
    signed_in(&tokens, &*store, &clock).await;
    later(&clock, 56);
    assert_eq!(text(&tokens.token().await.unwrap()), "access-1");
    assert!(store.load().await.unwrap().1.unwrap().expose().contains("theirs"));
}

#[tokio::test]
async fn timeouts_of_the_endpoint_are_told_with_its_host() {
    let server = Server::script([Reply::silence()]).await;
    let cloud = Cloud::custom("https://graph.microsoft.com", server.address()).unwrap();
    let registration = Registration::new(cloud, "contoso.example", "app-1").unwrap();
    let timeouts = Timeouts { connect: Duration::from_secs(5), whole: Duration::from_millis(40) };
    let entra = Entra::with_timeouts(registration, by_secret(), clock(), still().0, timeouts).unwrap();
    let store = Arc::new(MemoryStore::default());
    let tokens = Tokens::new(entra, Permission::Delegated, store.clone());
    let expired = Timestamp::UNIX_EPOCH;
    let access = AccessToken::new(Secret::new("old"), expired, expired);
    let granted = Granted { access, refresh: Some(Secret::new("refresh-0")), id_token: None };
    assert!(store.save(0, &tokens.text_of(&granted)).await.unwrap());
    let error = tokens.token().await.unwrap_err().to_string();
    assert!(error.ends_with("doesn't answer within 0.04 s") && !error.contains("oauth2"), "{error}");
}
