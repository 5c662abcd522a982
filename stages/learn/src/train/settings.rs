//! The params of `train`, read: [`Params`], and what they mean for the loss, the optimiser and the photographs.

use super::params::PARAMS;
use crate::augment::Augment;
use crate::batches::Photos;
use crate::loss::{Confusion, Criterion, Form, Loss};
use crate::mix::Mix;
use crate::optim::Rule;
use plantpipe_stage::{Context, Result};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

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
    confusion_weight: Auto<f64>,
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
enum LossName {
    Bce,
    Focal,
    Asl,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ConfusionName {
    Off,
    Paper,
    Code,
}

/// A value, or the word `auto`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged)]
pub(super) enum Auto<T> {
    Value(T),
    Word(AutoWord),
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum AutoWord {
    Auto,
}

impl<T> Auto<T> {
    pub(super) fn or(self, auto: T) -> T {
        match self {
            Self::Value(value) => value,
            Self::Word(AutoWord::Auto) => auto,
        }
    }
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
        let loss = match self.loss {
            LossName::Bce => Loss::Bce { pos_weight: self.weights(train) },
            LossName::Focal => {
                Loss::Focal { gamma: self.focal_gamma, alpha: (self.focal_alpha > 0.0).then_some(self.focal_alpha) }
            }
            LossName::Asl => {
                Loss::Asl { gamma_neg: self.asl_gamma_neg, gamma_pos: self.asl_gamma_pos, margin: self.asl_margin }
            }
        };
        let form = match self.confusion {
            ConfusionName::Off => None,
            ConfusionName::Paper => Some(Form::Paper),
            ConfusionName::Code => Some(Form::Code),
        };
        let weight = self.confusion_weight.or(0.1 * train.labels.len() as f64);
        Criterion { loss, confusion: form.map(|form| Confusion { form, weight }) }
    }

    /// A weight a label where it is present, if any is not 1.
    fn weights(&self, train: &Photos) -> Option<Vec<f32>> {
        let weights: Vec<f32> = match self.pos_weight {
            Auto::Value(weight) => vec![weight; train.labels.len()],
            Auto::Word(AutoWord::Auto) => train.presences().into_iter().map(|n| rarity(n, train.len())).collect(),
        };
        weights.iter().any(|weight| (weight - 1.0).abs() > f32::EPSILON).then_some(weights)
    }

    pub(super) fn augment(&self) -> Augment {
        Augment { size: self.size, crop: self.crop, flips: self.flips, jitter: self.jitter }
    }

    pub(super) fn mix(&self) -> Mix {
        Mix { mixup: self.mixup, cutmix: self.cutmix }
    }

    /// Notes which params were set, to other than their defaults, though nothing asks for them: no error, since a matrix
    /// over losses gives every instance the params of all.
    pub(super) fn tell_idle(&self, ctx: &Context) -> Result<()> {
        let given: BTreeMap<String, Value> = ctx.params()?;
        for (idle, names, why) in self.idle() {
            let set = names.iter().filter(|name| given.get(**name).is_some_and(|value| !is_default(name, value)));
            let set: Vec<String> = set.map(|name| format!("`{name}`")).collect();
            if idle && !set.is_empty() {
                ctx.note(format!("{} without effect: {why}", set.join(", ")));
            }
        }
        Ok(())
    }

    /// Params that wait for others: whether they wait in vain, which, and for what.
    fn idle(&self) -> [(bool, &'static [&'static str], &'static str); 6] {
        [
            (self.optimizer != OptimizerName::Sgd, &["momentum"], "`optimizer` is not \"sgd\""),
            (self.loss != LossName::Bce, &["pos_weight"], "`loss` is not \"bce\""),
            (self.loss != LossName::Focal, &["focal_gamma", "focal_alpha"], "`loss` is not \"focal\""),
            (self.loss != LossName::Asl, &["asl_gamma_neg", "asl_gamma_pos", "asl_margin"], "`loss` is not \"asl\""),
            (self.confusion == ConfusionName::Off, &["confusion_weight"], "`confusion` is \"off\""),
            (self.freeze == 0, &["freeze_epochs"], "`freeze` is 0"),
        ]
    }
}

/// Photographs without a label for each one with it; 1 for a label that is never there, and for one that always is.
fn rarity(present: usize, of: usize) -> f32 {
    if present == 0 || present == of { 1.0 } else { (of - present) as f32 / present as f32 }
}

/// Whether a param has its default value; numbers are compared as numbers, `2` and `2.0` alike.
fn is_default(name: &str, value: &Value) -> bool {
    let spec = PARAMS.iter().find(|spec| spec.name == name);
    let default: Option<Value> = spec.and_then(|spec| serde_json::from_str(spec.default?).ok());
    default.is_some_and(|default| match (default.as_f64(), value.as_f64()) {
        (Some(default), Some(value)) => default.to_bits() == value.to_bits(),
        _ => default == *value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_label_weighs_as_much_more_as_it_is_rarer() {
        assert_eq!([(1, 4), (2, 4), (3, 4)].map(|(present, of)| rarity(present, of)), [3.0, 1.0, 1.0 / 3.0]);
        assert_eq!([(0, 4), (4, 4)].map(|(present, of)| rarity(present, of)), [1.0, 1.0]);
    }

    #[test]
    fn a_number_is_its_default_however_it_is_spelled() {
        assert!(is_default("focal_gamma", &json!(2)) && is_default("focal_gamma", &json!(2.0)));
        assert!(is_default("confusion_weight", &json!("auto")));
        assert!(!is_default("focal_gamma", &json!(2.5)) && !is_default("confusion_weight", &json!(2)));
    }
}
