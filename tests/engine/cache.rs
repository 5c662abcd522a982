//! What is kept, and what is told of it.

use super::chain;
use crate::world::World;
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn looking_makes_no_cache() {
    let world = chain();
    assert_eq!(world.states(&[]), ["first never_run", "side blocked", "both blocked", "last blocked"]);
    world.ok(&["why", "last"]);
    world.ok(&["run", "-n"]);
    assert!(!world.path("cache").exists());
}

#[test]
fn a_cache_that_cannot_be_written_can_be_looked_at_and_a_run_says_where_it_fails() {
    let world = chain();
    world.run(&["first"]);
    // A link to nowhere where the stat cache wants its folder, so that even root cannot make it.
    fs::remove_dir_all(world.path("cache/stat")).unwrap();
    std::os::unix::fs::symlink("/no such folder/stat", world.path("cache/stat")).unwrap();
    assert_eq!(world.states(&["first"]), ["first fresh"]);
    world.ok(&["why", "first"]);
    let ended = world.go(&["run"]);
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("error: cannot write "), "{}", ended.stderr);
    assert!(ended.stderr.contains("cache/stat"), "{}", ended.stderr);
}

#[test]
fn outputs_are_shown_read_only() {
    let world = chain();
    world.run(&[]);
    let mode = fs::metadata(world.path("cache/out/first/text/text.txt")).unwrap().permissions().mode();
    assert_eq!(mode & 0o222, 0);
    assert!(world.read("cache/CACHEDIR.TAG").starts_with("Signature: 8a477f597d28d172789f06886806bc55"));
    assert_eq!(world.read("cache/.gitignore"), "*\n");
}

#[test]
fn a_hand_edited_output_is_reported_and_restored() {
    let world = chain();
    world.run(&[]);
    let path = world.path("cache/out/side/text/text.txt");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&path, "forged").unwrap();
    assert_eq!(world.states(&[])[1], "side missing");
    assert!(world.ok(&["why", "side"]).stdout.contains("output `text` was altered in the cache: text.txt"));
    assert_eq!(world.run(&[]), ["side"]);
    assert_eq!(world.read("cache/out/side/text/text.txt"), "alpha beta !");
}

#[test]
fn an_output_removed_behind_a_record_is_made_again() {
    let world = chain();
    world.run(&[]);
    fs::remove_dir_all(fs::canonicalize(world.path("cache/out/first/text")).unwrap()).unwrap();
    assert_eq!(world.states(&[])[0], "first missing");
    assert_eq!(world.run(&[]), ["first"]);
    assert_eq!(world.run(&[]), [""; 0]);
}

#[test]
fn a_damaged_record_is_a_miss() {
    let world = chain();
    world.run(&[]);
    for entry in fs::read_dir(world.path("cache/records")).unwrap().flatten() {
        fs::write(entry.path(), "{").unwrap();
    }
    assert_eq!(world.run(&[]), ["first", "side", "both", "last"]);
}

#[test]
fn without_its_manifest_an_output_is_what_its_files_say() {
    let world = chain();
    world.run(&[]);
    let object = fs::canonicalize(world.path("cache/out/first/text")).unwrap();
    let manifest = fs::read(object.with_extension("json")).unwrap();
    fs::write(object.with_extension("json"), "{}").unwrap();
    assert_eq!(world.run(&[]), [""; 0]);
    // Forced to, it gives the same bytes again, and the manifest with them.
    assert_eq!(world.run(&["--force", "first"]), ["first"]);
    assert_eq!(fs::read(object.with_extension("json")).unwrap(), manifest);
    fs::write(object.with_extension("json"), "{}").unwrap();
    fs::set_permissions(object.join("text.txt"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(object.join("text.txt"), "forged").unwrap();
    assert_eq!(world.states(&[])[0], "first missing");
    assert_eq!(world.run(&[]), ["first"]);
    assert_eq!(fs::read(object.with_extension("json")).unwrap(), manifest);
}

#[test]
fn an_unreadable_stat_cache_is_an_empty_one() {
    let world = chain();
    world.run(&[]);
    for entry in fs::read_dir(world.path("cache/stat")).unwrap().flatten() {
        fs::write(entry.path(), "rubbish").unwrap();
    }
    assert_eq!(world.run(&[]), [""; 0]);
    // As an earlier version left it: one file.
    fs::remove_dir_all(world.path("cache/stat")).unwrap();
    world.write("cache/stat", "rubbish");
    assert_eq!(world.run(&[]), [""; 0]);
    assert!(world.path("cache/stat").is_dir());
}

const TOLD: &str = "[pipeline]\nname = 'told'\n[sources]\nwords = 'words'\n\
    [stages.c]\nkind = 'copy'\ninputs = { from = 'words' }\n[stages.t]\nkind = 'tell'\ninputs = { from = 'c' }\n";

#[test]
fn a_published_output_lands_in_reports_with_its_run_beside_it() {
    let world = World::fake(TOLD);
    world.write("words/a.txt", "a");
    world.run(&[]);
    assert_eq!(world.read("reports/told/report.md"), "words c t");
    let page = world.read("reports/told/run.md");
    assert!(page.contains("| c | ran |") && page.contains("| t | ran |"), "{page}");
}

#[test]
fn an_edited_report_is_restored_and_a_stranger_beside_it_is_left_alone() {
    let world = World::fake(TOLD);
    world.write("words/a.txt", "a");
    world.run(&[]);
    world.write("reports/told/report.md", "mine");
    world.write("reports/told/notes.txt", "mine too");
    let ended = world.ok(&["run"]);
    assert!(ended.stderr.contains("was edited by hand and is restored"), "{}", ended.stderr);
    assert_eq!(world.read("reports/told/report.md"), "words c t");
    assert_eq!(world.read("reports/told/notes.txt"), "mine too");
}

#[test]
fn a_stage_that_tells_what_lies_upstream_reruns_when_that_is_declared_differently() {
    let world = World::fake(TOLD);
    world.write("words/a.txt", "a");
    world.run(&[]);
    // The copy's bytes don't depend on `rate`, but the report names every param.
    assert_eq!(world.run(&["-S", "stages.c.rate=0.25"]), ["c", "t"]);
}
