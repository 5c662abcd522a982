//! A [`Graph`] with the instances of a matrix in one [`Frame`] and their edges bundled: what both pages draw.

use super::document::Graph;
use std::collections::{BTreeMap, BTreeSet};

/// A node that stands alone, or the instances of a matrix.
pub(super) struct Frame<'g> {
    pub(super) group: Option<&'g str>,
    /// Places of nodes.
    pub(super) members: Vec<usize>,
}

/// An arrow as it is drawn: between frames, or between instances where only some are joined.
#[derive(PartialEq, Eq)]
pub(super) struct Arrow {
    pub(super) from: End,
    pub(super) to: End,
    /// Empty where a stage has one output.
    pub(super) label: String,
}

/// An end of an arrow: a frame, and the instance in it where it is not the whole frame.
#[derive(PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
pub(super) struct End {
    pub(super) frame: usize,
    /// A place among the frame's members.
    pub(super) member: Option<usize>,
}

/// A frame a node, but one a group, where its first node stands.
pub(super) fn frames(graph: &Graph) -> Vec<Frame<'_>> {
    let mut frames: Vec<Frame> = Vec::new();
    for (place, node) in graph.nodes.iter().enumerate() {
        let group = node.group.as_deref();
        match frames.iter_mut().find(|frame| group.is_some() && frame.group == group) {
            Some(frame) => frame.members.push(place),
            None => frames.push(Frame { group, members: vec![place] }),
        }
    }
    frames
}

/// One arrow between two frames where every member of both has its part in it, else one an edge; in the order of the
/// edges.
pub(super) fn arrows(graph: &Graph, frames: &[Frame]) -> Vec<Arrow> {
    let places: BTreeMap<usize, (usize, usize)> = frames
        .iter()
        .enumerate()
        .flat_map(|(frame, found)| found.members.iter().enumerate().map(move |(place, node)| (*node, (frame, place))))
        .collect();
    // (frame, frame, label) -> members that have a part in it, on either side
    let mut parts = BTreeMap::<_, (BTreeSet<usize>, BTreeSet<usize>)>::new();
    for edge in &graph.edges {
        let ((from, a), (to, b)) = (places[&edge.from], places[&edge.to]);
        let (froms, tos) = parts.entry((from, to, &edge.label)).or_default();
        froms.insert(a);
        tos.insert(b);
    }
    let mut arrows = Vec::new();
    for edge in &graph.edges {
        let ((from, a), (to, b)) = (places[&edge.from], places[&edge.to]);
        let (froms, tos) = &parts[&(from, to, &edge.label)];
        let whole = froms.len() == frames[from].members.len() && tos.len() == frames[to].members.len();
        let end =
            |frame: usize, member| End { frame, member: (!whole && frames[frame].group.is_some()).then_some(member) };
        let arrow = Arrow { from: end(from, a), to: end(to, b), label: edge.label.clone().unwrap_or_default() };
        if !arrows.contains(&arrow) {
            arrows.push(arrow);
        }
    }
    arrows
}

#[cfg(test)]
mod tests {
    use super::{End, arrows, frames};
    use crate::report::document::{Edge, Graph, Node};

    /// Nodes `s`, `t@a`, `t@b`, `u@a`, `u@b`.
    fn drawn(edges: &[(usize, usize)]) -> Vec<[(usize, Option<usize>); 2]> {
        let node =
            |name: &str, group: Option<&str>| Node { name: name.into(), kind: None, group: group.map(str::to_owned) };
        let (t, u) = (Some("t"), Some("u"));
        let nodes = vec![node("s", None), node("t@a", t), node("t@b", t), node("u@a", u), node("u@b", u)];
        let edges = edges.iter().map(|(from, to)| Edge { from: *from, to: *to, label: None }).collect();
        let graph = Graph { nodes, edges };
        let arrows = arrows(&graph, &frames(&graph));
        let end = |end: End| (end.frame, end.member);
        arrows.iter().map(|arrow| [end(arrow.from), end(arrow.to)]).collect()
    }

    #[test]
    fn edges_of_all_instances_are_one_arrow() {
        assert_eq!(drawn(&[(0, 1), (0, 2), (1, 3), (2, 4)]), [[(0, None), (1, None)], [(1, None), (2, None)]]);
    }

    #[test]
    fn edges_of_some_instances_keep_their_ends() {
        assert_eq!(drawn(&[(0, 2), (1, 4)]), [[(0, None), (1, Some(1))], [(1, Some(0)), (2, Some(1))]]);
    }
}
