//! Somebody who signed in: what was granted, and who it was.

use super::endpoint::Entra;
use super::error::TokenError;
use super::granted::Granted;
use super::id_token::{IdTokens, Identity};
use super::secret::Secret;
use super::tokens::Permission;

/// A sign-in that is done, and whose account has been checked.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The tokens; [`super::Tokens::text_of`] is how they are kept.
    pub granted: Granted,
    /// Whose they are.
    pub identity: Identity,
}

impl SignedIn {
    pub(crate) async fn check(
        granted: Granted,
        id_tokens: &IdTokens,
        nonce: Option<&Secret>,
        permission: Permission,
    ) -> Result<Self, TokenError> {
        let Some(id_token) = &granted.id_token else {
            return Err(TokenError::sign_in(
                "the sign-in doesn't say whose it is, since no id token came with it",
            ));
        };
        let identity = id_tokens.validate(id_token, nonce).await?;
        if permission == Permission::Delegated && granted.refresh.is_none() {
            return Err(TokenError::sign_in(
                "the sign-in would end within the hour, since no refresh token came with it; allow offline access and sign in again",
            ));
        }
        Ok(Self { granted, identity })
    }
}

/// What a sign-in asks for. Of whom the connection reads for: everything that was consented to, and a refresh token. Of who only consents
/// for an application: who it is, and what roles they have.
pub(crate) fn scopes(entra: &Entra, permission: Permission) -> String {
    let cloud = entra.registration().cloud();
    match permission {
        Permission::Delegated => format!("{} offline_access openid profile", cloud.default_scope()),
        Permission::Application => format!("{} openid profile", cloud.scope("User.Read")),
    }
}
