//! Outputs by content: an output folder lies at `objects/ab/<digest>/`, its manifest beside it.

use super::digest::{Digest, Manifest};
use super::scan::{Seen, Snapshot, settle, side_by_side};
use super::{Cache, make, remove, write_whole};
use crate::error::{Error, Result};
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
        let (seen, fresh) = protect(folder)?;
        let scanner = &mut self.scanner;
        // The disk can write while the processor hashes.
        let (synced, snapshot) = std::thread::scope(|scope| {
            let syncing = scope.spawn(|| sync(folder, &fresh));
            let snapshot = scanner.take_in(folder, seen, linked);
            (syncing.join().expect("it does not panic"), snapshot)
        });
        let manifest = snapshot?.manifest;
        synced?;
        let digest = manifest.digest();
        if self.presence(digest)? == Presence::Intact {
            if self.recorded(digest).is_none() {
                self.record_manifest(digest, &manifest)?;
            }
            remove(folder)?;
            self.scanner.removed(folder);
            return Ok(digest);
        }
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

    /// The manifest that an object's name says, whatever is there by now: as it was seen there, or as it was recorded.
    pub fn manifest(&mut self, digest: Digest) -> Option<Arc<Manifest>> {
        let object = self.object(digest);
        self.scanner.manifest(&object, digest).or_else(|| self.recorded(digest).map(Arc::new))
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

/// Makes every file of a folder read-only; one that is already (a link to an object's) is left alone, with its times.
/// Returns what it saw then, and the files that are new.
fn protect(folder: &Path) -> Result<(Seen, Vec<PathBuf>)> {
    const READ_ONLY: u32 = 0o444;
    let mut seen = Seen::of(folder)?;
    let (mut fresh, mut bytes) = (Vec::new(), 0);
    for (at, name) in seen.walked.names.iter().enumerate() {
        let is_fresh = seen.walked.modes[at] & 0o777 != READ_ONLY;
        if is_fresh {
            let path = folder.join(name);
            fs::set_permissions(&path, fs::Permissions::from_mode(READ_ONLY))
                .map_err(|error| Error::io("protect", &path, &error))?;
            fresh.push((at, path));
        }
        if is_fresh || seen.is_racy(at) {
            bytes += seen.walked.stats[at].size;
        }
    }
    // Protecting a file changes its ctime.
    if bytes >= WORTH_WAITING {
        settle();
        seen = Seen::of(folder)?;
    } else {
        fresh.iter().try_for_each(|(at, path)| seen.look_again(*at, path))?;
    }
    Ok((seen, fresh.into_iter().map(|(_, path)| path).collect()))
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
    fresh.iter().try_for_each(|path| sync_one(path).map_err(|error| failed(path, &error)))?;
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
