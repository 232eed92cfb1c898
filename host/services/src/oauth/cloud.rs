//! Which of Microsoft's clouds a tenant lives in: the addresses of Graph and of Entra.
//!
//! Graph's are those of its page about national clouds; Entra's those of "Microsoft Entra authentication endpoints" on its own.

use crate::web::{Address, BadAddress};

/// A cloud.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cloud {
    graph: Address,
    login: Address,
}

/// The setting that names a cloud.
const CLOUD: &str = "cloud";
/// The settings of a cloud that has no name.
const GRAPH_URL: &str = "graph_url";
const LOGIN_URL: &str = "login_url";

impl Cloud {
    /// A cloud by the name that the setting `cloud` has for it: `global`, `us-gov` (L4), `us-dod` (L5), `china`.
    pub fn named(name: &str) -> Result<Self, BadAddress> {
        let (graph, login) = match name {
            "global" => ("https://graph.microsoft.com", "https://login.microsoftonline.com"),
            "us-gov" => ("https://graph.microsoft.us", "https://login.microsoftonline.us"),
            "us-dod" => ("https://dod-graph.microsoft.us", "https://login.microsoftonline.us"),
            "china" => {
                ("https://microsoftgraph.chinacloudapi.cn", "https://login.partner.microsoftonline.cn")
            }
            "custom" => {
                let why = format!("a custom cloud needs {GRAPH_URL} and {LOGIN_URL}");
                return Err(BadAddress { setting: CLOUD, why });
            }
            other => {
                let other = usher_runtime::one_line(other, 64);
                let why = format!(
                    "there is no cloud `{other}`; there are global, us-gov, us-dod, china and custom"
                );
                return Err(BadAddress { setting: CLOUD, why });
            }
        };
        Self::custom(graph, login)
    }

    /// A cloud by its addresses: https, or plain http to this machine.
    pub fn custom(graph_url: &str, login_url: &str) -> Result<Self, BadAddress> {
        Ok(Self {
            graph: Address::parse(GRAPH_URL, graph_url)?,
            login: Address::parse(LOGIN_URL, login_url)?,
        })
    }

    /// Where Graph is, without a version.
    pub fn graph(&self) -> &Address {
        &self.graph
    }

    /// Where Entra is, without a tenant.
    pub fn login(&self) -> &Address {
        &self.login
    }

    /// The scope that stands for everything that was consented to.
    pub fn default_scope(&self) -> String {
        self.scope(".default")
    }

    /// The scope of one of Graph's permissions.
    pub(crate) fn scope(&self, permission: &str) -> String {
        format!("{}/{permission}", self.graph)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cloud_has_its_own_addresses() {
        let clouds: Vec<String> = ["global", "us-gov", "us-dod", "china"]
            .map(|name| Cloud::named(name).unwrap())
            .map(|cloud| format!("{} {}", cloud.login(), cloud.default_scope()))
            .to_vec();
        assert_eq!(
            clouds,
            [
                "https://login.microsoftonline.com https://graph.microsoft.com/.default",
                "https://login.microsoftonline.us https://graph.microsoft.us/.default",
                "https://login.microsoftonline.us https://dod-graph.microsoft.us/.default",
                "https://login.partner.microsoftonline.cn https://microsoftgraph.chinacloudapi.cn/.default",
            ]
        );
    }

    #[test]
    fn what_is_no_cloud_is_said_with_the_setting() {
        assert_eq!(
            Cloud::named("germany").unwrap_err().to_string(),
            "cloud: there is no cloud `germany`; there are global, us-gov, us-dod, china and custom"
        );
        assert_eq!(
            Cloud::named("custom").unwrap_err().to_string(),
            "cloud: a custom cloud needs graph_url and login_url"
        );
        let plain = Cloud::custom("https://graph.example.org", "http://login.example.org").unwrap_err();
        assert!(plain.to_string().starts_with("login_url: `http://login.example.org` is plain http"));
    }
}
