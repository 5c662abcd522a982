//! The parts **Over seeds** and **Paired tests** of the section Results, from what `compare` found.

use super::document::{Block, Table};
use super::material::Material;
use super::words::{code, count, counted, interval, number, plural};
use plantpipe_stage::format::{PairComparison, SplitComparison, Spread};
use std::collections::BTreeMap;

/// From where on a p-value says that two models differ.
pub(super) const LEVEL: f64 = 0.05;

/// Tables a split, the last split first.
pub(super) fn blocks(material: &Material) -> Vec<Block> {
    let found = || material.comparisons.iter().flat_map(|part| part.content.splits.iter().rev());
    let mut blocks = Vec::new();
    if found().any(|split| !split.seeds.is_empty()) {
        blocks.push(Block::heading("Over seeds"));
        blocks.push(Block::text(
            "Models that differ by nothing but seeds: mean ± standard deviation (n − 1) over the seeds. It is the spread of \
             training, on the same photographs; the intervals above are of the photographs, for one training.",
        ));
        let tables = found().filter(|split| !split.seeds.is_empty());
        blocks.extend(tables.map(|split| Block::Table(seeds(&Names::of(material, split), split))));
    }
    if found().any(|split| !split.pairs.is_empty()) {
        blocks.push(Block::heading("Paired tests"));
        blocks.push(Block::Text(format!(
            "Two models on the same photographs: on how many only one of them has every label right, and whether chance alone \
             would part them so (exact McNemar test, two-sided; then adjusted by Holm for all pairs of the split). Differences \
             are the first less the second, with 95% paired bootstrap intervals. A p of {LEVEL} or more is no proof that two \
             models are alike."
        )));
        for split in found().filter(|split| !split.pairs.is_empty()) {
            blocks.push(Block::Text(verdict(material, split)));
            blocks.push(Block::Table(pairs(&Names::of(material, split), split)));
        }
    }
    blocks
}

/// What models are called that were compared by the stages of their predictions.
struct Names(BTreeMap<String, String>);

impl Names {
    fn of(material: &Material, split: &SplitComparison) -> Self {
        let stages: Vec<&str> = split.models.iter().map(|model| model.stage.as_str()).collect();
        Self(material.names(&stages))
    }

    fn code(&self, stage: &str) -> String {
        code(self.0.get(stage).map_or(stage, String::as_str))
    }
}

/// How many pairs differ on a split.
pub(super) fn verdict(material: &Material, split: &SplitComparison) -> String {
    let names = Names::of(material, split);
    let all = split.pairs.len() as u64;
    let differ: Vec<&PairComparison> = split.pairs.iter().filter(|pair| pair.mcnemar_p_holm < LEVEL).collect();
    let on =
        format!("On the {} {} {}", count(split.images), split.split, plural(split.images, "photograph", "photographs"));
    match differ.as_slice() {
        [] if all == 1 => format!("{on} the two models are **not shown to differ** in exact match."),
        [] => format!("{on} **none of {} is shown to differ** in exact match.", counted(all, "pair")),
        [pair] if all == 1 => format!(
            "{on} **{} is shown to be better** than {} in exact match.",
            names.code(better(pair)[0]),
            names.code(better(pair)[1])
        ),
        _ => format!(
            "{on} **{} of {} {} shown to differ** in exact match.",
            differ.len(),
            counted(all, "pair"),
            plural(differ.len() as u64, "is", "are")
        ),
    }
}

/// The better one first.
fn better(pair: &PairComparison) -> [&str; 2] {
    if pair.exact_match.value < 0.0 { [&pair.second, &pair.first] } else { [&pair.first, &pair.second] }
}

fn pairs(names: &Names, split: &SplitComparison) -> Table {
    let mut table = Table::new(
        &format!("Pairs of models on the {} split", split.split),
        &[
            "first",
            "second",
            "only first right",
            "only second right",
            "p",
            "p (Holm)",
            "exact match [95%]",
            "macro F1 [95%]",
            "mAP [95%]",
        ],
        2,
    );
    for pair in &split.pairs {
        table.row([
            names.code(&pair.first),
            names.code(&pair.second),
            count(pair.only_first_right),
            count(pair.only_second_right),
            probability(pair.mcnemar_p),
            probability(pair.mcnemar_p_holm),
            interval(&pair.exact_match),
            interval(&pair.macro_f1),
            interval(&pair.mean_average_precision),
        ]);
    }
    table
}

/// Three decimals, or as small as it is.
fn probability(p: f64) -> String {
    if p < 0.0005 { format!("{p:.0e}") } else { number(p) }
}

fn seeds(names: &Names, split: &SplitComparison) -> Table {
    let mut table = Table::new(
        &format!("Mean ± standard deviation over seeds on the {} split", split.split),
        &[&format!("models, {}", split.split), "seeds", "exact match", "macro F1", "mAP"],
        1,
    );
    for group in &split.seeds {
        let spread = |spread: &Spread| format!("{} ± {}", number(spread.mean), number(spread.deviation));
        table.row([
            group.stages.iter().map(|stage| names.code(stage)).collect::<Vec<_>>().join(", "),
            group.stages.len().to_string(),
            spread(&group.exact_match),
            spread(&group.macro_f1),
            spread(&group.mean_average_precision),
        ]);
    }
    table
}
