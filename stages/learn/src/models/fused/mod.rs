//! The door to the CPU's own kernels: [`block()`], a residual block of convolutions, and [`layer()`], a transformer's block,
//! each one operation, forwards and backwards. Other devices get the same composed of Burn's operations.

mod block;
mod layer;
mod max_pool;

pub(super) use block::{Shortcut, Unit, block};
pub(super) use layer::{Parts, layer};
pub(super) use max_pool::max_pool;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, NodeGuard, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex};
use burn::tensor::{Tensor, TensorData};
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

/// A tensor of the CPU with autodiff.
type Tracked = FloatTensor<Autodiff<Flex>>;

fn tracked<const D: usize>(tensor: Tensor<D>) -> Option<Tracked> {
    tensor.try_into_primitive::<Autodiff<Flex>>().ok()
}

/// A tensor of the CPU that nothing is learnt through, with autodiff or without.
fn untracked<const D: usize>(tensor: Tensor<D>) -> Option<FlexTensor> {
    let plain = match tensor.clone().try_into_primitive::<Flex>() {
        Ok(plain) => plain,
        Err(_) => tracked(tensor).filter(|tensor| !tensor.is_tracked())?.into_primitive(),
    };
    Some(plain.to_contiguous())
}

/// A result on the device of `like`, which is the CPU, untracked.
fn beside<const D: usize>(like: &Tensor<D>, numbers: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
    let result = tensor(numbers, shape);
    match like.clone().try_into_primitive::<Flex>() {
        Ok(_) => Tensor::from_primitive::<Flex>(result),
        Err(_) => Tensor::from_primitive::<Autodiff<Flex>>(Tracked::new(result)),
    }
}

/// The numbers of a contiguous tensor.
fn numbers(tensor: &FlexTensor) -> &[f32] {
    let start = tensor.layout().start_offset();
    &tensor.storage::<f32>()[start..start + tensor.layout().num_elements()]
}

fn tensor<const D: usize>(numbers: Vec<f32>, shape: [usize; D]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(numbers, shape))
}

/// The tensors of an operation, its input first, and what holds their places in the graph.
fn taken(parents: Vec<Tracked>) -> (Vec<FlexTensor>, Vec<NodeGuard>) {
    parents.into_iter().map(|parent| (parent.primitive().to_contiguous(), parent.node())).unzip()
}

/// What an operation in training leaves for its way back.
trait Pass: Debug + Send {
    /// The gradients of the parameters, and into `dx` that of the input where it learns, from that of the output;
    /// `tensors` are the input and the parameters.
    fn back(self: Box<Self>, tensors: &[FlexTensor], gradient: &[f32], dx: Option<&mut [f32]>) -> Vec<Vec<f32>>;
}

/// A pass and its tensors.
type Left = (Box<dyn Pass>, Vec<FlexTensor>);

/// What is to be taken once; Burn wants states that can be cloned.
#[derive(Debug, Clone)]
struct Kept(Arc<Mutex<Option<Left>>>);

/// The way back of an operation of `N` tensors.
#[derive(Debug)]
struct Way<const N: usize>;

/// The output of an operation, with its place in the graph.
fn recorded<const D: usize>(
    guards: Vec<NodeGuard>,
    tensors: Vec<FlexTensor>,
    pass: impl Pass + 'static,
    out: FlexTensor,
) -> Tensor<D> {
    fn of<const N: usize>(guards: Vec<NodeGuard>, kept: Kept, out: FlexTensor) -> Tracked {
        let guards: [NodeGuard; N] = guards.try_into().expect("as many tensors as the operation has");
        match Way::<N>.prepare::<NoCheckpointing>(guards).compute_bound().stateful() {
            OpsKind::Tracked(ops) => ops.finish(kept, out),
            OpsKind::UnTracked(ops) => ops.finish(out),
        }
    }
    let kept = Kept(Arc::new(Mutex::new(Some((Box::new(pass), tensors)))));
    let out = match guards.len() {
        1 => of::<1>(guards, kept, out),
        4 => of::<4>(guards, kept, out),
        7 => of::<7>(guards, kept, out),
        10 => of::<10>(guards, kept, out),
        13 => of::<13>(guards, kept, out),
        15 => of::<15>(guards, kept, out),
        other => unreachable!("no operation has {other} tensors"),
    };
    Tensor::from_primitive::<Autodiff<Flex>>(out)
}

impl<const N: usize> Backward<Flex, N> for Way<N> {
    type State = Kept;

    fn backward(self, ops: Ops<Kept, N>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<Flex>(&ops.node).to_contiguous();
        let kept = ops.state.0.lock().expect("no other thread goes this way").take();
        let (pass, tensors) = kept.expect("a pass goes back once");
        let mut dx = ops.parents[0].as_ref().map(|_| vec![0.0; tensors[0].layout().num_elements()]);
        let found = pass.back(&tensors, numbers(&gradient), dx.as_deref_mut());
        let found = std::iter::once(dx).chain(found.into_iter().map(Some));
        for ((parent, tensor), found) in ops.parents.iter().zip(&tensors).zip(found) {
            if let (Some(parent), Some(found)) = (parent, found) {
                let gradient = FlexTensor::from_data(TensorData::new(found, tensor.layout().shape().clone()));
                grads.register::<Flex>(parent.id, gradient);
            }
        }
    }
}
