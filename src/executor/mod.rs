//! Where stage runs happen: [`Executor`], one small trait; a child process on this machine is the first.

mod local;

pub use local::Local;

use crate::error::Result;
use plantpipe_stage::{Action, Event, Report};

/// Runs one action to its end.
pub trait Executor {
    /// Returns the report that the run wrote, and tells its events as they come.
    ///
    /// # Errors
    /// When the run ended without a report: killed, crashed, or never started.
    fn run(&self, action: &Action, tell: &mut dyn FnMut(Event)) -> Result<Report>;
}
