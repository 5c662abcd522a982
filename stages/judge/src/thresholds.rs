//! Thresholds that fit a split: [`for_f1`], a label at a time, and [`for_exact_match`], all labels together; pure.
//!
//! Candidates are the start and the middles between neighbouring probabilities. Of equally good ones the nearest to
//! the start is taken, of equally near ones the lower.

use crate::metrics::Counts;

/// How often all labels are gone through for the exact match, at most.
const ROUNDS: usize = 100;

/// Each label's probability and truth, an image each.
type Column = Vec<(f32, bool)>;

/// For each label the threshold of the greatest F1; the start where no image carries the label.
pub(crate) fn for_f1(truth: &[Vec<bool>], probabilities: &[Vec<f32>], start: f32) -> Vec<f32> {
    let f1 = |counts: &Counts| counts.mean().f1;
    columns(truth, probabilities).into_iter().map(|column| best(column, start, f1)).collect()
}

/// Thresholds that make the exact match greater: label by label from the start, each the best for its label while the
/// others stand, until a whole round changes none (at most 100 rounds). The exact match never falls on the way; that
/// no other thresholds would be better still is not promised.
pub(crate) fn for_exact_match(truth: &[Vec<bool>], probabilities: &[Vec<f32>], start: f32) -> Vec<f32> {
    let columns = columns(truth, probabilities);
    let mut thresholds = vec![start; columns.len()];
    let right = |counts: &Counts| (counts.true_positives + counts.true_negatives) as f64;
    for _ in 0..ROUNDS {
        let before = thresholds.clone();
        for label in 0..columns.len() {
            // Only an image whose other labels are right can become an exact match.
            let others_right = |image: &usize| {
                columns.iter().zip(&thresholds).enumerate().all(|(other, (column, threshold))| {
                    let (score, there) = column[*image];
                    other == label || (score >= *threshold) == there
                })
            };
            let images = (0..truth.len()).filter(others_right);
            thresholds[label] = best(images.map(|image| columns[label][image]).collect(), start, right);
        }
        if thresholds == before {
            break;
        }
    }
    thresholds
}

fn columns(truth: &[Vec<bool>], probabilities: &[Vec<f32>]) -> Vec<Column> {
    let labels = truth.first().map_or(0, Vec::len);
    let pairs = |label: usize| truth.iter().zip(probabilities).map(move |(truth, all)| (all[label], truth[label]));
    (0..labels).map(|label| pairs(label).collect()).collect()
}

/// The threshold whose counts have the greatest worth.
fn best(mut column: Column, start: f32, worth: impl Fn(&Counts) -> f64) -> f32 {
    let mut counts = Counts::default();
    for (score, there) in &column {
        *counts.of(*there, *score >= start) += 1;
    }
    let mut best = (worth(&counts), start);
    // From above all scores, where none is said to be there, downwards.
    column.sort_by(|a, b| b.0.total_cmp(&a.0));
    let positives = column.iter().filter(|(_, there)| *there).count() as u64;
    let mut counts =
        Counts { false_negatives: positives, true_negatives: column.len() as u64 - positives, ..Counts::default() };
    let (mut above, mut rest) = (1.0, column.as_slice());
    loop {
        let below = rest.first().map_or(0.0, |(score, _)| *score);
        if below < above || rest.is_empty() {
            let threshold = between(below, above);
            let worth = worth(&counts);
            let nearer = |a: f32, b: f32| (a - start).abs().total_cmp(&(b - start).abs()).then(a.total_cmp(&b)).is_lt();
            if worth > best.0 || (worth >= best.0 && nearer(threshold, best.1)) {
                best = (worth, threshold);
            }
        }
        let Some(((score, there), others)) = rest.split_first() else { return best.1 };
        *counts.of(*there, false) -= 1;
        *counts.of(*there, true) += 1;
        (above, rest) = (*score, others);
    }
}

/// The middle, but never the lower one itself.
fn between(below: f32, above: f32) -> f32 {
    let middle = f32::midpoint(below, above);
    if middle > below { middle } else { above }
}

#[cfg(test)]
mod tests {
    use super::{between, for_exact_match, for_f1};

    fn world<const L: usize>(rows: &[([u8; L], [f32; L])]) -> (Vec<Vec<bool>>, Vec<Vec<f32>>) {
        rows.iter().map(|(truth, scores)| (truth.map(|cell| cell == 1).to_vec(), scores.to_vec())).unzip()
    }

    #[test]
    fn the_threshold_of_the_greatest_f1_lies_between_two_scores() {
        // By threshold: .8: 2/4 -> 2 x 1 / (1 + 3); .6: tp 1 fp 1 -> 2/5; .4: 4/6; .2: tp 3 fp 1: 6/7; 0: 6/8.
        let (truth, scores) = world(&[([1], [0.8]), ([0], [0.6]), ([1], [0.4]), ([1], [0.3]), ([0], [0.1])]);
        assert_eq!(for_f1(&truth, &scores, 0.5), [f32::midpoint(0.1, 0.3)]);
    }

    #[test]
    fn where_several_are_as_good_the_nearest_to_the_start_is_taken() {
        let (truth, scores) = world(&[([1], [0.9]), ([0], [0.2])]);
        assert_eq!(for_f1(&truth, &scores, 0.5), [0.5]);
        // None there: no threshold has an F1.
        let (truth, scores) = world(&[([0], [0.9]), ([0], [0.2])]);
        assert_eq!(for_f1(&truth, &scores, 0.5), [0.5]);
    }

    #[test]
    fn scores_that_tie_are_never_parted() {
        // .7 twice: both or none; with both 2 x 2 / (2 + 3) = .8, above them 2 x 1 / (1 + 2).
        let (truth, scores) = world(&[([1], [0.9]), ([1], [0.7]), ([0], [0.7]), ([0], [0.1])]);
        assert_eq!(for_f1(&truth, &scores, 0.8), [f32::midpoint(0.1, 0.7)]);
    }

    #[test]
    fn all_said_and_none_said_are_candidates() {
        let (truth, scores) = world(&[([1], [0.0]), ([1], [0.0])]);
        let all = for_f1(&truth, &scores, 0.5);
        assert!(scores.iter().all(|score| score[0] >= all[0]), "{all:?}");
        let (truth, scores) = world(&[([0], [0.9]), ([0], [0.8])]);
        let none = for_exact_match(&truth, &scores, 0.5);
        assert!(none[0] > 0.9, "{none:?}");
    }

    #[test]
    fn the_exact_match_is_raised_over_all_labels() {
        // At .5 only the first image is right; lower thresholds (rust .4, scab .3) make all right.
        let (truth, scores) =
            world(&[([1, 0], [0.9, 0.1]), ([1, 1], [0.6, 0.4]), ([1, 0], [0.45, 0.2]), ([0, 1], [0.2, 0.35])]);
        let thresholds = for_exact_match(&truth, &scores, 0.5);
        for (truth, scores) in truth.iter().zip(&scores) {
            let answer: Vec<bool> = scores.iter().zip(&thresholds).map(|(score, at)| score >= at).collect();
            assert_eq!(answer, *truth);
        }
    }

    #[test]
    fn neighbouring_numbers_have_the_upper_one_between_them() {
        let below = 0.5f32;
        assert_eq!(between(below, below.next_up()).to_bits(), below.next_up().to_bits());
    }
}
