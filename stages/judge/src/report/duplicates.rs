//! The part **Near-duplicates** of the section Data: photographs that look alike, as `dedup` found them.

use super::data::pictures;
use super::document::{Block, Table};
use super::folder::{Folder, file_name};
use super::material::{Material, Part};
use super::words::{code, codes, count, counted, plural};
use plantpipe_stage::Result;
use plantpipe_stage::format::{DuplicateGroup, Duplicates};

/// One part a search for duplicates.
pub(super) fn blocks(material: &Material, folder: &mut Folder) -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    for part in &material.duplicates {
        let (heading, place) = if material.duplicates.len() == 1 {
            ("Near-duplicates".to_owned(), "duplicates".to_owned())
        } else {
            (format!("Near-duplicates, {}", code(&part.stage)), format!("duplicates/{}", file_name(&part.stage)))
        };
        blocks.push(Block::Heading(heading));
        blocks.push(Block::Text(found(&part.content)));
        blocks.extend(pictures(part, part.content.pictures.iter(), &place, folder)?);
        blocks.extend(contradictions(part));
    }
    Ok(blocks)
}

/// How many groups there are, and what is wrong with them.
fn found(duplicates: &Duplicates) -> String {
    let groups = duplicates.groups.len() as u64;
    let compared = counted(duplicates.photographs, "photograph");
    if groups == 0 {
        return format!("{compared} {} compared; no two look alike.", plural(duplicates.photographs, "was", "were"));
    }
    let alike: usize = duplicates.groups.iter().map(|group| group.images.len()).sum();
    let number = |is: fn(&DuplicateGroup) -> bool| duplicates.groups.iter().filter(|group| is(group)).count() as u64;
    let (crossing, conflicting) = (number(|group| group.crosses_splits), number(|group| group.conflict));
    let mut words = format!(
        "Among {compared}, **{} of near-duplicates** {} found ({} photographs).",
        counted(groups, "group"),
        plural(groups, "was", "were"),
        count(alike as u64)
    );
    words.push_str(&match crossing {
        0 => " None crosses splits.".to_owned(),
        _ => format!(
            " **{} {} splits**: what a model learnt from may come back when it is scored, which flatters it.",
            count(crossing),
            plural(crossing, "crosses", "cross")
        ),
    });
    words.push_str(&match conflicting {
        0 => " In none do the labels conflict.".to_owned(),
        _ => format!(
            " **In {} the labels conflict**: photographs that show the same are labelled otherwise.",
            count(conflicting)
        ),
    });
    words
}

/// A row a photograph of every group that crosses splits or whose labels conflict.
fn contradictions(part: &Part<Duplicates>) -> Option<Block> {
    let mut table = Table::new(
        "Near-duplicates that cross splits or whose labels conflict",
        &["group", "photograph", "split", "labels", "what contradicts", "greatest distance in the group"],
        5,
    );
    for (place, group) in part.content.groups.iter().enumerate() {
        let wrong = [(group.crosses_splits, "crosses splits"), (group.conflict, "labels conflict")];
        let wrong: Vec<&str> = wrong.into_iter().filter_map(|(holds, words)| holds.then_some(words)).collect();
        for image in group.images.iter().filter(|_| !wrong.is_empty()) {
            table.row([
                (place + 1).to_string(),
                code(&image.image),
                image.split.map_or("–".to_owned(), |split| split.to_string()),
                codes(&image.labels),
                wrong.join(", "),
                group.distance.to_string(),
            ]);
        }
    }
    (!table.is_empty()).then_some(Block::Table(table))
}
