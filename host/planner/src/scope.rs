//! Who and what comes in: everything, or chosen groups with what is nested in them.

use crate::graph::GroupGraph;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use usher_model::{GroupKind, User};

/// Which kinds of groups come in. A group of a source that knows no kinds always does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GroupTypes(BTreeSet<GroupKind>);

impl GroupTypes {
    /// The kinds by name, or one of the presets `all`, `security365` (security, mail-enabled security and distribution) and
    /// `usecure` (security and Microsoft 365). The error names the word that is neither.
    pub fn parse(words: &[impl AsRef<str>]) -> Result<Self, String> {
        use GroupKind::{Distribution, MailEnabledSecurity, Microsoft365, Other, Security};
        let mut kinds = BTreeSet::new();
        for word in words {
            match word.as_ref().trim() {
                "all" => kinds.extend([Security, MailEnabledSecurity, Distribution, Microsoft365, Other]),
                "security365" => kinds.extend([Security, MailEnabledSecurity, Distribution]),
                "usecure" => kinds.extend([Security, Microsoft365]),
                "security" => kinds.extend([Security]),
                "mail-enabled-security" => kinds.extend([MailEnabledSecurity]),
                "distribution" => kinds.extend([Distribution]),
                "microsoft365" => kinds.extend([Microsoft365]),
                "other" => kinds.extend([Other]),
                unknown => return Err(unknown.to_owned()),
            }
        }
        Ok(Self(kinds))
    }

    /// Whether groups of this kind come in.
    pub fn admits(&self, kind: Option<GroupKind>) -> bool {
        kind.is_none_or(|kind| self.0.contains(&kind))
    }

    /// The kinds' names.
    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|kind| kind.name()).collect()
    }
}

impl Default for GroupTypes {
    fn default() -> Self {
        use GroupKind::{Distribution, MailEnabledSecurity, Microsoft365, Other, Security};
        Self(BTreeSet::from([Security, MailEnabledSecurity, Distribution, Microsoft365, Other]))
    }
}

/// The operator's choice for one connection, the same for every method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scope {
    /// The source ids of the chosen groups; none is the full scope.
    pub chosen: Option<BTreeSet<String>>,
    /// Which kinds of groups come in.
    pub group_types: GroupTypes,
    /// Whether groups come in at all.
    pub include_groups: bool,
    /// Whether managers come in.
    pub managers: bool,
    /// Whether guests of the source come in: people whose `userType` is `Guest`. Left out of the text where they do, as it was before
    /// there was a choice.
    #[serde(skip_serializing_if = "is_true")]
    pub guests: bool,
    /// In the full scope: the source id of the group that paths start from.
    pub root: Option<String>,
}

impl Default for Scope {
    fn default() -> Self {
        Self {
            chosen: None,
            group_types: GroupTypes::default(),
            include_groups: true,
            managers: true,
            guests: true,
            root: None,
        }
    }
}

fn is_true(truth: &bool) -> bool {
    *truth
}

/// Which groups of a graph are in scope, and why the others aren't.
#[derive(Debug)]
pub struct InScope {
    reasons: Vec<Option<String>>,
    /// Chosen groups that the source doesn't have.
    pub missing: Vec<String>,
    /// Where paths start.
    pub roots: Vec<usize>,
    everyone: bool,
    guests: bool,
}

/// Why somebody's record is not in scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    /// He is in none of the chosen groups.
    Groups,
    /// He is a guest, and guests stay out.
    Guest,
}

impl Outside {
    /// Which setting keeps him out: `scope`, or `guests`.
    pub fn setting(self) -> &'static str {
        match self {
            Self::Groups => "scope",
            Self::Guest => "guests",
        }
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Groups => "in none of the chosen groups",
            Self::Guest => "a guest of the source, and guests stay out",
        }
    }
}

impl Scope {
    /// Judges every group. Nested groups come along through as many levels as there are; cycles end; a group of a kind that doesn't
    /// come in cuts its branch.
    pub fn judge(&self, graph: &GroupGraph) -> InScope {
        let refusal = |at: usize| -> Option<String> {
            let node = graph.node(at)?;
            if !self.include_groups && self.chosen.is_none() {
                return Some("groups are switched off".to_owned());
            }
            if let Some(reason) = &node.left_out {
                return Some(reason.clone());
            }
            match node.kind {
                Some(kind) if !self.group_types.admits(node.kind) => {
                    Some(format!("groups of type {} are not in scope", kind.name()))
                }
                _ => None,
            }
        };
        let Some(chosen) = &self.chosen else {
            let reasons: Vec<_> = (0..graph.len()).map(refusal).collect();
            let roots = self.root.as_deref().and_then(|root| graph.at(root)).into_iter().collect();
            let missing = self.root.iter().filter(|root| graph.at(root).is_none()).cloned().collect();
            return InScope { reasons, missing, roots, everyone: true, guests: self.guests };
        };
        let mut reasons = vec![Some("in none of the chosen groups".to_owned()); graph.len()];
        let missing = chosen.iter().filter(|id| graph.at(id).is_none()).cloned().collect();
        let mut roots: Vec<_> = chosen.iter().filter_map(|id| graph.at(id)).collect();
        roots.sort_unstable();
        let mut seen = vec![false; graph.len()];
        let mut waiting = roots.clone();
        while let Some(at) = waiting.pop() {
            match seen.get_mut(at) {
                Some(seen) if !*seen => *seen = true,
                _ => continue,
            }
            let refused = refusal(at);
            if refused.is_none() {
                waiting.extend(graph.children(at));
            }
            if let Some(reason) = reasons.get_mut(at) {
                *reason = refused;
            }
        }
        InScope { reasons, missing, roots, everyone: false, guests: self.guests }
    }
}

impl InScope {
    /// Whether the group at this place is in scope.
    pub fn holds(&self, at: usize) -> bool {
        matches!(self.reasons.get(at), Some(None))
    }

    /// Why the group at this place is not in scope.
    pub fn reason(&self, at: usize) -> Option<&str> {
        self.reasons.get(at)?.as_deref()
    }

    /// Whether users come in without any group.
    pub fn everyone(&self) -> bool {
        self.everyone
    }

    /// Whether every user comes in, whoever he is.
    pub fn admits_all(&self) -> bool {
        self.everyone && self.guests
    }

    /// What keeps a user with these direct groups out.
    pub fn outside(&self, user: &User, direct: impl IntoIterator<Item = usize>) -> Option<Outside> {
        if !self.holds_user(direct) {
            return Some(Outside::Groups);
        }
        (!self.guests && user.is_guest()).then_some(Outside::Guest)
    }

    /// Whether a user with these direct groups is in scope.
    pub fn holds_user(&self, direct: impl IntoIterator<Item = usize>) -> bool {
        self.everyone || direct.into_iter().any(|at| self.holds(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::GroupNode;

    fn node(id: &str, kind: GroupKind) -> GroupNode {
        GroupNode { id: id.into(), name: id.into(), kind: Some(kind), left_out: None }
    }

    fn t1() -> GroupGraph {
        use GroupKind::{Distribution, Microsoft365, Security};
        let edge = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        GroupGraph::new(
            [
                node("G-root", Security),
                node("G-eng", Security),
                node("G-eng-be", Security),
                node("G-sales", Security),
                node("M-all", Distribution),
                node("U-proj", Microsoft365),
            ],
            [
                edge("G-root", "G-eng"),
                edge("G-root", "G-sales"),
                edge("G-eng", "G-eng-be"),
                edge("G-eng-be", "G-root"),
                edge("G-sales", "M-all"),
                edge("M-all", "U-proj"),
            ],
        )
    }

    fn inside(scope: &Scope, graph: &GroupGraph) -> Vec<String> {
        let judged = scope.judge(graph);
        graph.nodes().filter(|(at, _)| judged.holds(*at)).map(|(_, node)| node.id.clone()).collect()
    }

    #[test]
    fn f17_nested_groups_come_along_and_cycles_end() {
        let scope = Scope { chosen: Some(BTreeSet::from(["G-eng".to_owned()])), ..Scope::default() };
        // G-eng-be holds G-root in a cycle, which brings in all of it.
        assert_eq!(inside(&scope, &t1()), ["G-eng", "G-eng-be", "G-root", "G-sales", "M-all", "U-proj"]);
    }

    #[test]
    fn f17_a_subgroup_of_an_excluded_type_cuts_its_branch() {
        let scope = Scope {
            chosen: Some(BTreeSet::from(["G-sales".to_owned()])),
            group_types: GroupTypes::parse(&["usecure"]).unwrap(),
            ..Scope::default()
        };
        assert_eq!(inside(&scope, &t1()), ["G-sales"]);
    }

    #[test]
    fn f18_presets_admit_their_kinds_and_name_the_reason_for_others() {
        let scope = Scope { group_types: GroupTypes::parse(&["security365"]).unwrap(), ..Scope::default() };
        let graph = t1();
        assert_eq!(inside(&scope, &graph), ["G-eng", "G-eng-be", "G-root", "G-sales", "M-all"]);
        let judged = scope.judge(&graph);
        let proj = graph.at("U-proj").unwrap();
        assert_eq!(judged.reason(proj), Some("groups of type microsoft365 are not in scope"));
        assert_eq!(GroupTypes::parse(&["security", "nonsense"]).unwrap_err(), "nonsense");
    }

    #[test]
    fn f15_a_chosen_group_that_is_gone_is_named() {
        let scope = Scope { chosen: Some(BTreeSet::from(["G-gone".to_owned()])), ..Scope::default() };
        assert_eq!(scope.judge(&t1()).missing, ["G-gone"]);
    }
}
