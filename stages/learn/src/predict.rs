//! The kind `predict`: [`PREDICT`] asks a trained model about every photograph of some splits.

use crate::batches::{Batches, Photos};
use crate::infer::{Trained, sigmoid, turned_logits};
use crate::turn::WAYS;
use crate::words::{counted, speed};
use crate::{CRATES, NETWORK, device};
use plantpipe_stage::format::{Prediction, Predictions, Split};
use plantpipe_stage::sources;
use plantpipe_stage::{
    Arity, Code, Context, Error, InputSpec, Kind, OutputSpec, ParamSpec, ParamType, Reads, Result, Uses, code,
};
use serde::Deserialize;
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
    uses: Uses { device: true, ..Uses::NOTHING },
    run,
};

const PREDICTION: Code = code!("learn", "predict.rs");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    splits: Vec<Split>,
    batch: usize,
    tta: Tta,
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
    let mut model = Trained::open(&ctx.input("model").path, &device)?;
    let shards = &ctx.input("shards").path;
    let photos = Photos::read(shards, &params.splits)?;
    model.check(ctx, &photos)?;
    if photos.len() == 0 {
        return Err(Error::at(shards, "the shards hold no photograph of the splits asked for")
            .hint("name other `splits`, or pack these"));
    }

    let batches = Batches { images: &photos.images, preprocessing: &model.card.preprocessing, batch: params.batch };
    let ways = params.tta.ways();
    let (total, views) = (photos.len(), photos.len() * ways as usize);
    let start = Instant::now();
    let mut sums = vec![vec![0.0; model.card.labels.len()]; total];
    for way in 0..ways {
        let told = |done| ctx.progress(way as usize * total + done, views, "images");
        let logits = turned_logits(&mut model.network, &batches, way, &device, |at| photos.name(at), told)?;
        for (sum, logit) in sums.iter_mut().flatten().zip(logits.into_iter().flatten()) {
            *sum += sigmoid(logit);
        }
    }
    let of_split = |split: &Split| {
        let count = photos.samples.iter().filter(|sample| sample.split == *split).count();
        format!("{} of {split}", counted(count, "photograph"))
    };
    let counts: Vec<String> = params.splits.iter().map(of_split).collect();
    ctx.note(format!("answered for {}, {}", counts.join(", "), speed(total, start.elapsed())));
    let mut rows: Vec<Prediction> = photos
        .samples
        .iter()
        .zip(sums)
        .map(|(sample, sums)| Prediction {
            image: sample.id.clone(),
            split: sample.split,
            probabilities: sums.into_iter().map(|sum| sum / ways as f32).collect(),
        })
        .collect();
    rows.sort_by(|a, b| (&a.image, a.split).cmp(&(&b.image, b.split)));
    Predictions { labels: model.card.labels, rows }.write(&ctx.output("predictions")?)
}
