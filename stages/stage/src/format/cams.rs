//! What `explain` drew: [`Cams`], panels and maps with what each is of.

use super::{Split, json_format};
use serde::{Deserialize, Serialize};

/// `cams.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cams {
    pub schema: u32,
    /// `Grad-CAM`, ...
    pub method: String,
    /// The layer whose activation is weighted, by its published name (`layer4`).
    pub layer: String,
    pub panels: Vec<CamPanel>,
    /// Where lesion masks were given.
    pub lesions: Option<LesionSummary>,
}
json_format!(Cams, "cams.json", 1);

/// One photograph with its maps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CamPanel {
    pub image: String,
    pub split: Split,
    /// The labels it carries.
    pub truth: Vec<String>,
    /// `panels/<name>.png`, relative to the folder: photograph, one overlay a label, probabilities.
    pub file: String,
    pub maps: Vec<CamMap>,
}

/// One map: an image and a label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CamMap {
    pub label: String,
    /// 0 to 1.
    pub probability: f64,
    /// `maps/<name>.png`, relative to the folder, 8-bit grey, at the photograph's size.
    pub file: String,
    /// The share of the map's sum that falls on this label's lesions, 0 to 1; none without a mask for it.
    pub lesion_share: Option<f64>,
    /// The share of the photograph that those lesions cover: what a uniform map would score.
    pub lesion_area: Option<f64>,
}

/// Means over every map that has a mask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LesionSummary {
    pub maps: u64,
    pub mean_share: f64,
    pub mean_area: f64,
}
