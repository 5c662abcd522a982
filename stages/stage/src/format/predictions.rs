//! What a model says of each image: [`Predictions`], one row an image, one probability a label.

use super::Split;
use crate::{Error, IoContext, Result};
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

/// The split of a name.
pub(super) fn split(name: &str) -> Option<Split> {
    Split::ALL.into_iter().find(|split| split.name() == name)
}

impl Predictions {
    pub const FILE: &'static str = "predictions.csv";

    /// Reads `<folder>/predictions.csv`.
    ///
    /// # Errors
    /// A missing file, an unknown split, a value that is no probability.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(Self::FILE);
        let bad = |what: String| Error::at(&path, what);
        let mut reader = csv::Reader::from_path(&path).io("read", &path)?;
        let header = reader.headers().map_err(|error| bad(error.to_string()))?;
        if header.get(0) != Some("image") || header.get(1) != Some("split") {
            return Err(bad("the first columns are not `image,split`".to_owned()));
        }
        let labels = header.iter().skip(2).map(str::to_owned).collect();
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|error| bad(error.to_string()))?;
            let split = split(&record[1]).ok_or_else(|| bad(format!("unknown split `{}`", &record[1])))?;
            let probabilities = record
                .iter()
                .skip(2)
                .map(|cell| {
                    let value: f32 = cell.parse().map_err(|_| bad(format!("`{cell}` is no number")))?;
                    if (0.0..=1.0).contains(&value) {
                        Ok(value)
                    } else {
                        Err(bad(format!("`{cell}` is no probability")))
                    }
                })
                .collect::<Result<_>>()?;
            rows.push(Prediction { image: record[0].to_owned(), split, probabilities });
        }
        Ok(Self { labels, rows })
    }

    /// Writes `<folder>/predictions.csv`; each number in its shortest form that reads back the same.
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
            row(&mut writer, cells.into_iter().chain(line.probabilities.iter().map(f32::to_string)).collect())?;
        }
        let bytes = writer.into_inner().map_err(|error| Error::at(&path, error))?;
        crate::context::write(&path, &bytes)
    }
}
