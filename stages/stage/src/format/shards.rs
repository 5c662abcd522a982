//! Packed photographs: `WebDataset` tar shards, reproducible to the byte, and [`ShardIndex`] for random access.
//!
//! Each sample is two members, `<id>.jpg` and `<id>.json`, mtime, uid and gid 0, mode 0644. A sample's shard is chosen
//! by a hash of its id, so one changed photograph rewrites one shard.

use super::{ImagesCard, Split, json_format};
use crate::{Error, IoContext, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// `index.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardIndex {
    pub schema: u32,
    /// How the photographs were made ready.
    pub images: ImagesCard,
    /// Sorted; the order of every `targets`.
    pub labels: Vec<String>,
    /// Sorted by id.
    pub samples: Vec<Sample>,
}
json_format!(ShardIndex, "index.json", 2);

/// Where a photograph's bytes lie, and what it shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    pub id: String,
    pub split: Split,
    /// Shard file name.
    pub shard: String,
    /// Of the JPEG's first byte in the shard.
    pub offset: u64,
    pub length: u64,
    /// blake3 of the JPEG (hex).
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
    images: ImagesCard,
    labels: Vec<String>,
    shards: u64,
    open: BTreeMap<String, (File, u64)>,
    samples: Vec<Sample>,
}

impl ShardWriter {
    /// A writer of `shards` shards a split into `folder`.
    #[must_use]
    pub fn new(folder: &Path, images: ImagesCard, labels: Vec<String>, shards: u64) -> Self {
        Self { folder: folder.to_owned(), images, labels, shards, open: BTreeMap::new(), samples: Vec::new() }
    }

    /// Adds a photograph (JPEG bytes) with its targets.
    ///
    /// # Errors
    /// A failed write.
    pub fn add(&mut self, id: &str, split: Split, jpeg: &[u8], targets: &[u8]) -> Result<()> {
        let hash = blake3::hash(id.as_bytes());
        let number = u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("32 bytes hold 8")) % self.shards;
        let shard = format!("{split}-{number:03}.tar");
        let path = self.folder.join(&shard);
        if !self.open.contains_key(&shard) {
            std::fs::create_dir_all(&self.folder).io("make", &self.folder)?;
            self.open.insert(shard.clone(), (File::create(&path).io("make", &path)?, 0));
        }
        let (file, end) = self.open.get_mut(&shard).expect("opened above");
        let names: Vec<&str> =
            self.labels.iter().zip(targets).filter(|(_, on)| **on == 1).map(|(name, _)| name.as_str()).collect();
        let json = serde_json::json!({ "id": id, "split": split, "labels": names, "targets": targets }).to_string();
        let start = *end;
        let before = member(file, &format!("{id}.jpg"), jpeg, end).io("write", &path)?;
        member(file, &format!("{id}.json"), json.as_bytes(), end).io("write", &path)?;
        let offset = start + before;
        self.samples.push(Sample {
            id: id.to_owned(),
            split,
            shard,
            offset,
            length: jpeg.len() as u64,
            digest: blake3::hash(jpeg).to_hex().to_string(),
            targets: targets.to_vec(),
        });
        Ok(())
    }

    /// Ends every shard and writes the index.
    pub fn finish(mut self) -> Result<ShardIndex> {
        use super::JsonFormat;
        for (shard, (file, _)) in &mut self.open {
            file.write_all(&[0; 2 * BLOCK as usize]).io("write", self.folder.join(shard))?;
        }
        self.samples.sort_by(|a, b| a.id.cmp(&b.id));
        let index =
            ShardIndex { schema: ShardIndex::SCHEMA, images: self.images, labels: self.labels, samples: self.samples };
        index.write(&self.folder)?;
        Ok(index)
    }
}

const BLOCK: u64 = 512;

/// Appends a member, and a pax record before it where the name is longer than a header's 100 bytes; moves `end` behind
/// it, and returns how many bytes stand before the content. (Twelve header fields, all constant but three: a tar crate
/// would have to be told each of them too, and does not say where the content begins.)
fn member(file: &mut File, name: &str, bytes: &[u8], end: &mut u64) -> std::io::Result<u64> {
    let start = *end;
    if name.len() > LONGEST {
        entry(file, b'x', "pax", pax("path", name).as_bytes(), end)?;
    }
    let mut cut = name.len().min(LONGEST);
    while !name.is_char_boundary(cut) {
        cut -= 1;
    }
    entry(file, b'0', &name[..cut], bytes, end)?;
    let padded = (bytes.len() as u64).next_multiple_of(BLOCK);
    Ok(*end - padded - start)
}

/// The longest name that a ustar header holds, bytes.
const LONGEST: usize = 100;

/// A pax record, which begins with its own length in bytes: `18 path=a/b/c.jpg`.
fn pax(key: &str, value: &str) -> String {
    let rest = key.len() + value.len() + 3;
    let mut length = rest;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    format!("{length} {key}={value}\n")
}

/// Appends a ustar header of a type with its content, padded to whole blocks.
fn entry(file: &mut File, sort: u8, name: &str, bytes: &[u8], end: &mut u64) -> std::io::Result<()> {
    let mut header = [0u8; BLOCK as usize];
    let mut put = |at: usize, text: &[u8]| header[at..at + text.len()].copy_from_slice(text);
    put(0, name.as_bytes());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{:011o}\0", bytes.len()).as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, &[sort]);
    put(257, b"ustar\0");
    put(263, b"00");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    file.write_all(&header)?;
    file.write_all(bytes)?;
    let padded = (bytes.len() as u64).next_multiple_of(BLOCK);
    file.write_all(&vec![0; (padded - bytes.len() as u64) as usize])?;
    *end += BLOCK + padded;
    Ok(())
}

/// Reads samples of a folder of shards, in any order, from any thread.
pub struct ShardReader {
    folder: PathBuf,
    pub index: ShardIndex,
}

impl ShardReader {
    /// Opens a folder of shards.
    pub fn open(folder: &Path) -> Result<Self> {
        use super::JsonFormat;
        Ok(Self { folder: folder.to_owned(), index: ShardIndex::read(folder)? })
    }

    /// The JPEG bytes of a sample, checked against its digest.
    ///
    /// # Errors
    /// A missing or short shard, or bytes that are not those packed.
    pub fn read(&self, sample: &Sample) -> Result<Vec<u8>> {
        let path = self.folder.join(&sample.shard);
        let mut file = File::open(&path).io("open", &path)?;
        let mut bytes = vec![0; sample.length as usize];
        file.seek(SeekFrom::Start(sample.offset)).io("read", &path)?;
        file.read_exact(&mut bytes).io("read", &path)?;
        if blake3::hash(&bytes).to_hex().as_str() != sample.digest {
            return Err(Error::at(&path, format!("the bytes of `{}` are damaged", sample.id)));
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Fit;

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
        }
        let sample = reader.index.samples[1].clone();
        let path = folder.path().join(&sample.shard);
        let mut bytes = std::fs::read(&path).expect("reads");
        bytes[sample.offset as usize + 5] ^= 1;
        std::fs::write(&path, bytes).expect("writes");
        let error = reader.read(&sample).expect_err("damaged");
        assert!(error.message.ends_with("the bytes of `b` are damaged"), "{error}");
    }
}
