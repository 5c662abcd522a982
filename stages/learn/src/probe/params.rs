//! The params of `probe`: [`PARAMS`] declares them, [`Params`] is what is read.

use crate::auto::Auto;
use crate::loss::choice::{self, Choice, Idle, LossName};
use crate::optim::Rule;
use plantpipe_stage::format::Split;
use plantpipe_stage::{Context, ParamSpec, ParamType, Result};
use serde::Deserialize;
use std::collections::BTreeSet;

pub(super) const PARAMS: &[ParamSpec] = &[
    ParamSpec {
        name: "epochs",
        doc: "passes over the train split",
        ty: ParamType::Int { min: 1, max: 100_000 },
        default: Some("100"),
    },
    ParamSpec {
        name: "patience",
        doc: "stop after so many epochs in a row without a better one; 0: never; the learning rate falls as if for all epochs",
        ty: ParamType::Int { min: 0, max: 100_000 },
        default: Some("0"),
    },
    ParamSpec {
        name: "batch",
        doc: "photographs a step; the last batch of an epoch may be shorter",
        ty: ParamType::Int { min: 1, max: 1_000_000 },
        default: Some("256"),
    },
    ParamSpec {
        name: "optimizer",
        doc: "AdamW, or SGD with momentum, as PyTorch defines them",
        ty: ParamType::Choice(&["adamw", "sgd"]),
        default: Some("\"adamw\""),
    },
    ParamSpec {
        name: "lr",
        doc: "peak learning rate: reached after the warm-up, then down to 0 on a half cosine",
        ty: ParamType::Float { min: 1e-9, max: 100.0 },
        default: Some("0.01"),
    },
    ParamSpec {
        name: "momentum",
        doc: "of SGD; AdamW has its own",
        ty: ParamType::Float { min: 0.0, max: 1.0 },
        default: Some("0.9"),
    },
    ParamSpec {
        name: "weight_decay",
        doc: "of the weight; the bias is spared; decoupled with AdamW",
        ty: ParamType::Float { min: 0.0, max: 100.0 },
        default: Some("3"),
    },
    ParamSpec {
        name: "warmup",
        doc: "epochs of linear warm-up, also fractions",
        ty: ParamType::Float { min: 0.0, max: 1000.0 },
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
        name: "standardize",
        doc: "features less their mean, divided by their standard deviation, both of the train split; the head that is \
              saved takes features as they are",
        ty: ParamType::Bool,
        default: Some("true"),
    },
    ParamSpec {
        name: "views",
        doc: "learn from the first so many views, one drawn for each photograph in each epoch; 0: from all there are",
        ty: ParamType::Int { min: 0, max: 1024 },
        default: Some("0"),
    },
    ParamSpec {
        name: "splits",
        doc: "the splits to answer for, every photograph of each, by its first view",
        ty: ParamType::Choices(Split::NAMES),
        default: Some("[\"val\", \"test\"]"),
    },
];

/// Every param by its name; [`PARAMS`] says what each is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    pub(super) epochs: u64,
    pub(super) patience: u64,
    pub(super) batch: usize,
    optimizer: OptimizerName,
    pub(super) lr: f64,
    momentum: f64,
    pub(super) weight_decay: f64,
    pub(super) warmup: f64,
    loss: LossName,
    pos_weight: Auto<f32>,
    focal_gamma: f64,
    focal_alpha: f64,
    asl_gamma_neg: f64,
    asl_gamma_pos: f64,
    asl_margin: f64,
    pub(super) standardize: bool,
    pub(super) views: usize,
    pub(super) splits: BTreeSet<Split>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OptimizerName {
    Adamw,
    Sgd,
}

impl Params {
    pub(super) fn rule(&self) -> Rule {
        match self.optimizer {
            OptimizerName::Adamw => Rule::AdamW,
            OptimizerName::Sgd => Rule::Sgd { momentum: self.momentum },
        }
    }

    pub(super) fn choice(&self) -> Choice {
        Choice {
            name: self.loss,
            pos_weight: self.pos_weight,
            focal_gamma: self.focal_gamma,
            focal_alpha: self.focal_alpha,
            asl_gamma_neg: self.asl_gamma_neg,
            asl_gamma_pos: self.asl_gamma_pos,
            asl_margin: self.asl_margin,
        }
    }

    /// Notes which params were set, to other than their defaults, though nothing asks for them.
    pub(super) fn tell_idle(&self, ctx: &Context) -> Result<()> {
        let momentum: Idle = (self.optimizer != OptimizerName::Sgd, &["momentum"], "`optimizer` is not \"sgd\"");
        choice::tell_idle(ctx, PARAMS, &[&[momentum][..], &self.choice().idle()].concat())
    }
}
