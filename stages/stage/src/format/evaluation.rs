//! What `evaluate` measured: [`Evaluation`], every metric by its name, with intervals.

use super::{Split, json_format};
use serde::{Deserialize, Serialize};

/// `evaluation.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    pub schema: u32,
    pub labels: Vec<String>,
    /// The headline's: probabilities at or above it count as present.
    pub threshold: f64,
    /// Bootstrap resamples behind each interval, over images.
    pub resamples: u64,
    /// What was fitted on val; None: nothing was.
    pub fitted: Option<Fitted>,
    pub splits: Vec<SplitEvaluation>,
}
json_format!(Evaluation, "evaluation.json", 2);

/// What was fitted on the split `val`, and on nothing else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fitted {
    /// How many images of val it was fitted on.
    pub images: u64,
    /// What the thresholds make greatest on val.
    pub objective: Objective,
    /// A threshold a label, on probabilities as they were predicted.
    pub thresholds: Vec<f64>,
    /// Logits are divided by it: above 1 makes probabilities less certain.
    pub temperature: f64,
    /// Whether the temperature stopped at an end of its range (0.05 to 20), as where the answers are all right.
    pub temperature_at_bound: bool,
}

/// What thresholds are fitted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// Each label's F1, a label at a time.
    F1,
    /// The exact match, all labels together.
    ExactMatch,
}

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
    /// Mean number of labels that an image carries.
    pub cardinality: f64,
    /// At [`Evaluation::threshold`].
    pub headline: Decisions,
    /// At the thresholds of [`Evaluation::fitted`].
    pub tuned: Option<Decisions>,
    /// What needs no threshold.
    pub ranking: Ranking,
    /// Probabilities as they were predicted.
    pub calibration: Calibration,
    /// Probabilities at the temperature of [`Evaluation::fitted`].
    pub scaled_calibration: Option<Calibration>,
    pub baseline: Baseline,
    /// The images of the greatest loss, greatest first.
    pub worst: Vec<WorstImage>,
    /// Labels that are likely wrong, likeliest first.
    pub label_issues: Vec<LabelIssue>,
}

/// Every metric of yes-or-no answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decisions {
    /// Subset accuracy: every label right.
    pub exact_match: Interval,
    /// Share of the images x labels decisions that are right.
    pub hamming_accuracy: Interval,
    /// All decisions together.
    pub micro: Averages,
    /// Mean over labels.
    #[serde(rename = "macro")]
    pub macro_: Averages,
    /// Mean over labels, weighted by support.
    pub weighted: Averages,
    /// Mean over images.
    pub samples: Averages,
    /// Mean number of labels an answer has.
    pub cardinality: f64,
    pub per_label: Vec<LabelDecisions>,
    /// `substitutions[i][j]`: images where label i was missed and label j said wrongly.
    pub substitutions: Vec<Vec<u64>>,
}

/// Precision, recall and F1, averaged in one way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Averages {
    pub precision: f64,
    pub recall: f64,
    pub f1: Interval,
}

/// One label as a binary decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelDecisions {
    pub label: String,
    pub threshold: f64,
    pub true_positives: u64,
    pub false_positives: u64,
    pub false_negatives: u64,
    pub true_negatives: u64,
    pub precision: f64,
    pub recall: f64,
    /// Recall of the absent: TN / (TN + FP).
    pub specificity: f64,
    pub f1: Interval,
}

/// What the order of the probabilities is worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ranking {
    /// Mean over labels of average precision; labels without a positive are left out.
    pub mean_average_precision: Interval,
    /// Average precision of all images x labels decisions together.
    pub micro_average_precision: Interval,
    /// Mean over labels of the area under the ROC curve; labels that all or no images carry are left out.
    pub macro_auroc: Interval,
    pub per_label: Vec<LabelRanking>,
}

/// One label's ranking of the images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelRanking {
    pub label: String,
    /// None where the split has no positive.
    pub average_precision: Option<Interval>,
    /// None where the split has no positive or no negative.
    pub auroc: Option<Interval>,
    /// The precision-recall curve by falling threshold, thinned to steps of at least 0.01 in recall; a curve is a
    /// staircase: between two points the precision of the later one holds.
    pub curve: Vec<CurvePoint>,
}

/// Precision and recall where images at or above a threshold are said to carry the label.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CurvePoint {
    pub threshold: f64,
    pub precision: f64,
    pub recall: f64,
}

/// How far probabilities are what they say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Expected calibration error over all images x labels decisions: the mean distance between a bin's mean
    /// probability and its share of positives, weighted by the bin's decisions.
    pub ece: Interval,
    /// Mean over labels of each label's own expected calibration error.
    pub classwise_ece: f64,
    /// Mean squared distance between probability and truth (0 or 1) over all decisions.
    pub brier: f64,
    /// Mean binary cross-entropy over all decisions, natural logarithm.
    pub nll: f64,
    /// Bins of equal width over 0 to 1, also those without a decision.
    pub bins: Vec<ReliabilityBin>,
}

/// The decisions whose probability is from `low` to below `high` (in the last bin: to `high`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReliabilityBin {
    pub low: f64,
    pub high: f64,
    pub decisions: u64,
    /// None where there is no decision.
    pub mean_probability: Option<f64>,
    /// Share of the decisions whose label is there; None where there is no decision.
    pub positives: Option<f64>,
}

/// What always answering the commonest label set of the train split scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    pub answer: Vec<String>,
    pub exact_match: Interval,
}

/// An image on which the model is far from the truth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorstImage {
    pub image: String,
    /// Mean binary cross-entropy over its labels.
    pub loss: f64,
    pub truth: Vec<String>,
    /// At the headline's threshold.
    pub answer: Vec<String>,
    /// In the order of [`Evaluation::labels`].
    pub probabilities: Vec<f64>,
}

/// A label of an image that is likely wrong: the model says the opposite, and as surely as it says it on average of
/// the images that are labelled with the opposite (confident learning).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelIssue {
    pub image: String,
    pub label: String,
    /// Whether the image carries the label.
    pub given: bool,
    /// The model's probability that it should.
    pub probability: f64,
    /// The probability of what is given: the lower, the likelier it is wrong.
    pub self_confidence: f64,
}
