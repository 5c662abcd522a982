//! Labels as numbers: [`MultiHot`], one row an image, one 0/1 column a label.

use super::{Split, fingerprint, table};
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

    /// Names the answers of a split: equal to that of [`super::SplitAnalysis`].
    #[must_use]
    pub fn fingerprint(&self, split: Split) -> String {
        let rows = self.rows.iter().filter(|row| row.split == split);
        fingerprint(rows.map(|row| {
            let labels = self.labels.iter().zip(&row.targets).filter(|(_, target)| **target == 1);
            (row.image.as_str(), labels.map(|(label, _)| label.as_str()))
        }))
    }

    /// Writes `<folder>/multihot.csv`.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let rows = self.rows.iter().map(|row| (row.image.as_str(), row.split, row.targets.as_slice()));
        table::write(&folder.join(Self::FILE), &self.labels, rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_of_one_split_and_of_no_order() {
        let row =
            |image: &str, split, targets: [u8; 2]| MultiHotRow { image: image.into(), split, targets: targets.into() };
        let (a, b) = (row("a", Split::Test, [0, 1]), row("b", Split::Test, [1, 1]));
        let of = |rows: &[&MultiHotRow]| MultiHot {
            labels: vec!["rust".into(), "scab".into()],
            rows: rows.iter().map(|row| (*row).clone()).collect(),
        };
        let wanted = blake3::hash(b"a,scab\nb,rust scab\n").to_hex();
        assert_eq!(of(&[&b, &a, &row("c", Split::Val, [1, 0])]).fingerprint(Split::Test), wanted.as_str());
        assert_ne!(of(&[&a]).fingerprint(Split::Test), wanted.as_str());
    }
}
