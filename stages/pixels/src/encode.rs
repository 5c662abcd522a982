//! From pixels to files: [`encode_jpeg`] for photographs, [`encode_png`] for panels and [`encode_grey_png`] for masks.

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, GrayImage, ImageEncoder, RgbImage};
use plantpipe_stage::{Error, Result};

/// A baseline JPEG of `quality` 1 to 100 (libjpeg's scale); full colour resolution from 90 on, a quarter below.
///
/// # Errors
/// A side of 0 or over 65535 pixels.
pub fn encode_jpeg(image: &RgbImage, quality: u8) -> Result<Vec<u8>> {
    let side = |pixels: u32| {
        u16::try_from(pixels).map_err(|_| Error::new(format!("a JPEG's side is at most 65535 pixels, not {pixels}")))
    };
    let mut bytes = Vec::new();
    jpeg_encoder::Encoder::new(&mut bytes, quality)
        .encode(image.as_raw(), side(image.width())?, side(image.height())?, jpeg_encoder::ColorType::Rgb)
        .map_err(|error| Error::new(format!("cannot encode a JPEG: {error}")))?;
    Ok(bytes)
}

/// An 8-bit RGB PNG.
///
/// # Errors
/// A side of 0 pixels.
pub fn encode_png(image: &RgbImage) -> Result<Vec<u8>> {
    png(image.as_raw(), image.dimensions(), ExtendedColorType::Rgb8)
}

/// An 8-bit grey PNG.
///
/// # Errors
/// A side of 0 pixels.
pub fn encode_grey_png(image: &GrayImage) -> Result<Vec<u8>> {
    png(image.as_raw(), image.dimensions(), ExtendedColorType::L8)
}

fn png(raw: &[u8], (width, height): (u32, u32), color: ExtendedColorType) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::Adaptive)
        .write_image(raw, width, height, color)
        .map_err(|error| Error::new(format!("cannot encode a PNG: {error}")))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode;
    use image::{Luma, Rgb};
    use std::path::Path;

    #[test]
    fn a_png_gives_its_pixels_back() {
        let image = RgbImage::from_fn(5, 3, |x, y| Rgb([x as u8, y as u8, (x * y) as u8]));
        assert_eq!(decode(&encode_png(&image).expect("encodes"), Path::new("p")).expect("decodes"), image);
        let mask = GrayImage::from_fn(4, 2, |x, _| Luma([if x < 2 { 0 } else { 255 }]));
        let back = decode(&encode_grey_png(&mask).expect("encodes"), Path::new("p")).expect("decodes");
        assert_eq!((back.get_pixel(1, 1).0, back.get_pixel(2, 1).0), ([0; 3], [255; 3]));
    }

    #[test]
    fn a_side_that_no_jpeg_can_have_is_refused() {
        let error = encode_jpeg(&RgbImage::new(65536, 1), 90).expect_err("refused");
        assert_eq!(error.message, "a JPEG's side is at most 65535 pixels, not 65536");
        assert!(encode_jpeg(&RgbImage::new(0, 4), 90).is_err());
    }
}
