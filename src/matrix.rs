//! One declared stage -> its instances: [`expand`] multiplies a stage by its `matrix`, and gives a stage with
//! `for_each` one instance for each of the stage it follows; pure.

mod axis;

use crate::document::{Entry, Node, Table, Value};
use crate::text::{Diagnostic, Span, Spanned};
use axis::Axis;
use plantpipe_stage::Kind;
use std::collections::BTreeMap;

/// A stage as it will run: declared alone, or one of several.
#[derive(Debug)]
pub struct Declared {
    /// `train`, or `train@resnet18-focal`.
    pub name: Spanned<String>,
    pub instance: Option<Instance>,
    pub table: Table,
}

/// What makes a stage one of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// The declared name: `predict` of `predict@resnet18-focal`.
    pub group: String,
    /// `resnet18-focal`.
    pub suffix: String,
    /// The stage whose matrix it comes from.
    pub root: String,
}

type Result<T> = std::result::Result<T, Diagnostic>;

/// Expands every stage; `kind` knows what a kind takes, so that an axis can be an input.
///
/// # Errors
/// A matrix that is none, `for_each` of a stage without one, or both on one stage.
pub fn expand(stages: Table, kind: impl Fn(&str) -> Option<&'static Kind>) -> Result<Vec<Declared>> {
    let mut makings = Vec::new();
    for entry in stages.entries {
        let name = Spanned { value: entry.key, span: entry.key_span };
        let Value::Table(mut table) = entry.node.value else {
            return Err(Diagnostic::new(&entry.node.span, "a stage is a table", entry.node.value.noun()));
        };
        let making = match (table.take("matrix"), table.take("for_each")) {
            (None, None) => Making::Alone,
            (Some(matrix), None) => {
                let kind = table.get("kind").and_then(|kind| kind.node.value.as_str()).and_then(&kind);
                Making::Matrix(combinations(matrix, &name, kind)?)
            }
            (None, Some(follow)) => match follow.node.value {
                Value::String(value) => Making::ForEach(Spanned { value, span: follow.node.span }),
                other => {
                    return Err(Diagnostic::new(&follow.node.span, "`for_each` is the name of a stage", other.noun()));
                }
            },
            (Some(_), Some(follow)) => {
                let message =
                    format!("`{}` has a `matrix` and a `for_each`: a stage multiplies or follows", name.value);
                return Err(Diagnostic::new(&follow.key_span, message, "take one of them out"));
            }
        };
        makings.push((name, table, making));
    }
    let suffixes = suffixes(&makings)?;
    let mut all = Vec::new();
    for (name, table, making) in makings {
        let several = suffixes.get(&name.value).map_or(&[][..], |(_, list)| list.as_slice());
        let one = |suffix: &str, table: Table| Declared {
            name: Spanned { value: format!("{}@{suffix}", name.value), span: name.span.clone() },
            instance: Some(Instance {
                group: name.value.clone(),
                suffix: suffix.to_owned(),
                root: suffixes[&name.value].0.clone(),
            }),
            table,
        };
        match making {
            Making::Alone => all.push(Declared { name, instance: None, table }),
            Making::ForEach(_) => all.extend(several.iter().map(|suffix| one(suffix, table.clone()))),
            Making::Matrix(combinations) => {
                for (suffix, combination) in several.iter().zip(combinations) {
                    let mut table = table.clone();
                    for setting in combination.settings {
                        set(&mut table, setting)?;
                    }
                    all.push(one(suffix, table));
                }
            }
        }
    }
    Ok(all)
}

/// How many a declaration makes.
enum Making {
    Alone,
    Matrix(Vec<Combination>),
    ForEach(Spanned<String>),
}

/// One value of each axis, and what an `include` adds to it.
struct Combination {
    settings: Vec<Setting>,
}

/// A param or an input with its value, or the name of a variant.
#[derive(Clone)]
struct Setting {
    entry: Entry,
    place: Place,
    is_axis: bool,
}

/// Where a stage keeps what is set.
#[derive(Clone, Copy)]
enum Place {
    Param,
    Input,
    /// In its name alone: what a variant sets stands beside it.
    Name,
}

impl Combination {
    fn get(&self, key: &str) -> Option<&Value> {
        self.settings.iter().find(|setting| setting.entry.key == key).map(|setting| &setting.entry.node.value)
    }

    /// The values of the axes, joined: `resnet18-focal`.
    fn suffix(&self) -> String {
        let words = self.settings.iter().filter(|setting| setting.is_axis);
        words.map(|setting| word(&setting.entry.node.value)).collect::<Vec<_>>().join("-")
    }
}

/// A value as a part of a name.
fn word(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Bool(boolean) => boolean.to_string(),
        Value::Datetime | Value::Array(_) | Value::Table(_) => String::new(),
    };
    text.chars().map(|c| if c.is_ascii_alphanumeric() || "._-+".contains(c) { c } else { '_' }).collect()
}

/// Equal as values: 1 and 1.0 are one.
fn same(a: &Value, b: &Value) -> bool {
    let number = |value: &Value| match value {
        Value::Int(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        _ => None,
    };
    match (a, b) {
        (Value::String(a), Value::String(b)) => a == b,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        _ => number(a).is_some_and(|a| number(b).is_some_and(|b| a.total_cmp(&b).is_eq())),
    }
}

fn setting(entry: Entry, kind: Option<&'static Kind>, is_axis: bool) -> Setting {
    let is_input = kind.is_some_and(|kind| kind.inputs.iter().any(|input| input.name == entry.key));
    Setting { entry, place: if is_input { Place::Input } else { Place::Param }, is_axis }
}

fn combinations(matrix: Entry, stage: &Spanned<String>, kind: Option<&'static Kind>) -> Result<Vec<Combination>> {
    let Value::Table(mut declared) = matrix.node.value else {
        let label = format!("{} here", matrix.node.value.noun());
        return Err(Diagnostic::new(
            &matrix.node.span,
            "`matrix` is a table of arrays: matrix = { lr = [0.1, 0.01] }",
            label,
        ));
    };
    let include = rows(declared.take("include"), "include")?;
    let exclude = rows(declared.take("exclude"), "exclude")?;
    if declared.entries.is_empty() {
        return Err(Diagnostic::new(&matrix.key_span, "this matrix has no axis", "add one: lr = [0.1, 0.01]"));
    }
    let axes: Vec<Axis> =
        declared.entries.iter().map(|axis| Axis::new(axis, &declared, kind)).collect::<Result<_>>()?;
    let mut all = vec![Combination { settings: Vec::new() }];
    for axis in &axes {
        let with = |before: &Combination, step: &[Setting]| Combination { settings: [&before.settings, step].concat() };
        all = all.iter().flat_map(|before| axis.steps.iter().map(move |step| with(before, step))).collect();
    }
    for (row, span) in &exclude {
        if let Some(stranger) = row.entries.iter().find(|entry| declared.get(&entry.key).is_none()) {
            let known = declared.keys();
            return Err(Diagnostic::unknown(&stranger.key_span, "axis of this matrix:", &stranger.key, known));
        }
        let before = all.len();
        all.retain(|one| {
            !row.entries.iter().all(|entry| one.get(&entry.key).is_some_and(|v| same(v, &entry.node.value)))
        });
        if all.len() == before {
            return Err(Diagnostic::new(span, "this `exclude` excludes nothing", "no combination has these values"));
        }
    }
    for (row, span) in include {
        add(&mut all, row, &span, &axes, kind)?;
    }
    if all.is_empty() {
        return Err(Diagnostic::new(&matrix.key_span, "this matrix excludes every combination", "nothing is left"));
    }
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for one in &all {
        *seen.entry(one.suffix()).or_default() += 1;
    }
    if let Some((twice, _)) = seen.iter().find(|(_, count)| **count > 1) {
        let message = format!("two instances would be called `{}@{twice}`", stage.value);
        return Err(Diagnostic::new(&matrix.key_span, message, "its values are too much alike"));
    }
    Ok(all)
}

/// An `include`: adds to the combinations that it agrees with on every axis it names, or is one more of its own.
fn add(all: &mut Vec<Combination>, row: Table, span: &Span, axes: &[Axis], kind: Option<&'static Kind>) -> Result<()> {
    let (named, more): (Vec<Entry>, Vec<Entry>) =
        row.entries.into_iter().partition(|entry| axes.iter().any(|axis| axis.name == entry.key));
    if named.is_empty() {
        let names: Vec<&str> = axes.iter().map(|axis| axis.name.as_str()).collect();
        let message = format!("this `include` names no axis; the axes are {}", names.join(", "));
        return Err(Diagnostic::new(span, message, "what all instances share stands in the stage itself"));
    }
    if let Some(bad) = named.iter().find(|entry| !axis::is_scalar(&entry.node.value)) {
        return Err(axis::not_scalar(&bad.node));
    }
    let agrees =
        |one: &Combination| named.iter().all(|entry| one.get(&entry.key).is_some_and(|v| same(v, &entry.node.value)));
    let more: Vec<Setting> = more.into_iter().map(|entry| setting(entry, kind, false)).collect();
    let mut met = false;
    for one in all.iter_mut().filter(|one| agrees(one)) {
        met = true;
        one.settings.retain(|known| !more.iter().any(|setting| setting.entry.key == known.entry.key));
        one.settings.extend(more.iter().cloned());
    }
    if met {
        return Ok(());
    }
    let mut settings = Vec::new();
    for axis in axes {
        let Some(entry) = named.iter().find(|entry| entry.key == axis.name) else {
            let message =
                format!("this `include` meets no combination, and to be one of its own it needs `{}`", axis.name);
            return Err(Diagnostic::new(span, message, "name every axis, or values that are there"));
        };
        settings.extend(axis.step(entry, kind)?);
    }
    settings.extend(more);
    all.push(Combination { settings });
    Ok(())
}

/// The tables of `include` or `exclude`.
fn rows(entry: Option<Entry>, what: &str) -> Result<Vec<(Table, Span)>> {
    let Some(entry) = entry else { return Ok(Vec::new()) };
    let wrong = |span: &Span, noun| {
        Diagnostic::new(span, format!("`{what}` is an array of tables: {what} = [{{ lr = 0.1 }}]"), noun)
    };
    let Value::Array(rows) = entry.node.value else {
        return Err(wrong(&entry.node.span, entry.node.value.noun()));
    };
    rows.into_iter()
        .map(|node| match node.value {
            Value::Table(table) => Ok((table, node.span)),
            other => Err(wrong(&node.span, other.noun())),
        })
        .collect()
}

/// Puts a value where the stage keeps it.
fn set(table: &mut Table, setting: Setting) -> Result<()> {
    let over = match setting.place {
        Place::Name => return Ok(()),
        Place::Param => setting.entry,
        Place::Input => {
            let span = setting.entry.key_span.clone();
            let inputs = Value::Table(Table { entries: vec![setting.entry] });
            Entry { key: "inputs".to_owned(), key_span: span.clone(), node: Node { value: inputs, span } }
        }
    };
    table.merge(Table { entries: vec![over] })
}

/// For each stage that is several, the root of its group and the suffixes.
fn suffixes(makings: &[(Spanned<String>, Table, Making)]) -> Result<BTreeMap<String, (String, Vec<String>)>> {
    let mut all = BTreeMap::new();
    for (name, _, making) in makings {
        if let Making::Matrix(combinations) = making {
            let list = combinations.iter().map(Combination::suffix).collect();
            all.insert(name.value.clone(), (name.value.clone(), list));
        }
    }
    let mut waiting: Vec<(&Spanned<String>, &Spanned<String>)> = makings
        .iter()
        .filter_map(|(name, _, making)| match making {
            Making::ForEach(leader) => Some((name, leader)),
            _ => None,
        })
        .collect();
    // A follower of a follower: as many rounds as there are followers reach them all.
    for _ in 0..waiting.len() {
        waiting.retain(|(name, leader)| match all.get(&leader.value).cloned() {
            Some(group) => {
                all.insert(name.value.clone(), group);
                false
            }
            None => true,
        });
    }
    let Some((_, first)) = waiting.first() else { return Ok(all) };
    // Who waits for one that waits is not the cause.
    let waits = |stage: &str| waiting.iter().any(|(name, _)| name.value == stage);
    let Some((_, leader)) = waiting.iter().find(|(_, leader)| !waits(&leader.value)) else {
        let names: Vec<String> = waiting.iter().map(|(name, _)| format!("`{}`", name.value)).collect();
        let message = match names.as_slice() {
            [one] => format!("{one} follows itself: nothing says how many there are"),
            all => format!("{} follow one another: nothing says how many there are", all.join(", ")),
        };
        return Err(Diagnostic::new(&first.span, message, "a circle")
            .hint("one of them needs a `matrix` in place of its `for_each`"));
    };
    let known: Vec<&str> = makings.iter().map(|(name, ..)| name.value.as_str()).collect();
    if !known.contains(&leader.value.as_str()) {
        return Err(Diagnostic::unknown(&leader.span, "stage", &leader.value, known));
    }
    let message = format!("`{}` is one stage, not several: there is nothing to follow", leader.value);
    Err(Diagnostic::new(&leader.span, message, "it has no `matrix`").hint(match all.keys().next() {
        Some(_) => format!("these are several: {}", all.keys().cloned().collect::<Vec<_>>().join(", ")),
        None => "give a stage a `matrix`, or take the `for_each` out".to_owned(),
    }))
}
