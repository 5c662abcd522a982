//! What a stage's `run` is handed: [`Context`], its params, inputs, outputs and voice.

use crate::checkpoint::Saved;
use crate::format::Lineage;
use crate::{
    Action, Afterwards, Artifact, Checkpoint, Error, Event, IoContext, Item, KnownFile, Opening, Previous,
    PreviousItem, Result,
};
use rustix::fs::{AtFlags, linkat};
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

/// One run of one stage, seen from inside.
pub struct Context<'a> {
    action: &'a Action,
    items: Mutex<Vec<Item>>,
    reused: AtomicUsize,
    openings: Mutex<BTreeSet<Opening>>,
    tell: Box<dyn Fn(Event) + Send + Sync + 'a>,
    stopping: Box<dyn Fn() -> bool + Send + Sync + 'a>,
    stopped: AtomicBool,
    keeps: AtomicBool,
    started: Instant,
    /// What the state that it goes on from had taken.
    before: OnceLock<Duration>,
    folders: OnceLock<Option<Folders>>,
}

/// Two folders held open, for many files to be linked from the one into the other: to follow a long path takes as long as
/// to make a link.
struct Folders {
    from: File,
    place: PathBuf,
    to: File,
}

impl<'a> Context<'a> {
    /// A context for `action` whose events go to `tell`.
    pub fn new(action: &'a Action, tell: impl Fn(Event) + Send + Sync + 'a) -> Self {
        Self {
            action,
            items: Mutex::default(),
            reused: AtomicUsize::new(0),
            openings: Mutex::default(),
            tell: Box::new(tell),
            stopping: Box::new(|| false),
            stopped: AtomicBool::new(false),
            keeps: AtomicBool::new(false),
            started: Instant::now(),
            before: OnceLock::new(),
            folders: OnceLock::new(),
        }
    }

    /// The same, where `stopping` says whether the run has been asked to stop.
    #[must_use]
    pub fn stopped_by(self, stopping: impl Fn() -> bool + Send + Sync + 'a) -> Self {
        Self { stopping: Box::new(stopping), ..self }
    }

    /// The params as the kind's own struct (derive `Deserialize` with `deny_unknown_fields`).
    ///
    /// # Errors
    /// When the struct and the kind's param table disagree.
    pub fn params<P: DeserializeOwned>(&self) -> Result<P> {
        let map = self.action.params.clone().into_iter().collect::<serde_json::Map<_, _>>();
        serde_json::from_value(map.into())
            .map_err(|error| Error::new(format!("params of kind `{}`: {error}", self.action.kind)))
    }

    /// The single artifact of a required input.
    ///
    /// # Panics
    /// When the kind declares no such required input: a bug in the kind.
    #[must_use]
    pub fn input(&self, name: &str) -> &Artifact {
        self.optional(name).unwrap_or_else(|| panic!("kind `{}` has no required input `{name}`", self.action.kind))
    }

    /// The single artifact of an optional input.
    #[must_use]
    pub fn optional(&self, name: &str) -> Option<&Artifact> {
        self.inputs(name).first()
    }

    /// Every artifact of an input, in the order the pipeline names them.
    #[must_use]
    pub fn inputs(&self, name: &str) -> &[Artifact] {
        self.action.inputs.get(name).map_or(&[], Vec::as_slice)
    }

    /// The names of the inputs given, sorted.
    pub fn input_names(&self) -> impl Iterator<Item = &str> {
        self.action.inputs.keys().map(String::as_str)
    }

    /// The folder of an output, made if need be.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn output(&self, name: &str) -> Result<PathBuf> {
        let path = self.action.scratch.join(name);
        std::fs::create_dir_all(&path).io("make", &path)?;
        Ok(path)
    }

    /// The stage's name in the pipeline.
    #[must_use]
    pub fn stage(&self) -> &str {
        &self.action.stage
    }

    #[must_use]
    pub fn seed(&self) -> u64 {
        self.action.seed
    }

    /// How many threads the run may use.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.action.threads
    }

    /// `cpu`, `cuda:0`, `wgpu:0`, ...
    #[must_use]
    pub fn device(&self) -> &str {
        &self.action.device
    }

    /// What lies upstream, for a kind that `uses` it.
    #[must_use]
    pub fn lineage(&self) -> Option<&Lineage> {
        self.action.lineage.as_ref()
    }

    /// Says that `done` of `total` are done.
    pub fn progress(&self, done: usize, total: usize, unit: &str) {
        (self.tell)(Event::Progress { done: done as u64, total: total as u64, unit: unit.to_owned() });
    }

    /// Says a sentence worth telling.
    pub fn note(&self, sentence: impl Into<String>) {
        (self.tell)(Event::Note(sentence.into()));
    }

    /// Records one item of a per-item stage; any order, any thread.
    ///
    /// # Panics
    /// Never in practice: only if another thread panicked while recording.
    pub fn record(&self, item: Item) {
        self.items.lock().expect("no thread panics while recording").push(item);
    }

    /// What the engine knows of a file of an item-wise input, where there is anything to reuse.
    #[must_use]
    pub fn known(&self, input: &str, file: &Path) -> Option<&KnownFile> {
        let known = self.action.previous.as_ref()?.files.get(input)?;
        known.get(below(&self.optional(input)?.path, file)?)
    }

    /// The file in which an earlier run left an item, if what went in had this digest (hex) then too; several items may
    /// share one. Its bytes are as they were recorded: read it, and never write to it.
    #[must_use]
    pub fn earlier(&self, id: &str, input: &str) -> Option<PathBuf> {
        self.previous(id, input).map(|(previous, item)| previous.folder.join(&item.file))
    }

    /// What an earlier run has left, and an item of it, if what went in had this digest.
    fn previous(&self, id: &str, input: &str) -> Option<(&Previous, &PreviousItem)> {
        let previous = self.action.previous.as_ref()?;
        let item = previous.items.get(id).filter(|item| item.input == input)?;
        Some((previous, item))
    }

    /// Puts what an earlier run made of an item to `path` and records it, if what went in had this digest (hex) then
    /// too. False: there is nothing to reuse, and the item is to be made.
    ///
    /// `path` becomes a link to a file of the cache, or a copy of it where the file system has no links: never write to it.
    #[must_use]
    pub fn reuse(&self, id: &str, input: &str, path: &Path) -> bool {
        let Some((previous, item)) = self.previous(id, input) else { return false };
        let linked = self.link(previous, &item.file, path).is_ok();
        if !linked && std::fs::copy(previous.folder.join(&item.file), path).is_err() {
            // Half a copy must not stand in the way.
            let _ = std::fs::remove_file(path);
            return false;
        }
        self.reused.fetch_add(1, Ordering::Relaxed);
        self.record(Item { id: id.to_owned(), input: input.to_owned(), output: item.output.clone() });
        true
    }

    /// Links a file of an earlier run.
    fn link(&self, previous: &Previous, file: &str, path: &Path) -> std::io::Result<()> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return std::fs::hard_link(previous.folder.join(file), path);
        };
        let open = || {
            Some(Folders {
                from: File::open(&previous.folder).ok()?,
                place: folder.to_owned(),
                to: File::open(folder).ok()?,
            })
        };
        match self.folders.get_or_init(open) {
            Some(folders) if folders.place.as_os_str() == folder.as_os_str() => {
                Ok(linkat(&folders.from, file, &folders.to, name, AtFlags::empty())?)
            }
            _ => std::fs::hard_link(previous.folder.join(file), path),
        }
    }

    /// How many items an earlier run had made.
    #[must_use]
    pub fn reused(&self) -> usize {
        self.reused.load(Ordering::Relaxed)
    }

    /// The checkpoint of a kind that can go on later (`Uses::grows`); none where nothing is kept.
    ///
    /// # Errors
    /// When its folder cannot be made, or is held by another process.
    pub fn checkpoint(&self) -> Result<Option<Checkpoint>> {
        self.action.checkpoint.as_ref().map(Checkpoint::open).transpose()
    }

    /// Says that the run goes on from a state: the time that this took counts too.
    pub fn goes_on_from(&self, saved: &Saved) {
        let _ = self.before.set(saved.spent);
    }

    /// What the state took that it goes on from.
    #[must_use]
    pub fn before(&self) -> Duration {
        self.before.get().copied().unwrap_or_default()
    }

    /// How long it took to come so far, whatever it goes on from included.
    #[must_use]
    pub fn spent(&self) -> Duration {
        self.before() + self.started.elapsed()
    }

    /// Whether the run is asked to stop: save a checkpoint, and return [`Context::stopped`].
    #[must_use]
    pub fn stopping(&self) -> bool {
        (self.stopping)()
    }

    /// What a run returns that was asked to stop and has left a checkpoint.
    #[must_use]
    pub fn stopped(&self) -> Error {
        self.stopped.store(true, Ordering::Relaxed);
        Error::new("it was asked to stop, and has left a checkpoint")
    }

    /// Whether it did.
    #[must_use]
    pub fn has_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Says that the checkpoint is of use after this run: one of which more is asked can go on from it.
    pub fn keep_checkpoint(&self) {
        self.keeps.store(true, Ordering::Relaxed);
    }

    /// What becomes of the checkpoint.
    #[must_use]
    pub fn afterwards(&self) -> Afterwards {
        if self.keeps.load(Ordering::Relaxed) { Afterwards::Keep } else { Afterwards::Remove }
    }

    /// Says that this run scores something against a test split's answers, before it does; once for each is enough.
    ///
    /// The engine counts such runs, because a figure on test is worth less the more often it was looked at.
    ///
    /// # Panics
    /// As [`Context::record`].
    pub fn open(&self, opening: Opening) {
        self.openings.lock().expect("no thread panics while opening").insert(opening);
    }

    /// What was opened, sorted.
    ///
    /// # Panics
    /// As [`Context::record`].
    #[must_use]
    pub fn openings(&self) -> Vec<Opening> {
        self.openings.lock().expect("no thread panics while opening").iter().cloned().collect()
    }

    /// The items recorded, sorted by id.
    ///
    /// # Panics
    /// As [`Context::record`].
    #[must_use]
    pub fn into_items(self) -> Vec<Item> {
        let mut items = self.items.into_inner().expect("no thread panics while recording");
        items.sort_by(|a, b| a.id.cmp(&b.id));
        items
    }
}

/// A file's path in a folder; none where it is not below it.
fn below<'a>(folder: &Path, file: &'a Path) -> Option<&'a str> {
    // Paths are mostly written alike, and to take them apart takes a while where files are many.
    let bytes = file.as_os_str().as_encoded_bytes().strip_prefix(folder.as_os_str().as_encoded_bytes());
    match bytes.and_then(|rest| rest.strip_prefix(b"/")) {
        Some(rest) if !rest.starts_with(b"/") => std::str::from_utf8(rest).ok(),
        _ => file.strip_prefix(folder).ok()?.to_str(),
    }
}

/// Writes a whole file, making its folder.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).io("make", folder)?;
    }
    std::fs::write(path, bytes).io("write", path)
}

#[cfg(test)]
mod tests {
    use super::below;
    use std::path::Path;

    #[test]
    fn a_path_is_told_from_its_folder_however_it_is_written() {
        let told = |folder: &str, file: &'static str| below(Path::new(folder), Path::new(file));
        assert_eq!(told("/a/b", "/a/b/c/d.jpg"), Some("c/d.jpg"));
        assert_eq!(told("/a/b/", "/a/b/d.jpg"), Some("d.jpg"));
        assert_eq!(told("/a/b", "/a//b//d.jpg"), Some("d.jpg"));
        assert_eq!(told("/a/b", "/a/b//d.jpg"), Some("d.jpg"));
        assert_eq!(told("/a/b", "/a/b"), Some(""));
        assert_eq!(told("/a/b", "/a/bc/d.jpg"), None);
        assert_eq!(told("/a/b", "/a/d.jpg"), None);
    }
}
