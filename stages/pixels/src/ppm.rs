//! Decoded photographs as binary PPM files, a head and the pixels: [`encode_ppm`], and [`view_ppm`], which need not copy.

use image::RgbImage;

/// The photograph as a PPM, 8-bit RGB.
#[must_use]
pub fn encode_ppm(image: &RgbImage) -> Vec<u8> {
    let mut bytes = head(image.dimensions());
    bytes.extend_from_slice(image.as_raw());
    bytes
}

/// The bytes of a PPM of such a width and height.
#[must_use]
pub fn ppm_length((width, height): (u32, u32)) -> u64 {
    head((width, height)).len() as u64 + 3 * u64::from(width) * u64::from(height)
}

/// The width and height of a PPM as [`encode_ppm`] makes it, and where its pixels begin; `None` for any other bytes, such as
/// one that is truncated.
#[must_use]
pub fn view_ppm(bytes: &[u8]) -> Option<((u32, u32), usize)> {
    let text = bytes.strip_prefix(b"P6\n")?;
    let line = text.iter().take(24).position(|byte| *byte == b'\n')?;
    let (width, height) = std::str::from_utf8(&text[..line]).ok()?.split_once(' ')?;
    let size = (width.parse().ok()?, height.parse().ok()?);
    let head = head(size);
    (bytes.starts_with(&head) && bytes.len() as u64 == ppm_length(size)).then_some((size, head.len()))
}

fn head((width, height): (u32, u32)) -> Vec<u8> {
    format!("P6\n{width} {height}\n255\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_lie_behind_the_head_as_they_are() {
        let image = RgbImage::from_fn(7, 5, |x, y| image::Rgb([x as u8, y as u8, 9]));
        let bytes = encode_ppm(&image);
        let ((width, height), start) = view_ppm(&bytes).expect("a PPM");
        assert_eq!(((width, height), &bytes[start..]), ((7, 5), &image.as_raw()[..]));
        assert_eq!(ppm_length((7, 5)), bytes.len() as u64);
        assert!(bytes.starts_with(b"P6\n7 5\n255\n"));
    }

    #[test]
    fn other_bytes_are_none() {
        let bytes = encode_ppm(&RgbImage::new(3, 2));
        assert!((0..bytes.len()).all(|cut| view_ppm(&bytes[..cut]).is_none()));
        for other in [&b"P5\n1 1\n255\nabc"[..], b"P6\n01 1\n255\nabc", b"P6\n1 1\n65535\nabc", b"P6\n1 1\n255\nabcd"] {
            assert!(view_ppm(other).is_none());
        }
    }
}
