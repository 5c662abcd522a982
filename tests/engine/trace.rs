//! `run --trace FILE`: bars of stages in lanes.

use super::chain;
use crate::world::{World, events, text};

/// The bars of a trace: `(lane, name, begin, end)`; fails where it is no JSON.
fn bars(world: &World) -> Vec<(u64, String, u64, u64)> {
    let trace: serde_json::Value = serde_json::from_str(&world.read("trace.json")).expect("JSON");
    let entries = trace["traceEvents"].as_array().expect("events").iter().filter(|entry| entry["ph"] == "X");
    let bar = |entry: &serde_json::Value| {
        let number = |key: &str| entry[key].as_u64().expect("a whole number");
        (number("tid"), text(&entry["name"]), number("ts"), number("ts") + number("dur"))
    };
    entries.map(bar).collect()
}

#[test]
fn every_stage_that_ran_is_a_bar_and_bars_of_a_lane_do_not_overlap() {
    let world = chain();
    world.ok(&["run", "-j", "2", "--threads", "2", "--trace", "trace.json"]);
    let all = bars(&world);
    let stages: Vec<&str> = all.iter().filter(|bar| bar.0 > 0).map(|bar| bar.1.as_str()).collect();
    assert_eq!(stages, ["first", "side", "both", "last"]);
    for name in ["look", "keep first", "publish"] {
        assert!(all.iter().any(|bar| bar.0 == 0 && bar.1 == name), "{name}: {all:?}");
    }
    for lane in 1..=2 {
        let mut ends = 0;
        for (_, name, begin, end) in all.iter().filter(|bar| bar.0 == lane) {
            assert!(*begin >= ends && end >= begin, "{name}: {all:?}");
            ends = *end;
        }
    }
}

#[test]
fn stages_that_ran_at_once_are_in_lanes_of_their_own() {
    let world = super::parallel::two_that_meet();
    world.ok(&["run", "--threads", "2", "--trace", "trace.json"]);
    let mut lanes: Vec<(u64, String)> =
        bars(&world).into_iter().filter(|bar| bar.0 > 0).map(|bar| (bar.0, bar.1)).collect();
    lanes.sort();
    assert_eq!(lanes, [(1, "a".to_owned()), (2, "b".to_owned())]);
}

#[test]
fn a_run_that_fails_leaves_a_whole_trace() {
    let world = chain();
    world.edit(
        "kind = \"join\"\ninputs = { parts = [\"first\", \"side\"] }",
        "kind = \"fail\"\ninputs = { from = \"side\" }",
    );
    assert_eq!(world.go(&["run", "--trace", "trace.json"]).code, 1);
    assert!(bars(&world).iter().any(|bar| bar.1 == "both"));
}

#[test]
fn a_trace_that_cannot_be_written_is_told_before_anything_runs() {
    let world = chain();
    let ended = world.go(&["run", "--trace", "nowhere/trace.json"]);
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("error: cannot write nowhere/trace.json"), "{}", ended.stderr);
    assert!(!world.path("cache").exists());
}

#[test]
fn every_line_of_events_has_its_time() {
    let ended = chain().ok(&["run", "--json"]);
    let times: Vec<f64> = ended
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["at"].as_f64().unwrap())
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(events(&ended.stdout, "run_done").len(), 1);
}
