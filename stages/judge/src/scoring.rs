//! One split's every metric: [`Fit`] is what val chooses, [`Setting`] turns a split's photographs into a
//! [`SplitEvaluation`], its intervals from the same resamples for every metric.

use crate::bootstrap::{interval, resample};
use crate::calibration::{Reliability, Temperature};
use crate::findings::{label_issues, worst};
use crate::metrics::{Mean, Outcomes, Scores};
use crate::pairing::{Pairs, decimal};
use crate::ranking::{RankingScores, Rankings};
use crate::thresholds::{for_exact_match, for_f1};
use plantpipe_stage::format::{
    Averages, Baseline, Calibration, Decisions, Fitted, Interval, LabelDecisions, LabelRanking, Objective, Ranking,
    Split, SplitEvaluation,
};
use rayon::prelude::*;

const ALIKE: &str = "every draw has what the first has";

/// Thresholds and a temperature, fitted on one split's photographs.
pub(crate) struct Fit {
    images: u64,
    objective: Objective,
    thresholds: Vec<f32>,
    temperature: Temperature,
}

impl Fit {
    /// Fits the thresholds, from `start`, for the objective, and the temperature for the likelihood.
    pub(crate) fn of(pairs: &Pairs, start: f32, objective: Objective) -> Self {
        let thresholds = match objective {
            Objective::F1 => for_f1(&pairs.truth, &pairs.probabilities, start),
            Objective::ExactMatch => for_exact_match(&pairs.truth, &pairs.probabilities, start),
        };
        let temperature = Temperature::fit(&pairs.truth, &wide(&pairs.probabilities));
        Self { images: pairs.truth.len() as u64, objective, thresholds, temperature }
    }

    pub(crate) fn fitted(self) -> Fitted {
        Fitted {
            images: self.images,
            objective: self.objective,
            thresholds: self.thresholds.into_iter().map(decimal).collect(),
            temperature: self.temperature.value,
            temperature_at_bound: self.temperature.at_bound,
        }
    }
}

/// What is the same for every split.
pub(crate) struct Setting<'a> {
    pub(crate) labels: &'a [String],
    /// The baseline's.
    pub(crate) answer: &'a [bool],
    /// The headline's.
    pub(crate) threshold: f32,
    pub(crate) fit: Option<&'a Fit>,
    pub(crate) bins: usize,
    pub(crate) worst: usize,
    pub(crate) seed: u64,
    pub(crate) resamples: u64,
}

impl Setting<'_> {
    pub(crate) fn evaluate(&self, split: Split, pairs: &Pairs) -> SplitEvaluation {
        let at = |thresholds: &[f32]| Outcomes::new(&pairs.truth, &pairs.probabilities, thresholds);
        let probabilities = wide(&pairs.probabilities);
        let reliability = |probabilities: &[Vec<f64>]| Reliability::new(&pairs.truth, probabilities, self.bins);
        let headline = vec![self.threshold; self.labels.len()];
        let views = Views {
            headline: at(&headline),
            tuned: self.fit.map(|fit| at(&fit.thresholds)),
            rankings: Rankings::new(&pairs.truth, &pairs.probabilities),
            reliability: reliability(&probabilities),
            scaled: self.fit.map(|fit| reliability(&fit.temperature.scale(&probabilities))),
            baseline: pairs.truth.iter().map(|truth| truth == self.answer).collect(),
        };
        let images = pairs.truth.len();
        let draws = Draws {
            all: views.measure(&vec![1; images]),
            resampled: (0..self.resamples)
                .into_par_iter()
                .map(|number| views.measure(&resample(self.seed, split, number, images)))
                .collect(),
        };
        let present: usize = pairs.truth.iter().flatten().filter(|there| **there).count();
        let answer = self.labels.iter().zip(self.answer).filter(|(_, on)| **on).map(|(label, _)| label.clone());
        SplitEvaluation {
            split,
            images: images as u64,
            cardinality: present as f64 / images as f64,
            headline: self.decisions(&draws, &views.headline, &headline, |draw| &draw.headline),
            tuned: views.tuned.as_ref().zip(self.fit).map(|(outcomes, fit)| {
                self.decisions(&draws, outcomes, &fit.thresholds, |draw| draw.tuned.as_ref().expect(ALIKE))
            }),
            ranking: self.ranking(&draws, &views.rankings),
            calibration: calibration(&views.reliability, draws.interval(|draw| draw.ece)),
            scaled_calibration: views
                .scaled
                .as_ref()
                .map(|scaled| calibration(scaled, draws.interval(|draw| draw.scaled_ece.expect(ALIKE)))),
            baseline: Baseline { answer: answer.collect(), exact_match: draws.interval(|draw| draw.baseline) },
            worst: worst(pairs, views.headline.answers(), self.labels, self.worst),
            label_issues: label_issues(pairs, self.labels),
        }
    }

    fn decisions(
        &self,
        draws: &Draws,
        outcomes: &Outcomes,
        thresholds: &[f32],
        of: impl Fn(&Measures) -> &Scores,
    ) -> Decisions {
        let scores = of(&draws.all);
        let interval = |metric: &dyn Fn(&Scores) -> f64| draws.interval(|draw| metric(of(draw)));
        let averages = |mean: fn(&Scores) -> &Mean| Averages {
            precision: mean(scores).precision,
            recall: mean(scores).recall,
            f1: interval(&|scores| mean(scores).f1),
        };
        let per_label = self.labels.iter().zip(&scores.counts).zip(thresholds).enumerate();
        let per_label = per_label.map(|(place, ((label, counts), threshold))| LabelDecisions {
            label: label.clone(),
            threshold: decimal(*threshold),
            true_positives: counts.true_positives,
            false_positives: counts.false_positives,
            false_negatives: counts.false_negatives,
            true_negatives: counts.true_negatives,
            precision: counts.mean().precision,
            recall: counts.mean().recall,
            specificity: counts.specificity(),
            f1: interval(&|scores| scores.counts[place].mean().f1),
        });
        Decisions {
            exact_match: interval(&|scores| scores.exact_match),
            hamming_accuracy: interval(&|scores| scores.hamming_accuracy),
            micro: averages(|scores| &scores.micro),
            macro_: averages(|scores| &scores.macro_),
            weighted: averages(|scores| &scores.weighted),
            samples: averages(|scores| &scores.samples),
            cardinality: scores.cardinality,
            per_label: per_label.collect(),
            substitutions: outcomes.substitutions(),
        }
    }

    fn ranking(&self, draws: &Draws, rankings: &Rankings) -> Ranking {
        let per_label = self.labels.iter().enumerate().map(|(place, label)| LabelRanking {
            label: label.clone(),
            average_precision: draws.interval_where(|draw| draw.ranking.average_precision[place]),
            auroc: draws.interval_where(|draw| draw.ranking.auroc[place]),
            curve: rankings.curve(place),
        });
        Ranking {
            mean_average_precision: draws.interval(|draw| draw.ranking.mean_average_precision),
            micro_average_precision: draws.interval(|draw| draw.ranking.micro_average_precision),
            macro_auroc: draws.interval(|draw| draw.ranking.macro_auroc),
            per_label: per_label.collect(),
        }
    }
}

/// A split as each metric looks at it.
struct Views {
    headline: Outcomes,
    tuned: Option<Outcomes>,
    rankings: Rankings,
    reliability: Reliability,
    scaled: Option<Reliability>,
    /// Whether the baseline's answer is right, an image each.
    baseline: Vec<bool>,
}

impl Views {
    /// Everything where image i counts `weights[i]` times.
    fn measure(&self, weights: &[u32]) -> Measures {
        Measures {
            headline: self.headline.scores(weights),
            tuned: self.tuned.as_ref().map(|outcomes| outcomes.scores(weights)),
            ranking: self.rankings.scores(weights),
            ece: self.reliability.ece(weights),
            scaled_ece: self.scaled.as_ref().map(|scaled| scaled.ece(weights)),
            baseline: share(&self.baseline, weights),
        }
    }
}

/// What has an interval.
struct Measures {
    headline: Scores,
    tuned: Option<Scores>,
    ranking: RankingScores,
    ece: f64,
    scaled_ece: Option<f64>,
    baseline: f64,
}

/// A split's measures, and those of its resamples.
struct Draws {
    all: Measures,
    resampled: Vec<Measures>,
}

impl Draws {
    fn interval(&self, metric: impl Fn(&Measures) -> f64) -> Interval {
        interval(metric(&self.all), self.resampled.iter().map(metric).collect())
    }

    /// Over the resamples that have the metric; None where the split itself has not.
    fn interval_where(&self, metric: impl Fn(&Measures) -> Option<f64>) -> Option<Interval> {
        let value = metric(&self.all)?;
        let resampled: Vec<f64> = self.resampled.iter().filter_map(metric).collect();
        let known = if resampled.is_empty() { vec![value] } else { resampled };
        Some(interval(value, known))
    }
}

fn calibration(reliability: &Reliability, ece: Interval) -> Calibration {
    Calibration {
        ece,
        classwise_ece: reliability.classwise_ece(),
        brier: reliability.brier(),
        nll: reliability.nll(),
        bins: reliability.bins(),
    }
}

fn wide(probabilities: &[Vec<f32>]) -> Vec<Vec<f64>> {
    probabilities.iter().map(|all| all.iter().map(|probability| f64::from(*probability)).collect()).collect()
}

/// The weighted share of the true ones.
fn share(hits: &[bool], weights: &[u32]) -> f64 {
    let hit: u32 = hits.iter().zip(weights).filter(|(hit, _)| **hit).map(|(_, weight)| *weight).sum();
    f64::from(hit) / f64::from(weights.iter().sum::<u32>())
}
