//! `diff`: two runs side by side.

use super::chain;
use crate::world::World;
use serde_json::Value;
use std::fs;

fn document(world: &World, args: &[&str]) -> Value {
    let ended = world.ok(&[&["diff", "--json"], args].concat());
    serde_json::from_str(&ended.stdout).expect("one JSON document")
}

fn names(document: &Value) -> Vec<&str> {
    document["stages"]
        .as_array()
        .expect("stages")
        .iter()
        .map(|stage| stage["stage"].as_str().expect("a name"))
        .collect()
}

#[test]
fn two_runs_differ_in_params_inputs_and_outputs_stage_by_stage() {
    let world = chain();
    world.run(&[]);
    world.edit("note = \"!\"", "note = \"?\"");
    world.run(&[]);
    let page = world.ok(&["diff"]).stdout;
    for row in ["| side | note | `\"!\"` | `\"?\"` |", "| both | input `parts` | 2 artifacts | 2 artifacts |"] {
        assert!(page.contains(row), "{page}");
    }
    assert!(page.contains("| side | text | "), "{page}");
    assert!(page.contains(" | 1 changed |"), "{page}");
    assert!(!page.contains("| first |"), "{page}");
    let document = document(&world, &[]);
    assert_eq!(names(&document), ["both", "last", "side"]);
    assert_eq!(document["stages"][2]["recipe"][0]["part"], "param");
    assert_eq!(document["stages"][2]["recipe"][0]["b"], "?");
    assert_eq!(document["a"]["run"]["outcome"], "done");
}

#[test]
fn equal_sides_have_no_difference() {
    let world = chain();
    world.run(&[]);
    for (a, b) in [("last", "last"), ("last", "now"), ("lock", "now"), ("lock", "last")] {
        let page = world.ok(&["diff", a, b]).stdout;
        assert!(page.ends_with("Nothing differs: the same recipes, the same bytes.\n"), "{a} {b}: {page}");
    }
}

#[test]
fn the_lock_file_and_the_current_results_are_sides_too_even_without_the_records() {
    let world = chain();
    world.run(&[]);
    world.run(&["-S", "stages.side.note=?"]);
    assert_eq!(names(&document(&world, &["lock", "now"])), ["both", "last", "side"]);
    for entry in fs::read_dir(world.path("cache/records")).expect("records").flatten() {
        fs::remove_file(entry.path()).expect("removes");
    }
    let page = world.ok(&["diff", "lock", "last"]).stdout;
    assert!(page.contains("- side: what it was made of: its record is gone from the cache"), "{page}");
    assert_eq!(world.go(&["diff", "lock", "now", "--profile", "short"]).code, 2);
}

#[test]
fn a_stage_that_only_one_side_has_is_said() {
    let world = chain();
    world.run(&["first"]);
    world.run(&[]);
    let page = world.ok(&["diff"]).stdout;
    assert!(page.contains("| last | | not there | there |"), "{page}");
    let page = world.ok(&["diff", "last", "last~1"]).stdout;
    assert!(page.contains("| last | | there | not there |"), "{page}");
}

/// A stage of figures and pictures, and a report that shows them.
fn measured() -> World {
    let world = World::fake(
        "[pipeline]\nname = 'p'\n[sources]\nfigures = 'figures'\n[stages.scores]\nkind = 'command'\n\
         inputs = { figures = 'figures' }\noutputs = { evaluation = 'text' }\n\
         run = 'cp $PLANTPIPE_INPUT_FIGURES/* $PLANTPIPE_OUTPUT_EVALUATION/'\n\
         [stages.report]\nkind = 'tell'\ninputs = { from = 'scores' }\n",
    );
    world.write("figures/curve.png", "one");
    world.write("figures/same.png", "same");
    figures(&world, "0.5", "0.25");
    world
}

fn figures(world: &World, exact: &str, precision: &str) {
    let splits = format!(
        r#"[{{"split":"test","images":4,"headline":{{"exact_match":{{"value":{exact},"low":0.2,"high":0.8}},
        "per_label":[{{"label":"rust","precision":{precision}}}]}}}}]"#
    );
    world.write("figures/evaluation.json", format!(r#"{{"schema":2,"splits":{splits}}}"#));
}

#[test]
fn figures_of_evaluations_stand_side_by_side_with_their_intervals() {
    let world = measured();
    world.run(&[]);
    figures(&world, "0.625", "0.5");
    world.run(&[]);
    let page = world.ok(&["diff"]).stdout;
    let row = "| scores | test.headline.exact_match | 0.5000 [0.2000, 0.8000] | 0.6250 [0.2000, 0.8000] | +0.1250 |";
    assert!(page.contains(row), "{page}");
    assert!(!page.contains("images"), "{page}");
    assert!(page.contains("And 1 figure of single labels: `-v` shows them."), "{page}");
    let row = "| scores | test.headline.per_label.rust.precision | 0.2500 | 0.5000 | +0.2500 |";
    assert!(world.ok(&["diff", "-v"]).stdout.contains(row));
    assert_eq!(document(&world, &[])["stages"][1]["metrics"][0]["b"]["value"], 0.625);
}

#[test]
fn pictures_of_two_reports_are_copied_side_by_side() {
    let world = measured();
    world.run(&[]);
    world.write("figures/curve.png", "two");
    world.write("figures/new.png", "new");
    world.run(&[]);
    let page = world.ok(&["diff"]).stdout;
    assert!(page.contains("2 pictures of the report differ: `curve.png`, `new.png`."), "{page}");
    assert_eq!(world.ok(&["diff", "--report", "side"]).stdout, "side/diff.md\n");
    let page = world.read("side/diff.md");
    assert!(page.contains("| ![curve.png](a/report/curve.png) | ![curve.png](b/report/curve.png) |"), "{page}");
    assert!(page.contains("| not there | ![new.png](b/report/new.png) |"), "{page}");
    assert_eq!(
        (world.read("side/a/report/curve.png"), world.read("side/b/report/curve.png")),
        ("one".into(), "two".into())
    );
    // Once more over what is there.
    world.ok(&["diff", "--report", "side"]);
}
