//! This crate's own source files, for the kinds whose results depend on them: each lists what it goes through.

use crate::{Code, code};

/// Keyed random numbers.
pub const RANDOM: Code = code!("stage", "random.rs");
/// What a run goes on from.
pub const CHECKPOINT: Code = code!("stage", "checkpoint.rs");
/// How photographs were made ready.
pub const IMAGES: Code = code!("stage", "format/images.rs");
/// Reading and writing shards.
pub const SHARDS: Code =
    code!("stage", "ahead.rs", "format/images.rs", "format/mapped.rs", "format/shards.rs", "format/ustar.rs");
/// Reading and writing features.
pub const FEATURES: Code = code!("stage", "format/features.rs");
/// Reading and writing tables: labels, multi-hot labels, splits, predictions.
pub const TABLES: Code = code!(
    "stage",
    "format/dataset.rs",
    "format/fingerprint.rs",
    "format/multihot.rs",
    "format/predictions.rs",
    "format/splits.rs",
    "format/table.rs"
);
/// Reading and writing the table of maps.
pub const MAPS: Code = code!("stage", "format/maps.rs");
/// What is asked outside a pipeline.
pub const TOOLS: Code = code!("stage", "format/answers.rs", "format/look.rs", "format/outputs.rs");
/// The documents that stages write.
pub const DOCUMENTS: Code = code!(
    "stage",
    "format/mod.rs",
    "format/analysis.rs",
    "format/cams.rs",
    "format/comparison.rs",
    "format/decision.rs",
    "format/duplicates.rs",
    "format/evaluation.rs",
    "format/lineage.rs",
    "format/model.rs",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_listed() {
        let listed: Vec<&str> = [&RANDOM, &IMAGES, &SHARDS, &FEATURES, &TABLES, &MAPS, &TOOLS, &DOCUMENTS]
            .iter()
            .flat_map(|c| c.files)
            .map(|f| f.name)
            .collect();
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/format");
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let name = format!("format/{}", entry.file_name().display());
            assert!(listed.contains(&name.as_str()), "{name} is listed by no Code");
        }
    }
}
