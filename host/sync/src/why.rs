//! Why somebody is in, out, or as they are: worked out anew from mirror, policies and history, step by step.

use crate::admit::Admission;
use crate::chain::Chain;
use crate::fault::Fault;
use crate::host::Host;
use serde::Serialize;
use std::collections::BTreeMap;
use usher_model::{ACTIVE, MANAGER, USER_NAME, User};
use usher_planner::{Outside, PATH};
use usher_store::{Connection, IS_PROTECTED, Mirror, PolicyRow, Read, UserRow, Verdict};

/// One step of an explanation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What was looked at: source, scope, policy, match, directory, history.
    pub at: String,
    /// Whether this step lets the person through; none where it only informs.
    pub passes: Option<bool>,
    /// What it says.
    pub says: String,
}

/// Where one field's value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// The field.
    pub field: String,
    /// Its value.
    pub value: String,
    /// Where it comes from.
    pub from: String,
    /// What it was before, and the run that changed it.
    pub before: Option<String>,
}

/// An explanation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Why {
    /// Who was asked about.
    pub who: String,
    /// in, out, leaving, waiting, manual, orphaned or unknown.
    pub standing: String,
    /// In one sentence.
    pub because: String,
    /// For somebody who is out: the first thing that would have to change.
    pub first_change: Option<String>,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// Where each field's value comes from, for somebody in the directory.
    pub fields: Vec<Origin>,
}

fn step(at: impl Into<String>, passes: Option<bool>, says: impl Into<String>) -> Step {
    Step { at: at.into(), passes, says: says.into() }
}

fn words(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(items) => items.iter().map(words).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// The mirror of a connection as it is, without an overlay.
fn mirrored(connection: &Connection) -> Read {
    Read { tenant: connection.tenant, connection: connection.id, id: 0, incremental: true }
}

impl Admission {
    /// As the last applied run left it.
    async fn now(host: &Host, connection: &Connection) -> Result<Self, Fault> {
        let read = mirrored(connection);
        let reviews = host.store.groups_for_review(read).await?;
        Self::of(host, read, &connection.scope, reviews).await
    }

    fn names(&self, ids: &[String]) -> Vec<String> {
        ids.iter()
            .map(|id| {
                let node = self.graph.at(id).and_then(|at| self.graph.node(at));
                node.map_or_else(|| id.clone(), |node| node.name.clone())
            })
            .collect()
    }

    /// One way from a chosen group down to one of the user's own groups.
    fn way(&self, direct: &[String]) -> Option<String> {
        let rooted = !self.scope.everyone() || !self.scope.roots.is_empty();
        let paths = usher_planner::Paths::new(&self.graph, &self.scope, rooted);
        paths.of_user(self.places(direct)).into_iter().next()
    }
}

impl Host {
    /// Explains somebody, by userName, e-mail address, source id or directory id.
    pub async fn why(&self, connection: &Connection, who: &str) -> Result<Why, Fault> {
        let users = self.store.find_users(connection.tenant, usher_store::View::NOW, who).await?;
        let user = users.into_iter().next();
        let record = user.as_ref().map(|user| user.id.as_str());
        let found = self.store.mirror_of(connection.tenant, connection.id, who, record).await?;
        let mut steps = Vec::new();
        let Some(mirror) = found.into_iter().next() else {
            return self.unknown(connection, who, user, steps).await;
        };
        let label = mirror.raw.as_ref().map_or(mirror.id.as_str(), User::label).to_owned();
        steps.push(step(
            "source",
            Some(true),
            format!("{} has {label} as record {}", connection.name, mirror.id),
        ));
        let verdict = self.judge(connection, &mirror, &mut steps).await?;
        let fields = match &user {
            Some(user) => self.fields(connection, user, &mirror).await?,
            None => Vec::new(),
        };
        if let Some(user) = &user {
            self.directory(connection, user, &mirror, &mut steps).await?;
        }
        let (standing, because, first_change) = match (verdict, &user, mirror.left_at) {
            (Some((because, change)), Some(user), Some(_)) => {
                ("leaving", format!("{} is leaving: {because}", user.user_name), Some(change))
            }
            (Some((because, change)), Some(user), None) if mirror.record.is_some() => {
                ("waiting", format!("{} stays as he is: {because}", user.user_name), Some(change))
            }
            (Some((because, change)), _, _) => ("out", format!("{label} is out: {because}"), Some(change)),
            (None, Some(user), _) if user.origin.is_some() => {
                ("in", format!("{} is in: nothing keeps him out", user.user_name), None)
            }
            (None, Some(user), _) => (
                "manual",
                format!("{} was made by hand and is linked to the source's record", user.user_name),
                None,
            ),
            (None, None, _) => (
                "out",
                format!("{label} isn't in the directory yet: no run has been applied since he could come in"),
                Some("apply a run: `usher sync`".to_owned()),
            ),
        };
        Ok(Why { who: who.to_owned(), standing: standing.to_owned(), because, first_change, steps, fields })
    }

    async fn unknown(
        &self,
        connection: &Connection,
        who: &str,
        user: Option<UserRow>,
        mut steps: Vec<Step>,
    ) -> Result<Why, Fault> {
        let read = connection.admitted_by.is_some();
        let says = if read {
            format!("{} had nobody who is {who} when it was last read", connection.name)
        } else {
            format!("no run of {} has been applied yet, so nobody there is known", connection.name)
        };
        steps.push(step("source", read.then_some(false), says));
        if user.is_none() && !read {
            return Ok(Why {
                who: who.to_owned(),
                standing: "unknown".to_owned(),
                because: format!(
                    "{who} isn't in the directory, and no run of {} has been applied yet",
                    connection.name
                ),
                first_change: Some("apply a run: `usher sync`".to_owned()),
                steps,
                fields: Vec::new(),
            });
        }
        let Some(user) = user else {
            return Ok(Why {
                who: who.to_owned(),
                standing: "unknown".to_owned(),
                because: format!("nobody at {} or in the directory is {who}", connection.name),
                first_change: Some(format!(
                    "{who} would have to be at the source, and a run to be applied; check the spelling"
                )),
                steps,
                fields: Vec::new(),
            });
        };
        let link = user.links.iter().find(|(name, _, _)| *name == connection.name);
        let (standing, because, first_change) = match (&user.origin, link) {
            (Some(origin), _) if user.orphaned => (
                "orphaned",
                format!(
                    "{} was brought by {origin}, which is idle, and nobody brings him now: he stays",
                    user.user_name
                ),
                Some(format!(
                    "`usher orphans remove {}` plans letting him go; a source that has him takes him over",
                    user.user_name
                )),
            ),
            (_, Some((_, id, Some(_)))) => (
                "leaving",
                format!("{} is leaving: record {id} is no longer at the source", user.user_name),
                Some(format!(
                    "record {id} would have to be at the source again before the grace period ends"
                )),
            ),
            (None, _) => {
                ("manual", format!("{} was made by hand; no sync changes him", user.user_name), None)
            }
            (Some(origin), _) => {
                ("in", format!("{} belongs to the connection {origin}", user.user_name), None)
            }
        };
        for (run, line) in self.store.history(connection.tenant, &user.id, 5).await? {
            steps.push(step("history", None, format!("run {run}: {} ({})", line.action, line.reason)));
        }
        Ok(Why {
            who: who.to_owned(),
            standing: standing.to_owned(),
            because,
            first_change,
            steps,
            fields: Vec::new(),
        })
    }

    /// Walks through scope, chain and problems. Gives what keeps the person out, and what would have to change.
    async fn judge(
        &self,
        connection: &Connection,
        mirror: &Mirror,
        steps: &mut Vec<Step>,
    ) -> Result<Option<(String, String)>, Fault> {
        let problem = mirror.problem.as_ref().and_then(|problem| {
            let problem: serde_json::Value = serde_json::from_str(problem).ok()?;
            problem.get("why")?.as_str().map(str::to_owned)
        });
        if let (Some(place), Some(why)) = (&mirror.place, &problem) {
            steps.push(step("source", Some(false), format!("{place}: {why}")));
            return Ok(Some((
                format!("the source's record could not be read ({place}: {why})"),
                format!("correct {place}"),
            )));
        }
        let Some(raw) = &mirror.raw else {
            // Of who has been left out for long only the id is kept.
            let out = mirror.outcome.as_ref().filter(|outcome| outcome.decision == Verdict::LeaveOut);
            return Ok(out.map(|outcome| {
                steps.push(step(outcome.by.clone(), Some(false), outcome.reason.clone()));
                let change =
                    "the scope, a policy or his groups would have to let him in: then he is read anew";
                (outcome.words(), change.to_owned())
            }));
        };
        let ground = Admission::now(self, connection).await?;
        let names = ground.names(&mirror.groups);
        let direct = if names.is_empty() { "no group".to_owned() } else { names.join(", ") };
        match ground.scope.outside(raw, ground.places(&mirror.groups)) {
            Some(Outside::Groups) => {
                steps.push(step("scope", Some(false), format!("in {direct}: none of the chosen groups")));
                return Ok(Some((
                    "he is in none of the chosen groups".to_owned(),
                    "put him into a chosen group at the source, or choose one of his groups".to_owned(),
                )));
            }
            Some(Outside::Guest) => {
                steps.push(step("scope", Some(false), Outside::Guest.words()));
                return Ok(Some((
                    "he is a guest of the source, and guests stay out".to_owned(),
                    "let guests in with --set guests=true, or make him a member at the source".to_owned(),
                )));
            }
            None => {}
        }
        let way = ground.way(&mirror.groups).map(|way| format!(", by {way}")).unwrap_or_default();
        let scope = if ground.scope.everyone() { "the scope is everybody" } else { "through a chosen group" };
        steps.push(step("scope", Some(true), format!("{scope}; in {direct}{way}")));

        let mut chain = Chain::load(self, connection).await?;
        let input = ground.surround(self, mirrored(connection), raw, &mirror.groups).await?;
        let mut said = Vec::new();
        let outcome = chain.review(std::slice::from_ref(&input), Some(&mut said)).await?.into_iter().next();
        let keeps = outcome.as_ref().is_none_or(|outcome| outcome.decision == Verdict::Keep);
        let last = said.len();
        for (at, said) in said.into_iter().enumerate() {
            let passes = keeps || at + 1 < last;
            steps.push(step(format!("policy {}", said.policy), Some(passes), said.words));
        }
        for policy in self.store.policies(connection.tenant).await? {
            if !policy.asked.of(connection.id) {
                let says = format!("isn't asked: it is switched off for {}", connection.name);
                steps.push(step(format!("policy {}", policy.name), None, says));
            }
        }
        if let Some(outcome) = outcome.filter(|outcome| outcome.decision != Verdict::Keep) {
            let by = outcome.by.clone();
            return Ok(Some((
                outcome.words(),
                format!("change the policy {by} (`usher policy list`), or what it looks at"),
            )));
        }
        if let Some(why) = problem {
            steps.push(step("match", Some(false), why.clone()));
            return Ok(Some((why.clone(), format!("settle this first: {why}"))));
        }
        if mirror.record.is_some() {
            steps.push(step("match", Some(true), "bound to his record by the source's id"));
        }
        Ok(None)
    }

    /// What a policy with these settings says of the source's records that somebody may mean: each with what it is called. Nothing is saved.
    pub async fn try_policy(
        &self,
        connection: &Connection,
        policy: PolicyRow,
        who: &str,
    ) -> Result<Vec<(String, String)>, Fault> {
        let found = self.store.mirror_of(connection.tenant, connection.id, who, None).await?;
        let ground = Admission::now(self, connection).await?;
        let mut chain = Chain::of(self, connection.tenant, vec![policy]).await?;
        let mut words = Vec::new();
        for mirror in found {
            let Some(raw) = &mirror.raw else { continue };
            let input = ground.surround(self, mirrored(connection), raw, &mirror.groups).await?;
            let mut said = Vec::new();
            chain.review(std::slice::from_ref(&input), Some(&mut said)).await?;
            words.extend(said.into_iter().map(|said| (raw.label().to_owned(), said.words)));
        }
        Ok(words)
    }

    async fn directory(
        &self,
        connection: &Connection,
        user: &UserRow,
        mirror: &Mirror,
        steps: &mut Vec<Step>,
    ) -> Result<(), Fault> {
        let whose = match &user.origin {
            Some(origin) if user.orphaned => format!("belongs to {origin}, which is idle"),
            Some(origin) => format!("belongs to {origin}"),
            None => "made by hand".to_owned(),
        };
        let active = if user.active { "active" } else { "inactive" };
        let leaving = if mirror.left_at.is_some() { ", leaving" } else { "" };
        steps.push(step(
            "directory",
            None,
            format!("{} ({}), {active}{leaving}, {whose}", user.user_name, user.id),
        ));
        if self.store.protected_records(connection.tenant).await?.contains(&user.id) {
            let says = format!("{IS_PROTECTED}: no plan deactivates, deletes or renames him");
            steps.push(step("protection", None, says));
        }
        for (run, line) in self.store.history(connection.tenant, &user.id, 5).await? {
            steps.push(step("history", None, format!("run {run}: {} ({})", line.action, line.reason)));
        }
        let held = self.store.runs(connection.tenant, Some(connection.id), 1).await?;
        if let Some(run) = held.first().filter(|run| run.state == usher_store::RunState::Held) {
            steps.push(step("guard", None, format!("run {} is held: nothing of it was applied", run.id)));
        }
        Ok(())
    }

    async fn fields(
        &self,
        connection: &Connection,
        user: &UserRow,
        mirror: &Mirror,
    ) -> Result<Vec<Origin>, Fault> {
        let history = self.store.history(connection.tenant, &user.id, 200).await?;
        let before = |field: &str| {
            history.iter().find_map(|(run, line)| {
                let changes: usher_planner::Changes = serde_json::from_str(&line.changes).ok()?;
                let change = changes.get(field)?;
                let was = change.0.as_ref()?;
                Some(format!("{} (until run {run})", words(was)))
            })
        };
        let empty = BTreeMap::new();
        let edits = mirror.outcome.as_ref().map_or(&empty, |outcome| &outcome.edits);
        let from = |field: &str, value: &str| -> String {
            if user.origin.is_none() {
                return "made by hand".to_owned();
            }
            if edits.contains_key(field) {
                return "the policies".to_owned();
            }
            let raw = mirror.raw.as_ref();
            if field == ACTIVE && raw.is_some_and(|raw| raw.active.is_none()) {
                return "not said by the source".to_owned();
            }
            let source = match field {
                USER_NAME => raw.and_then(|raw| raw.user_name.clone()),
                ACTIVE => raw.and_then(|raw| raw.active).map(|active| active.to_string()),
                _ => raw.and_then(|raw| raw.attributes.get(field)).map(ToString::to_string),
            };
            match source {
                Some(source) if source.trim() == value => format!("the source ({})", connection.name),
                Some(_) => "edited here; the source's value returns at the next run".to_owned(),
                None => "only here".to_owned(),
            }
        };
        let mut fields = Vec::new();
        let mut add = |field: &str, value: String| {
            let from = from(field, &value);
            fields.push(Origin { field: field.to_owned(), from, before: before(field), value });
        };
        add(USER_NAME, user.user_name.clone());
        if mirror.left_at.is_none() {
            add(ACTIVE, user.active.to_string());
        }
        for (field, value) in &user.attributes {
            add(field, value.to_string());
        }
        if let Some((_, manager)) = &user.manager {
            fields.push(Origin {
                field: MANAGER.to_owned(),
                value: manager.clone(),
                from: format!("the source ({})", connection.name),
                before: before(MANAGER),
            });
        }
        if let Some(path) = user.paths.first() {
            fields.push(Origin {
                field: PATH.to_owned(),
                value: path.clone(),
                from: "his groups".to_owned(),
                before: before(PATH),
            });
        }
        Ok(fields)
    }
}
