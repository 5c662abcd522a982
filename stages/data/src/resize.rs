//! The kind [`RESIZE`]: every photograph of a data set made one square size, as `<id>.jpg`.

use crate::dataset::{self, Photograph, photographs};
use plantpipe_pixels::prepare;
use plantpipe_stage::format::{Fit, ImagesCard, JsonFormat};
use plantpipe_stage::sources;
use plantpipe_stage::{
    Arity, Code, Context, InputSpec, IoContext, Item, Kind, OutputSpec, ParamSpec, ParamType, Reads, Result, Uses, code,
};
use rayon::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

const OWN: Code = code!("data", "resize.rs");

/// Makes photographs square: the coded data of one that already fits pass through untouched, metadata never do.
pub const RESIZE: Kind = Kind {
    name: "resize",
    doc: "makes every photograph of a data set size x size pixels, without its metadata",
    inputs: &[InputSpec {
        name: "images",
        doc: "the data set whose photographs are resized",
        format: "dataset",
        arity: Arity::One,
        reads: Reads::Images,
    }],
    outputs: &[OutputSpec { name: "images", doc: "the photographs, `<id>.jpg`, of all splits", format: "images" }],
    params: &[
        ParamSpec {
            name: "size",
            doc: "side of the square result, pixels",
            ty: ParamType::Int { min: 8, max: 4096 },
            default: Some("256"),
        },
        ParamSpec {
            name: "fit",
            doc: "how another shape becomes square: its sides scaled apart, the centre cut out, or black bars added",
            ty: ParamType::Choice(Fit::NAMES),
            default: Some("\"squash\""),
        },
        ParamSpec {
            name: "quality",
            doc: "JPEG quality, 1 to 100",
            ty: ParamType::Int { min: 1, max: 100 },
            default: Some("92"),
        },
    ],
    code: &[&OWN, &dataset::CODE, &sources::IMAGES, &plantpipe_pixels::CODE],
    crates: plantpipe_pixels::CRATES,
    uses: Uses { items: &["images"], ..Uses::NOTHING },
    run,
};

/// The params of [`RESIZE`].
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResizeParams {
    pub size: u32,
    pub fit: Fit,
    pub quality: u8,
}

fn run(context: &Context) -> Result<()> {
    let params: ResizeParams = context.params()?;
    let photographs = photographs(&context.input("images").path)?;
    let folder = context.output("images")?;
    let card = ImagesCard { schema: ImagesCard::SCHEMA, size: params.size, fit: params.fit, quality: params.quality };
    card.write(&folder)?;
    // One thread: in one folder the system makes links one after the other, and threads that wait for it slow it down.
    let new: Vec<(&String, &Photograph)> =
        photographs.iter().filter(|(id, p)| !is_there(context, id, p, &folder)).collect();
    let done = AtomicUsize::new(context.reused());
    new.into_par_iter().try_for_each(|(id, photograph)| {
        resize_one(context, id, photograph, &folder, &card)?;
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        if done.is_multiple_of(50) || done == photographs.len() {
            context.progress(done, photographs.len(), "images");
        }
        Ok(())
    })?;
    if context.reused() > 0 {
        let new = photographs.len() - context.reused();
        context.note(format!("{new} of {} photographs resized, the others are as before", photographs.len()));
    }
    Ok(())
}

/// Takes `<id>.jpg` from an earlier run, if one made it of the same photograph.
fn is_there(context: &Context, id: &str, photograph: &Photograph, folder: &Path) -> bool {
    let known = context.known("images", &photograph.path);
    known.is_some_and(|known| context.reuse(id, &known.digest, &path(folder, id)))
}

fn path(folder: &Path, id: &str) -> PathBuf {
    folder.join(format!("{id}.jpg"))
}

/// Writes `<id>.jpg`.
fn resize_one(context: &Context, id: &str, photograph: &Photograph, folder: &Path, card: &ImagesCard) -> Result<()> {
    let path = path(folder, id);
    let bytes = std::fs::read(&photograph.path).io("read", &photograph.path)?;
    let input = blake3::hash(&bytes);
    let result = prepare(bytes, card, &photograph.path)?;
    std::fs::write(&path, &result).io("write", &path)?;
    context.record(Item {
        id: id.to_owned(),
        input: input.to_hex().to_string(),
        output: blake3::hash(&result).to_hex().to_string(),
    });
    Ok(())
}
