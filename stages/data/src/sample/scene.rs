//! One synthetic photograph: [`photograph`] puts leaf, lesions, background and light together.

use super::background::background;
use super::blade::{Blade, Speck};
use super::canvas::{Canvas, Color, Dice, SPACE, mix, place, scale, srgb, step};
use super::leaf::{Leaf, Spot};
use super::lesions::{Lesion, Surface, strew};
use super::light::Light;
use plantpipe_pixels::{GrayImage, RgbImage};
use plantpipe_stage::random::ChaCha8Rng;
use std::collections::BTreeMap;

/// A photograph and where its signs are.
pub struct Photograph {
    pub image: RgbImage,
    /// A mask a label, 0 or 255; none for `healthy`.
    pub masks: BTreeMap<&'static str, GrayImage>,
    /// Pixels of the leaf in the frame.
    #[cfg_attr(not(test), expect(dead_code, reason = "the tests measure lesions against it"))]
    pub leaf_area: usize,
}

/// Draws a leaf with the signs of `labels` in a photograph of `side` x `side` pixels.
pub fn photograph(labels: &[&'static str], side: usize, rng: &mut ChaCha8Rng) -> Photograph {
    let light = Light::new(rng);
    let mut leaf = Leaf::main(rng);
    if rng.chance(0.25) {
        bite(&mut leaf, rng);
    }
    let blade = Blade::new(rng);
    let visible = visible_area(&leaf);
    let lesions = strew(labels, &mut leaf, visible, rng);
    let behind = background(side, &light, rng);
    let specks = Speck::strew(&leaf, rng);
    let sheet = Sheet::draw(side, &leaf, &blade, &lesions);

    let pixels = (0..side * side).map(|index| sheet.over(index, &leaf, &blade, &light, &behind, &specks)).collect();
    let canvas = Canvas { side, pixels }.softened(rng.between(0.15, 0.45));
    let mut bytes = Vec::with_capacity(side * side * 3);
    for (index, color) in canvas.pixels.iter().enumerate() {
        let (x, y) = place(index, side);
        bytes.extend(light.develop(*color, x, y, rng));
    }
    let (width, height) = (side as u32, side as u32);
    let grey = |mask| GrayImage::from_raw(width, height, mask).expect("a value a pixel");
    Photograph {
        image: RgbImage::from_raw(width, height, bytes).expect("three values a pixel"),
        leaf_area: sheet.cover.iter().filter(|cover| **cover > 0.5).count(),
        masks: sheet.masks.into_iter().map(|(label, mask)| (label, grey(mask))).collect(),
    }
}

/// An insect has eaten from the edge; it says nothing of disease.
fn bite(leaf: &mut Leaf, rng: &mut ChaCha8Rng) {
    for _ in 0..rng.count(1, 3) {
        let along = rng.between(0.2, 0.85);
        let edge = leaf.half_width(along) * if rng.chance(0.5) { 1.0 } else { -1.0 };
        let (x, y) = leaf.point(along, edge);
        leaf.notches.push((x, y, rng.between(3.0, 8.0)));
    }
}

/// The leaf's area inside the frame, on a coarse grid.
fn visible_area(leaf: &Leaf) -> f32 {
    let grid = 64;
    let cell = SPACE / grid as f32;
    let inside = (0..grid * grid).map(|index| place(index, grid)).filter(|(x, y)| leaf.spot(*x, *y).inside > 0.0);
    inside.count() as f32 * cell * cell
}

/// The leaf as it lies in the frame, before the light falls on it.
struct Sheet {
    side: usize,
    /// 0 to 1: how much of the pixel the leaf covers.
    cover: Vec<f32>,
    surface: Vec<Surface>,
    spot: Vec<Spot>,
    masks: BTreeMap<&'static str, Vec<u8>>,
}

impl Sheet {
    fn draw(side: usize, leaf: &Leaf, blade: &Blade, lesions: &[Lesion]) -> Self {
        let bare = Surface { albedo: [0.0; 3], gloss: 0.0, height: 0.0 };
        let mut sheet = Self {
            side,
            cover: vec![0.0; side * side],
            surface: vec![bare; side * side],
            spot: (0..side * side).map(|index| place(index, side)).map(|(x, y)| leaf.spot(x, y)).collect(),
            masks: lesions.iter().map(|lesion| (lesion.label, vec![0; side * side])).collect(),
        };
        let unit = SPACE / side as f32;
        for index in 0..side * side {
            let (x, y) = place(index, side);
            let spot = sheet.spot[index];
            let cover = step(-0.8 * unit, 0.8 * unit, spot.inside);
            if cover == 0.0 {
                continue;
            }
            let mut surface = blade.surface(leaf, &spot, x, y);
            for lesion in lesions {
                let shown = lesion.paint(x, y, &spot, &mut surface);
                if shown > 0.35 && cover > 0.5 {
                    sheet.masks.get_mut(lesion.label).expect("a mask a label")[index] = 255;
                }
            }
            (sheet.cover[index], sheet.surface[index]) = (cover, surface);
        }
        sheet
    }

    /// The light that comes from a pixel: leaf over stalk over shadowed background.
    fn over(
        &self,
        index: usize,
        leaf: &Leaf,
        blade: &Blade,
        light: &Light,
        behind: &Canvas,
        specks: &[Speck],
    ) -> Color {
        let (x, y) = place(index, self.side);
        let cover = self.cover[index];
        let mut color = [0.0; 3];
        if cover < 1.0 {
            color = behind.at(x, y);
            color = scale(color, 1.0 - 0.4 * self.shade(x, y, light));
            let stalk = leaf.stalk(x, y);
            if stalk < 2.6 {
                let round = (1.15 - 0.2 * stalk) * light.reaches(x, y);
                color = mix(color, scale(blade.stalk, round), 1.0 - step(1.6, 2.6, stalk));
            }
        }
        if cover > 0.0 {
            let surface = &self.surface[index];
            let lit = blade.lit(surface, self.slope(index), leaf, &self.spot[index], light);
            let mut lit = scale(lit, light.reaches(x, y));
            for speck in specks {
                lit = speck.over(lit, x, y, light);
            }
            color = mix(color, lit, cover);
        }
        if cover > 0.0 && cover < 1.0 {
            // The cut edge of the blade catches a little light.
            color = mix(color, srgb(170, 190, 120), 0.12);
        }
        color
    }

    /// How deep in the leaf's own shadow the background lies, 0 to 1; leaf outside the frame casts none.
    fn shade(&self, x: f32, y: f32, light: &Light) -> f32 {
        let pixel = |at: f32, towards: f32| {
            let pixel = (at + towards * 9.0) * self.side as f32 / SPACE;
            (pixel >= 0.0 && pixel < self.side as f32).then_some(pixel as usize)
        };
        let caster = pixel(x, light.direction.0).zip(pixel(y, light.direction.1));
        caster.map_or(0.0, |(column, row)| step(-9.0, 9.0, self.spot[row * self.side + column].inside))
    }

    /// The relief's slope towards right and below, height by pixel of [`SPACE`].
    fn slope(&self, index: usize) -> (f32, f32) {
        let here = self.surface[index].height;
        let step = self.side as f32 / SPACE;
        let towards = |other: usize, last: bool| {
            if last || self.cover[other] == 0.0 { 0.0 } else { (self.surface[other].height - here) * step }
        };
        let right = towards((index + 1).min(self.side * self.side - 1), (index + 1).is_multiple_of(self.side));
        let below = index + self.side;
        let down = if below < self.side * self.side { towards(below, false) } else { 0.0 };
        (right, down)
    }
}
