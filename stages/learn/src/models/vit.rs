//! Vision transformers (Dosovitskiy et al. 2021) exactly as timm builds `vit_*_patch16_224` and, with layer scale,
//! `vit_small_patch14_dinov2`: [`Vit`]; learnt position embeddings, norm first, the class token pooled.

use super::activation::{Activation, Beside};
use super::fused::{Parts, layer};
use super::init::Init;
use super::layers::{LayerNorm, Linear};
use super::norm::Phase;
use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::activation::{gelu, softmax};

/// Which of the `ViTs`.
#[derive(Debug, Clone, Copy)]
pub(super) struct VitShape {
    /// Side of a patch, pixels.
    pub(super) patch: usize,
    /// Channels of a token.
    pub(super) width: usize,
    /// Blocks.
    pub(super) depth: usize,
    pub(super) heads: usize,
    /// Each branch times a learnt vector that begins as this (`DINOv2`), or not.
    pub(super) layer_scale: Option<f32>,
}

/// What an attention becomes before it is used: the identity, but for those who look.
pub(crate) type See<'a> = &'a mut dyn FnMut(usize, Tensor<4>) -> Tensor<4>;

/// Patches and a class token, blocks of attention and MLP, a last norm, and the head `head`.
#[derive(Module, Debug)]
pub(crate) struct Vit {
    /// `[1, 1, width]`.
    cls_token: Param<Tensor<3>>,
    /// `[1, 1 + patches, width]`, the class token's first.
    pos_embed: Param<Tensor<3>>,
    patch_embed: PatchEmbed,
    blocks: Vec<Block>,
    norm: LayerNorm,
    pub(super) head: Linear,
}

impl Vit {
    /// For photographs of `size` x `size`, a multiple of the patch. First weights as timm draws them.
    pub(super) fn new(init: &mut Init, shape: &VitShape, labels: usize, size: usize) -> Self {
        let side = size / shape.patch;
        Self {
            cls_token: init.normal([1, 1, shape.width], 1e-6),
            pos_embed: init.normal([1, 1 + side * side, shape.width], 0.02),
            patch_embed: PatchEmbed { proj: Patches::new(init, shape.width, shape.patch) },
            blocks: (0..shape.depth).map(|_| Block::new(init, shape)).collect(),
            norm: LayerNorm::new(init, shape.width),
            head: Linear::normal(init, shape.width, labels),
        }
    }

    /// `[n, 3, size, size]` -> the normed class token, `[n, width]`.
    pub(super) fn pooled(&self, x: Tensor<4>, phase: Phase) -> Tensor<2> {
        let tokens = self.blocks.iter().fold(self.embed(x, phase), |x, block| block.forward(x, phase));
        self.pool(tokens)
    }

    /// The same, where `see` gets each block's number and attention `[n, heads, tokens, tokens]`, after the softmax, and
    /// gives what is used.
    pub(super) fn pooled_seen(&self, x: Tensor<4>, phase: Phase, see: See) -> Tensor<2> {
        let tokens = self.blocks.iter().enumerate().fold(self.embed(x, phase), |x, (at, block)| {
            let normed = block.norm1.forward(x.clone());
            block.rest(x, normed, phase, &mut |attention| see(at, attention))
        });
        self.pool(tokens)
    }

    /// `[n, 3, size, size]` -> the activation of the last block's first norm.
    pub(super) fn activation(&self, x: Tensor<4>, phase: Phase) -> Activation {
        let (last, before) = self.blocks.split_last().expect("a ViT has blocks");
        let tokens = before.iter().fold(self.embed(x, phase), |x, block| block.forward(x, phase));
        let normed = last.norm1.forward(tokens.clone());
        let [n, count, width] = normed.dims();
        let side = (count - 1).isqrt();
        let patches = normed.clone().narrow(1, 1, count - 1);
        let spatial = patches.swap_dims(1, 2).reshape([n, width, side, side]);
        Activation { spatial, beside: Some(Beside { class: normed.narrow(1, 0, 1), tokens }) }
    }

    /// From that activation to the normed class token, `[n, width]`.
    pub(super) fn pooled_from(&self, activation: Activation, phase: Phase) -> Tensor<2> {
        let Activation { spatial, beside } = activation;
        let Beside { class, tokens } = beside.expect("a ViT's activation has a class token");
        let [n, width, h, w] = spatial.dims();
        let normed = Tensor::cat(vec![class, spatial.reshape([n, width, h * w]).swap_dims(1, 2)], 1);
        let last = self.blocks.last().expect("a ViT has blocks");
        self.pool(last.rest(tokens, normed, phase, &mut |attention| attention))
    }

    /// `[n, 3, size, size]` -> tokens with their positions, `[n, 1 + patches, width]`.
    fn embed(&self, x: Tensor<4>, phase: Phase) -> Tensor<3> {
        let patches = self.patch_embed.proj.forward(x, phase);
        let [n, _, width] = patches.dims();
        Tensor::cat(vec![self.cls_token.val().expand([n, 1, width]), patches], 1) + self.pos_embed.val()
    }

    /// `[n, tokens, width]` -> `[n, width]`.
    fn pool(&self, tokens: Tensor<3>) -> Tensor<2> {
        let [n, _, width] = tokens.dims();
        self.norm.forward(tokens.narrow(1, 0, 1)).reshape([n, width])
    }
}

#[derive(Module, Debug)]
struct PatchEmbed {
    proj: Patches,
}

/// A convolution whose stride is its kernel, computed as a product.
#[derive(Module, Debug)]
struct Patches {
    /// `[width, 3, patch, patch]`.
    weight: Param<Tensor<4>>,
    /// `[width]`.
    bias: Param<Tensor<1>>,
}

impl Patches {
    fn new(init: &mut Init, width: usize, patch: usize) -> Self {
        let bound = 1.0 / ((3 * patch * patch) as f64).sqrt();
        Self { weight: init.uniform([width, 3, patch, patch], bound), bias: init.uniform([width], bound) }
    }

    /// `[n, 3, h, w]` -> `[n, h / patch * w / patch, width]`, row by row.
    fn forward(&self, x: Tensor<4>, phase: Phase) -> Tensor<3> {
        let [width, channels, patch, _] = self.weight.dims();
        let [n, _, h, w] = x.dims();
        let (rows, columns) = (h / patch, w / patch);
        let patches = x.reshape([n, channels, rows, patch, columns, patch]).permute([0, 2, 4, 1, 3, 5]).reshape([
            n,
            rows * columns,
            channels * patch * patch,
        ]);
        let weight = self.weight.val().reshape([width, channels * patch * patch]);
        Linear::apply(patches, weight, self.bias.val(), phase)
    }
}

/// x + ls1(attn(norm1(x))), and of that x + ls2(mlp(norm2(x))).
#[derive(Module, Debug)]
struct Block {
    norm1: LayerNorm,
    attn: Attention,
    ls1: Option<LayerScale>,
    norm2: LayerNorm,
    mlp: Mlp,
    ls2: Option<LayerScale>,
}

impl Block {
    fn new(init: &mut Init, shape: &VitShape) -> Self {
        let width = shape.width;
        let scale = |init: &Init| shape.layer_scale.map(|gamma| LayerScale { gamma: init.constant(width, gamma) });
        Self {
            norm1: LayerNorm::new(init, width),
            attn: Attention {
                qkv: Linear::normal(init, width, 3 * width),
                proj: Linear::normal(init, width, width),
                heads: shape.heads,
            },
            ls1: scale(init),
            norm2: LayerNorm::new(init, width),
            mlp: Mlp { fc1: Linear::normal(init, width, 4 * width), fc2: Linear::normal(init, 4 * width, width) },
            ls2: scale(init),
        }
    }

    /// Tokens `[n, tokens, width]` to tokens: by the CPU's own kernel where it can, else by Burn's operations.
    fn forward(&self, x: Tensor<3>, phase: Phase) -> Tensor<3> {
        let Self { norm1, attn, ls1, norm2, mlp, ls2 } = self;
        let parts = Parts {
            norms: [norm1.parameters(), norm2.parameters()],
            linear: [&attn.qkv, &attn.proj, &mlp.fc1, &mlp.fc2].map(Linear::parameters),
            scales: ls1.as_ref().zip(ls2.as_ref()).map(|(ls1, ls2)| [ls1.gamma.val(), ls2.gamma.val()]),
            heads: attn.heads,
            eps: LayerNorm::EPS,
        };
        layer(&x, &parts).unwrap_or_else(|| {
            let normed = norm1.forward(x.clone());
            self.rest(x, normed, phase, &mut |attention| attention)
        })
    }

    /// All of the block after its first norm: tokens, and tokens normed, `[n, tokens, width]` both, to tokens.
    fn rest(
        &self,
        x: Tensor<3>,
        normed: Tensor<3>,
        phase: Phase,
        see: &mut dyn FnMut(Tensor<4>) -> Tensor<4>,
    ) -> Tensor<3> {
        let x = x + scaled(self.attn.forward(normed, phase, see), self.ls1.as_ref());
        let branch = self.mlp.forward(self.norm2.forward(x.clone()), phase);
        x + scaled(branch, self.ls2.as_ref())
    }
}

/// A learnt factor a channel.
#[derive(Module, Debug)]
struct LayerScale {
    gamma: Param<Tensor<1>>,
}

fn scaled(x: Tensor<3>, scale: Option<&LayerScale>) -> Tensor<3> {
    match scale {
        Some(scale) => x * scale.gamma.val().unsqueeze(),
        None => x,
    }
}

/// Multi-head self-attention, queries, keys and values of one product.
#[derive(Module, Debug)]
struct Attention {
    qkv: Linear,
    proj: Linear,
    #[module(skip)]
    heads: usize,
}

impl Attention {
    /// `[n, tokens, width]`, same shape out.
    fn forward(&self, x: Tensor<3>, phase: Phase, see: &mut dyn FnMut(Tensor<4>) -> Tensor<4>) -> Tensor<3> {
        let [n, tokens, width] = x.dims();
        let depth = width / self.heads;
        let qkv = self.qkv.forward_tokens(x, phase); // [n, tokens, 3 x width]
        let part = |at: usize| {
            let part = qkv.clone().narrow(2, at * width, width);
            part.reshape([n, tokens, self.heads, depth]).swap_dims(1, 2) // [n, heads, tokens, depth]
        };
        let queries = part(0) * (depth as f64).powf(-0.5);
        let attention = see(softmax(queries.matmul(part(1).swap_dims(2, 3)), 3)); // [n, heads, tokens, tokens]
        let mixed = attention.matmul(part(2)).swap_dims(1, 2).reshape([n, tokens, width]);
        self.proj.forward_tokens(mixed, phase)
    }
}

/// Two products with a `GELU` (by erf) between.
#[derive(Module, Debug)]
struct Mlp {
    fc1: Linear,
    fc2: Linear,
}

impl Mlp {
    /// `[n, tokens, width]`, same shape out.
    fn forward(&self, x: Tensor<3>, phase: Phase) -> Tensor<3> {
        self.fc2.forward_tokens(gelu(self.fc1.forward_tokens(x, phase)), phase)
    }
}
