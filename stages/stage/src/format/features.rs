//! What a frozen backbone sees, as a folder: [`FeaturesCard`], and one `NumPy` file a photograph ([`features_bytes`],
//! [`read_features`]); and [`HeadCard`] of a head that was trained on it.

use super::{Preprocessing, Split, json_format};
use crate::{Error, IoContext, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// `features.json`: where features come from, and whose they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeaturesCard {
    pub schema: u32,
    pub backbone: Backbone,
    /// Sorted; the order of every `targets`.
    pub labels: Vec<String>,
    /// Sorted by id.
    pub samples: Vec<FeaturesSample>,
}
json_format!(FeaturesCard, "features.json", 1);

/// A frozen network without its head, and how it was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backbone {
    /// By its timm name.
    pub arch: String,
    /// Digest of the weights, or of the model, that it was taken from.
    pub weights: String,
    pub preprocessing: Preprocessing,
    /// Batch-norm eps.
    pub norm_eps: f64,
    /// Features of a view.
    pub width: usize,
    /// Views of a photograph; the first is the photograph as it is.
    pub views: usize,
}

/// A photograph of which there are features, `<id>.npy`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeaturesSample {
    pub id: String,
    pub split: Split,
    /// 0 or 1, a label each.
    pub targets: Vec<u8>,
}

/// `head.json`: all that is needed to use a head trained on features rightly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadCard {
    pub schema: u32,
    /// What the head was trained behind.
    pub backbone: Backbone,
    /// In the order of the head's outputs.
    pub labels: Vec<String>,
    pub seed: u64,
    /// The epoch kept (from 1), chosen by val exact match.
    pub epoch: u64,
    /// Every param of the training.
    pub params: BTreeMap<String, serde_json::Value>,
    /// Val metrics of the epoch kept.
    pub metrics: BTreeMap<String, f64>,
}
json_format!(HeadCard, "head.json", 1);

/// File name of a head's weights: weight `[labels, width]` and bias `[labels]` under the arch's timm names.
pub const HEAD_WEIGHTS: &str = "head.safetensors";

/// File name of a photograph's features.
#[must_use]
pub fn features_file(id: &str) -> String {
    format!("{id}.npy")
}

/// A `NumPy` file, version 1.0, of little-endian f32 `[rows, columns]`: what `numpy.load` reads.
///
/// # Panics
/// When the values don't fill whole rows.
#[must_use]
pub fn features_bytes(values: &[f32], columns: usize) -> Vec<u8> {
    assert_eq!(values.len() % columns, 0, "{} values in rows of {columns}", values.len());
    let mut bytes = head(values.len() / columns, columns);
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

/// The features of a photograph, `views x width` numbers, a view after another.
///
/// # Errors
/// A file that is missing, or not one of that shape.
pub fn read_features(folder: &Path, id: &str, backbone: &Backbone) -> Result<Vec<f32>> {
    let path = folder.join(features_file(id));
    let bytes = std::fs::read(&path).io("read", &path)?;
    let (views, width) = (backbone.views, backbone.width);
    let values = bytes.strip_prefix(head(views, width).as_slice()).filter(|rest| rest.len() == 4 * views * width);
    let values = values.ok_or_else(|| {
        Error::at(&path, format!("this is no NumPy file of {views} x {width} numbers (<f4, C order)"))
            .hint("run the stage that made it again: run --force STAGE")
    })?;
    Ok(values.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().expect("four"))).collect())
}

/// All that stands before the numbers: padded so that these begin at a multiple of 64 bytes.
fn head(rows: usize, columns: usize) -> Vec<u8> {
    const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";
    let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
    let before = MAGIC.len() + size_of::<u16>();
    let length = (before + text.len() + 1).next_multiple_of(64) - before;
    let mut head = MAGIC.to_vec();
    head.extend((length as u16).to_le_bytes());
    head.extend(format!("{text:<width$}\n", width = length - 1).bytes());
    head
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Fit, ImagesCard};

    fn backbone(views: usize, width: usize) -> Backbone {
        let images = ImagesCard { schema: 1, size: 256, fit: Fit::Squash, quality: 92 };
        let preprocessing = Preprocessing { images, size: 224, mean: [0.5; 3], std: [0.5; 3] };
        let (arch, weights) = ("resnet18".to_owned(), "0".repeat(64));
        Backbone { arch, weights, preprocessing, norm_eps: 1e-5, width, views }
    }

    #[test]
    fn the_bytes_are_those_that_numpy_saves() {
        // numpy.save(file, numpy.array([[1, -2, 0.5]], "<f4")), numpy 2: a head of 128 bytes, of which 118 (0x76) are text.
        let bytes = features_bytes(&[1.0, -2.0, 0.5], 3);
        assert_eq!(bytes[..10], *b"\x93NUMPY\x01\x00\x76\x00");
        let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }";
        assert_eq!(bytes[10..128], *format!("{text:<117}\n").as_bytes());
        assert_eq!(bytes[128..], [0, 0, 128, 63, 0, 0, 0, 192, 0, 0, 0, 63]);
    }

    #[test]
    fn features_read_back_and_a_file_of_another_shape_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let values = [0.1, -0.2, 1e-30, 4.0, 5.0, 6.0];
        std::fs::write(folder.path().join("a.npy"), features_bytes(&values, 3)).expect("writes");
        assert_eq!(read_features(folder.path(), "a", &backbone(2, 3)).expect("reads"), values);
        let error = read_features(folder.path(), "a", &backbone(3, 2)).expect_err("refused");
        assert!(error.message.ends_with("a.npy: this is no NumPy file of 3 x 2 numbers (<f4, C order)"), "{error}");
        std::fs::write(folder.path().join("a.npy"), &features_bytes(&values, 3)[..140]).expect("writes");
        assert!(read_features(folder.path(), "a", &backbone(2, 3)).is_err());
    }
}
