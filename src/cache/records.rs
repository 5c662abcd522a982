//! What ran and what it gave: [`Record`], a recipe with its output digests, under its key; and [`Last`], what a
//! stage was the last time it was asked for.

use super::digest::Digest;
use super::seal::{self, seal};
use super::{Cache, write_quickly, write_whole};
use crate::error::Result;
use crate::recipe::{Key, Recipe};
use jiff::Timestamp;
use plantpipe_stage::Item;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Output name -> digest.
pub type Outputs = BTreeMap<String, Digest>;

/// Version of the record formats; another version's record is a miss.
pub const SCHEMA: u32 = 2;

/// `@` is in no name, so no profile is called like the base.
const BASE: &str = "@base";

/// Proof that a recipe ran to its end: written after its outputs are safe.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    pub schema: u32,
    pub key: Key,
    pub recipe: Recipe,
    pub outputs: Outputs,
    /// Digest of the file of its items beside it; none for a stage that is not per-item.
    pub items: Option<Digest>,
    /// What it took, the tries included that it has gone on from.
    pub seconds: f64,
    /// Bytes, where the system told it.
    pub peak_memory: Option<u64>,
}

/// What a stage was last time, in one profile.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Last {
    pub schema: u32,
    /// The last run that ended well.
    pub done: Option<Key>,
    /// The last run, if it failed: its key and what it said.
    pub failed: Option<(Key, String)>,
    /// When it last ran to its end, rather than being found in the cache.
    #[serde(default)]
    pub ran: Option<LastRan>,
}

/// When and why a stage last ran, for `why`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastRan {
    pub time: Timestamp,
    pub key: Key,
    pub seconds: f64,
    pub reasons: Vec<String>,
    /// It gave what it had given the time before.
    pub same_bytes: bool,
}

/// Which record of a per-item stage's family is the last.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Family {
    schema: u32,
    last: Key,
}

impl Cache {
    pub fn record(&self, key: Key) -> Option<Record> {
        read(&self.record_path(key)).filter(|record: &Record| record.schema == SCHEMA && record.key == key)
    }

    pub fn write_record(&self, record: &Record) -> Result<()> {
        write_whole(&self.record_path(record.key), &seal(record))
    }

    /// The items that a recorded run made, sorted by id; none where their file is gone or damaged.
    pub fn items(&self, record: &Record) -> Vec<Item> {
        let read = || {
            let bytes = std::fs::read(self.items_path(record.key)).ok()?;
            let is_whole = record.items == Some(blake3::hash(&bytes).into());
            postcard::from_bytes(&bytes).ok().filter(|_| is_whole)
        };
        read().unwrap_or_default()
    }

    /// Writes the items of a run, before its record, and returns what the record says of them.
    pub fn write_items(&self, key: Key, items: &[Item]) -> Result<Option<Digest>> {
        if items.is_empty() {
            return Ok(None);
        }
        let bytes = postcard::to_stdvec(items).expect("texts become bytes");
        write_quickly(&self.items_path(key), &bytes)?;
        Ok(Some(blake3::hash(&bytes).into()))
    }

    pub fn last(&self, profile: Option<&str>, stage: &str) -> Last {
        read(&self.last_path(profile, stage)).filter(|last: &Last| last.schema == SCHEMA).unwrap_or_default()
    }

    pub fn write_last(&self, profile: Option<&str>, stage: &str, last: Last) -> Result<()> {
        write_whole(&self.last_path(profile, stage), &seal(&Last { schema: SCHEMA, ..last }))
    }

    /// Every profile that ran, with the stages that it had and the last result of each.
    pub fn results(&self) -> Vec<(Option<String>, String, Key)> {
        let folder = |path: &Path| -> Vec<PathBuf> {
            std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
        };
        let mut results = Vec::new();
        for profile in folder(&self.root.join("stages")) {
            let name = profile.file_name().and_then(|name| name.to_str()).filter(|name| *name != BASE);
            for file in folder(&profile) {
                let stage = file.file_name().and_then(|name| name.to_str()?.strip_suffix(".json"));
                let last: Option<Last> = read(&file);
                if let (Some(stage), Some(key)) = (stage, last.and_then(|last| last.done)) {
                    results.push((name.map(str::to_owned), stage.to_owned(), key));
                }
            }
        }
        results
    }

    /// The last record of a family of recipes ([`Recipe::family`]).
    pub fn family(&self, family: Key) -> Option<Record> {
        let member: Family = read(&self.family_path(family))?;
        self.record((member.schema == SCHEMA).then_some(member.last)?)
    }

    pub fn write_family(&self, family: Key, last: Key) -> Result<()> {
        write_quickly(&self.family_path(family), &seal(&Family { schema: SCHEMA, last }))
    }

    fn family_path(&self, family: Key) -> PathBuf {
        self.root.join("families").join(format!("{family}.json"))
    }

    fn items_path(&self, key: Key) -> PathBuf {
        self.root.join("records").join(format!("{key}.items"))
    }

    fn record_path(&self, key: Key) -> PathBuf {
        self.root.join("records").join(format!("{key}.json"))
    }

    fn last_path(&self, profile: Option<&str>, stage: &str) -> PathBuf {
        self.root.join("stages").join(profile.unwrap_or(BASE)).join(format!("{stage}.json"))
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    seal::open(&std::fs::read(path).ok()?)
}

pub fn pretty(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("records become JSON");
    bytes.push(b'\n');
    bytes
}
