//! What the operator sets. The host signs in with most of it; the method itself reads only `attributes`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use usher_plugin::{Problem, one_line_each};

/// Whose tenant, by which application, and what more is read of people.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = one_line_each)]
pub struct Settings {
    /// The tenant: its id, or one of its domains.
    #[schemars(example = "contoso.onmicrosoft.com")]
    pub tenant_id: String,

    /// The application (client) id of the app registration that Usher signs in as.
    #[schemars(example = "00001111-aaaa-2222-bbbb-3333cccc4444")]
    pub client_id: String,

    /// Who Usher is at the tenant.
    #[serde(default)]
    pub permission: Permission,

    /// The cloud that the tenant is in.
    #[serde(default)]
    pub cloud: Cloud,

    /// For `custom`: where Graph is, without a version. https, or http on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", example = "https://graph.example.com")]
    pub graph_url: Option<String>,

    /// For `custom`: where people and applications sign in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", example = "https://login.example.com")]
    pub login_url: Option<String>,

    /// A client secret of the app registration.
    #[serde(default, skip_serializing)]
    #[schemars(with = "String", extend("writeOnly" = true))]
    pub client_secret: Option<String>,

    /// Instead of a secret: a certificate of the app registration with its private key, in PEM.
    #[serde(default, skip_serializing)]
    #[schemars(with = "String", extend("writeOnly" = true))]
    pub certificate: Option<String>,

    /// More of a person to read, by Graph's names: directory extensions (`extension_…_costCentre`) and
    /// `extensionAttribute1` to `extensionAttribute15`.
    #[serde(default)]
    #[schemars(example = serde_json::json!(["extensionAttribute1"]))]
    pub attributes: Vec<String>,
}

/// Who Usher is at the tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// itself, with a secret or a certificate; goes on when the consenting person has left
    #[default]
    Application,
    /// the person who signs in
    Delegated,
}

/// The clouds that Microsoft runs, and others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cloud {
    /// graph.microsoft.com
    #[default]
    Global,
    /// US Government L4
    UsGov,
    /// US Government L5 (DOD)
    UsDod,
    /// operated by 21Vianet
    China,
    /// `graph_url` and `login_url` say where
    Custom,
}

/// The fifteen that Exchange and on-premises directories fill, below `onPremisesExtensionAttributes`.
const NUMBERED: &str = "extensionAttribute";

/// Whether an attribute is one of the fifteen.
pub fn is_numbered(name: &str) -> bool {
    name.strip_prefix(NUMBERED)
        .and_then(|number| number.parse::<u8>().ok())
        .is_some_and(|number| (1..=15).contains(&number) && name == format!("{NUMBERED}{number}"))
}

/// Whether it is a directory extension: `extension_`, the app's id without dashes, `_`, a name.
fn is_extension(name: &str) -> bool {
    let Some((app, own)) = name.strip_prefix("extension_").and_then(|rest| rest.split_once('_')) else {
        return false;
    };
    app.len() == 32
        && app.bytes().all(|byte| byte.is_ascii_hexdigit())
        && !own.is_empty()
        && own.len() <= 256
        && own.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

impl Settings {
    /// Everything that is wrong with them.
    pub fn problems(&self) -> Vec<Problem> {
        let problem = |place: &str, why: String| Problem { place: place.to_owned(), why };
        let mut problems = Vec::new();
        for name in self.attributes.iter().filter(|name| !is_numbered(name) && !is_extension(name)) {
            problems.push(problem(
                "attributes",
                format!("{name} is neither extensionAttribute1 to 15 nor a directory extension (extension_, the application's id without dashes, _, a name)"),
            ));
        }
        let (custom, urls) =
            (self.cloud == Cloud::Custom, [("graph_url", &self.graph_url), ("login_url", &self.login_url)]);
        for (name, url) in urls {
            match (custom, url) {
                (true, None) => problems.push(problem(name, "cloud=custom wants it".to_owned())),
                (false, Some(_)) => problems.push(problem(name, "only cloud=custom takes it".to_owned())),
                _ => {}
            }
        }
        problems
    }
}
