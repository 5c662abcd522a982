//! A trained model as a folder: weights in safetensors, [`ModelCard`], and one [`Epoch`] a row of the history.

use super::{ImagesCard, json_format};
use crate::{Error, IoContext, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// File name of the weights: timm's tensor names and layouts.
pub const MODEL_WEIGHTS: &str = "model.safetensors";
/// File name of the history.
pub const MODEL_HISTORY: &str = "history.csv";

/// `model.json`: all that is needed to use the weights rightly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelCard {
    pub schema: u32,
    /// A timm name, such as `resnet18` or `vit_small_patch14_dinov2`.
    pub arch: String,
    /// In the order of the head's outputs.
    pub labels: Vec<String>,
    pub preprocessing: Preprocessing,
    /// Batch-norm eps: belongs to the weights.
    pub norm_eps: f64,
    /// Learnable parameters.
    pub parameters: u64,
    /// Digest of the weights it started from; none: from random ones.
    pub pretrained: Option<String>,
    pub seed: u64,
    /// The epoch kept (from 1), chosen by val exact match.
    pub epoch: u64,
    /// Every param of the training.
    pub params: BTreeMap<String, serde_json::Value>,
    /// Val metrics of the epoch kept.
    pub metrics: BTreeMap<String, f64>,
}
json_format!(ModelCard, "model.json", 2);

/// From a photograph to the network's input: made ready as `images` says, squashed to size x size, then
/// (x / 255 - mean) / std.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocessing {
    /// How the photographs that it learnt from were made ready.
    pub images: ImagesCard,
    /// Side of the square input, pixels.
    pub size: u32,
    /// RGB, of values 0 to 1.
    pub mean: [f64; 3],
    pub std: [f64; 3],
}

/// A row of `history.csv`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Epoch {
    /// From 1.
    pub epoch: u64,
    /// Learning rate of its last step, of the head.
    pub lr: f64,
    /// The loss trained with: the mean over the epoch's samples, augmented, network in train mode.
    pub train_loss: f64,
    /// Plain binary cross-entropy, whatever the loss trained with. This and what follows are of the network that may be
    /// kept: where there is a moving average, of that.
    pub val_loss: f64,
    pub val_exact_match: f64,
    pub val_macro_f1: f64,
}

/// Writes `<folder>/history.csv`.
pub fn write_history(folder: &Path, epochs: &[Epoch]) -> Result<()> {
    let path = folder.join(MODEL_HISTORY);
    let mut writer = csv::Writer::from_writer(Vec::new());
    for epoch in epochs {
        writer.serialize(epoch).map_err(|error| Error::at(&path, error))?;
    }
    let bytes = writer.into_inner().map_err(|error| Error::at(&path, error))?;
    crate::context::write(&path, &bytes)
}

/// Reads `<folder>/history.csv`.
pub fn read_history(folder: &Path) -> Result<Vec<Epoch>> {
    let path = folder.join(MODEL_HISTORY);
    let mut reader = csv::Reader::from_path(&path).io("read", &path)?;
    reader.deserialize().collect::<Result<_, csv::Error>>().map_err(|error| Error::at(&path, error))
}
