//! The tool [`LOOK`]: a first look at a data set, for `plantpipe init`; no pipeline names it.

use crate::dataset::labelled;
use plantpipe_pixels::dimensions;
use plantpipe_stage::format::{JsonFormat, Look, Split};
use plantpipe_stage::{
    Arity, Code, Context, Error, InputSpec, IoContext, Kind, OutputSpec, Reads, Result, Uses, code, sources,
};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

const OWN: Code = code!("data", "look.rs");

/// Counts what is there; reads the head of every photograph.
pub const LOOK: Kind = Kind {
    name: "look",
    doc: "looks at a data set",
    inputs: &[InputSpec { name: "data", doc: "a data set", format: "dataset", arity: Arity::One, reads: Reads::All }],
    outputs: &[OutputSpec { name: "look", doc: "`look.json`", format: "look" }],
    params: &[],
    code: &[&OWN, &crate::dataset::CODE, &sources::TABLES, &sources::TOOLS, &plantpipe_pixels::CODE],
    crates: &["csv"],
    uses: Uses::NOTHING,
    run,
};

/// Fails of a folder that is no data set, or has no labelled photograph.
fn run(ctx: &Context) -> Result<()> {
    let root = &ctx.input("data").path;
    let data = labelled(root)?;
    if data.rows.is_empty() {
        return Err(Error::at(root, "no photograph in it has a label"));
    }
    let mut sizes: Vec<(u32, u32)> = data.rows.par_iter().map(|row| size(&row.path)).collect::<Result<_>>()?;
    sizes.sort_unstable_by_key(|(width, height)| (u64::from(*width) * u64::from(*height), *width));
    let mut splits: BTreeMap<Split, u64> = BTreeMap::new();
    let mut labels: BTreeMap<String, u64> = BTreeMap::new();
    for row in &data.rows {
        if let Some(split) = row.split {
            *splits.entry(split).or_default() += 1;
        }
        for label in &row.labels {
            *labels.entry(label.clone()).or_default() += 1;
        }
    }
    Look {
        schema: Look::SCHEMA,
        layout: data.layout.words().to_owned(),
        photographs: data.rows.len() as u64,
        unlabelled: data.unlabelled.len() as u64,
        several: data.rows.iter().filter(|row| row.labels.len() > 1).count() as u64,
        splits,
        labels,
        size: sizes[sizes.len() / 2],
    }
    .write(&ctx.output("look")?)
}

/// A header lies in the first bytes, but EXIF data may push the size far back: the whole file is read.
fn size(path: &Path) -> Result<(u32, u32)> {
    let bytes = std::fs::read(path).io("read", path)?;
    dimensions(&bytes, path)
}
