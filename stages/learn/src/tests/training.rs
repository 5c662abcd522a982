//! From packed photographs to a model and its predictions.

use super::world::World;
use crate::{PREDICT, TRAIN};
use plantpipe_stage::format::{JsonFormat, MODEL_WEIGHTS, ModelCard, Predictions, Split, read_history};
use serde_json::json;

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let world = World::new();
    let model = |threads: usize| {
        let out = format!("threads-{threads}");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| world.train(&out, &json!({}))).expect("trains");
        let folder = world.path(&out).join("model");
        let read = |file: &str| std::fs::read(folder.join(file)).expect("reads");
        (blake3::hash(&read(MODEL_WEIGHTS)), read("model.json"), read("history.csv"))
    };
    let one = model(1);
    assert_eq!(model(2), one);
    assert_eq!(model(4), one);
}

#[test]
fn a_model_says_what_it_is_and_answers_for_every_photograph() {
    let world = World::new();
    let notes = world.train("out", &json!({ "optimizer": "sgd", "lr": 0.01, "epochs": 3 })).expect("trains");
    assert_eq!(
        notes[0],
        "resnet18 with 11.2 M parameters from random weights: 12 photographs to train on, 6 to validate on"
    );
    assert!(
        notes[1].starts_with("epoch 1/3: train loss ") && notes[1].ends_with(" images/s, best so far"),
        "{notes:?}"
    );
    let card = ModelCard::read(&world.path("out/model")).expect("a card");
    assert_eq!(notes.len(), 6);
    let waited = notes[4].strip_prefix("its steps spent ").and_then(|rest| rest.split(' ').next()?.parse::<f64>().ok());
    assert!(waited.is_some_and(|waited| (0.0..=100.0).contains(&waited)), "{notes:?}");
    assert!(notes[5].starts_with(&format!("epoch {} of 3 is kept: val exact match ", card.epoch)), "{notes:?}");
    assert_eq!((card.arch.as_str(), card.preprocessing.size, card.seed), ("resnet18", 32, 42));
    // 11,176,512 without a head, as torchvision counts, and 3 x 512 + 3.
    assert_eq!(card.parameters, 11_178_051);
    let history = read_history(&world.path("out/model")).expect("a history");
    assert_eq!(history.len(), 3);
    let kept = &history[card.epoch as usize - 1];
    assert!(history.iter().all(|epoch| epoch.val_exact_match <= kept.val_exact_match));

    let inputs = [("model", "out/model"), ("shards", "shards")];
    let notes = world.run(&PREDICT, "answers", &inputs, json!({ "batch": 5 })).expect("predicts");
    assert!(notes[0].starts_with("answered for 6 photographs of val, 6 photographs of test, "), "{notes:?}");
    let predictions = Predictions::read(&world.path("answers/predictions")).expect("predictions");
    let count = |split| predictions.rows.iter().filter(|row| row.split == split).count();
    assert_eq!((count(Split::Train), count(Split::Val), count(Split::Test)), (0, 6, 6));
    // The val answers are those the epoch was kept for: photographs 0 to 5 in turn carry these labels.
    let truth = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0], [0, 1, 1], [0, 0, 1]].map(|row: [u8; 3]| row.to_vec());
    let val = predictions.rows.iter().filter(|row| row.split == Split::Val);
    let answers = val.map(|row| row.probabilities.iter().map(|p| u8::from(*p >= 0.5)).collect::<Vec<u8>>());
    let exact = answers.zip(truth).filter(|(answer, truth)| answer == truth).count();
    assert!((exact as f64 / 6.0 - kept.val_exact_match).abs() < 1e-9, "{exact} of 6, {kept:?}");
}

#[test]
fn a_transformer_and_a_bottleneck_network_train_and_answer() {
    let world = World::new();
    for (arch, size) in [("vit_tiny_patch16_224", 32), ("vit_small_patch14_dinov2", 28), ("resnet50", 32)] {
        let out = format!("out-{arch}");
        world.train(&out, &json!({ "arch": arch, "size": size, "epochs": 1 })).expect("trains");
        let inputs = [("model", format!("{out}/model")), ("shards", "shards".to_owned())];
        let inputs = inputs.each_ref().map(|(input, folder)| (*input, folder.as_str()));
        world.run(&PREDICT, "answers", &inputs, json!({})).expect("predicts");
        assert_eq!(Predictions::read(&world.path("answers/predictions")).expect("predictions").rows.len(), 12);
    }
    let error =
        world.train("out", &json!({ "arch": "vit_tiny_patch16_224", "size": 40 })).expect_err("no whole patches");
    assert_eq!(error.hint.as_deref(), Some("use 32 or 48 for `size`"));
}

#[test]
fn a_loss_out_of_bounds_stops_the_training_with_a_way_out() {
    let world = World::new();
    let error = world
        .train("out", &json!({ "optimizer": "sgd", "lr": 100.0, "warmup": 0, "epochs": 20 }))
        .expect_err("diverges");
    assert!(error.message.contains("is not a finite number") || error.message.starts_with("the loss is "), "{error}");
    assert!(error.hint.expect("a way out").contains("`lr`"));
}

#[test]
fn a_missing_split_is_named() {
    let world = World::new();
    world.pack("train-only", &super::world::LABELS, &[(Split::Train, 6)]);
    let error = world.run(&TRAIN, "out", &[("shards", "train-only")], json!({})).expect_err("no val");
    assert_eq!(world.words(&error), "train-only: the shards hold no photograph of the split `val`");
    assert!(error.hint.expect("a way out").contains("`val` to choose the epoch"));
}

#[test]
fn labels_in_another_order_are_refused() {
    let world = World::new();
    world.train("out", &json!({ "epochs": 1 })).expect("trains");
    world.pack("turned", &["rust", "healthy", "scab"], &[(Split::Test, 6)]);
    let inputs = [("model", "out/model"), ("shards", "turned")];
    let error = world.run(&PREDICT, "answers", &inputs, json!({})).expect_err("labels differ");
    assert_eq!(
        error.message,
        "the model answers for `healthy`, `rust` and `scab`, but the shards carry these labels as `rust`, `healthy` and `scab`"
    );
}

#[test]
fn photographs_made_ready_in_another_way_are_noted() {
    let world = World::new();
    world.train("out", &json!({ "epochs": 1 })).expect("trains");
    let index = std::fs::read_to_string(world.path("shards/index.json")).expect("reads");
    std::fs::write(world.path("shards/index.json"), index.replacen("\"quality\": 90", "\"quality\": 75", 1))
        .expect("writes");
    let inputs = [("model", "out/model"), ("shards", "shards")];
    let notes = world.run(&PREDICT, "answers", &inputs, json!({})).expect("predicts");
    assert_eq!(
        notes[0],
        "these photographs were made ready otherwise (40 px, squash, quality 75) than those that the model learnt from \
         (40 px, squash, quality 90)"
    );
}
