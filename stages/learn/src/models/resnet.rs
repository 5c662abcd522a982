//! `ResNet-18`, `34` and `50` (He et al. 2016) with torchvision's and timm's tensor names: [`ResNet`].

use super::fused::{Shortcut, Unit, block, max_pool};
use super::init::Init;
use super::layers::{Conv2d, Linear};
use super::norm::{BatchNorm2d, Phase};
use burn::module::Module;
use burn::tensor::Tensor;
use plantpipe_kernels::Act;

/// Which of the `ResNets`.
#[derive(Debug, Clone, Copy)]
pub(super) struct ResNetShape {
    /// Blocks of each layer.
    pub(super) blocks: [usize; 4],
    /// Three convolutions a block, the last to four times the channels; else two.
    pub(super) bottleneck: bool,
}

/// Stem, four layers of blocks, and the head `fc`.
#[derive(Module, Debug)]
pub(crate) struct ResNet {
    conv1: Conv2d,
    bn1: BatchNorm2d,
    layer1: Vec<Block>,
    layer2: Vec<Block>,
    layer3: Vec<Block>,
    layer4: Vec<Block>,
    pub(super) fc: Linear,
}

impl ResNet {
    pub(super) fn new(init: &mut Init, shape: &ResNetShape, labels: usize, eps: f64) -> Self {
        let conv1 = Conv2d::new(init, [3, 64], 7, 2);
        let bn1 = BatchNorm2d::new(init, 64, eps);
        let expansion = if shape.bottleneck { 4 } else { 1 };
        let mut channels = 64;
        let mut layer = |init: &mut Init, at: usize, stride| {
            let width = 64 << at;
            let block = |number| {
                let stride = if number == 0 { stride } else { 1 };
                let block = BlockShape { channels, width, out: width * expansion, stride };
                channels = block.out;
                if shape.bottleneck { Block::bottleneck(init, &block, eps) } else { Block::basic(init, &block, eps) }
            };
            (0..shape.blocks[at]).map(block).collect()
        };
        Self {
            conv1,
            bn1,
            layer1: layer(init, 0, 1),
            layer2: layer(init, 1, 2),
            layer3: layer(init, 2, 2),
            layer4: layer(init, 3, 2),
            fc: Linear::new(init, 512 * expansion, labels),
        }
    }

    /// `[n, 3, h, w]` -> the activation of `layer4`, `[n, 512, h / 32, w / 32]` (2048 channels of a bottleneck network),
    /// rounded up.
    pub(crate) fn features(&mut self, x: Tensor<4>, phase: Phase) -> Tensor<4> {
        let stem = Unit { conv: &self.conv1, norm: &mut self.bn1, act: Act::Relu };
        let x = block(x, vec![stem], Shortcut::None, Act::None, phase); // [n, 64, h / 2, w / 2]
        let x = max_pool(x); // [n, 64, h / 4, w / 4]
        [&mut self.layer1, &mut self.layer2, &mut self.layer3, &mut self.layer4]
            .into_iter()
            .flatten()
            .fold(x, |x, block| block.forward(x, phase))
    }
}

struct BlockShape {
    channels: usize,
    /// Of the convolutions before the last.
    width: usize,
    out: usize,
    stride: usize,
}

/// Basic: relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x)), 3x3 both, the first strides.
/// Bottleneck: the same of three, 1x1, 3x3 and 1x1, the second strides.
#[derive(Module, Debug)]
struct Block {
    conv1: Conv2d,
    bn1: BatchNorm2d,
    conv2: Conv2d,
    bn2: BatchNorm2d,
    /// Of a bottleneck.
    conv3: Option<Conv2d>,
    bn3: Option<BatchNorm2d>,
    /// 1x1 convolution and norm, where the shape changes.
    downsample: Option<(Conv2d, BatchNorm2d)>,
}

impl Block {
    fn basic(init: &mut Init, shape: &BlockShape, eps: f64) -> Self {
        let &BlockShape { channels, width, stride, .. } = shape;
        Self {
            conv1: Conv2d::new(init, [channels, width], 3, stride),
            bn1: BatchNorm2d::new(init, width, eps),
            conv2: Conv2d::new(init, [width, width], 3, 1),
            bn2: BatchNorm2d::new(init, width, eps),
            conv3: None,
            bn3: None,
            downsample: downsample(init, shape, eps),
        }
    }

    fn bottleneck(init: &mut Init, shape: &BlockShape, eps: f64) -> Self {
        let &BlockShape { channels, width, out, stride } = shape;
        Self {
            conv1: Conv2d::new(init, [channels, width], 1, 1),
            bn1: BatchNorm2d::new(init, width, eps),
            conv2: Conv2d::new(init, [width, width], 3, stride),
            bn2: BatchNorm2d::new(init, width, eps),
            conv3: Some(Conv2d::new(init, [width, out], 1, 1)),
            bn3: Some(BatchNorm2d::new(init, out, eps)),
            downsample: downsample(init, shape, eps),
        }
    }

    fn forward(&mut self, x: Tensor<4>, phase: Phase) -> Tensor<4> {
        let Self { conv1, bn1, conv2, bn2, conv3, bn3, downsample } = self;
        let mut units =
            vec![Unit { conv: conv1, norm: bn1, act: Act::Relu }, Unit { conv: conv2, norm: bn2, act: Act::None }];
        if let (Some(conv), Some(norm)) = (conv3, bn3) {
            units[1].act = Act::Relu;
            units.push(Unit { conv, norm, act: Act::None });
        }
        let shortcut = match downsample {
            Some((conv, norm)) => Shortcut::Unit(Unit { conv, norm, act: Act::None }),
            None => Shortcut::Input,
        };
        block(x, units, shortcut, Act::Relu, phase)
    }
}

fn downsample(init: &mut Init, shape: &BlockShape, eps: f64) -> Option<(Conv2d, BatchNorm2d)> {
    let &BlockShape { channels, out, stride, .. } = shape;
    (stride != 1 || channels != out)
        .then(|| (Conv2d::new(init, [channels, out], 1, stride), BatchNorm2d::new(init, out, eps)))
}
