//! One run of a stage as a value: [`Action`] goes to the child process as a file, [`Event`]s come back as lines of
//! JSON on its standard output, and a [`Report`] is the file it writes last.

use crate::Error;
use crate::checkpoint::Place;
use crate::format::Lineage;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Version of the action, event and report formats.
pub const ACTION_SCHEMA: u32 = 3;

/// All that a stage run needs, self-contained, so that another machine could run it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    pub schema: u32,
    /// The stage's name in the pipeline.
    pub stage: String,
    pub kind: String,
    /// Every param of the kind, defaults filled in, typed.
    pub params: BTreeMap<String, serde_json::Value>,
    pub inputs: BTreeMap<String, Vec<Artifact>>,
    pub seed: u64,
    /// How many threads the run may use; results never depend on it.
    pub threads: usize,
    /// `cpu`, `cuda:0`, `wgpu:0`, ...
    pub device: String,
    /// An empty folder on the cache's file system; output `x` goes to `<scratch>/x/`.
    pub scratch: PathBuf,
    /// Where the report is written, last.
    pub report: PathBuf,
    pub lineage: Option<Lineage>,
    /// What an earlier run of a per-item stage left: long where there are many items, and so in a file of its own
    /// ([`Previous::FILE`]), which need not be there.
    #[serde(skip)]
    pub previous: Option<Previous>,
    /// Where a kind that can go on later keeps its checkpoint.
    pub checkpoint: Option<Place>,
}

/// An input as a stage run sees it: where it lies and what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// `small`, `dataset.masks`, or the source's name.
    pub name: String,
    /// A file or a folder, read-only.
    pub path: PathBuf,
    /// Digest of the part that the kind reads (hex).
    pub digest: String,
}

/// What a running stage says; one line of JSON each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// So many of so many are done.
    Progress { done: u64, total: u64, unit: String },
    /// A sentence worth telling.
    Note(String),
}

/// How a run ended whose report could not be written, on a full disk; a line of JSON like an [`Event`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unreported {
    pub unreported: Error,
}

/// An item of a per-item stage: its id, the digest of what went in, and the digest of the file that holds what came out
/// (hex), which other items may share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    pub id: String,
    pub input: String,
    pub output: String,
}

/// What an earlier run of the same recipe, but for the items that went in, has left: only what the engine has found to
/// be as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Previous {
    /// The first output then: read-only, and never to be written to through a link.
    pub folder: PathBuf,
    /// Id -> what went in and what came out.
    pub items: BTreeMap<String, PreviousItem>,
    /// The files of each item-wise input as they are now, by their path in it.
    pub files: BTreeMap<String, BTreeMap<String, KnownFile>>,
}

impl Previous {
    /// Beside the action's file.
    pub const FILE: &'static str = "previous";
}

/// A file that the engine has looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownFile {
    /// Of its content (hex): what `blake3` gives.
    pub digest: String,
    pub size: u64,
}

/// An item of an earlier run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreviousItem {
    /// Digest of what went in (hex).
    pub input: String,
    /// Digest of the file with what came out (hex).
    pub output: String,
    /// A file with these bytes, by its path in the folder.
    pub file: String,
}

/// A set of answers kept for the end (the labels of a test split) that a run scored something against.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// Names the answers by their content (hex), wherever they lie.
    pub answers: String,
    /// How many there are: photographs.
    pub size: u64,
}

/// How a stage run ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Done,
    /// It was asked to stop, and has left a checkpoint.
    Stopped,
    Failed(Error),
    /// A panic: a bug in plantpipe, with its message.
    Bug(String),
}

/// What becomes of a run's checkpoint when its result is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Afterwards {
    /// It is of no more use.
    #[default]
    Remove,
    /// A run of which more is asked can go on from it.
    Keep,
}

/// The file that proves that a run ended: without it, it did not.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    pub schema: u32,
    pub outcome: Outcome,
    /// Per-item records, sorted by id; empty for a stage that is not per-item.
    pub items: Vec<Item>,
    /// What it opened that is counted; sorted.
    pub openings: Vec<Opening>,
    pub checkpoint: Afterwards,
    /// What the tries took that it has gone on from.
    pub before: Duration,
    /// The most memory that the process held, bytes, where the system tells it.
    pub peak_memory: Option<u64>,
}
