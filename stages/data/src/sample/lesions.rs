//! The signs of disease: [`Lesion`], each drawn on the leaf's surface with its own colours and shape.

use super::canvas::{Color, Dice, Noise, SPACE, mix, srgb, step};
use super::leaf::{Leaf, Spot};
use plantpipe_stage::random::ChaCha8Rng;

/// What a lesion looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// Olive-brown to dark velvety blotches with feathery edges.
    Scab,
    /// Bright orange-yellow dots with a reddish rim.
    Rust,
    /// Round spots, tan with a dark purple-brown ring.
    FrogEye,
    /// A white matt film.
    Mildew,
    /// Brown dead tissue that has run together, with a yellow halo.
    Necrosis,
}

/// A lesion on a leaf, and the label whose mask it enters.
#[derive(Debug, Clone)]
pub struct Lesion {
    pub label: &'static str,
    sign: Sign,
    x: f32,
    y: f32,
    radius: f32,
    /// Direction in which it is stretched, and how much.
    axis: (f32, f32),
    stretch: f32,
    tone: f32,
    noise: Noise,
}

/// The leaf's surface at a place, before the light falls on it.
#[derive(Debug, Clone, Copy)]
pub struct Surface {
    pub albedo: Color,
    /// 0 matt to 1 waxy.
    pub gloss: f32,
    /// Height in pixels of relief.
    pub height: f32,
}

/// The share of the leaf that lesions may cover, mildew aside.
const BUDGET: f32 = 0.09;

/// Strews the lesions of `labels` over the leaf. `visible` is the leaf's area inside the frame, in [`SPACE`] squared.
pub fn strew(labels: &[&'static str], leaf: &mut Leaf, visible: f32, rng: &mut ChaCha8Rng) -> Vec<Lesion> {
    let sick: Vec<&'static str> = labels.iter().copied().filter(|label| *label != "healthy").collect();
    let budget = visible * BUDGET / sick.len().max(1) as f32;
    let mut lesions: Vec<Lesion> = Vec::new();
    for label in sick {
        let (habit, budget) = match label {
            "scab" => (Habit { sign: Sign::Scab, radius: (6.0, 10.5), count: (4, 8) }, budget),
            "rust" => (Habit { sign: Sign::Rust, radius: (4.2, 6.6), count: (6, 12) }, budget),
            "frog_eye_leaf_spot" => (Habit { sign: Sign::FrogEye, radius: (5.5, 8.8), count: (4, 8) }, budget),
            "powdery_mildew" => (Habit { sign: Sign::Mildew, radius: (26.0, 42.0), count: (2, 4) }, f32::INFINITY),
            _ => {
                complex(label, budget, leaf, &mut lesions, rng);
                continue;
            }
        };
        spots(label, &habit, budget, leaf, &mut lesions, rng);
    }
    lesions
}

/// How a sign comes: the lesions' radii and how many there are.
struct Habit {
    sign: Sign,
    radius: (f32, f32),
    count: (u32, u32),
}

/// Dead tissue that eats into the edge, and small bits of other signs.
fn complex(label: &'static str, budget: f32, leaf: &mut Leaf, lesions: &mut Vec<Lesion>, rng: &mut ChaCha8Rng) {
    let radius = (budget * 0.72 / 3.2).sqrt().clamp(9.0, 17.0);
    for _ in 0..80 {
        let along = rng.between(0.25, 0.9);
        let side = if rng.chance(0.5) { 1.0 } else { -1.0 };
        let edge = leaf.half_width(along) * side;
        let (x, y) = leaf.point(along, edge);
        let (inner_x, inner_y) = leaf.point(along, edge - side * radius * 0.7);
        if framed(inner_x, inner_y, radius + 4.0) {
            leaf.notches.push((x, y, radius * rng.between(0.3, 0.55)));
            lesions.push(Lesion::new(label, Sign::Necrosis, (inner_x, inner_y), radius, leaf, rng));
            break;
        }
    }
    let patches = Habit { sign: Sign::Necrosis, radius: (6.0, 8.0), count: (1, 2) };
    spots(label, &patches, budget * 0.35, leaf, lesions, rng);
    for sign in [Sign::Scab, Sign::Rust, Sign::FrogEye] {
        if rng.chance(0.5) {
            spots(label, &Habit { sign, radius: (3.0, 3.8), count: (1, 2) }, budget * 0.1, leaf, lesions, rng);
        }
    }
}

/// Places lesions where leaf and frame have room, apart from one another as long as that can be had, until their number
/// or the area `budget` is reached; at least one.
fn spots(
    label: &'static str,
    habit: &Habit,
    budget: f32,
    leaf: &Leaf,
    lesions: &mut Vec<Lesion>,
    rng: &mut ChaCha8Rng,
) {
    let (mut left, mut placed) = (budget, 0);
    let wanted = rng.count(habit.count.0, habit.count.1);
    for attempt in 0..40 * wanted {
        let size = rng.between(habit.radius.0, habit.radius.1);
        let along = rng.between(0.1, 0.9);
        let across = leaf.half_width(along) * rng.between(-0.88, 0.88);
        let (x, y) = leaf.point(along, across);
        let room = size.min(12.0);
        let fits = framed(x, y, room + 2.0) && leaf.spot(x, y).inside > room * 0.8;
        let free = attempt > 30 * wanted
            || lesions.iter().all(|other| {
                other.sign == Sign::Mildew || (x - other.x).hypot(y - other.y) > (size + other.radius) * 1.08
            });
        if !(fits && free) {
            continue;
        }
        left -= 3.5 * size * size;
        if left < 0.0 && placed >= 1 {
            return;
        }
        lesions.push(Lesion::new(label, habit.sign, (x, y), size, leaf, rng));
        placed += 1;
        if placed == wanted {
            return;
        }
    }
}

fn framed(x: f32, y: f32, margin: f32) -> bool {
    let inside = |value: f32| (margin..=SPACE - margin).contains(&value);
    inside(x) && inside(y)
}

impl Lesion {
    fn new(
        label: &'static str,
        sign: Sign,
        (x, y): (f32, f32),
        radius: f32,
        leaf: &Leaf,
        rng: &mut ChaCha8Rng,
    ) -> Self {
        let stretch = match sign {
            Sign::Scab => rng.between(1.1, 1.7),
            Sign::Necrosis => rng.between(1.0, 1.35),
            _ => rng.between(1.0, 1.12),
        };
        let axis = leaf.vein_direction(&leaf.spot(x, y));
        Self { label, sign, x, y, radius, axis, stretch, tone: rng.between(0.0, 1.0), noise: Noise::new(rng) }
    }

    /// Changes the surface where the lesion is; how strongly it shows there, 0 to 1.
    pub fn paint(&self, x: f32, y: f32, spot: &Spot, surface: &mut Surface) -> f32 {
        let (dx, dy) = (x - self.x, y - self.y);
        let reach = self.radius * 2.2;
        if dx.abs() > reach || dy.abs() > reach {
            return 0.0;
        }
        let (long, short) = (dx * self.axis.0 + dy * self.axis.1, dy * self.axis.0 - dx * self.axis.1);
        let out = (long / self.stretch.sqrt()).hypot(short * self.stretch.sqrt()) / self.radius;
        match self.sign {
            Sign::Scab => self.scab(x, y, out, surface),
            Sign::Rust => self.rust(x, y, out, surface),
            Sign::FrogEye => self.frog_eye(x, y, out, surface),
            Sign::Mildew => self.mildew(x, y, out, surface),
            Sign::Necrosis => self.necrosis(x, y, out, spot, surface),
        }
    }

    fn scab(&self, x: f32, y: f32, out: f32, surface: &mut Surface) -> f32 {
        let ragged = self.noise.fractal(x / 4.5, y / 4.5, 3) - 0.5;
        let cover = 1.0 - step(0.55, 1.15, out + 1.25 * ragged);
        let velvet = self.noise.at(x / 2.3 + 40.0, y / 2.3);
        let olive = mix(srgb(104, 92, 40), srgb(82, 64, 36), self.tone);
        let color = mix(srgb(42, 34, 20), olive, step(0.1, 1.0, out * 0.7 + velvet * 0.5));
        surface.cover(color, cover * 0.92, -0.3);
        cover
    }

    fn rust(&self, x: f32, y: f32, out: f32, surface: &mut Surface) -> f32 {
        let out = out + 0.3 * (self.noise.at(x / 3.0, y / 3.0) - 0.5);
        let halo = 1.0 - step(0.95, 1.5, out);
        surface.albedo = mix(surface.albedo, srgb(190, 180, 60), halo * 0.45);
        let rim = mix(srgb(170, 58, 24), srgb(196, 84, 28), self.tone);
        let core = mix(srgb(252, 158, 22), srgb(255, 186, 40), self.tone);
        let cover = 1.0 - step(0.88, 1.08, out);
        let pore = 1.0 - step(0.08, 0.2, out);
        surface.cover(mix(mix(core, rim, step(0.5, 0.8, out)), rim, pore * 0.8), cover, 0.5);
        cover
    }

    fn frog_eye(&self, x: f32, y: f32, out: f32, surface: &mut Surface) -> f32 {
        let out = out + 0.3 * (self.noise.fractal(x / 6.0, y / 6.0, 2) - 0.5);
        let tan = mix(srgb(212, 182, 138), srgb(176, 138, 98), self.tone);
        let tan = mix(tan, srgb(150, 112, 78), 0.5 * self.noise.at(x / 2.0, y / 2.0));
        let ring = mix(srgb(70, 26, 40), srgb(92, 42, 30), self.tone);
        let cover = 1.0 - step(0.86, 1.08, out);
        let inner = 0.42 + 0.2 * self.tone;
        surface.cover(mix(tan, ring, step(inner, inner + 0.22, out)), cover, -0.4);
        cover
    }

    fn mildew(&self, x: f32, y: f32, out: f32, surface: &mut Surface) -> f32 {
        let patch = self.noise.fractal(x / 13.0, y / 13.0, 4);
        let film = step(0.0, 0.7, 0.8 - 0.6 * out + (patch - 0.5) * 1.1);
        let powder = self.noise.at(x / 1.6, y / 1.6 + 90.0);
        let cover = film * (0.42 + 0.3 * self.tone + 0.22 * (powder - 0.5));
        surface.cover(mix(srgb(226, 230, 222), srgb(238, 236, 232), self.tone), cover, 0.3);
        if film > 0.4 { cover.max(0.36) } else { 0.0 }
    }

    fn necrosis(&self, x: f32, y: f32, out: f32, spot: &Spot, surface: &mut Surface) -> f32 {
        let ragged = self.noise.fractal(x / 9.0, y / 9.0, 3) - 0.5;
        let out = out + 0.9 * ragged;
        let halo = 1.0 - step(0.95, 1.6, out);
        surface.albedo = mix(surface.albedo, srgb(206, 190, 48), halo * 0.8);
        let brown = mix(srgb(128, 82, 42), srgb(100, 62, 36), self.tone);
        let crack = self.noise.at(x / 3.0, y / 3.0 + 50.0);
        let edge = step(0.62, 0.95, out).max(1.0 - step(0.0, 4.0, spot.inside));
        let color = mix(mix(brown, srgb(168, 128, 84), step(0.45, 0.9, crack)), srgb(60, 34, 22), edge * 0.85);
        let cover = 1.0 - step(0.9, 1.02, out);
        surface.cover(color, cover, -0.9 + crack);
        cover
    }
}

impl Surface {
    /// Lays matt tissue of `color` over the surface, `relief` high.
    fn cover(&mut self, color: Color, amount: f32, relief: f32) {
        self.albedo = mix(self.albedo, color, amount);
        self.gloss *= 1.0 - amount;
        self.height = self.height * (1.0 - 0.6 * amount) + relief * amount;
    }
}
