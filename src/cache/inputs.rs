//! What went into earlier runs, file by file and row by row, so that `why` can say what changed: [`Listing`].
//!
//! An output that was read whole lies in the store with its manifest; of all else (sources, parts of outputs) a list is
//! kept under its digest. The lists explain and decide nothing: without one, `why` says less.

use super::digest::{Digest, Manifest, of_part};
use super::names::Names;
use super::{Cache, write_quickly};
use plantpipe_stage::Reads;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The part of an artifact that a stage reads.
#[derive(Debug)]
pub struct Listing {
    pub names: Names,
    /// Of each file; none where only its name is read.
    pub contents: Vec<Option<Digest>>,
    tables: Tables,
}

/// Where the rows of a listing's tables are found.
#[derive(Debug)]
enum Tables {
    Kept(BTreeMap<String, Rows>),
    In(PathBuf),
}

/// The rows of a table, by their first column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows {
    pub header: u64,
    /// Hash of each row.
    pub rows: BTreeMap<String, u64>,
}

/// How it lies on the disk.
#[derive(Serialize, Deserialize)]
struct Document<'a> {
    schema: u32,
    text: &'a str,
    ends: Vec<usize>,
    contents: Vec<Option<[u8; 32]>>,
    tables: BTreeMap<String, Rows>,
}

const SCHEMA: u32 = 1;

/// So many lists are kept, the last ones.
const KEPT: usize = 64;

impl Listing {
    /// Of what is there now.
    pub fn of(place: &Path, manifest: &Manifest, reads: Reads) -> Self {
        let (mut names, mut contents) = (Names::default(), Vec::new());
        for (name, content) in manifest.part(reads) {
            names.push(&[name]);
            contents.push(content);
        }
        Self { names, contents, tables: Tables::In(place.to_owned()) }
    }

    /// The rows of one of its tables, where they are known.
    pub fn rows(&self, table: &str) -> Option<Rows> {
        match &self.tables {
            Tables::Kept(tables) => tables.get(table).cloned(),
            Tables::In(folder) => Rows::read(&if table.is_empty() { folder.clone() } else { folder.join(table) }),
        }
    }

    fn files(&self) -> impl Iterator<Item = (&str, Option<Digest>)> {
        self.names.iter().zip(self.contents.iter().copied())
    }

    fn read(bytes: &[u8], digest: Digest) -> Option<Self> {
        let document: Document<'_> = postcard::from_bytes(bytes).ok()?;
        let names = Names::of_parts(document.text.to_owned(), document.ends)?;
        let contents: Vec<_> = document.contents.into_iter().map(|content| content.map(Digest::from)).collect();
        let listing = Self { names, contents, tables: Tables::Kept(document.tables) };
        let is_whole = document.schema == SCHEMA && listing.contents.len() == listing.names.len();
        (is_whole && of_part(listing.files()) == digest).then_some(listing)
    }
}

impl Rows {
    /// The rows of a file; none where it is no table of reasonable size with one row an id.
    fn read(path: &Path) -> Option<Self> {
        const LARGE: u64 = 64 << 20;
        let name = path.file_name()?.to_str()?;
        if !Reads::is_table(name) || std::fs::metadata(path).ok()?.len() > LARGE {
            return None;
        }
        let mut bytes = Vec::new();
        let mut hash = |record: &csv::StringRecord| {
            bytes.clear();
            for cell in record.iter().map(str::trim) {
                bytes.extend_from_slice(&(cell.len() as u64).to_le_bytes());
                bytes.extend_from_slice(cell.as_bytes());
            }
            u64::from_le_bytes(*blake3::hash(&bytes).as_bytes().first_chunk().expect("32 bytes hold 8"))
        };
        let mut reader = csv::Reader::from_path(path).ok()?;
        let header = hash(reader.headers().ok()?);
        let (mut rows, mut record) = (Vec::new(), csv::StringRecord::new());
        while reader.read_record(&mut record).ok()? {
            rows.push((record.get(0)?.trim().to_owned(), hash(&record)));
        }
        let count = rows.len();
        let rows: BTreeMap<String, u64> = rows.into_iter().collect();
        (rows.len() == count).then_some(Self { header, rows })
    }
}

impl Cache {
    /// Keeps a list of what is read of a place, under its digest; an object that is read whole needs none.
    pub fn remember_input(&self, digest: Digest, place: &Path, manifest: &Manifest, reads: Reads) {
        let file = self.listing_path(digest);
        if file.exists() || (reads == Reads::All && self.is_object(place)) {
            return;
        }
        let listing = Listing::of(place, manifest, reads);
        let tables = listing.files().filter(|(_, content)| content.is_some());
        let tables = tables.filter_map(|(name, _)| Some((name.to_owned(), listing.rows(name)?))).collect();
        let (text, ends) = listing.names.parts();
        let contents = listing.contents.iter().map(|content| content.map(|digest| *digest.bytes())).collect();
        let document = Document { schema: SCHEMA, text, ends: ends.to_vec(), contents, tables };
        let bytes = postcard::to_stdvec(&document).expect("texts and numbers become bytes");
        // A list only explains: a run does not fail for want of it.
        if write_quickly(&file, &bytes).is_ok() {
            self.forget_old_inputs();
        }
    }

    /// What was read under this digest, if that is still known.
    pub fn listing(&mut self, digest: Digest) -> Option<Listing> {
        if let Some(listing) = std::fs::read(self.listing_path(digest)).ok().and_then(|b| Listing::read(&b, digest)) {
            return Some(listing);
        }
        let object = self.object(digest);
        let manifest = object.is_dir().then(|| self.manifest(digest)).flatten()?;
        Some(Listing::of(&object, &manifest, Reads::All))
    }

    fn listing_path(&self, digest: Digest) -> PathBuf {
        self.root.join("inputs").join(digest.to_string())
    }

    fn forget_old_inputs(&self) {
        let Ok(entries) = std::fs::read_dir(self.root.join("inputs")) else { return };
        let mut lists: Vec<(SystemTime, PathBuf)> = entries
            .flatten()
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        lists.sort();
        for (_, path) in lists.iter().rev().skip(KEPT) {
            let _ = std::fs::remove_file(path);
        }
    }
}
