//! Carries the `oauth2` crate's requests over this host's client, and sorts what comes back before that crate sees it.

use super::endpoint::EntraError;
use super::error::{Refusal, TokenError};
use crate::web::{Answer, Broken, Web, retry_after};
use jiff::Timestamp;
use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse};
use std::fmt;
use std::pin::Pin;
use std::time::Duration;

/// Tokens are a few KiB; groups in a token make it longer.
pub(crate) const BODY_BYTES: usize = 1 << 20;

/// Why one request gave no token.
#[derive(Debug)]
pub(crate) enum Trouble {
    Refused(EntraError),
    /// Too many requests, or a server that has trouble itself.
    Status {
        status: u16,
        after: Option<Duration>,
        /// What Entra says of it, where it does.
        said: Option<EntraError>,
    },
    Unusable(String),
    Broken(Broken),
    /// Not for the network to mend.
    Failed(TokenError),
}

/// Carries the `oauth2` crate's requests.
pub(crate) struct Carrier<'w> {
    pub(crate) web: &'w Web,
    pub(crate) now: Timestamp,
}

/// The `oauth2` crate wants an error that is one.
#[derive(Debug)]
pub(crate) struct Carried(pub(crate) Trouble);

impl fmt::Display for Carried {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the request failed")
    }
}

impl std::error::Error for Carried {}

impl Carrier<'_> {
    /// Sends a request for tokens. An answer that it gives may be a token or a refusal; everything else is trouble.
    pub(crate) async fn carry(&self, request: reqwest::Request) -> Result<Answer, Trouble> {
        let answer = self.web.execute(request, BODY_BYTES).await.map_err(Trouble::Broken)?;
        match answer.status {
            status @ (429 | 500..) => {
                let after = answer
                    .header("retry-after")
                    .and_then(|value| retry_after(value, answer.header("date"), self.now));
                Err(Trouble::Status { status, after, said: serde_json::from_slice(&answer.body).ok() })
            }
            300..=399 => {
                let host = self.web.host();
                let why = Refusal::plain(format!(
                    "{host} sends the sign-in somewhere else, which is never followed"
                ));
                Err(Trouble::Failed(TokenError::Setting { setting: "login_url", why }))
            }
            _ => Ok(answer),
        }
    }
}

impl<'c> AsyncHttpClient<'c> for Carrier<'_> {
    type Error = Carried;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Carried>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let unmade = |_| Carried(Trouble::Unusable("the request for a token can't be made".to_owned()));
            let request = reqwest::Request::try_from(request).map_err(unmade)?;
            let answer = self.carry(request).await.map_err(Carried)?;
            let mut response = HttpResponse::new(answer.body);
            if let Ok(status) = answer.status.try_into() {
                *response.status_mut() = status;
            }
            *response.headers_mut() = answer.headers;
            Ok(response)
        })
    }
}
