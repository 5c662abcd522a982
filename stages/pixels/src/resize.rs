//! Antialiased resampling: [`resize`] squashes a whole photograph, [`crop_resize`] a box of it.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::{ImageBuffer, Rgb, RgbImage};
use std::ops::Deref;

/// Squashes the whole photograph to `width` x `height`; bicubic (Catmull-Rom), widened when shrinking so that nothing
/// aliases.
///
/// # Panics
/// When a side, old or new, is 0.
#[must_use]
pub fn resize<C: Deref<Target = [u8]>>(image: &ImageBuffer<Rgb<u8>, C>, width: u32, height: u32) -> RgbImage {
    if image.dimensions() == (width, height) {
        return RgbImage::from_raw(width, height, image.as_raw().to_vec()).expect("three bytes a pixel");
    }
    crop_resize(image, 0.0, 0.0, image.width() as f32, image.height() as f32, width, height)
}

/// Resamples the box with its corner at (`x`, `y`) and sides `w`, `h`, in pixels and fractions of them, to `width` x
/// `height`, as [`resize`] does; for random resized crops. A box that sticks out is first cut to the photograph, and
/// is at least a pixel wide and high.
///
/// # Panics
/// When a side of the photograph or of the result is 0.
#[must_use]
pub fn crop_resize<C: Deref<Target = [u8]>>(
    image: &ImageBuffer<Rgb<u8>, C>,
    x: f32,
    y: f32,
    w: f32,
    h: f32,
    width: u32,
    height: u32,
) -> RgbImage {
    let (left, across) = clamp(x, w, image.width());
    let (top, down) = clamp(y, h, image.height());
    let source = ImageRef::new(image.width(), image.height(), image.as_raw(), PixelType::U8x3)
        .expect("an RgbImage holds width x height x 3 bytes");
    let pixels = sample(&source, [left, top, across, down], width, height);
    RgbImage::from_raw(width, height, pixels).expect("the target holds width x height x 3 bytes")
}

/// One channel's box, likewise: left, top, width and height. It lies inside.
pub(crate) fn crop_resize_channel(
    (pixels, width, height): (&[u8], u32, u32),
    inside: [f64; 4],
    (across, down): (u32, u32),
) -> Vec<u8> {
    let source = ImageRef::new(width, height, pixels, PixelType::U8).expect("a byte a pixel");
    sample(&source, inside, across, down)
}

fn sample(source: &ImageRef, [left, top, across, down]: [f64; 4], width: u32, height: u32) -> Vec<u8> {
    let mut target = Image::new(width, height, source.pixel_type());
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom))
        .crop(left, top, across, down)
        .use_alpha(false);
    Resizer::new().resize(source, &mut target, &options).expect("the box lies inside the photograph");
    target.into_vec()
}

/// A side of the box, cut to a photograph's side of `limit` pixels: where it begins and how long it is.
fn clamp(start: f32, length: f32, limit: u32) -> (f64, f64) {
    let limit = f64::from(limit);
    let begin = f64::from(start).clamp(0.0, limit - 1.0);
    let end = (f64::from(start) + f64::from(length)).clamp(begin + 1.0, limit);
    (begin, end - begin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halving_a_fine_checkerboard_gives_grey_and_no_moire() {
        let board = RgbImage::from_fn(64, 64, |x, y| Rgb([if (x + y) % 2 == 0 { 255 } else { 0 }; 3]));
        let small = resize(&board, 16, 16);
        for pixel in small.enumerate_pixels().filter(|(x, y, _)| (1..15).contains(x) && (1..15).contains(y)) {
            assert!(pixel.2[0].abs_diff(128) <= 2, "{pixel:?}");
        }
    }

    #[test]
    fn a_photograph_is_squashed_not_cropped() {
        // Left third red, the rest blue: the same shares after squashing 90x10 to 30x30.
        let wide = RgbImage::from_fn(90, 10, |x, _| if x < 30 { Rgb([255, 0, 0]) } else { Rgb([0, 0, 255]) });
        let square = resize(&wide, 30, 30);
        assert_eq!(*square.get_pixel(5, 15), Rgb([255, 0, 0]));
        assert_eq!(*square.get_pixel(14, 15), Rgb([0, 0, 255]));
    }

    #[test]
    fn a_crop_at_its_own_size_is_the_pixels_of_the_box() {
        let image = RgbImage::from_fn(20, 20, |x, y| Rgb([(x * 10) as u8, (y * 10) as u8, 7]));
        let crop = crop_resize(&image, 4.0, 6.0, 8.0, 8.0, 8, 8);
        for (x, y, pixel) in crop.enumerate_pixels() {
            assert_eq!(pixel, image.get_pixel(x + 4, y + 6));
        }
    }

    #[test]
    fn a_box_that_sticks_out_is_cut_to_the_photograph() {
        let image = RgbImage::from_pixel(20, 20, Rgb([9, 90, 200]));
        for (x, y, w, h) in [(-5.0, -5.0, 40.0, 40.0), (19.9, 19.9, 5.0, 5.0), (30.0, 3.0, 0.0, 2.0)] {
            assert!(crop_resize(&image, x, y, w, h, 8, 8).pixels().all(|pixel| *pixel == Rgb([9, 90, 200])));
        }
    }
}
