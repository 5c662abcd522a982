//! The kind `pack`.

use super::world::World;
use crate::{ENCODE, PACK, RESIZE};
use plantpipe_stage::format::{ShardReader, Split};

const PACKED: &[(&str, &str)] = &[("images", "out/images"), ("labels", "out/labels")];

fn prepared() -> World {
    let world = World::new();
    world.run(&RESIZE, "out", &[("images", "data")], &[("size", 32)]).expect("resizes");
    world.run(&ENCODE, "out", &[("labels", "data")], &[]).expect("encodes");
    world
}

#[test]
fn every_row_is_packed_with_its_photograph() {
    let world = prepared();
    let ran = world.run(&PACK, "out", PACKED, &[("shards", 2)]).expect("packs");
    let reader = ShardReader::open(&world.path("out/shards")).expect("opens");
    assert_eq!(reader.index.labels, ["healthy", "rust", "scab"]);
    let samples: Vec<_> = reader.index.samples.iter().map(|s| (s.id.as_str(), s.split, s.targets.clone())).collect();
    let expected = [
        ("a", Split::Train, vec![1, 0, 0]),
        ("b", Split::Train, vec![0, 1, 1]),
        ("c", Split::Val, vec![0, 0, 1]),
        ("d", Split::Test, vec![0, 1, 0]),
    ];
    assert_eq!(samples, expected);
    for sample in &reader.index.samples {
        assert_eq!(reader.read(sample).expect("reads"), world.read(&format!("out/images/{}.jpg", sample.id)));
    }
    // Only `e` has no row.
    assert_eq!(ran.notes, ["1 photograph has no label row and is left out"]);
}

#[test]
fn the_same_photographs_give_the_same_shards() {
    let world = prepared();
    for out in ["one", "two"] {
        world.run(&PACK, out, PACKED, &[]).expect("packs");
    }
    assert_eq!(world.files("one"), world.files("two"));
}

#[test]
fn a_row_without_its_photograph_is_refused_with_the_path() {
    let world = prepared();
    world.remove("out/images/c.jpg");
    let refused = world.refused(&PACK, PACKED);
    assert_eq!(refused.message, "the labels name the photograph `c`, but there is no out/images/c.jpg");
    assert!(refused.hint.contains("the same data set"), "{}", refused.hint);
}
