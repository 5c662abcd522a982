//! What bytes are: [`Digest`], blake3 of a content, and [`Manifest`], the digests of every file of a file or folder.

use super::names::Names;
use plantpipe_stage::Reads;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::OnceLock;

/// A blake3 digest, 64 hex digits in text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The first 12 digits: enough for people.
    pub fn short(&self) -> String {
        self.to_string()[..12].to_owned()
    }

    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Of 64 hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        blake3::Hash::from_hex(text).ok().map(Self::from)
    }

    /// Digest of a value's canonical JSON, in a domain of its own.
    pub fn of_json(domain: &str, value: &impl Serialize) -> Self {
        let bytes = serde_json::to_vec(value).expect("maps with string keys and finite numbers become JSON");
        Self(blake3::derive_key(domain, &bytes))
    }
}

impl From<[u8; 32]> for Digest {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl From<blake3::Hash> for Digest {
    fn from(hash: blake3::Hash) -> Self {
        Self(*hash.as_bytes())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(blake3::Hash::from_bytes(self.0).to_hex().as_str())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Hex;
        impl de::Visitor<'_> for Hex {
            type Value = Digest;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("64 hex digits")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Digest, E> {
                blake3::Hash::from_hex(text).map(Digest::from).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Hex)
    }
}

/// A file's size and digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    pub size: u64,
    pub digest: Digest,
}

/// Every file of a folder by its path in it, with `/`; a single file stands under the empty path.
#[derive(Debug, Clone, Default)]
pub struct Manifest {
    names: Names,
    entries: Vec<FileEntry>,
    /// Of the parts that were asked for, for it takes a while where files are many.
    digests: [OnceLock<Digest>; 3],
}

impl PartialEq for Manifest {
    fn eq(&self, other: &Self) -> bool {
        self.names == other.names && self.entries == other.entries
    }
}

impl Manifest {
    /// One entry a name.
    pub fn new(names: Names, entries: Vec<FileEntry>) -> Self {
        debug_assert_eq!(names.len(), entries.len());
        Self { names, entries, digests: Default::default() }
    }

    pub fn names(&self) -> &Names {
        &self.names
    }

    /// By position, as the names.
    pub fn entries(&self) -> &[FileEntry] {
        &self.entries
    }

    /// Every file, sorted.
    pub fn files(&self) -> impl Iterator<Item = (&str, &FileEntry)> {
        self.names.iter().zip(&self.entries)
    }

    pub fn get(&self, name: &str) -> Option<&FileEntry> {
        self.names.position(name).map(|at| &self.entries[at])
    }

    /// Digest of everything.
    pub fn digest(&self) -> Digest {
        self.digest_of(Reads::All)
    }

    /// Digest of the part that is read.
    pub fn digest_of(&self, reads: Reads) -> Digest {
        let at = match reads {
            Reads::All => 0,
            Reads::Images => 1,
            Reads::Tables => 2,
        };
        *self.digests[at].get_or_init(|| of_part(self.part(reads)))
    }

    /// The files that are read, with their content's digest, or none where only the name counts.
    pub fn part(&self, reads: Reads) -> impl Iterator<Item = (&str, Option<Digest>)> {
        self.files().filter_map(move |(path, entry)| match Part::of(path, reads) {
            Part::Content => Some((path, Some(entry.digest))),
            Part::Name => Some((path, None)),
            Part::Nothing => None,
        })
    }
}

/// What of a file counts for who reads a part of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Content,
    Name,
    Nothing,
}

impl Part {
    pub fn of(path: &str, reads: Reads) -> Self {
        match (reads, Reads::is_image(path)) {
            (Reads::Images, false) if Reads::is_table(path) => Self::Name,
            (Reads::Images, false) => Self::Nothing,
            (Reads::Tables, true) => Self::Name,
            _ => Self::Content,
        }
    }
}

/// Digest of files with their contents, or none where only the name counts; in the order of their names.
pub fn of_part<'a>(files: impl Iterator<Item = (&'a str, Option<Digest>)>) -> Digest {
    /// Hashing goes faster in large pieces.
    const PIECE: usize = 64 << 10;
    let mut hasher = blake3::Hasher::new_derive_key("plantpipe 2026 manifest");
    let mut bytes = Vec::with_capacity(2 * PIECE);
    for (path, content) in files {
        bytes.extend_from_slice(&(path.len() as u64).to_le_bytes());
        bytes.extend_from_slice(path.as_bytes());
        bytes.push(u8::from(content.is_some()));
        bytes.extend_from_slice(content.as_ref().map_or(&[], |digest| &digest.0));
        if bytes.len() >= PIECE {
            hasher.update(&bytes);
            bytes.clear();
        }
    }
    hasher.update(&bytes);
    hasher.finalize().into()
}

impl FromIterator<(String, FileEntry)> for Manifest {
    fn from_iter<I: IntoIterator<Item = (String, FileEntry)>>(files: I) -> Self {
        let (mut names, mut entries) = (Names::default(), Vec::new());
        for (name, entry) in files.into_iter().collect::<BTreeMap<_, _>>() {
            names.push(&[&name]);
            entries.push(entry);
        }
        Self::new(names, entries)
    }
}

/// A manifest as JSON: `{"files": {"a.jpg": {"size": 1, "digest": "..."}}}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    files: BTreeMap<String, FileEntry>,
}

impl Serialize for Manifest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Files<'a>(&'a Manifest);
        impl Serialize for Files<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map(self.0.files())
            }
        }
        let mut document = serializer.serialize_struct("Manifest", 1)?;
        document.serialize_field("files", &Files(self))?;
        document.end()
    }
}

impl<'de> Deserialize<'de> for Manifest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Document::deserialize(deserializer).map(|document| document.files.into_iter().collect())
    }
}

/// Digest of a file's content. Files are hashed side by side; only a large one is split over threads.
pub fn hash_file(path: &Path, size: u64) -> std::io::Result<Digest> {
    const LARGE: u64 = 32 << 20;
    const PIECE: usize = 1 << 20;
    thread_local! {
        /// For a file of a few kilobytes, a buffer that is there beats a map that has to be made.
        static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    let mut hasher = blake3::Hasher::new();
    if size >= LARGE {
        return Ok(hasher.update_mmap_rayon(path)?.finalize().into());
    }
    let mut file = std::fs::File::open(path)?;
    BUFFER.with_borrow_mut(|buffer| {
        // One byte more than expected: then one read tells that this was all.
        buffer.resize(buffer.len().max((size as usize + 1).min(PIECE)), 0);
        let mut left = size;
        loop {
            let wanted = buffer.len().min(left as usize + 1);
            let read = match file.read(&mut buffer[..wanted]) {
                Ok(0) => return Ok(hasher.finalize().into()),
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            hasher.update(&buffer[..read]);
            left = left.saturating_sub(read as u64);
            if left == 0 && read < wanted {
                return Ok(hasher.finalize().into());
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(files: &[(&str, &[u8])]) -> Manifest {
        let entry = |bytes: &[u8]| FileEntry { size: bytes.len() as u64, digest: blake3::hash(bytes).into() };
        files.iter().map(|(path, bytes)| ((*path).to_owned(), entry(bytes))).collect()
    }

    #[test]
    fn a_file_of_any_length_is_hashed_whole_even_if_it_grew_or_shrank_since_it_was_looked_at() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("f");
        let many: Vec<u8> = (0..=250).cycle().take((2 << 20) + 7).collect();
        for length in [0, 1, 1000, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, many.len()] {
            let bytes = &many[..length];
            std::fs::write(&path, bytes).expect("writes");
            let length = length as u64;
            for told in [length, length + 1, length / 2, length * 2, 0] {
                assert_eq!(hash_file(&path, told).expect("reads"), blake3::hash(bytes).into(), "{length} {told}");
            }
        }
    }

    #[test]
    fn a_manifest_reads_back_from_its_json_the_same() {
        let whole = manifest(&[("b/a.jpg", b"1"), ("a.csv", b"x")]);
        let json = serde_json::to_string(&whole).expect("JSON");
        assert!(json.starts_with(r#"{"files":{"a.csv":{"size":1,"digest":"#), "{json}");
        assert_eq!(serde_json::from_str::<Manifest>(&json).expect("reads"), whole);
        assert!(serde_json::from_str::<Manifest>(&json.replacen("files", "file", 1)).is_err());
    }

    #[test]
    fn a_reader_of_tables_sees_the_names_of_images_but_not_their_pixels() {
        let base = manifest(&[("a.jpg", b"1"), ("t.csv", b"x")]);
        let pixels = manifest(&[("a.jpg", b"2"), ("t.csv", b"x")]);
        let name = manifest(&[("b.jpg", b"1"), ("t.csv", b"x")]);
        let table = manifest(&[("a.jpg", b"1"), ("t.csv", b"y")]);
        let same = |a: &Manifest, b: &Manifest, reads| a.digest_of(reads) == b.digest_of(reads);
        assert!(same(&base, &pixels, Reads::Tables));
        assert!(!same(&base, &name, Reads::Tables));
        assert!(!same(&base, &table, Reads::Tables));
        assert!(!same(&base, &pixels, Reads::Images));
        assert!(same(&base, &table, Reads::Images));
        let renamed = manifest(&[("a.jpg", b"1"), ("u.csv", b"x")]);
        assert!(!same(&base, &renamed, Reads::Images));
        let more = manifest(&[("a.jpg", b"1"), ("readme.txt", b"x"), ("t.csv", b"x")]);
        assert!(same(&base, &more, Reads::Images));
        for other in [&pixels, &name, &table] {
            assert!(!same(&base, other, Reads::All));
        }
    }
}
