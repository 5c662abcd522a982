//! The networks, by their timm names: [`Arch`] says which, [`Network`] is one, from photographs to a logit a label.

mod activation;
mod arch;
mod efficientnet_lite0;
mod fused;
mod init;
mod layers;
mod norm;
mod resnet;
mod vit;

pub(crate) use activation::Activation;
pub(crate) use arch::{Arch, Config};
pub(crate) use norm::Phase;

use burn::module::Module;
use burn::tensor::Tensor;
use efficientnet_lite0::EfficientNetLite0;
use layers::Linear;
use resnet::ResNet;
use vit::{See, Vit};

/// A network with its weights.
///
/// From photographs to logits there are two ways that give the same: [`Network::pooled`] and [`Network::head`], and,
/// for those who look at what lies between, [`Network::activation`] and [`Network::tail`].
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)]
pub(crate) enum Network {
    ResNet(ResNet),
    EfficientNetLite0(EfficientNetLite0),
    Vit(Vit),
}

impl Network {
    /// `[n, 3, h, w]` -> logits `[n, labels]`, in evaluation mode; on the CPU no row depends on the others, bit for bit.
    pub(crate) fn predict(&mut self, x: Tensor<4>) -> Tensor<2> {
        let pooled = self.pooled(x, Phase::Eval);
        self.head_layer().forward_each(pooled)
    }

    /// `[n, 3, h, w]` -> what the head sees, `[n, width]`: the spatial mean, or a `ViT`'s normed class token. In
    /// evaluation mode on the CPU no row depends on the others, bit for bit.
    pub(crate) fn pooled(&mut self, x: Tensor<4>, phase: Phase) -> Tensor<2> {
        match self {
            Self::ResNet(network) => mean(network.features(x, phase)),
            Self::EfficientNetLite0(network) => mean(network.features(x, phase)),
            Self::Vit(network) => network.pooled(x, phase),
        }
    }

    /// From what the head sees, `[n, width]`, times a dropout mask of that shape if given, to logits `[n, labels]`.
    pub(crate) fn head(&self, pooled: Tensor<2>, mask: Option<Tensor<2>>) -> Tensor<2> {
        self.head_layer().forward(match mask {
            Some(mask) => pooled * mask,
            None => pooled,
        })
    }

    /// `[n, 3, h, w]` -> the last spatial activation, in evaluation mode.
    pub(crate) fn activation(&mut self, x: Tensor<4>) -> Activation {
        let spatial = match self {
            Self::ResNet(network) => network.features(x, Phase::Eval),
            Self::EfficientNetLite0(network) => network.features(x, Phase::Eval),
            Self::Vit(network) => return network.activation(x, Phase::Eval),
        };
        Activation::of(spatial)
    }

    /// From that activation to logits `[n, labels]`, in evaluation mode.
    pub(crate) fn tail(&self, activation: Activation) -> Tensor<2> {
        let pooled = match self {
            Self::Vit(network) => network.pooled_from(activation, Phase::Eval),
            Self::ResNet(_) | Self::EfficientNetLite0(_) => mean(activation.spatial),
        };
        self.head(pooled, None)
    }

    /// `[n, 3, h, w]` -> logits `[n, labels]` in evaluation mode, where `see` gets the number (from 0) of each of a `ViT`'s
    /// blocks and its attention `[n, heads, tokens, tokens]` after the softmax, the class token first, and gives what
    /// the block goes on with. None: the network has no attention.
    ///
    /// To have the gradient of an attention, give back `attention + leaf` where `leaf` is a zero tensor of its shape
    /// that requires one (on an autodiff device): an attention itself is no leaf, and cannot be asked. On a network
    /// whose parameters don't require gradients (`no_grad`) the backward pass then computes those of the leaves alone.
    pub(crate) fn attended(&self, x: Tensor<4>, see: See) -> Option<Tensor<2>> {
        match self {
            Self::Vit(network) => Some(self.head(network.pooled_seen(x, Phase::Eval, see), None)),
            Self::ResNet(_) | Self::EfficientNetLite0(_) => None,
        }
    }

    /// Channels of what the head sees.
    pub(crate) fn width(&self) -> usize {
        self.head_layer().inputs()
    }

    fn head_layer(&self) -> &Linear {
        match self {
            Self::ResNet(network) => &network.fc,
            Self::EfficientNetLite0(network) => &network.classifier,
            Self::Vit(network) => &network.head,
        }
    }
}

/// The spatial mean: `[n, width, h, w]` -> `[n, width]`.
fn mean(activation: Tensor<4>) -> Tensor<2> {
    let [n, width, h, w] = activation.dims();
    activation.reshape([n, width, h * w]).mean_dim(2).reshape([n, width])
}

/// A transformer with three blocks of three heads, for photographs of 32 px in patches of 8: what fixtures are made of.
#[cfg(test)]
pub(crate) fn small_vit(labels: usize, device: &burn::tensor::Device) -> Network {
    let shape = vit::VitShape { patch: 8, width: 12, depth: 3, heads: 3, layer_scale: None };
    Network::Vit(Vit::new(&mut init::Init::new(1, device), &shape, labels, 32))
}
