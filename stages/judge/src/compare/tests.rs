//! `compare` from files to file.

use super::COMPARE;
use crate::tests::{action, artifact, run};
use plantpipe_stage::format::{
    Ancestor, Comparison, Edge, JsonFormat, Lineage, MultiHot, MultiHotRow, Prediction, Predictions, Split,
};
use plantpipe_stage::{Action, Context, Result};
use std::collections::BTreeMap;
use std::path::Path;

/// Test photographs that carry rust and scab in turn; each model is wrong on the photographs that `wrong` names.
fn world(folder: &Path, images: usize, wrong: &[(&str, &[usize])]) -> Action {
    let labels = vec!["rust".to_owned(), "scab".to_owned()];
    let (image, targets) = (|number: usize| format!("x{number:03}"), |number: usize| [number % 2, (number + 1) % 2]);
    let rows = (0..images)
        .map(|number| MultiHotRow {
            image: image(number),
            split: Split::Test,
            targets: targets(number).map(|target| target as u8).to_vec(),
        })
        .collect();
    MultiHot { labels: labels.clone(), rows }.write(&folder.join("labels")).expect("writes");
    let mut action = action(&COMPARE, folder);
    action.params.insert("splits".into(), serde_json::json!(["test"]));
    action.inputs.insert("labels".into(), vec![artifact(folder, "labels")]);
    let mut ancestors = Vec::new();
    for (place, (stage, wrong)) in wrong.iter().enumerate() {
        let probability = |number, target| if (target == 1) == wrong.contains(&number) { 0.1 } else { 0.9 };
        let rows = (0..images).map(|number| Prediction {
            image: image(number),
            split: Split::Test,
            probabilities: targets(number).map(|target| probability(number, target)).to_vec(),
        });
        let predictions = Predictions { labels: labels.clone(), rows: rows.collect() };
        predictions.write(&folder.join(stage)).expect("writes");
        action.inputs.entry("predictions".into()).or_default().push(artifact(folder, stage));
        let train = format!("train-{stage}");
        let edge = Edge { from: train.clone(), output: "model".into() };
        let inputs = BTreeMap::from([("model".to_owned(), vec![edge])]);
        ancestors.push(ancestor(&train, "train", Some(place as u64), BTreeMap::new()));
        ancestors.push(ancestor(stage, "predict", None, inputs));
    }
    action.lineage = Some(Lineage { pipeline: "p".into(), profile: None, seed: 1, version: "0".into(), ancestors });
    action
}

fn ancestor(name: &str, kind: &str, seed: Option<u64>, inputs: BTreeMap<String, Vec<Edge>>) -> Ancestor {
    Ancestor {
        name: name.into(),
        group: None,
        kind: Some(kind.into()),
        params: BTreeMap::new(),
        seed,
        inputs,
        outputs: BTreeMap::new(),
        device: None,
        crates: BTreeMap::new(),
    }
}

fn compare(action: &Action) -> Result<Comparison> {
    run(&COMPARE, action)?;
    Comparison::read(&action.scratch.join("comparison"))
}

#[test]
fn a_pair_is_tested_on_the_photographs_that_one_alone_gets_right() {
    let folder = tempfile::tempdir().expect("temp folder");
    // Of 40: a is wrong on 0 to 9, b on 8 and 9 and 30: a alone right on 30, b alone on 0 to 7.
    let action = world(folder.path(), 40, &[("a", &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]), ("b", &[8, 9, 30])]);
    let test = compare(&action).expect("compares").splits.remove(0);
    assert_eq!((test.split, test.images, test.pairs.len()), (Split::Test, 40, 1));
    let pair = &test.pairs[0];
    assert_eq!((pair.only_first_right, pair.only_second_right), (1, 8));
    // 2 x (1 + 9) / 2^9
    assert!((pair.mcnemar_p - 20.0 / 512.0).abs() < 1e-12 && (pair.mcnemar_p_holm - pair.mcnemar_p).abs() < 1e-12);
    assert!((pair.exact_match.value - (30.0 - 37.0) / 40.0).abs() < 1e-12);
    // The difference of each photograph is -1 (8 times), 1 (once) or 0: its mean has a standard error of
    // sqrt(9/40 - .175^2) / sqrt(40) = 0.070.
    assert!((pair.exact_match.low - -0.312).abs() < 0.04, "{:?}", pair.exact_match);
    assert!((pair.exact_match.high - -0.038).abs() < 0.04, "{:?}", pair.exact_match);
    assert!((test.models[1].exact_match.value - 37.0 / 40.0).abs() < 1e-12);
}

#[test]
fn a_comparison_on_test_opens_it_once_whatever_the_number_of_models() {
    let folder = tempfile::tempdir().expect("temp folder");
    let mut action = world(folder.path(), 4, &[("a", &[0]), ("b", &[1]), ("c", &[])]);
    let sizes = |action: &Action| {
        let ctx = Context::new(action, |_| ());
        let ended = (COMPARE.run)(&ctx);
        (ended.is_ok(), ctx.openings().iter().map(|opening| opening.size).collect::<Vec<_>>())
    };
    assert_eq!(sizes(&action), (true, vec![4]));
    // There is no val photograph, so that it fails; test is not touched.
    action.params.insert("splits".into(), serde_json::json!(["val"]));
    assert_eq!(sizes(&action), (false, vec![]));
}

#[test]
fn models_that_differ_by_their_seed_have_a_mean_and_a_deviation() {
    let folder = tempfile::tempdir().expect("temp folder");
    let mut action = world(folder.path(), 10, &[("a", &[0]), ("b", &[0, 1, 2]), ("c", &[0, 1])]);
    let test = compare(&action).expect("compares").splits.remove(0);
    // .9, .7, .8: mean .8, deviation .1.
    let [group] = &test.seeds[..] else { panic!("{:?}", test.seeds) };
    assert_eq!(group.stages, ["a", "b", "c"]);
    assert!((group.exact_match.mean - 0.8).abs() < 1e-12 && (group.exact_match.deviation - 0.1).abs() < 1e-12);
    // With another param, b is no other seed of a.
    let lineage = action.lineage.as_mut().expect("a lineage");
    lineage.ancestors[2].params.insert("lr".into(), 0.1.into());
    let test = compare(&action).expect("compares").splits.remove(0);
    assert_eq!(test.seeds[0].stages, ["a", "c"]);
    assert_eq!(test.pairs.len(), 3);
}

#[test]
fn predictions_of_other_photographs_and_a_model_alone_are_refused() {
    let folder = tempfile::tempdir().expect("temp folder");
    let mut action = world(folder.path(), 4, &[("a", &[0]), ("b", &[1])]);
    let file = folder.path().join("b/predictions.csv");
    let text = std::fs::read_to_string(&file).expect("reads");
    std::fs::write(&file, text.replace("x002", "y002")).expect("writes");
    let message = compare(&action).expect_err("other photographs").message;
    assert!(message.ends_with("b/predictions.csv: no prediction for `x002` of the split `test`"), "{message}");
    action.inputs.get_mut("predictions").expect("an input").pop();
    assert_eq!(compare(&action).expect_err("alone").message, "one model alone cannot be compared");
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_any_number_of_threads() {
    let folder = tempfile::tempdir().expect("temp folder");
    let action = world(folder.path(), 30, &[("a", &[0, 3]), ("b", &[1])]);
    let bytes = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("pool");
        pool.install(|| run(&COMPARE, &action)).expect("compares");
        std::fs::read(action.scratch.join("comparison/comparison.json")).expect("reads")
    };
    assert_eq!(bytes(1), bytes(3));
}
