//! The CSV tables of one row an image and one column a label, `image,split,<label>...`: [`read()`] and [`write()`].

use super::Split;
use crate::{Error, IoContext, Result};
use std::path::Path;

/// A row: image, split, and a cell a label.
pub(super) type Row<T> = (String, Split, Vec<T>);

/// Reads the labels and the rows, each cell by `cell`.
///
/// # Errors
/// A missing file, other first columns, an unknown split, a row of another length, a cell that `cell` refuses.
pub(super) fn read<T>(path: &Path, cell: impl Fn(&str) -> Result<T, String>) -> Result<(Vec<String>, Vec<Row<T>>)> {
    let bad = |what: String| Error::at(path, what);
    let mut reader = csv::Reader::from_path(path).io("read", path)?;
    let header = reader.headers().map_err(|error| bad(error.to_string()))?;
    if header.get(0) != Some("image") || header.get(1) != Some("split") {
        return Err(bad("the first columns are not `image,split`".to_owned()));
    }
    let labels = header.iter().skip(2).map(str::to_owned).collect();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| bad(error.to_string()))?;
        let split = (Split::ALL.into_iter().find(|split| split.name() == &record[1]))
            .ok_or_else(|| bad(format!("unknown split `{}`", &record[1])))?;
        let cells = record.iter().skip(2).map(|text| cell(text).map_err(bad)).collect::<Result<_>>()?;
        rows.push((record[0].to_owned(), split, cells));
    }
    Ok((labels, rows))
}

/// Writes the table, rows as they come.
pub(super) fn write<'a, T: ToString + 'a>(
    path: &Path,
    labels: &[String],
    rows: impl Iterator<Item = (&'a str, Split, &'a [T])>,
) -> Result<()> {
    let failed = |error: &dyn std::fmt::Display| Error::at(path, error);
    let mut writer = csv::Writer::from_writer(Vec::new());
    let head = ["image", "split"].into_iter().chain(labels.iter().map(String::as_str));
    writer.write_record(head).map_err(|error| failed(&error))?;
    for (image, split, cells) in rows {
        let first = [image.to_owned(), split.name().to_owned()];
        let record = first.into_iter().chain(cells.iter().map(T::to_string));
        writer.write_record(record).map_err(|error| failed(&error))?;
    }
    let bytes = writer.into_inner().map_err(|error| failed(&error))?;
    crate::context::write(path, &bytes)
}

#[cfg(test)]
mod tests {
    use crate::format::{MultiHot, MultiHotRow, Prediction, Predictions, Split};

    #[test]
    fn what_was_written_reads_back_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        let labels = vec!["a,b".to_owned(), "rust".to_owned()];
        let hot = MultiHotRow { image: "x".into(), split: Split::Val, targets: vec![0, 1] };
        let hot = MultiHot { labels: labels.clone(), rows: vec![hot] };
        hot.write(folder.path()).expect("writes");
        assert_eq!(MultiHot::read(folder.path()).expect("reads"), hot);
        let row = Prediction { image: "x".into(), split: Split::Test, probabilities: vec![0.1, 1.0 / 3.0] };
        let predictions = Predictions { labels, rows: vec![row] };
        predictions.write(folder.path()).expect("writes");
        assert_eq!(Predictions::read(folder.path()).expect("reads"), predictions);
    }

    #[test]
    fn a_cell_that_is_no_target_or_no_probability_is_refused_with_its_text() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |file: &str, text: &str| std::fs::write(folder.path().join(file), text).expect("writes");
        for (text, says) in [
            ("image,split,a\nx,val,2\n", "`2` is neither 0 nor 1"),
            ("image,split,a\nx,dev,1\n", "unknown split `dev`"),
            ("image,a\nx,1\n", "the first columns are not `image,split`"),
        ] {
            write(MultiHot::FILE, text);
            let error = MultiHot::read(folder.path()).expect_err("refused");
            assert!(error.message.ends_with(says), "{error}");
        }
        for (cell, says) in
            [("1.5", "`1.5` is no probability"), ("NaN", "`NaN` is no probability"), ("x", "`x` is no number")]
        {
            write(Predictions::FILE, &format!("image,split,a\nx,val,{cell}\n"));
            let error = Predictions::read(folder.path()).expect_err("refused");
            assert!(error.message.ends_with(says), "{error}");
        }
    }
}
