//! One picture a photograph, for people: [`Panel`], the photograph and an overlay a label, each with its words.

use plantpipe_pixels::{Rgb, RgbImage, overlay, resize, text};

/// Side of a tile, pixels.
const TILE: u32 = 224;
const GAP: u32 = 12;
const HEAD: u32 = 34;
const FOOT: u32 = 48;
const INK: [u8; 3] = [30, 30, 30];
const FAINT: [u8; 3] = [100, 100, 100];

/// What a panel shows.
pub(super) struct Panel<'a> {
    pub(super) id: &'a str,
    pub(super) truth: &'a [String],
    pub(super) photo: &'a RgbImage,
    pub(super) overlays: &'a [Overlay],
}

/// A map at the photograph's size, and what it is of.
pub(super) struct Overlay {
    pub(super) label: String,
    pub(super) probability: f32,
    pub(super) is_true: bool,
    pub(super) is_predicted: bool,
    pub(super) map: Vec<f32>,
}

impl Panel<'_> {
    /// The panel on white, a row of tiles under the photograph's id and labels.
    pub(super) fn draw(&self) -> RgbImage {
        let tiles = 1 + self.overlays.len() as u32;
        let width = tiles * TILE + (tiles + 1) * GAP;
        let mut image = RgbImage::from_pixel(width, HEAD + TILE + FOOT, Rgb([255; 3]));
        let limit = (width - 2 * GAP) as f32;
        let truth = self.truth.iter().map(|label| spoken(label)).collect::<Vec<_>>().join(", ");
        let head = text::fit(18.0, &format!("{}: {truth}", self.id), limit);
        text::draw(&mut image, GAP as i32, 8, 18.0, INK, &head);
        tile(&mut image, 0, self.photo, "photograph", INK, "");
        for (number, overlay_of) in self.overlays.iter().enumerate() {
            let mixed = overlay(self.photo, &overlay_of.map, 0.5);
            let caption = format!("{} {:.2}", spoken(&overlay_of.label), overlay_of.probability);
            tile(&mut image, number as u32 + 1, &mixed, &caption, INK, overlay_of.verdict());
        }
        image
    }
}

impl Overlay {
    /// In words, so that no colour has to say it.
    fn verdict(&self) -> &'static str {
        match (self.is_predicted, self.is_true) {
            (true, true) => "predicted, and true",
            (true, false) => "predicted, but not true",
            (false, true) => "missed: it is true",
            (false, false) => "likeliest, yet not predicted",
        }
    }
}

fn tile(image: &mut RgbImage, number: u32, picture: &RgbImage, caption: &str, ink: [u8; 3], below: &str) {
    let left = GAP + number * (TILE + GAP);
    let small = resize(picture, TILE, TILE);
    for (x, y, pixel) in small.enumerate_pixels() {
        image.put_pixel(left + x, HEAD + y, *pixel);
    }
    let write = |image: &mut RgbImage, y: u32, px: f32, color: [u8; 3], words: &str| {
        text::draw(image, left as i32, (HEAD + TILE + y) as i32, px, color, &text::fit(px, words, TILE as f32));
    };
    write(image, 4, 18.0, ink, caption);
    write(image, 24, 15.0, FAINT, below);
}

fn spoken(label: &str) -> String {
    label.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panel_has_a_tile_for_the_photograph_and_one_a_label() {
        let photo = RgbImage::from_pixel(8, 8, Rgb([0, 128, 0]));
        let overlay = |map: f32| Overlay {
            label: "frog_eye_leaf_spot".into(),
            probability: 0.9,
            is_true: true,
            is_predicted: true,
            map: vec![map; 64],
        };
        let truth = ["frog_eye_leaf_spot".to_owned()];
        let panel = Panel { id: "a", truth: &truth, photo: &photo, overlays: &[overlay(0.0), overlay(1.0)] }.draw();
        assert_eq!(panel.dimensions(), (3 * TILE + 4 * GAP, HEAD + TILE + FOOT));
        let middle = |tile: u32| panel.get_pixel(GAP + tile * (TILE + GAP) + TILE / 2, HEAD + TILE / 2).0;
        assert_eq!(middle(0), [0, 128, 0]);
        assert_ne!(middle(1), middle(2));
    }
}
