//! The groups of one connection and how they nest: the only thing a run keeps in memory whole.

use std::collections::HashMap;
use usher_model::GroupKind;

/// A group, as far as scope and paths need it.
#[derive(Clone, Debug)]
pub struct GroupNode {
    /// Its source id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its kind, where the source knows kinds.
    pub kind: Option<GroupKind>,
    /// Why a policy leaves it out, if one does.
    pub left_out: Option<String>,
}

/// Groups and their nesting. Cycles are allowed.
#[derive(Debug, Default)]
pub struct GroupGraph {
    nodes: Vec<GroupNode>,
    index: HashMap<String, usize>,
    children: Vec<Vec<usize>>,
    parents: Vec<Vec<usize>>,
}

impl GroupGraph {
    /// Builds the graph. Edges (group, member group) that name unknown groups are passed over: the source hasn't described them.
    pub fn new(
        nodes: impl IntoIterator<Item = GroupNode>,
        edges: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let mut nodes: Vec<_> = nodes.into_iter().collect();
        // By name then id, so that whatever is walked in index order doesn't depend on how the source listed them.
        nodes.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        let index: HashMap<_, _> = nodes.iter().enumerate().map(|(at, node)| (node.id.clone(), at)).collect();
        let mut children = vec![Vec::new(); nodes.len()];
        let mut parents = vec![Vec::new(); nodes.len()];
        for (group, member) in edges {
            if let (Some(&above), Some(&below)) = (index.get(&group), index.get(&member))
                && above != below
            {
                if let Some(list) = children.get_mut(above) {
                    list.push(below);
                }
                if let Some(list) = parents.get_mut(below) {
                    list.push(above);
                }
            }
        }
        for list in children.iter_mut().chain(parents.iter_mut()) {
            list.sort_unstable();
            list.dedup();
        }
        Self { nodes, index, children, parents }
    }

    /// How many groups there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Where a group stands, by its source id.
    pub fn at(&self, id: &str) -> Option<usize> {
        self.index.get(id).copied()
    }

    /// The group at a place.
    pub fn node(&self, at: usize) -> Option<&GroupNode> {
        self.nodes.get(at)
    }

    /// All groups, by name then id.
    pub fn nodes(&self) -> impl Iterator<Item = (usize, &GroupNode)> {
        self.nodes.iter().enumerate()
    }

    /// The groups directly in a group, by name then id.
    pub fn children(&self, at: usize) -> &[usize] {
        self.children.get(at).map_or(&[], Vec::as_slice)
    }

    /// The groups that a group is directly in, by name then id.
    pub fn parents(&self, at: usize) -> &[usize] {
        self.parents.get(at).map_or(&[], Vec::as_slice)
    }

    /// The given groups and all that they are in, directly or through others.
    pub fn ancestors(&self, from: impl IntoIterator<Item = usize>) -> Vec<usize> {
        let mut seen = vec![false; self.nodes.len()];
        let mut waiting: Vec<usize> = from.into_iter().collect();
        let mut found = Vec::new();
        while let Some(at) = waiting.pop() {
            match seen.get_mut(at) {
                Some(seen) if !*seen => *seen = true,
                _ => continue,
            }
            found.push(at);
            waiting.extend(self.parents(at));
        }
        found.sort_unstable();
        found
    }
}
