//! Signing in at a browser: authorisation code with PKCE (RFC 6749, 4.1; RFC 7636; Microsoft identity platform).

use super::endpoint::{Entra, Grant};
use super::error::TokenError;
use super::id_token::IdTokens;
use super::secret::Secret;
use super::signed_in::{SignedIn, scopes};
use super::state::{Callback, drawn, redirect};
use super::tokens::Permission;
use oauth2::{AuthUrl, CsrfToken, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope};
use std::borrow::Cow;
use url::Url;

/// A sign-in that was begun. It is finished once: the value goes with it, so that a code that comes twice leads nowhere.
#[derive(Debug)]
pub struct CodeSignIn {
    state: Secret,
    nonce: Secret,
    verifier: Secret,
    redirect: String,
    permission: Permission,
}

impl CodeSignIn {
    /// Begins: gives the address that the browser opens. Afterwards it comes back to `redirect_uri`, which is registered with the
    /// application. `permission` is the connection's: an application's is only consented to by who signs in.
    pub fn begin(
        entra: &Entra,
        permission: Permission,
        redirect_uri: &str,
    ) -> Result<(Self, Url), TokenError> {
        let redirect = redirect(redirect_uri)?.to_owned();
        let (state, nonce, verifier) = (drawn()?, drawn()?, drawn()?);
        let verifying = PkceCodeVerifier::new(verifier.expose().to_owned());
        let address = AuthUrl::from_url(entra.page("oauth2/v2.0/authorize")?);
        let back = RedirectUrl::new(redirect.clone())
            .map_err(|_| TokenError::sign_in("the address to come back to is none"))?;
        let given = state.expose().to_owned();
        let (url, _) = entra
            .client()?
            .set_auth_uri(address)
            .authorize_url(move || CsrfToken::new(given))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifying))
            .set_redirect_uri(Cow::Owned(back))
            .add_scope(Scope::new(scopes(entra, permission)))
            .add_extra_param("nonce", nonce.expose())
            .add_extra_param("response_mode", "query")
            // Or whoever is signed in at this browser would be taken without a word.
            .add_extra_param("prompt", "select_account")
            .url();
        Ok((Self { state, nonce, verifier, redirect, permission }, url))
    }

    /// Redeems what the browser came back with, and checks who it was.
    pub async fn finish(
        self,
        entra: &Entra,
        id_tokens: &IdTokens,
        query: &str,
    ) -> Result<SignedIn, TokenError> {
        let callback = Callback::read(query, &self.state, entra)?;
        let code = callback
            .get("code")
            .ok_or_else(|| TokenError::sign_in("the browser came back without a code; sign in again"))?;
        let grant = Grant::Code { code, verifier: &self.verifier, redirect: &self.redirect };
        let granted = entra.redeem(grant, &scopes(entra, self.permission)).await?;
        SignedIn::check(granted, id_tokens, Some(&self.nonce), self.permission).await
    }
}
