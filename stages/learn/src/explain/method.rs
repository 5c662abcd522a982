//! How a map can be made: [`Method`], with its names, what it looks at and whether it knows labels.

use super::cam::{Weighing, grad_cam, grad_cam_plus_plus, hires_cam, layer_cam};
use super::map::Lie;
use super::rollout::Fusion;
use crate::models::{Arch, Network};
use burn::tensor::Tensor;
use plantpipe_stage::format::MapPer;
use plantpipe_stage::{Error, Result};
use serde::Deserialize;

/// A way to a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    GradCam,
    GradCamPlusPlus,
    LayerCam,
    HiResCam,
    EigenCam,
    Rollout,
    GradientRollout,
    Chefer,
}

/// What a method works on.
pub(super) enum Matter {
    /// An activation and the gradient on it.
    Weighed(Weighing),
    /// An activation alone.
    Activation,
    /// The attention of every layer.
    Attention,
    /// That and the gradient on it.
    AttentionGradient,
}

impl Method {
    /// Their names, for params.
    pub(super) const NAMES: &'static [&'static str] = &[
        "auto",
        "grad-cam",
        "grad-cam++",
        "layer-cam",
        "hires-cam",
        "eigen-cam",
        "rollout",
        "gradient-rollout",
        "chefer",
    ];

    /// The method of a name; `auto` is the usual one for the network, of those that know labels.
    ///
    /// # Errors
    /// A name that is none of [`Method::NAMES`], or a method that wants attention of a network that has none.
    pub(super) fn of(name: &str, arch: Arch) -> Result<Self> {
        let method = match name {
            "auto" => return Ok(Self::usual(arch)),
            "grad-cam" => Self::GradCam,
            "grad-cam++" => Self::GradCamPlusPlus,
            "layer-cam" => Self::LayerCam,
            "hires-cam" => Self::HiResCam,
            "eigen-cam" => Self::EigenCam,
            "rollout" => Self::Rollout,
            "gradient-rollout" => Self::GradientRollout,
            "chefer" => Self::Chefer,
            _ => {
                return Err(Error::new(format!("no method is called `{name}`"))
                    .hint(format!("there are {}", Self::NAMES.join(", "))));
            }
        };
        match method.matter() {
            Matter::Attention | Matter::AttentionGradient if !arch.has_attention() => {
                Err(Error::new(format!("`{name}` follows attention, and the model, {}, has none", arch.name())).hint(
                    "use grad-cam, grad-cam++, layer-cam, hires-cam or eigen-cam, or explain a vision transformer",
                ))
            }
            _ => Ok(method),
        }
    }

    /// Grad-CAM for networks of convolutions, Chefer's relevance for transformers.
    pub(crate) fn usual(arch: Arch) -> Self {
        if arch.has_attention() { Self::Chefer } else { Self::GradCam }
    }

    /// As people write it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::GradCam => "Grad-CAM",
            Self::GradCamPlusPlus => "Grad-CAM++",
            Self::LayerCam => "LayerCAM",
            Self::HiResCam => "HiResCAM",
            Self::EigenCam => "EigenCAM",
            Self::Rollout => "attention rollout",
            Self::GradientRollout => "gradient rollout",
            Self::Chefer => "Chefer's relevance",
        }
    }

    pub(super) fn matter(self) -> Matter {
        match self {
            Self::GradCam => Matter::Weighed(grad_cam),
            Self::GradCamPlusPlus => Matter::Weighed(grad_cam_plus_plus),
            Self::LayerCam => Matter::Weighed(layer_cam),
            Self::HiResCam => Matter::Weighed(hires_cam),
            Self::EigenCam => Matter::Activation,
            Self::Rollout => Matter::Attention,
            Self::GradientRollout | Self::Chefer => Matter::AttentionGradient,
        }
    }

    /// Whether each label has a map of its own.
    pub(super) fn map_per(self) -> MapPer {
        match self.matter() {
            Matter::Weighed(_) | Matter::AttentionGradient => MapPer::Label,
            Matter::Activation | Matter::Attention => MapPer::Photograph,
        }
    }

    /// What it looks at in a network, by its published name.
    pub(super) fn layer(self, arch: Arch) -> &'static str {
        match self.matter() {
            Matter::Weighed(_) | Matter::Activation => arch.cam_layer(),
            Matter::Attention | Matter::AttentionGradient => "blocks.*.attn",
        }
    }
}

/// A method with its settings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    pub(crate) method: Method,
    /// Of attention rollout.
    pub(super) fusion: Fusion,
    /// Of attention rollout and gradient rollout: the share of attention set to zero, 0 to 1.
    pub(super) discard: f64,
    /// Of maps at an activation.
    pub(super) align: Align,
}

/// Where a cell of a map lies on the photograph.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Align {
    /// On the middle of what it sees.
    #[default]
    ReceptiveField,
    /// On the middle of its own part, as of a picture that is made larger.
    Grid,
}

impl Align {
    pub(super) const NAMES: &'static [&'static str] = &["receptive-field", "grid"];

    /// Where the cells of an activation lie; `x` is what the network looks at, `[n, 3, h, w]`.
    ///
    /// A layer of stride 2 whose odd kernel is padded by as much on both sides is centred on the first of the two pixels
    /// that one of its own stands for, so after five of them a cell is centred on the first of its 32 pixels, not on
    /// their middle (Araujo et al. 2019, "Computing Receptive Fields of Convolutional Neural Networks"). A patch of a
    /// vision transformer is centred on itself.
    pub(super) fn lie(self, network: &Network, x: &Tensor<4>) -> Lie {
        const STRIDE: f32 = 32.0;
        let [_, _, height, width] = x.dims();
        match (self, network) {
            (Self::Grid, _) | (_, Network::Vit(_)) => Lie::Evenly,
            (Self::ReceptiveField, Network::ResNet(_) | Network::EfficientNetLite0(_)) => {
                Lie::Seen { width: width as f32 / STRIDE, height: height as f32 / STRIDE, pixel: 1.0 / STRIDE }
            }
        }
    }
}

impl Way {
    /// The usual method for a network, with its usual settings.
    pub(crate) fn usual(arch: Arch) -> Self {
        Self { method: Method::usual(arch), fusion: Fusion::Mean, discard: 0.0, align: Align::default() }
    }

    /// Grad-CAM, of any network.
    #[cfg(test)]
    pub(crate) fn grad_cam() -> Self {
        Self { method: Method::GradCam, fusion: Fusion::Mean, discard: 0.0, align: Align::default() }
    }

    /// # Errors
    /// As [`Method::of`]; or a setting that the method has no use for.
    pub(super) fn of(name: &str, fusion: Fusion, discard: f64, align: Align, arch: Arch) -> Result<Self> {
        let method = Method::of(name, arch)?;
        let useless = |setting: &str, takers: &str| {
            Err(Error::new(format!("`{setting}` is given, but {} has no use for it", method.title()))
                .hint(format!("leave `{setting}` out, or name a method that takes it: {takers}")))
        };
        if discard > 0.0 && !matches!(method, Method::Rollout | Method::GradientRollout) {
            return useless("discard", "rollout, gradient-rollout");
        }
        if fusion != Fusion::Mean && method != Method::Rollout {
            return useless("fusion", "rollout");
        }
        if align == Align::Grid && matches!(method.matter(), Matter::Attention | Matter::AttentionGradient) {
            return useless("align", "grad-cam, grad-cam++, layer-cam, hires-cam, eigen-cam");
        }
        Ok(Self { method, fusion, discard, align })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arch(name: &str) -> Arch {
        Arch::of(name).expect("known")
    }

    #[test]
    fn every_name_is_a_method_of_a_transformer() {
        let of = |name: &&str| {
            Way::of(name, Fusion::Mean, 0.0, Align::default(), arch("vit_tiny_patch16_224")).expect("a method").method
        };
        let methods: Vec<Method> = Method::NAMES[1..].iter().map(of).collect();
        assert_eq!(methods.len(), 8);
        assert!((1..8).all(|at| !methods[at..].contains(&methods[at - 1])), "{methods:?}");
        let labelless: Vec<_> = methods.iter().filter(|method| method.map_per() == MapPer::Photograph).collect();
        assert_eq!(labelless, [&Method::EigenCam, &Method::Rollout]);
    }

    #[test]
    fn auto_is_a_method_that_knows_labels() {
        let auto = |name| Method::of("auto", arch(name)).expect("a method");
        assert_eq!([auto("resnet18"), auto("vit_small_patch14_dinov2")], [Method::GradCam, Method::Chefer]);
    }

    #[test]
    fn a_network_without_attention_is_refused_by_methods_that_follow_it() {
        for name in ["rollout", "gradient-rollout", "chefer"] {
            let error = Method::of(name, arch("efficientnet_lite0")).expect_err("refused");
            assert_eq!(
                error.message,
                format!("`{name}` follows attention, and the model, efficientnet_lite0, has none")
            );
            assert!(error.hint.expect("a way out").contains("grad-cam"));
        }
    }

    #[test]
    fn a_setting_that_a_method_has_no_use_for_is_refused() {
        let aligned = |name: &str, fusion, discard, align| {
            let way = Way::of(name, fusion, discard, align, arch("vit_tiny_patch16_224"));
            way.map(|_| ()).map_err(|error| error.message)
        };
        let of = |name: &str, fusion, discard| aligned(name, fusion, discard, Align::ReceptiveField);
        assert_eq!(of("rollout", Fusion::Max, 0.9), Ok(()));
        assert_eq!(of("gradient-rollout", Fusion::Mean, 0.9), Ok(()));
        let refused = of("gradient-rollout", Fusion::Min, 0.9).expect_err("refused");
        assert_eq!(refused, "`fusion` is given, but gradient rollout has no use for it");
        let refused = of("chefer", Fusion::Mean, 0.1).expect_err("refused");
        assert_eq!(refused, "`discard` is given, but Chefer's relevance has no use for it");
        let refused = aligned("chefer", Fusion::Mean, 0.0, Align::Grid).expect_err("refused");
        assert_eq!(refused, "`align` is given, but Chefer's relevance has no use for it");
        assert_eq!(aligned("eigen-cam", Fusion::Mean, 0.0, Align::Grid), Ok(()));
    }
}
