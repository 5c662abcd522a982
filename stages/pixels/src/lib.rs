//! One path for pixels, used by every stage that touches a photograph, so that training and prediction never differ:
//! [`decode()`], [`resize()`], [`crop_resize`], [`to_chw`], [`encode_jpeg`], and what pictures for people need ([`text`],
//! [`palette`]).

mod blur;
mod decode;
mod encode;
mod huffman;
pub mod palette;
pub mod pillow;
mod prepare;
mod resize;
mod scan;
mod segments;
mod tensor;
pub mod text;

pub use blur::blur;
pub use decode::{decode, dimensions};
pub use encode::{encode_grey_png, encode_jpeg, encode_png};
pub use image::{GrayImage, Rgb, RgbImage};
pub use palette::overlay;
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
    "pillow.rs",
    "prepare.rs",
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
pub const CRATES: &[&str] =
    &["fast_image_resize", "flate2", "image", "image-webp", "jpeg-encoder", "png", "zlib-rs", "zune-jpeg"];

#[cfg(test)]
mod tests {
    #[test]
    fn every_source_file_is_listed_as_code() {
        let listed: Vec<&str> =
            [super::CODE, super::BLUR, super::DRAWING].iter().flat_map(|c| c.files).map(|f| f.name).collect();
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        for entry in std::fs::read_dir(folder).expect("src") {
            let name = entry.expect("entry").file_name().into_string().expect("utf-8");
            assert!(name == "lib.rs" || listed.contains(&name.as_str()), "{name} is listed by no Code");
        }
    }
}
