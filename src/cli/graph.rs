//! `plantpipe graph`: the pipeline as text, mermaid or dot.

use super::{Global, print, print_json};
use crate::error::Result;
use crate::graph::Origin;
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
    output: Option<&'static str>,
    input: &'static str,
}

impl Graph {
    pub fn run(&self, project: &Project, global: &Global) -> Result<()> {
        let arrows = arrows(project);
        if global.json {
            let stages: Vec<_> = (project.graph.order.iter())
                .map(|id| project.graph.stage(*id))
                .map(|stage| json!({ "name": stage.name.value, "kind": stage.kind.name, "params": stage.params }))
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
                        (from.name.value.clone(), Some(from.kind.outputs[*output].name))
                    }
                };
                arrows.push(Arrow { from, to: stage.name.value.clone(), output, input: input.spec.name });
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
    let width = |word: fn(&crate::pipeline::Stage) -> usize| {
        graph.order.iter().map(|id| word(graph.stage(*id))).max().unwrap_or(0)
    };
    let (names, kinds) = (width(|stage| stage.name.value.len()), width(|stage| stage.kind.name.len()));
    let mut text = String::new();
    for id in &graph.order {
        let stage = graph.stage(*id);
        let from: Vec<String> = (arrows.iter())
            .filter(|arrow| arrow.to == stage.name.value)
            .map(|arrow| match arrow.output.filter(|name| graph_first(project, &arrow.from) != Some(*name)) {
                Some(output) => format!("{}.{output}", arrow.from),
                None => arrow.from.clone(),
            })
            .collect();
        let from = if from.is_empty() { String::new() } else { format!("<- {}", from.join(", ")) };
        let line = format!("{:<names$}  {:<kinds$}  {from}", stage.name.value, stage.kind.name);
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The output that a bare stage name means.
fn graph_first(project: &Project, stage: &str) -> Option<&'static str> {
    let id = project.graph.find(stage)?;
    project.graph.stage(id).kind.outputs.first().map(|output| output.name)
}

fn mermaid(project: &Project, arrows: &[Arrow]) -> String {
    let mut text = String::from("flowchart LR\n");
    for name in sources(project, arrows) {
        text.push_str(&format!("    {name}[(\"{name}\")]\n"));
    }
    for stage in project.graph.order.iter().map(|id| project.graph.stage(*id)) {
        let (name, kind) = (&stage.name.value, stage.kind.name);
        let label = if name == kind { name.clone() } else { format!("{name}<br/><i>{kind}</i>") };
        text.push_str(&format!("    {name}[\"{label}\"]\n"));
    }
    for arrow in arrows {
        text.push_str(&format!("    {} -->|{}| {}\n", arrow.from, arrow.input, arrow.to));
    }
    text
}

fn dot(project: &Project, arrows: &[Arrow]) -> String {
    let mut text = String::from("digraph pipeline {\n    rankdir = LR;\n");
    for name in sources(project, arrows) {
        text.push_str(&format!("    \"{name}\" [shape = cylinder];\n"));
    }
    for stage in project.graph.order.iter().map(|id| project.graph.stage(*id)) {
        let (name, kind) = (&stage.name.value, stage.kind.name);
        text.push_str(&format!("    \"{name}\" [shape = box, label = \"{name}\\n{kind}\"];\n"));
    }
    for arrow in arrows {
        text.push_str(&format!("    \"{}\" -> \"{}\" [label = \"{}\"];\n", arrow.from, arrow.to, arrow.input));
    }
    text.push_str("}\n");
    text
}
