//! `ResNet-18` (He et al. 2016) with torchvision's and timm's tensor names: [`ResNet18`].

use super::init::Init;
use super::layers::{Conv2d, Linear};
use super::norm::{BatchNorm2d, Phase};
use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;

/// Stem, four layers of two basic blocks (64, 128, 256, 512 channels), and the head `fc`.
#[derive(Module, Debug)]
pub(crate) struct ResNet18 {
    conv1: Conv2d,
    bn1: BatchNorm2d,
    layer1: Vec<BasicBlock>,
    layer2: Vec<BasicBlock>,
    layer3: Vec<BasicBlock>,
    layer4: Vec<BasicBlock>,
    pub(super) fc: Linear,
}

impl ResNet18 {
    pub(crate) fn new(init: &mut Init, labels: usize, eps: f64) -> Self {
        let layer = |init: &mut Init, channels: [usize; 2], stride| {
            vec![
                BasicBlock::new(init, channels, stride, eps),
                BasicBlock::new(init, [channels[1], channels[1]], 1, eps),
            ]
        };
        Self {
            conv1: Conv2d::new(init, [3, 64], 7, 2),
            bn1: BatchNorm2d::new(init, 64, eps),
            layer1: layer(init, [64, 64], 1),
            layer2: layer(init, [64, 128], 2),
            layer3: layer(init, [128, 256], 2),
            layer4: layer(init, [256, 512], 2),
            fc: Linear::new(init, 512, labels),
        }
    }

    /// `[n, 3, h, w]` -> the activation of `layer4`, `[n, 512, h / 32, w / 32]`, rounded up.
    pub(crate) fn features(&mut self, x: Tensor<4>, phase: Phase) -> Tensor<4> {
        let x = self.conv1.forward(x); // [n, 64, h / 2, w / 2]
        let x = relu(self.bn1.forward(x, phase));
        let x = max_pool2d(x, MaxPoolOptions::new([3, 3]).with_stride([2, 2]).with_padding([1, 1])); // [n, 64, h / 4, w / 4]
        [&mut self.layer1, &mut self.layer2, &mut self.layer3, &mut self.layer4]
            .into_iter()
            .flatten()
            .fold(x, |x, block| block.forward(x, phase))
    }
}

/// relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x)).
#[derive(Module, Debug)]
struct BasicBlock {
    conv1: Conv2d,
    bn1: BatchNorm2d,
    conv2: Conv2d,
    bn2: BatchNorm2d,
    /// 1x1 convolution and norm, where the shape changes.
    downsample: Option<(Conv2d, BatchNorm2d)>,
}

impl BasicBlock {
    fn new(init: &mut Init, [channels, out]: [usize; 2], stride: usize, eps: f64) -> Self {
        Self {
            conv1: Conv2d::new(init, [channels, out], 3, stride),
            bn1: BatchNorm2d::new(init, out, eps),
            conv2: Conv2d::new(init, [out, out], 3, 1),
            bn2: BatchNorm2d::new(init, out, eps),
            downsample: (stride != 1 || channels != out)
                .then(|| (Conv2d::new(init, [channels, out], 1, stride), BatchNorm2d::new(init, out, eps))),
        }
    }

    fn forward(&mut self, x: Tensor<4>, phase: Phase) -> Tensor<4> {
        let shortcut = match &mut self.downsample {
            Some((conv, norm)) => norm.forward(conv.forward(x.clone()), phase),
            None => x.clone(),
        };
        let x = relu(self.bn1.forward(self.conv1.forward(x), phase));
        let x = self.bn2.forward(self.conv2.forward(x), phase);
        relu(x + shortcut)
    }
}
