//! From pixels to a network's input: [`to_chw`].

use image::RgbImage;

/// (x / 255 - mean) / std a channel, in CHW order: `3 x height x width` numbers.
#[must_use]
pub fn to_chw(image: &RgbImage, mean: [f32; 3], std: [f32; 3]) -> Vec<f32> {
    let plane = image.width() as usize * image.height() as usize;
    let mut chw = vec![0.0; 3 * plane];
    for channel in 0..3 {
        let table: Vec<f32> = (0..=255u8).map(|x| (f32::from(x) / 255.0 - mean[channel]) / std[channel]).collect();
        let pixels = image.as_raw().iter().skip(channel).step_by(3);
        for (value, byte) in chw[channel * plane..].iter_mut().zip(pixels) {
            *value = table[usize::from(*byte)];
        }
    }
    chw
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_stand_apart_and_are_normalised() {
        let image = RgbImage::from_raw(2, 1, vec![0, 51, 255, 255, 0, 51]).expect("2 x 1 x 3");
        // 51 / 255 = 0.2. Red: (x - 0.5) / 0.5; green: (x - 0.2) / 0.1; blue: x.
        let chw = to_chw(&image, [0.5, 0.2, 0.0], [0.5, 0.1, 1.0]);
        for (value, expected) in chw.iter().zip([-1.0, 1.0, 0.0, -2.0, 1.0, 0.2]) {
            assert!((value - expected).abs() < 1e-6, "{chw:?}");
        }
    }
}
