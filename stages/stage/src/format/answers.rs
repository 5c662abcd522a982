//! What a model says of photographs that belong to no data set: [`Answers`], the table of `plantpipe predict`.

use crate::{Error, IoContext, Result};
use std::path::Path;

/// `answers.csv`: columns `image`, one probability a label, then `predicted` (labels separated by spaces).
#[derive(Debug, Clone, PartialEq)]
pub struct Answers {
    pub labels: Vec<String>,
    /// In the order asked.
    pub rows: Vec<Answer>,
}

/// A photograph's probabilities.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The path as it was given.
    pub image: String,
    /// 0 to 1, a label each.
    pub probabilities: Vec<f32>,
    /// The labels answered: those at or above the threshold.
    pub predicted: Vec<String>,
}

impl Answers {
    pub const FILE: &'static str = "answers.csv";

    /// Reads `<folder>/answers.csv`.
    ///
    /// # Errors
    /// A missing file, other columns, a cell that is no number.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = &folder.join(Self::FILE);
        let bad = |what: String| Error::at(path, what);
        let mut reader = csv::Reader::from_path(path).io("read", path)?;
        let header = reader.headers().map_err(|error| bad(error.to_string()))?.clone();
        let (Some("image"), Some("predicted")) = (header.get(0), header.iter().next_back()) else {
            return Err(bad("its columns are not `image`, one a label, `predicted`".to_owned()));
        };
        let labels: Vec<String> = header.iter().skip(1).take(header.len() - 2).map(str::to_owned).collect();
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|error| bad(error.to_string()))?;
            let cells = record.iter().skip(1).take(labels.len());
            let probability = |cell: &str| cell.parse().map_err(|_| bad(format!("`{cell}` is no number")));
            rows.push(Answer {
                image: record[0].to_owned(),
                probabilities: cells.map(probability).collect::<Result<_>>()?,
                predicted: record[labels.len() + 1].split_whitespace().map(str::to_owned).collect(),
            });
        }
        Ok(Self { labels, rows })
    }

    /// Writes `<folder>/answers.csv`.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(Self::FILE);
        let mut writer = csv::Writer::from_writer(Vec::new());
        let head = std::iter::once("image").chain(self.labels.iter().map(String::as_str)).chain(["predicted"]);
        writer.write_record(head).map_err(|error| Error::at(&path, error))?;
        for row in &self.rows {
            let cells = row.probabilities.iter().map(f32::to_string);
            let record = std::iter::once(row.image.clone()).chain(cells).chain([row.predicted.join(" ")]);
            writer.write_record(record).map_err(|error| Error::at(&path, error))?;
        }
        let bytes = writer.into_inner().map_err(|error| Error::at(&path, error))?;
        crate::context::write(&path, &bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_reads_back_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        let row = |image: &str, predicted: &[&str]| Answer {
            image: image.to_owned(),
            probabilities: vec![0.1, 1.0 / 3.0],
            predicted: predicted.iter().map(|label| (*label).to_owned()).collect(),
        };
        let rows = vec![row("leaves/a, b.jpg", &["rust", "scab"]), row("c.png", &[])];
        let answers = Answers { labels: vec!["rust".to_owned(), "scab".to_owned()], rows };
        answers.write(folder.path()).expect("writes");
        assert_eq!(Answers::read(folder.path()).expect("reads"), answers);
    }
}
