//! Whether results are what they are recorded as: [`verify`] hashes every stored byte again, and makes results again in
//! scratch, from the inputs that they were made of, to compare them byte by byte. It writes no result.

use crate::assess::{Known, Ready, State, assess};
use crate::cache;
use crate::cache::digest::Manifest;
use crate::cache::objects::Presence;
use crate::cache::records::Outputs;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::executor::{Executor, run_alone};
use crate::graph::StageId;
use crate::interrupt;
use crate::project::Project;
use crate::scheduler::{action, stage_event};
use plantpipe_stage::Outcome;
use serde::Serialize;
use std::path::Path;
use std::time::Instant;

/// What is to be verified.
#[derive(Debug)]
pub struct Options {
    /// The stages whose results are, in order.
    pub stages: Vec<StageId>,
    pub depth: Depth,
    pub threads: usize,
}

/// How far it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Stored bytes are hashed again.
    Objects,
    /// And results are made again.
    Recompute,
}

/// A stage's result, verified.
#[derive(Debug, Serialize)]
pub struct Verified {
    pub stage: String,
    #[serde(flatten)]
    pub verdict: Verdict,
    /// What making it again took; none where it was not made.
    pub seconds: Option<f64>,
}

/// What came of verifying a result.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// Made again, it gave the bytes that are recorded.
    Same,
    /// Every stored byte is as recorded.
    Intact,
    /// A stored file is not as recorded; none: the whole output is gone.
    Damaged { output: String, file: Option<String> },
    /// Made again, it gave other bytes.
    Differs(Difference),
    /// Made again, it failed.
    Failed { message: String },
    /// There is nothing to hold against anything, or nothing to make it of.
    Unverified { reason: String },
}

/// The first difference between a result and the same made again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    pub output: String,
    pub file: String,
    /// The first line that differs, where both are text.
    pub line: Option<LineDifference>,
}

/// A line that differs, counted from 1; none: the text has ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LineDifference {
    pub number: usize,
    pub recorded: Option<String>,
    pub again: Option<String>,
}

/// Verifies the current results, and hands over each as soon as it is known.
pub fn verify(
    project: &mut Project,
    options: &Options,
    executor: &mut dyn Executor,
    tell: &mut dyn FnMut(Event),
    each: &mut dyn FnMut(Verified) -> Result<()>,
) -> Result<()> {
    if !project.cache.root.is_dir() {
        return Err(Error::failed("there is no result to verify").hint("run first: plantpipe run"));
    }
    let _lock = project.cache.lock()?;
    let result = each_stage(project, options, executor, tell, each);
    // What was found is known from here on: a run makes what is damaged again.
    project.cache.scanner.save()?;
    result
}

fn each_stage(
    project: &mut Project,
    options: &Options,
    executor: &mut dyn Executor,
    tell: &mut dyn FnMut(Event),
    each: &mut dyn FnMut(Verified) -> Result<()>,
) -> Result<()> {
    let mut known = Known::new();
    for id in project.graph.with_ancestors(&options.stages) {
        interrupt::check()?;
        let stage = project.graph.stage(id).name.value.clone();
        let last = project.cache.last(project.profile(), &stage);
        let record = last.done.and_then(|key| project.cache.record(key));
        let stored = match &record {
            Some(record) => stored(project, &record.outputs)?,
            None => Verdict::Unverified { reason: "never run".to_owned() },
        };
        let assessment = assess(project, id, &known)?;
        known.extend(assessment.outputs.clone().map(|outputs| (id, outputs)));
        if !options.stages.contains(&id) {
            continue;
        }
        let started = Instant::now();
        let (verdict, seconds) = match (&stored, options.depth, assessment.state, &assessment.ready) {
            (Verdict::Intact, Depth::Recompute, State::Fresh, Some(ready)) => {
                tell(Event::StageStarted {
                    stage: stage.clone(),
                    kind: project.graph.stage(id).kind.name.to_owned(),
                    reasons: vec!["made again, to compare".to_owned()],
                    threads: options.threads,
                });
                let verdict = again(project, id, ready, options.threads, executor, tell)?;
                (verdict, Some(started.elapsed().as_secs_f64()))
            }
            (Verdict::Intact, Depth::Recompute, state, _) => {
                let reason = format!("{}: {}", state.word(), assessment.reasons.join("; "));
                (Verdict::Unverified { reason }, None)
            }
            _ => (stored, None),
        };
        each(Verified { stage, verdict, seconds })?;
    }
    Ok(())
}

/// Hashes every byte of a result again, whatever the stat cache says.
fn stored(project: &mut Project, outputs: &Outputs) -> Result<Verdict> {
    for (output, digest) in outputs {
        let object = project.cache.object(*digest);
        project.cache.scanner.distrust(&object);
        let file = match project.cache.presence(*digest)? {
            Presence::Intact => continue,
            Presence::Gone => None,
            Presence::Altered(file) => Some(file),
        };
        // Its file may be linked into other objects, and a disk that lost one byte may have lost others.
        project.cache.scanner.distrust_all()?;
        return Ok(Verdict::Damaged { output: output.clone(), file });
    }
    Ok(Verdict::Intact)
}

/// Makes a result again in scratch and holds it against the recorded one.
fn again(
    project: &mut Project,
    id: StageId,
    ready: &Ready,
    threads: usize,
    executor: &mut dyn Executor,
    tell: &mut dyn FnMut(Event),
) -> Result<Verdict> {
    let stage = project.graph.stage(id).name.value.clone();
    let place = project.cache.root.join("scratch").join(PLACE);
    let scratch = project.cache.scratch(&format!("{PLACE}/{stage}"))?;
    let action = action(project, id, ready, &scratch, threads)?;
    let report = run_alone(executor, &action, &mut |event| tell(stage_event(stage.clone(), event)));
    let outputs = &ready.record.as_ref().expect("fresh is recorded").outputs;
    let verdict = match report.map(|report| report.outcome) {
        Ok(Outcome::Done) => compare(project, outputs, &action.scratch),
        Ok(Outcome::Failed(error)) => Ok(Verdict::Failed { message: error.message }),
        Ok(Outcome::Bug(message)) => Ok(Verdict::Failed { message: format!("a bug: {message}") }),
        Err(error @ Error::Failed { .. }) => Ok(Verdict::Failed { message: error.to_string() }),
        Ok(Outcome::Stopped) => Err(Error::stopped()),
        Err(error) => Err(error),
    };
    cache::remove(&place)?;
    verdict
}

/// The folder of scratch that is ours: `@` is in no stage's first letter.
const PLACE: &str = "@verify";

fn compare(project: &mut Project, outputs: &Outputs, folder: &Path) -> Result<Verdict> {
    for (output, digest) in outputs {
        let made = folder.join(output);
        if !made.is_dir() {
            return Ok(Verdict::Failed { message: format!("it gave no output `{output}`") });
        }
        let found = project.cache.scanner.scan(&made)?.manifest;
        project.cache.scanner.removed(&made);
        let recorded = project.cache.manifest(*digest).unwrap_or_default();
        let Some(file) = first_difference(&recorded, &found) else { continue };
        let line = first_line(&project.cache.object(*digest).join(&file), &made.join(&file));
        return Ok(Verdict::Differs(Difference { output: output.clone(), file, line }));
    }
    Ok(Verdict::Same)
}

/// The first file, by name, that is in one and not in the other, or has other bytes.
fn first_difference(recorded: &Manifest, found: &Manifest) -> Option<String> {
    let names = recorded.names().iter().chain(found.names().iter());
    names.filter(|name| recorded.get(name) != found.get(name)).min().map(str::to_owned)
}

/// The first line that differs, where both files are there and text.
fn first_line(recorded: &Path, again: &Path) -> Option<LineDifference> {
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    let (recorded, again) = (read(recorded)?, read(again)?);
    let (mut recorded, mut again) = (recorded.lines(), again.lines());
    for number in 1.. {
        match (recorded.next(), again.next()) {
            (None, None) => break,
            (a, b) if a == b => {}
            (a, b) => {
                let (recorded, again) = (a.map(str::to_owned), b.map(str::to_owned));
                return Some(LineDifference { number, recorded, again });
            }
        }
    }
    None
}
