//! The tissue of a leaf, [`Blade`], and what may lie on any leaf, sick or not: [`Speck`]s of water and dust.

use super::canvas::{Color, Dice, Noise, mix, scale, srgb, step};
use super::leaf::{Leaf, Spot};
use super::lesions::Surface;
use super::light::Light;
use plantpipe_stage::random::ChaCha8Rng;

/// Colour, relief and gloss of a leaf; they vary from leaf to leaf whatever its labels.
pub struct Blade {
    green: Color,
    vein: Color,
    pub stalk: Color,
    mottle: Noise,
    cells: Noise,
    /// How strongly the tissue varies, how strongly it bulges between the veins, how waxy it is.
    variety: f32,
    relief: f32,
    gloss: f32,
    /// How far the halves are folded up, and how the tip hangs.
    fold: f32,
    hang: f32,
    /// How much of the light shines through.
    through: f32,
}

impl Blade {
    pub fn new(rng: &mut ChaCha8Rng) -> Self {
        let fresh = rng.color(srgb(58, 108, 44), srgb(128, 168, 66));
        let cool = rng.color(srgb(62, 104, 78), srgb(118, 142, 104));
        let hue = rng.between(0.0, 1.0);
        let green = mix(fresh, cool, hue * hue);
        let pale = rng.between(0.18, 0.55);
        Self {
            green,
            vein: mix(green, srgb(206, 214, 160), pale),
            stalk: rng.color(srgb(140, 160, 84), srgb(168, 96, 84)),
            mottle: Noise::new(rng),
            cells: Noise::new(rng),
            variety: rng.between(0.15, 0.5),
            relief: rng.between(0.5, 1.7),
            gloss: rng.between(0.0, 1.0),
            fold: rng.between(-0.3, 0.4),
            hang: rng.between(-0.35, 0.35),
            through: rng.between(0.0, 0.35),
        }
    }

    /// The healthy surface at a place.
    pub fn surface(&self, leaf: &Leaf, spot: &Spot, x: f32, y: f32) -> Surface {
        let veins = leaf.veins(spot);
        let broad = self.mottle.fractal(x / 38.0, y / 38.0, 2) - 0.5;
        let net = 1.0 - (2.0 * self.cells.at(x / 4.2, y / 4.2) - 1.0).abs();
        let fine = self.cells.at(x / 1.9 + 77.0, y / 1.9) - 0.5;
        let tissue = scale(self.green, 1.0 + self.variety * (1.2 * broad + 0.3 * fine) - 0.14 * net * self.variety);
        let young = 0.12 * step(6.0, 0.0, spot.inside);
        let tissue = mix(tissue, srgb(150, 170, 80), young + self.variety * 0.3 * broad.max(0.0));
        Surface {
            albedo: mix(tissue, self.vein, veins.line),
            gloss: self.gloss,
            height: self.relief * (veins.bulge * 1.6 + 0.5 * net + 0.35 * fine),
        }
    }

    /// The light that the surface sends back, shadow aside.
    pub fn lit(&self, surface: &Surface, slope: (f32, f32), leaf: &Leaf, spot: &Spot, light: &Light) -> Color {
        let (nx, ny) = leaf.normal();
        let half = (spot.across / 5.0).clamp(-1.0, 1.0);
        let (ax, ay) = (ny, -nx);
        let bow = self.hang * (spot.along - 0.5) * 1.6;
        let tilt = (nx * half * self.fold + ax * bow + slope.0, ny * half * self.fold + ay * bow + slope.1);
        let facing = -(tilt.0 * light.direction.0 + tilt.1 * light.direction.1);
        let diffuse = (1.0 + 0.9 * facing).clamp(0.3, 1.7);
        let shine = surface.gloss * (step(0.22, 0.75, facing) * 0.3 + 0.05);
        let through = scale(surface.albedo, self.through * 0.8);
        let base = scale(surface.albedo, diffuse);
        let glow = [base[0] + through[0], base[1] + through[1] * 1.25, base[2] + through[2] * 0.5];
        mix(glow, [0.82, 0.88, 0.95], shine)
    }
}

/// A water drop or a grain of dust.
pub enum Speck {
    Drop { x: f32, y: f32, radius: f32 },
    Dust { x: f32, y: f32, radius: f32, color: Color },
}

impl Speck {
    /// Drops on one leaf in five, dust on one in two.
    pub fn strew(leaf: &Leaf, rng: &mut ChaCha8Rng) -> Vec<Self> {
        let drops = if rng.chance(0.2) { rng.count(3, 9) } else { 0 };
        let dust = if rng.chance(0.5) { rng.count(4, 16) } else { 0 };
        let at = |rng: &mut ChaCha8Rng| {
            let along = rng.between(0.08, 0.92);
            let across = leaf.half_width(along) * rng.between(-0.9, 0.9);
            leaf.point(along, across)
        };
        let mut specks = Vec::new();
        for _ in 0..drops {
            let (x, y) = at(rng);
            specks.push(Self::Drop { x, y, radius: rng.between(2.0, 4.5) });
        }
        for _ in 0..dust {
            let (x, y) = at(rng);
            let color = rng.color(srgb(70, 66, 56), srgb(190, 184, 168));
            specks.push(Self::Dust { x, y, radius: rng.between(0.6, 1.5), color });
        }
        specks
    }

    /// The light of a place with the speck over it.
    pub fn over(&self, under: Color, x: f32, y: f32, light: &Light) -> Color {
        match *self {
            Self::Drop { x: cx, y: cy, radius } => {
                let (dx, dy) = ((x - cx) / radius, (y - cy) / radius);
                let out = dx.hypot(dy);
                if out > 1.15 {
                    return under;
                }
                // Bright where the light leaves the drop, dark where it enters, and a glint.
                let towards = dx * light.direction.0 + dy * light.direction.1;
                let lens = scale(under, 1.0 - 0.45 * towards);
                let glint = (dx - light.direction.0 * 0.45).hypot(dy - light.direction.1 * 0.45);
                let lens = mix(lens, [1.3, 1.3, 1.3], 1.0 - step(0.12, 0.34, glint));
                mix(under, lens, 1.0 - step(0.85, 1.1, out))
            }
            Self::Dust { x: cx, y: cy, radius, color } => {
                let out = (x - cx).hypot(y - cy) / radius;
                if out > 1.4 { under } else { mix(under, color, 0.75 * (1.0 - step(0.6, 1.3, out))) }
            }
        }
    }
}
