//! Why there is no token, sorted by who has to do something about it.

use std::fmt;
use std::time::Duration;
use usher_runtime::contract::model::{Fault, Problem};

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Somebody must sign in or consent (again).
    #[error("{0}")]
    SignIn(Refusal),
    /// A setting is wrong.
    #[error("{setting}: {why}")]
    Setting {
        /// The setting's name.
        setting: &'static str,
        /// What is wrong with it.
        why: Refusal,
    },
    /// Entra can't be reached, or what answers isn't Entra.
    #[error("{0}")]
    Network(String),
    /// Entra can't answer at the moment.
    #[error("{why}")]
    Busy {
        /// What it says.
        why: Refusal,
        /// When to come back, if that was said.
        after: Option<Duration>,
    },
    /// What is kept of the connection's tokens can't be read or written.
    #[error("the connection's sign-in can't be kept: {0}")]
    Kept(String),
}

/// What keeps somebody from authorising a connection, where it has a name of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// The account has none of the roles that it takes.
    NotAnAdministrator,
    /// Whoever was asked has not agreed.
    ConsentRefused,
    /// It is a personal Microsoft account.
    PersonalAccount,
    /// The account, or the consent, is another tenant's.
    OtherTenant,
    /// What the browser came back with belongs to no sign-in that was begun, or was used before.
    ForeignCallback,
}

impl Block {
    /// The name, for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotAnAdministrator => "not_an_administrator",
            Self::ConsentRefused => "consent_refused",
            Self::PersonalAccount => "personal_account",
            Self::OtherTenant => "other_tenant",
            Self::ForeignCallback => "foreign_callback",
        }
    }
}

/// Entra's no, in words for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What it is that blocks, where it has a name.
    pub block: Option<Block>,
    /// Entra's number (`AADSTS…`), where there was one.
    pub code: Option<u32>,
    /// What happened and what to do.
    pub sentence: String,
    /// Entra's ids of the request, by which its logs and Microsoft's support find it.
    pub correlation_id: Option<String>,
    /// As above.
    pub trace_id: Option<String>,
}

impl Refusal {
    /// A sentence of our own.
    pub(crate) fn plain(sentence: impl Into<String>) -> Self {
        Self { block: None, code: None, sentence: sentence.into(), correlation_id: None, trace_id: None }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.sentence)?;
        let parts: Vec<String> = [
            self.code.map(|code| format!("AADSTS{code}")),
            self.correlation_id.as_ref().map(|id| format!("correlation id {id}")),
            self.trace_id.as_ref().map(|id| format!("trace id {id}")),
        ]
        .into_iter()
        .flatten()
        .collect();
        if parts.is_empty() { Ok(()) } else { write!(out, " ({})", parts.join(", ")) }
    }
}

impl TokenError {
    /// Whether trying again later may help, with nobody doing anything.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Network(_) | Self::Busy { .. } | Self::Kept(_))
    }

    /// A setting is wrong, in a sentence of our own.
    pub fn setting(setting: &'static str, why: impl Into<String>) -> Self {
        Self::Setting { setting, why: Refusal::plain(why) }
    }

    /// Somebody must sign in, in a sentence of our own.
    pub(crate) fn sign_in(sentence: impl Into<String>) -> Self {
        Self::SignIn(Refusal::plain(sentence))
    }

    /// The same, where what blocks has a name.
    pub fn blocked(block: Block, sentence: impl Into<String>) -> Self {
        Self::SignIn(Refusal { block: Some(block), ..Refusal::plain(sentence) })
    }

    /// What blocks, where it has a name.
    pub fn block(&self) -> Option<Block> {
        match self {
            Self::SignIn(why) | Self::Setting { why, .. } | Self::Busy { why, .. } => why.block,
            Self::Network(_) | Self::Kept(_) => None,
        }
    }
}

impl From<TokenError> for Fault {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::SignIn(why) => Self::Auth(why.to_string()),
            // A credential that is wrong, or isn't good any more, is renewed; other settings are corrected.
            TokenError::Setting { setting: "client_secret" | "certificate", .. } => {
                Self::Auth(error.to_string())
            }
            TokenError::Setting { setting, why } => {
                Self::Settings(Problem { place: setting.to_owned(), why: why.to_string() })
            }
            TokenError::Busy { after: Some(after), .. } => Self::Throttled(Some(whole_seconds(after))),
            TokenError::Network(_) | TokenError::Busy { .. } | TokenError::Kept(_) => {
                Self::Network(error.to_string())
            }
        }
    }
}

/// Rounded up: who comes back too early is sent away again.
pub(crate) fn whole_seconds(time: Duration) -> u32 {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    u32::try_from(seconds).unwrap_or(u32::MAX)
}
