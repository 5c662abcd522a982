//! A run as a Chrome trace: [`Trace`] turns events into a file that Perfetto and `chrome://tracing` open.
//!
//! Each try of a stage is a bar in a lane; as many lanes as stages ran at once. What the engine did itself (look at
//! inputs, keep outputs, download, publish) is in a lane above them.

use crate::error::{Error, Result};
use crate::event::Event;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A trace that is being written: whole and valid JSON after every event.
pub struct Trace {
    path: PathBuf,
    file: File,
    began: Instant,
    /// What went wrong first with the file.
    trouble: Option<std::io::Error>,
    lanes: Lanes,
}

/// Who is in which lane, and since when, in microseconds.
#[derive(Default)]
struct Lanes {
    stages: BTreeMap<String, Bar>,
    downloads: BTreeMap<String, u64>,
    /// Lanes that have a name already.
    named: usize,
    /// When the engine last had nothing of its own to do.
    idle: u64,
}

struct Bar {
    lane: usize,
    since: u64,
    args: Value,
}

/// The lane of the engine.
const ENGINE: usize = 0;

const HEAD: &[u8] = b"{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n";
const TAIL: &[u8] = b"\n]}\n";

impl Trace {
    /// Makes the file; what was there is overwritten.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).map_err(|error| Error::io("write", path, &error))?;
        let lanes = Lanes::default();
        let mut trace = Self { path: path.to_owned(), file, began: Instant::now(), trouble: None, lanes };
        let first = lane_name(ENGINE, "engine");
        trace.write(|file| file.write_all(&[HEAD, first.to_string().as_bytes(), TAIL].concat()));
        trace.check()?;
        Ok(trace)
    }

    /// Hears one event, and writes what has come to its end with it.
    pub fn hear(&mut self, event: &Event) {
        let now = self.began.elapsed().as_micros() as u64;
        for entry in self.lanes.hear(event, now) {
            let text = [b",\n", entry.to_string().as_bytes(), TAIL].concat();
            // In one write, over the tail.
            self.write(|file| file.seek(SeekFrom::End(-(TAIL.len() as i64))).and_then(|_| file.write_all(&text)));
        }
    }

    /// Says whether all could be written.
    ///
    /// # Errors
    /// When something could not.
    pub fn finish(self) -> Result<()> {
        self.check()
    }

    fn check(&self) -> Result<()> {
        self.trouble.as_ref().map_or(Ok(()), |error| Err(Error::io("write", &self.path, error)))
    }

    fn write(&mut self, write: impl FnOnce(&mut File) -> std::io::Result<()>) {
        if self.trouble.is_none() {
            self.trouble = write(&mut self.file).err();
        }
    }
}

impl Lanes {
    fn hear(&mut self, event: &Event, now: u64) -> Vec<Value> {
        let mut entries = Vec::new();
        match event {
            Event::RunStarted { .. } => self.idle = now,
            Event::SourceFetched { source, .. } => drop(self.downloads.insert(source.clone(), now)),
            Event::SourceKept { source, bytes, .. } => {
                let since = self.downloads.remove(source).unwrap_or(self.idle);
                entries.push(bar(ENGINE, &format!("download {source}"), since, now, &json!({ "bytes": bytes })));
                self.idle = now;
            }
            Event::RunPlanned { stages } => {
                entries.push(bar(ENGINE, "look", self.idle, now, &json!({ "not_fresh": stages.len() })));
            }
            Event::StageStarted { stage, kind, reasons, threads } => {
                let lane = self.free();
                if lane > self.named {
                    self.named = lane;
                    entries.push(lane_name(lane, &format!("lane {lane}")));
                }
                let args = json!({ "kind": kind, "threads": threads, "reasons": reasons });
                self.stages.insert(stage.clone(), Bar { lane, since: now, args });
            }
            Event::StageDone { stage, seconds, .. } => {
                entries.extend(self.end(stage, *seconds, now, "done"));
                if let [.., ended] = entries.as_slice() {
                    let since = ended["ts"].as_u64().unwrap_or(now) + ended["dur"].as_u64().unwrap_or(0);
                    entries.push(bar(ENGINE, &format!("keep {stage}"), since.min(now), now, &json!({})));
                }
            }
            Event::StageRetried { stage, seconds, .. } => entries.extend(self.end(stage, *seconds, now, "retried")),
            Event::StageFailed { stage, seconds, .. } => entries.extend(self.end(stage, *seconds, now, "failed")),
            Event::StageStopped { stage, seconds } => entries.extend(self.end(stage, *seconds, now, "stopped")),
            Event::RunDone { .. } => entries.push(bar(ENGINE, "publish", self.idle, now, &json!({}))),
            _ => {}
        }
        if !matches!(event, Event::ReportPublished { .. } | Event::Note { .. }) {
            self.idle = now;
        }
        entries
    }

    /// The first lane in which no stage is.
    fn free(&self) -> usize {
        let mut lanes = ENGINE + 1..=ENGINE + 1 + self.stages.len();
        lanes.find(|lane| self.stages.values().all(|bar| bar.lane != *lane)).expect("there is one more than are taken")
    }

    /// A stage's bar; none of one that never started.
    fn end(&mut self, stage: &str, seconds: f64, now: u64, outcome: &str) -> Option<Value> {
        let Bar { lane, since, mut args } = self.stages.remove(stage)?;
        args["outcome"] = json!(outcome);
        let until = since.saturating_add((seconds * 1e6) as u64).min(now);
        Some(bar(lane, stage, since, until, &args))
    }
}

/// A complete event.
fn bar(lane: usize, name: &str, since: u64, until: u64, args: &Value) -> Value {
    let category = if lane == ENGINE { "engine" } else { "stage" };
    json!({ "ph": "X", "pid": 1, "tid": lane, "name": name, "cat": category, "ts": since, "dur": until - since, "args": args })
}

fn lane_name(lane: usize, name: &str) -> Value {
    json!({ "ph": "M", "pid": 1, "tid": lane, "name": "thread_name", "args": { "name": name } })
}
