//! Where a user stands in the tree of groups: the names from a root down to the user's group.

use crate::graph::GroupGraph;
use crate::scope::InScope;
use std::collections::VecDeque;

/// How many paths to one group are kept. A group that is reached in more ways than this has its shortest ones.
pub const MAX_PATHS: usize = 32;

/// The paths of every group in scope, shortest first, then by name.
#[derive(Debug)]
pub struct Paths {
    of: Vec<Vec<String>>,
}

impl Paths {
    /// Walks down from the roots: the chosen groups, or the reference group, or (where neither is set) every group that is in no other.
    /// Breadth first, so that the shortest paths are found first; a path never meets a group twice.
    pub fn new(graph: &GroupGraph, scope: &InScope, given_roots: bool) -> Self {
        let mut paths = Self { of: vec![Vec::new(); graph.len()] };
        if given_roots {
            paths.walk(graph, scope, scope.roots.iter().copied().filter(|&at| scope.holds(at)).collect());
            return paths;
        }
        let tops = (0..graph.len())
            .filter(|&at| scope.holds(at) && !graph.parents(at).iter().any(|&above| scope.holds(above)))
            .collect();
        paths.walk(graph, scope, tops);
        // What is left hangs in cycles without a top: the first by name stands for one.
        for at in 0..graph.len() {
            if scope.holds(at) && paths.of.get(at).is_some_and(Vec::is_empty) {
                paths.walk(graph, scope, vec![at]);
            }
        }
        paths
    }

    fn walk(&mut self, graph: &GroupGraph, scope: &InScope, roots: Vec<usize>) {
        let mut waiting: VecDeque<Vec<usize>> = roots.into_iter().map(|at| vec![at]).collect();
        while let Some(trail) = waiting.pop_front() {
            let Some(&at) = trail.last() else { continue };
            let Some(found) = self.of.get_mut(at) else { continue };
            if found.len() == MAX_PATHS {
                continue;
            }
            let names: Vec<_> =
                trail.iter().filter_map(|&at| graph.node(at)).map(|node| node.name.as_str()).collect();
            found.push(names.join("/"));
            for &below in graph.children(at) {
                if scope.holds(below) && !trail.contains(&below) {
                    let mut longer = trail.clone();
                    longer.push(below);
                    waiting.push_back(longer);
                }
            }
        }
    }

    /// All paths of a user with these direct groups, the primary one first: the shortest, then by name.
    pub fn of_user(&self, direct: impl IntoIterator<Item = usize>) -> Vec<String> {
        let mut all: Vec<_> =
            direct.into_iter().filter_map(|at| self.of.get(at)).flatten().cloned().collect();
        all.sort_by(|a, b| (a.matches('/').count(), a).cmp(&(b.matches('/').count(), b)));
        all.dedup();
        all.truncate(MAX_PATHS);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::GroupNode;
    use crate::scope::Scope;
    use std::collections::BTreeSet;

    fn graph(edges: &[(&str, &str)]) -> GroupGraph {
        let names: BTreeSet<_> = edges.iter().flat_map(|(a, b)| [*a, *b]).collect();
        GroupGraph::new(
            names.into_iter().map(|id| GroupNode {
                id: id.into(),
                name: id.into(),
                kind: None,
                left_out: None,
            }),
            edges.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())),
        )
    }

    fn paths(graph: &GroupGraph, scope: &Scope, group: &str) -> Vec<String> {
        let judged = scope.judge(graph);
        let given = scope.chosen.is_some() || scope.root.is_some();
        Paths::new(graph, &judged, given).of_user(graph.at(group))
    }

    #[test]
    fn f42_the_path_leads_from_the_root_to_the_users_group() {
        let graph = graph(&[("G-root", "G-eng"), ("G-eng", "G-eng-be"), ("G-root", "G-sales")]);
        assert_eq!(paths(&graph, &Scope::default(), "G-eng-be"), ["G-root/G-eng/G-eng-be"]);
        let rooted = Scope { root: Some("G-eng".into()), ..Scope::default() };
        assert_eq!(paths(&graph, &rooted, "G-eng-be"), ["G-eng/G-eng-be"]);
        assert!(paths(&graph, &rooted, "G-sales").is_empty());
    }

    #[test]
    fn f42_of_several_paths_the_shortest_then_the_first_by_name_is_primary() {
        let graph = graph(&[("A", "X"), ("B", "C"), ("C", "X"), ("B", "X")]);
        assert_eq!(paths(&graph, &Scope::default(), "X"), ["A/X", "B/X", "B/C/X"]);
    }

    #[test]
    fn f42_cycles_end() {
        let graph = graph(&[("A", "B"), ("B", "C"), ("C", "A")]);
        assert_eq!(paths(&graph, &Scope::default(), "C"), ["A/B/C"]);
    }

    #[test]
    fn f42_a_lattice_does_not_explode() {
        let mut edges = Vec::new();
        let name = |level: usize, at: usize| format!("{level:02}-{at}");
        for level in 0..30 {
            for from in 0..3 {
                for to in 0..3 {
                    edges.push((name(level, from), name(level + 1, to)));
                }
            }
        }
        let edges: Vec<_> = edges.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(paths(&graph(&edges), &Scope::default(), "30-0").len(), MAX_PATHS);
    }
}
