//! How a stage is run, which no result depends on: [`Conduct`], from the keys `frozen`, `retries` and `resources`; pure.

use crate::document::{Entry, Table, Value};
use crate::text::{Diagnostic, Span};
use std::collections::BTreeMap;

/// The keys, as a pipeline file has them; every kind of stage takes them, and no recipe has them.
pub const KEYS: [&str; 3] = ["frozen", "retries", "resources"];

/// The resource that is counted in threads.
pub const THREADS: &str = "threads";

/// The resource that a stage takes whose kind computes on a device that isn't the CPU.
pub const GPU: &str = "gpu";

/// How one stage is run.
#[derive(Debug, Clone, Default)]
pub struct Conduct {
    pub when: When,
    /// How often a try that failed is repeated; none: as the command line says.
    pub retries: Option<usize>,
    /// What it takes of each resource while it runs.
    pub resources: BTreeMap<String, Amount>,
}

/// When a stage runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum When {
    #[default]
    NotFresh,
    /// Never: its last result is used, whatever it came of.
    Frozen,
}

/// So much of a resource.
#[derive(Debug, Clone)]
pub struct Amount {
    pub number: usize,
    /// Where it is said.
    pub span: Span,
}

type Result<T> = std::result::Result<T, Diagnostic>;

impl Conduct {
    /// Takes its keys out of a stage's table.
    pub fn take(table: &mut Table) -> Result<Self> {
        let [frozen, retries, resources] = KEYS.map(|key| table.take(key));
        Ok(Self {
            when: frozen.as_ref().map(when).transpose()?.unwrap_or_default(),
            retries: retries.as_ref().map(|entry| whole(entry, 0)).transpose()?,
            resources: resources.map(amounts).transpose()?.unwrap_or_default(),
        })
    }

    pub fn is_frozen(&self) -> bool {
        self.when == When::Frozen
    }

    /// How many threads it runs with, if it says so.
    pub fn threads(&self) -> Option<usize> {
        self.resources.get(THREADS).map(|amount| amount.number)
    }
}

fn when(entry: &Entry) -> Result<When> {
    match entry.node.value {
        Value::Bool(true) => Ok(When::Frozen),
        Value::Bool(false) => Ok(When::NotFresh),
        ref other => Err(Diagnostic::new(&entry.node.span, "`frozen` is true or false", other.noun())),
    }
}

fn whole(entry: &Entry, least: usize) -> Result<usize> {
    match entry.node.value {
        Value::Int(number) if number >= least as i64 => Ok(number as usize),
        _ => {
            let message = format!("`{}` is a whole number from {least}", entry.key);
            Err(Diagnostic::new(&entry.node.span, message, "not this"))
        }
    }
}

fn amounts(entry: Entry) -> Result<BTreeMap<String, Amount>> {
    let Value::Table(table) = entry.node.value else {
        let message = "`resources` is a table of whole numbers: resources = { threads = 2, gpu = 1 }";
        return Err(Diagnostic::new(&entry.node.span, message, entry.node.value.noun()));
    };
    let amount = |entry: &Entry| {
        let number = whole(entry, usize::from(entry.key == THREADS))?;
        Ok((entry.key.clone(), Amount { number, span: entry.node.span.clone() }))
    };
    table.entries.iter().map(amount).collect()
}
