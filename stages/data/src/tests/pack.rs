//! The kind `pack`.

use super::world::{Ran, World, photograph};
use crate::{ENCODE, PACK, RESIZE};
use plantpipe_pixels::{decode, view_ppm};
use plantpipe_stage::format::{Form, Sample, ShardReader, Split, shard_of};
use std::collections::BTreeSet;
use std::process::Command;

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
fn as_ppm_every_photograph_lies_decoded_in_its_shard() {
    let world = prepared();
    world.run_with(&PACK, "out", PACKED, &[("photographs", "ppm".into())]).expect("packs");
    let reader = ShardReader::open(&world.path("out/shards")).expect("opens");
    assert_eq!((reader.index.photographs, reader.index.samples.len()), (Form::Ppm, 4));
    for sample in &reader.index.samples {
        let file = format!("out/images/{}.jpg", sample.id);
        let plain = decode(&world.read(&file), file.as_ref()).expect("decodes");
        let lying = reader.view(sample).expect("maps");
        let (size, start) = view_ppm(&lying).expect("a PPM");
        assert_eq!((size, &lying.clone().from(start)[..]), ((32, 32), &plain.as_raw()[..]));
        assert_eq!(decode(&reader.read(sample).expect("reads"), file.as_ref()).expect("decodes"), plain);
    }
}

#[test]
fn a_shard_of_ppm_is_taken_from_an_earlier_run_with_its_digests() {
    let world = prepared();
    let params = &[("photographs", "ppm".into())];
    let before = world.run_with(&PACK, "before", PACKED, params).expect("packs");
    let ran = world.run_after_with(&PACK, "after", PACKED, params, ("before/shards", &before)).expect("packs");
    assert_eq!(ran.items, before.items);
    assert!(ran.notes.iter().any(|note| note.starts_with("0 of ")), "{:?}", ran.notes);
    assert_eq!(world.files("after/shards"), world.files("before/shards"));
}

#[test]
fn the_same_photographs_give_the_same_shards() {
    let world = prepared();
    for out in ["one", "two"] {
        world.run(&PACK, out, PACKED, &[]).expect("packs");
    }
    assert_eq!(world.files("one"), world.files("two"));
}

/// Packs again after a change, and says which shards were made; the result is what packing from scratch gives.
#[track_caller]
fn repacked(world: &World, (folder, before): (&str, &Ran), out: &str) -> (Ran, Vec<String>) {
    std::fs::remove_dir_all(world.path("out")).expect("removes");
    world.run(&RESIZE, "out", &[("images", "data")], &[("size", 32)]).expect("resizes");
    world.run(&ENCODE, "out", &[("labels", "data")], &[]).expect("encodes");
    let ran = world.run_after(&PACK, out, PACKED, &[], (&format!("{folder}/shards"), before)).expect("packs");
    world.run(&PACK, &format!("{out} from scratch"), PACKED, &[]).expect("packs");
    assert_eq!(world.files(&format!("{out}/shards")), world.files(&format!("{out} from scratch/shards")));
    let made = ran.items.iter().filter(|item| !before.items.contains(item)).map(|item| item.id.clone()).collect();
    (ran, made)
}

#[test]
fn a_change_rewrites_the_shards_that_it_is_in_and_no_other() {
    let world = prepared();
    let ran = world.run(&PACK, "first", PACKED, &[]).expect("packs");
    let shard = |id, split| shard_of(id, split, 8);
    // Another photograph.
    world.write("data/val/images/c.jpg", &photograph(40, 30, 90));
    let (ran, made) = repacked(&world, ("first", &ran), "second");
    assert_eq!(made, [shard("c", Split::Val)]);
    assert!(ran.notes.last().expect("a note").starts_with("1 of "), "{:?}", ran.notes);
    // Another label.
    world.write("data/train_label.csv", b"images,labels\nb.jpg,rust scab\na.jpg,healthy rust\n");
    let (ran, made) = repacked(&world, ("second", &ran), "third");
    assert_eq!(made, [shard("a", Split::Train)]);
    // Renamed.
    std::fs::rename(world.path("data/val/images/c.jpg"), world.path("data/val/images/z.jpg")).expect("renames");
    world.write("data/val_label.csv", b"images,labels\nz.jpg,scab\n");
    let (ran, made) = repacked(&world, ("third", &ran), "fourth");
    assert_eq!(made, [shard("z", Split::Val)]);
    // Added; then removed: its shard is what it was before, or gone.
    world.write("data/test/images/f.jpg", &photograph(16, 16, 80));
    world.write("data/test_label.csv", b"images,labels\nd.jpg,rust\nf.jpg,rust\n");
    let (ran, made) = repacked(&world, ("fourth", &ran), "fifth");
    assert_eq!(made, [shard("f", Split::Test)]);
    world.write("data/test_label.csv", b"images,labels\nd.jpg,rust\n");
    let (_, made) = repacked(&world, ("fifth", &ran), "sixth");
    assert!(made.is_empty() || made == [shard("f", Split::Test)], "{made:?}");
}

#[test]
fn a_row_without_its_photograph_is_refused_with_the_path() {
    let world = prepared();
    world.remove("out/images/c.jpg");
    let refused = world.refused(&PACK, PACKED);
    assert_eq!(refused.message, "the labels name the photograph `c`, but there is no out/images/c.jpg");
    assert!(refused.hint.contains("the same data set"), "{}", refused.hint);
}

/// What Python's `webdataset` finds in shards: a line a sample.
const READER: &str = r#"
import json, sys, webdataset
for sample in webdataset.WebDataset(sys.argv[1:], shardshuffle=False):
    about = json.loads(sample["json"])
    print(sample["__key__"], about["split"], "".join(map(str, about["targets"])), sample["jpg"].hex())
"#;

#[test]
fn pythons_webdataset_reads_what_was_packed() {
    let Some(python) = std::env::var_os("WEBDATASET_PYTHON") else {
        return eprintln!("skipped: WEBDATASET_PYTHON names no Python with webdataset");
    };
    let world = prepared();
    world.run(&PACK, "out", PACKED, &[("shards", 2)]).expect("packs");
    let reader = ShardReader::open(&world.path("out/shards")).expect("opens");
    let shards: BTreeSet<&str> = reader.index.samples.iter().map(|sample| sample.shard.as_str()).collect();
    let shards = shards.iter().map(|shard| world.path("out/shards").join(shard));
    let output = Command::new(python).args(["-c", READER]).args(shards).output().expect("starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let sample = |sample: &Sample| {
        let jpeg = reader.read(sample).expect("reads");
        let hex = |bytes: &[u8]| bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        let targets: String = sample.targets.iter().map(u8::to_string).collect();
        format!("{} {} {targets} {}", sample.id, sample.split, hex(&jpeg))
    };
    let expected: BTreeSet<String> = reader.index.samples.iter().map(sample).collect();
    let found = String::from_utf8(output.stdout).expect("text");
    assert_eq!(found.lines().map(str::to_owned).collect::<BTreeSet<_>>(), expected);
}
