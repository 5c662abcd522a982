//! One path for pixels, used by every stage that touches a photograph, so that training and prediction never differ:
//! [`decode()`], [`resize()`], [`crop_resize`], [`to_chw`], [`encode_jpeg`], and what pictures for people need ([`text`],
//! [`palette`]).

mod blur;
mod decode;
mod encode;
mod huffman;
mod jpeg;
pub mod palette;
mod photo;
pub mod pillow;
mod ppm;
mod prepare;
mod reduced;
mod resize;
mod scan;
mod segments;
mod tensor;
pub mod text;

pub use blur::blur;
pub use decode::{decode, dimensions};
pub use encode::{encode_grey_png, encode_jpeg, encode_png};
pub use image::{GrayImage, ImageBuffer, Rgb, RgbImage};
pub use palette::overlay;
pub use photo::{Photo, Pixels, held, photo};
pub use ppm::{encode_ppm, ppm_length, view_ppm};
pub use prepare::{prepare, square};
pub use resize::{crop_resize, resize};
pub use tensor::to_chw;

use plantpipe_stage::{Code, code};

/// The sources that a photograph's pixels depend on; a kind that touches pixels lists it.
pub const CODE: Code = code!(
    "pixels",
    "decode.rs",
    "encode.rs",
    "huffman.rs",
    "jpeg/bits.rs",
    "jpeg/blocks.rs",
    "jpeg/codes.rs",
    "jpeg/colour.rs",
    "jpeg/header.rs",
    "jpeg/mod.rs",
    "jpeg/scan.rs",
    "jpeg/transform.rs",
    "jpeg/vectors.rs",
    "photo.rs",
    "pillow.rs",
    "ppm.rs",
    "prepare.rs",
    "reduced.rs",
    "resize.rs",
    "scan.rs",
    "segments.rs",
    "tensor.rs"
);

/// The sources that blurred photographs depend on besides.
pub const BLUR: Code = code!("pixels", "blur.rs");

/// The sources that pictures for people depend on besides; a kind that draws panels or charts lists it.
pub const DRAWING: Code = code!("pixels", "palette.rs", "text.rs");

/// The crates whose locked versions a photograph's pixels depend on.
pub const CRATES: &[&str] = &[
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

#[cfg(test)]
mod tests {
    #[test]
    fn every_source_file_is_listed_as_code() {
        let listed: Vec<&str> =
            [super::CODE, super::BLUR, super::DRAWING].iter().flat_map(|c| c.files).map(|f| f.name).collect();
        let src = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        for folder in ["", "jpeg/"] {
            for entry in std::fs::read_dir(src.join(folder)).expect("src").map(|entry| entry.expect("entry")) {
                let name = format!("{folder}{}", entry.file_name().into_string().expect("utf-8"));
                let whole = entry.path().is_dir()
                    || ["lib.rs", "jpeg/tests.rs"].contains(&name.as_str())
                    || listed.contains(&name.as_str());
                assert!(whole, "{name} is listed by no Code");
            }
        }
    }
}
