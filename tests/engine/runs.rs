//! `runs`: what is remembered of each run.

use super::chain;
use crate::world::World;
use serde_json::Value;

fn document(world: &World, args: &[&str]) -> Value {
    let ended = world.ok(&[&["runs", "--json"], args].concat());
    serde_json::from_str(&ended.stdout).expect("one JSON document")
}

/// A failed run, one that ends well, and one with `--set`.
fn three() -> World {
    let world = chain();
    world.edit("kind = \"copy\"\ninputs = { from = \"both\" }", "kind = \"fail\"\ninputs = { from = \"both\" }");
    assert_eq!(world.go(&["run"]).code, 1);
    world.edit("kind = \"fail\"", "kind = \"copy\"");
    world.run(&[]);
    world.run(&["-S", "stages.side.note=?"]);
    world
}

#[test]
fn the_newest_comes_first_with_what_it_did_and_how_it_ended() {
    let world = three();
    let lines: Vec<String> = world.ok(&["runs"]).stdout.lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0].contains("  -  done     3 ran, 1 fresh "), "{}", lines[0]);
    assert!(lines[0].ends_with("stages.side.note=?"), "{}", lines[0]);
    assert!(lines[1].contains("1 ran, 3 fresh"), "{}", lines[1]);
    assert!(lines[2].contains("failed   3 ran, 1 failed"), "{}", lines[2]);
    assert!(lines[2].ends_with("stage `last` failed: it was told to fail"), "{}", lines[2]);
    // A run with nothing to do is none.
    world.run(&["-S", "stages.side.note=?"]);
    assert_eq!(world.ok(&["runs"]).stdout.lines().count(), 3);
}

#[test]
fn one_run_is_found_by_last_by_how_many_before_it_and_by_the_beginning_of_its_name() {
    let world = three();
    let all = document(&world, &[]);
    let names: Vec<&str> =
        all["runs"].as_array().expect("runs").iter().map(|run| run["name"].as_str().unwrap()).collect();
    for (word, at) in [("last", 0), ("last~0", 0), ("last~1", 1), ("last~2", 2), (names[1], 1)] {
        let one = document(&world, &[word]);
        assert_eq!(one["name"], names[at], "{word}");
        assert_eq!(one["stages"].as_array().map(Vec::len), Some(4));
    }
    let detail = world.ok(&["runs", "last"]).stdout;
    for says in ["set       stages.side.note=?", "outcome   done", "fresh   first", "ran     side"] {
        assert!(detail.contains(says), "{detail}");
    }
    for (word, says) in [
        ("last~3", "there are only 3 runs: no `last~3`"),
        ("2", "`2` begins the names of 3 runs"),
        ("yesterday", "there is no run `yesterday`"),
    ] {
        let ended = world.go(&["runs", word]);
        assert_eq!(ended.code, 2);
        assert!(ended.stderr.contains(says), "{}", ended.stderr);
        assert!(ended.stderr.contains("hint: "), "{}", ended.stderr);
    }
}

#[test]
fn a_profile_sees_its_own_runs() {
    let world = three();
    world.run(&["--profile", "short", "-S", "stages.first.rate=0.25"]);
    assert_eq!(world.ok(&["runs"]).stdout.lines().count(), 4);
    let short = world.ok(&["runs", "--profile", "short"]).stdout;
    assert_eq!(short.lines().count(), 1);
    assert!(short.contains("  short  done"), "{short}");
    assert_eq!(document(&world, &["last", "--profile", "short"])["pipeline"], "short");
}

#[test]
fn a_record_that_cannot_be_read_is_counted_and_hides_no_other() {
    let world = three();
    world.write("cache/runs/2020-01-01T00-00-00.000000Z.json", "{\"schema\": 1}");
    let ended = world.ok(&["runs"]);
    assert_eq!(ended.stdout.lines().count(), 3);
    assert!(ended.stderr.contains("note: 1 record of another version cannot be read"), "{}", ended.stderr);
    assert_eq!(document(&world, &[])["unreadable"], 1);
}

#[test]
fn where_nothing_ran_there_are_none() {
    let world = chain();
    assert_eq!(world.ok(&["runs"]).stdout, "");
    let ended = world.go(&["runs", "last"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("there is no run yet"), "{}", ended.stderr);
    assert!(!world.path("cache").exists());
}
