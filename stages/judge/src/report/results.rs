//! The section **Results**: exact match of each model beside the baseline (and what is published on the same split),
//! what tells models apart, then every metric with its interval.

use super::comparison::{Entry, rows};
use super::document::{Block, Picture, Table};
use super::folder::Folder;
use super::forest::{self, Row};
use super::labels::support;
use super::material::{Material, Part};
use super::summary::architecture;
use super::words::{codes, count, interval, number, text};
use super::{metrics_table, paired, published};
use plantpipe_stage::Result;
use plantpipe_stage::format::{Analysis, Evaluation, Interval, Split, SplitEvaluation};
use std::collections::BTreeSet;

/// Picks one figure of a split.
type Figure = fn(&SplitEvaluation) -> &Interval;

/// Several models are drawn too, as `results/exact-match.svg`.
pub(super) fn section(material: &Material, folder: &mut Folder) -> Result<Vec<Block>> {
    if material.evaluations.is_empty() {
        return Ok(Vec::new());
    }
    let mut blocks = vec![Block::heading("Exact match")];
    blocks.extend(comparison(material));
    if material.evaluations.len() > 1 {
        blocks.extend(drawing(material, folder)?);
    }
    blocks.extend(paired::blocks(material));
    blocks.push(Block::heading("Every metric"));
    blocks.extend(metrics_table::blocks(material));
    Ok(blocks)
}

/// The exact match of every model on the last split that all were scored on, and of the baselines.
fn drawing(material: &Material, folder: &mut Folder) -> Result<Option<Block>> {
    let everywhere = |split: &Split| material.evaluations.iter().all(|part| part.split(*split).is_some());
    let Some(split) = splits(material).into_iter().rev().find(everywhere) else { return Ok(None) };
    let (mut rows, mut baselines): (Vec<Row>, Vec<Row>) = (Vec::new(), Vec::new());
    for part in &material.evaluations {
        let Some(scored) = part.split(split) else { continue };
        rows.push(Row { name: material.name(part), interval: scored.headline.exact_match, baseline: false });
        let name = format!("baseline: always {}", scored.baseline.answer.join(", "));
        let interval = scored.baseline.exact_match;
        if !baselines.iter().any(|row| row.name == name && row.interval == interval) {
            baselines.push(Row { name, interval, baseline: true });
        }
    }
    rows.extend(baselines);
    let link = "results/exact-match.svg".to_owned();
    folder.write(&link, forest::svg(&format!("exact match, {split}"), &rows))?;
    let caption = format!("Exact match on {split}: dots, with 95% intervals as lines.");
    Ok(Some(Block::Picture(Picture { link, caption })))
}

/// The splits that any evaluation scored.
pub(super) fn splits(material: &Material) -> BTreeSet<Split> {
    material.evaluations.iter().flat_map(|part| &part.content.splits).map(|scored| scored.split).collect()
}

fn comparison(material: &Material) -> Vec<Block> {
    let splits = splits(material);
    let mut head = vec!["model".to_owned()];
    head.extend(splits.iter().map(|split| format!("{split}, exact match [95%]")));
    head.extend(splits.iter().map(|split| format!("n {split}")));
    let mut table = Table::with_head("Exact match of each model, with 95% intervals", head, 1);
    let models = material.evaluations.iter().map(|part| {
        let arch = material.model(part).map(|model| format!(" · {}", architecture(&model.card.arch)));
        let name = format!("**{}**{}", text(&material.name(part)), arch.unwrap_or_default());
        Entry {
            head: name,
            group: part.group.clone(),
            cells: cells(part, &splits, |scored| &scored.headline.exact_match),
        }
    });
    rows(&mut table, &models.collect::<Vec<_>>());
    // Models on the same photographs share one baseline.
    let mut baselines: Vec<Vec<String>> = Vec::new();
    for part in &material.evaluations {
        let Some(first) = part.content.splits.first() else { continue };
        let mut row = vec![format!("baseline: always {}", codes(&first.baseline.answer))];
        row.extend(cells(part, &splits, |scored| &scored.baseline.exact_match));
        if !baselines.contains(&row) {
            baselines.push(row);
        }
    }
    for row in baselines {
        table.row(row);
    }
    let mut note = None;
    if comparable(material) {
        published_rows(&mut table, &splits);
        note = Some(Block::text(format!(
            "*Published*: results published on this very split, by exact match and without intervals. Their n was most \
             likely {}: the figures are whole shares of it, so a last, incomplete batch of photographs was left out. \
             Here every photograph counts. A published figure inside an interval of ours is no difference that this \
             many photographs could show.",
            published::IMAGES
        )));
    }
    std::iter::once(Block::Table(table)).chain(note).collect()
}

/// One figure on each split, then on how many photographs.
fn cells(part: &Part<Evaluation>, splits: &BTreeSet<Split>, figure: Figure) -> Vec<String> {
    let cell = |split: &Split, write: &dyn Fn(&SplitEvaluation) -> String| {
        part.split(*split).map_or_else(|| "–".to_owned(), write)
    };
    let values = splits.iter().map(|split| cell(split, &|scored| interval(figure(scored))));
    let sizes = splits.iter().map(|split| cell(split, &|scored| count(scored.images)));
    values.chain(sizes).collect()
}

/// Whether published figures speak of the photographs and labels that were scored here: an evaluation names neither, so
/// its number of photographs and each label's support have to be those of the course split.
fn comparable(material: &Material) -> bool {
    material.analyses.iter().map(|part| &part.content).any(|analysis| {
        let mut scored = material.evaluations.iter().flat_map(|part| &part.content.splits);
        published::is_course_split(analysis) && scored.all(|scored| same_counts(analysis, scored))
    })
}

fn same_counts(analysis: &Analysis, scored: &SplitEvaluation) -> bool {
    let supports = scored.headline.per_label.iter().map(|label| (&label.label, support(label)));
    analysis.splits.iter().any(|found| {
        found.split == scored.split
            && found.images == scored.images
            && analysis.labels.iter().zip(found.label_counts.iter().copied()).eq(supports.clone())
    })
}

fn published_rows(table: &mut Table, splits: &BTreeSet<Split>) {
    for row in published::ROWS {
        let values = splits.iter().map(|split| match split {
            Split::Train => "–".to_owned(),
            Split::Val => number(row.val),
            Split::Test => number(row.test),
        });
        let sizes = splits.iter().map(|split| if *split == Split::Train { "–" } else { "576?" }.to_owned());
        table.row(std::iter::once(format!("*published*: {}", row.model)).chain(values).chain(sizes));
    }
}
