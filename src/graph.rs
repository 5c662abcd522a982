//! Pipeline -> [`Graph`]: names become ids, strangers and cycles are refused; pure.

use crate::pipeline::{Input, Pipeline, Stage};
use crate::text::{Diagnostic, Span, Spanned};
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
                let input = |input: &Input| -> Result<Vec<_>, _> {
                    let each: Vec<_> = input
                        .from
                        .iter()
                        .map(|from| resolve(&pipeline, from, input, stage))
                        .collect::<Result<_, _>>()?;
                    Ok(each.concat())
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
        graph.cut_at_frozen();
        Ok(graph)
    }

    pub fn stage(&self, id: StageId) -> &Stage {
        &self.pipeline.stages[id.0]
    }

    /// The stage of this name, or every instance of the group of this name; none when there is neither.
    pub fn find(&self, name: &str) -> Vec<StageId> {
        let is_meant = |stage: &Stage| stage.name.value == name || stage.group() == Some(name);
        let stages = self.pipeline.stages.iter().enumerate();
        stages.filter(|(_, stage)| is_meant(stage)).map(|(id, _)| StageId(id)).collect()
    }

    /// By input, what it comes from.
    pub fn origins(&self, id: StageId) -> &[Vec<Origin>] {
        &self.origins[id.0]
    }

    /// The stages whose outputs a stage reads; none of one that is frozen, which reads nothing.
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

    /// A stage and all that needs it, directly or not, in order.
    pub fn with_descendants(&self, ids: &[StageId]) -> Vec<StageId> {
        let mut wanted = BTreeSet::new();
        for id in ids {
            let mut walk = Dfs::new(&self.edges, NodeIndex::new(id.0));
            while let Some(node) = walk.next(&self.edges) {
                wanted.insert(self.edges[node]);
            }
        }
        self.order.iter().copied().filter(|id| wanted.contains(id)).collect()
    }

    /// What lies upstream of a frozen stage is not needed for it.
    fn cut_at_frozen(&mut self) {
        let stages = &self.pipeline.stages;
        self.edges.retain_edges(|edges, edge| {
            let (_, to) = edges.edge_endpoints(edge).expect("an edge has ends");
            !stages[to.index()].conduct.is_frozen()
        });
    }

    /// `small`, `dataset.masks`, or a source's name.
    pub fn origin_name(&self, origin: Origin) -> String {
        match origin {
            Origin::Source(id) => self.pipeline.sources[id.0].name.value.clone(),
            Origin::Output(id, 0) => self.stage(id).name.value.clone(),
            Origin::Output(id, output) => {
                format!("{}.{}", self.stage(id).name.value, self.stage(id).outputs[output].name)
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

/// What a name in an input means: a source, an output of a stage, or of each instance of a group.
fn resolve(
    pipeline: &Pipeline,
    from: &Spanned<String>,
    input: &Input,
    reader: &Stage,
) -> Result<Vec<Origin>, Diagnostic> {
    if let Some(at) = pipeline.sources.iter().position(|source| source.name.value == from.value) {
        return Ok(vec![Origin::Source(SourceId(at))]);
    }
    let named = |name: &str| {
        let is_meant = |stage: &Stage| stage.name.value == name || stage.group() == Some(name);
        (0..pipeline.stages.len()).filter(|at| is_meant(&pipeline.stages[*at])).collect::<Vec<_>>()
    };
    // An instance may have a dot in its name (`train@0.1`), so the whole word is tried first.
    let (name, stages, output) = match (named(&from.value), from.value.rsplit_once('.')) {
        (stages, Some((name, output))) if stages.is_empty() => (name, named(name), Some(output)),
        (stages, _) => (from.value.as_str(), stages, None),
    };
    if stages.is_empty() {
        return Err(Diagnostic::unknown(&from.span, "input", &from.value, names(pipeline)));
    }
    let meant = if pipeline.stages[stages[0]].name.value == name {
        stages
    } else {
        instances(pipeline, name, &stages, from, input, reader)?
    };
    meant
        .into_iter()
        .map(|at| Ok(Origin::Output(StageId(at), output_of(pipeline, at, output, from, input, reader)?)))
        .collect()
}

/// Sources, stages as declared, and instances.
fn names(pipeline: &Pipeline) -> Vec<&str> {
    let sources = pipeline.sources.iter().map(|source| source.name.value.as_str());
    let declared = pipeline.stages.iter().map(|stage| stage.group().unwrap_or(&stage.name.value));
    let mut names: Vec<&str> = sources.chain(declared).filter(|name| !name.starts_with('.')).collect();
    names.dedup();
    names
}

/// Which instances of a group a reader means: its own one, or all.
fn instances(
    pipeline: &Pipeline,
    group: &str,
    stages: &[usize],
    from: &Spanned<String>,
    input: &Input,
    reader: &Stage,
) -> Result<Vec<usize>, Diagnostic> {
    let instance = |at: usize| pipeline.stages[at].instance.as_ref().expect("a group is of instances");
    let root = &instance(stages[0]).root;
    match &reader.instance {
        Some(own) if own.root == *root => {
            Ok(stages.iter().copied().filter(|at| instance(*at).suffix == own.suffix).collect())
        }
        Some(own) => {
            let message = format!(
                "two matrices meet: `{}` goes with the matrix of `{}`, and `{group}` with that of `{root}`",
                own.group, own.root
            );
            let hint = format!(
                "name one instance, such as `{}`, or make one matrix of both: give the axes of `{root}` to `{}` and let \
                 what lies between follow it by `for_each`",
                pipeline.stages[stages[0]].name.value, own.root
            );
            Err(Diagnostic::new(&from.span, message, format!("{} instances here", stages.len())).hint(hint))
        }
        None if input.arity.is_many() => Ok(stages.to_vec()),
        None => {
            let (kind, name) = (reader.kind.name, &reader.name.value);
            let message =
                format!("`{group}` is {} stages, and kind `{kind}` takes one as `{}`", stages.len(), input.name);
            let hint = format!(
                "give `{name}` a line `for_each = \"{group}\"`, so that it follows each, or name one: `{}`",
                pipeline.stages[stages[0]].name.value
            );
            Err(Diagnostic::new(&from.span, message, "which one?").hint(hint))
        }
    }
}

/// The output meant by `stage` or `stage.output`, of the format that the reader wants.
fn output_of(
    pipeline: &Pipeline,
    at: usize,
    output: Option<&str>,
    from: &Spanned<String>,
    input: &Input,
    reader: &Stage,
) -> Result<usize, Diagnostic> {
    let stage = &pipeline.stages[at];
    let name = &stage.name.value;
    let output = match output {
        None if stage.outputs.is_empty() => {
            return Err(Diagnostic::new(&from.span, format!("stage `{name}` has no output"), "it can't be an input"));
        }
        None => 0,
        Some(word) => stage.outputs.iter().position(|output| output.name == word).ok_or_else(|| {
            let known = stage.outputs.iter().map(|output| output.name.as_str());
            Diagnostic::unknown(&from.span, &format!("output of stage `{name}`:"), word, known)
        })?,
    };
    let given = &stage.outputs[output].format;
    let Some(wanted) = input.format.filter(|wanted| wanted != given) else { return Ok(output) };
    let message = format!("`{}` gives {given}, but kind `{}` wants {wanted} here", from.value, reader.kind.name);
    let fits = pipeline.stages.iter().find_map(|stage| {
        let at = stage.outputs.iter().position(|output| output.format == wanted)?;
        let name = stage.group().unwrap_or(&stage.name.value);
        Some(if at == 0 { name.to_owned() } else { format!("{name}.{}", stage.outputs[at].name) })
    });
    let label = fits.map_or_else(|| format!("no stage gives {wanted}"), |name| format!("did you mean `{name}`?"));
    Err(Diagnostic::new(&from.span, message, label))
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
        .find(|(_, origins)| {
            origins.iter().any(|origin| matches!(origin, Origin::Output(StageId(from), _) if *from == last.index()))
        })
        .map(|(input, _)| closing_word(input, &pipeline.stages[last.index()]))
        .expect("the edge comes from an input");
    Err(Diagnostic::new(closing, format!("the stages go round in a cycle: {}", words.join(" -> ")), "this closes it"))
}

/// The word of an input that means a stage.
fn closing_word<'i>(input: &'i Input, stage: &Stage) -> &'i Span {
    let means = |from: &&Spanned<String>| {
        [Some(stage.name.value.as_str()), stage.group()]
            .into_iter()
            .flatten()
            .any(|name| from.value.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
    };
    &input.from.iter().find(means).unwrap_or(&input.from[0]).span
}
