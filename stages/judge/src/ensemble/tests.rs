//! `ensemble` from files to file.

use super::ENSEMBLE;
use crate::tests::{action, artifact, run};
use plantpipe_stage::format::{Prediction, Predictions, Split};
use plantpipe_stage::{Action, Error, Result};
use std::path::Path;

type Row<'a> = (&'a str, Split, [f32; 2]);

/// Predictions `a` and `b` of rust and scab.
fn world(folder: &Path, a: &[Row], b: &[Row]) -> Action {
    let mut action = action(&ENSEMBLE, folder);
    for (name, rows) in [("a", a), ("b", b)] {
        write(folder, name, ["rust", "scab"], rows);
        action.inputs.entry("predictions".into()).or_default().push(artifact(folder, name));
    }
    action
}

fn write(folder: &Path, name: &str, labels: [&str; 2], rows: &[Row]) {
    let rows = rows.iter().map(|(image, split, probabilities)| Prediction {
        image: (*image).to_owned(),
        split: *split,
        probabilities: probabilities.to_vec(),
    });
    let predictions = Predictions { labels: labels.map(str::to_owned).to_vec(), rows: rows.collect() };
    predictions.write(&folder.join(name)).expect("writes");
}

fn ensemble(action: &Action) -> Result<Predictions> {
    run(&ENSEMBLE, action)?;
    Predictions::read(&action.scratch.join("predictions"))
}

fn refused(action: &Action) -> Error {
    ensemble(action).expect_err("refused")
}

fn close(ours: &[f32], wanted: [f64; 2]) {
    assert!(ours.iter().zip(wanted).all(|(ours, wanted)| (f64::from(*ours) - wanted).abs() < 1e-7), "{ours:?}");
}

const X: Row = ("x", Split::Test, [0.9, 0.2]);
const X2: Row = ("x", Split::Test, [0.5, 0.4]);
const Y: Row = ("y", Split::Test, [0.1, 0.1]);

#[test]
fn probabilities_are_averaged_with_their_weights_whatever_the_order_of_rows_and_columns() {
    let folder = tempfile::tempdir().expect("temp folder");
    let mut action = world(folder.path(), &[X, Y], &[]);
    write(folder.path(), "b", ["scab", "rust"], &[Y, ("x", Split::Test, [0.4, 0.5])]);
    let mean = ensemble(&action).expect("averages");
    assert_eq!(mean.labels, ["rust", "scab"]);
    assert_eq!(mean.rows.iter().map(|row| row.image.as_str()).collect::<Vec<_>>(), ["x", "y"]);
    close(&mean.rows[0].probabilities, [0.7, 0.3]);
    action.params.insert("weights".into(), serde_json::json!({ "a": 3, "b": 1.0 }));
    close(&ensemble(&action).expect("averages").rows[0].probabilities, [0.8, 0.25]);
}

#[test]
fn the_mean_of_logits_is_the_geometric_mean_of_the_odds() {
    let folder = tempfile::tempdir().expect("temp folder");
    let mut action = world(folder.path(), &[X], &[X2]);
    action.params.insert("mean".into(), "logits".into());
    // Odds 9 and 1: 3; odds 1/4 and 2/3: sqrt(1/6).
    let odds = (1.0f64 / 6.0).sqrt();
    close(&ensemble(&action).expect("averages").rows[0].probabilities, [0.75, odds / (1.0 + odds)]);
}

#[test]
fn other_labels_photographs_and_splits_are_refused_by_name() {
    let folder = tempfile::tempdir().expect("temp folder");
    let action = world(folder.path(), &[X, Y], &[X2]);
    let says = |end: &str| {
        let message = refused(&action).message;
        assert!(message.contains(end), "{message}");
    };
    says("b/predictions.csv: no prediction for `y` of the split `test`, which ");
    write(folder.path(), "b", ["rust", "scab"], &[X2, Y, ("z", Split::Test, [0.1, 0.1])]);
    says("a/predictions.csv: no prediction for `z` of the split `test`, which ");
    write(folder.path(), "b", ["rust", "scab"], &[X2, ("y", Split::Val, [0.1, 0.1])]);
    says("a/predictions.csv: `y` is of the split `test`, but of `val` in ");
    write(folder.path(), "b", ["rust", "scab"], &[X2, Y, Y]);
    says("b/predictions.csv: `y` stands there twice");
    write(folder.path(), "b", ["rust", "canker"], &[X2, Y]);
    says("b/predictions.csv: no column for label `scab`, which ");
}

#[test]
fn weights_are_numbers_by_name() {
    let folder = tempfile::tempdir().expect("temp folder");
    let mut action = world(folder.path(), &[X], &[X2]);
    for (weights, says) in [
        (serde_json::json!({ "a": 1, "c": 1 }), "`weights` names `c`, which is none of the predictions"),
        (serde_json::json!({ "a": 1 }), "`weights` has none for `b`"),
        (serde_json::json!({ "a": 1, "b": -1 }), "the weight of `b` is -1, which is no number from 0 on"),
        (serde_json::json!({ "a": 1, "b": "2" }), "the weight of `b` is \"2\", which is no number from 0 on"),
        (serde_json::json!({ "a": 0, "b": 0.0 }), "every weight is 0, so there is nothing to average"),
    ] {
        action.params.insert("weights".into(), weights);
        assert_eq!(refused(&action).message, says);
    }
    action.inputs.get_mut("predictions").expect("an input").pop();
    assert_eq!(refused(&action).message, "one model alone is no ensemble");
}
