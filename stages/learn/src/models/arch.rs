//! The architectures, by their timm names: [`Arch`], with what belongs to each one's published weights.

use super::efficientnet_lite0::EfficientNetLite0;
use super::init::Init;
use super::resnet::{ResNet, ResNetShape};
use super::vit::{Vit, VitShape};
use super::{Network, efficientnet_lite0};
use burn::tensor::Device;
use plantpipe_stage::{Error, Result};

/// A published architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arch {
    ResNet18,
    ResNet34,
    ResNet50,
    EfficientNetLite0,
    VitTiny,
    VitSmall,
    VitBase,
    DinoV2Small,
}

/// What a network is built for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Config {
    /// Outputs of the head.
    pub(crate) labels: usize,
    /// Batch-norm eps; the layer norms of a `ViT` have 1e-6 whatever this is.
    pub(crate) eps: f64,
    /// Side of the square input, pixels.
    pub(crate) size: usize,
}

/// `ImageNet`'s RGB mean and standard deviation.
const IMAGENET: ([f64; 3], [f64; 3]) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
const HALF: ([f64; 3], [f64; 3]) = ([0.5; 3], [0.5; 3]);

impl Arch {
    /// Their names, for params.
    pub(crate) const NAMES: &'static [&'static str] = &[
        "resnet18",
        "resnet34",
        "resnet50",
        "efficientnet_lite0",
        "vit_tiny_patch16_224",
        "vit_small_patch16_224",
        "vit_base_patch16_224",
        "vit_small_patch14_dinov2",
    ];

    /// In the order of [`Arch::NAMES`].
    const ALL: [Self; 8] = [
        Self::ResNet18,
        Self::ResNet34,
        Self::ResNet50,
        Self::EfficientNetLite0,
        Self::VitTiny,
        Self::VitSmall,
        Self::VitBase,
        Self::DinoV2Small,
    ];

    /// # Errors
    /// A name that is none of [`Arch::NAMES`].
    pub(crate) fn of(name: &str) -> Result<Self> {
        let known = Self::NAMES.iter().zip(Self::ALL).find(|(known, _)| **known == name);
        known.map(|(_, arch)| arch).ok_or_else(|| {
            Error::new(format!("no architecture is called `{name}`"))
                .hint(format!("there are {}", Self::NAMES.join(", ")))
        })
    }

    /// Its timm name.
    pub(crate) fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// The RGB mean and standard deviation its published weights were trained with.
    pub(crate) fn normalisation(self) -> ([f64; 3], [f64; 3]) {
        match self {
            Self::ResNet18 | Self::ResNet34 | Self::ResNet50 | Self::DinoV2Small => IMAGENET,
            Self::EfficientNetLite0 | Self::VitTiny | Self::VitSmall | Self::VitBase => HALF,
        }
    }

    /// The batch-norm eps of its published weights; timm's own constructor gives every network 1e-5.
    pub(crate) fn published_eps(self) -> f64 {
        match self {
            Self::EfficientNetLite0 => 1e-3,
            _ => 1e-5,
        }
    }

    /// Side of the input its published weights were trained for, pixels.
    pub(crate) fn published_size(self) -> u32 {
        match self {
            Self::DinoV2Small => 518,
            _ => 224,
        }
    }

    /// Whether it has attention to follow.
    pub(crate) fn has_attention(self) -> bool {
        matches!(self.family(), Family::Vit(_))
    }

    /// The layer that class activation maps look at, by its published name.
    pub(crate) fn cam_layer(self) -> &'static str {
        match self.family() {
            Family::ResNet(_) => "layer4",
            Family::EfficientNetLite0 => "bn2",
            // Twelve blocks all.
            Family::Vit(_) => "blocks.11.norm1",
        }
    }

    /// Tensors whose names begin so belong to the head.
    pub(crate) fn head(self) -> &'static str {
        match self.family() {
            Family::ResNet(_) => "fc.",
            Family::EfficientNetLite0 => "classifier.",
            Family::Vit(_) => "head.",
        }
    }

    /// Whether one network takes photographs of any size.
    pub(crate) fn takes_any_size(self) -> bool {
        !matches!(self.family(), Family::Vit(_))
    }

    /// How many depths there are: the stem, each block, and the head.
    pub(crate) fn depths(self) -> usize {
        let blocks = match self.family() {
            Family::ResNet(shape) => shape.blocks.iter().sum(),
            Family::EfficientNetLite0 => efficientnet_lite0::repeats().sum(),
            Family::Vit(shape) => shape.depth,
        };
        blocks + 2
    }

    /// How deep a tensor lies, by its published name, as timm's `group_matcher` counts for layer-wise learning rates:
    /// 0 is the stem (a `ViT`'s patch, position and class embeddings), then one for each block in the order of the
    /// forward pass (the norm or convolution after the last block counts to it), and `depths() - 1` is the head.
    pub(crate) fn depth_of(self, tensor: &str) -> usize {
        let mut words = tensor.split('.');
        let first = words.next().unwrap_or_default();
        let mut number = || words.next().and_then(|word| word.parse::<usize>().ok()).unwrap_or(0);
        match self.family() {
            _ if tensor.starts_with(self.head()) => self.depths() - 1,
            Family::ResNet(shape) => match first.strip_prefix("layer").and_then(|layer| layer.parse::<usize>().ok()) {
                Some(layer) => 1 + shape.blocks[..layer - 1].iter().sum::<usize>() + number(),
                None => 0,
            },
            Family::EfficientNetLite0 => match first {
                "blocks" => 1 + efficientnet_lite0::repeats().take(number()).sum::<usize>() + number(),
                "conv_head" | "bn2" => self.depths() - 2,
                _ => 0,
            },
            Family::Vit(_) => match first {
                "blocks" => 1 + number(),
                "norm" => self.depths() - 2,
                _ => 0,
            },
        }
    }

    /// A network with first weights drawn from the seed.
    ///
    /// # Errors
    /// A size that a `ViT` cannot cut into whole patches.
    pub(crate) fn init(self, config: Config, seed: u64, device: &Device) -> Result<Network> {
        let init = &mut Init::new(seed, device);
        let Config { labels, eps, size } = config;
        Ok(match self.family() {
            Family::ResNet(shape) => Network::ResNet(ResNet::new(init, &shape, labels, eps)),
            Family::EfficientNetLite0 => Network::EfficientNetLite0(EfficientNetLite0::new(init, labels, eps)),
            Family::Vit(shape) => {
                self.whole(size, shape.patch)?;
                Network::Vit(Vit::new(init, &shape, labels, size))
            }
        })
    }

    /// Fails of a size that is no multiple of the patch, and names the nearest that are.
    fn whole(self, size: usize, patch: usize) -> Result<()> {
        let below = size / patch * patch;
        if below == size && size > 0 {
            return Ok(());
        }
        let above = below + patch;
        let hint = if below == 0 { format!("use {above}") } else { format!("use {below} or {above}") };
        Err(Error::new(format!(
            "{} cuts a photograph into patches of {patch} px, and {size} px are no multiple of that",
            self.name()
        ))
        .hint(format!("{hint} for `size`")))
    }

    fn family(self) -> Family {
        let basic = |blocks| Family::ResNet(ResNetShape { blocks, bottleneck: false });
        let vit = |width, heads| Family::Vit(VitShape { patch: 16, width, depth: 12, heads, layer_scale: None });
        match self {
            Self::ResNet18 => basic([2, 2, 2, 2]),
            Self::ResNet34 => basic([3, 4, 6, 3]),
            Self::ResNet50 => Family::ResNet(ResNetShape { blocks: [3, 4, 6, 3], bottleneck: true }),
            Self::EfficientNetLite0 => Family::EfficientNetLite0,
            Self::VitTiny => vit(192, 3),
            Self::VitSmall => vit(384, 6),
            Self::VitBase => vit(768, 12),
            Self::DinoV2Small => {
                Family::Vit(VitShape { patch: 14, width: 384, depth: 12, heads: 6, layer_scale: Some(1e-5) })
            }
        }
    }
}

/// What an architecture is a shape of.
enum Family {
    ResNet(ResNetShape),
    EfficientNetLite0,
    Vit(VitShape),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_its_own_architecture() {
        for (name, arch) in Arch::NAMES.iter().zip(Arch::ALL) {
            assert_eq!((Arch::of(name).expect("known"), arch.name()), (arch, *name));
        }
        assert_eq!(Arch::NAMES.len(), Arch::ALL.len());
        let error = Arch::of("resnet19").expect_err("unknown");
        assert_eq!(error.message, "no architecture is called `resnet19`");
    }

    #[test]
    fn a_size_that_patches_do_not_fill_names_the_nearest_that_they_do() {
        let refused = |arch: Arch, size| {
            let error = arch.init(Config { labels: 2, eps: 1e-5, size }, 1, &Device::flex()).expect_err("refused");
            (error.message, error.hint.expect("a way out"))
        };
        let (message, hint) = refused(Arch::DinoV2Small, 225);
        assert_eq!(
            message,
            "vit_small_patch14_dinov2 cuts a photograph into patches of 14 px, and 225 px are no multiple of that"
        );
        assert_eq!(hint, "use 224 or 238 for `size`");
        assert_eq!(refused(Arch::VitTiny, 8).1, "use 16 for `size`");
    }

    #[test]
    fn published_weights_can_be_built_at_the_size_they_were_trained_for() {
        for arch in Arch::ALL {
            if let Family::Vit(shape) = arch.family() {
                arch.whole(arch.published_size() as usize, shape.patch).expect("whole patches");
            }
        }
        // DINOv2's checkpoint has 37 x 37 positions.
        assert_eq!(Arch::DinoV2Small.published_size(), 37 * 14);
    }

    #[test]
    fn depths_run_from_the_stem_over_the_blocks_to_the_head() {
        // ResNet-50: 3 + 4 + 6 + 3 blocks; Lite0: 1 + 2 + 2 + 3 + 3 + 4 + 1; a ViT: 12.
        for (arch, depths) in [(Arch::ResNet50, 18), (Arch::EfficientNetLite0, 18), (Arch::VitTiny, 14)] {
            assert_eq!(arch.depths(), depths);
        }
        for (arch, tensor, depth) in [
            (Arch::ResNet50, "bn1.running_mean", 0),
            (Arch::ResNet50, "layer1.0.downsample.1.weight", 1),
            (Arch::ResNet50, "layer3.2.conv3.weight", 10),
            (Arch::ResNet50, "fc.bias", 17),
            (Arch::EfficientNetLite0, "conv_stem.weight", 0),
            (Arch::EfficientNetLite0, "blocks.2.1.bn1.weight", 5),
            (Arch::EfficientNetLite0, "bn2.bias", 16),
            (Arch::EfficientNetLite0, "classifier.weight", 17),
            (Arch::DinoV2Small, "pos_embed", 0),
            (Arch::DinoV2Small, "patch_embed.proj.bias", 0),
            (Arch::DinoV2Small, "blocks.11.ls2.gamma", 12),
            (Arch::DinoV2Small, "norm.weight", 12),
            (Arch::DinoV2Small, "head.weight", 13),
        ] {
            assert_eq!(arch.depth_of(tensor), depth, "{tensor}");
        }
    }
}
