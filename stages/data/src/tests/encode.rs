//! The kind `encode`.

use super::world::World;
use crate::ENCODE;

const DATA: &[(&str, &str)] = &[("labels", "data")];

#[test]
fn rows_become_zeros_and_ones_sorted_by_id() {
    let world = World::new();
    let ran = world.run(&ENCODE, "out", DATA, &[]).expect("runs");
    let table = String::from_utf8(world.read("out/labels/multihot.csv")).expect("text");
    assert_eq!(table, "image,split,healthy,rust,scab\na,train,1,0,0\nb,train,0,1,1\nc,val,0,0,1\nd,test,0,1,0\n");
    // Only `e` has no row.
    assert_eq!(ran.notes, ["test: 1 photograph without labels takes no part"]);
}

#[test]
fn the_content_of_photographs_is_not_read() {
    let world = World::new();
    world.run(&ENCODE, "whole", DATA, &[]).expect("runs");
    world.write("data/train/images/a.jpg", b"no photograph at all");
    world.run(&ENCODE, "broken", DATA, &[]).expect("runs");
    assert_eq!(world.files("whole"), world.files("broken"));
}

#[test]
fn the_order_of_rows_does_not_matter() {
    let world = World::new();
    world.run(&ENCODE, "one", DATA, &[]).expect("runs");
    world.write("data/train_label.csv", b"images,labels\r\na.jpg,healthy\r\nb.jpg,scab rust\r\n");
    world.run(&ENCODE, "two", DATA, &[]).expect("runs");
    assert_eq!(world.files("one"), world.files("two"));
}

#[test]
fn a_label_that_train_does_not_know_is_refused() {
    let world = World::new();
    world.write("data/val_label.csv", b"images,labels\nc.jpg,scabb\n");
    let refused = world.refused(&ENCODE, DATA);
    let what = "`c` (val) carries the label `scabb`, which no photograph of the train split has";
    assert_eq!(refused.message, format!("data: {what}"));
    assert!(refused.hint.starts_with("the train split knows `healthy`, `rust`, `scab`"), "{}", refused.hint);
}

#[test]
fn without_a_train_table_the_hint_names_it() {
    let world = World::new();
    world.remove("data/train_label.csv");
    assert!(world.refused(&ENCODE, DATA).hint.contains("is its label table there?"));
}

#[test]
fn a_row_without_its_photograph_is_refused_with_where_it_was_looked_for() {
    let world = World::new();
    world.remove("data/test/images/d.jpg");
    let refused = world.refused(&ENCODE, DATA);
    let what = "names the photograph `d.jpg`, but there is no data/test/images/d.jpg";
    assert_eq!(refused.message, format!("data/test_label.csv: {what}"));
    assert_eq!(refused.hint, "put the photograph there, or take its row out of the table");
}

#[test]
fn a_row_that_names_no_photograph_by_its_extension_is_refused() {
    let world = World::new();
    world.write("data/val/images/c.tif", b"");
    world.write("data/val_label.csv", b"images,labels\nc.tif,scab\n");
    let refused = world.refused(&ENCODE, DATA);
    assert!(refused.message.ends_with("names `c.tif`, which is no photograph by its extension"), "{}", refused.message);
}

#[test]
fn no_label_table_at_all_is_refused() {
    let world = World::new();
    for split in ["train", "val", "test"] {
        world.remove(&format!("data/{split}_label.csv"));
    }
    let refused = world.refused(&ENCODE, DATA);
    assert!(refused.message.contains("data: no label table: none of `train_label.csv`"), "{}", refused.message);
}
