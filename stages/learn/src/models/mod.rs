//! The networks, by their timm names: [`Arch`] says which, [`Network`] is one, from photographs to a logit a label.

mod efficientnet_lite0;
mod init;
mod layers;
mod norm;
mod resnet;

pub(crate) use norm::Phase;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use efficientnet_lite0::EfficientNetLite0;
use init::Init;
use layers::Linear;
use plantpipe_stage::{Error, Result};
use resnet::ResNet18;

/// A published architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arch {
    ResNet18,
    EfficientNetLite0,
}

impl Arch {
    /// Their names, for params.
    pub(crate) const NAMES: &'static [&'static str] = &["resnet18", "efficientnet_lite0"];

    /// # Errors
    /// A name that is none of [`Arch::NAMES`].
    pub(crate) fn of(name: &str) -> Result<Self> {
        match name {
            "resnet18" => Ok(Self::ResNet18),
            "efficientnet_lite0" => Ok(Self::EfficientNetLite0),
            _ => Err(Error::new(format!("no architecture is called `{name}`"))
                .hint(format!("there are {}", Self::NAMES.join(", ")))),
        }
    }

    /// The RGB mean and standard deviation its published weights were trained with.
    pub(crate) fn normalisation(self) -> ([f64; 3], [f64; 3]) {
        match self {
            Self::ResNet18 => ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
            Self::EfficientNetLite0 => ([0.5; 3], [0.5; 3]),
        }
    }

    /// The batch-norm eps of its published weights; timm's own constructor gives every network 1e-5.
    pub(crate) fn published_eps(self) -> f64 {
        match self {
            Self::ResNet18 => 1e-5,
            Self::EfficientNetLite0 => 1e-3,
        }
    }

    /// The layer that class activation maps look at, by its published name.
    pub(crate) fn cam_layer(self) -> &'static str {
        match self {
            Self::ResNet18 => "layer4",
            Self::EfficientNetLite0 => "bn2",
        }
    }

    /// Tensors whose names begin so belong to the head.
    pub(crate) fn head(self) -> &'static str {
        match self {
            Self::ResNet18 => "fc.",
            Self::EfficientNetLite0 => "classifier.",
        }
    }

    /// How many depths there are: the stem, each block, and the head.
    pub(crate) fn depths(self) -> usize {
        match self {
            Self::ResNet18 => 10,
            Self::EfficientNetLite0 => 18,
        }
    }

    /// How deep a tensor lies, by its published name.
    pub(crate) fn depth_of(self, tensor: &str) -> usize {
        let mut words = tensor.split('.');
        let first = words.next().unwrap_or_default();
        let mut number = || words.next().and_then(|word| word.parse::<usize>().ok()).unwrap_or(0);
        match self {
            _ if tensor.starts_with(self.head()) => self.depths() - 1,
            Self::ResNet18 => match first.strip_prefix("layer").and_then(|layer| layer.parse::<usize>().ok()) {
                Some(layer) => 1 + (layer - 1) * 2 + number(),
                None => 0,
            },
            Self::EfficientNetLite0 => match first {
                "blocks" => 1 + [1, 2, 2, 3, 3, 4, 1].iter().take(number()).sum::<usize>() + number(),
                "conv_head" | "bn2" => self.depths() - 2,
                _ => 0,
            },
        }
    }

    /// A network with first weights drawn from the seed.
    pub(crate) fn init(self, labels: usize, eps: f64, seed: u64, device: &Device) -> Network {
        let mut init = Init::new(seed, device);
        match self {
            Self::ResNet18 => Network::ResNet18(ResNet18::new(&mut init, labels, eps)),
            Self::EfficientNetLite0 => Network::EfficientNetLite0(EfficientNetLite0::new(&mut init, labels, eps)),
        }
    }
}

/// A network with its weights.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)]
pub(crate) enum Network {
    ResNet18(ResNet18),
    EfficientNetLite0(EfficientNetLite0),
}

impl Network {
    /// `[n, 3, h, w]` -> logits `[n, labels]`, in evaluation mode; on the CPU no row depends on the others, bit for bit.
    pub(crate) fn predict(&mut self, x: Tensor<4>) -> Tensor<2> {
        let activation = self.features(x, Phase::Eval);
        self.head().forward_each(pooled(activation))
    }

    /// `[n, 3, h, w]` -> the last spatial activation, `[n, width, h / 32, w / 32]`.
    pub(crate) fn features(&mut self, x: Tensor<4>, phase: Phase) -> Tensor<4> {
        match self {
            Self::ResNet18(network) => network.features(x, phase),
            Self::EfficientNetLite0(network) => network.features(x, phase),
        }
    }

    /// From that activation to logits: the spatial mean, times a dropout mask `[n, width]` if given, and the head.
    pub(crate) fn tail(&self, activation: Tensor<4>, mask: Option<Tensor<2>>) -> Tensor<2> {
        let pooled = pooled(activation);
        self.head().forward(match mask {
            Some(mask) => pooled * mask,
            None => pooled,
        })
    }

    /// Channels of the last activation.
    pub(crate) fn width(&self) -> usize {
        self.head().inputs()
    }

    fn head(&self) -> &Linear {
        match self {
            Self::ResNet18(network) => &network.fc,
            Self::EfficientNetLite0(network) => &network.classifier,
        }
    }
}

/// The spatial mean: `[n, width, h, w]` -> `[n, width]`.
fn pooled(activation: Tensor<4>) -> Tensor<2> {
    let [n, width, h, w] = activation.dims();
    activation.reshape([n, width, h * w]).mean_dim(2).reshape([n, width])
}
