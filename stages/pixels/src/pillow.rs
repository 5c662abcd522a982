//! Pillow's own bicubic resampling, bit for bit: [`squash`], for checkpoints that were trained and measured on it.
//!
//! [`crate::resize()`] is the same filter in coarser whole numbers, several times as fast: where it shrinks, its pixels differ
//! by a level here and there. That is nothing to a network trained on them, and visible in the logits of one that was not.

use image::RgbImage;

/// Bits of the weights behind the point: 8 for the result and 2 for sums beyond it are left of 32.
const BITS: u32 = 22;
/// Pixels on each side that the filter reaches, before it is widened.
const REACH: f64 = 2.0;

/// Squashes the whole photograph to `width` x `height`, as Pillow's `Image.resize` with `BICUBIC`: Catmull-Rom, widened
/// when shrinking, across and then down, each rounded to 8 bits.
///
/// # Panics
/// When a side, old or new, is 0.
#[must_use]
pub fn squash(image: &RgbImage, width: u32, height: u32) -> RgbImage {
    let (old_width, old_height) = image.dimensions();
    let mut image = image.clone();
    if width != old_width {
        image = across(&image, &weights(old_width, width));
    }
    if height != old_height {
        image = down(&image, &weights(old_height, height));
    }
    image
}

/// The pixels that one new pixel is made of: where they begin, and how much each counts.
struct Window {
    start: usize,
    weights: Vec<i32>,
}

/// A window a new pixel, for a side of `old` pixels that becomes `new`.
fn weights(old: u32, new: u32) -> Vec<Window> {
    assert!(old > 0 && new > 0, "a photograph has pixels");
    let scale = f64::from(old) / f64::from(new);
    let widened = scale.max(1.0);
    let reach = REACH * widened;
    let window = |at: u32| {
        let center = (f64::from(at) + 0.5) * scale;
        let start = (center - reach + 0.5).max(0.0) as usize;
        let end = ((center + reach + 0.5) as usize).min(old as usize);
        let weight = |pixel: usize| catmull_rom((pixel as f64 - center + 0.5) * (1.0 / widened));
        let weights: Vec<f64> = (start..end).map(weight).collect();
        let sum: f64 = weights.iter().sum();
        let whole = |weight: &f64| (weight / sum * f64::from(1 << BITS)).round() as i32;
        Window { start, weights: weights.iter().map(whole).collect() }
    };
    (0..new).map(window).collect()
}

/// The cubic with a = -0.5.
fn catmull_rom(x: f64) -> f64 {
    const A: f64 = -0.5;
    match x.abs() {
        x if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
        x if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
        _ => 0.0,
    }
}

fn across(image: &RgbImage, windows: &[Window]) -> RgbImage {
    let mut made = Vec::with_capacity(windows.len() * image.height() as usize * 3);
    for row in image.as_raw().chunks_exact(image.width() as usize * 3) {
        for window in windows {
            let pixels = row[window.start * 3..].chunks_exact(3);
            let mut sums = [HALF; 3];
            for (weight, pixel) in window.weights.iter().zip(pixels) {
                for (sum, value) in sums.iter_mut().zip(pixel) {
                    *sum += weight * i32::from(*value);
                }
            }
            made.extend(sums.map(level));
        }
    }
    RgbImage::from_raw(windows.len() as u32, image.height(), made).expect("a row for each row")
}

fn down(image: &RgbImage, windows: &[Window]) -> RgbImage {
    let row = image.width() as usize * 3;
    let mut made = Vec::with_capacity(row * windows.len());
    let mut sums = vec![HALF; row];
    for window in windows {
        sums.fill(HALF);
        for (weight, values) in window.weights.iter().zip(image.as_raw()[window.start * row..].chunks_exact(row)) {
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += weight * i32::from(*value);
            }
        }
        made.extend(sums.iter().map(|sum| level(*sum)));
    }
    RgbImage::from_raw(image.width(), windows.len() as u32, made).expect("a column for each column")
}

/// Where sums begin, so that cutting the bits off rounds.
const HALF: i32 = 1 << (BITS - 1);

fn level(sum: i32) -> u8 {
    (sum >> BITS).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    /// The picture of `tests/fixtures/bicubic.py`.
    fn harsh(width: u32, height: u32) -> RgbImage {
        let value = |x: u32, y: u32, c: u32| ((x * x * 31 + y * y * 17 + x * y * 7 + c * 97) % 256) as u8;
        RgbImage::from_fn(width, height, |x, y| Rgb([0, 1, 2].map(|c| value(x, y, c))))
    }

    #[test]
    fn every_byte_is_pillows_whether_it_shrinks_grows_or_keeps_a_side() {
        let expected = include_bytes!("../tests/fixtures/bicubic.rgb");
        let made = [(61, 41), (7, 5), (16, 23)].map(|(width, height)| squash(&harsh(width, height), 16, 16).into_raw());
        assert!(made.concat() == expected);
    }

    #[test]
    fn where_it_shrinks_the_quick_resize_differs_by_a_level_at_most() {
        for (width, height) in [(61, 41), (256, 200), (16, 16)] {
            let [exact, quick] = [squash, crate::resize].map(|resize| resize(&harsh(width, height), 16, 16).into_raw());
            assert!(exact.iter().zip(&quick).all(|(exact, quick)| exact.abs_diff(*quick) <= 1), "{width} x {height}");
        }
    }
}
