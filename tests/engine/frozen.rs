//! Frozen stages: never run while they have a result.

use super::chain;
use crate::world::{World, events, text};

/// The chain, run, then with `first` frozen and changed.
fn frozen() -> World {
    let world = chain();
    world.ok(&["run"]);
    world.edit("rate = 0.001", "rate = 0.002\nfrozen = true");
    world
}

#[test]
fn a_frozen_stage_is_not_run_and_what_follows_uses_its_last_result() {
    let world = frozen();
    assert_eq!(world.states(&[])[..2], ["first frozen", "side fresh"]);
    let ended = world.ok(&["run", "--json"]);
    assert_eq!(events(&ended.stdout, "stage_started").len(), 0);
    assert_eq!(events(&ended.stdout, "stage_frozen")[0]["reasons"][0], "rate: 0.001 -> 0.002");
    world.write("words/a.txt", "changed ");
    world.edit("note = \"!\"", "note = \"?\"");
    assert_eq!(world.run(&[]), ["side", "both", "last"]);
    assert_eq!(world.read("cache/out/side/text/text.txt"), "alpha beta ?");
    let why = world.ok(&["why", "first"]).stdout;
    assert!(why.contains("first is frozen: its last result is used, though it would be another by now:"), "{why}");
    assert!(why.contains("rate: 0.001 -> 0.002"), "{why}");
    world.edit("frozen = true", "frozen = false");
    assert_eq!(world.run(&["first"]), ["first"]);
}

#[test]
fn its_source_may_be_gone() {
    let world = frozen();
    std::fs::remove_dir_all(world.path("words")).unwrap();
    world.edit("note = \"!\"", "note = \"?\"");
    assert_eq!(world.run(&[]), ["side", "both", "last"]);
}

#[test]
fn one_without_a_result_or_with_a_damaged_one_is_refused() {
    let world = chain();
    world.edit("rate = 0.001", "frozen = true");
    assert_eq!(world.states(&[])[0], "first never_run");
    let ended = world.go(&["run"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("error: stage `first` is frozen, and it has no result yet"), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("hint: take `frozen` out of it, run it once, and freeze it again"),
        "{}",
        ended.stderr
    );

    let world = frozen();
    let object = std::fs::canonicalize(world.path("cache/out/first/text")).unwrap();
    std::fs::remove_dir_all(object).unwrap();
    assert_eq!(world.states(&[])[0], "first missing");
    let ended = world.go(&["run"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("frozen, and output `text` is gone from the cache"), "{}", ended.stderr);
}

#[test]
fn it_cannot_be_forced() {
    let ended = frozen().go(&["run", "-f", "first"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("stage `first` is frozen: it is not run"), "{}", ended.stderr);
}

#[test]
fn what_lies_above_it_is_not_needed_for_what_follows() {
    let world = chain();
    world.ok(&["run"]);
    world.edit(
        "inputs = { parts = [\"first\", \"side\"] }",
        "inputs = { parts = [\"first\", \"side\"] }\nfrozen = true",
    );
    world.edit("note = \"!\"", "note = \"?\"");
    assert_eq!(world.run(&["last"]), [""; 0]);
    assert_eq!(world.run(&[]), ["side"]);
}

#[test]
fn the_lineage_tells_the_recipe_that_was_used() {
    let world = World::fake(
        "[pipeline]\nname = 'p'\n[sources]\nwords = 'words'\n\
         [stages.a]\nkind = 'copy'\nnote = 'old'\ninputs = { from = 'words' }\n\
         [stages.t]\nkind = 'tell'\ninputs = { from = 'a' }\n",
    );
    world.write("words/a.txt", "a");
    world.ok(&["run"]);
    let told = |note: &str| {
        world.edit("note = 'old'", note);
        world.ok(&["run"]);
        let recipe = world.ok(&["why", "t", "--json"]).stdout;
        let recipe: serde_json::Value = serde_json::from_str(&recipe).unwrap();
        text(&recipe["recipe"]["lineage"])
    };
    let frozen = told("note = 'old'\nfrozen = true");
    assert_eq!(told("note = 'new'"), frozen, "what is declared is not what was used");
}
