//! What a network computes on a CPU, fused, forwards and backwards, on plain slices: [`Chain`] is a convolutional network's
//! residual block in `[n, channels, height, width]`, [`Layer`] a transformer's block in `[n, tokens, width]`.
//!
//! The number of threads is rayon's. No result depends on it, bit for bit: photographs are worked on in groups that the
//! shapes alone make, and what groups found is added up in their order.

mod chain;
mod dense;
mod depthwise;
mod flow;
mod lanes;
mod lines;
mod maximum;
mod memory;
mod norm;
mod points;
mod pointwise;
pub mod pool;
mod product;
mod shape;
#[cfg(test)]
mod tests;
mod tokens;
mod transformer;
mod winograd;

pub use chain::{Chain, Gradients, Input, Shortcut, Trace, Unit, Weights};
pub use maximum::MaxPool;
pub use memory::Keep;
pub use norm::{Act, Statistics};
pub use shape::{Conv, Reach};
pub use transformer::{Affine, AffineGradients, Layer, LayerGradients, LayerTrace, LayerWeights};

use plantpipe_stage::{Code, code};

/// The sources that a network's numbers depend on.
pub const CODE: Code = code!(
    "kernels",
    "chain.rs",
    "dense.rs",
    "depthwise.rs",
    "flow.rs",
    "lanes.rs",
    "lib.rs",
    "lines.rs",
    "maximum.rs",
    "memory.rs",
    "norm.rs",
    "points.rs",
    "pointwise.rs",
    "pool.rs",
    "product.rs",
    "shape.rs",
    "tokens.rs",
    "transformer.rs",
    "winograd.rs",
);
