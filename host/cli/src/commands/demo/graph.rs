//! The tour's first act: a Microsoft 365 tenant, simulated in this process.

use super::Tour;
use crate::error::{CliError, Status};
use jiff::SignedDuration;
use serde_json::json;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use usher_demo::{Fault, Organisation, Rule, Size, Tenant};

/// What the simulated tenant is made of.
const SEED: u64 = 365;
/// The rights of Usher's app registration in it.
const RIGHTS: [&str; 3] = ["User.Read.All", "Group.Read.All", "Organization.Read.All"];

fn broken(error: impl std::fmt::Display) -> CliError {
    CliError::failed(format!("the tour is broken: {error}"))
}

/// Plays it.
pub(super) async fn play(tour: &mut Tour<'_>, root: &Path) -> Result<(), CliError> {
    let size = Size::default();
    let tenant = Tenant::generated(size, SEED);
    tenant.set_now(tour.now()?);
    let app = tenant.register_application("Usher");
    for right in RIGHTS {
        tenant.grant(app, right).map_err(broken)?;
    }
    let secret = tenant.add_secret(app, SignedDuration::from_hours(24)).map_err(broken)?;
    let file = root.join("client_secret");
    let mut options = std::fs::OpenOptions::new();
    let kept = options.write(true).create_new(true).mode(0o600).open(&file);
    kept.and_then(|mut out| std::io::Write::write_all(&mut out, secret.as_bytes())).map_err(broken)?;
    let server = tenant.serve_at("127.0.0.1:0").await.map_err(broken)?;

    // People who are members, not guests, each for a part of the story.
    let people = Organisation::sample(SEED, size.users);
    let mut members =
        people.people().map(|person| person.email).filter(|address| tenant.user(address).is_some()).skip(20);
    let mut member = || members.next().ok_or_else(|| broken("it has too few people"));
    let (leaver, married, newcomer) = (member()?, member()?, "new.colleague@acme.example");

    tour.say(&format!(
        "First: Microsoft 365. The tenant is simulated: it runs in this program, at {}, and answers as Microsoft documents it. It has {} users and {} groups.",
        server.url(), size.users, size.groups
    ));
    let (secret, url) = (format!("client_secret=@{}", file.display()), server.url());
    let settings = [
        format!("tenant_id={}", tenant.id()),
        format!("client_id={app}"),
        "cloud=custom".to_owned(),
        format!("graph_url={url}"),
        format!("login_url={url}"),
    ];
    let mut line = vec!["connect", "m365", "--secret", &secret];
    for setting in &settings {
        line.extend(["--set", setting]);
    }
    line.push("--yes");
    tour.run(&line, Status::Done).await?;
    tour.say(
        "Looking at its groups imports nothing; nor does a test run, which shows what a real one would do.",
    );
    tour.run(&["groups", "list", "--source", "--search", "eng"], Status::Done).await?;
    tour.run(&["plan"], Status::Done).await?;
    tour.say("The real run: all pages of two delta queries.");
    tenant.clear_requests();
    tour.run(&["sync", "--yes"], Status::Done).await?;
    tour.say(&format!("That took {} requests.", tenant.requests().len()));

    tenant.delete(&leaver).map_err(broken)?;
    tenant.rename(&married, &format!("new.name.{married}")).map_err(broken)?;
    let user = json!({ "displayName": "New Colleague", "userPrincipalName": newcomer, "accountEnabled": true,
        "mailNickname": "new.colleague", "passwordProfile": { "password": "of no account" } });
    tenant.create_user(user).map_err(broken)?;
    tour.say(&format!(
        "At the tenant {leaver} is deleted, {married} renamed and {newcomer} hired. But Graph fails in the middle of the next run."
    ));
    let fault = Fault::Status {
        code: 503,
        error: "ServiceUnavailable".to_owned(),
        retry_after: Some("3600".to_owned()),
    };
    tenant.add_fault(Rule::nth_with(1, "/groups/", fault).for_ever());
    tour.run(&["sync", "--yes"], Status::Failed).await?;
    tour.say(
        "Nobody was touched. Graph is well again: what changed comes by delta, and nothing else is read.",
    );
    tenant.clear_faults();
    tenant.clear_requests();
    tour.run(&["sync", "--yes"], Status::Done).await?;
    tour.say(&format!("That took {} requests.", tenant.requests().len()));
    for who in [&leaver, newcomer] {
        tour.run(&["why", who], Status::Done).await?;
    }
    server.stop().await;
    Ok(())
}
