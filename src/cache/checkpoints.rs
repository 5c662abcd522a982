//! What an unfinished run left: `checkpoints/<resume key>/<key>/`, one folder a recipe, those together that differ in
//! nothing but params that may grow.

use super::{Cache, remove};
use crate::error::Result;
use crate::recipe::Key;
use plantpipe_stage::checkpoint::{Found, Place, Start, look};
use std::fs;
use std::path::PathBuf;

impl Cache {
    /// Where a run keeps its checkpoint, and which others it may go on from.
    pub fn checkpoint(&self, resume: Key, key: Key, start: Start) -> Place {
        let home = self.checkpoints(resume);
        let folder = home.join(key.to_string());
        let folders = fs::read_dir(&home).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut others: Vec<PathBuf> = folders.filter(|other| start == Start::GoOn && *other != folder).collect();
        others.sort();
        Place { folder, others, start }
    }

    /// How far an unfinished run came, in the words of its kind; nothing where no whole checkpoint is.
    pub fn waiting(&self, resume: Key, key: Key) -> Option<String> {
        match look(&self.checkpoints(resume).join(key.to_string())) {
            Found::Saved(saved) => Some(saved.progress),
            Found::Nothing | Found::Damaged => None,
        }
    }

    /// Removes a checkpoint that is of no more use.
    pub fn remove_checkpoint(&self, resume: Key, key: Key) -> Result<()> {
        let home = self.checkpoints(resume);
        remove(&home.join(key.to_string()))?;
        // Unless others lie there.
        let _ = fs::remove_dir(&home);
        Ok(())
    }

    fn checkpoints(&self, resume: Key) -> PathBuf {
        self.root.join("checkpoints").join(resume.to_string())
    }
}
