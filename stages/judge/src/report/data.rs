//! The section **Data**: what `analyze` found, as tables and pictures of an [`Analysis`], and near-duplicates.

use super::document::{Block, Picture, Table};
use super::duplicates;
use super::folder::{Folder, base_name, file_name};
use super::material::{Material, Part};
use super::summary::percent;
use super::words::{code, codes, count, counted, number, plural, text};
use plantpipe_stage::Result;
use plantpipe_stage::format::{self, Analysis};
use std::collections::BTreeSet;
use std::path::Path;

/// One part a data set.
pub(super) fn section(material: &Material, folder: &mut Folder) -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    for part in &material.analyses {
        let place = if material.analyses.len() == 1 {
            "analysis".to_owned()
        } else {
            blocks.push(Block::Heading(text(part.content.name.as_ref().unwrap_or(&part.stage))));
            format!("analysis/{}", file_name(&part.stage))
        };
        blocks.extend(introduction(&part.content));
        // Photographs (the contact sheet) say what this is about; charts repeat the tables.
        let photographs = part.content.pictures.iter().filter(|picture| picture.photographs);
        blocks.extend(pictures(part, photographs, &place, folder)?);
        blocks.extend(splits(&part.content));
        blocks.extend(labels(&part.content));
        blocks.extend(combinations(&part.content));
        let charts = part.content.pictures.iter().filter(|picture| !picture.photographs);
        blocks.extend(pictures(part, charts, &place, folder)?);
    }
    blocks.extend(duplicates::blocks(material, folder)?);
    Ok(blocks)
}

fn introduction(analysis: &Analysis) -> Vec<Block> {
    let mut blocks = Vec::new();
    if let Some(description) = &analysis.description {
        blocks.push(Block::Text(text(description)));
    }
    if analysis.synthetic {
        blocks.push(Block::text("The photographs are **synthetic**: drawn by a program, not taken of leaves."));
    }
    blocks
}

/// Pictures of an artifact, copied to `place`.
pub(super) fn pictures<'p, T>(
    part: &Part<T>,
    pictures: impl Iterator<Item = &'p format::Picture>,
    place: &str,
    folder: &mut Folder,
) -> Result<Vec<Block>> {
    let from: &Path = &part.folder;
    let copy = |found: &format::Picture| {
        let link = format!("{place}/{}", base_name(&found.file));
        folder.copy(from, &found.file, &link)?;
        Ok(Block::Picture(Picture { link, caption: found.caption.clone() }))
    };
    pictures.map(copy).collect()
}

fn splits(analysis: &Analysis) -> Vec<Block> {
    let sizes: BTreeSet<u64> =
        analysis.splits.iter().flat_map(|split| split.labels_per_image.keys().copied()).collect();
    let mut head = vec!["split".to_owned(), "photographs".to_owned()];
    head.extend(sizes.iter().map(|size| format!("with {}", counted(*size, "label"))));
    head.extend(["labels a photograph".to_owned(), "unlabelled, left out".to_owned()]);
    let mut table = Table::with_head("Photographs of each split, by how many labels they carry", head, 1);
    for split in &analysis.splits {
        let mut cells = vec![split.split.to_string(), count(split.images)];
        cells.extend(sizes.iter().map(|size| count(split.labels_per_image.get(size).copied().unwrap_or(0))));
        cells.extend([number(split.cardinality), count(split.unlabelled)]);
        table.row(cells);
    }
    let dimensions: Vec<String> =
        analysis.dimensions.iter().map(|(size, images)| format!("{} at {} px", count(*images), text(size))).collect();
    let mut blocks = vec![Block::heading("Splits"), Block::Table(table)];
    if !dimensions.is_empty() {
        blocks.push(Block::Text(format!("Photographs by size: {}.", dimensions.join(", "))));
    }
    blocks
}

fn labels(analysis: &Analysis) -> [Block; 3] {
    let images: u64 = analysis.splits.iter().map(|split| split.images).sum();
    let mut head = vec!["label".to_owned()];
    head.extend(analysis.splits.iter().map(|split| split.split.to_string()));
    head.extend(["all".to_owned(), "share of the photographs".to_owned()]);
    let mut table = Table::with_head("Photographs that carry each label, by split", head, 1);
    for (place, label) in analysis.labels.iter().enumerate() {
        let counts: Vec<u64> =
            analysis.splits.iter().map(|split| split.label_counts.get(place).copied().unwrap_or(0)).collect();
        let all: u64 = counts.iter().sum();
        let mut cells = vec![code(label)];
        cells.extend(counts.into_iter().map(count));
        cells.extend([count(all), if images == 0 { "–".to_owned() } else { percent(all as f64 / images as f64) }]);
        table.row(cells);
    }
    [Block::heading("Labels"), Block::text("Photographs that carry each label."), Block::Table(table)]
}

fn combinations(analysis: &Analysis) -> [Block; 3] {
    let mut head = vec!["label set".to_owned()];
    head.extend(analysis.splits.iter().map(|split| split.split.to_string()));
    let mut table = Table::with_head("Photographs that carry exactly these labels, by split", head, 1);
    for combination in &analysis.combinations {
        let counts = analysis.splits.iter().map(|split| combination.counts.get(&split.split).copied().unwrap_or(0));
        table.row(std::iter::once(codes(&combination.labels)).chain(counts.map(count)));
    }
    let sets = analysis.combinations.len() as u64;
    let introduction = format!(
        "{} {}, commonest first; exact match asks for the whole set.",
        counted(sets, "label set"),
        plural(sets, "occurs", "occur")
    );
    [Block::heading("Label sets"), Block::Text(introduction), Block::Table(table)]
}
