//! [`Outcomes`] against numbers worked by hand, and against scikit-learn's on random inputs.

use super::{Outcomes, Scores};

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
    Outcomes::new(&truth, &scores, 0.5)
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
    close(scores.micro_f1, 6.0 / 8.0); // tp 3, fp 1, fn 1
    close(scores.macro_f1, (4.0 / 5.0 + 2.0 / 3.0) / 3.0);
    close(scores.weighted_f1, (2.0 * 4.0 / 5.0 + 2.0 * 2.0 / 3.0) / 4.0); // supports 2, 2, 0
    close(scores.samples_f1, (1.0 + 2.0 / 3.0 + 2.0 / 3.0 + 1.0) / 4.0); // empty against empty is 1
}

#[test]
fn counts_precision_and_recall_are_a_label_each() {
    let label = &small().scores(&[1; 4]).per_label[0];
    let counts = label.counts;
    assert_eq!((counts.true_positives, counts.false_positives), (2, 1));
    assert_eq!((counts.false_negatives, counts.true_negatives), (0, 1));
    close(label.precision, 2.0 / 3.0);
    close(label.recall, 1.0);
}

#[test]
fn average_precision_takes_images_of_one_score_together() {
    let scores = small().scores(&[1; 4]);
    close(scores.per_label[0].average_precision.expect("positives"), 1.0); // .9 and .8 lead
    // Label 1: .5 is a hit (P 1, R 1/2); then image 1 (a hit) and image 3 (none) tie at .4: P 2/3, R 1.
    close(scores.per_label[1].average_precision.expect("positives"), 0.5 + 0.5 * 2.0 / 3.0);
    assert_eq!(scores.per_label[2].average_precision, None);
    close(scores.mean_average_precision, 11.0 / 12.0); // of 1 and 5/6; label 2 is left out
}

#[test]
fn a_weight_counts_an_image_as_often_as_if_it_stood_there_so_often() {
    let truth = [[1, 0], [0, 1], [0, 1], [0, 1]].map(|row| row.map(|cell| cell == 1).to_vec());
    let scores = [[0.7, 0.6], [0.8, 0.3], [0.8, 0.3], [0.8, 0.3]].map(|row| row.to_vec());
    let repeated = Outcomes::new(&truth, &scores, 0.5).scores(&[1; 4]);
    let weighted = Outcomes::new(&truth[..3], &scores[..3], 0.5).scores(&[1, 3, 0]);
    assert_eq!(weighted, repeated);
}

#[derive(serde::Deserialize)]
struct Case {
    threshold: f32,
    truth: Vec<Vec<u8>>,
    probabilities: Vec<Vec<f32>>,
    exact_match: f64,
    hamming_accuracy: f64,
    micro_f1: f64,
    macro_f1: f64,
    weighted_f1: f64,
    samples_f1: f64,
    mean_average_precision: f64,
    precision: Vec<f64>,
    recall: Vec<f64>,
    f1: Vec<f64>,
    average_precision: Vec<Option<f64>>,
}

#[test]
fn random_inputs_score_as_in_scikit_learn() {
    let cases: Vec<Case> =
        serde_json::from_str(include_str!("../../tests/fixtures/scikit_learn.json")).expect("the fixture is JSON");
    assert!(cases.len() >= 3);
    for case in cases {
        let truth: Vec<Vec<bool>> = case.truth.iter().map(|row| row.iter().map(|cell| *cell == 1).collect()).collect();
        let scores = Outcomes::new(&truth, &case.probabilities, case.threshold).scores(&vec![1; truth.len()]);
        agree(&scores, &case);
    }
}

fn agree(scores: &Scores, case: &Case) {
    let near = |what: &str, ours: f64, theirs: f64| assert!((ours - theirs).abs() < 1e-9, "{what}: {ours}, {theirs}");
    near("exact match", scores.exact_match, case.exact_match);
    near("Hamming accuracy", scores.hamming_accuracy, case.hamming_accuracy);
    near("micro F1", scores.micro_f1, case.micro_f1);
    near("macro F1", scores.macro_f1, case.macro_f1);
    near("weighted F1", scores.weighted_f1, case.weighted_f1);
    near("samples F1", scores.samples_f1, case.samples_f1);
    near("mAP", scores.mean_average_precision, case.mean_average_precision);
    for (label, ours) in scores.per_label.iter().enumerate() {
        near("precision", ours.precision, case.precision[label]);
        near("recall", ours.recall, case.recall[label]);
        near("F1", ours.f1, case.f1[label]);
        assert_eq!(ours.average_precision.is_some(), case.average_precision[label].is_some(), "label {label}");
        if let (Some(ours), Some(theirs)) = (ours.average_precision, case.average_precision[label]) {
            near("average precision", ours, theirs);
        }
    }
}
