//! How often test was opened: [`Opened`], a line of `openings.jsonl` for every run that scored something against a test
//! split's answers. Nothing takes a line away, whatever becomes of the result.

use super::records::Outputs;
use super::{Cache, make};
use crate::error::{Error, Result};
use crate::recipe::Key;
use jiff::Timestamp;
use plantpipe_stage::Opening;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::PathBuf;

/// A run that opened test, and what came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Opened {
    pub time: Timestamp,
    pub pipeline: String,
    pub profile: Option<String>,
    pub stage: String,
    pub key: Key,
    pub opening: Opening,
    /// Equal outputs are one result, however often it was seen.
    pub outputs: Outputs,
}

/// What the journal holds of the answers that some runs opened.
#[derive(Debug, Default)]
pub struct Openings {
    /// Oldest first.
    pub runs: Vec<Opened>,
    /// Lines that cannot be read: what is counted is the least that it can have been.
    pub unreadable: usize,
}

impl Cache {
    /// Adds lines, safe on disk before this returns. Only the run that holds the cache's lock may call it.
    pub fn open_test(&self, runs: &[Opened]) -> Result<()> {
        if runs.is_empty() {
            return Ok(());
        }
        make(&self.root)?;
        let path = self.openings_path();
        let mut lines = String::new();
        // A line that was cut off by a crash stays one that cannot be read, and takes no other with it.
        if fs::read(&path).is_ok_and(|bytes| bytes.last().is_some_and(|last| *last != b'\n')) {
            lines.push('\n');
        }
        for run in runs {
            lines.push_str(&serde_json::to_string(run).expect("a line becomes JSON"));
            lines.push('\n');
        }
        let write = || -> std::io::Result<()> {
            let mut file = fs::OpenOptions::new().create(true).append(true).open(&path)?;
            file.write_all(lines.as_bytes())?;
            file.sync_all()
        };
        write().map_err(|error| Error::io("write", &path, &error))
    }

    /// Every opening, by whatever pipeline, of the answers that a run under one of these keys opened.
    pub fn openings(&self, keys: &BTreeSet<Key>) -> Openings {
        let text = fs::read_to_string(self.openings_path()).unwrap_or_default();
        let read: Vec<Opened> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let unreadable = text.lines().count() - read.len();
        let answers: BTreeSet<String> =
            read.iter().filter(|run| keys.contains(&run.key)).map(|run| run.opening.answers.clone()).collect();
        Openings { runs: read.into_iter().filter(|run| answers.contains(&run.opening.answers)).collect(), unreadable }
    }

    fn openings_path(&self) -> PathBuf {
        self.root.join("openings.jsonl")
    }
}
