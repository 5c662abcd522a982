//! The course split of Plant Pathology 2021 and the results published on it: [`Row`]s that may stand beside ours only
//! where val and test are those very photographs with those very labels.

use plantpipe_stage::format::{Analysis, Split};

/// A published model: exact match on val and test.
pub(super) struct Row {
    pub(super) model: &'static str,
    pub(super) val: f64,
    pub(super) test: f64,
}

/// The published results; they come without intervals.
pub(super) const ROWS: &[Row] = &[
    Row { model: "ResNet50, BCE, Momentum", val: 0.858, test: 0.814 },
    Row { model: "ResNet50, focal loss", val: 0.859, test: 0.835 },
    Row { model: "ViT-B/16, BCE", val: 0.859, test: 0.840 },
];

/// On how many photographs the published figures were most likely computed: they are whole shares of 576 = 18 x 32,
/// so the last, incomplete batch was dropped.
pub(super) const IMAGES: u64 = 576;

/// Fingerprints ([`plantpipe_stage::format::SplitAnalysis::fingerprint`]) of the course split, made from its
/// `val_label.csv` and `test_label.csv` (600 rows each): blake3 over the sorted lines `id,label label\n`. The test
/// below makes them again where the data set lies beside the repository.
const FINGERPRINTS: [(Split, &str); 2] = [
    (Split::Val, "b10be60d7e62666c53981c991a9a7c5fb63b2f9e51946eb8a44654122f337174"),
    (Split::Test, "1276634c0e856e7688c05dd882fbd85d0118cc5632071af2198e2ca066324354"),
];

/// Whether a data set's val and test are the course split's.
pub(super) fn is_course_split(analysis: &Analysis) -> bool {
    FINGERPRINTS.iter().all(|(split, fingerprint)| {
        analysis.splits.iter().any(|found| found.split == *split && found.fingerprint == *fingerprint)
    })
}

#[cfg(test)]
pub(super) fn fingerprint(split: Split) -> Option<&'static str> {
    FINGERPRINTS.iter().find(|(known, _)| *known == split).map(|(_, fingerprint)| *fingerprint)
}

#[cfg(test)]
mod tests {
    use super::{FINGERPRINTS, IMAGES, ROWS};
    use plantpipe_stage::format::{LabelTable, image_id};
    use std::path::Path;

    #[test]
    fn the_fingerprints_are_those_of_the_course_split() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/plant_dataset");
        if !root.exists() {
            println!("skipped: the course data set is not at ../shared/data/plant_dataset");
            return;
        }
        for (split, fingerprint) in FINGERPRINTS {
            let table = LabelTable::read(&split.table(&root)).expect("reads");
            let mut lines: Vec<String> =
                table.rows.iter().map(|row| format!("{},{}\n", image_id(&row.image), row.labels.join(" "))).collect();
            lines.sort();
            assert_eq!(blake3::hash(lines.concat().as_bytes()).to_hex().as_str(), fingerprint, "{split}");
        }
    }

    #[test]
    fn every_published_figure_is_a_share_of_576_photographs() {
        for value in ROWS.iter().flat_map(|row| [row.val, row.test]) {
            let nearest = (value * IMAGES as f64).round() / IMAGES as f64;
            assert!((nearest - value).abs() <= 0.0005, "{value}");
        }
    }
}
