//! Flags, documents and exit codes.

use super::chain;
use crate::world::events;
use std::process::Stdio;

#[test]
fn a_dry_run_prints_what_run_would_do_and_does_nothing() {
    let world = chain();
    world.run(&[]);
    assert_eq!(world.ok(&["run", "-n"]).stdout, "nothing to do: 4 stages are fresh\n");
    world.edit("note = \"!\"", "note = \"?\"");
    let text = world.ok(&["run", "-n"]).stdout;
    assert_eq!(
        text,
        "run     side   note: \"!\" -> \"?\"\nperhaps both   side will run first\nperhaps last   both will run first\n"
    );
    assert_eq!(world.run(&[]), ["side", "both", "last"]);
}

#[test]
fn a_named_stage_runs_with_what_it_needs_and_no_more() {
    let world = chain();
    assert_eq!(world.run(&["side"]), ["first", "side"]);
    assert_eq!(world.states(&["both"]), ["first fresh", "side fresh", "both never_run"]);
    let ended = world.go(&["run", "sid"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("did you mean `side`?"), "{}", ended.stderr);
}

#[test]
fn force_runs_a_fresh_stage() {
    let world = chain();
    world.run(&[]);
    assert_eq!(world.run(&["-f", "side"]), ["side"]);
}

#[test]
fn status_writes_one_line_a_stage() {
    let world = chain();
    world.run(&["side"]);
    world.edit("note = \"!\"", "note = \"?\"");
    let text = world.ok(&["status"]).stdout;
    assert_eq!(
        text,
        "fresh      first  copy\nstale      side   copy  note: \"!\" -> \"?\"\nblocked    both   join  side will run first\nblocked    last   copy  both will run first\n"
    );
}

#[test]
fn json_documents_carry_their_schema_version() {
    let world = chain();
    let stream = world.ok(&["run", "--json"]).stdout;
    assert_eq!(events(&stream, "run_started")[0]["schema_version"], 1);
    assert_eq!(events(&stream, "stage_note").len(), 3);
    assert_eq!(events(&stream, "run_done")[0]["ran"], 4);
    for args in [
        &["status", "--json"][..],
        &["why", "last", "--json"],
        &["graph", "--json"],
        &["kinds", "--json"],
        &["run", "-n", "--json"],
    ] {
        let document: serde_json::Value = serde_json::from_str(&world.ok(args).stdout).expect("one document");
        assert_eq!(document["schema_version"], 1, "{args:?}");
    }
}

#[test]
fn an_error_is_a_document_too_with_its_place() {
    let world = chain();
    let error = |args: &[&str]| {
        let ended = world.go(args);
        let error: serde_json::Value = serde_json::from_str(&ended.stderr).expect("a document");
        assert_eq!((error["exit_code"].as_i64(), ended.code), (Some(2), 2));
        error
    };
    assert_eq!(error(&["status", "--json", "--profile", "none"])["place"]["file"], "--profile");
    assert_eq!(error(&["status", "--json", "--wrong"])["error"], "unexpected argument '--wrong' found");
    world.edit("kind = \"join\"", "kind = \"jion\"");
    let error = error(&["status", "--json"]);
    assert_eq!(error["error"], "unknown kind `jion`");
    assert_eq!(error["place"]["word"], "\"jion\"");
    assert_eq!((&error["place"]["line"], &error["place"]["column"]), (&16.into(), &8.into()));
}

#[test]
fn a_plan_says_what_the_last_run_of_each_stage_took() {
    let world = chain();
    world.run(&[]);
    world.edit("note = \"!\"", "note = \"?\"");
    let document: serde_json::Value = serde_json::from_str(&world.ok(&["run", "-n", "--json"]).stdout).expect("JSON");
    let side = &document["would_run"][0];
    assert_eq!((&side["stage"], &side["action"]), (&"side".into(), &"run".into()));
    assert!(side["last_seconds"].as_f64().is_some_and(|seconds| seconds > 0.0), "{side}");
    if cfg!(target_os = "linux") {
        assert!(side["last_memory"].as_u64().is_some_and(|bytes| bytes > 100_000), "{side}");
    }
    let stream = world.ok(&["run", "--json"]).stdout;
    assert_eq!(events(&stream, "run_planned")[0]["stages"].as_array().expect("stages").len(), 3);
}

#[test]
fn the_graph_is_drawn_in_each_format() {
    let world = chain();
    let text = world.ok(&["graph"]).stdout;
    assert_eq!(
        text,
        "first  copy  <- words\nside   copy  <- first\nboth   join  <- first, side\nlast   copy  <- both\n"
    );
    let mermaid = world.ok(&["graph", "--format", "mermaid"]).stdout;
    assert!(mermaid.starts_with("flowchart LR\n    words[(\"words\")]\n"), "{mermaid}");
    assert!(mermaid.contains("    side -->|parts| both\n"), "{mermaid}");
    assert!(world.ok(&["graph", "--format", "dot"]).stdout.contains("\"side\" -> \"both\" [label = \"parts\"];"));
}

#[test]
fn a_wrong_command_line_exits_2_with_a_way_out() {
    let world = chain();
    for (args, says) in [
        (&["run", "--device", "tpu"][..], "unknown device `tpu`"),
        (&["run", "--device", "cuda"], "built without cuda"),
        (&["status", "-C", "nowhere"], "there is no folder"),
        (&["status", "--file", "none.toml"], "cannot read"),
        (&["kinds", "cpoy"], "did you mean `copy`?"),
        (&["status", "-S", "stages"], "give `--set` a key and a value"),
        (&["fly"], "unrecognized subcommand"),
    ] {
        let ended = world.go(args);
        assert_eq!(ended.code, 2, "{args:?}");
        assert!(ended.stderr.contains(says), "{args:?}: {}", ended.stderr);
    }
}

#[test]
fn quiet_says_nothing_and_colour_obeys() {
    let world = chain();
    assert_eq!(world.ok(&["run", "-q"]).stderr, "");
    assert!(world.ok(&["status", "--color", "always"]).stdout.contains("\u{1b}["));
    assert!(!world.ok(&["status"]).stdout.contains("\u{1b}["));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let world = chain();
    let mut child = world.command(&["kinds", "copy"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success(), "{:?}", ended.status);
    assert!(ended.stderr.is_empty());
}
