//! Figures of evaluations side by side: [`differences`] reads `evaluation.json` as numbers by name.

use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A figure that differs; null: it is not there.
#[derive(Debug, PartialEq, Serialize)]
pub struct Metric {
    /// `test.headline.exact_match`.
    pub name: String,
    pub a: Option<Measure>,
    pub b: Option<Measure>,
}

/// A figure, with its interval where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Measure {
    pub value: f64,
    pub interval: Option<(f64, f64)>,
}

/// The figures in which two outputs differ, by name; none where neither is an evaluation.
pub fn differences(a: Option<&Path>, b: Option<&Path>) -> Vec<Metric> {
    let (a, b) = (read(a), read(b));
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let metric = |name: &String| Metric { name: name.clone(), a: a.get(name).copied(), b: b.get(name).copied() };
    names.into_iter().map(metric).filter(|metric| metric.a != metric.b).collect()
}

fn read(folder: Option<&Path>) -> BTreeMap<String, Measure> {
    let bytes = folder.and_then(|folder| std::fs::read(folder.join("evaluation.json")).ok()).unwrap_or_default();
    let mut measures = BTreeMap::new();
    if let Ok(document) = serde_json::from_slice(&bytes) {
        collect(&document, "", &mut measures);
    }
    measures
}

/// Numbers by their path. An array is entered where each of its entries has a name (a split's, a label's); one of curve
/// points or of photographs is no list of figures.
fn collect(value: &Value, path: &str, into: &mut BTreeMap<String, Measure>) {
    let under = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Number(number) => {
            let measure = Measure { value: number.as_f64().unwrap_or(f64::NAN), interval: None };
            into.insert(path.to_owned(), measure);
        }
        Value::Object(fields) => match interval(value) {
            Some(measure) => {
                into.insert(path.to_owned(), measure);
            }
            None => fields.iter().for_each(|(name, value)| collect(value, &under(name), into)),
        },
        Value::Array(entries) => {
            for entry in entries {
                // The list of splits goes without saying.
                if let Some(split) = entry["split"].as_str() {
                    collect(entry, split, into);
                } else if let Some(label) = entry["label"].as_str().filter(|_| entry["image"].is_null()) {
                    collect(entry, &under(label), into);
                }
            }
        }
        _ => {}
    }
}

fn interval(value: &Value) -> Option<Measure> {
    let number = |name: &str| value.get(name)?.as_f64();
    Some(Measure { value: number("value")?, interval: Some((number("low")?, number("high")?)) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn figures_have_the_names_of_their_splits_and_labels_and_curves_are_none() {
        let document = json!({
            "schema": 2,
            "labels": ["rust", "scab"],
            "splits": [{
                "split": "test",
                "images": 4,
                "headline": {
                    "exact_match": { "value": 0.5, "low": 0.25, "high": 0.75 },
                    "per_label": [{ "label": "rust", "precision": 0.5 }],
                    "substitutions": [[0, 1], [2, 0]],
                },
                "ranking": { "per_label": [{ "label": "rust", "curve": [{ "threshold": 0.5, "recall": 1.0 }] }] },
                "tuned": null,
                "worst": [{ "image": "a", "loss": 3.0 }],
                "label_issues": [{ "image": "a", "label": "rust", "probability": 0.9 }],
            }],
        });
        let mut measures = BTreeMap::new();
        collect(&document, "", &mut measures);
        let names: Vec<&str> = measures.keys().map(String::as_str).collect();
        let expected = ["schema", "test.headline.exact_match", "test.headline.per_label.rust.precision", "test.images"];
        assert_eq!(names, expected);
        let exact = measures["test.headline.exact_match"];
        assert_eq!(exact, Measure { value: 0.5, interval: Some((0.25, 0.75)) });
    }
}
