//! Being asked to stop: a signal sets a flag and cuts the [`Lifeline`] of the running child, which then ends itself.

use crate::error::{Error, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::process::ChildStdin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI32, Ordering};

static SIGNAL: AtomicI32 = AtomicI32::new(0);
static LIFELINE: Mutex<Option<ChildStdin>> = Mutex::new(None);

/// Listens for SIGINT, SIGTERM and SIGHUP from here on.
pub fn listen() -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])
        .map_err(|error| Error::failed(format!("cannot listen for signals: {error}")))?;
    std::thread::spawn(move || {
        for signal in signals.forever() {
            SIGNAL.store(signal, Ordering::SeqCst);
            drop(lifeline().take());
        }
    });
    Ok(())
}

/// Fails once a signal has come.
pub fn check() -> Result<()> {
    match SIGNAL.load(Ordering::SeqCst) {
        0 => Ok(()),
        signal => Err(Error::Interrupted { signal }),
    }
}

/// The child's standard input: as long as it's open the child works; a parent that dies cuts it too.
pub struct Lifeline;

impl Lifeline {
    pub fn hold(stdin: ChildStdin) -> Self {
        *lifeline() = Some(stdin);
        // A signal that came before there was anything to cut.
        if check().is_err() {
            drop(lifeline().take());
        }
        Self
    }
}

impl Drop for Lifeline {
    fn drop(&mut self) {
        drop(lifeline().take());
    }
}

fn lifeline() -> std::sync::MutexGuard<'static, Option<ChildStdin>> {
    LIFELINE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
