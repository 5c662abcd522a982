//! Gaussian blur: [`blur`].

use image::RgbImage;

/// The photograph with every pixel a Gaussian mean of those around it, `sigma` in pixels; 0 changes nothing.
#[must_use]
pub fn blur(photo: &RgbImage, sigma: f32) -> RgbImage {
    if sigma > 0.0 { image::imageops::blur(photo, sigma) } else { photo.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn a_blur_keeps_an_even_colour_and_spreads_a_point() {
        let even = RgbImage::from_pixel(9, 9, Rgb([10, 100, 200]));
        assert_eq!(blur(&even, 2.0), even);
        let mut point = RgbImage::new(9, 9);
        point.put_pixel(4, 4, Rgb([255; 3]));
        let spread = blur(&point, 1.0);
        let [middle, beside, corner] = [(4, 4), (3, 4), (3, 3)].map(|(x, y)| f64::from(spread.get_pixel(x, y).0[0]));
        // A Gaussian of sigma 1 has 1 / (2 pi) of its mass in the middle pixel, exp(-1/2) of that beside it.
        assert!((middle - 255.0 * 0.159).abs() <= 2.0, "{middle}");
        assert!((beside / middle - 0.607).abs() < 0.03 && (corner / middle - 0.368).abs() < 0.03);
        assert_eq!(blur(&point, 0.0), point);
    }
}
