//! The kind `evaluate`: predictions against labels, every sample counted, every metric with its interval
//! ([`Evaluation`]).

use crate::bootstrap::{interval, resample};
use crate::metrics::{Outcomes, Scores};
use crate::pairing::Tables;
use plantpipe_stage::format::{
    Baseline, Evaluation, Interval, JsonFormat, LabelEvaluation, MultiHot, Split, SplitEvaluation,
};
use plantpipe_stage::sources;
use plantpipe_stage::{
    Arity, Code, Context, Error, InputSpec, Kind, Opening, OutputSpec, ParamSpec, ParamType, Reads, Result, Uses, code,
};
use rayon::prelude::*;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

pub const EVALUATE: Kind = Kind {
    name: "evaluate",
    doc: "scores predictions: exact match, Hamming accuracy, F1, average precision, with 95% bootstrap intervals",
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
    outputs: &[OutputSpec { name: "evaluation", doc: "every metric by its name", format: "evaluation" }],
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
    ],
    code: &[&CODE, &sources::RANDOM, &sources::TABLES],
    crates: &["rand", "rand_chacha"],
    uses: Uses { seed: true, ..Uses::NOTHING },
    run,
};

const CODE: Code = code!("judge", "evaluate.rs", "pairing.rs", "metrics.rs", "bootstrap.rs");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    threshold: f64,
    splits: BTreeSet<Split>,
    resamples: u64,
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
    let mut splits = Vec::new();
    for split in &params.splits {
        let pairs = tables.pairs(*split)?;
        if *split == Split::Test {
            ctx.open(Opening { answers: tables.labels.fingerprint(*split), size: pairs.truth.len() as u64 });
        }
        // The table holds f32: a probability printed as 0.7 is at a threshold written as 0.7.
        let outcomes = Outcomes::new(&pairs.truth, &pairs.probabilities, params.threshold as f32);
        let baseline: Vec<bool> = pairs.truth.iter().map(|truth| *truth == answer).collect();
        let resampled = Resampled::draw(&outcomes, &baseline, *split, ctx.seed(), params.resamples);
        let scored = resampled.evaluate(*split, &tables.labels.labels, &answer);
        ctx.note(sentence(&scored));
        splits.push(scored);
        ctx.progress(splits.len(), params.splits.len(), "splits");
    }
    let evaluation = Evaluation {
        schema: Evaluation::SCHEMA,
        labels: tables.labels.labels,
        threshold: params.threshold,
        resamples: params.resamples,
        splits,
    };
    evaluation.write(&ctx.output("evaluation")?)
}

/// `test: exact match 0.814 [0.781, 0.845] on 600 images; always answering scab gets 0.267 [0.232, 0.303]`.
fn sentence(scored: &SplitEvaluation) -> String {
    let write = |interval: &Interval| format!("{:.3} [{:.3}, {:.3}]", interval.value, interval.low, interval.high);
    format!(
        "{}: exact match {} on {} images; always answering {} gets {}",
        scored.split,
        write(&scored.exact_match),
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

/// A split's scores, and those of its resamples.
struct Resampled {
    scores: Scores,
    baseline: f64,
    draws: Vec<(Scores, f64)>,
}

impl Resampled {
    fn draw(outcomes: &Outcomes, baseline: &[bool], split: Split, seed: u64, resamples: u64) -> Self {
        let all = |weights: &[u32]| (outcomes.scores(weights), share(baseline, weights));
        let (scores, share) = all(&vec![1; outcomes.len()]);
        let draws =
            (0..resamples).into_par_iter().map(|number| all(&resample(seed, split, number, outcomes.len()))).collect();
        Self { scores, baseline: share, draws }
    }

    fn evaluate(&self, split: Split, labels: &[String], answer: &[bool]) -> SplitEvaluation {
        let per_label =
            labels.iter().zip(&self.scores.per_label).enumerate().map(|(place, (label, scores))| LabelEvaluation {
                label: label.clone(),
                true_positives: scores.counts.true_positives,
                false_positives: scores.counts.false_positives,
                false_negatives: scores.counts.false_negatives,
                true_negatives: scores.counts.true_negatives,
                precision: scores.precision,
                recall: scores.recall,
                f1: self.interval(|scores| scores.per_label[place].f1),
                average_precision: scores.average_precision,
            });
        let answer = labels.iter().zip(answer).filter(|(_, on)| **on).map(|(label, _)| label.clone()).collect();
        let baselines = self.draws.iter().map(|(_, baseline)| *baseline).collect();
        SplitEvaluation {
            split,
            images: self.images(),
            exact_match: self.interval(|scores| scores.exact_match),
            hamming_accuracy: self.interval(|scores| scores.hamming_accuracy),
            micro_f1: self.interval(|scores| scores.micro_f1),
            macro_f1: self.interval(|scores| scores.macro_f1),
            weighted_f1: self.interval(|scores| scores.weighted_f1),
            samples_f1: self.interval(|scores| scores.samples_f1),
            mean_average_precision: self.interval(|scores| scores.mean_average_precision),
            per_label: per_label.collect(),
            baseline: Baseline { answer, exact_match: interval(self.baseline, baselines) },
        }
    }

    fn interval(&self, metric: impl Fn(&Scores) -> f64) -> Interval {
        interval(metric(&self.scores), self.draws.iter().map(|(scores, _)| metric(scores)).collect())
    }

    fn images(&self) -> u64 {
        self.scores.per_label.first().map_or(0, |label| label.counts.total())
    }
}

/// The weighted share of the true ones.
fn share(hits: &[bool], weights: &[u32]) -> f64 {
    let hit: u32 = hits.iter().zip(weights).filter(|(hit, _)| **hit).map(|(_, weight)| *weight).sum();
    f64::from(hit) / f64::from(weights.iter().sum::<u32>())
}

#[cfg(test)]
mod tests;
