//! What a stage is now: [`assess`] turns a stage and its upstream outputs into a [`State`], its reasons and, when
//! they can be known, its key and recipe.

use crate::cache::digest::Digest;
use crate::cache::objects::Presence;
use crate::cache::records::{Outputs, Record};
use crate::cache::scan::Snapshot;
use crate::error::{Error, Result};
use crate::frozen;
use crate::graph::{Origin, SourceId, StageId};
use crate::pipeline::Location;
use crate::project::Project;
use crate::reasons::{self, Reason};
use crate::recipe::{Key, Recipe};
use crate::sources;
use plantpipe_stage::format::{Ancestor, Edge, Lineage};
use plantpipe_stage::{Artifact, Kind, Reads};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The life of a stage, as `status` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Recorded, outputs verified.
    Fresh,
    /// The key differs from every recorded one.
    Stale,
    /// Recorded, but an output is gone or altered.
    Missing,
    NeverRun,
    /// Upstream will rerun, or a source is absent, so the key isn't known yet.
    Blocked,
    /// As stale or never run, and a checkpoint waits: the next run goes on from it.
    Interrupted,
    /// As stale or never run, and the last try failed.
    Failed,
    /// Not to be run: its last result is used.
    Frozen,
}

impl State {
    pub fn word(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Missing => "missing",
            Self::NeverRun => "never run",
            Self::Blocked => "blocked",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
            Self::Frozen => "frozen",
        }
    }
}

/// A stage as it stands.
#[derive(Debug)]
pub struct Assessment {
    pub state: State,
    pub reasons: Vec<String>,
    /// What differs from the last run, where that is why: the first reasons, as data.
    pub changes: Vec<Reason>,
    /// None when blocked.
    pub ready: Option<Ready>,
    /// Its outputs, when fresh.
    pub outputs: Option<Outputs>,
}

impl Assessment {
    /// The reasons at length.
    pub fn whole_reasons(&self) -> Vec<String> {
        let changes = self.changes.iter().map(ToString::to_string);
        changes.chain(self.reasons.iter().skip(self.changes.len()).cloned()).collect()
    }
}

/// All that is needed to run it.
#[derive(Debug)]
pub struct Ready {
    pub key: Key,
    pub recipe: Recipe,
    pub inputs: BTreeMap<String, Vec<Artifact>>,
    pub lineage: Option<Lineage>,
    /// Everything read, as it was when hashed, in the order of the inputs.
    pub watched: Vec<Watched>,
    /// An earlier record of the same key, whatever became of its outputs.
    pub record: Option<Record>,
}

/// An artifact that is read.
#[derive(Debug)]
pub struct Watched {
    pub path: PathBuf,
    /// The part of it.
    pub reads: Reads,
    pub snapshot: Snapshot,
}

/// The outputs of the stages that are fresh or have just run.
pub type Known = BTreeMap<StageId, Outputs>;

/// Assesses stages in order; those that are fresh enter the known ones.
pub fn assess_all(project: &mut Project, ids: &[StageId]) -> Result<Vec<(StageId, Assessment)>> {
    let mut known = Known::new();
    let mut all = Vec::new();
    for id in ids {
        let assessment = assess(project, *id, &known)?;
        if let Some(outputs) = &assessment.outputs {
            known.insert(*id, outputs.clone());
        }
        all.push((*id, assessment));
    }
    Ok(all)
}

/// Assesses one stage, given what is known upstream.
pub fn assess(project: &mut Project, id: StageId, known: &Known) -> Result<Assessment> {
    if project.graph.stage(id).conduct.is_frozen() {
        return frozen::assess(project, id, known);
    }
    if let Some(reason) = blocker(project, id, known) {
        return Ok(Assessment {
            state: State::Blocked,
            reasons: vec![reason],
            changes: Vec::new(),
            ready: None,
            outputs: None,
        });
    }
    let ready = prepare(project, id, known)?;
    let (state, reasons, changes) = judge(project, id, &ready)?;
    let outputs = (state == State::Fresh).then(|| ready.record.as_ref().expect("fresh is recorded").outputs.clone());
    Ok(Assessment { state, reasons, changes, ready: Some(ready), outputs })
}

/// What a run of it would be now; none where that isn't known.
pub fn would_be(project: &mut Project, id: StageId, known: &Known) -> Result<Option<Ready>> {
    if blocker(project, id, known).is_some() { Ok(None) } else { prepare(project, id, known).map(Some) }
}

/// What keeps the key from being known.
fn blocker(project: &Project, id: StageId, known: &Known) -> Option<String> {
    for origin in project.graph.origins(id).iter().flatten() {
        match origin {
            Origin::Source(source) => {
                if let Err(error) = locate(project, *source) {
                    return Some(error.to_string());
                }
            }
            Origin::Output(from, _) if !known.contains_key(from) => {
                return Some(format!("{} will run first", project.graph.stage(*from).name.value));
            }
            Origin::Output(..) => {}
        }
    }
    None
}

/// Where a source lies on this machine.
///
/// # Errors
/// When it is absent, or a name that has to be loaded first.
pub fn locate(project: &Project, id: SourceId) -> Result<PathBuf> {
    let source = &project.graph.pipeline.sources[id.0];
    let name = &source.name.value;
    match &source.location {
        Location::Path(path) if path.exists() => outside(project, name, path),
        // Only the `files` of a program have a slash in their name: they are declared in a stage.
        Location::Path(path) if name.contains('/') => Err(Error::failed(format!("there is no {}", path.display()))
            .hint("correct the stage's `files`: paths there are relative to the pipeline file")),
        Location::Path(path) => Err(Error::failed(format!("source `{name}`: there is no {}", path.display()))
            .hint(format!("say where it lies: --set sources.{name}=PATH"))),
        Location::Remote(remote) => sources::path(project, remote).ok_or_else(|| {
            Error::failed(format!("source `{name}`: {} is not on this machine yet", remote.url))
                .hint(format!("run downloads it; or say where it lies: --set sources.{name}=PATH"))
        }),
    }
}

/// A source that holds the pipeline's own folder would change with every run.
fn outside(project: &Project, name: &str, path: &Path) -> Result<PathBuf> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if !real(&project.root).starts_with(real(path)) {
        return Ok(path.to_owned());
    }
    let message = format!("source `{name}`: {} holds this pipeline's own cache and reports", path.display());
    Err(Error::usage(message).hint("move pipeline.toml to a folder beside it, and correct the path"))
}

/// Builds the recipe from what is there now.
fn prepare(project: &mut Project, id: StageId, known: &Known) -> Result<Ready> {
    let stage = project.graph.stage(id);
    let kind = stage.kind;
    let mut recipe = Recipe::declared(stage, &project.device);
    let specs: Vec<(String, Reads)> = stage.inputs.iter().map(|input| (input.name.clone(), input.reads)).collect();
    let origins = project.graph.origins(id).to_vec();
    let mut inputs = BTreeMap::new();
    let mut watched = Vec::new();
    for ((name, reads), origins) in specs.into_iter().zip(origins) {
        let mut artifacts = Vec::new();
        for origin in origins {
            let path = match origin {
                Origin::Source(source) => locate(project, source)?,
                Origin::Output(from, output) => {
                    project.cache.object(known[&from][&project.graph.stage(from).outputs[output].name])
                }
            };
            let snapshot = project.cache.scanner.scan(&path)?;
            let digest = snapshot.manifest.digest_of(reads);
            watched.push(Watched { path: path.clone(), reads, snapshot });
            recipe.inputs.entry(name.clone()).or_default().push(digest);
            artifacts.push(Artifact { name: project.graph.origin_name(origin), path, digest: digest.to_string() });
        }
        inputs.insert(name, artifacts);
    }
    let lineage = if kind.uses.lineage { Some(lineage(project, id, known)?) } else { None };
    recipe.lineage = lineage.as_ref().map(|lineage| Digest::of_json("plantpipe 2026 lineage", lineage));
    let key = recipe.key();
    let record = project.cache.record(key);
    Ok(Ready { key, recipe, inputs, lineage, watched, record })
}

/// What is not as it was among the outputs of a record.
pub fn damage(project: &mut Project, record: &Record) -> Result<Option<String>> {
    for (name, digest) in &record.outputs {
        let what = match project.cache.presence(*digest)? {
            Presence::Intact => continue,
            Presence::Gone => "is gone from the cache".to_owned(),
            Presence::Altered(file) if file.is_empty() => "was altered in the cache".to_owned(),
            Presence::Altered(file) => format!("was altered in the cache: {file}"),
        };
        return Ok(Some(format!("output `{name}` {what}")));
    }
    Ok(None)
}

fn judge(project: &mut Project, id: StageId, ready: &Ready) -> Result<(State, Vec<String>, Vec<Reason>)> {
    if let Some(record) = &ready.record {
        return Ok(match damage(project, record)? {
            Some(reason) => (State::Missing, vec![reason], Vec::new()),
            None => (State::Fresh, Vec::new(), Vec::new()),
        });
    }
    let stage = project.graph.stage(id);
    let kind = stage.kind;
    let last = project.cache.last(project.profile(), &stage.name.value);
    let before = last.done.and_then(|key| project.cache.record(key));
    let (mut state, mut reasons, mut changes) = (State::NeverRun, vec!["never run".to_owned()], Vec::new());
    if let Some(before) = before {
        state = State::Stale;
        changes = reasons::since_once(project, id, ready, &before);
        reasons = changes.iter().map(Reason::brief).collect();
    }
    if let Some(progress) = resume(kind, ready).and_then(|resume| project.cache.waiting(resume, ready.key)) {
        if state == State::NeverRun {
            reasons.clear();
        }
        state = State::Interrupted;
        reasons.push(format!("a checkpoint waits: {progress}"));
    }
    if let Some((key, message)) = last.failed
        && key == ready.key
    {
        state = State::Failed;
        reasons.push(format!("the last try failed: {message}"));
    }
    Ok((state, reasons, changes))
}

/// What a stage's checkpoint is kept under; none for a kind that keeps none.
pub fn resume(kind: &Kind, ready: &Ready) -> Option<Key> {
    Some(ready.recipe.resume(kind.uses.grows?))
}

/// What lies upstream, without times, hosts and absolute paths.
fn lineage(project: &mut Project, id: StageId, known: &Known) -> Result<Lineage> {
    let mut ancestors = Vec::new();
    let stages = project.graph.with_ancestors(&[id]);
    let mut sources: Vec<SourceId> = Vec::new();
    for origin in stages.iter().flat_map(|stage| project.graph.origins(*stage).iter().flatten()) {
        if let Origin::Source(source) = origin
            && !sources.contains(source)
        {
            sources.push(*source);
        }
    }
    for source in sources {
        let path = locate(project, source)?;
        let digest = project.cache.scanner.scan(&path)?.manifest.digest();
        ancestors.push(Ancestor {
            name: project.graph.pipeline.sources[source.0].name.value.clone(),
            group: None,
            kind: None,
            params: BTreeMap::new(),
            seed: None,
            inputs: BTreeMap::new(),
            outputs: [(String::new(), digest.to_string())].into(),
            device: None,
            crates: BTreeMap::new(),
        });
    }
    for stage in stages {
        ancestors.push(ancestor(project, stage, known));
    }
    Ok(Lineage {
        pipeline: project.graph.pipeline.name.clone(),
        profile: project.graph.pipeline.profile.clone(),
        seed: project.graph.pipeline.seed,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ancestors,
    })
}

fn ancestor(project: &Project, id: StageId, known: &Known) -> Ancestor {
    let stage = project.graph.stage(id);
    let edge = |origin: &Origin| match origin {
        Origin::Source(_) => Edge { from: project.graph.origin_name(*origin), output: String::new() },
        Origin::Output(from, output) => {
            let from = project.graph.stage(*from);
            Edge { from: from.name.value.clone(), output: from.outputs[*output].name.clone() }
        }
    };
    let inputs = stage.inputs.iter().zip(project.graph.origins(id));
    let ancestor = Ancestor {
        name: stage.name.value.clone(),
        group: stage.group().map(str::to_owned),
        kind: Some(stage.kind.name.to_owned()),
        params: stage.params.clone(),
        seed: stage.kind.uses.seed.then_some(stage.seed),
        inputs: inputs.map(|(input, origins)| (input.name.clone(), origins.iter().map(edge).collect())).collect(),
        outputs: known
            .get(&id)
            .map(|outputs| outputs.iter().map(|(name, digest)| (name.clone(), digest.to_string())).collect())
            .unwrap_or_default(),
        device: stage.kind.uses.device.then(|| project.device.class().to_owned()),
        crates: Recipe::of_kind(stage.kind).crates,
    };
    if stage.conduct.is_frozen() { frozen::describe(project, id, ancestor) } else { ancestor }
}
