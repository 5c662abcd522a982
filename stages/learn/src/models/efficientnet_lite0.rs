//! `EfficientNet-Lite0` exactly as timm builds `efficientnet_lite0`: [`EfficientNetLite0`]; symmetric padding, `ReLU6`,
//! no squeeze-and-excite.

use super::fused::{Shortcut, Unit, block};
use super::init::Init;
use super::layers::{Conv2d, Linear};
use super::norm::{BatchNorm2d, Phase};
use burn::module::Module;
use burn::tensor::Tensor;
use plantpipe_kernels::Act;

/// The stages: repeats, kernel, first stride, expansion, output channels.
const STAGES: [(usize, usize, usize, usize, usize); 7] = [
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
];
/// Blocks of each stage.
pub(super) fn repeats() -> impl Iterator<Item = usize> {
    STAGES.iter().map(|stage| stage.0)
}

const STEM: usize = 32;
const HEAD: usize = 1280;

/// Stem, seven stages, the 1x1 `conv_head`, and the head `classifier`.
#[derive(Module, Debug)]
pub(crate) struct EfficientNetLite0 {
    conv_stem: Conv2d,
    bn1: BatchNorm2d,
    blocks: Vec<Vec<Block>>,
    conv_head: Conv2d,
    bn2: BatchNorm2d,
    pub(super) classifier: Linear,
}

impl EfficientNetLite0 {
    pub(crate) fn new(init: &mut Init, labels: usize, eps: f64) -> Self {
        let conv_stem = Conv2d::new(init, [3, STEM], 3, 2);
        let bn1 = BatchNorm2d::new(init, STEM, eps);
        let mut channels = STEM;
        let mut blocks = Vec::new();
        for (repeats, kernel, stride, expansion, out) in STAGES {
            let mut stage = Vec::new();
            for repeat in 0..repeats {
                let stride = if repeat == 0 { stride } else { 1 };
                let shape = BlockShape { channels, out, kernel, stride, expansion };
                stage.push(Block::new(init, &shape, eps));
                channels = out;
            }
            blocks.push(stage);
        }
        Self {
            conv_stem,
            bn1,
            blocks,
            conv_head: Conv2d::new(init, [channels, HEAD], 1, 1),
            bn2: BatchNorm2d::new(init, HEAD, eps),
            classifier: Linear::new(init, HEAD, labels),
        }
    }

    /// `[n, 3, h, w]` -> the activation after `conv_head`, `bn2` and `ReLU6`, `[n, 1280, h / 32, w / 32]`, rounded up.
    pub(crate) fn features(&mut self, x: Tensor<4>, phase: Phase) -> Tensor<4> {
        let stem = Unit { conv: &self.conv_stem, norm: &mut self.bn1, act: Act::Relu6 };
        let x = block(x, vec![stem], Shortcut::None, Act::None, phase); // [n, 32, h / 2, w / 2]
        let x = self.blocks.iter_mut().flatten().fold(x, |x, block| block.forward(x, phase));
        let head = Unit { conv: &self.conv_head, norm: &mut self.bn2, act: Act::Relu6 };
        block(x, vec![head], Shortcut::None, Act::None, phase)
    }
}

struct BlockShape {
    channels: usize,
    out: usize,
    kernel: usize,
    stride: usize,
    expansion: usize,
}

/// A depthwise-separable block (`conv_dw`, `conv_pw`: no expansion) or an inverted residual (`conv_pw`, `conv_dw`,
/// `conv_pwl`), with a shortcut where the shape stays.
#[derive(Module, Debug)]
struct Block {
    /// Expands, or projects where there is no expansion.
    conv_pw: Conv2d,
    conv_dw: Conv2d,
    /// Projects, where there is an expansion.
    conv_pwl: Option<Conv2d>,
    bn1: BatchNorm2d,
    bn2: BatchNorm2d,
    bn3: Option<BatchNorm2d>,
    #[module(skip)]
    shortcut: bool,
}

impl Block {
    fn new(init: &mut Init, shape: &BlockShape, eps: f64) -> Self {
        let &BlockShape { channels, out, kernel, stride, expansion } = shape;
        let shortcut = stride == 1 && channels == out;
        let wide = channels * expansion;
        if expansion == 1 {
            return Self {
                conv_dw: Conv2d::depthwise(init, channels, kernel, stride),
                bn1: BatchNorm2d::new(init, channels, eps),
                conv_pw: Conv2d::new(init, [channels, out], 1, 1),
                bn2: BatchNorm2d::new(init, out, eps),
                conv_pwl: None,
                bn3: None,
                shortcut,
            };
        }
        Self {
            conv_pw: Conv2d::new(init, [channels, wide], 1, 1),
            bn1: BatchNorm2d::new(init, wide, eps),
            conv_dw: Conv2d::depthwise(init, wide, kernel, stride),
            bn2: BatchNorm2d::new(init, wide, eps),
            conv_pwl: Some(Conv2d::new(init, [wide, out], 1, 1)),
            bn3: Some(BatchNorm2d::new(init, out, eps)),
            shortcut,
        }
    }

    fn forward(&mut self, x: Tensor<4>, phase: Phase) -> Tensor<4> {
        let Self { conv_pw, conv_dw, conv_pwl, bn1, bn2, bn3, shortcut } = self;
        let units = if let (Some(conv_pwl), Some(bn3)) = (conv_pwl, bn3) {
            vec![
                Unit { conv: conv_pw, norm: bn1, act: Act::Relu6 },
                Unit { conv: conv_dw, norm: bn2, act: Act::Relu6 },
                Unit { conv: conv_pwl, norm: bn3, act: Act::None },
            ]
        } else {
            vec![Unit { conv: conv_dw, norm: bn1, act: Act::Relu6 }, Unit { conv: conv_pw, norm: bn2, act: Act::None }]
        };
        let shortcut = if *shortcut { Shortcut::Input } else { Shortcut::None };
        block(x, units, shortcut, Act::None, phase)
    }
}
