//! The tenant: its directory, its clock and how it answers.
//!
//! **This is a simulation.** It does what Microsoft's documentation says that Microsoft Graph does, and what the documentation leaves
//! open it decides on its own; nothing here has been compared with the service itself. Every answer carries `x-usher-simulated: true`.
//!
//! A [`Tenant`] is a handle: its clones are the same tenant. Everything random follows from its seed, and time passes only when
//! somebody says so, so the same edits and questions always get the same answers.

mod application;
mod directory;
mod edit;
mod edits;
mod error;
mod fault;
mod fixture;
mod generated;
mod guid;
mod identity;
mod link;
mod object;
mod organisation;
mod permission;
mod properties;
mod requests;
mod role;
mod settings;
mod state;

pub use application::{Application, SecretError};
pub use directory::Directory;
pub use edit::instant;
pub use error::EditError;
pub use fault::{Fault, Rule};
pub use generated::Size;
pub use guid::Guid;
pub use identity::Identity;
pub use object::{Kind, Life, Object, Place};
pub use organisation::{Domain, E3, F3, Sku};
pub use permission::{GRAPH_APP, PERMISSIONS, role_of};
pub use properties::Property;
pub use requests::{BatchItem, Logged, Throttle};
pub use role::Role;
pub use settings::{Budget, ExpiredToken, Pages, RetryAfter, Unruly};
pub use state::{Moment, State};

use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

/// Tells whom a foreign token speaks for.
type Verifier = Arc<dyn Fn(&str) -> Option<Identity> + Send + Sync>;

/// A simulated Microsoft 365 tenant. A clone is the same tenant.
///
/// ```no_run
/// # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
/// use usher_demo::{Fault, Identity, Rule, Tenant};
///
/// let tenant = Tenant::t1();
/// tenant.accept_token("reader", Identity::application(["Directory.Read.All"]));
/// tenant.add_fault(Rule::nth_with(2, "/users/delta", Fault::Drop));
/// let server = tenant.serve_at("127.0.0.1:0").await?;
/// println!("{}/v1.0/users/delta", server.url());
/// tenant.add_member("G-eng", "dan@acme.example")?;
/// server.stop().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Tenant {
    state: Arc<Mutex<State>>,
    verifier: Arc<RwLock<Option<Verifier>>>,
}

impl std::fmt::Debug for Tenant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tenant").field(&self.id()).finish()
    }
}

impl Tenant {
    /// A tenant without users and groups. The seed decides its id and everything random in it.
    pub fn empty(seed: u64, name: &str, domains: Vec<Domain>, skus: Vec<Sku>, now: Timestamp) -> Self {
        Self::of(State::new(seed, name, domains, skus, now))
    }

    fn of(state: State) -> Self {
        Self { state: Arc::new(Mutex::new(state)), verifier: Arc::default() }
    }

    /// The insides. Nothing that holds them calls anybody who could want them too.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tenant's id.
    pub fn id(&self) -> Guid {
        self.state().organisation.id
    }

    /// The time in the tenant.
    pub fn now(&self) -> Timestamp {
        self.state().now
    }

    /// Lets time pass. Deleted items, state tokens and access tokens expire by it.
    pub fn advance(&self, by: Duration) {
        let mut state = self.state();
        let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
        let now = state.now.checked_add(by).unwrap_or(Timestamp::MAX);
        state.set_now(now);
    }

    /// Sets the clock, as [`Tenant::advance`] does.
    pub fn set_now(&self, now: Timestamp) {
        self.state().set_now(now);
    }

    /// Changes how much a page holds, from the next round or list on. Nothing holds less than one.
    pub fn set_pages(&self, pages: Pages) {
        self.state().pages = Pages {
            users: pages.users.max(1),
            groups: pages.groups.max(1),
            members_a_slice: pages.members_a_slice.max(1),
            list: pages.list.clamp(1, 999),
        };
    }

    /// Switches hard behaviour on and off, from the next round on.
    pub fn set_unruly(&self, unruly: Unruly) {
        self.state().unruly = unruly;
    }

    /// What delta tokens get that have expired or were never known.
    pub fn set_expired_token(&self, answer: ExpiredToken) {
        self.state().expired_delta = answer;
    }

    /// The error code that skip tokens get that have expired or were never known.
    pub fn set_expired_page(&self, code: &str) {
        code.clone_into(&mut self.state().expired_page);
    }

    /// Forgets every delta and skip token of delta queries, as if they had expired.
    pub fn expire_state_tokens(&self) {
        self.state().rounds.clear();
    }

    /// Answers only so many requests in a time, or all of them.
    pub fn set_budget(&self, budget: Option<Budget>) {
        let mut state = self.state();
        state.throttle = budget.map(|budget| Throttle::new(budget, state.now));
    }

    /// Orders a fault.
    pub fn add_fault(&self, rule: Rule) {
        self.state().faults.add(rule);
    }

    /// Calls off all faults.
    pub fn clear_faults(&self) {
        self.state().faults.clear();
    }

    /// What was asked, of the last 100,000 requests.
    pub fn requests(&self) -> Vec<Logged> {
        self.state().requests.all()
    }

    /// Forgets what was asked.
    pub fn clear_requests(&self) {
        self.state().requests.clear();
    }

    /// Takes a bearer token for good.
    pub fn accept_token(&self, token: &str, identity: Identity) {
        self.state().tokens.insert(token.to_owned(), identity, None);
    }

    /// Asks about every token that it doesn't know itself, as those of an identity provider elsewhere.
    pub fn accept_tokens_by(&self, verifier: impl Fn(&str) -> Option<Identity> + Send + Sync + 'static) {
        *self.verifier.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(verifier));
    }

    /// Takes none of the tokens any more that were issued or accepted until now.
    pub fn revoke_tokens(&self) {
        self.state().tokens.clear();
    }

    /// Whom a token speaks for.
    pub(crate) fn identity(&self, token: &str) -> Option<Identity> {
        let known = {
            let state = self.state();
            state.tokens.identity(token, state.now)
        };
        known.or_else(|| {
            let verifier = self.verifier.read().unwrap_or_else(PoisonError::into_inner).clone();
            verifier.and_then(|verify| verify(token))
        })
    }
}
