//! Signing in from a terminal: a code that is entered at a browser elsewhere (RFC 8628; Microsoft identity platform).

use super::carrier::Trouble;
use super::endpoint::{Entra, Grant};
use super::error::{Block, TokenError};
use super::id_token::IdTokens;
use super::secret::Secret;
use super::signed_in::{SignedIn, scopes};
use super::tokens::Permission;
use serde::Deserialize;
use std::time::Duration;
use usher_runtime::one_line;

/// Where the server doesn't say (RFC 8628, 3.2).
const INTERVAL_S: u64 = 5;
/// What `slow_down` adds (RFC 8628, 3.5).
const SLOWER: Duration = Duration::from_secs(5);
/// The longest pause while the server can't be reached.
const SLOWEST: Duration = Duration::from_secs(60);

/// A sign-in that was begun.
#[derive(Debug)]
pub struct DeviceSignIn {
    code: Secret,
    user_code: String,
    address: String,
    lasts: Duration,
    interval: Duration,
    permission: Permission,
}

#[derive(Deserialize)]
struct Begun {
    #[serde(with = "super::secret::exposed")]
    device_code: Secret,
    user_code: String,
    #[serde(alias = "verification_url")]
    verification_uri: String,
    expires_in: u64,
    #[serde(default)]
    interval: Option<u64>,
}

impl DeviceSignIn {
    /// Begins. `permission` is the connection's: an application's is only consented to by who signs in.
    pub async fn begin(entra: &Entra, permission: Permission) -> Result<Self, TokenError> {
        let scopes = scopes(entra, permission);
        let fields = [("client_id", entra.registration().client()), ("scope", &scopes)];
        let begun: Begun = match entra.form("oauth2/v2.0/devicecode", &fields).await {
            Ok(begun) => begun,
            Err(trouble) => return Err(entra.gave_up(trouble, None, Grant::Application)),
        };
        Ok(Self {
            code: begun.device_code,
            user_code: one_line(&begun.user_code, 64),
            address: one_line(&begun.verification_uri, 200),
            lasts: Duration::from_secs(begun.expires_in),
            interval: Duration::from_secs(begun.interval.unwrap_or(INTERVAL_S).max(1)),
            permission,
        })
    }

    /// What is entered at the browser.
    pub fn user_code(&self) -> &str {
        &self.user_code
    }

    /// Where it is entered.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// How long it can be entered.
    pub fn lasts(&self) -> Duration {
        self.lasts
    }

    /// Asks, at the pace that the server wants, until somebody has signed in or declined or time is up.
    pub async fn finish(self, entra: &Entra, id_tokens: &IdTokens) -> Result<SignedIn, TokenError> {
        let late = || TokenError::sign_in("the code was not entered in time; sign in again");
        let scopes = scopes(entra, self.permission);
        let (mut interval, mut waited) = (self.interval, Duration::ZERO);
        loop {
            waited += interval;
            if waited > self.lasts {
                return Err(late());
            }
            entra.pace.pauses.pause(interval).await;
            let trouble = match entra.redeem_once(Grant::Device(&self.code), &scopes).await {
                Ok(granted) => return SignedIn::check(granted, id_tokens, None, self.permission).await,
                Err(trouble) => trouble,
            };
            match trouble {
                Trouble::Refused(error) => match error.error.as_str() {
                    "authorization_pending" => {}
                    "slow_down" => interval += SLOWER,
                    "expired_token" | "code_expired" => return Err(late()),
                    "authorization_declined" => {
                        return Err(TokenError::blocked(
                            Block::ConsentRefused,
                            "the sign-in was declined; sign in again and accept",
                        ));
                    }
                    _ => return Err(entra.explain(&error, Grant::Device(&self.code))),
                },
                // Somebody may be entering the code just now.
                Trouble::Status { after, .. } => {
                    interval = after.unwrap_or(interval * 2).clamp(interval, SLOWEST.max(interval))
                }
                Trouble::Broken(_) => interval = (interval * 2).min(SLOWEST.max(interval)),
                trouble @ (Trouble::Unusable(_) | Trouble::Failed(_)) => {
                    return Err(entra.gave_up(trouble, None, Grant::Device(&self.code)));
                }
            }
        }
    }
}
