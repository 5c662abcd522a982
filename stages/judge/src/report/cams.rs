//! The section **Where the model looks**: CAM panels with captions, and how much of the maps falls on lesions.

use super::folder::{Folder, base_name, file_name};
use super::markdown::{code, codes, counted, number, text};
use super::material::{Material, Part};
use super::summary::percent;
use plantpipe_stage::Result;
use plantpipe_stage::format::{CamMap, CamPanel, Cams, LesionSummary};
use std::fmt::Write;

/// The first `panels` panels of every explanation, copied to `cams/<stage>/`.
pub(super) fn section(material: &Material, panels: usize, folder: &mut Folder) -> Result<String> {
    let mut words = String::new();
    for part in &material.explanations {
        let found = &part.content;
        if material.explanations.len() > 1 {
            let _ = write!(words, "### {}\n\n", text(&part.stage));
        }
        words.push_str(&introduction(part));
        if let Some(lesions) = &found.lesions {
            words.push_str(&on_lesions(lesions));
        }
        let shown = found.panels.len().min(panels);
        if shown < found.panels.len() {
            let _ =
                write!(words, "The first {shown} of {} are shown.\n\n", counted(found.panels.len() as u64, "panel"));
        }
        let threshold = threshold(material, part);
        for panel in &found.panels[..shown] {
            let link = format!("cams/{}/{}", file_name(&part.stage), base_name(&panel.file));
            folder.copy(&part.folder, &panel.file, &link)?;
            words.push_str(&caption(panel, &link, &found.method, threshold));
        }
    }
    Ok(words)
}

fn introduction(part: &Part<Cams>) -> String {
    let model = part.model.as_ref().map(|model| format!(" of **{}**", text(model))).unwrap_or_default();
    format!(
        "{} at {}{model}: one map a photograph and label. A map shows which regions raise the label's score; it is \
         scaled to its own least and greatest value, so maps say where, not how much.\n\n",
        text(&part.content.method),
        code(&part.content.layer)
    )
}

fn on_lesions(lesions: &LesionSummary) -> String {
    let times = if lesions.mean_area > 0.0 {
        format!("; the maps score {:.1} times as much", lesions.mean_share / lesions.mean_area)
    } else {
        String::new()
    };
    format!(
        "Over {} with known lesions, on average **{} of a map falls on that label's lesions**. They cover {} of the \
         photograph, which is what a map that is the same everywhere would score{times}.\n\n",
        counted(lesions.maps, "map"),
        percent(lesions.mean_share),
        percent(lesions.mean_area)
    )
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

fn caption(panel: &CamPanel, link: &str, method: &str, threshold: Option<f64>) -> String {
    let error = |map: &CamMap| threshold.map_or("", |threshold| error(map, &panel.truth, threshold));
    let maps: Vec<String> = panel.maps.iter().map(|shown| map(shown) + error(shown)).collect();
    format!(
        "![{}]({link})\n\n{} ({}) · truth: {} · probability: {}\n\n",
        text(&format!("{method} of {}: {}", panel.image, panel.truth.join(", "))),
        code(&panel.image),
        panel.split,
        codes(&panel.truth),
        maps.join(" · ")
    )
}

/// Whether the answer is wrong; compared in 32 bits, as the evaluation does.
fn error(map: &CamMap, truth: &[String], threshold: f64) -> &'static str {
    match (truth.contains(&map.label), map.probability as f32 >= threshold as f32) {
        (true, false) => " **(miss)**",
        (false, true) => " **(false alarm)**",
        _ => "",
    }
}

fn map(map: &CamMap) -> String {
    let lesions = match (map.lesion_share, map.lesion_area) {
        (Some(share), Some(area)) => format!(" ({} of the map on {} of the area)", percent(share), percent(area)),
        _ => String::new(),
    };
    format!("{} {}{lesions}", code(&map.label), number(map.probability))
}
