//! The picture people look at: [`panel`] sets a photograph beside its maps, one [`View`] a label.

use super::lesions::Overlap;
use super::look::Sight;
use super::map::Map;
use super::method::Method;
use plantpipe_pixels::palette::turbo;
use plantpipe_pixels::{Rgb, RgbImage, overlay, resize, text};
use plantpipe_stage::format::MapPer;

/// One map with what its caption says.
pub(crate) struct View<'a> {
    pub(super) label: &'a str,
    pub(super) probability: f32,
    /// None where nobody knows the truth.
    pub(super) is_true: Option<bool>,
    /// The probability reaches the threshold.
    pub(super) is_answered: bool,
    /// At the photograph's size.
    pub(super) map: Map,
    pub(super) overlap: Overlap,
}

impl<'a> View<'a> {
    /// What is seen on a photograph whose truth nobody knows.
    pub(crate) fn of(sight: &Sight, label: &'a str, photo: &RgbImage, threshold: f64) -> Self {
        Self {
            label,
            probability: sight.probability,
            is_true: None,
            is_answered: f64::from(sight.probability) >= threshold,
            map: sight.map.resized(photo.width() as usize, photo.height() as usize),
            overlap: Overlap::default(),
        }
    }

    /// How the answer compares with the truth, and whether there is anything to see.
    fn verdict(&self) -> String {
        let verdict = match (self.is_true, self.is_answered) {
            (Some(true), true) => "true",
            (Some(true), false) => "true, missed",
            (Some(false), true) => "not true",
            (Some(false), false) => "not true, not answered",
            (None, true) => "predicted",
            (None, false) => "below the threshold",
        };
        let is_zero = self.map.values.iter().all(|value| *value == 0.0);
        if is_zero { format!("{verdict}; the map is zero") } else { verdict.to_owned() }
    }

    /// How much of the map lies on the lesions, and how large they are.
    fn lesions(&self) -> Option<String> {
        let percent = |share: f64| (share * 100.0).round();
        let Overlap { share, area } = self.overlap;
        Some(format!("{}% on lesions, which cover {}%", percent(share?), percent(area?)))
    }
}

/// The longer side of a tile, pixels.
const TILE: u32 = 256;
const MARGIN: u32 = 16;
const GAP: u32 = 12;
/// Height of the lines above and below the tiles.
const TITLE: u32 = 28;
const CAPTION: u32 = 46;
/// Height of the line about lesions, or about a map that all labels share, where there is one.
const REMARK: u32 = 20;
const LETTERS: f32 = 19.0;
const SMALL: f32 = 16.0;
const INK: [u8; 3] = [20; 3];
const GREY: [u8; 3] = [80; 3];
/// Of the map's colours over the photograph.
const ALPHA: f32 = 0.5;

/// The photograph under its id and true labels (where these are known), then an overlay a view with its label,
/// probability and verdict; under the photograph the method and the scale of the colours. Where lesions were measured,
/// each view says so.
pub(crate) fn panel(photo: &RgbImage, id: &str, truth: Option<&[String]>, method: Method, views: &[View]) -> RgbImage {
    let (width, height) = tile_size(photo);
    let column = width.max(TILE * 3 / 4) + GAP;
    let columns = views.len() as u32 + 1;
    let shared = method.map_per() == MapPer::Photograph;
    let remark = if shared || views.iter().any(|view| view.lesions().is_some()) { REMARK } else { 0 };
    let size = (2 * MARGIN + columns * column - GAP, 2 * MARGIN + TITLE + height + CAPTION + remark);
    let mut canvas = RgbImage::from_pixel(size.0, size.1, Rgb([255; 3]));

    let top = MARGIN + TITLE;
    let below = (top + height + 6) as i32;
    let room = (column - GAP) as f32;
    title(&mut canvas, id, truth);
    paste(&mut canvas, &resize(photo, width, height), MARGIN, top);
    text::draw(&mut canvas, MARGIN as i32, below, LETTERS, INK, &text::fit(LETTERS, method.title(), room));
    scale(&mut canvas, MARGIN, below as u32 + 22, room as u32);
    if shared {
        let words = text::fit(SMALL, "one map for every label", room);
        text::draw(&mut canvas, MARGIN as i32, below + 42, SMALL, GREY, &words);
    }
    for (number, view) in views.iter().enumerate() {
        let left = MARGIN + (number as u32 + 1) * column;
        let mixed = overlay(photo, &view.map.values, ALPHA);
        paste(&mut canvas, &resize(&mixed, width, height), left, top);
        let caption = |canvas: &mut RgbImage, y: i32, px: f32, ink: [u8; 3], words: &str| {
            text::draw(canvas, left as i32, y, px, ink, &text::fit(px, words, room));
        };
        let words = format!("{} {:.2}", spoken(view.label), view.probability);
        caption(&mut canvas, below, LETTERS, INK, &words);
        caption(&mut canvas, below + 22, SMALL, GREY, &view.verdict());
        caption(&mut canvas, below + 42, SMALL, GREY, &view.lesions().unwrap_or_default());
    }
    canvas
}

/// The photograph's proportions, [`TILE`] pixels on the longer side.
fn tile_size(photo: &RgbImage) -> (u32, u32) {
    let (width, height) = (f64::from(photo.width()), f64::from(photo.height()));
    let scale = f64::from(TILE) / width.max(height);
    let side = |length: f64| (length * scale).round().max(1.0) as u32;
    (side(width), side(height))
}

fn title(canvas: &mut RgbImage, id: &str, truth: Option<&[String]>) {
    let labels = |truth: &[String]| truth.iter().map(|label| spoken(label)).collect::<Vec<_>>().join(", ");
    let words = truth.map_or_else(|| id.to_owned(), |truth| format!("{id}, true: {}", labels(truth)));
    let room = (canvas.width() - 2 * MARGIN) as f32;
    text::draw(canvas, MARGIN as i32, MARGIN as i32 - 4, LETTERS, INK, &text::fit(LETTERS, &words, room));
}

/// The colours from 0 to 1, with the two numbers.
fn scale(canvas: &mut RgbImage, left: u32, top: u32, room: u32) {
    let digit = text::width(SMALL, "0").ceil() as u32 + 6;
    text::draw(canvas, left as i32, top as i32, SMALL, GREY, "0");
    text::draw(canvas, (left + room - digit + 6) as i32, top as i32, SMALL, GREY, "1");
    let length = room - 2 * digit;
    let bar = RgbImage::from_fn(length, 10, |x, _| Rgb(turbo(x as f32 / (length - 1) as f32)));
    paste(canvas, &bar, left + digit, top + 4);
}

/// A label as people say it.
fn spoken(label: &str) -> String {
    label.replace('_', " ")
}

/// Copies a picture that fits.
fn paste(canvas: &mut RgbImage, picture: &RgbImage, left: u32, top: u32) {
    for (x, y, pixel) in picture.enumerate_pixels() {
        canvas.put_pixel(left + x, top + y, *pixel);
    }
}

#[cfg(test)]
mod tests {
    use super::super::map::Lie;
    use super::*;

    fn view(is_true: Option<bool>, is_answered: bool, values: Vec<f32>) -> View<'static> {
        let map = Map { width: 8, height: 4, values, lie: Lie::Evenly };
        View { label: "frog_eye_leaf_spot", probability: 0.5, is_true, is_answered, map, overlap: Overlap::default() }
    }

    #[test]
    fn a_panel_has_a_tile_for_the_photograph_and_each_view_in_its_proportions() {
        let photo = RgbImage::from_pixel(8, 4, Rgb([0, 0, 200]));
        let views = [view(Some(true), true, vec![0.0; 32]), view(Some(false), true, vec![1.0; 32])];
        let picture = panel(&photo, "a", Some(&["rust".to_owned()]), Method::GradCam, &views);
        // Tiles of 256 x 128: 2 x 16 + 3 x 256 + 2 x 12 wide, 2 x 16 + 28 + 128 + 46 high.
        assert_eq!(picture.dimensions(), (824, 234));
        let middle = |number: u32| picture.get_pixel(16 + number * 268 + 128, 44 + 64).0;
        assert_eq!(middle(0), [0, 0, 200]);
        let mixed = |value| overlay(&photo, &[value; 32], ALPHA).get_pixel(0, 0).0;
        assert_eq!((middle(1), middle(2)), (mixed(0.0), mixed(1.0)));
        assert_eq!(picture.get_pixel(2, 2).0, [255; 3]);
    }

    #[test]
    fn a_verdict_tells_truth_and_answer_and_a_zero_map() {
        let verdict = |is_true, is_answered, value| view(is_true, is_answered, vec![value; 32]).verdict();
        assert_eq!(verdict(Some(true), true, 1.0), "true");
        assert_eq!(verdict(Some(true), false, 1.0), "true, missed");
        assert_eq!(verdict(Some(false), true, 1.0), "not true");
        assert_eq!(verdict(Some(true), false, 0.0), "true, missed; the map is zero");
        assert_eq!(verdict(None, true, 1.0), "predicted");
        assert_eq!(verdict(None, false, 0.0), "below the threshold; the map is zero");
    }

    #[test]
    fn a_measured_view_has_a_line_about_lesions() {
        let measured =
            View { overlap: Overlap { share: Some(0.314), area: Some(0.04) }, ..view(Some(true), true, vec![1.0; 32]) };
        assert_eq!(measured.lesions().expect("measured"), "31% on lesions, which cover 4%");
        let photo = RgbImage::new(8, 4);
        // A line of 20 more than without.
        assert_eq!(panel(&photo, "a", None, Method::GradCam, &[measured]).height(), 254);
    }

    #[test]
    fn a_method_that_knows_no_labels_has_a_line_that_says_so() {
        let height =
            |method| panel(&RgbImage::new(8, 4), "a", None, method, &[view(None, true, vec![1.0; 32])]).height();
        assert_eq!((height(Method::Chefer), height(Method::Rollout)), (234, 254));
    }
}
