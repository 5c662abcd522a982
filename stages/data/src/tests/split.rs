//! The kind `split`.

use super::iterative::stratify;
use super::world::World;
use crate::SPLIT;
use plantpipe_stage::format::{DuplicateGroup, DuplicateImage, Duplicates, JsonFormat, Split, Splits};
use std::collections::{BTreeMap, BTreeSet};

/// How often each label set occurs among the 4200 photographs of the course subset of Plant Pathology 2021.
const COURSE: &[(&str, usize)] = &[
    ("scab", 1078),
    ("healthy", 1040),
    ("frog_eye_leaf_spot", 740),
    ("rust", 439),
    ("complex", 357),
    ("powdery_mildew", 259),
    ("frog_eye_leaf_spot scab", 136),
    ("complex frog_eye_leaf_spot scab", 49),
    ("complex frog_eye_leaf_spot", 39),
    ("frog_eye_leaf_spot rust", 27),
    ("complex rust", 21),
    ("complex powdery_mildew", 15),
];
const SHARES: [f64; 3] = [0.7, 0.15, 0.15];
const DATA: &[(&str, &str)] = &[("labels", "data")];
const LISTED: &[(&str, &str)] = &[("labels", "data"), ("list", "list.csv")];
const GROUPED: &[(&str, &str)] = &[("labels", "data"), ("groups", "groups")];

type Rows = BTreeMap<String, Vec<String>>;

/// Photographs of these label sets; the same ids for the first of each set, however many there are.
fn rows(sets: &[(&str, usize)]) -> Rows {
    let id = |set: &str, n: usize| blake3::hash(format!("{set} {n}").as_bytes()).to_hex()[..16].to_owned();
    let labels = |set: &str| set.split(' ').map(str::to_owned).collect();
    sets.iter().flat_map(|(set, count)| (0..*count).map(move |n| (id(set, n), labels(set)))).collect()
}

/// Makes a data set of these rows. No photograph is read, so that they are empty files.
fn lay(world: &World, rows: &Rows) {
    let mut table = "images,labels\n".to_owned();
    for (id, labels) in rows {
        world.write(&format!("data/train/images/{id}.jpg"), b"");
        table.push_str(&format!("{id}.jpg,{}\n", labels.join(" ")));
    }
    world.write("data/train_label.csv", table.as_bytes());
}

/// The splits of a run, and what it said.
fn divided(world: &World, inputs: &[(&str, &str)], params: &[(&str, f64)]) -> (BTreeMap<String, Split>, Vec<String>) {
    let params: Vec<_> = params.iter().map(|(name, value)| (*name, (*value).into())).collect();
    let ran = world.run_with(&SPLIT, "out", inputs, &params).expect("runs");
    (Splits::read(&world.path("out/splits")).expect("reads").rows, ran.notes)
}

/// For each of [`Split::ALL`], how many photographs `holds` is true of.
fn count(splits: &BTreeMap<String, Split>, holds: impl Fn(&str) -> bool) -> [usize; 3] {
    Split::ALL.map(|split| splits.iter().filter(|(id, other)| **other == split && holds(id)).count())
}

/// The greatest difference, in photographs, of a count from its share: over all splits and labels, and over all
/// splits and label sets.
fn misfit(rows: &Rows, splits: &BTreeMap<String, Split>) -> (f64, f64) {
    let worst = |counts: [usize; 3]| {
        let all = counts.iter().sum::<usize>() as f64;
        counts.into_iter().zip(SHARES).map(|(have, share)| (have as f64 - share * all).abs()).fold(0.0, f64::max)
    };
    let labels: BTreeSet<&String> = rows.values().flatten().collect();
    let sets: BTreeSet<&Vec<String>> = rows.values().collect();
    let labels = labels.into_iter().map(|label| worst(count(splits, |id| rows[id].contains(label))));
    let sets = sets.into_iter().map(|set| worst(count(splits, |id| rows[id] == *set)));
    (labels.fold(0.0, f64::max), sets.fold(0.0, f64::max))
}

fn list(rows: &[(&str, &str)]) -> Vec<u8> {
    let lines: Vec<String> = rows.iter().map(|(id, split)| format!("{id},{split}\n")).collect();
    format!("image,split\n{}", lines.concat()).into_bytes()
}

fn group(world: &World, groups: &[&[&str]]) {
    let image = |id: &&str| DuplicateImage { image: (*id).to_owned(), split: None, labels: vec![] };
    let group = |ids: &&[&str]| DuplicateGroup {
        images: ids.iter().map(image).collect(),
        distance: 0,
        conflict: false,
        crosses_splits: false,
    };
    let groups = groups.iter().map(group).collect();
    world.write("groups/empty", b"");
    Duplicates { schema: Duplicates::SCHEMA, photographs: 0, groups, pictures: vec![] }
        .write(&world.path("groups"))
        .expect("writes");
}

#[test]
fn every_label_and_label_set_keeps_its_share() {
    let world = World::empty();
    let course = rows(COURSE);
    lay(&world, &course);
    let (splits, notes) = divided(&world, DATA, &[]);
    assert_eq!(count(&splits, |_| true), [2940, 630, 630]);
    let (labels, sets) = misfit(&course, &splits);
    assert!(labels <= 1.0 && sets <= 1.0, "{labels} {sets}");
    let [said] = notes.as_slice() else { panic!("{notes:?}") };
    assert!(said.starts_with("train/val/test: photographs 2940/630/630, complex 337/72/72, "), "{said}");
}

#[test]
fn few_photographs_move_when_some_are_added() {
    let world = World::empty();
    let before = rows(COURSE);
    // One in a hundred of each set, at least half of one.
    let grown: Vec<(&str, usize)> = COURSE.iter().map(|(set, count)| (*set, count + (count + 50) / 100)).collect();
    let after = rows(&grown);
    let mut cuts = Vec::new();
    for rows in [&before, &after] {
        lay(&world, rows);
        cuts.push(divided(&world, DATA, &[]).0);
    }
    let iterative = [stratify(&before, SHARES), stratify(&after, SHARES)];
    let moved = |[before, after]: [&BTreeMap<String, Split>; 2]| {
        before.iter().filter(|(id, split)| after[*id] != **split).count()
    };
    assert_eq!((after.len() - before.len(), moved([&cuts[0], &cuts[1]])), (40, 11));
    let [ours, theirs] = [&cuts[1], &iterative[1]].map(|splits| misfit(&after, splits));
    assert!(ours.0 <= 1.0 && theirs.0 <= 1.0 && ours.1 < theirs.1, "{ours:?} {theirs:?}");
    assert!(moved([&iterative[0], &iterative[1]]) > 1000);
}

#[test]
fn neither_the_order_of_rows_nor_the_splits_of_the_data_set_matter() {
    let (one, other) = (World::empty(), World::empty());
    let rows = rows(&[("rust", 20), ("scab", 20), ("rust scab", 5)]);
    lay(&one, &rows);
    let mut tables = BTreeMap::from(Split::ALL.map(|split| (split, "images,labels\n".to_owned())));
    for (n, (id, labels)) in rows.iter().rev().enumerate() {
        let split = Split::ALL[n % 3];
        other.write(&format!("data/{split}/images/{id}.jpg"), b"");
        *tables.get_mut(&split).expect("three") += &format!("{id}.jpg,{}\n", labels.join(" "));
    }
    for (split, table) in tables {
        other.write(&format!("data/{split}_label.csv"), table.as_bytes());
    }
    assert_eq!(divided(&one, DATA, &[]), divided(&other, DATA, &[]));
    assert_eq!(one.files("out"), other.files("out"));
}

#[test]
fn the_photographs_of_a_group_stay_together() {
    let world = World::empty();
    let rows = rows(&[("rust", 60), ("scab", 60)]);
    lay(&world, &rows);
    let ids: Vec<&str> = rows.keys().map(String::as_str).collect();
    // Forty groups of three, whatever their labels.
    let groups: Vec<&[&str]> = ids.chunks(3).collect();
    group(&world, &groups);
    let (splits, _) = divided(&world, GROUPED, &[]);
    for group in groups {
        assert!(group.iter().all(|id| splits[*id] == splits[group[0]]), "{group:?}");
    }
    assert_eq!(count(&splits, |_| true), [84, 18, 18]);
    for label in ["rust", "scab"] {
        let [_, val, test] = count(&splits, |id| rows[id] == [label]);
        assert!((8..=10).contains(&val) && (8..=10).contains(&test), "{label}: {val} {test}");
    }
}

#[test]
fn what_is_listed_stays_and_what_is_new_fills_the_shares() {
    let world = World::empty();
    let (few, many) = (rows(&[("rust", 30), ("scab", 30)]), rows(&[("rust", 100), ("scab", 100)]));
    // All that is listed is train: val and test have to come from the new ones.
    let listed: Vec<(&str, &str)> = few.keys().map(|id| (id.as_str(), "train")).collect();
    world.write("list.csv", &list(&listed));
    lay(&world, &many);
    let (splits, notes) = divided(&world, LISTED, &[]);
    assert!(few.keys().all(|id| splits[id] == Split::Train));
    for label in ["rust", "scab"] {
        assert_eq!(count(&splits, |id| many[id] == [label]), [70, 15, 15]);
    }
    assert_eq!(notes[0], "put where the list says: 60 photographs; divided: 140");
    // An earlier output is a list, too: with other shares, nothing in it moves.
    std::fs::rename(world.path("out/splits"), world.path("earlier")).expect("moves");
    let inputs = &[("labels", "data"), ("list", "earlier")];
    assert_eq!(divided(&world, inputs, &[("val", 0.4)]).0, splits);
}

#[test]
fn new_duplicates_follow_what_is_listed_and_a_group_torn_by_the_list_is_told() {
    let world = World::empty();
    let rows = rows(&[("rust", 40)]);
    lay(&world, &rows);
    let ids: Vec<&str> = rows.keys().map(String::as_str).collect();
    group(&world, &[&ids[..3], &ids[3..6]]);
    world.write("list.csv", &list(&[(ids[1], "test"), (ids[3], "val"), (ids[4], "train")]));
    let (splits, notes) = divided(&world, &[DATA[0], LISTED[1], GROUPED[1]], &[]);
    assert_eq!([0, 1, 2].map(|n| splits[ids[n]]), [Split::Test; 3]);
    assert_eq!([3, 4].map(|n| splits[ids[n]]), [Split::Val, Split::Train]);
    assert_eq!(notes[1], "groups of duplicates in more than one split, because the list says so: 1");
}

#[test]
fn a_label_too_rare_for_every_split_is_for_train_and_told() {
    let world = World::empty();
    lay(&world, &rows(&[("rust", 40), ("scab", 40), ("odd", 1), ("odder rust", 1)]));
    let (_, notes) = divided(&world, DATA, &[]);
    assert_eq!(notes[0], "the label `odd` is not in val and test: 1 photograph in all");
    assert_eq!(notes[1], "the label `odder` is not in val and test: 1 photograph in all");
    assert_eq!(notes.len(), 3);
}

#[test]
fn test_can_be_left_out() {
    let world = World::empty();
    lay(&world, &rows(&[("rust", 40), ("scab", 40)]));
    let (splits, notes) = divided(&world, DATA, &[("test", 0.0), ("val", 0.25)]);
    assert_eq!(count(&splits, |_| true), [60, 20, 0]);
    assert_eq!(notes, ["train/val/test: photographs 60/20/0, rust 30/10/0, scab 30/10/0"]);
}

#[test]
fn a_photograph_without_a_row_is_in_no_split() {
    let world = World::empty();
    lay(&world, &rows(&[("rust", 40)]));
    world.write("data/train/images/unlabelled.jpg", b"");
    world.write("list.csv", &list(&[("unlabelled", "val")]));
    let (splits, notes) = divided(&world, LISTED, &[]);
    assert!(splits.len() == 40 && !splits.contains_key("unlabelled"));
    assert_eq!(notes[0], "no row in a label table, and so in no split: 1 photograph");
}

#[test]
fn shares_that_leave_nothing_for_train_are_refused() {
    let world = World::empty();
    lay(&world, &rows(&[("rust", 40)]));
    let error =
        world.run_with(&SPLIT, "out", DATA, &[("val", 0.5.into()), ("test", 0.5.into())]).err().expect("refused");
    assert_eq!(error.message, "val 0.5 and test 0.5 leave nothing for train");
}

#[test]
fn a_split_that_would_be_empty_is_refused() {
    let world = World::empty();
    let rows = rows(&[("rust", 4)]);
    lay(&world, &rows);
    let listed: Vec<(&str, &str)> = rows.keys().map(String::as_str).zip(["val", "val", "test", "test"]).collect();
    world.write("list.csv", &list(&listed));
    let refused = world.refused(&SPLIT, LISTED);
    assert_eq!(refused.message, "none of 4 labelled photographs is left for train");
    assert_eq!(refused.hint, "let the list name photographs of it, or leave some photographs out of the list");
}

#[test]
fn a_stranger_in_the_list_or_in_the_groups_is_refused() {
    let world = World::empty();
    lay(&world, &rows(&[("rust", 40)]));
    world.write("list.csv", &list(&[("gone", "val")]));
    let refused = world.refused(&SPLIT, LISTED);
    assert_eq!(refused.message, "list.csv: names `gone`, which is no photograph of the data set");
    group(&world, &[&["gone", "too"]]);
    let refused = world.refused(&SPLIT, GROUPED);
    assert_eq!(refused.message, "groups: names `gone`, which is no photograph of the data set");
}
