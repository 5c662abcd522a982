//! Photographs by their id, out of packed shards: [`Photographs`], for the parts of the page that show some.

use super::folder::{Folder, file_name};
use plantpipe_stage::format::ShardReader;
use plantpipe_stage::{Artifact, Result};
use std::collections::BTreeMap;

/// Where photographs are looked for; without shards none is found.
pub(super) struct Photographs(Vec<ShardReader>);

/// Photographs in the report's folder, each once.
#[derive(Default)]
pub(super) struct Shown {
    /// Id -> link.
    links: BTreeMap<String, String>,
}

impl Photographs {
    pub(super) fn open(shards: &[Artifact]) -> Result<Self> {
        shards.iter().map(|artifact| ShardReader::open(&artifact.path)).collect::<Result<_>>().map(Self)
    }

    /// None is found.
    pub(super) fn none() -> Self {
        Self(Vec::new())
    }

    fn jpeg(&self, id: &str) -> Result<Option<Vec<u8>>> {
        for reader in &self.0 {
            let samples = &reader.index.samples;
            if let Ok(place) = samples.binary_search_by(|sample| sample.id.as_str().cmp(id)) {
                return reader.read(&samples[place]).map(Some);
            }
        }
        Ok(None)
    }
}

impl Shown {
    /// A link to `photographs/<id>.jpg`, the bytes as they were packed; none where no shard holds it.
    ///
    /// # Errors
    /// A shard that cannot be read or is damaged.
    pub(super) fn link(&mut self, id: &str, from: &Photographs, folder: &mut Folder) -> Result<Option<String>> {
        if let Some(link) = self.links.get(id) {
            return Ok(Some(link.clone()));
        }
        let Some(jpeg) = from.jpeg(id)? else { return Ok(None) };
        let mut link = format!("photographs/{}.jpg", file_name(id));
        // Ids that differ in other characters than a file name holds.
        for number in 2.. {
            if !self.links.values().any(|taken| *taken == link) {
                break;
            }
            link = format!("photographs/{}-{number}.jpg", file_name(id));
        }
        folder.write(&link, jpeg)?;
        self.links.insert(id.to_owned(), link.clone());
        Ok(Some(link))
    }
}
