//! How photographs were made ready: [`ImagesCard`] goes with them from `resize` into shards and models, so that a
//! photograph asked about later is made ready the same way.

use super::json_format;
use serde::{Deserialize, Serialize};

/// `images.json`: the size and form of every photograph of the folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImagesCard {
    pub schema: u32,
    /// Side of the square, pixels.
    pub size: u32,
    pub fit: Fit,
    /// JPEG quality, 1 to 100, of those that did not pass through untouched.
    pub quality: u8,
}
json_format!(ImagesCard, "images.json", 1);

/// How a photograph of another shape becomes a square.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// The whole photograph, its sides scaled apart.
    Squash,
    /// The largest centred square.
    Crop,
    /// The whole photograph, black bars at its sides.
    Pad,
}

impl Fit {
    /// The words, for params.
    pub const NAMES: &'static [&'static str] = &["squash", "crop", "pad"];
}
