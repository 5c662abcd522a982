//! Files -> digests, cheaply: [`Scanner`] walks each place once a command and hashes only what its stat cache
//! doesn't know.

use super::digest::{Digest, FileEntry, Manifest, hash_file};
use crate::error::{Error, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// What tells that a file is the one that was hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stat {
    size: u64,
    mtime: i64,
    ctime: i64,
    inode: u64,
}

impl Stat {
    fn of(meta: &Metadata) -> Self {
        let nanos = |seconds: i64, nanos: i64| seconds.wrapping_mul(1_000_000_000).wrapping_add(nanos);
        Self {
            size: meta.size(),
            mtime: nanos(meta.mtime(), meta.mtime_nsec()),
            ctime: nanos(meta.ctime(), meta.ctime_nsec()),
            inode: meta.ino(),
        }
    }

    /// A file touched this recently may change again without its times showing it (git's racy-clean rule).
    fn is_racy(&self, now: i64) -> bool {
        /// Coarser than any file system's clock tick in use.
        const GRANULARITY: i64 = 20_000_000;
        self.mtime.max(self.ctime) >= now - GRANULARITY
    }
}

/// A file or folder as it was when it was looked at.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub manifest: Arc<Manifest>,
    stats: Arc<BTreeMap<String, Stat>>,
}

/// The stat cache, and what this command has scanned already.
pub struct Scanner {
    file: PathBuf,
    known: HashMap<PathBuf, (Stat, Digest)>,
    scanned: HashMap<PathBuf, Snapshot>,
    dirty: bool,
}

const SCHEMA: u32 = 1;

impl Scanner {
    /// Reads the stat cache; one that is absent or unreadable is an empty one.
    pub fn open(file: PathBuf) -> Self {
        let known = std::fs::read(&file)
            .ok()
            .and_then(|bytes| postcard::from_bytes::<(u32, Vec<(PathBuf, Stat, Digest)>)>(&bytes).ok())
            .filter(|(schema, _)| *schema == SCHEMA)
            .map(|(_, entries)| entries.into_iter().map(|(path, stat, digest)| (path, (stat, digest))).collect())
            .unwrap_or_default();
        Self { file, known, scanned: HashMap::new(), dirty: false }
    }

    /// Writes the stat cache, if it learnt anything.
    pub fn save(&mut self) -> Result<()> {
        if !self.dirty {
            return Ok(());
        }
        let mut entries: Vec<_> = self.known.iter().map(|(path, (stat, digest))| (path, stat, digest)).collect();
        entries.sort_by_key(|(path, ..)| *path);
        let bytes = postcard::to_stdvec(&(SCHEMA, entries)).expect("paths, numbers and digests become bytes");
        super::write_whole(&self.file, &bytes)?;
        self.dirty = false;
        Ok(())
    }

    /// The digests of a file or folder; scanned once a command.
    ///
    /// # Errors
    /// When it is absent or unreadable, or a name in it is no UTF-8.
    pub fn scan(&mut self, place: &Path) -> Result<Snapshot> {
        if let Some(snapshot) = self.scanned.get(place) {
            return Ok(snapshot.clone());
        }
        let snapshot = self.look(place)?;
        self.scanned.insert(place.to_owned(), snapshot.clone());
        Ok(snapshot)
    }

    /// Forgets what this command saw of a place, because it has just been written.
    pub fn forget(&mut self, place: &Path) {
        self.scanned.remove(place);
    }

    /// Forgets every digest below a place, so that its bytes are read again: a disk can lose a byte without any time
    /// that tells it.
    pub fn distrust(&mut self, place: &Path) {
        let before = self.known.len();
        self.known.retain(|path, _| !path.starts_with(place));
        self.scanned.retain(|path, _| !path.starts_with(place));
        self.dirty |= self.known.len() < before;
    }

    /// A folder was renamed: its files keep their times and inodes, so what is known of them stays true.
    pub fn moved(&mut self, from: &Path, to: &Path, manifest: &Manifest) {
        for name in manifest.files.keys() {
            if let Some(entry) = self.known.remove(&from.join(name)) {
                self.known.insert(to.join(name), entry);
            }
        }
        self.scanned.remove(from);
        self.scanned.remove(to);
    }

    /// Files of `from`, known by `before`, were linked into `to`: a link changes a file's ctime and nothing else, so what
    /// is known of them stays true under both names.
    pub fn linked(&mut self, from: &Path, before: &Snapshot, to: &Path) -> Result<()> {
        let by_inode: HashMap<u64, (&String, &Stat)> =
            before.stats.iter().map(|(name, stat)| (stat.inode, (name, stat))).collect();
        let now = now();
        for (_, path, stat) in walk(to)? {
            if let Some((name, earlier)) = by_inode.get(&stat.inode)
                && (earlier.size, earlier.mtime) == (stat.size, stat.mtime)
                && !stat.is_racy(now)
            {
                let digest = before.manifest.files[*name].digest;
                self.known.insert(from.join(name), (stat, digest));
                self.known.insert(path, (stat, digest));
                self.dirty = true;
            }
        }
        self.scanned.remove(from);
        Ok(())
    }

    /// A folder was removed.
    pub fn removed(&mut self, folder: &Path, manifest: &Manifest) {
        for name in manifest.files.keys() {
            self.known.remove(&folder.join(name));
        }
        self.scanned.remove(folder);
    }

    /// The first file that is not as it was in `snapshot`, by a fresh look at every stat.
    pub fn changed_since(place: &Path, snapshot: &Snapshot) -> Result<Option<String>> {
        let now: BTreeMap<String, Stat> = walk(place)?.into_iter().map(|(name, _, stat)| (name, stat)).collect();
        let moved = |(name, stat): (&String, &Stat)| (now.get(name) != Some(stat)).then(|| name.clone());
        let gone_or_changed = snapshot.stats.iter().find_map(moved);
        let added = || now.keys().find(|name| !snapshot.stats.contains_key(*name)).cloned();
        Ok(gone_or_changed.or_else(added))
    }

    fn look(&mut self, place: &Path) -> Result<Snapshot> {
        let files = walk(place)?;
        let unknown: Vec<&(String, PathBuf, Stat)> = files
            .iter()
            .filter(|(_, path, stat)| self.known.get(path).is_none_or(|(known, _)| known != stat))
            .collect();
        let hashed: Vec<(&PathBuf, Stat, Digest)> = unknown
            .par_iter()
            .map(|(_, path, stat)| {
                let digest = hash_file(path, stat.size).map_err(|error| Error::io("read", path, &error))?;
                Ok((path, *stat, digest))
            })
            .collect::<Result<_>>()?;
        let now = now();
        let mut fresh: HashMap<&Path, Digest> = HashMap::new();
        for (path, stat, digest) in hashed {
            fresh.insert(path, digest);
            if !stat.is_racy(now) {
                self.known.insert(path.clone(), (stat, digest));
                self.dirty = true;
            }
        }
        let digest = |path: &PathBuf| fresh.get(path.as_path()).copied().unwrap_or_else(|| self.known[path].1);
        let entries = files
            .iter()
            .map(|(name, path, stat)| (name.clone(), FileEntry { size: stat.size, digest: digest(path) }))
            .collect();
        let stats = files.iter().map(|(name, _, stat)| (name.clone(), *stat)).collect();
        Ok(Snapshot { manifest: Arc::new(Manifest { files: entries }), stats: Arc::new(stats) })
    }
}

/// Nanoseconds since 1970.
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_nanos() as i64)
}

/// Every file under a place, by its path in it; links are followed, hidden files are not part of it.
fn walk(place: &Path) -> Result<Vec<(String, PathBuf, Stat)>> {
    let meta = std::fs::metadata(place).map_err(|error| Error::io("read", place, &error))?;
    if meta.is_file() {
        return Ok(vec![(String::new(), place.to_owned(), Stat::of(&meta))]);
    }
    let hidden =
        |entry: &walkdir::DirEntry| entry.depth() > 0 && entry.file_name().as_encoded_bytes().starts_with(b".");
    let mut files = Vec::new();
    for entry in walkdir::WalkDir::new(place)
        .follow_links(true)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| !hidden(entry))
    {
        let failed = |error: walkdir::Error| {
            let path = error.path().unwrap_or(place).to_owned();
            Error::failed(format!(
                "cannot read {}: {}",
                path.display(),
                error.io_error().map_or_else(|| "it links to itself".to_owned(), ToString::to_string)
            ))
        };
        let entry = entry.map_err(failed)?;
        if entry.file_type().is_dir() {
            continue;
        }
        let meta = entry.metadata().map_err(failed)?;
        let name =
            entry.path().strip_prefix(place).expect("the walk stays below its root").to_str().ok_or_else(|| {
                Error::failed(format!("{}: the file name is not UTF-8", entry.path().display())).hint("rename the file")
            })?;
        files.push((name.to_owned(), entry.path().to_owned(), Stat::of(&meta)));
    }
    Ok(files)
}
