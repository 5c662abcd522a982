//! What came, and whether it is what was wanted: [`Kept`] lies beside each download, as `<file>.json`.

use super::Wish;
use crate::cache::digest::{Digest, hash_file};
use crate::cache::seal::{self, seal};
use crate::cache::{remove, write_whole};
use crate::error::{Error, Result};
use crate::lock::LockedSource;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

const SCHEMA: u32 = 1;

/// A download as it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    schema: u32,
    /// The commit that the hub took it from.
    pub revision: Option<String>,
    /// Lowercase hex.
    pub sha256: String,
    pub blake3: Digest,
    /// Bytes.
    pub size: u64,
}

impl Kept {
    /// Looks at a file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of(file: &Path, revision: Option<String>) -> Result<Self> {
        let failed = |error: std::io::Error| Error::io("read", file, &error);
        let size = std::fs::metadata(file).map_err(failed)?.len();
        let blake3 = hash_file(file, size).map_err(failed)?;
        Ok(Self { schema: SCHEMA, revision, sha256: sha256(file).map_err(failed)?, blake3, size })
    }

    /// What was written beside a download, if it was.
    pub fn read(file: &Path) -> Option<Self> {
        let kept: Self = seal::open(&std::fs::read(beside(file)).ok()?)?;
        (kept.schema == SCHEMA).then_some(kept)
    }

    /// Writes it beside a download.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, file: &Path) -> Result<()> {
        write_whole(&beside(file), &seal(self))
    }

    /// Whether it is the file that the pipeline file or the lock file names, if they name any.
    pub fn is_wanted(&self, wish: &Wish) -> bool {
        wanted(wish).is_none_or(|sha256| *sha256 == self.sha256)
    }

    /// Removes a file that has come and is not the one wanted.
    ///
    /// # Errors
    /// It is not the one wanted.
    pub fn check(&self, wish: &Wish, file: &Path) -> Result<()> {
        if self.is_wanted(wish) {
            return Ok(());
        }
        remove(file)?;
        Err(self.refused(wish, "what came was removed"))
    }

    /// Says which file was wanted.
    pub fn refused(&self, wish: &Wish, and: &str) -> Error {
        let (url, found) = (&wish.remote.url, &self.sha256);
        let (message, hint) = match (&wish.remote.sha256, &wish.locked) {
            (None, Some(locked)) => {
                let (lock, name, wanted) = (&wish.lock_name, wish.name, &locked.sha256);
                let message = format!("{url} is not the file that {lock} names: its sha256 is {found}, not {wanted}");
                let accept = format!("take [sources.{name}] out of {lock}, or say its sha256 in the pipeline file");
                (message, format!("{and}; to accept the new file, {accept}"))
            }
            (wanted, _) => (
                format!(
                    "{url} is not the file wanted: its sha256 is {found}, not {}",
                    wanted.as_deref().unwrap_or_default()
                ),
                format!("correct the address or the sha256 in the pipeline file; {and}"),
            ),
        };
        Error::Integrity { message, hint: Some(hint) }
    }

    /// As the lock file records it.
    pub fn locked(&self, url: &str) -> LockedSource {
        LockedSource {
            url: url.to_owned(),
            revision: self.revision.clone(),
            sha256: self.sha256.clone(),
            blake3: self.blake3,
            size: self.size,
        }
    }
}

/// The digest wanted, if any: the pipeline file's word counts before the lock file's.
pub fn wanted<'a>(wish: &'a Wish) -> Option<&'a String> {
    wish.remote.sha256.as_ref().or(wish.locked.as_ref().map(|locked| &locked.sha256))
}

fn beside(file: &Path) -> PathBuf {
    file.with_added_extension("json")
}

fn sha256(file: &Path) -> std::io::Result<String> {
    let mut file = File::open(file)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => hasher.update(&buffer[..read]),
        }
    }
    Ok(hasher.finalize().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}")))
}
