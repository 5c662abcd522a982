//! The data: [`SAMPLE`] draws it, [`ANALYZE`] looks at it, [`RESIZE`], [`ENCODE`] and [`PACK`] make it ready for
//! training. No tensor here.

mod analyze;
mod dataset;
mod encode;
mod look;
mod pack;
mod resize;
mod sample;
#[cfg(test)]
mod tests;

pub use analyze::{ANALYZE, AnalyzeParams};
pub use encode::{ENCODE, EncodeParams};
pub use look::LOOK;
pub use pack::{PACK, PackParams};
pub use resize::{RESIZE, ResizeParams};
pub use sample::{SAMPLE, SampleParams};

use plantpipe_stage::Kind;

/// Every kind of this crate.
pub const KINDS: &[&Kind] = &[&SAMPLE, &ANALYZE, &RESIZE, &ENCODE, &PACK];
