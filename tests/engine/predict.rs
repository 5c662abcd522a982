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
