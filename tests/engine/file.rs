//! The pipeline file: profiles, `--set`, and wrong declarations shown at the word.

use super::{CHAIN, chain};
use crate::world::World;

/// What a wrong file says; the exit code is 2.
#[track_caller]
fn wrong(old: &str, new: &str) -> String {
    let world = chain();
    world.edit(old, new);
    let ended = world.go(&["status"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("pipeline.toml:"), "{}", ended.stderr);
    ended.stderr
}

#[test]
fn an_unknown_input_is_shown_at_the_word_with_the_nearest_name() {
    let text = wrong(r#"["first", "side"]"#, r#"["fisrt", "side"]"#);
    assert!(text.contains("error: unknown input `fisrt`"), "{text}");
    assert!(text.contains("did you mean `first`?"), "{text}");
    assert!(text.contains(r#"inputs = { parts = ["fisrt", "side"] }"#), "{text}");
    assert!(text.contains("^^^^^^^"), "{text}");
}

#[test]
fn each_wrong_word_is_named() {
    for (old, new, says) in [
        ("kind = \"join\"", "kind = \"joyn\"", "unknown kind `joyn`"),
        ("rate = 0.001", "rats = 0.001", "unknown param of kind `copy`: `rats`"),
        ("rate = 0.001", "rate = 7", "`rate` is a number from 0 to 1"),
        ("rate = 0.001", "rate = \"x\"", "`rate` is a number from 0 to 1"),
        ("{ from = \"words\" }", "{ form = \"words\" }", "kind `copy` needs the input `from`"),
        ("{ from = \"words\" }", "{ from = \"words\", form = \"words\" }", "unknown input of kind `copy`: `form`"),
        ("{ from = \"words\" }", "{ from = [\"words\"] }", "input `from` is one name"),
        ("{ from = \"both\" }", "{ from = \"both.pages\" }", "unknown output of stage `both`: `pages`"),
        ("seed = 7", "sead = 7", "unknown key of `[pipeline]`: `sead`"),
        ("[sources]", "[source]", "unknown table `source`"),
        ("seed = 7", "seed = -7", "`seed` is a whole number from 0"),
        ("name = \"chain\"", "name = \"a/b\"", "`a/b` is no name"),
        ("name = \"chain\"", "name = ", "this is not TOML"),
        ("other = \"other.txt\"", "first = \"other.txt\"", "`first` is both a source and a stage"),
    ] {
        let text = wrong(old, new);
        assert!(text.contains(says), "{new}: {text}");
    }
}

#[test]
fn a_cycle_is_named_by_its_path() {
    let text = wrong("inputs = { from = \"words\" }", "inputs = { from = \"both\" }");
    assert!(text.contains("the stages go round in a cycle: first -> both -> first"), "{text}");
    let text = wrong("inputs = { from = \"words\" }", "inputs = { from = \"first\" }");
    assert!(text.contains("the stages go round in a cycle: first -> first"), "{text}");
}

#[test]
fn a_profile_merges_over_the_base_and_takes_stages_out() {
    let world = chain();
    assert_eq!(world.run(&["--profile", "short"]), ["first", "side", "both"]);
    assert_eq!(world.read("cache/out/both/text/text.txt"), "ALPHA BETA ALPHA BETA ?");
    let ended = world.go(&["status", "--profile", "shrot"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("did you mean `short`?"), "{}", ended.stderr);
}

#[test]
fn remove_takes_any_entry_out_and_refuses_one_that_is_not_there() {
    let world = chain();
    let text =
        CHAIN.replace("[profiles.short.stages.side]\nnote = \"?\"", "[profiles.short.stages.side.note]\nremove = true");
    world.write("pipeline.toml", text);
    world.run(&["--profile", "short"]);
    assert_eq!(world.read("cache/out/side/text/text.txt"), "alpha beta ");
    world.edit("[profiles.short.stages.last]", "[profiles.short.stages.lost]");
    let ended = world.go(&["status", "--profile", "short"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("there is no `lost` to remove"), "{}", ended.stderr);
}

#[test]
fn set_overrides_one_value_with_its_type_or_as_a_string() {
    let world = chain();
    world.run(&["--set", "stages.side.note=plain words", "-S", "stages.first.rate=1"]);
    assert_eq!(world.read("cache/out/side/text/text.txt"), "alpha beta plain words");
    let ended = world.go(&["status", "-S", "stages.first.rate=fast"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("--set:1:"), "{}", ended.stderr);
    let ended = world.go(&["status", "-S", "stages.fisrt.rate=1"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("stage `fisrt` has no `kind`"), "{}", ended.stderr);
    assert!(ended.stderr.contains("did you mean `first`?"), "{}", ended.stderr);
}

#[test]
fn a_source_given_by_set_is_relative_to_the_current_folder() {
    let world = World::fake(CHAIN);
    world.write("words/a.txt", "one");
    world.write("elsewhere/words/a.txt", "two");
    world.write("other.txt", "");
    let ended = world
        .command(&["run", "-C", "..", "-S", "sources.words=words"])
        .current_dir(world.path("elsewhere"))
        .output()
        .unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(world.read("cache/out/first/text/text.txt"), "two");
}

#[test]
fn a_pipeline_file_is_searched_upward() {
    let world = chain();
    std::fs::create_dir_all(world.path("deep/down")).unwrap();
    let ended = world.command(&["run"]).current_dir(world.path("deep/down")).output().unwrap();
    assert!(ended.status.success());
    assert!(world.path("cache/out/last").is_dir());
}

#[test]
fn a_hub_name_is_a_source_that_planning_never_loads() {
    let world = chain();
    world.edit("words = \"words\"", "words = \"hf://timm/resnet18.a1_in1k\"");
    assert_eq!(world.states(&[])[0], "first blocked");
    assert!(world.ok(&["run", "-n"]).stdout.contains("perhaps first"));
    let ended = world.go(&["run", "--offline"]);
    assert_eq!(ended.code, 1);
    let why = if cfg!(feature = "download") { "is not on this machine yet" } else { "lies elsewhere" };
    assert!(ended.stderr.contains(&format!("hf://timm/resnet18.a1_in1k {why}")), "{}", ended.stderr);
}

#[test]
fn a_source_that_holds_the_pipelines_own_cache_is_refused() {
    let world = chain();
    world.edit("words = \"words\"", "words = \".\"");
    let ended = world.go(&["run"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("holds this pipeline's own cache and reports"), "{}", ended.stderr);
    assert!(!world.path("cache").exists());
}
