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

/// A label table. Written, it has the columns `images,labels`, labels separated by spaces.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LabelTable {
    pub rows: Vec<LabelRow>,
}

/// A photograph's file name and its labels, sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelRow {
    /// `800f85dc5f407aef.jpg`, perhaps with folders before it, or without its extension.
    pub image: String,
    pub labels: Vec<String>,
    /// Where the table has a column `split`.
    pub split: Option<Split>,
}

/// The names that people give the column of images, and that of labels; upper case counts as lower.
const IMAGE_COLUMNS: [&str; 8] = ["images", "image", "image_id", "image_name", "filename", "file_name", "file", "id"];
const LABEL_COLUMNS: [&str; 4] = ["labels", "label", "class", "classes"];
const SPLIT_COLUMN: &str = "split";
/// What a table can look like, for hints.
const FORMS: &str = "a label table has a column of images (`image`, `image_id`, `filename`, ...) and either `labels`, \
    separated by spaces, or one column a label that holds 0 or 1";

/// The columns of a label table.
struct Columns {
    image: usize,
    labels: LabelColumns,
    split: Option<usize>,
}

enum LabelColumns {
    /// One cell of names.
    Names(usize),
    /// A 0/1 cell a label.
    OneHot(Vec<(usize, String)>),
}

impl Columns {
    fn of(header: &csv::StringRecord) -> Option<Self> {
        let names: Vec<String> =
            header.iter().map(|head| head.trim_start_matches('\u{feff}').trim().to_lowercase()).collect();
        let find = |known: &[&str]| known.iter().find_map(|known| names.iter().position(|name| name == known));
        let image = find(&IMAGE_COLUMNS)?;
        let split = find(&[SPLIT_COLUMN]);
        let others = (0..names.len()).filter(|at| *at != image && Some(*at) != split);
        let labels = match find(&LABEL_COLUMNS) {
            Some(at) => LabelColumns::Names(at),
            None => LabelColumns::OneHot(others.map(|at| (at, header[at].trim().to_owned())).collect()),
        };
        let none = matches!(&labels, LabelColumns::OneHot(columns) if columns.is_empty());
        (!none).then_some(Self { image, labels, split })
    }
}

impl LabelTable {
    /// Reads a table: a column of images, and either one of labels or one 0/1 column a label; perhaps a column `split`.
    /// Labels of a cell are separated by `;` or `|` where the table has these, else by spaces. CRLF and any row order are
    /// welcome.
    ///
    /// # Errors
    /// A missing file or column, an empty name or label cell, a cell that is neither 0 nor 1, a name twice, a name that
    /// leads out of the folder.
    pub fn read(path: &Path) -> Result<Self> {
        let mut reader = reader(path)?;
        let header = reader.headers().map_err(|error| Error::at(path, error))?.clone();
        let columns = Columns::of(&header).ok_or_else(|| {
            let found = header.iter().collect::<Vec<_>>().join(",");
            Error::at(path, format!("no label table: its columns are `{found}`")).hint(FORMS)
        })?;
        let records: Vec<csv::StringRecord> =
            reader.records().collect::<Result<_, _>>().map_err(|error| Error::at(path, error))?;
        let mark = separator(&columns, &records).map_err(|what| Error::at(path, what).hint(FORMS))?;
        let mut seen = BTreeMap::new();
        let mut rows = Vec::new();
        for record in records {
            let line = record.position().map_or(0, csv::Position::line);
            let row = row(&record, &columns, mark)
                .map_err(|what| Error::at(path, format!("line {line}: {what}")).hint(FORMS))?;
            if let Some(first) = seen.insert(row.image.clone(), line) {
                let what = format!("line {line}: `{}` stands there twice, first on line {first}", row.image);
                return Err(Error::at(path, what));
            }
            rows.push(row);
        }
        Ok(Self { rows })
    }

    /// Whether a CSV file has no columns of images and labels, so that it may be about something else.
    #[must_use]
    pub fn is_of_something_else(path: &Path) -> bool {
        let header = reader(path).and_then(|mut reader| reader.headers().cloned().io("read", path));
        header.is_ok_and(|header| match Columns::of(&header) {
            None => true,
            // Numbers of any sort beside an image column: perhaps labels, perhaps not; a look at the first row tells.
            Some(columns @ Columns { labels: LabelColumns::OneHot(_), .. }) => {
                let first = reader(path).ok().and_then(|mut reader| reader.records().next()?.ok());
                first.is_some_and(|record| row(&record, &columns, None).is_err())
            }
            Some(_) => false,
        })
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

fn reader(path: &Path) -> Result<csv::Reader<std::fs::File>> {
    csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path).io("read", path)
}

/// What separates the labels of a table's cells; none: spaces.
fn separator(columns: &Columns, records: &[csv::StringRecord]) -> Result<Option<char>, String> {
    let LabelColumns::Names(at) = columns.labels else { return Ok(None) };
    let used = |mark: char| records.iter().any(|record| record.get(at).is_some_and(|cell| cell.contains(mark)));
    match (used(';'), used('|')) {
        (true, true) => Err("labels are separated by `;` here and by `|` there".to_owned()),
        (true, false) => Ok(Some(';')),
        (false, true) => Ok(Some('|')),
        (false, false) => Ok(None),
    }
}

/// A label as it is used: white space within becomes `_`, for labels are listed with spaces between them.
///
/// # Errors
/// Nothing at all, or a character that no file name can have.
pub fn label_name(text: &str) -> Result<String, String> {
    let name = text.split_whitespace().collect::<Vec<_>>().join("_");
    match name.chars().find(|letter| matches!(letter, '/' | '\\') || letter.is_control()) {
        Some(letter) => Err(format!("the label `{text}` holds {letter:?}, which no file name can have")),
        None if name.is_empty() => Err("a label has no name".to_owned()),
        None => Ok(name),
    }
}

/// The labels of a cell.
fn listed(cell: &str, mark: Option<char>) -> Result<Vec<String>, String> {
    if let Some(mark) = mark {
        return cell.split(mark).filter(|label| !label.trim().is_empty()).map(label_name).collect();
    }
    // `rust, scab` is a list, but the comma of `Pepper,_bell` belongs to its name.
    if cell.split_whitespace().any(|label| label.ends_with(',')) {
        return Err(format!("`{cell}` separates labels by commas"));
    }
    cell.split_whitespace().map(label_name).collect()
}

/// A record as a row, or what is wrong with it.
fn row(record: &csv::StringRecord, columns: &Columns, mark: Option<char>) -> Result<LabelRow, String> {
    let cell = |at: usize| record.get(at).unwrap_or_default();
    let image = cell(columns.image).replace('\\', "/");
    let leads_out = |part: &str| part.is_empty() || part.starts_with('.');
    if image.split('/').any(leads_out) {
        return Err(format!("`{image}` is not a file name"));
    }
    let mut labels: Vec<String> = match &columns.labels {
        LabelColumns::Names(at) => listed(cell(*at), mark)?,
        LabelColumns::OneHot(labels) => {
            let mut carried = Vec::new();
            for (at, label) in labels {
                match cell(*at).parse::<f64>() {
                    Ok(1.0) => carried.push(label_name(label)?),
                    Ok(0.0) => {}
                    _ => return Err(format!("`{}` in the column `{label}` is neither 0 nor 1", cell(*at))),
                }
            }
            carried
        }
    };
    labels.sort();
    labels.dedup();
    if labels.is_empty() && matches!(columns.labels, LabelColumns::Names(_)) {
        return Err(format!("`{image}` has no label"));
    }
    let split = match columns.split.map(cell) {
        None => None,
        Some("train" | "training") => Some(Split::Train),
        Some("val" | "valid" | "validation") => Some(Split::Val),
        Some("test") => Some(Split::Test),
        Some(other) => return Err(format!("unknown split `{other}` of `{image}`")),
    };
    Ok(LabelRow { image, labels, split })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn read(text: &str) -> Result<Vec<(String, String, Option<Split>)>, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.csv");
        std::fs::write(&path, text).expect("writes");
        let rows =
            LabelTable::read(&path).map_err(|error| error.message.replace(&path.display().to_string(), "t.csv"))?.rows;
        Ok(rows.into_iter().map(|row| (row.image, row.labels.join("+"), row.split)).collect())
    }

    fn row(image: &str, labels: &str) -> (String, String, Option<Split>) {
        (image.to_owned(), labels.to_owned(), None)
    }

    #[test]
    fn every_form_of_table_gives_the_same_rows() {
        let rows = vec![row("a.jpg", "healthy"), row("b.jpg", "rust+scab")];
        for text in [
            "images,labels\na.jpg,healthy\nb.jpg,scab rust\n",
            "\u{feff}image,labels\r\na.jpg,healthy\r\nb.jpg,rust scab\r\n",
            "Label,Filename\nhealthy,a.jpg\nscab;rust,b.jpg\n",
            "labels,id\nhealthy,a.jpg\nscab|rust|scab,b.jpg\n",
            "image_id,healthy,rust,scab\na.jpg,1,0,0\nb.jpg,0,1.0,1\n",
        ] {
            assert_eq!(read(text).expect(text), rows, "{text}");
        }
        assert_eq!(read("image,labels\na,leaf spot;rust\n").expect("reads"), [row("a", "leaf_spot+rust")]);
        assert_eq!(read("image,labels\na,\"Pepper,_bell\"\n").expect("reads"), [row("a", "Pepper,_bell")]);
        assert_eq!(read("image,leaf spot\na,1\nb,0\n").expect("reads"), [row("a", "leaf_spot"), row("b", "")]);
        assert_eq!(read("image,label,split\na,x,valid\n").expect("reads")[0].2, Some(Split::Val));
        assert_eq!(read("image,label\ntrain/a.jpg,x\n").expect("reads"), [row("train/a.jpg", "x")]);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, says) in [
            ("name,labels\n", "t.csv: no label table: its columns are `name,labels`"),
            ("image\na\n", "t.csv: no label table: its columns are `image`"),
            ("image,labels\na.jpg,\n", "t.csv: line 2: `a.jpg` has no label"),
            ("image,labels\n../a.jpg,x\n", "t.csv: line 2: `../a.jpg` is not a file name"),
            ("image,labels\na,x\n,x\n", "t.csv: line 3: `` is not a file name"),
            ("image,labels\na,x\na,y\n", "t.csv: line 3: `a` stands there twice, first on line 2"),
            ("image,labels\na,\"rust, scab\"\n", "t.csv: line 2: `rust, scab` separates labels by commas"),
            ("image,labels\na,x;y\nb,x|y\n", "t.csv: labels are separated by `;` here and by `|` there"),
            ("image,labels\na,x/y\n", "t.csv: line 2: the label `x/y` holds '/', which no file name can have"),
            ("image,rust\na,0.5\n", "t.csv: line 2: `0.5` in the column `rust` is neither 0 nor 1"),
            ("image,labels,split\na,x,dev\n", "t.csv: line 2: unknown split `dev` of `a`"),
        ] {
            assert_eq!(read(text).expect_err(text), says);
        }
    }
}
