//! The kind [`ENCODE`]: label tables as numbers, one 0/1 column a label.

use crate::dataset::{self, Divided, labelled};
use plantpipe_stage::format::{MultiHot, MultiHotRow, Split};
use plantpipe_stage::sources;
use plantpipe_stage::{Arity, Code, Context, Error, InputSpec, Kind, OutputSpec, Reads, Result, Uses, code};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const OWN: Code = code!("data", "encode.rs");

/// Multi-hot encoding over the sorted union of the labels of all splits.
pub const ENCODE: Kind = Kind {
    name: "encode",
    doc: "turns labels into one 0/1 column a label",
    inputs: &[
        InputSpec {
            name: "labels",
            doc: "the data set whose labels are encoded; its photographs are looked for, not read",
            format: "dataset",
            arity: Arity::One,
            reads: Reads::Tables,
        },
        dataset::SPLITS,
    ],
    outputs: &[OutputSpec { name: "labels", doc: "one row a photograph, one column a label", format: "multihot" }],
    params: &[],
    code: &[&OWN, &dataset::CODE, &sources::TABLES],
    crates: &["csv"],
    uses: Uses::NOTHING,
    run,
};

/// The params of [`ENCODE`]: none.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncodeParams {}

fn run(context: &Context) -> Result<()> {
    let EncodeParams {} = context.params()?;
    let root = &context.input("labels").path;
    let data = labelled(root)?;
    let rows = data.divided(root, context.optional("splits"))?;
    refuse_unlearnable(root, &rows)?;
    let mut without: BTreeMap<Option<Split>, u64> = BTreeMap::new();
    for split in data.unlabelled.values() {
        *without.entry(*split).or_default() += 1;
    }
    for (split, count) in without {
        let place = split.map(|split| format!("{split}: ")).unwrap_or_default();
        let (noun, verb) = if count == 1 { ("photograph", "takes") } else { ("photographs", "take") };
        context.note(format!("{place}{count} {noun} without labels {verb} no part"));
    }
    let rows = rows.iter().map(|row| MultiHotRow {
        image: row.id.clone(),
        split: row.split,
        targets: data.labels.iter().map(|label| u8::from(row.labels.contains(label))).collect(),
    });
    MultiHot { labels: data.labels.clone(), rows: rows.collect() }.write(&context.output("labels")?)
}

/// A label that only val or test know could never be learnt.
fn refuse_unlearnable(root: &Path, rows: &[Divided]) -> Result<()> {
    let known: BTreeSet<&String> =
        rows.iter().filter(|row| row.split == Split::Train).flat_map(|row| &row.labels).collect();
    for row in rows {
        if let Some(label) = row.labels.iter().find(|label| !known.contains(label)) {
            let known: Vec<String> = known.iter().map(|label| format!("`{label}`")).collect();
            let hint = if known.is_empty() {
                "the train split has no labelled photograph: is its label table there?".to_owned()
            } else {
                format!("the train split knows {}; correct the label, or add photographs of it", known.join(", "))
            };
            let split = row.split;
            let what = format!(
                "`{}` ({split}) carries the label `{label}`, which no photograph of the train split has",
                row.id
            );
            return Err(Error::at(root, what).hint(hint));
        }
    }
    Ok(())
}
