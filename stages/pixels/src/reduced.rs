//! A large JPEG fitted into a small square without ever being decoded in full: [`square`].

use crate::decode::decode_reduced;
use crate::jpeg::{Channel, Reduced, Scale, pixel};
use crate::prepare::{Fitted, padded};
use crate::resize::crop_resize_channel;
use image::{DynamicImage, RgbImage};
use plantpipe_stage::Result;
use plantpipe_stage::format::Fit;
use std::path::Path;

/// How many times as wide and high as the result a smaller picture has to be: below that, its missing frequencies would
/// show.
const ENOUGH: u32 = 2;

/// The photograph fitted into a square as [`crate::square`] does it, from a smaller picture of it: each channel resampled
/// alone, colours made and turned upright at the end. `None` where the whole photograph has to be decoded: it is not large
/// enough, or no JPEG of the kind that can be decoded smaller.
///
/// # Errors
/// A JPEG that is truncated or damaged; `path_for_errors` is named.
pub(crate) fn square(bytes: &[u8], size: u32, fit: Fit, path_for_errors: &Path) -> Result<Option<RgbImage>> {
    let choose = |width: usize, height: usize| scale(&Fitted::new(width as u32, height as u32, size, fit));
    let reduced = decode_reduced(bytes, choose, path_for_errors)?;
    Ok(reduced.map(|reduced| fitted(&reduced, size, fit)))
}

/// The smallest scale at which the part that is seen is still large enough.
fn scale(Fitted { inside: [.., across, down], made }: &Fitted) -> Option<Scale> {
    let suffices = |scale: &Scale| {
        let enough = |side: u32, made: u32| side / 8 * *scale as u32 >= ENOUGH * made;
        enough(*across, made.0) && enough(*down, made.1)
    };
    [Scale::Eighth, Scale::Quarter, Scale::Half].into_iter().find(suffices)
}

fn fitted(reduced: &Reduced, size: u32, fit: Fit) -> RgbImage {
    let Fitted { inside, made } = Fitted::new(reduced.width as u32, reduced.height as u32, size, fit);
    let channels: Vec<Vec<u8>> = reduced.channels.iter().map(|channel| sampled(channel, inside, made)).collect();
    let pixels = match &channels[..] {
        [luma, blue, red] => {
            luma.iter().zip(blue.iter().zip(red)).flat_map(|(y, (cb, cr))| pixel(*y, *cb, *cr)).collect()
        }
        grey => grey[0].iter().flat_map(|level| [*level; 3]).collect(),
    };
    let image = RgbImage::from_raw(made.0, made.1, pixels).expect("three bytes a pixel");
    let mut image = DynamicImage::ImageRgb8(padded(image, size));
    image.apply_orientation(reduced.orientation);
    image.into_rgb8()
}

/// The part that is seen, in pixels of the whole photograph, of one channel.
fn sampled(channel: &Channel, [left, top, across, down]: [u32; 4], made: (u32, u32)) -> Vec<u8> {
    let (wide, high) = channel.pixel;
    let inside = [f64::from(left) / wide, f64::from(top) / high, f64::from(across) / wide, f64::from(down) / high];
    crop_resize_channel((&channel.pixels, channel.width as u32, channel.height as u32), inside, made)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{decode, encode_jpeg, encode_png};
    use image::Rgb;

    /// A picture with an edge, soft waves, fine detail and a corner like no other.
    fn picture(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            let wave = 90.0 + 60.0 * (f64::from(x) / 23.0).sin() + 60.0 * (f64::from(y) / 31.0).cos();
            let fine = if (x + y) % 2 == 0 { 20 } else { 0 };
            let edge = if 3 * x > 2 * width { 0 } else { 120 };
            Rgb(if x < width / 4 && y < height / 4 { [200, 30, 20 + fine] } else { [wave as u8 + fine, edge, 90] })
        })
    }

    fn with_orientation(jpeg: &[u8], value: u8) -> Vec<u8> {
        let mut exif = b"\xFF\xE1\0\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
        exif.extend([value, 0, 0, 0, 0, 0, 0, 0]);
        [&jpeg[..2], &exif, &jpeg[2..]].concat()
    }

    /// How far apart two pictures are, in decibels: the higher, the closer.
    fn psnr(one: &RgbImage, other: &RgbImage) -> f64 {
        assert_eq!(one.dimensions(), other.dimensions());
        let squares = one.as_raw().iter().zip(other.as_raw()).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2));
        10.0 * (255.0_f64.powi(2) * one.as_raw().len() as f64 / squares.sum::<f64>()).log10()
    }

    #[test]
    fn every_fit_and_every_turn_gives_the_picture_of_a_full_decode() {
        let path = Path::new("leaf.jpg");
        for (width, height) in [(523, 389), (389, 523), (1024, 301)] {
            for quality in [80, 95] {
                let jpeg = encode_jpeg(&picture(width, height), quality).expect("encodes");
                for (turn, fit) in (1..=8).flat_map(|turn| [Fit::Squash, Fit::Crop, Fit::Pad].map(|fit| (turn, fit))) {
                    let bytes = with_orientation(&jpeg, turn);
                    let quick = square(&bytes, 40, fit, path).expect("decodes").expect("is large enough");
                    let plain = crate::square(&decode(&bytes, path).expect("decodes"), 40, fit);
                    let apart = psnr(&quick, &plain);
                    assert!(apart > 34.0, "{apart} dB: {width} x {height}, {quality}, turned {turn}, {fit:?}");
                }
            }
        }
    }

    #[test]
    fn a_scale_leaves_twice_the_pixels_of_the_result_on_each_side() {
        let chosen = |width, height, size, fit| scale(&Fitted::new(width, height, size, fit));
        assert_eq!(chosen(4000, 2672, 256, Fit::Squash), Some(Scale::Quarter));
        assert_eq!(chosen(4096, 4096, 256, Fit::Squash), Some(Scale::Eighth));
        assert_eq!(chosen(4095, 4096, 256, Fit::Squash), Some(Scale::Quarter));
        assert_eq!(chosen(1024, 1024, 256, Fit::Crop), Some(Scale::Half));
        assert_eq!(chosen(9000, 1016, 256, Fit::Crop), None);
        // Of the long side, the short one has as much more as it has less to become.
        assert_eq!(chosen(4096, 1024, 256, Fit::Pad), Some(Scale::Eighth));
        assert_eq!(chosen(256, 256, 256, Fit::Squash), None);
    }

    #[test]
    fn grey_photographs_stay_grey_and_other_files_are_left_to_the_full_decode() {
        let mut grey = Vec::new();
        jpeg_encoder::Encoder::new(&mut grey, 95)
            .encode(&[77; 160 * 96], 160, 96, jpeg_encoder::ColorType::Luma)
            .expect("encodes");
        let made = square(&grey, 16, Fit::Squash, Path::new("grey.jpg")).expect("decodes").expect("is large enough");
        assert!(made.pixels().all(|pixel| pixel.0 == [77; 3]));
        let png = encode_png(&picture(300, 200)).expect("encodes");
        assert!(square(&png, 16, Fit::Squash, Path::new("leaf.png")).expect("no error").is_none());
        assert!(square(b"", 16, Fit::Squash, Path::new("leaf.png")).expect("no error").is_none());
    }

    #[test]
    fn a_damaged_photograph_is_refused_by_its_path() {
        let jpeg = encode_jpeg(&picture(300, 200), 90).expect("encodes");
        let repaired = [&jpeg[..jpeg.len() - 300], &[0xFF, 0xD9]].concat();
        let error = square(&repaired, 16, Fit::Squash, Path::new("leaf.jpg")).expect_err("refused");
        assert!(
            error.message.starts_with("leaf.jpg: the JPEG is truncated or damaged (the coded data end early"),
            "{error}"
        );
        assert!(error.hint.is_some());
    }
}
