//! Words on pictures: [`draw`] writes a line of text on an image, [`width`] says how wide it will be.

use ab_glyph::{Font, FontRef, Glyph, PxScale, ScaleFont, point};
use image::RgbImage;

/// Writes one line with its top left corner at (`x`, `y`), letters `px` pixels high (ascent to descent); what sticks
/// out of the image is cut off. Characters the font lacks are drawn as its box.
pub fn draw(image: &mut RgbImage, x: i32, y: i32, px: f32, color: [u8; 3], text: &str) {
    let font = font();
    for glyph in layout(&font, px, text).0 {
        let Some(outline) = font.outline_glyph(glyph) else { continue };
        let bounds = outline.px_bounds();
        outline.draw(|dx, dy, coverage| {
            let (column, row) = (x + bounds.min.x as i32 + dx as i32, y + bounds.min.y as i32 + dy as i32);
            let inside = (0..image.width() as i32).contains(&column) && (0..image.height() as i32).contains(&row);
            if inside {
                blend(&mut image.get_pixel_mut(column as u32, row as u32).0, color, coverage.min(1.0));
            }
        });
    }
}

/// The width of a line in pixels, as [`draw`] would write it.
#[must_use]
pub fn width(px: f32, text: &str) -> f32 {
    layout(&font(), px, text).1
}

/// The longest beginning of `text` that fits into `limit` pixels, with an ellipsis where it was cut.
#[must_use]
pub fn fit(px: f32, text: &str, limit: f32) -> String {
    if width(px, text) <= limit {
        return text.to_owned();
    }
    let mut short = text.to_owned();
    while short.pop().is_some() {
        let cut = format!("{}…", short.trim_end());
        if width(px, &cut) <= limit {
            return cut;
        }
    }
    String::new()
}

fn font() -> FontRef<'static> {
    FontRef::try_from_slice(epaint_default_fonts::UBUNTU_LIGHT).expect("the embedded font is a font")
}

/// The glyphs of a line, placed from (0, 0), and its width.
fn layout(font: &FontRef, px: f32, text: &str) -> (Vec<Glyph>, f32) {
    let scaled = font.as_scaled(PxScale::from(px));
    let mut glyphs: Vec<Glyph> = Vec::new();
    let mut pen = 0.0;
    for letter in text.chars() {
        let id = scaled.glyph_id(letter);
        if let Some(last) = glyphs.last() {
            pen += scaled.kern(last.id, id);
        }
        glyphs.push(id.with_scale_and_position(px, point(pen, scaled.ascent())));
        pen += scaled.h_advance(id);
    }
    (glyphs, pen)
}

fn blend(pixel: &mut [u8; 3], color: [u8; 3], alpha: f32) {
    for (channel, value) in pixel.iter_mut().zip(color) {
        *channel = (f32::from(*channel) * (1.0 - alpha) + f32::from(value) * alpha).round() as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn a_line_stays_within_its_measured_width_and_height() {
        let mut image = RgbImage::from_pixel(200, 40, Rgb([255; 3]));
        draw(&mut image, 10, 10, 20.0, [0; 3], "powdery mildew");
        let right = 10.0 + width(20.0, "powdery mildew");
        let ink: Vec<_> = image.enumerate_pixels().filter(|(_, _, pixel)| pixel[0] < 128).collect();
        assert!(ink.len() > 100, "{} dark pixels", ink.len());
        assert!(ink.iter().all(|(x, y, _)| (10.0..=right + 1.0).contains(&(*x as f32)) && (10..31).contains(y)));
    }

    #[test]
    fn text_over_the_border_is_cut_not_a_panic() {
        let mut image = RgbImage::new(8, 8);
        draw(&mut image, -4, -4, 30.0, [255; 3], "Ag é 中");
        assert!(image.pixels().any(|pixel| pixel[0] > 0));
    }

    #[test]
    fn a_long_line_is_cut_with_an_ellipsis() {
        assert_eq!(fit(14.0, "rust", 100.0), "rust");
        let cut = fit(14.0, "frog eye leaf spot and more", 80.0);
        assert!(cut.ends_with('…') && width(14.0, &cut) <= 80.0, "{cut}");
        assert_eq!(fit(14.0, "rust", 1.0), "");
    }
}
