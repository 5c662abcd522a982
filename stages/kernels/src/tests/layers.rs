//! A transformer's block: outputs, and every gradient by differences.

use super::{close, numbers};
use crate::{Affine, Layer, LayerWeights};

/// All that a block is given.
#[derive(Clone)]
struct World {
    layer: Layer,
    x: Vec<f32>,
    /// In the order of [`LayerWeights`]; the two scales last.
    parameters: Vec<Vec<f32>>,
    scaled: bool,
}

impl World {
    fn new(layer: Layer, count: usize, scaled: bool) -> Self {
        let Layer { width, hidden, .. } = layer;
        let lengths = [
            width,
            width,
            3 * width * width,
            3 * width,
            width * width,
            width,
            width,
            width,
            hidden * width,
            hidden,
            width * hidden,
            width,
            width,
            width,
        ];
        let parameter = |(at, length): (usize, usize)| {
            // Norms' weights and scales about 1, all else about 0 and small enough for a soft attention.
            let (level, reach) = if [0, 6, 12, 13].contains(&at) { (1.0, 0.3) } else { (0.0, 0.6) };
            numbers(at as u64 + 10, length).into_iter().map(|x| level + reach * x).collect()
        };
        let parameters = lengths.into_iter().enumerate().map(parameter).collect();
        Self { layer, x: numbers(1, count * layer.tokens * width), parameters, scaled }
    }

    fn weights(&self) -> LayerWeights<'_> {
        let p = &self.parameters;
        let affine = |at: usize| Affine { weight: &p[at], bias: &p[at + 1] };
        LayerWeights {
            norm1: affine(0),
            qkv: affine(2),
            proj: affine(4),
            scale1: self.scaled.then_some(&p[12]),
            norm2: affine(6),
            fc1: affine(8),
            fc2: affine(10),
            scale2: self.scaled.then_some(&p[13]),
        }
    }

    /// The plain composition.
    fn plain(&self) -> Vec<f64> {
        let Layer { tokens, width, heads, .. } = self.layer;
        let p: Vec<Vec<f64>> = self.parameters.iter().map(|of| of.iter().map(|x| f64::from(*x)).collect()).collect();
        let scale = |at: usize, channel: usize| if self.scaled { p[at][channel] } else { 1.0 };
        let mut all = Vec::new();
        for photo in self.x.chunks_exact(tokens * width) {
            let x: Vec<Vec<f64>> =
                photo.chunks_exact(width).map(|token| token.iter().map(|x| f64::from(*x)).collect()).collect();
            let norm = |x: &[f64], at: usize| {
                let mean = x.iter().sum::<f64>() / width as f64;
                let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / width as f64;
                let normed =
                    |(c, x): (usize, &f64)| (x - mean) / (variance + self.layer.eps).sqrt() * p[at][c] + p[at + 1][c];
                x.iter().enumerate().map(normed).collect::<Vec<f64>>()
            };
            let affine = |x: &[f64], at: usize| {
                let row = |(out, bias): (usize, &f64)| {
                    bias + x.iter().zip(&p[at][out * x.len()..]).map(|(x, w)| x * w).sum::<f64>()
                };
                p[at + 1].iter().enumerate().map(row).collect::<Vec<f64>>()
            };
            let qkv: Vec<Vec<f64>> = x.iter().map(|token| affine(&norm(token, 0), 2)).collect();
            let depth = width / heads;
            for (token, x) in x.iter().enumerate() {
                let mut mixed = Vec::new();
                for head in 0..heads {
                    let at = head * depth;
                    let score = |other: &Vec<f64>| {
                        let dot: f64 = (0..depth).map(|c| qkv[token][at + c] * other[width + at + c]).sum();
                        (dot / (depth as f64).sqrt()).exp()
                    };
                    let scores: Vec<f64> = qkv.iter().map(score).collect();
                    let sum: f64 = scores.iter().sum();
                    let value = |c: usize| {
                        scores.iter().zip(&qkv).map(|(score, of)| score / sum * of[2 * width + at + c]).sum::<f64>()
                    };
                    mixed.extend((0..depth).map(value));
                }
                let branch = affine(&mixed, 4);
                let x: Vec<f64> = (0..width).map(|c| x[c] + scale(12, c) * branch[c]).collect();
                let hidden: Vec<f64> = affine(&norm(&x, 6), 8).into_iter().map(|x| x * below(x)).collect();
                let branch = affine(&hidden, 10);
                all.extend((0..width).map(|c| x[c] + scale(13, c) * branch[c]));
            }
        }
        all
    }

    fn loss(&self, gradient: &[f32]) -> f64 {
        self.plain().iter().zip(gradient).map(|(out, gradient)| out * f64::from(*gradient)).sum()
    }
}

/// The share of a normal distribution below x, by Simpson's rule.
fn below(x: f64) -> f64 {
    let cuts = 60;
    let density = |x: f64| (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt();
    let at = |cut: i32| density(x * f64::from(cut) / f64::from(cuts));
    let sum: f64 = (0..cuts).step_by(2).map(|cut| at(cut) + 4.0 * at(cut + 1) + at(cut + 2)).sum();
    0.5 + sum * x / f64::from(cuts) / 3.0
}

fn small() -> Layer {
    Layer { tokens: 7, width: 18, heads: 3, hidden: 21, eps: 1e-3 }
}

#[test]
fn a_block_gives_what_the_plain_composition_gives() {
    for scaled in [false, true] {
        let world = World::new(small(), 5, scaled);
        let mut out = vec![f32::NAN; world.x.len()];
        world.layer.forward(&world.x, &world.weights(), &mut out);
        close("output", &out, &world.plain(), 2e-6);
    }
}

#[test]
fn every_gradient_is_that_of_differences() {
    for scaled in [false, true] {
        let world = World::new(small(), 5, scaled);
        let mut out = vec![f32::NAN; world.x.len()];
        let trace = world.layer.forward(&world.x, &world.weights(), &mut out);
        let gradient = numbers(99, out.len());
        let mut dx = vec![f32::NAN; out.len()];
        let found = world.layer.back(trace, &world.x, &world.weights(), &gradient, &mut dx);
        check("x", &dx, &world, &gradient, |world| &mut world.x);
        let affine = [&found.norm1, &found.qkv, &found.proj, &found.norm2, &found.fc1, &found.fc2];
        let mut tensors: Vec<&[f32]> =
            affine.iter().flat_map(|of| [of.weight.as_slice(), of.bias.as_slice()]).collect();
        tensors.extend(found.scale1.as_deref().into_iter().chain(found.scale2.as_deref()));
        assert_eq!(tensors.len(), if scaled { 14 } else { 12 });
        for (at, ours) in tensors.into_iter().enumerate() {
            check(&format!("parameter {at}"), ours, &world, &gradient, |world| &mut world.parameters[at]);
        }
    }
}

fn check(what: &str, ours: &[f32], world: &World, gradient: &[f32], tensor: impl Fn(&mut World) -> &mut Vec<f32>) {
    let greatest = ours.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    for step in 0..8 {
        let at = step * 7919 % ours.len();
        let moved = |by: f32| {
            let mut world = world.clone();
            let number = &mut tensor(&mut world)[at];
            *number += by;
            let number = f64::from(*number);
            (world.loss(gradient), number)
        };
        let step = 1.0 / 4096.0;
        let ((up, right), (down, left)) = (moved(step), moved(-step));
        let slope = (up - down) / (right - left);
        let far = (f64::from(ours[at]) - slope).abs();
        assert!(far < 2e-5 * f64::from(greatest) + 2e-5, "{what} {at}: {} is not {slope} of {greatest}", ours[at]);
    }
}

#[test]
fn any_number_of_threads_gives_a_block_the_same_bits() {
    let world = World::new(Layer { tokens: 37, width: 30, heads: 5, hidden: 50, eps: 1e-6 }, 11, true);
    let bits = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| {
            let mut out = vec![0.0; world.x.len()];
            let trace = world.layer.forward(&world.x, &world.weights(), &mut out);
            let mut dx = vec![0.0; out.len()];
            let found = world.layer.back(trace, &world.x, &world.weights(), &numbers(99, out.len()), &mut dx);
            let affine = [found.norm1, found.qkv, found.proj, found.norm2, found.fc1, found.fc2];
            let all = affine.into_iter().flat_map(|of| [of.weight, of.bias]).chain([out, dx]);
            all.chain(found.scale1).chain(found.scale2).flatten().map(f32::to_bits).collect::<Vec<_>>()
        })
    };
    let one = bits(1);
    for threads in [2, 4, 4] {
        assert!(bits(threads) == one, "{threads} threads");
    }
}

#[test]
fn no_photograph_of_a_block_depends_on_the_others() {
    let world = World::new(small(), 5, false);
    let forward = |x: &[f32]| {
        let mut out = vec![0.0; x.len()];
        world.layer.forward(x, &world.weights(), &mut out);
        out.into_iter().map(f32::to_bits).collect::<Vec<_>>()
    };
    let each = world.x.len() / 5;
    let all = forward(&world.x);
    let mut evaluated = vec![0.0; world.x.len()];
    world.layer.evaluate(&world.x, &world.weights(), &mut evaluated);
    assert!(evaluated.into_iter().map(f32::to_bits).eq(all.iter().copied()), "with nothing kept");
    for (photo, x) in world.x.chunks_exact(each).enumerate() {
        assert!(forward(x) == all[photo * each..(photo + 1) * each], "photograph {photo}");
    }
}
