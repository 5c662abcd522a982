//! Photographs that look alike: [`Duplicates`], groups of near-duplicates with what contradicts within them.

use super::{Picture, Split, json_format};
use serde::{Deserialize, Serialize};

/// `duplicates.json`; a photograph that looks like no other is in no group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Duplicates {
    pub schema: u32,
    /// How many photographs were compared.
    pub photographs: u64,
    /// Sorted by their first image.
    pub groups: Vec<DuplicateGroup>,
    /// Contact sheets of the groups, if there are any.
    pub pictures: Vec<Picture>,
}
json_format!(Duplicates, "duplicates.json", 2);

/// Two photographs or more that show the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DuplicateGroup {
    /// Sorted by id.
    pub images: Vec<DuplicateImage>,
    /// The greatest distance between two that were joined, percent as `dedup`'s param of that name; 0: equal
    /// thumbnails.
    pub distance: u32,
    /// True when two of them carry different labels.
    pub conflict: bool,
    /// True when they lie in more than one split.
    pub crosses_splits: bool,
}

/// A photograph of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DuplicateImage {
    pub image: String,
    /// None where the data set has no splits.
    pub split: Option<Split>,
    /// Sorted; none where the photograph has no row.
    pub labels: Vec<String>,
}
