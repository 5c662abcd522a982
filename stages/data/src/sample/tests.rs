//! What the drawn data sets promise, and the probe that mean colour does not give their labels away.

use super::canvas::{Color, Dice};
use super::*;
use plantpipe_stage::{ACTION_SCHEMA, Action};
use std::collections::BTreeMap;

fn drawn(folder: &Path, threads: usize) {
    let sizes = [("train", 12), ("val", 3), ("test", 3), ("size", 64), ("quality", 90)];
    let action = Action {
        schema: ACTION_SCHEMA,
        stage: "sample".into(),
        kind: "sample".into(),
        params: sizes.map(|(name, value)| (name.to_owned(), value.into())).into(),
        inputs: BTreeMap::new(),
        seed: 7,
        threads,
        device: "cpu".into(),
        scratch: folder.to_owned(),
        report: folder.join("report.json"),
        lineage: None,
        previous: None,
        checkpoint: None,
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("pool");
    pool.install(|| run(&Context::new(&action, |_| {}))).expect("draws");
}

/// Every file below a folder: its path from there, and its bytes.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let walk = walkdir::WalkDir::new(folder).into_iter().map(|entry| entry.expect("entry"));
    let files = walk.filter(|entry| entry.file_type().is_file());
    files
        .map(|entry| {
            let name = entry.path().strip_prefix(folder).expect("below").to_string_lossy().into_owned();
            (name, std::fs::read(entry.path()).expect("reads"))
        })
        .collect()
}

fn params(train: usize, val: usize, test: usize, size: usize) -> SampleParams {
    SampleParams { train, val, test, size, quality: 90 }
}

fn photographs(seed: u64, params: &SampleParams) -> Vec<(Plan, scene::Photograph)> {
    let draw = |plan: Plan| {
        let photograph = scene::photograph(plan.labels, params.size, &mut keyed(seed, "sample leaf", &plan.place));
        (plan, photograph)
    };
    plan(seed, params).into_par_iter().map(draw).collect()
}

#[test]
fn one_and_two_threads_draw_the_same_bytes() {
    let (one, two) = (tempfile::tempdir().expect("folder"), tempfile::tempdir().expect("folder"));
    drawn(one.path(), 1);
    drawn(two.path(), 2);
    let files = files(one.path());
    assert!(files == self::files(two.path()));
    assert_eq!(files.keys().filter(|name| name.starts_with("dataset") && name.contains("images")).count(), 18);
}

#[test]
fn the_data_set_reads_back_with_a_mask_for_every_label_but_healthy() {
    let folder = tempfile::tempdir().expect("folder");
    drawn(folder.path(), 2);
    let root = folder.path().join("dataset");
    assert!(DatasetCard::read(&root).expect("card").synthetic);
    let mut masks = BTreeSet::new();
    for split in Split::ALL {
        for row in LabelTable::read(&split.table(&root)).expect("table").rows {
            assert!(split.images(&root).join(&row.image).is_file(), "{}", row.image);
            let id = plantpipe_stage::format::image_id(&row.image);
            let sick = row.labels.iter().filter(|label| *label != "healthy");
            masks.extend(sick.map(|label| mask_file(id, label)));
        }
    }
    let drawn: BTreeSet<String> = files(&folder.path().join("masks")).into_keys().collect();
    assert_eq!(drawn, masks);
}

#[test]
fn another_seed_draws_other_leaves() {
    let names = |seed| plan(seed, &params(20, 5, 5, 64)).into_iter().map(|plan| plan.id).collect::<BTreeSet<_>>();
    assert_eq!(names(1).len(), 30);
    assert!(names(1).is_disjoint(&names(2)));
}

#[test]
fn a_healthy_leaf_has_no_other_label_and_no_leaf_more_than_three() {
    let mut known: BTreeSet<&str> = BTreeSet::new();
    for (set, _) in labels::MIX {
        assert!((1..=3).contains(&set.len()) && set.is_sorted(), "{set:?}");
        assert!(set.len() == 1 || !set.contains(&"healthy"), "{set:?}");
        known.extend(*set);
    }
    let six = ["complex", "frog_eye_leaf_spot", "healthy", "powdery_mildew", "rust", "scab"];
    assert_eq!(known.into_iter().collect::<Vec<_>>(), six);
}

#[test]
fn quotas_follow_the_mix_by_largest_remainder() {
    let count = |total: usize, set: &[&str]| {
        labels::quotas(total, &mut keyed(1, "test", &[])).into_iter().filter(|other| *other == set).count()
    };
    assert_eq!(labels::MIX.iter().map(|(_, share)| share).sum::<u32>(), 100);
    // 480 leaves: scab 100.8, healthy 81.6, scab with frog-eye 28.8, rust 52.8 (up); rust with frog-eye 14.4 (down).
    assert_eq!(count(480, &["scab"]), 101);
    assert_eq!(count(480, &["healthy"]), 82);
    assert_eq!(count(480, &["rust"]), 53);
    assert_eq!(count(480, &["frog_eye_leaf_spot", "scab"]), 29);
    assert_eq!(count(480, &["frog_eye_leaf_spot", "rust"]), 14);
}

#[test]
fn every_label_is_in_the_smallest_train_splits() {
    for total in 6..200 {
        let sets = labels::quotas(total, &mut keyed(1, "test", &[]));
        assert_eq!(sets.len(), total);
        let labels: BTreeSet<&str> = sets.into_iter().flatten().copied().collect();
        assert_eq!(labels.len(), 6, "{total} leaves");
    }
}

#[test]
fn lesions_show_and_cover_at_most_an_eighth_of_the_leaf_mildew_aside() {
    let mut shares = Vec::new();
    for (plan, photograph) in photographs(3, &params(150, 1, 1, 128)) {
        assert!(photograph.leaf_area > 128 * 128 / 8, "{}: {} pixels of leaf", plan.id, photograph.leaf_area);
        let mut covered = vec![false; 128 * 128];
        for (label, mask) in &photograph.masks {
            let area: usize = mask.as_raw().iter().map(|value| usize::from(*value / 255)).sum();
            assert!(mask.as_raw().iter().all(|value| [0, 255].contains(value)));
            assert!(area >= 20, "{} {label}: {area} pixels", plan.id);
            if *label != "powdery_mildew" {
                covered.iter_mut().zip(mask.as_raw()).for_each(|(covered, value)| *covered |= *value == 255);
            }
        }
        let share = covered.iter().filter(|covered| **covered).count() as f64 / photograph.leaf_area as f64;
        assert!(share <= 0.125, "{} {:?}: {share}", plan.id, plan.labels);
        shares.push(share);
    }
    let mean = shares.iter().sum::<f64>() / shares.len() as f64;
    println!("lesions: {:.3} of the leaf in the mean, {:.3} at most", mean, shares.iter().copied().fold(0.0, f64::max));
}

/// The mean colour of a photograph, and which of the six labels it carries.
fn probe_row(plan: &Plan, photograph: &scene::Photograph) -> (Color, [f32; 6]) {
    let mut mean = [0.0; 3];
    for pixel in photograph.image.pixels() {
        mean.iter_mut().zip(pixel.0).for_each(|(sum, value)| *sum += f32::from(value));
    }
    let six = ["complex", "frog_eye_leaf_spot", "healthy", "powdery_mildew", "rust", "scab"];
    let pixels = (photograph.image.width() * photograph.image.height()) as f32;
    (mean.map(|sum| sum / pixels), six.map(|label| f32::from(u8::from(plan.labels.contains(&label)))))
}

/// Fits one logistic regression a label on standardised colours; the weights, bias last.
fn fit(rows: &[(Color, [f32; 6])]) -> [[f32; 4]; 6] {
    let mut weights = [[0.0f32; 4]; 6];
    for _ in 0..2000 {
        let mut slope = [[0.0f32; 4]; 6];
        for (color, targets) in rows {
            for (label, target) in targets.iter().enumerate() {
                let off = probability(&weights[label], color) - target;
                color.iter().chain([&1.0]).zip(&mut slope[label]).for_each(|(value, slope)| *slope += off * value);
            }
        }
        let step = 1.0 / rows.len() as f32;
        weights.iter_mut().flatten().zip(slope.iter().flatten()).for_each(|(weight, slope)| *weight -= step * slope);
    }
    weights
}

fn probability(weights: &[f32; 4], color: &Color) -> f32 {
    let logit: f32 = color.iter().zip(weights).map(|(value, weight)| value * weight).sum::<f32>() + weights[3];
    1.0 / (1.0 + (-logit).exp())
}

/// The share of leaves whose labels the probe names exactly: those above 0.5, or the likeliest where none is.
fn exact_match(weights: &[[f32; 4]; 6], rows: &[(Color, [f32; 6])]) -> f64 {
    let right = rows.iter().filter(|(color, targets)| {
        let probabilities = weights.map(|weights| probability(&weights, color));
        let most = probabilities.iter().copied().fold(0.0, f32::max);
        probabilities.iter().zip(targets).all(|(p, target)| (*p > 0.5 || *p >= most) == (*target > 0.5))
    });
    right.count() as f64 / rows.len() as f64
}

/// Mean colour must not give the labels away: what a network scores above this it has to see.
#[test]
fn mean_colour_alone_tells_the_label_sets_of_less_than_45_percent() {
    let photographs = photographs(5, &params(200, 1, 100, 96));
    let rows: Vec<_> = photographs.iter().map(|(plan, photograph)| (plan.split, probe_row(plan, photograph))).collect();
    let of = |split| rows.iter().filter(move |row| row.0 == split).map(|row| row.1).collect::<Vec<_>>();
    let (mut train, mut test) = (of(Split::Train), of(Split::Test));
    for channel in 0..3 {
        let mean = train.iter().map(|row| row.0[channel]).sum::<f32>() / train.len() as f32;
        let variance = train.iter().map(|row| (row.0[channel] - mean).powi(2)).sum::<f32>() / train.len() as f32;
        train.iter_mut().chain(&mut test).for_each(|row| row.0[channel] = (row.0[channel] - mean) / variance.sqrt());
    }
    let weights = fit(&train);
    println!("mean colour: exact match {:.3} on test", exact_match(&weights, &test));
    assert!(exact_match(&weights, &test) < 0.45, "{}", exact_match(&weights, &test));
}

/// The probe is no straw man: where colour does tell two labels apart, it finds them all.
#[test]
fn the_probe_finds_labels_that_colour_does_give_away() {
    let mut rng = keyed(1, "test", &[]);
    let rows: Vec<_> = (0..200)
        .map(|index| {
            let red = index % 2 == 0;
            let color = [if red { 1.0 } else { -1.0 }, rng.between(-1.7, 1.7), rng.between(-1.7, 1.7)];
            let target = |yes: bool| f32::from(u8::from(yes));
            (color, [target(red), target(!red), 0.0, 0.0, 0.0, 0.0])
        })
        .collect();
    assert!(exact_match(&fit(&rows), &rows) > 0.99);
}

#[test]
fn dice_stay_in_their_range() {
    let mut rng = keyed(1, "test", &[]);
    let rolls: Vec<f32> = (0..1000).map(|_| rng.between(-2.0, 3.0)).collect();
    assert!(rolls.iter().all(|roll| (-2.0..3.0).contains(roll)));
    assert!(rolls.iter().any(|roll| *roll < -1.8) && rolls.iter().any(|roll| *roll > 2.8));
}
