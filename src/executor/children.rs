//! The children that run: [`Children`] holds their lifelines, asks them to stop and ends them.
//!
//! A child's standard input is its lifeline: as long as it's open the child works, and a parent that dies cuts it. A
//! line `stop` on it asks the child to come to a good end.

use crate::interrupt::Asked;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Child, ChildStdin, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// By process id, which is the id of the child's group too.
#[derive(Debug, Clone, Default)]
pub struct Children(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    lifelines: BTreeMap<u32, ChildStdin>,
    asked: Option<Asked>,
}

impl Children {
    /// Holds the lifeline of a child that has just been started.
    pub fn hold(&self, child: &mut Child) {
        let mut state = self.lock();
        state.lifelines.insert(child.id(), child.stdin.take().expect("piped"));
        if let Some(asked) = state.asked {
            state.ask(asked);
        }
    }

    /// Waits until a child has ended; from then on it is asked nothing.
    pub fn wait(&self, child: &mut Child) -> std::io::Result<ExitStatus> {
        // Not reaped before it is off the list: its id is nobody else's while it stands there.
        let pid = Pid::from_child(child);
        let ended = || waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        while matches!(ended(), Err(Errno::INTR)) {}
        self.lock().lifelines.remove(&child.id());
        child.wait()
    }

    /// Asks all of them, and all that are still to come.
    pub fn ask(&self, asked: Asked) {
        let mut state = self.lock();
        state.asked = Some(asked);
        state.ask(asked);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn ask(&mut self, asked: Asked) {
        for (id, lifeline) in &mut self.lifelines {
            match asked {
                // Who doesn't read has ended or is about to.
                Asked::Stop => drop(lifeline.write_all(b"stop\n").and_then(|()| lifeline.flush())),
                Asked::Kill => {
                    let group = Pid::from_raw(id.cast_signed()).expect("a process has an id");
                    let _ = kill_process_group(group, Signal::KILL);
                }
            }
        }
    }
}
