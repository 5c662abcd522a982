//! The section **Data**: what `analyze` found, as tables and pictures of an [`Analysis`].

use super::folder::{Folder, base_name, file_name};
use super::markdown::{Table, code, codes, count, counted, number, picture, text};
use super::material::{Material, Part};
use super::summary::percent;
use plantpipe_stage::Result;
use plantpipe_stage::format::Analysis;
use std::collections::BTreeSet;
use std::fmt::Write;

/// One part a data set.
pub(super) fn section(material: &Material, folder: &mut Folder) -> Result<String> {
    let mut words = String::new();
    for part in &material.analyses {
        let place = if material.analyses.len() == 1 {
            "analysis".to_owned()
        } else {
            let _ = write!(words, "### {}\n\n", text(part.content.name.as_ref().unwrap_or(&part.stage)));
            format!("analysis/{}", file_name(&part.stage))
        };
        words.push_str(&introduction(&part.content));
        let pictures = pictures(part, &place, folder)?;
        // The first picture (the contact sheet) says what this is about; charts repeat the tables.
        words.push_str(pictures.first().map_or("", String::as_str));
        words.push_str(&splits(&part.content));
        words.push_str(&labels(&part.content));
        words.push_str(&combinations(&part.content));
        words.push_str(&pictures.get(1..).unwrap_or_default().concat());
    }
    Ok(words)
}

fn introduction(analysis: &Analysis) -> String {
    let mut words = String::new();
    if let Some(description) = &analysis.description {
        let _ = write!(words, "{}\n\n", text(description));
    }
    if analysis.synthetic {
        words.push_str("The photographs are **synthetic**: drawn by a program, not taken of leaves.\n\n");
    }
    words
}

fn pictures(part: &Part<Analysis>, place: &str, folder: &mut Folder) -> Result<Vec<String>> {
    let mut shown = Vec::new();
    for found in &part.content.pictures {
        let name = format!("{place}/{}", base_name(&found.file));
        folder.copy(&part.folder, &found.file, &name)?;
        shown.push(picture(&name, &found.caption));
    }
    Ok(shown)
}

fn splits(analysis: &Analysis) -> String {
    let sizes: BTreeSet<u64> =
        analysis.splits.iter().flat_map(|split| split.labels_per_image.keys().copied()).collect();
    let mut head = vec!["split".to_owned(), "photographs".to_owned()];
    head.extend(sizes.iter().map(|size| format!("with {}", counted(*size, "label"))));
    head.extend(["labels a photograph".to_owned(), "unlabelled, left out".to_owned()]);
    let mut table = Table::with_head(head, 1);
    for split in &analysis.splits {
        let mut cells = vec![split.split.to_string(), count(split.images)];
        cells.extend(sizes.iter().map(|size| count(split.labels_per_image.get(size).copied().unwrap_or(0))));
        cells.extend([number(split.cardinality), count(split.unlabelled)]);
        table.row(cells);
    }
    let dimensions: Vec<String> =
        analysis.dimensions.iter().map(|(size, images)| format!("{} at {} px", count(*images), text(size))).collect();
    let mut words = format!("### Splits\n\n{}", table.render());
    if !dimensions.is_empty() {
        let _ = write!(words, "Photographs by size: {}.\n\n", dimensions.join(", "));
    }
    words
}

fn labels(analysis: &Analysis) -> String {
    let images: u64 = analysis.splits.iter().map(|split| split.images).sum();
    let mut head = vec!["label".to_owned()];
    head.extend(analysis.splits.iter().map(|split| split.split.to_string()));
    head.extend(["all".to_owned(), "share of the photographs".to_owned()]);
    let mut table = Table::with_head(head, 1);
    for (place, label) in analysis.labels.iter().enumerate() {
        let counts: Vec<u64> =
            analysis.splits.iter().map(|split| split.label_counts.get(place).copied().unwrap_or(0)).collect();
        let all: u64 = counts.iter().sum();
        let mut cells = vec![code(label)];
        cells.extend(counts.into_iter().map(count));
        cells.extend([count(all), if images == 0 { "–".to_owned() } else { percent(all as f64 / images as f64) }]);
        table.row(cells);
    }
    format!("### Labels\n\nPhotographs that carry each label.\n\n{}", table.render())
}

fn combinations(analysis: &Analysis) -> String {
    let mut head = vec!["label set".to_owned()];
    head.extend(analysis.splits.iter().map(|split| split.split.to_string()));
    let mut table = Table::with_head(head, 1);
    for combination in &analysis.combinations {
        let counts = analysis.splits.iter().map(|split| combination.counts.get(&split.split).copied().unwrap_or(0));
        table.row(std::iter::once(codes(&combination.labels)).chain(counts.map(count)));
    }
    let sets = counted(analysis.combinations.len() as u64, "label set");
    format!(
        "### Label sets\n\n{sets} occur, commonest first; exact match asks for the whole set.\n\n{}",
        table.render()
    )
}
