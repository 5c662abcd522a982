//! What the order of the probabilities is worth, whatever the threshold: [`Rankings`] in, average precision, the area
//! under the ROC curve and precision-recall curves out; pure.
//!
//! Definitions are scikit-learn's. Average precision does not exist without a positive, the area under the ROC curve
//! without both kinds.

use crate::metrics::{mean, ratio};
use crate::pairing::decimal;
use plantpipe_stage::format::CurvePoint;

/// The least rise of recall between two points of a curve that is kept.
const STEP: f64 = 0.01;

/// Every image of a split in the order of each label's probability, and all decisions in the order of theirs.
pub(crate) struct Rankings {
    per_label: Vec<Vec<Ranked>>,
    all: Vec<Ranked>,
}

/// A decision: a label of an image.
struct Ranked {
    image: usize,
    score: f32,
    positive: bool,
    /// No later decision has the same score: a threshold can stand here.
    ends_tie: bool,
}

/// Every metric of a split's rankings.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RankingScores {
    /// Mean over the labels that have one; 0 when none has.
    pub(crate) mean_average_precision: f64,
    /// Of all decisions together; 0 without a positive.
    pub(crate) micro_average_precision: f64,
    /// Mean over the labels that have one; 0 when none has.
    pub(crate) macro_auroc: f64,
    /// A label each.
    pub(crate) average_precision: Vec<Option<f64>>,
    pub(crate) auroc: Vec<Option<f64>>,
}

impl Rankings {
    /// `truth[image][label]`, `probabilities[image][label]`.
    pub(crate) fn new(truth: &[Vec<bool>], probabilities: &[Vec<f32>]) -> Self {
        let decision = |image: usize, label: usize| Ranked {
            image,
            score: probabilities[image][label],
            positive: truth[image][label],
            ends_tie: true,
        };
        let labels = truth.first().map_or(0, Vec::len);
        let of = |label: usize| (0..truth.len()).map(move |image| decision(image, label));
        Self {
            per_label: (0..labels).map(|label| ranked(of(label).collect())).collect(),
            all: ranked((0..labels).flat_map(of).collect()),
        }
    }

    /// The metrics where image i counts `weights[i]` times.
    pub(crate) fn scores(&self, weights: &[u32]) -> RankingScores {
        let (average_precision, auroc): (Vec<_>, Vec<_>) =
            self.per_label.iter().map(|ranking| (average_precision(ranking, weights), auroc(ranking, weights))).unzip();
        let over = |values: &[Option<f64>]| mean(&values.iter().copied().flatten().collect::<Vec<_>>());
        RankingScores {
            mean_average_precision: over(&average_precision),
            micro_average_precision: self::average_precision(&self.all, weights).unwrap_or(0.0),
            macro_auroc: over(&auroc),
            average_precision,
            auroc,
        }
    }

    /// A label's precision-recall curve: the points where recall rises, thinned to steps of at least 0.01 in recall,
    /// the last (recall 1) always kept; none without a positive.
    pub(crate) fn curve(&self, label: usize) -> Vec<CurvePoint> {
        let ranking = &self.per_label[label];
        let positives = ranking.iter().filter(|at| at.positive).count() as u64;
        let (mut seen, mut hits, mut hits_before, mut kept) = (0, 0, 0, 0.0);
        let mut curve = Vec::new();
        for at in ranking {
            seen += 1;
            hits += u64::from(at.positive);
            if !at.ends_tie || hits == hits_before {
                continue;
            }
            hits_before = hits;
            let recall = ratio(hits, positives);
            if curve.is_empty() || hits == positives || recall - kept >= STEP {
                kept = recall;
                curve.push(CurvePoint { threshold: decimal(at.score), precision: ratio(hits, seen), recall });
            }
        }
        curve
    }
}

/// By falling score; equal scores stand together.
fn ranked(mut decisions: Vec<Ranked>) -> Vec<Ranked> {
    decisions.sort_by(|a, b| b.score.total_cmp(&a.score));
    for place in 1..decisions.len() {
        decisions[place - 1].ends_tie = decisions[place].score < decisions[place - 1].score;
    }
    decisions
}

/// The sum over thresholds n of `(R_n - R_(n-1)) P_n` (scikit-learn's `average_precision_score`): no interpolation, and
/// decisions of one score are one threshold.
fn average_precision(ranking: &[Ranked], weights: &[u32]) -> Option<f64> {
    let positives = positives(ranking, weights);
    if positives == 0 {
        return None;
    }
    let (mut seen, mut hits, mut hits_before, mut sum) = (0u64, 0u64, 0u64, 0.0);
    for at in ranking {
        let weight = u64::from(weights[at.image]);
        seen += weight;
        hits += weight * u64::from(at.positive);
        if at.ends_tie && hits > hits_before {
            sum += (hits - hits_before) as f64 / positives as f64 * ratio(hits, seen);
            hits_before = hits;
        }
    }
    // A sum of parts can come out above the whole by its last place.
    Some(sum.min(1.0))
}

/// The share of the pairs of a positive and a negative in which the positive's score is higher; an equal one counts
/// half (scikit-learn's `roc_auc_score`).
fn auroc(ranking: &[Ranked], weights: &[u32]) -> Option<f64> {
    let positives = positives(ranking, weights);
    let total: u64 = ranking.iter().map(|at| u64::from(weights[at.image])).sum();
    let negatives = total - positives;
    if positives == 0 || negatives == 0 {
        return None;
    }
    // Twice the pairs that are in order, so that all are whole numbers.
    let (mut below, mut tied, mut twice) = (negatives, (0u64, 0u64), 0u64);
    for at in ranking {
        let weight = u64::from(weights[at.image]);
        if at.positive {
            tied.0 += weight;
        } else {
            tied.1 += weight;
        }
        if at.ends_tie {
            below -= tied.1;
            twice += tied.0 * (2 * below + tied.1);
            tied = (0, 0);
        }
    }
    Some(twice as f64 / (2.0 * positives as f64 * negatives as f64))
}

fn positives(ranking: &[Ranked], weights: &[u32]) -> u64 {
    ranking.iter().filter(|at| at.positive).map(|at| u64::from(weights[at.image])).sum()
}

#[cfg(test)]
mod tests {
    use super::Rankings;

    fn close(value: Option<f64>, wanted: f64) {
        assert!(value.is_some_and(|value| (value - wanted).abs() < 1e-12), "{value:?} is not {wanted}");
    }

    /// Four images, three labels: truth and scores of each.
    fn small() -> Rankings {
        let truth = [[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 0]].map(|row| row.map(|cell| cell == 1).to_vec());
        let scores = [[0.9, 0.1, 0.2], [0.8, 0.4, 0.1], [0.6, 0.5, 0.3], [0.2, 0.4, 0.4]].map(|row| row.to_vec());
        Rankings::new(&truth, &scores)
    }

    #[test]
    fn average_precision_takes_images_of_one_score_together() {
        let scores = small().scores(&[1; 4]);
        close(scores.average_precision[0], 1.0); // .9 and .8 lead
        // Label 1: .5 is a hit (P 1, R 1/2); then image 1 (a hit) and image 3 (none) tie at .4: P 2/3, R 1.
        close(scores.average_precision[1], 0.5 + 0.5 * 2.0 / 3.0);
        assert_eq!(scores.average_precision[2], None);
        close(Some(scores.mean_average_precision), 11.0 / 12.0); // of 1 and 5/6; label 2 is left out
    }

    #[test]
    fn micro_average_precision_ranks_all_decisions_together() {
        // .9+ .8+ .6- .5+ then .4: image 1 label 1 (+), image 3 labels 1 and 2 (-): 1/4 + 1/4 + 1/4 x 3/4 + 1/4 x 4/7.
        close(Some(small().scores(&[1; 4]).micro_average_precision), 0.25 * (1.0 + 1.0 + 0.75 + 4.0 / 7.0));
    }

    #[test]
    fn a_perfect_ranking_is_worth_one_and_no_more() {
        // Sums of n parts of 1/n: some come out above 1 by their last place.
        for positives in 1..100 {
            let truth = vec![vec![true]; positives];
            let scores: Vec<Vec<f32>> = (0..positives).map(|image| vec![1.0 - image as f32 / 128.0]).collect();
            let value = Rankings::new(&truth, &scores).scores(&vec![1; positives]).average_precision[0];
            assert!(value.is_some_and(|value| value <= 1.0 && value > 1.0 - 1e-12), "{positives}: {value:?}");
        }
    }

    #[test]
    fn the_area_under_the_roc_curve_counts_pairs_and_half_of_ties() {
        let scores = small().scores(&[1; 4]);
        close(scores.auroc[0], 1.0);
        // Label 1: .5 beats .4 and .1; .4 ties with .4 and beats .1: (2 + 1.5) / 4.
        close(scores.auroc[1], 3.5 / 4.0);
        assert_eq!(scores.auroc[2], None);
        close(Some(scores.macro_auroc), 7.5 / 8.0); // of 1 and 3.5/4
    }

    #[test]
    fn a_weight_counts_an_image_as_often_as_if_it_stood_there_so_often() {
        let truth = [[1, 0], [0, 1], [0, 1], [0, 1]].map(|row| row.map(|cell| cell == 1).to_vec());
        let scores = [[0.7, 0.6], [0.8, 0.3], [0.8, 0.3], [0.8, 0.3]].map(|row| row.to_vec());
        let repeated = Rankings::new(&truth, &scores).scores(&[1; 4]);
        assert_eq!(Rankings::new(&truth[..3], &scores[..3]).scores(&[1, 3, 0]), repeated);
    }

    #[test]
    fn a_curve_keeps_the_points_where_recall_rises() {
        let points = |label| {
            let curve = small().curve(label);
            curve.iter().map(|at| (at.threshold, at.precision, at.recall)).collect::<Vec<_>>()
        };
        assert_eq!(points(0), [(0.9, 1.0, 0.5), (0.8, 1.0, 1.0)]);
        assert_eq!(points(1), [(0.5, 1.0, 0.5), (0.4, 2.0 / 3.0, 1.0)]);
        assert_eq!(points(2), []);
    }

    #[test]
    fn a_long_curve_is_thinned_and_keeps_both_ends() {
        let truth: Vec<Vec<bool>> = (0..1000).map(|_| vec![true]).collect();
        let scores: Vec<Vec<f32>> = (0..1000).map(|image| vec![1.0 - image as f32 / 1000.0]).collect();
        let curve = Rankings::new(&truth, &scores).curve(0);
        assert!((curve[0].recall - 0.001).abs() < 1e-12 && (curve[curve.len() - 1].recall - 1.0).abs() < 1e-12);
        assert!((90..=102).contains(&curve.len()), "{}", curve.len());
    }
}
