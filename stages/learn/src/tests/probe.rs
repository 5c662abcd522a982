//! Training heads on features.

use super::features::{head_logits, tensor};
use super::world::World;
use crate::PROBE;
use crate::infer::sigmoid;
use plantpipe_stage::format::{
    Backbone, FeaturesCard, FeaturesSample, Fit, HeadCard, ImagesCard, JsonFormat, Prediction, Predictions,
    Preprocessing, Split, features_bytes, features_file, read_features, read_history,
};
use plantpipe_stage::random::keyed;
use rand::RngExt;
use serde::Deserialize;
use serde_json::{Value, json};

/// Writes `<name>/`: features `[views, width]` and targets of photographs, `<split>NN`.
fn write(world: &World, name: &str, views: usize, photographs: &[(Split, Vec<f32>, Vec<u8>)]) {
    let folder = world.path(name);
    std::fs::create_dir_all(&folder).expect("makes");
    let width = photographs[0].1.len() / views;
    let images = ImagesCard { schema: ImagesCard::SCHEMA, size: 40, fit: Fit::Squash, quality: 90 };
    let preprocessing = Preprocessing { images, size: 32, mean: [0.5; 3], std: [0.5; 3] };
    let (arch, weights) = ("efficientnet_lite0".to_owned(), "0".repeat(64));
    let backbone = Backbone { arch, weights, preprocessing, norm_eps: 1e-3, width, views };
    let mut samples = Vec::new();
    for (number, (split, values, targets)) in photographs.iter().enumerate() {
        let id = format!("{split}{number:03}");
        std::fs::write(folder.join(features_file(&id)), features_bytes(values, width)).expect("writes");
        samples.push(FeaturesSample { id, split: *split, targets: targets.clone() });
    }
    samples.sort_by(|a, b| a.id.cmp(&b.id));
    let labels = (0..photographs[0].2.len()).map(|label| format!("label{label}")).collect();
    FeaturesCard { schema: FeaturesCard::SCHEMA, backbone, labels, samples }.write(&folder).expect("writes");
}

/// `features/`: 40 train, 12 val and 12 test photographs, three features about 10, two labels: the first feature above its
/// mean, the second below it; two views.
fn world() -> World {
    let world = World::new();
    let mut rng = keyed(3, "features", &[]);
    let mut photograph = |split| {
        let view: [f32; 3] = std::array::from_fn(|_| rng.random_range(-1.0..1.0));
        let near = view.map(|x| x + rng.random_range(-0.1..0.1));
        let values = view.into_iter().chain(near).map(|x| 10.0 + x).collect();
        (split, values, vec![u8::from(view[0] > 0.0), u8::from(view[1] < 0.0)])
    };
    let mut photographs: Vec<_> = (0..40).map(|_| photograph(Split::Train)).collect();
    photographs.extend((0..12).map(|_| photograph(Split::Val)));
    photographs.extend((0..12).map(|_| photograph(Split::Test)));
    write(&world, "features", 2, &photographs);
    world
}

fn probe(world: &World, out: &str, params: Value) -> Vec<String> {
    world.run(&PROBE, out, &[("features", "features")], params).expect("trains")
}

#[test]
fn a_probe_answers_for_every_photograph_with_the_head_that_it_saves() {
    let world = world();
    let notes = probe(&world, "out", json!({ "epochs": 60, "batch": 8, "lr": 0.1, "weight_decay": 0 }));
    let card = HeadCard::read(&world.path("out/head")).expect("a card");
    let history = read_history(&world.path("out/head")).expect("a history");
    assert_eq!(history.len(), 60);
    let kept = &history[card.epoch as usize - 1];
    assert!(history.iter().all(|epoch| epoch.val_exact_match <= kept.val_exact_match));
    assert!(kept.val_exact_match > 0.8, "{kept:?}");
    let told = format!("3 features of 40 photographs: epoch {} of 60 is kept: val exact match ", card.epoch);
    assert!(notes[0].starts_with(&told), "{notes:?}");

    let file = std::fs::read(world.path("out/head/head.safetensors")).expect("reads");
    let (weight, bias) = (tensor(&file, "classifier.weight"), tensor(&file, "classifier.bias"));
    assert_eq!((weight.len(), bias.len()), (6, 2));
    let features = FeaturesCard::read(&world.path("features")).expect("a card");
    let predictions = Predictions::read(&world.path("out/predictions")).expect("predictions");
    assert_eq!(predictions.labels, ["label0", "label1"]);
    for Prediction { image, probabilities, .. } in &predictions.rows {
        let values = read_features(&world.path("features"), image, &features.backbone).expect("features");
        let logits = head_logits(&weight, &bias, &values[..3]);
        assert_eq!(probabilities, &logits.into_iter().map(sigmoid).collect::<Vec<f32>>(), "{image}");
    }
    let exact = |split| {
        let truth = |image: &str| &features.samples.iter().find(|sample| sample.id == image).expect("known").targets;
        let of_split = predictions.rows.iter().filter(|row| row.split == split);
        let answer = |row: &&Prediction| row.probabilities.iter().map(|p| u8::from(*p >= 0.5)).collect::<Vec<_>>();
        let right = of_split.clone().filter(|row| answer(row) == *truth(&row.image)).count();
        (right, of_split.count())
    };
    assert_eq!((exact(Split::Train).1, exact(Split::Test).1), (0, 12));
    let (right, of) = exact(Split::Val);
    assert!((right as f64 / of as f64 - kept.val_exact_match).abs() < 1e-9, "{right} of {of}, {kept:?}");
}

#[test]
fn a_seed_gives_the_same_bytes_for_any_number_of_threads_and_another_seed_others() {
    let world = world();
    let run = |out: &str, threads: usize, seed: u64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        let params = json!({ "epochs": 5, "batch": 8 });
        let inputs = [("features", "features")];
        pool.install(|| world.run_with(&PROBE, out, &inputs, params, |action| action.seed = seed)).expect("trains");
        (world.files(&format!("{out}/head")), world.files(&format!("{out}/predictions")))
    };
    let first = run("one", 1, 1);
    assert_eq!(run("two", 2, 1), first);
    assert_eq!(run("four", 4, 1), first);
    assert_ne!(run("other", 1, 2), first);
}

#[derive(Deserialize)]
struct Fixture {
    features: Vec<Vec<f32>>,
    targets: Vec<Vec<u8>>,
    least_loss: f64,
}

#[test]
fn without_decay_a_probe_comes_to_the_least_loss_that_scikit_learn_finds() {
    let fixture: Fixture = serde_json::from_str(include_str!("../../tests/fixtures/probe.json")).expect("JSON");
    let world = World::new();
    let photographs: Vec<_> = [Split::Train, Split::Val]
        .into_iter()
        .flat_map(|split| {
            let rows = fixture.features.iter().zip(&fixture.targets);
            rows.map(move |(features, targets)| (split, features.clone(), targets.clone()))
        })
        .collect();
    write(&world, "features", 1, &photographs);
    for optimizer in ["adamw", "sgd"] {
        let params = json!({
            "epochs": 400, "batch": 90, "lr": if optimizer == "sgd" { 1.0 } else { 0.05 }, "optimizer": optimizer,
            "weight_decay": 0,
        });
        probe(&world, optimizer, params);
        let history = read_history(&world.path(optimizer).join("head")).expect("a history");
        // The loss of the last step is of the head before it; by then the steps are tiny.
        let excess = history.last().expect("epochs").train_loss - fixture.least_loss;
        assert!((-1e-6..1e-5).contains(&excess), "{optimizer}: {excess}");
        // From all zeros: ln 2.
        assert!((history[0].train_loss - std::f64::consts::LN_2).abs() < 1e-6);
    }
}

#[test]
fn every_loss_is_another_head_and_a_param_of_another_loss_is_told() {
    let world = world();
    let mut heads = Vec::new();
    for loss in ["bce", "focal", "asl"] {
        probe(&world, loss, json!({ "epochs": 2, "loss": loss }));
        heads.push(world.files(&format!("{loss}/head"))["head.safetensors"].clone());
    }
    assert!(heads[0] != heads[1] && heads[1] != heads[2] && heads[0] != heads[2]);
    let notes = probe(&world, "idle", json!({ "epochs": 2, "focal_gamma": 3 }));
    assert_eq!(notes[0], "`focal_gamma` without effect: `loss` is not \"focal\"");
}

#[test]
fn views_and_standardizing_and_patience_do_what_they_say() {
    let world = world();
    let head = |out: &str, params: Value| {
        probe(&world, out, params);
        world.files(&format!("{out}/head"))["head.safetensors"].clone()
    };
    let all = head("all", json!({ "epochs": 3 }));
    assert_eq!(head("two", json!({ "epochs": 3, "views": 2 })), all);
    assert_ne!(head("one", json!({ "epochs": 3, "views": 1 })), all);
    assert_ne!(head("raw", json!({ "epochs": 3, "standardize": false })), all);
    let notes =
        probe(&world, "patient", json!({ "epochs": 500, "patience": 5, "lr": 0.1, "weight_decay": 0, "batch": 8 }));
    let history = read_history(&world.path("patient/head")).expect("a history");
    let card = HeadCard::read(&world.path("patient/head")).expect("a card");
    assert!(history.len() < 500);
    assert_eq!(history.len() as u64, card.epoch + 5);
    assert_eq!(notes[0], format!("stopped after epoch {} of 500: no better one in 5 epochs", history.len()));
}

#[test]
fn a_missing_split_is_named_and_a_rate_out_of_bounds_has_a_way_out() {
    let world = world();
    write(&world, "trains", 1, &[(Split::Train, vec![1.0], vec![1]), (Split::Train, vec![2.0], vec![0])]);
    let error = world.run(&PROBE, "none", &[("features", "trains")], json!({})).expect_err("no val");
    assert_eq!(world.words(&error), "trains: there are no features of the split `val`");
    assert!(error.hint.expect("a way out").contains("`val` to choose the epoch"));
    let params = json!({ "optimizer": "sgd", "lr": 100, "momentum": 1, "weight_decay": 100, "epochs": 60, "batch": 8 });
    let error = world.run(&PROBE, "far", &[("features", "features")], params).expect_err("diverges");
    assert!(error.message.starts_with("the loss is "), "{error}");
    assert!(error.hint.expect("a way out").contains("`lr`"));
}
