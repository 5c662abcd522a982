//! Stages beside one another: threads shared out, failures and what goes on beside them.

use crate::world::{Ended, World, events, text, wait_until};

/// Stages that read `words`: `(name, the rest of its table)`.
fn beside(stages: &[(&str, &str)]) -> World {
    let mut pipeline = "[pipeline]\nname = 'p'\n[sources]\nwords = 'words'\n".to_owned();
    for (name, rest) in stages {
        let inputs = if rest.contains("from") || rest.contains("parts") { "" } else { "inputs = { from = 'words' }\n" };
        pipeline.push_str(&format!("[stages.{name}]\n{inputs}{rest}\n"));
    }
    let world = World::fake(&pipeline);
    world.write("words/a.txt", "a");
    world
}

/// Two that end only if they run at the same time.
const A: &str = "kind = 'meet'\nme = 'a'\nothers = ['b']";
const B: &str = "kind = 'meet'\nme = 'b'\nothers = ['a']";

pub fn two_that_meet() -> World {
    beside(&[("a", A), ("b", B)])
}

/// What a run told of stages: `started a 1`, `done a`, ...
pub fn story(ended: &Ended) -> Vec<String> {
    let lines = ended.stdout.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    let told = lines.filter_map(|event| {
        let sort = text(&event["event"]);
        let sort = sort.strip_prefix("stage_").filter(|sort| !["note", "progress"].contains(sort))?.to_owned();
        let threads = event.get("threads").map(|threads| format!(" {threads}")).unwrap_or_default();
        Some(format!("{sort} {}{threads}", text(&event["stage"])))
    });
    told.collect()
}

#[test]
fn two_of_a_kind_run_at_once_and_share_the_threads() {
    let world = two_that_meet();
    let ended = world.ok(&["run", "--json", "--threads", "4"]);
    assert_eq!(story(&ended)[..2], ["started a 2", "started b 2"]);
    let notes: Vec<String> = events(&ended.stdout, "stage_note").iter().map(|event| text(&event["note"])).collect();
    assert_eq!(notes, ["2 threads", "2 threads"]);
}

#[test]
fn those_of_different_kinds_run_one_after_another_unless_jobs_are_asked_for() {
    let stages = [("a", "kind = 'copy'"), ("b", "kind = 'join'\ninputs = { parts = 'words' }")];
    let ended = beside(&stages).ok(&["run", "--json", "--threads", "4"]);
    assert_eq!(story(&ended), ["started a 4", "done a", "started b 4", "done b"]);
    let ended = beside(&stages).ok(&["run", "--json", "--threads", "4", "-j", "2"]);
    assert_eq!(story(&ended)[..2], ["started a 2", "started b 2"]);
}

#[test]
fn with_one_job_or_one_thread_stages_run_one_after_another_in_order() {
    for few in [["-j", "1", "--threads", "3"], ["-j", "8", "--threads", "1"]] {
        let world = beside(&[("b", "kind = 'copy'\nnote = 'b'"), ("a", "kind = 'copy'\nnote = 'a'")]);
        let threads = few[3];
        let ended = world.ok(&[&["run", "--json"][..], &few].concat());
        let (b, a) = (format!("started b {threads}"), format!("started a {threads}"));
        assert_eq!(story(&ended), [b.as_str(), "done b", a.as_str(), "done a"]);
    }
}

#[test]
fn all_that_runs_never_holds_more_threads_than_there_are() {
    let stages: Vec<(String, String)> =
        (0..8).map(|at| (format!("s{at}"), format!("kind = 'copy'\nnote = '{at}'"))).collect();
    let stages: Vec<(&str, &str)> = stages.iter().map(|(name, rest)| (name.as_str(), rest.as_str())).collect();
    for jobs in [&[][..], &["-j", "3"], &["-j", "8"]] {
        let ended = beside(&stages).ok(&[&["run", "--json", "--threads", "5"], jobs].concat());
        let (mut held, mut most) = (0, 0);
        let mut threads = std::collections::BTreeMap::new();
        for told in story(&ended) {
            match told.split(' ').collect::<Vec<_>>()[..] {
                ["started", stage, number] => {
                    let number: usize = number.parse().unwrap();
                    threads.insert(stage.to_owned(), number);
                    held += number;
                }
                ["done", stage] => held -= threads[stage],
                _ => panic!("{told}"),
            }
            most = most.max(held);
        }
        assert_eq!((held, most), (0, 5), "{jobs:?}");
    }
}

#[test]
fn two_of_the_same_recipe_run_once() {
    let world = beside(&[("a", "kind = 'copy'"), ("b", "kind = 'copy'"), ("c", "kind = 'copy'\nnote = 'c'")]);
    let ended = world.ok(&["run", "--json", "--threads", "4", "-j", "4"]);
    let story = story(&ended);
    assert_eq!(story[..2], ["started a 2", "started c 2"]);
    assert!(story.contains(&"fresh b".to_owned()), "{story:?}");
    assert_eq!(world.states(&[]), ["a fresh", "b fresh", "c fresh"]);
}

#[test]
fn any_number_of_jobs_and_threads_gives_the_same_results() {
    let outputs = |args: &[&str]| {
        let world = super::chain();
        world.ok(&[&["run"], args].concat());
        let status = world.ok(&["status", "--json"]).stdout;
        let status: serde_json::Value = serde_json::from_str(&status).unwrap();
        let stages = status["stages"].as_array().unwrap().clone();
        stages.into_iter().map(|stage| (stage["key"].clone(), stage["outputs"].clone())).collect::<Vec<_>>()
    };
    let one = outputs(&["-j", "1", "--threads", "1"]);
    assert_eq!(outputs(&["-j", "4", "--threads", "8"]), one);
    assert_eq!(outputs(&["--threads", "3"]), one);
}

/// `bad` fails at once, and two depend on it; `long` ends when it may.
fn branches() -> World {
    beside(&[
        ("long", "kind = 'meet'\nme = 'long'\nothers = ['go']"),
        ("bad", "kind = 'fail'"),
        ("after", "kind = 'copy'\ninputs = { from = 'bad' }"),
        ("last", "kind = 'join'\ninputs = { parts = ['after', 'long'] }"),
        ("other", "kind = 'copy'\ninputs = { from = 'long' }\nnote = '!'"),
    ])
}

/// Runs with `args`, and lets `long` end when `bad` has failed.
fn go_on_after_the_failure(world: &World, args: &[&str]) -> Ended {
    let child = world.start(&[&["run", "--json", "-j", "2", "--threads", "2"], args].concat());
    wait_until("the failure is noted", || world.path("cache/stages/@base/bad.json").exists());
    world.write("met-go", "");
    child.wait_with_output().unwrap().into()
}

#[test]
fn after_a_failure_what_runs_ends_and_is_kept_and_nothing_new_starts() {
    let world = branches();
    let ended = go_on_after_the_failure(&world, &[]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert_eq!(story(&ended), ["started long 1", "started bad 1", "failed bad", "done long"]);
    assert!(ended.stderr.contains("stage `bad` failed: it was told to fail"), "{}", ended.stderr);
    let states = ["long fresh", "bad failed", "after blocked", "last blocked", "other never_run"];
    assert_eq!(world.states(&[]), states);
}

#[test]
fn with_keep_going_independent_branches_end_and_what_depends_on_a_failure_is_skipped() {
    let world = branches();
    let ended = go_on_after_the_failure(&world, &["--keep-going"]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    let expected = [
        "started long 1",
        "started bad 1",
        "failed bad",
        "skipped after",
        "skipped last",
        "done long",
        "started other 2",
        "done other",
    ];
    assert_eq!(story(&ended), expected);
    let last = &events(&ended.stdout, "run_failed")[0];
    assert_eq!([&last["ran"], &last["fresh"], &last["failed"], &last["skipped"]], [2, 0, 1, 2]);
    // What had ended is not run again.
    let again = world.go(&["run", "-k"]);
    assert_eq!(again.code, 1);
    assert!(again.stderr.contains(" s, 2 fresh, 1 failed, 2 skipped\n"), "{}", again.stderr);
}

#[test]
fn the_run_record_lists_stages_in_the_order_of_the_graph_with_their_fate() {
    let world = branches();
    go_on_after_the_failure(&world, &["-k"]);
    let runs = std::fs::read_dir(world.path("cache/runs")).unwrap().flatten().map(|entry| entry.path());
    let record: serde_json::Value = serde_json::from_slice(&std::fs::read(runs.last().unwrap()).unwrap()).unwrap();
    let stages = record["stages"].as_array().unwrap().iter();
    let fates: Vec<String> =
        stages.map(|stage| format!("{} {}", text(&stage["stage"]), text(&stage["fate"]))).collect();
    assert_eq!(fates, ["long ran", "bad failed", "after skipped", "last skipped", "other ran"]);
}
