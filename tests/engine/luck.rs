//! Bad luck: failures, crashes, kills, meddling, and two runs at once.

use super::chain;
use crate::world::{Ended, World, is_empty, is_gone, only_child, state, wait_until};
use std::process::Command;

fn single(kind: &str) -> World {
    let world = World::fake(&format!(
        "[pipeline]\nname = 'p'\n[sources]\nwords = 'words'\n\
         [stages.good]\nkind = 'copy'\ninputs = {{ from = 'words' }}\n\
         [stages.bad]\nkind = '{kind}'\ninputs = {{ from = 'good' }}\n\
         [stages.after]\nkind = 'copy'\ninputs = {{ from = 'bad' }}\nnote = '.'\n"
    ));
    world.write("words/a.txt", "a");
    world
}

#[test]
fn a_failed_stage_exits_1_with_one_sentence_and_a_hint_and_loses_nothing() {
    let world = single("fail");
    let ended = world.go(&["run"]);
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("error: stage `bad` failed: it was told to fail"), "{}", ended.stderr);
    assert!(ended.stderr.contains("hint: do not use `fail`"), "{}", ended.stderr);
    assert_eq!(world.states(&[]), ["good fresh", "bad failed", "after blocked"]);
    world.edit("kind = 'fail'", "kind = 'copy'");
    assert_eq!(world.run(&[]), ["bad", "after"]);
}

#[test]
fn a_panic_is_a_bug_and_exits_70() {
    let ended = single("panic").go(&["run"]);
    assert_eq!(ended.code, 70);
    assert!(ended.stderr.contains("a bug on purpose"), "{}", ended.stderr);
}

#[test]
fn a_stage_that_ends_without_a_report_did_not_succeed() {
    let world = single("crash");
    let ended = world.go(&["run"]);
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("exit code 9 and without a report"), "{}", ended.stderr);
    assert_eq!(world.states(&[])[1], "bad failed");
}

#[test]
fn an_input_that_changes_during_the_run_is_not_recorded_as_fresh() {
    let world = World::fake(
        "[pipeline]\nname = 'p'\n[sources]\nwords = 'words'\n[stages.m]\nkind = 'meddle'\ninputs = { from = 'words' }\n",
    );
    world.write("words/a.txt", "a");
    let ended = world.go(&["run"]);
    assert_eq!(ended.code, 5);
    assert!(ended.stderr.contains("a.txt changed while stage `m` ran"), "{}", ended.stderr);
    assert_ne!(world.states(&[]), ["m fresh"]);
}

/// Starts a run with a slow stage and waits until that works.
fn slow() -> (World, std::process::Child) {
    let world = single("slow");
    let child = world.start(&["run"]);
    wait_until("the slow stage works", || world.path("cache/scratch/bad/out").is_dir());
    std::thread::sleep(std::time::Duration::from_millis(200));
    (world, child)
}

pub fn signal(name: &str, process: u32) {
    assert!(Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status().unwrap().success());
}

#[test]
fn a_signal_stops_the_run_and_its_child_with_75() {
    for name in ["INT", "TERM"] {
        let (world, child) = slow();
        signal(name, child.id());
        let ended: Ended = child.wait_with_output().unwrap().into();
        assert_eq!(ended.code, 75, "{}", ended.stderr);
        assert!(ended.stderr.contains("hint: what has ended is kept: run again to go on"), "{}", ended.stderr);
        assert!(is_empty(&world.path("cache/scratch/bad/out")));
        assert_eq!(world.states(&[]), ["good fresh", "bad never_run", "after blocked"]);
    }
}

#[test]
fn a_second_signal_kills_a_child_that_does_not_stop() {
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let (world, child) = slow();
        let stage = only_child(child.id());
        // It cannot hear that it is asked to stop.
        signal("STOP", stage);
        wait_until("it stands still", || state(stage).contains(") T "));
        signal(name, child.id());
        std::thread::sleep(std::time::Duration::from_millis(200));
        signal(name, child.id());
        let ended: Ended = child.wait_with_output().unwrap().into();
        assert_eq!(ended.code, code, "{}", ended.stderr);
        wait_until("it is gone", || is_gone(stage));
        assert_eq!(world.states(&[])[0], "good fresh");
    }
}

#[test]
fn after_a_kill_the_lock_is_free_the_child_is_gone_and_finished_stages_stay() {
    let (world, mut child) = slow();
    let stage = only_child(child.id());
    signal("KILL", child.id());
    child.wait().unwrap();
    wait_until("the orphan ends itself", || is_gone(stage));
    assert_eq!(world.states(&[])[0], "good fresh");
    world.edit("kind = 'slow'", "kind = 'copy'");
    assert_eq!(world.run(&[]), ["bad", "after"]);
}

#[test]
fn two_runs_at_once_do_not_meet() {
    let (world, mut child) = slow();
    let ended = world.go(&["run"]);
    assert_eq!(ended.code, 4);
    assert!(ended.stderr.contains(&format!("another run (process {}) holds", child.id())), "{}", ended.stderr);
    // Looking takes no lock.
    assert_eq!(world.states(&[])[0], "good fresh");
    signal("TERM", child.id());
    child.wait().unwrap();
}

#[test]
fn a_missing_source_is_told_before_anything_runs() {
    let world = chain();
    std::fs::remove_dir_all(world.path("words")).unwrap();
    assert_eq!(world.go(&["run", "-n"]).code, 1);
    let ended = world.go(&["run"]);
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("source `words`: there is no "), "{}", ended.stderr);
    assert!(ended.stderr.contains("--set sources.words=PATH"), "{}", ended.stderr);
    assert!(!world.path("cache").exists());
    assert_eq!(world.states(&[])[0], "first blocked");
}
