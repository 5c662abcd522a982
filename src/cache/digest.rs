//! What bytes are: [`Digest`], blake3 of a content, and [`Manifest`], the digests of every file of a file or folder.

use plantpipe_stage::Reads;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// A blake3 digest, 64 hex digits in text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The first 12 digits: enough for people.
    pub fn short(&self) -> String {
        self.to_string()[..12].to_owned()
    }

    /// Digest of a value's canonical JSON, in a domain of its own.
    pub fn of_json(domain: &str, value: &impl Serialize) -> Self {
        let bytes = serde_json::to_vec(value).expect("maps with string keys and finite numbers become JSON");
        Self(blake3::derive_key(domain, &bytes))
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
        let text = String::deserialize(deserializer)?;
        blake3::Hash::from_hex(&text).map(Self::from).map_err(D::Error::custom)
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub files: BTreeMap<String, FileEntry>,
}

impl Manifest {
    /// Digest of everything.
    pub fn digest(&self) -> Digest {
        self.digest_of(Reads::All)
    }

    /// Digest of the part that is read.
    pub fn digest_of(&self, reads: Reads) -> Digest {
        let mut hasher = blake3::Hasher::new_derive_key("plantpipe 2026 manifest");
        for (path, entry) in &self.files {
            let content = match (reads, Reads::is_image(path)) {
                (Reads::Images, false) if Reads::is_table(path) => None,
                (Reads::Images, false) => continue,
                (Reads::Tables, true) => None,
                _ => Some(entry.digest),
            };
            hasher.update(&(path.len() as u64).to_le_bytes());
            hasher.update(path.as_bytes());
            hasher.update(&[u8::from(content.is_some())]);
            hasher.update(content.as_ref().map_or(&[], |digest| &digest.0));
        }
        hasher.finalize().into()
    }
}

/// Digest of a file's content; only large files are split over threads.
pub fn hash_file(path: &Path, size: u64) -> std::io::Result<Digest> {
    const LARGE: u64 = 32 << 20;
    let mut hasher = blake3::Hasher::new();
    if size >= LARGE {
        hasher.update_mmap_rayon(path)?
    } else {
        hasher.update_mmap(path)?
    };
    Ok(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(files: &[(&str, &[u8])]) -> Manifest {
        let entry = |bytes: &[u8]| FileEntry { size: bytes.len() as u64, digest: blake3::hash(bytes).into() };
        Manifest { files: files.iter().map(|(path, bytes)| ((*path).to_owned(), entry(bytes))).collect() }
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
