//! Kinds that work item by item, after an earlier run: what is as it was is taken, and the result is that of a run from
//! scratch.

use super::world::{LABELS, World, tree};
use crate::{EXPLAIN, PREDICT};
use plantpipe_pixels::{GrayImage, encode_grey_png};
use plantpipe_stage::format::{MAPS_TABLE, Predictions, Split, mask_file};
use plantpipe_stage::{Previous, Reads};
use serde_json::{Value, json};
use std::collections::BTreeMap;

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
    assert!(note.contains("; 1 is new, the others as before; "), "{note}");
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

fn explain(
    world: &World,
    previous: Option<Previous>,
    out: &str,
    [model, shards]: [&str; 2],
    params: &Value,
) -> (String, Previous) {
    let mut inputs = vec![("model", model), ("shards", shards)];
    if world.path("masks").is_dir() {
        inputs.push(("masks", "masks"));
    }
    let (mut notes, left) = world.run_after(previous, &EXPLAIN, out, &inputs, params.clone());
    (notes.remove(0), left)
}

/// Every file that `explain` wrote.
fn drawn(world: &World, out: &str) -> BTreeMap<String, Vec<u8>> {
    tree(&world.path(out).join("cams"))
}

#[test]
fn what_is_drawn_of_a_photograph_depends_on_no_other_and_on_no_size_of_batch() {
    let world = trained();
    // At 224 px a product of one photograph is large enough for several threads, and one of many runs otherwise.
    world.train("vit", &json!({ "arch": "vit_tiny_patch16_224", "size": 224, "epochs": 1 })).expect("trains");
    let layers = ["grad-cam", "grad-cam++", "layer-cam", "hires-cam", "eigen-cam"].map(|method| ("out/model", method));
    let attentions = ["chefer", "rollout", "gradient-rollout", "hires-cam"].map(|method| ("vit/model", method));
    for (model, method) in layers.into_iter().chain(attentions) {
        let params = |batch: u64| json!({ "method": method, "batch": batch, "faithfulness_steps": 2 });
        explain(&world, None, "all", [model, "shards"], &params(32));
        let all = drawn(&world, "all");
        let rows = |files: &BTreeMap<String, Vec<u8>>| -> Vec<String> {
            std::str::from_utf8(&files[MAPS_TABLE]).expect("text").lines().map(str::to_owned).collect()
        };
        for batch in [1, 5] {
            explain(&world, None, "few", [model, "few"], &params(batch));
            let few = drawn(&world, "few");
            assert!(rows(&few).iter().all(|row| rows(&all).contains(row)), "{model} {method}, {batch} at a time");
            let pictures: Vec<&String> = few.keys().filter(|name| Reads::is_image(name)).collect();
            assert!(pictures.len() >= 4, "{pictures:?}");
            for name in pictures {
                assert!(few[name] == all[name], "{name} of {model} {method}, {batch} at a time");
            }
        }
    }
}

#[test]
fn only_photographs_that_are_new_are_explained_and_the_result_is_that_of_a_run_from_scratch() {
    let world = trained();
    std::fs::create_dir(world.path("masks")).expect("makes");
    let mask = |id: &str, label: &str, side: u32| {
        let mask = GrayImage::from_fn(40, 40, |x, _| [if x < side { 255 } else { 0 }].into());
        std::fs::write(world.path("masks").join(mask_file(id, label)), encode_grey_png(&mask).expect("encodes"))
            .expect("writes");
    };
    mask("test00", "healthy", 10);
    mask("test04", "scab", 30);
    let params = json!({ "faithfulness_steps": 2, "threshold": 0.0 });
    let [few, all] = [["out/model", "few"], ["out/model", "shards"]];
    let (note, left) = explain(&world, None, "first", few, &params);
    assert!(note.ends_with("6 maps of 2 photographs of test"), "{note}");
    let first = drawn(&world, "first");
    let (note, left) = explain(&world, Some(left), "second", all, &params);
    assert!(
        note.ends_with("18 maps of 6 photographs of test; 4 photographs are new, the others are as before"),
        "{note}"
    );
    let as_from_scratch = |out: &str, from| {
        explain(&world, None, "scratch", from, &params);
        assert!(drawn(&world, out) == drawn(&world, "scratch"), "{out} is not as from scratch");
    };
    as_from_scratch("second", all);
    // Those that are gone leave, and nothing is drawn.
    let (note, _) = explain(&world, Some(left.clone()), "third", few, &params);
    assert!(note.ends_with("2 photographs of test; none is new"), "{note}");
    assert!(drawn(&world, "third") == first);
    // One mask changes, one comes, one goes, and one photograph has other labels.
    mask("test04", "scab", 20);
    mask("test02", "rust", 20);
    std::fs::remove_file(world.path("masks").join(mask_file("test00", "healthy"))).expect("removes");
    let index = std::fs::read_to_string(world.path("shards/index.json")).expect("reads");
    let (before, after) = index.split_at(index.find("\"test05\"").expect("there"));
    let after = after.replacen("0,\n        0,\n        1", "1,\n        0,\n        1", 1);
    std::fs::write(world.path("shards/index.json"), format!("{before}{after}")).expect("writes");
    let (note, _) = explain(&world, Some(left), "fourth", all, &params);
    assert!(note.ends_with("; 4 photographs are new, the others are as before"), "{note}");
    as_from_scratch("fourth", all);
    // What was there before stays as it was.
    assert!(drawn(&world, "first") == first);
}

#[test]
fn what_an_earlier_run_has_not_whole_is_drawn_again() {
    let world = trained();
    let params = json!({ "threshold": 0.0 });
    let few = ["out/model", "few"];
    let (_, left) = explain(&world, None, "first", few, &params);
    let first = drawn(&world, "first");
    // As where the engine found the file to be another than was recorded.
    let mut without = left.clone();
    without.items.remove("maps/test01.rust.png").expect("there");
    let (note, _) = explain(&world, Some(without), "again", few, &params);
    assert!(note.ends_with("; 1 photograph is new, the others are as before"), "{note}");
    assert!(drawn(&world, "again") == first);
    let table = world.path("first/cams").join(MAPS_TABLE);
    std::fs::write(&table, "image,label\n").expect("writes");
    let (note, _) = explain(&world, Some(left), "third", few, &params);
    assert!(note.ends_with("6 maps of 2 photographs of test"), "{note}");
    assert!(drawn(&world, "third") == first);
}
