//! The kind `embed`: [`EMBED`] keeps what a frozen backbone sees in each photograph and in fixed views of it, item by item.

use crate::augment::Augment;
use crate::auto::Auto;
use crate::batches::{Batches, CHUNK, Photos};
use crate::infer::rows;
use crate::models::{Arch, Config, Network, Phase};
use crate::turn::{WAYS, turn};
use crate::weights::{self, Wanted};
use crate::words::{counted, speed};
use crate::{CRATES, NETWORK, device};
use burn::tensor::Device;
use plantpipe_pixels::{Photo, RgbImage, resize};
use plantpipe_stage::format::{
    Backbone, FeaturesCard, FeaturesSample, JsonFormat, MODEL_WEIGHTS, ModelCard, Preprocessing, Sample, ShardReader,
    features_bytes, features_file,
};
use plantpipe_stage::sources;
use plantpipe_stage::{
    Arity, Code, Context, Error, InputSpec, IoContext, Item, Kind, OutputSpec, ParamSpec, ParamType, Reads, Result,
    Uses, code,
};
use serde::Deserialize;
use std::path::Path;
use std::time::Instant;

/// Features of every photograph of the shards, all splits. A photograph's depend on no other photograph.
pub const EMBED: Kind = Kind {
    name: "embed",
    doc: "keeps a frozen backbone's features of every photograph, so that heads can be trained on them in seconds",
    inputs: &[
        InputSpec { name: "shards", doc: "packed photographs", format: "shards", arity: Arity::One, reads: Reads::All },
        InputSpec {
            name: "weights",
            doc: "the backbone: a .safetensors or .pth file, or a folder with exactly one; every tensor but the head's",
            format: "weights",
            arity: Arity::Optional,
            reads: Reads::All,
        },
        InputSpec {
            name: "model",
            doc: "or the backbone of a model trained here, with its preprocessing",
            format: "model",
            arity: Arity::Optional,
            reads: Reads::All,
        },
    ],
    outputs: &[OutputSpec {
        name: "features",
        doc: "<id>.npy, [views, width] each, and features.json",
        format: "features",
    }],
    params: PARAMS,
    code: &[
        &NETWORK,
        &plantpipe_kernels::CODE,
        &EMBEDDING,
        &sources::RANDOM,
        &sources::SHARDS,
        &sources::FEATURES,
        &plantpipe_pixels::CODE,
    ],
    crates: CRATES,
    uses: Uses { device: true, items: &["shards"], ..Uses::NOTHING },
    run,
};

const EMBEDDING: Code = code!("learn", "augment.rs", "auto.rs", "embed.rs");

const PARAMS: &[ParamSpec] = &[
    ParamSpec {
        name: "arch",
        doc: "the backbone, by its timm name; auto: the model's",
        ty: ParamType::Auto(&ParamType::Choice(Arch::NAMES)),
        default: Some("\"auto\""),
    },
    ParamSpec {
        name: "size",
        doc: "side of the square input, pixels; auto: the model's, or what the arch's published weights were trained for",
        ty: ParamType::Auto(&ParamType::Int { min: 32, max: 1024 }),
        default: Some("\"auto\""),
    },
    ParamSpec {
        name: "mean",
        doc: "subtracted from the channels (of values 0 to 1); auto: the model's, or what the arch's published weights want",
        ty: ParamType::Auto(&ParamType::Rgb),
        default: Some("\"auto\""),
    },
    ParamSpec {
        name: "std",
        doc: "the channels are divided by it; auto: the model's, or what the arch's published weights want",
        ty: ParamType::Auto(&ParamType::Rgb),
        default: Some("\"auto\""),
    },
    ParamSpec {
        name: "norm_eps",
        doc: "batch-norm eps; auto: the model's, or that of the arch's published weights",
        ty: ParamType::Auto(&ParamType::Float { min: 0.0, max: 1.0 }),
        default: Some("\"auto\""),
    },
    ParamSpec {
        name: "views",
        doc: "views of each photograph; the first is the photograph as it is",
        ty: ParamType::Int { min: 1, max: 1024 },
        default: Some("1"),
    },
    ParamSpec {
        name: "vary",
        doc: "what the other views are: the photograph mirrored and turned by quarters (up to 8 views in all), or random \
              resized crops of it, mirrored and turned",
        ty: ParamType::Choice(&["turns", "crops"]),
        default: Some("\"turns\""),
    },
    ParamSpec {
        name: "crop",
        doc: "of crops: least share of the photograph's area that one keeps",
        ty: ParamType::Float { min: 0.01, max: 1.0 },
        default: Some("0.5"),
    },
    ParamSpec {
        name: "crop_seed",
        doc: "of crops: another number draws others, by the photograph's id and the view's number",
        ty: ParamType::Int { min: 0, max: i64::MAX },
        default: Some("0"),
    },
    ParamSpec { name: "batch", doc: "views at a time", ty: ParamType::Int { min: 1, max: 4096 }, default: Some("32") },
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    arch: String,
    size: Auto<u32>,
    mean: Auto<[f64; 3]>,
    std: Auto<[f64; 3]>,
    norm_eps: Auto<f64>,
    views: usize,
    vary: Vary,
    crop: f64,
    crop_seed: u64,
    batch: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Vary {
    Turns,
    Crops,
}

/// Fails of shards or weights that cannot be read or don't fit, of no backbone or two, and of features that are no
/// finite numbers.
fn run(ctx: &Context) -> Result<()> {
    let params: Params = ctx.params()?;
    if params.vary == Vary::Turns && params.views > WAYS as usize {
        return Err(Error::new(format!("a square lies in {WAYS} ways, and `views` is {}", params.views))
            .hint(format!("at most {WAYS} `views`, or `vary = \"crops\"`")));
    }
    let shards = &ctx.input("shards").path;
    let reader = ShardReader::open(shards)?;
    let device = device::open(ctx.device())?;
    let (mut network, backbone) = backbone(ctx, &params, &reader, &device)?;
    let folder = ctx.output("features")?;
    let samples = &reader.index.samples;
    let new: Vec<&Sample> = samples
        .iter()
        .filter(|sample| !ctx.reuse(&sample.id, &sample.digest, &folder.join(features_file(&sample.id))))
        .collect();
    let start = Instant::now();
    let mut done = 0;
    for chunk in new.chunks(CHUNK) {
        let photos = Photos::decode(&reader, shards, chunk.iter().copied().cloned().collect())?;
        let rows = embed(&mut network, &backbone, &params, &photos, &device, |now| {
            ctx.progress(done + now, new.len(), "images");
        })?;
        for (sample, values) in photos.samples.iter().zip(rows.chunks(params.views)) {
            ctx.record(keep(&folder, sample, values, backbone.width)?);
        }
        done += photos.len();
    }
    tell(ctx, &backbone, samples.len(), &speed(new.len() * params.views, start.elapsed()));
    let samples = samples
        .iter()
        .map(|Sample { id, split, targets, .. }| FeaturesSample {
            id: id.clone(),
            split: *split,
            targets: targets.clone(),
        })
        .collect();
    FeaturesCard { schema: FeaturesCard::SCHEMA, backbone, labels: reader.index.labels.clone(), samples }.write(&folder)
}

/// How many were embedded, and how fast: `12 of 3600 photographs embedded, the others are as before; ...`.
fn tell(ctx: &Context, backbone: &Backbone, all: usize, speed: &str) {
    let (new, each) = (all - ctx.reused(), format!("{} of {} each", counted(backbone.views, "view"), backbone.width));
    ctx.note(match (new, ctx.reused()) {
        (_, 0) => format!("{} embedded, {each}, {speed}", counted(all, "photograph")),
        (0, _) => format!("none of {} is new", counted(all, "photograph")),
        _ => format!("{new} of {} embedded, the others are as before; {each}, {speed}", counted(all, "photograph")),
    });
}

/// The network that the inputs name, its own head aside, and what it is.
fn backbone(ctx: &Context, params: &Params, reader: &ShardReader, device: &Device) -> Result<(Network, Backbone)> {
    let given = (params.arch != "auto").then_some(params.arch.as_str());
    let (artifact, file, card) = match (ctx.optional("weights"), ctx.optional("model")) {
        (Some(weights), None) => (weights, weights::find(&weights.path)?, None),
        (None, Some(model)) => (model, model.path.join(MODEL_WEIGHTS), Some(ModelCard::read(&model.path)?)),
        (None, None) => {
            return Err(Error::new("there is no backbone to embed with").hint("give the input `weights` or `model`"));
        }
        (Some(_), Some(_)) => {
            return Err(Error::new("there are two backbones to embed with")
                .hint("give one of the inputs `weights` and `model`"));
        }
    };
    let arch = match (given, &card) {
        (Some(given), Some(card)) if given != card.arch => {
            return Err(Error::new(format!("param `arch` is {given}, but the model is {}", card.arch))
                .hint("leave `arch` out: the model knows it"));
        }
        (Some(name), _) => name,
        (None, Some(card)) => card.arch.as_str(),
        (None, None) => {
            return Err(Error::new("of which architecture are these weights?")
                .hint(format!("give the param `arch`: {}", Arch::NAMES.join(", "))));
        }
    };
    let arch = Arch::of(arch)?;
    let (mean, std) = arch.normalisation();
    let learnt = card.as_ref().map(|card| &card.preprocessing);
    let preprocessing = Preprocessing {
        images: reader.index.images.clone(),
        size: params.size.or(learnt.map_or(arch.published_size(), |learnt| learnt.size)),
        mean: params.mean.or(learnt.map_or(mean, |learnt| learnt.mean)),
        std: params.std.or(learnt.map_or(std, |learnt| learnt.std)),
    };
    if preprocessing.std.contains(&0.0) {
        return Err(Error::new("param `std` holds a 0, and channels are divided by it"));
    }
    let norm_eps = params.norm_eps.or(card.as_ref().map_or(arch.published_eps(), |card| card.norm_eps));
    // The head is not asked: any number of outputs will do.
    let config = Config { labels: 1, eps: norm_eps, size: preprocessing.size as usize };
    let network = load(arch, config, &file, device)?;
    let backbone = Backbone {
        arch: arch.name().to_owned(),
        weights: artifact.digest.clone(),
        preprocessing,
        norm_eps,
        width: network.width(),
        views: params.views,
    };
    Ok((network, backbone))
}

fn load(arch: Arch, config: Config, file: &Path, device: &Device) -> Result<Network> {
    weights::load(arch.init(config, 0, device)?, file, Wanted::AllBut(arch.head()))
}

/// The features `[width]` of every view of the photographs, a photograph's views one after another; `done` hears how many
/// photographs are through.
fn embed(
    network: &mut Network,
    backbone: &Backbone,
    params: &Params,
    photos: &Photos,
    device: &Device,
    done: impl Fn(usize),
) -> Result<Vec<Vec<f32>>> {
    let batches = Batches { images: &photos.images, preprocessing: &backbone.preprocessing, batch: params.batch };
    let view = |item: usize, view: usize| params.view(&photos.images[item], photos.name(item), view, batches.size());
    let mut ready = 0;
    let rows = batches.viewed(params.views, &view, |batch| {
        ready += batch.items.len();
        let rows = rows(network.pooled(batch.tensor(device), Phase::Eval));
        done(ready / params.views);
        Ok(rows)
    })?;
    let rows = rows.concat();
    match rows.iter().position(|row| row.iter().any(|value| !value.is_finite())) {
        Some(at) => {
            let name = photos.name(at / params.views);
            Err(Error::new(format!("the features of `{name}` are not finite numbers"))
                .hint("are these the weights of this `arch`, and is `norm_eps` theirs?"))
        }
        None => Ok(rows),
    }
}

impl Params {
    /// A view of a photograph, `size` x `size`, by its id and number alone.
    fn view(&self, photo: &Photo, id: &str, view: usize, size: u32) -> RgbImage {
        match self.vary {
            _ if view == 0 => resize(photo, size, size),
            Vary::Turns => turn(&resize(photo, size, size), view as u32),
            Vary::Crops => {
                let id = blake3::hash(id.as_bytes());
                let id = u64::from_le_bytes(id.as_bytes()[..8].try_into().expect("32 bytes hold 8"));
                let crops = Augment { size, crop: self.crop, flips: true, jitter: 0.0 };
                crops.apply(photo, self.crop_seed, view as u64, id)
            }
        }
    }
}

/// Writes the features of a photograph.
fn keep(folder: &Path, sample: &Sample, views: &[Vec<f32>], width: usize) -> Result<Item> {
    let path = folder.join(features_file(&sample.id));
    let bytes = features_bytes(&views.concat(), width);
    std::fs::write(&path, &bytes).io("write", &path)?;
    Ok(Item { id: sample.id.clone(), input: sample.digest.clone(), output: blake3::hash(&bytes).to_hex().to_string() })
}
