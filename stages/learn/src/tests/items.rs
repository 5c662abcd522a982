//! Kinds that work item by item, after an earlier run: what is as it was is taken, and the result is that of a run from
//! scratch.

use super::world::{LABELS, World};
use crate::PREDICT;
use plantpipe_stage::Previous;
use plantpipe_stage::format::{Predictions, Split};
use serde_json::{Value, json};

/// A world with a trained model in `out/model`, and shards of few photographs.
fn trained() -> World {
    let world = World::new();
    world.train("out", &json!({ "epochs": 1 })).expect("trains");
    world.pack("few", &LABELS, &[(Split::Val, 3), (Split::Test, 2)]);
    world
}

fn predict(world: &World, previous: Option<Previous>, out: &str, shards: &str, params: Value) -> (String, Previous) {
    let inputs = [("model", "out/model"), ("shards", shards)];
    let (mut notes, left) = world.run_after(previous, &PREDICT, out, &inputs, params);
    (notes.remove(0), left)
}

fn table(world: &World, out: &str) -> String {
    std::fs::read_to_string(world.path(out).join("predictions").join(Predictions::FILE)).expect("a table")
}

#[test]
fn an_answer_depends_on_no_other_photograph_and_on_no_size_of_batch() {
    let world = trained();
    for tta in ["none", "dihedral"] {
        let ask = |out: &str, shards: &str, batch: u64| {
            predict(&world, None, out, shards, json!({ "batch": batch, "tta": tta }));
            table(&world, out)
        };
        let all = ask("all", "shards", 32);
        assert_eq!(all.lines().count(), 13);
        for batch in [1, 2, 5] {
            assert_eq!(ask("again", "shards", batch), all, "{batch} at a time, {tta}");
            for row in ask("few", "few", batch).lines() {
                assert!(all.lines().any(|line| line == row), "{row}, {batch} at a time, {tta}");
            }
        }
    }
}

#[test]
fn only_photographs_that_are_new_are_asked_about_and_the_table_is_that_of_a_run_from_scratch() {
    let world = trained();
    let (_, few) = predict(&world, None, "first", "few", json!({}));
    let (note, all) = predict(&world, Some(few.clone()), "second", "shards", json!({}));
    let says = "answered for 6 photographs of val, 6 photographs of test; 7 are new, the others as before; ";
    assert!(note.starts_with(says), "{note}");
    predict(&world, None, "scratch", "shards", json!({}));
    assert_eq!(table(&world, "second"), table(&world, "scratch"));
    // Those that are gone leave, and nobody is asked.
    let (note, _) = predict(&world, Some(all), "third", "few", json!({}));
    assert_eq!(note, "none of 3 photographs of val, 2 photographs of test is new");
    assert_eq!(table(&world, "third"), table(&world, "first"));
}

#[test]
fn a_photograph_under_another_id_or_in_another_split_or_with_other_pixels_is_asked_about() {
    let world = trained();
    let (_, few) = predict(&world, None, "first", "few", json!({}));
    // `test00` has the pixels of `val00`: of two that carry one id in two splits, each has its own row.
    world.pack("moved", &LABELS, &[(Split::Test, 3), (Split::Val, 2)]);
    let (note, _) = predict(&world, Some(few.clone()), "moved", "moved", json!({}));
    assert!(note.contains("; 1 are new, the others as before; "), "{note}");
    let index = std::fs::read_to_string(world.path("few/index.json")).expect("reads");
    let index = index.replace("\"split\": \"test\"", "\"split\": \"val\"");
    std::fs::write(world.path("few/index.json"), index).expect("writes");
    let (note, _) = predict(&world, Some(few), "other", "few", json!({}));
    assert!(note.contains("; 2 are new, the others as before; "), "{note}");
}

#[test]
fn an_earlier_table_that_cannot_be_read_is_none() {
    let world = trained();
    let (_, few) = predict(&world, None, "first", "few", json!({}));
    for wrong in ["image,split\n", "image,split,healthy,rust,scab\nval00,val,2,0,0\n"] {
        std::fs::write(world.path("first/predictions/predictions.csv"), wrong).expect("writes");
        let (note, _) = predict(&world, Some(few.clone()), "again", "few", json!({}));
        assert!(note.starts_with("answered for 3 photographs of val, 2 photographs of test, "), "{note}");
    }
}
