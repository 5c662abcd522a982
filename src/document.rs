//! TOML with a place on every word: [`Table`], and how a profile or a `--set` merges over it.

use crate::text::{Diagnostic, Origin, Span, Text};
use std::sync::Arc;
use toml::de::{DeTable, DeValue};

/// A table, entries in the order they were written.
#[derive(Debug, Clone, Default)]
pub struct Table {
    pub entries: Vec<Entry>,
}

/// A key with its value.
#[derive(Debug, Clone)]
pub struct Entry {
    pub key: String,
    pub key_span: Span,
    pub node: Node,
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub struct Node {
    pub value: Value,
    pub span: Span,
}

/// A TOML value; numbers are values, not spellings.
#[derive(Debug, Clone)]
pub enum Value {
    String(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    Datetime,
    Array(Vec<Node>),
    Table(Table),
}

impl Value {
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// What it is, in words.
    pub fn noun(&self) -> &'static str {
        match self {
            Value::String(_) => "a string",
            Value::Int(_) => "a whole number",
            Value::Float(_) => "a number",
            Value::Bool(_) => "a boolean",
            Value::Datetime => "a date",
            Value::Array(_) => "an array",
            Value::Table(_) => "a table",
        }
    }
}

/// Parses a whole text.
pub fn parse(text: &Arc<Text>) -> Result<Table, Diagnostic> {
    let table = DeTable::parse(&text.content).map_err(|error| {
        let range = error.span().unwrap_or(0..0);
        let span = Span { text: text.clone(), range };
        Diagnostic::new(&span, "this is not TOML", error.message().replace('\n', ", "))
    })?;
    convert_table(table.get_ref(), text)
}

/// Parses a `--set` argument, `stages.train.lr=1e-4`; a value that is no TOML value is taken as a string.
pub fn parse_set(argument: &str) -> Result<Table, Diagnostic> {
    let text = |content: String| Arc::new(Text { name: "--set".to_owned(), content, origin: Origin::CommandLine });
    let plain = text(argument.to_owned());
    match (parse(&plain), argument.split_once('=')) {
        (Ok(table), _) => Ok(table),
        (Err(error), None) => Err(error.hint("give `--set` a key and a value: --set stages.train.lr=1e-4")),
        (Err(error), Some((key, value))) => {
            parse(&text(format!("{key}={}", toml::Value::String(value.to_owned())))).map_err(|_| error)
        }
    }
}

fn convert_table(table: &DeTable<'_>, text: &Arc<Text>) -> Result<Table, Diagnostic> {
    let mut entries = table
        .iter()
        .map(|(key, value)| {
            Ok(Entry {
                key: key.get_ref().to_string(),
                key_span: Span { text: text.clone(), range: key.span() },
                node: convert(value.get_ref(), Span { text: text.clone(), range: value.span() })?,
            })
        })
        .collect::<Result<Vec<_>, Diagnostic>>()?;
    entries.sort_by_key(|entry| entry.key_span.range.start);
    Ok(Table { entries })
}

fn convert(value: &DeValue<'_>, span: Span) -> Result<Node, Diagnostic> {
    let bad = |what: &str| Diagnostic::new(&span, format!("this number is not {what}"), "out of range");
    let value = match value {
        DeValue::String(string) => Value::String(string.to_string()),
        DeValue::Integer(number) => {
            Value::Int(i64::from_str_radix(number.as_str(), number.radix()).map_err(|_| bad("a 64-bit integer"))?)
        }
        DeValue::Float(number) => Value::Float(number.as_str().parse().map_err(|_| bad("a 64-bit float"))?),
        DeValue::Boolean(boolean) => Value::Bool(*boolean),
        DeValue::Datetime(_) => Value::Datetime,
        DeValue::Array(items) => Value::Array(
            items
                .iter()
                .map(|item| convert(item.get_ref(), Span { text: span.text.clone(), range: item.span() }))
                .collect::<Result<_, _>>()?,
        ),
        DeValue::Table(table) => Value::Table(convert_table(table, &span.text)?),
    };
    Ok(Node { value, span })
}

impl Table {
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.key.as_str())
    }

    /// Takes an entry out.
    pub fn take(&mut self, key: &str) -> Option<Entry> {
        let at = self.entries.iter().position(|entry| entry.key == key)?;
        Some(self.entries.remove(at))
    }

    /// Merges `over` over this table: tables merge, arrays and values replace, `{ remove = true }` takes an entry out.
    pub fn merge(&mut self, over: Table) -> Result<(), Diagnostic> {
        for entry in over.entries {
            if let Some(remove) = removal(&entry)? {
                if self.take(&entry.key).is_none() {
                    let label = format!("there is no `{}` to remove", entry.key);
                    return Err(Diagnostic::new(&remove, "nothing to remove", label));
                }
                continue;
            }
            match (self.entries.iter_mut().find(|known| known.key == entry.key), entry) {
                (Some(known), entry) => match (&mut known.node.value, entry.node.value) {
                    (Value::Table(base), Value::Table(over)) => base.merge(over)?,
                    (_, value) => {
                        known.key_span = entry.key_span;
                        known.node = Node { value, span: entry.node.span };
                    }
                },
                (None, entry) => self.entries.push(entry),
            }
        }
        Ok(())
    }
}

/// Where an entry says `remove = true`, if it does.
fn removal(entry: &Entry) -> Result<Option<Span>, Diagnostic> {
    let Value::Table(table) = &entry.node.value else { return Ok(None) };
    let Some(remove) = table.get("remove") else { return Ok(None) };
    match (&remove.node.value, table.entries.len()) {
        (Value::Bool(true), 1) => Ok(Some(remove.key_span.clone())),
        _ => Err(Diagnostic::new(&remove.key_span, "`remove` stands alone and is `true`", "here it does not")),
    }
}
