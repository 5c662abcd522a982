//! Learning: the kinds `train`, `predict` and `explain`, and `ask` for the command line. Burn lives in this crate and nowhere else.

mod ask;
mod augment;
mod batches;
mod device;
mod explain;
mod infer;
mod loss;
mod models;
mod optim;
mod predict;
#[cfg(test)]
mod tests;
mod train;
mod weights;
mod words;

pub use ask::{ASK, AskFailure, AskParams, AskedImage};
pub use device::auto as auto_device;
pub use explain::EXPLAIN;
pub use predict::PREDICT;
pub use train::TRAIN;

use plantpipe_stage::{Code, Kind, code};

/// The kinds that pipelines may name.
pub const KINDS: &[&Kind] = &[&TRAIN, &PREDICT, &EXPLAIN];

/// What every kind here computes with.
const NETWORK: Code = code!(
    "learn",
    "batches.rs",
    "device.rs",
    "infer.rs",
    "models/activation.rs",
    "models/arch.rs",
    "models/efficientnet_lite0.rs",
    "models/init.rs",
    "models/layers.rs",
    "models/mod.rs",
    "models/norm.rs",
    "models/resnet.rs",
    "models/vit.rs",
    "weights/file.rs",
    "weights/mod.rs",
    "weights/names.rs",
    "weights/pos_embed.rs",
    "weights/walk.rs",
    "words.rs",
);

/// The crates whose locked versions results depend on, those of `plantpipe_pixels` among them.
const CRATES: &[&str] = &[
    "burn",
    "burn-autodiff",
    "burn-cuda",
    "burn-flex",
    "burn-wgpu",
    "fast_image_resize",
    "gemm",
    "image",
    "image-webp",
    "jpeg-encoder",
    "png",
    "rand",
    "rand_chacha",
    "safetensors",
    "zune-jpeg",
];
