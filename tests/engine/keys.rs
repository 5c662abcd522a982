//! What makes a stage rerun, and what doesn't.

use super::chain;
use super::why::why;
use crate::world::World;
use std::fs::File;
use std::time::{Duration, SystemTime};

#[test]
fn a_second_run_starts_nothing_and_says_so() {
    let world = chain();
    assert_eq!(world.run(&[]), ["first", "side", "both", "last"]);
    assert_eq!(world.run(&[]), [""; 0]);
    assert!(world.ok(&["run"]).stderr.contains("nothing to do: 4 stages are fresh"));
    assert_eq!(world.read("cache/out/last/text/text.txt"), "ALPHA BETA ALPHA BETA !");
}

#[test]
fn touch_reruns_nothing() {
    let world = chain();
    world.run(&[]);
    let later = SystemTime::now() + Duration::from_secs(9);
    File::options().write(true).open(world.path("words/a.txt")).unwrap().set_modified(later).unwrap();
    assert_eq!(world.run(&[]), [""; 0]);
}

#[test]
fn a_byte_changed_without_a_change_of_size_or_time_is_seen() {
    let world = chain();
    world.run(&[]);
    world.run(&[]);
    let path = world.path("words/a.txt");
    let before = path.metadata().unwrap().modified().unwrap();
    world.write("words/a.txt", "alphb ");
    File::options().write(true).open(&path).unwrap().set_modified(before).unwrap();
    assert_eq!(world.run(&[]), ["first", "side", "both", "last"]);
}

#[test]
fn a_changed_byte_reruns_what_depends_on_it_and_no_more() {
    let world = chain();
    world.write("else/o.txt", "other");
    world.edit("other = \"other.txt\"", "other = \"else\"");
    world.edit("[stages.first]", "[stages.apart]\nkind = \"copy\"\ninputs = { from = \"other\" }\n\n[stages.first]");
    world.run(&[]);
    world.write("else/o.txt", "Other");
    assert_eq!(world.run(&[]), ["apart"]);
}

#[test]
fn an_upstream_that_gives_the_same_bytes_wakes_nothing() {
    let world = chain();
    world.run(&[]);
    world.write("words/a.txt", "Alpha ");
    // `join` writes upper case, so its bytes stay the same and `last` stays asleep.
    assert_eq!(world.run(&[]), ["first", "side", "both"]);
    let text = world.ok(&["run", "-f", "first"]).stderr;
    assert!(text.contains("the same bytes as before"), "{text}");
}

#[test]
fn a_param_switched_back_finds_the_old_result_at_once() {
    let world = chain();
    world.run(&[]);
    world.edit("note = \"!\"", "note = \"?\"");
    assert_eq!(world.run(&[]), ["side", "both", "last"]);
    assert_eq!(world.read("cache/out/last/text/text.txt"), "ALPHA BETA ALPHA BETA ?");
    world.edit("note = \"?\"\n\n", "note = \"!\"\n\n");
    assert_eq!(world.run(&[]), [""; 0]);
    assert_eq!(world.read("cache/out/last/text/text.txt"), "ALPHA BETA ALPHA BETA !");
}

#[test]
fn another_spelling_of_a_number_is_the_same_value() {
    let world = chain();
    world.run(&[]);
    world.edit("rate = 0.001", "rate = 1e-3");
    assert_eq!(world.run(&[]), [""; 0]);
}

#[test]
fn the_order_of_gathered_inputs_matters() {
    let world = chain();
    world.run(&[]);
    world.edit(r#"["first", "side"]"#, r#"["side", "first"]"#);
    assert_eq!(world.run(&[]), ["both", "last"]);
}

#[test]
fn a_renamed_file_is_a_change_and_a_hidden_one_is_not() {
    let world = chain();
    world.run(&[]);
    world.write("words/.DS_Store", "finder");
    assert_eq!(world.run(&[]), [""; 0]);
    std::fs::rename(world.path("words/a.txt"), world.path("words/c.txt")).unwrap();
    assert_eq!(world.run(&[])[0], "first");
}

#[test]
fn seed_and_device_matter_only_to_kinds_that_use_them() {
    let world = World::fake(
        "[pipeline]\nname = 'p'\nseed = 1\n[stages.s]\nkind = 'sign'\n[stages.c]\nkind = 'copy'\ninputs = { from = 's' }\n",
    );
    world.run(&[]);
    assert_eq!(world.read("cache/out/c/text/text.txt"), "1 cpu");
    assert_eq!(world.run(&["-S", "pipeline.seed=2"]), ["s", "c"]);
    let told = why(&world, &["s", "-S", "pipeline.seed=3"]);
    assert_eq!(told, "s is stale:\n  seed: 2 -> 3\nlast ran: seed: 1 -> 2\nbecause of it:\n  perhaps c\n");
}
