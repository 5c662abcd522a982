//! What `evaluate` measured: [`Evaluation`], every metric by its name, with intervals.

use super::{Split, json_format};
use serde::{Deserialize, Serialize};

/// `evaluation.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    pub schema: u32,
    pub labels: Vec<String>,
    /// Probabilities at or above it count as present.
    pub threshold: f64,
    /// Bootstrap resamples behind each interval, over images.
    pub resamples: u64,
    pub splits: Vec<SplitEvaluation>,
}
json_format!(Evaluation, "evaluation.json", 1);

/// A value with its 95% bootstrap interval (percentile).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

/// One split, every sample counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitEvaluation {
    pub split: Split,
    pub images: u64,
    /// Subset accuracy: every label right.
    pub exact_match: Interval,
    /// Share of the images x labels decisions that are right.
    pub hamming_accuracy: Interval,
    pub micro_f1: Interval,
    pub macro_f1: Interval,
    pub weighted_f1: Interval,
    pub samples_f1: Interval,
    /// Mean over labels of average precision; labels without a positive are left out.
    pub mean_average_precision: Interval,
    pub per_label: Vec<LabelEvaluation>,
    pub baseline: Baseline,
}

/// One label as a binary decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelEvaluation {
    pub label: String,
    pub true_positives: u64,
    pub false_positives: u64,
    pub false_negatives: u64,
    pub true_negatives: u64,
    pub precision: f64,
    pub recall: f64,
    pub f1: Interval,
    /// None where the split has no positive.
    pub average_precision: Option<f64>,
}

/// What always answering the commonest label set of the train split scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    pub answer: Vec<String>,
    pub exact_match: Interval,
}
