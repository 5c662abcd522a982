//! One stage, several instances: `matrix`, `for_each`, gathering, and what goes wrong with them.

use crate::world::World;

/// words -> train (matrix) -> score (for each) -> all (gathers).
const MATRIX: &str = r#"
[pipeline]
name = "several"

[sources]
words = "words"
more = "more"

[stages.train]
kind = "copy"
inputs = { from = "words" }
matrix = { note = ["a", "b"], rate = [0.5, 1] }

[stages.score]
kind = "copy"
for_each = "train"
inputs = { from = "train" }
note = "!"

[stages.all]
kind = "join"
inputs = { parts = "score" }
"#;

fn several() -> World {
    let world = World::fake(MATRIX);
    world.write("words/a.txt", "w");
    world.write("more/a.txt", "m");
    world
}

/// What the file says of a change; the exit code is 2.
#[track_caller]
fn wrong(old: &str, new: &str) -> String {
    let world = several();
    world.edit(old, new);
    let ended = world.go(&["status"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    // A long hint is wrapped; the words count.
    ended.stderr.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_matrix_makes_an_instance_of_each_combination_and_followers_follow() {
    let world = several();
    // `rate` changes no byte of a copy: what follows is the same work for both rates, and is done once.
    let trained = ["train@a-0.5", "train@a-1", "train@b-0.5", "train@b-1"];
    assert_eq!(world.run(&[]), [&trained[..], &["score@a-0.5", "score@b-0.5", "all"]].concat());
    assert_eq!(world.read("cache/out/score@b-1/text/text.txt"), "wb!");
    assert_eq!(world.read("cache/out/all/text/text.txt"), "WA!WA!WB!WB!");
    assert_eq!(world.run(&[]), [""; 0]);
}

#[test]
fn a_new_value_runs_its_own_instances_and_what_gathers_them() {
    let world = several();
    world.run(&[]);
    world.edit(r#"["a", "b"]"#, r#"["a", "b", "c"]"#);
    assert_eq!(world.run(&["score"]), ["train@c-0.5", "train@c-1", "score@c-0.5"]);
    assert_eq!(world.run(&[]), ["all"]);
    // The order of the values is the order of what is gathered; the instances themselves stay.
    world.edit(r#"["a", "b", "c"]"#, r#"["c", "a"]"#);
    assert_eq!(world.run(&[]), ["all"]);
    assert_eq!(world.read("cache/out/all/text/text.txt"), "WC!WC!WA!WA!");
}

#[test]
fn include_adds_to_combinations_or_is_one_more_and_exclude_takes_out() {
    let world = several();
    world.edit(
        "matrix = { note = [\"a\", \"b\"], rate = [0.5, 1] }",
        "[stages.train.matrix]\nnote = [\"a\", \"b\"]\nrate = [0.5, 1]\nexclude = [{ note = \"b\", rate = 1.0 }]\n\
         include = [{ note = \"a\", from = \"more\" }, { note = \"z\", rate = 0.25 }]",
    );
    assert_eq!(world.run(&["train"]), ["train@a-0.5", "train@a-1", "train@b-0.5", "train@z-0.25"]);
    assert_eq!(world.read("cache/out/train@a-1/text/text.txt"), "ma");
    assert_eq!(world.read("cache/out/train@z-0.25/text/text.txt"), "wz");
}

/// Several params and an input under one name.
const VARIANTS: &str = "[stages.train.matrix]\nrate = [0.5, 1]\n[stages.train.matrix.how]\nplain = {}\n\
    both = { note = \"b\", from = \"more\" }\n";

fn variants() -> World {
    let world = several();
    world.edit("matrix = { note = [\"a\", \"b\"], rate = [0.5, 1] }", VARIANTS);
    world
}

#[test]
fn a_table_of_variants_is_an_axis_whose_names_stand_for_what_they_set() {
    let world = variants();
    assert_eq!(world.run(&["train"]), ["train@0.5-plain", "train@0.5-both", "train@1-plain", "train@1-both"]);
    assert_eq!(world.read("cache/out/train@1-plain/text/text.txt"), "w");
    assert_eq!(world.read("cache/out/train@1-both/text/text.txt"), "mb");
    // The name is no part of what is done.
    world.edit("plain = {}", "bare = {}");
    assert_eq!(world.run(&["train"]), [""; 0]);
    world.edit(
        "rate = [0.5, 1]",
        "rate = [1]\nexclude = [{ how = \"bare\" }]\ninclude = [{ how = \"both\", rate = 0.25 }]",
    );
    assert_eq!(world.run(&["train"]), ["train@0.25-both"]);
    assert_eq!(world.read("cache/out/train@0.25-both/text/text.txt"), "mb");
}

#[test]
fn a_profile_adds_a_variant_and_takes_one_out() {
    let world = variants();
    let more = "\n[profiles.more.stages.train.matrix.how]\nplain = { remove = true }\nthird = { note = \"c\" }\n";
    world.edit("[stages.score]", &format!("{more}[stages.score]"));
    let started = world.run(&["train", "--profile", "more"]);
    assert_eq!(started, ["train@0.5-both", "train@0.5-third", "train@1-both", "train@1-third"]);
}

#[test]
fn what_is_wrong_with_variants_is_said_at_the_word() {
    for (old, new, says) in [
        ("both = {", "both = 1\nthird = {", "a variant is a table of what it sets"),
        ("note = \"b\"", "rate = 2", "`rate` is an axis, and the variant `both` sets it, too"),
        ("note = \"b\"", "not = \"b\"", "did you mean `note`?"),
        ("matrix.how]", "matrix.note]", "the axis `note` is an array of values"),
        ("plain = {}\nboth = { note = \"b\", from = \"more\" }", "", "the axis `how` has no variant"),
        ("rate = [0.5, 1]", "rate = [1]\ninclude = [{ how = \"bot\", rate = 0.25 }]", "did you mean `both`?"),
        ("rate = [0.5, 1]", "rate = [1]\nexclude = [{ how = \"bot\" }]", "excludes nothing"),
    ] {
        let world = variants();
        world.edit(old, new);
        let ended = world.go(&["status"]);
        let said = ended.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(ended.code == 2 && said.contains(says), "{says}: {said}");
    }
}

#[test]
fn one_instance_can_be_named_everywhere() {
    let world = several();
    world.edit("parts = \"score\"", "parts = [\"score@b-0.5\", \"train@a-1.text\"]");
    world.run(&[]);
    assert_eq!(world.read("cache/out/all/text/text.txt"), "WB!WA");
    assert_eq!(world.run(&["-f", "train@a-1", "train@a-1"]), ["train@a-1"]);
    assert!(world.ok(&["why", "train@a-1"]).stdout.starts_with("train@a-1 is fresh"));
    let ended = world.go(&["why", "train@a-2"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("did you mean `train@a-1`?"), "{}", ended.stderr);
}

#[test]
fn instances_are_shown_in_their_groups() {
    let world = several();
    world.edit("rate = [0.5, 1]", "rate = [0.5]");
    world.run(&["train"]);
    let text = world.ok(&["status"]).stdout;
    assert_eq!(
        text,
        "           train           2 of 2 fresh
fresh        @a-0.5  copy
fresh        @b-0.5  copy
           score           0 of 2 fresh
never run    @a-0.5  copy
never run    @b-0.5  copy
blocked    all       join  score@a-0.5 will run first
"
    );
    assert_eq!(world.states(&[])[1], "train@b-0.5 fresh");
    let graph = world.ok(&["graph"]).stdout;
    assert_eq!(
        graph,
        "train
  @a-0.5  copy  <- words
  @b-0.5  copy  <- words
score
  @a-0.5  copy  <- train@a-0.5
  @b-0.5  copy  <- train@b-0.5
all       join  <- score@a-0.5, score@b-0.5
"
    );
    let mermaid = world.ok(&["graph", "--format", "mermaid"]).stdout;
    assert!(mermaid.contains("    subgraph score\n    score__a-0_5[\"@a-0.5\"]\n"), "{mermaid}");
    assert!(mermaid.contains("train__b-0_5 -->|from| score__b-0_5"), "{mermaid}");
    let why = world.ok(&["why", "score"]).stdout;
    assert_eq!(why, "score@a-0.5 is never run:\n  never run\nscore@b-0.5 is never run:\n  never run\n");
}

#[test]
fn a_seed_can_be_an_axis() {
    let world =
        World::fake("[pipeline]\nname = 'p'\nseed = 1\n[stages.s]\nkind = 'sign'\nmatrix = { seed = [7, 8] }\n");
    world.run(&[]);
    assert_eq!(world.read("cache/out/s@8/text/text.txt"), "8 cpu");
    world.edit("seed = 1", "seed = 2");
    assert_eq!(world.run(&[]), [""; 0]);
}

#[test]
fn two_matrices_that_meet_are_told_how_to_become_one() {
    let text = wrong(
        "[stages.all]",
        "[stages.other]\nkind = 'copy'\ninputs = { from = 'train' }\nmatrix = { note = ['x'] }\n[stages.all]",
    );
    assert!(
        text.contains("two matrices meet: `other` goes with the matrix of `other`, and `train` with that of `train`"),
        "{text}"
    );
    assert!(text.contains("name one instance, such as `train@a-0.5`, or make one matrix of both"), "{text}");
}

#[test]
fn one_stage_that_reads_several_is_told_to_follow_them() {
    let text = wrong("for_each = \"train\"\n", "");
    assert!(text.contains("`train` is 4 stages, and kind `copy` takes one as `from`"), "{text}");
    assert!(text.contains("give `score` a line `for_each = \"train\"`"), "{text}");
}

#[test]
fn each_wrong_matrix_is_named() {
    for (old, new, says) in [
        ("rate = [0.5, 1]", "rate = [0.5, 7]", "`rate` is a number from 0 to 1"),
        ("rate = [0.5, 1]", "rats = [0.5, 1]", "unknown param of kind `copy`: `rats`"),
        ("rate = [0.5, 1]", "rate = 0.5", "the axis `rate` is an array of values"),
        ("rate = [0.5, 1]", "rate = []", "the axis `rate` has no value"),
        ("rate = [0.5, 1]", "rate = [[1]]", "a value of an axis is a string, a number or a boolean"),
        ("rate = [0.5, 1]", "note2 = [\"\"], rate = [0.5, 0.5]", "two instances would be called `train@a--0.5`"),
        ("rate = [0.5, 1]", "exclude = [{ note = \"x\" }]", "this `exclude` excludes nothing"),
        ("rate = [0.5, 1]", "exclude = [{ note = \"a\" }, { note = \"b\" }]", "this matrix excludes every combination"),
        ("rate = [0.5, 1]", "exclude = [{ rate = 1 }]", "unknown axis of this matrix: `rate`"),
        ("rate = [0.5, 1]", "include = [{ rate = 1 }]", "this `include` names no axis; the axes are note"),
        ("rate = [0.5, 1]", "rate = [1], include = [{ note = \"z\" }]", "to be one of its own it needs `rate`"),
        ("note = [\"a\", \"b\"], rate = [0.5, 1]", "", "this matrix has no axis"),
        ("matrix = { note", "matrix = [1] # { note", "`matrix` is a table of arrays"),
        ("for_each = \"train\"", "for_each = \"tarin\"", "did you mean `train`?"),
        ("for_each = \"train\"", "for_each = \"all\"", "`all` is one stage, not several"),
        ("for_each = \"train\"", "for_each = \"score\"", "`score` follows itself"),
        (
            "[stages.all]",
            "[stages.all]\nfor_each = \"most\"\n[stages.most]\nfor_each = \"all\"",
            "`all`, `most` follow one another",
        ),
        // Said of the stage that is at fault, not of one that follows it.
        (
            "[stages.score]\nkind = \"copy\"\nfor_each = \"train\"",
            "[stages.before]\nfor_each = \"score\"\n[stages.score]\nkind = \"copy\"\nfor_each = \"trian\"",
            "did you mean `train`?",
        ),
        ("for_each = \"train\"", "for_each = \"train\"\nmatrix = { rate = [1] }", "a stage multiplies or follows"),
        ("inputs = { from = \"train\" }", "inputs = { from = \"score\" }", "score@a-0.5 -> score@a-0.5"),
        ("inputs = { from = \"train\" }", "inputs = { from = \"train@a-2\" }", "unknown input `train@a-2`"),
        ("note = \"!\"", "seed = 3", "kind `copy` uses no seed"),
    ] {
        let text = wrong(old, new);
        assert!(text.contains(says), "{new}: {text}");
    }
}
