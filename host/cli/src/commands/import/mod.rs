//! `usher users import`: people made by hand, once, from a CSV file.
//!
//! The file is recognised as the CSV method recognises it, and nothing of it is bound to a connection: no link, no mirror, no source that decides
//! later. So only what is nobody's or made by hand is written.

mod plan;

use crate::args::ImportArgs;
use crate::console::Tone;
use crate::context::Context;
use crate::error::{CliError, Status};
use crate::given;
use crate::show;
use plan::{Change, Passed, Plan};
use serde_json::{Value as Json, json};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use usher_method_csv::settings::Settings;
use usher_method_csv::upload::{ReadFault, Seen, Standing, Upload};
use usher_store::{Store, UserEdit};
use usher_sync::{Phase, Progress};

/// The largest file. It is held in memory, with its plan; half a million people made by hand are a source, which has `usher connect`.
const MOST_BYTES: u64 = 128 << 20;
/// Lines shown of each kind before the rest is only counted.
const LINES: usize = 30;

/// The name that stands for standard input.
const STANDARD_INPUT: &str = "-";

/// What became of a plan.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// It was only to be seen.
    Seen,
    /// Nobody confirmed it.
    Unconfirmed,
    /// There was nothing to do.
    Nothing,
    /// It was written: so many made, so many changed.
    Written(usize, usize),
}

/// Takes people from a file.
pub async fn import(args: ImportArgs, context: &mut Context) -> Result<Status, CliError> {
    let tenant = context.tenant().await?;
    let store = context.store().await?;
    let settings = settings(&args, context).await?;
    let (name, bytes) = content(&args.file)?;
    let mut upload = Upload::open(&name, bytes, &settings).map_err(unreadable)?;
    let mut rows = Vec::new();
    while let Some(row) = upload.advance().map_err(unreadable)? {
        rows.push(row);
    }
    let mut plan = Plan::of(rows, &store, tenant.id, args.update).await?;
    show(context, &name, &upload.findings(), &plan, args.all);
    let outcome = if plan.lines.is_empty() {
        Outcome::Nothing
    } else if args.dry_run {
        Outcome::Seen
    } else if args.yes || context.console.confirm(&question(&plan)) {
        write(context, &store, &mut plan).await?
    } else {
        Outcome::Unconfirmed
    };
    if context.console.is_json() {
        let value = document(&name, &upload, &plan, outcome);
        context.console.json(&value);
    } else {
        verdict(context, &plan, outcome);
    }
    Ok(match outcome {
        Outcome::Unconfirmed => Status::Held,
        // A file in which not one row is of use is not what was meant.
        Outcome::Nothing if plan.unchanged == 0 && plan.passed.is_empty() => Status::Failed,
        _ => Status::Done,
    })
}

/// How the file is to be read: as the CSV method's settings say.
async fn settings(args: &ImportArgs, context: &mut Context) -> Result<Settings, CliError> {
    let (pairs, folder) = given::pairs(&args.given)?;
    let file = args.file.display().to_string();
    if pairs.is_empty() {
        return Ok(Settings::of_users(&file));
    }
    if let Some((other, _)) =
        pairs.iter().find(|(key, _)| matches!(key.as_str(), "users" | "groups" | "memberships"))
    {
        return Err(CliError::usage(
            format!("{other} is no setting of an upload, which reads one file of people"),
            "give the file itself: `usher users import FILE`; several files are for `usher connect csv`",
        ));
    }
    let tenant = context.tenant().await?;
    let host = context.host().await?;
    let entry = host.catalogue().find(tenant.id, "csv").await?;
    let given = given::for_plugin(&entry.plugin, json!({ "users": file }), &pairs, folder.as_deref())?;
    let wrong = |why: String| {
        CliError::usage(
            format!("settings of csv: {why}"),
            "`usher plugin show csv` lists its settings; give them with --set key=value or --settings FILE",
        )
    };
    let settings: Settings = serde_json::from_value(given).map_err(|error| wrong(error.to_string()))?;
    match settings.problems().first() {
        Some(problem) => Err(wrong(format!("{}: {}", problem.place, problem.why))),
        None => Ok(settings),
    }
}

/// The file's name for messages, and what is in it.
fn content(file: &Path) -> Result<(String, Vec<u8>), CliError> {
    let place = file.display();
    let failed = |error: std::io::Error| {
        CliError::usage(format!("{place}: {error}"), "give the path of a CSV file, or `-` for standard input")
    };
    let mut bytes = Vec::new();
    let name = if file.as_os_str() == STANDARD_INPUT {
        std::io::stdin().lock().take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
        "standard input".to_owned()
    } else {
        let opened = File::open(file).map_err(failed)?;
        opened.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
        file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned()
    };
    if bytes.len() as u64 > MOST_BYTES {
        return Err(CliError::usage(
            format!("{place} has more than {} MiB", MOST_BYTES >> 20),
            "upload it in parts, or connect it as a source: `usher connect csv --set users=FILE`",
        ));
    }
    Ok((name, bytes))
}

/// A file that is no list of people, or not a whole one.
fn unreadable(fault: ReadFault) -> CliError {
    match fault {
        ReadFault::Settings(problem) => CliError::usage(
            problem.why,
            format!("correct the setting with --set {}=…, or leave it out", problem.place),
        ),
        ReadFault::Source(why) => CliError {
            status: Status::Failed,
            class: "source".to_owned(),
            message: why,
            advice: Some(
                "nobody was made; settings are given with --set, such as --set mapping.userName=HEADER"
                    .to_owned(),
            ),
        },
        // The file lies in memory: nothing else can happen to it.
        other => CliError::failed(format!("the file can't be read: {other:?}")),
    }
}

fn question(plan: &Plan) -> String {
    let people = |count: usize| if count == 1 { "user" } else { "users" };
    match plan.counts() {
        (made, 0) => format!("Make {made} {}?", people(made)),
        (0, changed) => format!("Change {changed} {}?", people(changed)),
        (made, changed) => format!("Make {made} {} and change {changed}?", people(made)),
    }
}

/// Writes the plan, all of it in one change. Whoever came to be there meanwhile is passed over like the others.
async fn write(context: &mut Context, store: &Store, plan: &mut Plan) -> Result<Outcome, CliError> {
    let by = context.by().await?;
    let progress = context.console.progress();
    let edits: Vec<_> = plan
        .lines
        .iter()
        .map(|line| match &line.change {
            Change::Create(new) => UserEdit::Add(new),
            Change::Update(user, changes) => UserEdit::Set(user, changes),
        })
        .collect();
    let whole = plan.lines.len() as u64;
    let written = store.edit_users(by, &edits, |at| progress.at(Phase::Apply, at as u64, Some(whole))).await;
    progress.clear();
    let taken = written.map_err(|error| {
        let error = CliError::from(error);
        CliError { message: format!("{}; nobody was made or changed", error.message), ..error }
    })?;
    let (mut made, mut changed) = plan.counts();
    for line in taken.iter().filter_map(|at| plan.lines.get(*at)) {
        let why = match line.change {
            Change::Create(_) => {
                made -= 1;
                "was made by somebody else meanwhile"
            }
            Change::Update(..) => {
                changed -= 1;
                "was removed meanwhile, got a name that somebody has, or belongs to a connection by now"
            }
        };
        plan.passed.push(Passed { line: line.line, user_name: line.user_name.clone(), why: why.to_owned() });
    }
    Ok(Outcome::Written(made, changed))
}

fn show(context: &mut Context, name: &str, findings: &[Seen], plan: &Plan, all: bool) {
    let console = &mut context.console;
    let most = if all { usize::MAX } else { LINES };
    let heading = console.tone(Tone::Strong, format!("{name}:"));
    console.line(heading);
    for finding in findings {
        let (sign, tone) = match finding.standing {
            Standing::Good => ("✓", Tone::Good),
            Standing::Warning => ("!", Tone::Change),
            Standing::Failed => ("✗", Tone::Bad),
        };
        let sign = console.tone(tone, sign);
        console.line(format!("  {sign} {}", finding.what));
        if let Some(advice) = &finding.advice {
            console.line(format!("    {advice}"));
        }
    }
    console.line("");
    let more = |count: usize| format!("  … {} more: --all shows every line", count - most);
    for line in plan.lines.iter().take(most) {
        let (sign, tone) = match line.change {
            Change::Create(_) => ("+", Tone::Good),
            Change::Update(..) => ("~", Tone::Change),
        };
        let said = match line.change {
            Change::Create(_) => "new".to_owned(),
            Change::Update(..) => show::fields(line.changes()),
        };
        let sign = console.tone(tone, sign);
        let said = console.tone(Tone::Quiet, format!("line {}: {said}", line.line));
        console.line(format!("  {sign} {}  {said}", line.user_name));
    }
    if plan.lines.len() > most {
        console.line(more(plan.lines.len()));
    }
    for (line, why) in plan.bad.iter().take(most) {
        let sign = console.tone(Tone::Bad, "!");
        console.line(format!("  {sign} line {line} can't be used: {why}"));
    }
    if plan.bad.len() > most {
        console.line(more(plan.bad.len()));
    }
    for passed in plan.passed.iter().take(most) {
        console.line(format!("  · line {} is passed over: {} {}", passed.line, passed.user_name, passed.why));
    }
    if plan.passed.len() > most {
        console.line(more(plan.passed.len()));
    }
}

fn verdict(context: &mut Context, plan: &Plan, outcome: Outcome) {
    let (made, changed) = plan.counts();
    let (left, unusable, same) = (plan.passed.len(), plan.bad.len(), plan.unchanged);
    let others = format!("{same} as they are, {left} passed over, {unusable} that can't be used");
    let text = match outcome {
        Outcome::Written(made, changed) => format!("Done: {made} made, {changed} changed; {others}."),
        Outcome::Seen => format!(
            "Nothing was changed: {made} would be made, {changed} changed; {others}. Without --dry-run it is done."
        ),
        Outcome::Unconfirmed => format!(
            "Nothing was changed: {made} would be made, {changed} changed; {others}. Confirm when asked, or give --yes."
        ),
        Outcome::Nothing => format!("There is nothing to do; {others}."),
    };
    context.console.line("");
    context.console.line(text);
}

fn document(name: &str, upload: &Upload, plan: &Plan, outcome: Outcome) -> Json {
    let (made, changed) = match outcome {
        Outcome::Written(made, changed) => (made, changed),
        _ => plan.counts(),
    };
    let (result, applied) = match outcome {
        Outcome::Written(..) => ("success", true),
        Outcome::Seen => ("success", false),
        Outcome::Nothing => ("unchanged", false),
        Outcome::Unconfirmed => ("held", false),
    };
    let recognised: Vec<_> = upload
        .findings()
        .into_iter()
        .map(|finding| {
            json!({ "standing": match finding.standing {
                Standing::Good => "good", Standing::Warning => "warning", Standing::Failed => "failed" },
                "what": finding.what, "advice": finding.advice })
        })
        .collect();
    let passed: Vec<_> = plan
        .passed
        .iter()
        .map(|row| json!({ "line": row.line, "userName": row.user_name, "reason": row.why }))
        .collect();
    let bad: Vec<_> = plan.bad.iter().map(|(line, why)| json!({ "line": line, "reason": why })).collect();
    json!({
        "file": name,
        "result": result,
        "applied": applied,
        "recognised": recognised,
        "users": { "created": made, "updated": changed, "unchanged": plan.unchanged,
            "skipped": passed.len(), "quarantined": bad.len(), "filtered": upload.filtered },
        "lines": plan.lines.iter().map(plan::Line::json).collect::<Vec<_>>(),
        "skipped": passed,
        "quarantined": bad,
    })
}
