//! What a pipeline was made of and what it gave: [`LockFile`], `pipeline.lock` beside the pipeline file, for people to
//! commit. It holds the sources that lie elsewhere, and each stage as it was recorded; what later runs bring is held
//! against the first, and what a run under `--locked` gives against both.

mod stage;

pub use stage::LockedStage;

use crate::cache::digest::Digest;
use crate::cache::write_whole;
use crate::error::{Error, Result};
use crate::pipeline::Remote;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Version of the format. Version 1 had no stages: it is read, and written again as this one.
const VERSION: u32 = 2;

const HEAD: &str = "# What plantpipe found and what came of it, digest by digest: commit this file.\n\
    # A download that is another file by now is refused: to accept it, take its table out.\n";

/// A pipeline's lock file; each profile has one of its own.
#[derive(Debug)]
pub struct LockFile {
    path: PathBuf,
    /// What lies on the disk; none: no file.
    written: Option<String>,
    document: Document,
}

/// The file as TOML: tables sorted by name, keys in the order given here.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    sources: BTreeMap<String, LockedSource>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    stages: BTreeMap<String, LockedStage>,
}

/// A source as it was when it first came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedSource {
    /// As the pipeline file said it: an entry about another address is no entry.
    pub url: String,
    /// The commit that the hub's revision meant: asked for from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Lowercase hex, as other tools print it.
    pub sha256: String,
    pub blake3: Digest,
    /// Bytes.
    pub size: u64,
}

impl LockFile {
    /// `pipeline.toml` -> `pipeline.lock`, with a profile `pipeline.<profile>.lock`.
    pub fn path(pipeline: &Path, profile: Option<&str>) -> PathBuf {
        let ending = profile.map_or_else(|| "lock".to_owned(), |profile| format!("{profile}.lock"));
        let path = pipeline.with_extension(&ending);
        if path == pipeline { pipeline.with_added_extension(ending) } else { path }
    }

    /// Reads the file; one that is absent is an empty one.
    ///
    /// # Errors
    /// A file that is no lock file, or one of another version.
    pub fn read(path: &Path) -> Result<Self> {
        let unreadable = |why: &str| {
            Error::usage(format!("{} cannot be read: {why}", path.display()))
                .hint("take it from version control again, or delete it: the next run writes what it finds then")
        };
        let written = match std::fs::read(path) {
            Ok(bytes) => Some(String::from_utf8(bytes).map_err(|_| unreadable("it is no text"))?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(Error::io("read", path, &error)),
        };
        let document = match &written {
            Some(text) => parse(text).map_err(|why| unreadable(&why))?,
            None => Document { version: VERSION, sources: BTreeMap::new(), stages: BTreeMap::new() },
        };
        Ok(Self { path: path.to_owned(), written, document })
    }

    /// The file's name, for sentences.
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().display().to_string()
    }

    /// What is known of a source: nothing where the pipeline file says another address by now, or another `sha256`.
    pub fn source(&self, name: &str, remote: &Remote) -> Option<&LockedSource> {
        let entry = self.document.sources.get(name)?;
        let same = entry.url == remote.url && remote.sha256.as_ref().is_none_or(|sha256| *sha256 == entry.sha256);
        same.then_some(entry)
    }

    /// Records a source.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn record(&mut self, name: &str, source: LockedSource) -> Result<()> {
        self.document.sources.insert(name.to_owned(), source);
        self.save()
    }

    /// Takes out the sources that the pipeline does not have any more.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep_only(&mut self, has: impl Fn(&str) -> bool) -> Result<()> {
        self.document.sources.retain(|name, _| has(name));
        self.save()
    }

    /// The stages that it speaks of.
    pub fn stages(&self) -> &BTreeMap<String, LockedStage> {
        &self.document.stages
    }

    /// The sources that it speaks of.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        self.document.sources.keys().map(String::as_str)
    }

    /// Records the stages given, and takes out those that the pipeline does not have any more.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn update(&mut self, given: BTreeMap<String, LockedStage>, has: impl Fn(&str) -> bool) -> Result<()> {
        self.document.stages.retain(|name, _| has(name));
        self.document.stages.extend(given);
        self.save()
    }

    /// Writes the file, where that changes it.
    fn save(&mut self) -> Result<()> {
        let text = format!("{HEAD}{}", toml::to_string(&self.document).expect("strings and numbers become TOML"));
        let nothing_yet = self.written.is_none() && self.document.sources.is_empty() && self.document.stages.is_empty();
        if nothing_yet || self.written.as_ref() == Some(&text) {
            return Ok(());
        }
        write_whole(&self.path, text.as_bytes())?;
        self.written = Some(text);
        Ok(())
    }
}

fn parse(text: &str) -> Result<Document, String> {
    let table: toml::Table = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    match table.get("version").and_then(toml::Value::as_integer) {
        Some(1) if !table.contains_key("stages") => {}
        Some(version) if version == i64::from(VERSION) => {}
        Some(1) => return Err("it has version 1, which knows no `stages`".to_owned()),
        Some(version) => return Err(format!("it has version {version}, and this plantpipe knows version {VERSION}")),
        None => return Err("it has no `version`".to_owned()),
    }
    let document: Document = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    Ok(Document { version: VERSION, ..document })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(url: &str) -> LockedSource {
        LockedSource {
            url: url.to_owned(),
            revision: (url.starts_with("hf:")).then(|| "f".repeat(40)),
            sha256: "0".repeat(64),
            blake3: blake3::hash(b"leaf").into(),
            size: 4,
        }
    }

    fn remote(url: &str, sha256: Option<&str>) -> Remote {
        Remote { url: url.to_owned(), sha256: sha256.map(str::to_owned) }
    }

    #[test]
    fn it_lies_beside_the_pipeline_file_one_a_profile() {
        let path = |file: &str, profile| LockFile::path(Path::new(file), profile).display().to_string();
        assert_eq!(path("a/pipeline.toml", None), "a/pipeline.lock");
        assert_eq!(path("a/pipeline.toml", Some("tiny")), "a/pipeline.tiny.lock");
        assert_eq!(path("odd.lock", None), "odd.lock.lock");
    }

    #[test]
    fn the_same_sources_give_the_same_sorted_bytes_in_any_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let texts = [["b", "a"], ["a", "b"]].map(|names| {
            let path = folder.path().join(format!("{}.lock", names[0]));
            let mut lock = LockFile::read(&path).expect("reads");
            for name in names {
                let url = if name == "a" { "hf://o/n" } else { "https://h/x" };
                lock.record(name, source(url)).expect("writes");
            }
            std::fs::read_to_string(path).expect("reads")
        });
        assert_eq!(texts[0], texts[1]);
        let blake3 = blake3::hash(b"leaf").to_hex();
        let (sha256, revision) = ("0".repeat(64), "f".repeat(40));
        let expected = format!(
            "{HEAD}version = 2\n\n[sources.a]\nurl = \"hf://o/n\"\nrevision = \"{revision}\"\nsha256 = \"{sha256}\"\n\
             blake3 = \"{blake3}\"\nsize = 4\n\n[sources.b]\nurl = \"https://h/x\"\nsha256 = \"{sha256}\"\n\
             blake3 = \"{blake3}\"\nsize = 4\n"
        );
        assert_eq!(texts[0], expected);
    }

    #[test]
    fn a_file_that_is_no_text_is_refused_with_a_way_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pipeline.lock");
        std::fs::write(&path, [0xff, 0x00, 0x9f]).expect("writes");
        let error = LockFile::read(&path).expect_err("refused");
        assert!(error.to_string().ends_with("pipeline.lock cannot be read: it is no text"), "{error}");
        assert!(error.way_out().is_some_and(|hint| hint.contains("delete it")));
    }

    #[test]
    fn an_entry_speaks_of_one_address_and_of_the_digest_that_the_pipeline_file_wants() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pipeline.lock");
        LockFile::read(&path).expect("reads").record("x", source("https://h/x")).expect("writes");
        let lock = LockFile::read(&path).expect("reads");
        let knows = |name: &str, url: &str, sha256: Option<&str>| lock.source(name, &remote(url, sha256)).is_some();
        assert!(knows("x", "https://h/x", None));
        assert!(knows("x", "https://h/x", Some(&"0".repeat(64))));
        assert!(!knows("x", "https://h/x", Some(&"1".repeat(64))));
        assert!(!knows("x", "https://h/y", None));
        assert!(!knows("y", "https://h/x", None));
    }

    #[test]
    fn a_lock_without_entries_is_no_file_and_a_source_that_is_gone_has_no_entry() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pipeline.lock");
        let mut lock = LockFile::read(&path).expect("reads");
        lock.keep_only(|_| true).expect("nothing to write");
        assert!(!path.exists());
        lock.record("x", source("https://h/x")).expect("writes");
        lock.record("y", source("https://h/y")).expect("writes");
        lock.keep_only(|name| name == "y").expect("writes");
        let again = LockFile::read(&path).expect("reads");
        assert_eq!(again.document.sources.keys().collect::<Vec<_>>(), ["y"]);
    }

    #[test]
    fn what_is_no_lock_file_is_told_with_a_way_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pipeline.lock");
        for (text, says) in [
            ("<<<<<<< mine\nversion = 1\n", "cannot be read: "),
            ("version = 3\n", "it has version 3, and this plantpipe knows version 2"),
            ("[sources]\n", "it has no `version`"),
            ("version = 1\n[stages.train]\n", "it has version 1, which knows no `stages`"),
            ("version = 2\n[stages.train]\n", "missing field `kind`"),
        ] {
            std::fs::write(&path, text).expect("writes");
            let error = LockFile::read(&path).expect_err("refused");
            assert!(error.to_string().contains(says), "{error}");
            assert!(error.to_string().contains("pipeline.lock"), "{error}");
            assert_eq!(error.exit_code(), 2);
            assert!(error.way_out().is_some_and(|hint| hint.contains("version control")), "{error}");
        }
    }
}
