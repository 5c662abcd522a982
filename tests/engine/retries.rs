//! Tries that are repeated.

use crate::world::{World, events};

fn stumbling(times: usize, more: &str) -> World {
    let world = World::fake(&format!(
        "[pipeline]\nname = 'p'\n[sources]\nwords = 'words'\n\
         [stages.walk]\nkind = 'stumble'\ntimes = {times}\ninputs = {{ from = 'words' }}\n{more}"
    ));
    world.write("words/a.txt", "a");
    world
}

#[test]
fn a_failed_try_is_repeated_as_often_as_allowed_and_told() {
    let world = stumbling(2, "");
    let ended = world.ok(&["run", "--json", "--retries", "2"]);
    let told = events(&ended.stdout, "stage_retried");
    assert_eq!(told.len(), 2);
    assert_eq!([&told[0]["failed"], &told[1]["failed"], &told[1]["of"]], [1, 2, 2]);
    assert_eq!(told[0]["message"], "it stumbled");
    assert_eq!(events(&ended.stdout, "stage_started").len(), 3);
    let run = std::fs::read_dir(world.path("cache/runs")).unwrap().flatten().next().unwrap();
    let record: serde_json::Value = serde_json::from_slice(&std::fs::read(run.path()).unwrap()).unwrap();
    assert_eq!(record["stages"][0]["failed_tries"], 2);
    assert_eq!(world.states(&[]), ["walk fresh"]);
}

#[test]
fn a_try_too_few_fails_and_the_stages_own_number_goes_before_the_flag() {
    let world = stumbling(2, "retries = 1\n");
    let ended = world.go(&["run", "--retries", "5"]);
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("again   walk  it stumbled (0.0 s); retry 1 of 1"), "{}", ended.stderr);
    assert!(ended.stderr.contains("error: stage `walk` failed: it stumbled"), "{}", ended.stderr);
    assert_eq!(world.read("tries").lines().count(), 2);
}

#[test]
fn a_bug_is_not_tried_again() {
    let world = World::fake(
        "[pipeline]\nname = 'p'\n[sources]\nwords = 'words'\n\
         [stages.bad]\nkind = 'panic'\ninputs = { from = 'words' }\nretries = 3\n",
    );
    world.write("words/a.txt", "a");
    let ended = world.go(&["run", "--json"]);
    assert_eq!(ended.code, 70);
    assert_eq!(events(&ended.stdout, "stage_started").len(), 1);
}

#[test]
fn how_a_stage_is_run_is_not_part_of_what_it_is() {
    let world = stumbling(0, "");
    world.ok(&["run"]);
    for conduct in ["retries=2", "resources={threads=1,gpu=1}", "frozen=false"] {
        assert_eq!(world.states(&["-S", &format!("stages.walk.{conduct}")]), ["walk fresh"]);
    }
}
