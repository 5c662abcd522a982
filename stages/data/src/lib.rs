//! The data: [`SAMPLE`] draws it, [`ANALYZE`] looks at it, [`DEDUP`] finds near-duplicates in it,
//! [`SPLIT`] divides it, [`RESIZE`], [`ENCODE`] and [`PACK`] make it ready for
//! training. No tensor here.

mod analyze;
mod dataset;
mod dedup;
mod encode;
mod look;
mod pack;
mod resize;
mod sample;
mod split;
#[cfg(test)]
mod tests;

pub use analyze::{ANALYZE, AnalyzeParams};
pub use dedup::{DEDUP, DedupParams};
pub use encode::{ENCODE, EncodeParams};
pub use look::LOOK;
pub use pack::{PACK, PackParams};
pub use resize::{RESIZE, ResizeParams};
pub use sample::{SAMPLE, SampleParams};
pub use split::{SPLIT, SplitParams};

use plantpipe_stage::Kind;

/// The crates whose locked versions a kind depends on that reads tables and draws photographs with captions.
const DRAWING_CRATES: &[&str] = &[
    "ab_glyph",
    "csv",
    "epaint_default_fonts",
    "fast_image_resize",
    "flate2",
    "image",
    "image-webp",
    "jpeg-encoder",
    "memchr",
    "png",
    "pulp",
    "zlib-rs",
    "zune-jpeg",
];

/// Every kind of this crate.
pub const KINDS: &[&Kind] = &[&SAMPLE, &ANALYZE, &DEDUP, &SPLIT, &RESIZE, &ENCODE, &PACK];
