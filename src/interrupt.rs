//! Being asked to stop: the first signal asks politely, the second wants an end now; who listens is told at once.

use crate::error::{Error, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::time::Duration;

static SIGNAL: AtomicI32 = AtomicI32::new(0);
static TIMES: AtomicUsize = AtomicUsize::new(0);
static LISTENERS: Mutex<BTreeMap<usize, Listener>> = Mutex::new(BTreeMap::new());

/// Is called from another thread when a signal comes.
pub type Listener = Box<dyn Fn(Asked) + Send>;

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The first: come to a good end.
    Stop,
    /// Another: end now.
    Kill,
}

/// Is told of signals until it is dropped.
#[must_use]
pub struct Listening(usize);

impl Drop for Listening {
    fn drop(&mut self) {
        listeners().remove(&self.0);
    }
}

/// How long a process that was told to end now may tidy up.
const PATIENCE: Duration = Duration::from_secs(2);

/// Listens for SIGINT, SIGTERM and SIGHUP from here on.
pub fn listen() -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])
        .map_err(|error| Error::failed(format!("cannot listen for signals: {error}")))?;
    std::thread::spawn(move || {
        for signal in signals.forever() {
            SIGNAL.store(signal, Ordering::SeqCst);
            TIMES.fetch_add(1, Ordering::SeqCst);
            let asked = asked().expect("a signal has come");
            for listener in listeners().values() {
                listener(asked);
            }
            if asked == Asked::Kill {
                // What is kept is whole at any instant, so that nothing is lost by not waiting for more.
                std::thread::sleep(PATIENCE);
                std::process::exit(128 + signal);
            }
        }
    });
    Ok(())
}

/// Tells `listener` of every signal from here on, and of what came before.
pub fn tell(listener: Listener) -> Listening {
    let mut listeners = listeners();
    if let Some(asked) = asked() {
        listener(asked);
    }
    let number = listeners.last_key_value().map_or(0, |(last, _)| last + 1);
    listeners.insert(number, listener);
    Listening(number)
}

/// What the signals that came ask for, if any came.
pub fn asked() -> Option<Asked> {
    match TIMES.load(Ordering::SeqCst) {
        0 => None,
        1 => Some(Asked::Stop),
        _ => Some(Asked::Kill),
    }
}

/// Fails once a signal has come.
pub fn check() -> Result<()> {
    let signal = SIGNAL.load(Ordering::SeqCst);
    match asked() {
        None => Ok(()),
        Some(Asked::Stop) => Err(Error::Interrupted { signal }),
        Some(Asked::Kill) => Err(Error::Killed { signal }),
    }
}

fn listeners() -> std::sync::MutexGuard<'static, BTreeMap<usize, Listener>> {
    LISTENERS.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
