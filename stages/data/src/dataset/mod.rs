//! A data set folder as the kinds read it: [`Photograph`]s by id, and [`Labelled`], the label tables joined with them.

mod splits;

pub(crate) use splits::{Assigned, AssignedPhotograph, SPLITS, assigned};

use plantpipe_stage::format::{DatasetCard, JsonFormat, LabelTable, Split, image_id};
use plantpipe_stage::{Code, Error, IoContext, Reads, Result, code};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The sources that reading a data set depends on.
pub(crate) const CODE: Code = code!("data/dataset", "mod.rs", "splits.rs");

const LAYOUT: &str = "a data set is a folder with `{train,val,test}/images/*.jpg` and `{train,val,test}_label.csv`";

/// A photograph's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Photograph {
    /// None where the layout has no splits.
    pub(crate) split: Option<Split>,
    pub(crate) path: PathBuf,
}

/// Every photograph of every split by its id; file names only, no content is read.
///
/// # Errors
/// A folder that is no data set; an id that two files share.
pub(crate) fn photographs(root: &Path) -> Result<BTreeMap<String, Photograph>> {
    let splits: Vec<Split> = Split::ALL.into_iter().filter(|split| split.images(root).is_dir()).collect();
    if splits.is_empty() {
        let what =
            if root.exists() { "no `train/images`, `val/images` or `test/images` in it" } else { "no such folder" };
        return Err(Error::at(root, what).hint(LAYOUT));
    }
    let mut found: BTreeMap<String, Photograph> = BTreeMap::new();
    for split in splits {
        for path in files(&split.images(root))? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let photograph = Photograph { split: Some(split), path };
            if let Some(first) = found.insert(image_id(&name).to_owned(), photograph.clone()) {
                let (a, b) = (first.path.display(), photograph.path.display());
                return Err(Error::new(format!("two photographs share the id `{}`: {a} and {b}", image_id(&name)))
                    .hint("an id is the file name without its extension and must be unique over all splits"));
            }
        }
    }
    if found.is_empty() {
        return Err(Error::at(root, "no photograph in its `images` folders").hint(LAYOUT));
    }
    Ok(found)
}

/// The image files of a folder, sorted.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).io("read", folder)? {
        let path = entry.io("read", folder)?.path();
        let is_image = path.file_name().is_some_and(|name| Reads::is_image(&name.to_string_lossy()));
        if is_image && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// A photograph with its labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LabelledPhotograph {
    pub(crate) id: String,
    /// None where the layout has no splits.
    pub(crate) split: Option<Split>,
    pub(crate) path: PathBuf,
    /// Sorted.
    pub(crate) labels: Vec<String>,
}

/// The label tables of a data set, joined with its photographs.
#[derive(Debug)]
pub(crate) struct Labelled {
    /// Sorted union over all splits.
    pub(crate) labels: Vec<String>,
    /// Sorted by id.
    pub(crate) rows: Vec<LabelledPhotograph>,
    /// The photographs that have no row.
    pub(crate) unlabelled: BTreeMap<String, Option<Split>>,
}

/// Reads every label table and finds every photograph that one names.
///
/// # Errors
/// A folder that is no data set; no label table; a row whose photograph is absent.
pub(crate) fn labelled(root: &Path) -> Result<Labelled> {
    let photographs = photographs(root)?;
    let tables: Vec<Split> = Split::ALL.into_iter().filter(|split| split.table(root).is_file()).collect();
    if tables.is_empty() {
        let what = "no label table: none of `train_label.csv`, `val_label.csv` and `test_label.csv` is there";
        return Err(Error::at(root, what).hint(LAYOUT));
    }
    let mut rows = Vec::new();
    let mut unlabelled: BTreeMap<String, Option<Split>> =
        photographs.iter().map(|(id, photograph)| (id.clone(), photograph.split)).collect();
    for split in tables {
        let table = split.table(root);
        for row in LabelTable::read(&table)?.rows {
            let path = split.images(root).join(&row.image);
            let id = image_id(&row.image).to_owned();
            if photographs.get(&id).is_none_or(|photograph| photograph.path != path) {
                return Err(absent(&table, &row.image, &path));
            }
            unlabelled.remove(&id);
            rows.push(LabelledPhotograph { id, split: Some(split), path, labels: row.labels });
        }
    }
    rows.sort_by(|a, b| a.id.cmp(&b.id));
    let labels: BTreeSet<String> = rows.iter().flat_map(|row| row.labels.iter().cloned()).collect();
    Ok(Labelled { labels: labels.into_iter().collect(), rows, unlabelled })
}

fn absent(table: &Path, image: &str, path: &Path) -> Error {
    if path.is_file() {
        return Error::at(table, format!("names `{image}`, which is no photograph by its extension"))
            .hint(format!("photographs end in one of: {}", Reads::IMAGES.join(", ")));
    }
    Error::at(table, format!("names the photograph `{image}`, but there is no {}", path.display()))
        .hint("put the photograph there, or take its row out of the table")
}

/// The data set's card, if it has one.
pub(crate) fn card(root: &Path) -> Result<Option<DatasetCard>> {
    if root.join(DatasetCard::FILE).is_file() { DatasetCard::read(root).map(Some) } else { Ok(None) }
}
