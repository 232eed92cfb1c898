//! An administrator's consent to an application's permissions in a tenant (Microsoft identity platform, "Admin consent").

use super::endpoint::Entra;
use super::error::{Block, TokenError};
use super::secret::Secret;
use super::state::{Callback, drawn, redirect};
use url::Url;

/// A consent that was asked for. It is finished once: the value goes with it.
#[derive(Debug)]
pub struct AdminConsent {
    state: Secret,
}

impl AdminConsent {
    /// Begins: gives the address that an administrator opens. Afterwards the browser comes back to `redirect_uri`, which is registered with the
    /// application.
    pub fn begin(entra: &Entra, redirect_uri: &str) -> Result<(Self, Url), TokenError> {
        let registration = entra.registration();
        let state = drawn()?;
        let mut url = entra.page("v2.0/adminconsent")?;
        url.query_pairs_mut()
            .append_pair("client_id", registration.client())
            .append_pair("scope", &registration.cloud().default_scope())
            .append_pair("redirect_uri", redirect(redirect_uri)?)
            .append_pair("state", state.expose());
        Ok((Self { state }, url))
    }

    /// Reads what the browser came back with. Consent in another tenant than the connection's is none.
    pub fn finish(self, entra: &Entra, query: &str) -> Result<(), TokenError> {
        let callback = Callback::read(query, &self.state, entra)?;
        let said = |name| callback.get(name).map_or("", Secret::expose);
        if !said("admin_consent").eq_ignore_ascii_case("true") {
            return Err(TokenError::blocked(
                Block::ConsentRefused,
                "consent was not given; have an administrator open the address again",
            ));
        }
        let registration = entra.registration();
        if registration.names_an_id() && !said("tenant").eq_ignore_ascii_case(registration.tenant()) {
            return Err(TokenError::blocked(
                Block::OtherTenant,
                "consent was given in another tenant; open the address as an administrator of the tenant that tenant_id names",
            ));
        }
        Ok(())
    }
}
