//! A data set as people hand it over: [`LabelTable`] and the course layout `{train,val,test}/images`, `*_label.csv`.

use super::json_format;
use crate::{Error, IoContext, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Which part of the data a photograph belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    Train,
    Val,
    Test,
}

impl Split {
    pub const ALL: [Split; 3] = [Split::Train, Split::Val, Split::Test];
    /// The words for [`Split::ALL`], for params.
    pub const NAMES: &'static [&'static str] = &["train", "val", "test"];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Val => "val",
            Split::Test => "test",
        }
    }

    /// `<root>/train/images`.
    #[must_use]
    pub fn images(self, root: &Path) -> PathBuf {
        root.join(self.name()).join("images")
    }

    /// `<root>/train_label.csv`.
    #[must_use]
    pub fn table(self, root: &Path) -> PathBuf {
        root.join(format!("{}_label.csv", self.name()))
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// `dataset.json`, optional: what a data set says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetCard {
    pub schema: u32,
    pub name: String,
    /// True when the photographs are drawn by a program.
    pub synthetic: bool,
    pub description: String,
}
json_format!(DatasetCard, "dataset.json", 1);

/// A label table: columns `images,labels`, labels separated by spaces.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LabelTable {
    pub rows: Vec<LabelRow>,
}

/// A photograph's file name and its labels, sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelRow {
    /// `800f85dc5f407aef.jpg`.
    pub image: String,
    pub labels: Vec<String>,
}

impl LabelTable {
    /// Reads a table; columns `image` or `images`, and `labels`; CRLF and any row order welcome.
    ///
    /// # Errors
    /// A missing file or column, an empty name or label set, a name twice, a name that is no plain file name.
    pub fn read(path: &Path) -> Result<Self> {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path).io("read", path)?;
        let header = reader.headers().map_err(|error| Error::at(path, error))?.clone();
        let column = |names: &[&str]| {
            header.iter().position(|head| names.contains(&head.trim_start_matches('\u{feff}'))).ok_or_else(|| {
                Error::at(path, format!("no column `{}`", names[0])).hint(format!(
                    "a label table has the columns `images,labels`; this one has `{}`",
                    header.iter().collect::<Vec<_>>().join(",")
                ))
            })
        };
        let (image, labels) = (column(&["images", "image"])?, column(&["labels"])?);
        let mut seen = BTreeMap::new();
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|error| Error::at(path, error))?;
            let line = record.position().map_or(0, csv::Position::line);
            let name = record.get(image).unwrap_or_default().to_owned();
            if name.is_empty() || name.contains(['/', '\\']) || name.starts_with('.') {
                return Err(Error::at(path, format!("line {line}: `{name}` is not a file name")));
            }
            let mut labels: Vec<String> =
                record.get(labels).unwrap_or_default().split_whitespace().map(str::to_owned).collect();
            labels.sort();
            labels.dedup();
            if labels.is_empty() {
                return Err(Error::at(path, format!("line {line}: `{name}` has no label")));
            }
            if let Some(first) = seen.insert(name.clone(), line) {
                return Err(Error::at(
                    path,
                    format!("line {line}: `{name}` stands there twice, first on line {first}"),
                ));
            }
            rows.push(LabelRow { image: name, labels });
        }
        Ok(Self { rows })
    }

    /// Writes the table, rows as they stand.
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut text = String::from("images,labels\n");
        for row in &self.rows {
            text.push_str(&format!("{},{}\n", row.image, row.labels.join(" ")));
        }
        crate::context::write(path, text.as_bytes())
    }
}

/// A photograph's id: its file name without the extension.
#[must_use]
pub fn image_id(file_name: &str) -> &str {
    file_name.rsplit_once('.').map_or(file_name, |(stem, _)| stem)
}

/// The file name of the lesion mask of a photograph and a label.
#[must_use]
pub fn mask_file(id: &str, label: &str) -> String {
    format!("{id}.{label}.png")
}
