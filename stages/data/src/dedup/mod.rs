//! The kind [`DEDUP`]: photographs that show the same leaf in the same shot, found by their pixels.
//!
//! A perceptual hash proposes pairs, the correlation of grey thumbnails decides. On the 4200 photographs of the course
//! subset of Plant Pathology 2021 (8.8 million pairs, each in eight turns) no two different shots correlate by more than
//! 0.85, while copies that were encoded at JPEG quality 20, scaled, mirrored or moved by 1% of their side keep 0.97 and
//! more; hence a default distance of 10%. A mean difference of grey values would not do: different shots of low contrast
//! come as near as 17 of 255, and one copy that is 40% brighter is 48 away. Another shot of the same leaf, from another
//! angle, is not found.
//!
//! Every photograph is compared with every other: the time grows with the square of their number, though for tens of
//! thousands it is decoding that takes it.

mod groups;
mod look;
mod sheet;

use crate::dataset::{self, Photograph, labelled, photographs};
use groups::{Limits, groups, pairs};
use look::Look;
use plantpipe_pixels::{RgbImage, decode, encode_jpeg};
use plantpipe_stage::format::{DuplicateGroup, Duplicates, JsonFormat, Picture};
use plantpipe_stage::sources;
use plantpipe_stage::{
    Arity, Code, Context, InputSpec, IoContext, Kind, OutputSpec, ParamSpec, ParamType, Reads, Result, Uses, code,
};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

const OWN: Code = code!("data/dedup", "mod.rs", "groups.rs", "look.rs", "sheet.rs");

/// Groups of near-duplicates, with what contradicts within them, and contact sheets to judge them by.
pub const DEDUP: Kind = Kind {
    name: "dedup",
    doc: "finds near-duplicate photographs by their pixels, and which of them differ in labels or cross splits",
    inputs: &[InputSpec {
        name: "images",
        doc: "the data set whose photographs are compared",
        format: "dataset",
        arity: Arity::One,
        reads: Reads::All,
    }],
    outputs: &[OutputSpec {
        name: "duplicates",
        doc: "`duplicates.json` and contact sheets of the groups",
        format: "duplicates",
    }],
    params: &[
        ParamSpec {
            name: "bits",
            doc: "bits of 63 in which the hashes of two photographs may differ for their pixels to be compared",
            ty: ParamType::Int { min: 0, max: look::BITS as i64 },
            default: Some("12"),
        },
        ParamSpec {
            name: "distance",
            doc: "greatest distance of duplicates, percent: 100 (1 - r), r the correlation of two 32 x 32 grey thumbnails; 0: equal",
            ty: ParamType::Int { min: 0, max: 50 },
            default: Some("10"),
        },
        ParamSpec {
            name: "turned",
            doc: "whether mirrored photographs, and those turned by a quarter or a half, are looked for too",
            ty: ParamType::Bool,
            default: Some("true"),
        },
        ParamSpec {
            name: "shown",
            doc: "groups on the contact sheets, at most; those with contradictions come first",
            ty: ParamType::Int { min: 0, max: 1000 },
            default: Some("100"),
        },
    ],
    code: &[
        &OWN,
        &dataset::CODE,
        &sources::TABLES,
        &sources::DOCUMENTS,
        &plantpipe_pixels::CODE,
        &plantpipe_pixels::DRAWING,
    ],
    crates: crate::DRAWING_CRATES,
    uses: Uses::NOTHING,
    run,
};

/// The params of [`DEDUP`].
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DedupParams {
    pub bits: u32,
    pub distance: u32,
    pub turned: bool,
    pub shown: usize,
}

fn run(context: &Context) -> Result<()> {
    let params: DedupParams = context.params()?;
    let root = &context.input("images").path;
    let (photographs, rows) = (photographs(root)?, labelled(root)?.rows);
    let limits = Limits { bits: params.bits, distance: params.distance, turned: params.turned };
    let groups = groups(&photographs, &rows, &pairs(&looks(context, &photographs)?, limits));
    context.note(summary(photographs.len(), &groups));
    let mut shown: Vec<&DuplicateGroup> = groups.iter().collect();
    shown.sort_by_key(|group| (!group.conflict, !group.crosses_splits));
    shown.truncate(params.shown);
    if shown.len() < groups.len() {
        context.note(format!("the contact sheets show {} of {} groups", shown.len(), groups.len()));
    }
    let folder = context.output("duplicates")?;
    let mut pictures = Vec::new();
    for (number, page) in sheet::pages(&shown, &photographs)?.iter().enumerate() {
        let picture = picture(number, shown.len(), groups.len());
        save(page, &folder.join(&picture.file))?;
        pictures.push(picture);
    }
    Duplicates { schema: Duplicates::SCHEMA, photographs: photographs.len() as u64, groups, pictures }.write(&folder)
}

/// The look of every photograph, in the order of their ids.
fn looks(context: &Context, photographs: &BTreeMap<String, Photograph>) -> Result<Vec<Look>> {
    let done = AtomicUsize::new(0);
    let photographs: Vec<&Photograph> = photographs.values().collect();
    let look = |photograph: &&Photograph| -> Result<Look> {
        let bytes = std::fs::read(&photograph.path).io("read", &photograph.path)?;
        let look = Look::new(&decode(&bytes, &photograph.path)?);
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        if done.is_multiple_of(50) || done == photographs.len() {
            context.progress(done, photographs.len(), "images");
        }
        Ok(look)
    };
    photographs.par_iter().map(look).collect()
}

fn summary(photographs: usize, groups: &[DuplicateGroup]) -> String {
    let members: usize = groups.iter().map(|group| group.images.len()).sum();
    let count = |holds: fn(&DuplicateGroup) -> bool| groups.iter().filter(|group| holds(group)).count();
    let (conflicts, crossing) = (count(|group| group.conflict), count(|group| group.crosses_splits));
    match groups {
        [] => format!("no two of {photographs} photographs look alike"),
        _ => format!(
            "{members} of {photographs} photographs are near-duplicates, in {}; {conflicts} with labels that differ, \
             {crossing} across splits",
            if groups.len() == 1 { "1 group".to_owned() } else { format!("{} groups", groups.len()) }
        ),
    }
}

/// What the page of that number (from 0) is called, and what is on it.
fn picture(number: usize, shown: usize, groups: usize) -> Picture {
    let (first, last) = (number * sheet::ROWS + 1, shown.min((number + 1) * sheet::ROWS));
    Picture {
        file: format!("groups-{:03}.jpg", number + 1),
        caption: format!(
            "Near-duplicate photographs, a row a group: {first} to {last} of {groups}, those with contradictions first"
        ),
        photographs: true,
    }
}

fn save(page: &RgbImage, path: &Path) -> Result<()> {
    std::fs::write(path, encode_jpeg(page, 88)?).io("write", path)
}
