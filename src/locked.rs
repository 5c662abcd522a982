//! A run that may change nothing: [`Locked`], the lock file that a run under `--locked` is held against, and [`update`],
//! what any other run writes into it.

use crate::assess::{Ready, assess_all};
use crate::cache::records::Outputs;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::graph::{Graph, StageId};
use crate::lock::{LockFile, LockedStage};
use crate::pipeline::Location;
use crate::project::Project;
use crate::reasons;
use crate::recipe::Recipe;
use crate::run_record::{RunRecord, StageRun};
use crate::text::Origin;
use std::collections::BTreeMap;

/// The lock file of a run that is held against it.
pub struct Locked {
    file: LockFile,
}

impl Locked {
    /// Reads it.
    ///
    /// # Errors
    /// Where there is none, or one without stages: then there is nothing to hold a run against.
    pub fn read(project: &Project) -> Result<Self> {
        let file = LockFile::read(&project.lock_file)?;
        if file.stages().is_empty() {
            let message = format!("{} names no stage", project.lock_file.display());
            let hint = "run without --locked: it writes what it finds and gives; then commit the file".to_owned();
            return Err(Error::Differs { message, hint: Some(hint) });
        }
        Ok(Self { file })
    }

    /// Whether what can be known before anything runs is as the lock file says: sources, kinds, params, and inputs as far
    /// as they are there.
    pub fn check_before(&self, project: &mut Project, stages: &[StageId]) -> Result<()> {
        let mut found = self.sources(project);
        let gone = self.file.stages().keys().filter(|name| !has(&project.graph, name));
        found.extend(gone.map(|name| format!("stage `{name}` is not in the pipeline any more")));
        for (id, assessment) in assess_all(project, stages)? {
            let reasons = match &assessment.ready {
                Some(ready) => self.differences(project, id, ready),
                None => self.differences_but_for_inputs(project, id),
            };
            if !reasons.is_empty() {
                found.push(format!("stage `{}`: {}", project.graph.stage(id).name.value, reasons.join("; ")));
            }
        }
        let Some(first) = found.first() else { return Ok(()) };
        let others = match found.len() - 1 {
            0 => String::new(),
            others => format!(" (and {others} more)"),
        };
        Err(self.differs(project, &format!("{first}{others}")))
    }

    /// Whether a stage that is ready is the one that the lock file names.
    pub fn check_ready(&self, project: &mut Project, id: StageId, ready: &Ready) -> Result<()> {
        let reasons = self.differences(project, id, ready);
        if reasons.is_empty() {
            return Ok(());
        }
        let name = &project.graph.stage(id).name.value;
        Err(self.differs(project, &format!("stage `{name}`: {}", reasons.join("; "))))
    }

    /// Whether a stage gave what the lock file says.
    pub fn check_outputs(&self, project: &Project, id: StageId, outputs: &Outputs) -> Result<()> {
        let name = &project.graph.stage(id).name.value;
        let Some(locked) = self.file.stages().get(name) else { return Ok(()) };
        let Some((output, digest)) =
            outputs.iter().find(|(output, digest)| locked.outputs.get(*output) != Some(digest))
        else {
            return Ok(());
        };
        let was = locked.outputs.get(output).map_or_else(|| "none".to_owned(), ToString::to_string);
        let message =
            format!("stage `{name}` gave another `{output}` than {} says: {digest}, not {was}", self.file.name());
        let hint =
            "the result is kept and recorded; a kind whose figures depend on the processor or on a program may do \
                    so; run without --locked to accept it"
                .to_owned();
        Err(Error::Differs { message, hint: Some(hint) })
    }

    /// Downloads that the file does not know, and entries of none.
    fn sources(&self, project: &Project) -> Vec<String> {
        let declared = &project.graph.pipeline.sources;
        let mut found = Vec::new();
        for source in declared.iter().filter(|source| source.origin == Origin::File) {
            if let Location::Remote(remote) = &source.location
                && self.file.source(&source.name.value, remote).is_none()
            {
                found.push(format!("source `{}`: it is not in the file", source.name.value));
            }
        }
        let is_source = |name: &str| declared.iter().any(|source| source.name.value == name);
        let gone = self.file.sources().filter(|name| !is_source(name));
        found.extend(gone.map(|name| format!("source `{name}` is not in the pipeline any more")));
        found
    }

    fn differences(&self, project: &mut Project, id: StageId, ready: &Ready) -> Vec<String> {
        let Some(locked) = self.stage(project, id) else { return vec![NEW.to_owned()] };
        let now = &ready.recipe;
        // The record says more than the file: which source file changed.
        match project.cache.record(locked.key) {
            Some(record) if now.key() != locked.key => {
                reasons::since(project, id, ready, &record.recipe).iter().map(ToString::to_string).collect()
            }
            _ => locked.differences(now, &reasons::since(project, id, ready, &locked.before(now))),
        }
    }

    fn differences_but_for_inputs(&self, project: &Project, id: StageId) -> Vec<String> {
        let Some(locked) = self.stage(project, id) else { return vec![NEW.to_owned()] };
        let stage = project.graph.stage(id);
        let inputs = stage.inputs.iter().zip(project.graph.origins(id));
        let artifacts = inputs.map(|(input, origins)| (input.name.clone(), origins.len())).collect();
        locked.differences_but_for_inputs(Recipe::declared(stage, &project.device), &artifacts)
    }

    fn stage(&self, project: &Project, id: StageId) -> Option<&LockedStage> {
        self.file.stages().get(&project.graph.stage(id).name.value)
    }

    fn differs(&self, project: &Project, what: &str) -> Error {
        let message = format!("not as {} says: {what}", self.file.name());
        let device = self.file.stages().values().find_map(|stage| stage.device.as_deref());
        let hint = match device {
            Some(device) if device != project.device.class() => {
                format!("it is of results on {device}: --device {device}")
            }
            _ => "run without --locked to accept what differs, or take it back".to_owned(),
        };
        Error::Differs { message, hint: Some(hint) }
    }
}

const NEW: &str = "it is not in the file";

fn has(graph: &Graph, name: &str) -> bool {
    graph.pipeline.stages.iter().any(|stage| stage.name.value == name)
}

/// Writes what the stages of a run that ended well are now, where that changes the file. A run with `--set` is no
/// statement about the pipeline, and a run of another device class gives other results: both leave the file alone.
pub fn update(project: &Project, run: &RunRecord, tell: &mut dyn FnMut(Event)) -> Result<()> {
    if project.built_in || !project.set.is_empty() {
        return Ok(());
    }
    let mut file = LockFile::read(&project.lock_file)?;
    let mut given = BTreeMap::new();
    for StageRun { stage, key, outputs, .. } in &run.stages {
        let is_known = |locked: &LockedStage| Some(locked.key) == *key && locked.outputs == *outputs;
        if file.stages().get(stage).is_some_and(is_known) {
            continue;
        }
        if let Some(record) = key.and_then(|key| project.cache.record(key)) {
            given.insert(stage.clone(), LockedStage::of(&record));
        }
    }
    let class = |stage: &LockedStage| stage.device.clone();
    let here = given.values().find_map(class);
    let there = file.stages().values().find_map(class);
    if let (Some(here), Some(there)) = (here, there)
        && here != there
    {
        let name = file.name();
        let note =
            format!("{name} is of results on {there}: this run on {here} leaves it alone; delete it to begin anew");
        tell(Event::Note { note });
        return Ok(());
    }
    file.update(given, |name| has(&project.graph, name))
}
