//! Packed photographs: `WebDataset` tar shards, reproducible to the byte, and [`ShardIndex`] for random access.
//!
//! Each sample is two members, `<id>.jpg` (or `.ppm`: [`Form`]) and `<id>.json`, mtime, uid and gid 0, mode 0644. A sample's shard is chosen
//! by a hash of its id, so one changed photograph rewrites one shard.

use super::mapped::{Mapped, Maps};
use super::ustar::{Member, Tar};
use super::{ImagesCard, JsonFormat, Split, json_format};
use crate::{Error, IoContext, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// `index.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardIndex {
    pub schema: u32,
    /// How the photographs were made ready.
    pub images: ImagesCard,
    /// What they are packed as.
    pub photographs: Form,
    /// Sorted; the order of every `targets`.
    pub labels: Vec<String>,
    /// Sorted by id.
    pub samples: Vec<Sample>,
}
json_format!(ShardIndex, "index.json", 3);

/// What photographs are packed as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// As they were made ready.
    Jpeg,
    /// Decoded: binary PPM, 8-bit RGB.
    Ppm,
}

impl Form {
    pub const NAMES: &'static [&'static str] = &["jpeg", "ppm"];

    fn member(self, id: &str) -> String {
        match self {
            Self::Jpeg => format!("{id}.jpg"),
            Self::Ppm => format!("{id}.ppm"),
        }
    }
}

/// Where a photograph's bytes lie, and what it shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    pub id: String,
    pub split: Split,
    /// Shard file name.
    pub shard: String,
    /// Of the photograph's first byte in the shard.
    pub offset: u64,
    pub length: u64,
    /// blake3 of the photograph as it is packed (hex).
    pub digest: String,
    /// 0 or 1, a label each.
    pub targets: Vec<u8>,
}

impl ShardIndex {
    /// The samples of a split, in the index's order.
    pub fn split(&self, split: Split) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(move |sample| sample.split == split)
    }
}

/// Writes the shards of a folder; give samples in the order of their ids.
pub struct ShardWriter {
    folder: PathBuf,
    index: ShardIndex,
    shards: u64,
    open: BTreeMap<String, ShardFile>,
}

impl ShardWriter {
    /// A writer of `shards` shards of JPEGs a split into `folder`.
    #[must_use]
    pub fn new(folder: &Path, images: ImagesCard, labels: Vec<String>, shards: u64) -> Self {
        let index =
            ShardIndex { schema: ShardIndex::SCHEMA, images, photographs: Form::Jpeg, labels, samples: Vec::new() };
        Self { folder: folder.to_owned(), index, shards, open: BTreeMap::new() }
    }

    /// Adds a photograph (JPEG bytes) with its targets.
    ///
    /// # Errors
    /// A failed write.
    pub fn add(&mut self, id: &str, split: Split, jpeg: &[u8], targets: &[u8]) -> Result<()> {
        let shard = shard_of(id, split, self.shards);
        if !self.open.contains_key(&shard) {
            self.open.insert(shard.clone(), ShardFile::create(&self.folder, &shard, Form::Jpeg)?);
        }
        let file = self.open.get_mut(&shard).expect("opened above");
        let digest = blake3::hash(jpeg).to_hex().to_string();
        self.index.samples.push(file.add(&self.index.labels, (id, split), (jpeg, digest), targets)?);
        Ok(())
    }

    /// Ends every shard and writes the index.
    pub fn finish(mut self) -> Result<ShardIndex> {
        for file in self.open.into_values() {
            file.finish()?;
        }
        self.index.samples.sort_by(|a, b| a.id.cmp(&b.id));
        self.index.write(&self.folder)?;
        Ok(self.index)
    }
}

/// The shard that a sample belongs to, of so many a split.
#[must_use]
pub fn shard_of(id: &str, split: Split, shards: u64) -> String {
    let hash = blake3::hash(id.as_bytes());
    let number = u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("32 bytes hold 8")) % shards;
    format!("{split}-{number:03}.tar")
}

/// One shard, as it is written; give samples in the order of their ids.
pub struct ShardFile {
    name: String,
    path: PathBuf,
    form: Form,
    /// None: the file is there already, and what is added only counted.
    tar: Option<Tar>,
    end: u64,
}

impl ShardFile {
    /// A new shard of a folder.
    ///
    /// # Errors
    /// When its file cannot be made.
    pub fn create(folder: &Path, name: &str, form: Form) -> Result<Self> {
        std::fs::create_dir_all(folder).io("make", folder)?;
        let path = folder.join(name);
        let file = File::create(&path).io("make", &path)?;
        let tar = Some(Tar::new(file));
        Ok(Self { name: name.to_owned(), path, form, tar, end: 0 })
    }

    /// A shard that lies there, made of the same samples by an earlier run: it is left as it is.
    #[must_use]
    pub fn there(folder: &Path, name: &str, form: Form) -> Self {
        Self { name: name.to_owned(), path: folder.join(name), form, tar: None, end: 0 }
    }

    /// Adds a photograph (bytes of the shard's form and their digest, hex) with its targets, for these labels.
    ///
    /// # Errors
    /// A failed write.
    pub fn add(
        &mut self,
        labels: &[String],
        (id, split): (&str, Split),
        (photograph, digest): (&[u8], String),
        targets: &[u8],
    ) -> Result<Sample> {
        let start = self.end;
        let json = about(labels, id, split, targets);
        let (image, told) =
            (Member::new(self.form.member(id), photograph.len()), Member::new(format!("{id}.json"), json.len()));
        if let Some(tar) = &mut self.tar {
            image.write(tar, photograph).and_then(|()| told.write(tar, json.as_bytes())).io("write", &self.path)?;
        }
        self.end += image.length() + told.length();
        Ok(Sample {
            id: id.to_owned(),
            split,
            shard: self.name.clone(),
            offset: start + image.before(),
            length: photograph.len() as u64,
            digest,
            targets: targets.to_vec(),
        })
    }

    /// Says of what length and digest a photograph is that the shard holds already.
    #[must_use]
    pub fn held(
        &mut self,
        labels: &[String],
        (id, split): (&str, Split),
        (length, digest): (u64, &str),
        targets: &[u8],
    ) -> Sample {
        let json = about(labels, id, split, targets);
        let image = Member::new(self.form.member(id), length as usize);
        let start = self.end;
        self.end += image.length() + Member::new(format!("{id}.json"), json.len()).length();
        Sample {
            id: id.to_owned(),
            split,
            shard: self.name.clone(),
            offset: start + image.before(),
            length,
            digest: digest.to_owned(),
            targets: targets.to_vec(),
        }
    }

    /// Ends the shard; returns the digest (hex) of a new one's file.
    ///
    /// # Errors
    /// A failed write.
    pub fn finish(self) -> Result<Option<String>> {
        self.tar.map(|tar| tar.finish().io("write", &self.path)).transpose()
    }
}

/// The member that tells what a photograph shows.
fn about(labels: &[String], id: &str, split: Split, targets: &[u8]) -> String {
    #[derive(Serialize)]
    struct About<'a> {
        id: &'a str,
        labels: Vec<&'a str>,
        split: Split,
        targets: &'a [u8],
    }
    let shown = labels.iter().zip(targets).filter(|(_, on)| **on == 1);
    let labels = shown.map(|(name, _)| name.as_str()).collect();
    serde_json::to_string(&About { id, labels, split, targets }).expect("texts and numbers become JSON")
}

/// Reads samples of a folder of shards, in any order, from any thread.
pub struct ShardReader {
    folder: PathBuf,
    pub index: ShardIndex,
    /// The shards that were read of, held open.
    files: Mutex<BTreeMap<String, Arc<File>>>,
    /// Those that were looked at.
    maps: Maps,
}

impl ShardReader {
    /// Opens a folder of shards.
    pub fn open(folder: &Path) -> Result<Self> {
        Ok(Self {
            folder: folder.to_owned(),
            index: ShardIndex::read(folder)?,
            files: Mutex::default(),
            maps: Maps::default(),
        })
    }

    /// The bytes of a sample's photograph, checked against its digest.
    ///
    /// # Errors
    /// A missing or short shard, or bytes that are not those packed.
    pub fn read(&self, sample: &Sample) -> Result<Vec<u8>> {
        let path = self.folder.join(&sample.shard);
        let mut bytes = vec![0; sample.length as usize];
        self.file(&sample.shard, &path)?.read_exact_at(&mut bytes, sample.offset).io("read", &path)?;
        check(sample, &bytes, &path)?;
        Ok(bytes)
    }

    /// The same without a copy: as they lie in the shard.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn view(&self, sample: &Sample) -> Result<Mapped> {
        let path = self.folder.join(&sample.shard);
        let bytes = self.maps.view(&sample.shard, &path, sample.offset..sample.offset + sample.length)?;
        check(sample, &bytes, &path)?;
        Ok(bytes)
    }

    /// A shard, open.
    fn file(&self, shard: &str, path: &Path) -> Result<Arc<File>> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = files.get(shard) {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(File::open(path).io("open", path)?);
        files.insert(shard.to_owned(), Arc::clone(&file));
        Ok(file)
    }
}

/// That the bytes are those packed.
fn check(sample: &Sample, bytes: &[u8], path: &Path) -> Result<()> {
    if blake3::hash(bytes).to_hex().as_str() == sample.digest {
        Ok(())
    } else {
        Err(Error::at(path, format!("the bytes of `{}` are damaged", sample.id)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Fit;
    use std::io::Read;

    fn ready() -> ImagesCard {
        ImagesCard { schema: 1, size: 256, fit: Fit::Squash, quality: 92 }
    }

    #[test]
    fn a_tar_tool_reads_what_the_writer_wrote() {
        let folder = tempfile::tempdir().expect("temp folder");
        let mut writer = ShardWriter::new(folder.path(), ready(), vec!["rust".into(), "scab".into()], 1);
        writer.add("a", Split::Train, &[1; 513], &[0, 1]).expect("adds");
        writer.add("b", Split::Train, &[2; 512], &[1, 1]).expect("adds");
        writer.finish().expect("finishes");
        let mut archive = tar::Archive::new(File::open(folder.path().join("train-000.tar")).expect("opens"));
        let members: Vec<(String, Vec<u8>)> = archive
            .entries()
            .expect("entries")
            .map(|entry| {
                let mut entry = entry.expect("entry");
                let name = entry.path().expect("path").display().to_string();
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).expect("reads");
                (name, bytes)
            })
            .collect();
        let names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a.jpg", "a.json", "b.jpg", "b.json"]);
        assert_eq!(members[0].1, [1; 513]);
        let json: serde_json::Value = serde_json::from_slice(&members[3].1).expect("json");
        assert_eq!(json["labels"], serde_json::json!(["rust", "scab"]));
    }

    #[test]
    fn a_name_longer_than_a_header_is_whole_for_a_tar_tool_and_for_the_index() {
        let folder = tempfile::tempdir().expect("temp folder");
        for length in [95, 96, 97, 150, 989, 993] {
            let id = "ä".repeat(length / 2) + &"x".repeat(length % 2);
            let mut writer = ShardWriter::new(folder.path(), ready(), vec!["rust".into()], 1);
            writer.add("a", Split::Train, &[1; 700], &[1]).expect("adds");
            writer.add(&id, Split::Train, &[2; 1024], &[1]).expect("adds");
            writer.finish().expect("finishes");
            let mut archive = tar::Archive::new(File::open(folder.path().join("train-000.tar")).expect("opens"));
            let entries = archive.entries().expect("entries");
            let names: Vec<String> =
                entries.map(|entry| entry.expect("entry").path().expect("path").display().to_string()).collect();
            assert_eq!(names, ["a.jpg", "a.json", &format!("{id}.jpg"), &format!("{id}.json")], "{length}");
            let reader = ShardReader::open(folder.path()).expect("opens");
            let sample = reader.index.samples.iter().find(|sample| sample.id == id).expect("there");
            assert_eq!(reader.read(sample).expect("reads"), [2; 1024]);
        }
    }

    #[test]
    fn what_a_shard_holds_already_stands_where_it_was_written() {
        let folder = tempfile::tempdir().expect("temp folder");
        let labels = vec!["rust".to_owned()];
        let long = "x".repeat(120);
        let samples: [(&str, usize); 4] = [("a", 513), ("b", 0), ("c", 512), (&long, 7)];
        let mut new = ShardFile::create(folder.path(), "val-000.tar", Form::Jpeg).expect("makes");
        let mut there = ShardFile::there(folder.path(), "val-000.tar", Form::Jpeg);
        for (id, length) in samples {
            let jpeg = vec![7; length];
            let digest = blake3::hash(&jpeg).to_hex().to_string();
            let written = new.add(&labels, (id, Split::Val), (&jpeg, digest), &[1]).expect("adds");
            let told = (written.length, written.digest.as_str());
            assert_eq!(there.held(&labels, (id, Split::Val), told, &[1]), written);
        }
        assert_eq!(there.finish().expect("nothing to do"), None);
        let digest = new.finish().expect("ends");
        let bytes = std::fs::read(folder.path().join("val-000.tar")).expect("reads");
        assert_eq!(digest, Some(blake3::hash(&bytes).to_hex().to_string()));
    }

    #[test]
    fn the_index_finds_each_sample_and_a_flipped_byte_is_refused() {
        let folder = tempfile::tempdir().expect("temp folder");
        let mut writer = ShardWriter::new(folder.path(), ready(), vec!["rust".into()], 2);
        for id in ["a", "b", "c"] {
            writer.add(id, Split::Val, id.repeat(700).as_bytes(), &[1]).expect("adds");
        }
        writer.finish().expect("finishes");
        let reader = ShardReader::open(folder.path()).expect("opens");
        for sample in &reader.index.samples {
            assert_eq!(reader.read(sample).expect("reads"), sample.id.repeat(700).as_bytes());
            assert_eq!(*reader.view(sample).expect("maps"), *sample.id.repeat(700).as_bytes());
        }
        let sample = reader.index.samples[1].clone();
        let path = folder.path().join(&sample.shard);
        let mut bytes = std::fs::read(&path).expect("reads");
        bytes[sample.offset as usize + 5] ^= 1;
        std::fs::write(&path, bytes).expect("writes");
        let errors = [reader.read(&sample).err(), reader.view(&sample).err()].map(|error| error.expect("damaged"));
        for error in errors {
            assert!(error.message.ends_with("the bytes of `b` are damaged"), "{error}");
        }
        let far = Sample { offset: u64::MAX / 2, ..sample };
        assert!(reader.read(&far).is_err() && reader.view(&far).is_err());
    }
}
