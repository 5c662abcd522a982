//! The kind `resize`.

use super::world::{World, photograph};
use crate::RESIZE;
use plantpipe_pixels::{Rgb, RgbImage, decode, encode_jpeg};
use plantpipe_stage::format::{Fit, ImagesCard, JsonFormat};
use plantpipe_stage::{Kind, ParamSpec};
use std::path::Path;

const DATA: &[(&str, &str)] = &[("images", "data")];

#[test]
fn every_photograph_becomes_a_square_jpeg_and_an_item() {
    let world = World::new();
    let ran = world.run(&RESIZE, "out", DATA, &[("size", 32)]).expect("runs");
    let files = world.files("out/images");
    assert_eq!(files.keys().collect::<Vec<_>>(), ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg", "images.json"]);
    for (_, bytes) in files.iter().filter(|(name, _)| name.as_str() != "images.json") {
        assert_eq!(decode(bytes, Path::new("small")).expect("decodes").dimensions(), (32, 32));
    }
    let hash = |bytes: &[u8]| blake3::hash(bytes).to_hex().to_string();
    assert_eq!(ran.items.len(), 5);
    assert_eq!((ran.items[0].id.as_str(), &ran.items[0].output), ("a", &hash(&files["a.jpg"])));
    assert_eq!(ran.items[0].input, hash(&world.read("data/train/images/a.jpg")));
}

#[test]
fn the_card_says_how_photographs_were_made_ready() {
    let world = World::new();
    world.run(&RESIZE, "out", DATA, &[("size", 32), ("quality", 71)]).expect("runs");
    let card = ImagesCard::read(&world.path("out/images")).expect("a card");
    assert_eq!(card, ImagesCard { schema: ImagesCard::SCHEMA, size: 32, fit: Fit::Squash, quality: 71 });
}

/// The kind with another fit by default.
fn fitted(fit: &'static str) -> Kind {
    let params = RESIZE
        .params
        .iter()
        .map(|param| ParamSpec { default: if param.name == "fit" { Some(fit) } else { param.default }, ..*param });
    Kind { params: params.collect::<Vec<_>>().leak(), ..RESIZE }
}

#[test]
fn fit_decides_what_becomes_of_the_sides() {
    let world = World::new();
    // 48 x 16, in thirds: dark, light, dark.
    let photograph = RgbImage::from_fn(48, 16, |x, _| Rgb([if x / 16 == 1 { 250 } else { 60 }; 3]));
    world.write("data/train/images/a.jpg", &encode_jpeg(&photograph, 95).expect("encodes"));
    // The middle of the left edge, the middle and the top: 0 black, 1 dark, 2 light.
    for (fit, name, tones) in
        [(Fit::Squash, "squash", [1, 2, 2]), (Fit::Crop, "crop", [2, 2, 2]), (Fit::Pad, "pad", [1, 2, 0])]
    {
        world.run(&fitted(format!("\"{name}\"").leak()), name, DATA, &[("size", 48)]).expect("runs");
        assert_eq!(ImagesCard::read(&world.path(&format!("{name}/images"))).expect("a card").fit, fit);
        let made = decode(&world.read(&format!("{name}/images/a.jpg")), Path::new("a")).expect("decodes");
        let tone = |x, y| [30, 150].iter().filter(|limit| made.get_pixel(x, y)[0] > **limit).count();
        assert_eq!([tone(2, 24), tone(24, 24), tone(24, 4)], tones, "{name}");
    }
}

#[test]
fn a_plain_jpeg_of_that_size_passes_through_byte_for_byte() {
    let world = World::new();
    // At a quality of its own, so that encoding it again would change its bytes.
    let fits = photograph(32, 32, 55);
    world.write("data/train/images/a.jpg", &fits);
    world.run(&RESIZE, "out", DATA, &[("size", 32)]).expect("runs");
    assert_eq!(world.read("out/images/a.jpg"), fits);
}

#[test]
fn the_same_photographs_give_the_same_bytes() {
    let world = World::new();
    for out in ["one", "two"] {
        world.run(&RESIZE, out, DATA, &[("size", 32)]).expect("runs");
    }
    assert_eq!(world.files("one"), world.files("two"));
}

#[test]
fn quality_decides_the_bytes() {
    let world = World::new();
    for (out, quality) in [("high", 95), ("low", 20)] {
        world.run(&RESIZE, out, DATA, &[("size", 32), ("quality", quality)]).expect("runs");
    }
    assert!(world.read("low/images/a.jpg").len() < world.read("high/images/a.jpg").len());
}

#[test]
fn an_id_in_two_splits_is_refused_with_both_paths() {
    let world = World::new();
    world.write("data/val/images/a.png", b"whatever");
    let refused = world.refused(&RESIZE, DATA);
    let paths = "data/train/images/a.jpg and data/val/images/a.png";
    assert_eq!(refused.message, format!("two photographs share the id `a`: {paths}"));
    assert!(refused.hint.contains("unique over all splits"), "{}", refused.hint);
}

#[test]
fn a_cut_photograph_is_refused_by_its_own_path() {
    let world = World::new();
    let whole = world.read("data/val/images/c.jpg");
    world.write("data/val/images/c.jpg", &whole[..whole.len() - 9]);
    let refused = world.refused(&RESIZE, DATA);
    assert!(
        refused.message.starts_with("data/val/images/c.jpg: the JPEG is truncated or damaged"),
        "{}",
        refused.message
    );
}

#[test]
fn a_missing_folder_and_one_without_photographs_are_told_apart() {
    let world = World::empty();
    let refused = world.refused(&RESIZE, DATA);
    assert!(refused.message.ends_with("data: no such folder"), "{}", refused.message);
    assert!(refused.hint.contains("{train,val,test}/images/*.jpg"), "{}", refused.hint);
    world.write("data/pictures/a.jpg", b"");
    assert!(
        world
            .refused(&RESIZE, DATA)
            .message
            .ends_with("data: neither label tables nor a folder of photographs a class in it")
    );
    world.write("data/train/images/readme.txt", b"");
    assert!(world.refused(&RESIZE, DATA).message.ends_with("data: no photograph in it"));
}

#[test]
fn photographs_of_an_earlier_run_are_not_made_again_and_the_bytes_are_those_of_a_run_from_scratch() {
    let world = World::new();
    let params = [("size", 32)];
    let first = world.run(&RESIZE, "first", DATA, &params).expect("runs");
    assert!(first.notes.is_empty());
    world.write("data/train/images/b.jpg", &photograph(20, 20, 80));
    world.write("data/test/images/f.jpg", &photograph(30, 10, 80));
    world.remove("data/val/images/c.jpg");
    let again = world.run_after(&RESIZE, "again", DATA, &params, ("first/images", &first)).expect("runs");
    assert_eq!(again.notes, ["2 of 5 photographs resized, the others are as before"]);
    let scratch = world.run(&RESIZE, "scratch", DATA, &params).expect("runs");
    assert_eq!(world.files("again"), world.files("scratch"));
    assert_eq!(again.items, scratch.items);
}
