//! The kind `dedup`.

use super::world::World;
use crate::{DEDUP, SAMPLE};
use plantpipe_pixels::{Rgb, RgbImage, decode, encode_jpeg, encode_png, resize};
use plantpipe_stage::format::{DuplicateGroup, Duplicates, JsonFormat};
use std::path::Path;

const DATA: &[(&str, &str)] = &[("images", "sample/dataset")];

/// Forty drawn leaves; and the id, the labels and the pixels of the first of train.
fn leaves() -> (World, String, String, RgbImage) {
    let world = World::empty();
    world.run(&SAMPLE, "sample", &[], &[("train", 30), ("val", 5), ("test", 5), ("size", 128)]).expect("draws");
    let table = String::from_utf8(world.read("sample/dataset/train_label.csv")).expect("text");
    let (file, labels) = table.lines().nth(1).and_then(|row| row.split_once(',')).expect("a row");
    let image = decode(&world.read(&format!("sample/dataset/train/images/{file}")), Path::new(file)).expect("decodes");
    (world, file.trim_end_matches(".jpg").to_owned(), labels.to_owned(), image)
}

/// Adds a photograph to a split.
fn add(world: &World, split: &str, file: &str, labels: &str, bytes: &[u8]) {
    world.write(&format!("sample/dataset/{split}/images/{file}"), bytes);
    let table = format!("sample/dataset/{split}_label.csv");
    let mut text = world.read(&table);
    text.extend(format!("{file},{labels}\n").bytes());
    world.write(&table, &text);
}

fn found(world: &World, params: &[(&str, serde_json::Value)]) -> Duplicates {
    world.run_with(&DEDUP, "out", DATA, params).expect("runs");
    Duplicates::read(&world.path("out/duplicates")).expect("reads")
}

fn ids(group: &DuplicateGroup) -> Vec<&str> {
    group.images.iter().map(|image| image.image.as_str()).collect()
}

fn jpeg(image: &RgbImage, quality: u8) -> Vec<u8> {
    encode_jpeg(image, quality).expect("encodes")
}

fn mirrored(image: &RgbImage) -> RgbImage {
    RgbImage::from_fn(image.width(), image.height(), |x, y| *image.get_pixel(image.width() - 1 - x, y))
}

fn quarter(image: &RgbImage) -> RgbImage {
    RgbImage::from_fn(image.height(), image.width(), |x, y| *image.get_pixel(y, image.height() - 1 - x))
}

#[test]
fn different_leaves_are_no_duplicates() {
    let (world, ..) = leaves();
    let ran = world.run(&DEDUP, "out", DATA, &[]).expect("runs");
    let duplicates = Duplicates::read(&world.path("out/duplicates")).expect("reads");
    assert_eq!((duplicates.photographs, duplicates.groups, duplicates.pictures), (40, vec![], vec![]));
    assert_eq!(ran.notes, ["no two of 40 photographs look alike"]);
}

#[test]
fn a_copy_is_found_however_it_was_made() {
    let (world, id, labels, image) = leaves();
    let brighter = RgbImage::from_fn(128, 128, |x, y| Rgb(image.get_pixel(x, y).0.map(|value| value / 2 + 100)));
    // Moved by 1% of its side.
    let moved = RgbImage::from_fn(128, 128, |x, y| *image.get_pixel((x + 1).min(127), y));
    let copies = [
        ("exact.png", encode_png(&image).expect("encodes")),
        ("rough.jpg", jpeg(&image, 20)),
        ("small.jpg", jpeg(&resize(&image, 48, 48), 90)),
        ("squashed.jpg", jpeg(&resize(&image, 200, 100), 90)),
        ("brighter.jpg", jpeg(&brighter, 90)),
        ("moved.jpg", jpeg(&moved, 90)),
        ("mirrored.jpg", jpeg(&mirrored(&image), 90)),
        ("quarter.jpg", jpeg(&quarter(&image), 90)),
        ("half.jpg", jpeg(&quarter(&quarter(&image)), 90)),
        ("transposed.jpg", jpeg(&mirrored(&quarter(&image)), 90)),
    ];
    for (file, bytes) in &copies {
        add(&world, "train", file, &labels, bytes);
    }
    let duplicates = found(&world, &[]);
    let [group] = duplicates.groups.as_slice() else { panic!("{:?}", duplicates.groups) };
    let mut expected: Vec<&str> = copies.iter().map(|(file, _)| file.split_once('.').expect("a dot").0).collect();
    expected.push(&id);
    expected.sort_unstable();
    assert_eq!(ids(group), expected);
    assert!(!group.conflict && !group.crosses_splits);
}

#[test]
fn mirrored_photographs_can_be_left_alone() {
    let (world, _, labels, image) = leaves();
    add(&world, "train", "mirrored.jpg", &labels, &jpeg(&mirrored(&image), 90));
    assert_eq!(found(&world, &[("turned", false.into())]).groups, []);
    assert_eq!(found(&world, &[]).groups.len(), 1);
}

#[test]
fn the_distance_is_zero_for_equal_pixels_and_has_to_be_within_its_limit() {
    let (world, _, labels, image) = leaves();
    add(&world, "train", "one.png", &labels, &encode_png(&image).expect("encodes"));
    assert_eq!(found(&world, &[]).groups[0].distance, 0);
    add(&world, "train", "rough.jpg", &labels, &jpeg(&image, 5));
    let distance = found(&world, &[]).groups[0].distance;
    assert!((1..=10).contains(&distance), "{distance}");
    assert_eq!(found(&world, &[("distance", distance.into())]).groups[0].images.len(), 3);
    assert_eq!(found(&world, &[("distance", (distance - 1).into())]).groups[0].images.len(), 2);
}

#[test]
fn labels_that_differ_and_splits_that_are_crossed_are_told() {
    let (world, id, labels, image) = leaves();
    add(&world, "test", "other.jpg", "marssonina", &jpeg(&image, 80));
    // Without a row: it contradicts nothing.
    world.write("sample/dataset/train/images/unlabelled.jpg", &jpeg(&image, 70));
    let ran = world.run(&DEDUP, "out", DATA, &[]).expect("runs");
    let group = &Duplicates::read(&world.path("out/duplicates")).expect("reads").groups[0];
    assert_eq!(ids(group), [id.as_str(), "other", "unlabelled"]);
    assert!(group.conflict && group.crosses_splits);
    let carried: Vec<String> = group.images.iter().map(|image| image.labels.join(" ")).collect();
    assert_eq!(carried, [labels.as_str(), "marssonina", ""]);
    let said = "3 of 42 photographs are near-duplicates, in 1 group; 1 with labels that differ, 1 across splits";
    assert_eq!(ran.notes, [said]);
    world.remove("sample/dataset/test/images/other.jpg");
    world.write("sample/dataset/test_label.csv", b"images,labels\n");
    let group = &found(&world, &[]).groups[0];
    assert!(!group.conflict && !group.crosses_splits, "{group:?}");
}

#[test]
fn contradictions_come_first_on_the_contact_sheets() {
    let (world, id, labels, image) = leaves();
    add(&world, "train", "copy.jpg", &labels, &jpeg(&image, 80));
    // Two noisy fields, alike but for their labels; their ids come before all others.
    let noise = RgbImage::from_fn(64, 64, |x, y| Rgb([(x / 8 * 37 + y / 8 * 91 + x * y / 64 * 13) as u8; 3]));
    add(&world, "train", "!a.jpg", "rust", &jpeg(&noise, 80));
    add(&world, "train", "!b.jpg", "rust", &jpeg(&noise, 80));
    add(&world, "val", &format!("{id}x.jpg"), "rust scab", &jpeg(&image, 80));
    let ran = world.run(&DEDUP, "out", DATA, &[("shown", 1)]).expect("runs");
    let duplicates = Duplicates::read(&world.path("out/duplicates")).expect("reads");
    assert_eq!(duplicates.groups.iter().map(|group| group.conflict).collect::<Vec<_>>(), [false, true]);
    assert_eq!(ran.notes[1], "the contact sheets show 1 of 2 groups");
    assert_eq!(duplicates.pictures[0].file, "groups-001.jpg");
    // Three photographs side by side: their colours, not the noise.
    let sheet = decode(&world.read("out/duplicates/groups-001.jpg"), Path::new("sheet")).expect("decodes");
    let middle = sheet.get_pixel(120, 150).0;
    let leaf = resize(&image, 200, 200).get_pixel(100, 98).0;
    assert!(middle.iter().zip(leaf).all(|(a, b)| a.abs_diff(b) < 40), "{middle:?} {leaf:?}");
    assert_eq!(world.files("out/duplicates").len(), 2);
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let (world, _, labels, image) = leaves();
    add(&world, "train", "copy.jpg", &labels, &jpeg(&image, 50));
    for (out, threads) in [("one", 1), ("four", 4)] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| world.run(&DEDUP, out, DATA, &[])).expect("runs");
    }
    assert_eq!(world.files("one"), world.files("four"));
}
