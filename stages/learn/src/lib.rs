//! Learning: the kinds `train`, `predict`, `explain`, `embed` and `probe`; `ask` and `checkpoint` for the command line. Burn lives in this crate and nowhere else.

mod ask;
mod augment;
mod auto;
mod batches;
mod checkpoint;
mod device;
mod ema;
mod embed;
mod explain;
mod gradients;
mod infer;
mod loss;
mod mix;
mod models;
mod optim;
mod predict;
mod probe;
mod scores;
#[cfg(test)]
mod tests;
mod train;
mod turn;
mod weights;
mod words;

pub use ask::{ASK, AskFailure, AskParams, AskedImage};
pub use checkpoint::{CHECKPOINT, CheckpointAsked, CheckpointParams};
pub use device::auto as auto_device;
pub use embed::EMBED;
pub use explain::EXPLAIN;
pub use predict::PREDICT;
pub use probe::PROBE;
pub use train::TRAIN;

use plantpipe_stage::{Code, Kind, code};

/// Training asks for the same sizes of memory at every step.
#[global_allocator]
static MEMORY: plantpipe_kernels::Keep = plantpipe_kernels::Keep;

/// The kinds that pipelines may name.
pub const KINDS: &[&Kind] = &[&TRAIN, &PREDICT, &EXPLAIN, &EMBED, &PROBE];

/// The architectures, by timm's names.
pub const ARCHS: &[&str] = models::Arch::NAMES;

/// What every kind here computes with.
const NETWORK: Code = code!(
    "learn",
    "batches.rs",
    "device.rs",
    "infer.rs",
    "models/activation.rs",
    "models/arch.rs",
    "models/efficientnet_lite0.rs",
    "models/fused/block.rs",
    "models/fused/layer.rs",
    "models/fused/max_pool.rs",
    "models/fused/mod.rs",
    "models/init.rs",
    "models/layers.rs",
    "models/mod.rs",
    "models/norm.rs",
    "models/resnet.rs",
    "models/vit.rs",
    "turn.rs",
    "weights/file.rs",
    "weights/mod.rs",
    "weights/pos_embed.rs",
    "weights/rename.rs",
    "weights/walk.rs",
    "words.rs",
);

/// What a kind needs around networks that asks none itself.
const AROUND: Code = code!("learn", "device.rs", "infer.rs", "models/arch.rs", "words.rs");

/// What training adds to what every kind computes with.
const TRAINING: Code = code!(
    "learn",
    "augment.rs",
    "auto.rs",
    "ema.rs",
    "gradients.rs",
    "loss/asl.rs",
    "loss/bce.rs",
    "loss/choice.rs",
    "loss/confusion.rs",
    "loss/focal.rs",
    "loss/mod.rs",
    "mix.rs",
    "optim.rs",
    "scores.rs",
    "train/depths.rs",
    "train/fit.rs",
    "train/mod.rs",
    "train/params.rs",
    "train/resume.rs",
    "train/saved.rs",
    "train/settings.rs",
    "train/step.rs",
    "train/validate.rs",
);

/// The crates whose locked versions results depend on, those of `plantpipe_pixels` among them.
const CRATES: &[&str] = &[
    "burn",
    "burn-autodiff",
    "burn-cuda",
    "burn-flex",
    "burn-wgpu",
    "fast_image_resize",
    "flate2",
    "gemm",
    "image",
    "image-webp",
    "jpeg-encoder",
    "memchr",
    "png",
    "pulp",
    "pytorch-reader",
    "rand",
    "rand_chacha",
    "rand_distr",
    "safetensors",
    "zlib-rs",
    "zune-jpeg",
];
