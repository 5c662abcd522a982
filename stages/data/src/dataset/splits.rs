//! Which split each labelled photograph belongs to, by the layout or by a list: [`assigned`].

use super::{Labelled, LabelledPhotograph};
use plantpipe_stage::format::{Split, Splits};
use plantpipe_stage::{Arity, Error, InputSpec, Reads, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The optional input of the kinds that need splits.
pub(crate) const SPLITS: InputSpec = InputSpec {
    name: "splits",
    doc: "which photograph belongs to which split, `image,split`; takes precedence over the data set's own splits",
    format: "splits",
    arity: Arity::Optional,
    reads: Reads::All,
};

/// A photograph with its labels and its split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AssignedPhotograph {
    pub(crate) id: String,
    pub(crate) split: Split,
    pub(crate) path: PathBuf,
    /// Sorted.
    pub(crate) labels: Vec<String>,
}

/// Labelled photographs, each in a split.
#[derive(Debug)]
pub(crate) struct Assigned {
    /// Sorted union over all splits.
    pub(crate) labels: Vec<String>,
    /// Sorted by id.
    pub(crate) rows: Vec<AssignedPhotograph>,
    /// How many photographs have no row, for each split that has photographs.
    pub(crate) unlabelled: BTreeMap<Split, u64>,
    /// How many photographs have neither row nor split.
    pub(crate) apart: u64,
}

/// Gives every labelled photograph its split: by `list`, a file or folder of format `splits`, where there is one, else
/// as the layout of `root` says.
///
/// # Errors
/// No list and no splits in the layout; a labelled photograph that the list does not name; a list that cannot be read.
pub(crate) fn assigned(data: Labelled, root: &Path, list: Option<&Path>) -> Result<Assigned> {
    let splits = list.map(|path| Ok((path, Splits::read(path)?))).transpose()?;
    let split_of = |id: &str, by_layout: Option<Split>| match &splits {
        Some((_, splits)) => splits.rows.get(id).copied(),
        None => by_layout,
    };
    let (mut unlabelled, mut apart) = (BTreeMap::new(), 0);
    for (id, by_layout) in &data.unlabelled {
        match split_of(id, *by_layout) {
            Some(split) => *unlabelled.entry(split).or_default() += 1,
            None => apart += 1,
        }
    }
    let assign = |row: LabelledPhotograph| {
        let LabelledPhotograph { id, split, path, labels } = row;
        let split = split_of(&id, split).ok_or_else(|| match &splits {
            Some((list, _)) => Error::at(list, format!("does not name the labelled photograph `{id}`"))
                .hint("give it a row `<id>,<split>` in the list, or make the list anew from this data set"),
            None => Error::at(root, "this data set has no train, val and test part")
                .hint("add a stage of kind `split`, and give it to this stage as the input `splits`"),
        })?;
        unlabelled.entry(split).or_default();
        Ok(AssignedPhotograph { id, split, path, labels })
    };
    let rows = data.rows.into_iter().map(assign).collect::<Result<_>>()?;
    Ok(Assigned { labels: data.labels, rows, unlabelled, apart })
}
