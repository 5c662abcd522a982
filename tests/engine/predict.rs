//! `plantpipe predict`, with a fake model: shares of digits and of other characters.

use crate::world::World;

fn world() -> World {
    let world = World::fake(
        "[pipeline]\nname = 'p'\n[sources]\nwords = 'words'\n\
         [stages.train]\nkind = 'learn'\ninputs = { from = 'words' }\n\
         [stages.other]\nkind = 'copy'\ninputs = { from = 'words' }\n",
    );
    world.write("words/a.txt", "w");
    world.write("leaves/deep/b.JPG", "12ab");
    world.write("leaves/a.png", "1234");
    world.write("leaves/notes.txt", "not a photograph");
    world.write("one", "word");
    world
}

const TABLE: &str =
    "image,digit,word,predicted\nleaves/a.png,1,0,digit\nleaves/deep/b.JPG,0.5,0.5,digit word\none,0,1,word\n";

#[test]
fn files_and_folders_are_answered_for_as_a_table() {
    let world = world();
    world.run(&[]);
    assert_eq!(world.ok(&["predict", "leaves", "one"]).stdout, TABLE);
    assert_eq!(world.ok(&["predict", "leaves", "one", "--csv", "deep/out.csv", "--stage", "train"]).stdout, "");
    assert_eq!(world.read("deep/out.csv"), TABLE);
    world.ok(&["predict", "leaves", "one", "--csv", "out.csv"]);
    assert_eq!(world.read("out.csv"), TABLE);
    let text = world.ok(&["predict", "leaves", "--top", "2"]).stdout;
    assert_eq!(text, "leaves/a.png       digit 1.00  (word 0.00)\nleaves/deep/b.JPG  digit 0.50  word 0.50\n");
    let document: serde_json::Value =
        serde_json::from_str(&world.ok(&["predict", "one", "--json"]).stdout).expect("JSON");
    assert_eq!(document["answers"][0]["probabilities"]["word"], 1.0);
}

#[test]
fn pictures_go_into_the_folder_asked_for() {
    let world = world();
    world.run(&[]);
    world.ok(&["predict", "one", "--cam", "cams"]);
    assert_eq!(world.read("cams/0.png"), "w");
}

#[test]
fn a_photograph_that_cannot_be_read_costs_its_own_answer_and_no_other() {
    let world = world();
    world.run(&[]);
    world.write("leaves/c.png", "");
    let ended = world.go(&["predict", "leaves", "one"]);
    assert_eq!(ended.code, 1);
    assert_eq!(ended.stdout, TABLE);
    assert!(ended.stderr.contains("error: leaves/c.png: it is empty"), "{}", ended.stderr);
    assert!(ended.stderr.contains("1 of 4 photographs got no answer"), "{}", ended.stderr);
}

#[test]
fn a_model_that_is_not_there_or_no_longer_the_one_is_told() {
    let world = world();
    let ended = world.go(&["predict", "one"]);
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("stage `train` has not run here"), "{}", ended.stderr);
    assert!(ended.stderr.contains("plantpipe run train"), "{}", ended.stderr);
    world.run(&[]);
    world.write("words/a.txt", "other");
    let ended = world.ok(&["predict", "one"]);
    assert!(ended.stderr.contains("train is stale by now: this is the model of its last run"), "{}", ended.stderr);
    assert_eq!(world.ok(&["predict", "one", "-q"]).stderr, "");
}

#[test]
fn what_cannot_be_asked_is_a_usage_error() {
    let world = world();
    world.run(&[]);
    std::fs::create_dir(world.path("empty")).expect("makes");
    for (args, says) in [
        (&["predict", "nowhere.jpg"][..], "there is no file or folder nowhere.jpg"),
        (&["predict", "empty"], "there is no photograph in empty"),
        (&["predict", "one", "--stage", "other"], "stage `other` has no model"),
        (&["predict", "one", "--stage", "trian"], "did you mean `train`?"),
        (&["predict"], "IMAGES"),
    ] {
        let ended = world.go(args);
        assert_eq!(ended.code, 2, "{args:?}");
        assert!(ended.stderr.contains(says), "{args:?}: {}", ended.stderr);
    }
    world.edit("kind = 'learn'", "kind = 'learn'\nmatrix = { from = ['words', 'other'] }");
    let ended = world.go(&["predict", "one"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("2 stages have a model"), "{}", ended.stderr);
    assert!(ended.stderr.contains("--stage NAME, of train@words, train@other"), "{}", ended.stderr);
}

/// A folder without any pipeline file.
fn bare() -> World {
    let world = world();
    std::fs::remove_file(world.path("pipeline.toml")).expect("removes");
    world.write("w.safetensors", "123456");
    world
}

const ARCH: &[&str] = &["--arch", "abacus", "--weights", "w.safetensors"];

#[test]
fn a_checkpoint_is_asked_as_it_is_without_any_pipeline() {
    let world = bare();
    let ask = |args: &[&str]| world.ok(&[&["predict", "leaves", "one"], ARCH, args].concat());
    let table = "image,c0,c1\nleaves/a.png,4,6\nleaves/deep/b.JPG,4,6\none,4,6\n";
    assert_eq!(ask(&[]).stdout, table);
    assert_eq!(ask(&["--csv", "out.csv"]).stdout, "");
    assert_eq!(world.read("out.csv"), table);
    assert_eq!(ask(&["--top", "1"]).stdout.lines().next(), Some("leaves/a.png       c1 6.00"));
    assert!(!world.path("cache").exists());
    let said =
        ["--size", "96", "--mean", "0.5", "--std", "0.1,0.2,0.3", "--eps", "1e-3", "--labels", "one", "--logits"];
    let document: serde_json::Value =
        serde_json::from_str(&ask(&[&said[..], &["--json"]].concat()).stdout).expect("JSON");
    assert_eq!(document["answers"][2], serde_json::json!({ "image": "one", "values": [4.0, 6.0] }));
    let labels = world.path("one");
    let asked = serde_json::json!({
        "arch": "abacus", "batch": 32, "eps": 1e-3, "labels": labels.canonicalize().expect("a path"), "mean": [0.5, 0.5, 0.5],
        "scores": "logits", "size": 96, "std": [0.1, 0.2, 0.3],
    });
    assert_eq!(document["asked"], asked);
}

#[test]
fn a_checkpoint_that_has_no_answer_for_a_photograph_answers_for_the_others() {
    let world = bare();
    world.write("leaves/c.png", "");
    let ended = world.go(&[&["predict", "leaves"], ARCH].concat());
    assert_eq!(ended.code, 1);
    assert_eq!(ended.stdout, "image,c0,c1\nleaves/a.png,4,6\nleaves/deep/b.JPG,4,6\n");
    assert!(ended.stderr.contains("1 of 3 photographs got no answer"), "{}", ended.stderr);
}

#[test]
fn flags_of_a_checkpoint_that_do_not_go_together_are_told() {
    let world = bare();
    for (args, says) in [
        (&["--weights", "w.safetensors"][..], "--arch <ARCH>"),
        (&["--arch", "abacus"], "--weights <FILE>"),
        (&["--size", "96"], "--arch <ARCH>"),
        (&[ARCH, &["--stage", "train"]].concat(), "'--arch <ARCH>' cannot be used with '--stage <NAME>'"),
        (&[ARCH, &["--cam", "cams"]].concat(), "'--arch <ARCH>' cannot be used with '--cam <DIR>'"),
        (&[ARCH, &["--mean", "1,2"]].concat(), "one number, or three with commas"),
        (&[ARCH, &["--std", "0"]].concat(), "a standard deviation is greater than 0"),
        (&[ARCH, &["--eps", "-1"]].concat(), "a number from 0 to 1"),
        (&[ARCH, &["--size", "1"]].concat(), "1 is not in 8..=4096"),
        (&[ARCH, &["-S", "stages.train.lr=1"]].concat(), "--profile and --set change a pipeline, and --arch asks none"),
        (&[ARCH, &["--labels", "none.txt"]].concat(), "there is no file none.txt"),
        (&["--arch", "abakus", "--weights", "w.safetensors"], "did you mean `abacus`?"),
        (&["--arch", "abacus", "--weights", "none"], "there is no file none"),
    ] {
        let ended = world.go(&[&["predict", "one"], args].concat());
        assert_eq!(ended.code, 2, "{args:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(says), "{args:?}: {}", ended.stderr);
    }
}
