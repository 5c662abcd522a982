//! The files that weights come in: [`read`] gives the tensors of a safetensors file or a `PyTorch` checkpoint.

use burn::tensor::{bf16, f16};
use plantpipe_stage::{Error, IoContext, Result};
use pytorch_reader::{DType, PytorchError, PytorchReader};
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
    let tensors = if is_pytorch(path, &bytes) {
        drop(bytes);
        pytorch(path)?
    } else {
        safetensors(path, &bytes)?
    };
    let bare = |name: String| match name.strip_prefix("module.") {
        Some(bare) => bare.to_owned(),
        None => name,
    };
    Ok(tensors.into_iter().map(|(name, tensor)| (bare(name), tensor)).collect())
}

/// By its ending, or by its first bytes: those of a zip archive or of a pickle.
fn is_pytorch(path: &Path, bytes: &[u8]) -> bool {
    let ending = path.extension().and_then(|extension| extension.to_str());
    matches!(ending, Some("pth" | "pt" | "bin" | "tar" | "ckpt"))
        || (ending != Some("safetensors") && (bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(&[0x80, 2])))
}

fn safetensors(path: &Path, bytes: &[u8]) -> Result<BTreeMap<String, Stored>> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| {
        Error::at(path, format!("this is no safetensors file, or not a whole one ({error})"))
            .hint("bring it again, or name another file: .safetensors, or .pth as `torch.save` writes it")
    })?;
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

/// Where trainings keep their state dict beside other things, in timm's order.
const NESTS: [&str; 4] = ["state_dict_ema.", "model_ema.", "state_dict.", "model."];

/// The pickle is parsed by a reader that knows what tensors look like, and runs nothing.
fn pytorch(path: &Path) -> Result<BTreeMap<String, Stored>> {
    let refused = |error: PytorchError| {
        Error::at(path, format!("this PyTorch checkpoint cannot be read, and nothing in it was run ({error})"))
            .hint("save its state dict alone, in Python: `torch.save(model.state_dict(), PATH)`")
    };
    let mut found: BTreeMap<String, _> =
        PytorchReader::new(path).map_err(refused)?.into_tensors().into_iter().collect();
    if let Some(nest) = NESTS.iter().find(|nest| found.keys().any(|name| name.starts_with(**nest))) {
        found = found.into_iter().filter_map(|(name, t)| Some((name.strip_prefix(nest)?.to_owned(), t))).collect();
    }
    if found.is_empty() {
        return Err(Error::at(path, "this PyTorch checkpoint holds no tensors, and nothing in it was run")
            .hint("save a state dict, in Python: `torch.save(model.state_dict(), PATH)`"));
    }
    let mut tensors = BTreeMap::new();
    for (name, tensor) in found.into_iter().filter(|(name, _)| !is_counter(name)) {
        let number = match tensor.dtype() {
            DType::F64 => Number::F64,
            DType::F32 => Number::F32,
            DType::F16 => Number::F16,
            DType::BF16 => Number::BF16,
            other => return Err(no_float(path, &name, &format!("{other:?}"))),
        };
        let (shape, bytes) = (tensor.shape().to_vec(), tensor.read().io("read", path)?);
        tensors.insert(name, Stored { shape, values: number.read(&bytes) });
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

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
    }

    /// `checkpoints.py`: `a.weight` [2, 3] is 0, 1/2, ..., 5/2; `a.bias` [2] is -1, 1; the file has more beside them.
    fn is_the_small_one(tensors: &BTreeMap<String, Stored>) {
        assert_eq!(tensors.keys().collect::<Vec<_>>(), ["a.bias", "a.weight"]);
        assert_eq!(
            (tensors["a.weight"].shape.as_slice(), tensors["a.bias"].shape.as_slice()),
            ([2, 3].as_slice(), [2].as_slice())
        );
        assert_eq!(tensors["a.weight"].values, [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]);
        assert_eq!(tensors["a.bias"].values, [-1.0, 1.0]);
    }

    #[test]
    fn what_torch_saves_is_read_in_every_layout() {
        for file in ["plain.pth", "nested.pth", "model_ema.pth", "legacy.pth", "half.pth"] {
            is_the_small_one(&read(&fixture(file)).unwrap_or_else(|error| panic!("{file}: {error}")));
        }
    }

    #[test]
    fn a_checkpoint_without_an_ending_is_known_by_its_first_bytes() {
        let folder = tempfile::tempdir().expect("temp folder");
        for file in ["plain.pth", "legacy.pth"] {
            std::fs::copy(fixture(file), folder.path().join("weights")).expect("copies");
            is_the_small_one(&read(&folder.path().join("weights")).expect("reads"));
        }
    }

    #[test]
    fn a_pickle_that_would_run_something_is_not_run() {
        // Unpickled by Python, both make the file `ran` in the current folder.
        let error = read(&fixture("hostile.pth")).map(drop).expect_err("refused");
        assert!(error.message.contains("cannot be read, and nothing in it was run ("), "{error}");
        assert!(error.message.contains("found io.open"), "{error}");
        assert!(error.hint.expect("a way out").contains("model.state_dict()"));
        // Beside tensors it is passed over.
        is_the_small_one(&read(&fixture("hostile_beside.pth")).expect("reads"));
        assert!(!Path::new("ran").exists());
    }

    #[test]
    fn a_cut_checkpoint_is_refused() {
        let folder = tempfile::tempdir().expect("temp folder");
        let whole = std::fs::read(fixture("plain.pth")).expect("reads");
        let path = folder.path().join("cut.pth");
        std::fs::write(&path, &whole[..whole.len() / 2]).expect("writes");
        let error = read(&path).map(drop).expect_err("refused");
        assert!(error.message.contains("this PyTorch checkpoint cannot be read"), "{error}");
    }
}
