//! What the cache can do without: [`Plan`] says what goes, [`Cache::sweep`] takes it away. Records go before the outputs
//! that they name, so that whenever it is stopped, no record is left whose outputs are half gone.

mod sizes;

pub use sizes::Sizes;

use super::digest::Digest;
use super::records::Outputs;
use super::{Cache, remove, seal};
use crate::error::Result;
use crate::recipe::Key;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// What must stay, whatever its age and size.
#[derive(Debug, Default)]
pub struct Needs {
    pub records: BTreeSet<Key>,
    pub objects: BTreeSet<Digest>,
    pub runs: BTreeSet<String>,
}

impl Needs {
    pub fn add(&mut self, key: Key, outputs: &Outputs) {
        self.records.insert(key);
        self.objects.extend(outputs.values());
    }
}

/// What may go although something names it.
#[derive(Debug, Default)]
pub struct Limits {
    /// What was not used for longer.
    pub age: Option<Duration>,
    /// The longest unused first, until the cache holds no more bytes than this.
    pub size: Option<u64>,
}

/// Something that goes.
#[derive(Debug, Serialize)]
pub struct Piece {
    pub sort: Sort,
    /// A key, a digest, a run's name, or a path below the cache.
    pub name: String,
    /// Of a record, its kind.
    pub kind: Option<String>,
    pub last_used: Option<Timestamp>,
    /// What its going sets free: a file that is linked into something that stays sets nothing free.
    pub bytes: u64,
    #[serde(skip)]
    paths: Vec<PathBuf>,
}

/// What can go, in the order in which it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// A record of a run.
    Run,
    /// A recipe with what came of it.
    Record,
    /// What points to a record that is not there.
    Pointer,
    /// An output that no record names.
    Output,
    /// What an unfinished training left.
    Checkpoint,
    /// What a run that was killed left.
    Leftover,
}

/// What goes, and what that makes of the cache.
#[derive(Debug)]
pub struct Plan {
    pub pieces: Vec<Piece>,
    /// Bytes in the cache before and after.
    pub before: u64,
    pub after: u64,
}

/// A record as far as this matters.
struct Known {
    key: Key,
    kind: Option<String>,
    outputs: BTreeSet<Digest>,
    last_used: SystemTime,
    paths: Vec<PathBuf>,
    form: Form,
}

/// Whether a record can be read; one that cannot names nothing.
#[derive(Debug, PartialEq, Eq)]
enum Form {
    Whole,
    Broken,
}

/// A folder of `checkpoints/`.
struct Checkpoint {
    path: PathBuf,
    last_used: SystemTime,
}

impl Cache {
    /// What can go: what nothing names, and what the limits say of the rest. `used` says when a key was last looked at.
    pub fn plan_gc(&self, needs: &Needs, limits: &Limits, used: &BTreeMap<Key, Timestamp>) -> Result<Plan> {
        let mut sizes = Sizes::of(&self.root)?;
        let before = sizes.total();
        let mut plan = Plan { pieces: Vec::new(), before, after: before };
        let (mut records, broken): (Vec<Known>, Vec<Known>) =
            self.records(used).into_iter().partition(|record| record.form == Form::Whole);
        for path in broken.into_iter().flat_map(|record| record.paths) {
            plan.add(&mut sizes, Piece::new(Sort::Leftover, self.below(&path), vec![path]));
        }
        // The longest unused first: in this order they go where there are too many bytes.
        records.sort_by_key(|record| (record.last_used, record.key));
        let mut checkpoints = self.checkpoint_folders();
        checkpoints.sort_by(|a, b| (a.last_used, &a.path).cmp(&(b.last_used, &b.path)));
        let mut objects = self.stored();
        let mut named: BTreeMap<Digest, usize> = needs.objects.iter().map(|digest| (*digest, 1)).collect();
        for digest in records.iter().flat_map(|record| &record.outputs) {
            *named.entry(*digest).or_default() += 1;
        }
        // What nothing names goes first: it may be enough.
        plan.leftovers(self, &mut sizes);
        let nameless: Vec<Digest> = objects.keys().filter(|digest| !named.contains_key(digest)).copied().collect();
        for digest in nameless {
            let paths = objects.remove(&digest).unwrap_or_default();
            plan.add(&mut sizes, Piece::new(Sort::Output, digest.to_string(), paths));
        }
        let oldest = limits.age.and_then(|age| SystemTime::now().checked_sub(age));
        let is_old = |time: SystemTime| oldest.is_some_and(|oldest| time < oldest);
        let mut kept: BTreeSet<Key> = records.iter().map(|record| record.key).collect();
        let mut records = records.into_iter().filter(|record| !needs.records.contains(&record.key)).peekable();
        let mut checkpoints = checkpoints.into_iter().peekable();
        loop {
            let is_full = limits.size.is_some_and(|size| sizes.total() > size);
            let goes = |time: Option<SystemTime>| time.is_some_and(|time| is_full || is_old(time));
            let (record, checkpoint) =
                (records.peek().map(|record| record.last_used), checkpoints.peek().map(|found| found.last_used));
            let is_record_older = record.is_some() && checkpoint.is_none_or(|checkpoint| record <= Some(checkpoint));
            if is_record_older && goes(record) {
                let record = records.next().expect("peeked");
                kept.remove(&record.key);
                plan.record(&mut sizes, record, &mut named, &mut objects);
            } else if !is_record_older && goes(checkpoint) {
                let Checkpoint { path, last_used } = checkpoints.next().expect("peeked");
                let mut piece = Piece::new(Sort::Checkpoint, self.below(&path), vec![path]);
                piece.last_used = timestamp(last_used);
                plan.add(&mut sizes, piece);
            } else {
                break;
            }
        }
        plan.pointers(self, &kept, &mut sizes);
        plan.runs(self, needs, is_old, &mut sizes);
        plan.pieces.sort_by(|a, b| (a.sort, &a.last_used, &a.name).cmp(&(b.sort, &b.last_used, &b.name)));
        plan.after = sizes.total();
        Ok(plan)
    }

    /// Takes away what a plan says, in its order. The caller holds the lock.
    pub fn sweep(&mut self, plan: &Plan) -> Result<()> {
        for path in plan.pieces.iter().flat_map(|piece| &piece.paths) {
            self.scanner.removed(path);
            remove(path)?;
        }
        self.tidy()
    }

    /// Takes links to outputs that are gone, and folders that are empty, away.
    fn tidy(&self) -> Result<()> {
        for link in entries(&self.root.join("out")).iter().flat_map(|folder| entries(folder)) {
            if fs::symlink_metadata(&link).is_ok_and(|meta| meta.is_symlink()) && !link.exists() {
                remove(&link)?;
            }
        }
        for room in ["out", "objects", "checkpoints"] {
            for folder in entries(&self.root.join(room)) {
                // One that holds something stays.
                let _ = fs::remove_dir(folder);
            }
        }
        Ok(())
    }

    /// Every record, with the files that belong to it.
    fn records(&self, used: &BTreeMap<Key, Timestamp>) -> Vec<Known> {
        let mut by_key: BTreeMap<Digest, Vec<PathBuf>> = BTreeMap::new();
        for path in entries(&self.root.join("records")) {
            if let Some(key) = digest_of(&path) {
                by_key.entry(key).or_default().push(path);
            }
        }
        let known = |(key, mut paths): (Digest, Vec<PathBuf>)| {
            // The record itself goes first: without it the rest is nothing.
            paths.sort_by_key(|path| path.extension().is_none_or(|ext| ext != "json"));
            let document = document(&paths[0]);
            let form = if document["outputs"].is_object() { Form::Whole } else { Form::Broken };
            let outputs = document["outputs"].as_object().into_iter().flat_map(|outputs| outputs.values());
            let outputs = outputs.filter_map(|digest| serde_json::from_value(digest.clone()).ok()).collect();
            let used = used.get(&key).map(|time| SystemTime::from(*time));
            let last_used = used.into_iter().chain(modified(&paths[0])).max().unwrap_or(SystemTime::UNIX_EPOCH);
            let kind = document["recipe"]["kind"].as_str().map(str::to_owned);
            Known { key, kind, outputs, last_used, paths, form }
        };
        by_key.into_iter().map(known).collect()
    }

    /// The objects there are, whole or not: the manifest first, for without it the folder is nothing.
    fn stored(&self) -> BTreeMap<Digest, Vec<PathBuf>> {
        let mut objects: BTreeMap<Digest, Vec<PathBuf>> = BTreeMap::new();
        for path in entries(&self.root.join("objects")).iter().flat_map(|folder| entries(folder)) {
            if let Some(digest) = digest_of(&path) {
                objects.entry(digest).or_default().push(path);
            }
        }
        for paths in objects.values_mut() {
            paths.sort_by_key(|path| path.extension().is_none());
        }
        objects
    }

    fn checkpoint_folders(&self) -> Vec<Checkpoint> {
        let folders = entries(&self.root.join("checkpoints"));
        let folders = folders.iter().flat_map(|folder| entries(folder)).filter(|path| path.is_dir());
        let newest = |path: &Path| {
            let files = walkdir::WalkDir::new(path).into_iter().flatten();
            let files = files.filter(|entry| entry.file_type().is_file());
            files.filter_map(|entry| entry.metadata().ok()?.modified().ok()).max().unwrap_or(SystemTime::UNIX_EPOCH)
        };
        folders.map(|path| Checkpoint { last_used: newest(&path), path }).collect()
    }

    fn below(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }
}

impl Plan {
    fn add(&mut self, sizes: &mut Sizes, mut piece: Piece) {
        piece.bytes = piece.paths.iter().map(|path| sizes.remove(path)).sum();
        self.pieces.push(piece);
    }

    /// A record, and the outputs that nothing else names.
    fn record(
        &mut self,
        sizes: &mut Sizes,
        record: Known,
        named: &mut BTreeMap<Digest, usize>,
        objects: &mut BTreeMap<Digest, Vec<PathBuf>>,
    ) {
        let last_used = timestamp(record.last_used);
        let mut piece = Piece::new(Sort::Record, record.key.to_string(), record.paths);
        piece.kind.clone_from(&record.kind);
        piece.last_used = last_used;
        self.add(sizes, piece);
        for digest in record.outputs {
            let names = named.entry(digest).or_default();
            *names -= 1;
            if *names == 0
                && let Some(paths) = objects.remove(&digest)
            {
                let mut piece = Piece::new(Sort::Output, digest.to_string(), paths);
                piece.kind.clone_from(&record.kind);
                piece.last_used = last_used;
                self.add(sizes, piece);
            }
        }
    }

    /// Scratch folders, and files that were about to be renamed: only a run that holds the lock has any.
    fn leftovers(&mut self, cache: &Cache, sizes: &mut Sizes) {
        let mut paths = entries(&cache.root.join("scratch"));
        let rooms =
            ["", "records", "families", "runs", "objects", "stages", "published", "stat", "inputs", "out", "downloads"];
        for room in rooms {
            let folder = cache.root.join(room);
            let deep = ["objects", "stages", "out", "downloads"].contains(&room);
            let inner = entries(&folder).into_iter().filter(|path| deep && path.is_dir() && !path.is_symlink());
            for folder in std::iter::once(folder.clone()).chain(inner) {
                paths.extend(entries(&folder).into_iter().filter(|path| is_temporary(path)));
            }
        }
        for path in paths {
            self.add(sizes, Piece::new(Sort::Leftover, cache.below(&path), vec![path]));
        }
    }

    /// Families whose last record is not there any more.
    fn pointers(&mut self, cache: &Cache, kept: &BTreeSet<Key>, sizes: &mut Sizes) {
        for path in entries(&cache.root.join("families")).into_iter().filter(|path| digest_of(path).is_some()) {
            let document = document(&path);
            let last: Option<Key> = serde_json::from_value(document["last"].clone()).ok();
            if last.is_none_or(|last| !kept.contains(&last)) {
                self.add(sizes, Piece::new(Sort::Pointer, cache.below(&path), vec![path]));
            }
        }
    }

    fn runs(&mut self, cache: &Cache, needs: &Needs, is_old: impl Fn(SystemTime) -> bool, sizes: &mut Sizes) {
        for (name, path) in crate::runs::files(cache) {
            let started = modified(&path).unwrap_or(SystemTime::UNIX_EPOCH);
            if is_old(started) && !needs.runs.contains(&name) {
                let mut piece = Piece::new(Sort::Run, name, vec![path]);
                piece.last_used = timestamp(started);
                self.add(sizes, piece);
            }
        }
    }
}

impl Piece {
    fn new(sort: Sort, name: String, paths: Vec<PathBuf>) -> Self {
        Self { sort, name, kind: None, last_used: None, bytes: 0, paths }
    }
}

/// A file of the cache, of whatever version; nothing where it is damaged.
fn document(path: &Path) -> serde_json::Value {
    fs::read(path).ok().and_then(|bytes| seal::open(&bytes)).unwrap_or_default()
}

/// What lies in a folder, sorted; nothing where there is none.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// The digest that a file or folder is called by, without what follows a dot.
fn digest_of(path: &Path) -> Option<Digest> {
    let name = path.file_name()?.to_str()?.split('.').next()?;
    blake3::Hash::from_hex(name).ok().map(Digest::from)
}

/// Names that are given only until a file or link is whole.
fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.starts_with(".tmp") || (name.starts_with('.') && Path::new(name).extension().is_some_and(|ext| ext == "new"))
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

fn timestamp(time: SystemTime) -> Option<Timestamp> {
    Timestamp::try_from(time).ok()
}
