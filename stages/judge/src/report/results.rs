//! The section **Results**: exact match of each model beside the baseline (and what is published on the same split),
//! then every metric with its interval.

use super::comparison::{Entry, by_model, rows};
use super::document::{Block, Picture, Table};
use super::folder::Folder;
use super::forest::{self, Row};
use super::labels::support;
use super::material::{Material, Part};
use super::published;
use super::summary::architecture;
use super::words::{codes, count, interval, number, plural, text};
use plantpipe_stage::Result;
use plantpipe_stage::format::{Analysis, Evaluation, Interval, Split, SplitEvaluation};
use std::collections::BTreeSet;

/// Picks one metric of a split.
type Metric = fn(&SplitEvaluation) -> &Interval;

/// The metrics by name, in the order they are read.
const METRICS: [(&str, Metric); 7] = [
    ("exact match", |scored| &scored.headline.exact_match),
    ("Hamming accuracy", |scored| &scored.headline.hamming_accuracy),
    ("micro F1", |scored| &scored.headline.micro.f1),
    ("macro F1", |scored| &scored.headline.macro_.f1),
    ("weighted F1", |scored| &scored.headline.weighted.f1),
    ("samples F1", |scored| &scored.headline.samples.f1),
    ("mAP", |scored| &scored.ranking.mean_average_precision),
];

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
    blocks.push(Block::heading("Every metric"));
    blocks.extend(metrics(material));
    blocks.extend(reading(material));
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
    folder.write(&link, &forest::svg(&format!("exact match, {split}"), &rows))?;
    let caption = format!("Exact match on {split}: dots, with 95% intervals as lines.");
    Ok(Some(Block::Picture(Picture { link, caption })))
}

/// The splits that any evaluation scored.
fn splits(material: &Material) -> BTreeSet<Split> {
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

/// One metric on each split, then on how many photographs.
fn cells(part: &Part<Evaluation>, splits: &BTreeSet<Split>, metric: Metric) -> Vec<String> {
    let cell = |split: &Split, write: &dyn Fn(&SplitEvaluation) -> String| {
        part.split(*split).map_or_else(|| "–".to_owned(), write)
    };
    let values = splits.iter().map(|split| cell(split, &|scored| interval(metric(scored))));
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

/// A table a split.
fn metrics(material: &Material) -> Vec<Block> {
    let table = |split: Split| {
        let models = material.evaluations.iter().filter_map(|part| {
            let scored = part.split(split)?;
            let cells = METRICS.iter().map(|(_, metric)| interval(metric(scored))).collect();
            Some(Entry { head: text(&material.name(part)), group: part.group.clone(), cells })
        });
        let caption = format!("Every metric on the {split} split, with 95% intervals");
        Block::Table(by_model(
            &caption,
            &format!("{split} split"),
            &METRICS.map(|(name, _)| name),
            &models.collect::<Vec<_>>(),
        ))
    };
    splits(material).into_iter().rev().map(table).collect()
}

fn reading(material: &Material) -> [Block; 2] {
    let mut sentences = [
        "**Exact match** (subset accuracy): the share of photographs whose labels are *all* right. This is the headline \
         figure, and what papers on multi-label leaf data often call accuracy.",
        "**Hamming accuracy**: the share of single label decisions that are right. It is never lower and mostly much \
         higher, since most labels are absent from most photographs; the two must not be compared.",
        "**F1**: *micro* over all decisions, *macro* the mean over labels, *weighted* the same by support, *samples* the \
         mean over photographs. An undefined F1 is 0; no label against no answer is 1 in samples F1.",
        "**mAP**: mean over labels of average precision, which needs no threshold.",
        "The kept **epoch was chosen on val** by exact match, so val figures flatter the model; test was not looked at.",
    ]
    .map(str::to_owned)
    .to_vec();
    let settings: BTreeSet<(String, u64)> =
        material.evaluations.iter().map(|part| (part.content.threshold.to_string(), part.content.resamples)).collect();
    for (threshold, resamples) in settings {
        sentences.push(format!(
            "A label counts as present at a probability of {threshold} or more. Brackets are 95% percentile bootstrap \
             intervals, {resamples} {} over photographs.",
            plural(resamples, "resample", "resamples")
        ));
    }
    [Block::text("How to read these numbers:"), Block::List(sentences)]
}
