//! The section **Limits and noise**: what the numbers do not say, each sentence true of this very run.

use super::document::Block;
use super::material::{Material, Part};
use super::paired::verdict;
use super::published;
use super::summary::{difference, headline, opens_test, percent};
use super::words::{count, counted, number, plural, text};
use plantpipe_stage::format::{Comparison, Interval, SeedGroup, Split};
use std::collections::BTreeSet;

pub(super) fn section(material: &Material) -> Vec<Block> {
    let sentences = [
        few(material),
        without_width(material),
        several(material),
        chosen_on_val(material),
        opened(material),
        seeds(material),
        maps(material),
        Some(labels(material)),
        doubted(material),
        twins(material),
    ];
    vec![Block::List(sentences.into_iter().flatten().collect())]
}

/// How wide the interval of the headline is.
fn few(material: &Material) -> Option<String> {
    let scored = headline(material)?.last()?;
    let half = (scored.headline.exact_match.high - scored.headline.exact_match.low) / 2.0;
    Some(format!(
        "**Few photographs.** {} {} {} about ±{} around the exact match. The interval covers the \
         choice of these photographs and nothing else: not the seed, the camera, the orchard or the year.",
        count(scored.images),
        scored.split,
        plural(scored.images, "photograph leaves", "photographs leave"),
        number(half)
    ))
}

/// What can be said of several models: by paired tests where there are some.
fn several(material: &Material) -> Option<String> {
    let best = headline(material)?;
    let scored = best.last()?;
    let others: Vec<&Interval> = material
        .evaluations
        .iter()
        .filter(|other| other.stage != best.stage)
        .filter_map(|other| Some(&other.split(scored.split)?.headline.exact_match))
        .collect();
    if others.is_empty() {
        return None;
    }
    let own = &scored.headline.exact_match;
    let overlapping = others.iter().filter(|other| other.low <= own.high && own.low <= other.high).count();
    let overlap = format!(
        "The interval of {overlapping} of the {} others overlaps that of {} on {}",
        others.len(),
        text(&material.name(best)),
        scored.split
    );
    let tested = material.comparisons.iter().flat_map(|part| &part.content.splits);
    let tested = tested.filter(|split| split.split == scored.split && !split.pairs.is_empty());
    let verdicts: Vec<String> = tested.map(|split| verdict(material, split)).collect();
    Some(if verdicts.is_empty() {
        format!(
            "**Intervals are not a test.** {overlap}. Two models are scored on the same photographs; whether one is better \
             takes a paired test, and overlapping intervals do not decide it."
        )
    } else {
        format!("**Intervals are not a test.** {overlap}; the paired tests decide. {}", verdicts.join(" "))
    })
}

/// How often test was opened, as far as a page can say it that equal inputs make again.
fn opened(material: &Material) -> Option<String> {
    opens_test(material).then(|| {
        let shown = material.evaluations.iter().filter(|part| part.split(Split::Test).is_some()).count() as u64;
        let splits = material.comparisons.iter().flat_map(|part| &part.content.splits);
        let compared = splits.filter(|split| split.split == Split::Test).count() as u64;
        let compared = if compared == 0 { String::new() } else { format!(" and {}", counted(compared, "comparison")) };
        format!(
            "**Test wears out.** This page shows {}{compared} on test; how often it was opened in all, with what is no longer \
             shown, is counted in [run.md](run.md). Whoever looks at many results on test and keeps the best has chosen on \
             test.",
            counted(shown, "evaluation")
        )
    })
}

/// How far another seed would lead, where that was tried.
fn seeds(material: &Material) -> Option<String> {
    let last = |part: &Part<Comparison>| part.content.splits.iter().max_by_key(|found| found.split).cloned();
    let tried: Vec<SeedGroup> = material.comparisons.iter().filter_map(last).flat_map(|found| found.seeds).collect();
    if let Some(widest) = tried.iter().max_by(|a, b| a.exact_match.deviation.total_cmp(&b.exact_match.deviation)) {
        return Some(format!(
            "**Seeds.** Between {} trainings that differ by their seed alone the exact match has a standard deviation of up to \
             {}; that is not in the intervals.",
            widest.stages.len(),
            number(widest.exact_match.deviation)
        ));
    }
    if material.models.is_empty() {
        return None;
    }
    let seeds: BTreeSet<u64> = material.models.iter().map(|model| model.content.card.seed).collect();
    let seeds: Vec<String> = seeds.iter().map(u64::to_string).collect();
    Some(format!(
        "**{}.** Each model was trained once ({} {}); another seed gives other figures.",
        plural(seeds.len() as u64, "One seed", "One run each"),
        plural(seeds.len() as u64, "seed", "seeds"),
        seeds.join(", ")
    ))
}

fn maps(material: &Material) -> Option<String> {
    (!material.explanations.is_empty()).then(|| {
        "**A map is a hint, not a proof.** It is a few cells across and scaled to its own range, so a faint map looks \
         as bold as a strong one; and a network with padded, strided convolutions can favour one side of the \
         picture wherever the lesion is. Trust maps that follow the lesions from photograph to photograph."
            .to_owned()
    })
}

/// How much of the exact match hangs on labels that the model of the headline doubts.
fn doubted(material: &Material) -> Option<String> {
    let part = headline(material)?;
    let scored = part.last()?;
    let images: BTreeSet<&String> = scored.label_issues.iter().map(|issue| &issue.image).collect();
    (!images.is_empty()).then(|| {
        let (found, all) = (images.len() as u64, scored.images);
        if material.synthetic() {
            return format!(
                "**Doubts without reason.** {} doubts a label of {} of the {} {} {}, and all of them are right here: so \
                 many of its doubts would be in vain elsewhere too.",
                text(&material.name(part)),
                count(found),
                count(all),
                scored.split,
                plural(all, "photograph", "photographs")
            );
        }
        format!(
            "**Doubtful labels.** {} of the {} {} {} likely wrong by {}'s judgement; were all of them wrong, {} of the exact \
             match would be undecided, beside what chance does.",
            count(found),
            count(all),
            scored.split,
            plural(found, "photograph has a label that is", "photographs have a label that is"),
            text(&material.name(part)),
            percent(found as f64 / all.max(1) as f64)
        )
    })
}

/// Near-duplicates that lie on both sides of a split.
fn twins(material: &Material) -> Option<String> {
    let groups = material.duplicates.iter().flat_map(|part| &part.content.groups);
    let crossing: Vec<_> = groups.filter(|group| group.crosses_splits).collect();
    let of_test = crossing.iter().flat_map(|group| &group.images).filter(|image| image.split == Some(Split::Test));
    let (groups, photographs) = (crossing.len() as u64, of_test.count() as u64);
    (groups > 0).then(|| {
        format!(
            "**Duplicates across splits.** {} of near-duplicates {} splits, with {} of test among them: what was learnt or \
             chosen by may come back there.",
            counted(groups, "group"),
            plural(groups, "crosses", "cross"),
            counted(photographs, "photograph")
        )
    })
}

/// What an interval of no width means, where there is one.
fn without_width(material: &Material) -> Option<String> {
    let mut scored = material.evaluations.iter().flat_map(|part| &part.content.splits);
    let pointed = |interval: &Interval| interval.low >= interval.high;
    scored
        .any(|split| {
            pointed(&split.headline.exact_match) || split.headline.per_label.iter().any(|label| pointed(&label.f1))
        })
        .then(|| {
            "**An interval without width is not certainty.** It stands where every resample scores the same, as when \
             these photographs hold not one error: a bootstrap cannot draw an error that it never saw."
                .to_owned()
        })
}

/// How far val lies above test, for the model of the headline.
fn chosen_on_val(material: &Material) -> Option<String> {
    let part = headline(material)?;
    let (val, test) = (part.split(Split::Val)?, part.split(Split::Test)?);
    let mut chosen = vec!["the epoch"];
    if part.content.fitted.is_some() {
        chosen.extend(["tuned thresholds", "the temperature"]);
    }
    if material.evaluations.len() > 1 {
        chosen.push("the model to speak of first");
    }
    Some(format!(
        "**Val is not fresh.** Chosen on val: {}. So test is the figure to quote; for {} the exact match on test differs from \
         val's by {}.",
        chosen.join(", "),
        text(&material.name(part)),
        difference(test.headline.exact_match.value - val.headline.exact_match.value)
    ))
}

fn labels(material: &Material) -> String {
    if material.synthetic() {
        return "**Labels without noise.** The program that drew the leaves wrote the labels too. Labels that people \
                give to real leaves are not so certain, and real leaves are more varied: expect lower figures there."
            .to_owned();
    }
    let mut sentence = "**Labels are taken as true.** A photograph whose label is wrong counts against a model that \
                        sees it rightly, so no model can be expected to reach 1."
        .to_owned();
    if material.analyses.iter().any(|analysis| published::is_course_split(&analysis.content)) {
        sentence.push_str(
            " In this data set `complex` partly means too many diseases to tell apart, and near-duplicate photographs \
             with different labels are known, mostly `complex` against `rust`.",
        );
    }
    sentence
}
