//! The metrics of yes-or-no answers, as pure arithmetic: [`Outcomes`] (what was true, what was said) in, [`Scores`] out.
//!
//! Definitions are scikit-learn's (`zero_division = 0`). Where a value is undefined: F1, precision, recall and
//! specificity are 0; precision, recall and F1 of an empty label set against an empty answer are 1 in the mean over
//! images.

/// Every image of a split with its truth and its answer.
pub(crate) struct Outcomes {
    labels: usize,
    images: Vec<Image>,
}

/// What does not change between resamples.
struct Image {
    truth: Vec<bool>,
    answer: Vec<bool>,
    exact: bool,
    /// Label decisions that are right.
    right: u64,
    mean: Mean,
}

/// Every metric of a split.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scores {
    /// Share of the images whose labels are all right (subset accuracy).
    pub(crate) exact_match: f64,
    /// Share of the images x labels decisions that are right.
    pub(crate) hamming_accuracy: f64,
    /// Of all decisions together.
    pub(crate) micro: Mean,
    /// Mean over labels.
    pub(crate) macro_: Mean,
    /// Mean over labels, weighted by support.
    pub(crate) weighted: Mean,
    /// Mean over images.
    pub(crate) samples: Mean,
    /// Mean number of labels an answer has.
    pub(crate) cardinality: f64,
    /// A label each.
    pub(crate) counts: Vec<Counts>,
}

/// Precision, recall and F1.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Mean {
    pub(crate) precision: f64,
    pub(crate) recall: f64,
    pub(crate) f1: f64,
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
    /// its label's of the `thresholds` says that the label is there.
    pub(crate) fn new(truth: &[Vec<bool>], probabilities: &[Vec<f32>], thresholds: &[f32]) -> Self {
        let answer = |scores: &Vec<f32>| scores.iter().zip(thresholds).map(|(score, at)| score >= at).collect();
        let pairs = truth.iter().zip(probabilities);
        let images = pairs.map(|(truth, scores)| Image::new(truth.clone(), answer(scores))).collect();
        Self { labels: truth.first().map_or(0, Vec::len), images }
    }

    /// Whether every label is right, an image each.
    pub(crate) fn exact(&self) -> impl Iterator<Item = bool> {
        self.images.iter().map(|image| image.exact)
    }

    /// What was said, `[image][label]`.
    pub(crate) fn answers(&self) -> impl Iterator<Item = &[bool]> {
        self.images.iter().map(|image| image.answer.as_slice())
    }

    /// `[i][j]`: images where label i was missed and label j said wrongly.
    pub(crate) fn substitutions(&self) -> Vec<Vec<u64>> {
        let mut table = vec![vec![0; self.labels]; self.labels];
        for Image { truth, answer, .. } in &self.images {
            for missed in (0..self.labels).filter(|label| truth[*label] && !answer[*label]) {
                for wrong in (0..self.labels).filter(|label| !truth[*label] && answer[*label]) {
                    table[missed][wrong] += 1;
                }
            }
        }
        table
    }

    /// The metrics where image i counts `weights[i]` times: all ones for the split itself, draws for a resample.
    pub(crate) fn scores(&self, weights: &[u32]) -> Scores {
        let (mut total, mut exact, mut right, mut samples) = (0, 0, 0, Mean::default());
        let mut counts = vec![Counts::default(); self.labels];
        for (image, weight) in self.images.iter().zip(weights).filter(|(_, weight)| **weight > 0) {
            let weight = u64::from(*weight);
            total += weight;
            exact += weight * u64::from(image.exact);
            right += weight * image.right;
            samples.add(image.mean, weight as f64);
            for ((counts, truth), answer) in counts.iter_mut().zip(&image.truth).zip(&image.answer) {
                *counts.of(*truth, *answer) += weight;
            }
        }
        let all = counts.iter().fold(Counts::default(), Counts::plus);
        Scores {
            exact_match: ratio(exact, total),
            hamming_accuracy: ratio(right, total * self.labels as u64),
            micro: all.mean(),
            macro_: mean_of(&counts, |_| 1.0),
            weighted: mean_of(&counts, |counts| counts.support() as f64),
            samples: samples.over(total as f64),
            cardinality: ratio(all.true_positives + all.false_positives, total),
            counts,
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
        let mean = if both_empty { Mean { precision: 1.0, recall: 1.0, f1: 1.0 } } else { counts.mean() };
        Self { exact: right == truth.len() as u64, right, mean, truth, answer }
    }
}

impl Counts {
    /// The cell of a decision.
    pub(crate) fn of(&mut self, truth: bool, answer: bool) -> &mut u64 {
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

    /// TP / (TP + FP), TP / (TP + FN), 2 TP / (2 TP + FP + FN).
    pub(crate) fn mean(&self) -> Mean {
        let (hits, twice) = (self.true_positives, 2 * self.true_positives);
        Mean {
            precision: ratio(hits, hits + self.false_positives),
            recall: ratio(hits, self.support()),
            f1: ratio(twice, twice + self.false_positives + self.false_negatives),
        }
    }

    /// TN / (TN + FP).
    pub(crate) fn specificity(&self) -> f64 {
        ratio(self.true_negatives, self.true_negatives + self.false_positives)
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

impl Mean {
    fn add(&mut self, other: Self, weight: f64) {
        self.precision += weight * other.precision;
        self.recall += weight * other.recall;
        self.f1 += weight * other.f1;
    }

    /// Each divided by `whole`; 0 where that is.
    fn over(self, whole: f64) -> Self {
        let part = |sum: f64| if whole == 0.0 { 0.0 } else { sum / whole };
        Self { precision: part(self.precision), recall: part(self.recall), f1: part(self.f1) }
    }
}

/// The weighted mean over labels.
fn mean_of(counts: &[Counts], weight: impl Fn(&Counts) -> f64) -> Mean {
    let mut sum = Mean::default();
    for counts in counts {
        sum.add(counts.mean(), weight(counts));
    }
    sum.over(counts.iter().map(weight).sum())
}

/// 0 where the denominator is.
pub(crate) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// 0 of nothing.
pub(crate) fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

#[cfg(test)]
mod tests;
