//! What `explain` drew: [`Cams`], panels and maps with what each is of, and how well the maps do.

use super::{Interval, Split, json_format};
use serde::{Deserialize, Serialize};

/// `cams.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cams {
    pub schema: u32,
    /// `Grad-CAM`, `attention rollout`, ...
    pub method: String,
    /// What is looked at, by its published name: a layer whose activation is weighted (`layer4`), or the attention of
    /// every block (`blocks.*.attn`).
    pub layer: String,
    pub map_per: MapPer,
    pub panels: Vec<CamPanel>,
    /// Where lesion masks were given.
    pub lesions: Option<LesionSummary>,
    /// Where it was measured.
    pub faithfulness: Option<Faithfulness>,
}
json_format!(Cams, "cams.json", 2);

/// Whether a method knows labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MapPer {
    /// Each label of a photograph has a map of its own.
    Label,
    /// The method knows no labels: all labels of a photograph share one map.
    Photograph,
}

/// One photograph with its maps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CamPanel {
    pub image: String,
    pub split: Split,
    /// The labels it carries.
    pub truth: Vec<String>,
    /// `panels/<id>.png`, relative to the folder: photograph, one overlay a label, probabilities.
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
    /// `maps/<id>.<label>.png`, relative to the folder, 8-bit grey, at the photograph's size.
    pub file: String,
    /// The share of the map's sum that falls on this label's lesions, 0 to 1; none without a mask for it.
    pub lesion_share: Option<f64>,
    /// The share of the photograph that those lesions cover: what a uniform map would score.
    pub lesion_area: Option<f64>,
    /// Where it was measured.
    pub faithfulness: Option<MapFaithfulness>,
}

/// Means over every map that has a mask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LesionSummary {
    pub maps: u64,
    pub mean_share: f64,
    pub mean_area: f64,
}

/// Deletion and insertion (Petsiuk et al. 2018) of one map.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapFaithfulness {
    /// The photograph's pixels give way to its mean colour, the map's greatest first: lower is better.
    pub deletion: Areas,
    /// Pixels return to the blurred photograph, the map's greatest first: higher is better.
    pub insertion: Areas,
}

/// Areas under curves of the label's probability over the share of pixels changed, 0 to 1; one with the pixels in the
/// order of the map, two with other orders to hold it against.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Areas {
    pub map: f64,
    /// By a map of random values on the same grid.
    pub random: f64,
    /// From the middle outwards.
    pub centred: f64,
}

/// Deletion and insertion over every map.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Faithfulness {
    /// In how many steps all pixels are changed.
    pub steps: u64,
    pub maps: u64,
    /// Lower is better.
    pub deletion: AreaSummary,
    /// Higher is better.
    pub insertion: AreaSummary,
}

/// Means over maps, and mean differences with their 95% bootstrap intervals over photographs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AreaSummary {
    pub mean: Areas,
    /// The map's area less the random one's.
    pub map_less_random: Interval,
    /// The map's area less the centred one's.
    pub map_less_centred: Interval,
}
