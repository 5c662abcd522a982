//! The section **Where the model looks**: CAM panels with captions, and how much of the maps falls on lesions.

use super::document::{Block, Panel, Table};
use super::faithfulness;
use super::folder::{Folder, base_name, file_name};
use super::material::{Material, Part};
use super::summary::percent;
use super::words::{code, codes, counted, number, text};
use plantpipe_stage::Result;
use plantpipe_stage::format::{CamMap, CamPanel, Cams, LesionSummary, MapPer};
use std::collections::BTreeSet;

/// The first `panels` panels of every explanation, copied to `cams/<stage>/`. Of several explanations, those of one
/// photograph stand together.
pub(super) fn section(material: &Material, panels: usize, folder: &mut Folder) -> Result<Vec<Block>> {
    let explanations = &material.explanations;
    let several = explanations.len() > 1;
    let mut blocks = Vec::new();
    match explanations.as_slice() {
        [] => return Ok(blocks),
        [part] => {
            blocks.push(introduction(part));
            blocks.extend(part.content.lesions.as_ref().map(on_lesions));
        }
        _ => blocks.extend(comparison(explanations)),
    }
    blocks.extend(faithfulness::blocks(explanations));
    let shown = |part: &Part<Cams>| part.content.panels.len().min(panels);
    let (sum, all): (usize, usize) =
        (explanations.iter().map(shown).sum(), explanations.iter().map(|part| part.content.panels.len()).sum());
    if sum < all {
        let all = counted(all as u64, "panel");
        blocks.push(Block::Text(match (several, sum) {
            (_, 0) => format!("None of {all} is shown."),
            (true, _) => format!("Of each, the first {panels} are shown: {sum} of {all}."),
            (false, 1) => format!("The first of {all} is shown."),
            (false, _) => format!("The first {sum} of {all} are shown."),
        }));
    }
    let mut found = Vec::new();
    for part in explanations {
        let threshold = threshold(material, part);
        for panel in &part.content.panels[..shown(part)] {
            let link = format!("cams/{}/{}", file_name(&part.stage), base_name(&panel.file));
            folder.copy(&part.folder, &panel.file, &link)?;
            found.push(describe(panel, link, part, threshold, explanations));
        }
    }
    if several {
        let order: Vec<String> = found.iter().map(|panel| panel.photograph.clone()).collect();
        found.sort_by_key(|panel| order.iter().position(|photograph| *photograph == panel.photograph));
    }
    if !found.is_empty() {
        blocks.push(Block::Panels(found));
    }
    Ok(blocks)
}

const READING: &str = "A map shows which regions raise the label's score; it is scaled to its own least and greatest \
                       value, so maps say where, not how much.";

/// What is said of maps that know no labels.
const ONE_MAP: &str = "one map a photograph, for all its labels: the method knows no labels";

fn introduction(part: &Part<Cams>) -> Block {
    let model = part.model.as_ref().map(|model| format!(" of **{}**", text(model))).unwrap_or_default();
    let per = match part.content.map_per {
        MapPer::Label => "one map a photograph and label".to_owned(),
        MapPer::Photograph => ONE_MAP.to_owned(),
    };
    Block::Text(format!("{} at {}{model}: {per}. {READING}", text(&part.content.method), code(&part.content.layer)))
}

fn on_lesions(lesions: &LesionSummary) -> Block {
    let times = times(lesions).map(|times| format!("; the maps score {times} times as much")).unwrap_or_default();
    Block::Text(format!(
        "Over {} with known lesions, on average **{} of a map falls on that label's lesions**. They cover {} of the \
         photograph, which is what a map that is the same everywhere would score{times}.",
        counted(lesions.maps, "map"),
        percent(lesions.mean_share),
        percent(lesions.mean_area)
    ))
}

/// How many times as much of a map falls on lesions as of one that is the same everywhere.
fn times(lesions: &LesionSummary) -> Option<String> {
    (lesions.mean_area > 0.0).then(|| format!("{:.1}", lesions.mean_share / lesions.mean_area))
}

/// A row an explanation.
fn comparison(explanations: &[Part<Cams>]) -> [Block; 2] {
    let lesions = explanations.iter().any(|part| part.content.lesions.is_some());
    let mut head = vec!["stage", "model", "method", "layer"];
    let mut introduction = format!("One map a photograph and label. {READING}");
    let blind = explanations.iter().filter(|part| part.content.map_per == MapPer::Photograph);
    let blind: BTreeSet<String> = blind.map(|part| text(&part.content.method)).collect();
    if !blind.is_empty() {
        let blind: Vec<String> = blind.into_iter().collect();
        introduction.push_str(&format!(" Of {} there is {ONE_MAP}.", blind.join(", ")));
    }
    if lesions {
        head.extend(["maps with known lesions", "of a map on lesions", "lesions of the photograph", "ratio"]);
        introduction.push_str(
            " A map that is the same everywhere has a ratio of 1: as much of it falls on a label's lesions as they cover \
             of the photograph.",
        );
    }
    let mut table = Table::new("The explanations, by the model that each is of", &head, 4);
    for part in explanations {
        let found = &part.content;
        let model = part.model.as_ref().map_or("–".to_owned(), |model| text(model));
        let mut cells = vec![code(&part.stage), model, text(&found.method), code(&found.layer)];
        cells.extend(found.lesions.iter().flat_map(|lesions| {
            let ratio = times(lesions).unwrap_or_else(|| "–".to_owned());
            [lesions.maps.to_string(), percent(lesions.mean_share), percent(lesions.mean_area), ratio]
        }));
        table.row(cells);
    }
    [Block::Text(introduction), Block::Table(table)]
}

/// The threshold at which the same model was evaluated, where there is just one.
fn threshold(material: &Material, part: &Part<Cams>) -> Option<f64> {
    let mut thresholds = material
        .evaluations
        .iter()
        .filter(|evaluation| evaluation.model.is_some() && evaluation.model == part.model)
        .map(|evaluation| evaluation.content.threshold);
    let first = thresholds.next()?;
    thresholds.all(|other: f64| other.total_cmp(&first).is_eq()).then_some(first)
}

/// The model's name, and the explanation's where the same method was asked of it again.
fn model(part: &Part<Cams>, explanations: &[Part<Cams>]) -> String {
    let Some(model) = &part.model else { return part.stage.clone() };
    let alike =
        |other: &&Part<Cams>| other.model.as_ref() == Some(model) && other.content.method == part.content.method;
    let several = explanations.iter().filter(alike).count() > 1;
    if several { format!("{model} ({})", part.stage) } else { model.clone() }
}

/// What tells one of several explanations apart: its model and its method, as far as they differ.
pub(super) fn name(part: &Part<Cams>, explanations: &[Part<Cams>]) -> Option<String> {
    let model = model(part, explanations);
    let models = explanations.iter().any(|other| self::model(other, explanations) != model);
    let methods = explanations.iter().any(|other| other.content.method != part.content.method);
    match (models, methods) {
        (false, false) => None,
        (true, false) => Some(model),
        (false, true) => Some(part.content.method.clone()),
        (true, true) => Some(format!("{model}, {}", part.content.method)),
    }
}

/// The caption says what tells it from the panels that stand beside it.
fn describe(
    panel: &CamPanel,
    link: String,
    part: &Part<Cams>,
    threshold: Option<f64>,
    explanations: &[Part<Cams>],
) -> Panel {
    let name = name(part, explanations);
    let (mut misses, mut false_alarms, mut maps) = (Vec::new(), Vec::new(), Vec::new());
    for shown in &panel.maps {
        let error = threshold.and_then(|threshold| error(shown, &panel.truth, threshold));
        let mark = match error {
            Some(Error::Miss) => {
                misses.push(shown.label.clone());
                " **(miss)**"
            }
            Some(Error::FalseAlarm) => {
                false_alarms.push(shown.label.clone());
                " **(false alarm)**"
            }
            None => "",
        };
        maps.push(map(shown) + mark);
    }
    let method = &part.content.method;
    let of = part.model.as_ref().map(|model| format!(" by {model}")).unwrap_or_default();
    let named = name.map(|name| format!(" · **{}**", text(&name))).unwrap_or_default();
    let mut labels = panel.truth.clone();
    labels.extend(panel.maps.iter().map(|map| map.label.clone()));
    labels.sort();
    labels.dedup();
    Panel {
        link,
        alt: format!("{method} of {}{of}: {}", panel.image, panel.truth.join(", ")),
        caption: format!(
            "{} ({}){named} · truth: {} · probability: {}",
            code(&panel.image),
            panel.split,
            codes(&panel.truth),
            maps.join(" · ")
        ),
        model: model(part, explanations),
        method: method.clone(),
        photograph: panel.image.clone(),
        labels,
        misses,
        false_alarms,
    }
}

/// A wrong answer.
enum Error {
    Miss,
    FalseAlarm,
}

/// Whether the answer is wrong; compared in 32 bits, as the evaluation does.
fn error(map: &CamMap, truth: &[String], threshold: f64) -> Option<Error> {
    match (truth.contains(&map.label), map.probability as f32 >= threshold as f32) {
        (true, false) => Some(Error::Miss),
        (false, true) => Some(Error::FalseAlarm),
        _ => None,
    }
}

fn map(map: &CamMap) -> String {
    let lesions = match (map.lesion_share, map.lesion_area) {
        (Some(share), Some(area)) => format!(" ({} of the map on {} of the area)", percent(share), percent(area)),
        _ => String::new(),
    };
    format!("{} {}{lesions}", code(&map.label), number(map.probability))
}
