//! The tour's second act: the exports of a personnel system, good ones and broken ones.

use super::{Tour, written};
use crate::error::{CliError, Status};
use std::path::Path;
use usher_demo::{Cut, DENIED_DOMAIN, DOMAIN, GROUPS_FILE, MEMBERSHIPS_FILE, Organisation, USERS_FILE};

/// The organisation of the act.
const SEED: u64 = 2026;
/// How many people it has.
const PEOPLE: u32 = 400;

/// Plays it.
pub(super) async fn play(tour: &mut Tour<'_>, root: &Path) -> Result<(), CliError> {
    tour.tenant("hr").await?;
    let export = root.join("export");
    std::fs::create_dir_all(&export).map_err(|error| CliError::failed(error.to_string()))?;
    let organisation = Organisation::sample(SEED, PEOPLE);
    let story = written(organisation.write_first(&export))?;
    let file = |name: &str| export.join(name).display().to_string();
    tour.say(&format!(
        "Second: a personnel system has exported {PEOPLE} people, their groups and memberships to {}.",
        export.display()
    ));
    let (users, groups, memberships) = (
        format!("users={}", file(USERS_FILE)),
        format!("groups={}", file(GROUPS_FILE)),
        format!("memberships={}", file(MEMBERSHIPS_FILE)),
    );
    tour.run(
        &[
            "connect",
            "csv",
            "--name",
            "hr",
            "--set",
            &users,
            "--set",
            &groups,
            "--set",
            &memberships,
            "--yes",
        ],
        Status::Done,
    )
    .await?;
    tour.say("Two policies: logins become addresses, and one domain is kept out.");
    tour.run(&["policy", "add", "domain", "--set", &format!("domain={DOMAIN}")], Status::Done).await?;
    tour.run(&["policy", "add", "deny-list", "--set", &format!("entries=@{DENIED_DOMAIN}")], Status::Done)
        .await?;
    tour.say("A test run: the same code as a real one, and nothing is changed.");
    tour.run(&["plan"], Status::Done).await?;
    tour.say("The real run.");
    tour.run(&["sync", "--yes"], Status::Done).await?;

    written(organisation.write_second(&export))?;
    let mut news = "The next day's export is there:".to_owned();
    for act in story.acts() {
        news.push_str(&format!("\n  {} {}", act.display_name, act.what));
    }
    tour.say(&news);
    tour.run(&["sync", "--yes"], Status::Done).await?;
    tour.say("Why is somebody in, out, or as he is?");
    for id in [&story.leaver.id, &story.denied.id, &story.bad_row.person.id, &story.mover.after.id] {
        tour.run(&["why", id], Status::Done).await?;
    }

    tour.say("An export is cut off in the middle of a row. Nobody is removed.");
    written(organisation.write_cut(&export, Cut::MidRow))?;
    tour.run(&["sync", "--yes"], Status::Failed).await?;
    tour.say("Another is cut between two rows: it looks whole, and half of the people are missing. The guard holds it.");
    written(organisation.write_cut(&export, Cut::BetweenRows))?;
    tour.run(&["sync", "--yes"], Status::Held).await?;
    tour.say("The next good file heals it.");
    written(organisation.write_second(&export))?;
    tour.run(&["sync", "--yes"], Status::Done).await?;

    tour.say("That day's changes were a mistake of the personnel office. They are taken back, the same people with the same ids; a plan of its own, and undone like any other run. The connection is paused meanwhile.");
    let run = tour.last_change().await?.to_string();
    tour.run(&["runs", "undo", &run, "--yes"], Status::Done).await?;
    tour.run(&["status"], Status::Done).await?;
    Ok(())
}
