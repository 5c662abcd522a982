//! Every file under a place with its [`Stat`]: [`walk`], over all threads, by handles of folders instead of long paths.

use super::names::Names;
use crate::error::{Error, Result};
use rayon::prelude::*;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, fstat, openat, stat, statat};
use rustix::io::Errno;
use std::ffi::CString;
use std::path::Path;

/// What tells that a file is the one that was hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    pub size: u64,
    pub mtime: i64,
    pub ctime: i64,
    pub inode: u64,
}

/// Coarser than any file system's clock tick in use, in nanoseconds.
pub const GRANULARITY: i64 = 20_000_000;

impl Stat {
    /// What no file has.
    pub const NEVER: Self = Self { size: u64::MAX, mtime: i64::MIN, ctime: i64::MIN, inode: u64::MAX };

    /// Of a file as long as this one that no file has.
    pub fn forgotten(self) -> Self {
        Self { size: self.size, ..Self::NEVER }
    }

    #[allow(clippy::unnecessary_cast, clippy::cast_lossless, reason = "the types of the fields differ between systems")]
    fn of(stat: &rustix::fs::Stat) -> Self {
        let nanos = |seconds: i64, nanos: i64| seconds.wrapping_mul(1_000_000_000).wrapping_add(nanos);
        Self {
            size: stat.st_size as u64,
            mtime: nanos(stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            ctime: nanos(stat.st_ctime as i64, stat.st_ctime_nsec as i64),
            inode: stat.st_ino as u64,
        }
    }

    /// A file touched this recently, when it was looked at, may have changed again since without its times showing it
    /// (git's racy-clean rule).
    pub fn is_racy(&self, looked: i64) -> bool {
        self.mtime.max(self.ctime) >= looked - GRANULARITY
    }
}

/// The files of a place, sorted by their paths in it.
#[derive(Debug, Default)]
pub struct Walked {
    pub names: Names,
    pub stats: Vec<Stat>,
    /// Permission bits.
    pub modes: Vec<u32>,
}

impl Walked {
    fn push(&mut self, name: &[&str], (stat, mode): (Stat, u32)) {
        self.names.push(name);
        self.stats.push(stat);
        self.modes.push(mode);
    }
}

/// Every file under a place, by its path in it; links are followed, hidden files are not part of it. A single file stands
/// under the empty path.
pub fn walk(place: &Path) -> Result<Walked> {
    walk_at(place, &|_| Wanted::Stat)
}

/// The stat of one file.
pub fn stat_again(path: &Path) -> Result<Stat> {
    let status = stat(path).map_err(|error| failed(path, error))?;
    file(path, &status).map(|(stat, _)| stat)
}

/// What of a file is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    Stat,
    /// That it is there; instead of its stat it has [`Stat::NEVER`].
    Name,
}

/// The same, where of some files only the name is asked for; `wanted` is given names without folders.
pub fn walk_at(place: &Path, wanted: &(dyn Fn(&str) -> Wanted + Sync)) -> Result<Walked> {
    let failed = |error| failed(place, error);
    let status = stat(place).map_err(failed)?;
    if !FileType::from_raw_mode(status.st_mode).is_dir() {
        let mut one = Walked::default();
        one.push(&[""], file(place, &status)?);
        return Ok(one);
    }
    let root =
        openat(CWD, place, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).map_err(failed)?;
    folder(&Folder { place, path: "", handle: root, above: None, wanted })
}

/// A folder on the way.
struct Folder<'a> {
    place: &'a Path,
    /// In the place, with a `/` at its end; empty for the place itself.
    path: &'a str,
    handle: OwnedFd,
    above: Option<&'a Above<'a>>,
    wanted: &'a (dyn Fn(&str) -> Wanted + Sync),
}

/// The folders that a folder lies in, to tell a link that leads back to one of them.
struct Above<'a> {
    id: (u64, u64),
    above: Option<&'a Above<'a>>,
}

enum Entry {
    File(Stat, u32),
    Folder,
}

fn folder(here: &Folder<'_>) -> Result<Walked> {
    let path = || here.place.join(here.path);
    let id = identity(&here.handle).map_err(|error| failed(&path(), error))?;
    if std::iter::successors(here.above, |above| above.above).any(|above| above.id == id) {
        return Err(Error::failed(format!("cannot read {}: it links to itself", path().display())));
    }
    let above = Above { id, above: here.above };
    let names = names(&here.handle).map_err(|error| failed(&path(), error))?;
    let look = |(name, sort): (CString, FileType)| -> Result<(String, Entry)> {
        let full = || path().join(name.to_string_lossy().as_ref());
        let text = name.to_str().map_err(|_| {
            Error::failed(format!("{}: the file name is not UTF-8", full().display())).hint("rename the file")
        })?;
        if sort.is_dir() {
            return Ok((text.to_owned(), Entry::Folder));
        }
        if sort.is_file() && (here.wanted)(text) == Wanted::Name {
            return Ok((text.to_owned(), Entry::File(Stat::NEVER, 0)));
        }
        let status = statat(&here.handle, &name, AtFlags::empty()).map_err(|error| failed(&full(), error))?;
        if FileType::from_raw_mode(status.st_mode).is_dir() {
            return Ok((text.to_owned(), Entry::Folder));
        }
        let (stat, mode) = file(&full(), &status)?;
        Ok((text.to_owned(), Entry::File(stat, mode)))
    };
    let mut entries: Vec<(String, Entry)> = names.into_par_iter().with_min_len(256).map(look).collect::<Result<_>>()?;
    let is_flat = entries.iter().all(|(_, entry)| matches!(entry, Entry::File(..)));
    if is_flat {
        entries.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    } else {
        // What lies in `a` comes where `a/` would: then the whole list is in the order of its bytes.
        let key = |entry: &Entry| if matches!(entry, Entry::Folder) { "/" } else { "" };
        entries.sort_unstable_by(|(a, x), (b, y)| a.bytes().chain(key(x).bytes()).cmp(b.bytes().chain(key(y).bytes())));
    }
    let below = |(name, entry): &(String, Entry)| -> Result<Option<Walked>> {
        let Entry::Folder = entry else { return Ok(None) };
        let path = format!("{}{name}/", here.path);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = openat(&here.handle, name.as_str(), flags, Mode::empty())
            .map_err(|error| failed(&here.place.join(&path), error))?;
        folder(&Folder { path: &path, handle, above: Some(&above), ..*here }).map(Some)
    };
    let walked = if is_flat { Vec::new() } else { entries.par_iter().map(below).collect::<Result<Vec<_>>>()? };
    let mut walked = walked.into_iter();
    let mut all = Walked::default();
    for (name, entry) in &entries {
        match (walked.next().flatten(), entry) {
            (Some(below), _) => {
                all.names.append(&below.names);
                all.stats.extend(below.stats);
                all.modes.extend(below.modes);
            }
            (None, Entry::File(stat, mode)) => all.push(&[here.path, name], (*stat, *mode)),
            (None, Entry::Folder) => {}
        }
    }
    Ok(all)
}

/// The names in a folder but for the hidden ones, with what the folder itself says they are.
fn names(handle: &OwnedFd) -> Result<Vec<(CString, FileType)>, Errno> {
    let mut names = Vec::new();
    for entry in Dir::read_from(handle.as_fd())? {
        let entry = entry?;
        if !entry.file_name().to_bytes().starts_with(b".") {
            names.push((entry.file_name().to_owned(), entry.file_type()));
        }
    }
    Ok(names)
}

#[allow(clippy::unnecessary_cast, clippy::cast_lossless, reason = "the types of the fields differ between systems")]
fn identity(handle: &OwnedFd) -> Result<(u64, u64), Errno> {
    fstat(handle).map(|stat| (stat.st_dev as u64, stat.st_ino as u64))
}

#[allow(clippy::unnecessary_cast, clippy::cast_lossless, reason = "the types of the fields differ between systems")]
fn file(path: &Path, status: &rustix::fs::Stat) -> Result<(Stat, u32)> {
    if !FileType::from_raw_mode(status.st_mode).is_file() {
        let what = format!("{} is neither a file nor a folder", path.display());
        return Err(Error::failed(what).hint("move it away: a pipe or a socket has no content to hash"));
    }
    Ok((Stat::of(status), status.st_mode as u32 & 0o7777))
}

fn failed(path: &Path, error: Errno) -> Error {
    let path = path.components().as_path();
    // A link to itself, or a ring of them.
    if error == Errno::LOOP {
        return Error::failed(format!("cannot read {}: it links to itself", path.display()));
    }
    Error::io("read", path, &error.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn found(files: &[&str]) -> Vec<String> {
        let root = tempfile::tempdir().expect("a folder");
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("makes");
            fs::write(path, file).expect("writes");
        }
        walk(root.path()).expect("walks").names.iter().map(str::to_owned).collect()
    }

    #[test]
    fn paths_come_in_the_order_of_their_bytes_and_without_the_hidden() {
        let files = ["a/b", "a/z/1", "a.txt", "a-x/y", "a0", "b", ".hidden", ".git/x", "a/.h", "Z"];
        let mut sorted: Vec<&str> =
            files.iter().copied().filter(|name| !name.contains("/.") && !name.starts_with('.')).collect();
        sorted.sort_unstable();
        assert_eq!(found(&files), sorted);
    }

    #[test]
    fn links_are_followed_and_one_that_leads_back_is_told() {
        let root = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(root.path().join("d/e")).expect("makes");
        fs::write(root.path().join("d/e/f"), "f").expect("writes");
        std::os::unix::fs::symlink("d", root.path().join("link")).expect("links");
        std::os::unix::fs::symlink("d/e/f", root.path().join("file")).expect("links");
        let names: Vec<String> = walk(root.path()).expect("walks").names.iter().map(str::to_owned).collect();
        assert_eq!(names, ["d/e/f", "file", "link/e/f"]);
        std::os::unix::fs::symlink("..", root.path().join("d/back")).expect("links");
        let error = walk(root.path()).expect_err("a ring").to_string();
        assert!(error.ends_with("it links to itself"), "{error}");
        fs::remove_file(root.path().join("d/back")).expect("removes");
        std::os::unix::fs::symlink("nowhere", root.path().join("d/broken")).expect("links");
        let error = walk(root.path()).expect_err("broken").to_string();
        assert!(error.contains("d/broken: No such file"), "{error}");
    }

    #[test]
    fn what_is_no_file_is_refused_and_not_waited_for() {
        let root = tempfile::tempdir().expect("a folder");
        let pipe = root.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("starts");
        assert!(made.success());
        let error = walk(root.path()).expect_err("a pipe").to_string();
        assert!(error.ends_with("pipe is neither a file nor a folder"), "{error}");
    }
}
