//! The JSON Schemas of what `--json` prints: what is printed is what they say, and the published ones are these.

use super::chain;
use crate::world::World;
use jsonschema::Validator;
use serde_json::{Value, json};
use std::path::Path;

/// Every document that has a schema, as `plantpipe schema` names it.
const DOCUMENTS: [&str; 13] =
    ["status", "why", "graph", "kinds", "plan", "event", "runs", "run", "diff", "verify", "gc", "predict", "error"];

fn schema(world: &World, document: &str) -> Value {
    serde_json::from_str(&world.ok(&["schema", document]).stdout).expect("JSON")
}

/// A schema that lets no field through that it does not name: every field has to be in it.
fn strict(mut schema: Value) -> Value {
    match &mut schema {
        Value::Object(fields) => {
            if fields.contains_key("properties") {
                fields.insert("additionalProperties".to_owned(), json!(false));
            }
            for value in fields.values_mut() {
                *value = strict(value.take());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = strict(item.take())),
        _ => {}
    }
    schema
}

#[track_caller]
fn holds(world: &World, document: &str, printed: &str) {
    let validator = jsonschema::validator_for(&strict(schema(world, document))).expect("a schema");
    check(&validator, document, printed);
}

#[track_caller]
fn check(validator: &Validator, document: &str, printed: &str) {
    let printed: Value = serde_json::from_str(printed).unwrap_or_else(|error| panic!("{document}: {error}: {printed}"));
    if let Err(error) = validator.validate(&printed) {
        panic!("{document}: {error}\n{printed:#}\nis the field in src/cli/schema/documents.rs?");
    }
}

#[test]
fn each_is_a_schema_of_draft_7_and_the_published_one_is_the_same() {
    let world = chain();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/src/schemas");
    for document in DOCUMENTS {
        let schema = schema(&world, document);
        jsonschema::draft7::meta::validate(&schema).unwrap_or_else(|error| panic!("{document}: {error}"));
        let path = folder.join(format!("{document}.schema.json"));
        let published: Value =
            std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        let command = format!("plantpipe schema {document} > docs/src/schemas/{document}.schema.json");
        assert_eq!(published, schema, "it is written by: {command}");
    }
    let listed = world.ok(&["schema", "--help"]).stdout;
    assert!(DOCUMENTS.iter().all(|document| listed.contains(&format!("- {document}:"))), "{listed}");
}

#[test]
fn what_looks_print_is_what_their_schemas_say() {
    let world = chain();
    let each = |world: &World| {
        holds(world, "status", &world.ok(&["status", "--json"]).stdout);
        holds(world, "why", &world.ok(&["why", "side", "--json"]).stdout);
        holds(world, "why", &world.ok(&["why", "last", "--json"]).stdout);
        holds(world, "graph", &world.ok(&["graph", "--json"]).stdout);
        holds(world, "kinds", &world.ok(&["kinds", "--json"]).stdout);
        holds(world, "plan", &world.ok(&["run", "-n", "--json"]).stdout);
    };
    each(&world);
    world.run(&[]);
    each(&world);
    world.edit("note = \"!\"", "note = \"?\"");
    world.write("words/c.txt", "gamma ");
    world.write("words/a.txt", "Alpha ");
    each(&world);
    holds(&world, "why", &world.ok(&["why", "first", "--json"]).stdout);
    world.run(&["first"]);
    each(&world);
    world.edit("rate = 0.001", "matrix = { rate = [0.5, 0.25] }");
    world.edit("[\"first\", \"side\"]", "\"first\"");
    world.edit("kind = \"copy\"\ninputs = { from = \"first\" }", "kind = \"join\"\ninputs = { parts = \"first\" }");
    world.edit("note = \"?\"\n\n", "\n");
    world.edit("note = \"?\"", "");
    holds(&world, "why", &world.ok(&["why", "first", "--json"]).stdout);
    holds(&world, "status", &world.ok(&["status", "--json"]).stdout);
}

#[test]
fn every_line_of_a_run_is_an_event_of_the_schema() {
    let world = chain();
    // The last alternative is for events that are to come.
    let mut schema = strict(schema(&world, "event"));
    schema["anyOf"].as_array_mut().expect("events").pop();
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let lines = |args: &[&str]| -> Vec<String> {
        world.go(&[&["run", "--json"], args].concat()).stdout.lines().map(str::to_owned).collect()
    };
    let mut all = lines(&[]);
    all.extend(lines(&[]));
    world.edit("kind = \"copy\"\ninputs = { from = \"both\" }", "kind = \"fail\"\ninputs = { from = \"both\" }");
    all.extend(lines(&[]));
    world.edit(
        "kind = \"copy\"\ninputs = { from = \"first\" }\nnote = \"!\"",
        "kind = \"fail\"\ninputs = { from = \"first\" }",
    );
    world.edit("[profiles.short.stages.side]\nnote = \"?\"\n", "");
    all.extend(lines(&["--keep-going", "-f", "first"]));
    for sort in ["run_planned", "stage_fresh", "stage_done", "stage_failed", "stage_skipped", "run_done", "run_failed"]
    {
        assert!(all.iter().any(|line| line.contains(&format!("\"event\":\"{sort}\""))), "no {sort}");
    }
    for line in &all {
        check(&validator, "event", line);
    }
}

#[test]
fn what_records_print_is_what_their_schemas_say() {
    let world = chain();
    holds(&world, "runs", &world.ok(&["runs", "--json"]).stdout);
    holds(&world, "gc", &world.ok(&["gc", "--json"]).stdout);
    world.run(&[]);
    world.run(&["-S", "stages.side.note=?"]);
    holds(&world, "runs", &world.ok(&["runs", "--json"]).stdout);
    holds(&world, "run", &world.ok(&["runs", "last", "--json"]).stdout);
    holds(&world, "diff", &world.ok(&["diff", "--json"]).stdout);
    holds(&world, "diff", &world.ok(&["diff", "lock", "now", "--json"]).stdout);
    holds(&world, "verify", &world.ok(&["verify", "--json"]).stdout);
    holds(&world, "verify", &world.ok(&["verify", "--objects", "--json"]).stdout);
    std::fs::remove_dir_all(std::fs::canonicalize(world.path("cache/out/side/text")).expect("a link"))
        .expect("removes");
    holds(&world, "verify", &world.go(&["verify", "--json"]).stdout);
    world.write("cache/scratch/x/out", "left");
    holds(&world, "gc", &world.ok(&["gc", "-n", "--json", "--max-size", "1B", "--keep-runs", "0"]).stdout);
}

#[test]
fn answers_and_errors_are_what_their_schemas_say() {
    let world = World::fake(
        "[pipeline]\nname = 'p'\n[sources]\nwords = 'words'\n[stages.l]\nkind = 'learn'\ninputs = { from = 'words' }\n",
    );
    world.write("words/a.txt", "a1");
    world.write("leaf.png", "b22");
    world.write("empty.png", "");
    world.run(&[]);
    holds(&world, "predict", &world.go(&["predict", "leaf.png", "empty.png", "--json"]).stdout);
    let args = ["predict", "leaf.png", "--arch", "abacus", "--weights", "words/a.txt", "--json"];
    holds(&world, "predict", &world.ok(&args).stdout);
    for args in [
        &["status", "--json", "-S", "stages.l.kind=learnt"][..],
        &["status", "--json", "--profile", "absent"],
        &["run", "--json", "--locke"],
        &["run", "--json", "--locked", "-S", "sources.words=absent"],
    ] {
        let ended = world.go(args);
        assert_ne!(ended.code, 0);
        holds(&world, "error", &ended.stderr);
    }
}
