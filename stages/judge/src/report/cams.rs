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
        for panel in &found.panels[..shown] {
            let link = format!("cams/{}/{}", file_name(&part.stage), base_name(&panel.file));
            folder.copy(&part.folder, &panel.file, &link)?;
            words.push_str(&caption(panel, &link, &found.method));
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

fn caption(panel: &CamPanel, link: &str, method: &str) -> String {
    let maps: Vec<String> = panel.maps.iter().map(map).collect();
    format!(
        "![{}]({link})\n\n{} ({}) · truth: {} · probability: {}\n\n",
        text(&format!("{method} of {}: {}", panel.image, panel.truth.join(", "))),
        code(&panel.image),
        panel.split,
        codes(&panel.truth),
        maps.join(" · ")
    )
}

fn map(map: &CamMap) -> String {
    let lesions = match (map.lesion_share, map.lesion_area) {
        (Some(share), Some(area)) => format!(" ({} of the map on {} of the area)", percent(share), percent(area)),
        _ => String::new(),
    };
    format!("{} {}{lesions}", code(&map.label), number(map.probability))
}
