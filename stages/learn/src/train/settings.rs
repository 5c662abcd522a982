//! The params of `train`, read: [`Params`], and what they mean for the loss, the optimiser and the photographs.

use super::params::PARAMS;
use crate::augment::Augment;
use crate::auto::Auto;
use crate::batches::Photos;
use crate::loss::choice::{Choice, Idle, LossName, tell_idle};
use crate::loss::{Confusion, Criterion, Form};
use crate::mix::Mix;
use crate::optim::{Rule, Shape};
use plantpipe_stage::{Context, Result};
use serde::Deserialize;

/// Every param by its name; `PARAMS` says what each is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    pub(super) arch: String,
    pub(super) size: u32,
    pub(super) epochs: u64,
    pub(super) patience: u64,
    pub(super) batch: usize,
    pub(super) accumulate: usize,
    optimizer: OptimizerName,
    pub(super) lr: f64,
    pub(super) schedule: Shape,
    momentum: f64,
    pub(super) weight_decay: f64,
    pub(super) warmup: f64,
    pub(super) clip: f64,
    pub(super) layer_decay: f64,
    pub(super) freeze: usize,
    pub(super) freeze_epochs: u64,
    pub(super) ema: f64,
    loss: LossName,
    pos_weight: Auto<f32>,
    focal_gamma: f64,
    focal_alpha: f64,
    asl_gamma_neg: f64,
    asl_gamma_pos: f64,
    asl_margin: f64,
    confusion: ConfusionName,
    confusion_weight: f64,
    pub(super) smoothing: f64,
    crop: f64,
    flips: bool,
    jitter: f64,
    mixup: f64,
    cutmix: f64,
    pub(super) drop: f64,
    pub(super) mean: Auto<[f64; 3]>,
    pub(super) std: Auto<[f64; 3]>,
    pub(super) norm_eps: Auto<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OptimizerName {
    Adamw,
    Sgd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ConfusionName {
    Off,
    Paper,
    Code,
}

impl Params {
    pub(super) fn rule(&self) -> Rule {
        match self.optimizer {
            OptimizerName::Adamw => Rule::AdamW,
            OptimizerName::Sgd => Rule::Sgd { momentum: self.momentum },
        }
    }

    /// What training minimises on these photographs.
    pub(super) fn criterion(&self, train: &Photos) -> Criterion {
        let loss = self.choice().loss(&train.presences(), train.len());
        let form = match self.confusion {
            ConfusionName::Off => None,
            ConfusionName::Paper => Some(Form::Paper),
            ConfusionName::Code => Some(Form::Code),
        };
        let weight = self.confusion_weight;
        Criterion { loss, confusion: form.map(|form| Confusion { form, weight }) }
    }

    fn choice(&self) -> Choice {
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

    pub(super) fn augment(&self) -> Augment {
        Augment { size: self.size, crop: self.crop, flips: self.flips, jitter: self.jitter }
    }

    pub(super) fn mix(&self) -> Mix {
        Mix { mixup: self.mixup, cutmix: self.cutmix }
    }

    /// Notes which params were set, to other than their defaults, though nothing asks for them.
    pub(super) fn tell_idle(&self, ctx: &Context) -> Result<()> {
        let others: [Idle; 3] = [
            (self.optimizer != OptimizerName::Sgd, &["momentum"], "`optimizer` is not \"sgd\""),
            (self.confusion == ConfusionName::Off, &["confusion_weight"], "`confusion` is \"off\""),
            (self.freeze == 0, &["freeze_epochs"], "`freeze` is 0"),
        ];
        tell_idle(ctx, PARAMS, &[&others[..1], &self.choice().idle(), &others[1..]].concat())
    }
}
