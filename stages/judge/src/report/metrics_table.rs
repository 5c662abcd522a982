//! The part **Every metric** of the section Results: tables of all metrics with their intervals, and how to read them.

use super::comparison::{Entry, by_entry, by_model};
use super::document::{Block, Table};
use super::material::Material;
use super::results::splits;
use super::words::{interval, number, plural, text};
use plantpipe_stage::format::{Decisions, Evaluation, Interval, Objective, Split, SplitEvaluation};
use std::collections::BTreeSet;

/// Picks one metric of yes-or-no answers.
type Metric = fn(&Decisions) -> &Interval;

/// The metrics that need a threshold, in the order they are read.
const DECISIONS: [(&str, Metric); 6] = [
    ("exact match", |found| &found.exact_match),
    ("Hamming accuracy", |found| &found.hamming_accuracy),
    ("micro F1", |found| &found.micro.f1),
    ("macro F1", |found| &found.macro_.f1),
    ("weighted F1", |found| &found.weighted.f1),
    ("samples F1", |found| &found.samples.f1),
];

/// What is said beside them, without an interval.
const COUNTS: [&str; 3] = ["macro precision", "macro recall", "labels an answer"];

const RANKING: [&str; 3] = ["mAP", "micro AP", "macro AUROC"];

/// Two tables a split, the last split first: what thresholds give, and what needs none.
pub(super) fn blocks(material: &Material) -> Vec<Block> {
    let mut blocks = Vec::new();
    for split in splits(material).into_iter().rev() {
        blocks.push(Block::Table(decisions(material, split)));
        blocks.push(Block::Table(ranking(material, split)));
    }
    blocks.extend(reading(material));
    blocks
}

fn decisions(material: &Material, split: Split) -> Table {
    let fields: Vec<&str> = DECISIONS.iter().map(|(name, _)| *name).chain(COUNTS).collect();
    let mut entries = Vec::new();
    for part in &material.evaluations {
        let Some(scored) = part.split(split) else { continue };
        let name = text(&material.name(part));
        let entry = |head: String, found: &Decisions| Entry { head, group: part.group.clone(), cells: cells(found) };
        let at = match scored.tuned {
            Some(_) => format!("{name}, at {}", part.content.threshold),
            None => name.clone(),
        };
        entries.push(entry(at, &scored.headline));
        entries.extend(scored.tuned.as_ref().map(|tuned| entry(format!("{name}, tuned"), tuned)));
    }
    let caption = format!("Answers on the {split} split, with 95% intervals");
    by_entry(&caption, &format!("{split} split"), &fields, &entries, material.evaluations.len())
}

fn cells(found: &Decisions) -> Vec<String> {
    let counts = [found.macro_.precision, found.macro_.recall, found.cardinality].map(number);
    DECISIONS.iter().map(|(_, metric)| interval(metric(found))).chain(counts).collect()
}

fn ranking(material: &Material, split: Split) -> Table {
    let entries = material.evaluations.iter().filter_map(|part| {
        let found = &part.split(split)?.ranking;
        let cells = [&found.mean_average_precision, &found.micro_average_precision, &found.macro_auroc];
        let head = text(&material.name(part));
        Some(Entry { head, group: part.group.clone(), cells: cells.map(interval).to_vec() })
    });
    let caption = format!("Rankings on the {split} split, with 95% intervals");
    by_model(&caption, &format!("{split} split, no threshold"), &RANKING, &entries.collect::<Vec<_>>())
}

fn reading(material: &Material) -> [Block; 2] {
    let mut sentences = [
        "**Exact match** (subset accuracy): the share of photographs whose labels are *all* right. This is the headline \
         figure, and what papers on multi-label leaf data often call accuracy.",
        "**Hamming accuracy**: the share of single label decisions that are right. It is never lower and mostly much \
         higher, since most labels are absent from most photographs; the two must not be compared.",
        "**F1**: *micro* over all decisions, *macro* the mean over labels, *weighted* the same by support, *samples* the \
         mean over photographs. An undefined F1 is 0; no label against no answer is 1 in samples F1.",
        "**mAP**: mean over labels of average precision; **micro AP**: that of all decisions together; **macro AUROC**: mean \
         over labels of the area under the ROC curve. They need no threshold.",
    ]
    .map(str::to_owned)
    .to_vec();
    if let Some(labels) = cardinality(material) {
        sentences.push(labels);
    }
    sentences.push(
        "The kept **epoch was chosen on val** by exact match, so val figures flatter the model; test chose nothing."
            .to_owned(),
    );
    let settings: BTreeSet<(String, u64)> =
        material.evaluations.iter().map(|part| (part.content.threshold.to_string(), part.content.resamples)).collect();
    for (threshold, resamples) in settings {
        sentences.push(format!(
            "A label counts as present from a probability of {threshold} or more. Brackets are 95% percentile bootstrap \
             intervals, {resamples} {} over photographs.",
            plural(resamples, "resample", "resamples")
        ));
    }
    let fitted = material.evaluations.iter().filter_map(|part| part.content.fitted.as_ref());
    let rules: BTreeSet<(&str, u64)> = fitted.map(|fitted| (objective(fitted.objective), fitted.images)).collect();
    for (objective, images) in rules {
        sentences.push(format!(
            "**Tuned**: a threshold a label, fitted on the {images} {} of val for {objective} and on nothing else; so tuned \
             figures on val flatter twice.",
            plural(images, "photograph", "photographs")
        ));
    }
    [Block::text("How to read these numbers:"), Block::List(sentences)]
}

fn objective(objective: Objective) -> &'static str {
    match objective {
        Objective::F1 => "each label's F1",
        Objective::ExactMatch => "exact match",
    }
}

/// How many labels photographs carry, to hold an answer's number against.
fn cardinality(material: &Material) -> Option<String> {
    let scored: Vec<&SplitEvaluation> =
        material.evaluations.iter().filter_map(super::material::Part::<Evaluation>::last).collect();
    let first = scored.first()?;
    let alike = scored
        .iter()
        .all(|other| other.split == first.split && other.cardinality.total_cmp(&first.cardinality).is_eq());
    alike.then(|| {
        format!(
            "**Labels an answer**: on average; the photographs of {} carry {}.",
            first.split,
            number(first.cardinality)
        )
    })
}
