//! The kind `analyze`.

use super::world::World;
use crate::ANALYZE;
use plantpipe_pixels::decode;
use plantpipe_stage::format::{Analysis, JsonFormat, Split};
use std::path::Path;

const DATA: &[(&str, &str)] = &[("dataset", "data")];

fn analysed(world: &World) -> Analysis {
    world.run(&ANALYZE, "out", DATA, &[("contact", 2)]).expect("runs");
    Analysis::read(&world.path("out/analysis")).expect("reads")
}

#[test]
fn labels_sets_and_sizes_are_counted() {
    let analysis = analysed(&World::new());
    assert_eq!(analysis.labels, ["healthy", "rust", "scab"]);
    let [train, val, test] = analysis.splits.as_slice() else { panic!("{:?}", analysis.splits) };
    // Train: a healthy, b rust and scab: 3 labels on 2 photographs.
    assert_eq!((train.split, train.images, train.unlabelled, train.cardinality), (Split::Train, 2, 0, 1.5));
    assert_eq!(train.label_counts, [1, 1, 1]);
    assert_eq!(train.labels_per_image, [(1, 1), (2, 1)].into());
    assert_eq!((val.images, val.label_counts.as_slice()), (1, [0, 0, 1].as_slice()));
    // Test: d rust, and e without a row.
    assert_eq!((test.images, test.unlabelled), (1, 1));
    // Rust: b and d; scab: b and c; both: b.
    assert_eq!(analysis.cooccurrence, [[1, 0, 0], [0, 2, 1], [0, 1, 2]]);
    let sets: Vec<String> = analysis.combinations.iter().map(|set| set.labels.join(" ")).collect();
    assert_eq!(sets, ["healthy", "rust", "rust scab", "scab"]);
    // a is 24 x 8; b, c and d are 16 x 8; e takes no part.
    assert_eq!(analysis.dimensions, [("16x8".to_owned(), 3), ("24x8".to_owned(), 1)].into());
    assert!(!analysis.synthetic && analysis.name.is_none());
}

#[test]
fn a_fingerprint_is_of_ids_and_labels_alone() {
    let world = World::new();
    let before = analysed(&world);
    assert_eq!(before.splits[0].fingerprint, blake3::hash(b"a,healthy\nb,rust scab\n").to_hex().as_str());
    world.write("data/train_label.csv", b"image,labels\na.jpg,healthy\nb.jpg,scab rust\n");
    assert_eq!(analysed(&world).splits[0].fingerprint, before.splits[0].fingerprint);
    world.write("data/train_label.csv", b"image,labels\na.jpg,healthy\nb.jpg,scab\n");
    assert_ne!(analysed(&world).splits[0].fingerprint, before.splits[0].fingerprint);
}

#[test]
fn the_card_says_what_the_data_set_is() {
    let world = World::new();
    let card = br#"{"schema": 1, "name": "leaves", "synthetic": true, "description": "drawn"}"#;
    world.write("data/dataset.json", card);
    let analysis = analysed(&world);
    assert_eq!((analysis.name.as_deref(), analysis.description.as_deref()), (Some("leaves"), Some("drawn")));
    assert!(analysis.synthetic);
}

#[test]
fn pictures_lie_beside_the_json_and_have_captions() {
    let world = World::new();
    let analysis = analysed(&world);
    let files: Vec<&str> = analysis.pictures.iter().map(|picture| picture.file.as_str()).collect();
    assert_eq!(files, ["contact.jpg", "labels.svg", "cooccurrence.svg"]);
    let sheet = decode(&world.read("out/analysis/contact.jpg"), Path::new("contact.jpg")).expect("decodes");
    assert!(sheet.pixels().any(|pixel| pixel.0 != [255; 3]) && sheet.width() > 700);
    let svg = String::from_utf8(world.read("out/analysis/labels.svg")).expect("text");
    // Train: one of two photographs carries each label.
    assert!(svg.contains(">1 (50.0%)</text>") && svg.contains(">train (2 photographs)</text>"), "{svg}");
}

#[test]
fn label_names_are_shown_with_spaces_and_escaped() {
    let world = World::new();
    world.write("data/train_label.csv", b"images,labels\na.jpg,leaf_spot\nb.jpg,rust scab a<b\n");
    analysed(&world);
    for file in ["labels.svg", "cooccurrence.svg"] {
        let svg = String::from_utf8(world.read(&format!("out/analysis/{file}"))).expect("text");
        assert!(svg.contains(">leaf spot</text>") && svg.contains(">a&lt;b</text>"), "{svg}");
    }
}

#[test]
fn a_split_without_a_row_is_counted_not_divided_by() {
    let world = World::new();
    world.remove("data/val_label.csv");
    let analysis = analysed(&world);
    let val = &analysis.splits[1];
    assert_eq!((val.images, val.unlabelled, val.cardinality), (0, 1, 0.0));
    let svg = String::from_utf8(world.read("out/analysis/labels.svg")).expect("text");
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
}

#[test]
fn the_same_data_set_gives_the_same_bytes() {
    let world = World::new();
    for out in ["one", "two"] {
        world.run(&ANALYZE, out, DATA, &[]).expect("runs");
    }
    assert_eq!(world.files("one"), world.files("two"));
}

#[test]
fn a_row_without_its_photograph_is_refused() {
    let world = World::new();
    world.remove("data/train/images/b.jpg");
    let refused = world.refused(&ANALYZE, DATA);
    let what = "names the photograph `b.jpg`, but there is no data/train/images/b.jpg";
    assert_eq!(refused.message, format!("data/train_label.csv: {what}"));
}
