//! `usher demo`: a tour that needs nothing but the binary. Every step is a real command on real files, shown as it would be typed.

use crate::args::{Cli, DemoArgs};
use crate::console::{Console, Tone};
use crate::context::Context;
use crate::error::{CliError, Status};
use clap::Parser;
use serde_json::json;
use std::path::{Path, PathBuf};
use usher_demo::{Cut, DENIED_DOMAIN, DOMAIN, GROUPS_FILE, MEMBERSHIPS_FILE, Organisation, USERS_FILE};
use usher_store::RunState;

/// The organisation of the tour.
const SEED: u64 = 2026;
/// How many people it has.
const PEOPLE: u32 = 400;

struct Tour<'a> {
    context: &'a mut Context,
    data: PathBuf,
    steps: Vec<serde_json::Value>,
}

fn folder(args: &DemoArgs) -> Result<PathBuf, CliError> {
    let failed =
        |error: std::io::Error| CliError::failed(format!("the tour's folder can't be made: {error}"));
    let Some(keep) = &args.keep else {
        return tempfile::Builder::new()
            .prefix("usher-demo-")
            .tempdir()
            .map(tempfile::TempDir::keep)
            .map_err(failed);
    };
    std::fs::create_dir_all(keep).map_err(failed)?;
    if std::fs::read_dir(keep).map_err(failed)?.next().is_some() {
        return Err(CliError::usage(
            format!("{} is not empty", keep.display()),
            "give a new or an empty folder to --keep",
        ));
    }
    std::path::absolute(keep).map_err(failed)
}

fn written<T>(result: Result<T, usher_demo::Error>) -> Result<T, CliError> {
    result.map_err(|error| CliError::failed(crate::error::words(&error)))
}

/// A word as a shell wants it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=@,:+".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{word}'") }
}

impl Tour<'_> {
    fn say(&mut self, text: &str) {
        self.context.console.line("");
        let text = self.context.console.tone(Tone::Strong, text);
        self.context.console.line(text);
    }

    /// Runs one command and says whether it ended as the tour expects.
    async fn run(&mut self, words: &[&str], expected: Status) -> Result<(), CliError> {
        let data = self.data.display().to_string();
        let mut line = vec!["usher", "--data", data.as_str()];
        line.extend(words);
        let typed: Vec<_> = line.iter().map(|word| quoted(word)).collect();
        let typed = typed.join(" ");
        self.context.console.line("");
        let shown = self.context.console.tone(Tone::Change, format!("$ {typed}"));
        self.context.console.line(shown);
        let cli = Cli::try_parse_from(&line)
            .map_err(|error| CliError::failed(format!("the tour is broken: {error}")))?;
        let ended = Box::pin(super::run(cli.command, self.context)).await;
        let status = match ended {
            Ok(status) => status,
            Err(error) => {
                self.context.console.fail(&error);
                error.status
            }
        };
        self.steps.push(json!({ "command": typed, "status": status.code() }));
        if status == expected {
            return Ok(());
        }
        Err(CliError::failed(format!(
            "the tour ends here: `{typed}` was to end with status {}, and ended with {}",
            expected.code(),
            status.code()
        )))
    }

    /// The last run that changed something.
    async fn last_change(&mut self) -> Result<i64, CliError> {
        let tenant = self.context.tenant().await?;
        let runs = self.context.store().await?.runs(tenant.id, None, 100).await?;
        let changed = runs.iter().find(|run| run.applied && run.state == RunState::Success);
        changed.map(|run| run.id).ok_or_else(|| CliError::failed("the tour is broken: nothing was changed"))
    }
}

/// Takes the tour.
pub async fn demo(args: DemoArgs, context: &mut Context) -> Result<Status, CliError> {
    let root = folder(&args)?;
    let json = context.console.is_json();
    let console = Console::new(Box::new(std::io::sink()), Box::new(std::io::sink()), false, false);
    let kept = json.then(|| std::mem::replace(&mut context.console, console));
    context.over(root.join("data"));
    let mut tour = Tour { context, data: root.join("data"), steps: Vec::new() };
    let ended = take(&mut tour, &root).await;
    let steps = std::mem::take(&mut tour.steps);
    if let Some(kept) = kept {
        context.console = kept;
        if ended.is_ok() {
            context.console.json(&json!({ "folder": root, "steps": steps }));
        }
    }
    ended.map(|()| Status::Done)
}

async fn take(tour: &mut Tour<'_>, root: &Path) -> Result<(), CliError> {
    let export = root.join("export");
    std::fs::create_dir_all(&export).map_err(|error| CliError::failed(error.to_string()))?;
    let organisation = Organisation::sample(SEED, PEOPLE);
    let story = written(organisation.write_first(&export))?;
    let file = |name: &str| export.join(name).display().to_string();
    tour.say(&format!(
        "A personnel system has exported {PEOPLE} people, their groups and memberships to {}.",
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

    tour.say("That was all of it. What to try next:");
    let data = quoted(&tour.data.display().to_string());
    for (command, what) in [
        ("users list --search kim", "look around in the directory"),
        ("groups members Engineering", "who is in a group, also through others"),
        ("runs changes", "every change, before and after"),
        ("plan", "what the paused connection would do again; `resume` lets it run"),
        ("users set WHO title=Boss", "edit a field that the source owns, then `usher plan`"),
    ] {
        tour.context.console.line(format!("  usher --data {data} {command}    {what}"));
    }
    tour.context.console.line(format!(
        "Your own file: usher connect csv --set users=/path/to/users.csv. The tour's folder stays at {}.",
        root.display()
    ));
    Ok(())
}
