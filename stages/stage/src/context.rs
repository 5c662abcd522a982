//! What a stage's `run` is handed: [`Context`], its params, inputs, outputs and voice.

use crate::format::Lineage;
use crate::{
    Action, Afterwards, Artifact, Checkpoint, Error, Event, IoContext, Item, KnownFile, Opening, PreviousItem, Result,
};
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

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
        known.get(file.strip_prefix(&self.optional(input)?.path).ok()?.to_str()?)
    }

    /// The file in which an earlier run left an item, if what went in had this digest (hex) then too; several items may
    /// share one. Its bytes are as they were recorded: read it, and never write to it.
    #[must_use]
    pub fn earlier(&self, id: &str, input: &str) -> Option<PathBuf> {
        self.previous(id, input).map(|(file, _)| file)
    }

    /// The same, and the item.
    fn previous(&self, id: &str, input: &str) -> Option<(PathBuf, &PreviousItem)> {
        let previous = self.action.previous.as_ref()?;
        let item = previous.items.get(id).filter(|item| item.input == input)?;
        Some((previous.folder.join(&item.file), item))
    }

    /// Puts what an earlier run made of an item to `path` and records it, if what went in had this digest (hex) then
    /// too. False: there is nothing to reuse, and the item is to be made.
    ///
    /// `path` becomes a link to a file of the cache, or a copy of it where the file system has no links: never write to it.
    #[must_use]
    pub fn reuse(&self, id: &str, input: &str, path: &Path) -> bool {
        let Some((earlier, item)) = self.previous(id, input) else { return false };
        let linked = std::fs::hard_link(&earlier, path).is_ok();
        if !linked && std::fs::copy(&earlier, path).is_err() {
            // Half a copy must not stand in the way.
            let _ = std::fs::remove_file(path);
            return false;
        }
        self.reused.fetch_add(1, Ordering::Relaxed);
        self.record(Item { id: id.to_owned(), input: input.to_owned(), output: item.output.clone() });
        true
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

/// Writes a whole file, making its folder.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).io("make", folder)?;
    }
    std::fs::write(path, bytes).io("write", path)
}
