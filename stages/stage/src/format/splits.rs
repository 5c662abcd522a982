//! Which photograph belongs to which part of the data: [`Splits`], one row a photograph.

use super::Split;
use crate::{Error, IoContext, Result};
use std::collections::BTreeMap;
use std::path::Path;

/// `splits.csv`: columns `image,split`, rows sorted by image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Splits {
    /// Image id -> split.
    pub rows: BTreeMap<String, Split>,
}

impl Splits {
    pub const FILE: &'static str = "splits.csv";

    /// Reads `<path>`, or `<path>/splits.csv` where it is a folder.
    ///
    /// # Errors
    /// A missing file or column, an unknown split, an image twice.
    pub fn read(path: &Path) -> Result<Self> {
        let path = &if path.is_dir() { path.join(Self::FILE) } else { path.to_owned() };
        let bad = |what: String| Error::at(path, what).hint("a split list has the columns `image,split`");
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path).io("read", path)?;
        let header = reader.headers().map_err(|error| bad(error.to_string()))?;
        let first = header.get(0).unwrap_or_default().trim_start_matches('\u{feff}');
        if header.len() != 2 || first != "image" || header.get(1) != Some("split") {
            return Err(bad("its columns are not `image,split`".to_owned()));
        }
        let mut rows = BTreeMap::new();
        for record in reader.records() {
            let record = record.map_err(|error| bad(error.to_string()))?;
            let split = Split::ALL.into_iter().find(|split| split.name() == &record[1]).ok_or_else(|| {
                bad(format!("unknown split `{}` of `{}`; it is train, val or test", &record[1], &record[0]))
            })?;
            if rows.insert(record[0].to_owned(), split).is_some() {
                return Err(bad(format!("`{}` stands there twice", &record[0])));
            }
        }
        Ok(Self { rows })
    }

    /// Writes `<folder>/splits.csv`.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(Self::FILE);
        let mut writer = csv::Writer::from_writer(Vec::new());
        let head = std::iter::once(("image", "split"));
        for (image, split) in head.chain(self.rows.iter().map(|(image, split)| (image.as_str(), split.name()))) {
            writer.write_record([image, split]).map_err(|error| Error::at(&path, error))?;
        }
        let bytes = writer.into_inner().map_err(|error| Error::at(&path, error))?;
        crate::context::write(&path, &bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_reads_back_and_a_wrong_row_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let splits = Splits { rows: [("a".to_owned(), Split::Val), ("b,c".to_owned(), Split::Train)].into() };
        splits.write(folder.path()).expect("writes");
        assert_eq!(Splits::read(folder.path()).expect("reads"), splits);
        let file = folder.path().join("list.csv");
        for (text, says) in [
            ("image,split\na,dev\n", "unknown split `dev` of `a`; it is train, val or test"),
            ("image,split\na,val\na,val\n", "`a` stands there twice"),
            ("id,split\na,val\n", "its columns are not `image,split`"),
        ] {
            std::fs::write(&file, text).expect("writes");
            let error = Splits::read(&file).expect_err("refused");
            assert!(error.message.ends_with(says), "{error}");
        }
    }
}
