//! Stage runs as children of this process: [`Local`] starts the same binary with `exec ACTION.json`.

use super::children::Children;
use super::{Executor, Happening, Job};
use crate::cache::write_quickly;
use crate::error::{Error, Result};
use crate::interrupt::Listener;
use plantpipe_stage::{ACTION_SCHEMA, Action, Event, Previous, Report, Unreported};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

/// Children of the same binary, each heard by a thread of its own.
#[derive(Debug)]
pub struct Local {
    /// Where they run: the folder of the pipeline file.
    folder: PathBuf,
    children: Children,
    sender: Sender<Happening>,
    inbox: Receiver<Happening>,
}

impl Local {
    pub fn new(folder: PathBuf) -> Self {
        let (sender, inbox) = channel();
        Self { folder, children: Children::default(), sender, inbox }
    }
}

impl Executor for Local {
    fn submit(&mut self, job: Job, action: &Action) -> Result<()> {
        let folder = action.report.parent().expect("the report lies in a folder");
        let log = folder.join("stderr");
        let mut child = start(action, &self.folder, &log)?;
        self.children.hold(&mut child);
        let (children, sender, report) = (self.children.clone(), self.sender.clone(), action.report.clone());
        std::thread::spawn(move || {
            // Where nobody listens any more the run is over, and this process about to end.
            let tell = |event| drop(sender.send(Happening::Told(job, event)));
            let ended = listen(&mut child, &children, tell);
            let ended = ended.and_then(|(status, unreported)| {
                read_report(&report).ok_or_else(|| unreported.unwrap_or_else(|| lost(status, &log)))
            });
            let _ = sender.send(Happening::Ended(job, Instant::now(), ended));
        });
        Ok(())
    }

    fn poll(&mut self) -> Happening {
        self.inbox.recv().expect("a sender is held here")
    }

    fn canceller(&self) -> Listener {
        let (children, sender) = (self.children.clone(), self.sender.clone());
        Box::new(move |asked| {
            // First, so that it is told before what comes of it.
            let _ = sender.send(Happening::Asked);
            children.ask(asked);
        })
    }
}

fn start(action: &Action, folder: &Path, log: &Path) -> Result<Child> {
    let file = action.report.with_file_name("action.json");
    if let Some(previous) = &action.previous {
        let bytes = postcard::to_stdvec(previous).expect("texts and numbers become bytes");
        write_quickly(&file.with_file_name(Previous::FILE), &bytes)?;
    }
    write_quickly(&file, &serde_json::to_vec(action).expect("an action becomes JSON"))?;
    let stderr = File::create(log).map_err(|error| Error::io("write", log, &error))?;
    let program = this_program()?;
    Command::new(&program)
        .arg0("plantpipe")
        .arg("exec")
        .arg(&file)
        .current_dir(folder)
        // A group of its own: a terminal's Ctrl-C is not meant for it, and it can be ended with all that it has started.
        .process_group(0)
        .env("RAYON_NUM_THREADS", action.threads.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .map_err(|error| Error::io("start", &program, &error))
}

/// Tells what a child says until it has ended; how that was, if it could say it but not write it down.
fn listen(child: &mut Child, children: &Children, tell: impl Fn(Event)) -> Result<(ExitStatus, Option<Error>)> {
    let mut unreported = None;
    for line in BufReader::new(child.stdout.take().expect("piped")).lines() {
        let Ok(line) = line else { break };
        // A line that is no event was printed by some library: worth hearing, not worth failing for.
        if let Ok(Unreported { unreported: error }) = serde_json::from_str(&line) {
            unreported = Some(Error::Failed { message: error.message, hint: error.hint });
            continue;
        }
        tell(serde_json::from_str(&line).unwrap_or(Event::Note(line)));
    }
    let status = children.wait(child).map_err(|error| Error::failed(format!("cannot wait for a stage: {error}")))?;
    Ok((status, unreported))
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
