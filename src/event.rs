//! What can happen in a run, as an enum: [`Event`], the only door from work to words.

use serde::Serialize;

/// One thing that happened. As NDJSON: `{"event": "stage_done", "stage": "train", ...}`.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    RunStarted {
        schema_version: u32,
        pipeline: String,
        profile: Option<String>,
        stages: usize,
    },
    /// A source that lies elsewhere is being downloaded.
    SourceFetched {
        source: String,
        url: String,
    },
    /// It is here, and what it should be.
    SourceKept {
        source: String,
        bytes: u64,
        sha256: String,
        seconds: f64,
    },
    /// What is not fresh, in order.
    RunPlanned {
        stages: Vec<Planned>,
    },
    /// Nothing to do: recorded and verified.
    StageFresh {
        stage: String,
    },
    /// Not run, whatever it would be by now: its last result is used. `reasons`: what would be different.
    StageFrozen {
        stage: String,
        reasons: Vec<String>,
    },
    StageStarted {
        stage: String,
        kind: String,
        reasons: Vec<String>,
        threads: usize,
    },
    StageProgress {
        stage: String,
        done: u64,
        total: u64,
        unit: String,
    },
    StageNote {
        stage: String,
        note: String,
    },
    /// `same_bytes`: it gave what it gave before, so nothing downstream wakes because of it.
    StageDone {
        stage: String,
        seconds: f64,
        same_bytes: bool,
    },
    /// A try has failed, and another follows: so many have, of so many that may.
    StageRetried {
        stage: String,
        failed: usize,
        of: usize,
        message: String,
        seconds: f64,
    },
    StageFailed {
        stage: String,
        seconds: f64,
        message: String,
        hint: Option<String>,
    },
    /// It did not come to its end, because the run was asked to stop.
    StageStopped {
        stage: String,
        seconds: f64,
    },
    /// Left out: `because`, which it needs, failed.
    StageSkipped {
        stage: String,
        because: String,
    },
    /// Somebody asked the run to stop: nothing new starts, and what runs is asked to end.
    RunStopping {
        running: usize,
    },
    /// Something about the run as a whole.
    Note {
        note: String,
    },
    ReportPublished {
        path: String,
    },
    RunDone {
        ran: usize,
        fresh: usize,
        seconds: f64,
    },
    /// It ended before all was done: a stage failed, or it was asked to stop.
    RunFailed {
        ran: usize,
        fresh: usize,
        failed: usize,
        skipped: usize,
        seconds: f64,
    },
}

/// A stage that a run will or may start.
#[derive(Debug, Clone, Serialize)]
pub struct Planned {
    pub stage: String,
    /// False: what lies upstream runs first, and may give the bytes it gave before.
    pub certain: bool,
    pub reasons: Vec<String>,
    /// What its last run took.
    pub last_seconds: Option<f64>,
    /// The most memory that its last run held, bytes.
    pub last_memory: Option<u64>,
}

/// Version of the event stream.
pub const SCHEMA_VERSION: u32 = 1;
