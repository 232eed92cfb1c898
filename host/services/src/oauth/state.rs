//! What is drawn for one sign-in, and what a browser comes back with.

use super::endpoint::{Entra, EntraError, Grant};
use super::error::{Block, Refusal, TokenError};
use super::secret::Secret;
use crate::web::Address;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use url::form_urlencoded;
use zeroize::Zeroizing;

/// As many bits as SHA-256 has; as a PKCE verifier the 43 characters that RFC 7636 asks for.
const RANDOM_BYTES: usize = 32;

/// A text that nobody can guess.
pub(crate) fn drawn() -> Result<Secret, TokenError> {
    let mut bytes = Zeroizing::new([0_u8; RANDOM_BYTES]);
    aws_lc_rs::rand::fill(bytes.as_mut()).map_err(|_| {
        TokenError::Network("the system gives no randomness to begin a sign-in with".to_owned())
    })?;
    Ok(Secret::new(BASE64_URL_SAFE_NO_PAD.encode(bytes.as_slice())))
}

/// Whether a browser may be sent back there: the same rule as for every address, but as it is written.
pub(crate) fn redirect(text: &str) -> Result<&str, TokenError> {
    match Address::parse("redirect_uri", text) {
        Ok(_) => Ok(text.trim()),
        Err(bad) => Err(TokenError::Setting { setting: bad.setting, why: Refusal::plain(bad.why) }),
    }
}

/// The parameters that a browser came back with. Their values may be secret, so they aren't printed.
pub(crate) struct Callback(Vec<(String, Secret)>);

impl Callback {
    /// Reads the query of the address that was called, and checks before anything else that it belongs to this sign-in.
    pub(crate) fn read(query: &str, state: &Secret, entra: &Entra) -> Result<Self, TokenError> {
        let query = query.strip_prefix('?').unwrap_or(query);
        let parameters: Vec<(String, Secret)> = form_urlencoded::parse(query.as_bytes())
            .map(|(name, value)| (name.into_owned(), Secret::new(value.into_owned())))
            .collect();
        let callback = Self(parameters);
        // Said twice, somebody else may read the other one (RFC 6749, 3.1).
        let repeated = ["state", "code", "error"].iter().any(|name| callback.count(name) > 1);
        let is_ours = callback.get("state").is_some_and(|came| {
            let (came, ours) = (came.expose().as_bytes(), state.expose().as_bytes());
            aws_lc_rs::constant_time::verify_slices_are_equal(came, ours).is_ok()
        });
        if repeated || !is_ours {
            return Err(TokenError::blocked(
                Block::ForeignCallback,
                "what the browser came back with doesn't belong to this sign-in; begin it again",
            ));
        }
        if let Some(error) = callback.get("error") {
            let error = EntraError {
                error: error.expose().to_owned(),
                error_description: callback.get("error_description").map(|words| words.expose().to_owned()),
                ..EntraError::default()
            };
            return Err(entra.explain(&error, Grant::Application));
        }
        Ok(callback)
    }

    fn count(&self, name: &str) -> usize {
        self.0.iter().filter(|(given, _)| given == name).count()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Secret> {
        self.0.iter().find(|(given, _)| given == name).map(|(_, value)| value)
    }
}
