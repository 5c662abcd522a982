//! What one run has that another has not: [`Side`] is a run, the lock file or the results of now; [`compare`] says in
//! what two differ, stage by stage.

mod metrics;

pub use metrics::{Measure, Metric};

use crate::cache::Cache;
use crate::cache::digest::{Digest, Manifest};
use crate::cache::records::Outputs;
use crate::cache::scan::side_by_side;
use crate::error::{Error, Result};
use crate::lock::{LockFile, LockedStage};
use crate::project::Project;
use crate::recipe::Recipe;
use crate::registry::Registry;
use crate::run_record::RunRecord;
use crate::runs::{Run, Runs};
use plantpipe_stage::Reads;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// One of the two that are compared.
pub struct Side {
    /// As people call it: `lock`, `now`, or a run's name.
    pub name: String,
    /// Where it is a run.
    pub run: Option<Run>,
    stages: BTreeMap<String, Made>,
}

/// What a stage was made of, as far as that is known, and what came of it.
struct Made {
    /// None: its record is gone from the cache.
    recipe: Option<Recipe>,
    outputs: Outputs,
}

impl Side {
    /// The side that a word of the command line means.
    ///
    /// # Errors
    /// No such run, or no lock file.
    pub fn find(project: &Project, runs: &Runs, word: &str) -> Result<Self> {
        match word {
            "lock" => Self::lock(project),
            "now" => Ok(Self::now(project)),
            _ => {
                let run = runs.find(word)?;
                let name = runs.short(run).to_owned();
                Ok(Self { name, stages: of_run(&project.cache, &run.record), run: Some(run.clone()) })
            }
        }
    }

    fn lock(project: &Project) -> Result<Self> {
        let file = LockFile::read(&project.lock_file)?;
        if file.stages().is_empty() {
            return Err(Error::usage(format!("{} names no stage", project.lock_file.display())).hint("run writes it"));
        }
        let made = |(name, locked): (&String, &LockedStage)| {
            let record = project.cache.record(locked.key);
            let recipe = record.map_or_else(|| locked.recipe(), |record| record.recipe);
            (name.clone(), Made { recipe: Some(recipe), outputs: locked.outputs.clone() })
        };
        Ok(Self { name: file.name(), run: None, stages: file.stages().iter().map(made).collect() })
    }

    /// The last result of every stage, as `cache/out/` shows them.
    fn now(project: &Project) -> Self {
        let names = project.graph.pipeline.stages.iter().map(|stage| stage.name.value.clone());
        let made = |name: String| {
            let record = project.cache.record(project.cache.last(project.profile(), &name).done?)?;
            Some((name, Made { recipe: Some(record.recipe), outputs: record.outputs }))
        };
        Self { name: "now".to_owned(), run: None, stages: names.filter_map(made).collect() }
    }
}

fn of_run(cache: &Cache, run: &RunRecord) -> BTreeMap<String, Made> {
    let stages = run.stages.iter().filter_map(|stage| Some((stage, stage.key?)));
    let made = stages.map(|(stage, key)| {
        let recipe = cache.record(key).map(|record| record.recipe);
        (stage.stage.clone(), Made { recipe, outputs: stage.outputs.clone() })
    });
    made.collect()
}

/// In what a stage differs.
#[derive(Debug, Serialize)]
pub struct StageDiff {
    pub stage: String,
    pub there: There,
    /// What it was made of.
    pub recipe: Vec<Change>,
    /// What came of it.
    pub outputs: Vec<OutputChange>,
    /// What was measured of it, where it is an evaluation.
    pub metrics: Vec<Metric>,
    /// The pictures of a report.
    pub pictures: Vec<Picture>,
    /// What cannot be said, because the cache has lost it.
    pub unknown: Vec<String>,
}

/// On which side a stage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum There {
    Both,
    OnlyA,
    OnlyB,
}

/// A part of a recipe that differs; null: it is not there.
#[derive(Debug, Serialize)]
pub struct Change {
    pub part: Part,
    pub name: String,
    pub a: Value,
    pub b: Value,
}

/// The parts of a recipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    Kind,
    Param,
    Input,
    Seed,
    Device,
    Code,
    Crate,
}

/// An output whose bytes differ.
#[derive(Debug, Serialize)]
pub struct OutputChange {
    pub output: String,
    pub a: Option<Digest>,
    pub b: Option<Digest>,
    /// None where the cache has lost one of them.
    pub files: Option<Files>,
}

/// How many files differ.
#[derive(Debug, Serialize)]
pub struct Files {
    pub added: usize,
    pub removed: usize,
    pub changed: usize,
    pub same: usize,
}

/// A picture that differs, by its path in the report; where it lies on each side.
#[derive(Debug, Serialize)]
pub struct Picture {
    pub file: String,
    pub a: Option<PathBuf>,
    pub b: Option<PathBuf>,
}

/// The stages that differ, by name.
pub fn compare(cache: &mut Cache, registry: &Registry, a: &Side, b: &Side) -> Vec<StageDiff> {
    let names: BTreeSet<&String> = a.stages.keys().chain(b.stages.keys()).collect();
    let differs = |diff: &StageDiff| {
        let same = diff.recipe.is_empty() && diff.outputs.is_empty() && diff.unknown.is_empty();
        !same || diff.there != There::Both
    };
    let each = names.into_iter().map(|name| stage(cache, registry, name, a.stages.get(name), b.stages.get(name)));
    each.filter(differs).collect()
}

fn stage(cache: &mut Cache, registry: &Registry, name: &str, a: Option<&Made>, b: Option<&Made>) -> StageDiff {
    let there = match (a, b) {
        (Some(_), None) => There::OnlyA,
        (None, Some(_)) => There::OnlyB,
        _ => There::Both,
    };
    let mut diff = StageDiff {
        stage: name.to_owned(),
        there,
        recipe: Vec::new(),
        outputs: Vec::new(),
        metrics: Vec::new(),
        pictures: Vec::new(),
        unknown: Vec::new(),
    };
    let (Some(a), Some(b)) = (a, b) else { return diff };
    match (&a.recipe, &b.recipe) {
        (Some(a), Some(b)) => diff.recipe = recipes(a, b),
        _ => diff.unknown.push("what it was made of: its record is gone from the cache".to_owned()),
    }
    let published = b.recipe.as_ref().or(a.recipe.as_ref()).and_then(|recipe| {
        let kind = registry.kind(&recipe.kind)?;
        kind.outputs.first().filter(|_| kind.uses.published).map(|output| output.name)
    });
    for (output, a, b) in differences(&a.outputs, &b.outputs) {
        let mut manifest = |digest: Option<&Digest>| digest.map(|digest| cache.manifest(*digest));
        let files = match (manifest(a), manifest(b)) {
            (Some(None), _) | (_, Some(None)) => {
                diff.unknown.push(format!("the files of output `{output}`: they are gone from the cache"));
                None
            }
            (a, b) => Some(files(a.flatten().as_deref(), b.flatten().as_deref())),
        };
        let place = |digest: Option<&Digest>| digest.map(|digest| cache.object(*digest));
        diff.metrics.extend(metrics::differences(place(a).as_deref(), place(b).as_deref()));
        if published == Some(output) {
            diff.pictures = pictures(cache, a.copied(), b.copied());
        }
        diff.outputs.push(OutputChange { output: output.to_owned(), a: a.copied(), b: b.copied(), files });
    }
    diff
}

fn recipes(a: &Recipe, b: &Recipe) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut add = |part: Part, name: &str, a: Value, b: Value| {
        if a != b {
            changes.push(Change { part, name: name.to_owned(), a, b });
        }
    };
    add(Part::Kind, "kind", json!(a.kind), json!(b.kind));
    for (name, a, b) in differences(&a.params, &b.params) {
        add(Part::Param, name, json!(a), json!(b));
    }
    for (name, a, b) in differences(&a.inputs, &b.inputs) {
        add(Part::Input, name, json!(a), json!(b));
    }
    add(Part::Seed, "seed", json!(a.seed), json!(b.seed));
    add(Part::Device, "device", json!(a.device), json!(b.device));
    if LockedStage::code(&a.code) != LockedStage::code(&b.code) {
        // The lock file has one digest for all files, under no name.
        if !a.code.contains_key("") && !b.code.contains_key("") {
            for (file, a, b) in differences(&a.code, &b.code) {
                add(Part::Code, file, json!(a), json!(b));
            }
        } else {
            add(Part::Code, "", json!(LockedStage::code(&a.code)), json!(LockedStage::code(&b.code)));
        }
    }
    for (name, a, b) in differences(&a.crates, &b.crates) {
        add(Part::Crate, name, json!(a), json!(b));
    }
    changes
}

fn files(a: Option<&Manifest>, b: Option<&Manifest>) -> Files {
    let none = Manifest::default();
    let (a, b) = (a.unwrap_or(&none), b.unwrap_or(&none));
    let mut files = Files { added: 0, removed: 0, changed: 0, same: 0 };
    side_by_side(a.names(), b.names(), |a_at, b_at| match (a_at, b_at) {
        (Some(at), Some(other)) if a.entries()[at] == b.entries()[other] => files.same += 1,
        (Some(_), Some(_)) => files.changed += 1,
        (Some(_), None) => files.removed += 1,
        _ => files.added += 1,
    });
    files
}

fn pictures(cache: &mut Cache, a: Option<Digest>, b: Option<Digest>) -> Vec<Picture> {
    let mut manifest = |digest: Option<Digest>| digest.and_then(|digest| cache.manifest(digest)).unwrap_or_default();
    let (there, here) = (manifest(a), manifest(b));
    let is_picture = |name: &str| {
        let is_svg = |ext: &std::ffi::OsStr| ext.eq_ignore_ascii_case("svg");
        Reads::is_image(name) || Path::new(name).extension().is_some_and(is_svg)
    };
    let place = |digest: Option<Digest>, manifest: &Manifest, file: &str| {
        digest.filter(|_| manifest.get(file).is_some()).map(|digest| cache.object(digest).join(file))
    };
    let names: BTreeSet<&str> = there.names().iter().chain(here.names().iter()).collect();
    let changed = names.into_iter().filter(|name| is_picture(name) && there.get(name) != here.get(name));
    let picture = |file: &str| Picture { file: file.to_owned(), a: place(a, &there, file), b: place(b, &here, file) };
    changed.map(picture).collect()
}

/// The keys whose values differ, in order.
fn differences<'a, T: PartialEq>(
    a: &'a BTreeMap<String, T>,
    b: &'a BTreeMap<String, T>,
) -> impl Iterator<Item = (&'a str, Option<&'a T>, Option<&'a T>)> {
    let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    keys.into_iter().map(|key| (key.as_str(), a.get(key), b.get(key))).filter(|(_, a, b)| a != b)
}
