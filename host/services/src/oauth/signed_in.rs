//! Somebody who signed in: what was granted, and who it was.

use super::endpoint::Entra;
use super::error::TokenError;
use super::granted::Granted;
use super::id_token::{IdTokens, Identity};
use super::secret::Secret;

/// A sign-in that is done, and whose account has been checked.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The tokens; [`super::Tokens::signed_in`] keeps them.
    pub granted: Granted,
    /// Whose they are.
    pub identity: Identity,
}

impl SignedIn {
    pub(crate) async fn check(
        granted: Granted,
        id_tokens: &IdTokens,
        nonce: Option<&Secret>,
    ) -> Result<Self, TokenError> {
        let Some(id_token) = &granted.id_token else {
            return Err(TokenError::sign_in(
                "the sign-in doesn't say whose it is, since no id token came with it",
            ));
        };
        let identity = id_tokens.validate(id_token, nonce).await?;
        if granted.refresh.is_none() {
            return Err(TokenError::sign_in(
                "the sign-in would end within the hour, since no refresh token came with it; allow offline access and sign in again",
            ));
        }
        Ok(Self { granted, identity })
    }
}

/// Everything that was consented to, who signed in, and a refresh token.
pub(crate) fn scopes(entra: &Entra) -> String {
    format!("{} offline_access openid profile", entra.registration().cloud().default_scope())
}
