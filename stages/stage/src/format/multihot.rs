//! Labels as numbers: [`MultiHot`], one row an image, one 0/1 column a label.

use super::{Split, table};
use crate::Result;
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
        let target = |cell: &str| match cell {
            "0" => Ok(0),
            "1" => Ok(1),
            other => Err(format!("`{other}` is neither 0 nor 1")),
        };
        let (labels, rows) = table::read(&folder.join(Self::FILE), target)?;
        let row = |(image, split, targets)| MultiHotRow { image, split, targets };
        Ok(Self { labels, rows: rows.into_iter().map(row).collect() })
    }

    /// Writes `<folder>/multihot.csv`.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let rows = self.rows.iter().map(|row| (row.image.as_str(), row.split, row.targets.as_slice()));
        table::write(&folder.join(Self::FILE), &self.labels, rows)
    }
}
