//! A residual block of convolutions: [`block`].

use super::{Pass, beside, numbers, recorded, taken, tensor, tracked, untracked};
use crate::models::layers::{Conv2d, relu6};
use crate::models::norm::{BatchNorm2d, Phase};
use burn::backend::DType;
use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use plantpipe_kernels::{Act, Chain, Input, Statistics, Trace, Weights};

/// A convolution, its norm, and what follows.
pub(in crate::models) struct Unit<'a> {
    pub(in crate::models) conv: &'a Conv2d,
    pub(in crate::models) norm: &'a mut BatchNorm2d,
    pub(in crate::models) act: Act,
}

/// What is added after the last unit, which then has no bounds of its own.
pub(in crate::models) enum Shortcut<'a> {
    None,
    /// The block's input.
    Input,
    /// Another unit of it.
    Unit(Unit<'a>),
}

/// `[n, channels, h, w]` through the units one after the other, plus the shortcut, within the bounds of `act`.
pub(in crate::models) fn block<'a>(
    x: Tensor<4>,
    mut units: Vec<Unit<'a>>,
    mut shortcut: Shortcut<'a>,
    act: Act,
    phase: Phase,
) -> Tensor<4> {
    let chain = chain(&x, &units, &shortcut, act);
    let beside = match &mut shortcut {
        Shortcut::Unit(unit) => Some(unit),
        Shortcut::None | Shortcut::Input => None,
    };
    let mut all: Vec<&mut Unit<'a>> = units.iter_mut().chain(beside).collect();
    let learns = |unit: &&mut Unit<'a>| phase == Phase::Train && unit.norm.learns();
    let fused = if x.dtype() != DType::F32 {
        None
    } else if all.iter().all(learns) {
        train(&chain, &x, &mut all)
    } else if all.iter().any(learns) {
        None
    } else {
        evaluate(&chain, &x, &all)
    };
    fused.unwrap_or_else(|| plain(x, units, shortcut, act, phase))
}

impl Unit<'_> {
    fn plain(self, x: Tensor<4>, phase: Phase) -> Tensor<4> {
        bounded(self.norm.forward(self.conv.forward(x), phase), self.act)
    }

    /// The weights of convolution and norm.
    fn weights(&self) -> (Tensor<4>, [Tensor<1>; 2]) {
        (self.conv.weight(), self.norm.affine())
    }

    /// As the kernels know it, for planes of a size.
    fn shape(&self, height: usize, width: usize) -> plantpipe_kernels::Unit {
        plantpipe_kernels::Unit { conv: self.conv.shape(height, width), eps: self.norm.eps(), act: self.act }
    }
}

fn bounded(x: Tensor<4>, act: Act) -> Tensor<4> {
    match act {
        Act::None => x,
        Act::Relu => relu(x),
        Act::Relu6 => relu6(x),
    }
}

/// The block composed of Burn's operations.
fn plain(x: Tensor<4>, units: Vec<Unit>, shortcut: Shortcut, act: Act, phase: Phase) -> Tensor<4> {
    let beside = match shortcut {
        Shortcut::None => None,
        Shortcut::Input => Some(x.clone()),
        Shortcut::Unit(unit) => Some(unit.plain(x.clone(), phase)),
    };
    let x = units.into_iter().fold(x, |x, unit| unit.plain(x, phase));
    let x = match beside {
        Some(beside) => x + beside,
        None => x,
    };
    bounded(x, act)
}

/// The block as the kernels know it.
fn chain(x: &Tensor<4>, units: &[Unit], shortcut: &Shortcut, act: Act) -> Chain {
    let [_, _, mut height, mut width] = x.dims();
    let shortcut = match shortcut {
        Shortcut::None => plantpipe_kernels::Shortcut::None,
        Shortcut::Input => plantpipe_kernels::Shortcut::Input,
        Shortcut::Unit(unit) => plantpipe_kernels::Shortcut::Unit(unit.shape(height, width)),
    };
    let mut chained = Vec::new();
    for unit in units {
        let unit = unit.shape(height, width);
        (height, width) = (unit.conv.out_height(), unit.conv.out_width());
        chained.push(unit);
    }
    Chain { units: chained, shortcut, act }
}

/// Three tensors a unit, as the kernels take them.
fn weights(tensors: &[FlexTensor]) -> Vec<Weights<'_>> {
    let each = tensors.chunks_exact(3).map(|of| [0, 1, 2].map(|at| numbers(&of[at])));
    each.map(|[conv, weight, bias]| Weights { conv, weight, bias }).collect()
}

/// `[n, out, h, w]`.
fn shape(chain: &Chain, x: &Tensor<4>) -> [usize; 4] {
    let last = chain.units.last().expect("a block has units").conv;
    [x.dims()[0], last.out, last.out_height(), last.out_width()]
}

/// By the running statistics, where nothing learns; none where something does, or the device is another.
fn evaluate(chain: &Chain, x: &Tensor<4>, units: &[&mut Unit]) -> Option<Tensor<4>> {
    let input = untracked(x.clone())?;
    let mut tensors = Vec::new();
    for unit in units {
        let (conv, [weight, bias]) = unit.weights();
        tensors.extend([untracked(conv)?, untracked(weight)?, untracked(bias)?]);
    }
    let statistics: Vec<Statistics> = units.iter().map(|unit| unit.norm.running()).collect();
    let shape = shape(chain, x);
    let mut out = vec![0.0; shape.iter().product()];
    chain.evaluate(numbers(&input), &weights(&tensors), &statistics, &mut out);
    Some(beside(x, out, shape))
}

/// By the batch's statistics, which the running ones follow; none where there is no autodiff on the CPU.
fn train(chain: &Chain, x: &Tensor<4>, units: &mut [&mut Unit]) -> Option<Tensor<4>> {
    let mut parents = vec![tracked(x.clone())?];
    for unit in units.iter() {
        let (conv, [weight, bias]) = unit.weights();
        parents.extend([tracked(conv)?, tracked(weight)?, tracked(bias)?]);
    }
    let (tensors, guards) = taken(parents);
    let shape = shape(chain, x);
    let mut out = vec![0.0; shape.iter().product()];
    let (statistics, trace) = chain.train(numbers(&tensors[0]), &weights(&tensors[1..]), &mut out);
    for ((unit, of), one) in units.iter_mut().zip(statistics).zip(chain.all()) {
        unit.norm.follow(of, shape[0] * one.conv.out_height() * one.conv.out_width());
    }
    let out = tensor(out, shape);
    let pass = BlockPass { chain: chain.clone(), trace, out: out.clone() };
    Some(recorded(guards, tensors, pass, out))
}

#[derive(Debug)]
struct BlockPass {
    chain: Chain,
    trace: Trace,
    out: FlexTensor,
}

impl Pass for BlockPass {
    fn back(self: Box<Self>, tensors: &[FlexTensor], gradient: &[f32], dx: Option<&mut [f32]>) -> Vec<Vec<f32>> {
        let Self { chain, trace, out } = *self;
        let input = dx.map_or(Input::Is, Input::Learns);
        let weights = weights(&tensors[1..]);
        let found = chain.back(trace, numbers(&tensors[0]), &weights, numbers(&out), gradient, input);
        found.into_iter().flat_map(|of| [of.conv.into_vec(), of.weight, of.bias]).collect()
    }
}
