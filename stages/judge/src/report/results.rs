//! The section **Results**: exact match of each model beside the baseline (and what is published on the same split),
//! then every metric with its interval.

use super::labels::support;
use super::markdown::{Table, codes, count, interval, number, text};
use super::material::{Material, Part};
use super::published;
use super::summary::architecture;
use plantpipe_stage::format::{Analysis, Evaluation, Interval, Split, SplitEvaluation};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Picks one metric of a split.
type Metric = fn(&SplitEvaluation) -> &Interval;

/// The metrics by name, in the order they are read.
const METRICS: [(&str, Metric); 7] = [
    ("exact match", |scored| &scored.exact_match),
    ("Hamming accuracy", |scored| &scored.hamming_accuracy),
    ("micro F1", |scored| &scored.micro_f1),
    ("macro F1", |scored| &scored.macro_f1),
    ("weighted F1", |scored| &scored.weighted_f1),
    ("samples F1", |scored| &scored.samples_f1),
    ("mAP", |scored| &scored.mean_average_precision),
];

pub(super) fn section(material: &Material) -> String {
    if material.evaluations.is_empty() {
        return String::new();
    }
    let mut words = String::from("### Exact match\n\n");
    words.push_str(&comparison(material));
    words.push_str("### Every metric\n\n");
    words.push_str(&metrics(material));
    words.push_str(&reading(material));
    words
}

/// The splits that any evaluation scored.
fn splits(material: &Material) -> BTreeSet<Split> {
    material.evaluations.iter().flat_map(|part| &part.content.splits).map(|scored| scored.split).collect()
}

fn comparison(material: &Material) -> String {
    let splits = splits(material);
    let mut head = vec!["model".to_owned()];
    head.extend(splits.iter().map(|split| format!("{split}, exact match [95%]")));
    head.extend(splits.iter().map(|split| format!("n {split}")));
    let mut table = Table::with_head(head, 1);
    for part in &material.evaluations {
        let arch = material.model(part).map(|model| format!(" · {}", architecture(&model.card.arch)));
        let name = format!("**{}**{}", text(&material.name(part)), arch.unwrap_or_default());
        table.row(line(part, &splits, name, |scored| &scored.exact_match));
    }
    // Models on the same photographs share one baseline.
    let mut baselines: Vec<Vec<String>> = Vec::new();
    for part in &material.evaluations {
        let Some(first) = part.content.splits.first() else { continue };
        let name = format!("baseline: always {}", codes(&first.baseline.answer));
        let row = line(part, &splits, name, |scored| &scored.baseline.exact_match);
        if !baselines.contains(&row) {
            baselines.push(row);
        }
    }
    for row in baselines {
        table.row(row);
    }
    let mut note = String::new();
    if comparable(material) {
        published_rows(&mut table, &splits);
        note = format!(
            "*Published*: results published on this very split, by exact match and without intervals. Their n was most \
             likely {}: the figures are whole shares of it, so a last, incomplete batch of photographs was left out. \
             Here every photograph counts. A published figure inside an interval of ours is no difference that this \
             many photographs could show.\n\n",
            published::IMAGES
        );
    }
    table.render() + &note
}

fn line(part: &Part<Evaluation>, splits: &BTreeSet<Split>, name: String, metric: Metric) -> Vec<String> {
    let cell = |split: &Split, write: &dyn Fn(&SplitEvaluation) -> String| {
        part.split(*split).map_or_else(|| "–".to_owned(), write)
    };
    let values = splits.iter().map(|split| cell(split, &|scored| interval(metric(scored))));
    let sizes = splits.iter().map(|split| cell(split, &|scored| count(scored.images)));
    std::iter::once(name).chain(values).chain(sizes).collect()
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
    let supports = scored.per_label.iter().map(|label| (&label.label, support(label)));
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

/// A row a metric, a column a model and split.
fn metrics(material: &Material) -> String {
    let mut words = String::new();
    for split in splits(material).into_iter().rev() {
        let scored: Vec<(String, &SplitEvaluation)> = material
            .evaluations
            .iter()
            .filter_map(|part| Some((text(&material.name(part)), part.split(split)?)))
            .collect();
        let mut head = vec![format!("{split} split")];
        head.extend(scored.iter().map(|(name, _)| name.clone()));
        let mut table = Table::with_head(head, 1);
        for (name, metric) in METRICS {
            let cells = scored.iter().map(|(_, scored)| interval(metric(scored)));
            table.row(std::iter::once(name.to_owned()).chain(cells));
        }
        words.push_str(&table.render());
    }
    words
}

fn reading(material: &Material) -> String {
    let mut words = String::from("How to read these numbers:\n\n");
    for sentence in [
        "**Exact match** (subset accuracy): the share of photographs whose labels are *all* right. This is the headline \
         figure, and what papers on multi-label leaf data often call accuracy.",
        "**Hamming accuracy**: the share of single label decisions that are right. It is never lower and mostly much \
         higher, since most labels are absent from most photographs; the two must not be compared.",
        "**F1**: *micro* over all decisions, *macro* the mean over labels, *weighted* the same by support, *samples* the \
         mean over photographs. An undefined F1 is 0; no label against no answer is 1 in samples F1.",
        "**mAP**: mean over labels of average precision, which needs no threshold.",
        "The kept **epoch was chosen on val** by exact match, so val figures flatter the model; test was not looked at.",
    ] {
        let _ = writeln!(words, "- {sentence}");
    }
    let settings: BTreeSet<(String, u64)> =
        material.evaluations.iter().map(|part| (part.content.threshold.to_string(), part.content.resamples)).collect();
    for (threshold, resamples) in settings {
        let _ = writeln!(
            words,
            "- A label counts as present at a probability of {threshold} or more. Brackets are 95% percentile bootstrap \
             intervals, {resamples} resamples over photographs.",
        );
    }
    words
}
