//! What is done to one token's numbers at a time: layer norm, GELU, softmax, and their gradients.

use crate::lines::{LANES, by_processor, total};

/// e^x to the last bits of an `f32`, for vectors: 0 far below.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // e^x = 2^n e^r with n whole and |r| at most ln(2) / 2; adding 1.5 x 2^23 rounds to n, which is then in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let x = if x < -87.0 { -87.0 } else { x };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    for c in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 5e-1] {
        p = p * r + c;
    }
    let power = f32::from_bits(shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23);
    (p * (r * r) + r + 1.0) * power
}

/// The share of a normal distribution below x, and its density there (Abramowitz and Stegun 7.1.26, within 1e-7).
#[inline(always)]
fn normal(x: f32) -> (f32, f32) {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let bell = exp(-z * z);
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let mut p = 1.061_405_4;
    for c in [-1.453_152_1, 1.421_413_8, -0.284_496_72, 0.254_829_6] {
        p = p * t + c;
    }
    let tail = 0.5 * p * t * bell;
    (if x < 0.0 { tail } else { 1.0 - tail }, bell * 0.398_942_3)
}

by_processor! {
    /// `to` becomes x times the share of a normal distribution below x.
    pub(crate) fn gelu(to: &mut [f32], x: &[f32]) {
        for (to, x) in to.iter_mut().zip(x) {
            *to = x * normal(*x).0;
        }
    }
}

by_processor! {
    /// `gradient`, of a GELU's output, becomes that of its input x, and x the output.
    pub(crate) fn gelu_back(gradient: &mut [f32], x: &mut [f32]) {
        for (gradient, x) in gradient.iter_mut().zip(x) {
            let (share, density) = normal(*x);
            *gradient *= share + *x * density;
            *x *= share;
        }
    }
}

by_processor! {
    /// `row` becomes the softmax of itself times `scale`.
    pub(crate) fn softmax(row: &mut [f32], scale: f32) {
        let mut most = [f32::NEG_INFINITY; LANES];
        for x in row.chunks(LANES) {
            for (most, x) in most.iter_mut().zip(x) {
                *most = if *x > *most { *x } else { *most };
            }
        }
        let most = most.into_iter().fold(f32::NEG_INFINITY, f32::max);
        for x in &mut *row {
            *x = exp((*x - most) * scale);
        }
        let mut sums = [0.0f32; LANES];
        let lanes = row.chunks_exact(LANES);
        for (sum, x) in sums.iter_mut().zip(lanes.remainder()) {
            *sum = *x;
        }
        for x in lanes {
            for at in 0..LANES {
                sums[at] += x[at];
            }
        }
        let share = (1.0 / total(sums)) as f32;
        for x in row {
            *x *= share;
        }
    }
}

by_processor! {
    /// `gradient`, of a softmax's output `share`, becomes that of its input, times `scale`.
    pub(crate) fn softmax_back(gradient: &mut [f32], share: &[f32], scale: f32) {
        let mut sums = [0.0f32; LANES];
        for (gradient, share) in gradient.chunks(LANES).zip(share.chunks(LANES)) {
            for ((sum, gradient), share) in sums.iter_mut().zip(gradient).zip(share) {
                *sum += gradient * share;
            }
        }
        let mean = total(sums) as f32;
        for (gradient, share) in gradient.iter_mut().zip(share) {
            *gradient = share * (*gradient - mean) * scale;
        }
    }
}

/// Mean of a token, and 1 / sqrt(variance + eps).
pub(crate) fn spread(x: &[f32], eps: f64) -> (f32, f32) {
    let [mean, squares] = crate::lines::moments(x);
    (mean as f32, (1.0 / (squares / x.len() as f64 + eps).sqrt()) as f32)
}

by_processor! {
    /// `to` becomes (x - mean) inverse weight + bias.
    pub(crate) fn normalise(to: &mut [f32], x: &[f32], spread: (f32, f32), weight: &[f32], bias: &[f32]) {
        let (mean, inverse) = spread;
        for (((to, x), weight), bias) in to.iter_mut().zip(x).zip(weight).zip(bias) {
            *to = (x - mean) * inverse * weight + bias;
        }
    }
}

by_processor! {
    /// `to` grows by the gradient of a layer norm's input x, of that of its output; so do those of weight and bias.
    pub(crate) fn normalise_back(
        to: &mut [f32],
        gradient: &[f32],
        x: &[f32],
        spread: (f32, f32),
        weight: &[f32],
        to_weight: &mut [f32],
        to_bias: &mut [f32],
    ) {
        let (mean, inverse) = spread;
        let (mut sums, mut moments) = ([0.0f32; LANES], [0.0f32; LANES]);
        let each = gradient.chunks(LANES).zip(x.chunks(LANES)).zip(weight.chunks(LANES));
        for ((gradient, x), weight) in each {
            for at in 0..gradient.len() {
                let g = gradient[at] * weight[at];
                sums[at] += g;
                moments[at] += g * ((x[at] - mean) * inverse);
            }
        }
        let count = x.len() as f64;
        let (level, slope) = ((total(sums) / count) as f32, (total(moments) / count) as f32);
        for (((to, gradient), x), weight) in to.iter_mut().zip(gradient).zip(x).zip(weight) {
            *to += inverse * (gradient * weight - level - (x - mean) * inverse * slope);
        }
        for (((to_weight, to_bias), gradient), x) in to_weight.iter_mut().zip(to_bias).zip(gradient).zip(x) {
            *to_weight += gradient * ((x - mean) * inverse);
            *to_bias += gradient;
        }
    }
}

by_processor! {
    /// `to` becomes x + scale y.
    pub(crate) fn add_scaled(to: &mut [f32], x: &[f32], y: &[f32], scale: &[f32]) {
        for (((to, x), y), scale) in to.iter_mut().zip(x).zip(y).zip(scale) {
            *to = x + scale * y;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_and_the_normal_distribution_are_right_to_the_last_bits() {
        for step in -870..=100 {
            let x = step as f32 * 0.1;
            let plain = f64::from(x).exp();
            assert!((f64::from(exp(x)) - plain).abs() <= 2e-7 * plain, "e^{x}: {} is not {plain}", exp(x));
        }
        // The share below x by Simpson's rule from 0.
        let density = |x: f64| (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt();
        for step in -60..=60 {
            let x = f64::from(step) * 0.1;
            let cuts = 2000;
            let at = |cut: i32| density(x * f64::from(cut) / f64::from(cuts));
            let sum: f64 = (0..cuts).step_by(2).map(|cut| at(cut) + 4.0 * at(cut + 1) + at(cut + 2)).sum();
            let share = 0.5 + sum * x / f64::from(cuts) / 3.0;
            let ours = normal(x as f32);
            assert!((f64::from(ours.0) - share).abs() < 2e-7, "below {x}: {} is not {share}", ours.0);
            assert!((f64::from(ours.1) - density(f64::from(x as f32))).abs() < 1e-7);
        }
    }
}
