//! Outputs by content: an output folder lies at `objects/ab/<digest>/`, its manifest beside it.

use super::digest::{Digest, Manifest};
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

    /// Moves a finished output folder from scratch into the store.
    ///
    /// Its bytes reach the disk first; an object that is there already and intact is kept.
    pub fn keep(&mut self, folder: &Path) -> Result<Digest> {
        // Before the scan: protecting a file changes its ctime.
        protect(folder)?;
        let manifest = self.scanner.scan(folder)?.manifest;
        let digest = manifest.digest();
        if self.presence(digest)? == Presence::Intact {
            remove(folder)?;
            self.scanner.removed(folder, &manifest);
            return Ok(digest);
        }
        sync(folder)?;
        let object = self.object(digest);
        let home = object.parent().expect("objects lie in a folder");
        make(home)?;
        let json = serde_json::to_vec(&*manifest).expect("a manifest becomes JSON");
        write_whole(&object.with_extension("json"), &json)?;
        remove(&object)?;
        fs::rename(folder, &object).map_err(|error| Error::io("move an output to", &object, &error))?;
        sync(home)?;
        self.scanner.moved(folder, &object, &manifest);
        Ok(digest)
    }

    /// The manifest of an object, if it is known and says what its name says.
    pub fn manifest(&self, digest: Digest) -> Option<Arc<Manifest>> {
        let bytes = fs::read(self.object(digest).with_extension("json")).ok()?;
        let manifest: Manifest = serde_json::from_slice(&bytes).ok()?;
        (manifest.digest() == digest).then(|| Arc::new(manifest))
    }

    /// Whether an object is there, every file as recorded (by stat cache, so cheaply).
    pub fn presence(&mut self, digest: Digest) -> Result<Presence> {
        let object = self.object(digest);
        let Some(recorded) = self.manifest(digest).filter(|_| object.is_dir()) else { return Ok(Presence::Gone) };
        let found = self.scanner.scan(&object)?.manifest;
        if *found == *recorded {
            return Ok(Presence::Intact);
        }
        let differs = |name: &&String| found.files.get(*name) != recorded.files.get(*name);
        let first = recorded.files.keys().find(differs).or_else(|| found.files.keys().find(differs));
        Ok(Presence::Altered(first.cloned().unwrap_or_default()))
    }
}

/// Makes every file of a folder read-only; one that is already (a link to an object's) is left alone, with its times.
fn protect(folder: &Path) -> Result<()> {
    const READ_ONLY: u32 = 0o444;
    for entry in walkdir::WalkDir::new(folder).into_iter().filter_map(std::result::Result::ok) {
        let is_protected = || entry.metadata().is_ok_and(|meta| meta.permissions().mode() & 0o777 == READ_ONLY);
        if entry.file_type().is_file() && !is_protected() {
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(READ_ONLY))
                .map_err(|error| Error::io("protect", entry.path(), &error))?;
        }
    }
    Ok(())
}

/// Brings a folder's bytes and names to the disk.
fn sync(folder: &Path) -> Result<()> {
    let sync = || -> std::io::Result<()> {
        let file = fs::File::open(folder)?;
        #[cfg(target_os = "linux")]
        rustix::fs::syncfs(&file)?;
        #[cfg(not(target_os = "linux"))]
        for entry in walkdir::WalkDir::new(folder) {
            fs::File::open(entry?.path())?.sync_all()?;
        }
        drop(file);
        Ok(())
    };
    sync().map_err(|error| Error::io("sync", folder, &error))
}
