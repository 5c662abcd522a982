//! A data set folder as the kinds read it, however it is laid out: [`Photograph`]s by id, and [`Labelled`], the labels
//! joined with them.

mod layout;
mod rows;

pub(crate) use layout::{Layout, passed_over};

use layout::{LAYOUTS, entries, images, split_of};
use plantpipe_stage::format::{DatasetCard, JsonFormat, Split, Splits, image_id, label_name};
use plantpipe_stage::{Arity, Artifact, Code, Error, InputSpec, Reads, Result, code};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The sources that reading a data set depends on.
pub(crate) const CODE: Code = code!("data/dataset", "layout.rs", "mod.rs", "rows.rs");

/// The splits of a data set that has none, or other ones than its own; for every kind that reads labels a split.
pub(crate) const SPLITS: InputSpec = InputSpec {
    name: "splits",
    doc: "which photograph belongs to which split, as `split` divides them; without it, the data set's own splits",
    format: "splits",
    arity: Arity::Optional,
    reads: Reads::All,
};

/// A photograph's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Photograph {
    /// The split that its folder says.
    pub(crate) split: Option<Split>,
    pub(crate) path: PathBuf,
    /// The label that its folder says.
    pub(crate) class: Option<String>,
}

/// Every photograph by its id; file names only, no content is read.
///
/// An id is the file's name without its extension; where folders are classes, names repeat from folder to folder, and
/// the id is `<class>__<name>`.
///
/// # Errors
/// A folder that is no data set; an id that two files share.
pub(crate) fn photographs(root: &Path) -> Result<BTreeMap<String, Photograph>> {
    let mut found: BTreeMap<String, Photograph> = BTreeMap::new();
    for photograph in everywhere(root, &Layout::detect(root)?)? {
        let name = photograph.path.file_name().unwrap_or_default().to_string_lossy();
        let stem = image_id(&name);
        let id = photograph.class.as_ref().map_or_else(|| stem.to_owned(), |class| format!("{class}__{stem}"));
        match found.entry(id) {
            Entry::Vacant(place) => drop(place.insert(photograph)),
            Entry::Occupied(first) => {
                let (id, a, b) = (first.key(), first.get().path.display(), photograph.path.display());
                return Err(Error::new(format!("two photographs share the id `{id}`: {a} and {b}"))
                    .hint("an id is the file name without its extension and must be unique over all splits"));
            }
        }
    }
    if found.is_empty() {
        return Err(Error::at(root, "no photograph in it").hint(LAYOUTS));
    }
    Ok(found)
}

fn everywhere(root: &Path, layout: &Layout) -> Result<Vec<Photograph>> {
    let mut all = Vec::new();
    match layout {
        Layout::SplitTables => {
            for split in Split::ALL.into_iter().filter(|split| split.images(root).is_dir()) {
                let paths = images(&split.images(root), false)?;
                all.extend(paths.into_iter().map(|path| Photograph { split: Some(split), path, class: None }));
            }
        }
        Layout::Tables(_) => {
            let paths = images(root, true)?;
            all.extend(paths.into_iter().map(|path| Photograph { split: None, path, class: None }));
        }
        Layout::SplitClasses => {
            for folder in entries(root)?.iter().filter(|path| path.is_dir()) {
                if let Some(split) = split_of(folder) {
                    all.extend(classes(folder, Some(split))?);
                }
            }
        }
        Layout::Classes => all.extend(classes(root, None)?),
    }
    Ok(all)
}

/// The photographs of a folder of class folders.
fn classes(root: &Path, split: Option<Split>) -> Result<Vec<Photograph>> {
    let mut all = Vec::new();
    for folder in entries(root)?.iter().filter(|path| path.is_dir()) {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let class = label_name(&name).map_err(|what| Error::at(folder, what).hint("rename the folder"))?;
        let paths = images(folder, true)?;
        all.extend(paths.into_iter().map(|path| Photograph { split, path, class: Some(class.clone()) }));
    }
    Ok(all)
}

/// A photograph with its labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LabelledPhotograph {
    pub(crate) id: String,
    /// None where the data set has no splits.
    pub(crate) split: Option<Split>,
    pub(crate) path: PathBuf,
    /// Sorted.
    pub(crate) labels: Vec<String>,
}

/// The labels of a data set, joined with its photographs.
#[derive(Debug)]
pub(crate) struct Labelled {
    pub(crate) layout: Layout,
    /// Sorted union over all splits.
    pub(crate) labels: Vec<String>,
    /// Sorted by id.
    pub(crate) rows: Vec<LabelledPhotograph>,
    /// The photographs that have no row, with the split of their folder.
    pub(crate) unlabelled: BTreeMap<String, Option<Split>>,
}

/// Reads every label table, or the names of class folders, and finds every photograph that is named.
///
/// # Errors
/// A folder that is no data set; no label table; a row whose photograph is absent.
pub(crate) fn labelled(root: &Path) -> Result<Labelled> {
    let photographs = photographs(root)?;
    let layout = Layout::detect(root)?;
    let mut rows = match &layout {
        Layout::SplitTables => rows::of_splits(root, &photographs)?,
        Layout::Tables(tables) => rows::of_tables(root, tables, &photographs)?,
        Layout::SplitClasses | Layout::Classes => rows::of_classes(&photographs),
    };
    rows.sort_by(|a, b| a.id.cmp(&b.id));
    let mut unlabelled = BTreeMap::new();
    let mut named = rows.iter().map(|row| &row.id).peekable();
    // Both are sorted.
    for (id, photograph) in &photographs {
        while named.next_if(|name| *name < id).is_some() {}
        if named.peek() != Some(&id) {
            unlabelled.insert(id.clone(), photograph.split);
        }
    }
    let labels: BTreeSet<&String> = rows.iter().flat_map(|row| &row.labels).collect();
    Ok(Labelled { layout, labels: labels.into_iter().cloned().collect(), rows, unlabelled })
}

/// A labelled photograph whose split is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Divided {
    pub(crate) id: String,
    pub(crate) split: Split,
    pub(crate) path: PathBuf,
    /// Sorted.
    pub(crate) labels: Vec<String>,
}

impl Labelled {
    /// The rows with their splits: those of the list, if there is one, else the data set's own.
    ///
    /// # Errors
    /// A photograph that is in no split.
    pub(crate) fn divided(&self, root: &Path, list: Option<&Artifact>) -> Result<Vec<Divided>> {
        let given = list.map(|artifact| Splits::read(&artifact.path)).transpose()?;
        let divide = |row: &LabelledPhotograph| {
            let split = given.as_ref().map_or(row.split, |given| given.rows.get(&row.id).copied());
            let split = split.ok_or_else(|| match list {
                Some(list) => Error::at(&list.path, format!("the photograph `{}` is in no split of this list", row.id))
                    .hint("make the list from this data set: let the stage of kind `split` read it too"),
                None => Error::at(root, "this data set has no splits").hint(
                    "divide it by a stage of kind `split`, and give that stage as the input `splits` where labels are read",
                ),
            })?;
            Ok(Divided { id: row.id.clone(), split, path: row.path.clone(), labels: row.labels.clone() })
        };
        self.rows.iter().map(divide).collect()
    }
}

/// The data set's card, if it has one.
pub(crate) fn card(root: &Path) -> Result<Option<DatasetCard>> {
    if root.join(DatasetCard::FILE).is_file() { DatasetCard::read(root).map(Some) } else { Ok(None) }
}
