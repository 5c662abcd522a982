//! Stage runs as children of this process: [`Local`] starts the same binary with `exec ACTION.json`.

use super::Executor;
use crate::cache::write_quickly;
use crate::error::{Error, Result};
use crate::interrupt::{self, Lifeline};
use plantpipe_stage::{ACTION_SCHEMA, Action, Event, Report};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

/// Children of the same binary.
#[derive(Debug)]
pub struct Local {
    /// Where they run: the folder of the pipeline file.
    pub folder: PathBuf,
}

impl Executor for Local {
    fn run(&self, action: &Action, tell: &mut dyn FnMut(Event)) -> Result<Report> {
        let folder = action.report.parent().expect("the report lies in a folder");
        let file = folder.join("action.json");
        write_quickly(&file, &serde_json::to_vec(action).expect("an action becomes JSON"))?;
        let log = folder.join("stderr");
        let stderr = File::create(&log).map_err(|error| Error::io("write", &log, &error))?;
        let program = this_program()?;
        let mut child = Command::new(&program)
            .arg0("plantpipe")
            .arg("exec")
            .arg(&file)
            .current_dir(&self.folder)
            // A group of its own, so that it can end what it has started too.
            .process_group(0)
            .env("RAYON_NUM_THREADS", action.threads.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .map_err(|error| Error::io("start", &program, &error))?;
        let lifeline = Lifeline::hold(child.stdin.take().expect("piped"));
        for line in BufReader::new(child.stdout.take().expect("piped")).lines() {
            let Ok(line) = line else { break };
            // A line that is no event was printed by some library: worth hearing, not worth failing for.
            tell(serde_json::from_str(&line).unwrap_or(Event::Note(line)));
        }
        let status = child.wait().map_err(|error| Error::failed(format!("cannot wait for a stage: {error}")))?;
        drop(lifeline);
        interrupt::check()?;
        read_report(&action.report).ok_or_else(|| lost(status, &log))
    }
}

/// The program that is running, even if its file has been replaced since: the recipe names this one's code.
fn this_program() -> Result<PathBuf> {
    if cfg!(target_os = "linux") {
        return Ok(PathBuf::from("/proc/self/exe"));
    }
    std::env::current_exe().map_err(|error| Error::failed(format!("cannot find plantpipe: {error}")))
}

fn read_report(path: &Path) -> Option<Report> {
    let report: Report = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    (report.schema == ACTION_SCHEMA).then_some(report)
}

/// A run that ended without saying how.
fn lost(status: ExitStatus, log: &Path) -> Error {
    let last_words = std::fs::read_to_string(log).unwrap_or_default();
    let last_words = last_words.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let how = match (status.signal(), status.code()) {
        (Some(9), _) => "it was killed (signal 9; did the machine run out of memory?)".to_owned(),
        (Some(signal), _) => format!("it was killed by signal {signal}"),
        (_, code) => format!("it ended with exit code {} and without a report", code.unwrap_or_default()),
    };
    Error::failed(if last_words.is_empty() { how } else { format!("{how}; its last words: {last_words}") })
}
