//! The other side of the executor: [`exec`] runs one action in this process and writes its report last.

use crate::cache::write_quickly;
use crate::error::{Error, Result};
use crate::registry::Registry;
use plantpipe_stage::{ACTION_SCHEMA, Action, Context, Outcome, Previous, Report, Unreported};
use serde::Serialize;
use std::io::{BufRead, Write};
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// Runs the action in `file`.
///
/// # Errors
/// When the action cannot be read or the report cannot be written; a stage's own failure is in the report.
pub fn exec(file: &Path, registry: &Registry) -> Result<()> {
    let orders = Orders::listen();
    let bytes = std::fs::read(file).map_err(|error| Error::io("read", file, &error))?;
    let mut action: Action = serde_json::from_slice(&bytes)
        .map_err(|error| Error::usage(format!("{} is no action: {error}", file.display())))?;
    if action.schema != ACTION_SCHEMA {
        return Err(Error::usage(format!("{}: action schema {}, not {ACTION_SCHEMA}", file.display(), action.schema)));
    }
    action.previous = previous(&file.with_file_name(Previous::FILE))?;
    // It lives as long as this process: to take it apart in the end would only take time.
    let action: &'static Action = Box::leak(Box::new(action));
    let kind = registry
        .of_action(&action.kind)
        .ok_or_else(|| Error::usage(format!("{}: unknown kind `{}`", file.display(), action.kind)))?;
    rayon::ThreadPoolBuilder::new()
        .num_threads(action.threads)
        .build_global()
        .map_err(|error| Error::failed(format!("cannot start {} threads: {error}", action.threads)))?;
    if action.checkpoint.is_some() {
        orders.obey_politely();
    }

    let context = Context::new(action, |event| say(&event)).stopped_by(|| orders.stopping());
    let panic = catch_panics();
    let outcome = match std::panic::catch_unwind(AssertUnwindSafe(|| (kind.run)(&context))) {
        Ok(Ok(())) => Outcome::Done,
        Ok(Err(_)) if context.has_stopped() => Outcome::Stopped,
        Ok(Err(error)) => Outcome::Failed(error),
        Err(_) => Outcome::Bug(panic.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()),
    };
    if !matches!(outcome, Outcome::Done) {
        // Half an output is of no use, and on a full disk the report needs its room.
        crate::cache::remove(&action.scratch)?;
    }
    let report = Report {
        schema: ACTION_SCHEMA,
        outcome,
        openings: context.openings(),
        checkpoint: context.afterwards(),
        before: context.before(),
        items: context.into_items(),
        peak_memory: peak_memory(),
    };
    write_quickly(&action.report, &serde_json::to_vec(&report).expect("a report becomes JSON")).inspect_err(|error| {
        let ended = match &report.outcome {
            Outcome::Failed(ended) => ended.clone(),
            _ => plantpipe_stage::Error::new(error.to_string()),
        };
        say(&Unreported { unreported: ended });
    })
}

/// What an earlier run left, if there is anything.
fn previous(file: &Path) -> Result<Option<Previous>> {
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("read", file, &error)),
    };
    let previous = postcard::from_bytes(&bytes);
    previous.map(Some).map_err(|error| Error::usage(format!("{} lists no items: {error}", file.display())))
}

/// Tells whoever started this process, a line of JSON.
fn say(what: &impl Serialize) {
    let line = serde_json::to_string(what).expect("an event becomes JSON");
    // Without a listener there is nobody to tell; the lifeline ends this process soon.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// The most resident memory this process ever had, bytes.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

/// What whoever started this process says on its standard input: the line `stop` asks for a checkpoint and an end; that
/// it is closed, because they died or will wait no longer, ends this process at once.
#[derive(Clone, Default)]
struct Orders {
    stopping: Arc<AtomicBool>,
    /// Whether there is a checkpoint to be had; without one, `stop` is the end too.
    politely: Arc<AtomicBool>,
}

impl Orders {
    fn listen() -> Self {
        let orders = Self::default();
        let heard = orders.clone();
        std::thread::spawn(move || {
            for line in std::io::stdin().lock().lines() {
                match line {
                    Ok(line) if line.trim() != "stop" => {}
                    Ok(_) if heard.politely.load(Ordering::SeqCst) => heard.stopping.store(true, Ordering::SeqCst),
                    _ => break,
                }
            }
            end();
        });
        orders
    }

    fn obey_politely(&self) {
        self.politely.store(true, Ordering::SeqCst);
    }

    fn stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }
}

/// Ends this process, and with it what it has started: they are one group.
fn end() -> ! {
    if rustix::process::getpgrp() == rustix::process::getpid() {
        let _ = rustix::process::kill_current_process_group(rustix::process::Signal::KILL);
    }
    std::process::exit(1)
}

/// Keeps the first panic's message and place instead of printing it.
fn catch_panics() -> Arc<Mutex<String>> {
    let kept = Arc::new(Mutex::new(String::new()));
    let keep = kept.clone();
    std::panic::set_hook(Box::new(move |info| {
        let mut kept = keep.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if kept.is_empty() {
            *kept = info.to_string().replace('\n', " ");
        }
        // Standard error may be a file on a full disk: a hook that panics would abort.
        let _ = writeln!(std::io::stderr(), "{info}\n{}", std::backtrace::Backtrace::force_capture());
    }));
    kept
}
