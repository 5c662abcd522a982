//! The tests of the kinds in small worlds, and the checks that hold for every kind of the crate.

mod ask;
mod beside;
mod checkpoint;
mod explain;
mod features;
mod items;
mod losses;
mod networks;
mod options;
mod probe;
mod published;
mod resume;
mod speed;
pub(crate) mod timm;
mod training;
#[cfg(feature = "wgpu")]
mod wgpu;
mod world;

use crate::{ASK, CHECKPOINT, KINDS};
use plantpipe_stage::Kind;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

#[test]
fn the_params_of_every_kind_read_their_defaults() {
    for kind in all() {
        let read = serde_json::Map::from_iter(world::defaults(kind)).into();
        let result = match kind.name {
            "train" => serde_json::from_value::<crate::train::Params>(read).map(drop),
            "predict" => serde_json::from_value::<crate::predict::Params>(read).map(drop),
            "explain" => serde_json::from_value::<crate::explain::Params>(read).map(drop),
            "ask" => serde_json::from_value::<crate::AskParams>(read).map(drop),
            "checkpoint" => serde_json::from_value::<crate::CheckpointParams>(read).map(drop),
            "embed" => serde_json::from_value::<crate::embed::Params>(read).map(drop),
            "probe" => serde_json::from_value::<crate::probe::Params>(read).map(drop),
            other => panic!("no params struct is known for the kind `{other}`"),
        };
        result.unwrap_or_else(|error| panic!("{}: {error}", kind.name));
    }
}

#[test]
fn every_source_file_counts_for_some_kind() {
    let files = |kind: &'static Kind| kind.code.iter().flat_map(|code| code.files).map(|file| file.text);
    let listed: BTreeSet<&str> = all().flat_map(files).collect();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in below(&source) {
        let name = file.strip_prefix(&source).expect("below src").display().to_string();
        let is_test = name.starts_with("tests") || name.ends_with("tests.rs");
        if name != "lib.rs" && !is_test {
            let text = std::fs::read_to_string(&file).expect("reads");
            assert!(listed.contains(text.as_str()), "no kind lists {name}");
        }
    }
}

#[test]
fn no_kind_lists_two_files_under_one_name() {
    for kind in all() {
        let mut seen = BTreeSet::new();
        for code in kind.code {
            for file in code.files {
                assert!(seen.insert((code.room, file.name)), "{}: {}/{} twice", kind.name, code.room, file.name);
            }
        }
    }
}

#[test]
fn an_edit_of_explain_is_no_reason_to_train_again() {
    assert!(crate::TRAIN.code.iter().all(|code| code.room != "learn/explain"));
}

#[test]
fn every_crate_that_pixels_depend_on_is_listed() {
    for kind in all() {
        for name in plantpipe_pixels::CRATES {
            assert!(kind.crates.contains(name), "{} does not list {name}", kind.name);
        }
    }
}

/// The kinds of pipelines, and those of the command line.
fn all() -> impl Iterator<Item = &'static Kind> {
    KINDS.iter().copied().chain([&ASK, &CHECKPOINT])
}

/// Every file below a folder.
fn below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("reads").map(|entry| entry.expect("entry").path());
    entries.flat_map(|path| if path.is_dir() { below(&path) } else { vec![path] }).collect()
}
