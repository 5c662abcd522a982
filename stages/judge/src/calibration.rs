//! Whether probabilities are what they say: [`Reliability`] in, calibration errors out, and the [`Temperature`] that
//! makes val's likeliest; pure.
//!
//! (Guo and others, *On Calibration of Modern Neural Networks*, 2017; each images x labels decision is one binary
//! forecast.)

use crate::metrics::mean;
use plantpipe_stage::format::ReliabilityBin;

/// Probabilities are kept this far from 0 and 1 where their logarithm is taken: a 32-bit probability can't come nearer to
/// 1 without being 1.
const EDGE: f64 = 1.0 / (1 << 25) as f64;

/// The ends of what a temperature is looked for between.
const TEMPERATURES: (f64, f64) = (0.05, 20.0);

/// The decisions of a split, each with its bin.
pub(crate) struct Reliability {
    bins: usize,
    /// `[image][label]`.
    decisions: Vec<Vec<Forecast>>,
}

/// A probability and what came of it.
#[derive(Clone, Copy)]
struct Forecast {
    probability: f64,
    positive: bool,
    bin: usize,
}

/// What a bin holds.
#[derive(Clone, Copy, Default)]
struct Sum {
    decisions: u64,
    positives: u64,
    probability: f64,
}

/// What logits are divided by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Temperature {
    pub(crate) value: f64,
    /// It stopped at an end of the range.
    pub(crate) at_bound: bool,
}

impl Reliability {
    /// `truth[image][label]`, `probabilities[image][label]`, and how many bins of equal width.
    pub(crate) fn new(truth: &[Vec<bool>], probabilities: &[Vec<f64>], bins: usize) -> Self {
        let forecast = |(positive, probability): (&bool, &f64)| Forecast {
            probability: *probability,
            positive: *positive,
            bin: ((probability * bins as f64) as usize).min(bins - 1),
        };
        let pairs = truth.iter().zip(probabilities);
        Self { bins, decisions: pairs.map(|(truth, all)| truth.iter().zip(all).map(forecast).collect()).collect() }
    }

    /// The expected calibration error of all decisions where image i counts `weights[i]` times.
    pub(crate) fn ece(&self, weights: &[u32]) -> f64 {
        error(&self.sums(weights, |_| true))
    }

    /// The mean over labels of each label's own expected calibration error.
    pub(crate) fn classwise_ece(&self) -> f64 {
        let labels = self.decisions.first().map_or(0, Vec::len);
        let weights = vec![1; self.decisions.len()];
        mean(&(0..labels).map(|label| error(&self.sums(&weights, |other| other == label))).collect::<Vec<_>>())
    }

    /// Mean squared distance between probability and truth.
    pub(crate) fn brier(&self) -> f64 {
        self.mean(|at| (at.probability - f64::from(u8::from(at.positive))).powi(2))
    }

    /// Mean binary cross-entropy.
    pub(crate) fn nll(&self) -> f64 {
        self.mean(|at| cross_entropy(at.probability, at.positive))
    }

    pub(crate) fn bins(&self) -> Vec<ReliabilityBin> {
        let edge = |bin: usize| bin as f64 / self.bins as f64;
        let sums = self.sums(&vec![1; self.decisions.len()], |_| true);
        let bin = |(bin, sum): (usize, Sum)| ReliabilityBin {
            low: edge(bin),
            high: edge(bin + 1),
            decisions: sum.decisions,
            mean_probability: (sum.decisions > 0).then(|| sum.probability / sum.decisions as f64),
            positives: (sum.decisions > 0).then(|| sum.positives as f64 / sum.decisions as f64),
        };
        sums.into_iter().enumerate().map(bin).collect()
    }

    fn sums(&self, weights: &[u32], of: impl Fn(usize) -> bool) -> Vec<Sum> {
        let mut sums = vec![Sum::default(); self.bins];
        for (decisions, weight) in self.decisions.iter().zip(weights).filter(|(_, weight)| **weight > 0) {
            for (_, at) in decisions.iter().enumerate().filter(|(label, _)| of(*label)) {
                let sum = &mut sums[at.bin];
                sum.decisions += u64::from(*weight);
                sum.positives += u64::from(*weight) * u64::from(at.positive);
                sum.probability += f64::from(*weight) * at.probability;
            }
        }
        sums
    }

    fn mean(&self, of: impl Fn(&Forecast) -> f64) -> f64 {
        mean(&self.decisions.iter().flatten().map(of).collect::<Vec<_>>())
    }
}

/// The distance between mean probability and share of positives, weighted by the bins' decisions.
fn error(sums: &[Sum]) -> f64 {
    let all: u64 = sums.iter().map(|sum| sum.decisions).sum();
    let apart: f64 = sums.iter().map(|sum| (sum.probability - sum.positives as f64).abs()).sum();
    if all == 0 { 0.0 } else { apart / all as f64 }
}

/// The binary cross-entropy of one decision, natural logarithm.
pub(crate) fn cross_entropy(probability: f64, positive: bool) -> f64 {
    let inside = probability.clamp(EDGE, 1.0 - EDGE);
    -(if positive { inside } else { 1.0 - inside }).ln()
}

/// The logit that a probability came from; of a saturated one, that of the nearest that is not.
pub(crate) fn logit(probability: f64) -> f64 {
    let inside = probability.clamp(EDGE, 1.0 - EDGE);
    (inside / (1.0 - inside)).ln()
}

pub(crate) fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

impl Temperature {
    /// The temperature of the least mean binary cross-entropy (it has one minimum in 1 / temperature).
    pub(crate) fn fit(truth: &[Vec<bool>], probabilities: &[Vec<f64>]) -> Self {
        let decisions: Vec<(f64, f64)> = truth
            .iter()
            .flatten()
            .zip(probabilities.iter().flatten())
            .map(|(positive, probability)| (logit(*probability), f64::from(u8::from(*positive))))
            .collect();
        // Of the cross-entropy of `sigmoid(scale x logit)` by the scale; it rises with the scale.
        let slope = |scale: f64| decisions.iter().map(|(logit, y)| (sigmoid(scale * logit) - y) * logit).sum::<f64>();
        let (mut low, mut high) = (1.0 / TEMPERATURES.1, 1.0 / TEMPERATURES.0);
        if slope(low) >= 0.0 {
            return Self { value: TEMPERATURES.1, at_bound: true };
        }
        if slope(high) <= 0.0 {
            return Self { value: TEMPERATURES.0, at_bound: true };
        }
        // Halving the interval 60 times leaves less than the last place of a 64-bit number.
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if slope(middle) < 0.0 {
                low = middle;
            } else {
                high = middle;
            }
        }
        Self { value: 1.0 / f64::midpoint(low, high), at_bound: false }
    }

    /// Probabilities at this temperature.
    pub(crate) fn scale(self, probabilities: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let scale = |probability: &f64| sigmoid(logit(*probability) / self.value);
        probabilities.iter().map(|all| all.iter().map(scale).collect()).collect()
    }
}

#[cfg(test)]
mod tests;
