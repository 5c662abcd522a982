//! `verify`: every stored byte is hashed again, and results are made again to compare.

use super::chain;
use crate::world::{Ended, World, events, wait_until};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = walkdir::WalkDir::new(folder).into_iter().map(|entry| entry.expect("an entry"));
    let files = files.filter(|entry| entry.file_type().is_file());
    files.map(|entry| (entry.path().display().to_string(), fs::read(entry.path()).expect("reads"))).collect()
}

#[test]
fn what_comes_out_the_same_is_said_and_nothing_is_written() {
    let world = chain();
    world.run(&[]);
    let kept = || ["objects", "records", "stages", "runs"].map(|room| files(&world.path("cache").join(room)));
    let before = kept();
    let ended = world.ok(&["verify"]);
    let words: Vec<&str> = ended.stdout.lines().map(|line| line.split("  ").next().expect("a word")).collect();
    assert_eq!(words, ["same"; 4], "{}", ended.stdout);
    assert!(ended.stderr.contains("run     first  made again, to compare"), "{}", ended.stderr);
    assert_eq!(kept(), before);
    assert!(!world.path("cache/scratch/@verify").exists());
    assert_eq!(world.run(&[]), [""; 0]);
}

#[test]
fn one_stage_is_made_again_by_itself_and_objects_makes_none_again() {
    let world = chain();
    world.run(&[]);
    let one = world.ok(&["verify", "both"]);
    assert!(one.stdout.starts_with("same     both  made again in "), "{}", one.stdout);
    assert_eq!(one.stdout.lines().count(), 1);
    let objects = world.ok(&["verify", "--objects"]);
    assert_eq!(objects.stdout, "intact   first\nintact   side\nintact   both\nintact   last\n");
    assert_eq!(objects.stderr, "");
}

/// Changes a byte of an output so that its stat cache entry speaks of the new times and the old digest, as when a disk
/// loses a byte.
fn rot(world: &World, output: &str) {
    let path = world.path(output);
    let before = fs::read(&path).expect("reads");
    let after: Vec<u8> = before.iter().map(|byte| byte ^ 1).collect();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("opens");
    fs::write(&path, &after).expect("writes");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).expect("protects");
    let (old, new) = (blake3::hash(&before), blake3::hash(&after));
    let at = |bytes: &[u8]| bytes.windows(32).position(|window| window == new.as_bytes());
    let mut forged = false;
    // Until its times can be trusted, the stat cache keeps none of them.
    std::thread::sleep(std::time::Duration::from_millis(100));
    wait_until("the stat cache remembers the file", || {
        world.states(&[]);
        let files = fs::read_dir(world.path("cache/stat")).expect("a folder").flatten().map(|entry| entry.path());
        files.into_iter().any(|file| fs::read(file).is_ok_and(|bytes| at(&bytes).is_some()))
    });
    for file in fs::read_dir(world.path("cache/stat")).expect("a folder").flatten().map(|entry| entry.path()) {
        let mut bytes = fs::read(&file).expect("reads");
        if let Some(at) = at(&bytes) {
            bytes[at..at + 32].copy_from_slice(old.as_bytes());
            // The digest of all of it stands at the end.
            let end = bytes.len() - 32;
            let sum = blake3::hash(&bytes[..end]);
            bytes[end..].copy_from_slice(sum.as_bytes());
            fs::write(&file, bytes).expect("writes");
            forged = true;
        }
    }
    assert!(forged);
}

#[test]
fn a_byte_that_rotted_on_the_disk_is_found_named_and_made_again() {
    let world = chain();
    world.run(&[]);
    rot(&world, "cache/out/side/text/text.txt");
    assert_eq!(world.states(&[])[1], "side fresh", "no stat tells it");
    assert_eq!(world.run(&[]), [""; 0]);
    let ended = world.go(&["verify", "--objects"]);
    assert_eq!(ended.code, 5, "{}", ended.stderr);
    assert!(ended.stdout.contains("damaged  side   output `text`: text.txt"), "{}", ended.stdout);
    assert!(ended.stderr.contains("1 of 4 results is damaged in the cache"), "{}", ended.stderr);
    assert!(ended.stderr.contains("hint: make them again: plantpipe run"), "{}", ended.stderr);
    assert_eq!(world.states(&[])[1], "side missing");
    assert_eq!(world.run(&[]), ["side"]);
    assert_eq!(world.read("cache/out/side/text/text.txt"), "alpha beta !");
    world.ok(&["verify"]);
}

#[test]
fn what_reads_a_damaged_result_is_not_made_again_of_it() {
    let world = chain();
    world.run(&[]);
    rot(&world, "cache/out/side/text/text.txt");
    let ended = world.go(&["verify", "both"]);
    assert_eq!(ended.stdout, "unknown  both  blocked: side will run first\n");
    assert_eq!(ended.code, 1, "{}", ended.stderr);
}

/// draw (what `luck` in the home folder says) -> copy.
fn lucky() -> World {
    let world = World::fake(
        "[pipeline]\nname = 'p'\n[stages.draw]\nkind = 'command'\nrun = 'cat $HOME/luck > $PLANTPIPE_OUTPUT_LUCK/luck.txt'\n\
         outputs = { luck = 'text' }\n[stages.copy]\nkind = 'copy'\ninputs = { from = 'draw' }\n",
    );
    world.write("luck", "one\ntwo\nthree\n");
    world
}

fn go(world: &World, args: &[&str]) -> Ended {
    world.command(args).env("HOME", world.path("")).output().expect("starts").into()
}

#[test]
fn a_result_that_does_not_come_out_the_same_is_told_by_file_and_line() {
    let world = lucky();
    assert_eq!(go(&world, &["run"]).code, 0);
    world.write("luck", "one\nzwei\nthree\n");
    let ended = go(&world, &["verify"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let says = "differs  draw  output `luck`: luck.txt, line 2: recorded `two`, again `zwei`; made again in ";
    assert!(ended.stdout.starts_with(says), "{}", ended.stdout);
    assert!(ended.stdout.contains("same     copy"), "{}", ended.stdout);
    assert!(ended.stderr.contains("1 of 2 results is not reproducible"), "{}", ended.stderr);
    assert_eq!(world.read("cache/out/draw/luck/luck.txt"), "one\ntwo\nthree\n");
    let ended = go(&world, &["verify", "--json"]);
    let document: Value = serde_json::from_str(&ended.stdout).expect("one document");
    assert_eq!(document["stages"][0]["verdict"], "differs");
    assert_eq!(document["stages"][0]["line"]["number"], 2);
    assert_eq!(document["stages"][1]["verdict"], "same");
}

#[test]
fn a_result_that_cannot_be_made_again_is_a_failure() {
    let world = lucky();
    assert_eq!(go(&world, &["run"]).code, 0);
    fs::remove_file(world.path("luck")).expect("removes");
    let ended = go(&world, &["verify"]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert!(ended.stdout.starts_with("failed   draw  its program ended with exit code 1"), "{}", ended.stdout);
    assert!(ended.stderr.contains("1 of 2 results could not be made again"), "{}", ended.stderr);
}

#[test]
fn a_result_of_another_recipe_is_not_made_again_but_its_bytes_are_hashed() {
    let world = chain();
    world.run(&[]);
    rot(&world, "cache/out/last/text/text.txt");
    world.edit("note = \"!\"", "note = \"?\"");
    let ended = world.go(&["verify", "side", "last"]);
    assert!(ended.stdout.contains("unknown  side  stale: note: \"!\" -> \"?\""), "{}", ended.stdout);
    assert!(ended.stdout.contains("damaged  last  output `text`: text.txt"), "{}", ended.stdout);
    assert_eq!((ended.code, world.states(&[])[3].as_str()), (5, "last blocked"));
    assert_eq!(world.go(&["verify", "--objects"]).code, 5);
}

#[test]
fn where_nothing_ran_there_is_nothing_to_verify() {
    let world = chain();
    let ended = world.go(&["verify"]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("there is no result to verify"), "{}", ended.stderr);
    assert!(!world.path("cache").exists());
    world.run(&["first"]);
    let ended = world.go(&["verify", "side"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (1, "unknown  side  never run\n"));
}

#[test]
fn making_a_score_again_opens_test_for_nobody() {
    let world = World::fake(
        "[pipeline]\nname = 'p'\n[sources]\nwords = 'words'\n[stages.s]\nkind = 'score'\ninputs = { from = 'words' }\n",
    );
    world.write("words/a.txt", "a");
    let ended = world.ok(&["run", "--json"]);
    assert_eq!(events(&ended.stdout, "stage_done").len(), 1);
    let openings = world.read("cache/openings.jsonl");
    world.ok(&["verify"]);
    assert_eq!(world.read("cache/openings.jsonl"), openings);
}
