//! The section **Limits and noise**: what the numbers do not say, each sentence true of this very run.

use super::document::Block;
use super::material::Material;
use super::published;
use super::summary::{difference, headline};
use super::words::{count, number, plural, text};
use plantpipe_stage::format::{Interval, Split};
use std::collections::BTreeSet;

pub(super) fn section(material: &Material) -> Vec<Block> {
    let mut sentences = Vec::new();
    if let Some(scored) = headline(material).and_then(|part| part.last()) {
        let half = (scored.headline.exact_match.high - scored.headline.exact_match.low) / 2.0;
        sentences.push(format!(
            "**Few photographs.** {} {} {} about ±{} around the exact match. The interval covers the \
             choice of these photographs and nothing else: not the seed, the camera, the orchard or the year.",
            count(scored.images),
            scored.split,
            plural(scored.images, "photograph leaves", "photographs leave"),
            number(half)
        ));
    }
    sentences.extend(without_width(material));
    sentences.extend(chosen_on_val(material));
    if !material.models.is_empty() {
        let seeds: BTreeSet<u64> = material.models.iter().map(|model| model.content.card.seed).collect();
        let seeds: Vec<String> = seeds.iter().map(u64::to_string).collect();
        sentences.push(format!(
            "**{}.** Each model was trained once ({} {}); another seed gives other figures.",
            plural(seeds.len() as u64, "One seed", "One run each"),
            plural(seeds.len() as u64, "seed", "seeds"),
            seeds.join(", ")
        ));
    }
    if !material.explanations.is_empty() {
        sentences.push(
            "**A map is a hint, not a proof.** It is a few cells across and scaled to its own range, so a faint map looks \
             as bold as a strong one; and a network with padded, strided convolutions can favour one side of the \
             picture wherever the lesion is. Trust maps that follow the lesions from photograph to photograph."
                .to_owned(),
        );
    }
    if material.evaluations.len() > 1 {
        sentences.push(
            "**Intervals are not a test.** Two models are scored on the same photographs; whether one is better takes \
             a paired test, and overlapping intervals do not decide it."
                .to_owned(),
        );
    }
    sentences.push(labels(material));
    vec![Block::List(sentences)]
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
    Some(format!(
        "**Val is not fresh.** The epoch was chosen on val, so test is the figure to quote; for {} the exact match on \
         test differs from val's by {}.",
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
