//! What is kept: [`Cache`], the only writer of `cache/`.
//!
//! ```text
//! cache/
//! ├── CACHEDIR.TAG, .gitignore
//! ├── lock                     who runs
//! ├── stat/                    stat cache, a file a place: path, size, times, inode -> digest
//! ├── objects/ab/<digest>/     an output, read-only, and its manifest <digest>.json
//! ├── records/<key>.json       recipe -> output digests, written last
//! ├── records/<key>.items      what a per-item stage made of each item
//! ├── families/<family>.json   the last record of recipes that differ in their items only
//! ├── checkpoints/<resume key>/<key>/ what an unfinished run goes on from
//! ├── inputs/<digest>          what went in, file by file and row by row, for `why`
//! ├── stages/<profile>/<stage>.json   what the stage was last time
//! ├── scratch/                 where a running stage writes
//! ├── out/<stage>/<output>     current outputs: links into objects/
//! ├── openings.jsonl          how often test was opened, a line a run
//! └── runs/<time>.json         times and machine, a run each
//! ```

pub mod checkpoints;
pub mod digest;
pub mod gc;
pub mod inputs;
pub mod lock;
pub mod names;
pub mod objects;
pub mod openings;
pub mod records;
mod remembered;
pub mod scan;
pub mod seal;
mod walk;

use crate::error::{Error, Result};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The folder `cache/` of a pipeline.
pub struct Cache {
    pub root: PathBuf,
    pub scanner: scan::Scanner,
}

impl Cache {
    /// A cache to look at: nothing is made or written until a run needs it.
    pub fn open(root: PathBuf) -> Self {
        let base = root.parent().unwrap_or(&root).to_owned();
        let scanner = scan::Scanner::open(root.join("stat"), base);
        Self { root, scanner }
    }

    /// Makes the folder, for a run, and tells backup tools and git to leave it out.
    pub fn prepare(&self) -> Result<()> {
        make(&self.root)?;
        for (name, text) in [("CACHEDIR.TAG", CACHEDIR_TAG), (".gitignore", "*\n")] {
            let file = self.root.join(name);
            if !file.exists() {
                write_whole(&file, text.as_bytes())?;
            }
        }
        Ok(())
    }

    /// Saves the stat cache after a mere look, where it can be: a project that never ran gets no cache from being looked
    /// at, and one that cannot be written can be looked at all the same.
    pub fn save_if_there(&mut self) {
        if self.root.is_dir() {
            let _ = self.scanner.save();
        }
    }

    /// An empty scratch folder for a stage; what an earlier, killed run left there is removed.
    pub fn scratch(&self, stage: &str) -> Result<PathBuf> {
        let folder = self.root.join("scratch").join(stage);
        remove(&folder)?;
        make(&folder)?;
        Ok(folder)
    }

    /// Shows a stage's current outputs under `out/<stage>/`.
    pub fn show(&self, stage: &str, outputs: &records::Outputs) -> Result<()> {
        let folder = self.root.join("out").join(stage);
        make(&folder)?;
        for (name, digest) in outputs {
            let link = folder.join(name);
            let target = Path::new("../..").join(objects::relative(*digest));
            if fs::read_link(&link).is_ok_and(|current| current == target) {
                continue;
            }
            let fresh = folder.join(format!(".{name}.new"));
            remove(&fresh)?;
            std::os::unix::fs::symlink(&target, &fresh).map_err(|error| Error::io("link", &fresh, &error))?;
            fs::rename(&fresh, &link).map_err(|error| Error::io("link", &link, &error))?;
        }
        Ok(())
    }
}

const CACHEDIR_TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
    # This file marks a cache folder made by plantpipe; see https://bford.info/cachedir/\n";

/// Makes a folder and those above it.
pub fn make(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| Error::io("make", folder, &error))
}

/// Removes a file, link or folder; absent is fine.
pub fn remove(path: &Path) -> Result<()> {
    let result = match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", path, &error)),
        _ => Ok(()),
    }
}

/// Writes a file so that at any instant it is the old one or the whole new one, also after a power cut.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    write(path, bytes, Until::PowerCut)
}

/// As [`write_whole`], for a file that is checked when it is read, or of no use to another process: after a power cut it
/// may be damaged or gone.
pub fn write_quickly(path: &Path, bytes: &[u8]) -> Result<()> {
    write(path, bytes, Until::Read)
}

/// How long a file has to be whole.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    /// To the next process that reads it.
    Read,
    /// And beyond a power cut.
    PowerCut,
}

fn write(path: &Path, bytes: &[u8], until: Until) -> Result<()> {
    let folder = path.parent().expect("a file has a folder");
    // A bare name lies in the current folder.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    make(folder)?;
    let write = || -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(bytes)?;
        if until == Until::PowerCut {
            file.as_file().sync_all()?;
        }
        file.persist(path).map_err(|error| error.error)?;
        if until == Until::PowerCut { fs::File::open(folder)?.sync_all() } else { Ok(()) }
    };
    write().map_err(|error| Error::io("write", path, &error))
}
