//! A first look at a data set, before there is a pipeline: [`Look`], what `plantpipe init` goes by.

use super::{Split, json_format};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `look.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Look {
    pub schema: u32,
    /// The layout, in words: `a folder a class`.
    pub layout: String,
    /// Photographs with labels.
    pub photographs: u64,
    /// Photographs without.
    pub unlabelled: u64,
    /// Photographs with more than one label.
    pub several: u64,
    /// Labelled photographs by split; empty where the data set has none.
    pub splits: BTreeMap<Split, u64>,
    /// Label -> photographs.
    pub labels: BTreeMap<String, u64>,
    /// Width and height of the photograph in the middle, by area, pixels.
    pub size: (u32, u32),
}
json_format!(Look, "look.json", 1);
