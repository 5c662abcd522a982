//! Which runs there were: [`Runs`], each found by its name, by the beginning of it, or as `last`.

use crate::cache::Cache;
use crate::error::{Error, Result};
use crate::run_record::{RunRecord, SCHEMA};
use serde_json::{Value, json};
use std::path::PathBuf;

/// The runs that the cache remembers, oldest first.
pub struct Runs {
    pub runs: Vec<Run>,
    /// Records that are no records, or of another version.
    pub unreadable: usize,
}

/// A run with its name: when it started.
#[derive(Debug, Clone)]
pub struct Run {
    pub name: String,
    pub record: RunRecord,
}

impl Run {
    /// As `--json` shows it: the record under its name.
    pub fn document(&self) -> Value {
        let mut document = serde_json::to_value(&self.record).expect("a record becomes JSON");
        let fields = document.as_object_mut().expect("a record is a table");
        fields.remove("schema");
        fields.insert("name".to_owned(), json!(self.name));
        document
    }
}

impl Runs {
    /// Reads every record; of one profile only, where one is named.
    pub fn read(cache: &Cache, profile: Option<&str>) -> Self {
        let mut names: Vec<String> = files(cache).into_iter().map(|(name, _)| name).collect();
        names.sort();
        let mut runs = Vec::new();
        let mut unreadable = 0;
        for name in names {
            let bytes = std::fs::read(path(cache, &name)).unwrap_or_default();
            match serde_json::from_slice::<RunRecord>(&bytes) {
                Ok(record) if record.schema == SCHEMA => runs.push(Run { name, record }),
                _ => unreadable += 1,
            }
        }
        runs.retain(|run| profile.is_none() || run.record.profile.as_deref() == profile);
        Self { runs, unreadable }
    }

    /// The run meant by `last`, `last~2` (two before it), or the beginning of a name.
    ///
    /// # Errors
    /// None of them, or several.
    pub fn find(&self, word: &str) -> Result<&Run> {
        if self.runs.is_empty() {
            return Err(Error::usage("there is no run yet").hint("plantpipe run makes one"));
        }
        if let Some(back) = back(word) {
            let at = self.runs.len().checked_sub(back + 1);
            let none = || Error::usage(format!("there are only {} runs: no `{word}`", self.runs.len()));
            return at.map(|at| &self.runs[at]).ok_or_else(|| none().hint(HINT));
        }
        let meant: Vec<&Run> = self.runs.iter().filter(|run| run.name.starts_with(word)).collect();
        match meant.as_slice() {
            [one] => Ok(one),
            [] => Err(Error::usage(format!("there is no run `{word}`")).hint(HINT)),
            several => {
                let message = format!("`{word}` begins the names of {} runs", several.len());
                Err(Error::usage(message).hint(format!("say more of it: `{}`", several[0].name)))
            }
        }
    }

    /// As much of a run's name as tells it from the others: at least to the second.
    pub fn short<'r>(&self, run: &'r Run) -> &'r str {
        const SECONDS: usize = "2026-01-02T03-04-05".len();
        let name = &run.name;
        let lengths = (SECONDS..name.len()).filter(|length| name.is_char_boundary(*length));
        let alone =
            |length: &usize| self.runs.iter().filter(|other| other.name.starts_with(&name[..*length])).count() == 1;
        lengths.into_iter().find(alone).map_or(name, |length| &name[..length])
    }
}

const HINT: &str = "plantpipe runs lists them; `last` is the last one, `last~1` the one before";

/// Every file of `runs/` with the name of its run.
pub fn files(cache: &Cache) -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(cache.root.join("runs")).into_iter().flatten().flatten();
    let named = |path: PathBuf| Some((path.file_name()?.to_str()?.strip_suffix(".json")?.to_owned(), path));
    entries.filter_map(|entry| named(entry.path())).filter(|(name, _)| !name.starts_with('.')).collect()
}

fn path(cache: &Cache, name: &str) -> PathBuf {
    cache.root.join("runs").join(format!("{name}.json"))
}

/// How many runs before the last one is meant.
fn back(word: &str) -> Option<usize> {
    match word.strip_prefix("last")? {
        "" => Some(0),
        rest => rest.strip_prefix('~')?.parse().ok(),
    }
}
