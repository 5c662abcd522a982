//! From the bytes of a photograph to an upright 8-bit RGB image, strictly: [`decode`].
//!
//! Decoders fill what is missing of a broken file with grey or black and say nothing. Here a file that does not hold
//! all of its pixels is an error.

use crate::jpeg::{self, Reduced, Scale};
use crate::ppm::view_ppm;
use crate::{scan, segments};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, RgbImage};
use plantpipe_stage::{Error, Result};
use std::io::Cursor;
use std::path::Path;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Decodes a JPEG, PNG or WebP, or a PPM as [`crate::encode_ppm`] makes it; which of them it is, its first bytes say. EXIF orientation is applied; grey, 16-bit and
/// transparent pictures become 8-bit RGB (alpha is dropped, not blended).
///
/// # Errors
/// Bytes that are empty, of another format, or truncated or damaged; `path_for_errors` is named.
pub fn decode(bytes: &[u8], path_for_errors: &Path) -> Result<RgbImage> {
    if let Some(((width, height), start)) = view_ppm(bytes) {
        return Ok(RgbImage::from_raw(width, height, bytes[start..].to_vec()).expect("three bytes a pixel"));
    }
    let format = format_of(bytes, path_for_errors)?;
    let decoded = match format {
        ImageFormat::Jpeg => decode_jpeg(bytes),
        ImageFormat::Png => decode_png(bytes),
        _ => decode_webp(bytes),
    };
    decoded.map_err(|why| damaged(format, path_for_errors, &why))
}

/// Decodes a JPEG smaller than it is, as [`jpeg::reduced`]; as strictly as [`decode`]. `None` for other formats, too.
///
/// # Errors
/// A JPEG that is truncated or damaged; `path_for_errors` is named.
pub(crate) fn decode_reduced(
    bytes: &[u8],
    choose: impl Fn(usize, usize) -> Option<Scale>,
    path_for_errors: &Path,
) -> Result<Option<Reduced>> {
    if !matches!(image::guess_format(bytes), Ok(ImageFormat::Jpeg)) {
        return Ok(None);
    }
    jpeg::reduced(bytes, choose).map_err(|why| damaged(ImageFormat::Jpeg, path_for_errors, &why))
}

/// The size (width, height) of the upright photograph, by its header alone: damage further on is not looked for.
///
/// # Errors
/// Bytes that are empty or of another format, or a header that is damaged; `path_for_errors` is named.
pub fn dimensions(bytes: &[u8], path_for_errors: &Path) -> Result<(u32, u32)> {
    let format = format_of(bytes, path_for_errors)?;
    let read = || -> Result<(u32, u32), ImageError> {
        let mut decoder = ImageReader::with_format(Cursor::new(bytes), format).into_decoder()?;
        let (width, height) = decoder.dimensions();
        Ok(if turns(decoder.orientation()?) { (height, width) } else { (width, height) })
    };
    read().map_err(|why| damaged(format, path_for_errors, &why.to_string()))
}

fn turns(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH
    )
}

/// Whether [`decode`] returns the coded data of this JPEG as they stand: three channels and no EXIF orientation to apply.
/// False for any other file; damage is not looked for.
pub(crate) fn is_upright_jpeg(bytes: &[u8]) -> bool {
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options());
    let colors = decoder.decode_headers().ok().and_then(|()| decoder.info()).map(|info| info.components);
    colors == Some(3) && jpeg_orientation(&decoder) == Orientation::NoTransforms
}

fn jpeg_orientation(decoder: &zune_jpeg::JpegDecoder<ZCursor<&[u8]>>) -> Orientation {
    let exif = decoder.exif().and_then(|exif| Orientation::from_exif_chunk(exif));
    exif.unwrap_or(Orientation::NoTransforms)
}

fn format_of(bytes: &[u8], path: &Path) -> Result<ImageFormat> {
    if bytes.is_empty() {
        return Err(Error::at(path, "the file is empty").hint("copy the file again from where it came from"));
    }
    match image::guess_format(bytes) {
        Ok(format @ (ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP)) => Ok(format),
        _ => Err(Error::at(path, "neither a JPEG nor a PNG nor a WebP file, by its first bytes")
            .hint("convert it to one of these, or take it and its row in the label table out")),
    }
}

fn damaged(format: ImageFormat, path: &Path, why: &str) -> Error {
    let name = match format {
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::Png => "PNG",
        _ => "WebP",
    };
    Error::at(path, format!("the {name} is truncated or damaged ({why})"))
        .hint("copy the file again from where it came from, or take it and its row in the label table out")
}

fn options() -> DecoderOptions {
    DecoderOptions::default().set_strict_mode(true).jpeg_set_out_colorspace(ColorSpace::RGB)
}

fn decode_jpeg(bytes: &[u8]) -> Result<RgbImage, String> {
    let (image, orientation) = match jpeg::full(bytes)? {
        Some(decoded) => decoded,
        None => decode_other_jpeg(bytes)?,
    };
    let mut image = DynamicImage::ImageRgb8(image);
    image.apply_orientation(orientation);
    Ok(image.into_rgb8())
}

/// A JPEG that is left to a decoder which does not miss what is missing: its coded data are checked first.
fn decode_other_jpeg(bytes: &[u8]) -> Result<(RgbImage, Orientation), String> {
    let image = segments::image(bytes)?;
    scan::check(image)?;
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(image), options());
    let pixels = decoder.decode().map_err(|error| sentence(&error))?;
    let (width, height) = decoder.dimensions().ok_or("no dimensions")?;
    let orientation = jpeg_orientation(&decoder);
    let image = RgbImage::from_raw(width as u32, height as u32, pixels).ok_or("fewer pixels than its header says")?;
    Ok((image, orientation))
}

/// A decoder's message in one line, without its trailing stop.
fn sentence(error: &impl std::fmt::Debug) -> String {
    let text = format!("{error:?}").split_whitespace().collect::<Vec<_>>().join(" ");
    text.trim_end_matches('.').to_owned()
}

fn decode_png(bytes: &[u8]) -> Result<RgbImage, String> {
    let end = b"IEND\xAE\x42\x60\x82";
    if !bytes.windows(end.len()).any(|window| window == end) {
        return Err(format!("its {} bytes stop before the end chunk", bytes.len()));
    }
    upright(bytes, ImageFormat::Png)
}

fn decode_webp(bytes: &[u8]) -> Result<RgbImage, String> {
    let length = bytes.get(4..8).ok_or("it has no length")?;
    let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize + 8;
    if bytes.len() < length {
        return Err(format!("it holds {} of its {length} bytes", bytes.len()));
    }
    upright(bytes, ImageFormat::WebP)
}

fn upright(bytes: &[u8], format: ImageFormat) -> Result<RgbImage, String> {
    let read = || -> Result<RgbImage, ImageError> {
        let mut decoder = ImageReader::with_format(Cursor::new(bytes), format).into_decoder()?;
        let orientation = decoder.orientation()?;
        let mut image = DynamicImage::from_decoder(decoder)?;
        image.apply_orientation(orientation);
        Ok(image.into_rgb8())
    };
    read().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{encode_jpeg, encode_png};
    use image::{ImageEncoder, Rgb};

    /// A picture with detail everywhere, so that every part of its file counts.
    fn picture() -> RgbImage {
        RgbImage::from_fn(64, 48, |x, y| Rgb([(x * 4) as u8, (y * 5) as u8, ((x * x + y * 7) % 256) as u8]))
    }

    fn progressive(image: &RgbImage) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 90);
        encoder.set_progressive(true);
        encoder.encode(image.as_raw(), 64, 48, jpeg_encoder::ColorType::Rgb).expect("encodes");
        bytes
    }

    fn with_exif_orientation(jpeg: &[u8], value: u8) -> Vec<u8> {
        let mut exif = b"\xFF\xE1\0\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
        exif.extend([value, 0, 0, 0, 0, 0, 0, 0]);
        [&jpeg[..2], &exif, &jpeg[2..]].concat()
    }

    fn refused(bytes: &[u8]) -> Error {
        decode(bytes, Path::new("leaf.jpg")).map(|image| image.dimensions()).expect_err("refused")
    }

    #[test]
    fn a_whole_jpeg_decodes_close_to_what_was_encoded() {
        for bytes in [encode_jpeg(&picture(), 95).expect("encodes"), progressive(&picture())] {
            let image = decode(&bytes, Path::new("leaf.jpg")).expect("decodes");
            assert_eq!(image.dimensions(), (64, 48));
            let difference: u64 =
                image.as_raw().iter().zip(picture().as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
            assert!(difference / (64 * 48 * 3) < 12, "mean difference {}", difference / (64 * 48 * 3));
        }
    }

    #[test]
    fn a_jpeg_cut_anywhere_is_refused() {
        for whole in [encode_jpeg(&picture(), 90).expect("encodes"), progressive(&picture())] {
            for cut in 3..whole.len() {
                let error = refused(&whole[..cut]);
                assert!(error.message.starts_with("leaf.jpg: the JPEG is truncated or damaged ("), "{error}");
                assert!(error.hint.is_some());
            }
        }
    }

    #[test]
    fn coded_data_cut_out_before_the_end_marker_are_missed() {
        // What a repaired download looks like: the end-of-image marker is there, the last blocks are not.
        for whole in [encode_jpeg(&picture(), 90).expect("encodes"), progressive(&picture())] {
            for cut in [3, 40, 200] {
                let error = refused(&[&whole[..whole.len() - 2 - cut], &[0xFF, 0xD9]].concat());
                assert!(error.message.starts_with("leaf.jpg: the JPEG is truncated or damaged ("), "{error}");
            }
        }
    }

    #[test]
    fn coded_data_repeated_in_the_middle_are_too_many() {
        let whole = encode_jpeg(&picture(), 90).expect("encodes");
        let middle = whole.len() - 600;
        refused(&[&whole[..middle], &whole[middle - 100..]].concat());
    }

    #[test]
    fn most_flipped_bytes_are_refused_and_none_panics() {
        // A flip that only changes a value, not the lengths of codes, no decoder can tell from a photograph.
        for whole in [encode_jpeg(&picture(), 90).expect("encodes"), progressive(&picture())] {
            let places: Vec<usize> = (2..whole.len()).collect();
            let found = places.iter().filter(|place| {
                let mut bytes = whole.clone();
                bytes[**place] ^= 0x5A;
                decode(&bytes, Path::new("leaf.jpg")).is_err()
            });
            let share = found.count() as f64 / places.len() as f64;
            assert!(share > 0.5, "{share}");
        }
    }

    #[test]
    fn a_grey_jpeg_and_one_of_quarter_colour_decode() {
        let mut grey = Vec::new();
        jpeg_encoder::Encoder::new(&mut grey, 95)
            .encode(&[77; 24 * 9], 24, 9, jpeg_encoder::ColorType::Luma)
            .expect("encodes");
        let image = decode(&grey, Path::new("grey.jpg")).expect("decodes");
        assert_eq!((image.dimensions(), image.get_pixel(20, 7).0), ((24, 9), [77; 3]));
        assert!(!is_upright_jpeg(&grey));
        let odd = RgbImage::from_pixel(33, 17, Rgb([200, 100, 50]));
        for restart in [0, 1, 3] {
            let mut bytes = Vec::new();
            let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 80);
            encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::R_4_2_0);
            encoder.set_restart_interval(restart);
            encoder.encode(odd.as_raw(), 33, 17, jpeg_encoder::ColorType::Rgb).expect("encodes");
            let image = decode(&bytes, Path::new("odd.jpg")).expect("decodes");
            assert!(image.get_pixel(32, 16).0.iter().zip([200, 100, 50]).all(|(a, b)| a.abs_diff(b) < 4));
        }
    }

    #[test]
    fn a_flipped_byte_in_a_png_is_refused() {
        let whole = encode_png(&picture()).expect("encodes");
        for place in (60..whole.len() - 30).step_by(97) {
            let mut bytes = whole.clone();
            bytes[place] ^= 0x5A;
            assert!(refused(&bytes).message.contains("the PNG is truncated or damaged ("));
        }
    }

    #[test]
    fn dimensions_are_those_of_the_decoded_photograph() {
        let jpeg = encode_jpeg(&RgbImage::new(16, 8), 95).expect("encodes");
        for bytes in [jpeg.clone(), with_exif_orientation(&jpeg, 3), with_exif_orientation(&jpeg, 6)] {
            let size = decode(&bytes, Path::new("leaf.jpg")).expect("decodes").dimensions();
            assert_eq!(dimensions(&bytes, Path::new("leaf.jpg")).expect("reads"), size);
        }
        assert!(dimensions(&jpeg[..30], Path::new("leaf.jpg")).is_err());
    }

    #[test]
    fn a_jpeg_with_a_damaged_huffman_table_is_refused() {
        let mut jpeg = encode_jpeg(&picture(), 90).expect("encodes");
        let table = jpeg.windows(2).position(|pair| pair == [0xFF, 0xC4]).expect("a Huffman table");
        // The counts of codes a length: 255 codes of one bit cannot be.
        jpeg[table + 5] = 255;
        assert!(refused(&jpeg).message.starts_with("leaf.jpg: the JPEG is truncated or damaged ("));
    }

    #[test]
    fn exif_orientation_turns_the_picture() {
        // Orientation 6: the stored picture has to be turned a quarter clockwise, so its left column becomes the top row.
        let jpeg =
            encode_jpeg(&RgbImage::from_fn(16, 8, |x, _| Rgb([if x < 8 { 250 } else { 5 }; 3])), 95).expect("encodes");
        let image = decode(&with_exif_orientation(&jpeg, 6), Path::new("leaf.jpg")).expect("decodes");
        assert_eq!(image.dimensions(), (8, 16));
        assert!(image.get_pixel(4, 1)[0] > 240 && image.get_pixel(4, 14)[0] < 15);
        assert!(!is_upright_jpeg(&with_exif_orientation(&jpeg, 6)));
        assert!(is_upright_jpeg(&with_exif_orientation(&jpeg, 1)) && is_upright_jpeg(&jpeg));
    }

    #[test]
    fn grey_deep_and_transparent_pictures_become_eight_bit_rgb() {
        let write = |raw: &[u8], color| {
            let mut bytes = Vec::new();
            image::codecs::png::PngEncoder::new(&mut bytes).write_image(raw, 2, 1, color).expect("encodes");
            decode(&bytes, Path::new("leaf.png")).expect("decodes").into_raw()
        };
        assert_eq!(write(&[7, 200], image::ExtendedColorType::L8), [7, 7, 7, 200, 200, 200]);
        assert_eq!(write(&[1, 2, 3, 0, 4, 5, 6, 9], image::ExtendedColorType::Rgba8), [1, 2, 3, 4, 5, 6]);
        let deep: Vec<u8> = [0u16, 65535].iter().flat_map(|value| value.to_ne_bytes()).collect();
        assert_eq!(write(&deep, image::ExtendedColorType::L16), [0, 0, 0, 255, 255, 255]);
    }

    #[test]
    fn a_png_or_webp_cut_anywhere_is_refused() {
        let mut webp = Vec::new();
        let encoder = image::codecs::webp::WebPEncoder::new_lossless(&mut webp);
        encoder.encode(picture().as_raw(), 64, 48, image::ExtendedColorType::Rgb8).expect("encodes");
        for whole in [encode_png(&picture()).expect("encodes"), webp] {
            let image = decode(&whole, Path::new("leaf")).expect("decodes");
            assert_eq!(image, picture());
            for cut in (20..whole.len()).step_by(7).chain([whole.len() - 1]) {
                let error = refused(&whole[..cut]);
                assert!(error.message.contains("truncated or damaged ("), "{error}");
            }
        }
    }

    #[test]
    fn an_empty_file_and_another_format_are_named() {
        assert_eq!(refused(&[]).message, "leaf.jpg: the file is empty");
        assert!(refused(b"images,labels\n").message.contains("neither a JPEG nor a PNG nor a WebP"));
    }
}
