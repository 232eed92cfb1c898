//! What the operator is shown before anything is read (F78): which files, how they are understood, how many records.

use crate::broken::Broken;
use crate::columns::Columns;
use crate::encoding::Encoding;
use crate::files::Outside;
use crate::groups::GroupColumns;
use crate::headers::instead_of;
use crate::memberships::MembershipColumns;
use crate::read::{Reading, Sink};
use crate::settings::{Preset, Settings};
use crate::table::Table;
use crate::users::People;
use usher_plugin::{BadRecord, Change, Estimate, Fault, Finding, MemberKind, Report, Standing};

/// At most so many chunks (225 MiB) are gone through: a host hands over 256 MiB in one call. A million people with their
/// memberships fit.
const MOST_CHUNKS: u32 = 900;

/// At most so many damaged rows are named.
const NAMED_ROWS: usize = 5;

pub(crate) fn good(what: String) -> Finding {
    Finding { standing: Standing::Good, what, advice: None }
}

pub(crate) fn warning(what: String, advice: &str) -> Finding {
    Finding { standing: Standing::Warning, what, advice: Some(advice.to_owned()) }
}

/// Goes through everything without handing it over.
#[derive(Default)]
struct Survey {
    bad: u32,
    named: Vec<BadRecord>,
    nameless: bool,
}

impl Sink for Survey {
    fn wants(&self, _: &str) -> bool {
        false
    }

    fn take(&mut self, change: Change) {
        if let Change::Unreadable(bad) = change {
            self.bad += 1;
            self.nameless |= bad.what.is_none();
            if self.named.len() < NAMED_ROWS {
                self.named.push(bad);
            }
        }
    }

    fn member(&mut self, _: &str, _: &str, _: MemberKind) {}
}

/// The whole report. A file that can't be used is a finding, not a fault.
pub fn report(outside: &mut dyn Outside, settings: &Settings) -> Result<Report, Fault> {
    let mut findings = Vec::new();
    for setting in ["users", "groups", "memberships"] {
        let name = match outside.open(setting) {
            Ok(Some(file)) => file.name,
            Ok(None) => continue,
            Err(fault) => return failed(findings, fault),
        };
        let seen = Table::open(outside, setting, settings).and_then(|table| match table {
            Some(table) => understood(&table, setting, settings),
            None => Ok(Vec::new()),
        });
        match seen {
            Ok(seen) => findings.extend(seen),
            Err(broken) => return failed(findings, broken.in_file(&name)),
        }
    }
    let mut survey = Survey::default();
    let mut reading = match Reading::fresh(outside, settings) {
        Ok(reading) => reading.only_looking(),
        Err(fault) => return failed(findings, fault),
    };
    let is_whole = match reading.run(outside, &mut survey, MOST_CHUNKS) {
        Ok(is_whole) => is_whole,
        Err(fault) => return failed(findings, fault),
    };
    for note in reading.guesses() {
        findings.push(warning(note.what, &note.advice));
    }
    let counts = reading.counts();
    let estimate =
        Estimate { users: counts.users, groups: counts.groups, memberships: Some(counts.memberships) };
    let told =
        format!("{} users, {} groups, {} memberships", counts.users, counts.groups, counts.memberships);
    findings.push(good(if is_whole {
        told
    } else {
        format!("the files are large, so only their first part was looked at: {told} so far")
    }));
    if reading.filtered > 0 {
        findings
            .push(good(format!("the filter keeps {} of {} rows out", reading.filtered, reading.user_rows)));
    }
    if is_whole && counts.users == 0 {
        findings.push(warning(
            format!("{} has no row that comes in", reading.files.users.name),
            "look at where the file comes from; a sync would stop before removing anybody",
        ));
    }
    if survey.bad > 0 {
        let named: Vec<String> =
            survey.named.iter().map(|bad| format!("{}: {}", bad.place, bad.why)).collect();
        let more = if survey.bad as usize > named.len() { "; …" } else { "" };
        findings.push(warning(
            format!("{} rows can't be read ({}{more})", survey.bad, named.join("; ")),
            if survey.nameless {
                "correct them: until then nobody is removed"
            } else {
                "correct them: until then what is stored for these records stays as it is"
            },
        ));
    }
    for note in reading.strangers() {
        findings.push(warning(note.what, &note.advice));
    }
    Ok(Report { findings, counts: is_whole.then_some(estimate), verified_domains: Vec::new() })
}

fn failed(mut findings: Vec<Finding>, fault: Fault) -> Result<Report, Fault> {
    let (what, advice) = match fault {
        Fault::Source(why) | Fault::Permission(why) => (why, None),
        Fault::Settings(problem) => (problem.why, Some(format!("change the setting `{}`", problem.place))),
        other => return Err(other),
    };
    findings.push(Finding { standing: Standing::Failed, what, advice });
    Ok(Report { findings, counts: None, verified_domains: Vec::new() })
}

/// How one file is read.
fn understood(table: &Table, setting: &str, settings: &Settings) -> Result<Vec<Finding>, Broken> {
    let header = |column: usize| table.headers.get(column).map(String::as_str).unwrap_or_default();
    let mut findings = vec![good(describe(table))];
    let told = |what: &str, feeds: Vec<(&str, usize)>| {
        let feeds: Vec<String> = feeds
            .into_iter()
            .map(|(attribute, column)| format!("{attribute} ← {}", header(column)))
            .collect();
        good(format!("{what}: {}", feeds.join(", ")))
    };
    match setting {
        "users" => findings.extend(columns(&People::of(table, settings)?.columns, &table.headers)),
        "groups" => {
            let columns = GroupColumns::of(table, settings)?;
            let mut feeds = vec![("id", columns.key)];
            feeds.extend(columns.name.map(|column| ("displayName", column)));
            feeds.extend(columns.kind.map(|column| ("kind", column)));
            feeds.extend(columns.others.iter().map(|(column, attribute)| (attribute.as_str(), *column)));
            findings.push(told("groups", feeds));
            findings.extend(reserved(&columns.reserved, "group_mapping"));
        }
        _ => {
            let columns = MembershipColumns::of(table, settings)?;
            let mut feeds = vec![("group", columns.group), ("member", columns.member)];
            feeds.extend(columns.kind.map(|column| ("kind", column)));
            findings.push(told("memberships", feeds));
        }
    }
    Ok(findings)
}

/// The file as such: how long, how written.
pub(crate) fn describe(table: &Table) -> String {
    let delimiter = match table.delimiter {
        b',' => "commas",
        b';' => "semicolons",
        b'\t' => "tabs",
        b'|' => "vertical bars",
        _ => "its own delimiter",
    };
    let encoding = match table.encoding {
        _ if table.is_guess() => "encoding guessed",
        Encoding::Ascii if !table.is_drained() => "ASCII at its beginning",
        encoding => encoding.name(),
    };
    let mut text = format!(
        "{}: {} bytes, {encoding}, {} columns separated by {delimiter}",
        table.file.name,
        table.file.size,
        table.headers.len()
    );
    for skipped in &table.preamble.skipped {
        text.push_str(&format!("; {skipped} is skipped"));
    }
    text
}

fn header(headers: &[String], column: usize) -> &str {
    headers.get(column).map(String::as_str).unwrap_or_default()
}

fn columns(columns: &Columns, headers: &[String]) -> Vec<Finding> {
    let mut findings = vec![shape(columns)];
    let case = if columns.folds_case { ", in lower case" } else { "" };
    findings.push(good(format!("the key is “{}”{case}", header(headers, columns.key))));
    let is_renamed = columns.feeds.iter().any(|(column, feed)| {
        *column == columns.key && matches!(feed.attribute(), "userName" | "emails" | "displayName")
    });
    if is_renamed {
        findings.push(warning(
            "the key is a name or an address: somebody who is renamed will look like somebody new".to_owned(),
            "if the file has a column that never changes (an employee number, an object id), set it as `mapping.id`",
        ));
    }
    findings.push(attributes(columns, headers));
    if !columns.feeds.iter().any(|(_, feed)| feed.attribute() == "userName") {
        findings.push(warning(
            "no column gives a userName or an e-mail address".to_owned(),
            "set `mapping.userName` to the column that holds it",
        ));
    }
    findings.extend(not_read(columns));
    findings
}

/// Which shape of file it is, and by what that was told.
pub(crate) fn shape(columns: &Columns) -> Finding {
    let shape = match columns.shape.preset {
        Preset::EntraBulk => "Microsoft Entra's bulk template (a row of examples is skipped)",
        Preset::EntraUsers => "Microsoft Entra's “Download users”",
        Preset::Google => "Google Workspace's user export",
        Preset::Okta => "Okta's profile columns",
        Preset::Plain | Preset::Auto => "plain columns",
    };
    let because = match columns.shape.because.as_slice() {
        [] => String::new(),
        headers => format!(", recognised by “{}”", headers.join("”, “")),
    };
    good(format!("read as {shape}{because}"))
}

/// Which column feeds which attribute.
pub(crate) fn attributes(columns: &Columns, headers: &[String]) -> Finding {
    let header = |column: usize| header(headers, column);
    let mut reads: Vec<String> = columns
        .feeds
        .iter()
        .map(|(column, feed)| {
            let sense = match feed {
                crate::columns::Feed::Active { inverted: true } => " (inverted)",
                _ => "",
            };
            format!("{} ← {}{sense}", feed.attribute(), header(*column))
        })
        .collect();
    if let Some((given, family)) = columns.display_name {
        let parts: Vec<&str> = [given, family].into_iter().flatten().map(header).collect();
        let where_empty = match reads.iter().any(|read| read.starts_with("displayName ←")) {
            true => " where that is empty",
            false => "",
        };
        reads.push(format!("displayName ← {}{where_empty}", parts.join(" + ")));
    }
    if let Some(column) = columns.groups {
        reads.push(format!("groups ← {}", header(column)));
    }
    good(format!("attributes: {}", reads.join(", ")))
}

/// Columns that feed nothing, and why.
pub(crate) fn not_read(columns: &Columns) -> Vec<Finding> {
    let unused: Vec<String> =
        columns.unused.iter().map(|(header, why)| format!("“{header}” ({why})")).collect();
    let unused = (!unused.is_empty()).then(|| good(format!("not read: {}", unused.join(", "))));
    unused.into_iter().chain(reserved(&columns.reserved, "mapping")).collect()
}

/// Columns that need another name to be read.
fn reserved(headers: &[String], mapping: &str) -> Option<Finding> {
    let first = headers.first()?;
    Some(warning(
        format!("not read: “{}”, because Usher itself has something of that name", headers.join("”, “")),
        &format!(
            "map it to another name, such as `{mapping}.{}={first}`; an empty header leaves it out",
            instead_of(first)
        ),
    ))
}
