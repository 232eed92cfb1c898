//! Who asks: what an access token stands for.

use super::guid::Guid;
use super::object::Object;
use super::state::Moment;
use std::collections::HashMap;

/// Whom a token speaks for, and what it lets them do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// An application on its own.
    Application {
        /// Application permissions: the token's `roles`.
        permissions: Vec<String>,
    },
    /// An application on behalf of a user.
    Delegated {
        /// The user's id or user principal name.
        user: String,
        /// Delegated permissions: the token's `scp`.
        scopes: Vec<String>,
    },
}

impl Identity {
    /// An application with permissions.
    pub fn application<'a>(permissions: impl IntoIterator<Item = &'a str>) -> Self {
        Self::Application { permissions: permissions.into_iter().map(str::to_owned).collect() }
    }

    /// A user with scopes.
    pub fn delegated<'a>(user: &str, scopes: impl IntoIterator<Item = &'a str>) -> Self {
        Self::Delegated { user: user.to_owned(), scopes: scopes.into_iter().map(str::to_owned).collect() }
    }

    /// Whether an object is the user who asks.
    pub(crate) fn is(&self, object: &Object) -> bool {
        let Self::Delegated { user, .. } = self else { return false };
        let upn = object.properties.text("userPrincipalName");
        upn.is_some_and(|upn| upn.eq_ignore_ascii_case(user)) || Guid::parse(user) == Some(object.guid)
    }

    /// Whether one of some permissions is there.
    pub(crate) fn has(&self, any_of: &[&str]) -> bool {
        let (Self::Application { permissions: held } | Self::Delegated { scopes: held, .. }) = self;
        held.iter().any(|held| any_of.iter().any(|wanted| wanted.eq_ignore_ascii_case(held)))
    }
}

/// The tokens that were issued or are taken for good.
#[derive(Clone, Debug, Default)]
pub struct Tokens(HashMap<String, (Identity, Option<Moment>)>);

impl Tokens {
    /// Takes a token until a moment, or always.
    pub fn insert(&mut self, token: String, identity: Identity, until: Option<Moment>) {
        self.0.insert(token, (identity, until));
    }

    /// Whom a token speaks for at a moment.
    pub fn identity(&self, token: &str, now: Moment) -> Option<Identity> {
        let (identity, until) = self.0.get(token)?;
        until.is_none_or(|until| now < until).then(|| identity.clone())
    }

    /// Lets go of what has expired.
    pub fn prune(&mut self, now: Moment) {
        self.0.retain(|_, (_, until)| until.is_none_or(|until| now < until));
    }

    /// Takes no token any more.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}
