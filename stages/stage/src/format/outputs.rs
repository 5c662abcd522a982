//! What a checkpoint answers as it is: [`Outputs`], every output of its head for every photograph.

use crate::{Error, IoContext, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// `outputs.csv`: columns `image`, then one a class; a row a photograph, in the order asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Outputs {
    /// `c0`, `c1`, ... where nobody has named them.
    pub classes: Vec<String>,
    pub rows: Vec<OutputRow>,
}

/// A photograph's numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputRow {
    /// The path as it was given.
    pub image: String,
    /// One a class.
    pub values: Vec<f32>,
}

/// What the numbers of [`Outputs`] are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scores {
    /// e^logit over the sum of all classes' e^logit: 0 to 1, a row sums to 1.
    #[default]
    Softmax,
    /// As the head gives them.
    Logits,
}

impl Outputs {
    pub const FILE: &'static str = "outputs.csv";

    /// Reads `<folder>/outputs.csv`.
    ///
    /// # Errors
    /// A missing file, a first column that is not `image`, a cell that is no number.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = &folder.join(Self::FILE);
        let bad = |what: String| Error::at(path, what);
        let mut reader = csv::Reader::from_path(path).io("read", path)?;
        let header = reader.headers().map_err(|error| bad(error.to_string()))?.clone();
        if header.get(0) != Some("image") {
            return Err(bad("its first column is not `image`".to_owned()));
        }
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|error| bad(error.to_string()))?;
            let value = |cell: &str| cell.parse().map_err(|_| bad(format!("`{cell}` is no number")));
            let values = record.iter().skip(1).map(value).collect::<Result<_>>()?;
            rows.push(OutputRow { image: record[0].to_owned(), values });
        }
        Ok(Self { classes: header.iter().skip(1).map(str::to_owned).collect(), rows })
    }

    /// Writes `<folder>/outputs.csv`; each number is the shortest that reads back as the same 32 bits.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(Self::FILE);
        let mut writer = csv::Writer::from_writer(Vec::new());
        let head = std::iter::once("image").chain(self.classes.iter().map(String::as_str));
        writer.write_record(head).map_err(|error| Error::at(&path, error))?;
        for row in &self.rows {
            let cells = row.values.iter().map(f32::to_string);
            writer
                .write_record(std::iter::once(row.image.clone()).chain(cells))
                .map_err(|error| Error::at(&path, error))?;
        }
        let bytes = writer.into_inner().map_err(|error| Error::at(&path, error))?;
        crate::context::write(&path, &bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_reads_back_the_same_even_where_two_classes_share_a_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let row = |image: &str, values: [f32; 3]| OutputRow { image: image.to_owned(), values: values.to_vec() };
        let outputs = Outputs {
            classes: ["crane", "leaf, green", "crane"].map(str::to_owned).to_vec(),
            rows: vec![row("leaves/a, b.jpg", [0.1, -1.0 / 3.0, 8.5e-12]), row("c.png", [1.0, 0.0, 7.25])],
        };
        outputs.write(folder.path()).expect("writes");
        assert_eq!(Outputs::read(folder.path()).expect("reads"), outputs);
    }
}
