//! The kind `split`.

use super::iterative::stratify;
use super::world::World;
use crate::SPLIT;
use plantpipe_stage::format::{DuplicateGroup, DuplicateImage, Duplicates, JsonFormat, Split, Splits};
use std::collections::BTreeMap;

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

/// The greatest difference, in photographs, of a count from its share: over all splits, labels and label sets.
fn misfit(rows: &Rows, splits: &BTreeMap<String, Split>) -> (f64, f64) {
    let worst = |counts: [usize; 3]| {
        let all = counts.iter().sum::<usize>() as f64;
        counts.into_iter().zip(SHARES).map(|(have, share)| (have as f64 - share * all).abs()).fold(0.0, f64::max)
    };
    let labels = rows.values().flatten().map(|label| worst(count(splits, |id| rows[id].contains(label))));
    let sets = rows.values().map(|set| worst(count(splits, |id| rows[id] == *set)));
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

