//! The text that a [`super::TokenStore`] keeps: what a connection was given, for whom, and who is about to renew it.

use super::granted::Granted;
use super::secret::{Secret, exposed};
use super::tokens::AccessToken;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// What is kept of a connection's tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// Endpoint, application and scope that the tokens are for. Those of other settings count for nothing.
    of: String,
    access: Option<KeptAccess>,
    /// In delegated mode.
    #[serde(default, with = "exposed::optional")]
    pub(crate) refresh: Option<Secret>,
    /// Who is redeeming the refresh token: a name drawn for that one time.
    pub(crate) claim: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct KeptAccess {
    #[serde(with = "exposed")]
    token: Secret,
    issued_ms: i64,
    expires_ms: i64,
}

impl Kept {
    /// After a redemption; `before` is the refresh token that stays where no other came.
    pub(crate) fn new(of: &str, granted: &Granted, before: Option<Secret>) -> Self {
        let access = KeptAccess {
            token: granted.access.secret().clone(),
            issued_ms: granted.access.issued().as_millisecond(),
            expires_ms: granted.access.expires().as_millisecond(),
        };
        let refresh = granted.refresh.clone().or(before);
        Self { of: of.to_owned(), access: Some(access), refresh, claim: None }
    }

    /// Reads a kept text. One of other settings, or that can't be read, is as good as none.
    pub(crate) fn read(text: Option<&Secret>, of: &str) -> Option<Self> {
        let kept: Self = serde_json::from_str(text?.expose()).ok()?;
        (kept.of == of).then_some(kept)
    }

    /// Whether a text holds somebody's sign-in, of whatever settings.
    pub(crate) fn is_sign_in(text: Option<&Secret>) -> bool {
        let kept = text.and_then(|text| serde_json::from_str::<Self>(text.expose()).ok());
        kept.is_some_and(|kept| kept.refresh.is_some())
    }

    /// The same without its access token.
    pub(crate) fn without_access(&self) -> Self {
        Self { access: None, ..self.clone() }
    }

    /// The same, claimed by whoever this name was drawn for, or by nobody.
    pub(crate) fn claimed(&self, claim: Option<String>) -> Self {
        Self { claim, ..self.clone() }
    }

    pub(crate) fn text(&self) -> Secret {
        let mut bytes = Zeroizing::new(Vec::with_capacity(16 << 10));
        // Texts and numbers into memory: it can't fail, and an empty text would be read as none.
        let _ = serde_json::to_writer(&mut *bytes, self);
        Secret::new(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The access token, whether it is still good or not.
    pub(crate) fn access(&self) -> Option<AccessToken> {
        let access = self.access.as_ref()?;
        let moment = |ms| Timestamp::from_millisecond(ms).ok();
        Some(AccessToken::new(access.token.clone(), moment(access.issued_ms)?, moment(access.expires_ms)?))
    }
}
