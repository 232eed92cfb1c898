//! Taking back what a change did: each record's three states — before it, after it, now — make a line or a conflict.
//!
//! A field returns only if it still holds what the change made of it. Who came by it goes again, unless somebody has touched him since; who went
//! comes back with the same id. Links and memberships follow their records. The mirror and the cursor stay: what the source says is not undone.

mod apply;
mod counts;

pub use apply::Undone;

use crate::database::{Store, Write, document, page, rows, text};
use crate::error::StoreError;
use crate::findings::{Finding, Standing};
use crate::leases::Lease;
use crate::lines::{LineRow, forget_lines, insert_lines};
use crate::protection::{self, IS_PROTECTED};
use crate::runs::Run;
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use usher_model::{ACTIVE, DISPLAY_NAME, MANAGER, USER_NAME};
use usher_planner::{Action, Change, Changes, LEAVING, PATH, RecordKind};

/// Records looked at together.
const PAGE: i64 = 500;
/// What a line says besides fields: whose the record is, and which records of sources it is. No attribute has such a name.
const ORIGIN: &str = "is from";
const LINKED: &str = "is linked to";

/// A link that the change made and that stands as it made it; `l` is the link, `$2` the change.
pub(crate) const MADE: &str =
    "l.since = $2 AND NOT EXISTS (SELECT 1 FROM user_links_was x WHERE x.tenant = $1
    AND x.connection = l.connection AND x.source_id = l.source_id AND x.until > $2)";
/// A link that the change took away and that can come back, since no other that stays is in its way; `w` is how it was.
pub(crate) fn back() -> String {
    format!(
        "w.until = $2 AND NOT EXISTS (SELECT 1 FROM user_links_was x WHERE x.tenant = $1
             AND x.connection = w.connection AND x.source_id = w.source_id AND x.until > $2)
         AND EXISTS (SELECT 1 FROM connections c WHERE c.tenant = $1 AND c.id = w.connection)
         AND NOT EXISTS (SELECT 1 FROM user_links l WHERE l.tenant = $1 AND l.connection = w.connection
             AND (l.source_id = w.source_id OR l.record = w.record) AND NOT ({MADE}))"
    )
}

/// How a record is, or was.
#[derive(Clone, Debug, Deserialize)]
struct State {
    name: String,
    active: Option<i64>,
    attributes: String,
    origin: Option<i64>,
    origin_name: Option<String>,
    manager: Option<String>,
    manager_name: Option<String>,
    paths: Option<String>,
}

#[derive(Deserialize)]
struct Touched {
    id: String,
    /// Before the change.
    was: Option<State>,
    /// After it, where it has changed again since.
    later: Option<State>,
    now: Option<State>,
    /// Which change put there what there is now.
    since: Option<i64>,
    /// 1 where others have to do with it since.
    held: i64,
    /// 1 where the manager that the record had is there, or comes back too.
    managed: i64,
    /// Links that go, that come back, that can't because of what came since, and whose leaving begins or ends.
    made: Vec<(String, String)>,
    back: Vec<(String, String)>,
    lost: Vec<(String, String)>,
    left: Vec<(i64, i64)>,
    /// The connections that have a link of the record afterwards.
    owners: Vec<i64>,
}

/// A field as it is compared, and as it is shown.
type Fields = BTreeMap<String, (Json, Json)>;

impl State {
    fn fields(&self, kind: RecordKind) -> Result<Fields, StoreError> {
        let attributes: BTreeMap<String, Json> = document(&self.attributes, "record")?;
        let mut fields: Fields =
            attributes.into_iter().map(|(name, value)| (name, (value.clone(), value))).collect();
        let mut plain = |name: &str, value: Json| fields.insert(name.to_owned(), (value.clone(), value));
        plain(if kind == RecordKind::User { USER_NAME } else { DISPLAY_NAME }, self.name.as_str().into());
        if let Some(active) = self.active {
            plain(ACTIVE, (active == 1).into());
        }
        if let Some(paths) = &self.paths {
            plain(PATH, document(paths, "list of paths")?);
        }
        if let Some(manager) = &self.manager {
            let shown = self.manager_name.clone().unwrap_or_else(|| manager.clone());
            fields.insert(MANAGER.to_owned(), (manager.as_str().into(), shown.into()));
        }
        if let Some(origin) = self.origin {
            fields.insert(ORIGIN.to_owned(), (origin.into(), self.origin_name.clone().into()));
        }
        Ok(fields)
    }
}

/// What becomes of one record.
struct Decision {
    name: String,
    action: Option<Action>,
    changes: Changes,
    conflicts: Vec<String>,
}

fn shown(fields: &Fields, name: &str) -> Option<Json> {
    fields.get(name).map(|(_, shown)| shown.clone())
}

fn decide(kind: RecordKind, touched: &Touched, change: i64) -> Result<Option<Decision>, StoreError> {
    let later = touched.later.as_ref();
    let since = touched.since.unwrap_or(i64::MAX);
    let stayed = since <= change;
    // Only its links were changed.
    let as_after = touched.now.as_ref().filter(|_| since < change).and_then(|now| later.or(Some(now)));
    let was = touched.was.as_ref().or(as_after);
    let decision = |name: &str, action, changes, conflicts| {
        Ok(Some(Decision { name: name.to_owned(), action, changes, conflicts }))
    };
    match (was, &touched.now) {
        (None, None) => Ok(None),
        (None, Some(now)) => {
            if !stayed {
                let conflict = "went and came back since: it stays".to_owned();
                return decision(&now.name, None, Changes::new(), vec![conflict]);
            }
            let conflict = if later.is_some() {
                Some("changed since it came: it stays")
            } else {
                (touched.held == 1).then_some("others have to do with it since it came: it stays")
            };
            match conflict {
                Some(conflict) => decision(&now.name, None, Changes::new(), vec![conflict.to_owned()]),
                None => {
                    let fields = now.fields(kind)?;
                    let changes =
                        fields.into_iter().map(|(name, (_, shown))| (name, Change(Some(shown), None)));
                    decision(&now.name, Some(Action::Delete), changes.collect(), Vec::new())
                }
            }
        }
        (Some(was), None) => {
            if later.is_some() {
                let conflict = "is gone since: it is not brought back".to_owned();
                return decision(&was.name, None, Changes::new(), vec![conflict]);
            }
            let mut changes: Changes = was
                .fields(kind)?
                .into_iter()
                .map(|(name, (_, shown))| (name, Change(None, Some(shown))))
                .collect();
            linked(touched, &mut changes);
            let mut conflicts = Vec::new();
            if was.manager.is_some() && touched.managed == 0 {
                changes.remove(MANAGER);
                conflicts.push("its manager is gone: it comes back without".to_owned());
            }
            if was.origin.is_some_and(|origin| !touched.owners.contains(&origin)) {
                changes.remove(ORIGIN);
                conflicts.push("its source has it no longer, or somebody else under its key: it comes back as made by hand".to_owned());
            }
            decision(&was.name, Some(Action::Create), changes, conflicts)
        }
        (Some(was), Some(now)) => {
            if !stayed {
                let conflict = "is there again by another change: it stays as it is".to_owned();
                return decision(&now.name, None, Changes::new(), vec![conflict]);
            }
            let then = later.unwrap_or(now).fields(kind)?;
            let (before, current) = (was.fields(kind)?, now.fields(kind)?);
            let mut changes = Changes::new();
            let mut conflicts = Vec::new();
            let value = |fields: &Fields, name: &str| fields.get(name).map(|(value, _)| value.clone());
            for name in before.keys().chain(then.keys().filter(|name| !before.contains_key(*name))) {
                let (old, made, is) = (value(&before, name), value(&then, name), value(&current, name));
                if old == made || is == old {
                    continue;
                }
                if is == made {
                    changes.insert(name.clone(), Change(shown(&current, name), shown(&before, name)));
                } else {
                    conflicts.push(format!("{name} was changed again since: it stays"));
                }
            }
            for (connection, id) in &touched.lost {
                conflicts.push(format!(
                    "its link to {id} of {connection} was changed since, or is in use: it stays as it is"
                ));
            }
            if changes.contains_key(MANAGER) && was.manager.is_some() && touched.managed == 0 {
                changes.remove(MANAGER);
                conflicts.push("the manager it had is gone: the one it has stays".to_owned());
            }
            // Whose it is, a link must say.
            let owned_by = |state: &State| state.origin.is_none_or(|origin| touched.owners.contains(&origin));
            if changes.contains_key(ORIGIN) && !owned_by(was) {
                changes.remove(ORIGIN);
                conflicts.push("the source it came from has it no longer: it stays whose it is".to_owned());
            }
            let owner = if changes.contains_key(ORIGIN) { was } else { now };
            if !owned_by(owner) {
                conflicts.push("it would lose the link to its source: it stays as it is".to_owned());
                return decision(&now.name, None, Changes::new(), conflicts);
            }
            let fields = !changes.is_empty();
            linked(touched, &mut changes);
            let goes =
                |changes: &Changes| changes.get(ACTIVE).map(|Change(_, after)| *after == Some(false.into()));
            let action = match goes(&changes) {
                Some(true) => Some(Action::Deactivate),
                Some(false) => Some(Action::Reactivate),
                None if fields || changes.contains_key(LEAVING) => Some(Action::Update),
                None if !touched.made.is_empty() => Some(Action::Unlink),
                None if !touched.back.is_empty() => Some(Action::Link),
                None => None,
            };
            decision(&now.name, action, changes, conflicts)
        }
    }
}

/// What becomes of links, as fields of the line.
fn linked(touched: &Touched, changes: &mut Changes) {
    let said = |links: &[(String, String)]| {
        let said: Vec<_> = links.iter().map(|(connection, id)| format!("{connection} {id}")).collect();
        (!said.is_empty()).then(|| Json::from(said.join(", ")))
    };
    if !touched.made.is_empty() || !touched.back.is_empty() {
        changes.insert(LINKED.to_owned(), Change(said(&touched.made), said(&touched.back)));
    }
    if let Some((before, now)) = touched.left.first() {
        let leaving = |leaving: i64| (leaving == 1).then_some(Json::Bool(true));
        changes.insert(LEAVING.to_owned(), Change(leaving(*now), leaving(*before)));
    }
}

fn state_of(kind: RecordKind, row: &str) -> String {
    let origin = format!("(SELECT c.name FROM connections c WHERE c.tenant = $1 AND c.id = {row}.origin)");
    if kind == RecordKind::Group {
        return format!(
            "json(json_object('name', {row}.display_name, 'active', NULL, 'attributes', {row}.attributes, 'origin', {row}.origin,
                 'origin_name', {origin}, 'manager', NULL, 'manager_name', NULL, 'paths', NULL))"
        );
    }
    format!(
        "json(json_object('name', {row}.user_name, 'active', {row}.active, 'attributes', {row}.attributes, 'origin', {row}.origin,
             'origin_name', {origin}, 'manager', {row}.manager,
             'manager_name', COALESCE((SELECT b.user_name FROM users b WHERE b.tenant = $1 AND b.id = {row}.manager),
                 (SELECT b.user_name FROM users_was b WHERE b.tenant = $1 AND b.id = {row}.manager AND b.until = $2)),
             'paths', {row}.paths))"
    )
}

fn tables(kind: RecordKind) -> (&'static str, &'static str) {
    if kind == RecordKind::User { ("users", "user_links") } else { ("groups", "group_links") }
}

/// A fragment about links of users, for the links of this kind.
pub(crate) fn of_kind(kind: RecordKind, fragment: &str) -> String {
    fragment.replace("user_links", tables(kind).1)
}

/// The next records that a change touched, after an id.
async fn touched(
    write: &mut Write,
    kind: RecordKind,
    tenant: i64,
    change: i64,
    after: &str,
) -> Result<Vec<Touched>, StoreError> {
    let (table, links) = tables(kind);
    let sql = format!(
        "SELECT json_group_array(id) FROM (SELECT id FROM (
             SELECT id FROM (SELECT w.id FROM {table}_was w WHERE w.tenant = $1 AND w.until = $2 AND w.id > $3 ORDER BY w.id LIMIT $4)
             UNION SELECT id FROM (SELECT u.id FROM {table} u WHERE u.tenant = $1 AND u.since = $2 AND u.id > $3 ORDER BY u.id LIMIT $4)
             UNION SELECT id FROM (SELECT DISTINCT w.record AS id FROM {links}_was w WHERE w.tenant = $1 AND w.until = $2 AND w.record > $3
                 ORDER BY w.record LIMIT $4)
             UNION SELECT id FROM (SELECT DISTINCT l.record AS id FROM {links} l WHERE l.tenant = $1 AND l.since = $2 AND l.record > $3
                 ORDER BY l.record LIMIT $4)
         ) ORDER BY id LIMIT $4)"
    );
    let query = write.query(sql).bind(tenant).bind(change).bind(after).bind(PAGE);
    let ids: Vec<String> = page(&query.fetch_one(&mut **write).await?)?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let (made, back) = (of_kind(kind, MADE), of_kind(kind, &back()));
    let name = |id: &str| format!("(SELECT c.name FROM connections c WHERE c.tenant = $1 AND c.id = {id})");
    let member = if kind == RecordKind::User {
        "m.member_id = texts.value"
    } else {
        "(m.group_id = texts.value OR m.member_id = texts.value)"
    };
    let managed = if kind == RecordKind::User {
        "CASE WHEN EXISTS (SELECT 1 FROM users_was w WHERE w.tenant = $1 AND w.id = texts.value AND w.until = $2
             AND (EXISTS (SELECT 1 FROM users b WHERE b.tenant = $1 AND b.id = w.manager)
               OR EXISTS (SELECT 1 FROM users_was b WHERE b.tenant = $1 AND b.id = w.manager AND b.until = $2))) THEN 1 ELSE 0 END"
    } else {
        "0"
    };
    let left = if kind == RecordKind::User {
        "(SELECT json(json_group_array(json_array(CASE WHEN w.left_at IS NULL THEN 0 ELSE 1 END, CASE WHEN l.left_at IS NULL THEN 0 ELSE 1 END)))
             FROM user_links_was w JOIN user_links l ON l.tenant = $1 AND l.connection = w.connection AND l.source_id = w.source_id
             WHERE w.tenant = $1 AND w.record = texts.value AND w.until = $2 AND l.record = w.record
               AND (w.left_at IS NULL AND l.left_at IS NOT NULL OR w.left_at IS NOT NULL AND l.left_at IS NULL)
               AND NOT EXISTS (SELECT 1 FROM user_links_was x WHERE x.tenant = $1 AND x.connection = w.connection
                   AND x.source_id = w.source_id AND x.until > $2))"
    } else {
        "json('[]')"
    };
    let sql = format!(
        "SELECT json_group_array(json_object('id', texts.value,
             'was', (SELECT {} FROM {table}_was w WHERE w.tenant = $1 AND w.id = texts.value AND w.until = $2),
             'later', (SELECT {} FROM {table}_was w WHERE w.tenant = $1 AND w.id = texts.value AND w.until > $2 AND w.since <= $2
                 ORDER BY w.until LIMIT 1),
             'now', (SELECT {} FROM {table} u WHERE u.tenant = $1 AND u.id = texts.value),
             'since', (SELECT u.since FROM {table} u WHERE u.tenant = $1 AND u.id = texts.value),
             'held', CASE WHEN EXISTS (SELECT 1 FROM memberships m WHERE m.tenant = $1 AND {member} AND m.since > $2)
                     OR EXISTS (SELECT 1 FROM {links} l WHERE l.tenant = $1 AND l.record = texts.value AND l.since > $2) THEN 1 ELSE 0 END,
             'made', (SELECT json(json_group_array(json_array({}, l.source_id))) FROM {links} l
                 WHERE l.tenant = $1 AND l.record = texts.value AND {made}),
             'back', (SELECT json(json_group_array(json_array({}, w.source_id))) FROM {links}_was w
                 WHERE w.tenant = $1 AND w.record = texts.value AND {back}
                   AND NOT EXISTS (SELECT 1 FROM {links} l WHERE l.tenant = $1 AND l.connection = w.connection
                       AND l.source_id = w.source_id AND l.record = w.record)),
             'lost', (SELECT json(json_group_array(json_array(connection, id))) FROM (
                 SELECT {} AS connection, w.source_id AS id FROM {links}_was w
                 WHERE w.tenant = $1 AND w.record = texts.value AND w.until = $2 AND NOT ({back})
                   AND NOT EXISTS (SELECT 1 FROM {links} l WHERE l.tenant = $1 AND l.connection = w.connection
                       AND l.source_id = w.source_id AND l.record = w.record)
                 UNION SELECT {}, l.source_id FROM {links} l
                 WHERE l.tenant = $1 AND l.record = texts.value AND l.since = $2 AND NOT ({made}))
                 WHERE connection IS NOT NULL),
             'left', {left},
             'owners', (SELECT json(json_group_array(connection)) FROM (
                 SELECT l.connection FROM {links} l WHERE l.tenant = $1 AND l.record = texts.value AND NOT ({made})
                 UNION SELECT w.connection FROM {links}_was w WHERE w.tenant = $1 AND w.record = texts.value AND {back})),
             'managed', {managed}))
         FROM json_each($3) texts",
        state_of(kind, "w"),
        state_of(kind, "w"),
        state_of(kind, "u"),
        name("l.connection"),
        name("w.connection"),
        name("w.connection"),
        name("l.connection"),
    );
    let query = write.query(sql).bind(tenant).bind(change).bind(rows(&ids)?);
    page(&query.fetch_one(&mut **write).await?)
}

fn conflict(kind: RecordKind, id: &str, name: &str, reason: String) -> Finding {
    Finding {
        standing: Standing::Kept,
        kind: kind.name().to_owned(),
        id: Some(id.to_owned()),
        name: Some(name.to_owned()),
        reason,
        place: None,
    }
}

/// Writes the lines that take a change back, instead of those that the run has. Gives what stays because it was changed since.
pub(crate) async fn lines(
    write: &mut Write,
    lease: Lease,
    of: &Run,
    change: i64,
) -> Result<Vec<Finding>, StoreError> {
    forget_lines(write, lease).await?;
    let mut conflicts = Vec::new();
    let reason = format!("as before run {}", of.id);
    for kind in [RecordKind::Group, RecordKind::User] {
        let mut after = String::new();
        loop {
            let some = touched(write, kind, lease.tenant, change, &after).await?;
            let mut last = None;
            let mut found = Vec::new();
            for touched in &some {
                last = last.max(Some(&touched.id));
                let Some(decision) = decide(kind, touched, change)? else { continue };
                let Decision { name, action, changes, conflicts: reasons } = decision;
                conflicts
                    .extend(reasons.into_iter().map(|reason| conflict(kind, &touched.id, &name, reason)));
                let Some(action) = action else { continue };
                found.push(LineRow {
                    kind: kind.name().to_owned(),
                    source_id: touched.id.clone(),
                    member_id: String::new(),
                    action: action.name().to_owned(),
                    record: touched.id.clone(),
                    member: String::new(),
                    name,
                    reason: reason.clone(),
                    changes: text(&changes, "line")?,
                    owns: 0,
                    away: away(action, &changes),
                });
            }
            let Some(last) = last else { break };
            after.clone_from(last);
            if !found.is_empty() {
                insert_lines(write, lease.tenant, lease.run, rows(&found)?).await?;
            }
        }
    }
    let spared = protection::spare(write, lease).await?;
    conflicts.extend(
        spared.into_iter().map(|(id, name)| {
            conflict(RecordKind::User, &id, &name, format!("{IS_PROTECTED}: stays as it is"))
        }),
    );
    conflicts.extend(taken_names(write, lease, change).await?);
    conflicts.extend(managers(write, lease).await?);
    memberships(write, lease, change, &reason).await?;
    Ok(conflicts)
}

/// What the guard makes of a line: 1 where somebody loses something, 2 where a value is cleared.
fn away(action: Action, changes: &Changes) -> i64 {
    let cleared = |(name, Change(before, after)): (&String, &Change)| {
        ![LEAVING, PATH, ORIGIN, LINKED].contains(&name.as_str()) && before.is_some() && after.is_none()
    };
    match action {
        _ if action.takes_away() || action == Action::Unlink => 1,
        Action::Update | Action::Reactivate if changes.iter().any(cleared) => 2,
        _ => 0,
    }
}

/// Who would go although he manages somebody who stays with him: he stays too.
async fn managers(write: &mut Write, lease: Lease) -> Result<Vec<Finding>, StoreError> {
    let mut conflicts = Vec::new();
    loop {
        let row = write
            .query(
                "SELECT json_group_array(json_array(record, name, report)) FROM (
                 SELECT n.record, n.name, MIN(b.user_name) AS report FROM lines n
                 JOIN users b ON b.tenant = $1 AND b.manager = n.record
                 WHERE n.tenant = $1 AND n.run = $2 AND n.kind = 'user' AND n.action = 'delete'
                   AND NOT EXISTS (SELECT 1 FROM lines o WHERE o.tenant = $1 AND o.run = $2 AND o.kind = 'user' AND o.source_id = b.id
                       AND (o.action = 'delete' OR o.changes->'manager' IS NOT NULL))
                 GROUP BY n.record, n.name ORDER BY n.record LIMIT 1000)",
            )
            .bind(lease.tenant)
            .bind(lease.run)
            .fetch_one(&mut **write)
            .await?;
        let held: Vec<(String, String, String)> = page(&row)?;
        if held.is_empty() {
            return Ok(conflicts);
        }
        let ids: Vec<_> = held.iter().map(|(id, _, _)| id).collect();
        drop_lines(write, lease, rows(&ids)?).await?;
        conflicts.extend(held.into_iter().map(|(id, name, report)| {
            conflict(RecordKind::User, &id, &name, format!("manages {report}, who stays: it stays too"))
        }));
    }
}

/// Takes lines of users out of the plan again.
async fn drop_lines(write: &mut Write, lease: Lease, ids: String) -> Result<(), StoreError> {
    write
        .query(
            "DELETE FROM lines WHERE tenant = $1 AND run = $2 AND kind = 'user' AND source_id IN (SELECT value FROM json_each($3))",
        )
        .bind(lease.tenant)
        .bind(lease.run)
        .bind(ids)
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// Names that would return to somebody while another has them by now: he stays as he is.
async fn taken_names(write: &mut Write, lease: Lease, change: i64) -> Result<Vec<Finding>, StoreError> {
    let mut conflicts = Vec::new();
    loop {
        let row = write
            .query(
                "SELECT json_group_array(json_array(record, name, wanted)) FROM (
                 SELECT n.record, n.name, n.changes->'userName'->>1 AS wanted FROM lines n
                 JOIN users_was w ON w.tenant = $1 AND w.id = n.record AND w.until = $3
                 JOIN users u ON u.tenant = $1 AND u.user_name_key = w.user_name_key AND u.id <> n.record
                 WHERE n.tenant = $1 AND n.run = $2 AND n.kind = 'user' AND n.action <> 'delete'
                   AND n.changes->'userName' IS NOT NULL AND NOT EXISTS (SELECT 1 FROM lines o WHERE o.tenant = $1 AND o.run = $2 AND o.kind = 'user' AND o.source_id = u.id
                       AND (o.action = 'delete' OR o.changes->>'userName' IS NOT NULL))
                 ORDER BY n.record LIMIT 1000)",
            )
            .bind(lease.tenant)
            .bind(lease.run)
            .bind(change)
            .fetch_one(&mut **write)
            .await?;
        let taken: Vec<(String, String, String)> = page(&row)?;
        if taken.is_empty() {
            return Ok(conflicts);
        }
        let ids: Vec<_> = taken.iter().map(|(id, _, _)| id).collect();
        drop_lines(write, lease, rows(&ids)?).await?;
        conflicts.extend(taken.into_iter().map(|(id, name, wanted)| {
            conflict(
                RecordKind::User,
                &id,
                &name,
                format!("the name {wanted} is another's by now: stays as it is"),
            )
        }));
    }
}

/// Whether the change `$2` put a membership there: also one that went and came back since is as the change made it.
pub(crate) fn put_there(alias: &str) -> String {
    format!(
        "({alias}.since = $2 OR EXISTS (SELECT 1 FROM memberships_was p WHERE p.tenant = $1 AND p.group_id = {alias}.group_id
             AND p.member_id = {alias}.member_id AND p.owner = {alias}.owner AND p.since = $2))"
    )
}

async fn memberships(write: &mut Write, lease: Lease, change: i64, reason: &str) -> Result<(), StoreError> {
    let insert = "INSERT INTO lines (tenant, run, kind, source_id, member_id, action, record, member, name, reason, changes, owns, away)
         SELECT $1, $3, 'membership', x.group_id, substr(x.kind, 1, 1) || ':' || x.member_id";
    let name = |of: &str| {
        format!(
            "COALESCE((SELECT u.user_name FROM users u WHERE u.tenant = $1 AND u.id = {of}.member_id),
                 (SELECT g.display_name FROM groups g WHERE g.tenant = $1 AND g.id = {of}.member_id),
                 (SELECT n.name FROM lines n WHERE n.tenant = $1 AND n.run = $3 AND n.kind = {of}.kind AND n.source_id = {of}.member_id
                     AND n.member_id = ''), {of}.member_id) || ' in '
             || COALESCE((SELECT g.display_name FROM groups g WHERE g.tenant = $1 AND g.id = {of}.group_id),
                 (SELECT n.name FROM lines n WHERE n.tenant = $1 AND n.run = $3 AND n.kind = 'group' AND n.source_id = {of}.group_id
                     AND n.member_id = ''), {of}.group_id)"
        )
    };
    let line = |kind: &str, id: &str, action: &str| {
        format!(
            "EXISTS (SELECT 1 FROM lines n WHERE n.tenant = $1 AND n.run = $3 AND n.kind = {kind} AND n.source_id = {id}
                 AND n.member_id = '' AND n.action = '{action}')"
        )
    };
    let put = put_there("x");
    let removes = format!(
        "{insert}, 'remove', x.group_id, x.member_id, {}, $4, '{{}}', 0, 1 FROM memberships x
         WHERE x.tenant = $1 AND {put} AND ({} OR {}
             OR NOT EXISTS (SELECT 1 FROM users u WHERE u.tenant = $1 AND u.id = x.member_id AND u.since = $2)
             AND NOT EXISTS (SELECT 1 FROM groups g WHERE g.tenant = $1 AND g.id = x.member_id AND g.since = $2))
         ON CONFLICT DO NOTHING",
        name("x"),
        line("'group'", "x.group_id", "delete"),
        line("x.kind", "x.member_id", "delete"),
    );
    let adds = format!(
        "{insert}, 'add', x.group_id, x.member_id, {}, $4, '{{}}', 0, 0 FROM memberships_was x
         WHERE x.tenant = $1 AND x.until = $2
           AND NOT EXISTS (SELECT 1 FROM memberships m WHERE m.tenant = $1 AND m.group_id = x.group_id AND m.member_id = x.member_id
               AND (m.owner = x.owner OR m.owner = 0 AND NOT EXISTS (SELECT 1 FROM connections c WHERE c.tenant = $1 AND c.id = x.owner)))
           AND (EXISTS (SELECT 1 FROM groups g WHERE g.tenant = $1 AND g.id = x.group_id) AND NOT {} OR {})
           AND ((EXISTS (SELECT 1 FROM users u WHERE x.kind = 'user' AND u.tenant = $1 AND u.id = x.member_id)
                 OR EXISTS (SELECT 1 FROM groups g WHERE x.kind = 'group' AND g.tenant = $1 AND g.id = x.member_id)) AND NOT {} OR {})
         ON CONFLICT DO NOTHING",
        name("x"),
        line("'group'", "x.group_id", "delete"),
        line("'group'", "x.group_id", "create"),
        line("x.kind", "x.member_id", "delete"),
        line("x.kind", "x.member_id", "create"),
    );
    // It stays and is another's again: the change took it over.
    let adopts = format!(
        "{insert}, 'adopt', x.group_id, x.member_id, {}, $4, '{{}}', 0, 0 FROM memberships x
         WHERE x.tenant = $1 AND {put} AND NOT {} AND NOT {} AND EXISTS (SELECT 1 FROM memberships_was w
             WHERE w.tenant = $1 AND w.until = $2 AND w.group_id = x.group_id AND w.member_id = x.member_id)
         ON CONFLICT DO NOTHING",
        name("x"),
        line("'group'", "x.group_id", "delete"),
        line("x.kind", "x.member_id", "delete"),
    );
    for sql in [adopts, removes, adds] {
        write
            .query(sql)
            .bind(lease.tenant)
            .bind(change)
            .bind(lease.run)
            .bind(reason)
            .execute(&mut **write)
            .await?;
    }
    Ok(())
}

impl Store {
    /// Plans taking back what a run did: lines of the run that holds the lease, and as findings what stays.
    pub async fn plan_undo(&self, lease: Lease, of: &Run) -> Result<(), StoreError> {
        let change = self.change_of(lease.tenant, of).await?;
        let mut write = self.write().await?;
        Self::hold_lease(&mut write, lease).await?;
        let conflicts = lines(&mut write, lease, of, change).await?;
        write.commit().await?;
        self.add_findings(lease.tenant, lease.run, &conflicts).await
    }
}
