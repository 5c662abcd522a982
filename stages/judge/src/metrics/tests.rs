//! [`Outcomes`] against numbers worked by hand, and against scikit-learn's on random inputs, as [`Rankings`] and the
//! thresholds for F1.

use super::{Mean, Outcomes};
use crate::ranking::Rankings;
use crate::thresholds::for_f1;

/// Four images, three labels, threshold 0.5.
///
/// | image | truth | scores      | answer |
/// | ----- | ----- | ----------- | ------ |
/// | 0     | 1 0 0 | .9 .1 .2    | 1 0 0  | all right
/// | 1     | 1 1 0 | .8 .4 .1    | 1 0 0  | misses label 1
/// | 2     | 0 1 0 | .6 .5 .3    | 1 1 0  | false alarm of label 0; .5 is at the threshold
/// | 3     | 0 0 0 | .2 .4 .4    | 0 0 0  | empty against empty
fn small() -> Outcomes {
    let truth = [[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 0]].map(|row| row.map(|cell| cell == 1).to_vec());
    let scores = [[0.9, 0.1, 0.2], [0.8, 0.4, 0.1], [0.6, 0.5, 0.3], [0.2, 0.4, 0.4]].map(|row| row.to_vec());
    Outcomes::new(&truth, &scores, &[0.5; 3])
}

fn close(value: f64, wanted: f64) {
    assert!((value - wanted).abs() < 1e-12, "{value} is not {wanted}");
}

#[test]
fn exact_match_counts_images_and_hamming_counts_decisions() {
    let scores = small().scores(&[1; 4]);
    close(scores.exact_match, 2.0 / 4.0); // images 0 and 3
    close(scores.hamming_accuracy, 10.0 / 12.0); // one miss, one false alarm
}

#[test]
fn each_f1_averages_over_its_own_thing() {
    let scores = small().scores(&[1; 4]);
    // label 0: tp 2, fp 1, fn 0 -> 4/5; label 1: tp 1, fp 0, fn 1 -> 2/3; label 2: no positive, no answer -> 0.
    close(scores.micro.f1, 6.0 / 8.0); // tp 3, fp 1, fn 1
    close(scores.macro_.f1, (4.0 / 5.0 + 2.0 / 3.0) / 3.0);
    close(scores.weighted.f1, (2.0 * 4.0 / 5.0 + 2.0 * 2.0 / 3.0) / 4.0); // supports 2, 2, 0
    close(scores.samples.f1, (1.0 + 2.0 / 3.0 + 2.0 / 3.0 + 1.0) / 4.0); // empty against empty is 1
}

#[test]
fn counts_precision_and_recall_are_a_label_each() {
    let counts = &small().scores(&[1; 4]).counts[0];
    assert_eq!((counts.true_positives, counts.false_positives), (2, 1));
    assert_eq!((counts.false_negatives, counts.true_negatives), (0, 1));
    close(counts.mean().precision, 2.0 / 3.0);
    close(counts.mean().recall, 1.0);
    close(counts.specificity(), 0.5);
}

#[test]
fn a_substitution_is_a_label_missed_where_another_was_said_wrongly() {
    // Image 0: scab is missed, rust and canker said wrongly; image 1: only a miss; image 2: scab for rust.
    let truth = [[0, 1, 0], [0, 1, 0], [1, 0, 0]].map(|row| row.map(|cell| cell == 1).to_vec());
    let scores = [[0.9, 0.1, 0.9], [0.1, 0.1, 0.1], [0.1, 0.9, 0.1]].map(|row| row.to_vec());
    let outcomes = Outcomes::new(&truth, &scores, &[0.5; 3]);
    assert_eq!(outcomes.substitutions(), [[0, 1, 0], [1, 0, 1], [0, 0, 0]]);
    close(outcomes.scores(&[1; 3]).cardinality, 1.0);
}

#[test]
fn a_weight_counts_an_image_as_often_as_if_it_stood_there_so_often() {
    let truth = [[1, 0], [0, 1], [0, 1], [0, 1]].map(|row| row.map(|cell| cell == 1).to_vec());
    let scores = [[0.7, 0.6], [0.8, 0.3], [0.8, 0.3], [0.8, 0.3]].map(|row| row.to_vec());
    let repeated = Outcomes::new(&truth, &scores, &[0.5; 2]).scores(&[1; 4]);
    let weighted = Outcomes::new(&truth[..3], &scores[..3], &[0.5; 2]).scores(&[1, 3, 0]);
    assert_eq!(weighted, repeated);
}

#[derive(serde::Deserialize)]
struct Case {
    threshold: f32,
    truth: Vec<Vec<u8>>,
    probabilities: Vec<Vec<f32>>,
    exact_match: f64,
    hamming_accuracy: f64,
    /// Precision, recall, F1.
    micro: [f64; 3],
    #[serde(rename = "macro")]
    macro_: [f64; 3],
    weighted: [f64; 3],
    samples: [f64; 3],
    mean_average_precision: f64,
    micro_average_precision: f64,
    macro_auroc: f64,
    precision: Vec<f64>,
    recall: Vec<f64>,
    specificity: Vec<f64>,
    f1: Vec<f64>,
    average_precision: Vec<Option<f64>>,
    auroc: Vec<Option<f64>>,
    /// The greatest F1 that any threshold has.
    best_f1: Vec<f64>,
}

#[test]
fn random_inputs_score_as_in_scikit_learn() {
    let cases: Vec<Case> =
        serde_json::from_str(include_str!("../../tests/fixtures/scikit_learn.json")).expect("the fixture is JSON");
    assert!(cases.len() >= 5);
    for case in cases {
        let truth: Vec<Vec<bool>> = case.truth.iter().map(|row| row.iter().map(|cell| *cell == 1).collect()).collect();
        decisions_agree(&truth, &case);
        rankings_agree(&truth, &case);
        thresholds_agree(&truth, &case);
    }
}

fn near(what: &str, ours: f64, theirs: f64) {
    assert!((ours - theirs).abs() < 1e-9, "{what}: {ours}, {theirs}");
}

fn decisions_agree(truth: &[Vec<bool>], case: &Case) {
    let thresholds = vec![case.threshold; truth[0].len()];
    let scores = Outcomes::new(truth, &case.probabilities, &thresholds).scores(&vec![1; truth.len()]);
    near("exact match", scores.exact_match, case.exact_match);
    near("Hamming accuracy", scores.hamming_accuracy, case.hamming_accuracy);
    let means = |what: &str, ours: Mean, theirs: [f64; 3]| {
        near(&format!("{what} precision"), ours.precision, theirs[0]);
        near(&format!("{what} recall"), ours.recall, theirs[1]);
        near(&format!("{what} F1"), ours.f1, theirs[2]);
    };
    means("micro", scores.micro, case.micro);
    means("macro", scores.macro_, case.macro_);
    means("weighted", scores.weighted, case.weighted);
    means("samples", scores.samples, case.samples);
    for (label, counts) in scores.counts.iter().enumerate() {
        means("label", counts.mean(), [case.precision[label], case.recall[label], case.f1[label]]);
        near("specificity", counts.specificity(), case.specificity[label]);
    }
}

fn rankings_agree(truth: &[Vec<bool>], case: &Case) {
    let rankings = Rankings::new(truth, &case.probabilities);
    let scores = rankings.scores(&vec![1; truth.len()]);
    near("mAP", scores.mean_average_precision, case.mean_average_precision);
    near("micro AP", scores.micro_average_precision, case.micro_average_precision);
    near("macro AUROC", scores.macro_auroc, case.macro_auroc);
    for (what, ours, theirs) in [
        ("average precision", &scores.average_precision, &case.average_precision),
        ("AUROC", &scores.auroc, &case.auroc),
    ] {
        for (ours, theirs) in ours.iter().zip(theirs) {
            assert_eq!(ours.is_some(), theirs.is_some(), "{what}: {ours:?}, {theirs:?}");
            near(what, ours.unwrap_or_default(), theirs.unwrap_or_default());
        }
    }
}

fn thresholds_agree(truth: &[Vec<bool>], case: &Case) {
    let fitted = for_f1(truth, &case.probabilities, case.threshold);
    let scores = Outcomes::new(truth, &case.probabilities, &fitted).scores(&vec![1; truth.len()]);
    for (counts, best) in scores.counts.iter().zip(&case.best_f1) {
        near("best F1", counts.mean().f1, *best);
    }
}
