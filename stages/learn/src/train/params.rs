//! The params of `train`, declared: [`PARAMS`].

use crate::loss::choice;
use crate::models::Arch;
use plantpipe_stage::{ParamSpec, ParamType};

const SHARE: ParamType = ParamType::Float { min: 0.0, max: 1.0 };

/// An exponent or an alpha.
const POWER: ParamType = ParamType::Float { min: 0.0, max: 100.0 };

/// In the order in which they are best read: the network, its pace, its loss, its photographs, its input.
pub(super) const PARAMS: &[ParamSpec] = &[
    ParamSpec {
        name: "arch",
        doc: "the network, by its timm name",
        ty: ParamType::Choice(Arch::NAMES),
        default: Some("\"resnet18\""),
    },
    ParamSpec {
        name: "size",
        doc: "side of the square input, pixels",
        ty: ParamType::Int { min: 32, max: 1024 },
        default: Some("224"),
    },
    ParamSpec {
        name: "size_from",
        doc: "progressive resizing: side of the input in the first epoch; it grows evenly, in steps of 32 pixels, to `size` \
              over `size_epochs`; 0: `size` from the first epoch on",
        ty: ParamType::Int { min: 0, max: 1024 },
        default: Some("0"),
    },
    ParamSpec {
        name: "size_epochs",
        doc: "epochs before the input has its whole `size`",
        ty: ParamType::Int { min: 0, max: 10_000 },
        default: Some("0"),
    },
    ParamSpec {
        name: "epochs",
        doc: "passes over the train split",
        ty: ParamType::Int { min: 1, max: 10_000 },
        default: Some("12"),
    },
    ParamSpec {
        name: "patience",
        doc: "stop after so many epochs in a row without a better one; 0: never; the learning rate falls as if for all epochs",
        ty: ParamType::Int { min: 0, max: 10_000 },
        default: Some("0"),
    },
    ParamSpec {
        name: "batch",
        doc: "photographs a batch; the last batch of an epoch may be shorter",
        ty: ParamType::Int { min: 1, max: 4096 },
        default: Some("32"),
    },
    ParamSpec {
        name: "accumulate",
        doc: "batches a step, their gradients averaged over the photographs",
        ty: ParamType::Int { min: 1, max: 1000 },
        default: Some("1"),
    },
    ParamSpec {
        name: "optimizer",
        doc: "AdamW, or SGD with momentum, as PyTorch defines them",
        ty: ParamType::Choice(&["adamw", "sgd"]),
        default: Some("\"adamw\""),
    },
    ParamSpec {
        name: "lr",
        doc: "peak learning rate, reached after the warm-up",
        ty: ParamType::Float { min: 1e-9, max: 100.0 },
        default: Some("0.001"),
    },
    ParamSpec {
        name: "schedule",
        doc: "the learning rate after the warm-up: down to 0 on a half cosine over all epochs, or constant: then a training \
              whose `epochs` are raised goes on from where it ended",
        ty: ParamType::Choice(&["cosine", "constant"]),
        default: Some("\"cosine\""),
    },
    ParamSpec { name: "momentum", doc: "of SGD; AdamW has its own", ty: SHARE, default: Some("0.9") },
    ParamSpec {
        name: "weight_decay",
        doc: "of weights; norms, biases and a ViT's position and class embeddings are spared; decoupled with AdamW",
        ty: ParamType::Float { min: 0.0, max: 10.0 },
        default: Some("0.05"),
    },
    ParamSpec {
        name: "warmup",
        doc: "epochs of linear warm-up, also fractions",
        ty: ParamType::Float { min: 0.0, max: 1000.0 },
        default: Some("1"),
    },
    ParamSpec {
        name: "clip",
        doc: "largest Euclidean norm of all gradients together, longer ones are scaled down; 0: no limit",
        ty: ParamType::Float { min: 0.0, max: 1e6 },
        default: Some("0"),
    },
    ParamSpec {
        name: "layer_decay",
        doc: "each depth learns by this times the rate of the next one, the head by the full rate; 1: all alike",
        ty: ParamType::Float { min: 0.01, max: 1.0 },
        default: Some("1"),
    },
    ParamSpec {
        name: "freeze",
        doc: "so many depths do not learn, counted from the stem, nor do their batch norms move; the head always learns",
        ty: ParamType::Int { min: 0, max: 1000 },
        default: Some("0"),
    },
    ParamSpec {
        name: "freeze_epochs",
        doc: "after so many epochs the frozen depths learn too; 0: they stay frozen",
        ty: ParamType::Int { min: 0, max: 10_000 },
        default: Some("0"),
    },
    ParamSpec {
        name: "ema",
        doc: "keep and validate the exponential moving average of all weights, this the share that stays at a step; 0: off",
        ty: ParamType::Float { min: 0.0, max: 0.999_999 },
        default: Some("0"),
    },
    choice::LOSS,
    choice::POS_WEIGHT,
    choice::FOCAL_GAMMA,
    choice::FOCAL_ALPHA,
    choice::ASL_GAMMA_NEG,
    choice::ASL_GAMMA_POS,
    choice::ASL_MARGIN,
    ParamSpec {
        name: "confusion",
        doc: "Pairwise Confusion (Dubey et al. 2018) is added to the loss, as in the paper (squared distances, pairs of \
              different labels) or as in the authors' code (distances, all pairs)",
        ty: ParamType::Choice(&["off", "paper", "code"]),
        default: Some("\"off\""),
    },
    ParamSpec {
        name: "confusion_weight",
        doc: "its weight; the authors' guide, 0.1 to 0.2 a label beside a sum over labels, is 0.1 to 0.2 beside a mean",
        ty: ParamType::Float { min: 0.0, max: 1000.0 },
        default: Some("0.1"),
    },
    ParamSpec {
        name: "smoothing",
        doc: "label smoothing: targets are drawn towards 1/2 by this share",
        ty: SHARE,
        default: Some("0"),
    },
    ParamSpec {
        name: "crop",
        doc: "least share of a photograph's area that a random resized crop keeps; 1: no crop",
        ty: ParamType::Float { min: 0.01, max: 1.0 },
        default: Some("0.5"),
    },
    ParamSpec {
        name: "flips",
        doc: "mirror and turn by quarters at random",
        ty: ParamType::Bool,
        default: Some("true"),
    },
    ParamSpec {
        name: "jitter",
        doc: "brightness, contrast and saturation vary by up to this share; 0: none",
        ty: SHARE,
        default: Some("0.1"),
    },
    ParamSpec {
        name: "mixup",
        doc: "blend photographs in pairs (Zhang et al. 2018), shares from Beta(mixup, mixup); 0: off; with cutmix: one of \
              them a batch",
        ty: POWER,
        default: Some("0"),
    },
    ParamSpec {
        name: "cutmix",
        doc: "exchange boxes between photographs in pairs (Yun et al. 2019), areas from Beta(cutmix, cutmix); 0: off",
        ty: POWER,
        default: Some("0"),
    },
    ParamSpec {
        name: "drop",
        doc: "dropout before the head; 0: none",
        ty: ParamType::Float { min: 0.0, max: 0.95 },
        default: Some("0"),
    },
    ParamSpec {
        name: "mean",
        doc: "subtracted from the channels (of values 0 to 1); auto: what the arch's published weights want",
        ty: ParamType::Auto(&ParamType::Rgb),
        default: Some("\"auto\""),
    },
    ParamSpec {
        name: "std",
        doc: "the channels are divided by it; auto: what the arch's published weights want",
        ty: ParamType::Auto(&ParamType::Rgb),
        default: Some("\"auto\""),
    },
    ParamSpec {
        name: "norm_eps",
        doc: "batch-norm eps; auto: that of the published weights when starting from weights, else 1e-5",
        ty: ParamType::Auto(&ParamType::Float { min: 0.0, max: 1.0 }),
        default: Some("\"auto\""),
    },
];
