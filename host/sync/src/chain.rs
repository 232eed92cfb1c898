//! The tenant's chain of policies: loaded once a run, asked in batches, its verdicts kept by digest.

use crate::convert;
use crate::fault::{Class, Fault};
use crate::host::Host;
use std::collections::BTreeMap;
use usher_model::{Digester, Group, USER_NAME, User, Value};
use usher_runtime::contract::hook::{Candidate, Decision, GroupName, Verdict as Answer};
use usher_runtime::{Policy, Reads};
use usher_store::{Connection, Outcome, PolicyRow, Verdict};

/// Records handed to a policy in one call.
pub const BATCH: usize = 500;

struct Link {
    name: String,
    plugin: String,
    reads: Reads,
    policy: Policy,
}

/// The chain, ready to be asked.
pub struct Chain {
    links: Vec<Link>,
    digest: String,
    day: String,
}

/// A user and his surroundings.
#[derive(Clone, Debug)]
pub struct Surrounded {
    /// The user, as the source gave him.
    pub user: User,
    /// Every group of the scope that he is in: id and name.
    pub groups: Vec<(String, String)>,
    /// His manager.
    pub manager: Option<User>,
}

/// What one policy said of one record, for `why`.
#[derive(Clone, Debug)]
pub struct Said {
    /// The policy's name in the chain.
    pub policy: String,
    /// In its own words: kept, with edits; left out; held.
    pub words: String,
}

impl Chain {
    /// Loads and configures the tenant's policies, but for those that are switched off for this connection.
    pub async fn load(host: &Host, connection: &Connection) -> Result<Self, Fault> {
        let mut policies = host.store.policies(connection.tenant).await?;
        policies.retain(|policy| policy.asked.of(connection.id));
        Self::of(host, connection.tenant, policies).await
    }

    /// Loads and configures these policies.
    pub async fn of(host: &Host, tenant: i64, policies: Vec<PolicyRow>) -> Result<Self, Fault> {
        let mut links = Vec::new();
        let mut digest = Digester::new();
        let now = host.clock.now();
        for row in policies {
            let entry = host.find(tenant, &row.plugin).await?;
            let policy = host.policy(&entry, &row.settings).await?.map_err(|problems| {
                Fault::new(
                    Class::Settings,
                    format!("policy {}: {}", row.name, problems.join("; ")),
                    format!("correct it with `usher policy set {}`", row.name),
                )
            })?;
            let settings = row.settings.to_string();
            digest.part(&row.name).part(entry.plugin.hash()).part(&settings);
            let reads = entry.plugin.about().reads;
            links.push(Link { name: row.name, plugin: row.plugin, reads, policy });
        }
        let day = now.to_zoned(jiff::tz::TimeZone::UTC).date().to_string();
        Ok(Self { links, digest: digest.finish().short(), day })
    }

    /// Of the policies that are asked about this connection's people, and their settings, in order.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Whether there are no policies.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// Which surroundings any of them reads.
    pub fn reads(&self) -> Reads {
        let any = |what: fn(&Reads) -> bool| self.links.iter().any(|link| what(&link.reads));
        Reads { groups: any(|r| r.groups), manager: any(|r| r.manager), day: any(|r| r.day) }
    }

    /// The date that verdicts rest on, if any policy reads it.
    pub fn day(&self) -> &str {
        if self.reads().day { &self.day } else { "" }
    }

    /// What all verdicts on one user rest on.
    pub fn digest_of(&self, input: &Surrounded, in_scope: Option<&str>) -> String {
        let mut digest = Digester::new();
        digest.part(&self.digest).part(self.day()).part(in_scope.unwrap_or_default());
        digest.part(input.user.canonical());
        let reads = self.reads();
        if reads.groups {
            for (id, name) in &input.groups {
                digest.part(id).part(name);
            }
        }
        if reads.manager {
            digest.part(input.manager.as_ref().map(User::canonical).unwrap_or_default());
        }
        digest.finish().short()
    }

    /// What all verdicts on one group rest on.
    pub fn digest_of_group(&self, group: &Group) -> String {
        Digester::new().part(&self.digest).part(self.day()).part(group.canonical()).finish().short()
    }

    /// Asks the whole chain about users. Each policy sees what the ones before it made of them; who is left out or held isn't shown to the rest.
    pub async fn review(
        &mut self,
        inputs: &[Surrounded],
        mut said: Option<&mut Vec<Said>>,
    ) -> Result<Vec<Outcome>, Fault> {
        let mut outcomes = vec![Outcome::default(); inputs.len()];
        let mut current: Vec<User> = inputs.iter().map(|input| input.user.clone()).collect();
        let day = self.day.clone();
        for link in &mut self.links {
            let asked: Vec<usize> = (0..inputs.len())
                .filter(|&at| outcomes.get(at).is_some_and(|outcome| outcome.decision == Verdict::Keep))
                .collect();
            for batch in asked.chunks(BATCH) {
                let candidates: Vec<_> = batch
                    .iter()
                    .filter_map(|&at| Some((inputs.get(at)?, current.get(at)?)))
                    .map(|(input, user)| candidate(input, user, link.reads))
                    .collect();
                let answers = link
                    .policy
                    .review_users(&candidates, link.reads.day.then_some(day.as_str()))
                    .await
                    .map_err(|error| Fault::of_call(&link.plugin, error))?;
                for (&at, answer) in batch.iter().zip(answers) {
                    let (Some(outcome), Some(user)) = (outcomes.get_mut(at), current.get_mut(at)) else {
                        continue;
                    };
                    if let Some(said) = said.as_deref_mut() {
                        said.push(Said { policy: link.name.clone(), words: words(&answer, user) });
                    }
                    judge(outcome, &link.name, answer)?;
                    outcome.edit_user(user);
                }
            }
        }
        Ok(outcomes)
    }

    /// Asks the whole chain about groups.
    pub async fn review_groups(&mut self, groups: &[Group]) -> Result<Vec<Outcome>, Fault> {
        let mut outcomes = vec![Outcome::default(); groups.len()];
        let mut current = groups.to_vec();
        let day = self.day.clone();
        for link in &mut self.links {
            let asked: Vec<usize> = (0..groups.len())
                .filter(|&at| outcomes.get(at).is_some_and(|outcome| outcome.decision == Verdict::Keep))
                .collect();
            for batch in asked.chunks(BATCH) {
                let shown: Vec<_> =
                    batch.iter().filter_map(|&at| current.get(at)).map(convert::wire_group).collect();
                let answers = link
                    .policy
                    .review_groups(&shown, link.reads.day.then_some(day.as_str()))
                    .await
                    .map_err(|error| Fault::of_call(&link.plugin, error))?;
                for (&at, answer) in batch.iter().zip(answers) {
                    let (Some(outcome), Some(group)) = (outcomes.get_mut(at), current.get_mut(at)) else {
                        continue;
                    };
                    judge(outcome, &link.name, answer)?;
                    outcome.edit_group(group);
                }
            }
        }
        Ok(outcomes)
    }
}

fn candidate(input: &Surrounded, user: &User, reads: Reads) -> Candidate {
    Candidate {
        user: convert::wire_user(user),
        groups: if reads.groups {
            input
                .groups
                .iter()
                .map(|(id, name)| GroupName { id: id.clone(), display_name: name.clone() })
                .collect()
        } else {
            Vec::new()
        },
        manager: if reads.manager { input.manager.as_ref().map(convert::wire_user) } else { None },
    }
}

fn words(answer: &Answer, before: &User) -> String {
    match &answer.decision {
        Decision::LeaveOut(why) => format!("leaves out: {why}"),
        Decision::Hold(why) => format!("holds: {why}"),
        Decision::Keep if answer.edits.is_empty() => "keeps".to_owned(),
        Decision::Keep => {
            let edits: Vec<_> = answer
                .edits
                .iter()
                .map(|edit| {
                    let now = if edit.attribute == USER_NAME {
                        before.user_name.clone()
                    } else {
                        before.attributes.get(&edit.attribute).map(Value::to_string)
                    };
                    let then = convert::value(edit.value.clone()).map(|value| value.to_string());
                    format!(
                        "{}: {} → {}",
                        edit.attribute,
                        now.as_deref().unwrap_or("–"),
                        then.as_deref().unwrap_or("–")
                    )
                })
                .collect();
            format!("keeps, and sets {}", edits.join(", "))
        }
    }
}

fn judge(outcome: &mut Outcome, policy: &str, answer: Answer) -> Result<(), Fault> {
    if !answer.place.is_empty() {
        return Err(Fault::plugin(
            policy,
            "it places a record into a local group, which this version of the host doesn't do yet",
        ));
    }
    let edits: BTreeMap<_, _> = convert::edits(answer.edits);
    match answer.decision {
        Decision::Keep => outcome.edits.extend(edits),
        Decision::LeaveOut(reason) => {
            *outcome = Outcome {
                decision: Verdict::LeaveOut,
                by: policy.to_owned(),
                reason,
                edits: BTreeMap::new(),
            };
        }
        Decision::Hold(reason) => {
            *outcome =
                Outcome { decision: Verdict::Hold, by: policy.to_owned(), reason, edits: BTreeMap::new() };
        }
    }
    Ok(())
}
