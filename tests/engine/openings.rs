//! How often test was opened: counted by the engine, told beside the report.

use crate::world::World;
use std::fs;

const SCORED: &str = "[pipeline]\nname = 'scored'\n[sources]\nwords = 'words'\n\
    [stages.c]\nkind = 'copy'\ninputs = { from = 'words' }\n\
    [stages.s]\nkind = 'score'\ninputs = { from = 'c' }\n\
    [stages.t]\nkind = 'tell'\ninputs = { from = 's' }\n\
    [profiles.other.stages.c]\nnote = 'longer'\n";

fn scored() -> World {
    let world = World::fake(SCORED);
    world.write("words/a.txt", "four");
    world.run(&[]);
    world
}

/// The sentence and the rows of the page beside the report.
fn told(world: &World) -> (String, Vec<String>) {
    let page = world.read("reports/scored/run.md");
    let (_, section) = page.split_once("## How often test was opened\n\n").expect("a section");
    let mut lines = section.lines().map(str::to_owned);
    (lines.next().expect("a sentence"), lines.filter(|line| line.starts_with("| scored |")).collect())
}

#[track_caller]
fn assert_opened(world: &World, times: &str, results: &str) {
    let (sentence, _) = told(world);
    assert!(sentence.contains(&format!("were opened **{times}** in this cache")), "{sentence}");
    assert!(sentence.contains(&format!("**{results}** came of it")), "{sentence}");
}

#[test]
fn each_run_that_scores_on_test_counts_and_a_fresh_one_does_not() {
    let world = scored();
    assert_opened(&world, "once", "1 different result");
    world.run(&[]);
    assert_opened(&world, "once", "1 different result");
    // Five letters: another run and another result.
    world.run(&["-S", "stages.c.note=!"]);
    assert_opened(&world, "2 times", "2 different results");
    // Back again: what was seen then is found, not seen anew.
    world.run(&["--force", "t"]);
    assert_opened(&world, "2 times", "2 different results");
}

#[test]
fn the_same_result_seen_again_is_opened_again_but_no_other_result() {
    let world = scored();
    // Other words, as many letters.
    world.write("words/a.txt", "five");
    world.run(&[]);
    assert_opened(&world, "2 times", "1 different result");
}

#[test]
fn every_profile_on_the_same_answers_counts_and_other_answers_do_not() {
    let world = scored();
    world.run(&["--profile", "other"]);
    let (sentence, rows) = told(&world);
    assert!(sentence.contains("opened **2 times**"), "{sentence}");
    assert!(rows[0].starts_with("| scored | none | s | 3 | once | 1 | "), "{rows:?}");
    assert!(rows[1].starts_with("| scored | other | s | 3 | once | 1 | "), "{rows:?}");
    world.run(&["-S", "stages.s.answers=b"]);
    assert_opened(&world, "once", "1 different result");
}

#[test]
fn the_count_outlives_the_records_and_a_torn_line() {
    let world = scored();
    fs::remove_dir_all(world.path("cache/records")).expect("removes");
    world.write("cache/openings.jsonl", world.read("cache/openings.jsonl") + "{\"time\":\"20");
    world.run(&[]);
    assert_opened(&world, "at least 2 times", "1 different result");
}

#[test]
fn a_report_of_nothing_scored_says_so() {
    let world = World::fake(&SCORED.replace("from = 's'", "from = 'c'"));
    world.write("words/a.txt", "four");
    world.run(&["t"]);
    let page = world.read("reports/scored/run.md");
    assert!(page.contains("This cache knows of no stage that scored anything against"), "{page}");
}
