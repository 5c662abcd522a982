//! `evaluate` from files to file.

use super::{EVALUATE, commonest_answer};
use crate::tests::{action, artifact, run};
use plantpipe_stage::format::{
    DecisionRule, Evaluation, JsonFormat, MultiHot, MultiHotRow, Objective, Prediction, Predictions, Split,
    SplitEvaluation,
};
use plantpipe_stage::{Action, Context, Event, Opening, Result};
use std::path::Path;
use std::sync::Mutex;

/// Labels `rust`, `scab`; train photographs carry scab twice, rust once; in test, `images` photographs carry them in
/// turn, and each tenth of them is answered wrongly.
fn world(folder: &Path, images: usize) -> Action {
    let labels = vec!["rust".to_owned(), "scab".to_owned()];
    let row = |image: String, split, targets: [u8; 2]| MultiHotRow { image, split, targets: targets.to_vec() };
    let mut rows = vec![
        row("t0".into(), Split::Train, [0, 1]),
        row("t1".into(), Split::Train, [0, 1]),
        row("t2".into(), Split::Train, [1, 0]),
    ];
    let mut predictions = Vec::new();
    for number in 0..images {
        let targets = [(number % 2) as u8, ((number + 1) % 2) as u8];
        rows.push(row(format!("x{number:04}"), Split::Test, targets));
        let probability = |target: u8| if (target == 1) == (number % 10 != 0) { 0.9 } else { 0.1 };
        predictions.push(Prediction {
            image: format!("x{number:04}"),
            split: Split::Test,
            probabilities: targets.map(probability).to_vec(),
        });
    }
    MultiHot { labels: labels.clone(), rows }.write(&folder.join("labels")).expect("writes");
    Predictions { labels, rows: predictions }.write(&folder.join("predictions")).expect("writes");
    let mut action = action(&EVALUATE, folder);
    action.params.insert("splits".into(), serde_json::json!(["test"]));
    action.inputs.insert("labels".into(), vec![artifact(folder, "labels")]);
    action.inputs.insert("predictions".into(), vec![artifact(folder, "predictions")]);
    action
}

fn evaluate(action: &Action) -> Result<SplitEvaluation> {
    run(&EVALUATE, action)?;
    Ok(Evaluation::read(&action.scratch.join("evaluation"))?.splits.remove(0))
}

#[test]
fn a_split_is_scored_with_intervals_and_a_baseline() {
    let folder = tempfile::tempdir().expect("temp folder");
    let test = evaluate(&world(folder.path(), 200)).expect("evaluates");
    assert_eq!(test.images, 200);
    // 180 of 200 right; 1.96 sqrt(.9 x .1 / 200) = 0.042.
    assert!((test.headline.exact_match.value - 0.9).abs() < 1e-12);
    assert!((test.headline.exact_match.low - 0.858).abs() < 0.011, "{:?}", test.headline.exact_match);
    assert!((test.headline.exact_match.high - 0.942).abs() < 0.011, "{:?}", test.headline.exact_match);
    assert_eq!(test.baseline.answer, ["scab"]);
    assert!((test.baseline.exact_match.value - 0.5).abs() < 1e-12);
    assert!(test.baseline.exact_match.low < 0.46 && test.baseline.exact_match.high > 0.54);
    let scab = &test.headline.per_label[1];
    // Every tenth image carries scab (0, 10, 20, ... are even): 20 missed of 100, no false alarm.
    assert_eq!((scab.true_positives, scab.false_negatives, scab.false_positives), (80, 20, 0));
    assert_eq!(scab.label, "scab");
}

#[test]
fn each_split_is_told_in_a_sentence_with_its_baseline() {
    let folder = tempfile::tempdir().expect("temp folder");
    let (action, told) = (world(folder.path(), 1), Mutex::new(Vec::new()));
    let listen = |event| {
        if let Event::Note(sentence) = event {
            told.lock().expect("unpoisoned").push(sentence);
        }
    };
    (EVALUATE.run)(&Context::new(&action, listen)).expect("evaluates");
    // The single photograph carries scab and is answered wrongly.
    assert_eq!(
        *told.lock().expect("unpoisoned"),
        [
            "no threshold and no temperature was fitted: val is not among `splits`",
            "test: exact match 0.000 [0.000, 0.000] on 1 images; always answering scab gets 1.000 [1.000, 1.000]",
        ]
    );
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_any_number_of_threads() {
    let folder = tempfile::tempdir().expect("temp folder");
    let mut action = world(folder.path(), 60);
    let mut bytes = |threads: usize, seed: u64| {
        action.seed = seed;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("pool");
        pool.install(|| run(&EVALUATE, &action)).expect("evaluates");
        std::fs::read(action.scratch.join("evaluation/evaluation.json")).expect("reads")
    };
    let one = bytes(1, 42);
    assert_eq!(one, bytes(3, 42));
    assert_ne!(one, bytes(1, 43));
}

#[test]
fn a_single_photograph_has_an_interval_of_no_width() {
    let folder = tempfile::tempdir().expect("temp folder");
    let test = evaluate(&world(folder.path(), 1)).expect("evaluates");
    assert_eq!(
        (test.headline.exact_match.low, test.headline.exact_match.high),
        (test.headline.exact_match.value, test.headline.exact_match.value)
    );
}

/// As [`world`], with as many val photographs that carry and are answered rightly at .3 alone: .4 for what is there, .2 for what is not.
fn with_val(folder: &Path, images: usize) -> Action {
    let mut action = world(folder, images);
    let mut labels = MultiHot::read(&folder.join("labels")).expect("reads");
    let mut predictions = Predictions::read(&folder.join("predictions")).expect("reads");
    for number in 0..images {
        let targets = [(number % 2) as u8, ((number + 1) % 2) as u8];
        let image = format!("v{number:04}");
        labels.rows.push(MultiHotRow { image: image.clone(), split: Split::Val, targets: targets.to_vec() });
        let probabilities = targets.map(|target| if target == 1 { 0.4 } else { 0.2 }).to_vec();
        predictions.rows.push(Prediction { image, split: Split::Val, probabilities });
    }
    labels.write(&folder.join("labels")).expect("writes");
    predictions.write(&folder.join("predictions")).expect("writes");
    action.params.insert("splits".into(), serde_json::json!(["val", "test"]));
    action
}

fn evaluation(action: &Action) -> Evaluation {
    run(&EVALUATE, action).expect("evaluates");
    Evaluation::read(&action.scratch.join("evaluation")).expect("reads")
}

#[test]
fn thresholds_and_temperature_are_fitted_on_val_and_applied_to_test() {
    let folder = tempfile::tempdir().expect("temp folder");
    let action = with_val(folder.path(), 40);
    let found = evaluation(&action);
    let fitted = found.fitted.expect("val is scored");
    // Between .2 and .4.
    assert!(fitted.thresholds.iter().all(|at| (at - 0.3).abs() < 1e-6), "{:?}", fitted.thresholds);
    assert_eq!((fitted.images, fitted.objective), (40, Objective::F1));
    let [val, test] = &found.splits[..] else { panic!("two splits") };
    let tuned = |scored: &SplitEvaluation| scored.tuned.clone().expect("fitted");
    assert!((val.headline.exact_match.value - 0.0).abs() < 1e-12 && (tuned(val).exact_match.value - 1.0).abs() < 1e-12);
    // .9 and .1 of test are on the same sides of .5 and .3.
    assert!((tuned(test).exact_match.value - test.headline.exact_match.value).abs() < 1e-12);
    let rule = DecisionRule::read(&action.scratch.join("decision")).expect("reads");
    assert_eq!((rule.fitted_on, &rule.thresholds), (40, &fitted.thresholds));
    assert!((rule.temperature - fitted.temperature).abs() < 1e-12);
}

#[test]
fn nothing_of_test_has_a_say_in_what_is_fitted() {
    let folder = tempfile::tempdir().expect("temp folder");
    let action = with_val(folder.path(), 20);
    let before = evaluation(&action);
    let mut predictions = Predictions::read(&folder.path().join("predictions")).expect("reads");
    for row in predictions.rows.iter_mut().filter(|row| row.split == Split::Test) {
        row.probabilities = vec![0.25, 0.35];
    }
    predictions.write(&folder.path().join("predictions")).expect("writes");
    let after = evaluation(&action);
    assert_ne!(after.splits[1], before.splits[1]);
    assert_eq!((after.fitted, &after.splits[0]), (before.fitted, &before.splits[0]));
}

#[test]
fn without_val_or_by_wish_nothing_is_fitted() {
    let folder = tempfile::tempdir().expect("temp folder");
    let mut action = with_val(folder.path(), 20);
    action.params.insert("tune".into(), "none".into());
    let by_wish = evaluation(&action);
    action.params.insert("tune".into(), "exact_match".into());
    action.params.insert("splits".into(), serde_json::json!(["test"]));
    for found in [by_wish, evaluation(&action)] {
        let test = &found.splits[found.splits.len() - 1];
        assert!(found.fitted.is_none() && test.tuned.is_none() && test.scaled_calibration.is_none());
    }
    let rule = DecisionRule::read(&action.scratch.join("decision")).expect("reads");
    assert_eq!((rule.fitted_on, rule.thresholds), (0, vec![0.5, 0.5]));
}

#[test]
fn an_absent_prediction_fails_by_name() {
    let folder = tempfile::tempdir().expect("temp folder");
    let action = world(folder.path(), 3);
    let file = folder.path().join("predictions/predictions.csv");
    let text = std::fs::read_to_string(&file).expect("reads");
    std::fs::write(&file, text.lines().filter(|line| !line.starts_with("x0001")).collect::<Vec<_>>().join("\n"))
        .expect("writes");
    let message = evaluate(&action).expect_err("incomplete").message;
    assert!(message.ends_with("predictions.csv: no prediction for `x0001` of the split `test`"), "{message}");
}

#[test]
fn no_split_and_no_train_photograph_are_refused() {
    let folder = tempfile::tempdir().expect("temp folder");
    let mut action = world(folder.path(), 3);
    action.params.insert("splits".into(), serde_json::json!([]));
    assert_eq!(evaluate(&action).expect_err("no split").message, "`splits` names no split");
    let mut action = world(folder.path(), 3);
    let file = folder.path().join("labels/multihot.csv");
    let text = std::fs::read_to_string(&file).expect("reads");
    std::fs::write(&file, text.replace(",train,", ",val,")).expect("writes");
    action.params.insert("splits".into(), serde_json::json!(["test"]));
    let message = evaluate(&action).expect_err("no baseline").message;
    assert!(message.contains("no photograph of the split `train`"), "{message}");
}

#[test]
fn of_equally_common_label_sets_the_baseline_takes_the_first_by_name() {
    let row = |targets: [u8; 2]| MultiHotRow { image: "a".into(), split: Split::Train, targets: targets.to_vec() };
    let labels = |rows| MultiHot { labels: vec!["rust".into(), "scab".into()], rows };
    assert_eq!(commonest_answer(&labels(vec![row([0, 1]), row([1, 0])])), Some(vec![true, false]));
    assert_eq!(commonest_answer(&labels(vec![row([1, 1]), row([1, 0])])), Some(vec![true, false]));
    assert_eq!(commonest_answer(&labels(vec![])), None);
}

#[test]
fn test_is_opened_where_it_is_scored_and_by_no_other_split() {
    let folder = tempfile::tempdir().expect("temp folder");
    let mut action = world(folder.path(), 20);
    let opened = |action: &Action| {
        let ctx = Context::new(action, |_| ());
        let ended = (EVALUATE.run)(&ctx);
        (ended.is_ok(), ctx.openings())
    };
    let answers = MultiHot::read(&folder.path().join("labels")).expect("reads").fingerprint(Split::Test);
    assert_eq!(opened(&action), (true, vec![Opening { answers, size: 20 }]));
    action.params.insert("splits".into(), serde_json::json!(["train"]));
    assert_eq!(opened(&action), (false, vec![]), "nothing was predicted for train");
}
