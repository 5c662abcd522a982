//! The folder a report is written into: [`Folder`] copies pictures under stable names, and none over another.

use plantpipe_stage::{Error, IoContext, Result};
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

/// The report's folder and what lies in it.
pub(super) struct Folder {
    root: PathBuf,
    files: BTreeSet<String>,
}

impl Folder {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root, files: BTreeSet::new() }
    }

    /// Writes a file.
    pub(super) fn write(&mut self, name: &str, content: impl AsRef<[u8]>) -> Result<()> {
        let path = self.place(name)?;
        std::fs::write(&path, content).io("write", path)
    }

    /// Copies `<from>/<file>` to `name`.
    ///
    /// # Errors
    /// A file that is absent, or whose name leads out of its folder.
    pub(super) fn copy(&mut self, from: &Path, file: &str, name: &str) -> Result<()> {
        let source = from.join(file);
        if !Path::new(file).components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(Error::at(from, format!("the picture `{file}` is not in its own folder")));
        }
        let bytes = std::fs::read(&source).io("read", &source)?;
        let path = self.place(name)?;
        std::fs::write(&path, bytes).io("write", path)
    }

    /// What was written or copied to `name`.
    pub(super) fn read(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.root.join(name);
        std::fs::read(&path).io("read", path)
    }

    /// The path of a name that is still free, its folder made.
    fn place(&mut self, name: &str) -> Result<PathBuf> {
        if !self.files.insert(name.to_owned()) {
            return Err(Error::new(format!("two files of the report are called `{name}`"))
                .hint("give the stages names that differ in letters and digits"));
        }
        let path = self.root.join(name);
        let parent = path.parent().unwrap_or(&self.root);
        std::fs::create_dir_all(parent).io("make", parent)?;
        Ok(path)
    }
}

/// A name that is safe as a file name and in a link: other characters than letters, digits, `.`, `_`, `-` become `-`.
pub(super) fn file_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }).collect()
}

/// As [`file_name`], of a path's last part.
pub(super) fn base_name(path: &str) -> String {
    file_name(path.rsplit_once('/').map_or(path, |(_, base)| base))
}

#[cfg(test)]
mod tests {
    use super::{Folder, file_name};

    #[test]
    fn a_picture_never_replaces_another_nor_comes_from_outside() {
        let from = tempfile::tempdir().expect("temp folder");
        let to = tempfile::tempdir().expect("temp folder");
        std::fs::write(from.path().join("a.png"), "a").expect("writes");
        let mut folder = Folder::new(to.path().to_owned());
        folder.copy(from.path(), "a.png", "cams/a.png").expect("copies");
        let twice = folder.copy(from.path(), "a.png", "cams/a.png").expect_err("twice");
        assert_eq!(twice.message, "two files of the report are called `cams/a.png`");
        let outside = folder.copy(from.path(), "../a.png", "b.png").expect_err("outside");
        assert!(outside.message.ends_with("the picture `../a.png` is not in its own folder"), "{outside}");
        let absent = folder.copy(from.path(), "c.png", "c.png").expect_err("absent");
        assert!(absent.message.starts_with("cannot read "), "{absent}");
    }

    #[test]
    fn a_stage_name_becomes_a_file_name() {
        assert_eq!(file_name("train[lr=0.1] x/y"), "train-lr-0.1--x-y");
    }
}
