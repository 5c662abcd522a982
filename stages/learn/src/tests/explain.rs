//! Explaining a small model.

use super::world::World;
use crate::EXPLAIN;
use plantpipe_pixels::{GrayImage, decode, encode_grey_png};
use plantpipe_stage::format::{Cams, JsonFormat, Predictions, Split, mask_file};
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
