//! The maps of `explain` as a table, `maps.csv`: [`write_maps`] and [`read_maps`]; and what its pictures are called.

use super::{Areas, CamMap, CamPanel, MapFaithfulness};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// File name of the table: a row a map, what `cams.json` says of it.
pub const MAPS_TABLE: &str = "maps.csv";

/// A row. CSV's numbers read back the same; JSON's need not.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    image: String,
    label: String,
    probability: f64,
    lesion_share: Option<f64>,
    lesion_area: Option<f64>,
    deletion: Option<f64>,
    deletion_random: Option<f64>,
    deletion_centred: Option<f64>,
    insertion: Option<f64>,
    insertion_random: Option<f64>,
    insertion_centred: Option<f64>,
}

/// `panels/<id>.png`.
#[must_use]
pub fn panel_file(id: &str) -> String {
    format!("panels/{id}.png")
}

/// `maps/<id>.<label>.png`.
#[must_use]
pub fn map_file(id: &str, label: &str) -> String {
    format!("maps/{id}.{label}.png")
}

/// Writes `<folder>/maps.csv`, in the order of the panels and their maps, and returns its bytes.
pub fn write_maps(folder: &Path, panels: &[CamPanel]) -> Result<Vec<u8>> {
    let path = folder.join(MAPS_TABLE);
    let mut writer = csv::Writer::from_writer(Vec::new());
    for (panel, map) in panels.iter().flat_map(|panel| panel.maps.iter().map(move |map| (panel, map))) {
        writer.serialize(row(&panel.image, map)).map_err(|error| Error::at(&path, error))?;
    }
    let bytes = writer.into_inner().map_err(|error| Error::at(&path, error))?;
    crate::context::write(&path, &bytes)?;
    Ok(bytes)
}

/// Reads the table in a file: the maps of each photograph, in their order.
///
/// # Errors
/// A missing file, other columns, a cell that is no number.
pub fn read_maps(path: &Path) -> Result<BTreeMap<String, Vec<CamMap>>> {
    let mut reader = csv::Reader::from_path(path).map_err(|error| Error::at(path, error))?;
    let mut maps: BTreeMap<String, Vec<CamMap>> = BTreeMap::new();
    for row in reader.deserialize() {
        let row: Row = row.map_err(|error| Error::at(path, error))?;
        maps.entry(row.image.clone()).or_default().push(map(row));
    }
    Ok(maps)
}

fn row(image: &str, map: &CamMap) -> Row {
    let [deletion, insertion] =
        [map.faithfulness.map(|found| found.deletion), map.faithfulness.map(|found| found.insertion)];
    Row {
        image: image.to_owned(),
        label: map.label.clone(),
        probability: map.probability,
        lesion_share: map.lesion_share,
        lesion_area: map.lesion_area,
        deletion: deletion.map(|areas| areas.map),
        deletion_random: deletion.map(|areas| areas.random),
        deletion_centred: deletion.map(|areas| areas.centred),
        insertion: insertion.map(|areas| areas.map),
        insertion_random: insertion.map(|areas| areas.random),
        insertion_centred: insertion.map(|areas| areas.centred),
    }
}

fn map(row: Row) -> CamMap {
    let areas = |map: Option<f64>, random: Option<f64>, centred: Option<f64>| {
        Some(Areas { map: map?, random: random?, centred: centred? })
    };
    let deletion = areas(row.deletion, row.deletion_random, row.deletion_centred);
    let insertion = areas(row.insertion, row.insertion_random, row.insertion_centred);
    CamMap {
        file: map_file(&row.image, &row.label),
        label: row.label,
        probability: row.probability,
        lesion_share: row.lesion_share,
        lesion_area: row.lesion_area,
        faithfulness: deletion.zip(insertion).map(|(deletion, insertion)| MapFaithfulness { deletion, insertion }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Split;

    fn some_map(label: &str, lesions: Option<f64>, faithfulness: Option<MapFaithfulness>) -> CamMap {
        CamMap {
            label: label.to_owned(),
            probability: f64::from(0.800_207_85_f32),
            file: map_file("a", label),
            lesion_share: lesions,
            lesion_area: lesions.map(|share| share / 7.0),
            faithfulness,
        }
    }

    #[test]
    fn every_bit_of_a_map_reads_back_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        // Digits that a quick reader of JSON gets wrong by a bit.
        let areas = |first: f64| Areas { map: first, random: first / 3.0, centred: 2.225_073_858_507_201e-308 };
        let tried = MapFaithfulness { deletion: areas(0.1 + 0.2), insertion: areas(5e-324) };
        let maps = vec![some_map("rust", Some(1.0 / 3.0), Some(tried)), some_map("a,b", None, None)];
        let panel = CamPanel {
            image: "a".to_owned(),
            split: Split::Test,
            truth: Vec::new(),
            file: panel_file("a"),
            maps: maps.clone(),
        };
        let bytes = write_maps(folder.path(), &[panel]).expect("writes");
        let path = folder.path().join(MAPS_TABLE);
        assert_eq!(std::fs::read(&path).expect("reads"), bytes);
        assert_eq!(read_maps(&path).expect("reads"), BTreeMap::from([("a".to_owned(), maps)]));
        std::fs::write(&path, "image,label\na,rust\n").expect("writes");
        assert!(read_maps(&path).is_err());
    }
}
