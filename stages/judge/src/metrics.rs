//! The metrics of multi-label classification, as pure arithmetic: [`Outcomes`] (what was true, what was said) in,
//! [`Scores`] out.
//!
//! Definitions are scikit-learn's (`zero_division = 0`). Where a value is undefined: F1, precision and recall are 0;
//! samples-F1 of an empty label set against an empty answer is 1; average precision does not exist without a positive.

/// Every image of a split with its truth and its answer, arranged so that [`Outcomes::scores`] is one pass.
pub(crate) struct Outcomes {
    labels: usize,
    images: Vec<Image>,
    /// A label each: every image, best score first.
    rankings: Vec<Vec<Ranked>>,
}

/// What does not change between resamples.
struct Image {
    truth: Vec<bool>,
    answer: Vec<bool>,
    exact: bool,
    /// Label decisions that are right.
    right: u64,
    f1: f64,
}

struct Ranked {
    image: usize,
    positive: bool,
    /// No later image has the same score: a threshold can stand here.
    ends_tie: bool,
}

/// Every metric of a split.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scores {
    /// Share of the images whose labels are all right (subset accuracy).
    pub(crate) exact_match: f64,
    /// Share of the images x labels decisions that are right.
    pub(crate) hamming_accuracy: f64,
    /// F1 of all decisions together.
    pub(crate) micro_f1: f64,
    /// Mean of the labels' F1.
    pub(crate) macro_f1: f64,
    /// Mean of the labels' F1, weighted by support.
    pub(crate) weighted_f1: f64,
    /// Mean of the images' F1.
    pub(crate) samples_f1: f64,
    /// Mean average precision over the labels with a positive; 0 when there is none.
    pub(crate) mean_average_precision: f64,
    pub(crate) per_label: Vec<LabelScores>,
}

/// One label as a binary decision.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LabelScores {
    pub(crate) counts: Counts,
    pub(crate) precision: f64,
    pub(crate) recall: f64,
    pub(crate) f1: f64,
    /// None without a positive.
    pub(crate) average_precision: Option<f64>,
}

/// A binary confusion matrix.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) true_positives: u64,
    pub(crate) false_positives: u64,
    pub(crate) false_negatives: u64,
    pub(crate) true_negatives: u64,
}

impl Outcomes {
    /// Outcomes of n images x L labels: `truth[image][label]`, `probabilities[image][label]`; a probability at or above
    /// `threshold` says that the label is there.
    pub(crate) fn new(truth: &[Vec<bool>], probabilities: &[Vec<f32>], threshold: f32) -> Self {
        let images: Vec<Image> = truth
            .iter()
            .zip(probabilities)
            .map(|(truth, scores)| Image::new(truth.clone(), scores.iter().map(|score| *score >= threshold).collect()))
            .collect();
        let labels = truth.first().map_or(0, Vec::len);
        let rankings = (0..labels).map(|label| ranking(truth, probabilities, label)).collect();
        Self { labels, images, rankings }
    }

    /// How many images there are.
    pub(crate) fn len(&self) -> usize {
        self.images.len()
    }

    /// The metrics where image i counts `weights[i]` times: all ones for the split itself, draws for a resample.
    pub(crate) fn scores(&self, weights: &[u32]) -> Scores {
        let (mut total, mut exact, mut right, mut f1) = (0, 0, 0, 0.0);
        let mut counts = vec![Counts::default(); self.labels];
        for (image, weight) in self.images.iter().zip(weights).filter(|(_, weight)| **weight > 0) {
            let weight = u64::from(*weight);
            total += weight;
            exact += weight * u64::from(image.exact);
            right += weight * image.right;
            f1 += weight as f64 * image.f1;
            for ((counts, truth), answer) in counts.iter_mut().zip(&image.truth).zip(&image.answer) {
                *counts.of(*truth, *answer) += weight;
            }
        }
        let per_label: Vec<LabelScores> = counts
            .iter()
            .zip(&self.rankings)
            .map(|(counts, ranking)| LabelScores {
                counts: *counts,
                precision: ratio(counts.true_positives, counts.true_positives + counts.false_positives),
                recall: ratio(counts.true_positives, counts.support()),
                f1: counts.f1(),
                average_precision: average_precision(ranking, weights),
            })
            .collect();
        let precisions: Vec<f64> = per_label.iter().filter_map(|label| label.average_precision).collect();
        let supports: u64 = counts.iter().map(Counts::support).sum();
        let weighted: f64 = counts.iter().map(|counts| counts.support() as f64 * counts.f1()).sum();
        Scores {
            exact_match: ratio(exact, total),
            hamming_accuracy: ratio(right, total * self.labels as u64),
            micro_f1: counts.iter().fold(Counts::default(), Counts::plus).f1(),
            macro_f1: mean(&per_label.iter().map(|label| label.f1).collect::<Vec<_>>()),
            weighted_f1: if supports == 0 { 0.0 } else { weighted / supports as f64 },
            samples_f1: if total == 0 { 0.0 } else { f1 / total as f64 },
            mean_average_precision: mean(&precisions),
            per_label,
        }
    }
}

impl Image {
    fn new(truth: Vec<bool>, answer: Vec<bool>) -> Self {
        let mut counts = Counts::default();
        for (truth, answer) in truth.iter().zip(&answer) {
            *counts.of(*truth, *answer) += 1;
        }
        let right = counts.true_positives + counts.true_negatives;
        let both_empty = counts.true_negatives == truth.len() as u64;
        let f1 = if both_empty { 1.0 } else { counts.f1() };
        Self { exact: right == truth.len() as u64, right, f1, truth, answer }
    }
}

impl Counts {
    /// The cell of a decision.
    fn of(&mut self, truth: bool, answer: bool) -> &mut u64 {
        match (truth, answer) {
            (true, true) => &mut self.true_positives,
            (false, true) => &mut self.false_positives,
            (true, false) => &mut self.false_negatives,
            (false, false) => &mut self.true_negatives,
        }
    }

    /// Positives in truth.
    fn support(&self) -> u64 {
        self.true_positives + self.false_negatives
    }

    /// Every decision.
    pub(crate) fn total(&self) -> u64 {
        self.support() + self.false_positives + self.true_negatives
    }

    /// 2 TP / (2 TP + FP + FN).
    fn f1(&self) -> f64 {
        let twice = 2 * self.true_positives;
        ratio(twice, twice + self.false_positives + self.false_negatives)
    }

    fn plus(self, other: &Self) -> Self {
        Self {
            true_positives: self.true_positives + other.true_positives,
            false_positives: self.false_positives + other.false_positives,
            false_negatives: self.false_negatives + other.false_negatives,
            true_negatives: self.true_negatives + other.true_negatives,
        }
    }
}

/// The images by falling score of a label; equal scores stand together.
fn ranking(truth: &[Vec<bool>], probabilities: &[Vec<f32>], label: usize) -> Vec<Ranked> {
    let score = |image: usize| probabilities[image][label];
    let mut order: Vec<usize> = (0..truth.len()).collect();
    order.sort_by(|a, b| score(*b).total_cmp(&score(*a)));
    order
        .iter()
        .enumerate()
        .map(|(place, image)| Ranked {
            image: *image,
            positive: truth[*image][label],
            ends_tie: order.get(place + 1).is_none_or(|next| score(*next).total_cmp(&score(*image)).is_ne()),
        })
        .collect()
}

/// The sum over thresholds n of `(R_n - R_(n-1)) P_n` (scikit-learn's `average_precision_score`): no interpolation, and
/// images of one score are one threshold.
fn average_precision(ranking: &[Ranked], weights: &[u32]) -> Option<f64> {
    let positives: u64 = ranking.iter().filter(|at| at.positive).map(|at| u64::from(weights[at.image])).sum();
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
    Some(sum)
}

/// 0 where the denominator is.
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

#[cfg(test)]
mod tests;
