//! [`Reliability`] and [`Temperature`] against numbers worked by hand, and against numpy's, scipy's and cleanlab's on
//! random inputs.

use super::{Reliability, Temperature, logit, sigmoid};
use crate::findings::label_issues;
use crate::pairing::Pairs;

fn close(value: f64, wanted: f64) {
    assert!((value - wanted).abs() < 1e-12, "{value} is not {wanted}");
}

#[test]
fn the_error_is_the_distance_of_the_bins_weighted_by_their_decisions() {
    // Two bins: .2 (absent), .4 (there) -> mean .3, half there; .9, .7 (there), .8 (absent) -> mean .8, 2/3 there.
    let truth = [[false], [true], [true], [true], [false]].map(|row| row.to_vec());
    let probabilities = [[0.2], [0.4], [0.9], [0.7], [0.8]].map(|row| row.to_vec());
    let reliability = Reliability::new(&truth, &probabilities, 2);
    close(reliability.ece(&[1; 5]), (2.0 * 0.2 + 3.0 * (0.8 - 2.0 / 3.0)) / 5.0);
    close(reliability.ece(&[1, 0, 0, 0, 2]), (0.2 + 2.0 * 0.8) / 3.0);
    close(reliability.brier(), (0.04 + 0.36 + 0.01 + 0.09 + 0.64) / 5.0);
    let bins = reliability.bins();
    assert_eq!(bins.iter().map(|bin| bin.decisions).collect::<Vec<_>>(), [2, 3]);
    close(bins[1].mean_probability.expect("decisions"), 0.8);
    close(bins[1].positives.expect("decisions"), 2.0 / 3.0);
}

#[test]
fn labels_that_err_both_ways_make_a_classwise_error_that_all_together_hide() {
    // One bin: label 0 says .8 and is never there, label 1 says .2 and always is.
    let truth = vec![vec![false, true]; 3];
    let reliability = Reliability::new(&truth, &vec![vec![0.8, 0.2]; 3], 1);
    close(reliability.ece(&[1; 3]), 0.0);
    close(reliability.classwise_ece(), 0.8);
}

#[test]
fn a_bin_has_its_lower_edge_and_the_last_has_both() {
    let truth = vec![vec![true]; 4];
    let bins = Reliability::new(&truth, &[vec![0.0], vec![0.5], vec![0.75], vec![1.0]], 4).bins();
    assert_eq!(bins.iter().map(|bin| bin.decisions).collect::<Vec<_>>(), [1, 0, 1, 2]);
    assert_eq!((bins[1].mean_probability, bins[1].positives), (None, None));
}

#[test]
fn a_saturated_probability_costs_much_and_not_infinitely() {
    let wrong = Reliability::new(&[vec![true]], &[vec![0.0]], 1);
    close(wrong.nll(), 25.0 * 2f64.ln());
    assert!((logit(1.0) - 17.33).abs() < 0.01 && (logit(1.0) + logit(0.0)).abs() < 1e-6);
}

#[test]
fn the_temperature_undoes_a_sharpening() {
    // Three of four carry the label, and the model says sigmoid(2 x logit(3/4)): temperature 2 is right.
    let sharp = sigmoid(2.0 * logit(0.75));
    let truth = [true, true, true, false].map(|there| vec![there]);
    let fitted = Temperature::fit(&truth, &vec![vec![sharp]; 4]);
    assert!((fitted.value - 2.0).abs() < 1e-9 && !fitted.at_bound, "{fitted:?}");
    close(fitted.scale(&[vec![sharp]])[0][0], 0.75);
}

#[test]
fn answers_that_are_all_right_or_all_wrong_have_no_best_temperature() {
    let truth = vec![vec![true], vec![false]];
    let right = Temperature::fit(&truth, &[vec![0.9], vec![0.2]]);
    assert_eq!(right, Temperature { value: 0.05, at_bound: true });
    let wrong = Temperature::fit(&truth, &[vec![0.1], vec![0.8]]);
    assert_eq!(wrong, Temperature { value: 20.0, at_bound: true });
}

#[derive(serde::Deserialize)]
struct Case {
    truth: Vec<Vec<u8>>,
    probabilities: Vec<Vec<f32>>,
    bins: usize,
    ece: f64,
    classwise_ece: f64,
    brier: f64,
    nll: f64,
    temperature: f64,
    scaled_nll: f64,
    scaled_ece: f64,
    /// (image, label).
    issues: Vec<(usize, usize)>,
}

#[test]
fn random_inputs_are_calibrated_as_in_numpy_and_scipy_and_find_cleanlabs_issues() {
    let cases: Vec<Case> =
        serde_json::from_str(include_str!("../../tests/fixtures/calibration.json")).expect("the fixture is JSON");
    assert!(cases.len() >= 3);
    let near = |ours: f64, theirs: f64, apart: f64| assert!((ours - theirs).abs() < apart, "{ours}, {theirs}");
    for case in cases {
        let truth: Vec<Vec<bool>> = case.truth.iter().map(|row| row.iter().map(|cell| *cell == 1).collect()).collect();
        let probabilities: Vec<Vec<f64>> =
            case.probabilities.iter().map(|row| row.iter().map(|p| f64::from(*p)).collect()).collect();
        let all = vec![1; truth.len()];
        let reliability = Reliability::new(&truth, &probabilities, case.bins);
        near(reliability.ece(&all), case.ece, 1e-9);
        near(reliability.classwise_ece(), case.classwise_ece, 1e-9);
        near(reliability.brier(), case.brier, 1e-9);
        near(reliability.nll(), case.nll, 1e-9);
        let temperature = Temperature::fit(&truth, &probabilities);
        near(temperature.value, case.temperature, 1e-6);
        let scaled = Reliability::new(&truth, &temperature.scale(&probabilities), case.bins);
        near(scaled.nll(), case.scaled_nll, 1e-9);
        near(scaled.ece(&all), case.scaled_ece, 1e-6);

        let name = |number: usize| format!("{number:04}");
        let labels: Vec<String> = (0..truth[0].len()).map(name).collect();
        let images = (0..truth.len()).map(name).collect();
        let found = label_issues(&Pairs { images, truth, probabilities: case.probabilities }, &labels);
        let mut found: Vec<_> = found.into_iter().map(|issue| (issue.image, issue.label)).collect();
        found.sort_unstable();
        assert_eq!(found, case.issues.iter().map(|(image, label)| (name(*image), name(*label))).collect::<Vec<_>>());
    }
}
