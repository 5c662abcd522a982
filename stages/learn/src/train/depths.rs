//! What depends on how deep a parameter lies in its network: its learning rate ([`scales`]), and whether it learns at
//! all ([`set_frozen`]).

use crate::models::{Arch, Network};
use crate::weights;
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::Tensor;
use std::vec::IntoIter;

/// The factor on each parameter's learning rate, in the order in which the network visits them: `decay` to the number of
/// depths above it (timm's and `BEiT`'s layer-wise decay), so that the head has 1.
pub(super) fn scales(network: &Network, arch: Arch, decay: f64) -> Vec<f64> {
    let last = arch.depths() - 1;
    weights::names(network).iter().map(|name| decay.powi((last - arch.depth_of(name)) as i32)).collect()
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
