//! What a run leaves so that another goes on from it: [`Checkpoint`], a folder that holds the newest [`Saved`] state of
//! one run, whole at any instant.
//!
//! ```text
//! <folder>/
//! ├── lock               held by the process that writes here
//! ├── checkpoint.json    which state is the newest, and what is said of it; sealed, replaced by rename
//! └── <digest>.state     that state, as its kind writes it
//! ```

use crate::{Error, IoContext, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Version of `checkpoint.json`; another version's checkpoint is none.
const SCHEMA: u32 = 2;
const LOCK: &str = "lock";
const CARD: &str = "checkpoint.json";
/// How long a process that is being ended may take to die.
const PATIENCE: Duration = Duration::from_mins(1);

/// Where a run keeps its checkpoint, and whose it may go on from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Its own folder, kept between tries of the same recipe.
    pub folder: PathBuf,
    /// Those of recipes that differ in nothing but params that may grow; read-only, and each may be gone at any time.
    pub others: Vec<PathBuf>,
    pub start: Start,
}

/// What a run does with what it finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    GoOn,
    /// It was asked for a result from scratch.
    Anew,
}

/// A checkpoint folder, held.
#[derive(Debug)]
pub struct Checkpoint {
    place: Place,
    /// Dropping it releases the lock.
    _lock: File,
}

/// A state that a run left. What is said of it is as it was written; the state itself is looked at by [`Saved::open`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// In words: `epoch 7 of 12`.
    pub progress: String,
    /// What its kind needs to know before it opens the state.
    pub about: Value,
    /// How long it took to come so far, whatever it had gone on from included.
    pub spent: Duration,
    digest: String,
    path: PathBuf,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    card: Card,
    /// Digest of the card.
    seal: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Card {
    schema: u32,
    progress: String,
    about: Value,
    milliseconds: u64,
    state: String,
    bytes: u64,
}

/// What lies in a checkpoint folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    Nothing,
    /// Something that is no whole checkpoint of this version.
    Damaged,
    Saved(Saved),
}

impl Checkpoint {
    /// Takes the folder, made if need be.
    ///
    /// # Errors
    /// When another process holds it and does not let go within a minute.
    pub fn open(place: &Place) -> Result<Self> {
        fs::create_dir_all(&place.folder).io("make", &place.folder)?;
        let path = place.folder.join(LOCK);
        let lock = File::options().create(true).truncate(false).write(true).open(&path).io("write", &path)?;
        let start = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                // The child of a run that was killed may take a moment to die.
                Err(TryLockError::WouldBlock) if start.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(Error::at(&place.folder, "another process writes this checkpoint")
                        .hint("it is what is left of an earlier run: end it, and run again"));
                }
                Err(TryLockError::Error(error)) => return Err(error).io("lock", path),
            }
        }
        let checkpoint = Self { place: place.clone(), _lock: lock };
        if place.start == Start::Anew {
            checkpoint.clear(None)?;
        }
        Ok(checkpoint)
    }

    /// The run's own newest state.
    #[must_use]
    pub fn own(&self) -> Found {
        look(&self.place.folder)
    }

    /// The newest states of runs that differ in what may grow, where there are any.
    pub fn others(&self) -> impl Iterator<Item = Saved> {
        let found = self.place.others.iter().map(|folder| look(folder));
        found.filter_map(|found| if let Found::Saved(saved) = found { Some(saved) } else { None })
    }

    /// Replaces the state by what `write` writes to the path that it is given: at any instant the folder holds the one
    /// before or the new one. `spent` is [`crate::Context::spent`]; `about` must hold no floats: their digits may not survive.
    ///
    /// # Errors
    /// When it cannot be written; the one before stays.
    pub fn save(
        &self,
        progress: &str,
        about: Value,
        spent: Duration,
        write: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<()> {
        let folder = &self.place.folder;
        let fresh = folder.join("new.state");
        write(&fresh)?;
        File::open(&fresh).and_then(|file| file.sync_all()).io("write", &fresh)?;
        let (digest, bytes) = digest(&fresh).io("read", &fresh)?;
        let state = folder.join(format!("{digest}.state"));
        fs::rename(&fresh, &state).io("write", &state)?;
        let milliseconds = spent.as_millis() as u64;
        let (progress, state) = (progress.to_owned(), digest.clone());
        let card = Card { schema: SCHEMA, progress, about, milliseconds, state, bytes };
        let sealed = Sealed { seal: seal(&card), card };
        replace(&folder.join(CARD), &serde_json::to_vec(&sealed).expect("a card becomes JSON"))?;
        self.clear(Some(&digest))
    }

    /// Removes all but the lock, and but the state of that digest with its card.
    fn clear(&self, but: Option<&str>) -> Result<()> {
        let folder = &self.place.folder;
        // The card first: without it, a state is nothing.
        if but.is_none() {
            remove(&folder.join(CARD))?;
        }
        let state = but.map(|digest| format!("{digest}.state"));
        for entry in fs::read_dir(folder).io("read", folder)?.flatten() {
            let name = entry.file_name();
            // What a killed process had begun to write goes too, whatever it was called.
            if name != LOCK && name != CARD && state.as_deref().is_none_or(|state| name != state) {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }
}

impl Saved {
    /// The state's file, once its bytes have been found to be those that were written.
    ///
    /// # Errors
    /// When they are not.
    pub fn open(&self) -> Result<&Path> {
        match digest(&self.path) {
            Ok((digest, _)) if digest == self.digest => Ok(&self.path),
            Ok(_) => Err(Error::at(&self.path, "these are not the bytes that were written")),
            Err(error) => Err(error).io("read", &self.path),
        }
    }
}

/// What lies in a checkpoint folder, by its card and the length of its state: cheap, and not proof of its bytes.
#[must_use]
pub fn look(folder: &Path) -> Found {
    let Ok(bytes) = fs::read(folder.join(CARD)) else { return Found::Nothing };
    let Ok(Sealed { card, seal: sealed }) = serde_json::from_slice::<Sealed>(&bytes) else { return Found::Damaged };
    let path = folder.join(format!("{}.state", card.state));
    let is_whole = fs::metadata(&path).is_ok_and(|meta| meta.len() == card.bytes);
    if seal(&card) != sealed || card.schema != SCHEMA || !is_whole {
        return Found::Damaged;
    }
    let spent = Duration::from_millis(card.milliseconds);
    Found::Saved(Saved { progress: card.progress, about: card.about, spent, digest: card.state, path })
}

fn seal(card: &Card) -> String {
    blake3::hash(&serde_json::to_vec(card).expect("a card becomes JSON")).to_hex().to_string()
}

/// The digest of a file (hex), and its length.
fn digest(path: &Path) -> std::io::Result<(String, u64)> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_mmap_rayon(path)?;
    Ok((hasher.finalize().to_hex().to_string(), hasher.count()))
}

/// Writes a file so that at any instant it is the old one or the whole new one.
fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let fresh = path.with_extension("new");
    let write = || {
        let mut file = File::create(&fresh)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        File::open(path.parent().expect("a file has a folder"))?.sync_all()
    };
    write().io("write", path)
}

/// Absent is fine.
fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).io("remove", path),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn place(folder: &Path) -> Place {
        Place { folder: folder.join("own"), others: Vec::new(), start: Start::GoOn }
    }

    fn save(checkpoint: &Checkpoint, number: u64) {
        let write = |path: &Path| fs::write(path, number.to_string()).io("write", path);
        checkpoint
            .save(&format!("{number} of 9"), json!({ "number": number }), Duration::from_secs(number), write)
            .expect("saves");
    }

    #[track_caller]
    fn saved(found: Found) -> Saved {
        if let Found::Saved(saved) = found { saved } else { panic!("{found:?}") }
    }

    fn names(folder: &Path) -> usize {
        fs::read_dir(folder).expect("a folder").count()
    }

    #[test]
    fn the_newest_state_is_found_and_the_one_before_is_gone() {
        let folder = tempfile::tempdir().expect("temp folder");
        let checkpoint = Checkpoint::open(&place(folder.path())).expect("opens");
        assert_eq!(checkpoint.own(), Found::Nothing);
        save(&checkpoint, 3);
        save(&checkpoint, 4);
        let newest = saved(checkpoint.own());
        assert_eq!((newest.progress.as_str(), &newest.about), ("4 of 9", &json!({ "number": 4 })));
        assert_eq!(newest.spent, Duration::from_secs(4));
        assert_eq!(fs::read(newest.open().expect("as written")).expect("reads"), b"4");
        // The lock, the card and one state.
        assert_eq!(names(&folder.path().join("own")), 3);
    }

    #[test]
    fn whatever_is_changed_in_it_is_noticed() {
        let folder = tempfile::tempdir().expect("temp folder");
        let place = place(folder.path());
        let checkpoint = Checkpoint::open(&place).expect("opens");
        save(&checkpoint, 3);
        let newest = saved(checkpoint.own());
        let card = place.folder.join(CARD);
        let whole = fs::read_to_string(&card).expect("reads");
        for (old, new) in [("3 of 9", "5 of 9"), ("\"number\":3", "\"number\":5"), ("{", "")] {
            fs::write(&card, whole.replacen(old, new, 1)).expect("writes");
            assert_eq!(checkpoint.own(), Found::Damaged, "{old} -> {new}");
        }
        fs::write(&card, whole).expect("writes");
        fs::write(&newest.path, "8").expect("writes");
        let error = saved(checkpoint.own()).open().map(drop).expect_err("other bytes");
        assert!(error.message.ends_with("these are not the bytes that were written"), "{error}");
        fs::write(&newest.path, "33").expect("writes");
        assert_eq!(checkpoint.own(), Found::Damaged);
    }

    #[test]
    fn a_state_that_cannot_be_written_leaves_the_one_before() {
        let folder = tempfile::tempdir().expect("temp folder");
        let checkpoint = Checkpoint::open(&place(folder.path())).expect("opens");
        save(&checkpoint, 3);
        let halfway = |path: &Path| {
            fs::write(path, "half").io("write", path)?;
            Err(Error::new("no room"))
        };
        checkpoint.save("4 of 9", json!({}), Duration::ZERO, halfway).expect_err("no room");
        // And as another tool leaves what it was killed at.
        fs::write(folder.path().join("own/.tmp123"), "half").expect("writes");
        assert_eq!(saved(checkpoint.own()).progress, "3 of 9");
        save(&checkpoint, 5);
        assert_eq!(names(&folder.path().join("own")), 3);
    }

    #[test]
    fn a_start_anew_finds_nothing() {
        let folder = tempfile::tempdir().expect("temp folder");
        let place = place(folder.path());
        save(&Checkpoint::open(&place).expect("opens"), 3);
        let anew = Place { start: Start::Anew, ..place };
        assert_eq!(Checkpoint::open(&anew).expect("opens").own(), Found::Nothing);
        assert_eq!(names(&anew.folder), 1);
    }

    #[test]
    fn a_process_that_is_still_dying_is_waited_for() {
        let folder = tempfile::tempdir().expect("temp folder");
        let place = place(folder.path());
        let dying = Checkpoint::open(&place).expect("opens");
        std::thread::scope(|scope| {
            let next = scope.spawn(|| Checkpoint::open(&place).map(|next| saved(next.own()).progress));
            // It waits, so it sees what is written meanwhile.
            while !place.folder.join("lock").exists() {
                std::thread::yield_now();
            }
            save(&dying, 7);
            drop(dying);
            assert_eq!(next.join().expect("no panic").expect("opens"), "7 of 9");
        });
    }
}
