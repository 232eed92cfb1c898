//! An application's registration in a tenant.

use super::cloud::Cloud;
use super::error::{Refusal, TokenError};
use usher_runtime::one_line;

/// Where and as whom a connection signs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    cloud: Cloud,
    tenant: String,
    client: String,
}

/// Names that stand for more than one tenant. A connection is of one: who signs in with these may be anybody's.
const SHARED: [&str; 3] = ["common", "organizations", "consumers"];
/// No id and no domain is longer (RFC 1035: 253).
const LONGEST: usize = 253;

impl Registration {
    /// `tenant` is a directory's id or one of its domains, `client` the application's id.
    pub fn new(cloud: Cloud, tenant: &str, client: &str) -> Result<Self, TokenError> {
        let (tenant, client) = (tenant.trim(), client.trim());
        let wrong =
            |setting, sentence: String| Err(TokenError::Setting { setting, why: Refusal::plain(sentence) });
        if SHARED.contains(&tenant) {
            let why = format!("`{tenant}` stands for many tenants; enter the id or a domain of one");
            return wrong("tenant_id", why);
        }
        if !is_name(tenant) {
            let why = format!("`{}` is neither a directory's id nor a domain", one_line(tenant, 100));
            return wrong("tenant_id", why);
        }
        if !is_name(client) {
            let why = format!("`{}` is not an application's id", one_line(client, 100));
            return wrong("client_id", why);
        }
        Ok(Self { cloud, tenant: tenant.to_ascii_lowercase(), client: client.to_owned() })
    }

    /// The cloud.
    pub fn cloud(&self) -> &Cloud {
        &self.cloud
    }

    /// The tenant's id or domain, in lower case.
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// The application's id.
    pub fn client(&self) -> &str {
        &self.client
    }

    /// Whether the tenant is named by its id, and not by one of its domains.
    pub(crate) fn names_an_id(&self) -> bool {
        uuid::Uuid::try_parse(&self.tenant).is_ok()
    }

    /// Where tokens come from.
    pub(crate) fn token_address(&self) -> String {
        self.entra("oauth2/v2.0/token")
    }

    /// An address of the tenant at Entra.
    pub(crate) fn entra(&self, path: &str) -> String {
        format!("{}/{}/{path}", self.cloud.login(), self.tenant)
    }
}

/// Fits as one segment of a path, whatever it is.
fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    (1..=LONGEST).contains(&text.len())
        && text.chars().all(fits)
        && text.chars().any(|c| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registration(tenant: &str, client: &str) -> Result<Registration, String> {
        Registration::new(Cloud::named("global").unwrap(), tenant, client).map_err(|error| error.to_string())
    }

    #[test]
    fn tokens_come_from_the_tenants_own_address() {
        let registration = registration(" Contoso.example ", "11111111-2222-3333-4444-555555555555").unwrap();
        assert_eq!(
            registration.token_address(),
            "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token"
        );
    }

    #[test]
    fn what_would_lead_elsewhere_is_refused() {
        for tenant in ["", "..", "a/b", "a?b", "a#b", "a%2fb", "a b", "@evil"] {
            let why = registration(tenant, "app").unwrap_err();
            assert!(
                why.starts_with("tenant_id: ") && why.contains("neither a directory's id nor a domain"),
                "{why}"
            );
        }
        assert_eq!(
            registration("common", "app").unwrap_err(),
            "tenant_id: `common` stands for many tenants; enter the id or a domain of one"
        );
        assert_eq!(registration("a.example", "").unwrap_err(), "client_id: `` is not an application's id");
    }
}
