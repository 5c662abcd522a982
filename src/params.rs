//! Params as written -> params as typed: [`check`] holds each value against its [`ParamSpec`] and fills the defaults.

use crate::document::{Entry, Node, Value};
use crate::text::{Diagnostic, Origin, Span, Text};
use plantpipe_stage::{ParamSpec, ParamType};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Typed params, every one of the kind, by name.
pub type Params = BTreeMap<String, Json>;

/// Checks the entries of a stage that are params; `stage` is where a missing one is reported.
pub fn check(specs: &[ParamSpec], entries: &[Entry], stage: &Span, kind: &str) -> Result<Params, Diagnostic> {
    for entry in entries {
        if !specs.iter().any(|spec| spec.name == entry.key) {
            let known = specs.iter().map(|spec| spec.name);
            return Err(Diagnostic::unknown(&entry.key_span, &format!("param of kind `{kind}`:"), &entry.key, known));
        }
    }
    let mut params = Params::new();
    for spec in specs {
        let value = match (entries.iter().find(|entry| entry.key == spec.name), spec.default) {
            (Some(entry), _) => typed(&spec.ty, &entry.node, spec.name)?,
            (None, Some(default)) => typed(&spec.ty, &default_node(default), spec.name)?,
            (None, None) => {
                let message = format!("kind `{kind}` needs the param `{}`: {}", spec.name, spec.doc);
                return Err(Diagnostic::new(stage, message, "not given here"));
            }
        };
        params.insert(spec.name.to_owned(), value);
    }
    Ok(params)
}

/// A type in words, for `kinds` and errors.
pub fn describe(ty: &ParamType) -> String {
    match ty {
        ParamType::Int { min, max: i64::MAX } => format!("a whole number from {min}"),
        ParamType::Int { min, max } => format!("a whole number from {min} to {max}"),
        ParamType::Float { min, max } if max.is_infinite() => format!("a number from {min}"),
        ParamType::Float { min, max } => format!("a number from {min} to {max}"),
        ParamType::Bool => "true or false".to_owned(),
        ParamType::Text => "a string".to_owned(),
        ParamType::Choice(words) => format!("one of {}", quoted(words)),
        ParamType::Choices(words) => format!("an array of {}", quoted(words)),
        ParamType::Texts => "an array of strings".to_owned(),
        ParamType::Table => "a table of values".to_owned(),
        ParamType::TextTable => "a table of strings".to_owned(),
        ParamType::Rgb => "a number, or three for red, green, blue".to_owned(),
        ParamType::Auto(inner) => format!("\"auto\" or {}", describe(inner)),
    }
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
}

/// A param's default, typed; none where it must be given.
pub fn default_value(spec: &ParamSpec) -> Option<Json> {
    let node = default_node(spec.default?);
    Some(typed(&spec.ty, &node, spec.name).expect("a kind's default is of its type"))
}

fn default_node(toml: &str) -> Node {
    let text = Arc::new(Text { name: "default".to_owned(), content: format!("v = {toml}"), origin: Origin::File });
    let mut table = crate::document::parse(&text).expect("a kind's default is TOML");
    table.entries.remove(0).node
}

fn typed(ty: &ParamType, node: &Node, name: &str) -> Result<Json, Diagnostic> {
    let wrong = || {
        let label = format!("{} here", node.value.noun());
        Diagnostic::new(&node.span, format!("`{name}` is {}", describe(ty)), label)
    };
    match (ty, &node.value) {
        (ParamType::Auto(_), Value::String(word)) if word == "auto" => Ok(json!("auto")),
        (ParamType::Auto(inner), _) => typed(inner, node, name).map_err(|mut error| {
            error.message = format!("`{name}` is {}", describe(ty));
            error
        }),
        (ParamType::Int { min, max }, Value::Int(number)) => {
            if (min..=max).contains(&number) {
                Ok(json!(number))
            } else {
                Err(out_of_range(node, name, ty))
            }
        }
        (ParamType::Float { min, max }, Value::Int(_) | Value::Float(_)) => {
            let number = number(&node.value).ok_or_else(wrong)?;
            if (*min..=*max).contains(&number) { Ok(json!(number)) } else { Err(out_of_range(node, name, ty)) }
        }
        (ParamType::Bool, Value::Bool(boolean)) => Ok(json!(boolean)),
        (ParamType::Text, Value::String(text)) => Ok(json!(text)),
        (ParamType::Choice(words), Value::String(word)) => choice(words, word, &node.span, name),
        (ParamType::Choices(words), Value::Array(items)) => items
            .iter()
            .map(|item| match &item.value {
                Value::String(word) => choice(words, word, &item.span, name),
                _ => Err(wrong()),
            })
            .collect::<Result<Vec<_>, _>>()
            .map(Json::Array),
        (ParamType::Texts, Value::Array(items)) => {
            let text = |item: &Node| item.value.as_str().map(|text| json!(text)).ok_or_else(wrong);
            items.iter().map(text).collect::<Result<Vec<_>, _>>().map(Json::Array)
        }
        (ParamType::Table, Value::Table(table)) => {
            let entry = |entry: &Entry| Some((entry.key.clone(), plain(&entry.node.value)?));
            table.entries.iter().map(entry).collect::<Option<_>>().map(Json::Object).ok_or_else(wrong)
        }
        (ParamType::TextTable, Value::Table(table)) => {
            let entry = |entry: &Entry| Some((entry.key.clone(), json!(entry.node.value.as_str()?)));
            table.entries.iter().map(entry).collect::<Option<_>>().map(Json::Object).ok_or_else(wrong)
        }
        (ParamType::Rgb, Value::Int(_) | Value::Float(_)) => {
            let number = number(&node.value).ok_or_else(wrong)?;
            Ok(json!([number, number, number]))
        }
        (ParamType::Rgb, Value::Array(items)) if items.len() == 3 => {
            let numbers: Option<Vec<f64>> = items.iter().map(|item| number(&item.value)).collect();
            numbers.map(|numbers| json!(numbers)).ok_or_else(wrong)
        }
        _ => Err(wrong()),
    }
}

/// A value that no type is declared for: as it is, but for what JSON has no word for.
fn plain(value: &Value) -> Option<Json> {
    match value {
        Value::String(text) => Some(json!(text)),
        Value::Int(number) => Some(json!(number)),
        Value::Float(_) => number(value).map(|number| json!(number)),
        Value::Bool(boolean) => Some(json!(boolean)),
        Value::Array(items) => items.iter().map(|item| plain(&item.value)).collect::<Option<_>>().map(Json::Array),
        Value::Datetime | Value::Table(_) => None,
    }
}

/// A finite number, however it is spelled; -0 is 0.
fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Int(number) => *number as f64,
        Value::Float(number) => *number,
        _ => return None,
    };
    number.is_finite().then_some(number + 0.0)
}

fn out_of_range(node: &Node, name: &str, ty: &ParamType) -> Diagnostic {
    Diagnostic::new(&node.span, format!("`{name}` is {}", describe(ty)), "out of range")
}

fn choice(words: &[&'static str], word: &str, span: &Span, name: &str) -> Result<Json, Diagnostic> {
    if words.contains(&word) {
        Ok(json!(word))
    } else {
        Err(Diagnostic::unknown(span, &format!("value for `{name}`:"), word, words.iter().copied()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPECS: &[ParamSpec] = &[
        ParamSpec { name: "lr", doc: "rate", ty: ParamType::Float { min: 0.0, max: 1.0 }, default: Some("0.001") },
        ParamSpec { name: "mean", doc: "mean", ty: ParamType::Auto(&ParamType::Rgb), default: Some("\"auto\"") },
        ParamSpec { name: "loss", doc: "loss", ty: ParamType::Choice(&["bce", "focal"]), default: Some("\"bce\"") },
    ];

    #[track_caller]
    fn params(toml: &str) -> Result<Params, String> {
        let text = Arc::new(Text { name: "t".into(), content: toml.into(), origin: Origin::File });
        let table = crate::document::parse(&text).expect("TOML");
        let stage = Span { text, range: 0..0 };
        check(SPECS, &table.entries, &stage, "train").map_err(|error| error.message)
    }

    #[test]
    fn spellings_of_one_number_are_one_value() {
        let base = params("lr = 0.001").expect("typed");
        for same in ["lr = 1e-3", "lr = 0.0010", "", "loss = 'bce'"] {
            assert_eq!(params(same).expect("typed"), base, "{same}");
        }
        assert_eq!(params("lr = 1").expect("typed"), params("lr = 1.0").expect("typed"));
    }

    #[test]
    fn one_mean_is_three_equal_ones() {
        assert_eq!(params("mean = 0.5").expect("typed"), params("mean = [0.5, 0.5, 0.5]").expect("typed"));
    }

    #[test]
    fn a_wrong_value_is_named_with_what_is_wanted() {
        assert_eq!(params("lr = 2").unwrap_err(), "`lr` is a number from 0 to 1");
        assert_eq!(params("lr = nan").unwrap_err(), "`lr` is a number from 0 to 1");
        assert_eq!(params("lr = 'x'").unwrap_err(), "`lr` is a number from 0 to 1");
        assert_eq!(params("loss = 'bec'").unwrap_err(), "unknown value for `loss`: `bec`");
        assert_eq!(
            params("mean = [1, 2]").unwrap_err(),
            "`mean` is \"auto\" or a number, or three for red, green, blue"
        );
        assert_eq!(params("rl = 1").unwrap_err(), "unknown param of kind `train`: `rl`");
    }
}
