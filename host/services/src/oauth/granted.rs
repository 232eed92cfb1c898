//! What Entra gives for a proof.

use super::secret::Secret;
use super::tokens::AccessToken;

/// Tokens, as they came.
#[derive(Clone, Debug)]
pub struct Granted {
    /// For Graph.
    pub access: AccessToken,
    /// To renew it, in delegated mode.
    pub refresh: Option<Secret>,
    /// Who signed in, where that was asked for: not yet validated.
    pub id_token: Option<Secret>,
}
