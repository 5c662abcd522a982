//! The part **Confusion** of the section Per label: a binary confusion matrix a label, and which label is said in place of
//! which.

use super::document::{Block, Picture, Table};
use super::folder::{Folder, file_name};
use super::material::{Material, Part};
use super::matrices::{Matrix, svg};
use super::words::{code, count};
use plantpipe_stage::Result;
use plantpipe_stage::format::{Decisions, Evaluation, SplitEvaluation};

/// Matrices in a row.
const COLUMNS: usize = 3;

/// Writes `results/confusion-<stage>.svg` of one model.
pub(super) fn blocks(
    material: &Material,
    part: &Part<Evaluation>,
    scored: &SplitEvaluation,
    folder: &mut Folder,
) -> Result<Vec<Block>> {
    let matrices: Vec<Matrix> = scored
        .headline
        .per_label
        .iter()
        .map(|label| Matrix {
            label: label.label.clone(),
            counts: [[label.true_positives, label.false_negatives], [label.false_positives, label.true_negatives]],
        })
        .collect();
    if matrices.is_empty() {
        return Ok(Vec::new());
    }
    let link = format!("results/confusion-{}.svg", file_name(&part.stage));
    folder.write(&link, svg(&matrices, COLUMNS))?;
    let caption = format!(
        "Confusion matrices of {} on {}: photographs, and their share of the row.",
        material.name(part),
        scored.split
    );
    let mut blocks = vec![Block::Picture(Picture { link, caption })];
    blocks.extend(substitutions(&scored.headline, &scored.split.to_string()).map(Block::Table));
    Ok(blocks)
}

/// Which label was said wrongly where another was missed; none where that never happened.
fn substitutions(decisions: &Decisions, split: &str) -> Option<Table> {
    let labels: Vec<String> = decisions.per_label.iter().map(|label| code(&label.label)).collect();
    decisions.substitutions.iter().flatten().any(|number| *number > 0).then_some(())?;
    let head = std::iter::once("missed ↓, said wrongly →".to_owned()).chain(labels.iter().cloned());
    let caption = format!("Photographs of {split} on which one label was missed and another said wrongly");
    let mut table = Table::with_head(&caption, head.collect(), 1);
    for (missed, (label, said)) in labels.iter().zip(&decisions.substitutions).enumerate() {
        let cell = |(place, number): (usize, &u64)| if place == missed { "–".to_owned() } else { count(*number) };
        table.row(std::iter::once(label.clone()).chain(said.iter().enumerate().map(cell)));
    }
    Some(table)
}
