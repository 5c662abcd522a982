//! What the crate's tests share: an [`Action`] in a temp folder, and the checks that hold for every kind.

use crate::KINDS;
use crate::report::Params as ReportParams;
use plantpipe_stage::{ACTION_SCHEMA, Action, Artifact, Context, Kind, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// An action of a kind with its default params, no inputs, and a scratch folder under `folder`.
pub(crate) fn action(kind: &Kind, folder: &Path) -> Action {
    Action {
        schema: ACTION_SCHEMA,
        stage: kind.name.into(),
        kind: kind.name.into(),
        params: defaults(kind),
        inputs: BTreeMap::new(),
        seed: 42,
        threads: 1,
        device: "cpu".into(),
        scratch: folder.join("scratch"),
        report: folder.join("report.json"),
        lineage: None,
        previous: None,
        checkpoint: None,
    }
}

/// The folder `<folder>/<name>` as the output of a stage `name`.
pub(crate) fn artifact(folder: &Path, name: &str) -> Artifact {
    Artifact { name: name.into(), path: folder.join(name), digest: "0".repeat(64) }
}

pub(crate) fn run(kind: &Kind, action: &Action) -> Result<()> {
    (kind.run)(&Context::new(action, |_| ()))
}

fn defaults(kind: &Kind) -> BTreeMap<String, serde_json::Value> {
    let value = |text: &str| {
        let table: toml::Table = toml::from_str(&format!("value = {text}")).expect("a default is TOML");
        serde_json::to_value(&table["value"]).expect("TOML is JSON")
    };
    kind.params.iter().filter_map(|param| Some((param.name.to_owned(), value(param.default?)))).collect()
}

#[test]
fn the_params_of_every_kind_read_their_defaults() {
    let read = |kind: &Kind| serde_json::Map::from_iter(defaults(kind)).into();
    serde_json::from_value::<crate::evaluate::Params>(read(&crate::EVALUATE)).expect("evaluate");
    serde_json::from_value::<crate::compare::Params>(read(&crate::COMPARE)).expect("compare");
    serde_json::from_value::<crate::ensemble::Params>(read(&crate::ENSEMBLE)).expect("ensemble");
    serde_json::from_value::<ReportParams>(read(&crate::REPORT)).expect("report");
}

#[test]
fn every_source_file_counts_for_some_kind() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let listed: BTreeSet<&str> = KINDS
        .iter()
        .flat_map(|kind| kind.code)
        .filter(|code| code.room == "judge")
        .flat_map(|code| code.files)
        .map(|file| file.text)
        .collect();
    let aside = ["lib.rs", "tests.rs"];
    for entry in walkdir::WalkDir::new(&source) {
        let entry = entry.expect("walks");
        let name = entry.file_name().to_string_lossy().into_owned();
        let inside = entry.path().strip_prefix(&source).expect("lies in src");
        let tests = inside.starts_with("report/tests");
        if entry.file_type().is_file() && !tests && !aside.contains(&name.as_str()) {
            let text = std::fs::read_to_string(entry.path()).expect("reads");
            assert!(listed.contains(text.as_str()), "no kind lists {}", entry.path().display());
        }
    }
}
