//! How many bytes a folder holds, and how many are left when parts of it go: [`Sizes`] counts a file once, however many
//! names it has.

use crate::error::{Error, Result};
use std::collections::{BTreeMap, HashMap};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The files of a folder by path, and each of them by its inode.
pub struct Sizes {
    paths: BTreeMap<PathBuf, u64>,
    inodes: HashMap<u64, Inode>,
    total: u64,
}

/// A file, under how many names it is still there, and its bytes.
struct Inode {
    names: u64,
    bytes: u64,
}

impl Sizes {
    /// Looks at every file below a folder.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn of(folder: &Path) -> Result<Self> {
        let mut sizes = Self { paths: BTreeMap::new(), inodes: HashMap::new(), total: 0 };
        for entry in walkdir::WalkDir::new(folder) {
            let failed = |error: walkdir::Error| {
                let path = error.path().unwrap_or(folder).to_owned();
                Error::io("read", &path, &error.into())
            };
            // Who looks at the stat cache meanwhile may replace a file of it.
            let is_gone = |error: &walkdir::Error| {
                error.io_error().is_some_and(|error| error.kind() == std::io::ErrorKind::NotFound)
            };
            let entry = match entry {
                Err(error) if error.depth() > 0 && is_gone(&error) => continue,
                entry => entry.map_err(failed)?,
            };
            if entry.file_type().is_file() {
                let meta = entry.metadata().map_err(failed)?;
                sizes.paths.insert(entry.into_path(), meta.ino());
                sizes.inodes.entry(meta.ino()).or_insert_with(|| {
                    sizes.total += meta.len();
                    // Names elsewhere hold the bytes, too.
                    Inode { names: meta.nlink(), bytes: meta.len() }
                });
            }
        }
        Ok(sizes)
    }

    /// Bytes of all that is still there.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// A file or folder goes: how many bytes that sets free.
    pub fn remove(&mut self, path: &Path) -> u64 {
        let below = self.paths.range(path.to_owned()..).take_while(|(file, _)| file.starts_with(path));
        let files: Vec<(PathBuf, u64)> = below.map(|(file, inode)| (file.clone(), *inode)).collect();
        let mut freed = 0;
        for (file, inode) in files {
            self.paths.remove(&file);
            if let Some(found) = self.inodes.get_mut(&inode) {
                found.names -= 1;
                if found.names == 0 {
                    freed += found.bytes;
                    self.inodes.remove(&inode);
                }
            }
        }
        self.total -= freed;
        freed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_two_names_is_free_when_both_are_gone() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        for name in ["a", "a.b", "c"] {
            std::fs::create_dir(at(name)).expect("makes");
        }
        std::fs::write(at("a/x"), [0; 100]).expect("writes");
        std::fs::write(at("a.b/y"), [0; 10]).expect("writes");
        std::fs::hard_link(at("a/x"), at("c/x")).expect("links");
        let mut sizes = Sizes::of(folder.path()).expect("reads");
        assert_eq!(sizes.total(), 110);
        assert_eq!(sizes.remove(&at("a")), 0);
        assert_eq!(sizes.remove(&at("c")), 100);
        assert_eq!(sizes.remove(&at("a.b")), 10);
        assert_eq!(sizes.total(), 0);
    }
}
