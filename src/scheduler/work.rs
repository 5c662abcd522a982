//! The loop: [`Work`] assesses what is due, starts what is ready and has room, and takes in what has ended.

use super::board::{Board, Stand};
use super::keep::{Kept, keep};
use super::shares::{Held, Shares, Takes, Wish};
use super::{Failures, Options, sources};
use crate::assess::{Assessment, Known, Ready, State, assess, locate, resume};
use crate::cache;
use crate::cache::records::{Last, Outputs};
use crate::cache::scan::Snapshot;
use crate::conduct::{GPU, THREADS};
use crate::error::{Error, Result};
use crate::event::{Event, Planned};
use crate::executor::{Executor, Happening, Job};
use crate::graph::StageId;
use crate::interrupt;
use crate::items::{self, Earlier};
use crate::locked::Locked;
use crate::project::Project;
use crate::recipe::Key;
use crate::run_record::StageRun;
use plantpipe_stage::checkpoint::Start;
use plantpipe_stage::{ACTION_SCHEMA, Action, Event as StageEvent, Report};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A run while it runs.
pub struct Work<'a> {
    project: &'a mut Project,
    options: &'a Options,
    locked: Option<&'a Locked>,
    executor: &'a mut dyn Executor,
    tell: &'a mut dyn FnMut(Event),
    board: Board,
    shares: Shares,
    known: Known,
    /// What a stage took the last time.
    seconds: BTreeMap<StageId, f64>,
    /// Those that are ready, each with the round in which it was looked at.
    ready: BTreeMap<StageId, (Assessment, usize)>,
    running: BTreeMap<StageId, Try>,
    /// When the sources were looked at.
    looked: Instant,
    /// Time has passed between one round and the next: what was seen before may be so no more.
    round: usize,
    /// How many tries of a stage have failed.
    tries: BTreeMap<StageId, usize>,
    runs: BTreeMap<StageId, StageRun>,
    errors: BTreeMap<StageId, Error>,
}

/// For so long a look at a source is good.
const WHILE: Duration = Duration::from_secs(2);

/// A stage that runs.
struct Try {
    ready: Ready,
    action: Action,
    /// What the files of the output may be links to.
    linked: Option<(PathBuf, Snapshot)>,
    reasons: Vec<String>,
    started: Instant,
}

impl<'a> Work<'a> {
    pub fn new(
        project: &'a mut Project,
        options: &'a Options,
        locked: Option<&'a Locked>,
        planned: &[Planned],
        executor: &'a mut dyn Executor,
        tell: &'a mut dyn FnMut(Event),
    ) -> Self {
        let board = Board::new(&project.graph, &options.stages);
        let took = |id: &StageId| {
            let name = &project.graph.stage(*id).name.value;
            planned.iter().find(|planned| planned.stage == *name).and_then(|planned| planned.last_seconds)
        };
        let seconds = options.stages.iter().filter_map(|id| Some((*id, took(id)?))).collect();
        Self {
            board,
            shares: Shares { threads: options.threads, jobs: options.jobs, resources: options.resources.clone() },
            project,
            options,
            locked,
            executor,
            tell,
            known: Known::new(),
            seconds,
            ready: BTreeMap::new(),
            running: BTreeMap::new(),
            looked: Instant::now(),
            round: 0,
            tries: BTreeMap::new(),
            runs: BTreeMap::new(),
            errors: BTreeMap::new(),
        }
    }

    /// Returns what became of the stages that were reached, in order, and the first failure, in that order too.
    pub fn finish(mut self) -> (Vec<StageRun>, Result<()>) {
        let _listening = interrupt::tell(self.executor.canceller());
        loop {
            self.look_again();
            self.assess_due();
            self.start_ready();
            let is_done = self.board.first(Stand::Due).or_else(|| self.board.first(Stand::Ready)).is_none();
            if !self.running.is_empty() {
                self.take_in();
            } else if is_done || self.is_over() {
                break;
            }
            self.round += 1;
        }
        let result = self.result();
        let run = |id: &StageId| {
            let failed_tries = self.tries.get(id).copied().unwrap_or(0);
            Some(StageRun { failed_tries, ..self.runs.remove(id)? })
        };
        let runs = self.options.stages.iter().filter_map(run).collect();
        (runs, result)
    }

    /// Whether nothing new is begun.
    fn is_over(&self) -> bool {
        interrupt::asked().is_some() || (self.options.failures == Failures::Stop && !self.errors.is_empty())
    }

    fn result(&mut self) -> Result<()> {
        if self.board.all(Stand::Known).len() == self.options.stages.len() {
            return Ok(());
        }
        interrupt::check()?;
        let first = self.options.stages.iter().find_map(|id| self.errors.remove(id));
        Err(first.unwrap_or_else(|| Error::Bug { message: "a run ended before its stages".to_owned() }))
    }

    fn name(&self, id: StageId) -> String {
        self.project.graph.stage(id).name.value.clone()
    }

    /// Looks at every stage of which all is known that it needs; those that are fresh make others known.
    fn assess_due(&mut self) {
        while let Some(id) = self.board.first(Stand::Due).filter(|_| !self.is_over()) {
            match assess(self.project, id, &self.known) {
                Ok(assessment) => self.sort(id, assessment),
                Err(error) => self.fail(id, error, 0.0),
            }
        }
    }

    /// Fresh or ready.
    fn sort(&mut self, id: StageId, assessment: Assessment) {
        if let Err(error) = self.options.subset.allow(self.project, id, &assessment) {
            return self.fail(id, error, 0.0);
        }
        let Some(outputs) = assessment.outputs.clone().filter(|_| !self.options.force.contains(&id)) else {
            self.ready.insert(id, (assessment, self.round));
            self.board.change(id, Stand::Ready);
            return;
        };
        let is_held = self.hold_ready(id, assessment.ready.as_ref()).and_then(|()| self.hold_outputs(id, &outputs));
        match is_held.and_then(|()| accept(self.project, id, &assessment, &outputs)) {
            Ok(()) => {
                let name = self.name(id);
                self.runs.insert(id, StageRun::fresh(&name, &assessment));
                self.known.insert(id, outputs);
                self.board.change(id, Stand::Known);
                (self.tell)(match assessment.state {
                    State::Frozen => Event::StageFrozen { stage: name, reasons: assessment.reasons },
                    _ => Event::StageFresh { stage: name },
                });
            }
            Err(error) => self.fail(id, error, 0.0),
        }
    }

    /// Under `--locked`: whether the stage is the one that the lock file names.
    fn hold_ready(&mut self, id: StageId, ready: Option<&Ready>) -> Result<()> {
        match (self.locked, ready) {
            (Some(locked), Some(ready)) => locked.check_ready(self.project, id, ready),
            _ => Ok(()),
        }
    }

    /// Under `--locked`: whether it gave what the lock file says.
    fn hold_outputs(&self, id: StageId, outputs: &Outputs) -> Result<()> {
        self.locked.map_or(Ok(()), |locked| locked.check_outputs(self.project, id, outputs))
    }

    /// Starts those of the ready ones that have room.
    fn start_ready(&mut self) {
        if self.is_over() {
            return;
        }
        let held = |(id, run): (&StageId, &Try)| Held { threads: run.action.threads, takes: self.takes(*id) };
        let running: Vec<Held> = self.running.iter().map(held).collect();
        let ready = self.without_twins();
        let wishes: Vec<Wish> = ready.iter().map(|id| self.wish(*id)).collect();
        for (at, threads) in self.shares.start(&running, &wishes) {
            let id = ready[at];
            let (assessment, round) = self.ready.remove(&id).expect("what is ready was assessed");
            let is_old = round != self.round;
            let assessment = if is_old { assess(self.project, id, &self.known) } else { Ok(assessment) };
            match assessment {
                Ok(assessment) if assessment.outputs.is_some() && !self.options.force.contains(&id) => {
                    self.sort(id, assessment);
                }
                Ok(assessment) => {
                    if let Err(error) = self.start(id, assessment, threads) {
                        self.fail(id, error, 0.0);
                    }
                }
                Err(error) => self.fail(id, error, 0.0),
            }
        }
    }

    fn wish(&self, id: StageId) -> Wish {
        let stage = self.project.graph.stage(id);
        let seconds = self.seconds.get(&id).copied();
        Wish { kind: stage.kind.name, seconds, threads: stage.conduct.threads(), takes: self.takes(id) }
    }

    /// What a stage says, and a device that computes, where it says nothing of that.
    fn takes(&self, id: StageId) -> Takes {
        let stage = self.project.graph.stage(id);
        let resources = stage.conduct.resources.iter().filter(|(name, _)| *name != THREADS);
        let mut takes: Takes = resources.map(|(name, amount)| (name.clone(), amount.number)).collect();
        if stage.kind.uses.device && self.project.device.class() != "cpu" {
            takes.entry(GPU.to_owned()).or_insert(1);
        }
        takes
    }

    /// The stages that are ready, but for those whose recipe another one has that comes first: what it gives is theirs.
    fn without_twins(&self) -> Vec<StageId> {
        let mut keys: BTreeSet<Key> = self.running.values().map(|run| run.ready.key).collect();
        let key = |id: &StageId| self.ready[id].0.ready.as_ref().map(|ready| ready.key);
        let ready = self.board.all(Stand::Ready).into_iter();
        ready.filter(|id| key(id).is_none_or(|key| keys.insert(key))).collect()
    }

    fn start(&mut self, id: StageId, assessment: Assessment, threads: usize) -> Result<()> {
        let stage = self.project.graph.stage(id);
        let (name, kind) = (stage.name.value.clone(), stage.kind.name.to_owned());
        let ready =
            assessment.ready.ok_or_else(|| Error::Bug { message: format!("stage `{name}` is blocked in its turn") })?;
        self.hold_ready(id, Some(&ready))?;
        let reasons = if assessment.reasons.is_empty() { vec!["forced".to_owned()] } else { assessment.reasons };
        (self.tell)(Event::StageStarted { stage: name.clone(), kind, reasons: reasons.clone(), threads });
        let started = Instant::now();
        let scratch = self.project.cache.scratch(&name)?;
        // Who forces a run wants it from scratch.
        let forced = self.options.force.contains(&id);
        let earlier = if forced { None } else { items::earlier(self.project, id, &ready)? };
        let mut action = action(self.project, id, &ready, &scratch, threads)?;
        let mut linked = None;
        if let Some(Earlier { previous, snapshot }) = earlier {
            linked = Some((previous.folder.clone(), snapshot));
            action.previous = Some(previous);
        }
        let start = if forced { Start::Anew } else { Start::GoOn };
        let kind = self.project.graph.stage(id).kind;
        let place = |resume| self.project.cache.checkpoint(resume, ready.key, start);
        action.checkpoint = resume(kind, &ready).map(place);
        self.executor.submit(Job(id.0), &action)?;
        // By now the run has it, and it is large.
        action.previous = None;
        self.running.insert(id, Try { ready, action, linked, reasons, started });
        self.board.change(id, Stand::Running);
        Ok(())
    }

    /// Sources that were looked at a while ago are looked at again when the next stage reads them: people go on working.
    fn look_again(&mut self) {
        if self.looked.elapsed() < WHILE {
            return;
        }
        self.looked = Instant::now();
        for source in sources(self.project, &self.options.stages) {
            if let Ok(path) = locate(self.project, source) {
                self.project.cache.scanner.forget(&path);
            }
        }
    }

    /// Waits until a stage has ended, or somebody wants the run to.
    fn take_in(&mut self) {
        loop {
            match self.executor.poll() {
                Happening::Told(Job(id), event) => {
                    let stage = self.name(StageId(id));
                    (self.tell)(stage_event(stage, event));
                }
                Happening::Ended(Job(id), then, report) => return self.end(StageId(id), then, report),
                Happening::Asked if self.running.is_empty() => return,
                Happening::Asked => (self.tell)(Event::RunStopping { running: self.running.len() }),
            }
        }
    }

    fn end(&mut self, id: StageId, then: Instant, report: Result<Report>) {
        let run = self.running.remove(&id).expect("what has ended was running");
        let seconds = then.duration_since(run.started).as_secs_f64();
        let report = report.and_then(|report| {
            let linked = run.linked.as_ref().map(|(folder, before)| (folder.as_path(), before));
            keep(self.project, id, &run.ready, &run.action, linked, report, (seconds, &run.reasons))
        });
        // What the child said on standard error stays until the next try of a stage that has failed.
        let scratch = run.action.scratch.parent().expect("outputs lie in a stage's own folder");
        let tidied = cache::remove(if report.is_ok() { scratch } else { &run.action.scratch });
        match report.and_then(|kept| tidied.map(|()| kept)) {
            Ok(kept) => self.done(id, run.ready.key, kept, seconds),
            Err(_) if interrupt::asked().is_some() => {
                let stage = self.name(id);
                self.runs.insert(id, StageRun::stopped(&stage, seconds));
                (self.tell)(Event::StageStopped { stage, seconds });
            }
            Err(error @ Error::Failed { .. }) if self.is_to_be_tried_again(id) => self.try_again(id, &error, seconds),
            Err(error) => {
                let error = in_stage(&self.name(id), error);
                let noted = self.note_failure(id, run.ready.key, &error);
                self.fail(id, error, seconds);
                if let Err(error) = noted {
                    self.errors.insert(id, error);
                }
            }
        }
    }

    /// A failure, not a bug, and there are tries left.
    fn is_to_be_tried_again(&self, id: StageId) -> bool {
        self.tries.get(&id).copied().unwrap_or(0) < self.retries(id) && !self.is_over()
    }

    fn retries(&self, id: StageId) -> usize {
        self.project.graph.stage(id).conduct.retries.unwrap_or(self.options.retries)
    }

    fn try_again(&mut self, id: StageId, error: &Error, seconds: f64) {
        let failed = *self.tries.entry(id).and_modify(|tries| *tries += 1).or_insert(1);
        let (stage, of) = (self.name(id), self.retries(id));
        (self.tell)(Event::StageRetried { stage, failed, of, message: error.to_string(), seconds });
        match assess(self.project, id, &self.known) {
            Ok(assessment) => self.sort(id, assessment),
            Err(error) => self.fail(id, error, 0.0),
        }
    }

    fn done(&mut self, id: StageId, key: Key, kept: Kept, seconds: f64) {
        let stage = self.name(id);
        if kept.irreproducible {
            let note = "the same recipe gave other bytes than the time before: this result is not reproducible";
            (self.tell)(Event::StageNote { stage: stage.clone(), note: note.to_owned() });
        }
        let ran = StageRun::ran(&stage, key, kept.outputs.clone(), seconds);
        if let Err(error) = self.hold_outputs(id, &kept.outputs) {
            self.fail(id, error, seconds);
            // It is recorded all the same.
            self.runs.insert(id, ran);
            return;
        }
        self.runs.insert(id, ran);
        self.known.insert(id, kept.outputs);
        self.board.change(id, Stand::Known);
        (self.tell)(Event::StageDone { stage, seconds, same_bytes: kept.same_bytes });
    }

    /// For `status`: the last try of this recipe failed.
    fn note_failure(&self, id: StageId, key: Key, error: &Error) -> Result<()> {
        let (profile, name) = (self.project.profile(), self.name(id));
        let last = self.project.cache.last(profile, &name);
        let failed = Some((key, error.to_string()));
        self.project.cache.write_last(profile, &name, Last { failed, ..last })
    }

    /// A stage fails, and what depends on it is skipped.
    fn fail(&mut self, id: StageId, error: Error, seconds: f64) {
        let stage = self.name(id);
        let before = self.board.all(Stand::Skipped);
        self.ready.remove(&id);
        self.board.change(id, Stand::Failed);
        self.runs.insert(id, StageRun::failed(&stage, seconds));
        let (message, hint) = (error.to_string(), error.way_out().map(str::to_owned));
        (self.tell)(Event::StageFailed { stage: stage.clone(), seconds, message, hint });
        self.errors.insert(id, error);
        for id in self.board.all(Stand::Skipped).into_iter().filter(|id| !before.contains(id)) {
            let skipped = self.name(id);
            self.runs.insert(id, StageRun::skipped(&skipped));
            if self.options.failures == Failures::KeepGoing {
                (self.tell)(Event::StageSkipped { stage: skipped, because: stage.clone() });
            }
        }
    }
}

/// Makes a recorded result the current one: shown under `out/`, and the stage's last.
fn accept(project: &Project, id: StageId, assessment: &Assessment, outputs: &Outputs) -> Result<()> {
    let name = &project.graph.stage(id).name.value;
    project.cache.show(name, outputs)?;
    let done = assessment.ready.as_ref().map(|ready| ready.key);
    let last = project.cache.last(project.profile(), name);
    if last.done != done || last.failed.is_some() {
        project.cache.write_last(project.profile(), name, Last { done, failed: None, ..last })?;
    }
    Ok(())
}

/// A stage run as the executor takes it: it writes below `scratch`.
pub fn action(project: &Project, id: StageId, ready: &Ready, scratch: &Path, threads: usize) -> Result<Action> {
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

pub fn stage_event(stage: String, event: StageEvent) -> Event {
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
