//! Parts of a pipeline: `--only`, `--from`, `--until`; and resources that stages ask for.

use super::chain;
use crate::world::World;

#[test]
fn until_is_the_stages_with_all_they_need_with_or_without_the_word() {
    assert_eq!(chain().run(&["--until", "side"]), ["first", "side"]);
    assert_eq!(chain().run(&["first", "--until", "side"]), ["first", "side"]);
}

#[test]
fn only_starts_just_these_and_refuses_where_what_they_need_is_not_fresh() {
    let world = chain();
    let ended = world.go(&["run", "--only", "side"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let sentence = "error: stage `first` is never run, and not among those that this run may start\n";
    assert!(ended.stderr.contains(sentence), "{}", ended.stderr);
    assert!(ended.stderr.contains("hint: run it first: plantpipe run first;"), "{}", ended.stderr);
    assert!(!world.path("cache/out").exists(), "nothing ran");

    world.ok(&["run", "first"]);
    assert_eq!(world.run(&["--only", "side"]), ["side"]);
    assert_eq!(world.states(&[])[2..], ["both never_run", "last blocked"]);
    // Several, of which one needs the other.
    assert_eq!(world.run(&["--only", "both", "last"]), ["both", "last"]);
    assert_eq!(world.run(&["--only", "last"]), [""; 0]);
}

#[test]
fn from_starts_a_stage_and_what_follows_from_it_up_to_those_wanted() {
    let world = chain();
    world.ok(&["run"]);
    world.edit("note = \"!\"", "note = \"?\"");
    assert_eq!(world.run(&["--from", "side", "--until", "both"]), ["side", "both"]);
    assert_eq!(world.run(&["--from", "side"]), ["last"]);

    world.edit("rate = 0.001", "rate = 0.002");
    let ended = world.go(&["run", "--from", "side"]);
    assert_eq!(ended.code, 3);
    assert!(ended.stderr.contains("stage `first` is stale"), "{}", ended.stderr);
    assert!(ended.stderr.contains("may start: rate: 0.001 -> 0.002"), "{}", ended.stderr);
}

#[test]
fn only_goes_with_no_other_choice_of_stages() {
    let ended = chain().go(&["run", "first", "--only", "side"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("cannot be used with"), "{}", ended.stderr);
}

fn asking(resources: &str) -> World {
    let stage = |name: &str| {
        format!(
            "[stages.{name}]\nkind = 'copy'\nnote = '{name}'\ninputs = {{ from = 'words' }}\nresources = {resources}\n"
        )
    };
    let world =
        World::fake(&format!("[pipeline]\nname = 'p'\n[sources]\nwords = 'words'\n{}{}", stage("a"), stage("b")));
    world.write("words/a.txt", "a");
    world
}

#[test]
fn stages_that_need_the_same_one_thing_run_one_after_another() {
    let story = |args: &[&str]| {
        let ended = asking("{ license = 1 }").ok(&[&["run", "--json", "--threads", "4"], args].concat());
        super::parallel::story(&ended)
    };
    assert_eq!(story(&[]), ["started a 4", "done a", "started b 4", "done b"]);
    assert_eq!(story(&["--resource", "license=2"])[..2], ["started a 2", "started b 2"]);
}

#[test]
fn a_stage_has_the_threads_that_it_says() {
    let ended = asking("{ threads = 1 }").ok(&["run", "--json", "--threads", "4"]);
    assert_eq!(super::parallel::story(&ended)[..2], ["started a 1", "started b 1"]);
}

#[test]
fn instances_and_profiles_say_how_they_are_run_too() {
    let world = World::fake(
        "[pipeline]\nname = 'p'\n[sources]\nwords = 'words'\n[stages.a]\nkind = 'copy'\ninputs = { from = 'words' }\n\
         resources = { threads = 1, disk = 1 }\nmatrix = { note = ['x', 'y'] }\n\
         [profiles.wide.stages.a.resources]\nthreads = 2\ndisk = 0\n",
    );
    world.write("words/a.txt", "a");
    let story = |args: &[&str]| {
        let ended = world.ok(&[&["run", "--json", "--threads", "4", "-f", "a"], args].concat());
        super::parallel::story(&ended)
    };
    assert_eq!(story(&[]), ["started a@x 1", "done a@x", "started a@y 1", "done a@y"]);
    assert_eq!(story(&["--profile", "wide"])[..2], ["started a@x 2", "started a@y 2"]);
}

#[test]
fn more_than_there_is_of_a_resource_is_refused_at_the_word() {
    for args in [&["run"][..], &["run", "-n"]] {
        let world = asking("{ gpu = 2 }");
        let ended = world.go(args);
        assert_eq!(ended.code, 2);
        assert!(ended.stderr.contains("stage `a` asks for 2 of `gpu`, and there is 1"), "{}", ended.stderr);
        assert!(ended.stderr.contains("pipeline.toml:9:21"), "{}", ended.stderr);
        assert!(
            ended.stderr.contains("hint: ask for less, or say how many there are: --resource gpu=2"),
            "{}",
            ended.stderr
        );
        assert_eq!(world.go(&[args, &["--resource", "gpu=2"]].concat()).code, 0);
    }
    let ended = asking("{ threads = 0 }").go(&["status"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("`threads` is a whole number from 1"), "{}", ended.stderr);
}
