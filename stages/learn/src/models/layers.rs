//! The plain layers, with `PyTorch`'s names and layouts: [`Conv2d`], [`Linear`] and [`LayerNorm`]; and [`relu6`].

use super::init::Init;
use super::norm::Phase;
use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use burn::tensor::module::{conv2d, layer_norm, linear};
use burn::tensor::ops::ConvOptions;
use plantpipe_kernels::Reach;

/// A square convolution without bias, padded symmetrically by `kernel / 2`.
#[derive(Module, Debug)]
pub(crate) struct Conv2d {
    /// `[out, in / groups, kernel, kernel]`.
    weight: Param<Tensor<4>>,
    #[module(skip)]
    stride: usize,
    #[module(skip)]
    groups: usize,
}

impl Conv2d {
    /// Weights drawn from N(0, 2 / `fan_out`), as torchvision and timm draw them.
    pub(crate) fn new(init: &mut Init, [channels, out]: [usize; 2], kernel: usize, stride: usize) -> Self {
        Self::grouped(init, [channels, out], kernel, stride, 1)
    }

    /// One filter a channel.
    pub(crate) fn depthwise(init: &mut Init, channels: usize, kernel: usize, stride: usize) -> Self {
        Self::grouped(init, [channels, channels], kernel, stride, channels)
    }

    fn grouped(init: &mut Init, [channels, out]: [usize; 2], kernel: usize, stride: usize, groups: usize) -> Self {
        let fan_out = (out * kernel * kernel / groups) as f64;
        let weight = init.normal([out, channels / groups, kernel, kernel], (2.0 / fan_out).sqrt());
        Self { weight, stride, groups }
    }

    /// `[out, in / groups, kernel, kernel]`.
    pub(super) fn weight(&self) -> Tensor<4> {
        self.weight.val()
    }

    /// What it does to planes of a size, as the kernels know it.
    pub(super) fn shape(&self, height: usize, width: usize) -> plantpipe_kernels::Conv {
        let [out, channels, kernel, _] = self.weight.dims();
        let reach = if self.groups == 1 { Reach::Dense } else { Reach::Depthwise };
        plantpipe_kernels::Conv {
            channels: channels * self.groups,
            out,
            kernel,
            stride: self.stride,
            reach,
            height,
            width,
        }
    }

    /// `[n, in, h, w]` -> `[n, out, h / stride, w / stride]`, rounded up.
    pub(crate) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let weight = self.weight.val();
        if weight.dims()[2] == 1 && self.stride == 1 && self.groups == 1 {
            return pointwise(x, weight);
        }
        let pad = weight.dims()[2] / 2;
        conv2d(x, weight, None, ConvOptions::new([self.stride; 2], [pad; 2], [1, 1], self.groups))
    }
}

/// A 1x1 convolution as a matrix product a photograph: its backward is two products, not a convolution's.
fn pointwise(x: Tensor<4>, weight: Tensor<4>) -> Tensor<4> {
    let [n, channels, h, w] = x.dims();
    let out = weight.dims()[0];
    let weight = weight.reshape([1, out, channels]);
    weight.matmul(x.reshape([n, channels, h * w])).reshape([n, out, h, w])
}

/// A fully connected layer.
#[derive(Module, Debug)]
pub(crate) struct Linear {
    /// `[out, in]`.
    weight: Param<Tensor<2>>,
    /// `[out]`.
    bias: Param<Tensor<1>>,
}

impl Linear {
    /// Weights and bias drawn from U(-1 / sqrt(in), 1 / sqrt(in)), `PyTorch`'s default.
    pub(crate) fn new(init: &mut Init, inputs: usize, outputs: usize) -> Self {
        let bound = 1.0 / (inputs as f64).sqrt();
        Self { weight: init.uniform([outputs, inputs], bound), bias: init.uniform([outputs], bound) }
    }

    /// Weights drawn from N(0, 0.02^2), no bias: how timm begins a transformer.
    pub(crate) fn normal(init: &mut Init, inputs: usize, outputs: usize) -> Self {
        Self { weight: init.normal([outputs, inputs], 0.02), bias: init.constant(outputs, 0.0) }
    }

    pub(crate) fn inputs(&self) -> usize {
        self.weight.dims()[1]
    }

    /// Weight `[out, in]` and bias `[out]`.
    pub(super) fn parameters(&self) -> (Tensor<2>, Tensor<1>) {
        (self.weight.val(), self.bias.val())
    }

    /// `[n, in]` -> `[n, out]`.
    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        linear(x, self.weight.val().transpose(), Some(self.bias.val()))
    }

    /// The same without a matrix product, so that no row's bits depend on how many others there are: the kernel of a
    /// product is chosen by the size of the whole, and another kernel adds up in another order.
    pub(crate) fn forward_each(&self, x: Tensor<2>) -> Tensor<2> {
        let ([n, inputs], outputs) = (x.dims(), self.weight.dims()[0]);
        let products = x.reshape([n, 1, inputs]) * self.weight.val().reshape([1, outputs, inputs]); // [n, out, in]
        products.sum_dim(2).reshape([n, outputs]) + self.bias.val().reshape([1, outputs])
    }

    /// `[n, tokens, in]` -> `[n, tokens, out]`.
    pub(crate) fn forward_tokens(&self, x: Tensor<3>, phase: Phase) -> Tensor<3> {
        Self::apply(x, self.weight.val(), self.bias.val(), phase)
    }

    /// The same of any weight `[out, in]` and bias `[out]`.
    ///
    /// In evaluation a product a photograph, so that no photograph's bits depend on how many others there are; in
    /// training one product for all, whose backward is one product too.
    pub(crate) fn apply(x: Tensor<3>, weight: Tensor<2>, bias: Tensor<1>, phase: Phase) -> Tensor<3> {
        match phase {
            Phase::Train => linear(x, weight.transpose(), Some(bias)),
            Phase::Eval => x.matmul(weight.unsqueeze::<3>().swap_dims(1, 2)) + bias.unsqueeze(),
        }
    }
}

/// y = (x - mean) / sqrt(variance + 1e-6) * weight + bias over a token's channels.
#[derive(Module, Debug)]
pub(crate) struct LayerNorm {
    weight: Param<Tensor<1>>,
    bias: Param<Tensor<1>>,
}

impl LayerNorm {
    /// What every published `ViT` has; `PyTorch`'s default is 1e-5.
    pub(super) const EPS: f64 = 1e-6;

    /// Standardises and no more.
    pub(crate) fn new(init: &Init, channels: usize) -> Self {
        Self { weight: init.constant(channels, 1.0), bias: init.constant(channels, 0.0) }
    }

    /// Weight and bias.
    pub(super) fn parameters(&self) -> [Tensor<1>; 2] {
        [self.weight.val(), self.bias.val()]
    }

    /// `[n, tokens, channels]`, same shape out.
    pub(crate) fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        layer_norm(x, self.weight.val(), Some(self.bias.val()), Self::EPS)
    }
}

/// min(max(x, 0), 6).
pub(crate) fn relu6<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    // `clamp` would pass the gradient of the upper bound too; two hinges give PyTorch's: 1 inside (0, 6), 0 elsewhere.
    let excess = relu(x.clone() - 6.0);
    relu(x) - excess
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Distribution};

    #[test]
    fn a_row_alone_gives_the_bits_it_gives_among_many() {
        let device = Device::flex();
        for (inputs, outputs) in [(512, 3), (1280, 6), (1280, 40)] {
            let head = Linear::new(&mut Init::new(1, &device), inputs, outputs);
            let x = Tensor::<2>::random([100, inputs], Distribution::Uniform(0.0, 1.0), &device);
            let bits = |y: Tensor<2>| y.into_data().try_to_vec::<f32>().expect("floats").into_iter().map(f32::to_bits);
            let all: Vec<u32> = bits(head.forward_each(x.clone())).collect();
            let alone: Vec<u32> =
                (0..100).flat_map(|row| bits(head.forward_each(x.clone().narrow(0, row, 1)))).collect();
            assert_eq!(all, alone, "{inputs} to {outputs}");
            let difference = (head.forward_each(x.clone()) - head.forward(x)).abs().max().into_scalar::<f32>();
            assert!(difference < 1e-5, "{difference}");
        }
    }

    #[test]
    fn relu6_and_its_gradient_vanish_outside_zero_to_six() {
        let x = Tensor::<1>::from_floats([-1.0, 2.0, 7.0], &Device::flex().autodiff()).require_grad();
        let y = relu6(x.clone());
        assert_eq!(y.to_data().try_to_vec::<f32>().expect("floats"), [0.0, 2.0, 6.0]);
        let gradient = x.grad(&y.sum().backward()).expect("gradient");
        assert_eq!(gradient.to_data().try_to_vec::<f32>().expect("floats"), [0.0, 1.0, 0.0]);
    }
}
