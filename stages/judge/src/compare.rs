//! The kind `compare`: several models' predictions for the same photographs, pair by pair with paired tests, and the
//! spread of those that differ by nothing but seeds ([`Comparison`]).

use crate::bootstrap::{interval, resample};
use crate::metrics::Outcomes;
use crate::paired::{holm, mcnemar};
use crate::pairing::{Pairs, Tables};
use crate::ranking::Rankings;
use crate::seeds::seed_groups;
use plantpipe_stage::format::{
    ComparedModel, Comparison, Interval, JsonFormat, PairComparison, SeedGroup, Split, SplitComparison, Spread,
};
use plantpipe_stage::sources;
use plantpipe_stage::{
    Arity, Code, Context, Error, InputSpec, Kind, OutputSpec, ParamSpec, ParamType, Reads, Result, Uses, code,
};
use rayon::prelude::*;
use serde::Deserialize;
use std::collections::BTreeSet;

pub const COMPARE: Kind = Kind {
    name: "compare",
    doc: "compares models on the same photographs: exact McNemar tests, paired bootstrap, spread over seeds",
    inputs: &[
        InputSpec {
            name: "predictions",
            doc: "two or more models' probabilities for the same photographs",
            format: "predictions",
            arity: Arity::Many,
            reads: Reads::All,
        },
        InputSpec { name: "labels", doc: "the true labels", format: "multihot", arity: Arity::One, reads: Reads::All },
    ],
    outputs: &[OutputSpec { name: "comparison", doc: "every pair, and every group of seeds", format: "comparison" }],
    params: &[
        ParamSpec {
            name: "threshold",
            doc: "a label whose probability is at or above it counts as present",
            ty: ParamType::Float { min: 0.0, max: 1.0 },
            default: Some("0.5"),
        },
        ParamSpec {
            name: "splits",
            doc: "the splits to compare on",
            ty: ParamType::Choices(Split::NAMES),
            default: Some("[\"val\", \"test\"]"),
        },
        ParamSpec {
            name: "resamples",
            doc: "bootstrap resamples behind each interval",
            ty: ParamType::Int { min: 100, max: 100_000 },
            default: Some("2000"),
        },
    ],
    code: &[&CODE, &sources::RANDOM, &sources::TABLES, &sources::DOCUMENTS],
    crates: &["rand", "rand_chacha"],
    uses: Uses { seed: true, lineage: true, ..Uses::NOTHING },
    run,
};

const CODE: Code =
    code!("judge", "compare.rs", "seeds.rs", "paired.rs", "pairing.rs", "metrics.rs", "ranking.rs", "bootstrap.rs");

/// What is compared.
const METRICS: usize = 3;

/// A model's exact match, macro F1 and mean average precision.
type Scores = [f64; METRICS];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    threshold: f64,
    splits: BTreeSet<Split>,
    resamples: u64,
}

/// Fails of fewer than two predictions, and of any that does not answer for just the photographs and labels there are.
fn run(ctx: &Context) -> Result<()> {
    let params: Params = ctx.params()?;
    if params.splits.is_empty() {
        return Err(Error::new("`splits` names no split").hint("the default is `splits = [\"val\", \"test\"]`"));
    }
    let predictions = ctx.inputs("predictions");
    if predictions.len() < 2 {
        return Err(Error::new("one model alone cannot be compared").hint("name two or more in `predictions`"));
    }
    let lineage = ctx.lineage().ok_or_else(|| Error::new("the comparison was given no lineage"))?;
    let tables: Vec<Tables> =
        predictions.iter().map(|one| Tables::read(one, ctx.input("labels"))).collect::<Result<_>>()?;
    let stages: Vec<&str> = predictions.iter().map(|one| lineage.owner(&one.name)).collect();
    let groups = seed_groups(lineage, &stages);
    let mut splits = Vec::new();
    for split in &params.splits {
        let models = tables
            .iter()
            .map(|tables| Ok(Model::new(&tables.pairs(*split)?, params.threshold as f32)))
            .collect::<Result<Vec<_>>>()?;
        tables[0].open(ctx, *split);
        let scored = Scored::draw(&models, *split, ctx.seed(), params.resamples);
        let pairs = pairs(&stages, &models, &scored);
        let compared = SplitComparison {
            split: *split,
            images: models[0].exact.len() as u64,
            models: stages.iter().enumerate().map(|(place, stage)| scored.model(place, stage)).collect(),
            pairs,
            seeds: groups.iter().map(|places| scored.spread(places, &stages)).collect(),
        };
        ctx.note(sentence(&compared));
        splits.push(compared);
        ctx.progress(splits.len(), params.splits.len(), "splits");
    }
    let comparison =
        Comparison { schema: Comparison::SCHEMA, threshold: params.threshold, resamples: params.resamples, splits };
    comparison.write(&ctx.output("comparison")?)
}

/// `test: of 3 pairs of models, 1 differs in exact match (McNemar, Holm, 5%)`.
fn sentence(compared: &SplitComparison) -> String {
    let differ = compared.pairs.iter().filter(|pair| pair.mcnemar_p_holm < 0.05).count();
    let (pairs, verb) = match compared.pairs.len() {
        1 => ("the pair of models".to_owned(), if differ == 1 { "differs" } else { "does not differ" }),
        all => (format!("of {all} pairs of models, {differ}"), if differ == 1 { "differs" } else { "differ" }),
    };
    format!("{}: {pairs} {verb} in exact match (exact McNemar test at 5%, adjusted by Holm's method)", compared.split)
}

/// A model's answers for a split.
struct Model {
    outcomes: Outcomes,
    rankings: Rankings,
    /// Whether every label is right, an image each.
    exact: Vec<bool>,
}

impl Model {
    fn new(pairs: &Pairs, threshold: f32) -> Self {
        let thresholds = vec![threshold; pairs.truth.first().map_or(0, Vec::len)];
        let outcomes = Outcomes::new(&pairs.truth, &pairs.probabilities, &thresholds);
        let exact = outcomes.exact().collect();
        Self { outcomes, rankings: Rankings::new(&pairs.truth, &pairs.probabilities), exact }
    }

    fn scores(&self, weights: &[u32]) -> Scores {
        let scores = self.outcomes.scores(weights);
        [scores.exact_match, scores.macro_.f1, self.rankings.scores(weights).mean_average_precision]
    }
}

/// The scores of every model, on the split and on the same resamples of it.
struct Scored {
    all: Vec<Scores>,
    /// `[resample][model]`.
    draws: Vec<Vec<Scores>>,
}

impl Scored {
    fn draw(models: &[Model], split: Split, seed: u64, resamples: u64) -> Self {
        let images = models.first().map_or(0, |model| model.exact.len());
        let measure = |weights: &[u32]| models.iter().map(|model| model.scores(weights)).collect::<Vec<_>>();
        Self {
            all: measure(&vec![1; images]),
            draws: (0..resamples)
                .into_par_iter()
                .map(|number| measure(&resample(seed, split, number, images)))
                .collect(),
        }
    }

    fn intervals(&self, value: impl Fn(&[Scores]) -> Scores) -> [Interval; METRICS] {
        let (all, draws) = (value(&self.all), self.draws.iter().map(|draw| value(draw)).collect::<Vec<_>>());
        std::array::from_fn(|metric| interval(all[metric], draws.iter().map(|draw| draw[metric]).collect()))
    }

    fn model(&self, place: usize, stage: &str) -> ComparedModel {
        let [exact_match, macro_f1, mean_average_precision] = self.intervals(|scores| scores[place]);
        ComparedModel { stage: stage.to_owned(), exact_match, macro_f1, mean_average_precision }
    }

    fn spread(&self, places: &[usize], stages: &[&str]) -> SeedGroup {
        let [exact_match, macro_f1, mean_average_precision] = std::array::from_fn(|metric| {
            spread(&places.iter().map(|place| self.all[*place][metric]).collect::<Vec<_>>())
        });
        let stages = places.iter().map(|place| stages[*place].to_owned()).collect();
        SeedGroup { stages, exact_match, macro_f1, mean_average_precision }
    }
}

/// Every pair once, the p values adjusted for all of them.
fn pairs(stages: &[&str], models: &[Model], scored: &Scored) -> Vec<PairComparison> {
    let mut pairs = Vec::new();
    for second in 0..models.len() {
        for first in 0..second {
            let apart = |right: bool| {
                let both = models[first].exact.iter().zip(&models[second].exact);
                both.filter(|(a, b)| **a == right && **b != right).count() as u64
            };
            let (only_first_right, only_second_right) = (apart(true), apart(false));
            let difference =
                |scores: &[Scores]| std::array::from_fn(|metric| scores[first][metric] - scores[second][metric]);
            let [exact_match, macro_f1, mean_average_precision] = scored.intervals(difference);
            pairs.push(PairComparison {
                first: stages[first].to_owned(),
                second: stages[second].to_owned(),
                only_first_right,
                only_second_right,
                mcnemar_p: mcnemar(only_first_right, only_second_right),
                mcnemar_p_holm: 1.0,
                exact_match,
                macro_f1,
                mean_average_precision,
            });
        }
    }
    let adjusted = holm(&pairs.iter().map(|pair| pair.mcnemar_p).collect::<Vec<_>>());
    for (pair, p) in pairs.iter_mut().zip(adjusted) {
        pair.mcnemar_p_holm = p;
    }
    pairs
}

/// Mean and standard deviation (n - 1) of two values or more.
fn spread(values: &[f64]) -> Spread {
    let mean = crate::metrics::mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Spread { mean, deviation: (squares / (values.len() - 1) as f64).sqrt() }
}

#[cfg(test)]
mod tests;
