//! From a photograph's file to the file that is packed and learnt from: [`prepare`], one path for `resize` and for
//! photographs asked about later.

use crate::decode::is_upright_jpeg;
use crate::segments::without_metadata;
use crate::{crop_resize, decode, encode_jpeg, reduced};
use image::RgbImage;
use plantpipe_stage::format::{Fit, ImagesCard};
use plantpipe_stage::{Error, Result};
use std::path::Path;

/// The photograph as a JPEG of `card.size` pixels square, fitted as `card.fit` says and encoded at `card.quality`.
///
/// The coded data of an upright colour JPEG that already has this size pass through untouched; grey and CMYK ones and
/// other formats are encoded as RGB. A baseline JPEG that is much larger is decoded smaller than it is ([`reduced`]). No
/// metadata are carried over, be it EXIF (place and time), XMP, comments or colour profiles: pixels count as sRGB. A JPEG of
/// this size without metadata passes through byte for byte.
///
/// # Errors
/// Bytes that are no photograph, or a damaged one; `path_for_errors` is named.
pub fn prepare(mut bytes: Vec<u8>, card: &ImagesCard, path_for_errors: &Path) -> Result<Vec<u8>> {
    if let Some(square) = reduced::square(&bytes, card.size, card.fit, path_for_errors)? {
        return encode_jpeg(&square, card.quality);
    }
    // Decoded even when it passes through: a damaged photograph is refused here, by its own path.
    let image = decode(&bytes, path_for_errors)?;
    bytes = if image.dimensions() == (card.size, card.size) && is_upright_jpeg(&bytes) {
        without_metadata(&bytes).map_err(|why| Error::at(path_for_errors, why))?
    } else {
        encode_jpeg(&square(&image, card.size, card.fit), card.quality)?
    };
    Ok(bytes)
}

/// The photograph fitted into a square of `size` pixels.
///
/// # Panics
/// When a side is 0.
#[must_use]
pub fn square(image: &RgbImage, size: u32, fit: Fit) -> RgbImage {
    let Fitted { inside: [x, y, w, h], made } = Fitted::new(image.width(), image.height(), size, fit);
    padded(crop_resize(image, x as f32, y as f32, w as f32, h as f32, made.0, made.1), size)
}

/// What becomes of a photograph of some size in a square of another.
pub(crate) struct Fitted {
    /// The part of it that is seen: left, top, width and height.
    pub inside: [u32; 4],
    /// The width and height that this part gets.
    pub made: (u32, u32),
}

impl Fitted {
    pub(crate) fn new(width: u32, height: u32, size: u32, fit: Fit) -> Self {
        let whole = [0, 0, width, height];
        match fit {
            Fit::Squash => Self { inside: whole, made: (size, size) },
            Fit::Crop => {
                let side = width.min(height);
                // Whole pixels, so that a photograph already `size` high or wide is cut and not blurred.
                Self { inside: [(width - side) / 2, (height - side) / 2, side, side], made: (size, size) }
            }
            Fit::Pad => {
                let long = u64::from(width.max(height));
                let scaled = |side: u32| (((u64::from(side) * u64::from(size) + long / 2) / long) as u32).max(1);
                Self { inside: whole, made: (scaled(width), scaled(height)) }
            }
        }
    }
}

/// In the middle of a square of `size` pixels, between black bars.
pub(crate) fn padded(image: RgbImage, size: u32) -> RgbImage {
    if image.dimensions() == (size, size) {
        return image;
    }
    let (x, y) = ((size - image.width()) / 2, (size - image.height()) / 2);
    let mut square = RgbImage::new(size, size);
    image::imageops::replace(&mut square, &image, i64::from(x), i64::from(y));
    square
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode_png;
    use image::Rgb;
    use plantpipe_stage::format::JsonFormat;

    const RED: [u8; 3] = [255, 0, 0];
    const GREEN: [u8; 3] = [0, 255, 0];
    const BLUE: [u8; 3] = [0, 0, 255];
    const BLACK: [u8; 3] = [0; 3];

    fn card(size: u32, fit: Fit) -> ImagesCard {
        ImagesCard { schema: ImagesCard::SCHEMA, size, fit, quality: 95 }
    }

    /// Red, green and blue thirds, side by side or one above another.
    fn thirds(width: u32, height: u32) -> RgbImage {
        let color = |at, side| [RED, GREEN, BLUE][(at * 3 / side) as usize];
        RgbImage::from_fn(width, height, |x, y| Rgb(if width > height { color(x, width) } else { color(y, height) }))
    }

    fn at(image: &RgbImage, places: [(u32, u32); 3]) -> [[u8; 3]; 3] {
        places.map(|(x, y)| image.get_pixel(x, y).0)
    }

    #[test]
    fn squash_keeps_the_whole_photograph_and_scales_its_sides_apart() {
        assert_eq!(at(&square(&thirds(90, 30), 30, Fit::Squash), [(2, 15), (15, 2), (27, 15)]), [RED, GREEN, BLUE]);
        assert_eq!(at(&square(&thirds(30, 90), 30, Fit::Squash), [(15, 2), (2, 15), (15, 27)]), [RED, GREEN, BLUE]);
    }

    #[test]
    fn crop_takes_the_largest_centred_square() {
        for image in [thirds(90, 30), thirds(30, 90)] {
            assert!(square(&image, 30, Fit::Crop).pixels().all(|pixel| pixel.0 == GREEN));
            assert!(square(&image, 10, Fit::Crop).pixels().skip(10 * 4).take(10).all(|pixel| pixel.0[1] > 200));
        }
        // 7 wide, 4 high: columns 1 to 4, pixel for pixel.
        let image = RgbImage::from_fn(7, 4, |x, y| Rgb([x as u8 * 30, y as u8 * 60, 0]));
        let cropped = square(&image, 4, Fit::Crop);
        assert!(cropped.enumerate_pixels().all(|(x, y, pixel)| pixel == image.get_pixel(x + 1, y)));
    }

    #[test]
    fn pad_keeps_the_whole_photograph_and_its_shape_between_black_bars() {
        let wide = square(&thirds(90, 30), 30, Fit::Pad);
        assert_eq!(at(&wide, [(2, 15), (15, 15), (27, 15)]), [RED, GREEN, BLUE]);
        assert_eq!(at(&wide, [(2, 9), (15, 20), (27, 0)]), [BLACK; 3]);
        assert!((10..20).all(|y| wide.get_pixel(2, y).0 == RED));
        let high = square(&thirds(30, 90), 30, Fit::Pad);
        assert_eq!(at(&high, [(10, 2), (15, 15), (19, 27)]), [RED, GREEN, BLUE]);
        assert_eq!(at(&high, [(9, 2), (20, 15), (0, 27)]), [BLACK; 3]);
    }

    #[test]
    fn the_thinnest_photograph_has_a_place_in_every_fit() {
        for (fit, (width, height)) in [Fit::Squash, Fit::Crop, Fit::Pad].map(|fit| (fit, (2000, 1))) {
            for (w, h) in [(width, height), (height, width)] {
                assert_eq!(square(&RgbImage::new(w, h), 8, fit).dimensions(), (8, 8));
            }
        }
    }

    #[test]
    fn a_square_photograph_is_the_same_in_every_fit() {
        let png = encode_png(&RgbImage::from_fn(40, 40, |x, y| Rgb([x as u8, y as u8, 9]))).expect("encodes");
        let [squash, crop, pad] = [Fit::Squash, Fit::Crop, Fit::Pad]
            .map(|fit| prepare(png.clone(), &card(16, fit), Path::new("leaf.png")).expect("prepares"));
        assert!(squash == crop && crop == pad);
    }

    #[test]
    fn coded_data_at_size_pass_through_and_metadata_do_not() {
        // Of a quality of its own, so that encoding it again would change its bytes.
        let plain = encode_jpeg(&thirds(24, 24), 60).expect("encodes");
        let run = |bytes: Vec<u8>| prepare(bytes, &card(24, Fit::Squash), Path::new("leaf.jpg")).expect("prepares");
        assert_eq!(run(plain.clone()), plain);
        for secret in SECRETS {
            assert_eq!(run([&plain[..2], secret, &plain[2..]].concat()), plain);
        }
        assert_eq!(run([&plain[..2], &exif(1), &plain[2..]].concat()), plain);
    }

    #[test]
    fn no_path_copies_metadata() {
        // At size and turned; of another size; of another format.
        let small = encode_jpeg(&thirds(24, 24), 60).expect("encodes");
        let large = encode_jpeg(&thirds(48, 40), 60).expect("encodes");
        let secrets: Vec<u8> = SECRETS.concat();
        let turned = [&small[..2], &exif(6), &secrets, &small[2..]].concat();
        let other = [&large[..2], &secrets, &large[2..]].concat();
        let png = include_bytes!("../tests/fixtures/metadata.png").to_vec();
        let webp = include_bytes!("../tests/fixtures/metadata.webp").to_vec();
        for (bytes, marks) in [(turned, 3), (other, 3), (png, 3), (webp, 2)] {
            let count = |bytes: &[u8]| bytes.windows(6).filter(|window| *window == b"SECRET").count();
            assert_eq!(count(&bytes), marks);
            for fit in [Fit::Squash, Fit::Crop, Fit::Pad] {
                let made = prepare(bytes.clone(), &card(24, fit), Path::new("leaf")).expect("prepares");
                assert_eq!(count(&made), 0);
                assert_eq!(without_metadata(&made).expect("a jpeg"), made);
            }
        }
    }

    #[test]
    fn a_grey_jpeg_at_size_is_encoded_as_colour() {
        let mut grey = Vec::new();
        jpeg_encoder::Encoder::new(&mut grey, 95)
            .encode(&[77; 24 * 24], 24, 24, jpeg_encoder::ColorType::Luma)
            .expect("encodes");
        let made = prepare(grey, &card(24, Fit::Squash), Path::new("grey.jpg")).expect("prepares");
        assert!(is_upright_jpeg(&made));
        assert_eq!(decode(&made, Path::new("grey.jpg")).expect("decodes").get_pixel(5, 5).0, [77; 3]);
    }

    /// A place in EXIF (tag `GPSAreaInformation`), an XMP block and a comment, as segments.
    const SECRETS: [&[u8]; 3] = [
        b"\xFF\xE1\0\x40Exif\0\0II*\0\x08\0\0\0\x01\0\x25\x88\x04\0\x01\0\0\0\x1A\0\0\0\0\0\0\0\x01\0\x1C\0\x07\0\x06\0\0\0\x2C\0\0\0\0\0\0\0SECRET\0\0\0\0\0\0",
        b"\xFF\xE1\0\x25http://ns.adobe.com/xap/1.0/\0SECRET",
        b"\xFF\xFE\0\x08SECRET",
    ];

    fn exif(orientation: u8) -> Vec<u8> {
        let mut exif = b"\xFF\xE1\0\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
        exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
        exif
    }
}
