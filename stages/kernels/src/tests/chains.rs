//! Chains against the plain composition in double precision: outputs, statistics, and every gradient by differences.

use super::{close, numbers};
use crate::{Act, Chain, Conv, Input, Reach, Shortcut, Statistics, Unit, Weights};

/// Means and variances.
type PlainStatistics = (Vec<f64>, Vec<f64>);

/// All that a chain is given.
#[derive(Clone)]
struct World {
    chain: Chain,
    count: usize,
    x: Vec<f32>,
    /// Of each unit: the convolution's, the norm's weight, its bias.
    parameters: Vec<[Vec<f32>; 3]>,
}

impl World {
    fn new(chain: Chain, count: usize) -> Self {
        let x = numbers(1, count * chain.inputs());
        let parameters = |(at, unit): (usize, &Unit)| {
            let seed = 10 * (at as u64 + 1);
            let gain = |x: f32| 1.0 + 0.3 * x;
            let norm = numbers(seed + 1, unit.conv.out).into_iter().map(gain).collect();
            let bias = numbers(seed + 2, unit.conv.out).into_iter().map(|x| 0.5 + x).collect();
            [numbers(seed, unit.conv.weights()), norm, bias]
        };
        let parameters = chain.all().enumerate().map(parameters).collect();
        Self { chain, count, x, parameters }
    }

    fn weights(&self) -> Vec<Weights<'_>> {
        self.parameters.iter().map(|[conv, weight, bias]| Weights { conv, weight, bias }).collect()
    }

    /// The plain composition: output, and statistics of each unit.
    fn plain(&self) -> (Vec<f64>, Vec<PlainStatistics>) {
        let (mut statistics, mut outputs) = (Vec::new(), Vec::new());
        let input: Vec<f64> = self.x.iter().map(|x| f64::from(*x)).collect();
        for (at, (unit, parameters)) in self.chain.all().zip(&self.parameters).enumerate() {
            let from = if at == 0 || at == self.chain.units.len() { &input } else { &outputs[at - 1] };
            let (normed, of) = plain_unit(unit, self.count, from, parameters);
            outputs.push(normed);
            statistics.push(of);
        }
        let last = &outputs[self.chain.units.len() - 1];
        let added = |at: usize| match self.chain.shortcut {
            Shortcut::None => last[at],
            Shortcut::Input => last[at] + input[at],
            Shortcut::Unit(_) => last[at] + outputs[self.chain.units.len()][at],
        };
        let (low, high) = self.chain.act.bounds();
        let out = (0..last.len()).map(|at| added(at).clamp(low.into(), high.into())).collect();
        (out, statistics)
    }

    /// The plain output's product with the gradient that is sent back.
    fn loss(&self, gradient: &[f32]) -> f64 {
        self.plain().0.iter().zip(gradient).map(|(out, gradient)| out * f64::from(*gradient)).sum()
    }

    /// The slope of the loss as one number moves: the mean of the slopes either side, where they agree.
    fn slope(&self, gradient: &[f32], number: impl Fn(&mut Self) -> &mut f32) -> Option<f64> {
        let at = |by: f32| {
            let mut moved = self.clone();
            let to = number(&mut moved);
            let from = *to;
            *to += by;
            (moved.loss(gradient), f64::from(*number(&mut moved)) - f64::from(from))
        };
        let step = 1.0 / 8192.0;
        let ((up, right), (down, left), (here, _)) = (at(step), at(-step), at(0.0));
        let slopes = ((up - here) / right, (down - here) / left);
        let mean = (up - down) / (right - left);
        // Across the edge of a bound there is none.
        ((slopes.0 - slopes.1).abs() < 0.02 * (1.0 + mean.abs())).then_some(mean)
    }
}

fn plain_unit(
    unit: &Unit,
    count: usize,
    x: &[f64],
    [weight, gain, bias]: &[Vec<f32>; 3],
) -> (Vec<f64>, PlainStatistics) {
    let mut y = plain_conv(&unit.conv, count, x, weight);
    let (plane, channels) = (unit.conv.out_height() * unit.conv.out_width(), unit.conv.out);
    let (mut means, mut variances) = (Vec::new(), Vec::new());
    for channel in 0..channels {
        let places = || (0..count * plane).map(|at| (at / plane * channels + channel) * plane + at % plane);
        let all = (count * plane) as f64;
        let mean = places().map(|at| y[at]).sum::<f64>() / all;
        let variance = places().map(|at| (y[at] - mean).powi(2)).sum::<f64>() / all;
        let scale = f64::from(gain[channel]) / (variance + unit.eps).sqrt();
        let (low, high) = unit.act.bounds();
        for at in places() {
            y[at] = ((y[at] - mean) * scale + f64::from(bias[channel])).clamp(low.into(), high.into());
        }
        means.push(mean);
        variances.push(variance);
    }
    (y, (means, variances))
}

fn plain_conv(conv: &Conv, count: usize, x: &[f64], weight: &[f32]) -> Vec<f64> {
    let (oh, ow, k, pad) = (conv.out_height(), conv.out_width(), conv.kernel, conv.kernel / 2);
    let mut y = Vec::with_capacity(count * conv.outputs());
    for photo in 0..count {
        for out in 0..conv.out {
            let (inputs, each) = match conv.reach {
                Reach::Dense => (0..conv.channels, conv.channels),
                Reach::Depthwise => (out..out + 1, 1),
            };
            for at in 0..oh * ow {
                let mut sum = 0.0;
                for (number, channel) in inputs.clone().enumerate() {
                    for tap in 0..k * k {
                        let row = (at / ow * conv.stride + tap / k).wrapping_sub(pad);
                        let column = (at % ow * conv.stride + tap % k).wrapping_sub(pad);
                        if row < conv.height && column < conv.width {
                            let from = ((photo * conv.channels + channel) * conv.height + row) * conv.width + column;
                            sum += x[from] * f64::from(weight[(out * each + number) * k * k + tap]);
                        }
                    }
                }
                y.push(sum);
            }
        }
    }
    y
}

/// Outputs, statistics and gradients in training, and outputs in evaluation by the statistics found.
fn as_the_plain_composition(chain: Chain, count: usize) {
    let world = World::new(chain, count);
    let weights = world.weights();
    let (plain, plain_statistics) = world.plain();
    let mut out = vec![f32::NAN; plain.len()];
    let (statistics, trace) = world.chain.train(&world.x, &weights, &mut out);
    close("output", &out, &plain, 1e-5);
    for (ours, (means, variances)) in statistics.iter().zip(&plain_statistics) {
        close("variance", &ours.variance, variances, 1e-5);
        close("mean", &ours.mean, means, 1e-4);
    }
    let mut evaluated = vec![f32::NAN; plain.len()];
    world.chain.evaluate(&world.x, &weights, &statistics, &mut evaluated);
    close("evaluated", &evaluated, &plain, 1e-5);

    let gradient = numbers(99, plain.len());
    let mut dx = vec![f32::NAN; world.x.len()];
    let gradients = world.chain.back(trace, &world.x, &weights, &out, &gradient, Input::Learns(&mut dx));
    check("input", &dx, &world, &gradient, |world| &mut world.x);
    for (unit, found) in gradients.iter().enumerate() {
        check("weights", &found.conv, &world, &gradient, |world| &mut world.parameters[unit][0]);
        check("norm weights", &found.weight, &world, &gradient, |world| &mut world.parameters[unit][1]);
        check("norm biases", &found.bias, &world, &gradient, |world| &mut world.parameters[unit][2]);
    }
}

/// Some numbers of a gradient, against differences.
fn check(what: &str, ours: &[f32], world: &World, gradient: &[f32], tensor: impl Fn(&mut World) -> &mut Vec<f32>) {
    let greatest = ours.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    assert!(greatest.is_finite() && greatest > 0.0, "{what}: {greatest}");
    let mut held = 0;
    for step in 0..12 {
        let at = step * 7919 % ours.len();
        if let Some(slope) = world.slope(gradient, |world| &mut tensor(world)[at]) {
            let far = (f64::from(ours[at]) - slope).abs();
            assert!(far < 2e-3 * f64::from(greatest) + 1e-3, "{what} {at}: {} is not {slope} of {greatest}", ours[at]);
            held += 1;
        }
    }
    assert!(held >= 6, "{what}: only {held} slopes");
}

fn unit(conv: Conv, act: Act) -> Unit {
    Unit { conv, eps: 1e-3, act }
}

fn dense(channels: usize, out: usize, kernel: usize, stride: usize, [height, width]: [usize; 2]) -> Conv {
    Conv { channels, out, kernel, stride, reach: Reach::Dense, height, width }
}

fn depthwise(channels: usize, kernel: usize, stride: usize, [height, width]: [usize; 2]) -> Conv {
    Conv { channels, out: channels, kernel, stride, reach: Reach::Depthwise, height, width }
}

fn alone(conv: Conv, act: Act) -> Chain {
    Chain { units: vec![unit(conv, act)], shortcut: Shortcut::None, act: Act::None }
}

#[test]
fn a_dense_convolution_of_any_kernel_and_stride() {
    for (kernel, stride, channels, out, size) in [
        (1, 1, 5, 7, [5, 3]),
        (1, 2, 5, 7, [5, 6]),
        (3, 1, 17, 3, [7, 5]),
        (3, 2, 18, 5, [7, 6]),
        (3, 2, 3, 5, [9, 10]),
        (5, 1, 17, 2, [6, 3]),
        (7, 2, 3, 4, [13, 11]),
        (3, 1, 4, 4, [1, 1]),
    ] {
        as_the_plain_composition(alone(dense(channels, out, kernel, stride, size), Act::Relu), 5);
    }
}

#[test]
fn a_convolution_in_tiles_of_any_size() {
    for (channels, out, size, act) in [
        (16, 16, [4, 4], Act::Relu),
        (32, 16, [9, 7], Act::None),
        (16, 48, [5, 14], Act::Relu),
        (32, 32, [1, 1], Act::Relu),
        (16, 16, [2, 3], Act::Relu6),
        // Of so many numbers some are at the edge of a bound.
        (16, 16, [22, 19], Act::None),
    ] {
        as_the_plain_composition(alone(dense(channels, out, 3, 1, size), act), 3);
    }
}

#[test]
fn a_depthwise_convolution_of_any_kernel_and_stride() {
    for (kernel, stride, channels, size) in [
        (3, 1, 5, [7, 5]),
        (3, 2, 4, [7, 6]),
        (3, 2, 4, [8, 9]),
        (5, 1, 3, [6, 3]),
        (5, 2, 3, [9, 12]),
        (7, 1, 2, [8, 5]),
    ] {
        as_the_plain_composition(alone(depthwise(channels, kernel, stride, size), Act::Relu6), 5);
    }
}

#[test]
fn an_inverted_residual_with_its_shortcut() {
    let size = [7, 6];
    for (channels, out, kernel, stride, shortcut) in [(3, 3, 5, 1, Shortcut::Input), (3, 5, 3, 2, Shortcut::None)] {
        let after = [7usize.div_ceil(stride), 6usize.div_ceil(stride)];
        let units = vec![
            unit(dense(channels, 13, 1, 1, size), Act::Relu6),
            unit(depthwise(13, kernel, stride, size), Act::Relu6),
            unit(dense(13, out, 1, 1, after), Act::None),
        ];
        as_the_plain_composition(Chain { units, shortcut, act: Act::None }, 6);
    }
}

#[test]
fn a_bottleneck_with_a_shortcut_of_its_own() {
    let (size, after) = ([6, 5], [3, 3]);
    let units = vec![
        unit(dense(6, 17, 1, 1, size), Act::Relu),
        unit(dense(17, 5, 3, 2, size), Act::Relu),
        unit(dense(5, 9, 1, 1, after), Act::None),
    ];
    let shortcut = Shortcut::Unit(unit(dense(6, 9, 1, 2, size), Act::None));
    as_the_plain_composition(Chain { units, shortcut, act: Act::Relu }, 4);
}

#[test]
fn a_basic_block_with_its_input_as_shortcut() {
    let size = [5, 7];
    let units = vec![unit(dense(17, 4, 3, 1, size), Act::Relu), unit(dense(4, 17, 3, 1, size), Act::None)];
    as_the_plain_composition(Chain { units, shortcut: Shortcut::Input, act: Act::Relu }, 3);
}

#[test]
fn planes_larger_than_a_tile() {
    for conv in [dense(260, 300, 1, 1, [37, 41]), dense(20, 33, 3, 1, [61, 67]), dense(3, 24, 3, 2, [101, 99])] {
        let world = World::new(alone(conv, Act::Relu6), 2);
        let (plain, _) = world.plain();
        let mut out = vec![f32::NAN; plain.len()];
        world.chain.train(&world.x, &world.weights(), &mut out);
        close("output", &out, &plain, 1e-5);
    }
}

/// Every bit that a chain computes, forwards and backwards.
fn bits(world: &World, threads: usize) -> Vec<u32> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
    pool.install(|| {
        let weights = world.weights();
        let mut out = vec![0.0; world.count * world.chain.outputs()];
        let (statistics, trace) = world.chain.train(&world.x, &weights, &mut out);
        let mut dx = vec![0.0; world.x.len()];
        let gradient = numbers(99, out.len());
        let gradients = world.chain.back(trace, &world.x, &weights, &out, &gradient, Input::Learns(&mut dx));
        let of_statistics = statistics.iter().flat_map(|of: &Statistics| of.mean.iter().chain(&of.variance));
        let of_units = gradients.iter().flat_map(|of| of.conv.iter().chain(&of.weight).chain(&of.bias));
        out.iter().chain(&dx).chain(of_statistics).chain(of_units).map(|value| value.to_bits()).collect()
    })
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let size = [19, 23];
    let units = vec![
        unit(dense(18, 70, 1, 1, size), Act::Relu6),
        unit(depthwise(70, 5, 1, size), Act::Relu6),
        unit(dense(70, 33, 3, 1, size), Act::Relu6),
        unit(dense(33, 18, 1, 1, size), Act::None),
    ];
    let world = World::new(Chain { units, shortcut: Shortcut::Input, act: Act::Relu }, 11);
    let one = bits(&world, 1);
    for threads in [2, 4, 4] {
        assert!(bits(&world, threads) == one, "{threads} threads");
    }
}

#[test]
fn in_evaluation_no_photograph_depends_on_the_others() {
    let size = [7, 9];
    let units = vec![
        unit(dense(6, 40, 1, 1, size), Act::Relu6),
        unit(dense(40, 20, 3, 2, size), Act::Relu6),
        unit(dense(20, 50, 1, 1, [4, 5]), Act::None),
    ];
    let shortcut = Shortcut::Unit(unit(dense(6, 50, 1, 2, size), Act::None));
    let world = World::new(Chain { units, shortcut, act: Act::Relu }, 9);
    let weights = world.weights();
    let each = world.chain.outputs();
    let mut out = vec![0.0; 9 * each];
    let (statistics, _) = world.chain.train(&world.x, &weights, &mut out);
    let evaluate = |x: &[f32]| {
        let mut out = vec![0.0; x.len() / world.chain.inputs() * each];
        world.chain.evaluate(x, &weights, &statistics, &mut out);
        out.into_iter().map(f32::to_bits).collect::<Vec<_>>()
    };
    let all = evaluate(&world.x);
    for (photo, x) in world.x.chunks_exact(world.chain.inputs()).enumerate() {
        assert!(evaluate(x) == all[photo * each..(photo + 1) * each], "photograph {photo}");
    }
}

#[test]
fn a_number_that_is_none_stays_none() {
    let mut world = World::new(alone(dense(3, 4, 1, 1, [3, 3]), Act::Relu6), 2);
    world.x[5] = f32::NAN;
    let mut out = vec![0.0; 2 * world.chain.outputs()];
    world.chain.train(&world.x, &world.weights(), &mut out);
    assert!(out.iter().all(|value| value.is_nan()));
}
