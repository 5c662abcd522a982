//! What a model says of each image: [`Predictions`], one row an image, one probability a label.

use super::{Split, table};
use crate::Result;
use std::path::Path;

/// `predictions.csv`: columns `image,split,<label>...`, rows sorted by image, every sample of the splits asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    pub labels: Vec<String>,
    pub rows: Vec<Prediction>,
}

/// An image's probabilities.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    pub image: String,
    pub split: Split,
    /// 0 to 1, a label each (sigmoid, not logits).
    pub probabilities: Vec<f32>,
}

impl Predictions {
    pub const FILE: &'static str = "predictions.csv";

    /// Reads `<folder>/predictions.csv`.
    ///
    /// # Errors
    /// A missing file, an unknown split, a value that is no probability.
    pub fn read(folder: &Path) -> Result<Self> {
        let probability = |cell: &str| {
            let value: f32 = cell.parse().map_err(|_| format!("`{cell}` is no number"))?;
            if (0.0..=1.0).contains(&value) { Ok(value) } else { Err(format!("`{cell}` is no probability")) }
        };
        let (labels, rows) = table::read(&folder.join(Self::FILE), probability)?;
        let row = |(image, split, probabilities)| Prediction { image, split, probabilities };
        Ok(Self { labels, rows: rows.into_iter().map(row).collect() })
    }

    /// Writes `<folder>/predictions.csv`; each number in its shortest form that reads back the same.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let rows = self.rows.iter().map(|row| (row.image.as_str(), row.split, row.probabilities.as_slice()));
        table::write(&folder.join(Self::FILE), &self.labels, rows)
    }
}
