//! The top of the page: the notice of a synthetic data set and the paragraph with the headline number ([`top`]).

use super::document::Block;
use super::material::{Material, Model, Part};
use super::words::{codes, count, counted, interval, number, plural, text};
use plantpipe_stage::format::{Evaluation, Split};
use std::fmt::Write;

/// Said before anything else where photographs are drawn by a program; else nothing.
fn notice(material: &Material) -> Option<Block> {
    material.synthetic().then(|| {
        Block::Warning(
            "**Synthetic data: these photographs are drawn by a program.** The numbers below show that the pipeline \
             works from end to end; nothing here speaks of real leaves."
                .to_owned(),
        )
    })
}

/// What stands before the contents: the notice, the experiment in a few sentences, and where to read how often test was
/// opened.
pub(super) fn top(material: &Material) -> Vec<Block> {
    let opened = opens_test(material).then(|| {
        Block::text("How often the test split was opened, by the runs shown here and by all others: see [run.md](run.md), beside this page.")
    });
    notice(material).into_iter().chain([paragraph(material)]).chain(opened).collect()
}

/// Whether any figure of the page is on test.
pub(super) fn opens_test(material: &Material) -> bool {
    material.evaluations.iter().any(|part| part.split(Split::Test).is_some())
}

/// How many models still fit in one drawing.
const PICTURED: usize = 3;

/// The evaluations that are drawn in detail: all while they are few, else that of the headline.
pub(super) fn pictured(material: &Material) -> Vec<&Part<Evaluation>> {
    if material.evaluations.len() <= PICTURED {
        material.evaluations.iter().collect()
    } else {
        headline(material).into_iter().collect()
    }
}

/// The experiment in a few sentences.
fn paragraph(material: &Material) -> Block {
    let mut words = data(material);
    match headline(material) {
        Some(evaluation) => words.push_str(&result(material, evaluation)),
        None if material.models.is_empty() => words.push_str("No model was evaluated."),
        None => {
            let _ = write!(words, "{} trained; none was evaluated.", models(material.models.len()));
        }
    }
    Block::Text(words)
}

/// The evaluation to speak of first: of several, the one with the best exact match on val, or the first where none
/// scored val. Never chosen on test.
pub(super) fn headline(material: &Material) -> Option<&Part<Evaluation>> {
    let mut best = material.evaluations.first()?;
    for other in &material.evaluations[1..] {
        if on_val(other) > on_val(best) {
            best = other;
        }
    }
    Some(best)
}

fn on_val(evaluation: &Part<Evaluation>) -> Option<f64> {
    evaluation.split(Split::Val).map(|val| val.headline.exact_match.value)
}

fn data(material: &Material) -> String {
    let mut words = String::new();
    for analysis in &material.analyses {
        let found = &analysis.content;
        let name = found.name.as_ref().map_or("The data set".to_owned(), |name| format!("**{}**", text(name)));
        let splits: Vec<String> =
            found.splits.iter().map(|split| format!("{} {}", count(split.images), split.split)).collect();
        // `480 train + 1 test photographs`: the noun goes with the sum.
        let images = found.splits.iter().map(|split| split.images).sum();
        let synthetic = if found.synthetic { "synthetic " } else { "" };
        let kind = format!("{synthetic}{}", plural(images, "photograph", "photographs"));
        let _ = write!(
            words,
            "{name} holds {} labelled {kind} with {}. ",
            splits.join(" + "),
            counted(found.labels.len() as u64, "label")
        );
    }
    words
}

fn result(material: &Material, evaluation: &Part<Evaluation>) -> String {
    let Some(scored) = evaluation.last() else { return "The evaluation scored no split.".to_owned() };
    let several = material.evaluations.len();
    let name = text(&material.name(evaluation));
    let what = material.model(evaluation).map(|model| format!(" ({})", nature(model))).unwrap_or_default();
    let subject = match (several, on_val(evaluation)) {
        (1, _) => format!("The model **{name}**{what}"),
        (_, Some(_)) => format!("Of {several} evaluations, the one with the best val exact match, **{name}**{what},"),
        (_, None) => format!("Of {several} evaluations, the first, **{name}**{what},"),
    };
    let baseline = &scored.baseline;
    let apart = if scored.headline.exact_match.low > baseline.exact_match.high {
        "; the two intervals do not overlap"
    } else {
        "; **the two intervals overlap: the model is not shown to be better**"
    };
    let not_test = match scored.split {
        Split::Test => "",
        Split::Val => " **These are the photographs that chose the epoch, so the figure flatters the model.**",
        Split::Train => " **These are the photographs it learnt from, so the figure says little about new ones.**",
    };
    format!(
        "{subject} gets **every label right on {} of the {} {} {}** (exact match at threshold {}, 95% \
         interval in brackets). Always answering {}, the commonest label set of the train split, gets {}{apart}.{not_test}",
        interval(&scored.headline.exact_match),
        count(scored.images),
        scored.split,
        plural(scored.images, "photograph", "photographs"),
        evaluation.content.threshold,
        codes(&baseline.answer),
        interval(&baseline.exact_match),
    )
}

/// `ResNet-18, 11.2 million parameters, 224 x 224 px`.
fn nature(model: &Model) -> String {
    let size = model.card.preprocessing.size;
    let start =
        if model.card.pretrained.is_some() { "fine-tuned from pretrained weights" } else { "from random weights" };
    format!(
        "{}, {} parameters, {size} × {size} px, {start}",
        architecture(&model.card.arch),
        millions(model.card.parameters)
    )
}

/// An architecture as papers write it.
pub(super) fn architecture(name: &str) -> String {
    let known = match name {
        "resnet18" => "ResNet-18",
        "resnet34" => "ResNet-34",
        "resnet50" => "ResNet-50",
        "efficientnet_lite0" => "EfficientNet-Lite0",
        "vit_tiny_patch16_224" => "ViT-Ti/16",
        "vit_small_patch16_224" => "ViT-S/16",
        "vit_base_patch16_224" => "ViT-B/16",
        "vit_small_patch14_dinov2" => "DINOv2 ViT-S/14",
        other => return text(other),
    };
    known.to_owned()
}

fn millions(parameters: u64) -> String {
    if parameters < 100_000 { count(parameters) } else { format!("{:.1} million", parameters as f64 / 1e6) }
}

fn models(number: usize) -> String {
    if number == 1 { "One model was".to_owned() } else { format!("{number} models were") }
}

/// A share in percent, for a sentence.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

/// A signed difference, for a sentence.
pub(super) fn difference(value: f64) -> String {
    format!("{}{}", if value < 0.0 { "−" } else { "+" }, number(value.abs()))
}
