//! The kind `ensemble`: several models' predictions become one, their probabilities (or logits) averaged.

use crate::calibration::{logit, sigmoid};
use plantpipe_stage::format::{Prediction, Predictions, Split};
use plantpipe_stage::sources;
use plantpipe_stage::{
    Arity, Artifact, Code, Context, Error, InputSpec, Kind, OutputSpec, ParamSpec, ParamType, Reads, Result, Uses, code,
};
use serde::Deserialize;
use std::collections::BTreeMap;

pub const ENSEMBLE: Kind = Kind {
    name: "ensemble",
    doc: "averages several models' predictions for the same photographs into one",
    inputs: &[InputSpec {
        name: "predictions",
        doc: "two or more models' probabilities for the same photographs and labels",
        format: "predictions",
        arity: Arity::Many,
        reads: Reads::All,
    }],
    outputs: &[OutputSpec {
        name: "predictions",
        doc: "predictions.csv: a row a photograph, a probability a label",
        format: "predictions",
    }],
    params: &[
        ParamSpec {
            name: "mean",
            doc: "what is averaged: the probabilities, or their logits (a geometric mean of the odds)",
            ty: ParamType::Choice(&["probabilities", "logits"]),
            default: Some("\"probabilities\""),
        },
        ParamSpec {
            name: "weights",
            doc: "a weight for each of the predictions by its name; empty: all weigh the same. They are never fitted",
            ty: ParamType::Table,
            default: Some("{}"),
        },
    ],
    code: &[&CODE, &sources::TABLES],
    crates: &[],
    uses: Uses::NOTHING,
    run,
};

const CODE: Code = code!("judge", "ensemble.rs", "calibration.rs");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    mean: Mean,
    weights: BTreeMap<String, serde_json::Value>,
}

/// What is averaged.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mean {
    Probabilities,
    Logits,
}

impl Mean {
    /// What is averaged of a probability.
    fn of(self, probability: f64) -> f64 {
        match self {
            Self::Probabilities => probability,
            Self::Logits => logit(probability),
        }
    }

    /// The probability of an average.
    fn probability(self, average: f64) -> f64 {
        match self {
            Self::Probabilities => average,
            Self::Logits => sigmoid(average),
        }
    }
}

/// One model's answers.
struct Member {
    at: String,
    weight: f64,
    labels: Vec<String>,
    /// (image, split) -> a probability a label, in the first member's order.
    rows: BTreeMap<(String, Split), Vec<f32>>,
}

/// Fails of fewer than two predictions, of labels, photographs or splits that differ, and of weights that are none.
fn run(ctx: &Context) -> Result<()> {
    let params: Params = ctx.params()?;
    let inputs = ctx.inputs("predictions");
    if inputs.len() < 2 {
        return Err(Error::new("one model alone is no ensemble").hint("name two or more in `predictions`"));
    }
    let weights = weights(&params.weights, inputs)?;
    let mut members: Vec<Member> = Vec::new();
    for (input, weight) in inputs.iter().zip(weights) {
        let member = Member::read(input, weight, members.first())?;
        if let Some(first) = members.first() {
            first.holds(&member)?;
            member.holds(first)?;
        }
        members.push(member);
    }
    let predictions = average(&members, params.mean);
    ctx.note(format!("averaged {} models on {} photographs", members.len(), predictions.rows.len()));
    predictions.write(&ctx.output("predictions")?)
}

/// A weight for each input, in their order.
fn weights(given: &BTreeMap<String, serde_json::Value>, inputs: &[Artifact]) -> Result<Vec<f64>> {
    if given.is_empty() {
        return Ok(vec![1.0; inputs.len()]);
    }
    let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
    let hint = format!("the predictions are {}", names.join(", "));
    if let Some(stranger) = given.keys().find(|name| !names.contains(&name.as_str())) {
        return Err(Error::new(format!("`weights` names `{stranger}`, which is none of the predictions")).hint(hint));
    }
    let weight = |name: &&str| {
        let value =
            given.get(*name).ok_or_else(|| Error::new(format!("`weights` has none for `{name}`")).hint(&hint))?;
        value
            .as_f64()
            .filter(|weight| weight.is_finite() && *weight >= 0.0)
            .ok_or_else(|| Error::new(format!("the weight of `{name}` is {value}, which is no number from 0 on")))
    };
    let weights = names.iter().map(weight).collect::<Result<Vec<f64>>>()?;
    if weights.iter().all(|weight| *weight <= 0.0) {
        return Err(Error::new("every weight is 0, so there is nothing to average"));
    }
    Ok(weights)
}

impl Member {
    /// Reads predictions; columns are put in the order of `first`'s.
    fn read(input: &Artifact, weight: f64, first: Option<&Self>) -> Result<Self> {
        let at = input.path.join(Predictions::FILE).display().to_string();
        let table = Predictions::read(&input.path)?;
        let labels = first.map_or(&table.labels, |first| &first.labels).clone();
        let places: Vec<Option<usize>> =
            labels.iter().map(|label| table.labels.iter().position(|known| known == label)).collect();
        if let Some(first) = first {
            let hint = "models of an ensemble answer for the same labels";
            if let Some(label) = labels.iter().zip(&places).find(|(_, place)| place.is_none()).map(|(label, _)| label) {
                return Err(Error::at(&at, format!("no column for label `{label}`, which {} has", first.at)).hint(hint));
            }
            if let Some(label) = table.labels.iter().find(|label| !labels.contains(label)) {
                return Err(Error::at(&first.at, format!("no column for label `{label}`, which {at} has")).hint(hint));
            }
        }
        let places: Vec<usize> = places.into_iter().flatten().collect();
        let mut rows = BTreeMap::new();
        for row in table.rows {
            let probabilities = places.iter().map(|place| row.probabilities[*place]).collect();
            let name = row.image.clone();
            if rows.insert((row.image, row.split), probabilities).is_some() {
                return Err(Error::at(&at, format!("`{name}` stands there twice")));
            }
        }
        Ok(Self { at, weight, labels, rows })
    }

    /// That it answers for every photograph that the other answers for.
    fn holds(&self, other: &Self) -> Result<()> {
        let Some((image, split)) = other.rows.keys().find(|row| !self.rows.contains_key(*row)) else { return Ok(()) };
        let what = match self.rows.keys().find(|(known, _)| known == image) {
            Some((_, here)) => format!("`{image}` is of the split `{here}`, but of `{split}` in {}", other.at),
            None => format!("no prediction for `{image}` of the split `{split}`, which {} has", other.at),
        };
        Err(Error::at(&self.at, what).hint("models of an ensemble answer for the same photographs and splits"))
    }
}

/// The weighted mean of every row; the members hold the same rows.
fn average(members: &[Member], mean: Mean) -> Predictions {
    let whole: f64 = members.iter().map(|member| member.weight).sum();
    let first = &members[0];
    let rows = first.rows.keys().map(|row| {
        let probability = |label: usize| {
            let part = |member: &Member| member.weight * mean.of(f64::from(member.rows[row][label]));
            mean.probability(members.iter().map(part).sum::<f64>() / whole) as f32
        };
        let (image, split) = row.clone();
        Prediction { image, split, probabilities: (0..first.labels.len()).map(probability).collect() }
    });
    Predictions { labels: first.labels.clone(), rows: rows.collect() }
}

#[cfg(test)]
mod tests;
