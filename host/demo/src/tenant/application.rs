//! Applications that are registered in the tenant: what they sign in with and what they may do.

use super::guid::Guid;
use jiff::Timestamp;

/// A secret of an application.
#[derive(Clone, Debug)]
pub struct Secret {
    /// What the application sends.
    pub text: String,
    /// From when on it is refused.
    pub expires: Timestamp,
}

/// A registered application and its service principal.
#[derive(Clone, Debug)]
pub struct Application {
    /// `appId`, which is the client id.
    pub client_id: Guid,
    /// The id of the service principal.
    pub principal: Guid,
    /// What it is called.
    pub name: String,
    /// All secrets, expired ones too.
    pub secrets: Vec<Secret>,
    /// The certificates that were uploaded, by their thumbprints as `x5t#S256` has them.
    pub certificates: Vec<String>,
    /// Application permissions with an administrator's consent, and since when.
    pub permissions: Vec<(String, Timestamp)>,
}

/// Why an application doesn't get a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretError {
    /// No secret is this one.
    Wrong,
    /// The secret has expired.
    Expired,
}

impl Application {
    /// Whether a secret opens the door at a moment.
    pub fn check(&self, secret: &str, now: Timestamp) -> Result<(), SecretError> {
        let known = self.secrets.iter().find(|known| known.text == secret).ok_or(SecretError::Wrong)?;
        if known.expires > now { Ok(()) } else { Err(SecretError::Expired) }
    }
}
