//! Where class activation maps look: [`Activation`], the last spatial one of a network.

use burn::tensor::{Int, Tensor};

/// The last spatial activation of some photographs, and what else the rest of the network needs.
#[derive(Debug, Clone)]
pub(crate) struct Activation {
    /// `[n, width, h, w]`. Of a CNN: what the spatial mean is taken of. Of a `ViT`: the output of the last block's first
    /// norm (pytorch-grad-cam's `blocks[-1].norm1`) as an image, without the class token.
    pub(crate) spatial: Tensor<4>,
    pub(super) beside: Option<Beside>,
}

/// What lies beside a `ViT`'s spatial activation.
#[derive(Debug, Clone)]
pub(super) struct Beside {
    /// The class token of the norm's output, `[n, 1, width]`.
    pub(super) class: Tensor<3>,
    /// The norm's input, to which the block adds, `[n, 1 + h w, width]`.
    pub(super) tokens: Tensor<3>,
}

impl Activation {
    /// A CNN's.
    pub(crate) fn of(spatial: Tensor<4>) -> Self {
        Self { spatial, beside: None }
    }

    /// Some photographs' of it, in this order, each as often as it is named.
    pub(crate) fn select(self, rows: Tensor<1, Int>) -> Self {
        let beside = self.beside.map(|beside| Beside {
            class: beside.class.select(0, rows.clone()),
            tokens: beside.tokens.select(0, rows.clone()),
        });
        Self { spatial: self.spatial.select(0, rows), beside }
    }

    /// The same on the autodiff device, from a plain one, with `spatial` a leaf whose gradient can be asked for after
    /// [`super::Network::tail`].
    pub(crate) fn leaf(self) -> Self {
        let beside = self.beside.map(|beside| Beside {
            class: Tensor::from_inner(beside.class),
            tokens: Tensor::from_inner(beside.tokens),
        });
        Self { spatial: Tensor::<4>::from_inner(self.spatial).require_grad(), beside }
    }
}
