//! What a network says of photographs as they are: [`logits`], the one path of validation, prediction and explanation;
//! and [`Trained`], a model folder opened.

use crate::batches::{Batch, Batches};
use crate::models::{Arch, Config, Network};
use crate::weights::{self, Wanted};
use crate::words::few;
use burn::tensor::{Device, Tensor};
use plantpipe_stage::format::{ImagesCard, JsonFormat, MODEL_WEIGHTS, ModelCard, ShardIndex};
use plantpipe_stage::{Context, Error, Result};
use std::path::Path;

/// Logits `[labels]` a photograph, in the order of the photographs, the network in evaluation mode; `name` is how to
/// call one, `done` hears how many are done.
///
/// # Errors
/// A logit that is no finite number.
pub(crate) fn logits<'a>(
    network: &mut Network,
    batches: &Batches,
    device: &Device,
    name: impl Fn(usize) -> &'a str,
    done: impl FnMut(usize),
) -> Result<Vec<Vec<f32>>> {
    turned_logits(network, batches, 0, device, name, done)
}

/// The same of photographs that lie in one of the [`crate::turn::WAYS`].
///
/// # Errors
/// As [`logits`].
pub(crate) fn turned_logits<'a>(
    network: &mut Network,
    batches: &Batches,
    way: u32,
    device: &Device,
    name: impl Fn(usize) -> &'a str,
    mut done: impl FnMut(usize),
) -> Result<Vec<Vec<f32>>> {
    let mut ready = 0;
    let rows = batches.turned(way, |batch: Batch| {
        ready += batch.items.len();
        let rows = rows(network.predict(batch.tensor(device)));
        done(ready);
        Ok(rows)
    })?;
    let rows = rows.concat();
    match rows.iter().position(|row| row.iter().any(|value| !value.is_finite())) {
        Some(at) => Err(Error::new(format!("the network's answer for `{}` is not a finite number", name(at)))
            .hint("its weights have grown out of bounds; train again with a lower `lr`")),
        None => Ok(rows),
    }
}

/// The rows of a matrix.
pub(crate) fn rows(matrix: Tensor<2>) -> Vec<Vec<f32>> {
    let width = matrix.dims()[1];
    let values: Vec<f32> = matrix.into_data().try_to_vec().expect("tensors are f32");
    values.chunks(width).map(<[f32]>::to_vec).collect()
}

/// 1 / (1 + e^-x).
pub(crate) fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// A trained model, ready to answer.
pub(crate) struct Trained {
    pub(crate) card: ModelCard,
    pub(crate) arch: Arch,
    pub(crate) network: Network,
}

impl Trained {
    /// Opens a model folder.
    ///
    /// # Errors
    /// A card or weights that are missing or do not fit each other.
    pub(crate) fn open(folder: &Path, device: &Device) -> Result<Self> {
        Self::load(ModelCard::read(folder)?, folder, device)
    }

    /// Loads a model folder's weights under its card, or under one that differs from it in the size of the photographs.
    ///
    /// # Errors
    /// Weights that are missing or do not fit the card, and a size that the network cannot take.
    pub(crate) fn load(card: ModelCard, folder: &Path, device: &Device) -> Result<Self> {
        let arch = Arch::of(&card.arch)?;
        let config = Config { labels: card.labels.len(), eps: card.norm_eps, size: card.preprocessing.size as usize };
        let network = arch.init(config, card.seed, device)?;
        let network = weights::load(network, &folder.join(MODEL_WEIGHTS), Wanted::All)?;
        Ok(Self { card, arch, network })
    }

    /// Whether photographs are such as it learnt from; if only the way they were made ready differs, that is noted.
    ///
    /// # Errors
    /// Photographs whose labels are not the model's, name by name in the same order.
    pub(crate) fn check(&self, ctx: &Context, photos: &ShardIndex) -> Result<()> {
        let learnt = &self.card.preprocessing.images;
        if photos.images != *learnt {
            ctx.note(format!(
                "these photographs were made ready otherwise ({}) than those that the model learnt from ({})",
                form(&photos.images),
                form(learnt)
            ));
        }
        match difference(&self.card.labels, &photos.labels) {
            Some(what) => Err(Error::new(what)
                .hint("train on shards with these labels, or give the shards that the model was trained on")),
            None => Ok(()),
        }
    }
}

/// `256 px, squash, quality 92`.
fn form(card: &ImagesCard) -> String {
    format!("{} px, {}, quality {}", card.size, format!("{:?}", card.fit).to_lowercase(), card.quality)
}

/// How the labels of shards differ from a model's, if they do.
fn difference(model: &[String], shards: &[String]) -> Option<String> {
    if model == shards {
        return None;
    }
    let without = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|label| !those.contains(label)).cloned().collect()
    };
    let (strange, lacking) = (without(shards, model), without(model, shards));
    Some(match (strange.as_slice(), lacking.as_slice()) {
        ([], []) => {
            format!("the model answers for {}, but the shards carry these labels as {}", few(model), few(shards))
        }
        _ if lacking.len() == model.len() => {
            format!("the model answers for {}, but the shards carry only {}", few(model), few(shards))
        }
        ([], _) => format!("the model answers for {}, which the shards do not carry", few(&lacking)),
        (_, []) => format!("the shards carry {}, which the model does not know", few(&strange)),
        _ => format!(
            "the shards carry {}, which the model does not know, and lack {}, for which it answers",
            few(&strange),
            few(&lacking)
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_labels_that_differ_are_named() {
        let names = |words: &str| words.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let told = |model: &str, shards: &str| difference(&names(model), &names(shards));
        assert_eq!(told("a b c", "a b c"), None);
        for (model, shards, says) in [
            ("a b c", "a b c d", "the shards carry `d`, which the model does not know"),
            ("a b c d", "a d", "the model answers for `b` and `c`, which the shards do not carry"),
            (
                "a b c",
                "a b x",
                "the shards carry `x`, which the model does not know, and lack `c`, for which it answers",
            ),
            ("a b", "x y z", "the model answers for `a` and `b`, but the shards carry only `x`, `y` and `z`"),
            ("a b", "b a", "the model answers for `a` and `b`, but the shards carry these labels as `b` and `a`"),
            (
                "a",
                "a b c d e f g h i",
                "the shards carry `b`, `c`, `d`, `e`, `f`, `g` and 2 more, which the model does not know",
            ),
        ] {
            assert_eq!(told(model, shards).expect("they differ"), says);
        }
    }
}
