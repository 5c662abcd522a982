//! The loop: [`run`] takes stages in order, leaves the fresh ones alone, runs the others, and records what they gave.

use crate::assess::{Assessment, Known, Ready, State, assess, assess_all, locate, resume};
use crate::cache;
use crate::cache::openings::Opened;
use crate::cache::records::{Last, Outputs, Record, SCHEMA};
use crate::cache::scan::Scanner;
use crate::error::{Error, Result};
use crate::event::{Event, Planned, SCHEMA_VERSION};
use crate::executor::Executor;
use crate::graph::{Origin, SourceId, StageId};
use crate::interrupt;
use crate::items::{self, Earlier};
use crate::pipeline::Location;
use crate::project::Project;
use crate::publish;
use crate::recipe::Key;
use crate::run_record::{RunRecord, StageRun};
use crate::sources::bring_all;
use jiff::Timestamp;
use plantpipe_stage::checkpoint::Start;
use plantpipe_stage::{ACTION_SCHEMA, Action, Afterwards, Event as StageEvent, Opening, Outcome, Report};
use std::time::Instant;

/// What a run is asked.
#[derive(Debug)]
pub struct Options {
    /// The stages asked for, with all they need, in order.
    pub stages: Vec<StageId>,
    /// Run even if fresh.
    pub force: Vec<StageId>,
    pub threads: usize,
    /// Download nothing.
    pub offline: bool,
}

/// Runs what is not fresh.
pub fn run(
    project: &mut Project,
    options: &Options,
    executor: &dyn Executor,
    tell: &mut dyn FnMut(Event),
) -> Result<()> {
    let started = Instant::now();
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
    bring_all(project, &elsewhere, options.offline, tell)?;
    tell(Event::RunPlanned { stages: plan(project, options)? });
    let mut record = RunRecord::new(project, options.threads);
    let result = each_stage(project, options, executor, tell, &mut record);
    project.cache.scanner.save()?;
    let ran = record.ran();
    if ran > 0 || result.is_err() {
        record.finish(started.elapsed().as_secs_f64(), result.as_ref().err());
        record.write(&project.cache)?;
    }
    result?;
    publish::publish(project, options, &record, tell)?;
    project.cache.scanner.save()?;
    let fresh = options.stages.len() - ran;
    tell(Event::RunDone { ran, fresh, seconds: started.elapsed().as_secs_f64() });
    Ok(())
}

/// The sources that stages read.
pub fn sources(project: &Project, stages: &[StageId]) -> Vec<SourceId> {
    let origins = stages.iter().flat_map(|id| project.graph.origins(*id).iter().flatten());
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
    let wanted = assessed.into_iter().filter(|(id, found)| found.state != State::Fresh || options.force.contains(id));
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

fn each_stage(
    project: &mut Project,
    options: &Options,
    executor: &dyn Executor,
    tell: &mut dyn FnMut(Event),
    record: &mut RunRecord,
) -> Result<()> {
    let mut known = Known::new();
    for id in &options.stages {
        interrupt::check()?;
        let assessment = assess(project, *id, &known)?;
        let name = project.graph.stage(*id).name.value.clone();
        let outputs = match assessment.outputs {
            Some(ref outputs) if !options.force.contains(id) => {
                let outputs = outputs.clone();
                accept(project, *id, &assessment, &outputs)?;
                record.push(StageRun::fresh(&name, &assessment));
                tell(Event::StageFresh { stage: name });
                outputs
            }
            _ => {
                let started = Instant::now();
                let key = assessment.ready.as_ref().map(|ready| ready.key);
                let executed = execute(project, *id, assessment, options, executor, tell);
                let (outputs, seconds) = executed.inspect_err(|_| {
                    record.push(StageRun::failed(&name, started.elapsed().as_secs_f64()));
                })?;
                record.push(StageRun::ran(&name, key.expect("what ran was ready"), seconds));
                outputs
            }
        };
        known.insert(*id, outputs);
    }
    Ok(())
}

/// Makes a recorded result the current one: shown under `out/`, and the stage's last.
fn accept(project: &Project, id: StageId, assessment: &Assessment, outputs: &Outputs) -> Result<()> {
    let name = &project.graph.stage(id).name.value;
    project.cache.show(name, outputs)?;
    let done = assessment.ready.as_ref().map(|ready| ready.key);
    let last = project.cache.last(project.profile(), name);
    if last.done != done || last.failed.is_some() {
        project.cache.write_last(project.profile(), name, Last { done, ..Last::default() })?;
    }
    Ok(())
}

fn execute(
    project: &mut Project,
    id: StageId,
    assessment: Assessment,
    options: &Options,
    executor: &dyn Executor,
    tell: &mut dyn FnMut(Event),
) -> Result<(Outputs, f64)> {
    let stage = project.graph.stage(id).name.value.clone();
    let kind = project.graph.stage(id).kind;
    let ready =
        assessment.ready.ok_or_else(|| Error::Bug { message: format!("stage `{stage}` is blocked in its turn") })?;
    let reasons = if assessment.reasons.is_empty() { vec!["forced".to_owned()] } else { assessment.reasons };
    tell(Event::StageStarted { stage: stage.clone(), kind: kind.name.to_owned(), reasons });
    let started = Instant::now();
    let scratch = project.cache.scratch(&stage)?;
    // Who forces a run wants it from scratch.
    let forced = options.force.contains(&id);
    let earlier = if forced { None } else { items::earlier(project, id, &ready)? };
    let mut action = action(project, id, &ready, &scratch, options.threads)?;
    action.previous = earlier.as_ref().map(|earlier| earlier.previous.clone());
    let start = if forced { Start::Anew } else { Start::GoOn };
    action.checkpoint = resume(kind, &ready).map(|resume| project.cache.checkpoint(resume, ready.key, start));
    let report = executor.run(&action, &mut |event| tell(stage_event(&stage, event)));
    let seconds = started.elapsed().as_secs_f64();
    let kept = report.and_then(|report| keep(project, id, &ready, &action, earlier.as_ref(), report, seconds));
    match kept {
        Ok(Kept { outputs, same_bytes, irreproducible }) => {
            cache::remove(&scratch)?;
            if irreproducible {
                let note = "the same recipe gave other bytes than the time before: this result is not reproducible";
                tell(Event::StageNote { stage: stage.clone(), note: note.to_owned() });
            }
            tell(Event::StageDone { stage, seconds, same_bytes });
            Ok((outputs, seconds))
        }
        Err(error) => {
            // What the child said on standard error stays until the next try.
            cache::remove(&action.scratch)?;
            let error = in_stage(&stage, error);
            if !matches!(error, Error::Interrupted { .. }) {
                let last = project.cache.last(project.profile(), &stage);
                let failed = Some((ready.key, error.to_string()));
                project.cache.write_last(project.profile(), &stage, Last { failed, ..last })?;
                let hint = error.way_out().map(str::to_owned);
                tell(Event::StageFailed { stage, seconds, message: error.to_string(), hint });
            }
            Err(error)
        }
    }
}

fn action(project: &Project, id: StageId, ready: &Ready, scratch: &std::path::Path, threads: usize) -> Result<Action> {
    let stage = project.graph.stage(id);
    let out = scratch.join("out");
    cache::make(&out)?;
    Ok(Action {
        schema: ACTION_SCHEMA,
        stage: stage.name.value.clone(),
        kind: stage.kind.name.to_owned(),
        params: stage.params.clone(),
        inputs: ready.inputs.clone(),
        seed: stage.seed,
        threads,
        device: project.device.as_str().to_owned(),
        scratch: out,
        report: scratch.join("report.json"),
        lineage: ready.lineage.clone(),
        previous: None,
        checkpoint: None,
    })
}

struct Kept {
    outputs: Outputs,
    same_bytes: bool,
    irreproducible: bool,
}

/// From a report to a record: outputs into the store, inputs checked again, the record last.
fn keep(
    project: &mut Project,
    id: StageId,
    ready: &Ready,
    action: &Action,
    earlier: Option<&Earlier>,
    report: Report,
    seconds: f64,
) -> Result<Kept> {
    match report.outcome {
        Outcome::Done => {}
        Outcome::Stopped => return Err(Error::stopped()),
        Outcome::Failed(error) => return Err(Error::Failed { message: error.message, hint: error.hint }),
        Outcome::Bug(message) => return Err(Error::Bug { message }),
    }
    let stage = project.graph.stage(id);
    let kind = stage.kind;
    let name = stage.name.value.clone();
    let names: Vec<String> = stage.outputs.iter().map(|output| output.name.clone()).collect();
    let mut outputs = Outputs::new();
    for output in names {
        let folder = action.scratch.join(&output);
        if !folder.is_dir() {
            return Err(Error::Bug { message: format!("it gave no output `{output}`") });
        }
        let linked = earlier.map(|earlier| (earlier.previous.folder.as_path(), &earlier.snapshot));
        let digest = project.cache.keep(&folder, linked)?;
        outputs.insert(output, digest);
    }
    if kind.uses.items.is_some() {
        let written = project.cache.manifest(outputs[kind.outputs[0].name]);
        items::check(&report.items, &written.expect("it was written by now"))?;
    }
    for (path, snapshot) in &ready.watched {
        if let Some(file) = Scanner::changed_since(path, snapshot)? {
            let message = format!("{} changed while stage `{name}` ran", path.join(file).display());
            let hint = Some("the output is kept but not recorded; run again when the files are at rest".to_owned());
            return Err(Error::Integrity { message, hint });
        }
    }
    // Before the record: a crash in between counts an opening too many, never one too few.
    project.cache.open_test(&opened(project, &name, ready.key, report.openings, &outputs))?;
    let last = project.cache.last(project.profile(), &name);
    let before = last.done.and_then(|key| project.cache.record(key));
    let same_bytes = before.is_some_and(|before| before.outputs == outputs);
    let irreproducible = ready.record.as_ref().is_some_and(|before| before.outputs != outputs);
    let items = project.cache.write_items(ready.key, &report.items)?;
    project.cache.write_record(&Record {
        schema: SCHEMA,
        key: ready.key,
        recipe: ready.recipe.clone(),
        outputs: outputs.clone(),
        items,
        seconds,
        peak_memory: report.peak_memory,
    })?;
    if let Some(resume) = resume(kind, ready)
        && report.checkpoint == Afterwards::Remove
    {
        project.cache.remove_checkpoint(resume, ready.key)?;
    }
    if let Some(family) = items::family(kind, ready) {
        project.cache.write_family(family, ready.key)?;
    }
    project.cache.write_last(project.profile(), &name, Last { done: Some(ready.key), ..Last::default() })?;
    project.cache.show(&name, &outputs)?;
    Ok(Kept { outputs, same_bytes, irreproducible })
}

/// The openings of a run, as the journal keeps them.
fn opened(project: &Project, stage: &str, key: Key, openings: Vec<Opening>, outputs: &Outputs) -> Vec<Opened> {
    let opened = |opening| Opened {
        time: Timestamp::now(),
        pipeline: project.graph.pipeline.name.clone(),
        profile: project.profile().map(str::to_owned),
        stage: stage.to_owned(),
        key,
        opening,
        outputs: outputs.clone(),
    };
    openings.into_iter().map(opened).collect()
}

fn stage_event(stage: &str, event: StageEvent) -> Event {
    let stage = stage.to_owned();
    match event {
        StageEvent::Progress { done, total, unit } => Event::StageProgress { stage, done, total, unit },
        StageEvent::Note(note) => Event::StageNote { stage, note },
    }
}

/// Names the stage in what ended it.
fn in_stage(stage: &str, error: Error) -> Error {
    match error {
        Error::Failed { message, hint } => {
            Error::Failed { message: format!("stage `{stage}` failed: {message}"), hint }
        }
        Error::Bug { message } => Error::Bug { message: format!("in stage `{stage}`: {message}") },
        other => other,
    }
}
