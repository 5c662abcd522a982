//! Stages that work item by item: what an earlier run made is not made again, and the result is what a run from scratch
//! gives.

use crate::world::{World, events, text};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

const EACH: &str = "[pipeline]\nname = 'p'\n[sources]\nwords = 'words'\nmore = 'more'\n\
    [stages.e]\nkind = 'each'\ninputs = { from = 'words', with = 'more' }\nnote = '!'\n\
    [profiles.other.sources]\nwords = 'others'\n";

/// `a.txt`, `b.txt` and `c.txt`, worked through once.
fn ran() -> World {
    let world = World::fake(EACH);
    for name in ["a", "b", "c"] {
        world.write(&format!("words/{name}.txt"), name);
    }
    world.write("more/more.txt", "+");
    assert_eq!(made(&world, &[]), ["a.txt", "b.txt", "c.txt"]);
    world
}

/// Runs, and says which items were made rather than reused.
#[track_caller]
fn made(world: &World, args: &[&str]) -> Vec<String> {
    let ended = world.ok(&[&["run", "--json"], args].concat());
    let notes = events(&ended.stdout, "stage_note").into_iter().map(|event| text(&event["note"]));
    notes.filter_map(|note| note.strip_prefix("made ").map(str::to_owned)).collect()
}

/// Where the object of the stage's output lies, from `cache/`.
fn object(world: &World) -> PathBuf {
    let link = fs::read_link(world.path("cache/out/e/text")).expect("an output");
    link.strip_prefix("../..").expect("into the store").to_owned()
}

/// The same files worked through in a world without a past give the same object.
#[track_caller]
fn as_from_scratch(world: &World) {
    let fresh = World::fake(&world.read("pipeline.toml"));
    for folder in ["words", "more"] {
        for entry in fs::read_dir(world.path(folder)).expect("a folder").flatten() {
            let name = format!("{folder}/{}", entry.file_name().display());
            fresh.write(&name, world.read(&name));
        }
    }
    fresh.ok(&["run"]);
    assert_eq!(object(world), object(&fresh));
    let output = world.path("cache/out/e/text");
    for entry in fs::read_dir(&output).expect("an output").flatten() {
        let name = format!("cache/out/e/text/{}", entry.file_name().display());
        assert_eq!(world.read(&name), fresh.read(&name));
    }
}

#[test]
fn an_added_item_is_made_and_no_other() {
    let world = ran();
    world.write("words/d.txt", "d");
    assert_eq!(made(&world, &[]), ["d.txt"]);
    assert_eq!(world.read("cache/out/e/text/d.txt"), "D+!");
    as_from_scratch(&world);
}

#[test]
fn a_removed_item_disappears_and_none_is_made() {
    let world = ran();
    fs::remove_file(world.path("words/b.txt")).unwrap();
    assert_eq!(made(&world, &[]), [""; 0]);
    assert!(!world.path("cache/out/e/text/b.txt").exists());
    as_from_scratch(&world);
}

#[test]
fn a_changed_item_is_made_and_no_other() {
    let world = ran();
    world.write("words/b.txt", "x");
    assert_eq!(made(&world, &[]), ["b.txt"]);
    as_from_scratch(&world);
    // The third run builds on the second, whose items are partly links to the first.
    world.write("words/c.txt", "y");
    assert_eq!(made(&world, &[]), ["c.txt"]);
    as_from_scratch(&world);
}

#[test]
fn a_renamed_item_is_made_under_its_new_name() {
    let world = ran();
    fs::rename(world.path("words/b.txt"), world.path("words/z.txt")).unwrap();
    assert_eq!(made(&world, &[]), ["z.txt"]);
    as_from_scratch(&world);
}

#[test]
fn items_that_change_places_are_both_made() {
    let world = ran();
    world.write("words/a.txt", "b");
    world.write("words/b.txt", "a");
    assert_eq!(made(&world, &[]), ["a.txt", "b.txt"]);
    as_from_scratch(&world);
}

#[test]
fn another_param_or_another_input_makes_every_item_and_switching_back_finds_the_items_of_then() {
    let world = ran();
    world.edit("note = '!'", "note = '?'");
    assert_eq!(made(&world, &[]).len(), 3);
    world.write("words/d.txt", "d");
    world.edit("note = '?'", "note = '!'");
    assert_eq!(made(&world, &[]), ["d.txt"]);
    as_from_scratch(&world);
    world.write("more/more.txt", "-");
    assert_eq!(made(&world, &[]).len(), 4);
    as_from_scratch(&world);
}

#[test]
fn another_stage_and_another_profile_profit_too() {
    let world = ran();
    world.write("others/a.txt", "a");
    world.write("others/d.txt", "d");
    assert_eq!(made(&world, &["--profile", "other"]), ["d.txt"]);
    let second = "[stages.s]\nkind = 'each'\ninputs = { from = 'others', with = 'more' }\nnote = '!'\n[profiles";
    world.edit("[profiles", second);
    world.edit("words = 'words'\n", "words = 'words'\nothers = 'others'\n");
    world.write("others/e.txt", "e");
    assert_eq!(made(&world, &["s"]), ["e.txt"]);
    assert_eq!(world.read("cache/out/s/text/a.txt"), "A+!");
}

#[test]
fn what_was_there_before_stays_as_it_was() {
    let world = ran();
    let first = object(&world);
    world.write("words/d.txt", "d");
    made(&world, &[]);
    assert_ne!(object(&world), first);
    let file = world.path("cache").join(&first).join("a.txt");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o444);
    fs::remove_file(world.path("words/d.txt")).unwrap();
    assert_eq!(made(&world, &[]), [""; 0]);
    assert_eq!(object(&world), first);
    assert_eq!(world.states(&[]), ["e fresh"]);
}

/// Changes a file of the stage's output behind the cache's back.
fn forge(world: &World, name: &str, content: &str) {
    let path = world.path("cache/out/e/text").join(name);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&path, content).unwrap();
}

#[test]
fn a_damaged_item_is_made_again_and_never_trusted() {
    let world = ran();
    // Of the same size.
    forge(&world, "a.txt", "Z+!");
    world.write("words/d.txt", "d");
    assert_eq!(made(&world, &[]), ["a.txt", "d.txt"]);
    as_from_scratch(&world);
    // Without any change of the words: the stage's own output is mended.
    forge(&world, "c.txt", "longer than it was");
    assert_eq!(world.states(&[]), ["e missing"]);
    assert_eq!(made(&world, &[]), ["c.txt"]);
    as_from_scratch(&world);
    assert_eq!(world.states(&[]), ["e fresh"]);
}

#[test]
fn where_the_earlier_output_is_gone_every_item_is_made() {
    let world = ran();
    fs::remove_dir_all(world.path("cache").join(object(&world))).unwrap();
    world.write("words/d.txt", "d");
    assert_eq!(made(&world, &[]).len(), 4);
    as_from_scratch(&world);
}

#[test]
fn an_item_of_two_inputs_is_made_when_its_part_of_either_changed() {
    let world = World::fake(
        "[pipeline]\nname = 'p'\n[sources]\nwords = 'words'\nmore = 'more'\n\
         [stages.e]\nkind = 'pairs'\ninputs = { from = 'words', with = 'more' }\n",
    );
    for name in ["a", "b", "c"] {
        world.write(&format!("words/{name}.txt"), name);
        world.write(&format!("more/{name}.txt"), "+");
    }
    assert_eq!(made(&world, &[]).len(), 3);
    world.write("words/a.txt", "x");
    assert_eq!(made(&world, &[]), ["a.txt"]);
    world.write("more/b.txt", "-");
    assert_eq!(made(&world, &[]), ["b.txt"]);
    world.write("words/d.txt", "d");
    world.write("more/d.txt", "+");
    assert_eq!(made(&world, &[]), ["d.txt"]);
    as_from_scratch(&world);
}

/// As [`ran`], of a kind whose items are lines of one file; without an input that it may have.
fn ran_lines() -> World {
    let world = World::fake(
        "[pipeline]\nname = 'p'\n[sources]\nwords = 'words'\nmore = 'more'\n\
         [stages.e]\nkind = 'lines'\ninputs = { from = 'words' }\nnote = '!'\n",
    );
    for name in ["a", "b", "c"] {
        world.write(&format!("words/{name}.txt"), name);
    }
    world.write("more/more.txt", "");
    assert_eq!(made(&world, &[]), ["a.txt", "b.txt", "c.txt"]);
    world
}

#[test]
fn items_that_share_a_file_are_taken_from_it_one_by_one() {
    let world = ran_lines();
    world.write("words/b.txt", "x");
    world.write("words/d.txt", "d");
    fs::remove_file(world.path("words/a.txt")).unwrap();
    assert_eq!(made(&world, &[]), ["b.txt", "d.txt"]);
    assert_eq!(world.read("cache/out/e/text/text.txt"), "b.txt X!\nc.txt C!\nd.txt D!\n");
    as_from_scratch(&world);
    world.edit("note = '!'", "note = '?'");
    assert_eq!(made(&world, &[]).len(), 3);
}

#[test]
fn items_that_share_a_damaged_file_are_all_made_again() {
    let world = ran_lines();
    forge(&world, "text.txt", "a.txt A!\nb.txt Z!\nc.txt C!\n");
    world.write("words/d.txt", "d");
    assert_eq!(made(&world, &[]).len(), 4);
    as_from_scratch(&world);
}

#[test]
fn an_item_wise_input_that_may_be_left_out_can_come_and_go() {
    let world = ran_lines();
    let with = "inputs = { from = 'words', with = 'more' }";
    world.edit("inputs = { from = 'words' }", with);
    // An empty text more changes no item.
    assert_eq!(made(&world, &[]), [""; 0]);
    world.write("more/more.txt", "+");
    assert_eq!(made(&world, &[]).len(), 3);
    world.edit(with, "inputs = { from = 'words' }");
    world.write("words/d.txt", "d");
    assert_eq!(made(&world, &[]).len(), 4);
    as_from_scratch(&world);
}

#[test]
fn a_forced_run_makes_every_item() {
    let world = ran();
    assert_eq!(made(&world, &["--force", "e"]).len(), 3);
    as_from_scratch(&world);
}

#[test]
fn an_item_that_is_not_the_file_recorded_is_a_bug() {
    let world = ran();
    let ended = world.go(&["run", "-S", "stages.e.lie=true"]);
    assert_eq!(ended.code, 70);
    assert!(ended.stderr.contains("item `a.txt` is not the file that was recorded"), "{}", ended.stderr);
}
