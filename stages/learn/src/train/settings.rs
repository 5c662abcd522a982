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

/// Pixels by which the input grows: what the networks that can grow halve five times.
const SIZE_STEP: u32 = 32;

/// Every param by its name; `PARAMS` says what each is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    pub(super) arch: String,
    pub(super) size: u32,
    pub(super) size_from: u32,
    size_epochs: u64,
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

    /// Side of the input in an epoch, counted from 1. It depends on no later epoch, so that a training that is made longer
    /// can go on.
    pub(super) fn size_in(&self, epoch: u64) -> u32 {
        match self.size_from {
            0 => self.size,
            from => grown(from, self.size, self.size_epochs, epoch),
        }
    }

    pub(super) fn augment(&self, epoch: u64) -> Augment {
        Augment { size: self.size_in(epoch), crop: self.crop, flips: self.flips, jitter: self.jitter }
    }

    pub(super) fn mix(&self) -> Mix {
        Mix { mixup: self.mixup, cutmix: self.cutmix }
    }

    /// Notes which params were set, to other than their defaults, though nothing asks for them.
    pub(super) fn tell_idle(&self, ctx: &Context) -> Result<()> {
        let others: [Idle; 5] = [
            (self.optimizer != OptimizerName::Sgd, &["momentum"], "`optimizer` is not \"sgd\""),
            (self.confusion == ConfusionName::Off, &["confusion_weight"], "`confusion` is \"off\""),
            (self.freeze == 0, &["freeze_epochs"], "`freeze` is 0"),
            (self.size_from == 0, &["size_epochs"], "`size_from` is 0"),
            (self.size_epochs == 0, &["size_from"], "`size_epochs` is 0"),
        ];
        tell_idle(ctx, PARAMS, &[&others[..1], &self.choice().idle(), &others[1..]].concat())
    }
}

/// What has grown from one size to another over some epochs, in an epoch counted from 1.
fn grown(from: u32, to: u32, epochs: u64, epoch: u64) -> u32 {
    if epoch > epochs {
        return to;
    }
    let way = u64::from(to - from) * (epoch - 1) / epochs;
    from + way as u32 / SIZE_STEP * SIZE_STEP
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_input_grows_evenly_in_steps_of_32_pixels() {
        let sizes: Vec<u32> = (1..=11).map(|epoch| grown(128, 224, 9, epoch)).collect();
        assert_eq!(sizes, [128, 128, 128, 160, 160, 160, 192, 192, 192, 224, 224]);
        assert_eq!(grown(128, 224, 0, 1), 224);
    }
}
