//! Which loss, as params say it: the specs of the params that every kind that learns takes, and [`Choice`].

use super::Loss;
use crate::auto::Auto;
use plantpipe_stage::{Context, ParamSpec, ParamType, Result};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

const SHARE: ParamType = ParamType::Float { min: 0.0, max: 1.0 };

/// An exponent.
const POWER: ParamType = ParamType::Float { min: 0.0, max: 100.0 };

pub(crate) const LOSS: ParamSpec = ParamSpec {
    name: "loss",
    doc: "of each label, the mean over photographs and labels: binary cross-entropy, focal loss (Lin et al. 2017) or \
          asymmetric loss (Ben-Baruch et al. 2021); val loss is always plain bce",
    ty: ParamType::Choice(&["bce", "focal", "asl"]),
    default: Some("\"bce\""),
};
pub(crate) const POS_WEIGHT: ParamSpec = ParamSpec {
    name: "pos_weight",
    doc: "of bce: weight of a label where it is present; auto: absent / present in the train split, label by label",
    ty: ParamType::Auto(&ParamType::Float { min: 0.001, max: 1000.0 }),
    default: Some("1"),
};
pub(crate) const FOCAL_GAMMA: ParamSpec = ParamSpec {
    name: "focal_gamma",
    doc: "of focal loss: exponent of 1 - p, p the probability given to the truth",
    ty: POWER,
    default: Some("2"),
};
pub(crate) const FOCAL_ALPHA: ParamSpec = ParamSpec {
    name: "focal_alpha",
    doc: "of focal loss: weight of labels present, 1 - alpha that of labels absent; 0: both 1",
    ty: SHARE,
    default: Some("0"),
};
pub(crate) const ASL_GAMMA_NEG: ParamSpec = ParamSpec {
    name: "asl_gamma_neg",
    doc: "of asymmetric loss: exponent for labels absent",
    ty: POWER,
    default: Some("2"),
};
pub(crate) const ASL_GAMMA_POS: ParamSpec = ParamSpec {
    name: "asl_gamma_pos",
    doc: "of asymmetric loss: exponent for labels present",
    ty: POWER,
    default: Some("0"),
};
pub(crate) const ASL_MARGIN: ParamSpec = ParamSpec {
    name: "asl_margin",
    doc: "of asymmetric loss: an absent label's probability counts less by this, and below it costs nothing",
    ty: ParamType::Float { min: 0.0, max: 0.5 },
    default: Some("0.05"),
};

/// The name of a loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LossName {
    Bce,
    Focal,
    Asl,
}

/// The loss named, with the params of all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choice {
    pub(crate) name: LossName,
    pub(crate) pos_weight: Auto<f32>,
    pub(crate) focal_gamma: f64,
    pub(crate) focal_alpha: f64,
    pub(crate) asl_gamma_neg: f64,
    pub(crate) asl_gamma_pos: f64,
    pub(crate) asl_margin: f64,
}

impl Choice {
    /// The loss, where so many of `of` photographs of the train split carry each label.
    pub(crate) fn loss(&self, presences: &[usize], of: usize) -> Loss {
        match self.name {
            LossName::Bce => Loss::Bce { pos_weight: self.weights(presences, of) },
            LossName::Focal => {
                Loss::Focal { gamma: self.focal_gamma, alpha: (self.focal_alpha > 0.0).then_some(self.focal_alpha) }
            }
            LossName::Asl => {
                Loss::Asl { gamma_neg: self.asl_gamma_neg, gamma_pos: self.asl_gamma_pos, margin: self.asl_margin }
            }
        }
    }

    /// A weight a label where it is present, if any is not 1.
    fn weights(&self, presences: &[usize], of: usize) -> Option<Vec<f32>> {
        let weights: Vec<f32> = match self.pos_weight {
            Auto::Value(weight) => vec![weight; presences.len()],
            Auto::Word(_) => presences.iter().map(|present| rarity(*present, of)).collect(),
        };
        weights.iter().any(|weight| (weight - 1.0).abs() > f32::EPSILON).then_some(weights)
    }

    /// The params that wait for another loss: whether they wait in vain, which, and for what.
    pub(crate) fn idle(&self) -> [Idle; 3] {
        [
            (self.name != LossName::Bce, &["pos_weight"], "`loss` is not \"bce\""),
            (self.name != LossName::Focal, &["focal_gamma", "focal_alpha"], "`loss` is not \"focal\""),
            (self.name != LossName::Asl, &["asl_gamma_neg", "asl_gamma_pos", "asl_margin"], "`loss` is not \"asl\""),
        ]
    }
}

/// Params that wait for others: whether they wait in vain, which, and for what.
pub(crate) type Idle = (bool, &'static [&'static str], &'static str);

/// Notes which params were set, to other than their defaults, though nothing asks for them: no error, since a matrix over
/// losses gives every instance the params of all.
pub(crate) fn tell_idle(ctx: &Context, specs: &[ParamSpec], idle: &[Idle]) -> Result<()> {
    let given: BTreeMap<String, Value> = ctx.params()?;
    let is_set = |name: &&&str| given.get(**name).is_some_and(|value| !is_default(specs, name, value));
    for (_, names, why) in idle.iter().filter(|(in_vain, ..)| *in_vain) {
        let set: Vec<String> = names.iter().filter(is_set).map(|name| format!("`{name}`")).collect();
        if !set.is_empty() {
            ctx.note(format!("{} without effect: {why}", set.join(", ")));
        }
    }
    Ok(())
}

/// Photographs without a label for each one with it; 1 for a label that is never there, and for one that always is.
fn rarity(present: usize, of: usize) -> f32 {
    if present == 0 || present == of { 1.0 } else { (of - present) as f32 / present as f32 }
}

/// Whether a param has its default value; numbers are compared as numbers, `2` and `2.0` alike.
fn is_default(specs: &[ParamSpec], name: &str, value: &Value) -> bool {
    let spec = specs.iter().find(|spec| spec.name == name);
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

    const SPECS: [ParamSpec; 2] = [POS_WEIGHT, FOCAL_GAMMA];

    #[test]
    fn a_label_weighs_as_much_more_as_it_is_rarer() {
        let weights: Vec<f32> = (0..=4).map(|present| rarity(present, 4)).collect();
        assert_eq!(weights, [1.0, 3.0, 1.0, 1.0 / 3.0, 1.0]);
    }

    #[test]
    fn a_number_is_its_default_however_it_is_spelled() {
        assert!(is_default(&SPECS, "focal_gamma", &json!(2)) && is_default(&SPECS, "focal_gamma", &json!(2.0)));
        assert!(is_default(&SPECS, "pos_weight", &json!(1)));
        assert!(!is_default(&SPECS, "focal_gamma", &json!(2.5)) && !is_default(&SPECS, "pos_weight", &json!(2)));
    }
}
