//! What a plugin answered, before anybody else sees it: counted, measured, and its sentences made fit for a person's screen.
//!
//! An answer that breaks the contract as a whole is the plugin's fault. A single record that does so becomes `unreadable`, so that
//! it is quarantined with its reason and the others go on.

use crate::contract::hook::{Decision, Verdict};
use crate::contract::model::{
    BadRecord, Fault, Group, MemberSlice, Membership, ObjectRef, Problem, User, Value,
};
use crate::contract::source::{Change, GroupPage, MemberPage, Next, Page, Presence, Report};
use crate::escape::one_line;
use crate::fault::{Ended, FaultKind};
use crate::limits::{ID_BYTES, Limits, SENTENCE_BYTES};

/// Longest name of an attribute.
const NAME_BYTES: usize = 256;
/// Longest RFC 3339 date and time, generously.
const MOMENT_BYTES: usize = 64;

fn too_much(limit: &'static str, what: String) -> Ended {
    Ended::at(limit, FaultKind::TooMuchData, what)
}

fn bad(what: String) -> Ended {
    Ended::by(FaultKind::BadAnswer, what)
}

fn sentence(text: &mut String) {
    *text = one_line(text, SENTENCE_BYTES);
}

/// A fault's sentences.
pub(crate) fn fault(mut fault: Fault) -> Fault {
    match &mut fault {
        Fault::Throttled(_) | Fault::CursorExpired | Fault::ResumeLost => {}
        Fault::Settings(problem) => {
            sentence(&mut problem.place);
            sentence(&mut problem.why);
        }
        Fault::Auth(why)
        | Fault::Permission(why)
        | Fault::Network(why)
        | Fault::Source(why)
        | Fault::Bug(why) => sentence(why),
    }
    fault
}

/// Problems with settings.
pub(crate) fn problems(mut problems: Vec<Problem>, limits: &Limits) -> Result<Vec<Problem>, Ended> {
    count("problems", problems.len(), limits)?;
    for problem in &mut problems {
        sentence(&mut problem.place);
        sentence(&mut problem.why);
    }
    Ok(problems)
}

/// What `check` found.
pub(crate) fn report(mut report: Report, limits: &Limits) -> Result<Report, Ended> {
    count("findings", report.findings.len(), limits)?;
    count("domains", report.verified_domains.len(), limits)?;
    for finding in &mut report.findings {
        sentence(&mut finding.what);
        finding.advice.iter_mut().for_each(sentence);
    }
    report.verified_domains.iter_mut().for_each(sentence);
    Ok(report)
}

/// Groups to choose from.
pub(crate) fn group_page(page: GroupPage, limits: &Limits) -> Result<GroupPage, Ended> {
    count("groups", page.groups.len(), limits)?;
    page.groups.iter().try_for_each(|summary| group(&summary.group, limits).map_err(bad))?;
    token(page.next.as_deref(), limits)?;
    Ok(page)
}

/// Members of a group.
pub(crate) fn member_page(page: MemberPage, limits: &Limits) -> Result<MemberPage, Ended> {
    count("members", page.users.len() + page.groups.len(), limits)?;
    page.users.iter().try_for_each(|one| user(one, limits).map_err(bad))?;
    page.groups.iter().try_for_each(|one| group(one, limits).map_err(bad))?;
    token(page.next.as_deref(), limits)?;
    Ok(page)
}

/// A page of a read.
pub(crate) fn page(mut page: Page, limits: &Limits) -> Result<Page, Ended> {
    changes(&mut page.changes, limits)?;
    match &page.next {
        Next::More(more) => token(Some(more), limits)?,
        Next::End(seal) => token(seal.cursor.as_deref(), limits)?,
    }
    Ok(page)
}

/// What became of records that were asked for.
pub(crate) fn presences(
    mut found: Vec<Presence>,
    refs: &[ObjectRef],
    limits: &Limits,
) -> Result<Vec<Presence>, Ended> {
    if found.len() != refs.len() {
        return Err(bad(format!("answered {} references with {} answers", refs.len(), found.len())));
    }
    for presence in &mut found {
        match presence {
            Presence::Here(here) => changes(here, limits)?,
            Presence::Gone => {}
            Presence::Unknown(why) => sentence(why),
        }
    }
    Ok(found)
}

/// One verdict for each of `asked`.
pub(crate) fn verdicts(
    mut verdicts: Vec<Verdict>,
    asked: usize,
    limits: &Limits,
) -> Result<Vec<Verdict>, Ended> {
    if verdicts.len() != asked {
        return Err(bad(format!("gave {} verdicts on {asked} records", verdicts.len())));
    }
    for verdict in &mut verdicts {
        match &mut verdict.decision {
            Decision::Keep => {}
            Decision::LeaveOut(why) | Decision::Hold(why) => sentence(why),
        }
        let edits = verdict.edits.iter().map(|edit| (&edit.attribute, &edit.value));
        attributes(edits, true, limits).map_err(|why| bad(format!("gave an edit whose {why}")))?;
        count("groups to place a user in", verdict.place.len(), limits)?;
        if let Some(long) = verdict.place.iter().find(|group| !is_id(group)) {
            return Err(bad(format!("named a group by {} bytes; 1 to {ID_BYTES} are allowed", long.len())));
        }
    }
    Ok(verdicts)
}

fn count(what: &str, given: usize, limits: &Limits) -> Result<(), Ended> {
    if given as u64 > limits.changes {
        return Err(too_much("changes", format!("gave {given} {what} at once; {} fit", limits.changes)));
    }
    Ok(())
}

fn token(token: Option<&str>, limits: &Limits) -> Result<(), Ended> {
    match token {
        Some(token) if token.len() as u64 > limits.token_bytes => Err(too_much(
            "token_bytes",
            format!("gave a cursor of {} bytes; {} fit", token.len(), limits.token_bytes),
        )),
        _ => Ok(()),
    }
}

fn changes(changes: &mut [Change], limits: &Limits) -> Result<(), Ended> {
    let members: usize = changes
        .iter()
        .map(|change| match change {
            Change::Members(slice) => slice.members.len(),
            Change::ListsEnd(but) => but.len(),
            _ => 0,
        })
        .sum();
    count("changes", changes.len(), limits)?;
    count("members", members, limits)?;
    for (number, one) in changes.iter_mut().enumerate() {
        if let Err(why) = change(one, limits) {
            let place = format!("change {}", number + 1);
            *one = Change::Unreadable(BadRecord { what: whom(one), place, why });
        }
    }
    Ok(())
}

/// Whose record it is, where that can be told. Of a membership it can't: two records are in it.
fn whom(change: &Change) -> Option<ObjectRef> {
    let whom = match change {
        Change::User(User { id, .. }) | Change::UserPatch(User { id, .. }) => ObjectRef::User(id.clone()),
        Change::Group(Group { id, .. }) | Change::GroupPatch(Group { id, .. }) => {
            ObjectRef::Group(id.clone())
        }
        _ => return None,
    };
    let (ObjectRef::User(id) | ObjectRef::Group(id)) = &whom;
    is_id(id).then_some(whom)
}

/// Why a single change can't be used.
fn change(change: &mut Change, limits: &Limits) -> Result<(), String> {
    match change {
        Change::User(whole) => user(whole, limits),
        Change::Group(whole) => group(whole, limits),
        Change::UserPatch(patch) => {
            id(&patch.id)?;
            attributes(patch.attributes.iter().map(|(name, value)| (name, value)), true, limits)
        }
        Change::GroupPatch(patch) => {
            id(&patch.id)?;
            attributes(patch.attributes.iter().map(|(name, value)| (name, value)), true, limits)
        }
        Change::Member(Membership { group, member, .. })
        | Change::MemberGone(Membership { group, member, .. })
        | Change::MemberTakenBack(Membership { group, member, .. }) => {
            id(group)?;
            id(member)
        }
        Change::Members(MemberSlice { group, members, .. }) => {
            id(group)?;
            members.iter().try_for_each(|(member, _)| id(member))
        }
        Change::UserGone(gone) | Change::GroupGone(gone) => id(gone),
        Change::TakenBack(ObjectRef::User(back) | ObjectRef::Group(back)) => id(back),
        Change::ListsEnd(but) => but.iter().try_for_each(|group| id(group)),
        Change::Unreadable(record) => {
            sentence(&mut record.place);
            sentence(&mut record.why);
            if let Some(ObjectRef::User(given) | ObjectRef::Group(given)) = &record.what
                && !is_id(given)
            {
                record.what = None;
            }
            Ok(())
        }
    }
}

fn user(user: &User, limits: &Limits) -> Result<(), String> {
    id(&user.id)?;
    if let Some(name) = &user.user_name {
        text("userName", name, limits)?;
    }
    attributes(user.attributes.iter().map(|(name, value)| (name, value)), false, limits)
}

fn group(group: &Group, limits: &Limits) -> Result<(), String> {
    id(&group.id)?;
    if let Some(name) = &group.display_name {
        text("displayName", name, limits)?;
    }
    attributes(group.attributes.iter().map(|(name, value)| (name, value)), false, limits)
}

/// What no text may hold: Postgres has no way to keep it.
const NUL: char = '\0';

fn is_id(id: &str) -> bool {
    (1..=ID_BYTES).contains(&id.len()) && !id.contains(NUL)
}

fn id(id: &str) -> Result<(), String> {
    match is_id(id) {
        true => Ok(()),
        false if id.contains(NUL) => Err("an id holds the character U+0000".to_owned()),
        false => Err(format!("an id has {} bytes; 1 to {ID_BYTES} are allowed", id.len())),
    }
}

fn text(name: &str, text: &str, limits: &Limits) -> Result<(), String> {
    if text.len() as u64 > limits.text_bytes {
        return Err(format!("attribute {name} has {} bytes; {} fit", text.len(), limits.text_bytes));
    }
    if text.contains(NUL) {
        return Err(format!("attribute {name} holds the character U+0000"));
    }
    Ok(())
}

fn attributes<'a>(
    given: impl Iterator<Item = (&'a String, &'a Value)>,
    may_clear: bool,
    limits: &Limits,
) -> Result<(), String> {
    let mut number = 0;
    for (name, value) in given {
        number += 1;
        if number > limits.attributes {
            return Err(format!("attributes are more than {}", limits.attributes));
        }
        if name.is_empty() || name.len() > NAME_BYTES || name.chars().any(char::is_control) {
            return Err(format!("attribute `{}` has no usable name", one_line(name, NAME_BYTES)));
        }
        match value {
            Value::Text(one) => text(name, one, limits)?,
            Value::Truth(_) | Value::Whole(_) => {}
            Value::Moment(moment) if moment.len() > MOMENT_BYTES || moment.contains(NUL) => {
                return Err(format!("attribute {name} isn't a moment"));
            }
            Value::Moment(_) => {}
            Value::Many(many) if many.len() as u64 > limits.attributes => {
                return Err(format!("attribute {name} has {} values; {} fit", many.len(), limits.attributes));
            }
            Value::Many(many) => many.iter().try_for_each(|one| text(name, one, limits))?,
            Value::Cleared if may_clear => {}
            Value::Cleared => return Err(format!("attribute {name} is `cleared` in a whole record")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::source::{Coverage, Seal};

    fn person(id: &str, attributes: Vec<(String, Value)>) -> Change {
        Change::User(User { id: id.into(), user_name: None, active: None, attributes })
    }

    fn checked(changes: Vec<Change>) -> Result<Vec<Change>, Ended> {
        let next = Next::End(Seal { covers: Coverage::Changes, cursor: None });
        page(Page { changes, next, expected: None }, &Limits::method()).map(|page| page.changes)
    }

    fn why(change: &Change) -> &str {
        match change {
            Change::Unreadable(record) => &record.why,
            _ => "readable",
        }
    }

    #[test]
    fn a_bad_record_is_quarantined_and_the_others_go_on() {
        let long = vec![("displayName".to_owned(), Value::Text("x".repeat(70_000)))];
        let cleared = vec![("title".to_owned(), Value::Cleared)];
        let changes = checked(vec![
            person("", vec![]),
            person("good", vec![]),
            person(&"x".repeat(513), vec![]),
            person("a", long),
            person("b", cleared),
            person("c", vec![("title".to_owned(), Value::Many(vec!["x\0".into()]))]),
            person("d\0", vec![]),
        ])
        .ok()
        .unwrap();
        assert!(matches!(&changes[2], Change::Unreadable(record) if record.what.is_none()));
        let known = ObjectRef::User("a".into());
        assert!(matches!(&changes[3], Change::Unreadable(record) if record.what == Some(known)));
        let said: Vec<_> = changes.iter().map(why).collect();
        assert_eq!(
            said,
            [
                "an id has 0 bytes; 1 to 512 are allowed",
                "readable",
                "an id has 513 bytes; 1 to 512 are allowed",
                "attribute displayName has 70000 bytes; 65536 fit",
                "attribute title is `cleared` in a whole record",
                "attribute title holds the character U+0000",
                "an id holds the character U+0000",
            ]
        );
    }

    #[test]
    fn a_page_beyond_the_limit_is_the_plugins_fault() {
        let ended = checked(vec![person("a", vec![]); 10_001]).err().unwrap();
        assert_eq!(ended.what, "gave 10001 changes at once; 10000 fit");
        assert_eq!(ended.kind, FaultKind::TooMuchData);
    }

    #[test]
    fn a_fault_cant_forge_lines() {
        assert_eq!(fault(Fault::Source("a\nb".into())), Fault::Source(r"a\nb".into()));
    }
}
