//! Access tokens: kept, renewed early, and by one at a time.
//!
//! Within a process all who want a token wait for the same renewal, and share its failure. Between hosts see [`TokenStore`]. A
//! renewal runs as a task of its own: a plugin's call that is given up in the middle of it doesn't lose a refresh token.

use super::endpoint::{Entra, Grant};
use super::error::{Refusal, TokenError};
use super::granted::Granted;
use super::kept::Kept;
use super::secret::Secret;
use super::store::{StoreFailure, TokenStore};
use jiff::{SignedDuration, Timestamp};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, OwnedMutexGuard};
use usher_runtime::BoxFuture;
use uuid::Uuid;

/// Renewed so long before the end, or at half of its life where that is later: a page under way mustn't end with a dead token.
const EARLY: SignedDuration = SignedDuration::from_mins(5);
/// With less than this left, a token isn't used any more although it couldn't be renewed.
const LAST: SignedDuration = SignedDuration::from_secs(30);
/// What redeeming a refresh token may take; then it is given up.
const REDEMPTION: Duration = Duration::from_secs(20);
/// A claim that stays for longer than any redemption is that of a host that died.
const CLAIM: Duration = Duration::from_secs(25);
/// How often who waits for another host's claim looks again.
const LOOK: Duration = Duration::from_secs(1);

/// Where access tokens come from.
pub trait TokenSource: Send + Sync + fmt::Debug {
    /// One that is good for some minutes more.
    fn token(&self) -> BoxFuture<'_, Result<AccessToken, TokenError>>;

    /// This one was refused: it isn't given out again.
    fn refused<'a>(&'a self, token: &'a AccessToken) -> BoxFuture<'a, ()>;
}

/// An access token and its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessToken {
    secret: Secret,
    issued: Timestamp,
    expires: Timestamp,
}

impl AccessToken {
    /// A token that was issued then and is good until then.
    pub fn new(secret: Secret, issued: Timestamp, expires: Timestamp) -> Self {
        Self { secret, issued, expires }
    }

    /// The token's text.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// When it was asked for.
    pub fn issued(&self) -> Timestamp {
        self.issued
    }

    /// When it ends.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// Whether it needn't be renewed yet. A token from the future is one of a clock that was wrong.
    fn is_fresh(&self, now: Timestamp) -> bool {
        let life = self.expires.duration_since(self.issued);
        let early = EARLY.min(life / 2);
        self.issued <= now + EARLY && now + early < self.expires
    }

    fn is_good(&self, now: Timestamp) -> bool {
        now + LAST < self.expires
    }
}

/// In whose name a connection reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// The application's own (client credentials).
    Application,
    /// Of somebody who signed in (refresh token).
    Delegated,
}

/// The tokens of one connection. Cheap to clone; clones are the same tokens.
#[derive(Clone)]
pub struct Tokens(Arc<Shared>);

struct Shared {
    entra: Entra,
    permission: Permission,
    store: Arc<dyn TokenStore>,
    /// What the kept tokens are for.
    of: String,
    scope: String,
    held: Arc<Mutex<Held>>,
    /// Renewals that have ended.
    ended: AtomicU64,
}

#[derive(Default)]
struct Held {
    token: Option<AccessToken>,
    refused: Option<AccessToken>,
    /// Of the renewal that ended last.
    failure: Option<TokenError>,
    /// Redeemed, and not saved because the store failed: saved before anything else.
    unsaved: Option<(u64, Kept)>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Tokens")
            .field("entra", &self.0.entra)
            .field("permission", &self.0.permission)
            .finish()
    }
}

/// One token, which nobody renews: of who signs in to consent.
impl TokenSource for AccessToken {
    fn token(&self) -> BoxFuture<'_, Result<AccessToken, TokenError>> {
        Box::pin(async { Ok(self.clone()) })
    }

    fn refused<'a>(&'a self, _: &'a AccessToken) -> BoxFuture<'a, ()> {
        Box::pin(async {})
    }
}

impl TokenSource for Tokens {
    fn token(&self) -> BoxFuture<'_, Result<AccessToken, TokenError>> {
        Box::pin(async move {
            let before = self.0.ended.load(Ordering::Acquire);
            let mut held = self.0.held.clone().lock_owned().await;
            let now = self.0.entra.clock.now();
            if let Some(token) = held.token.as_ref().filter(|token| token.is_fresh(now)) {
                return Ok(token.clone());
            }
            // Somebody's renewal failed while this one waited for it.
            if self.0.ended.load(Ordering::Acquire) != before
                && let Some(failure) = held.failure.as_ref()
            {
                return Err(failure.clone());
            }
            let shared = self.0.clone();
            let renewal = tokio::spawn(async move {
                let got = shared.renew(&mut held).await;
                shared.end(held, got)
            });
            renewal.await.unwrap_or_else(|_| {
                Err(TokenError::Network("the host was stopped while it signed in".to_owned()))
            })
        })
    }

    fn refused<'a>(&'a self, token: &'a AccessToken) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let mut held = self.0.held.lock().await;
            if held.token.as_ref().is_some_and(|current| current.secret == token.secret) {
                held.token = None;
            }
            held.refused = Some(token.clone());
        })
    }
}

impl Tokens {
    /// Tokens of this registration, kept in this store.
    pub fn new(entra: Entra, permission: Permission, store: Arc<dyn TokenStore>) -> Self {
        let registration = entra.registration();
        let default = registration.cloud().default_scope();
        let scope = match permission {
            Permission::Application => default,
            // Without it no refresh token comes back.
            Permission::Delegated => format!("{default} offline_access"),
        };
        let of = format!("{} {} {scope}", registration.token_address(), registration.client());
        let shared =
            Shared { entra, permission, store, of, scope, held: Arc::default(), ended: AtomicU64::new(0) };
        Self(Arc::new(shared))
    }

    /// Whether somebody has signed in with these settings, and it can be renewed.
    pub async fn is_signed_in(&self) -> Result<bool, TokenError> {
        let (_, text) = self.0.store.load().await.map_err(not_kept)?;
        Ok(Kept::read(text.as_ref(), &self.0.of).is_some_and(|kept| kept.refresh.is_some()))
    }

    /// The kept access token isn't used any more: what it says of its permissions, or of what proves the application, may be out of date.
    pub async fn forget_access(&self) -> Result<(), TokenError> {
        let mut held = self.0.held.lock().await;
        held.token = None;
        loop {
            let (version, text) = self.0.store.load().await.map_err(not_kept)?;
            let Some(kept) = Kept::read(text.as_ref(), &self.0.of) else { return Ok(()) };
            if self.0.store.save(version, &kept.without_access().text()).await.map_err(not_kept)? {
                return Ok(());
            }
        }
    }

    /// What a store keeps of a sign-in, for a connection that isn't saved yet.
    pub fn text_of(&self, granted: &Granted) -> Secret {
        Kept::new(&self.0.of, granted, None).text()
    }
}

fn not_kept(failure: StoreFailure) -> TokenError {
    TokenError::Kept(failure.0)
}

impl Shared {
    /// Writes down how a renewal ended. One that failed for the moment leaves the old token in use while that is good.
    fn end(
        &self,
        mut held: OwnedMutexGuard<Held>,
        got: Result<AccessToken, TokenError>,
    ) -> Result<AccessToken, TokenError> {
        let now = self.entra.clock.now();
        let got = match got {
            Err(error) if error.is_passing() => {
                held.token.clone().filter(|token| token.is_good(now)).ok_or(error)
            }
            got => got,
        };
        held.failure = got.as_ref().err().cloned();
        held.token = got.as_ref().ok().cloned();
        self.ended.fetch_add(1, Ordering::Release);
        got
    }

    async fn renew(&self, held: &mut Held) -> Result<AccessToken, TokenError> {
        match self.permission {
            Permission::Application => self.renew_application(held).await,
            Permission::Delegated => self.renew_delegated(held).await,
        }
    }

    /// Which of the kept tokens can be used: one that is fresh and wasn't refused.
    fn usable(&self, kept: &Kept, held: &Held) -> Option<AccessToken> {
        let token = kept.access()?;
        let is_refused = held.refused.as_ref().is_some_and(|refused| refused.secret == token.secret);
        (!is_refused && token.is_fresh(self.entra.clock.now())).then_some(token)
    }

    /// An application may ask as often as it likes, so nobody claims anything, and a store that fails costs a request and no more.
    async fn renew_application(&self, held: &mut Held) -> Result<AccessToken, TokenError> {
        let loaded = self.store.load().await.ok();
        let kept = loaded.as_ref().and_then(|(_, text)| Kept::read(text.as_ref(), &self.of));
        if let Some(token) = kept.and_then(|kept| self.usable(&kept, held)) {
            return Ok(token);
        }
        let granted = self.entra.redeem(Grant::Application, &self.scope).await?;
        // Somebody's sign-in isn't written over by a mere try of other settings.
        if let Some((version, text)) = loaded
            && !Kept::is_sign_in(text.as_ref())
        {
            // Who came first has a token that is as good.
            let _ = self.store.save(version, &Kept::new(&self.of, &granted, None).text()).await;
        }
        Ok(granted.access)
    }

    async fn renew_delegated(&self, held: &mut Held) -> Result<AccessToken, TokenError> {
        if let Some((version, kept)) = held.unsaved.take()
            && let Err(failure) = self.store.save(version, &kept.text()).await
        {
            held.unsaved = Some((version, kept));
            return Err(not_kept(failure));
        }
        // Whose claim is there, and for how long it was looked at.
        let mut seen: Option<(String, Duration)> = None;
        loop {
            let (version, text) = self.store.load().await.map_err(not_kept)?;
            let Some(kept) = Kept::read(text.as_ref(), &self.of) else {
                return Err(TokenError::sign_in(
                    "nobody has signed in for this connection, or its settings have changed since; sign in",
                ));
            };
            if let Some(token) = self.usable(&kept, held) {
                return Ok(token);
            }
            let Some(refresh) = kept.refresh.clone() else {
                return Err(TokenError::sign_in(
                    "the sign-in can't be renewed, since no refresh token came with it; sign in again",
                ));
            };
            if let Some(claim) = &kept.claim {
                let waited =
                    seen.filter(|(whose, _)| whose == claim).map_or(Duration::ZERO, |(_, waited)| waited);
                if waited < CLAIM {
                    self.entra.pace.pauses.pause(LOOK).await;
                    seen = Some((claim.clone(), waited + LOOK));
                    continue;
                }
            }
            seen = None;
            // Only what is sent soon after the claim is safe from being outlived.
            let claimed_at = std::time::Instant::now();
            let claimed = kept.claimed(Some(Uuid::new_v4().to_string()));
            if !self.store.save(version, &claimed.text()).await.map_err(not_kept)? {
                continue;
            }
            let version = version + 1;
            if claimed_at.elapsed() > CLAIM - REDEMPTION {
                self.give_back(version, &kept).await;
                let why =
                    Refusal::plain("the database took too long to note that the sign-in is being renewed");
                return Err(TokenError::Busy { why, after: None });
            }
            let redemption = self.entra.redeem(Grant::Refresh(&refresh), &self.scope);
            let Ok(redeemed) = tokio::time::timeout(REDEMPTION, redemption).await else {
                self.give_back(version, &kept).await;
                return Err(TokenError::Network(format!("{} doesn't answer in time", self.entra.web.host())));
            };
            match redeemed {
                Ok(granted) => {
                    self.keep(held, version, Kept::new(&self.of, &granted, Some(refresh))).await;
                    return Ok(granted.access);
                }
                Err(error) => {
                    self.give_back(version, &kept).await;
                    return Err(error);
                }
            }
        }
    }

    /// Saves what was redeemed. Where somebody outlived this claim meanwhile, theirs stands; where the store fails, it is tried
    /// again before the next renewal.
    async fn keep(&self, held: &mut Held, version: u64, kept: Kept) {
        let text = kept.text();
        let mut tries = self.entra.pace.begin();
        while self.store.save(version, &text).await.is_err() {
            if tries.again(None, Duration::ZERO).await.is_err() {
                held.unsaved = Some((version, kept));
                return;
            }
        }
    }

    /// Takes the claim away, so that nobody waits for it. If that fails, it is outlived.
    async fn give_back(&self, version: u64, kept: &Kept) {
        let _ = self.store.save(version, &kept.claimed(None).text()).await;
    }
}
