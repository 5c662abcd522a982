//! The part **Findings** of the section Per label: what the numbers say of each label, in a sentence or two.

use super::document::Block;
use super::labels::support;
use super::material::{Material, Part};
use super::summary::percent;
use super::words::{code, count, counted, interval, number, plural, text};
use plantpipe_stage::format::{Cams, Evaluation, LabelDecisions, SplitEvaluation};

/// Half an interval beyond which a figure says little.
const WIDE: f64 = 0.1;

/// A sentence or more a label, the worst F1 first.
pub(super) fn block(material: &Material, part: &Part<Evaluation>, scored: &SplitEvaluation) -> Block {
    let mut order: Vec<usize> = (0..scored.headline.per_label.len()).collect();
    let f1 = |place: &usize| scored.headline.per_label[*place].f1.value;
    order.sort_by(|a, b| f1(a).total_cmp(&f1(b)));
    Block::List(order.into_iter().map(|place| finding(material, part, scored, place)).collect())
}

fn finding(material: &Material, part: &Part<Evaluation>, scored: &SplitEvaluation, place: usize) -> String {
    let label = &scored.headline.per_label[place];
    let carry = support(label);
    if carry == 0 {
        return format!(
            "**{}**: no {} photograph carries it, so nothing is known of it.",
            code(&label.label),
            scored.split
        );
    }
    let mut sentences = vec![format!(
        "**{}**: F1 {} on {} that {} it",
        code(&label.label),
        interval(&label.f1),
        counted(carry, "photograph"),
        plural(carry, "carries", "carry")
    )];
    let half = (label.f1.high - label.f1.low) / 2.0;
    if half > WIDE {
        sentences[0].push_str(&format!(", too few to say more than ±{}", number(half)));
    }
    sentences.push(errors(scored, place, label));
    if let Some(tuned) = scored.tuned.as_ref().and_then(|tuned| tuned.per_label.get(place)) {
        let (threshold, f1) = (number(tuned.threshold), number(tuned.f1.value));
        sentences.push(format!("With its threshold tuned on val, {threshold}, F1 is {f1}"));
    }
    sentences.extend(
        material
            .explanations
            .iter()
            .filter(|cams| cams.model == part.model)
            .filter_map(|cams| on_lesions(cams, &label.label)),
    );
    sentences.join(". ") + "."
}

/// What is missed and said wrongly, and in place of what.
fn errors(scored: &SplitEvaluation, place: usize, label: &LabelDecisions) -> String {
    if label.false_negatives + label.false_positives == 0 {
        return "Every decision is right".to_owned();
    }
    let named = |other: usize| code(&scored.headline.per_label[other].label);
    let instead = &scored.headline.substitutions;
    let most = |numbers: Vec<u64>| {
        let best = numbers.iter().enumerate().filter(|(other, number)| *other != place && **number > 0);
        best.max_by_key(|(other, number)| (**number, std::cmp::Reverse(*other))).map(|(other, number)| (other, *number))
    };
    let mut words = format!("Missed on {}", count(label.false_negatives));
    if let Some((other, number)) = instead.get(place).and_then(|said| most(said.clone())) {
        words.push_str(&format!(" (on {} of them {} was said)", count(number), named(other)));
    }
    words.push_str(&format!(", said wrongly on {}", count(label.false_positives)));
    if let Some((other, number)) = most(instead.iter().map(|said| said.get(place).copied().unwrap_or(0)).collect()) {
        words.push_str(&format!(" (on {} of them {} was missed)", count(number), named(other)));
    }
    words
}

/// How much of the label's maps falls on its lesions, where those are known.
fn on_lesions(cams: &Part<Cams>, label: &str) -> Option<String> {
    let maps = cams.content.panels.iter().flat_map(|panel| &panel.maps).filter(|map| map.label == label);
    let known: Vec<(f64, f64)> = maps.filter_map(|map| Some((map.lesion_share?, map.lesion_area?))).collect();
    (!known.is_empty()).then(|| {
        let mean = |of: fn(&(f64, f64)) -> f64| known.iter().map(of).sum::<f64>() / known.len() as f64;
        format!(
            "Of {} ({}) on average {} falls on its lesions, which cover {}",
            counted(known.len() as u64, "map"),
            text(&cams.content.method),
            percent(mean(|known| known.0)),
            percent(mean(|known| known.1))
        )
    })
}
