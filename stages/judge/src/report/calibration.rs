//! The section **Calibration**: whether probabilities are what they say, before and after the temperature fitted on val.

use super::document::{Block, Picture, Table};
use super::folder::Folder;
use super::material::Material;
use super::precision_recall::{STYLES, line};
use super::squares::{Line, Square, svg};
use super::summary::pictured;
use super::words::{interval, number, plural, text};
use plantpipe_stage::Result;
use plantpipe_stage::format::{Calibration, Fitted, SplitEvaluation};

/// A table of all models, and `results/reliability.svg` of those that are pictured.
pub(super) fn section(material: &Material, folder: &mut Folder) -> Result<Vec<Block>> {
    let mut table = Table::new(
        "How far probabilities are what they say",
        &[
            "model",
            "split",
            "ECE [95%]",
            "class-wise ECE",
            "Brier",
            "NLL",
            "temperature",
            "ECE then [95%]",
            "Brier then",
            "NLL then",
        ],
        2,
    );
    for part in &material.evaluations {
        let Some(scored) = part.last() else { continue };
        let mut cells = vec![text(&material.name(part)), scored.split.to_string()];
        let before = &scored.calibration;
        cells.extend([interval(&before.ece), number(before.classwise_ece), number(before.brier), number(before.nll)]);
        cells.push(part.content.fitted.as_ref().map_or("–".to_owned(), temperature));
        cells.extend(scored.scaled_calibration.as_ref().map_or(["–"; 3].map(str::to_owned), |after| {
            [interval(&after.ece), number(after.brier), number(after.nll)]
        }));
        table.row(cells);
    }
    if table.is_empty() {
        return Ok(Vec::new());
    }
    let mut blocks = vec![Block::Text(introduction(material)), Block::Table(table)];
    blocks.extend(picture(material, folder)?);
    Ok(blocks)
}

fn temperature(fitted: &Fitted) -> String {
    format!("{}{}", number(fitted.temperature), if fitted.temperature_at_bound { " (at its bound)" } else { "" })
}

fn introduction(material: &Material) -> String {
    let mut words = "*ECE*, the expected calibration error: the mean distance between a bin's mean probability and the share of \
                     its decisions whose label is there, weighted by how many they are; *Brier*: the mean squared distance of \
                     probability and truth; *NLL*: the mean binary cross-entropy. For all three less is better."
        .to_owned();
    if let Some(fitted) = material.evaluations.iter().find_map(|part| part.content.fitted.as_ref()) {
        words.push_str(&format!(
            " The temperature divides every logit and was fitted on {} val {} alone, by NLL; above 1 it makes \
             probabilities less certain. It changes no ranking and no decision at 0.5.",
            fitted.images,
            plural(fitted.images, "photograph", "photographs")
        ));
    }
    words
}

/// Reliability diagrams, a row a model: as predicted, and at the temperature.
fn picture(material: &Material, folder: &mut Folder) -> Result<Option<Block>> {
    let models = pictured(material);
    let mut squares = Vec::new();
    let mut splits = Vec::new();
    for part in &models {
        let Some(scored) = part.last() else { continue };
        splits.push(scored.split.to_string());
        let name = (models.len() > 1).then(|| material.name(part));
        squares.extend(diagrams(name.as_deref(), scored, part.content.fitted.as_ref()));
    }
    if squares.is_empty() {
        return Ok(None);
    }
    let columns = if squares.len() > models.len() { 2 } else { 3 };
    let link = "results/reliability.svg".to_owned();
    folder.write(&link, svg(&squares, columns, &[]))?;
    splits.dedup();
    let caption = format!(
        "Reliability on {}: in each bin of probability the share of decisions whose label is there, as a dot, larger where \
         there are more; on the diagonal probabilities are what they say. Faint bars: each bin's share of all decisions.",
        splits.join(", ")
    );
    Ok(Some(Block::Picture(Picture { link, caption })))
}

fn diagrams<'a>(name: Option<&str>, scored: &SplitEvaluation, fitted: Option<&Fitted>) -> Vec<Square<'a>> {
    let mut squares = vec![square(name, "as predicted".to_owned(), &scored.calibration)];
    if let (Some(after), Some(fitted)) = (&scored.scaled_calibration, fitted) {
        squares.push(square(name, format!("temperature {:.2}", fitted.temperature), after));
    }
    squares
}

fn square<'a>(name: Option<&str>, what: String, calibration: &Calibration) -> Square<'a> {
    let all: u64 = calibration.bins.iter().map(|bin| bin.decisions).sum();
    let share = |decisions: u64| decisions as f64 / all.max(1) as f64;
    let filled =
        calibration.bins.iter().filter_map(|bin| Some((bin.mean_probability?, bin.positives?, share(bin.decisions))));
    let points: Vec<(f64, f64, f64)> = filled.collect();
    let dots = points.iter().map(|(_, _, share)| 2.5 + 6.0 * share.sqrt()).collect();
    let on = line(STYLES[0], points.iter().map(|(x, y, _)| (*x, *y)).collect());
    let ece = format!("ECE {}", number(calibration.ece.value));
    Square {
        remark: if name.is_some() { format!("{what} · {ece}") } else { ece },
        title: name.map_or(what, str::to_owned),
        x_title: "predicted probability",
        y_title: "share with the label",
        diagonal: true,
        bars: calibration.bins.iter().map(|bin| share(bin.decisions)).collect(),
        lines: vec![Line { dots, ..on }],
    }
}
