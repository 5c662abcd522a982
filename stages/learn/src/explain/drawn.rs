//! Photographs as the items that `explain` works by: [`Drawn`] takes what an earlier run drew of one that is as it was,
//! and records what is new.

use plantpipe_stage::format::{CamMap, CamPanel, ImagesCard, Sample, ShardIndex, mask_file, panel_file, read_maps};
use plantpipe_stage::{Context, IoContext, Item, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The pictures and rows of some photographs. Which photographs they are depends on the whole split; what is drawn of one
/// depends on no other.
pub(super) struct Drawn<'a> {
    ctx: &'a Context<'a>,
    folder: &'a Path,
    labels: &'a [String],
    /// By photograph: digest (hex) of all that is drawn of.
    inputs: BTreeMap<String, String>,
    /// By photograph: the rows of the earlier run's table.
    earlier: BTreeMap<String, Vec<CamMap>>,
}

impl<'a> Drawn<'a> {
    /// Of these photographs, into a folder.
    ///
    /// # Errors
    /// A mask that cannot be read.
    pub(super) fn new(
        ctx: &'a Context<'a>,
        folder: &'a Path,
        index: &'a ShardIndex,
        samples: &[Sample],
    ) -> Result<Self> {
        let digest = |sample: &Sample| Ok((sample.id.clone(), input(ctx, &index.images, &index.labels, sample)?));
        let inputs: BTreeMap<String, String> = samples.iter().map(digest).collect::<Result<_>>()?;
        // All of a run's rows stand in one table. One that cannot be read is none.
        let table: Option<PathBuf> = inputs.iter().find_map(|(id, input)| ctx.earlier(&rows(id), input));
        let earlier = table.and_then(|table| read_maps(&table).ok()).unwrap_or_default();
        Ok(Self { ctx, folder, labels: &index.labels, inputs, earlier })
    }

    /// Takes what an earlier run drew of a photograph; none where it, its labels or its masks are new.
    pub(super) fn take(&self, sample: &Sample) -> Option<CamPanel> {
        let input = &self.inputs[&sample.id];
        self.ctx.earlier(&rows(&sample.id), input)?;
        let maps = self.earlier.get(&sample.id)?.clone();
        let file = panel_file(&sample.id);
        let files = || std::iter::once(&file).chain(maps.iter().map(|map| &map.file));
        // All of it, or nothing.
        if files().any(|file| self.ctx.earlier(file, input).is_none()) {
            return None;
        }
        if !files().all(|file| self.ctx.reuse(file, input, &self.folder.join(file))) {
            // What is drawn anew must not be written through a link.
            files().for_each(|file| _ = std::fs::remove_file(self.folder.join(file)));
            return None;
        }
        Some(of(sample, self.labels, maps))
    }

    /// Writes a picture of a photograph.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn keep(&self, id: &str, file: &str, bytes: &[u8]) -> Result<()> {
        let path = self.folder.join(file);
        std::fs::write(&path, bytes).io("write", &path)?;
        self.record(file.to_owned(), id, bytes);
        Ok(())
    }

    /// Records the rows of every photograph, whose table is this.
    pub(super) fn keep_rows(&self, table: &[u8]) {
        self.inputs.keys().for_each(|id| self.record(rows(id), id, table));
    }

    fn record(&self, item: String, id: &str, bytes: &[u8]) {
        let output = blake3::hash(bytes).to_hex().to_string();
        self.ctx.record(Item { id: item, input: self.inputs[id].clone(), output });
    }
}

/// A photograph with its maps.
pub(super) fn of(sample: &Sample, labels: &[String], maps: Vec<CamMap>) -> CamPanel {
    let carried = labels.iter().zip(&sample.targets).filter(|(_, on)| **on == 1);
    let truth = carried.map(|(name, _)| name.clone()).collect();
    CamPanel { image: sample.id.clone(), split: sample.split, truth, file: panel_file(&sample.id), maps }
}

/// The item that is a photograph's rows.
fn rows(id: &str) -> String {
    format!("rows/{id}")
}

/// Digest (hex) of all that is drawn of a photograph: its bytes, labels and masks, and how it was made ready.
fn input(ctx: &Context, ready: &ImagesCard, labels: &[String], sample: &Sample) -> Result<String> {
    let masks = labels.iter().map(|label| mask(ctx, &sample.id, label)).collect::<Result<Vec<_>>>()?;
    let all = (&sample.digest, labels, &sample.targets, ready, masks);
    Ok(blake3::hash(&serde_json::to_vec(&all).expect("texts become JSON")).to_hex().to_string())
}

/// The digest of a mask, if there is one.
fn mask(ctx: &Context, id: &str, label: &str) -> Result<Option<String>> {
    let Some(masks) = ctx.optional("masks") else { return Ok(None) };
    let path = masks.path.join(mask_file(id, label));
    if let Some(known) = ctx.known("masks", &path) {
        return Ok(Some(known.digest.clone()));
    }
    if !path.is_file() {
        return Ok(None);
    }
    let bytes = std::fs::read(&path).io("read", &path)?;
    Ok(Some(blake3::hash(&bytes).to_hex().to_string()))
}
