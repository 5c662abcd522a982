//! The features of one split, read once: [`SplitFeatures`].

use plantpipe_stage::Result;
use plantpipe_stage::format::{FeaturesCard, FeaturesSample, Split, read_features};
use rayon::prelude::*;
use std::path::Path;

/// Photographs, sorted by id, and the numbers of all their views.
pub(super) struct SplitFeatures {
    pub(super) split: Split,
    pub(super) samples: Vec<FeaturesSample>,
    pub(super) width: usize,
    pub(super) views: usize,
    /// `[n, views, width]`.
    values: Vec<f32>,
}

impl SplitFeatures {
    /// # Errors
    /// A photograph's file that is missing or has another shape.
    pub(super) fn read(folder: &Path, card: &FeaturesCard, split: Split) -> Result<Self> {
        let samples: Vec<FeaturesSample> =
            card.samples.iter().filter(|sample| sample.split == split).cloned().collect();
        let values: Vec<Vec<f32>> = samples
            .par_iter()
            .map(|sample| read_features(folder, &sample.id, &card.backbone))
            .collect::<Result<_>>()?;
        let (width, views) = (card.backbone.width, card.backbone.views);
        Ok(Self { split, samples, width, views, values: values.concat() })
    }

    pub(super) fn len(&self) -> usize {
        self.samples.len()
    }

    /// The features `[width]` of a photograph in one of its views.
    pub(super) fn view(&self, item: usize, view: usize) -> &[f32] {
        let start = (item * self.views + view) * self.width;
        &self.values[start..start + self.width]
    }

    /// How many photographs carry each label.
    pub(super) fn presences(&self) -> Vec<usize> {
        let labels = self.samples.first().map_or(0, |sample| sample.targets.len());
        let with = |label: usize| self.samples.iter().filter(|sample| sample.targets[label] == 1).count();
        (0..labels).map(with).collect()
    }
}
