//! The pipeline as inline SVG: [`graph`] draws boxes and arrows; the instances of a matrix stand in one box.

use super::inline::escape;
use super::layout::{Layout, Passage, Size, layout};
use super::svg::LEAST_SCALE;
use crate::report::bundle::{Arrow, End, Frame, arrows, frames};
use crate::report::document::{Graph, Node};
use std::collections::{BTreeMap, BTreeSet};

// Pixels; a letter's width is that of common fixed-width fonts at the sizes the style sheet gives.
const LETTER: f64 = 7.9;
const SMALL_LETTER: f64 = 6.7;
const PADDING: f64 = 12.0;
const NODE: f64 = 30.0;
const NODE_WITH_KIND: f64 = 44.0;
const HEADER: f64 = 30.0;
const INSTANCE_GAP: f64 = 6.0;
const PORT: f64 = 15.0;
const HEAD: f64 = 8.0;

/// The whole graph.
pub(super) fn graph(graph: &Graph) -> String {
    let grouped = frames(graph);
    let (frames, arrows, drawn) = draw(graph, grouped).unwrap_or_else(|| {
        let alone = (0..graph.nodes.len()).map(|place| Frame { group: None, members: vec![place] }).collect();
        draw(graph, alone).expect("a pipeline has no circle")
    });
    let picture = Picture { graph, frames: &frames, drawn: &drawn };
    let ports = picture.ports(&arrows);
    // From back to front.
    let mut svg: String = (0..frames.len()).map(|place| picture.outer_box(place)).collect();
    svg.extend(arrows.iter().zip(&drawn.routes).map(|(arrow, route)| picture.arrow(arrow, route, &ports)));
    svg.extend((0..frames.len()).map(|place| picture.nodes(place)));
    svg.extend(ports.iter().map(|((end, label), y)| picture.label(*end, label, *y)));
    // Where the page is narrow the drawing shrinks a little, then it scrolls.
    format!(
        "<figure>\n<div class=\"scroll\"><svg class=\"graph\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" style=\"min-width: {least:.0}px\" role=\"img\" aria-labelledby=\"graph-title\" \
         aria-describedby=\"graph-words\">\n<title id=\"graph-title\">The pipeline as a graph</title>\n<desc \
         id=\"graph-words\">Arrows lead from the sources on the left to this report on the right. The table below says \
         the same in words.</desc>\n{svg}</svg></div>\n<figcaption>{}</figcaption>\n</figure>\n",
        caption(graph),
        width = drawn.width,
        height = drawn.height,
        least = drawn.width * LEAST_SCALE,
    )
}

fn caption(graph: &Graph) -> String {
    let mut words = "The pipeline: boxes are stages".to_owned();
    if graph.nodes.iter().any(|node| node.kind.is_none()) {
        words.push_str(", cylinders sources");
    }
    if graph.nodes.iter().any(|node| node.group.is_some()) {
        words
            .push_str(". A dashed box holds the instances of one matrix; an arrow from or to it goes for each of them");
    }
    words + "."
}

/// None where the arrows between these frames run in a circle.
fn draw<'g>(graph: &Graph, frames: Vec<Frame<'g>>) -> Option<(Vec<Frame<'g>>, Vec<Arrow>, Layout)> {
    let arrows = arrows(graph, &frames);
    let sizes: Vec<Size> = frames.iter().enumerate().map(|(place, frame)| size(graph, frame, place, &arrows)).collect();
    let ends: Vec<(usize, usize)> = arrows.iter().map(|arrow| (arrow.from.frame, arrow.to.frame)).collect();
    let drawn = layout(&sizes, &ends)?;
    Some((frames, arrows, drawn))
}

fn size(graph: &Graph, frame: &Frame, place: usize, arrows: &[Arrow]) -> Size {
    let length = |words: &str| words.chars().count() as f64;
    let first = &graph.nodes[frame.members[0]];
    let labels: BTreeSet<&str> =
        arrows.iter().filter(|arrow| arrow.from.frame == place).map(|arrow| arrow.label.as_str()).collect();
    let kind = first.other_kind().map_or(0.0, length) * SMALL_LETTER;
    let (width, height) = if let Some(group) = frame.group {
        let widest = frame.members.iter().map(|member| length(graph.nodes[*member].short())).fold(0.0, f64::max);
        let header = length(group) * LETTER + kind + if kind > 0.0 { SMALL_LETTER * 2.0 } else { 0.0 };
        let rows = frame.members.len() as f64 * (NODE + INSTANCE_GAP);
        (header.max(widest * LETTER + PADDING * 2.0) + PADDING * 2.0, HEADER + rows + PADDING - INSTANCE_GAP)
    } else {
        let ports = labels.len() as f64 * PORT + 10.0;
        (kind.max(length(&first.name) * LETTER) + PADDING * 2.0, node_height(first).max(ports))
    };
    Size { width, height, words: labels.iter().map(|label| length(label)).fold(0.0, f64::max) * SMALL_LETTER }
}

fn node_height(node: &Node) -> f64 {
    if node.other_kind().is_some() || node.kind.is_none() { NODE_WITH_KIND } else { NODE + 6.0 }
}

/// What is drawn, and where.
struct Picture<'p> {
    graph: &'p Graph,
    frames: &'p [Frame<'p>],
    drawn: &'p Layout,
}

impl Picture<'_> {
    /// Left, top, width and height.
    fn rectangle(&self, end: End) -> [f64; 4] {
        let (left, top) = self.drawn.corners[end.frame];
        let [width, height] = self.drawn.sizes[end.frame];
        match end.member {
            None => [left, top, width, height],
            Some(member) => {
                let y = top + HEADER + member as f64 * (NODE + INSTANCE_GAP);
                [left + PADDING, y, width - PADDING * 2.0, NODE]
            }
        }
    }

    fn right(&self, end: End) -> f64 {
        let [left, _, width, _] = self.rectangle(end);
        left + width
    }

    fn middle(&self, end: End) -> f64 {
        let [_, top, _, height] = self.rectangle(end);
        top + height / 2.0
    }

    /// The height at which each output leaves: one below the other, in the order of where they go.
    fn ports<'a>(&self, arrows: &'a [Arrow]) -> BTreeMap<(End, &'a str), f64> {
        let mut leaving: BTreeMap<End, BTreeMap<&str, Vec<f64>>> = BTreeMap::new();
        for (arrow, route) in arrows.iter().zip(&self.drawn.routes) {
            let towards = route.first().map_or_else(|| self.middle(arrow.to), |passage| passage.y);
            leaving.entry(arrow.from).or_default().entry(&arrow.label).or_default().push(towards);
        }
        let mut ports = BTreeMap::new();
        for (end, outputs) in leaving {
            let mut outputs: Vec<(&str, f64)> = outputs
                .into_iter()
                .map(|(label, towards)| (label, towards.iter().sum::<f64>() / towards.len() as f64))
                .collect();
            outputs.sort_by(|a, b| a.1.total_cmp(&b.1));
            let first = self.middle(end) - (outputs.len() - 1) as f64 * PORT / 2.0;
            for (place, (label, _)) in outputs.iter().enumerate() {
                ports.insert((end, *label), first + place as f64 * PORT);
            }
        }
        ports
    }

    fn arrow(&self, arrow: &Arrow, route: &[Passage], ports: &BTreeMap<(End, &str), f64>) -> String {
        let (mut x, mut y) = (self.right(arrow.from), ports[&(arrow.from, arrow.label.as_str())]);
        let mut path = format!("M{x:.1} {y:.1}");
        // Beneath the words at its start an arrow runs level.
        if !arrow.label.is_empty() {
            x += arrow.label.chars().count() as f64 * SMALL_LETTER + 4.0;
            path.push_str(&format!("H{x:.1}"));
        }
        let [left, ..] = self.rectangle(arrow.to);
        let end = Passage { left: left - HEAD, right: left, y: self.middle(arrow.to) };
        for passage in route.iter().chain([&end]) {
            let half = f64::midpoint(x, passage.left);
            let Passage { left, right, y: to } = passage;
            path.push_str(&format!("C{half:.1} {y:.1} {half:.1} {to:.1} {left:.1} {to:.1}H{right:.1}"));
            (x, y) = (*right, *to);
        }
        format!("<path class=\"arrow\" d=\"{path}\"/><path class=\"head\" d=\"M{x:.1} {y:.1}l-{HEAD} -4v8z\"/>\n")
    }

    /// The name of an output where its arrows start.
    fn label(&self, end: End, label: &str, y: f64) -> String {
        if label.is_empty() {
            return String::new();
        }
        let x = self.right(end) + 5.0;
        format!("<text class=\"label\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>\n", y - 3.5, escape(label))
    }

    /// What stands around instances; nothing around a node that is alone.
    fn outer_box(&self, place: usize) -> String {
        let frame = &self.frames[place];
        let Some(group) = frame.group else { return String::new() };
        let [x, y, width, height] = self.rectangle(End { frame: place, member: None });
        let kind = self.graph.nodes[frame.members[0]].other_kind();
        let kind = kind.map(|kind| format!(" <tspan class=\"kind\">{}</tspan>", escape(kind))).unwrap_or_default();
        format!(
            "<rect class=\"group\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"10\"/>\
             <text class=\"name\" x=\"{:.1}\" y=\"{:.1}\">{}{kind}</text>\n",
            x + PADDING,
            y + 20.0,
            escape(group)
        )
    }

    fn nodes(&self, place: usize) -> String {
        let frame = &self.frames[place];
        let node = |member: usize| &self.graph.nodes[frame.members[member]];
        if frame.group.is_none() {
            return draw_node(node(0), node(0).other_kind(), self.rectangle(End { frame: place, member: None }));
        }
        (0..frame.members.len())
            .map(|member| draw_node(node(member), None, self.rectangle(End { frame: place, member: Some(member) })))
            .collect()
    }
}

/// A stage is a rounded box, a source a cylinder.
fn draw_node(node: &Node, kind: Option<&str>, [x, y, width, height]: [f64; 4]) -> String {
    let shape = if node.kind.is_some() {
        format!(
            "<rect class=\"stage\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"6\"/>"
        )
    } else {
        let (radius, side) = (width / 2.0, height - 12.0);
        let top = y + 6.0;
        format!(
            "<path class=\"source\" d=\"M{x:.1} {top:.1}a{radius:.1} 6 0 0 1 {width:.1} 0v{side:.1}a{radius:.1} 6 0 0 1 \
             -{width:.1} 0z\"/><path class=\"rim\" d=\"M{x:.1} {top:.1}a{radius:.1} 6 0 0 0 {width:.1} 0\"/>"
        )
    };
    let (centre, middle) = (x + width / 2.0, y + height / 2.0);
    let baseline = match (kind, node.kind.is_some()) {
        (Some(_), _) => middle - 2.0,
        (None, true) => middle + 4.5,
        (None, false) => middle + 8.0,
    };
    let kind = kind.map(|kind| {
        format!(
            "<text class=\"kind\" x=\"{centre:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            middle + 14.0,
            escape(kind)
        )
    });
    format!(
        "{shape}<text class=\"name\" x=\"{centre:.1}\" y=\"{baseline:.1}\" text-anchor=\"middle\">{}</text>{}\n",
        escape(node.short()),
        kind.unwrap_or_default()
    )
}
