//! Why a stage is not fresh: every reason, exactly, and what follows from it.

use super::chain;
use crate::world::World;
use std::fs;

/// What `why` says, without dates and durations.
#[track_caller]
pub fn why(world: &World, args: &[&str]) -> String {
    let told = world.ok(&[&["why"], args].concat()).stdout;
    let line = |line: &str| {
        if let Some((_, reasons)) = line.strip_prefix("last ran ").and_then(|rest| rest.split_once(" s")) {
            return format!("last ran{reasons}\n");
        }
        let line = line.replace(", with the time that each took last:", ":");
        let is_timed = line.starts_with("  perhaps ") || line.starts_with("  run ");
        let line =
            if is_timed { line.trim_end_matches(|c: char| " .s".contains(c) || c.is_ascii_digit()) } else { &line };
        format!("{line}\n")
    };
    told.lines().map(line).collect()
}

#[test]
fn each_reason_is_named_and_what_follows_from_it() {
    let world = chain();
    world.run(&[]);
    assert_eq!(
        why(&world, &["last"]),
        "last is fresh: its recipe is recorded and its outputs are there\nlast ran, for the first time\n"
    );
    world.edit("rate = 0.001", "rate = 0.0003");
    world.write("words/a.txt", "gamma ");
    assert_eq!(
        why(&world, &["first"]),
        "first is stale:\n  rate: 0.001 -> 0.0003\n  input `from` changed: ~1 file (~a.txt)\nlast ran, for the first time\n\
         because of it:\n  perhaps side\n  perhaps both\n  perhaps last\n"
    );
    assert_eq!(
        why(&world, &["last"]),
        "last is blocked:\n  both will run first\n  \
         first is stale: rate: 0.001 -> 0.0003; input `from` changed: ~1 file (~a.txt)\nlast ran, for the first time\n"
    );
}

#[test]
fn what_a_stage_gave_is_told_at_length_by_why_and_in_short_by_status() {
    let world = chain();
    world.run(&[]);
    world.write("words/a.txt", "gamma ");
    world.run(&["first"]);
    assert!(why(&world, &["side"]).contains("  input `from` changed: ~1 file (~text.txt)\n"));
    let status = world.ok(&["status"]).stdout;
    assert!(status.contains("input `from` changed\n"), "{status}");
    assert!(status.contains("side will run first"), "{status}");
}

#[test]
fn a_stage_that_reran_and_gave_the_same_bytes_is_where_it_was_cut_off() {
    let world = chain();
    world.run(&[]);
    // `both` writes upper case: what changed in `first` ends there.
    world.write("words/a.txt", "ALPHA ");
    assert_eq!(world.run(&[]), ["first", "side", "both"]);
    let told = why(&world, &["last"]);
    assert_eq!(
        told,
        "last is fresh: its recipe is recorded and its outputs are there\n  \
         both reran (input `parts` changed), its bytes are the same: cut off here\nlast ran, for the first time\n"
    );
    let document: serde_json::Value =
        serde_json::from_str(&world.ok(&["why", "last", "--json"]).stdout).expect("a document");
    assert_eq!(document["cut_off"][0]["stage"], "both");
    assert_eq!(document["last_run"]["same_bytes"], false);
}

const PHOTOS: &str = "[pipeline]\nname = 'p'\n[sources]\nphotos = 'photos'\n\
    [stages.look]\nkind = 'look'\ninputs = { photos = 'photos' }\n\
    [stages.read]\nkind = 'rows'\ninputs = { photos = 'photos' }\n";

fn photos() -> World {
    let world = World::fake(PHOTOS);
    for name in ["a", "b", "c"] {
        world.write(&format!("photos/{name}.jpg"), name);
    }
    world.write("photos/labels.csv", "image,labels\na.jpg,rust\nb.jpg,scab\nc.jpg,healthy\n");
    world.run(&[]);
    world
}

#[test]
fn photographs_that_came_went_and_changed_are_counted_and_the_first_five_named() {
    let world = photos();
    fs::remove_file(world.path("photos/b.jpg")).unwrap();
    world.write("photos/c.jpg", "another");
    for number in 0..5 {
        world.write(&format!("photos/d{number}.jpg"), "new");
    }
    let told = why(&world, &["look"]);
    assert_eq!(
        told,
        "look is stale:\n  input `photos` changed: +5 -1 ~1 images \
         (-b.jpg, ~c.jpg, +d0.jpg, +d1.jpg, +d2.jpg, ...)\nlast ran, for the first time\n"
    );
    let document: serde_json::Value =
        serde_json::from_str(&world.ok(&["why", "look", "--json"]).stdout).expect("a document");
    let change = &document["changes"][0];
    assert_eq!((&change["what"], &change["name"]), (&"input".into(), &"photos".into()));
    let images = &change["change"]["artifacts"][0]["detail"]["images"];
    assert_eq!(images["added"], 5);
    assert_eq!(images["first"][0], "-b.jpg");
    assert!(world.ok(&["status"]).stdout.contains("input `photos` changed: +5 -1 ~1 images"));
}

#[test]
fn rows_of_a_table_are_named_by_their_first_column() {
    let world = photos();
    world.write("photos/labels.csv", "image,labels\na.jpg,rust\nb.jpg,healthy\nd.jpg,rust\n");
    assert_eq!(
        why(&world, &["read"]),
        "read is stale:\n  input `photos` changed: labels.csv: +1 -1 ~1 rows (~b.jpg, -c.jpg, +d.jpg)\n\
         last ran, for the first time\n"
    );
    // The pixels of photographs are not read here, but that they are there is.
    world.write("photos/a.jpg", "other pixels");
    world.write("photos/e.jpg", "e");
    let told = why(&world, &["read"]);
    assert!(told.contains("changed: +1 image (+e.jpg); labels.csv: +1 -1 ~1 rows"), "{told}");
    world.write("photos/labels.csv", "image,labels\r\nc.jpg,healthy\r\nb.jpg,scab\r\na.jpg,rust\r\n");
    let told = why(&world, &["read"]);
    assert!(told.contains("labels.csv: the same rows, written differently"), "{told}");
    world.write("photos/labels.csv", "image,label\na.jpg,rust\nb.jpg,scab\nc.jpg,healthy\n");
    let told = why(&world, &["read"]);
    assert!(told.contains("labels.csv: other columns\n"), "{told}");
}

#[test]
fn where_it_is_not_known_what_an_input_was_why_says_less() {
    let world = photos();
    fs::remove_dir_all(world.path("cache/inputs")).unwrap();
    world.write("photos/a.jpg", "another");
    assert!(why(&world, &["look"]).contains("  input `photos` changed\n"));
    // A list that is damaged is none.
    let world = photos();
    for entry in fs::read_dir(world.path("cache/inputs")).unwrap().flatten() {
        let mut bytes = fs::read(entry.path()).unwrap();
        bytes[12] ^= 1;
        fs::write(entry.path(), bytes).unwrap();
    }
    world.write("photos/a.jpg", "another");
    assert!(why(&world, &["look"]).contains("  input `photos` changed\n"));
}
