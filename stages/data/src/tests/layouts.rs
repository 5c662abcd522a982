//! One data set, laid out as people lay it out, and what is refused.

use super::world::{World, photograph};
use crate::{ANALYZE, ENCODE, LOOK, RESIZE};
use plantpipe_stage::format::{JsonFormat, Look, Splits};
use plantpipe_stage::format::{Split, SplitAnalysis};

const DATA: &[(&str, &str)] = &[("labels", "data")];
const DIVIDED: &[(&str, &str)] = &[("labels", "data"), ("splits", "splits")];

/// Photographs `a` to `d` at the places given, and a list that divides them.
fn world(photographs: &[&str], tables: &[(&str, &str)], ids: [&str; 4]) -> World {
    let world = World::empty();
    for path in photographs {
        world.write(&format!("data/{path}"), &photograph(16, 8, 90));
    }
    for (name, text) in tables {
        world.write(&format!("data/{name}"), text.as_bytes());
    }
    let splits = [Split::Train, Split::Train, Split::Val, Split::Test];
    let rows = ids.into_iter().map(str::to_owned).zip(splits).collect();
    Splits { rows }.write(&world.path("splits")).expect("writes");
    world
}

/// The rows of the encoded labels.
#[track_caller]
fn encoded(world: &World, inputs: &[(&str, &str)]) -> String {
    world.run(&ENCODE, "out", inputs, &[]).expect("encodes");
    String::from_utf8(world.read("out/labels/multihot.csv")).expect("text")
}

const PLAIN: [&str; 4] = ["a", "b", "c", "d"];
const ROWS: &str = "image,split,rust,scab\na,train,0,1\nb,train,1,1\nc,val,1,0\nd,test,0,1\n";

#[test]
fn a_table_beside_a_folder_of_photographs_is_divided_by_a_list() {
    let images = ["train_images/a.jpg", "train_images/b.jpg", "train_images/c.jpg", "train_images/d.jpg"];
    let kaggle = ("train.csv", "image,labels\na.jpg,scab\nb.jpg,scab rust\nc.jpg,rust\nd.jpg,scab\n");
    let sample = ("sample_submission.csv", "image,labels\nx.jpg,healthy\n");
    let world = world(&[&images[..], &["test_images/x.jpg"]].concat(), &[kaggle, sample], PLAIN);
    assert_eq!(encoded(&world, DIVIDED), ROWS);
    let ran = world.run(&ENCODE, "again", DIVIDED, &[]).expect("encodes");
    assert_eq!(ran.notes, ["1 photograph without labels takes no part"]);
    let refused = world.refused(&ENCODE, DATA);
    assert_eq!(refused.message, "data: this data set has no splits");
    assert!(refused.hint.contains("kind `split`"), "{}", refused.hint);
}

#[test]
fn a_table_of_zeros_and_ones_names_photographs_without_their_extension() {
    let table = ("train.csv", "image_id,scab,rust\na,1,0\nb,1,1\nc,0,1\nd,1,0\n");
    let other = ("test.csv", "image_id\nx\n");
    let world = world(&["images/a.jpg", "images/b.jpg", "images/c.jpg", "images/d.jpg"], &[table, other], PLAIN);
    assert_eq!(encoded(&world, DIVIDED), ROWS);
}

#[test]
fn tables_named_after_splits_and_a_column_of_splits_divide() {
    let images = ["p/a.jpg", "p/b.jpg", "p/c.jpg", "p/d.jpg"];
    let tables = [
        ("train.csv", "image,labels\na.jpg,scab\nb.jpg,scab rust\n"),
        ("valid.csv", "image,labels\np/c.jpg,rust\n"),
        ("test.csv", "image,labels\nd.jpg,scab\n"),
    ];
    assert_eq!(encoded(&world(&images, &tables, PLAIN), DATA), ROWS);
    let one =
        ("all.csv", "image,labels,split\na.jpg,scab,train\nb.jpg,scab rust,train\nc.jpg,rust,val\nd.jpg,scab,test\n");
    assert_eq!(encoded(&world(&images, &[one], PLAIN), DATA), ROWS);
}

#[test]
fn a_folder_a_class_gives_ids_that_do_not_clash() {
    let images = ["leaf rust/1.jpg", "leaf rust/2.jpg", "scab/1.jpg", "scab/2.jpg"];
    let world = world(&images, &[], ["leaf_rust__1", "scab__1", "leaf_rust__2", "scab__2"]);
    assert_eq!(
        encoded(&world, DIVIDED),
        "image,split,leaf_rust,scab\nleaf_rust__1,train,1,0\nleaf_rust__2,val,1,0\nscab__1,train,0,1\nscab__2,test,0,1\n"
    );
    world.run(&RESIZE, "small", &[("images", "data")], &[("size", 8)]).expect("resizes");
    assert!(world.files("small/images").contains_key("leaf_rust__2.jpg"));
}

#[test]
fn a_folder_a_class_in_a_folder_a_split_is_divided_already() {
    let images = ["train/rust/1.jpg", "train/scab/2.jpg", "valid/rust/3.jpg", "test/scab/4.jpg"];
    let world = world(&images, &[], PLAIN);
    assert_eq!(
        encoded(&world, DATA),
        "image,split,rust,scab\nrust__1,train,1,0\nrust__3,val,1,0\nscab__2,train,0,1\nscab__4,test,0,1\n"
    );
}

#[test]
fn a_list_divides_otherwise_than_the_data_set_and_has_to_name_all() {
    let world = World::new();
    let rows = [("a", Split::Train), ("b", Split::Train), ("c", Split::Test), ("d", Split::Val)];
    let mut splits = Splits { rows: rows.map(|(id, split)| (id.to_owned(), split)).into() };
    splits.write(&world.path("splits")).expect("writes");
    let inputs = &[("dataset", "data"), ("splits", "splits")];
    world.run(&ANALYZE, "out", inputs, &[]).expect("analyzes");
    let analysis = plantpipe_stage::format::Analysis::read(&world.path("out/analysis")).expect("reads");
    let counts: Vec<(Split, u64)> = analysis.splits.iter().map(|s: &SplitAnalysis| (s.split, s.images)).collect();
    assert_eq!(counts, [(Split::Train, 2), (Split::Val, 1), (Split::Test, 1)]);
    splits.rows.remove("c");
    splits.write(&world.path("splits")).expect("writes");
    let refused = world.refused(&ENCODE, DIVIDED);
    assert_eq!(refused.message, "splits: the photograph `c` is in no split of this list");
}

#[test]
fn a_first_look_counts_what_is_there() {
    let images = ["leaf rust/1.jpg", "leaf rust/2.png", "scab/1.jpg", "scab/2.jpg"];
    let world = world(&images, &[], PLAIN);
    world.run(&LOOK, "out", &[("data", "data")], &[]).expect("looks");
    let look = Look::read(&world.path("out/look")).expect("reads");
    assert_eq!((look.layout.as_str(), look.photographs, look.size), ("a folder a class", 4, (16, 8)));
    assert_eq!(look.labels, [("leaf_rust".to_owned(), 2), ("scab".to_owned(), 2)].into());
    assert!(look.splits.is_empty());
}

#[test]
fn files_that_are_no_photographs_here_are_told() {
    let world = World::new();
    for name in ["x.tif", "y.HEIC", "z.tif"] {
        world.write(&format!("data/train/images/{name}"), b"");
    }
    let ran = world.run(&ANALYZE, "out", &[("dataset", "data")], &[]).expect("analyzes");
    assert_eq!(
        ran.notes,
        ["files of these kinds are passed over: 1 .heic, 2 .tif; photographs are jpg, jpeg, png, webp"]
    );
}

#[test]
fn what_is_no_data_set_is_refused_with_the_layouts_that_are() {
    let images = ["p/a.jpg", "p/b.jpg", "p/c.jpg", "p/d.jpg"];
    for (photographs, tables, says) in [
        (&["a.jpg"][..], &[][..], "data: neither label tables nor a folder of photographs a class in it"),
        (&images, &[("notes.csv", "day,rain\n1,2\n")], "data/notes.csv: no label table: its columns are `day,rain`"),
        (
            &images,
            &[("one.csv", "image,labels\na.jpg,x\n"), ("two.csv", "image,labels\nb.jpg,x\n")],
            "data: several label tables: one.csv, two.csv",
        ),
        (
            &images,
            &[("train.csv", "image,labels\na.jpg,x\n"), ("val.csv", "image,labels\na.jpg,x\n")],
            "data/val.csv: names the photograph `a`, which has a row already",
        ),
        (
            &images,
            &[("t.csv", "image,labels\na.png,x\n")],
            "data/t.csv: names the photograph `a.png`, but there is no data/a.png",
        ),
        (
            &["p/a.jpg", "q/a.jpg"],
            &[("t.csv", "image,labels\na.jpg,x\n")],
            "two photographs share the id `a`: data/p/a.jpg and data/q/a.jpg",
        ),
    ] {
        let refused = world(photographs, tables, PLAIN).refused(&ENCODE, DATA);
        assert_eq!(refused.message, says);
    }
}
