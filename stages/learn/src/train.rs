//! The kind `train`: [`TRAIN`] fits a network to packed photographs and keeps the epoch that did best on val.

use crate::augment::Augment;
use crate::batches::{Batch, Batches, Photos};
use crate::loss::{bce, bce_with_logits};
use crate::models::{Arch, Config, Network, Phase};
use crate::optim::{Optimizer, Rule, Schedule};
use crate::weights::{self, Wanted};
use crate::words::{counted, speed};
use crate::{CRATES, NETWORK, device, infer};
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use plantpipe_stage::format::{Epoch, JsonFormat, MODEL_WEIGHTS, ModelCard, Preprocessing, Split, write_history};
use plantpipe_stage::random::keyed;
use plantpipe_stage::sources;
use plantpipe_stage::{
    Arity, Code, Context, Error, InputSpec, IoContext, Kind, OutputSpec, ParamSpec, ParamType, Reads, Result, Uses,
    code,
};
use rand::RngExt;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Instant;

/// Trains a network on the train split; after each epoch it answers for every val photograph.
pub const TRAIN: Kind = Kind {
    name: "train",
    doc: "trains a network on packed photographs and keeps the epoch with the best val exact match",
    inputs: &[
        InputSpec {
            name: "shards",
            doc: "packed photographs with the splits train and val",
            format: "shards",
            arity: Arity::One,
            reads: Reads::All,
        },
        InputSpec {
            name: "weights",
            doc: "weights to start from: a .safetensors file, or a folder with exactly one; every tensor but the head's",
            format: "weights",
            arity: Arity::Optional,
            reads: Reads::All,
        },
    ],
    outputs: &[OutputSpec {
        name: "model",
        doc: "model.safetensors (timm's names), model.json and history.csv",
        format: "model",
    }],
    params: PARAMS,
    code: &[&NETWORK, &TRAINING, &sources::RANDOM, &sources::SHARDS, &plantpipe_pixels::CODE],
    crates: CRATES,
    uses: Uses { seed: true, device: true, ..Uses::NOTHING },
    run,
};

const TRAINING: Code = code!("learn", "augment.rs", "loss.rs", "optim.rs", "train.rs");

const SHARE: ParamType = ParamType::Float { min: 0.0, max: 1.0 };

const PARAMS: &[ParamSpec] = &[
    ParamSpec {
        name: "arch",
        doc: "the network, by its timm name",
        ty: ParamType::Choice(Arch::NAMES),
        default: Some("\"resnet18\""),
    },
    ParamSpec {
        name: "size",
        doc: "side of the square input, pixels",
        ty: ParamType::Int { min: 32, max: 1024 },
        default: Some("224"),
    },
    ParamSpec {
        name: "epochs",
        doc: "passes over the train split",
        ty: ParamType::Int { min: 1, max: 10_000 },
        default: Some("12"),
    },
    ParamSpec {
        name: "batch",
        doc: "photographs a step; the last batch of an epoch may be shorter",
        ty: ParamType::Int { min: 1, max: 4096 },
        default: Some("32"),
    },
    ParamSpec {
        name: "optimizer",
        doc: "AdamW, or SGD with momentum, as PyTorch defines them",
        ty: ParamType::Choice(&["adamw", "sgd"]),
        default: Some("\"adamw\""),
    },
    ParamSpec {
        name: "lr",
        doc: "peak learning rate: reached after the warm-up, then down to 0 on a half cosine",
        ty: ParamType::Float { min: 1e-9, max: 100.0 },
        default: Some("0.001"),
    },
    ParamSpec { name: "momentum", doc: "of SGD; AdamW has its own", ty: SHARE, default: Some("0.9") },
    ParamSpec {
        name: "weight_decay",
        doc: "of weights; norms and biases are spared; decoupled with AdamW",
        ty: ParamType::Float { min: 0.0, max: 10.0 },
        default: Some("0.05"),
    },
    ParamSpec {
        name: "warmup",
        doc: "epochs of linear warm-up, also fractions",
        ty: ParamType::Float { min: 0.0, max: 1000.0 },
        default: Some("1"),
    },
    ParamSpec {
        name: "loss",
        doc: "binary cross-entropy of each label, the mean over photographs and labels",
        ty: ParamType::Choice(&["bce"]),
        default: Some("\"bce\""),
    },
    ParamSpec {
        name: "crop",
        doc: "least share of a photograph's area that a random resized crop keeps; 1: no crop",
        ty: ParamType::Float { min: 0.01, max: 1.0 },
        default: Some("0.5"),
    },
    ParamSpec {
        name: "flips",
        doc: "mirror and turn by quarters at random",
        ty: ParamType::Bool,
        default: Some("true"),
    },
    ParamSpec {
        name: "jitter",
        doc: "brightness, contrast and saturation vary by up to this share; 0: none",
        ty: SHARE,
        default: Some("0.1"),
    },
    ParamSpec {
        name: "drop",
        doc: "dropout before the head; 0: none",
        ty: ParamType::Float { min: 0.0, max: 0.95 },
        default: Some("0"),
    },
    ParamSpec {
        name: "mean",
        doc: "subtracted from the channels (of values 0 to 1); auto: what the arch's published weights want",
        ty: ParamType::Auto(&ParamType::Rgb),
        default: Some("\"auto\""),
    },
    ParamSpec {
        name: "std",
        doc: "the channels are divided by it; auto: what the arch's published weights want",
        ty: ParamType::Auto(&ParamType::Rgb),
        default: Some("\"auto\""),
    },
    ParamSpec {
        name: "norm_eps",
        doc: "batch-norm eps; auto: that of the published weights when starting from weights, else 1e-5",
        ty: ParamType::Auto(&ParamType::Float { min: 0.0, max: 1.0 }),
        default: Some("\"auto\""),
    },
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    arch: String,
    size: u32,
    epochs: u64,
    batch: usize,
    optimizer: OptimizerName,
    lr: f64,
    momentum: f64,
    weight_decay: f64,
    warmup: f64,
    #[serde(rename = "loss")]
    _loss: LossName,
    crop: f64,
    flips: bool,
    jitter: f64,
    drop: f64,
    mean: Auto<[f64; 3]>,
    std: Auto<[f64; 3]>,
    norm_eps: Auto<f64>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OptimizerName {
    Adamw,
    Sgd,
}

/// The one loss there is so far.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum LossName {
    Bce,
}

/// A value, or the word `auto`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Auto<T> {
    Value(T),
    Word(AutoWord),
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum AutoWord {
    Auto,
}

impl<T> Auto<T> {
    fn or(self, auto: T) -> T {
        match self {
            Self::Value(value) => value,
            Self::Word(AutoWord::Auto) => auto,
        }
    }
}

/// Fails of unreadable shards, a missing split, weights that do not fit, or a loss that is no finite number.
fn run(ctx: &Context) -> Result<()> {
    let params: Params = ctx.params()?;
    let device = device::open(ctx.device())?.autodiff();
    let arch = Arch::of(&params.arch)?;
    let shards = &ctx.input("shards").path;
    let train = photos(shards, Split::Train)?;
    let val = photos(shards, Split::Val)?;

    let (mean, std) = arch.normalisation();
    let preprocessing = Preprocessing {
        images: train.ready.clone(),
        size: params.size,
        mean: params.mean.or(mean),
        std: params.std.or(std),
    };
    if preprocessing.std.contains(&0.0) {
        return Err(Error::new("param `std` holds a 0, and channels are divided by it"));
    }
    let pretrained = ctx.optional("weights");
    let norm_eps = params.norm_eps.or(if pretrained.is_some() { arch.published_eps() } else { 1e-5 });
    let config = Config { labels: train.labels.len(), eps: norm_eps, size: params.size as usize };
    let mut network = arch.init(config, ctx.seed(), &device)?;
    if let Some(artifact) = pretrained {
        network = weights::load(network, &weights::find(&artifact.path)?, Wanted::AllBut(arch.head()))?;
    }
    ctx.note(format!(
        "{} with {:.1} M parameters from {} weights: {} to train on, {} to validate on",
        params.arch,
        weights::parameters(&network) as f64 / 1e6,
        if pretrained.is_some() { "given" } else { "random" },
        counted(train.len(), "photograph"),
        val.len()
    ));

    let training = Training { ctx, params: &params, preprocessing: &preprocessing, train: &train, val: &val, device };
    let (best, history) = training.run(network)?;
    ctx.note(format!(
        "epoch {} of {} is kept: val exact match {:.3}, val macro F1 {:.3}",
        best.epoch.epoch, params.epochs, best.epoch.val_exact_match, best.epoch.val_macro_f1
    ));

    let folder = ctx.output("model")?;
    let path = folder.join(MODEL_WEIGHTS);
    std::fs::write(&path, weights::save(&best.network)?).io("write", &path)?;
    write_history(&folder, &history)?;
    ModelCard {
        schema: ModelCard::SCHEMA,
        arch: params.arch.clone(),
        labels: train.labels.clone(),
        parameters: weights::parameters(&best.network),
        preprocessing,
        norm_eps,
        pretrained: pretrained.map(|artifact| artifact.digest.clone()),
        seed: ctx.seed(),
        epoch: best.epoch.epoch,
        params: ctx.params()?,
        metrics: BTreeMap::from([
            ("val_exact_match".to_owned(), best.epoch.val_exact_match),
            ("val_loss".to_owned(), best.epoch.val_loss),
            ("val_macro_f1".to_owned(), best.epoch.val_macro_f1),
        ]),
    }
    .write(&folder)
}

fn photos(shards: &std::path::Path, split: Split) -> Result<Photos> {
    let photos = Photos::read(shards, &[split])?;
    if photos.len() == 0 {
        return Err(Error::at(shards, format!("the shards hold no photograph of the split `{split}`"))
            .hint("training needs `train` to learn from and `val` to choose the epoch; pack both"));
    }
    Ok(photos)
}

/// What stays the same over a training.
struct Training<'a> {
    ctx: &'a Context<'a>,
    params: &'a Params,
    preprocessing: &'a Preprocessing,
    train: &'a Photos,
    val: &'a Photos,
    device: Device,
}

/// The epoch kept, with its weights.
struct Best {
    epoch: Epoch,
    network: Network,
}

impl Training<'_> {
    fn run(&self, mut network: Network) -> Result<(Best, Vec<Epoch>)> {
        let rule = match self.params.optimizer {
            OptimizerName::Adamw => Rule::AdamW,
            OptimizerName::Sgd => Rule::Sgd { momentum: self.params.momentum },
        };
        let steps = self.batches(self.train).count();
        let schedule = Schedule {
            peak: self.params.lr,
            warmup: (self.params.warmup * steps as f64).round() as usize,
            total: steps * self.params.epochs as usize,
        };
        let mut optimizer = Optimizer::new(rule, self.params.weight_decay);
        let mut history = Vec::new();
        let mut best: Option<Best> = None;
        for number in 1..=self.params.epochs {
            let start = Instant::now();
            let train_loss;
            (network, train_loss) = self.epoch(network, &mut optimizer, &schedule, number)?;
            let speed = speed(self.train.len(), start.elapsed());
            let mut kept = network.valid();
            let epoch = self.validate(&mut kept, number, schedule.at(number as usize * steps - 1), train_loss)?;
            let better = best.as_ref().is_none_or(|best| beats(&epoch, &best.epoch));
            self.tell(&epoch, &speed, better);
            if better {
                best = Some(Best { epoch: epoch.clone(), network: kept });
            }
            history.push(epoch);
        }
        Ok((best.expect("there is at least one epoch"), history))
    }

    /// An epoch in one line; `speed` is of its training alone.
    fn tell(&self, epoch: &Epoch, speed: &str, better: bool) {
        let (epochs, Epoch { epoch, train_loss, val_loss, val_exact_match, .. }) = (self.params.epochs, epoch);
        let width = epochs.to_string().len();
        let best = if better { ", best so far" } else { "" };
        self.ctx.note(format!(
            "epoch {epoch:>width$}/{epochs}: train loss {train_loss:.3}, val loss {val_loss:.3}, \
             val exact match {val_exact_match:.3}, {speed}{best}"
        ));
    }

    /// Photographs seen, `done` of them in this epoch, of all that will be: each epoch trains and then validates.
    fn progress(&self, epoch: u64, done: usize) {
        let each = self.train.len() + self.val.len();
        let (before, total) = ((epoch as usize - 1) * each, self.params.epochs as usize * each);
        self.ctx.progress(before + done, total, "images");
    }

    /// One pass over the train split: the network after it, and the mean loss.
    fn epoch(
        &self,
        network: Network,
        optimizer: &mut Optimizer,
        schedule: &Schedule,
        number: u64,
    ) -> Result<(Network, f64)> {
        let augment = Augment {
            size: self.params.size,
            crop: self.params.crop,
            flips: self.params.flips,
            jitter: self.params.jitter,
        };
        let batches = self.batches(self.train);
        let mut step = (number as usize - 1) * batches.count();
        let mut seen = 0;
        let mut network = Some(network);
        let losses = batches.varied(&augment, self.ctx.seed(), number, |batch| {
            let n = batch.items.len();
            let current = network.take().expect("put back by every step");
            let (next, loss) = self.step(current, batch, optimizer, schedule.at(step), step)?;
            network = Some(next);
            step += 1;
            seen += n;
            self.progress(number, seen);
            Ok(loss * n as f64)
        })?;
        let mean = losses.iter().sum::<f64>() / self.train.len() as f64;
        Ok((network.expect("put back by every step"), mean))
    }

    /// One step down the gradient of a batch's loss.
    fn step(
        &self,
        mut network: Network,
        batch: Batch,
        optimizer: &mut Optimizer,
        lr: f64,
        step: usize,
    ) -> Result<(Network, f64)> {
        let mask = self.mask(batch.items.len(), network.width(), step);
        let targets = self.train.targets(&batch.items, &self.device);
        let pooled = network.pooled(batch.tensor(&self.device), Phase::Train);
        let loss = bce_with_logits(network.head(pooled, mask), targets);
        let value: f64 = f64::from(loss.clone().into_scalar::<f32>());
        if !value.is_finite() {
            return Err(Error::new(format!("the loss is {value} at step {}", step + 1))
                .hint(format!("lower `lr` (it is {}), or lengthen `warmup`", self.params.lr)));
        }
        let gradients = loss.backward();
        Ok((optimizer.step(network, gradients, lr), value))
    }

    /// The dropout mask of a step, `[n, width]`: 0, or 1 / (1 - drop).
    fn mask(&self, n: usize, width: usize, step: usize) -> Option<Tensor<2>> {
        let drop = self.params.drop;
        (drop > 0.0).then(|| {
            let mut rng = keyed(self.ctx.seed(), "dropout", &[step as u64]);
            let keep = (1.0 / (1.0 - drop)) as f32;
            let values: Vec<f32> =
                (0..n * width).map(|_| if rng.random::<f64>() < drop { 0.0 } else { keep }).collect();
            Tensor::from_data(TensorData::new(values, [n, width]), &self.device)
        })
    }

    /// The network's answers for every val photograph, as an epoch's row.
    fn validate(&self, network: &mut Network, epoch: u64, lr: f64, train_loss: f64) -> Result<Epoch> {
        let device = self.device.clone().without_autodiff();
        let done = |done| self.progress(epoch, self.train.len() + done);
        let logits = infer::logits(network, &self.batches(self.val), &device, |at| self.val.name(at), done)?;
        let targets: Vec<&[u8]> = self.val.samples.iter().map(|sample| sample.targets.as_slice()).collect();
        let exact = logits.iter().zip(&targets).filter(|(row, truth)| answer(row) == **truth).count();
        let cells = logits.iter().zip(&targets).flat_map(|(row, truth)| row.iter().zip(*truth));
        let loss: f64 = cells.map(|(logit, target)| bce(*logit, *target)).sum();
        Ok(Epoch {
            epoch,
            lr,
            train_loss,
            val_loss: loss / (logits.len() * self.val.labels.len()) as f64,
            val_exact_match: exact as f64 / logits.len() as f64,
            val_macro_f1: macro_f1(&logits, &targets),
        })
    }

    fn batches<'a>(&'a self, photos: &'a Photos) -> Batches<'a> {
        Batches { images: &photos.images, preprocessing: self.preprocessing, batch: self.params.batch }
    }
}

/// Higher val exact match, then lower val loss; the earlier epoch stays on a tie.
fn beats(epoch: &Epoch, best: &Epoch) -> bool {
    (epoch.val_exact_match, -epoch.val_loss) > (best.val_exact_match, -best.val_loss)
}

/// The labels answered at probability 0.5: logits of 0 and more.
fn answer(logits: &[f32]) -> Vec<u8> {
    logits.iter().map(|logit| u8::from(*logit >= 0.0)).collect()
}

/// The mean over labels of 2 tp / (2 tp + fp + fn), 0 where undefined.
fn macro_f1(logits: &[Vec<f32>], targets: &[&[u8]]) -> f64 {
    let labels = targets.first().map_or(0, |truth| truth.len());
    let f1 = |label: usize| {
        let (mut hits, mut said, mut truly) = (0, 0, 0);
        for (row, truth) in logits.iter().zip(targets) {
            let yes = u64::from(row[label] >= 0.0);
            hits += yes * u64::from(truth[label]);
            said += yes;
            truly += u64::from(truth[label]);
        }
        if said + truly == 0 { 0.0 } else { 2.0 * hits as f64 / (said + truly) as f64 }
    };
    (0..labels).map(f1).sum::<f64>() / labels.max(1) as f64
}
