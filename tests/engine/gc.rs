//! `gc`: what goes, and what stays because something needs it.

use super::chain;
use crate::world::{World, is_empty};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let entries = walkdir::WalkDir::new(folder).into_iter().flatten();
    entries.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path).collect()
}

fn document(world: &World, args: &[&str]) -> Value {
    let ended = world.ok(&[&["gc", "--json"], args].concat());
    serde_json::from_str(&ended.stdout).expect("one JSON document")
}

/// The pieces that went, by sort.
fn sorts(document: &Value) -> Vec<&str> {
    let pieces = document["removed"].as_array().expect("pieces");
    pieces.iter().map(|piece| piece["sort"].as_str().expect("a sort")).collect()
}

/// Makes everything in a room of the cache look as if it had not been used for a hundred days, and runs that long ago.
fn age(world: &World) {
    let then = SystemTime::now() - Duration::from_hours(100 * 24);
    for room in ["records", "runs", "checkpoints"] {
        for file in files(&world.path("cache").join(room)) {
            let mut permissions = fs::metadata(&file).expect("a file").permissions();
            #[expect(clippy::permissions_set_readonly_false, reason = "a file of the test's own")]
            permissions.set_readonly(false);
            fs::set_permissions(&file, permissions).expect("opens");
            fs::File::options().write(true).open(&file).expect("opens").set_modified(then).expect("sets a time");
        }
    }
    for file in files(&world.path("cache/runs")) {
        let mut run: Value = serde_json::from_slice(&fs::read(&file).expect("reads")).expect("JSON");
        run["started"] = "2020-01-01T00:00:00Z".into();
        fs::write(&file, run.to_string()).expect("writes");
        fs::File::options().write(true).open(&file).expect("opens").set_modified(then).expect("sets a time");
    }
}

/// A chain that ran as it is, and before that with another note.
fn twice() -> World {
    let world = chain();
    world.edit("note = \"!\"", "note = \"?\"");
    world.run(&[]);
    world.edit("note = \"?\"\n\n", "note = \"!\"\n\n");
    world.run(&[]);
    world
}

#[test]
fn without_limits_only_what_nothing_names_goes() {
    let world = twice();
    let before = files(&world.path("cache"));
    let document = document(&world, &[]);
    assert_eq!(sorts(&document), [""; 0]);
    assert_eq!(files(&world.path("cache")), before);
    assert!(world.ok(&["gc"]).stdout.starts_with("nothing to free; the cache holds "));
    // What runs that were killed leave: half an output, an output without a record, a file about to be renamed.
    world.write("cache/scratch/first/out/text/text.txt", "half");
    let stray = format!("cache/objects/ab/ab{}", "0".repeat(62));
    world.write(&format!("{stray}/text.txt"), "nobody's");
    world.write("cache/records/.tmpAbCdEf", "half a record");
    fs::create_dir_all(world.path("cache/out/first")).expect("makes");
    std::os::unix::fs::symlink("nowhere", world.path("cache/out/first/.text.new")).expect("links");
    let document = self::document(&world, &[]);
    assert_eq!(sorts(&document), ["output", "leftover", "leftover", "leftover"]);
    assert!(is_empty(&world.path("cache/scratch")));
    assert_eq!(files(&world.path("cache")), before);
    assert_eq!(world.run(&[]), [""; 0]);
}

#[test]
fn a_dry_run_says_what_would_go_and_takes_nothing_away() {
    let world = twice();
    age(&world);
    let before = files(&world.path("cache"));
    let args = ["--max-age", "30d", "--keep-runs", "1"];
    let ended = world.ok(&[&["gc", "-n"], &args[..]].concat());
    assert_eq!(files(&world.path("cache")), before);
    assert!(ended.stdout.contains("record     "), "{}", ended.stdout);
    assert!(ended.stdout.contains("  copy  "), "{}", ended.stdout);
    assert!(ended.stdout.contains("would free "), "{}", ended.stdout);
    let would = document(&world, &[&["--dry-run"], &args[..]].concat());
    let did = document(&world, &args);
    assert_eq!(would["removed"], did["removed"]);
    assert_eq!(would["bytes_after"], did["bytes_after"]);
    assert!(files(&world.path("cache")).len() < before.len());
}

#[test]
fn old_results_go_and_current_ones_stay_however_old() {
    let world = twice();
    age(&world);
    let document = document(&world, &["--max-age", "30d", "--keep-runs", "0"]);
    let order = ["run", "record", "pointer", "output", "checkpoint", "leftover"];
    let places = sorts(&document).into_iter().map(|sort| order.iter().position(|known| *known == sort));
    assert!(places.is_sorted(), "records go before the outputs that they name");
    // Of the run with another note: three stages, for `first` is the same; `last` gives what `both` gives.
    assert_eq!(sorts(&document).iter().filter(|sort| **sort == "record").count(), 3);
    assert_eq!(sorts(&document).iter().filter(|sort| **sort == "output").count(), 2);
    assert_eq!(world.run(&[]), [""; 0]);
    assert_eq!(world.read("cache/out/last/text/text.txt"), "ALPHA BETA ALPHA BETA !");
    world.edit("note = \"!\"\n\n", "note = \"?\"\n\n");
    assert_eq!(world.run(&[]), ["side", "both", "last"]);
}

#[test]
fn young_results_stay_and_one_that_a_run_has_looked_at_is_young() {
    let world = twice();
    assert_eq!(sorts(&document(&world, &["--max-age", "30d", "--keep-runs", "0"])), [""; 0]);
    age(&world);
    // A run that finds two of the old results as they are, and makes one anew.
    world.run(&["-S", "stages.side.note=?", "-f", "last"]);
    world.run(&["-f", "last"]);
    assert_eq!(sorts(&document(&world, &["--max-age", "30d", "--keep-runs", "0"])), ["run", "run"]);
    assert_eq!(world.run(&["-S", "stages.side.note=?"]), [""; 0]);
}

#[test]
fn what_the_last_runs_gave_survives() {
    let world = twice();
    age(&world);
    assert_eq!(sorts(&document(&world, &["--max-age", "30d"])), [""; 0], "ten runs are kept");
    assert_eq!(sorts(&document(&world, &["--max-age", "30d", "--keep-runs", "2"])), [""; 0]);
    world.ok(&["diff", "last~1", "last"]);
}

#[test]
fn what_a_lock_names_survives() {
    let world = twice();
    let lock = world.read("pipeline.lock");
    // The current results are others than the lock file's, and no run is kept.
    world.run(&["-S", "stages.side.note=?"]);
    world.run(&["-S", "stages.side.note=..."]);
    age(&world);
    let document = document(&world, &["--max-age", "30d", "--max-size", "1B", "--keep-runs", "0"]);
    assert!(sorts(&document).contains(&"record"));
    assert_eq!(world.run(&["--locked"]), [""; 0]);
    assert_eq!(world.read("pipeline.lock"), lock);
    assert_eq!(world.run(&["-S", "stages.side.note=?"]), ["side", "both", "last"]);
}

#[test]
fn what_another_profile_needs_survives_unless_the_pipeline_has_the_stage_no_more() {
    let world = chain();
    world.edit("inputs = { from = \"both\" }", "inputs = { from = \"both\" }\nnote = \".\"");
    world.run(&["--profile", "short"]);
    fs::remove_file(world.path("pipeline.short.lock")).expect("removes");
    world.run(&[]);
    age(&world);
    let args = ["--max-age", "30d", "--keep-runs", "0"];
    assert_eq!(sorts(&document(&world, &args)), ["run", "run"]);
    assert_eq!(world.run(&["--profile", "short"]), [""; 0]);
    assert_eq!(world.run(&[]), [""; 0]);
    fs::remove_file(world.path("pipeline.lock")).expect("removes");
    world.edit("[stages.last]\nkind = \"copy\"\ninputs = { from = \"both\" }\nnote = \".\"\n", "");
    world.edit("[profiles.short.stages.last]\nremove = true\n", "");
    age(&world);
    let document = document(&world, &args);
    assert_eq!(sorts(&document), ["record", "output"], "{document:#}");
    assert!(fs::symlink_metadata(world.path("cache/out/last/text")).is_err(), "its link goes with it");
}

#[test]
fn the_longest_unused_go_until_the_cache_is_small_enough_and_what_is_needed_is_said() {
    let world = chain();
    world.write("words/a.txt", "x".repeat(100_000));
    for note in ["n1", "n2", "n3"] {
        world.run(&["-S", &format!("stages.side.note={note}")]);
    }
    world.run(&[]);
    let before = document(&world, &["-n"])["bytes_before"].as_u64().expect("bytes");
    let size = before - 250_000;
    let one = document(&world, &["--keep-runs", "0", "--max-size", &format!("{size}B")]);
    assert!(one["bytes_after"].as_u64().expect("bytes") <= size);
    assert!(one["bytes_after"].as_u64().expect("bytes") > size - 300_000, "no more than has to: {one:#}");
    // The oldest went.
    assert_ne!(world.run(&["-S", "stages.side.note=n1"]), [""; 0]);
    assert_eq!(world.run(&["-S", "stages.side.note=n3"]), [""; 0]);
    let ended = world.ok(&["gc", "--keep-runs", "0", "--max-size", "1kB"]);
    assert!(ended.stderr.contains("is more than 1 kB: the rest is needed by current results"), "{}", ended.stderr);
    assert_eq!(world.run(&[]), [""; 0]);
}

#[test]
fn a_file_that_two_results_share_is_not_counted_as_freed() {
    let world = World::fake(
        "[pipeline]\nname = 'p'\n[sources]\nwords = 'words'\n[stages.each]\nkind = 'each'\ninputs = { from = 'words' }\n",
    );
    for name in ["a", "b"] {
        world.write(&format!("words/{name}.txt"), name.repeat(50_000));
    }
    world.run(&[]);
    world.write("words/b.txt", "c".repeat(50_000));
    world.run(&[]);
    age(&world);
    let document = document(&world, &["--max-age", "1d", "--keep-runs", "0"]);
    let output = document["removed"].as_array().expect("pieces").iter().find(|piece| piece["sort"] == "output");
    let bytes = output.expect("an output")["bytes"].as_u64().expect("bytes");
    assert!((50_000..60_000).contains(&bytes), "only one of its two files was its own: {bytes}");
    assert_eq!(world.run(&[]), [""; 0]);
    world.ok(&["verify"]);
}

#[test]
fn a_checkpoint_stays_unless_it_is_old() {
    let world = twice();
    let path = format!("cache/checkpoints/{}/{}/state", "1".repeat(64), "2".repeat(64));
    world.write(&path, "half trained");
    world.ok(&["gc"]);
    assert!(world.path(&path).exists());
    age(&world);
    world.ok(&["gc"]);
    assert!(world.path(&path).exists());
    assert_eq!(sorts(&document(&world, &["--max-age", "30d"])), ["checkpoint"]);
    assert!(!world.path("cache/checkpoints").exists() || is_empty(&world.path("cache/checkpoints")));
}

#[test]
fn the_journal_of_openings_is_never_touched() {
    let world = World::fake(
        "[pipeline]\nname = 'p'\n[sources]\nwords = 'words'\n[stages.s]\nkind = 'score'\ninputs = { from = 'words' }\n",
    );
    world.write("words/a.txt", "a");
    world.run(&[]);
    world.write("words/a.txt", "aa");
    world.run(&[]);
    let openings = world.read("cache/openings.jsonl");
    age(&world);
    assert!(sorts(&document(&world, &["--max-age", "1d", "--max-size", "1B", "--keep-runs", "0"])).contains(&"record"));
    assert_eq!(world.read("cache/openings.jsonl"), openings);
}

#[test]
fn a_lock_file_that_cannot_be_read_stops_it_and_another_programs_does_not() {
    let world = twice();
    age(&world);
    let before = files(&world.path("cache"));
    world.write("Cargo.lock", "version = 4\n[[package]]\nname = 'x'\n");
    world.write("pipeline.tiny.lock", "<<<<<<< mine\n");
    let ended = world.go(&["gc", "--max-age", "1d", "--keep-runs", "0"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("pipeline.tiny.lock cannot be read"), "{}", ended.stderr);
    assert_eq!(files(&world.path("cache")), before);
    fs::remove_file(world.path("pipeline.tiny.lock")).expect("removes");
    world.ok(&["gc", "--max-age", "1d", "--keep-runs", "0"]);
}

#[test]
fn limits_that_are_none_are_refused_and_where_nothing_ran_there_is_nothing_to_free() {
    let world = chain();
    for (flag, value) in [("--max-age", "soon"), ("--max-age", "3mo"), ("--max-size", "big"), ("--keep-runs", "-1")] {
        assert_eq!(world.go(&["gc", flag, value]).code, 2, "{flag} {value}");
    }
    assert_eq!(world.ok(&["gc"]).stdout, "nothing to free; the cache holds 0 kB\n");
    assert!(!world.path("cache").exists());
}

#[test]
fn killed_at_any_instant_it_leaves_nothing_that_is_fresh_and_not_there() {
    let world = chain();
    world.write("words/a.txt", "alpha ".repeat(2000));
    for round in 0..12u64 {
        // Results that can go, and those of now.
        for note in 0..4 {
            world.run(&["-S", &format!("stages.first.note=n{round}.{note}")]);
        }
        world.run(&[]);
        age(&world);
        let count = || files(&world.path("cache/records")).len() + files(&world.path("cache/objects")).len();
        let before = count();
        let mut child = world.start(&["gc", "--max-age", "1d", "--keep-runs", "0"]);
        // Killed after so many files are gone: in the midst of the records, or of the outputs.
        while count() + 2 * round as usize >= before && child.try_wait().expect("looks").is_none() {}
        child.kill().expect("kills");
        child.wait().expect("ends");
        for note in 0..4 {
            let set = format!("stages.first.note=n{round}.{note}");
            let ended = world.ok(&["status", "--json", "-S", &set]);
            let status: Value = serde_json::from_str(&ended.stdout).expect("JSON");
            for stage in status["stages"].as_array().expect("stages").iter().filter(|stage| stage["state"] == "fresh") {
                let digest = stage["outputs"]["text"].as_str().expect("a digest");
                let object = world.path("cache/objects").join(&digest[..2]).join(digest);
                assert!(object.join("text.txt").is_file(), "{stage:#}");
            }
        }
        assert_eq!(world.run(&[]), [""; 0], "what is needed was never touched");
    }
    world.ok(&["verify", "--objects"]);
    world.ok(&["gc"]);
    assert_eq!(sorts(&document(&world, &[])), [""; 0]);
}

#[test]
fn it_waits_for_no_run_and_harms_none() {
    let world = World::fake(
        "[pipeline]\nname = 'p'\n[sources]\nwords = 'words'\n[stages.s]\nkind = 'slow'\ninputs = { from = 'words' }\n",
    );
    world.write("words/a.txt", "a");
    let mut run = world.start(&["run"]);
    crate::world::wait_until("the stage runs", || world.path("cache/scratch/s/action.json").exists());
    for args in [&["gc"][..], &["gc", "-n"]] {
        let ended = world.go(args);
        assert_eq!(ended.code, 4, "{}", ended.stderr);
    }
    assert!(world.path("cache/scratch/s/action.json").exists());
    world.ok(&["runs"]);
    world.ok(&["status"]);
    run.kill().expect("kills");
    run.wait().expect("ends");
}
