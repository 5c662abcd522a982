//! The data: [`SAMPLE`] draws it, [`ANALYZE`] looks at it, [`RESIZE`], [`ENCODE`] and [`PACK`] make it ready for
//! training. No tensor here.

mod dataset;
mod encode;
mod pack;
mod resize;

pub use encode::{ENCODE, EncodeParams};
pub use pack::{PACK, PackParams};
pub use resize::{RESIZE, ResizeParams};

use plantpipe_stage::Kind;

/// Every kind of this crate.
pub const KINDS: &[&Kind] = &[&RESIZE, &ENCODE, &PACK];
