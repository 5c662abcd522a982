//! What a convolutional network computes on a CPU, fused: [`Chain`] is a residual block, forwards and backwards, on plain
//! slices in `[n, channels, height, width]`.
//!
//! The number of threads is rayon's. No result depends on it, bit for bit: photographs are worked on in groups that the
//! shapes alone make, and what groups found is added up in their order.

mod chain;
mod dense;
mod depthwise;
mod flow;
mod lines;
mod norm;
mod pointwise;
pub mod pool;
mod product;
mod shape;
#[cfg(test)]
mod tests;

pub use chain::{Chain, Gradients, Input, Shortcut, Trace, Unit, Weights};
pub use norm::{Act, Statistics};
pub use shape::{Conv, Reach};

use plantpipe_stage::{Code, code};

/// The sources that a network's numbers depend on.
pub const CODE: Code = code!(
    "kernels",
    "chain.rs",
    "dense.rs",
    "depthwise.rs",
    "flow.rs",
    "lib.rs",
    "lines.rs",
    "norm.rs",
    "pointwise.rs",
    "pool.rs",
    "product.rs",
    "shape.rs",
);
