//! The kind `predict`: [`PREDICT`] asks a trained model about every photograph of some splits, row by row.

use crate::auto::Auto;
use crate::batches::{Batches, CHUNK, Photos};
use crate::infer::{Trained, sigmoid, turned_logits};
use crate::turn::WAYS;
use crate::words::{counted, speed};
use crate::{CRATES, NETWORK, device};
use burn::tensor::Device;
use plantpipe_stage::format::{JsonFormat, ModelCard, Prediction, Predictions, Sample, ShardReader, Split};
use plantpipe_stage::sources;
use plantpipe_stage::{
    Arity, Code, Context, Error, InputSpec, IoContext, Item, Kind, OutputSpec, ParamSpec, ParamType, Reads, Result,
    Uses, code,
};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Instant;

/// Probabilities of every photograph of some splits, with exactly the preprocessing of the training.
pub const PREDICT: Kind = Kind {
    name: "predict",
    doc: "gives a trained model's probability of every label for every photograph of some splits",
    inputs: &[
        InputSpec { name: "model", doc: "the model to ask", format: "model", arity: Arity::One, reads: Reads::All },
        InputSpec {
            name: "shards",
            doc: "packed photographs with the labels the model was trained on",
            format: "shards",
            arity: Arity::One,
            reads: Reads::All,
        },
    ],
    outputs: &[OutputSpec {
        name: "predictions",
        doc: "predictions.csv: a row a photograph, a probability a label",
        format: "predictions",
    }],
    params: &[
        ParamSpec {
            name: "splits",
            doc: "the splits to answer for, every photograph of each",
            ty: ParamType::Choices(Split::NAMES),
            default: Some("[\"val\", \"test\"]"),
        },
        ParamSpec {
            name: "batch",
            doc: "photographs at a time",
            ty: ParamType::Int { min: 1, max: 4096 },
            default: Some("32"),
        },
        ParamSpec {
            name: "tta",
            doc: "test-time augmentation, the mean of the probabilities for each photograph as it is and mirrored left to \
                  right, top to bottom and both (flips), or in all eight ways a square can lie (dihedral)",
            ty: ParamType::Choice(&["none", "flips", "dihedral"]),
            default: Some("\"none\""),
        },
        ParamSpec {
            name: "size",
            doc: "side of the square input, pixels; auto: as in the training's last epoch. A network that learnt from random \
                  crops has seen leaves larger than they are, and can answer better at a greater size",
            ty: ParamType::Auto(&ParamType::Int { min: 32, max: 1024 }),
            default: Some("\"auto\""),
        },
    ],
    code: &[
        &NETWORK,
        &plantpipe_kernels::CODE,
        &PREDICTION,
        &sources::SHARDS,
        &sources::TABLES,
        &plantpipe_pixels::CODE,
    ],
    crates: CRATES,
    uses: Uses { device: true, items: &["shards"], ..Uses::NOTHING },
    run,
};

const PREDICTION: Code = code!("learn", "auto.rs", "predict.rs");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    splits: Vec<Split>,
    batch: usize,
    tta: Tta,
    size: Auto<u32>,
}

/// In how many of the ways of [`crate::turn`] each photograph is looked at.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Tta {
    None,
    Flips,
    Dihedral,
}

impl Tta {
    fn ways(self) -> u32 {
        match self {
            Self::None => 1,
            Self::Flips => 4,
            Self::Dihedral => WAYS,
        }
    }
}

/// Fails of an unreadable model or shards, labels that differ between them, or splits without a photograph.
fn run(ctx: &Context) -> Result<()> {
    let mut params: Params = ctx.params()?;
    params.splits.sort_unstable();
    params.splits.dedup();
    let device = device::open(ctx.device())?;
    let folder = &ctx.input("model").path;
    let mut card = ModelCard::read(folder)?;
    card.preprocessing.size = params.size.or(card.preprocessing.size);
    let mut model = Trained::load(card, folder, &device)?;
    let shards = &ctx.input("shards").path;
    let reader = ShardReader::open(shards)?;
    model.check(ctx, &reader.index)?;
    let samples: Vec<&Sample> = params.splits.iter().flat_map(|split| reader.index.split(*split)).collect();
    if samples.is_empty() {
        return Err(Error::at(shards, "the shards hold no photograph of the splits asked for")
            .hint("name other `splits`, or pack these"));
    }

    let mut rows = earlier(ctx, &samples, &model.card.labels);
    let known: BTreeSet<String> = rows.iter().map(|row| item(&row.image, row.split)).collect();
    let new: Vec<&Sample> =
        samples.iter().copied().filter(|sample| !known.contains(&item(&sample.id, sample.split))).collect();
    let start = Instant::now();
    let (views, mut done) = (params.tta.ways() as usize, 0);
    for chunk in new.chunks(CHUNK.max(params.batch)) {
        let photos = Photos::decode(&reader, shards, chunk.iter().copied().cloned().collect())?;
        let told = |now| ctx.progress(done + now, new.len() * views, "images");
        rows.extend(answer(&mut model, &photos, &params, &device, told)?);
        done += photos.len() * views;
    }
    tell(ctx, &params.splits, &samples, new.len(), &speed(new.len(), start.elapsed()));
    rows.sort_by(|a, b| (&a.image, a.split).cmp(&(&b.image, b.split)));
    let folder = ctx.output("predictions")?;
    Predictions { labels: model.card.labels, rows }.write(&folder)?;
    let table = folder.join(Predictions::FILE);
    let output = blake3::hash(&std::fs::read(&table).io("read", &table)?).to_hex().to_string();
    for sample in samples {
        let (id, input) = (item(&sample.id, sample.split), sample.digest.clone());
        ctx.record(Item { id, input, output: output.clone() });
    }
    Ok(())
}

/// A row of the table is the item that `predict` works by: it depends on the photograph's bytes and on no other row.
fn item(image: &str, split: Split) -> String {
    format!("{split}/{image}")
}

/// The rows of an earlier table of this model whose photographs are as they were.
fn earlier(ctx: &Context, samples: &[&Sample], labels: &[String]) -> Vec<Prediction> {
    let file = |sample: &Sample| ctx.earlier(&item(&sample.id, sample.split), &sample.digest);
    let unchanged: BTreeMap<String, PathBuf> =
        samples.iter().filter_map(|sample| Some((item(&sample.id, sample.split), file(sample)?))).collect();
    // All of a run's rows stand in one table. One that cannot be read is none.
    let table = unchanged.values().next().and_then(|file| Predictions::read(file.parent()?).ok());
    let rows = table.filter(|table| table.labels == labels).map_or(Vec::new(), |table| table.rows);
    rows.into_iter().filter(|row| unchanged.contains_key(&item(&row.image, row.split))).collect()
}

/// The rows of some photographs; `done` hears how many looks at one are done.
fn answer(
    model: &mut Trained,
    photos: &Photos,
    params: &Params,
    device: &Device,
    done: impl Fn(usize),
) -> Result<Vec<Prediction>> {
    let batches = Batches { images: &photos.images, preprocessing: &model.card.preprocessing, batch: params.batch };
    let ways = params.tta.ways();
    let mut sums = vec![vec![0.0; model.card.labels.len()]; photos.len()];
    for way in 0..ways {
        let told = |ready| done(way as usize * photos.len() + ready);
        let logits = turned_logits(&mut model.network, &batches, way, device, |at| photos.name(at), told)?;
        for (sum, logit) in sums.iter_mut().flatten().zip(logits.into_iter().flatten()) {
            *sum += sigmoid(logit);
        }
    }
    let row = |(sample, sums): (&Sample, Vec<f32>)| Prediction {
        image: sample.id.clone(),
        split: sample.split,
        probabilities: sums.into_iter().map(|sum| sum / ways as f32).collect(),
    };
    Ok(photos.samples.iter().zip(sums).map(row).collect())
}

/// Of how many there is an answer, how many of them are new, and how fast these were.
fn tell(ctx: &Context, splits: &[Split], samples: &[&Sample], new: usize, speed: &str) {
    let of_split = |split: &Split| {
        let count = samples.iter().filter(|sample| sample.split == *split).count();
        format!("{} of {split}", counted(count, "photograph"))
    };
    let all = splits.iter().map(of_split).collect::<Vec<_>>().join(", ");
    ctx.note(match new {
        _ if new == samples.len() => format!("answered for {all}, {speed}"),
        0 => format!("none of {all} is new"),
        1 => format!("answered for {all}; 1 is new, the others as before; {speed}"),
        _ => format!("answered for {all}; {new} are new, the others as before; {speed}"),
    });
}
