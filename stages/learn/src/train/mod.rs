//! The kind `train`: [`TRAIN`] fits a network to packed photographs and keeps the epoch that did best on val.

mod depths;
mod fit;
mod params;
mod resume;
mod saved;
mod settings;
mod step;
mod validate;

pub(crate) use settings::Params;

use crate::batches::Photos;
use crate::loss::Loss;
use crate::models::{Arch, Config};
use crate::optim::Shape;
use crate::weights::{self, Wanted};
use crate::words::counted;
use crate::{CRATES, NETWORK, TRAINING, device};
use fit::Training;
use params::PARAMS;
use plantpipe_stage::format::{JsonFormat, MODEL_WEIGHTS, ModelCard, Preprocessing, Split, write_history};
use plantpipe_stage::sources;
use plantpipe_stage::{Arity, Context, Error, InputSpec, IoContext, Kind, OutputSpec, Reads, Result, Uses};
use std::collections::BTreeMap;

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
            doc: "weights to start from: a .safetensors or .pth file, or a folder with exactly one; every tensor but the head's",
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
    code: &[
        &NETWORK,
        &plantpipe_kernels::CODE,
        &TRAINING,
        &sources::CHECKPOINT,
        &sources::RANDOM,
        &sources::SHARDS,
        &plantpipe_pixels::CODE,
    ],
    crates: CRATES,
    uses: Uses { seed: true, device: true, grows: Some(&["epochs"]), ..Uses::NOTHING },
    run,
};

/// Fails of unreadable shards, a missing split, weights that do not fit, a network with nothing left to freeze, or a loss
/// that is no finite number.
fn run(ctx: &Context) -> Result<()> {
    let params: Params = ctx.params()?;
    let device = device::open(ctx.device())?.autodiff();
    let arch = Arch::of(&params.arch)?;
    let shards = &ctx.input("shards").path;
    if params.freeze >= arch.depths() {
        return Err(Error::new(format!(
            "param `freeze` is {}, but {} has {} depths and the last, its head, must learn",
            params.freeze,
            params.arch,
            arch.depths()
        ))
        .hint(format!("{} freezes all but the head", arch.depths() - 1)));
    }
    if params.size_from > params.size {
        let message = format!("param `size_from` is {}, beyond `size`, which is {}", params.size_from, params.size);
        return Err(Error::new(message).hint("the input grows: begin with less, or with 0 for no growth"));
    }
    if params.size_from > 0 && !arch.takes_any_size() {
        let message = format!(
            "param `size_from` is {}, but the positions of {} are laid out for one size",
            params.size_from, params.arch
        );
        return Err(Error::new(message).hint("take it out: only convolutional networks can grow their input"));
    }
    params.tell_idle(ctx)?;
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

    let criterion = params.criterion(&train);
    if let Loss::Bce { pos_weight: Some(weights) } = &criterion.loss {
        let told = train.labels.iter().zip(weights).map(|(label, weight)| format!("{label} {weight:.2}"));
        ctx.note(format!("weights of labels where present: {}", told.collect::<Vec<_>>().join(", ")));
    }
    let training = Training {
        ctx,
        params: &params,
        preprocessing: &preprocessing,
        train: &train,
        val: &val,
        arch,
        criterion,
        device,
    };
    let (best, history) = training.run(network)?;
    if params.schedule == Shape::Constant {
        // More epochs would go on from here.
        ctx.keep_checkpoint();
    }
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
