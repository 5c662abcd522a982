//! How long the blocks of a network take, forwards and backwards, and where the time goes:
//! `cargo bench -p plantpipe-kernels -- efficientnet_lite0 32` (or `resnet50 16`, `vit_small 16`; `-v`: block by block, `-u`: unit
//! by unit).

use plantpipe_kernels::Keep;
use plantpipe_kernels::pool::{self, Buffer};
use plantpipe_kernels::{Act, Affine, Chain, Conv, Input, Layer, LayerWeights, Reach, Shortcut, Trace, Unit, Weights};
use std::time::{Duration, Instant};

#[global_allocator]
static MEMORY: Keep = Keep;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let has = |flag: &str| words.iter().any(|word| word == flag);
    let verbose = has("-v") || has("-u");
    let mut plain = words.iter().filter(|word| !word.starts_with('-'));
    let name = plain.next().map_or("efficientnet_lite0", String::as_str);
    let count: usize = plain.next().map_or(32, |word| word.parse().expect("a number of photographs"));
    let chains = match name {
        "efficientnet_lite0" => efficientnet_lite0(),
        "resnet50" => resnet50(),
        "vit_small" => return vit_small(count),
        other => panic!("no network is called `{other}` here"),
    };
    let chains = if has("-u") { units(&chains) } else { chains };
    let worlds: Vec<World> = chains.iter().map(|chain| World::new(chain, count)).collect();
    let mut best = vec![[Duration::MAX; 2]; chains.len()];
    let mut steps = Vec::new();
    for _ in 0..5 {
        let start = Instant::now();
        let mut traces = Vec::new();
        for (best, world) in best.iter_mut().zip(&worlds) {
            let start = Instant::now();
            traces.push(world.forward());
            best[0] = best[0].min(start.elapsed());
        }
        for (number, (best, world)) in best.iter_mut().zip(&worlds).enumerate().rev() {
            let start = Instant::now();
            world.backward(traces.pop().expect("a trace each"), number > 0);
            best[1] = best[1].min(start.elapsed());
        }
        steps.push(start.elapsed());
    }
    let mut all = [0.0; 2];
    for (chain, best) in chains.iter().zip(&best) {
        let [forward, backward] = best.map(|took| took.as_secs_f64() * 1e3);
        all = [all[0] + forward, all[1] + backward];
        let products: usize = chain.all().map(|unit| unit.conv.weights() * unit.conv.outputs() / unit.conv.out).sum();
        let rate = |times: usize, took: f64| (2 * times * products * count) as f64 / took / 1e6;
        if verbose {
            let first = chain.units[0].conv;
            println!(
                "{:>3} units {:>4} channels {:>3} px kernel {} stride {} to {:>4}: {forward:7.1} ms ({:4.0} GFLOP/s) {backward:7.1} ms ({:4.0} GFLOP/s)",
                chain.all().count(),
                first.channels,
                first.height,
                first.kernel,
                first.stride,
                chain.units.last().expect("units").conv.out,
                rate(1, forward),
                rate(2, backward),
            );
        }
    }
    let step = steps.iter().min().expect("was timed").as_secs_f64();
    println!(
        "{name}, {count} photographs: forwards {:.0} ms, backwards {:.0} ms; best step {:.0} ms, {:.1} images/s",
        all[0],
        all[1],
        step * 1e3,
        count as f64 / step
    );
}

/// Every unit that there is, once.
fn units(chains: &[Chain]) -> Vec<Chain> {
    let mut found: Vec<Unit> = Vec::new();
    for unit in chains.iter().flat_map(Chain::all) {
        if found.iter().all(|known| known.conv != unit.conv) {
            found.push(*unit);
        }
    }
    let alone = |unit| Chain { units: vec![unit], shortcut: Shortcut::None, act: Act::None };
    found.into_iter().map(alone).collect()
}

/// Twelve blocks of a `ViT-S/16`.
fn vit_small(count: usize) {
    let layer = Layer { tokens: 197, width: 384, heads: 6, hidden: 1536, eps: 1e-6 };
    let values = |length: usize| {
        let mut buffer = pool::take(length);
        for (at, value) in buffer.iter_mut().enumerate() {
            *value = (at * 7919 % 1009) as f32 / 5040.0 - 0.1;
        }
        buffer
    };
    let (width, hidden) = (layer.width, layer.hidden);
    let lengths = [
        (width, width),
        (3 * width * width, 3 * width),
        (width * width, width),
        (hidden * width, hidden),
        (hidden * width, width),
    ];
    let of = lengths.map(|(weight, bias)| (values(weight), values(bias)));
    let affine = |at: usize| Affine { weight: &of[at].0, bias: &of[at].1 };
    let weights = LayerWeights {
        norm1: affine(0),
        qkv: affine(1),
        proj: affine(2),
        scale1: None,
        norm2: affine(0),
        fc1: affine(3),
        fc2: affine(4),
        scale2: None,
    };
    let x = values(count * layer.tokens * width);
    let (mut out, mut dx) = (values(x.len()), values(x.len()));
    let mut best = [Duration::MAX; 2];
    for _ in 0..5 {
        let start = Instant::now();
        let traces: Vec<_> = (0..12).map(|_| layer.forward(&x, &weights, &mut out)).collect();
        best[0] = best[0].min(start.elapsed());
        let start = Instant::now();
        for trace in traces {
            drop(layer.back(trace, &x, &weights, &out, &mut dx));
        }
        best[1] = best[1].min(start.elapsed());
    }
    let [forward, backward] = best.map(|took| took.as_secs_f64());
    let speed = count as f64 / (forward + backward);
    println!(
        "vit_small, {count} photographs: forwards {:.0} ms, backwards {:.0} ms, {speed:.1} images/s",
        forward * 1e3,
        backward * 1e3
    );
}

/// A block and all that it reads.
struct World<'a> {
    chain: &'a Chain,
    x: Buffer,
    parameters: Vec<[Buffer; 3]>,
    gradient: Buffer,
}

impl<'a> World<'a> {
    fn new(chain: &'a Chain, count: usize) -> Self {
        let values = |length: usize| {
            let mut buffer = pool::take(length);
            for (at, value) in buffer.iter_mut().enumerate() {
                *value = (at * 7919 % 1009) as f32 / 504.0 - 1.0;
            }
            buffer
        };
        let parameters = |unit: &Unit| [unit.conv.weights(), unit.conv.out, unit.conv.out].map(values);
        Self {
            chain,
            x: values(count * chain.inputs()),
            parameters: chain.all().map(parameters).collect(),
            gradient: values(count * chain.outputs()),
        }
    }

    fn weights(&self) -> Vec<Weights<'_>> {
        self.parameters.iter().map(|[conv, weight, bias]| Weights { conv, weight, bias }).collect()
    }

    fn forward(&self) -> (Buffer, Trace) {
        let mut out = pool::take(self.gradient.len());
        let (_, trace) = self.chain.train(&self.x, &self.weights(), &mut out);
        (out, trace)
    }

    fn backward(&self, (out, trace): (Buffer, Trace), learns: bool) {
        let mut dx = pool::take(self.x.len());
        let input = if learns { Input::Learns(&mut dx) } else { Input::Is };
        drop(self.chain.back(trace, &self.x, &self.weights(), &out, &self.gradient, input));
    }
}

fn conv(channels: usize, out: usize, kernel: usize, stride: usize, size: usize, reach: Reach) -> Conv {
    Conv { channels, out, kernel, stride, reach, height: size, width: size }
}

fn unit(conv: Conv, act: Act) -> Unit {
    Unit { conv, eps: 1e-5, act }
}

fn efficientnet_lite0() -> Vec<Chain> {
    let stages = [
        (1, 3, 1, 1, 16),
        (2, 3, 2, 6, 24),
        (2, 5, 2, 6, 40),
        (3, 3, 2, 6, 80),
        (3, 5, 1, 6, 112),
        (4, 5, 2, 6, 192),
        (1, 3, 1, 6, 320),
    ];
    let alone = |unit| Chain { units: vec![unit], shortcut: Shortcut::None, act: Act::None };
    let mut chains = vec![alone(unit(conv(3, 32, 3, 2, 224, Reach::Dense), Act::Relu6))];
    let (mut channels, mut size) = (32, 112);
    for (repeats, kernel, first, expansion, out) in stages {
        for repeat in 0..repeats {
            let stride = if repeat == 0 { first } else { 1 };
            let (wide, after) = (channels * expansion, size / stride);
            let mut units = Vec::new();
            if expansion > 1 {
                units.push(unit(conv(channels, wide, 1, 1, size, Reach::Dense), Act::Relu6));
            }
            units.push(unit(conv(wide, wide, kernel, stride, size, Reach::Depthwise), Act::Relu6));
            units.push(unit(conv(wide, out, 1, 1, after, Reach::Dense), Act::None));
            let shortcut = if stride == 1 && channels == out { Shortcut::Input } else { Shortcut::None };
            chains.push(Chain { units, shortcut, act: Act::None });
            (channels, size) = (out, after);
        }
    }
    chains.push(alone(unit(conv(320, 1280, 1, 1, 7, Reach::Dense), Act::Relu6)));
    chains
}

fn resnet50() -> Vec<Chain> {
    let stem = unit(conv(3, 64, 7, 2, 224, Reach::Dense), Act::Relu);
    let mut chains = vec![Chain { units: vec![stem], shortcut: Shortcut::None, act: Act::None }];
    let (mut channels, mut size) = (64, 56);
    for (layer, repeats) in [3, 4, 6, 3].into_iter().enumerate() {
        let width = 64 << layer;
        for repeat in 0..repeats {
            let stride = if repeat == 0 && layer > 0 { 2 } else { 1 };
            let after = size / stride;
            let units = vec![
                unit(conv(channels, width, 1, 1, size, Reach::Dense), Act::Relu),
                unit(conv(width, width, 3, stride, size, Reach::Dense), Act::Relu),
                unit(conv(width, 4 * width, 1, 1, after, Reach::Dense), Act::None),
            ];
            let shortcut = if repeat == 0 {
                Shortcut::Unit(unit(conv(channels, 4 * width, 1, stride, size, Reach::Dense), Act::None))
            } else {
                Shortcut::Input
            };
            chains.push(Chain { units, shortcut, act: Act::Relu });
            (channels, size) = (4 * width, after);
        }
    }
    chains
}
