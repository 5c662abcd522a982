//! Labels as numbers: [`MultiHot`], one row an image, one 0/1 column a label.

use super::Split;
use crate::{Error, IoContext, Result};
use std::path::Path;

/// `multihot.csv`: columns `image,split,<label>...`, rows sorted by image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MultiHot {
    /// Sorted.
    pub labels: Vec<String>,
    pub rows: Vec<MultiHotRow>,
}

/// An image's targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MultiHotRow {
    pub image: String,
    pub split: Split,
    /// 0 or 1, a label each.
    pub targets: Vec<u8>,
}

impl MultiHot {
    pub const FILE: &'static str = "multihot.csv";

    /// Reads `<folder>/multihot.csv`.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(Self::FILE);
        let mut reader = csv::Reader::from_path(&path).io("read", &path)?;
        let bad = |what: String| Error::at(&path, what);
        let header = reader.headers().map_err(|error| bad(error.to_string()))?;
        if header.get(0) != Some("image") || header.get(1) != Some("split") {
            return Err(bad("the first columns are not `image,split`".to_owned()));
        }
        let labels = header.iter().skip(2).map(str::to_owned).collect();
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|error| bad(error.to_string()))?;
            let split =
                super::predictions::split(&record[1]).ok_or_else(|| bad(format!("unknown split `{}`", &record[1])))?;
            let targets = record
                .iter()
                .skip(2)
                .map(|cell| match cell {
                    "0" => Ok(0),
                    "1" => Ok(1),
                    other => Err(bad(format!("`{other}` is neither 0 nor 1"))),
                })
                .collect::<Result<_>>()?;
            rows.push(MultiHotRow { image: record[0].to_owned(), split, targets });
        }
        Ok(Self { labels, rows })
    }

    /// Writes `<folder>/multihot.csv`.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(Self::FILE);
        let mut writer = csv::Writer::from_writer(Vec::new());
        let row = |writer: &mut csv::Writer<Vec<u8>>, cells: Vec<String>| {
            writer.write_record(cells).map_err(|error| Error::at(&path, error))
        };
        row(
            &mut writer,
            ["image", "split"].map(str::to_owned).into_iter().chain(self.labels.iter().cloned()).collect(),
        )?;
        for line in &self.rows {
            let cells = [line.image.clone(), line.split.name().to_owned()];
            row(&mut writer, cells.into_iter().chain(line.targets.iter().map(u8::to_string)).collect())?;
        }
        let bytes = writer.into_inner().map_err(|error| Error::at(&path, error))?;
        crate::context::write(&path, &bytes)
    }
}
