//! What a network says of photographs as they are: [`logits`], the one path of validation, prediction and explanation;
//! and [`Trained`], a model folder opened.

use crate::batches::{Batch, Batches, Photos};
use crate::models::{Arch, Network};
use crate::weights::{self, Wanted};
use burn::tensor::{Device, Tensor};
use plantpipe_stage::format::{JsonFormat, MODEL_WEIGHTS, ModelCard};
use plantpipe_stage::{Error, Result};
use std::path::Path;

/// Logits `[labels]` a photograph, in the order of the photographs, the network in evaluation mode; `done` hears how
/// many are done.
///
/// # Errors
/// A logit that is no finite number.
pub(crate) fn logits(
    network: &mut Network,
    batches: &Batches,
    device: &Device,
    mut done: impl FnMut(usize),
) -> Result<Vec<Vec<f32>>> {
    let mut ready = 0;
    let rows = batches.plain(|batch: Batch| {
        ready += batch.items.len();
        let (images, _) = batch.tensors(device);
        let rows = rows(network.predict(images));
        done(ready);
        Ok(rows)
    })?;
    let rows = rows.concat();
    match rows.iter().position(|row| row.iter().any(|value| !value.is_finite())) {
        Some(at) => Err(Error::new(format!(
            "the network's answer for `{}` is not a finite number",
            batches.photos.samples[at].id
        ))
        .hint("its weights have grown out of bounds; train again with a lower `lr`")),
        None => Ok(rows),
    }
}

/// The rows of a matrix.
pub(crate) fn rows(matrix: Tensor<2>) -> Vec<Vec<f32>> {
    let width = matrix.dims()[1];
    let values: Vec<f32> = matrix.into_data().try_to_vec().expect("tensors are f32");
    values.chunks(width).map(<[f32]>::to_vec).collect()
}

/// 1 / (1 + e^-x).
pub(crate) fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// A trained model, ready to answer.
pub(crate) struct Trained {
    pub(crate) card: ModelCard,
    pub(crate) arch: Arch,
    pub(crate) network: Network,
}

impl Trained {
    /// Opens a model folder.
    ///
    /// # Errors
    /// A card or weights that are missing or do not fit each other.
    pub(crate) fn open(folder: &Path, device: &Device) -> Result<Self> {
        let card = ModelCard::read(folder)?;
        let arch = Arch::of(&card.arch)?;
        let network = arch.init(card.labels.len(), card.norm_eps, card.seed, device);
        let network = weights::load(network, &folder.join(MODEL_WEIGHTS), Wanted::All)?;
        Ok(Self { card, arch, network })
    }

    /// # Errors
    /// Photographs whose labels are not the model's, name by name in the same order.
    pub(crate) fn check_labels(&self, photos: &Photos) -> Result<()> {
        if photos.labels == self.card.labels {
            return Ok(());
        }
        Err(Error::new(format!(
            "the model answers for the labels {}, but the shards carry {}",
            self.card.labels.join(", "),
            photos.labels.join(", ")
        ))
        .hint("train on shards with these labels, or give the shards that the model was trained on"))
    }
}
