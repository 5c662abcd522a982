//! Where stage runs happen: [`Executor`], one small trait; child processes on this machine are the first.

mod children;
mod local;

pub use local::Local;

use crate::error::Result;
use crate::interrupt::{self, Listener};
use plantpipe_stage::{Action, Event, Report};
use std::time::Instant;

/// Names a run that was submitted, in what is told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Job(pub usize);

/// What [`Executor::poll`] tells.
#[derive(Debug)]
pub enum Happening {
    /// The run says something.
    Told(Job, Event),
    /// It has ended, then, with the report that it wrote; without one where it was killed, has crashed or never started.
    Ended(Job, Instant, Result<Report>),
    /// Somebody asked this process to stop.
    Asked,
}

/// Runs actions beside one another.
pub trait Executor {
    /// Starts a run and returns at once.
    ///
    /// # Errors
    /// When it cannot be started.
    fn submit(&mut self, job: Job, action: &Action) -> Result<()>;

    /// Waits for what happens next.
    fn poll(&mut self) -> Happening;

    /// Asks every run to stop, or ends it, when it is called: from whatever thread, at any time.
    fn canceller(&self) -> Listener;
}

/// Runs one action to its end, and tells its events as they come.
///
/// # Errors
/// When the run ended without a report, or a signal has come.
pub fn run_alone(executor: &mut dyn Executor, action: &Action, tell: &mut dyn FnMut(Event)) -> Result<Report> {
    let _listening = interrupt::tell(executor.canceller());
    executor.submit(Job(0), action)?;
    loop {
        match executor.poll() {
            Happening::Told(_, event) => tell(event),
            Happening::Ended(_, _, report) => {
                interrupt::check()?;
                return report;
            }
            Happening::Asked => {}
        }
    }
}
