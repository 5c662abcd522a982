//! How people lay out a data set: [`Layout`], told by the names of files and folders alone.

use plantpipe_stage::format::Split;
use plantpipe_stage::{Error, IoContext, Reads, Result};
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

pub(super) const LAYOUTS: &str = "a data set is a folder with one of: `{train,val,test}/images/*.jpg` and \
    `{train,val,test}_label.csv`; a table such as `train.csv` (an image column, and `labels` or one 0/1 column a label) \
    beside its photographs or a folder of them; a folder a class, `<class>/*.jpg`; the same below `train`, `val` and `test`";

/// Kaggle's example of an answer: a table of labels that are none.
const NO_TABLE: &str = "sample_submission.csv";

/// How a data set lies on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Layout {
    /// `{train,val,test}/images/*` and `{train,val,test}_label.csv`.
    SplitTables,
    /// Tables in the folder itself (these, sorted), photographs anywhere below.
    Tables(Vec<PathBuf>),
    /// `{train,val,test}/<class>/*`.
    SplitClasses,
    /// `<class>/*`.
    Classes,
}

impl Layout {
    /// # Errors
    /// A folder that is laid out in none of these ways.
    pub(super) fn detect(root: &Path) -> Result<Self> {
        if !root.exists() {
            return Err(Error::at(root, "no such folder").hint(LAYOUTS));
        }
        if Split::ALL.iter().any(|split| split.images(root).is_dir()) {
            return Ok(Self::SplitTables);
        }
        let there = entries(root)?;
        let is_table = |path: &PathBuf| {
            path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"))
                && path.file_name().is_some_and(|name| name != NO_TABLE)
                && path.is_file()
        };
        let tables: Vec<PathBuf> = there.iter().filter(|path| is_table(path)).cloned().collect();
        if !tables.is_empty() {
            return Ok(Self::Tables(tables));
        }
        let folders: Vec<&PathBuf> = there.iter().filter(|path| path.is_dir()).collect();
        for folder in folders.iter().filter(|folder| split_of(folder).is_some()) {
            for class in entries(folder)?.iter().filter(|path| path.is_dir()) {
                if has_image(class)? {
                    return Ok(Self::SplitClasses);
                }
            }
        }
        // One folder of photographs is no class: there is nothing to tell it from.
        let with_images = folders.into_iter().map(|folder| has_image(folder)).collect::<Result<Vec<_>>>()?;
        if with_images.into_iter().filter(|has| *has).count() > 1 {
            return Ok(Self::Classes);
        }
        Err(Error::at(root, "neither label tables nor a folder of photographs a class in it").hint(LAYOUTS))
    }

    /// In words.
    pub(crate) fn words(&self) -> &'static str {
        match self {
            Self::SplitTables => "a folder and a table a split",
            Self::Tables(tables) if tables.len() == 1 => "photographs and one table",
            Self::Tables(_) => "photographs and tables",
            Self::SplitClasses => "a folder a split, in it a folder a class",
            Self::Classes => "a folder a class",
        }
    }
}

/// The split that a folder or table is named after: `train`, `val.csv`, `valid`, `validation_labels.csv`.
pub(super) fn split_of(path: &Path) -> Option<Split> {
    let stem = path.file_stem()?.to_str()?.to_lowercase();
    let word = stem.split(['_', '-', '.', ' ']).next()?;
    match word {
        "train" | "training" => Some(Split::Train),
        "val" | "valid" | "validation" => Some(Split::Val),
        "test" => Some(Split::Test),
        _ => None,
    }
}

/// What lies in a folder, sorted; hidden files are left out.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).io("read", folder)? {
        let entry = entry.io("read", folder)?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

fn is_image(path: &Path) -> bool {
    path.file_name().is_some_and(|name| Reads::is_image(&name.to_string_lossy()))
}

fn has_image(folder: &Path) -> Result<bool> {
    Ok(entries(folder)?.iter().any(|path| is_image(path) && path.is_file()))
}

/// The image files of a folder and, where `deep`, of the folders below it, sorted.
pub(super) fn images(folder: &Path, deep: bool) -> Result<Vec<PathBuf>> {
    let hidden = |entry: &walkdir::DirEntry| entry.depth() > 0 && entry.file_name().to_string_lossy().starts_with('.');
    let walk = WalkDir::new(folder).follow_links(true).max_depth(if deep { usize::MAX } else { 1 });
    let mut paths = Vec::new();
    for entry in walk.into_iter().filter_entry(|entry| !hidden(entry)) {
        let entry = entry.io("read", folder)?;
        if entry.file_type().is_file() && is_image(entry.path()) {
            paths.push(entry.into_path());
        }
    }
    // Paths compare part by part, which takes long where files are many.
    paths.sort_unstable_by(|a, b| a.as_os_str().cmp(b.as_os_str()));
    Ok(paths)
}

/// Files that are photographs to people and not to plantpipe, by extension: TIFF, HEIC and the like.
pub(crate) fn passed_over(root: &Path) -> Result<Vec<(String, u64)>> {
    const OTHERS: [&str; 10] = ["avif", "bmp", "cr2", "dng", "gif", "heic", "heif", "nef", "tif", "tiff"];
    let mut found: std::collections::BTreeMap<String, u64> = std::collections::BTreeMap::new();
    for entry in WalkDir::new(root).follow_links(true) {
        let entry = entry.io("read", root)?;
        let extension = entry.path().extension().unwrap_or_default().to_string_lossy().to_lowercase();
        if OTHERS.contains(&extension.as_str()) && entry.file_type().is_file() {
            *found.entry(extension).or_default() += 1;
        }
    }
    Ok(found.into_iter().collect())
}
