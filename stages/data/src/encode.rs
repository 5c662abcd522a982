//! The kind [`ENCODE`]: label tables as numbers, one 0/1 column a label.

use crate::dataset::{self, Assigned, SPLITS, assigned, labelled};
use plantpipe_stage::format::{MultiHot, MultiHotRow, Split};
use plantpipe_stage::sources;
use plantpipe_stage::{Arity, Code, Context, Error, InputSpec, Kind, OutputSpec, Reads, Result, Uses, code};
use std::collections::BTreeSet;
use std::path::Path;

const OWN: Code = code!("data", "encode.rs");

/// Multi-hot encoding over the sorted union of the labels of all splits.
pub const ENCODE: Kind = Kind {
    name: "encode",
    doc: "turns the label tables into one 0/1 column a label",
    inputs: &[
        InputSpec {
            name: "labels",
            doc: "the data set whose label tables are encoded; its photographs are looked for, not read",
            format: "dataset",
            arity: Arity::One,
            reads: Reads::Tables,
        },
        SPLITS,
    ],
    outputs: &[OutputSpec { name: "labels", doc: "one row a photograph, one column a label", format: "multihot" }],
    params: &[],
    code: &[&OWN, &dataset::CODE, &sources::TABLES],
    crates: &["csv"],
    uses: Uses { seed: false, device: false, lineage: false, published: false },
    run,
};

/// The params of [`ENCODE`]: none.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncodeParams {}

fn run(context: &Context) -> Result<()> {
    let EncodeParams {} = context.params()?;
    let root = &context.input("labels").path;
    let data = assigned(labelled(root)?, root, context.optional("splits").map(|list| list.path.as_path()))?;
    refuse_unlearnable(root, &data)?;
    for (split, count) in data.unlabelled.iter().filter(|(_, count)| **count > 0) {
        context.note(format!("{split}: {count} photographs without a row in the label table take no part"));
    }
    let rows = data.rows.iter().map(|row| MultiHotRow {
        image: row.id.clone(),
        split: row.split,
        targets: data.labels.iter().map(|label| u8::from(row.labels.contains(label))).collect(),
    });
    MultiHot { labels: data.labels.clone(), rows: rows.collect() }.write(&context.output("labels")?)
}

/// A label that only val or test know could never be learnt.
fn refuse_unlearnable(root: &Path, data: &Assigned) -> Result<()> {
    let train = || data.rows.iter().filter(|row| row.split == Split::Train);
    let known: BTreeSet<&String> = train().flat_map(|row| &row.labels).collect();
    for row in &data.rows {
        if let Some(label) = row.labels.iter().find(|label| !known.contains(label)) {
            let known: Vec<String> = known.iter().map(|label| format!("`{label}`")).collect();
            let hint = if known.is_empty() {
                format!("the train split has no labelled photograph: is {} there?", Split::Train.table(root).display())
            } else {
                format!("the train split knows {}; correct the label, or add photographs of it", known.join(", "))
            };
            let what = format!("`{}` carries the label `{label}`, which no photograph of the train split has", row.id);
            return Err(Error::at(row.split.table(root), what).hint(hint));
        }
    }
    Ok(())
}
