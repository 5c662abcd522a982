//! How a training photograph is varied, by a key and nothing else: [`Augment`] draws a box, a turn and a colour shift.

use crate::turn::{WAYS, turn};
use plantpipe_pixels::{ImageBuffer, Rgb, RgbImage, crop_resize};
use plantpipe_stage::random::{ChaCha8Rng, keyed};
use rand::RngExt;
use std::ops::Deref;

/// What may be varied, and how far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Augment {
    /// Side of the result, pixels.
    pub(crate) size: u32,
    /// Least share of the photograph's area that a crop keeps; 1: no crop.
    pub(crate) crop: f64,
    /// Mirror and quarter turns: leaves have no up.
    pub(crate) flips: bool,
    /// Brightness, contrast and saturation are scaled by 1 - jitter to 1 + jitter each.
    pub(crate) jitter: f64,
}

impl Augment {
    /// The photograph as item `item` of epoch `epoch` sees it, `size` x `size`.
    pub(crate) fn apply<C: Deref<Target = [u8]>>(
        &self,
        photo: &ImageBuffer<Rgb<u8>, C>,
        seed: u64,
        epoch: u64,
        item: u64,
    ) -> RgbImage {
        let mut rng = keyed(seed, "augment", &[epoch, item]);
        let [x, y, w, h] = self.draw_box(&mut rng, photo.width() as f32, photo.height() as f32);
        let mut image = crop_resize(photo, x, y, w, h, self.size, self.size);
        if self.flips {
            image = turn(&image, rng.random_range(0..WAYS));
        }
        if self.jitter > 0.0 {
            let mut factor = || 1.0 + self.jitter as f32 * (rng.random::<f32>() * 2.0 - 1.0);
            let factors = [factor(), factor(), factor()];
            colour(&mut image, factors);
        }
        image
    }

    /// Area uniform in crop..1, aspect ratio log-uniform in 3/4..4/3 (torchvision's `RandomResizedCrop`): x, y, w, h.
    fn draw_box(&self, rng: &mut ChaCha8Rng, width: f32, height: f32) -> [f32; 4] {
        if self.crop >= 1.0 {
            return [0.0, 0.0, width, height];
        }
        let area = rng.random_range(self.crop as f32..1.0) * width * height;
        let limit = (4.0f32 / 3.0).ln();
        let aspect = rng.random_range(-limit..limit).exp() * width / height;
        let w = (area * aspect).sqrt().min(width);
        let h = (area / aspect).sqrt().min(height);
        [(width - w) * rng.random::<f32>(), (height - h) * rng.random::<f32>(), w, h]
    }
}

/// Scales brightness, then contrast about the mean grey, then saturation about each pixel's grey.
fn colour(image: &mut RgbImage, [brightness, contrast, saturation]: [f32; 3]) {
    let grey = |[r, g, b]: [f32; 3]| 0.299 * r + 0.587 * g + 0.114 * b;
    let pixels = f64::from(image.width()) * f64::from(image.height());
    let sum: f64 = image.pixels().map(|Rgb(rgb)| f64::from(grey(rgb.map(f32::from)))).sum();
    let mean = (sum / pixels) as f32 * brightness;
    for Rgb(rgb) in image.pixels_mut() {
        let scaled = rgb.map(|value| mean + (f32::from(value) * brightness - mean) * contrast);
        let own = grey(scaled);
        *rgb = scaled.map(|value| (own + (value - own) * saturation).round().clamp(0.0, 255.0) as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Augment = Augment { size: 24, crop: 0.5, flips: true, jitter: 0.2 };

    fn photo() -> RgbImage {
        RgbImage::from_fn(32, 32, |x, y| Rgb([(x * 8) as u8, (y * 8) as u8, ((x + y) * 4) as u8]))
    }

    #[test]
    fn an_item_is_varied_the_same_way_every_time_and_otherwise_in_another_epoch() {
        let photo = photo();
        assert_eq!(ALL.apply(&photo, 1, 2, 3), ALL.apply(&photo, 1, 2, 3));
        for (seed, epoch, item) in [(2, 2, 3), (1, 3, 3), (1, 2, 4)] {
            assert_ne!(ALL.apply(&photo, 1, 2, 3), ALL.apply(&photo, seed, epoch, item));
        }
    }

    #[test]
    fn with_everything_off_the_photograph_is_only_resized() {
        let off = Augment { size: 24, crop: 1.0, flips: false, jitter: 0.0 };
        assert_eq!(off.apply(&photo(), 1, 2, 3), plantpipe_pixels::resize(&photo(), 24, 24));
    }

    #[test]
    fn a_crop_keeps_at_least_its_share_of_the_area_and_lies_inside() {
        let mut rng = keyed(5, "test", &[]);
        for _ in 0..1000 {
            let [x, y, w, h] = ALL.draw_box(&mut rng, 32.0, 16.0);
            assert!(x >= 0.0 && y >= 0.0 && x + w <= 32.001 && y + h <= 16.001, "{x} {y} {w} {h}");
            // A side that would stick out is cut: at aspect 4/3 and area 1 the cut leaves 3/4 of it.
            assert!(w * h >= 0.5 * 0.75 * 32.0 * 16.0, "{w} {h}");
        }
    }

    #[test]
    fn colour_factors_do_what_their_names_say() {
        // Grey 100 and 200, mean 150. Brightness 0.5: 50 and 100. Contrast 2 about 150: 50 and 250. Saturation 0 of
        // red (255, 0, 0): its grey 76.245.
        let shade = |factors| {
            let mut image = RgbImage::from_fn(2, 1, |x, _| Rgb([100 + 100 * x as u8; 3]));
            colour(&mut image, factors);
            [image.get_pixel(0, 0)[0], image.get_pixel(1, 0)[0]]
        };
        assert_eq!(shade([0.5, 1.0, 1.0]), [50, 100]);
        assert_eq!(shade([1.0, 2.0, 1.0]), [50, 250]);
        let mut red = RgbImage::from_pixel(1, 1, Rgb([255, 0, 0]));
        colour(&mut red, [1.0, 1.0, 0.0]);
        assert_eq!(red.get_pixel(0, 0).0, [76; 3]);
    }
}
