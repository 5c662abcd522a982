//! A transformer's block: [`layer`].

use super::{Pass, beside, numbers, recorded, taken, tensor, tracked, untracked};
use burn::backend::DType;
use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;
use plantpipe_kernels::{Affine, Layer, LayerTrace, LayerWeights};

/// The parameters of a block.
pub(in crate::models) struct Parts {
    /// Weight and bias of `norm1`, `norm2`.
    pub(in crate::models) norms: [[Tensor<1>; 2]; 2],
    /// Weight `[out, in]` and bias of `qkv`, `proj`, `fc1`, `fc2`.
    pub(in crate::models) linear: [(Tensor<2>, Tensor<1>); 4],
    /// Of the two branches.
    pub(in crate::models) scales: Option<[Tensor<1>; 2]>,
    pub(in crate::models) heads: usize,
    pub(in crate::models) eps: f64,
}

/// `[n, tokens, width]`, same shape out; none where the device is not the CPU.
pub(in crate::models) fn layer(x: &Tensor<3>, parts: &Parts) -> Option<Tensor<3>> {
    let [_, tokens, width] = x.dims();
    let hidden = parts.linear[2].1.dims()[0];
    let layer = Layer { tokens, width, heads: parts.heads, hidden, eps: parts.eps };
    if x.dtype() != DType::F32 {
        return None;
    }
    if let Some(input) = untracked(x.clone())
        && let Some(tensors) = all(parts, untracked, untracked)
    {
        let mut out = vec![0.0; input.layout().num_elements()];
        layer.evaluate(numbers(&input), &weights(&tensors), &mut out);
        return Some(beside(x, out, x.dims()));
    }
    let mut parents = vec![tracked(x.clone())?];
    parents.extend(all(parts, tracked, tracked)?);
    let (tensors, guards) = taken(parents);
    let mut out = vec![0.0; tensors[0].layout().num_elements()];
    let trace = layer.forward(numbers(&tensors[0]), &weights(&tensors[1..]), &mut out);
    Some(recorded(guards, tensors, LayerPass { layer, trace }, tensor(out, x.dims())))
}

/// All parameters in the order of [`weights`].
fn all<T>(
    parts: &Parts,
    vector: impl Fn(Tensor<1>) -> Option<T>,
    matrix: impl Fn(Tensor<2>) -> Option<T>,
) -> Option<Vec<T>> {
    let norms = parts.norms.iter().flatten().cloned().map(&vector);
    let linear = parts.linear.iter().cloned().flat_map(|(weight, bias)| [matrix(weight), vector(bias)]);
    let scales = parts.scales.iter().flatten().cloned().map(&vector);
    norms.chain(linear).chain(scales).collect()
}

/// As the kernels take them.
fn weights(tensors: &[FlexTensor]) -> LayerWeights<'_> {
    let affine = |at: usize| Affine { weight: numbers(&tensors[at]), bias: numbers(&tensors[at + 1]) };
    LayerWeights {
        norm1: affine(0),
        norm2: affine(2),
        qkv: affine(4),
        proj: affine(6),
        fc1: affine(8),
        fc2: affine(10),
        scale1: tensors.get(12).map(numbers),
        scale2: tensors.get(13).map(numbers),
    }
}

#[derive(Debug)]
struct LayerPass {
    layer: Layer,
    trace: LayerTrace,
}

impl Pass for LayerPass {
    fn back(self: Box<Self>, tensors: &[FlexTensor], gradient: &[f32], dx: Option<&mut [f32]>) -> Vec<Vec<f32>> {
        let mut unasked = Vec::new();
        let dx = dx.unwrap_or_else(|| {
            unasked.resize(gradient.len(), 0.0);
            &mut unasked
        });
        let weights = weights(&tensors[1..]);
        let found = self.layer.back(self.trace, numbers(&tensors[0]), &weights, gradient, dx);
        let affine = [found.norm1, found.norm2, found.qkv, found.proj, found.fc1, found.fc2];
        let scales = found.scale1.into_iter().chain(found.scale2);
        affine.into_iter().flat_map(|of| [of.weight, of.bias]).chain(scales).collect()
    }
}
