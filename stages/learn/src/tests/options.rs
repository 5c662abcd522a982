//! What each option of `train` and `predict` changes, and what it leaves alone.

use super::world::World;
use crate::batches::{Batches, Photos};
use crate::infer::{Trained, sigmoid, turned_logits};
use crate::models::{Arch, Config};
use crate::{PREDICT, weights};
use burn::tensor::Device;
use plantpipe_stage::format::{MODEL_WEIGHTS, Predictions, Split, read_history};
use safetensors::SafeTensors;
use serde_json::{Value, json};
use std::collections::BTreeMap;

type Tensors = BTreeMap<String, Vec<f64>>;

/// One step of plain SGD over all 12 photographs, so that weights move by lr times the gradient.
fn one_step(more: &Value) -> Value {
    let mut params = json!({
        "optimizer": "sgd", "momentum": 0, "weight_decay": 0, "lr": 0.5, "warmup": 0, "epochs": 1, "batch": 12, "drop": 0,
    });
    params.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    params
}

impl World {
    /// Every tensor of the model that a training with these params gives.
    fn trained(&self, out: &str, params: &Value) -> Tensors {
        self.train(out, params).expect("trains");
        tensors(&std::fs::read(self.path(out).join("model").join(MODEL_WEIGHTS)).expect("reads"))
    }
}

fn tensors(bytes: &[u8]) -> Tensors {
    let file = SafeTensors::deserialize(bytes).expect("safetensors");
    let floats = |data: &[u8]| {
        let fours = data.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().expect("four")));
        fours.map(f64::from).collect()
    };
    file.tensors().into_iter().map(|(name, view)| (name, floats(view.data()))).collect()
}

/// What the trainings here begin with.
fn first() -> Tensors {
    let config = Config { labels: 3, eps: 1e-5, size: 32 };
    let network = Arch::of("resnet18").expect("known").init(config, 42, &Device::flex()).expect("builds");
    tensors(&weights::save(&network).expect("saves"))
}

/// The largest difference of two tensors.
fn apart(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

fn is_state(name: &str) -> bool {
    name.contains("running_")
}

/// The digest of the weights that one epoch gives.
fn digest(world: &World, options: &Value, threads: usize) -> blake3::Hash {
    let mut params = json!({ "epochs": 1 });
    params.as_object_mut().expect("an object").extend(options.as_object().expect("an object").clone());
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
    pool.install(|| world.train("out", &params)).expect("trains");
    blake3::hash(&std::fs::read(world.path("out/model").join(MODEL_WEIGHTS)).expect("reads"))
}

#[test]
fn every_option_changes_the_weights() {
    let world = World::new();
    let plain = digest(&world, &json!({}), 2);
    for option in [
        json!({ "pos_weight": "auto" }),
        json!({ "loss": "focal" }),
        json!({ "loss": "asl" }),
        json!({ "confusion": "paper" }),
        json!({ "confusion": "code" }),
        json!({ "smoothing": 0.1 }),
        json!({ "mixup": 0.2 }),
        json!({ "cutmix": 1 }),
        json!({ "clip": 0.01 }),
        json!({ "accumulate": 2 }),
    ] {
        assert_ne!(digest(&world, &option, 2), plain, "{option} changes nothing");
    }
}

#[test]
fn a_growing_input_begins_as_a_small_one() {
    let world = World::new();
    let trained = |out: &str, epochs: u64, sizes: Value| {
        let mut params = one_step(&json!({ "lr": 0.05, "epochs": epochs }));
        params.as_object_mut().expect("an object").extend(sizes.as_object().expect("an object").clone());
        world.train(out, &params).expect("trains");
        read_history(&world.path(out).join("model")).expect("a history").into_iter().map(|row| row.train_loss.to_bits())
    };
    let small: Vec<u64> = trained("small", 2, json!({ "size": 32 })).collect();
    let growing: Vec<u64> = trained("growing", 2, json!({ "size": 64, "size_from": 32, "size_epochs": 1 })).collect();
    assert_eq!(growing[0], small[0]);
    assert_ne!(growing[1], small[1]);
}

#[test]
fn an_input_that_cannot_grow_is_refused() {
    let world = World::new();
    let error = world.train("a", &json!({ "size": 32, "size_from": 64, "size_epochs": 1 })).expect_err("refused");
    assert_eq!(error.message, "param `size_from` is 64, beyond `size`, which is 32");
    let vit = json!({ "arch": "vit_tiny_patch16_224", "size": 64, "size_from": 32, "size_epochs": 1 });
    let error = world.train("b", &vit).expect_err("refused");
    let message = "param `size_from` is 32, but the positions of vit_tiny_patch16_224 are laid out for one size";
    assert_eq!(error.message, message);
}

#[test]
fn all_options_together_give_the_same_bytes_for_any_number_of_threads() {
    let world = World::new();
    let options = json!({
        "loss": "focal", "focal_gamma": 1.5, "focal_alpha": 0.25, "confusion": "paper", "smoothing": 0.1, "mixup": 0.2,
        "cutmix": 1, "freeze": 1, "freeze_epochs": 1, "layer_decay": 0.7, "ema": 0.5, "clip": 0.5, "accumulate": 2,
        "epochs": 2, "patience": 1, "size": 64, "size_from": 32, "size_epochs": 1,
    });
    let one = digest(&world, &options, 1);
    for threads in [2, 4] {
        assert_eq!(digest(&world, &options, threads), one, "{threads} threads");
    }
}

#[test]
fn frozen_depths_keep_their_weights_and_their_statistics() {
    let world = World::new();
    let (first, after) = (first(), world.trained("frozen", &one_step(&json!({ "freeze": 8 }))));
    for (name, values) in &after {
        // Depth 8 is the last block, depth 9 the head.
        let learns = name.starts_with("layer4.1.") || name.starts_with("fc.");
        assert_eq!(apart(values, &first[name]) > 0.0, learns, "{name}");
    }
}

#[test]
fn thawed_depths_learn_from_the_epoch_after() {
    let world = World::new();
    let params = |epochs: u64| one_step(&json!({ "freeze": 9, "freeze_epochs": 1, "epochs": epochs, "lr": 0.05 }));
    // At one and the same rate of learning nothing but the head moves in the first epoch.
    let first = first();
    let moved = |after: &Tensors| after.iter().filter(|(name, values)| apart(values, &first[*name]) > 0.0).count();
    assert_eq!(moved(&world.trained("one", &params(1))), 2);
    world.train("two", &params(2)).expect("trains");
    let history = read_history(&world.path("two/model")).expect("a history");
    let still = one_step(&json!({ "freeze": 9, "epochs": 2, "lr": 0.05 }));
    world.train("still", &still).expect("trains");
    let frozen = read_history(&world.path("still/model")).expect("a history");
    assert_eq!(history[0], frozen[0]);
    assert_ne!(history[1].val_loss.to_bits(), frozen[1].val_loss.to_bits());
}

#[test]
fn freezing_the_head_too_is_refused() {
    let error = World::new().train("out", &json!({ "freeze": 10 })).expect_err("refused");
    assert_eq!(error.message, "param `freeze` is 10, but resnet18 has 10 depths and the last, its head, must learn");
    assert_eq!(error.hint.expect("a way out"), "9 freezes all but the head");
}

#[test]
fn layer_decay_shortens_the_steps_below_the_head() {
    let world = World::new();
    let first = first();
    let plain = world.trained("plain", &one_step(&json!({})));
    let decayed = world.trained("decayed", &one_step(&json!({ "layer_decay": 0.5 })));
    for (name, factor) in [
        ("fc.weight", 1.0),
        ("layer4.1.conv2.weight", 0.5),
        ("layer4.0.bn1.bias", 0.25),
        ("layer1.0.bn2.weight", 0.5f64.powi(8)),
        ("bn1.bias", 0.5f64.powi(9)),
    ] {
        let step = |after: &Tensors| apart(&after[name], &first[name]);
        let ratio = step(&decayed) / step(&plain);
        assert!((ratio / factor - 1.0).abs() < 0.01, "{name}: {ratio} is not {factor}");
    }
    for name in plain.keys().filter(|name| is_state(name)) {
        assert!(apart(&plain[name], &decayed[name]) == 0.0, "{name}");
    }
}

#[test]
fn the_moving_average_is_kept_statistics_and_all() {
    let world = World::new();
    let first = first();
    let plain = world.trained("plain", &one_step(&json!({})));
    let averaged = world.trained("averaged", &one_step(&json!({ "ema": 0.75 })));
    for (name, values) in &averaged {
        let expected: Vec<f64> = first[name].iter().zip(&plain[name]).map(|(a, b)| a + 0.25 * (b - a)).collect();
        let size = expected.iter().fold(1.0, |most: f64, value| most.max(value.abs()));
        assert!(apart(values, &expected) < 1e-6 * size, "{name}: {}", apart(values, &expected));
    }
}

#[test]
fn clipping_limits_the_length_of_the_step() {
    let world = World::new();
    let first = first();
    let length = |after: &Tensors| {
        let learnt = after.iter().filter(|(name, _)| !is_state(name));
        let squares = learnt.flat_map(|(name, values)| values.iter().zip(&first[name]).map(|(a, b)| (a - b).powi(2)));
        squares.sum::<f64>().sqrt()
    };
    let plain = length(&world.trained("plain", &one_step(&json!({}))));
    assert!(plain > 0.1, "{plain}");
    // lr 0.5 times a gradient of length 0.1.
    let clipped = length(&world.trained("clipped", &one_step(&json!({ "clip": 0.1 }))));
    assert!((clipped - 0.05).abs() < 1e-4, "{clipped}");
}

#[test]
fn accumulated_batches_make_the_step_of_one_large_batch_where_no_norm_looks_at_the_batch() {
    let world = World::new();
    // All but the head is frozen, so every norm evaluates. Batches of 5, 5 and 2.
    let params = |batch: usize, accumulate: usize| {
        one_step(&json!({ "freeze": 9, "batch": batch, "accumulate": accumulate, "epochs": 2 }))
    };
    let large = world.trained("large", &params(12, 1));
    let small = world.trained("small", &params(5, 3));
    let stepwise = world.trained("stepwise", &params(5, 1));
    assert!(
        apart(&large["fc.weight"], &small["fc.weight"]) < 1e-5,
        "{}",
        apart(&large["fc.weight"], &small["fc.weight"])
    );
    assert!(apart(&large["fc.weight"], &stepwise["fc.weight"]) > 1e-3);
    let lr = |out: &str| read_history(&world.path(out).join("model")).expect("a history").into_iter().map(|row| row.lr);
    assert!(lr("large").eq(lr("small")), "the schedule counts steps");
}

#[test]
fn patience_stops_when_no_epoch_is_better() {
    let world = World::new();
    // Steps too small to change a number: no epoch after the first is better.
    let params = one_step(&json!({ "freeze": 9, "lr": 1e-9, "epochs": 6, "patience": 2 }));
    let notes = world.train("out", &params).expect("trains");
    assert_eq!(read_history(&world.path("out/model")).expect("a history").len(), 3);
    assert!(notes.contains(&"stopped after epoch 3 of 6: no better one in 2 epochs".to_owned()), "{notes:?}");
    assert!(notes.last().expect("notes").starts_with("epoch 1 of 6 is kept"), "{notes:?}");
}

#[test]
fn weights_of_labels_are_told() {
    // Of 12 photographs 4 are healthy, 4 have rust, 6 have scab.
    let notes = World::new().train("out", &json!({ "pos_weight": "auto", "epochs": 1 })).expect("trains");
    assert!(
        notes.contains(&"weights of labels where present: healthy 2.00, rust 2.00, scab 1.00".to_owned()),
        "{notes:?}"
    );
}

#[test]
fn params_that_wait_in_vain_are_noted() {
    let params = json!({ "focal_gamma": 3, "asl_margin": 0.1, "asl_gamma_pos": 1.0, "freeze_epochs": 2, "epochs": 1 });
    let notes = World::new().train("out", &params).expect("trains");
    let idle: Vec<&str> = notes.iter().filter(|note| note.contains("without effect")).map(String::as_str).collect();
    assert_eq!(
        idle,
        [
            "`focal_gamma` without effect: `loss` is not \"focal\"",
            "`asl_gamma_pos`, `asl_margin` without effect: `loss` is not \"asl\"",
            "`freeze_epochs` without effect: `freeze` is 0",
        ]
    );
}

#[test]
fn test_time_augmentation_is_the_mean_probability_over_its_turns() {
    let world = World::new();
    world.train("out", &json!({ "epochs": 1 })).expect("trains");
    let device = Device::flex();
    let mut model = Trained::open(&world.path("out/model"), &device).expect("opens");
    let photos = Photos::read(&world.path("shards"), &[Split::Test]).expect("reads");
    let batches = Batches { images: &photos.images, preprocessing: &model.card.preprocessing, batch: 4 };
    let mut views = Vec::new();
    for way in 0..8 {
        let logits = turned_logits(&mut model.network, &batches, way, &device, |at| photos.name(at), |_| ());
        views.push(logits.expect("answers").concat().into_iter().map(sigmoid).collect::<Vec<f32>>());
    }
    for (tta, ways) in [("none", 1), ("flips", 4), ("dihedral", 8)] {
        let inputs = [("model", "out/model"), ("shards", "shards")];
        world.run(&PREDICT, tta, &inputs, json!({ "splits": ["test"], "tta": tta })).expect("predicts");
        let rows = Predictions::read(&world.path(tta).join("predictions")).expect("predictions").rows;
        let told: Vec<f32> = rows.into_iter().flat_map(|row| row.probabilities).collect();
        let mean = |at: usize| views[..ways].iter().map(|view| view[at]).sum::<f32>() / ways as f32;
        assert_eq!(told.len(), views[0].len());
        let far = (0..told.len()).map(|at| (told[at] - mean(at)).abs()).fold(0.0, f32::max);
        assert!(far < 1e-6, "{tta}: {far}");
        assert_eq!((0..told.len()).all(|at| told[at].to_bits() == views[0][at].to_bits()), ways == 1, "{tta}");
    }
}

#[test]
fn photographs_are_answered_for_at_the_size_that_predict_asks_for() {
    let world = World::new();
    world.train("out", &json!({ "epochs": 1, "size": 32 })).expect("trains");
    world.train("vit", &json!({ "arch": "vit_tiny_patch16_224", "epochs": 1, "size": 32 })).expect("trains");
    let ask = |model: &str, size: serde_json::Value| {
        let inputs = [("model", model), ("shards", "shards")];
        world.run(&PREDICT, "asked", &inputs, json!({ "splits": ["test"], "size": size }))?;
        Ok(Predictions::read(&world.path("asked/predictions")).expect("predictions").rows)
    };
    for model in ["out/model", "vit/model"] {
        let [auto, same, other] = [json!("auto"), json!(32), json!(64)].map(|size| ask(model, size).expect("predicts"));
        assert_eq!(auto, same, "{model}");
        assert_ne!(auto, other, "{model}");
        assert_eq!(auto.len(), other.len());
    }
    let wrong: plantpipe_stage::Error = ask("vit/model", json!(40)).expect_err("no multiple of the patch");
    assert!(wrong.to_string().contains("40"), "{wrong}");
}
