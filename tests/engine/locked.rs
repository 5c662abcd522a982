//! The lock file's stages: what a run writes of them, and a run that may change nothing.

use super::{CHAIN, chain};
use crate::world::{Ended, World};
use std::fs;

/// `run --locked` ends with exit code 3 and says this.
#[track_caller]
fn refused(world: &World, args: &[&str], says: &[&str]) -> Ended {
    let lock = world.read("pipeline.lock");
    let ended = world.go(&[&["run", "--locked"], args].concat());
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    for words in says {
        assert!(ended.stderr.contains(words), "`{words}` is not in: {}", ended.stderr);
    }
    assert_eq!(world.read("pipeline.lock"), lock, "--locked never writes the lock file");
    ended
}

fn lock(world: &World) -> toml::Table {
    toml::from_str(&world.read("pipeline.lock")).expect("TOML")
}

fn stages(world: &World) -> Vec<String> {
    lock(world)["stages"].as_table().expect("stages").keys().cloned().collect()
}

#[test]
fn a_run_writes_each_stage_with_params_inputs_and_outputs_and_clones_write_the_same() {
    let world = chain();
    world.run(&[]);
    let lock = world.read("pipeline.lock");
    let table: toml::Table = toml::from_str(&lock).expect("TOML");
    let side = &table["stages"]["side"];
    assert_eq!(side["kind"].as_str(), Some("copy"));
    assert_eq!(side["params"]["note"].as_str(), Some("!"));
    assert_eq!(side["params"]["rate"].as_float(), Some(0.5));
    assert_eq!(table["stages"]["both"]["inputs"]["parts"].as_array().map(Vec::len), Some(2));
    let object = fs::canonicalize(world.path("cache/out/side/text")).expect("a link");
    assert_eq!(side["outputs"]["text"].as_str(), object.file_name().and_then(|name| name.to_str()));
    let folder = world.path("").display().to_string();
    assert!(!lock.contains(folder.trim_end_matches('/')), "{lock}");
    let clone = chain();
    clone.run(&[]);
    assert_eq!(clone.read("pipeline.lock"), lock);
}

#[test]
fn a_run_with_set_leaves_the_file_alone_and_one_of_some_stages_keeps_the_others() {
    let world = chain();
    world.run(&["-S", "stages.side.note=?"]);
    assert!(!world.path("pipeline.lock").exists());
    world.run(&[]);
    let before = lock(&world);
    world.edit("note = \"!\"", "note = \"?\"");
    world.edit("rate = 0.001", "rate = 0.002");
    world.run(&["first"]);
    let after = lock(&world);
    assert_ne!(after["stages"]["first"], before["stages"]["first"]);
    assert_eq!(after["stages"]["last"], before["stages"]["last"]);
}

#[test]
fn a_stage_that_is_gone_from_the_pipeline_leaves_the_file_and_a_failed_run_writes_nothing() {
    let world = chain();
    world.run(&[]);
    world.write("pipeline.toml", CHAIN.replacen("[stages.last]\nkind = \"copy\"", "[stages.end]\nkind = \"fail\"", 1));
    world.edit("[profiles.short.stages.last]", "[profiles.short.stages.end]");
    assert_eq!(world.go(&["run"]).code, 1);
    assert_eq!(stages(&world), ["both", "first", "last", "side"]);
    world.edit("kind = \"fail\"", "kind = \"join\"");
    world.edit("{ from = \"both\" }", "{ parts = \"both\" }");
    world.run(&[]);
    assert_eq!(stages(&world), ["both", "end", "first", "side"]);
}

#[test]
fn a_profile_has_a_file_of_its_own() {
    let world = chain();
    world.run(&[]);
    let base = world.read("pipeline.lock");
    world.run(&["--profile", "short"]);
    assert_eq!(world.read("pipeline.lock"), base);
    let short: toml::Table = toml::from_str(&world.read("pipeline.short.lock")).expect("TOML");
    assert_eq!(short["stages"]["side"]["params"]["note"].as_str(), Some("?"));
    world.ok(&["run", "--locked", "--profile", "short"]);
}

#[test]
fn an_earlier_version_is_read_and_written_again_as_this_one() {
    let world = chain();
    world.write("pipeline.lock", "version = 1\n");
    let ended = world.go(&["run", "--locked"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    world.run(&[]);
    assert_eq!(lock(&world)["version"].as_integer(), Some(2));
}

#[test]
fn locked_without_a_lock_file_says_so_and_runs_nothing() {
    let world = chain();
    let ended = world.go(&["run", "--locked"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert!(ended.stderr.contains("pipeline.lock names no stage"), "{}", ended.stderr);
    assert!(ended.stderr.contains("run without --locked"), "{}", ended.stderr);
    assert!(!world.path("cache/records").exists());
}

#[test]
fn locked_reruns_from_an_empty_cache_what_gives_the_same() {
    let world = chain();
    world.run(&[]);
    let lock = world.read("pipeline.lock");
    fs::remove_dir_all(world.path("cache")).expect("removes");
    assert_eq!(world.run(&["--locked"]), ["first", "side", "both", "last"]);
    assert_eq!(world.run(&["--locked"]), [""; 0]);
    assert_eq!(world.read("pipeline.lock"), lock);
}

#[test]
fn locked_names_what_differs_before_anything_runs_even_in_an_empty_cache() {
    let world = chain();
    world.run(&[]);
    for empty in [false, true] {
        if empty {
            fs::remove_dir_all(world.path("cache")).expect("removes");
        }
        // A stage whose inputs are known, and one whose are not.
        for (old, new, says) in [
            ("rate = 0.001", "rate = 0.002", "stage `first`: rate: 0.001 -> 0.002"),
            ("note = \"!\"", "note = \"?\"", "stage `side`: note: \"!\" -> \"?\""),
            ("[\"first\", \"side\"]", "[\"first\"]", "stage `both`: input `parts` has 1 artifact, it had 2"),
            ("[stages.side]", "[stages.new]\nkind = \"sign\"\n[stages.side]", "stage `new`: it is not in the file"),
        ] {
            world.edit(old, new);
            for args in [&[][..], &["-n"]] {
                let ended = refused(&world, args, &["not as pipeline.lock says", says, "run without --locked"]);
                assert!(!ended.stderr.contains("run     "), "{}", ended.stderr);
            }
            world.edit(new, old);
        }
    }
    world.ok(&["run", "--locked"]);
}

#[test]
fn locked_names_a_source_that_changed_and_a_stage_that_is_gone() {
    let world = chain();
    world.run(&[]);
    world.write("words/a.txt", "gamma ");
    refused(&world, &[], &["stage `first`: input `from` changed"]);
    world.write("words/a.txt", "alpha ");
    world.write("pipeline.toml", CHAIN.split("[stages.last]").next().expect("a head"));
    refused(&world, &[], &["stage `last` is not in the pipeline any more"]);
}

#[test]
fn locked_ends_where_a_stage_gives_other_bytes_than_the_file_says_and_keeps_the_result() {
    let world = World::fake(
        "[pipeline]\nname = 'p'\n[stages.draw]\nkind = 'command'\nrun = 'cat $HOME/luck > $PLANTPIPE_OUTPUT_LUCK/luck.txt'\n\
         outputs = { luck = 'text' }\n[stages.copy]\nkind = 'copy'\ninputs = { from = 'draw' }\n",
    );
    let go =
        |args: &[&str]| -> Ended { world.command(args).env("HOME", world.path("")).output().expect("starts").into() };
    world.write("luck", "one");
    assert_eq!(go(&["run"]).code, 0);
    fs::remove_dir_all(world.path("cache")).expect("removes");
    world.write("luck", "two");
    let lock = world.read("pipeline.lock");
    let ended = go(&["run", "--locked"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert!(ended.stderr.contains("stage `draw` gave another `luck` than pipeline.lock says: "), "{}", ended.stderr);
    assert!(!ended.stderr.contains("run     copy"), "{}", ended.stderr);
    assert_eq!(world.read("cache/out/draw/luck/luck.txt"), "two");
    // It is recorded, and still not what the file says.
    assert_eq!(world.states(&[])[0], "draw fresh");
    assert_eq!(go(&["run", "--locked"]).code, 3);
    assert_eq!(world.read("pipeline.lock"), lock);
    assert_eq!(go(&["run"]).code, 0);
    assert_ne!(world.read("pipeline.lock"), lock);
    assert_eq!(go(&["run", "--locked"]).code, 0);
}

#[test]
fn a_lock_file_that_cannot_be_read_is_told_before_anything_runs() {
    let world = chain();
    world.write("pipeline.lock", "version = 9\n");
    let ended = world.go(&["run"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("pipeline.lock cannot be read: it has version 9"), "{}", ended.stderr);
    assert!(!world.path("cache/records").exists());
}
