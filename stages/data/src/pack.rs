//! The kind [`PACK`]: photographs and their targets in `WebDataset` tar shards with an index.

use plantpipe_stage::format::{ImagesCard, JsonFormat, MultiHot, ShardWriter};
use plantpipe_stage::sources;
use plantpipe_stage::{
    Arity, Code, Context, Error, InputSpec, IoContext, Kind, OutputSpec, ParamSpec, ParamType, Reads, Result, Uses,
    code,
};
use std::path::Path;

const OWN: Code = code!("data", "pack.rs");

/// Packs every row of the labels with its photograph.
pub const PACK: Kind = Kind {
    name: "pack",
    doc: "packs photographs and labels into WebDataset tar shards with an index",
    inputs: &[
        InputSpec {
            name: "images",
            doc: "photographs, `<id>.jpg`, and how they were made ready",
            format: "images",
            arity: Arity::One,
            reads: Reads::All,
        },
        InputSpec {
            name: "labels",
            doc: "one row a photograph to pack",
            format: "multihot",
            arity: Arity::One,
            reads: Reads::All,
        },
    ],
    outputs: &[OutputSpec { name: "shards", doc: "`<split>-NNN.tar` and `index.json`", format: "shards" }],
    params: &[ParamSpec {
        name: "shards",
        doc: "shards a split",
        ty: ParamType::Int { min: 1, max: 1000 },
        default: Some("8"),
    }],
    code: &[&OWN, &sources::SHARDS, &sources::TABLES],
    crates: &[],
    uses: Uses::NOTHING,
    run,
};

/// The params of [`PACK`].
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackParams {
    pub shards: u64,
}

fn run(context: &Context) -> Result<()> {
    let params: PackParams = context.params()?;
    let images = &context.input("images").path;
    let mut labels = MultiHot::read(&context.input("labels").path)?;
    labels.rows.sort_by(|a, b| a.image.cmp(&b.image));
    let card = ImagesCard::read(images)?;
    let mut writer = ShardWriter::new(&context.output("shards")?, card, labels.labels, params.shards);
    for (done, row) in labels.rows.iter().enumerate() {
        writer.add(&row.image, row.split, &photograph(images, &row.image)?, &row.targets)?;
        if done % 200 == 199 {
            context.progress(done + 1, labels.rows.len(), "images");
        }
    }
    let left = count(images)?.saturating_sub(labels.rows.len());
    if left > 0 {
        let (noun, verbs) = if left == 1 {
            ("photograph", "has no label row and is")
        } else {
            ("photographs", "have no label row and are")
        };
        context.note(format!("{left} {noun} {verbs} left out"));
    }
    context.progress(labels.rows.len(), labels.rows.len(), "images");
    writer.finish().map(|_| ())
}

fn photograph(folder: &Path, id: &str) -> Result<Vec<u8>> {
    let path = folder.join(format!("{id}.jpg"));
    if !path.is_file() {
        return Err(Error::new(format!("the labels name the photograph `{id}`, but there is no {}", path.display()))
            .hint("`images` and `labels` have to come from the same data set"));
    }
    std::fs::read(&path).io("read", &path)
}

/// How many photographs a folder of format `images` holds.
fn count(folder: &Path) -> Result<usize> {
    let mut count = 0;
    for entry in std::fs::read_dir(folder).io("read", folder)? {
        let name = entry.io("read", folder)?.file_name();
        count += usize::from(Reads::is_image(&name.to_string_lossy()));
    }
    Ok(count)
}
