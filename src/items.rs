//! What a per-item stage need not do again: [`earlier`] finds the items that an earlier run has left, and [`check`] holds
//! what a run recorded against what it wrote.

use crate::cache::digest::{Digest, FileEntry, Manifest};
use crate::cache::records::Record;
use crate::cache::scan::{Snapshot, side_by_side};
use crate::error::{Error, Result};
use crate::graph::StageId;
use crate::project::Project;
use crate::{assess::Ready, recipe::Key};
use plantpipe_stage::{Item, Kind, KnownFile, Previous, PreviousItem};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

/// An earlier output, as it was when it was looked at.
pub struct Earlier {
    pub previous: Previous,
    pub snapshot: Snapshot,
}

/// The family of a per-item stage's recipe; none for another stage.
pub fn family(kind: &Kind, ready: &Ready) -> Option<Key> {
    (!kind.uses.items.is_empty()).then(|| ready.recipe.family(kind.uses.items))
}

/// The items of an earlier run whose recipe differs from this one in its items only: the same recipe's, whose output was
/// damaged, the stage's last, or the last of all. Items whose bytes are not as recorded are not among them.
pub fn earlier(project: &mut Project, id: StageId, ready: &Ready) -> Result<Option<Earlier>> {
    let stage = project.graph.stage(id);
    let items = stage.kind.uses.items;
    let Some(family) = family(stage.kind, ready) else { return Ok(None) };
    let output = stage.outputs[0].name.clone();
    let last = project.cache.last(project.profile(), &stage.name.value).done;
    let candidates =
        [ready.record.clone(), last.and_then(|key| project.cache.record(key)), project.cache.family(family)];
    for record in candidates.into_iter().flatten().filter(|record| record.recipe.family(items) == family) {
        if let Some(mut found) = intact(project, &record, &output)? {
            found.previous.files = items.iter().map(|input| ((*input).to_owned(), files(ready, input))).collect();
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The items of a record that are there as they were recorded, if any are.
fn intact(project: &mut Project, record: &Record, output: &str) -> Result<Option<Earlier>> {
    let Some(digest) = record.outputs.get(output) else { return Ok(None) };
    let folder = project.cache.object(*digest);
    if !folder.is_dir() {
        return Ok(None);
    }
    let snapshot = project.cache.scanner.scan(&folder)?;
    let Some(recorded) = project.cache.manifest(*digest) else { return Ok(None) };
    let mut by_digest: HashMap<Digest, &str> = HashMap::new();
    side_by_side(recorded.names(), snapshot.manifest.names(), |then, now| {
        if let (Some(then), Some(now)) = (then, now)
            && recorded.entries()[then] == snapshot.manifest.entries()[now]
        {
            by_digest.insert(recorded.entries()[then].digest, recorded.names().get(then));
        }
    });
    let item = |Item { id, input, output }| {
        let file = (*by_digest.get(&Digest::parse(&output)?)?).to_owned();
        Some((id, PreviousItem { input, output, file }))
    };
    let items: BTreeMap<String, PreviousItem> = project.cache.items(record).into_iter().filter_map(item).collect();
    let previous = Previous { folder, items, files: BTreeMap::new() };
    Ok((!previous.items.is_empty()).then_some(Earlier { previous, snapshot }))
}

/// The files of an item-wise input.
fn files(ready: &Ready, input: &str) -> BTreeMap<String, KnownFile> {
    let paths: Vec<&Path> =
        ready.inputs.get(input).into_iter().flatten().map(|artifact| artifact.path.as_path()).collect();
    let watched = ready.watched.iter().filter(|watched| paths.contains(&watched.path.as_path()));
    let entries = watched.flat_map(|watched| watched.snapshot.manifest.files());
    let known = |entry: &FileEntry| KnownFile { digest: entry.digest.to_string(), size: entry.size };
    entries.map(|(name, entry)| (name.to_owned(), known(entry))).collect()
}

/// Whether every item that a run recorded is among the files that it wrote.
pub fn check(items: &[Item], written: &Manifest) -> Result<()> {
    let digests: HashSet<Digest> = written.entries().iter().map(|entry| entry.digest).collect();
    let is_there = |item: &Item| Digest::parse(&item.output).is_some_and(|digest| digests.contains(&digest));
    match items.iter().find(|item| !is_there(item)) {
        Some(item) => Err(Error::Bug { message: format!("item `{}` is not the file that was recorded", item.id) }),
        None => Ok(()),
    }
}
