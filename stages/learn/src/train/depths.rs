//! What depends on where a parameter lies in its network: its learning rate and decay ([`paces`]), and whether it learns
//! at all ([`set_frozen`]).

use crate::models::{Arch, Network};
use crate::optim::Pace;
use crate::weights;
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::Tensor;
use std::vec::IntoIter;

/// The pace of each parameter, in the order in which the network visits them: its learning rate times `decay` to the
/// number of depths above it (timm's and `BEiT`'s layer-wise decay), so that the head has 1. As in timm, the position and
/// class embeddings are spared from weight decay.
pub(super) fn paces(network: &Network, arch: Arch, decay: f64) -> Vec<Pace> {
    let last = arch.depths() - 1;
    let pace = |name: &String| Pace {
        lr_scale: decay.powi((last - arch.depth_of(name)) as i32),
        decays: !["pos_embed", "cls_token"].contains(&name.as_str()),
    };
    weights::names(network).iter().map(pace).collect()
}

/// The network with its first `depths` depths frozen and all others learning; running statistics never learn.
pub(super) fn set_frozen(network: Network, arch: Arch, depths: usize) -> Network {
    let learns = |name: &String| weights::is_learnable(name) && arch.depth_of(name) >= depths;
    let learns: Vec<bool> = weights::names(&network).iter().map(learns).collect();
    network.map(&mut Freeze(learns.into_iter()))
}

struct Freeze(IntoIter<bool>);

impl ModuleMapper for Freeze {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.set_require_grad(self.0.next().expect("as many as the network has"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::Config;
    use burn::tensor::Device;

    #[test]
    fn the_embeddings_of_a_vit_lie_lowest_and_do_not_decay() {
        let arch = Arch::of("vit_tiny_patch16_224").expect("known");
        let network = arch.init(Config { labels: 3, eps: 1e-5, size: 32 }, 1, &Device::flex()).expect("builds");
        let names = weights::names(&network);
        let paces = paces(&network, arch, 0.5);
        let pace = |name: &str| paces[names.iter().position(|other| other == name).expect("a tensor of a ViT")];
        // Twelve blocks lie between the stem and the head.
        let lowest = 0.5f64.powi(13);
        assert_eq!(pace("pos_embed"), Pace { lr_scale: lowest, decays: false });
        assert_eq!(pace("cls_token"), Pace { lr_scale: lowest, decays: false });
        assert_eq!(pace("patch_embed.proj.weight"), Pace { lr_scale: lowest, decays: true });
        assert_eq!(pace("blocks.0.attn.qkv.weight"), Pace { lr_scale: 0.5f64.powi(12), decays: true });
        assert_eq!(pace("head.weight"), Pace { lr_scale: 1.0, decays: true });
    }
}
