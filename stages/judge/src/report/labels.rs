//! The section **Per label**: each label as a binary decision on the test split, and where the errors are.

use super::markdown::{Table, code, count, counted, interval, number, text};
use super::material::{Material, Part};
use super::summary::percent;
use plantpipe_stage::format::{Evaluation, LabelEvaluation, SplitEvaluation};
use std::fmt::Write;

/// One table an evaluation.
pub(super) fn section(material: &Material) -> String {
    let mut words = String::new();
    for part in &material.evaluations {
        let Some(scored) = part.last() else { continue };
        if material.evaluations.len() > 1 {
            let _ = write!(words, "### {}, label by label\n\n", text(&material.name(part)));
        }
        words.push_str(&table(part, scored));
        words.push_str(&errors(scored));
    }
    words
}

fn table(part: &Part<Evaluation>, scored: &SplitEvaluation) -> String {
    let mut table = Table::new(&["label", "support", "precision", "recall", "F1 [95%]", "AP", "FP", "FN"], 1);
    for label in &scored.per_label {
        table.row([
            code(&label.label),
            count(support(label)),
            number(label.precision),
            number(label.recall),
            interval(&label.f1),
            label.average_precision.map_or_else(|| "–".to_owned(), number),
            count(label.false_positives),
            count(label.false_negatives),
        ]);
    }
    format!(
        "On the {} {} photographs, at threshold {}. *Support*: photographs that carry the label; *AP*: average \
         precision; *FP*: false alarms; *FN*: misses.\n\n{}",
        count(scored.images),
        scored.split,
        part.content.threshold,
        table.render()
    )
}

/// Where most errors come from, in words.
fn errors(scored: &SplitEvaluation) -> String {
    let wrong: u64 = scored.per_label.iter().map(|label| label.false_positives + label.false_negatives).sum();
    if wrong == 0 {
        return "Every decision is right.\n\n".to_owned();
    }
    let misses: u64 = scored.per_label.iter().map(|label| label.false_negatives).sum();
    let mut words = format!(
        "{}: {} and {}.",
        counted(wrong, "wrong decision"),
        if misses == 1 { "1 miss".to_owned() } else { format!("{} misses", count(misses)) },
        counted(wrong - misses, "false alarm"),
    );
    let mut by_errors: Vec<&LabelEvaluation> = scored.per_label.iter().collect();
    by_errors.sort_by_key(|label| std::cmp::Reverse(label.false_positives + label.false_negatives));
    let worst = by_errors[0];
    let _ = write!(
        words,
        " Most concern {} ({} of them, {}).",
        code(&worst.label),
        count(worst.false_positives + worst.false_negatives),
        percent((worst.false_positives + worst.false_negatives) as f64 / wrong as f64)
    );
    let missed = scored.per_label.iter().filter(|label| support(label) > 0 && label.false_negatives > 0);
    if let Some(label) = missed.min_by(|a, b| a.recall.total_cmp(&b.recall)) {
        let _ = write!(
            words,
            " The label missed most often for its support is {}: {} of {}.",
            code(&label.label),
            count(label.false_negatives),
            count(support(label))
        );
    }
    words.push_str("\n\n");
    words
}

/// How many photographs carry the label.
pub(super) fn support(label: &LabelEvaluation) -> u64 {
    label.true_positives + label.false_negatives
}
