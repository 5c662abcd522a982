//! Explaining a small model.

use super::world::World;
use crate::EXPLAIN;
use plantpipe_pixels::{GrayImage, decode, encode_grey_png};
use plantpipe_stage::format::{CamPanel, Cams, JsonFormat, MapFaithfulness, MapPer, Predictions, Split, mask_file};
use serde_json::json;

/// A world with a model trained at 64 pixels, where the last activation is 2 x 2.
fn trained() -> World {
    let world = World::new();
    world.train("out", &json!({ "size": 64, "epochs": 1 })).expect("trains");
    world
}

#[test]
fn every_true_label_has_a_map_and_the_probability_that_predict_gives() {
    let world = trained();
    let inputs = [("model", "out/model"), ("shards", "shards")];
    world.run(&EXPLAIN, "seen", &inputs, json!({ "images": 4 })).expect("explains");
    world.run(&crate::PREDICT, "answers", &inputs, json!({})).expect("predicts");
    let cams = Cams::read(&world.path("seen/cams")).expect("cams");
    assert_eq!((cams.method.as_str(), cams.layer.as_str(), cams.panels.len()), ("Grad-CAM", "layer4", 4));
    assert_eq!(cams.lesions, None);
    let predictions = Predictions::read(&world.path("answers/predictions")).expect("predictions");
    for panel in &cams.panels {
        assert_eq!(panel.split, Split::Test);
        assert!(panel.truth.iter().all(|label| panel.maps.iter().any(|map| map.label == *label)), "{panel:?}");
        let row = predictions.rows.iter().find(|row| row.image == panel.image).expect("predicted");
        for map in &panel.maps {
            let label = predictions.labels.iter().position(|label| *label == map.label).expect("a label");
            assert!((map.probability - f64::from(row.probabilities[label])).abs() < 1e-6, "{panel:?}");
            assert_eq!((map.lesion_share, map.lesion_area), (None, None));
            let path = world.path("seen/cams").join(&map.file);
            let picture = decode(&std::fs::read(&path).expect("reads"), &path).expect("a picture");
            assert_eq!(picture.dimensions(), (40, 40));
        }
        assert!(world.path("seen/cams").join(&panel.file).is_file());
    }
}

#[test]
fn with_masks_each_map_tells_its_share_on_the_lesions() {
    let world = trained();
    std::fs::create_dir(world.path("masks")).expect("makes");
    // The whole photograph of a scab is a lesion, at a size of its own: any map lies on it entirely.
    for number in 0..6 {
        let mask = encode_grey_png(&GrayImage::from_pixel(10, 10, [255].into())).expect("encodes");
        std::fs::write(world.path("masks").join(mask_file(&format!("test{number:02}"), "scab")), mask).expect("writes");
    }
    let inputs = [("model", "out/model"), ("shards", "shards"), ("masks", "masks")];
    world.run(&EXPLAIN, "seen", &inputs, json!({ "threshold": 0.0 })).expect("explains");
    let cams = Cams::read(&world.path("seen/cams")).expect("cams");
    let maps = || cams.panels.iter().flat_map(|panel| &panel.maps);
    assert_eq!(maps().count(), 18);
    let measured: Vec<_> = maps().filter(|map| map.lesion_area.is_some()).collect();
    assert!(measured.len() == 6 && measured.iter().all(|map| map.label == "scab"));
    assert!(measured.iter().all(|map| map.lesion_area == Some(1.0) && [None, Some(1.0)].contains(&map.lesion_share)));
    let summary = cams.lesions.expect("some map is not zero");
    assert_eq!(summary.maps, measured.iter().filter(|map| map.lesion_share.is_some()).count() as u64);
    assert!((summary.mean_share - 1.0).abs() < 1e-12 && (summary.mean_area - 1.0).abs() < 1e-12);
}

#[test]
fn a_split_without_photographs_is_refused() {
    let world = trained();
    world.pack("val-only", &super::world::LABELS, &[(Split::Val, 6)]);
    let inputs = [("model", "out/model"), ("shards", "val-only")];
    let error = world.run(&EXPLAIN, "seen", &inputs, json!({})).expect_err("no test");
    assert_eq!(world.words(&error), "val-only: the shards hold no photograph with a label of the split `test`");
}

#[test]
fn a_method_that_knows_no_labels_gives_all_labels_of_a_photograph_one_map() {
    let world = trained();
    let inputs = [("model", "out/model"), ("shards", "shards")];
    let explain = |method: &str| {
        let notes = world
            .run(&EXPLAIN, method, &inputs, json!({ "method": method, "threshold": 0.0, "images": 2 }))
            .expect("explains");
        let folder = world.path(method).join("cams");
        let cams = Cams::read(&folder).expect("cams");
        let maps = |panel: &CamPanel| -> Vec<Vec<u8>> {
            panel.maps.iter().map(|map| std::fs::read(folder.join(&map.file)).expect("a map")).collect()
        };
        let maps: Vec<Vec<Vec<u8>>> = cams.panels.iter().map(maps).collect();
        assert!(maps.len() == 2 && maps.iter().all(|maps| maps.len() == 3));
        (notes[0].clone(), cams.map_per, maps)
    };
    let (note, map_per, maps) = explain("eigen-cam");
    assert_eq!(note, "EigenCAM at layer4: 6 maps of 2 photographs of test, the same for every label of a photograph");
    assert_eq!(map_per, MapPer::Photograph);
    assert!(maps.iter().all(|maps| maps[0] == maps[1] && maps[1] == maps[2]));
    let (note, map_per, maps) = explain("layer-cam");
    assert_eq!(note, "LayerCAM at layer4: 6 maps of 2 photographs of test");
    assert_eq!(map_per, MapPer::Label);
    assert!(maps.iter().all(|maps| maps[0] != maps[1]));
}

#[test]
fn faithfulness_is_measured_for_every_map_and_does_not_depend_on_the_batch() {
    let world = trained();
    let inputs = [("model", "out/model"), ("shards", "shards")];
    let measure = |batch: usize| {
        let out = format!("seen-{batch}");
        let params = json!({ "faithfulness_steps": 3, "images": 3, "batch": batch });
        let notes = world.run(&EXPLAIN, &out, &inputs, params).expect("explains");
        assert!(notes.iter().any(|note| note.starts_with("deletion AUC 0.")), "{notes:?}");
        Cams::read(&world.path(&out).join("cams")).expect("cams")
    };
    let cams = measure(32);
    assert_eq!(measure(5), cams);
    let maps: Vec<_> = cams.panels.iter().flat_map(|panel| &panel.maps).collect();
    let summary = cams.faithfulness.expect("measured");
    assert_eq!((summary.steps, summary.maps), (3, maps.len() as u64));
    let all = |of: fn(&MapFaithfulness) -> f64| -> Vec<f64> {
        maps.iter().map(|map| of(&map.faithfulness.expect("measured"))).collect()
    };
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
    let (random, difference) = (all(|map| map.insertion.random), all(|map| map.insertion.map - map.insertion.random));
    assert!((mean(random) - summary.insertion.mean.random).abs() < 1e-12);
    assert!((mean(difference) - summary.insertion.map_less_random.value).abs() < 1e-12);
    // Each order ends where the others do, so areas differ little, and none leaves 0 to 1.
    assert!(
        all(|map| map.deletion.map).iter().chain(&all(|map| map.deletion.centred)).all(|a| (0.0..=1.0).contains(a))
    );
}

#[test]
fn a_transformer_is_explained_through_its_attention() {
    let world = World::new();
    world.train("out", &json!({ "arch": "vit_tiny_patch16_224", "size": 48, "epochs": 1 })).expect("trains");
    let inputs = [("model", "out/model"), ("shards", "shards")];
    for (method, title, layer) in [
        ("auto", "Chefer's relevance", "blocks.*.attn"),
        ("rollout", "attention rollout", "blocks.*.attn"),
        ("gradient-rollout", "gradient rollout", "blocks.*.attn"),
        ("hires-cam", "HiResCAM", "blocks.11.norm1"),
    ] {
        world.run(&EXPLAIN, method, &inputs, json!({ "method": method, "images": 3 })).expect("explains");
        let cams = Cams::read(&world.path(method).join("cams")).expect("cams");
        assert_eq!((cams.method.as_str(), cams.layer.as_str(), cams.panels.len()), (title, layer, 3));
    }
}

#[test]
fn a_method_that_does_not_go_with_the_model_is_refused() {
    let world = trained();
    let inputs = [("model", "out/model"), ("shards", "shards")];
    let error = world.run(&EXPLAIN, "seen", &inputs, json!({ "method": "rollout" })).expect_err("no attention");
    assert_eq!(error.message, "`rollout` follows attention, and the model, resnet18, has none");
}
