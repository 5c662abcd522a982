//! The kind `probe`: [`PROBE`] trains a linear head on a frozen backbone's features, in seconds, and answers with it.

mod fit;
mod head;
mod params;
mod split;

pub(crate) use params::Params;

use crate::device;
use crate::infer::sigmoid;
use crate::models::Arch;
use crate::words::counted;
use crate::{AROUND, CRATES, TRAINING};
use fit::Fit;
use head::Answering;
use params::PARAMS;
use plantpipe_stage::format::{
    FeaturesCard, HEAD_WEIGHTS, HeadCard, JsonFormat, Prediction, Predictions, Split, write_history,
};
use plantpipe_stage::sources;
use plantpipe_stage::{Arity, Code, Context, Error, InputSpec, IoContext, Kind, OutputSpec, Reads, Result, Uses, code};
use split::SplitFeatures;
use std::collections::BTreeMap;
use std::path::Path;

/// A linear head, trained on the train split by the losses and optimisers of `train`; the epoch with the best val exact
/// match answers.
pub const PROBE: Kind = Kind {
    name: "probe",
    doc: "trains a linear head on features (a linear probe) and gives its probabilities",
    inputs: &[InputSpec {
        name: "features",
        doc: "features with the splits train and val",
        format: "features",
        arity: Arity::One,
        reads: Reads::All,
    }],
    outputs: &[
        OutputSpec {
            name: "predictions",
            doc: "predictions.csv: a row a photograph, a probability a label",
            format: "predictions",
        },
        OutputSpec {
            name: "head",
            doc: "head.safetensors (timm's names for the head of the arch), head.json and history.csv",
            format: "head",
        },
    ],
    params: PARAMS,
    code: &[&PROBING, &TRAINING, &AROUND, &sources::RANDOM, &sources::FEATURES, &sources::TABLES],
    crates: CRATES,
    uses: Uses { seed: true, ..Uses::NOTHING },
    run,
};

const PROBING: Code = code!("learn/probe", "fit.rs", "head.rs", "mod.rs", "params.rs", "split.rs");

/// Fails of features that cannot be read, a missing split, or a loss that is no finite number.
fn run(ctx: &Context) -> Result<()> {
    let params: Params = ctx.params()?;
    let folder = &ctx.input("features").path;
    let card = FeaturesCard::read(folder)?;
    let train = needed(folder, &card, Split::Train)?;
    let val = needed(folder, &card, Split::Val)?;
    params.tell_idle(ctx)?;
    // A head is small: there is nothing that another device could do faster.
    let device = device::open("cpu")?.autodiff();
    let (best, history) = Fit::new(ctx, &params, &train, &val, &card.labels, device).run()?;
    ctx.note(format!(
        "{} features of {}: epoch {} of {} is kept: val exact match {:.3}, val macro F1 {:.3}",
        card.backbone.width,
        counted(train.len(), "photograph"),
        best.epoch.epoch,
        history.len(),
        best.epoch.val_exact_match,
        best.epoch.val_macro_f1
    ));

    predictions(folder, &card, &params, &best.head, [train, val])?.write(&ctx.output("predictions")?)?;
    let out = ctx.output("head")?;
    let path = out.join(HEAD_WEIGHTS);
    std::fs::write(&path, best.head.save(Arch::of(&card.backbone.arch)?.head())?).io("write", &path)?;
    write_history(&out, &history)?;
    HeadCard {
        schema: HeadCard::SCHEMA,
        backbone: card.backbone,
        labels: card.labels,
        seed: ctx.seed(),
        epoch: best.epoch.epoch,
        params: ctx.params()?,
        metrics: BTreeMap::from([
            ("val_exact_match".to_owned(), best.epoch.val_exact_match),
            ("val_loss".to_owned(), best.epoch.val_loss),
            ("val_macro_f1".to_owned(), best.epoch.val_macro_f1),
        ]),
    }
    .write(&out)
}

/// The features of a split that must be there.
fn needed(folder: &Path, card: &FeaturesCard, split: Split) -> Result<SplitFeatures> {
    let features = SplitFeatures::read(folder, card, split)?;
    if features.len() == 0 {
        return Err(Error::at(folder, format!("there are no features of the split `{split}`"))
            .hint("training needs `train` to learn from and `val` to choose the epoch; pack both before `embed`"));
    }
    Ok(features)
}

/// The head's answers for every photograph of the splits asked for.
fn predictions(
    folder: &Path,
    card: &FeaturesCard,
    params: &Params,
    head: &Answering,
    read: [SplitFeatures; 2],
) -> Result<Predictions> {
    let mut read: BTreeMap<Split, SplitFeatures> =
        read.into_iter().map(|features| (features.split, features)).collect();
    let mut rows = Vec::new();
    for split in params.splits.iter().copied() {
        let features = match read.remove(&split) {
            Some(features) => features,
            None => SplitFeatures::read(folder, card, split)?,
        };
        for (item, sample) in features.samples.iter().enumerate() {
            let probabilities = head.logits(features.view(item, 0)).into_iter().map(sigmoid).collect();
            rows.push(Prediction { image: sample.id.clone(), split, probabilities });
        }
    }
    if rows.is_empty() {
        return Err(Error::at(folder, "there are no features of the splits asked for").hint("name other `splits`"));
    }
    rows.sort_by(|a, b| (&a.image, a.split).cmp(&(&b.image, b.split)));
    Ok(Predictions { labels: card.labels.clone(), rows })
}
