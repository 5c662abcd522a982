//! Where labels come from: tables a split, tables beside the photographs, or the names of class folders.

use super::layout::{LAYOUTS, split_of};
use super::{LabelledPhotograph, Photograph};
use plantpipe_stage::format::{LabelRow, LabelTable, Split, image_id};
use plantpipe_stage::{Error, Reads, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

type Photographs = BTreeMap<String, Photograph>;

/// Of `{train,val,test}_label.csv`.
pub(super) fn of_splits(root: &Path, photographs: &Photographs) -> Result<Vec<LabelledPhotograph>> {
    let tables: Vec<Split> = Split::ALL.into_iter().filter(|split| split.table(root).is_file()).collect();
    if tables.is_empty() {
        let what = "no label table: none of `train_label.csv`, `val_label.csv` and `test_label.csv` is there";
        return Err(Error::at(root, what).hint(LAYOUTS));
    }
    let mut rows = Vec::new();
    for split in tables {
        let table = split.table(root);
        for row in LabelTable::read(&table)?.rows {
            let folder = split.images(root);
            let is_in = |path: &Path| path.parent().is_some_and(|parent| parent.as_os_str() == folder.as_os_str());
            let found = find(&row, photographs).filter(|(_, photograph)| is_in(&photograph.path));
            let found = found.ok_or_else(|| absent(&table, &row.image, &folder))?;
            rows.push(labelled(found, Some(split), row));
        }
    }
    Ok(rows)
}

/// Of tables beside the photographs: one, or one a split by its name.
pub(super) fn of_tables(root: &Path, tables: &[PathBuf], photographs: &Photographs) -> Result<Vec<LabelledPhotograph>> {
    let mut read = Vec::new();
    let mut refused = None;
    for path in tables {
        match LabelTable::read(path) {
            Ok(table) => read.push((path, table)),
            // A table of something else may lie there too: only where none has labels is that an error.
            Err(error) if LabelTable::is_of_something_else(path) => refused = refused.or(Some(error)),
            Err(error) => return Err(error),
        }
    }
    if let (true, Some(error)) = (read.is_empty(), refused) {
        return Err(error);
    }
    let by_name = read.len() > 1;
    if by_name && read.iter().any(|(path, _)| split_of(path).is_none()) {
        let names: Vec<String> =
            read.iter().map(|(path, _)| path.file_name().unwrap_or_default().display().to_string()).collect();
        return Err(Error::at(root, format!("several label tables: {}", names.join(", ")))
            .hint("name them after the splits (`train.csv`, `val.csv`, `test.csv`), or leave only one there"));
    }
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut rows = Vec::new();
    for (path, table) in read {
        let split = if by_name { split_of(path) } else { None };
        for row in table.rows {
            let (id, photograph) = find(&row, photographs).ok_or_else(|| absent(path, &row.image, root))?;
            if !seen.insert(id.clone()) {
                return Err(Error::at(path, format!("names the photograph `{id}`, which has a row already"))
                    .hint("a photograph belongs to one split and has one row with all of its labels"));
            }
            rows.push(labelled((id, photograph), row.split.or(split), row));
        }
    }
    Ok(rows)
}

/// Of the folders' names.
pub(super) fn of_classes(photographs: &Photographs) -> Vec<LabelledPhotograph> {
    let row = |(id, photograph): (&String, &Photograph)| LabelledPhotograph {
        id: id.clone(),
        split: photograph.split,
        path: photograph.path.clone(),
        labels: photograph.class.iter().cloned().collect(),
    };
    photographs.iter().map(row).collect()
}

fn labelled((id, photograph): (&String, &Photograph), split: Option<Split>, row: LabelRow) -> LabelledPhotograph {
    LabelledPhotograph { id: id.clone(), split, path: photograph.path.clone(), labels: row.labels }
}

/// The photograph that a row names: by its file name, or by its id where the table leaves the extension out.
fn find<'a>(row: &LabelRow, photographs: &'a Photographs) -> Option<(&'a String, &'a Photograph)> {
    let name = row.image.rsplit('/').next().unwrap_or_default();
    if Reads::is_image(name) {
        let found = photographs.get_key_value(image_id(name))?;
        let path = &found.1.path;
        return (path.file_name()? == name || path.ends_with(&row.image)).then_some(found);
    }
    photographs.get_key_value(name)
}

fn absent(table: &Path, image: &str, folder: &Path) -> Error {
    let path = folder.join(image);
    if path.is_file() {
        return Error::at(table, format!("names `{image}`, which is no photograph by its extension"))
            .hint(format!("photographs end in one of: {}", Reads::IMAGES.join(", ")));
    }
    Error::at(table, format!("names the photograph `{image}`, but there is no {}", path.display()))
        .hint("put the photograph there, or take its row out of the table")
}
