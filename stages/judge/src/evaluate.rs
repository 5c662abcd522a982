//! The kind `evaluate`: predictions against labels, every sample counted, every metric with its interval
//! ([`Evaluation`]).

use crate::pairing::Tables;
use crate::scoring::{Fit, Setting};
use plantpipe_stage::format::{
    DecisionRule, Evaluation, Fitted, Interval, JsonFormat, MultiHot, Objective, Split, SplitEvaluation,
};
use plantpipe_stage::sources;
use plantpipe_stage::{
    Arity, Code, Context, Error, InputSpec, Kind, OutputSpec, ParamSpec, ParamType, Reads, Result, Uses, code,
};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

pub const EVALUATE: Kind = Kind {
    name: "evaluate",
    doc: "scores predictions: exact match, F1, average precision, calibration, with 95% bootstrap intervals",
    inputs: &[
        InputSpec {
            name: "predictions",
            doc: "probabilities by image id",
            format: "predictions",
            arity: Arity::One,
            reads: Reads::All,
        },
        InputSpec {
            name: "labels",
            doc: "the true labels; the train split's give the baseline",
            format: "multihot",
            arity: Arity::One,
            reads: Reads::All,
        },
    ],
    outputs: &[
        OutputSpec { name: "evaluation", doc: "every metric by its name", format: "evaluation" },
        OutputSpec {
            name: "decision",
            doc: "decision.json: the thresholds and the temperature that were fitted on val",
            format: "decision",
        },
    ],
    params: &[
        ParamSpec {
            name: "threshold",
            doc: "a label whose probability is at or above it counts as present",
            ty: ParamType::Float { min: 0.0, max: 1.0 },
            default: Some("0.5"),
        },
        ParamSpec {
            name: "splits",
            doc: "the splits to score",
            ty: ParamType::Choices(Split::NAMES),
            default: Some("[\"val\", \"test\"]"),
        },
        ParamSpec {
            name: "resamples",
            doc: "bootstrap resamples behind each interval",
            ty: ParamType::Int { min: 100, max: 100_000 },
            default: Some("2000"),
        },
        ParamSpec {
            name: "tune",
            doc: "what a threshold a label is fitted for, on val only: each label's F1, the exact match, or nothing",
            ty: ParamType::Choice(&["f1", "exact_match", "none"]),
            default: Some("\"f1\""),
        },
        ParamSpec {
            name: "bins",
            doc: "bins of equal width behind calibration errors",
            ty: ParamType::Int { min: 2, max: 100 },
            default: Some("15"),
        },
        ParamSpec {
            name: "worst",
            doc: "how many images of the greatest loss to list",
            ty: ParamType::Int { min: 0, max: 1000 },
            default: Some("20"),
        },
    ],
    code: &[&CODE, &sources::RANDOM, &sources::TABLES, &sources::DOCUMENTS],
    crates: &["rand", "rand_chacha"],
    uses: Uses { seed: true, ..Uses::NOTHING },
    run,
};

const CODE: Code = code!(
    "judge",
    "evaluate.rs",
    "scoring.rs",
    "pairing.rs",
    "metrics.rs",
    "ranking.rs",
    "calibration.rs",
    "thresholds.rs",
    "findings.rs",
    "bootstrap.rs"
);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    threshold: f64,
    splits: BTreeSet<Split>,
    resamples: u64,
    tune: Tune,
    bins: usize,
    worst: usize,
}

/// What thresholds are fitted for, if they are.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Tune {
    F1,
    ExactMatch,
    None,
}

impl Tune {
    fn objective(&self) -> Option<Objective> {
        match self {
            Self::F1 => Some(Objective::F1),
            Self::ExactMatch => Some(Objective::ExactMatch),
            Self::None => None,
        }
    }
}

fn run(ctx: &Context) -> Result<()> {
    let params: Params = ctx.params()?;
    if params.splits.is_empty() {
        return Err(Error::new("`splits` names no split").hint("the default is `splits = [\"val\", \"test\"]`"));
    }
    let tables = Tables::read(ctx.input("predictions"), ctx.input("labels"))?;
    let answer = commonest_answer(&tables.labels).ok_or_else(|| {
        Error::at(&tables.labels_at, "no photograph of the split `train`, so there is no baseline to compare with")
            .hint("give `evaluate` the whole label table; only the splits in `splits` are scored")
    })?;
    // The table holds f32: a probability printed as 0.7 is at a threshold written as 0.7.
    let headline = params.threshold as f32;
    let fit = match params.tune.objective() {
        Some(objective) if params.splits.contains(&Split::Val) => {
            Some(Fit::of(&tables.pairs(Split::Val)?, headline, objective))
        }
        _ => None,
    };
    if fit.is_none() {
        let why = if params.tune.objective().is_some() { "val is not among `splits`" } else { "`tune` is \"none\"" };
        ctx.note(format!("no threshold and no temperature was fitted: {why}"));
    }
    let setting = Setting {
        labels: &tables.labels.labels,
        answer: &answer,
        threshold: headline,
        fit: fit.as_ref(),
        bins: params.bins,
        worst: params.worst,
        seed: ctx.seed(),
        resamples: params.resamples,
    };
    let mut splits = Vec::new();
    for split in &params.splits {
        tables.open(ctx, *split);
        let scored = setting.evaluate(*split, &tables.pairs(*split)?);
        ctx.note(sentence(&scored));
        splits.push(scored);
        ctx.progress(splits.len(), params.splits.len(), "splits");
    }
    let fitted = fit.map(Fit::fitted);
    let labels = tables.labels.labels;
    decision(&labels, params.threshold, fitted.as_ref()).write(&ctx.output("decision")?)?;
    let evaluation = Evaluation {
        schema: Evaluation::SCHEMA,
        labels,
        threshold: params.threshold,
        resamples: params.resamples,
        fitted,
        splits,
    };
    evaluation.write(&ctx.output("evaluation")?)
}

/// What was fitted, or else the headline's threshold and no temperature.
fn decision(labels: &[String], threshold: f64, fitted: Option<&Fitted>) -> DecisionRule {
    DecisionRule {
        schema: DecisionRule::SCHEMA,
        labels: labels.to_vec(),
        fitted_on: fitted.map_or(0, |fitted| fitted.images),
        thresholds: fitted.map_or_else(|| vec![threshold; labels.len()], |fitted| fitted.thresholds.clone()),
        temperature: fitted.map_or(1.0, |fitted| fitted.temperature),
    }
}

/// `test: exact match 0.814 [0.781, 0.845] on 600 images; always answering scab gets 0.267 [0.232, 0.303]`.
fn sentence(scored: &SplitEvaluation) -> String {
    let write = |interval: &Interval| format!("{:.3} [{:.3}, {:.3}]", interval.value, interval.low, interval.high);
    format!(
        "{}: exact match {} on {} images; always answering {} gets {}",
        scored.split,
        write(&scored.headline.exact_match),
        scored.images,
        if scored.baseline.answer.is_empty() { "no label".to_owned() } else { scored.baseline.answer.join(" ") },
        write(&scored.baseline.exact_match)
    )
}

/// The label set that most train photographs carry; of equally common ones the first by its names.
fn commonest_answer(labels: &MultiHot) -> Option<Vec<bool>> {
    let mut sets: BTreeMap<Vec<&str>, u64> = BTreeMap::new();
    for row in labels.rows.iter().filter(|row| row.split == Split::Train) {
        let names = labels.labels.iter().zip(&row.targets).filter(|(_, target)| **target == 1);
        *sets.entry(names.map(|(name, _)| name.as_str()).collect()).or_default() += 1;
    }
    let most = *sets.values().max()?;
    let (names, _) = sets.into_iter().find(|(_, count)| *count == most)?;
    Some(labels.labels.iter().map(|label| names.contains(&label.as_str())).collect())
}

#[cfg(test)]
mod tests;
