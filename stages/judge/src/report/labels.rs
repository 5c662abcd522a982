//! The section **Per label**: what was found of each label, its curve, its numbers as a binary decision, and where the
//! errors are.

use super::comparison::{Entry, by_model};
use super::document::{Block, Table};
use super::folder::Folder;
use super::material::{Material, Part};
use super::summary::{headline, percent, pictured};
use super::words::{code, count, counted, interval, number, plural, text};
use super::{confusion, findings, precision_recall};
use plantpipe_stage::Result;
use plantpipe_stage::format::{Evaluation, Interval, LabelDecisions, LabelRanking, SplitEvaluation};
use std::fmt::Write;

/// One part an evaluation, after what holds for all where there are several.
pub(super) fn section(material: &Material, folder: &mut Folder) -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    let several = material.evaluations.len() > 1;
    if several {
        blocks.extend(side_by_side(material));
    }
    if let Some(part) = headline(material)
        && let Some(scored) = part.last()
    {
        let of = if several { format!("Findings on {}", text(&material.name(part))) } else { "Findings".to_owned() };
        blocks.extend([Block::Heading(of), findings::block(material, part, scored)]);
    }
    blocks.extend(precision_recall::blocks(material, folder)?);
    let drawn = pictured(material);
    for part in &material.evaluations {
        let Some(scored) = part.last() else { continue };
        let name = if several {
            format!("{}, label by label", text(&material.name(part)))
        } else {
            "Label by label".to_owned()
        };
        blocks.push(Block::Heading(name));
        blocks.extend(table(part, scored));
        blocks.push(errors(scored));
        if drawn.iter().any(|shown| shown.stage == part.stage) {
            blocks.extend(confusion::blocks(material, part, scored, folder)?);
        }
    }
    Ok(blocks)
}

/// F1 of every label by every model, where all were scored on the same labels and split.
fn side_by_side(material: &Material) -> Option<Block> {
    let first = material.evaluations.first()?;
    let split = first.last()?.split;
    let alike = |part: &Part<Evaluation>| {
        part.content.labels == first.content.labels && part.last().is_some_and(|scored| scored.split == split)
    };
    if !material.evaluations.iter().all(alike) {
        return None;
    }
    let models = material.evaluations.iter().filter_map(|part| {
        let cells = part.last()?.headline.per_label.iter().map(|label| number(label.f1.value)).collect();
        Some(Entry { head: text(&material.name(part)), group: part.group.clone(), cells })
    });
    let labels: Vec<String> = first.last()?.headline.per_label.iter().map(|label| code(&label.label)).collect();
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    let caption = format!("F1 of each label on the {split} split");
    Some(Block::Table(by_model(&caption, &format!("F1, {split}"), &labels, &models.collect::<Vec<_>>())))
}

fn table(part: &Part<Evaluation>, scored: &SplitEvaluation) -> [Block; 2] {
    let caption = format!("Each label on the {} split", scored.split);
    let mut head = vec![
        "label",
        "support",
        "precision",
        "recall",
        "specificity",
        "F1 [95%]",
        "AP [95%]",
        "AUROC [95%]",
        "FP",
        "FN",
    ];
    if scored.tuned.is_some() {
        head.extend(["threshold tuned", "F1 then [95%]"]);
    }
    let mut table = Table::new(&caption, &head, 1);
    for (place, label) in scored.headline.per_label.iter().enumerate() {
        let ranking = scored.ranking.per_label.get(place);
        let ranked = |of: fn(&LabelRanking) -> Option<Interval>| {
            ranking.and_then(of).map_or_else(|| "–".to_owned(), |found| interval(&found))
        };
        let mut cells = vec![
            code(&label.label),
            count(support(label)),
            number(label.precision),
            number(label.recall),
            number(label.specificity),
            interval(&label.f1),
            ranked(|found| found.average_precision),
            ranked(|found| found.auroc),
            count(label.false_positives),
            count(label.false_negatives),
        ];
        if let Some(tuned) = scored.tuned.as_ref().and_then(|tuned| tuned.per_label.get(place)) {
            cells.extend([number(tuned.threshold), interval(&tuned.f1)]);
        }
        table.row(cells);
    }
    let introduction = format!(
        "On the {} {} {}, at threshold {}. *Support*: photographs that carry the label; *AP*: average precision; \
         *AUROC*: area under the ROC curve; *FP*: false alarms; *FN*: misses.",
        count(scored.images),
        scored.split,
        plural(scored.images, "photograph", "photographs"),
        part.content.threshold
    );
    [Block::Text(introduction), Block::Table(table)]
}

/// Where most errors come from, in words.
fn errors(scored: &SplitEvaluation) -> Block {
    let wrong: u64 = scored.headline.per_label.iter().map(|label| label.false_positives + label.false_negatives).sum();
    if wrong == 0 {
        return Block::text("Every decision is right.");
    }
    let misses: u64 = scored.headline.per_label.iter().map(|label| label.false_negatives).sum();
    let mut words = format!(
        "{}: {} and {}.",
        counted(wrong, "wrong decision"),
        format_args!("{} {}", count(misses), plural(misses, "miss", "misses")),
        counted(wrong - misses, "false alarm"),
    );
    let mut by_errors: Vec<&LabelDecisions> = scored.headline.per_label.iter().collect();
    by_errors.sort_by_key(|label| std::cmp::Reverse(label.false_positives + label.false_negatives));
    let worst = by_errors[0];
    let on_worst = worst.false_positives + worst.false_negatives;
    if on_worst == wrong {
        let _ = write!(words, " {} {}.", plural(wrong, "It concerns", "All concern"), code(&worst.label));
    } else {
        let share = percent(on_worst as f64 / wrong as f64);
        let _ = write!(words, " Most concern {} ({} of them, {share}).", code(&worst.label), count(on_worst));
    }
    let missed = scored.headline.per_label.iter().filter(|label| support(label) > 0 && label.false_negatives > 0);
    if let Some(label) = missed.min_by(|a, b| a.recall.total_cmp(&b.recall)) {
        let _ = write!(
            words,
            " The label missed most often for its support is {}: {} of {}.",
            code(&label.label),
            count(label.false_negatives),
            count(support(label))
        );
    }
    Block::Text(words)
}

/// How many photographs carry the label.
pub(super) fn support(label: &LabelDecisions) -> u64 {
    label.true_positives + label.false_negatives
}
