//! The tests of the kinds in small worlds, and the checks that hold for every kind of the crate.

mod analyze;
mod dedup;
mod encode;
mod iterative;
mod layouts;
mod pack;
mod resize;
mod split;
mod world;

use crate::KINDS;
use plantpipe_stage::Kind;
use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn the_params_of_every_kind_read_their_defaults() {
    for kind in KINDS {
        let read = serde_json::Map::from_iter(world::defaults(kind)).into();
        let result = match kind.name {
            "sample" => serde_json::from_value::<crate::SampleParams>(read).map(drop),
            "analyze" => serde_json::from_value::<crate::AnalyzeParams>(read).map(drop),
            "dedup" => serde_json::from_value::<crate::DedupParams>(read).map(drop),
            "split" => serde_json::from_value::<crate::SplitParams>(read).map(drop),
            "resize" => serde_json::from_value::<crate::ResizeParams>(read).map(drop),
            "encode" => serde_json::from_value::<crate::EncodeParams>(read).map(drop),
            "pack" => serde_json::from_value::<crate::PackParams>(read).map(drop),
            other => panic!("no params struct is known for the kind `{other}`"),
        };
        result.unwrap_or_else(|error| panic!("{}: {error}", kind.name));
    }
}

#[test]
fn every_source_file_counts_for_some_kind() {
    let files = |kind: &&'static Kind| kind.code.iter().flat_map(|code| code.files).map(|file| file.text);
    let listed: BTreeSet<&str> = KINDS.iter().chain([&&crate::LOOK]).flat_map(files).collect();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in walkdir::WalkDir::new(&source) {
        let entry = entry.expect("walks");
        let name = entry.path().strip_prefix(&source).expect("below src").display().to_string();
        let is_test = name.starts_with("tests") || name.ends_with("tests.rs");
        if entry.file_type().is_file() && name != "lib.rs" && !is_test {
            let text = std::fs::read_to_string(entry.path()).expect("reads");
            assert!(listed.contains(text.as_str()), "no kind lists {name}");
        }
    }
}

#[test]
fn no_kind_lists_two_files_under_one_name() {
    for kind in KINDS {
        let mut seen = BTreeSet::new();
        for code in kind.code {
            for file in code.files {
                assert!(seen.insert((code.room, file.name)), "{}: {}/{} twice", kind.name, code.room, file.name);
            }
        }
    }
}
