//! Stages that keep a checkpoint: a run that was killed goes on from it, and ends as if nothing had happened.

use crate::world::{Ended, World, events, is_gone, only_child, text, wait_until};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

const COUNT: &str = "[pipeline]\nname = 'p'\n[sources]\nwords = 'words'\n\
    [stages.c]\nkind = 'count'\ninputs = { from = 'words' }\nto = 5\nlevel = false\n";

fn world() -> World {
    let world = World::fake(COUNT);
    world.write("words/a.txt", "w ");
    world
}

/// A run that is killed, with nothing to soften it, when it has counted to `number`.
fn killed_at(world: &World, number: u32) {
    world.write("hold", number.to_string());
    let mut run = world.start(&["run"]);
    wait_until("it has counted that far", || progress(world).iter().any(|p| p.starts_with(&format!("{number} of"))));
    let stage = only_child(run.id());
    run.kill().expect("kills");
    run.wait().expect("ends");
    // Until then it must not count on.
    wait_until("the orphan ends itself", || is_gone(stage));
    fs::remove_file(world.path("hold")).expect("removes");
}

/// The cards of all checkpoints.
fn cards(world: &World) -> Vec<PathBuf> {
    let below = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    let homes: Vec<PathBuf> = below(&world.path("cache/checkpoints"));
    let folders: Vec<PathBuf> = homes.iter().flat_map(|home| -> Vec<PathBuf> { below(home) }).collect();
    folders.iter().map(|folder| folder.join("checkpoint.json")).filter(|card| card.exists()).collect()
}

/// What all checkpoints say of themselves.
fn progress(world: &World) -> Vec<String> {
    let read = |card: &PathBuf| -> Option<serde_json::Value> { serde_json::from_slice(&fs::read(card).ok()?).ok() };
    cards(world).iter().filter_map(read).map(|card| text(&card["card"]["progress"])).collect()
}

/// Runs, and says what the stage noted.
#[track_caller]
fn noted(world: &World, args: &[&str]) -> Vec<String> {
    let ended = world.ok(&[&["run", "--json"], args].concat());
    events(&ended.stdout, "stage_note").iter().map(|event| text(&event["note"])).collect()
}

fn output(world: &World) -> String {
    world.read("cache/out/c/text/text.txt")
}

#[test]
fn a_killed_run_goes_on_and_does_nothing_twice() {
    let world = world();
    killed_at(&world, 3);
    assert_eq!(noted(&world, &[]), ["goes on after 3", "counts 4", "counts 5"]);
    assert_eq!(output(&world), "w 5 10 15 20 25 ");
    assert_eq!(progress(&world), [""; 0]);
    assert_eq!(world.run(&[]), [""; 0]);
}

#[test]
fn the_time_of_a_killed_try_counts_as_far_as_it_had_come() {
    let world = world();
    world.write("hold", "2");
    let mut run = world.start(&["run"]);
    let reaches = |number: u32| progress(&world).iter().any(|p| p.starts_with(&format!("{number} of")));
    wait_until("it has counted to 2", || reaches(2));
    std::thread::sleep(std::time::Duration::from_millis(400));
    world.write("hold", "4");
    wait_until("it has counted to 4", || reaches(4));
    let stage = only_child(run.id());
    run.kill().expect("kills");
    run.wait().expect("ends");
    wait_until("the orphan ends itself", || is_gone(stage));
    fs::remove_file(world.path("hold")).expect("removes");
    let ended = world.ok(&["run", "--json"]);
    let last_try = events(&ended.stdout, "stage_done")[0]["seconds"].as_f64().expect("seconds");
    let status: serde_json::Value = serde_json::from_str(&world.ok(&["status", "--json"]).stdout).expect("JSON");
    let all = status["stages"][0]["seconds"].as_f64().expect("seconds");
    assert!(all >= last_try + 0.4, "{all} s in all, {last_try} s of them the last try");
}

#[test]
fn a_checkpoint_that_waits_is_told() {
    let world = world();
    killed_at(&world, 3);
    assert_eq!(world.states(&[]), ["c interrupted"]);
    let status = world.ok(&["status"]).stdout;
    assert_eq!(status, "interrupted  c  count  a checkpoint waits: 3 of 5\n");
    assert_eq!(world.ok(&["why", "c"]).stdout, "c is interrupted:\n  a checkpoint waits: 3 of 5\n");
    assert_eq!(world.ok(&["run", "-n"]).stdout, "run     c  a checkpoint waits: 3 of 5\n");
    // It is of that recipe alone.
    assert_eq!(world.states(&["-S", "stages.c.level=true"]), ["c never_run"]);
}

#[test]
fn what_is_stale_and_interrupted_says_both() {
    let world = world();
    world.run(&[]);
    world.write("words/a.txt", "v ");
    killed_at(&world, 2);
    let why = world.ok(&["why", "c"]).stdout;
    let both = "c is interrupted:\n  input `from` changed: ~1 file (~a.txt)\n  a checkpoint waits: 2 of 5\n";
    assert!(why.starts_with(both), "{why}");
}

#[test]
fn another_recipe_leaves_a_checkpoint_alone_and_switching_back_goes_on_from_it() {
    let world = world();
    killed_at(&world, 3);
    world.write("words/a.txt", "v ");
    assert_eq!(noted(&world, &[]).len(), 5);
    world.write("words/a.txt", "w ");
    assert_eq!(world.states(&[]), ["c interrupted"]);
    assert_eq!(noted(&world, &[]), ["goes on after 3", "counts 4", "counts 5"]);
}

#[test]
fn a_failed_try_leaves_its_checkpoint() {
    let world = world();
    world.edit("level = false", "level = false\nfail = true");
    assert_eq!(world.go(&["run"]).code, 1);
    assert_eq!(world.states(&[]), ["c failed"]);
    let why = world.ok(&["why", "c"]).stdout;
    assert!(why.contains("  a checkpoint waits: 5 of 5\n  the last try failed: "), "{why}");
    assert!(world.go(&["run"]).stderr.contains("goes on after 5"));
}

#[test]
fn a_damaged_checkpoint_is_never_trusted() {
    let world = world();
    for damage in ["card", "cut", "other bytes"] {
        killed_at(&world, 3);
        let [card] = cards(&world).try_into().expect("one checkpoint");
        let folder = fs::read_dir(card.parent().expect("a folder")).expect("a folder").flatten();
        let mut states = folder.map(|e| e.path()).filter(|path| path.extension().is_some_and(|e| e == "state"));
        let state = states.next().expect("a state");
        match damage {
            "card" => fs::write(&card, fs::read_to_string(&card).unwrap().replace("3 of 5", "4 of 5")).unwrap(),
            "cut" => fs::write(&state, "5 10 1").unwrap(),
            _ => fs::write(&state, "5 10 16 ").unwrap(),
        }
        if damage != "other bytes" {
            assert_eq!(world.states(&[]), ["c never_run"], "{damage}");
        }
        let notes = noted(&world, &[]);
        assert!(notes[0].ends_with("is damaged") && notes[1] == "counts 1", "{damage}: {notes:?}");
        assert_eq!(output(&world), "w 5 10 15 20 25 ");
        fs::remove_dir_all(world.path("cache")).unwrap();
    }
}

#[test]
fn a_forced_run_begins_anew() {
    let world = world();
    killed_at(&world, 3);
    let notes = noted(&world, &["--force", "c"]);
    assert_eq!(notes, ["counts 1", "counts 2", "counts 3", "counts 4", "counts 5"]);
    assert_eq!(progress(&world), [""; 0]);
}

#[test]
fn more_is_asked_of_a_finished_run_and_it_goes_on_where_that_gives_the_same() {
    let world = world();
    world.edit("level = false", "level = true");
    world.run(&[]);
    world.edit("to = 5", "to = 7");
    assert_eq!(world.states(&[]), ["c stale"]);
    assert_eq!(noted(&world, &[]), ["goes on after 5", "counts 6", "counts 7"]);
    let straight = world.read("cache/out/c/text/text.txt");
    fs::remove_dir_all(world.path("cache")).unwrap();
    assert_eq!(noted(&world, &[]).len(), 7);
    assert_eq!(output(&world), straight);
}

#[test]
fn more_is_asked_and_it_begins_anew_where_that_would_give_other_bytes() {
    let world = world();
    killed_at(&world, 3);
    world.edit("to = 5", "to = 7");
    let notes = noted(&world, &[]);
    assert_eq!(notes[..2], ["a steep count begins anew", "counts 1"]);
    // What waits of the shorter one is not lost.
    world.edit("to = 7", "to = 5");
    assert_eq!(noted(&world, &[])[0], "goes on after 3");
}

/// The child of a run, held at a number and told `orders` on its standard input, and how it ended.
fn told(world: &World, orders: &str) -> Ended {
    killed_at(world, 2);
    world.write("hold", "3");
    let mut command = world.command(&["exec", "cache/scratch/c/action.json"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until("it has counted to 3", || progress(world) == ["3 of 5"]);
    child.stdin.as_mut().expect("piped").write_all(orders.as_bytes()).unwrap();
    // Waiting closes its standard input: what it was told first must be heard first.
    if !orders.is_empty() {
        wait_until("it has ended", || child.try_wait().expect("asks").is_some());
    }
    child.wait_with_output().unwrap().into()
}

#[test]
fn a_child_that_is_told_to_stop_leaves_a_checkpoint_and_says_so() {
    let world = world();
    let ended = told(&world, "stop\n");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let report: serde_json::Value = serde_json::from_str(&world.read("cache/scratch/c/report.json")).expect("JSON");
    assert_eq!(report["outcome"], "stopped");
    fs::remove_file(world.path("hold")).unwrap();
    assert_eq!(noted(&world, &[]), ["goes on after 3", "counts 4", "counts 5"]);
}

#[test]
fn a_child_whose_parent_is_gone_ends_at_once() {
    let world = world();
    let ended = told(&world, "");
    assert_ne!(ended.code, 0);
    assert!(!world.path("cache/scratch/c/report.json").exists());
}

#[test]
fn a_child_that_keeps_no_checkpoint_ends_at_once_when_it_is_told_to_stop() {
    let world = World::fake(&COUNT.replace("'count'", "'slow'").replace("to = 5\nlevel = false\n", ""));
    world.write("words/a.txt", "w");
    let mut run = world.start(&["run"]);
    let action = world.path("cache/scratch/c/action.json");
    wait_until("it has started", || action.exists());
    run.kill().unwrap();
    run.wait().unwrap();
    let mut command = world.command(&["exec", "cache/scratch/c/action.json"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.as_mut().expect("piped").write_all(b"stop\n").unwrap();
    wait_until("it has ended", || child.try_wait().expect("asks").is_some());
    assert!(!world.path("cache/scratch/c/report.json").exists());
}
