//! Colours for maps that colour-blind people can read: [`viridis`] and [`turbo`], and [`overlay`] on a photograph.

use image::{ImageBuffer, Rgb, RgbImage};
use std::ops::Deref;

/// Viridis (Smith, van der Walt, 2015): lightness rises evenly. `value` is 0 to 1 and is cut to it.
#[must_use]
pub fn viridis(value: f32) -> [u8; 3] {
    let color = colorous::VIRIDIS.eval_continuous(f64::from(value.clamp(0.0, 1.0)));
    [color.r, color.g, color.b]
}

/// Turbo (Mikhailov, 2019): a rainbow with even steps, dark blue to dark red. `value` is 0 to 1 and is cut to it.
#[must_use]
pub fn turbo(value: f32) -> [u8; 3] {
    let color = colorous::TURBO.eval_continuous(f64::from(value.clamp(0.0, 1.0)));
    [color.r, color.g, color.b]
}

/// Lays `map` (values 0 to 1, row-major, at the photograph's size) in [`turbo`] over the photograph, `alpha` 0 to 1 of
/// it.
///
/// # Panics
/// When the map does not hold a value a pixel.
#[must_use]
pub fn overlay<C: Deref<Target = [u8]>>(photo: &ImageBuffer<Rgb<u8>, C>, map: &[f32], alpha: f32) -> RgbImage {
    assert_eq!(map.len(), photo.width() as usize * photo.height() as usize, "a value a pixel");
    let (width, height) = photo.dimensions();
    let mut mixed = RgbImage::from_raw(width, height, photo.as_raw().to_vec()).expect("three bytes a pixel");
    for (pixel, value) in mixed.pixels_mut().zip(map) {
        for (channel, color) in pixel.0.iter_mut().zip(turbo(*value)) {
            *channel = (f32::from(*channel) * (1.0 - alpha) + f32::from(color) * alpha).round() as u8;
        }
    }
    mixed
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn viridis_grows_lighter_from_end_to_end() {
        let light: Vec<f32> = (0..=10)
            .map(|step| {
                let [r, g, b] = viridis(step as f32 / 10.0).map(f32::from);
                0.2126 * r + 0.7152 * g + 0.0722 * b
            })
            .collect();
        assert!(light.windows(2).all(|pair| pair[0] < pair[1]), "{light:?}");
    }

    #[test]
    fn an_overlay_mixes_by_alpha() {
        let photo = RgbImage::from_pixel(2, 1, Rgb([100, 100, 100]));
        assert_eq!(overlay(&photo, &[0.0, 1.0], 0.0), photo);
        let full = overlay(&photo, &[0.0, 1.0], 1.0);
        assert_eq!((full.get_pixel(0, 0).0, full.get_pixel(1, 0).0), (turbo(0.0), turbo(1.0)));
        // Half of grey 100 and half of the colour.
        let half = overlay(&photo, &[1.0, 1.0], 0.5);
        assert_eq!(half.get_pixel(0, 0)[0], f32::midpoint(100.0, f32::from(turbo(1.0)[0])).round() as u8);
    }
}
