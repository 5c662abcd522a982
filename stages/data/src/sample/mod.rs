//! The kind [`SAMPLE`]: synthetic photographs of apple leaves, drawn from the seed, with their labels and with masks
//! of where each label's signs are.
//!
//! Nothing here was photographed: the data set is for trying a pipeline out and for checking that a model looks where
//! the signs are. Figures measured on it say nothing about real leaves.

mod background;
mod blade;
mod canvas;
mod labels;
mod leaf;
mod lesions;
mod light;
mod scene;
#[cfg(test)]
mod tests;

use plantpipe_pixels::{encode_grey_png, encode_jpeg};
use plantpipe_stage::format::{DatasetCard, JsonFormat, LabelRow, LabelTable, Split, mask_file};
use plantpipe_stage::random::keyed;
use plantpipe_stage::sources;
use plantpipe_stage::{Code, Context, IoContext, Kind, OutputSpec, ParamSpec, ParamType, Result, Uses, code};
use rand::Rng;
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

const OWN: Code = code!(
    "data/sample",
    "mod.rs",
    "background.rs",
    "blade.rs",
    "canvas.rs",
    "labels.rs",
    "leaf.rs",
    "lesions.rs",
    "light.rs",
    "scene.rs",
);

/// Draws a data set: `dataset` as a course hands it over, and `masks` that no real data set has.
pub const SAMPLE: Kind = Kind {
    name: "sample",
    doc: "draws a synthetic data set of apple leaves, with masks of where the signs of disease are",
    inputs: &[],
    outputs: &[
        OutputSpec { name: "dataset", doc: "photographs and label tables of three splits", format: "dataset" },
        OutputSpec { name: "masks", doc: "`<id>.<label>.png`, where each label's signs are", format: "masks" },
    ],
    params: &[
        counted("train", "photographs of the train split", 6, "480"),
        counted("val", "photographs of the val split", 1, "120"),
        counted("test", "photographs of the test split", 1, "120"),
        ParamSpec {
            name: "size",
            doc: "side of the square photographs, pixels",
            ty: ParamType::Int { min: 64, max: 2048 },
            default: Some("256"),
        },
        ParamSpec {
            name: "quality",
            doc: "JPEG quality, 1 to 100",
            ty: ParamType::Int { min: 1, max: 100 },
            default: Some("90"),
        },
    ],
    code: &[&OWN, &sources::RANDOM, &sources::TABLES, &plantpipe_pixels::CODE],
    crates: &["flate2", "image", "jpeg-encoder", "png", "rand", "rand_chacha", "zlib-rs"],
    uses: Uses { seed: true, ..Uses::NOTHING },
    run,
};

const fn counted(name: &'static str, doc: &'static str, min: i64, default: &'static str) -> ParamSpec {
    ParamSpec { name, doc, ty: ParamType::Int { min, max: 100_000 }, default: Some(default) }
}

/// The params of [`SAMPLE`].
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampleParams {
    pub train: usize,
    pub val: usize,
    pub test: usize,
    pub size: usize,
    pub quality: u8,
}

/// A leaf to draw.
struct Plan {
    id: String,
    split: Split,
    labels: &'static [&'static str],
    /// What its dice are keyed with.
    place: [u64; 2],
}

fn run(context: &Context) -> Result<()> {
    let params: SampleParams = context.params()?;
    let (dataset, masks) = (context.output("dataset")?, context.output("masks")?);
    let plans = plan(context.seed(), &params);
    for split in Split::ALL {
        std::fs::create_dir_all(split.images(&dataset)).io("make", split.images(&dataset))?;
        table(&plans, split).write(&split.table(&dataset))?;
    }
    card().write(&dataset)?;
    let done = AtomicUsize::new(0);
    plans.par_iter().try_for_each(|plan| {
        draw(plan, context.seed(), &params, &dataset, &masks)?;
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        if done.is_multiple_of(50) || done == plans.len() {
            context.progress(done, plans.len(), "images");
        }
        Ok(())
    })
}

/// Which leaves each split holds, in the order of its table.
fn plan(seed: u64, params: &SampleParams) -> Vec<Plan> {
    let mut taken = BTreeSet::new();
    let mut plans = Vec::new();
    for (split, count) in Split::ALL.into_iter().zip([params.train, params.val, params.test]) {
        let part = split as u64;
        let sets = labels::quotas(count, &mut keyed(seed, "sample labels", &[part]));
        let mut names = keyed(seed, "sample names", &[part]);
        for (index, labels) in sets.into_iter().enumerate() {
            let mut id = format!("{:016x}", names.next_u64());
            while !taken.insert(id.clone()) {
                id = format!("{:016x}", names.next_u64());
            }
            plans.push(Plan { id, split, labels, place: [part, index as u64] });
        }
    }
    plans
}

fn table(plans: &[Plan], split: Split) -> LabelTable {
    let row = |plan: &Plan| LabelRow {
        image: format!("{}.jpg", plan.id),
        labels: plan.labels.iter().map(|label| (*label).to_owned()).collect(),
        split: None,
    };
    LabelTable { rows: plans.iter().filter(|plan| plan.split == split).map(row).collect() }
}

fn card() -> DatasetCard {
    DatasetCard {
        schema: DatasetCard::SCHEMA,
        name: "synthetic apple leaves".into(),
        synthetic: true,
        description: "Pictures of apple leaves drawn by a program (plantpipe's kind sample), not photographs. \
                      Labels and lesion masks are exact because the program drew the lesions. Scores on these \
                      pictures say nothing about real leaves."
            .into(),
    }
}

fn draw(plan: &Plan, seed: u64, params: &SampleParams, dataset: &Path, masks: &Path) -> Result<()> {
    let photograph = scene::photograph(plan.labels, params.size, &mut keyed(seed, "sample leaf", &plan.place));
    let path = plan.split.images(dataset).join(format!("{}.jpg", plan.id));
    std::fs::write(&path, encode_jpeg(&photograph.image, params.quality)?).io("write", &path)?;
    for (label, mask) in &photograph.masks {
        let path = masks.join(mask_file(&plan.id, label));
        std::fs::write(&path, encode_grey_png(mask)?).io("write", &path)?;
    }
    Ok(())
}
