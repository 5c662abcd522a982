//! `plantpipe graph`: the pipeline as text, mermaid or dot.

use super::groups::rows;
use super::{Global, print, print_json};
use crate::error::Result;
use crate::graph::Origin;
use crate::pipeline::Stage;
use crate::project::Project;
use clap::{Args, ValueEnum};
use serde_json::json;
use std::collections::BTreeSet;

#[derive(Args)]
pub struct Graph {
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Mermaid,
    Dot,
}

/// An arrow: from, to, the output and the input it joins.
struct Arrow {
    from: String,
    to: String,
    output: Option<String>,
    input: String,
}

impl Graph {
    pub fn run(&self, project: &Project, global: &Global) -> Result<()> {
        let arrows = arrows(project);
        if global.json {
            let stages: Vec<_> = (project.graph.order.iter())
                .map(|id| project.graph.stage(*id))
                .map(|stage| json!({ "name": stage.name.value, "group": stage.group(), "kind": stage.kind.name, "params": stage.params }))
                .collect();
            let edges: Vec<_> = (arrows.iter())
                .map(|a| json!({ "from": a.from, "to": a.to, "output": a.output, "input": a.input }))
                .collect();
            let sources: Vec<_> = project.graph.pipeline.sources.iter().map(|source| &source.name.value).collect();
            return print_json(&json!({ "schema_version": 1, "sources": sources, "stages": stages, "edges": edges }));
        }
        print(&match self.format {
            Format::Text => text(project, &arrows),
            Format::Mermaid => mermaid(project, &arrows),
            Format::Dot => dot(project, &arrows),
        })
    }
}

fn arrows(project: &Project) -> Vec<Arrow> {
    let graph = &project.graph;
    let mut arrows = Vec::new();
    for id in &graph.order {
        let stage = graph.stage(*id);
        for (input, origins) in stage.inputs.iter().zip(graph.origins(*id)) {
            for origin in origins {
                let (from, output) = match origin {
                    Origin::Source(_) => (graph.origin_name(*origin), None),
                    Origin::Output(from, output) => {
                        let from = graph.stage(*from);
                        (from.name.value.clone(), Some(from.outputs[*output].name.clone()))
                    }
                };
                arrows.push(Arrow { from, to: stage.name.value.clone(), output, input: input.name.clone() });
            }
        }
    }
    arrows
}

fn sources(project: &Project, arrows: &[Arrow]) -> Vec<String> {
    let used: BTreeSet<&str> = arrows.iter().filter(|arrow| arrow.output.is_none()).map(|a| a.from.as_str()).collect();
    let names = project.graph.pipeline.sources.iter().map(|source| source.name.value.clone());
    names.filter(|name| used.contains(name.as_str())).collect()
}

/// Each stage with what it reads: `train  train  <- shards, weights`.
fn text(project: &Project, arrows: &[Arrow]) -> String {
    let graph = &project.graph;
    let stages: Vec<&Stage> = graph.order.iter().map(|id| graph.stage(*id)).collect();
    let rows = rows(stages.iter().copied());
    let names = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    let kinds = stages.iter().map(|stage| stage.kind.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for row in rows {
        let Some(at) = row.stage else {
            text.push_str(&format!("{}\n", row.name));
            continue;
        };
        let stage = stages[at];
        let from: Vec<String> =
            arrows.iter().filter(|arrow| arrow.to == stage.name.value).map(|a| a.source(&stages)).collect();
        let from = if from.is_empty() { String::new() } else { format!("<- {}", from.join(", ")) };
        let line = format!("{:<names$}  {:<kinds$}  {from}", row.name, stage.kind.name);
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

impl Arrow {
    /// As a pipeline file would name it: the first output goes without saying.
    fn source(&self, stages: &[&Stage]) -> String {
        let first = stages.iter().find(|stage| stage.name.value == self.from).and_then(|stage| stage.outputs.first());
        match (&self.output, first) {
            (Some(output), Some(first)) if *output != first.name => format!("{}.{output}", self.from),
            _ => self.from.clone(),
        }
    }
}

/// The stages in order, instances that stand together under their group.
fn grouped(project: &Project) -> Vec<(Option<&str>, Vec<&Stage>)> {
    let mut groups: Vec<(Option<&str>, Vec<&Stage>)> = Vec::new();
    for stage in project.graph.order.iter().map(|id| project.graph.stage(*id)) {
        let group = stage.group();
        match groups.iter_mut().find(|(known, _)| group.is_some() && *known == group) {
            Some((_, stages)) => stages.push(stage),
            None => groups.push((group, vec![stage])),
        }
    }
    groups
}

fn mermaid(project: &Project, arrows: &[Arrow]) -> String {
    let id = |name: &str| name.replace('@', "__").replace(['/', '+', '.'], "_");
    let mut text = String::from("flowchart LR\n");
    for name in sources(project, arrows) {
        text.push_str(&format!("    {}[(\"{name}\")]\n", id(&name)));
    }
    for (group, stages) in grouped(project) {
        if let Some(group) = group {
            text.push_str(&format!("    subgraph {group}\n"));
        }
        for stage in stages {
            let (name, kind) = (&stage.name.value, stage.kind.name);
            let label = match &stage.instance {
                Some(instance) => format!("@{}", instance.suffix),
                None if name == kind => name.clone(),
                None => format!("{name}<br/><i>{kind}</i>"),
            };
            text.push_str(&format!("    {}[\"{label}\"]\n", id(name)));
        }
        if group.is_some() {
            text.push_str("    end\n");
        }
    }
    for arrow in arrows {
        text.push_str(&format!("    {} -->|{}| {}\n", id(&arrow.from), arrow.input, id(&arrow.to)));
    }
    text
}

fn dot(project: &Project, arrows: &[Arrow]) -> String {
    let mut text = String::from("digraph pipeline {\n    rankdir = LR;\n");
    for name in sources(project, arrows) {
        text.push_str(&format!("    \"{name}\" [shape = cylinder];\n"));
    }
    for (group, stages) in grouped(project) {
        if let Some(group) = group {
            text.push_str(&format!("    subgraph \"cluster_{group}\" {{\n    label = \"{group}\";\n"));
        }
        for stage in stages {
            let (name, kind) = (&stage.name.value, stage.kind.name);
            text.push_str(&format!("    \"{name}\" [shape = box, label = \"{name}\\n{kind}\"];\n"));
        }
        if group.is_some() {
            text.push_str("    }\n");
        }
    }
    for arrow in arrows {
        text.push_str(&format!("    \"{}\" -> \"{}\" [label = \"{}\"];\n", arrow.from, arrow.to, arrow.input));
    }
    text.push_str("}\n");
    text
}
