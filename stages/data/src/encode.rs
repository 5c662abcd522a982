//! The kind [`ENCODE`]: label tables as numbers, one 0/1 column a label.

use crate::dataset::labelled;
use plantpipe_stage::format::{MultiHot, MultiHotRow};
use plantpipe_stage::{Arity, Code, Context, InputSpec, Kind, OutputSpec, Reads, Result, Uses, code};

const OWN: Code = code!("data", "encode.rs", "dataset.rs");

/// Multi-hot encoding over the sorted union of the labels of all splits.
pub const ENCODE: Kind = Kind {
    name: "encode",
    doc: "turns the label tables into one 0/1 column a label",
    inputs: &[InputSpec {
        name: "labels",
        doc: "the data set whose label tables are encoded; its photographs are looked for, not read",
        format: "dataset",
        arity: Arity::One,
        reads: Reads::Tables,
    }],
    outputs: &[OutputSpec { name: "labels", doc: "one row a photograph, one column a label", format: "multihot" }],
    params: &[],
    code: &[&OWN],
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
    let data = labelled(&context.input("labels").path)?;
    for (split, count) in data.unlabelled.iter().filter(|(_, count)| **count > 0) {
        context.note(format!("{count} photographs of the {split} split have no row in its label table and take no part"));
    }
    let rows = data.rows.iter().map(|row| MultiHotRow {
        image: row.id.clone(),
        split: row.split,
        targets: data.labels.iter().map(|label| u8::from(row.labels.contains(label))).collect(),
    });
    MultiHot { labels: data.labels.clone(), rows: rows.collect() }.write(&context.output("labels")?)
}
