//! The eight ways a square can lie: [`turn`].

use plantpipe_pixels::RgbImage;

/// How many ways there are; the first four are the mirrored ones, without a quarter turn.
pub(crate) const WAYS: u32 = 8;

/// Bit 0 of `way` mirrors x, bit 1 mirrors y, bit 2 swaps the axes first; 0 leaves the image as it is.
pub(crate) fn turn(image: &RgbImage, way: u32) -> RgbImage {
    let last = image.width() - 1;
    RgbImage::from_fn(image.width(), image.height(), |x, y| {
        let (x, y) = if way & 4 == 0 { (x, y) } else { (y, x) };
        let x = if way & 1 == 0 { x } else { last - x };
        let y = if way & 2 == 0 { y } else { last - y };
        *image.get_pixel(x, y)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use plantpipe_pixels::Rgb;

    #[test]
    fn the_eight_turns_differ_and_each_keeps_every_pixel() {
        let photo = RgbImage::from_fn(32, 32, |x, y| Rgb([(x * 8) as u8, (y * 8) as u8, ((x + y) * 4) as u8]));
        let sorted = |image: &RgbImage| {
            let mut pixels: Vec<[u8; 3]> = image.pixels().map(|pixel| pixel.0).collect();
            pixels.sort_unstable();
            pixels
        };
        let turns: Vec<RgbImage> = (0..WAYS).map(|way| turn(&photo, way)).collect();
        assert_eq!(turns[0], photo);
        for (i, a) in turns.iter().enumerate() {
            assert_eq!(sorted(a), sorted(&photo));
            assert!(turns[..i].iter().all(|b| a != b), "turn {i}");
        }
    }

    #[test]
    fn the_first_four_mirror_and_the_others_swap_the_axes() {
        // a b   1: b a   2: c d   3: d c   4: a c
        // c d      d c      a b      b a      b d
        let image = RgbImage::from_fn(2, 2, |x, y| Rgb([(x + 2 * y) as u8; 3]));
        let read = |way| turn(&image, way).pixels().map(|pixel| pixel.0[0]).collect::<Vec<_>>();
        assert_eq!([0, 1, 2, 3, 4].map(read), [[0, 1, 2, 3], [1, 0, 3, 2], [2, 3, 0, 1], [3, 2, 1, 0], [0, 2, 1, 3]]);
    }
}
