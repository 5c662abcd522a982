//! The files that weights come in: [`read`] gives the tensors of a safetensors file.

use burn::tensor::{bf16, f16};
use plantpipe_stage::{Error, IoContext, Result};
use safetensors::{Dtype, SafeTensors};
use std::collections::BTreeMap;
use std::path::Path;

/// A tensor read.
pub(super) struct Stored {
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<f32>,
}

/// Every tensor but the counters of batches, by the file's own names: those of a state dict, without `module.` before
/// them (`DistributedDataParallel`).
///
/// # Errors
/// A file of another kind, or a tensor of a number type that is no float.
pub(super) fn read(path: &Path) -> Result<BTreeMap<String, Stored>> {
    let bytes = std::fs::read(path).io("read", path)?;
    let tensors = safetensors(path, &bytes)?;
    let bare = |name: String| match name.strip_prefix("module.") {
        Some(bare) => bare.to_owned(),
        None => name,
    };
    Ok(tensors.into_iter().map(|(name, tensor)| (bare(name), tensor)).collect())
}

fn safetensors(path: &Path, bytes: &[u8]) -> Result<BTreeMap<String, Stored>> {
    let file = SafeTensors::deserialize(bytes)
        .map_err(|error| Error::at(path, format!("this is no safetensors file ({error})")))?;
    let mut tensors = BTreeMap::new();
    for (name, view) in file.tensors().into_iter().filter(|(name, _)| !is_counter(name)) {
        let number = match view.dtype() {
            Dtype::F64 => Number::F64,
            Dtype::F32 => Number::F32,
            Dtype::F16 => Number::F16,
            Dtype::BF16 => Number::BF16,
            other => return Err(no_float(path, &name, &format!("{other:?}"))),
        };
        let shape = view.shape().to_vec();
        tensors.insert(name, Stored { shape, values: number.read(view.data()) });
    }
    Ok(tensors)
}

/// How many batches a norm has seen: nothing that a network computes with.
fn is_counter(name: &str) -> bool {
    name.ends_with("num_batches_tracked")
}

fn no_float(path: &Path, name: &str, number: &str) -> Error {
    Error::at(path, format!("tensor `{name}` holds {number}; F64, F32, F16 and BF16 are read"))
}

/// The floats that files hold, little-endian.
enum Number {
    F64,
    F32,
    F16,
    BF16,
}

impl Number {
    /// As f32, rounded where they are finer.
    fn read(&self, bytes: &[u8]) -> Vec<f32> {
        match self {
            Self::F64 => each(bytes, |eight| f64::from_le_bytes(eight) as f32),
            Self::F32 => each(bytes, f32::from_le_bytes),
            Self::F16 => each(bytes, |two| f16::from_le_bytes(two).to_f32()),
            Self::BF16 => each(bytes, |two| bf16::from_le_bytes(two).to_f32()),
        }
    }
}

fn each<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|chunk| value(*chunk)).collect()
}
