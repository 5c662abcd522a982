//! The section **Pipeline**: the lineage as a graph, and each stage's params as a table.

use super::document::{Block, Edge, Graph, Node, Table};
use super::material::{Material, by_group, in_short};
use super::words::code;
use plantpipe_stage::format::{Ancestor, Lineage};
use std::collections::BTreeMap;

pub(super) fn section(material: &Material) -> Vec<Block> {
    vec![
        Block::text("From the sources to this page; an edge names the output where a stage has several."),
        Block::Graph(graph(&material.lineage)),
        Block::Table(stages(&material.lineage)),
    ]
}

/// A row a stage; what all instances of a matrix share stands in the row of their group.
fn stages(lineage: &Lineage) -> Table {
    let mut table = Table::new("The stages, what each reads, and its params", &["stage", "kind", "reads", "params"], 4);
    let stages = lineage.ancestors.iter().filter(|ancestor| ancestor.kind.is_some());
    for (group, stages) in by_group(stages, |stage| stage.group.as_deref()) {
        let reads = |stage: &Ancestor| reads(lineage, stage);
        let shared = |pick: &dyn Fn(&Ancestor) -> Vec<String>| -> Vec<String> {
            let mut shared = pick(stages[0]);
            shared.retain(|word| stages.iter().all(|stage| pick(stage).contains(word)));
            if group.is_some() { shared } else { Vec::new() }
        };
        let (all_read, all_params) = (shared(&reads), shared(&params));
        if let Some(group) = group {
            let kind = stages[0].kind.as_deref().map(code).unwrap_or_default();
            table.group(group, stages.len(), [kind, all_read.join(" "), all_params.join(" ")]);
        }
        for stage in &stages {
            let own = |words: Vec<String>, shared: &[String]| {
                words.into_iter().filter(|word| !shared.contains(word)).collect::<Vec<_>>().join(" ")
            };
            let kind = stage.kind.as_deref().map(code).unwrap_or_default();
            table.row([code(&stage.name), kind, own(reads(stage), &all_read), own(params(stage), &all_params)]);
        }
    }
    table
}

fn params(stage: &Ancestor) -> Vec<String> {
    stage.params.iter().map(|(name, value)| code(&format!("{name} = {value}"))).collect()
}

/// What each input reads, as a pipeline file would name it: without the output where there is nothing to tell apart.
fn reads(lineage: &Lineage, stage: &Ancestor) -> Vec<String> {
    let mut names = Vec::new();
    for edges in stage.inputs.values() {
        for (_, edges) in by_group(edges, |edge| Some(&edge.output)) {
            let output = &edges[0].output;
            for (name, group) in in_short(lineage, edges.iter().map(|edge| edge.from.as_str())) {
                let plain = output.is_empty() || *output == group.unwrap_or_else(|| name.clone());
                names.push(code(&if plain { name } else { format!("{name}.{output}") }));
            }
        }
    }
    names
}

fn graph(lineage: &Lineage) -> Graph {
    let places: BTreeMap<&str, usize> =
        lineage.ancestors.iter().enumerate().map(|(place, ancestor)| (ancestor.name.as_str(), place)).collect();
    let nodes = lineage.ancestors.iter().map(|ancestor| Node {
        name: ancestor.name.clone(),
        kind: ancestor.kind.clone(),
        group: ancestor.group.clone(),
    });
    let mut edges = Vec::new();
    for (to, ancestor) in lineage.ancestors.iter().enumerate() {
        for edge in ancestor.inputs.values().flatten() {
            let Some(from) = places.get(edge.from.as_str()).copied() else { continue };
            let several = lineage.ancestors[from].outputs.len() > 1;
            edges.push(Edge { from, to, label: several.then(|| edge.output.clone()) });
        }
    }
    Graph { nodes: nodes.collect(), edges }
}
