//! `usher demo`: a tour that needs nothing but the binary. Every step is a real command, shown as it would be typed.
//!
//! Its first act is a simulated Microsoft 365 tenant, its second the exports of a personnel system, each in a tenant of its own.

mod export;
mod graph;

use crate::args::{Cli, DemoArgs};
use crate::console::{Console, Tone};
use crate::context::Context;
use crate::error::{CliError, Status};
use clap::Parser;
use serde_json::json;
use std::path::{Path, PathBuf};
use usher_store::RunState;

struct Tour<'a> {
    context: &'a mut Context,
    data: PathBuf,
    /// The tenant of the commands, where it isn't the default one.
    tenant: Option<String>,
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
        let tenant = self.tenant.clone();
        if let Some(tenant) = &tenant {
            line.extend(["--tenant", tenant]);
        }
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

    /// What the tour's clock says.
    fn now(&self) -> Result<jiff::Timestamp, CliError> {
        jiff::Timestamp::from_millisecond(self.context.now())
            .map_err(|error| CliError::failed(error.to_string()))
    }

    /// Goes on in another tenant, which is made.
    async fn tenant(&mut self, name: &str) -> Result<(), CliError> {
        self.run(&["tenant", "add", name], Status::Done).await?;
        self.context.in_tenant(name);
        self.tenant = Some(name.to_owned());
        Ok(())
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
    let mut tour = Tour { context, data: root.join("data"), tenant: None, steps: Vec::new() };
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
    graph::play(tour, root).await?;
    export::play(tour, root).await?;
    tour.say("That was all of it; the simulated tenant is gone with its act. What to try next:");
    let data = format!("{} --tenant hr", quoted(&tour.data.display().to_string()));
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
