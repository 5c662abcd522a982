//! What `compare` found between models: [`Comparison`], paired tests and the spread over seeds.

use super::{Interval, Split, json_format};
use serde::{Deserialize, Serialize};

/// `comparison.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    pub schema: u32,
    /// Probabilities at or above it count as present.
    pub threshold: f64,
    /// Bootstrap resamples behind each interval, over images.
    pub resamples: u64,
    pub splits: Vec<SplitComparison>,
}
json_format!(Comparison, "comparison.json", 1);

/// All models on one split, every sample counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitComparison {
    pub split: Split,
    pub images: u64,
    /// In the order the pipeline names them.
    pub models: Vec<ComparedModel>,
    /// Every pair once, in the order of the models.
    pub pairs: Vec<PairComparison>,
    /// Models that differ by nothing but seeds; only those of two members or more.
    pub seeds: Vec<SeedGroup>,
}

/// One model's scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComparedModel {
    /// The stage that its predictions come from.
    pub stage: String,
    pub exact_match: Interval,
    pub macro_f1: Interval,
    pub mean_average_precision: Interval,
}

/// Two models on the same images; a difference is `first` minus `second`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairComparison {
    pub first: String,
    pub second: String,
    /// Images on which every label is right by the first alone.
    pub only_first_right: u64,
    pub only_second_right: u64,
    /// Exact McNemar test on exact match: two-sided, binomial with p = 1/2.
    pub mcnemar_p: f64,
    /// The same, adjusted for all pairs of the split (Holm).
    pub mcnemar_p_holm: f64,
    /// Differences, each with its paired bootstrap interval.
    pub exact_match: Interval,
    pub macro_f1: Interval,
    pub mean_average_precision: Interval,
}

/// Models that differ by nothing but seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedGroup {
    pub stages: Vec<String>,
    pub exact_match: Spread,
    pub macro_f1: Spread,
    pub mean_average_precision: Spread,
}

/// Mean and standard deviation (n - 1) over the members.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    pub mean: f64,
    pub deviation: f64,
}
