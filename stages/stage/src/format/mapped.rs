//! Shards as memory, pages of which are read when they are looked at: [`Maps`], and [`Mapped`], a piece of one.

use crate::{Error, IoContext, Result};
use memmap2::Mmap;
use std::collections::BTreeMap;
use std::fs::File;
use std::ops::{Deref, Range};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// The shards that were looked at, by name.
#[derive(Default)]
pub(super) struct Maps(Mutex<BTreeMap<String, Arc<Mmap>>>);

impl Maps {
    /// Bytes of a shard.
    ///
    /// # Errors
    /// A missing or short shard.
    pub(super) fn view(&self, shard: &str, path: &Path, range: Range<u64>) -> Result<Mapped> {
        let mut maps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !maps.contains_key(shard) {
            maps.insert(shard.to_owned(), Arc::new(map(path)?));
        }
        let map = Arc::clone(&maps[shard]);
        if range.end > map.len() as u64 {
            return Err(Error::at(path, "the shard ends early"));
        }
        Ok(Mapped { map, range: range.start as usize..range.end as usize })
    }
}

#[expect(unsafe_code, reason = "the one way to map a file")]
fn map(path: &Path) -> Result<Mmap> {
    let file = File::open(path).io("open", path)?;
    // SAFETY: the memory changes when the file does. Shards lie read-only in the store, which replaces files and never
    // writes to one in place; whoever does so by force gives a run wrong pixels, as with any other read of such a file.
    unsafe { Mmap::map(&file) }.io("map", path)
}

/// Bytes of a shard, without a copy.
#[derive(Clone)]
pub struct Mapped {
    map: Arc<Mmap>,
    range: Range<usize>,
}

impl Mapped {
    /// The same without its first bytes.
    ///
    /// # Panics
    /// When there are fewer.
    #[must_use]
    pub fn from(mut self, start: usize) -> Self {
        assert!(start <= self.range.len(), "{start} of {} bytes", self.range.len());
        self.range.start += start;
        self
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map[self.range.clone()]
    }
}
