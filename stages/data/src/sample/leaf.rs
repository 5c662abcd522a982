//! The shape of an apple leaf: [`Leaf`], with its serrated edge, midrib and lateral veins.

use super::canvas::{Dice, Noise, SPACE};
use plantpipe_stage::random::ChaCha8Rng;

/// An ovate blade around a bent midrib that runs from `base` along `axis`.
#[derive(Debug, Clone)]
pub struct Leaf {
    base: (f32, f32),
    axis: (f32, f32),
    pub length: f32,
    half_width: f32,
    /// Exponents of the outline towards base and tip.
    outline: (f32, f32),
    bend: f32,
    teeth: f32,
    tooth: f32,
    veins: f32,
    vein_slope: f32,
    noise: Noise,
    /// Bites and tears at the edge: x, y, radius.
    pub notches: Vec<(f32, f32, f32)>,
}

/// A place seen from the leaf.
#[derive(Debug, Clone, Copy)]
pub struct Spot {
    /// Along the midrib, 0 at the base, 1 at the tip.
    pub along: f32,
    /// Distance from the midrib; the sign says on which half.
    pub across: f32,
    /// Distance from the edge, positive inside.
    pub inside: f32,
}

/// What the veins do at a place.
#[derive(Debug, Clone, Copy)]
pub struct Veins {
    /// 0 to 1: how much of a vein is here.
    pub line: f32,
    /// 0 on a vein, 1 between two: the blade bulges there.
    pub bulge: f32,
}

impl Leaf {
    /// The leaf that the photograph is of: large, near the middle, sometimes cut by the frame.
    pub fn main(rng: &mut ChaCha8Rng) -> Self {
        let length = rng.between(172.0, 240.0);
        let off = |rng: &mut ChaCha8Rng, reach: f32| SPACE / 2.0 + rng.between(-reach, reach);
        // One in five is off the middle, so that the frame cuts it.
        let reach = if rng.chance(0.2) { 52.0 } else { 24.0 };
        let middle = (off(rng, reach), off(rng, reach));
        Self::new(rng, middle, length)
    }

    /// A leaf of `length` around `middle`, of random shape and direction.
    pub fn new(rng: &mut ChaCha8Rng, middle: (f32, f32), length: f32) -> Self {
        let (sin, cos) = rng.between(0.0, std::f32::consts::TAU).sin_cos();
        Self {
            base: (middle.0 - cos * length / 2.0, middle.1 - sin * length / 2.0),
            axis: (cos, sin),
            length,
            half_width: length * rng.between(0.29, 0.41),
            outline: (rng.between(0.5, 0.68), rng.between(0.6, 0.9)),
            bend: rng.between(-0.16, 0.16),
            teeth: rng.between(34.0, 52.0),
            tooth: rng.between(1.6, 3.4),
            veins: rng.between(7.0, 10.0),
            vein_slope: rng.between(0.45, 0.8),
            noise: Noise::new(rng),
            notches: Vec::new(),
        }
    }

    /// The place at `along` (0 to 1) and `across` (distance from the midrib).
    pub fn point(&self, along: f32, across: f32) -> (f32, f32) {
        let (ahead, aside) = (along * self.length, across + self.bend * self.length * along * along);
        (
            self.base.0 + self.axis.0 * ahead - self.axis.1 * aside,
            self.base.1 + self.axis.1 * ahead + self.axis.0 * aside,
        )
    }

    /// Half of the width at `along`, teeth aside.
    pub fn half_width(&self, along: f32) -> f32 {
        let (p, q) = self.outline;
        let widest = p / (p + q);
        let shape = |t: f32| t.powf(p) * (1.0 - t).powf(q);
        if along <= 0.0 || along >= 1.0 { 0.0 } else { self.half_width * shape(along) / shape(widest) }
    }

    /// Where a place lies on the leaf.
    pub fn spot(&self, x: f32, y: f32) -> Spot {
        let (dx, dy) = (x - self.base.0, y - self.base.1);
        let along = (dx * self.axis.0 + dy * self.axis.1) / self.length;
        let across = dy * self.axis.0 - dx * self.axis.1 - self.bend * self.length * along * along;
        let mut inside = if along <= 0.005 || along >= 0.995 || across.abs() > self.half_width * 1.2 {
            -SPACE
        } else {
            let half = self.half_width(along);
            let slope = half * (self.outline.0 / along - self.outline.1 / (1.0 - along)) / self.length;
            let wave = self.noise.at(along * 5.0, across.signum() * 7.3) - 0.5;
            // A tooth leans to the tip: it rises slowly and falls at once, all around the outline.
            let around = (across.abs()).atan2((0.45 - along) * self.length) / std::f32::consts::PI;
            let tooth = (1.0 - (around * self.teeth).fract()) * self.tooth * step_up(along);
            (half * (1.0 + 0.1 * wave) - tooth - across.abs()) / (1.0 + slope * slope).sqrt()
        };
        for (nx, ny, radius) in &self.notches {
            let ragged = radius * (0.75 + 0.5 * self.noise.fractal(x / 5.0, y / 5.0, 2));
            inside = inside.min((x - nx).hypot(y - ny) - ragged);
        }
        Spot { along, across, inside }
    }

    /// The veins at a spot.
    pub fn veins(&self, spot: &Spot) -> Veins {
        let out = spot.across.abs() / self.length;
        let side = if spot.across > 0.0 { 0.5 } else { 0.0 };
        let wobble = self.noise.fractal(spot.along * 8.0, spot.across / 26.0, 2) - 0.5;
        let phase = (spot.along - self.vein_slope * out - 0.6 * out * out) * self.veins + side + 0.5 * wobble;
        let off = (phase - phase.round()).abs();
        let distance = off / self.veins * self.length * 0.8;
        let lateral = (1.0 - distance / (1.5 - 1.8 * out)).clamp(0.0, 1.0) * (0.62 - 0.7 * out);
        let rib = 2.9 * (1.0 - spot.along).max(0.0).powf(0.8) + 0.4;
        let midrib = 1.0 - ((spot.across.abs() - rib * 0.45) / (rib * 0.55)).clamp(0.0, 1.0);
        let hollow = 1.0 - (-spot.across.abs() / 7.0).exp();
        Veins { line: lateral.max(midrib), bulge: (off * std::f32::consts::PI).sin().sqrt() * hollow }
    }

    /// The direction of the lateral vein at a spot, as a unit vector.
    pub fn vein_direction(&self, spot: &Spot) -> (f32, f32) {
        let side = spot.across.signum();
        let (ahead, aside) = (self.vein_slope, side);
        let norm = ahead.hypot(aside);
        let turn =
            |a: f32, b: f32| ((self.axis.0 * a - self.axis.1 * b) / norm, (self.axis.1 * a + self.axis.0 * b) / norm);
        turn(ahead, aside)
    }

    /// Across the midrib, as a unit vector.
    pub fn normal(&self) -> (f32, f32) {
        (-self.axis.1, self.axis.0)
    }

    /// Distance from the stalk, which goes on from the base against the axis.
    pub fn stalk(&self, x: f32, y: f32) -> f32 {
        let (dx, dy) = (x - self.base.0, y - self.base.1);
        let behind = -(dx * self.axis.0 + dy * self.axis.1);
        if !(-6.0..=self.length * 0.34).contains(&behind) {
            return SPACE;
        }
        (dy * self.axis.0 - dx * self.axis.1 + self.bend * behind * behind / self.length * 2.0).abs()
    }
}

/// No teeth right at the base.
fn step_up(along: f32) -> f32 {
    (along * 8.0).min(1.0)
}
