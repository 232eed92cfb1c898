//! Admission: groups first, then the scope that they make, then users through the chain. Only records whose input changed are asked
//! about.

use crate::chain::{BATCH, Chain, Surrounded};
use crate::fault::Fault;
use crate::host::Host;
use crate::progress::{Phase, Progress};
use std::collections::{BTreeMap, BTreeSet};
use usher_model::{MANAGER, User, fold};
use usher_planner::{GroupGraph, GroupNode, InScope, Outside, Scope};
use usher_store::{GroupReview, Lease, Outcome, Read, ReviewPage, UserReview, Verdict};

/// Groups, nesting and scope of one run.
pub struct Admission {
    /// The groups of the source.
    pub graph: GroupGraph,
    /// Which of them are in scope.
    pub scope: InScope,
}

fn stored(outcome: &Outcome) -> Option<String> {
    (!outcome.is_plain()).then(|| serde_json::to_string(outcome).unwrap_or_default())
}

/// Reviews groups whose input changed, and judges the scope.
pub async fn groups(
    host: &Host,
    lease: Lease,
    read: Read,
    chain: &mut Chain,
    scope: &Scope,
) -> Result<Admission, Fault> {
    let mut reviews = host.store.groups_for_review(read).await?;
    let mut pages = Vec::new();
    let mut asked = Vec::new();
    for (at, review) in reviews.iter().enumerate() {
        let Some(group) = review.raw.as_ref().filter(|_| !review.unreadable) else { continue };
        let digest = chain.digest_of_group(group);
        if review.digest.as_ref() != Some(&digest) {
            asked.push((at, group.clone(), digest));
        }
    }
    let shown: Vec<_> = asked.iter().map(|(_, group, _)| group.clone()).collect();
    let outcomes = chain.review_groups(&shown).await?;
    for ((at, group, digest), outcome) in asked.into_iter().zip(outcomes) {
        pages.push(ReviewPage { id: group.id, digest, outcome: stored(&outcome), key: None, manager: None });
        if let Some(review) = reviews.get_mut(at) {
            review.outcome = Some(outcome);
        }
    }
    host.store.review_groups(lease, read, &pages).await?;
    Admission::of(host, read, scope, reviews).await
}

impl Admission {
    /// From reviewed groups, as their outcomes leave them.
    pub async fn of(
        host: &Host,
        read: Read,
        scope: &Scope,
        reviews: Vec<GroupReview>,
    ) -> Result<Self, Fault> {
        let nodes = reviews.into_iter().filter_map(|review| {
            let mut group = review.raw?;
            let mut left_out = None;
            if let Some(outcome) = &review.outcome {
                outcome.edit_group(&mut group);
                left_out = (outcome.decision == Verdict::LeaveOut).then(|| outcome.words());
            }
            Some(GroupNode { name: group.label().to_owned(), kind: group.kind, id: group.id, left_out })
        });
        let graph = GroupGraph::new(nodes, host.store.group_edges(read).await?);
        let scope = scope.judge(&graph);
        Ok(Self { graph, scope })
    }

    /// One user with all that a policy may want to see beside him.
    pub async fn surround(
        &self,
        host: &Host,
        read: Read,
        user: &User,
        direct: &[String],
    ) -> Result<Surrounded, Fault> {
        let mut managers = managers(host, read, std::iter::once(user)).await?;
        let manager = user.text(MANAGER).and_then(|manager| managers.remove(manager));
        Ok(Surrounded { user: user.clone(), groups: self.surroundings(direct), manager })
    }

    /// The places of groups in the graph.
    pub fn places(&self, ids: &[String]) -> Vec<usize> {
        ids.iter().filter_map(|id| self.graph.at(id)).collect()
    }

    /// Every group of the scope that somebody with these direct groups is in, by id.
    pub fn surroundings(&self, direct: &[String]) -> Vec<(String, String)> {
        let mut groups: Vec<_> = self
            .graph
            .ancestors(self.places(direct))
            .into_iter()
            .filter(|&at| self.scope.holds(at))
            .filter_map(|at| self.graph.node(at))
            .map(|node| (node.id.clone(), node.name.clone()))
            .collect();
        groups.sort();
        groups
    }
}

/// Reviews the due users.
pub async fn users(
    host: &Host,
    lease: Lease,
    read: Read,
    chain: &mut Chain,
    admission: &Admission,
    progress: &dyn Progress,
) -> Result<(), Fault> {
    let reads = chain.reads();
    let with_groups = !admission.scope.everyone() || reads.groups;
    let mut after = String::new();
    let mut done = 0;
    loop {
        let limit = i64::try_from(BATCH * 2).unwrap_or(i64::MAX);
        let page = host.store.users_for_review(read, &after, with_groups, limit).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after.clone_from(&last.id);
        done += page.len() as u64;
        let managers = if reads.manager {
            managers(host, read, page.iter().map(|review| &review.raw)).await?
        } else {
            BTreeMap::new()
        };
        let reviewed = review(chain, admission, page, &managers).await?;
        host.store.review_users(lease, read, &reviewed).await?;
        progress.at(Phase::Admit, done, None);
    }
}

/// The managers of some users, by what the source names them with.
async fn managers(
    host: &Host,
    read: Read,
    users: impl Iterator<Item = &User>,
) -> Result<BTreeMap<String, User>, Fault> {
    let named: BTreeSet<_> = users.filter_map(|user| user.text(MANAGER)).collect();
    let ids: Vec<_> = named.iter().map(|&named| named.to_owned()).collect();
    let mut found = host.store.source_users(read, &ids).await?;
    // A source may name a manager by userName instead of by id.
    let by_name: BTreeMap<_, _> = named
        .iter()
        .filter(|named| !found.contains_key(**named))
        .map(|named| (fold(named), *named))
        .collect();
    if !by_name.is_empty() {
        let names: Vec<_> = by_name.keys().cloned().collect();
        let ids = host.store.source_ids_by_name(read, &names).await?;
        let mut users = host.store.source_users(read, &ids.values().cloned().collect::<Vec<_>>()).await?;
        for (name, id) in ids {
            if let (Some(named), Some(user)) = (by_name.get(&name), users.remove(&id)) {
                found.insert((*named).to_owned(), user);
            }
        }
    }
    Ok(found)
}

async fn review(
    chain: &mut Chain,
    admission: &Admission,
    page: Vec<UserReview>,
    managers: &BTreeMap<String, User>,
) -> Result<Vec<ReviewPage>, Fault> {
    let mut asked = Vec::new();
    let mut outcomes: Vec<Option<Outcome>> = vec![None; page.len()];
    let mut digests = Vec::with_capacity(page.len());
    let with_groups = chain.reads().groups;
    for (at, review) in page.iter().enumerate() {
        let out = admission.scope.outside(&review.raw, admission.places(&review.groups));
        let input = Surrounded {
            user: review.raw.clone(),
            groups: if with_groups { admission.surroundings(&review.groups) } else { Vec::new() },
            manager: review.raw.text(MANAGER).and_then(|manager| managers.get(manager)).cloned(),
        };
        let digest = chain.digest_of(&input, out.map(Outside::words));
        let slot = outcomes.get_mut(at);
        if review.digest.as_ref() == Some(&digest) {
            if let Some(slot) = slot {
                *slot = Some(review.outcome.clone().unwrap_or_default());
            }
        } else if let (Some(out), Some(slot)) = (out, slot) {
            *slot = Some(Outcome {
                decision: Verdict::LeaveOut,
                by: out.setting().to_owned(),
                reason: out.words().to_owned(),
                edits: BTreeMap::new(),
            });
        } else {
            asked.push((at, input));
        }
        digests.push(digest);
    }
    let (places, inputs): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
    for (at, outcome) in places.into_iter().zip(chain.review(&inputs, None).await?) {
        if let Some(slot) = outcomes.get_mut(at) {
            *slot = Some(outcome);
        }
    }
    Ok(page
        .into_iter()
        .zip(digests)
        .zip(outcomes)
        .map(|((review, digest), outcome)| {
            let outcome = outcome.unwrap_or_default();
            let mut user = review.raw;
            outcome.edit_user(&mut user);
            ReviewPage {
                digest,
                outcome: stored(&outcome),
                key: user.user_name.as_deref().map(fold),
                manager: user.text(MANAGER).map(str::to_owned),
                id: review.id,
            }
        })
        .collect())
}
