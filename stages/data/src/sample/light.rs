//! The light of a photograph and the camera that takes it: [`Light`].

use super::canvas::{Color, Dice, Noise, step};
use plantpipe_stage::random::ChaCha8Rng;

/// Where the light comes from, how warm and strong it is, and how the camera renders it.
pub struct Light {
    /// Towards the light, in the picture's plane.
    pub direction: (f32, f32),
    /// Light a channel, exposure included.
    gain: Color,
    dapple: Noise,
    /// How dark dappled shadow is (0: none) and how much of the picture lies in it.
    shadow: (f32, f32),
    dapple_scale: f32,
    /// Veil of stray light.
    haze: f32,
    grain: f32,
    contrast: f32,
}

impl Light {
    pub fn new(rng: &mut ChaCha8Rng) -> Self {
        let (sin, cos) = rng.between(0.0, std::f32::consts::TAU).sin_cos();
        let exposure = rng.between(0.75, 1.6);
        let warm = rng.between(-0.16, 0.2);
        let green = rng.between(-0.06, 0.06);
        Self {
            direction: (cos, sin),
            gain: [exposure * (1.0 + warm), exposure * (1.0 + green), exposure * (1.0 - warm)],
            dapple: Noise::new(rng),
            shadow: if rng.chance(0.5) { (rng.between(0.25, 0.55), rng.between(0.35, 0.6)) } else { (0.0, 0.5) },
            dapple_scale: rng.between(45.0, 90.0),
            haze: rng.between(0.0, 0.05),
            grain: rng.between(0.006, 0.018),
            contrast: rng.between(0.95, 1.3),
        }
    }

    /// How much of the light reaches a place, 0 to 1.
    pub fn reaches(&self, x: f32, y: f32) -> f32 {
        if self.shadow.0 == 0.0 {
            return 1.0;
        }
        let cover = self.dapple.fractal(x / self.dapple_scale, y / self.dapple_scale, 2);
        1.0 - self.shadow.0 * step(self.shadow.1 - 0.06, self.shadow.1 + 0.06, cover)
    }

    /// The pixel that the camera makes of light at a place.
    pub fn develop(&self, color: Color, x: f32, y: f32, rng: &mut ChaCha8Rng) -> [u8; 3] {
        let (dx, dy) = (x / 128.0 - 1.0, y / 128.0 - 1.0);
        let vignette = 1.0 - 0.09 * (dx * dx + dy * dy);
        let noise = rng.between(-1.0, 1.0) + rng.between(-1.0, 1.0);
        let mut pixel = [0; 3];
        for (channel, value) in pixel.iter_mut().enumerate() {
            let light = (color[channel] * self.gain[channel] * vignette + self.haze).max(0.0);
            // A film's shoulder: highlights approach white slowly.
            let shown = if light < 0.55 { light } else { 0.55 + 0.45 * (1.0 - (-(light - 0.55) / 0.45).exp()) };
            let own = rng.between(-0.5, 0.5);
            let toned = 0.45 + (shown.powf(1.0 / 2.2) - 0.45) * self.contrast + self.grain * (noise + own);
            // Saturates at 0 and 255.
            *value = (toned * 255.0 + 0.5) as u8;
        }
        pixel
    }
}
