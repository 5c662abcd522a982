//! The door to the CPU's own kernels: [`block`], a residual block as one operation, forwards and backwards. Other devices
//! get the same composed of Burn's operations.

use super::layers::{Conv2d, relu6};
use super::norm::{BatchNorm2d, Phase};
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, NodeGuard, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, DType, Flex};
use burn::tensor::activation::relu;
use burn::tensor::{Tensor, TensorData};
use plantpipe_kernels::{Act, Chain, Input, Statistics, Trace, Weights};
use std::sync::{Arc, Mutex};

/// A convolution, its norm, and what follows.
pub(super) struct Unit<'a> {
    pub(super) conv: &'a Conv2d,
    pub(super) norm: &'a mut BatchNorm2d,
    pub(super) act: Act,
}

/// What is added after the last unit, which then has no bounds of its own.
pub(super) enum Shortcut<'a> {
    None,
    /// The block's input.
    Input,
    /// Another unit of it.
    Unit(Unit<'a>),
}

/// `[n, channels, h, w]` through the units one after the other, plus the shortcut, within the bounds of `act`.
pub(super) fn block<'a>(
    x: Tensor<4>,
    mut units: Vec<Unit<'a>>,
    mut shortcut: Shortcut<'a>,
    act: Act,
    phase: Phase,
) -> Tensor<4> {
    let Some(chain) = chain(&x, &units, &shortcut, act) else {
        return plain(x, units, shortcut, act, phase);
    };
    let beside = match &mut shortcut {
        Shortcut::Unit(unit) => Some(unit),
        Shortcut::None | Shortcut::Input => None,
    };
    let mut all: Vec<&mut Unit<'a>> = units.iter_mut().chain(beside).collect();
    let learns = |unit: &&mut Unit<'a>| phase == Phase::Train && unit.norm.learns();
    let fused = if all.iter().all(learns) {
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

/// The block as the kernels know it, if its numbers are theirs.
fn chain(x: &Tensor<4>, units: &[Unit], shortcut: &Shortcut, act: Act) -> Option<Chain> {
    let [_, _, mut height, mut width] = x.dims();
    let unit = |unit: &Unit, height, width| plantpipe_kernels::Unit {
        conv: unit.conv.shape(height, width),
        eps: unit.norm.eps(),
        act: unit.act,
    };
    let shortcut = match shortcut {
        Shortcut::None => plantpipe_kernels::Shortcut::None,
        Shortcut::Input => plantpipe_kernels::Shortcut::Input,
        Shortcut::Unit(beside) => plantpipe_kernels::Shortcut::Unit(unit(beside, height, width)),
    };
    let mut chained = Vec::new();
    for one in units {
        let one = unit(one, height, width);
        (height, width) = (one.conv.out_height(), one.conv.out_width());
        chained.push(one);
    }
    (x.dtype() == DType::F32).then_some(Chain { units: chained, shortcut, act })
}

/// A tensor of the CPU with autodiff.
type Tracked = FloatTensor<Autodiff<Flex>>;

fn tracked<const D: usize>(tensor: Tensor<D>) -> Option<Tracked> {
    tensor.try_into_primitive::<Autodiff<Flex>>().ok()
}

/// The numbers of a contiguous tensor.
fn numbers(tensor: &FlexTensor) -> &[f32] {
    let start = tensor.layout().start_offset();
    &tensor.storage::<f32>()[start..start + tensor.layout().num_elements()]
}

fn tensor<const D: usize>(numbers: Vec<f32>, shape: [usize; D]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(numbers, shape))
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
    fn untracked<const D: usize>(tensor: Tensor<D>) -> Option<FlexTensor> {
        match tensor.clone().try_into_primitive::<Flex>() {
            Ok(plain) => Some(plain),
            Err(_) => tracked(tensor).filter(|tensor| !tensor.is_tracked()).map(Tracked::into_primitive),
        }
    }
    let input = untracked(x.clone())?.to_contiguous();
    let mut tensors = Vec::new();
    for unit in units {
        let (conv, [weight, bias]) = unit.weights();
        tensors.extend([untracked(conv)?, untracked(weight)?, untracked(bias)?].map(|tensor| tensor.to_contiguous()));
    }
    let statistics: Vec<Statistics> = units.iter().map(|unit| unit.norm.running()).collect();
    let shape = shape(chain, x);
    let mut out = vec![0.0; shape.iter().product()];
    chain.evaluate(numbers(&input), &weights(&tensors), &statistics, &mut out);
    let out = tensor(out, shape);
    Some(match x.clone().try_into_primitive::<Flex>() {
        Ok(_) => Tensor::from_primitive::<Flex>(out),
        Err(_) => Tensor::from_primitive::<Autodiff<Flex>>(Tracked::new(out)),
    })
}

/// By the batch's statistics, which the running ones follow; none where there is no autodiff on the CPU.
fn train(chain: &Chain, x: &Tensor<4>, units: &mut [&mut Unit]) -> Option<Tensor<4>> {
    let mut parents = vec![tracked(x.clone())?];
    for unit in units.iter() {
        let (conv, [weight, bias]) = unit.weights();
        parents.extend([tracked(conv)?, tracked(weight)?, tracked(bias)?]);
    }
    let (tensors, guards): (Vec<FlexTensor>, Vec<NodeGuard>) = parents.into_iter().map(Tracked::into_parts).unzip();
    let mut tensors: Vec<FlexTensor> = tensors.into_iter().map(|tensor| tensor.to_contiguous()).collect();
    let parameters = tensors.split_off(1);
    let input = tensors.pop().expect("the input is the first");
    let shape = shape(chain, x);
    let mut out = vec![0.0; shape.iter().product()];
    let (statistics, trace) = chain.train(numbers(&input), &weights(&parameters), &mut out);
    for ((unit, of), one) in units.iter_mut().zip(statistics).zip(chain.all()) {
        unit.norm.follow(of, shape[0] * one.conv.out_height() * one.conv.out_width());
    }
    let out = tensor(out, shape);
    let pass = Pass { chain: chain.clone(), trace, input, parameters, out: out.clone() };
    let out = match guards.len() {
        4 => registered::<4>(guards, pass, out),
        7 => registered::<7>(guards, pass, out),
        10 => registered::<10>(guards, pass, out),
        13 => registered::<13>(guards, pass, out),
        other => unreachable!("no block has {other} tensors"),
    };
    Some(Tensor::from_primitive::<Autodiff<Flex>>(out))
}

/// What a pass in training leaves for the way back.
#[derive(Debug)]
struct Pass {
    chain: Chain,
    trace: Trace,
    input: FlexTensor,
    parameters: Vec<FlexTensor>,
    out: FlexTensor,
}

/// A pass that is taken once; Burn wants states that can be cloned.
#[derive(Debug, Clone)]
struct Kept(Arc<Mutex<Option<Pass>>>);

/// The way back of a block with `N` tensors: the input, then three of each unit.
#[derive(Debug)]
struct Block<const N: usize>;

fn registered<const N: usize>(guards: Vec<NodeGuard>, pass: Pass, out: FlexTensor) -> Tracked {
    let guards: [NodeGuard; N] = guards.try_into().expect("as many tensors as the block has");
    match Block::<N>.prepare::<NoCheckpointing>(guards).compute_bound().stateful() {
        OpsKind::Tracked(ops) => ops.finish(Kept(Arc::new(Mutex::new(Some(pass)))), out),
        OpsKind::UnTracked(ops) => ops.finish(out),
    }
}

impl<const N: usize> Backward<Flex, N> for Block<N> {
    type State = Kept;

    fn backward(self, ops: Ops<Kept, N>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<Flex>(&ops.node).to_contiguous();
        let pass = ops.state.0.lock().expect("no other thread goes this way").take();
        let Pass { chain, trace, input, parameters, out } = pass.expect("a pass goes back once");
        let mut dx = ops.parents[0].as_ref().map(|_| vec![0.0; input.layout().num_elements()]);
        let to = dx.as_deref_mut().map_or(Input::Is, Input::Learns);
        let found = chain.back(trace, numbers(&input), &weights(&parameters), numbers(&out), numbers(&gradient), to);
        let found = found.into_iter().flat_map(|of| [of.conv.into_vec(), of.weight, of.bias]).map(Some);
        let tensors = std::iter::once(&input).chain(&parameters);
        for ((parent, tensor), found) in ops.parents.iter().zip(tensors).zip(std::iter::once(dx).chain(found)) {
            if let (Some(parent), Some(found)) = (parent, found) {
                let gradient = FlexTensor::from_data(TensorData::new(found, tensor.layout().shape().clone()));
                grads.register::<Flex>(parent.id, gradient);
            }
        }
    }
}
