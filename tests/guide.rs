//! The guide says what the program says: its generated chapters, its chapters' links, and the schema of the example.

use crate::world::World;
use std::fs;
use std::path::{Path, PathBuf};

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_chapter_of_kinds_is_what_kinds_prints() {
    let world = World::leaves(include_str!("../pipeline.toml"));
    let printed = world.ok(&["kinds", "--markdown"]).stdout;
    assert!(
        printed == read(&docs().join("src/kinds.md")),
        "docs/src/kinds.md is not what `plantpipe kinds --markdown` prints: write it again"
    );
}

#[test]
fn the_schema_in_the_guide_is_what_schema_prints_and_takes_the_built_in_pipeline() {
    let world = World::leaves(include_str!("../pipeline.toml"));
    let printed = world.ok(&["schema"]).stdout;
    assert!(
        printed == read(&docs().join("src/pipeline.schema.json")),
        "docs/src/pipeline.schema.json is not what `plantpipe schema` prints: write it again"
    );
    let schema: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
    let table: toml::Table = toml::from_str(include_str!("../pipeline.toml")).expect("TOML");
    let file = serde_json::to_value(table).expect("TOML is JSON");
    if let Err(error) = jsonschema::validator_for(&schema).expect("a schema").validate(&file) {
        panic!("{error} at {}", error.instance_path());
    }
}

#[test]
fn every_chapter_is_in_the_summary_and_every_link_leads_to_a_file() {
    let source = docs().join("src");
    let summary = read(&source.join("SUMMARY.md"));
    let entries = fs::read_dir(&source).expect("a folder").flatten().map(|entry| entry.path());
    let mut pages: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|ext| ext == "md")).collect();
    for name in pages.iter().filter_map(|path| path.file_name()?.to_str()).filter(|name| *name != "SUMMARY.md") {
        assert!(summary.contains(&format!("({name})")), "{name} is not in the summary");
    }
    pages.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"));
    for page in pages {
        let text = read(&page);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") {
                let path = page.parent().expect("a folder").join(target);
                assert!(path.exists(), "{}: {link} leads nowhere", page.display());
            }
        }
    }
}
