//! The section **Learning curves**: a picture a model, drawn from its [`Epoch`]s.

use super::chart::{BLUE, GREEN, Line, Panel, VERMILION, svg};
use super::folder::{Folder, file_name};
use super::markdown::{number, picture, text};
use super::material::{Material, Model};
use plantpipe_stage::Result;
use plantpipe_stage::format::Epoch;
use std::fmt::Write;

/// Writes `curves/<stage>.svg` for every model with a history.
pub(super) fn section(material: &Material, folder: &mut Folder) -> Result<String> {
    let mut words = String::new();
    for part in material.models.iter().filter(|part| !part.content.history.is_empty()) {
        let link = format!("curves/{}.svg", file_name(&part.stage));
        folder.write(&link, &draw(&part.content))?;
        if material.models.len() > 1 {
            let _ = write!(words, "### {}, epoch by epoch\n\n", text(&part.stage));
        }
        words.push_str(&kept(&part.content));
        words.push_str(&picture(
            &link,
            &format!("Learning curves of {}: loss on train and val, exact match and macro F1 on val.", part.stage),
        ));
    }
    Ok(words)
}

fn kept(model: &Model) -> String {
    let epochs = model.history.len();
    let kept = model.card.epoch;
    let Some(epoch) = model.history.iter().find(|epoch| epoch.epoch == kept) else { return String::new() };
    let train = "train loss is the mean over the epoch, on augmented photographs, so it may lie above val loss";
    format!(
        "Epoch **{kept} of {epochs}** was kept, for its exact match of {} on val; {train}.\n\n",
        number(epoch.val_exact_match)
    )
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
