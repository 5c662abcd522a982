//! The JSON Schema of the pipeline file: it takes what plantpipe takes and refuses what it refuses.

use super::{CHAIN, chain};
use crate::world::World;
use jsonschema::Validator;
use serde_json::Value;

fn schema(world: &World) -> Validator {
    let schema: Value = serde_json::from_str(&world.ok(&["schema"]).stdout).expect("JSON");
    jsonschema::draft7::meta::validate(&schema).expect("a schema of draft 7");
    jsonschema::validator_for(&schema).expect("a schema")
}

fn json(pipeline: &str) -> Value {
    let table: toml::Table = toml::from_str(pipeline).expect("TOML");
    serde_json::to_value(table).expect("TOML is JSON")
}

#[test]
fn it_takes_the_files_that_plantpipe_takes() {
    let validator = schema(&chain());
    let matrix = "[pipeline]\nname = 'p'\n[stages.a]\nkind = 'copy'\n\
                  matrix = { note = ['x'], from = ['w'], exclude = [{ note = 'y' }] }\n\
                  [stages.b]\nkind = 'copy'\nfor_each = 'a'\ninputs = { from = 'a' }\n\
                  [stages.c]\nkind = 'command'\nrun = 'true'\ninputs = { any-name = ['a'] }\noutputs = { x = 'text' }\n\
                  retries = 2\nresources = { threads = 1, gpu = 0, license = 2 }\nfrozen = false\n\
                  [profiles.short.stages]\nb = { remove = true }\nc = { run = 'false', frozen = true }\n\
                  a = { inputs = { from = { remove = true } } }\n";
    for file in [CHAIN, matrix] {
        if let Err(error) = validator.validate(&json(file)) {
            panic!("{error}");
        }
    }
}

#[test]
fn it_refuses_what_plantpipe_refuses() {
    let validator = schema(&chain());
    for (old, new) in [
        ("kind = \"join\"", "kind = \"joyn\""),
        ("rate = 0.001", "rats = 0.001"),
        ("rate = 0.001", "rate = 7"),
        ("rate = 0.001", "rate = \"x\""),
        ("{ from = \"words\" }", "{ form = \"words\" }"),
        ("inputs = { from = \"words\" }", ""),
        ("{ from = \"words\" }", "{ from = [\"words\"] }"),
        ("seed = 7", "sead = 7"),
        ("seed = 7", "seed = -7"),
        ("rate = 0.001", "frozen = \"yes\""),
        ("rate = 0.001", "retries = -1"),
        ("rate = 0.001", "resources = 2"),
        ("rate = 0.001", "resources = { threads = 0 }"),
        ("rate = 0.001", "resources = { gpu = 0.5 }"),
        ("[sources]", "[source]"),
        ("name = \"chain\"", "name = \"a/b\""),
        ("rate = 0.001", "matrix = { rate = 0.5 }"),
        ("rate = 0.001", "matrix = { rate = [5] }"),
        ("[profiles.short.stages.last]\nremove = true", "[profiles.short.stages.last]\nremove = false"),
    ] {
        let file = CHAIN.replacen(old, new, 1);
        assert_ne!(file, CHAIN, "{old}");
        assert!(!validator.is_valid(&json(&file)), "{new} is let through");
        let world = chain();
        world.write("pipeline.toml", file);
        let codes = [&["status"][..], &["status", "--profile", "short"]].map(|args| world.go(args).code);
        assert!(codes.contains(&2), "{new}");
    }
}
