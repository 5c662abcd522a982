//! Photographs as batches of tensors: [`Photos`] holds the decoded ones of some splits, [`Batches`] gives their batches
//! in order, one prepared while another is at work.

use crate::augment::Augment;
use crate::turn::turn;
use burn::tensor::{Device, Tensor, TensorData};
use plantpipe_pixels::{Photo, RgbImage, photo, resize, to_chw};
use plantpipe_stage::format::{ImagesCard, Preprocessing, Sample, ShardReader, Split};
use plantpipe_stage::random::keyed;
use plantpipe_stage::{Pace, Result, ahead};
use rand::seq::SliceRandom;
use rayon::prelude::*;
use std::path::Path;

/// Photographs that are held decoded at a time by those who see each once.
pub(crate) const CHUNK: usize = 256;

/// The decoded photographs of some splits, sorted by id within each split, 8 bits a channel; those that are packed decoded lie
/// where they are.
pub(crate) struct Photos {
    /// How they were made ready.
    pub(crate) ready: ImagesCard,
    pub(crate) labels: Vec<String>,
    pub(crate) samples: Vec<Sample>,
    pub(crate) images: Vec<Photo>,
}

impl Photos {
    /// Decodes every photograph of the splits, in the order of the splits.
    ///
    /// # Errors
    /// Shards that cannot be read, or a photograph that cannot be decoded; each named.
    pub(crate) fn read(shards: &Path, splits: &[Split]) -> Result<Self> {
        let reader = ShardReader::open(shards)?;
        let samples = splits.iter().flat_map(|split| reader.index.split(*split)).cloned().collect();
        Self::decode(&reader, shards, samples)
    }

    /// Decodes some photographs of the shards.
    ///
    /// # Errors
    /// As [`Photos::read`].
    pub(crate) fn decode(reader: &ShardReader, shards: &Path, samples: Vec<Sample>) -> Result<Self> {
        let images = samples
            .par_iter()
            .map(|sample| {
                let file = reader.view(sample)?;
                photo(file, &shards.join(&sample.shard).join(format!("{}.jpg", sample.id)))
            })
            .collect::<Result<_>>()?;
        Ok(Self { ready: reader.index.images.clone(), labels: reader.index.labels.clone(), samples, images })
    }

    pub(crate) fn len(&self) -> usize {
        self.samples.len()
    }

    /// The id of a photograph.
    pub(crate) fn name(&self, at: usize) -> &str {
        &self.samples[at].id
    }

    /// How many photographs carry each label.
    pub(crate) fn presences(&self) -> Vec<usize> {
        let with = |label: usize| self.samples.iter().filter(|sample| sample.targets[label] == 1).count();
        (0..self.labels.len()).map(with).collect()
    }

    /// Targets `[n, labels]` of some photographs, 0 or 1.
    pub(crate) fn targets(&self, items: &[usize], device: &Device) -> Tensor<2> {
        let targets = items.iter().flat_map(|item| &self.samples[*item].targets);
        let values: Vec<f32> = targets.map(|on| f32::from(*on)).collect();
        Tensor::from_data(TensorData::new(values, [items.len(), self.labels.len()]), device)
    }
}

/// Photographs on their way into a network.
pub(crate) struct Batch {
    /// Where among the photographs they are.
    pub(crate) items: Vec<usize>,
    pixels: Vec<f32>,
    /// Side of the photographs, pixels.
    pub(crate) size: usize,
}

impl Batch {
    /// `[n, 3, size, size]`.
    pub(crate) fn tensor(self, device: &Device) -> Tensor<4> {
        let shape = [self.items.len(), 3, self.size, self.size];
        Tensor::from_data(TensorData::new(self.pixels, shape), device)
    }
}

/// How photographs become batches.
pub(crate) struct Batches<'a> {
    pub(crate) images: &'a [Photo],
    pub(crate) preprocessing: &'a Preprocessing,
    pub(crate) batch: usize,
}

impl Batches<'_> {
    /// Every photograph once, in order, as it is: for evaluation.
    pub(crate) fn plain<T>(&self, work: impl FnMut(Batch) -> Result<T>) -> Result<Vec<T>> {
        self.turned(0, work)
    }

    /// The same, each lying in one of the [`crate::turn::WAYS`].
    pub(crate) fn turned<T>(&self, way: u32, work: impl FnMut(Batch) -> Result<T>) -> Result<Vec<T>> {
        let order: Vec<usize> = (0..self.images.len()).collect();
        let plain = |item: usize| resize(&self.images[item], self.size(), self.size());
        let view = |item| if way == 0 { plain(item) } else { turn(&plain(item), way) };
        self.each(&order, &view, work).map(|(done, _)| done)
    }

    /// Every photograph in so many views, in order, its views one after another; `view` gives a photograph's view by the
    /// place of one and the number of the other. [`Batch::items`] counts views.
    pub(crate) fn viewed<T>(
        &self,
        views: usize,
        view: &(dyn Fn(usize, usize) -> RgbImage + Sync),
        work: impl FnMut(Batch) -> Result<T>,
    ) -> Result<Vec<T>> {
        let order: Vec<usize> = (0..self.images.len() * views).collect();
        self.each(&order, &|at| view(at / views, at % views), work).map(|(done, _)| done)
    }

    /// Every photograph once, in an order of the epoch's own, varied, but for the first so many batches: for training.
    /// Says how long it had to wait for them.
    pub(crate) fn varied(
        &self,
        augment: &Augment,
        seed: u64,
        epoch: u64,
        first: usize,
        work: impl FnMut(Batch) -> Result<()>,
    ) -> Result<Pace> {
        let mut order: Vec<usize> = (0..self.images.len()).collect();
        order.shuffle(&mut keyed(seed, "shuffle", &[epoch]));
        let left = &order[self.photographs(first)..];
        let view = |item| augment.apply(&self.images[item], seed, epoch, item as u64);
        self.each(left, &view, work).map(|(_, pace)| pace)
    }

    /// Batches in an epoch.
    pub(crate) fn count(&self) -> usize {
        chunks(self.images.len(), self.batch).len()
    }

    /// Photographs in the first so many batches of an epoch.
    pub(crate) fn photographs(&self, batches: usize) -> usize {
        chunks(self.images.len(), self.batch).get(batches).map_or(self.images.len(), |(start, _)| *start)
    }

    pub(crate) fn size(&self) -> u32 {
        self.preprocessing.size
    }

    /// Hands each batch to `work` while a second thread prepares the next.
    fn each<T>(
        &self,
        order: &[usize],
        view: &(dyn Fn(usize) -> RgbImage + Sync),
        work: impl FnMut(Batch) -> Result<T>,
    ) -> Result<(Vec<T>, Pace)> {
        let chunks = chunks(order.len(), self.batch);
        let prepare = |at: usize| {
            let (start, end) = chunks[at];
            Ok(self.prepare(&order[start..end], view))
        };
        ahead(chunks.len(), prepare, work)
    }

    fn prepare(&self, items: &[usize], view: &(dyn Fn(usize) -> RgbImage + Sync)) -> Batch {
        let [mean, std] = [self.preprocessing.mean, self.preprocessing.std].map(|rgb| rgb.map(|value| value as f32));
        let views: Vec<(u32, Vec<f32>)> = items
            .par_iter()
            .map(|item| {
                let image = view(*item);
                (image.width(), to_chw(&image, mean, std))
            })
            .collect();
        let size = views.first().map_or(0, |(width, _)| *width as usize);
        let pixels: Vec<Vec<f32>> = views.into_iter().map(|(_, pixels)| pixels).collect();
        Batch { items: items.to_vec(), pixels: pixels.concat(), size }
    }
}

/// Where batches of `size` begin and end; the last may be shorter, but a single photograph (which has no variance to
/// normalise by) joins the batch before it.
fn chunks(items: usize, size: usize) -> Vec<(usize, usize)> {
    let mut chunks: Vec<(usize, usize)> =
        (0..items).step_by(size).map(|start| (start, (start + size).min(items))).collect();
    if let [.., before, last] = chunks.as_mut_slice()
        && last.1 - last.0 == 1
        && size > 1
    {
        before.1 = last.1;
        chunks.pop();
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_batch_may_be_short_but_never_a_single_photograph() {
        assert_eq!(chunks(8, 4), [(0, 4), (4, 8)]);
        assert_eq!(chunks(10, 4), [(0, 4), (4, 8), (8, 10)]);
        assert_eq!(chunks(9, 4), [(0, 4), (4, 9)]);
        assert_eq!(chunks(1, 4), [(0, 1)]);
        assert_eq!(chunks(2, 1), [(0, 1), (1, 2)]);
        assert!(chunks(0, 4).is_empty());
    }
}
