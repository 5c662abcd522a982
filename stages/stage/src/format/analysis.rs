//! What `analyze` found in a data set: [`Analysis`], tables and the names of pictures.

use super::{Split, json_format};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `analysis.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Analysis {
    pub schema: u32,
    /// The data set's name, from its card, if it has one.
    pub name: Option<String>,
    /// True when the card says that the photographs are drawn by a program.
    pub synthetic: bool,
    /// The card's description.
    pub description: Option<String>,
    /// Sorted label names.
    pub labels: Vec<String>,
    pub splits: Vec<SplitAnalysis>,
    /// `cooccurrence[i][j]`: photographs (all splits) that carry label i and label j; the diagonal counts label i.
    pub cooccurrence: Vec<Vec<u64>>,
    /// Every label set that occurs, commonest first.
    pub combinations: Vec<Combination>,
    /// Width x height in pixels ("256x256") -> photographs.
    pub dimensions: BTreeMap<String, u64>,
    pub pictures: Vec<Picture>,
}
json_format!(Analysis, "analysis.json", 2);

/// One split's counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitAnalysis {
    pub split: Split,
    /// Labelled photographs.
    pub images: u64,
    /// Photographs without a row in the label table; they take no part.
    pub unlabelled: u64,
    /// In the order of [`Analysis::labels`].
    pub label_counts: Vec<u64>,
    /// Labels a photograph -> photographs.
    pub labels_per_image: BTreeMap<u64, u64>,
    /// Mean number of labels a photograph.
    pub cardinality: f64,
    /// Names the split, wherever its files lie ([`super::fingerprint()`]).
    pub fingerprint: String,
}

/// A label set and how often it occurs, a split each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Combination {
    pub labels: Vec<String>,
    pub counts: BTreeMap<Split, u64>,
}

/// A picture file beside the JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Picture {
    pub file: String,
    /// What it shows: the caption and the alternative text.
    pub caption: String,
    /// Whether it shows photographs of the data set.
    pub photographs: bool,
}
