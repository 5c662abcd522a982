//! Batch norm between two convolutions: its statistics ([`Statistics`]), and how the next one reads through it
//! ([`Reading`]) and its gradient comes back ([`Reading::back`]).

use crate::lines::{Back, Line};

/// What follows a norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    None,
    Relu,
    Relu6,
}

impl Act {
    /// Least and greatest output.
    pub(crate) fn bounds(self) -> (f32, f32) {
        match self {
            Self::None => (f32::NEG_INFINITY, f32::INFINITY),
            Self::Relu => (0.0, f32::INFINITY),
            Self::Relu6 => (0.0, 6.0),
        }
    }
}

/// Mean and variance (biased) of each channel.
#[derive(Debug, Clone)]
pub struct Statistics {
    pub mean: Vec<f32>,
    pub variance: Vec<f32>,
}

/// Count, mean, and sum of squared distances from the mean of a channel's values so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// With `count` values more, of which `mean` and `squares` are known.
    pub(crate) fn with(&mut self, count: usize, [mean, squares]: [f64; 2]) {
        self.merge(Self { count: count as f64, mean, squares });
    }

    /// Chan's update.
    pub(crate) fn merge(&mut self, other: Self) {
        let count = self.count + other.count;
        let far = other.mean - self.mean;
        self.mean += far * (other.count / count);
        self.squares += other.squares + far * far * (self.count * other.count / count);
        self.count = count;
    }
}

impl Statistics {
    /// Of all groups of photographs, in their order.
    pub(crate) fn of(groups: &[Vec<Moments>]) -> Self {
        let merged = |channel: usize| {
            let mut all = Moments::default();
            for group in groups {
                all.merge(group[channel]);
            }
            all
        };
        let all: Vec<Moments> = (0..groups[0].len()).map(merged).collect();
        Self {
            mean: all.iter().map(|of| of.mean as f32).collect(),
            variance: all.iter().map(|of| (of.squares / of.count) as f32).collect(),
        }
    }
}

/// A norm and what follows it, channel by channel.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    pub(crate) lines: Vec<Line>,
    /// 1 / sqrt(variance + eps).
    inverse: Vec<f32>,
}

impl Reading {
    pub(crate) fn new(statistics: &Statistics, weight: &[f32], bias: &[f32], eps: f64, act: Act) -> Self {
        let inverse = |variance: &f32| (1.0 / (f64::from(*variance) + eps).sqrt()) as f32;
        let inverse: Vec<f32> = statistics.variance.iter().map(inverse).collect();
        let (low, high) = act.bounds();
        let line = |channel: usize| Line {
            mean: statistics.mean[channel],
            scale: weight[channel] * inverse[channel],
            shift: bias[channel],
            low,
            high,
        };
        Self { lines: (0..weight.len()).map(line).collect(), inverse }
    }

    /// The gradients of weight and bias, and the way back to the norm's input, of the sums of the output's gradient dz
    /// and of dz (x - mean) over `count` values a channel.
    pub(crate) fn back(&self, sums: &[[f64; 2]], count: usize) -> (Vec<f32>, Vec<f32>, Vec<Back>) {
        let back = |((line, inverse), [sum, moment]): ((&Line, &f32), &[f64; 2])| {
            let inverse = f64::from(*inverse);
            let gain = f64::from(line.scale);
            Back {
                mean: line.mean,
                gain: line.scale,
                mean_gradient: (sum / count as f64) as f32,
                pull: (gain * inverse * inverse * moment / count as f64) as f32,
            }
        };
        let each = || self.lines.iter().zip(&self.inverse).zip(sums);
        let weights = each().map(|((_, inverse), [_, moment])| (moment * f64::from(*inverse)) as f32).collect();
        (weights, sums.iter().map(|[sum, _]| *sum as f32).collect(), each().map(back).collect())
    }
}
