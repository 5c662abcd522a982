//! A run: [`run`] leaves the fresh stages alone, runs the others beside one another as far as there is room, and records
//! what they gave.
//!
//! Its rooms: [`board`], where every stage stands; [`shares`], who may start with how many threads; [`work`], the loop;
//! [`keep`], from a report to a record. All of the cache is written by the one thread that loops; stages run in
//! processes of their own.

mod board;
mod keep;
mod shares;
mod subset;
mod work;

pub use shares::Jobs;
pub use subset::{Subset, check_resources};
pub use work::{action, stage_event};

use crate::assess::{State, assess_all, locate};
use crate::error::Result;
use crate::event::{Event, Planned, SCHEMA_VERSION};
use crate::executor::Executor;
use crate::graph::{Origin, SourceId, StageId};
use crate::lock::LockFile;
use crate::locked::{self, Locked};
use crate::pipeline::Location;
use crate::project::Project;
use crate::publish;
use crate::run_record::{Fate, RunRecord};
use crate::sources::bring_all;
use std::collections::BTreeMap;
use std::time::Instant;
use work::Work;

/// What a run is asked.
#[derive(Debug)]
pub struct Options {
    /// The stages looked at: those asked for, with all they need, in order.
    pub stages: Vec<StageId>,
    /// Run even if fresh.
    pub force: Vec<StageId>,
    /// All that run at once hold no more than these.
    pub threads: usize,
    pub jobs: Jobs,
    /// Of what else there is another number than one, by name.
    pub resources: BTreeMap<String, usize>,
    /// Which of the stages may start.
    pub subset: Subset,
    pub failures: Failures,
    /// How often a try that failed is repeated, where the stage doesn't say.
    pub retries: usize,
    /// Download nothing.
    pub offline: bool,
    pub lock: LockUse,
}

/// What a run has to do with the lock file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockUse {
    /// It writes what it found and gave.
    Update,
    /// It is held against it, and writes nothing.
    Hold,
}

/// What a failure means for the stages that do not depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failures {
    /// What runs comes to its end; nothing new starts.
    Stop,
    /// They run.
    KeepGoing,
}

/// Runs what is not fresh.
pub fn run(
    project: &mut Project,
    options: &Options,
    executor: &mut dyn Executor,
    tell: &mut dyn FnMut(Event),
) -> Result<()> {
    let started = Instant::now();
    check_resources(project, &options.stages, &options.resources)?;
    let (here, elsewhere): (Vec<SourceId>, Vec<SourceId>) = sources(project, &options.stages)
        .into_iter()
        .partition(|id| matches!(project.graph.pipeline.sources[id.0].location, Location::Path(_)));
    for source in here {
        locate(project, source)?;
    }
    project.cache.prepare()?;
    let _lock = project.cache.lock()?;
    tell(Event::RunStarted {
        schema_version: SCHEMA_VERSION,
        pipeline: project.graph.pipeline.name.clone(),
        profile: project.profile().map(str::to_owned),
        stages: options.stages.len(),
    });
    let locked = locked(project, options)?;
    bring_all(project, &elsewhere, options.offline, tell)?;
    let planned = plan(project, options)?;
    tell(Event::RunPlanned { stages: planned.clone() });
    let mut record = RunRecord::new(project, options.threads);
    let (stages, result) = Work::new(project, options, locked.as_ref(), &planned, executor, tell).finish();
    record.stages = stages;
    project.cache.scanner.save()?;
    let ran = record.ran();
    if ran > 0 || result.is_err() {
        record.finish(started.elapsed().as_secs_f64(), result.as_ref().err());
        record.write(&project.cache)?;
    }
    if result.is_err() {
        let count = |fate| record.stages.iter().filter(|stage| stage.fate == fate).count();
        let fresh = count(Fate::Fresh) + count(Fate::Frozen);
        let (failed, skipped) = (count(Fate::Failed), count(Fate::Skipped));
        tell(Event::RunFailed { ran, fresh, failed, skipped, seconds: started.elapsed().as_secs_f64() });
    }
    result?;
    if options.lock == LockUse::Update {
        locked::update(project, &record, tell)?;
    }
    publish::publish(project, options, &record, tell)?;
    project.cache.scanner.save()?;
    let fresh = options.stages.len() - ran;
    tell(Event::RunDone { ran, fresh, seconds: started.elapsed().as_secs_f64() });
    Ok(())
}

/// The lock file that a run is held against, by now found to agree with all that can be known before.
pub fn locked(project: &mut Project, options: &Options) -> Result<Option<Locked>> {
    if options.lock == LockUse::Update {
        // One that cannot be read is told now, not when all has run.
        LockFile::read(&project.lock_file)?;
        return Ok(None);
    }
    let locked = Locked::read(project)?;
    locked.check_before(project, &options.stages)?;
    Ok(Some(locked))
}

/// The sources that stages read.
pub fn sources(project: &Project, stages: &[StageId]) -> Vec<SourceId> {
    // What is frozen reads nothing.
    let stages = stages.iter().filter(|id| !project.graph.stage(**id).conduct.is_frozen());
    let origins = stages.flat_map(|id| project.graph.origins(*id).iter().flatten());
    let mut sources: Vec<SourceId> = Vec::new();
    for origin in origins {
        if let Origin::Source(source) = origin
            && !sources.contains(source)
        {
            sources.push(*source);
        }
    }
    sources
}

/// What is not fresh, and what it took the last time.
pub fn plan(project: &mut Project, options: &Options) -> Result<Vec<Planned>> {
    let assessed = assess_all(project, &options.stages)?;
    for (id, found) in &assessed {
        options.subset.allow(project, *id, found)?;
    }
    let wanted = assessed.into_iter().filter(|(id, found)| found.outputs.is_none() || options.force.contains(id));
    let planned = wanted.map(|(id, found)| {
        let stage = project.graph.stage(id).name.value.clone();
        let last = project.cache.last(project.profile(), &stage).done.and_then(|key| project.cache.record(key));
        let reasons = if found.state == State::Fresh { vec!["forced".to_owned()] } else { found.reasons };
        Planned {
            stage,
            certain: found.state != State::Blocked,
            reasons,
            last_seconds: last.as_ref().map(|record| record.seconds),
            last_memory: last.and_then(|record| record.peak_memory),
        }
    });
    Ok(planned.collect())
}
