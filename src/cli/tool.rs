//! Work outside a pipeline, for `predict` and `init`: [`run_tool`] runs one action as a stage would run.

use crate::console::Console;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::executor::{Local, run_alone};
use crate::interrupt;
use plantpipe_stage::{Action, Event as StageEvent, Outcome};
use std::path::Path;

/// Runs the action in a child process that works in `folder`, told on the console.
///
/// # Errors
/// What the work fails of.
pub fn run_tool(action: &Action, folder: &Path, console: &mut Console) -> Result<()> {
    interrupt::listen()?;
    let stage = action.stage.clone();
    let report = run_alone(&mut Local::new(folder.to_owned()), action, &mut |event| match event {
        StageEvent::Progress { done, total, unit } => {
            console.tell(&Event::StageProgress { stage: stage.clone(), done, total, unit });
        }
        StageEvent::Note(note) => console.tell(&Event::StageNote { stage: stage.clone(), note }),
    })?;
    console.finish();
    match report.outcome {
        Outcome::Done => Ok(()),
        Outcome::Failed(error) => Err(Error::Failed { message: error.message, hint: error.hint }),
        Outcome::Stopped => Err(Error::stopped()),
        Outcome::Bug(message) => Err(Error::Bug { message }),
    }
}
