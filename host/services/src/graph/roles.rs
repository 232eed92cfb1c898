//! The directory roles of who has signed in.

use super::client::{GraphClient, GraphOptions, Stopped};
use super::links::unmarked;
use super::paths::Paths;
use crate::clock::Clock;
use crate::oauth::{AccessToken, Cloud, scopes};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use usher_runtime::contract::graph::{Failure, Link};
use usher_runtime::contract::model::Fault;

/// Also what is held by way of a group. Casts want the advanced query.
const ROLES: &str = "/me/transitiveMemberOf/microsoft.graph.directoryRole";
const ASKED: &str =
    "/me/transitiveMemberOf/microsoft.graph.directoryRole?$select=id,roleTemplateId&$count=true";

/// There are some hundred roles, and a page holds a hundred.
const PAGES: usize = 20;

#[derive(Deserialize)]
struct Roles {
    value: Vec<Role>,
}

/// Whoever may not read roles gets them without their template.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Role {
    #[serde(default)]
    role_template_id: Option<String>,
}

/// The templates of the directory roles that the account of a token has, in lower case: as Graph says, and as the token says where the
/// application may not read roles.
pub async fn directory_roles(
    cloud: &Cloud,
    token: &AccessToken,
    clock: Arc<dyn Clock>,
    options: GraphOptions,
) -> Result<BTreeSet<String>, Failure> {
    let mut roles: BTreeSet<String> = scopes::directory_roles(token);
    let broken = |why: String| Failure::Failed(Fault::Network(why));
    let paths = Paths::new([ROLES]).map_err(|error| broken(error.to_string()))?;
    let client = GraphClient::new(cloud, Arc::new(token.clone()), clock, options)
        .map_err(|error| broken(error.to_string()))?;
    let (mut next, mut eventual) = (ASKED.to_owned(), true);
    for _ in 0..PAGES {
        let path =
            paths.check(&next).map_err(|unfit| broken(format!("{} leads to {unfit}", client.host())))?;
        let page = match client.page(&path, eventual, client.body_bytes()).await {
            Ok(page) => page,
            Err(Stopped::Failed(Failure::Failed(Fault::Permission(_)))) => break,
            Err(stopped) => return Err(stopped.failure()),
        };
        let read: Roles = serde_json::from_str(&page.body)
            .map_err(|error| broken(format!("{} answers with no roles: {error}", client.host())))?;
        roles.extend(read.value.into_iter().filter_map(|role| role.role_template_id));
        let Link::Next(link) = page.link else { break };
        let (link, is_eventual) = unmarked(&link);
        (next, eventual) = (link.to_owned(), is_eventual);
    }
    Ok(roles.iter().map(|role| role.to_ascii_lowercase()).collect())
}
