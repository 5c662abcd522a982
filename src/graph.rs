//! Pipeline -> [`Graph`]: names become ids, strangers and cycles are refused; pure.

use crate::pipeline::{Pipeline, Stage};
use crate::text::{Diagnostic, Spanned};
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::{Dfs, Reversed};
use std::collections::BTreeSet;

/// A stage's place in [`Pipeline::stages`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct StageId(pub usize);

/// A source's place in [`Pipeline::sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceId(pub usize);

/// What an input comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Source(SourceId),
    /// A stage's output, by its place in the kind's list.
    Output(StageId, usize),
}

/// A pipeline whose names all mean something, in an order it can run in.
#[derive(Debug)]
pub struct Graph {
    pub pipeline: Pipeline,
    /// Every stage after what it needs; otherwise as declared.
    pub order: Vec<StageId>,
    /// By stage, by input (as in [`Stage::inputs`]), what it comes from.
    origins: Vec<Vec<Vec<Origin>>>,
    edges: DiGraph<StageId, ()>,
}

impl Graph {
    /// Resolves every input name.
    pub fn new(pipeline: Pipeline) -> Result<Self, Diagnostic> {
        let origins = pipeline
            .stages
            .iter()
            .map(|stage| {
                let one = |from: &Spanned<String>, wanted| resolve(&pipeline, from, wanted, stage);
                let input = |input: &crate::pipeline::Input| {
                    input.from.iter().map(|from| one(from, input.spec.format)).collect::<Result<Vec<_>, _>>()
                };
                stage.inputs.iter().map(input).collect::<Result<Vec<_>, _>>()
            })
            .collect::<Result<Vec<_>, _>>()?;
        let mut edges = DiGraph::new();
        for id in 0..pipeline.stages.len() {
            edges.add_node(StageId(id));
        }
        for (to, inputs) in origins.iter().enumerate() {
            for origin in inputs.iter().flatten() {
                if let Origin::Output(from, _) = origin {
                    edges.update_edge(NodeIndex::new(from.0), NodeIndex::new(to), ());
                }
            }
        }
        refuse_cycle(&pipeline, &origins, &edges)?;
        let mut graph = Self { pipeline, order: Vec::new(), origins, edges };
        graph.order = graph.sorted();
        Ok(graph)
    }

    pub fn stage(&self, id: StageId) -> &Stage {
        &self.pipeline.stages[id.0]
    }

    pub fn find(&self, name: &str) -> Option<StageId> {
        self.pipeline.stages.iter().position(|stage| stage.name.value == name).map(StageId)
    }

    /// By input, what it comes from.
    pub fn origins(&self, id: StageId) -> &[Vec<Origin>] {
        &self.origins[id.0]
    }

    /// The stages whose outputs a stage reads.
    pub fn needs(&self, id: StageId) -> BTreeSet<StageId> {
        self.edges.neighbors_directed(NodeIndex::new(id.0), petgraph::Incoming).map(|node| self.edges[node]).collect()
    }

    /// A stage and all that it needs, directly or not, in order.
    pub fn with_ancestors(&self, ids: &[StageId]) -> Vec<StageId> {
        let reversed = Reversed(&self.edges);
        let mut wanted = BTreeSet::new();
        for id in ids {
            let mut walk = Dfs::new(reversed, NodeIndex::new(id.0));
            while let Some(node) = walk.next(reversed) {
                wanted.insert(self.edges[node]);
            }
        }
        self.order.iter().copied().filter(|id| wanted.contains(id)).collect()
    }

    /// `small`, `dataset.masks`, or a source's name.
    pub fn origin_name(&self, origin: Origin) -> String {
        match origin {
            Origin::Source(id) => self.pipeline.sources[id.0].name.value.clone(),
            Origin::Output(id, 0) => self.stage(id).name.value.clone(),
            Origin::Output(id, output) => {
                format!("{}.{}", self.stage(id).name.value, self.stage(id).kind.outputs[output].name)
            }
        }
    }

    /// Kahn's algorithm, the first declared of those ready first.
    fn sorted(&self) -> Vec<StageId> {
        let mut order: Vec<StageId> = Vec::new();
        let mut waiting: Vec<StageId> = (0..self.pipeline.stages.len()).map(StageId).collect();
        while let Some(at) = waiting.iter().position(|id| self.needs(*id).iter().all(|need| order.contains(need))) {
            order.push(waiting.remove(at));
        }
        order
    }
}

fn resolve(pipeline: &Pipeline, from: &Spanned<String>, wanted: &str, reader: &Stage) -> Result<Origin, Diagnostic> {
    if let Some(at) = pipeline.sources.iter().position(|source| source.name.value == from.value) {
        return Ok(Origin::Source(SourceId(at)));
    }
    let (name, output) = match from.value.split_once('.') {
        Some((name, output)) => (name, Some(output)),
        None => (from.value.as_str(), None),
    };
    let Some(at) = pipeline.stages.iter().position(|stage| stage.name.value == name) else {
        let sources = pipeline.sources.iter().map(|source| source.name.value.as_str());
        let stages = pipeline.stages.iter().map(|stage| stage.name.value.as_str());
        return Err(Diagnostic::unknown(&from.span, "input", &from.value, sources.chain(stages)));
    };
    let kind = pipeline.stages[at].kind;
    let output = match output {
        None if kind.outputs.is_empty() => {
            return Err(Diagnostic::new(&from.span, format!("stage `{name}` has no output"), "it can't be an input"));
        }
        None => 0,
        Some(word) => kind.outputs.iter().position(|spec| spec.name == word).ok_or_else(|| {
            let known = kind.outputs.iter().map(|spec| spec.name);
            Diagnostic::unknown(&from.span, &format!("output of stage `{name}`:"), word, known)
        })?,
    };
    let given = kind.outputs[output].format;
    if given != wanted {
        let message = format!("`{}` gives {given}, but kind `{}` wants {wanted} here", from.value, reader.kind.name);
        let fits = pipeline.stages.iter().find_map(|stage| {
            let at = stage.kind.outputs.iter().position(|spec| spec.format == wanted)?;
            let name = &stage.name.value;
            Some(if at == 0 { name.clone() } else { format!("{name}.{}", stage.kind.outputs[at].name) })
        });
        let label = fits.map_or_else(|| format!("no stage gives {wanted}"), |name| format!("did you mean `{name}`?"));
        return Err(Diagnostic::new(&from.span, message, label));
    }
    Ok(Origin::Output(StageId(at), output))
}

/// A cycle is named by its path, at the input that closes it.
fn refuse_cycle(
    pipeline: &Pipeline,
    origins: &[Vec<Vec<Origin>>],
    edges: &DiGraph<StageId, ()>,
) -> Result<(), Diagnostic> {
    let looped = |nodes: &Vec<NodeIndex>| nodes.len() > 1 || edges.contains_edge(nodes[0], nodes[0]);
    let Some(cycle) = tarjan_scc(edges).into_iter().filter(looped).min_by_key(|nodes| nodes.iter().min().copied())
    else {
        return Ok(());
    };
    // Walk along edges inside the component until a node comes twice.
    let mut path = vec![*cycle.iter().min().expect("a component has a node")];
    let start = loop {
        let next = edges
            .neighbors(path[path.len() - 1])
            .filter(|node| cycle.contains(node))
            .min()
            .expect("a node of a cycle has a successor in it");
        if let Some(at) = path.iter().position(|node| *node == next) {
            break at;
        }
        path.push(next);
    };
    let path = &path[start..];
    let name = |node: &NodeIndex| pipeline.stages[node.index()].name.value.as_str();
    let words: Vec<&str> = path.iter().chain(path.first()).map(name).collect();
    let last = path[path.len() - 1];
    let closing = pipeline.stages[path[0].index()]
        .inputs
        .iter()
        .zip(&origins[path[0].index()])
        .flat_map(|(input, origins)| input.from.iter().zip(origins))
        .find(|(_, origin)| matches!(origin, Origin::Output(StageId(from), _) if *from == last.index()))
        .map(|(from, _)| &from.span)
        .expect("the edge comes from an input");
    Err(Diagnostic::new(closing, format!("the stages go round in a cycle: {}", words.join(" -> ")), "this closes it"))
}
