//! When and where a run happened: [`RunRecord`], kept under `cache/runs/` and told in `run.md`; never digested.

use crate::assess::{Assessment, State};
use crate::cache::openings::{Opened, Openings};
use crate::cache::records::{Outputs, pretty};
use crate::cache::{Cache, write_whole};
use crate::error::{Error, Result};
use crate::project::Project;
use crate::recipe::Key;
use jiff::Timestamp;
use plantpipe_stage::Opening;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Version of the format; a record of another one is not read.
pub const SCHEMA: u32 = 2;

/// One run of `plantpipe run`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunRecord {
    pub schema: u32,
    pub version: String,
    pub started: Timestamp,
    pub pipeline: String,
    pub profile: Option<String>,
    /// What `--set` said.
    pub set: Vec<String>,
    pub device: String,
    pub machine: Machine,
    pub stages: Vec<StageRun>,
    pub seconds: f64,
    /// `done`, or what ended it.
    pub outcome: String,
}

/// Where it ran.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Machine {
    pub system: String,
    pub processor: String,
    pub threads: usize,
}

/// A stage in a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StageRun {
    pub stage: String,
    pub fate: Fate,
    /// Under which its recipe and its outputs are recorded; none where nothing came of it.
    pub key: Option<Key>,
    /// As they were then: a later run of the same recipe may have given others.
    pub outputs: Outputs,
    /// How long it took, then or when it was recorded.
    pub seconds: f64,
    /// How many tries of it failed before the one that counts.
    #[serde(default)]
    pub failed_tries: usize,
}

/// What became of a stage in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    Ran,
    /// Left alone: recorded before.
    Fresh,
    /// Left alone, whatever it would be by now: its last result was used.
    Frozen,
    Failed,
    /// Not begun: something that it needs failed.
    Skipped,
    /// Begun, but the run was asked to stop.
    Stopped,
}

impl Fate {
    pub fn word(self) -> &'static str {
        match self {
            Self::Ran => "ran",
            Self::Fresh => "fresh",
            Self::Frozen => "frozen",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Stopped => "stopped",
        }
    }
}

impl StageRun {
    fn of(stage: &str, fate: Fate, key: Option<Key>, outputs: Outputs, seconds: f64) -> Self {
        Self { stage: stage.to_owned(), fate, key, outputs, seconds, failed_tries: 0 }
    }

    pub fn ran(stage: &str, key: Key, outputs: Outputs, seconds: f64) -> Self {
        Self::of(stage, Fate::Ran, Some(key), outputs, seconds)
    }

    /// Fresh or frozen: left alone.
    pub fn fresh(stage: &str, assessment: &Assessment) -> Self {
        let ready = assessment.ready.as_ref();
        let outputs = assessment.outputs.clone().unwrap_or_default();
        let seconds = ready.and_then(|ready| ready.record.as_ref()).map_or(0.0, |record| record.seconds);
        let fate = if assessment.state == State::Frozen { Fate::Frozen } else { Fate::Fresh };
        Self::of(stage, fate, ready.map(|ready| ready.key), outputs, seconds)
    }

    pub fn failed(stage: &str, seconds: f64) -> Self {
        Self::of(stage, Fate::Failed, None, Outputs::new(), seconds)
    }

    pub fn skipped(stage: &str) -> Self {
        Self::of(stage, Fate::Skipped, None, Outputs::new(), 0.0)
    }

    pub fn stopped(stage: &str, seconds: f64) -> Self {
        Self::of(stage, Fate::Stopped, None, Outputs::new(), seconds)
    }
}

impl RunRecord {
    pub fn new(project: &Project, threads: usize) -> Self {
        Self {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: Timestamp::now(),
            pipeline: project.graph.pipeline.name.clone(),
            profile: project.profile().map(str::to_owned),
            set: project.set.clone(),
            device: project.device.as_str().to_owned(),
            machine: Machine {
                system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
                processor: processor(),
                threads,
            },
            stages: Vec::new(),
            seconds: 0.0,
            outcome: "running".to_owned(),
        }
    }

    /// How many stages ran.
    pub fn ran(&self) -> usize {
        self.stages.iter().filter(|stage| stage.fate == Fate::Ran).count()
    }

    pub fn finish(&mut self, seconds: f64, error: Option<&Error>) {
        self.seconds = seconds;
        self.outcome = error.map_or_else(|| "done".to_owned(), ToString::to_string);
    }

    pub fn write(&self, cache: &Cache) -> Result<()> {
        let name = self.started.strftime("%Y-%m-%dT%H-%M-%S%.6fZ").to_string();
        write_whole(&cache.root.join("runs").join(format!("{name}.json")), &pretty(self))
    }

    /// The page beside a report.
    pub fn markdown(&self, openings: &Openings) -> String {
        let mut page = format!(
            "# How this report came to be\n\nTimes and machine of the run that wrote [report.md](report.md). Nothing here is hashed: the same inputs give \
             the same report on another day.\n\n\
             | | |\n| --- | --- |\n| started | {} |\n| took | {:.1} s |\n| device | {} |\n| machine | {}, {}, {} threads |\n| plantpipe | {} |\n\n\
             | stage | | seconds |\n| --- | --- | ---: |\n",
            self.started.strftime("%Y-%m-%d %H:%M:%S UTC"),
            self.seconds,
            self.device,
            self.machine.system,
            self.machine.processor,
            self.machine.threads,
            self.version,
        );
        for stage in &self.stages {
            let how = match stage.fate {
                Fate::Ran => "ran",
                Fate::Fresh => "taken from the cache",
                Fate::Frozen => "frozen, taken from the cache",
                Fate::Failed => "failed",
                Fate::Skipped => "skipped",
                Fate::Stopped => "stopped",
            };
            page.push_str(&format!("| {} | {how} | {:.1} |\n", stage.stage, stage.seconds));
        }
        page.push_str(&opened(openings));
        page
    }
}

/// How often test was opened, in words and a row a stage.
fn opened(openings: &Openings) -> String {
    let mut page = "\n## How often test was opened\n\n".to_owned();
    let times = |number: usize| if number == 1 { "once".to_owned() } else { format!("{number} times") };
    let results = |runs: &[&Opened]| runs.iter().map(|run| &run.outputs).collect::<BTreeSet<_>>().len();
    let all: Vec<&Opened> = openings.runs.iter().collect();
    let least = if openings.unreadable == 0 { "" } else { "at least " };
    if all.is_empty() {
        page.push_str("This cache knows of no stage that scored anything against a test split's labels.\n");
        return page;
    }
    let seen = results(&all);
    page.push_str(&format!(
        "Test labels that this report's figures are against were opened **{least}{}** in this cache, by any pipeline and \
         profile, and **{seen} different {}** came of it. Whoever keeps the best of several results on test has chosen by \
         test, and its figure flatters.\n\n\
         | pipeline | profile | stage | photographs | opened | different results | first | last |\n\
         | --- | --- | --- | ---: | ---: | ---: | --- | --- |\n",
        times(all.len()),
        if seen == 1 { "result" } else { "results" },
    ));
    let mut stages: BTreeMap<(&str, &str, &str, &Opening), Vec<&Opened>> = BTreeMap::new();
    for run in all {
        let profile = run.profile.as_deref().unwrap_or("none");
        stages.entry((&run.pipeline, profile, &run.stage, &run.opening)).or_default().push(run);
    }
    for ((pipeline, profile, stage, opening), runs) in stages {
        let day = |run: &Opened| run.time.strftime("%Y-%m-%d %H:%M UTC").to_string();
        let (first, last) = (day(runs[0]), day(runs[runs.len() - 1]));
        let (opened, different) = (times(runs.len()), results(&runs));
        page.push_str(&format!(
            "| {pipeline} | {profile} | {stage} | {} | {opened} | {different} | {first} | {last} |\n",
            opening.size
        ));
    }
    page
}

/// The processor's name, as far as the system tells it.
fn processor() -> String {
    let told = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = told.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}
