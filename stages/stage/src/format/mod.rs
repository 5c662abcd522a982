//! The formats that pass between stages: each a folder with the files named here, each with a `schema` version.
//!
//! | format | folder holds | type |
//! | --- | --- | --- |
//! | `dataset` | `{train,val,test}/images/*.jpg`, `{train,val,test}_label.csv`, perhaps `dataset.json` | [`DatasetCard`], [`LabelTable`] |
//! | `masks` | `<id>.<label>.png`, 8-bit grey, 0 or 255, as large as the photograph | [`mask_file`] |
//! | `analysis` | `analysis.json` and pictures | [`Analysis`] |
//! | `duplicates` | `duplicates.json` and contact sheets | [`Duplicates`] |
//! | `splits` | `splits.csv` | [`Splits`] |
//! | `images` | `<id>.jpg`, `images.json` | [`ImagesCard`] |
//! | `multihot` | `multihot.csv` | [`MultiHot`] |
//! | `shards` | `<split>-NNN.tar`, `index.json` | [`ShardIndex`] |
//! | `weights` | a `.safetensors` file | |
//! | `model` | `model.safetensors`, `model.json`, `history.csv` | [`ModelCard`], [`Epoch`] |
//! | `features` | `<id>.npy`, `features.json` | [`FeaturesCard`] |
//! | `head` | `head.safetensors`, `head.json`, `history.csv` | [`HeadCard`], [`Epoch`] |
//! | `predictions` | `predictions.csv` | [`Predictions`] |
//! | `evaluation` | `evaluation.json` | [`Evaluation`] |
//! | `decision` | `decision.json` | [`DecisionRule`] |
//! | `comparison` | `comparison.json` | [`Comparison`] |
//! | `cams` | `cams.json`, `maps.csv`, `panels/*.png`, `maps/*.png` | [`Cams`] |
//! | `report` | `report.md` and pictures | |

mod analysis;
mod answers;
mod cams;
mod comparison;
mod dataset;
mod decision;
mod duplicates;
mod evaluation;
mod features;
mod fingerprint;
mod images;
mod lineage;
mod look;
mod mapped;
mod maps;
mod model;
mod multihot;
mod outputs;
mod predictions;
mod shards;
mod splits;
mod table;
mod ustar;

pub use analysis::{Analysis, Combination, Picture, SplitAnalysis};
pub use answers::{Answer, Answers};
pub use cams::{AreaSummary, Areas, CamMap, CamPanel, Cams, Faithfulness, LesionSummary, MapFaithfulness, MapPer};
pub use comparison::{ComparedModel, Comparison, PairComparison, SeedGroup, SplitComparison, Spread};
pub use dataset::{DatasetCard, LabelRow, LabelTable, Split, image_id, label_name, mask_file};
pub use decision::DecisionRule;
pub use duplicates::{DuplicateGroup, DuplicateImage, Duplicates};
pub use evaluation::{
    Averages, Baseline, Calibration, CurvePoint, Decisions, Evaluation, Fitted, Interval, LabelDecisions, LabelIssue,
    LabelRanking, Objective, Ranking, ReliabilityBin, SplitEvaluation, WorstImage,
};
pub use features::{
    Backbone, FeaturesCard, FeaturesSample, HEAD_WEIGHTS, HeadCard, features_bytes, features_file, read_features,
};
pub use fingerprint::fingerprint;
pub use images::{Fit, ImagesCard};
pub use lineage::{Ancestor, Edge, Lineage};
pub use look::Look;
pub use mapped::Mapped;
pub use maps::{MAPS_TABLE, map_file, panel_file, read_maps, write_maps};
pub use model::{Epoch, MODEL_HISTORY, MODEL_WEIGHTS, ModelCard, Preprocessing, read_history, write_history};
pub use multihot::{MultiHot, MultiHotRow};
pub use outputs::{OutputRow, Outputs, Scores};
pub use predictions::{Prediction, Predictions};
pub use shards::{Form, Sample, ShardFile, ShardIndex, ShardReader, ShardWriter, shard_of};
pub use splits::Splits;

use crate::{Error, IoContext, Result};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::path::Path;

/// What every document says of itself.
#[derive(Deserialize)]
struct Told {
    schema: u32,
}

/// A format that is one JSON document in a folder.
pub trait JsonFormat: Serialize + DeserializeOwned {
    /// The file's name in its folder.
    const FILE: &'static str;
    /// The version written, and the only one read.
    const SCHEMA: u32;

    /// Reads `<folder>/<FILE>`.
    fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(Self::FILE);
        let text = std::fs::read_to_string(&path).io("read", &path)?;
        // First of all: a document of another schema may lack anything else.
        if let Ok(Told { schema }) = serde_json::from_str(&text)
            && schema != Self::SCHEMA
        {
            let message = format!("schema {schema}, but this plantpipe reads {}", Self::SCHEMA);
            return Err(Error::at(&path, message).hint("make it again with this plantpipe"));
        }
        serde_json::from_str(&text).map_err(|error| Error::at(&path, error))
    }

    /// Writes `<folder>/<FILE>`, indented, with a newline at the end.
    fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(Self::FILE);
        let mut text = serde_json::to_string_pretty(self).map_err(|error| Error::at(&path, error))?;
        text.push('\n');
        crate::context::write(&path, text.as_bytes())
    }
}

/// Implements [`JsonFormat`] for a struct with a `schema: u32` field.
macro_rules! json_format {
    ($type:ty, $file:literal, $schema:literal) => {
        impl crate::format::JsonFormat for $type {
            const FILE: &'static str = $file;
            const SCHEMA: u32 = $schema;
        }
    };
}
use json_format;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_of_another_schema_is_refused_by_that_and_not_by_what_it_lacks() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(ImagesCard::FILE), r#"{"schema": 99, "side": 7}"#).expect("writes");
        let error = ImagesCard::read(folder.path()).expect_err("refused");
        assert!(
            error.message.ends_with(&format!("schema 99, but this plantpipe reads {}", ImagesCard::SCHEMA)),
            "{error}"
        );
        std::fs::write(folder.path().join(ImagesCard::FILE), r#"{"side": 7}"#).expect("writes");
        let error = ImagesCard::read(folder.path()).expect_err("refused");
        assert!(error.message.contains("unknown field `side`"), "{error}");
    }
}
