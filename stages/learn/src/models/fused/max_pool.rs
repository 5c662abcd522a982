//! The pooling of `ResNet`'s stem: [`max_pool`].

use super::{Pass, beside, numbers, recorded, taken, tensor, tracked, untracked};
use burn::backend::DType;
use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;
use plantpipe_kernels::MaxPool;

/// The greatest of each 3 x 3 window: `[n, channels, h, w]` -> `[n, channels, h / 2, w / 2]`, rounded up.
pub(in crate::models) fn max_pool(x: Tensor<4>) -> Tensor<4> {
    fused(&x).unwrap_or_else(|| max_pool2d(x, MaxPoolOptions::new([3, 3]).with_stride([2, 2]).with_padding([1, 1])))
}

fn fused(x: &Tensor<4>) -> Option<Tensor<4>> {
    let [n, channels, height, width] = x.dims();
    if x.dtype() != DType::F32 {
        return None;
    }
    let pool = MaxPool { height, width };
    let shape = [n, channels, pool.out_height(), pool.out_width()];
    let mut out = vec![0.0; shape.iter().product()];
    if let Some(input) = untracked(x.clone()) {
        let _ = pool.forward(numbers(&input), &mut out);
        return Some(beside(x, out, shape));
    }
    let (tensors, guards) = taken(vec![tracked(x.clone())?]);
    let taps = pool.forward(numbers(&tensors[0]), &mut out);
    Some(recorded(guards, tensors, PoolPass { pool, taps }, tensor(out, shape)))
}

#[derive(Debug)]
struct PoolPass {
    pool: MaxPool,
    taps: Vec<u8>,
}

impl Pass for PoolPass {
    fn back(self: Box<Self>, _: &[FlexTensor], gradient: &[f32], dx: Option<&mut [f32]>) -> Vec<Vec<f32>> {
        if let Some(dx) = dx {
            self.pool.back(&self.taps, gradient, dx);
        }
        Vec::new()
    }
}
