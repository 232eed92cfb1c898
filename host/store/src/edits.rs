//! Changes by hand: each is a change of the directory like a run's, with a number, a run that stands for it, and lines.

use crate::database::{Store, Write, rows, text};
use crate::error::StoreError;
use crate::history::next_change;
use crate::lines::{LineRow, insert_lines};
use crate::runs::Intent;
use sqlx::Row;
use std::collections::BTreeMap;
use usher_model::{ACTIVE, Attributes, MemberKind, Value};
use usher_planner::{Action, Change, Changes, RecordKind};

/// As far as the clocks of two hosts may be apart before one of them is taken for wrong: an hour, in milliseconds.
const A_LITTLE: i64 = 60 * 60 * 1000;

/// Whose change it is.
#[derive(Clone, Copy, Debug)]
pub struct By<'a> {
    /// The tenant.
    pub tenant: i64,
    /// Who changes it: `command line`.
    pub who: &'a str,
    /// Milliseconds since 1970.
    pub now: i64,
}

/// A change by hand that is under way.
pub(crate) struct Edit {
    pub(crate) write: Write,
    tenant: i64,
    /// The run that stands for it.
    pub(crate) run: i64,
    /// The change's number: what it puts there is there since then.
    pub(crate) change: i64,
    lines: Vec<LineRow>,
}

impl Store {
    /// Begins a change by hand.
    pub(crate) async fn edit(&self, by: By<'_>) -> Result<Edit, StoreError> {
        self.edit_as(by, Intent::Edit, "").await
    }

    /// Begins a change that isn't a source's; `what` is the connection that it is about, if it is about one.
    pub(crate) async fn edit_as(&self, by: By<'_>, intent: Intent, what: &str) -> Result<Edit, StoreError> {
        let mut write = self.write_alone(by.tenant).await?;
        let change = next_change(&mut write, by.tenant).await?;
        // History is told in order, also by a clock that is a little behind that of the host before.
        let row = write
            .query(
                "SELECT finished_at FROM runs WHERE tenant = $1 AND change < $2 ORDER BY change DESC LIMIT 1",
            )
            .bind(by.tenant)
            .bind(change)
            .fetch_optional(&mut *write)
            .await?;
        let last: Option<i64> = row.map(|row| row.try_get(0)).transpose()?.flatten();
        let at = last.filter(|last| (by.now..by.now + A_LITTLE).contains(last)).unwrap_or(by.now);
        let intent = text(&intent, "intent")?;
        let row = write
            .query(
                "INSERT INTO runs (tenant, id, connection, connection_name, intent, state, applied, change, started_at, finished_at,
                     started_by)
                 SELECT $1, COALESCE(MAX(id), 0) + 1, 0, $2, $3, 'success', 1, $4, $5, $5, $6 FROM runs WHERE tenant = $1
                 RETURNING id",
            )
            .bind(by.tenant)
            .bind(what)
            .bind(intent.trim_matches('"'))
            .bind(change)
            .bind(at)
            .bind(by.who)
            .fetch_one(&mut *write)
            .await?;
        let run = row.try_get(0)?;
        Ok(Edit { write, tenant: by.tenant, run, change, lines: Vec::new() })
    }
}

impl Edit {
    /// Notes what is done to a user or group.
    pub(crate) fn note(
        &mut self,
        kind: RecordKind,
        action: Action,
        record: &str,
        name: &str,
        changes: &Changes,
    ) -> Result<(), StoreError> {
        self.lines.push(LineRow {
            kind: kind.name().to_owned(),
            source_id: record.to_owned(),
            member_id: String::new(),
            action: action.name().to_owned(),
            record: record.to_owned(),
            member: String::new(),
            name: name.to_owned(),
            reason: "by hand".to_owned(),
            changes: text(changes, "line")?,
            owns: 0,
            away: 0,
        });
        Ok(())
    }

    /// Notes that somebody is put into a group, or taken out.
    pub(crate) fn note_member(
        &mut self,
        action: Action,
        group: (&str, &str),
        member: (&str, &str),
        kind: MemberKind,
    ) {
        self.lines.push(LineRow {
            kind: RecordKind::Membership.name().to_owned(),
            source_id: group.0.to_owned(),
            member_id: format!("{}:{}", kind.name().get(..1).unwrap_or_default(), member.0),
            action: action.name().to_owned(),
            record: group.0.to_owned(),
            member: member.0.to_owned(),
            name: format!("{} in {}", member.1, group.1),
            reason: "by hand".to_owned(),
            changes: "{}".to_owned(),
            owns: 0,
            away: 0,
        });
    }

    /// Whether nothing was done so far: then it isn't kept either.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Keeps it, with its lines.
    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        for page in self.lines.chunks(1000) {
            insert_lines(&mut self.write, self.tenant, self.run, rows(&page)?).await?;
        }
        self.write.commit().await
    }
}

/// What a record's fields become: those that differ.
pub(crate) fn differences(
    (name_field, name, active, attributes): (&str, &str, Option<bool>, &Attributes),
    (new_name, new_active, new_attributes): (&str, Option<bool>, &Attributes),
) -> Changes {
    let mut changes = Changes::new();
    if name != new_name {
        changes.insert(
            name_field.to_owned(),
            Change((!name.is_empty()).then(|| name.into()), Some(new_name.into())),
        );
    }
    if active != new_active {
        changes.insert(ACTIVE.to_owned(), Change(active.map(Into::into), new_active.map(Into::into)));
    }
    let both: BTreeMap<&String, ()> =
        attributes.keys().chain(new_attributes.keys()).map(|name| (name, ())).collect();
    for name in both.into_keys() {
        let (before, after) = (attributes.get(name), new_attributes.get(name));
        if before != after {
            changes.insert(name.clone(), Change(before.map(Value::to_json), after.map(Value::to_json)));
        }
    }
    changes
}
