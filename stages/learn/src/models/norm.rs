//! Batch normalisation as `PyTorch` does it: [`BatchNorm2d`], told by a [`Phase`] which statistics to use.
//!
//! Burn's own takes batch statistics on any autodiff device, keeps the biased running variance, and shares its state
//! between clones; here the state is two plain tensors.

use super::init::Init;
use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::module::batch_norm_train;
use plantpipe_kernels::Statistics;

/// Which statistics normalise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The batch's own; the running ones move towards them. A frozen norm (its weight requires no gradient) is in
    /// evaluation all the same.
    Train,
    /// The running ones, unchanged.
    Eval,
}

/// Weight of the newest batch in the running statistics.
const MOMENTUM: f64 = 0.1;

/// y = (x - mean) / sqrt(variance + eps) * weight + bias, a channel each.
#[derive(Module, Debug)]
pub(crate) struct BatchNorm2d {
    weight: Param<Tensor<1>>,
    bias: Param<Tensor<1>>,
    running_mean: Param<Tensor<1>>,
    /// Unbiased, as in `PyTorch`.
    running_var: Param<Tensor<1>>,
    #[module(skip)]
    eps: f64,
}

impl BatchNorm2d {
    /// The identity, before any batch.
    pub(crate) fn new(init: &Init, channels: usize, eps: f64) -> Self {
        Self {
            weight: init.constant(channels, 1.0),
            bias: init.constant(channels, 0.0),
            running_mean: init.buffer(channels, 0.0),
            running_var: init.buffer(channels, 1.0),
            eps,
        }
    }

    /// `[n, channels, h, w]`, same shape out.
    pub(crate) fn forward(&mut self, x: Tensor<4>, phase: Phase) -> Tensor<4> {
        match phase {
            Phase::Train if self.learns() => self.train(x),
            Phase::Train | Phase::Eval => self.eval(x),
        }
    }

    fn train(&mut self, x: Tensor<4>) -> Tensor<4> {
        let [n, _, h, w] = x.dims();
        let batch = batch_norm_train(x, self.weight.val(), self.bias.val(), self.eps);
        self.blend(batch.mean, batch.variance, n * h * w);
        batch.output
    }

    /// Moves the running statistics towards those of a batch with `count` values a channel.
    fn blend(&mut self, mean: Tensor<1>, variance: Tensor<1>, count: usize) {
        let count = count as f64;
        // A single value has no spread to correct.
        let unbiased = variance * (count / (count - 1.0).max(1.0));
        blend(&mut self.running_mean, mean);
        blend(&mut self.running_var, unbiased);
    }

    /// The same of what the kernels found.
    pub(super) fn follow(&mut self, batch: Statistics, count: usize) {
        let device = self.running_mean.val().device();
        let tensor = |values: Vec<f32>| Tensor::from_floats(values.as_slice(), &device);
        self.blend(tensor(batch.mean), tensor(batch.variance), count);
    }

    /// The running statistics.
    pub(super) fn running(&self) -> Statistics {
        let values = |of: &Param<Tensor<1>>| of.val().into_data().try_to_vec().expect("statistics are f32");
        Statistics { mean: values(&self.running_mean), variance: values(&self.running_var) }
    }

    /// Whether training is by the batch's statistics.
    pub(super) fn learns(&self) -> bool {
        self.weight.is_require_grad()
    }

    /// Weight and bias.
    pub(super) fn affine(&self) -> [Tensor<1>; 2] {
        [self.weight.val(), self.bias.val()]
    }

    pub(super) fn eps(&self) -> f64 {
        self.eps
    }

    fn eval(&self, x: Tensor<4>) -> Tensor<4> {
        // One scale and one shift a channel: two passes over x instead of four.
        let scale = self.weight.val() / (self.running_var.val() + self.eps).sqrt();
        let shift = self.bias.val() - self.running_mean.val() * scale.clone();
        let channels = scale.dims()[0];
        x * scale.reshape([1, channels, 1, 1]) + shift.reshape([1, channels, 1, 1])
    }
}

/// Moves a running statistic towards the batch's.
fn blend(running: &mut Param<Tensor<1>>, batch: Tensor<1>) {
    let value = running.val() * (1.0 - MOMENTUM) + batch.detach() * MOMENTUM;
    *running = Param::initialized(running.id, value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.into_data().try_to_vec().expect("floats")
    }

    fn close(left: &[f32], right: &[f32]) {
        let far = left.iter().zip(right).any(|(a, b)| (a - b).abs() > 1e-6);
        assert!(!far && left.len() == right.len(), "{left:?} is not {right:?}");
    }

    /// One channel, two samples of 1 x 2: values 1, 2, 3, 6; mean 3, biased variance 14 / 4 = 3.5, unbiased 14 / 3.
    fn batch(device: &Device) -> Tensor<4> {
        Tensor::from_floats([[[[1.0, 2.0]]], [[[3.0, 6.0]]]], device)
    }

    #[test]
    fn training_normalises_by_the_biased_variance_of_the_batch() {
        let device = Device::flex().autodiff();
        let mut norm = BatchNorm2d::new(&Init::new(0, &device), 1, 0.5);
        norm.weight = Param::from_tensor(Tensor::from_floats([2.0], &device));
        norm.bias = Param::from_tensor(Tensor::from_floats([1.0], &device));
        // sqrt(3.5 + 0.5) = 2, so y = (x - 3) / 2 * 2 + 1 = x - 2.
        close(&values(norm.forward(batch(&device), Phase::Train)), &[-1.0, 0.0, 1.0, 4.0]);
    }

    #[test]
    fn running_statistics_move_a_tenth_of_the_way_to_mean_and_unbiased_variance() {
        let device = Device::flex().autodiff();
        let mut norm = BatchNorm2d::new(&Init::new(0, &device), 1, 1e-5);
        norm.forward(batch(&device), Phase::Train);
        // 0.9 * 0 + 0.1 * 3 = 0.3; 0.9 * 1 + 0.1 * 14 / 3 = 1.366667.
        close(&values(norm.running_mean.val()), &[0.3]);
        close(&values(norm.running_var.val()), &[1.366_666_7]);
    }

    #[test]
    fn evaluation_uses_the_running_statistics_and_leaves_them_alone() {
        let device = Device::flex().autodiff();
        let mut norm = BatchNorm2d::new(&Init::new(0, &device), 1, 1.0);
        norm.running_mean = Param::from_tensor(Tensor::from_floats([2.0], &device)).set_require_grad(false);
        norm.running_var = Param::from_tensor(Tensor::from_floats([3.0], &device)).set_require_grad(false);
        // sqrt(3 + 1) = 2: y = (x - 2) / 2.
        close(&values(norm.forward(batch(&device), Phase::Eval)), &[-0.5, 0.0, 0.5, 2.0]);
        close(&values(norm.running_mean.val()), &[2.0]);
        close(&values(norm.running_var.val()), &[3.0]);
    }

    #[test]
    fn a_frozen_norm_evaluates_in_training_too() {
        let device = Device::flex().autodiff();
        let mut norm = BatchNorm2d::new(&Init::new(0, &device), 1, 1.0);
        norm.weight = norm.weight.set_require_grad(false);
        norm.running_var = Param::from_tensor(Tensor::from_floats([3.0], &device)).set_require_grad(false);
        close(&values(norm.forward(batch(&device), Phase::Train)), &[0.5, 1.0, 1.5, 3.0]);
        close(&values(norm.running_mean.val()), &[0.0]);
        close(&values(norm.running_var.val()), &[3.0]);
    }

    #[test]
    fn a_kept_copy_does_not_follow_later_training() {
        let device = Device::flex().autodiff();
        let mut norm = BatchNorm2d::new(&Init::new(0, &device), 1, 1e-5);
        let kept = norm.clone();
        norm.forward(batch(&device), Phase::Train);
        close(&values(kept.running_mean.val()), &[0.0]);
    }
}
