//! The section **Learning curves**: a picture a model, drawn from its [`Epoch`]s.

use super::chart::{BLUE, GREEN, Line, Panel, VERMILION, svg};
use super::document::{Block, Picture};
use super::folder::{Folder, file_name};
use super::material::{Material, Model};
use super::words::{number, text};
use plantpipe_stage::Result;
use plantpipe_stage::format::Epoch;
use serde_json::json;

const TRAIN_LOSS: &str = "the mean over the epoch, on augmented photographs, so it may lie above val loss";

/// Of a training that minimised something else than val loss shows.
const OTHER_LOSS: &str = "what was minimised, the mean over the epoch, on augmented photographs; val loss is plain binary \
                          cross-entropy: compare how they run, not how high they lie";

/// What the train loss of these models is.
fn train_loss<'a>(mut models: impl Iterator<Item = &'a Model>) -> &'static str {
    let plain =
        json!({ "loss": "bce", "pos_weight": 1.0, "confusion": "off", "smoothing": 0.0, "mixup": 0.0, "cutmix": 0.0 });
    let plain = plain.as_object().expect("an object");
    let other = |model: &Model| {
        let params = &model.card.params;
        plain.iter().any(|(name, value)| params.get(name).is_some_and(|given| given != value))
    };
    if models.any(other) { OTHER_LOSS } else { TRAIN_LOSS }
}

/// Writes `curves/<stage>.svg` for every model with a history.
pub(super) fn section(material: &Material, folder: &mut Folder) -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    let several = material.models.len() > 1;
    if several && material.models.iter().any(|part| !part.content.history.is_empty()) {
        let what = train_loss(material.models.iter().map(|part| &part.content));
        blocks.push(Block::Text(format!("Train loss is {what}.")));
    }
    for part in material.models.iter().filter(|part| !part.content.history.is_empty()) {
        let link = format!("curves/{}.svg", file_name(&part.stage));
        folder.write(&link, draw(&part.content))?;
        if several {
            blocks.push(Block::heading(format!("{}, epoch by epoch", text(&part.stage))));
        }
        let what = train_loss([&part.content].into_iter());
        let remark = if several { String::new() } else { format!("; train loss is {what}") };
        blocks.extend(kept(&part.content, &remark));
        let stage = &part.stage;
        let caption = format!("Learning curves of {stage}: loss on train and val, exact match and macro F1 on val.");
        blocks.push(Block::Picture(Picture { link, caption }));
    }
    Ok(blocks)
}

/// Which epoch was kept and why, then `remark`.
fn kept(model: &Model, remark: &str) -> Option<Block> {
    let epochs = model.history.len();
    let kept = model.card.epoch;
    let epoch = model.history.iter().find(|epoch| epoch.epoch == kept)?;
    Some(Block::text(format!(
        "Epoch **{kept} of {epochs}** was kept, for its exact match of {} on val{remark}.",
        number(epoch.val_exact_match)
    )))
}

fn draw(model: &Model) -> String {
    let points =
        |value: fn(&Epoch) -> f64| model.history.iter().map(|epoch| (epoch.epoch as f64, value(epoch))).collect();
    let line = |name, colour, dashed, value| Line { name, colour, dashed, points: points(value) };
    let kept = model.history.iter().any(|epoch| epoch.epoch == model.card.epoch);
    let mark = || kept.then(|| (model.card.epoch as f64, format!("kept: epoch {}", model.card.epoch)));
    svg(&[
        Panel {
            title: "Loss",
            x_title: "epoch",
            y_title: "mean loss",
            lines: vec![
                line("train", BLUE, true, |epoch| epoch.train_loss),
                line("val", VERMILION, false, |epoch| epoch.val_loss),
            ],
            mark: mark(),
        },
        Panel {
            title: "Val metrics",
            x_title: "epoch",
            y_title: "value",
            lines: vec![
                line("exact match", VERMILION, false, |epoch| epoch.val_exact_match),
                line("macro F1", GREEN, true, |epoch| epoch.val_macro_f1),
            ],
            mark: mark(),
        },
    ])
}
