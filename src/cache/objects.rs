//! Outputs by content: an output folder lies at `objects/ab/<digest>/`, its manifest beside it.

use super::digest::{Digest, Manifest};
use super::scan::{Snapshot, settle, side_by_side};
use super::walk::{Walked, walk};
use super::{Cache, make, remove, write_whole};
use crate::error::{Error, Result};
use rayon::prelude::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Whether an object is there as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    Intact,
    Gone,
    /// The first file that differs.
    Altered(String),
}

/// `objects/ab/<digest>`, from the cache's root.
pub fn relative(digest: Digest) -> PathBuf {
    let hex = digest.to_string();
    Path::new("objects").join(&hex[..2]).join(hex)
}

impl Cache {
    /// Where an object lies.
    pub fn object(&self, digest: Digest) -> PathBuf {
        self.root.join(relative(digest))
    }

    /// Whether a place is an object.
    pub fn is_object(&self, place: &Path) -> bool {
        place.starts_with(self.root.join("objects"))
    }

    /// Moves a finished output folder from scratch into the store.
    ///
    /// Its bytes reach the disk first; an object that is there already and intact is kept. Files of an earlier object,
    /// as it was when it was looked at, may be linked into it.
    pub fn keep(&mut self, folder: &Path, linked: Option<(&Path, &Snapshot)>) -> Result<Digest> {
        // Before the scan: protecting a file changes its ctime.
        let fresh = protect(folder)?;
        if fresh.bytes >= WORTH_WAITING || linked.is_some() {
            settle();
        }
        let manifest = match linked {
            Some((earlier, before)) => self.scanner.scan_linked(folder, earlier, before)?.manifest,
            None => self.scanner.scan(folder)?.manifest,
        };
        let digest = manifest.digest();
        if self.presence(digest)? == Presence::Intact {
            if self.recorded(digest).is_none() {
                self.record_manifest(digest, &manifest)?;
            }
            remove(folder)?;
            self.scanner.removed(folder);
            return Ok(digest);
        }
        sync(folder, &fresh.names)?;
        let object = self.object(digest);
        let home = object.parent().expect("objects lie in a folder");
        make(home)?;
        self.record_manifest(digest, &manifest)?;
        remove(&object)?;
        fs::rename(folder, &object).map_err(|error| Error::io("move an output to", &object, &error))?;
        for above in [home, home.parent().expect("`ab` lies in a folder")] {
            sync_one(above).map_err(|error| Error::io("sync", above, &error))?;
        }
        self.scanner.moved(folder, &object);
        Ok(digest)
    }

    /// The manifest of an object: of what is there, if that is what its name says, else as it was recorded.
    pub fn manifest(&mut self, digest: Digest) -> Option<Arc<Manifest>> {
        let found = self.scanner.scan(&self.object(digest)).ok().map(|found| found.manifest);
        found.filter(|found| found.digest() == digest).or_else(|| self.recorded(digest).map(Arc::new))
    }

    /// The manifest that was written beside an object, if it is known and says what its name says.
    fn recorded(&self, digest: Digest) -> Option<Manifest> {
        let bytes = fs::read(self.object(digest).with_extension("json")).ok()?;
        let manifest: Manifest = serde_json::from_slice(&bytes).ok()?;
        (manifest.digest() == digest).then_some(manifest)
    }

    fn record_manifest(&self, digest: Digest, manifest: &Manifest) -> Result<()> {
        let json = serde_json::to_vec(manifest).expect("a manifest becomes JSON");
        write_whole(&self.object(digest).with_extension("json"), &json)
    }

    /// Whether an object is there, every file as recorded (by stat cache, so cheaply): what is there has the digest that
    /// is its name.
    pub fn presence(&mut self, digest: Digest) -> Result<Presence> {
        let object = self.object(digest);
        if !object.is_dir() {
            return Ok(Presence::Gone);
        }
        let found = self.scanner.scan(&object)?.manifest;
        if found.digest() == digest {
            return Ok(Presence::Intact);
        }
        let Some(recorded) = self.recorded(digest) else { return Ok(Presence::Gone) };
        let mut first = None;
        side_by_side(recorded.names(), found.names(), |before, now| {
            let is_same = matches!((before, now), (Some(a), Some(b)) if recorded.entries()[a] == found.entries()[b]);
            if !is_same && first.is_none() {
                let name = before.map(|at| recorded.names().get(at)).or(now.map(|at| found.names().get(at)));
                first = name.map(str::to_owned);
            }
        });
        Ok(Presence::Altered(first.unwrap_or_default()))
    }
}

/// To hash so many bytes again the next time takes longer than to wait until the files' times can be trusted.
const WORTH_WAITING: u64 = 32 << 20;

/// The files that a stage run made, and not an earlier one.
struct Fresh {
    names: Vec<PathBuf>,
    bytes: u64,
}

/// Makes every file of a folder read-only; one that is already (a link to an object's) is left alone, with its times.
fn protect(folder: &Path) -> Result<Fresh> {
    const READ_ONLY: u32 = 0o444;
    let Walked { names, stats, modes } = walk(folder)?;
    let mut fresh = Fresh { names: Vec::new(), bytes: 0 };
    for ((name, stat), mode) in names.iter().zip(&stats).zip(&modes) {
        if mode & 0o777 != READ_ONLY {
            let path = folder.join(name);
            fs::set_permissions(&path, fs::Permissions::from_mode(READ_ONLY))
                .map_err(|error| Error::io("protect", &path, &error))?;
            fresh.names.push(path);
            fresh.bytes += stat.size;
        }
    }
    Ok(fresh)
}

/// Brings a folder's names, and the bytes of the files that are new in it, to the disk.
fn sync(folder: &Path, fresh: &[PathBuf]) -> Result<()> {
    /// More files than this go faster all at once, with whatever else the file system holds back.
    const FEW: usize = 64;
    let failed = |path: &Path, error: &std::io::Error| Error::io("sync", path, error);
    #[cfg(target_os = "linux")]
    if fresh.len() > FEW {
        let whole = || rustix::fs::syncfs(fs::File::open(folder)?).map_err(std::io::Error::from);
        return whole().map_err(|error| failed(folder, &error));
    }
    fresh.par_iter().try_for_each(|path| sync_one(path).map_err(|error| failed(path, &error)))?;
    for entry in walkdir::WalkDir::new(folder).into_iter().filter_map(Result::ok) {
        if entry.file_type().is_dir() {
            sync_one(entry.path()).map_err(|error| failed(entry.path(), &error))?;
        }
    }
    Ok(())
}

fn sync_one(path: &Path) -> std::io::Result<()> {
    fs::File::open(path)?.sync_all()
}
