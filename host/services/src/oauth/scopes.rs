//! What an access token permits: `roles` of an application's, `scp` of a delegated one (Microsoft identity platform, "Access token claims").
//!
//! The token is Graph's and not this host's, and comes from Entra itself: what it says names what is missing before anything fails, and which roles an
//! account has where Graph doesn't tell. It permits nothing at this host.

use super::tokens::AccessToken;
use jsonwebtoken::dangerous::insecure_decode_claims;
use serde::Deserialize;
use std::collections::BTreeSet;

#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    scp: String,
    #[serde(default)]
    wids: BTreeSet<String>,
}

/// Permissions that hold others in them, as far as reading goes.
const HOLDS: &[(&str, &[&str])] = &[
    ("User.Read.All", &["User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"]),
    (
        "GroupMember.Read.All",
        &[
            "GroupMember.ReadWrite.All",
            "Group.Read.All",
            "Group.ReadWrite.All",
            "Directory.Read.All",
            "Directory.ReadWrite.All",
        ],
    ),
    ("Group.Read.All", &["Group.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"]),
    (
        "Organization.Read.All",
        &["Organization.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"],
    ),
    ("Domain.Read.All", &["Domain.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"]),
    ("Device.Read.All", &["Device.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"]),
    ("Directory.Read.All", &["Directory.ReadWrite.All"]),
];

fn claims(token: &AccessToken) -> Option<Claims> {
    insecure_decode_claims(token.secret().expose()).ok()
}

/// The templates of the directory roles that a token says its account has (`wids`), where it says so.
pub fn directory_roles(token: &AccessToken) -> BTreeSet<String> {
    claims(token).map(|claims| claims.wids).unwrap_or_default()
}

/// The permissions that a token carries, if it says so: not every server's tokens can be read.
pub fn permissions(token: &AccessToken) -> Option<BTreeSet<String>> {
    let claims = claims(token)?;
    Some(claims.roles.into_iter().chain(claims.scp.split_whitespace().map(str::to_owned)).collect())
}

/// Which of the needed permissions aren't among these, nor in a wider one.
pub fn lacking<'n>(has: &BTreeSet<String>, needed: &[&'n str]) -> Vec<&'n str> {
    let holds = |needed: &str| {
        let wider = HOLDS.iter().find(|(name, _)| *name == needed).map_or(&[][..], |(_, wider)| wider);
        has.contains(needed) || wider.iter().any(|wider| has.contains(*wider))
    };
    needed.iter().filter(|needed| !holds(needed)).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::super::secret::Secret;
    use super::*;
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use jiff::Timestamp;
    use serde_json::json;

    fn token(claims: serde_json::Value) -> AccessToken {
        let part = |json: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
        let text = format!("{}.{}.c2ln", part(json!({ "alg": "RS256", "typ": "JWT" })), part(claims));
        AccessToken::new(Secret::new(text), Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH)
    }

    const NEEDED: [&str; 3] = ["User.Read.All", "GroupMember.Read.All", "Organization.Read.All"];

    #[test]
    fn each_missing_permission_is_named() {
        let missing = |claims| permissions(&token(claims)).map(|carried| lacking(&carried, &NEEDED));
        let application = json!({ "roles": ["User.Read.All", "Group.Read.All"] });
        assert_eq!(missing(application), Some(vec!["Organization.Read.All"]));
        let delegated = json!({ "scp": "openid profile User.Read.All Directory.Read.All" });
        assert_eq!(missing(delegated), Some(vec![]));
        assert_eq!(missing(json!({ "aud": "https://graph.microsoft.com" })), Some(NEEDED.to_vec()));
    }

    #[test]
    fn a_token_that_cant_be_read_says_nothing() {
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(permissions(&AccessToken::new(Secret::new("opaque"), now, now)), None);
    }
}
