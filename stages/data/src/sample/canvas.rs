//! What every part of the drawing is made with: [`Canvas`] of linear light, [`Noise`], and dice.

use plantpipe_stage::random::ChaCha8Rng;
use rand::RngExt;

/// Linear light, red, green, blue; 1 is white paper in plain light.
pub type Color = [f32; 3];

/// The side of the space that everything is laid out in, whatever the size of the photograph in pixels.
pub const SPACE: f32 = 256.0;

/// A square picture of linear light.
pub struct Canvas {
    pub side: usize,
    /// Row-major.
    pub pixels: Vec<Color>,
}

impl Canvas {
    /// Draws every pixel from the place of its centre, in [`SPACE`].
    pub fn draw(side: usize, mut color: impl FnMut(f32, f32) -> Color) -> Self {
        let pixels = (0..side * side).map(|index| {
            let (x, y) = place(index, side);
            color(x, y)
        });
        Self { side, pixels: pixels.collect() }
    }

    /// The picture as a lens shows it, each pixel shared with its neighbours: `share` of 1 goes to the four sides.
    pub fn softened(&self, share: f32) -> Self {
        let last = self.side - 1;
        let pixel = |index: usize| {
            let (x, y) = (index % self.side, index / self.side);
            let around = [
                y * self.side + x.saturating_sub(1),
                y * self.side + (x + 1).min(last),
                y.saturating_sub(1) * self.side + x,
                (y + 1).min(last) * self.side + x,
            ];
            let sum = around.iter().fold([0.0; 3], |sum: Color, at| add(sum, self.pixels[*at]));
            mix(self.pixels[index], scale(sum, 0.25), share)
        };
        Self { side: self.side, pixels: (0..self.pixels.len()).map(pixel).collect() }
    }

    /// The light at a place in [`SPACE`], between the pixels by their distances.
    pub fn at(&self, x: f32, y: f32) -> Color {
        let last = (self.side - 1) as f32;
        let step = self.side as f32 / SPACE;
        let (x, y) = ((x * step - 0.5).clamp(0.0, last), (y * step - 0.5).clamp(0.0, last));
        let (left, top) = (x as usize, y as usize);
        let (right, below) = ((left + 1).min(self.side - 1), (top + 1).min(self.side - 1));
        let row = |row: usize| {
            mix(self.pixels[row * self.side + left], self.pixels[row * self.side + right], x - left as f32)
        };
        mix(row(top), row(below), y - top as f32)
    }
}

/// The place of a pixel's centre, in [`SPACE`].
pub fn place(index: usize, side: usize) -> (f32, f32) {
    let unit = SPACE / side as f32;
    (((index % side) as f32 + 0.5) * unit, ((index / side) as f32 + 0.5) * unit)
}

/// Linear light of a colour as screens name it, 0 to 255.
pub fn srgb(r: u8, g: u8, b: u8) -> Color {
    [r, g, b].map(|value| (f32::from(value) / 255.0).powf(2.2))
}

/// From `a` (`t` = 0) to `b` (`t` = 1).
pub fn mix(a: Color, b: Color, t: f32) -> Color {
    [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t]
}

fn add(a: Color, b: Color) -> Color {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

pub fn scale(a: Color, by: f32) -> Color {
    a.map(|value| value * by)
}

/// 0 below `low`, 1 above `high`, smooth between.
pub fn step(low: f32, high: f32, value: f32) -> f32 {
    let t = ((value - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// Value noise: random values on a grid, turned by a random angle so that no grid shows; smooth between.
#[derive(Debug, Clone, Copy)]
pub struct Noise {
    key: u32,
    turn: (f32, f32),
}

impl Noise {
    pub fn new(rng: &mut ChaCha8Rng) -> Self {
        let (sin, cos) = rng.between(0.0, std::f32::consts::TAU).sin_cos();
        Self { key: rng.random(), turn: (sin, cos) }
    }

    /// 0 to 1.
    pub fn at(self, x: f32, y: f32) -> f32 {
        let (x, y) = (x * self.turn.1 - y * self.turn.0, x * self.turn.0 + y * self.turn.1);
        let (i, j) = (floor(x), floor(y));
        let (fx, fy) = (x - i as f32, y - j as f32);
        let (fx, fy) = (fx * fx * (3.0 - 2.0 * fx), fy * fy * (3.0 - 2.0 * fy));
        let row = |j: i32| {
            let (a, b) = (self.corner(i, j), self.corner(i + 1, j));
            a + (b - a) * fx
        };
        let (a, b) = (row(j), row(j + 1));
        a + (b - a) * fy
    }

    /// The sum of `octaves`, each twice as fine and half as strong; 0 to 1.
    pub fn fractal(self, x: f32, y: f32, octaves: u32) -> f32 {
        let (mut sum, mut weight, mut total) = (0.0, 1.0, 0.0);
        let (mut x, mut y) = (x, y);
        for octave in 0..octaves {
            sum += weight * Self { key: self.key.wrapping_add(octave * 0x9E37), ..self }.at(x, y);
            total += weight;
            weight *= 0.5;
            // Twice as fine, and turned by the angle of the triangle 3-4-5.
            (x, y) = (1.6 * x - 1.2 * y, 1.2 * x + 1.6 * y);
        }
        sum / total
    }

    fn corner(self, i: i32, j: i32) -> f32 {
        let mut hash = self.key ^ (i as u32).wrapping_mul(0x85EB_CA6B) ^ (j as u32).wrapping_mul(0xC2B2_AE35);
        hash = (hash ^ (hash >> 16)).wrapping_mul(0x7FEB_352D);
        hash = (hash ^ (hash >> 15)).wrapping_mul(0x846C_A68B);
        ((hash ^ (hash >> 16)) >> 8) as f32 / (1 << 24) as f32
    }
}

/// The whole number below; `f32::floor` is a call into the C library on plain `x86_64`, and noise is made of floors.
fn floor(value: f32) -> i32 {
    let cut = value as i32;
    cut - i32::from(value < cut as f32)
}

/// Dice with the words that drawing needs.
pub trait Dice {
    /// Evenly between `low` and `high`.
    fn between(&mut self, low: f32, high: f32) -> f32;
    /// True so often of 1.
    fn chance(&mut self, of_one: f32) -> bool;
    /// A whole number, both ends included.
    fn count(&mut self, low: u32, high: u32) -> u32;
    /// A colour between two.
    fn color(&mut self, a: Color, b: Color) -> Color {
        let t = self.between(0.0, 1.0);
        mix(a, b, t)
    }
}

impl Dice for ChaCha8Rng {
    fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.random::<f32>()
    }

    fn chance(&mut self, of_one: f32) -> bool {
        self.random::<f32>() < of_one
    }

    fn count(&mut self, low: u32, high: u32) -> u32 {
        self.random_range(low..=high)
    }
}
