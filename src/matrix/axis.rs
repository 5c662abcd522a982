//! What is taken in turn along one axis of a matrix: [`Axis`], the values of an array or the variants of a table.

use super::{Place, Result, Setting, same, setting};
use crate::document::{Entry, Node, Table, Value};
use crate::text::Diagnostic;
use plantpipe_stage::Kind;

/// An axis with all that each of its steps sets; the first setting of a step is its word in the name.
pub(super) struct Axis {
    pub(super) name: String,
    pub(super) steps: Vec<Vec<Setting>>,
    has_variants: bool,
}

impl Axis {
    /// An axis as it is declared, among all of its matrix.
    ///
    /// # Errors
    /// No values, values that are no scalars, or variants that set what is an axis, or whose axis is what the kind knows.
    pub(super) fn new(axis: &Entry, all: &Table, kind: Option<&'static Kind>) -> Result<Self> {
        let (steps, has_variants) = match &axis.node.value {
            Value::Table(table) => (variants(axis, table, all, kind)?, true),
            _ => (values(axis, kind)?, false),
        };
        if steps.is_empty() {
            let message = format!("the axis `{}` has no {}", axis.key, if has_variants { "variant" } else { "value" });
            return Err(Diagnostic::new(&axis.node.span, message, "empty"));
        }
        Ok(Self { name: axis.key.clone(), steps, has_variants })
    }

    /// What a value sets that an `include` gives: any one of an array, of a table one that is there.
    pub(super) fn step(&self, value: &Entry, kind: Option<&'static Kind>) -> Result<Vec<Setting>> {
        if !self.has_variants {
            return Ok(vec![setting(value.clone(), kind, true)]);
        }
        let names = || self.steps.iter().map(|step| &step[0].entry.node.value);
        if let Some(at) = names().position(|name| same(name, &value.node.value)) {
            return Ok(self.steps[at].clone());
        }
        let what = format!("variant of `{}`:", self.name);
        let word = value.node.value.as_str().unwrap_or_default();
        Err(Diagnostic::unknown(&value.node.span, &what, word, names().filter_map(Value::as_str)))
    }
}

pub(super) fn is_scalar(value: &Value) -> bool {
    matches!(value, Value::String(_) | Value::Int(_) | Value::Float(_) | Value::Bool(_))
}

pub(super) fn not_scalar(node: &Node) -> Diagnostic {
    let message = "a value of an axis is a string, a number or a boolean";
    Diagnostic::new(&node.span, message, node.value.noun())
        .hint("what goes with a value is added by `include`, or is a variant of a table")
}

fn values(axis: &Entry, kind: Option<&'static Kind>) -> Result<Vec<Vec<Setting>>> {
    let Value::Array(values) = &axis.node.value else {
        let message = format!("the axis `{}` is an array of values, or a table of variants", axis.key);
        return Err(Diagnostic::new(&axis.node.span, message, axis.node.value.noun()));
    };
    if let Some(bad) = values.iter().find(|node| !is_scalar(&node.value)) {
        return Err(not_scalar(bad));
    }
    let step = |node: &Node| vec![setting(Entry { node: node.clone(), ..axis.clone() }, kind, true)];
    Ok(values.iter().map(step).collect())
}

fn variants(axis: &Entry, table: &Table, all: &Table, kind: Option<&'static Kind>) -> Result<Vec<Vec<Setting>>> {
    let is_known = |kind: &Kind| {
        let params = kind.params.iter().map(|param| param.name);
        params.chain(kind.inputs.iter().map(|input| input.name)).any(|name| name == axis.key)
    };
    if axis.key == "seed" || kind.is_some_and(is_known) {
        let message = format!("the axis `{}` is an array of values", axis.key);
        return Err(Diagnostic::new(&axis.node.span, message, "a table")
            .hint("an axis of variants has a name that is no param and no input"));
    }
    let step = |variant: &Entry| {
        let Value::Table(sets) = &variant.node.value else {
            let message = format!("a variant is a table of what it sets: {} = {{ lr = 0.1 }}", variant.key);
            return Err(Diagnostic::new(&variant.node.span, message, variant.node.value.noun()));
        };
        if let Some(twice) = sets.entries.iter().find(|entry| all.get(&entry.key).is_some()) {
            let message = format!("`{}` is an axis, and the variant `{}` sets it, too", twice.key, variant.key);
            return Err(Diagnostic::new(&twice.key_span, message, "take one of them out"));
        }
        let node = Node { value: Value::String(variant.key.clone()), span: variant.key_span.clone() };
        let name = Setting { entry: Entry { node, ..axis.clone() }, place: Place::Name, is_axis: true };
        let sets = sets.entries.iter().map(|entry| setting(entry.clone(), kind, false));
        Ok([name].into_iter().chain(sets).collect())
    };
    table.entries.iter().map(step).collect()
}
